"""tGlassMLP and GlassMLP in JAX (Flax), by which they are trained, and their layers.

:mod:`tglassmlp.network.tglassmlp` has the equations. This module loads JAX; nothing that only predicts does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from tglassmlp.network.architecture import Architecture

__all__ = ["GlassMLP", "TGlassMLP", "count_parameters"]


def elu(x: jax.Array) -> jax.Array:
    """Exponential linear unit; the clipped argument keeps the gradient of both branches finite."""
    return jnp.where(x > 0, x, jnp.exp(jnp.minimum(x, 0.0)) - 1.0)


#: Activation functions of the bottleneck by name.
ACTIVATIONS: Final[dict[str, Callable[[jax.Array], jax.Array]]] = {
    "elu": elu,
    "tanh": jnp.tanh,
    "linear": lambda x: x,
}


class Dense(nnx.Module):
    """``x -> W x + c`` for columns ``[inputs, P]``, started Glorot-uniform with zero bias.

    The start is drawn by NumPy, not by JAX, so that it is the same on every backend. Particles are columns
    throughout: the long axis comes last, which is what vector units want.
    """

    def __init__(self, inputs: int, outputs: int, generator: np.random.Generator) -> None:
        self.matrix = nnx.Param(glorot(generator, outputs, inputs))
        self.bias = nnx.Param(np.zeros((outputs, 1), np.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.matrix[...] @ x + self.bias[...]


def glorot(generator: np.random.Generator, outputs: int, inputs: int) -> NDArray[np.float32]:
    """Glorot-uniform matrix ``[outputs, inputs]`` float32."""
    limit = math.sqrt(6.0 / (inputs + outputs))
    return generator.uniform(-limit, limit, (outputs, inputs)).astype(np.float32)


class Perceptron(nnx.Module):
    """Dense layers with ELU between them; the last one is linear."""

    def __init__(self, inputs: int, widths: Sequence[int], generator: np.random.Generator) -> None:
        sizes = [inputs, *widths]
        self.layers = nnx.List([Dense(a, b, generator) for a, b in pairwise(sizes)])

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers[:-1]:
            x = elu(layer(x))
        return self.layers[-1](x)


class TGlassMLP(nnx.Module):
    """tGlassMLP: descriptors ``[M, P]`` and state features ``[F]`` to propensities ``[P]``.

    Parameters
    ----------
    n_descriptors
        M.
    architecture
        Widths and switches.
    generator
        Source of the initial weights.
    mean_label
        Start of the output's bias, so that training starts at the labels' mean.
    """

    def __init__(
        self,
        n_descriptors: int,
        architecture: Architecture,
        generator: np.random.Generator,
        mean_label: float = 0.0,
    ) -> None:
        a = architecture
        features = len(a.state_features)
        with_bias = a.attention and a.attention_bias
        self.mlp1 = Perceptron(features, a.mlp1, generator) if a.attention else nnx.data(None)
        self.attention_matrix = (
            nnx.Param(glorot(generator, n_descriptors, a.mlp1[-1])) if a.attention else nnx.data(None)
        )
        self.attention_bias = (
            nnx.Param(np.zeros((n_descriptors, 1), np.float32)) if with_bias else nnx.data(None)
        )
        self.descriptors = n_descriptors
        self.bottleneck = Dense(n_descriptors, a.bottleneck, generator)
        self.mlp2 = Perceptron(features, a.mlp2, generator)
        self.mlp3 = Perceptron(a.bottleneck + a.mlp2[-1], (*a.head, 1), generator)
        self.mlp3.layers[-1].bias = nnx.Param(np.full((1, 1), mean_label, np.float32))
        self.scale = float(n_descriptors) if a.attention_scale else 1.0
        self.activation = a.bottleneck_activation

    def attention(self, state: jax.Array) -> jax.Array:
        """Attention weights of one state point, ``[M]``, of sum 1."""
        if self.mlp1 is None or self.attention_matrix is None:
            return jnp.full(self.descriptors, 1.0 / self.descriptors)
        y = self.mlp1(state[:, None])
        z = self.attention_matrix[...] @ y
        if self.attention_bias is not None:
            z = z + self.attention_bias[...]
        return jax.nn.softmax(z[:, 0])

    def encode(self, descriptors: jax.Array, state: jax.Array) -> jax.Array:
        """Values of the bottleneck units, ``[bottleneck, P]``."""
        omega = self.scale * self.attention(state)
        folded = self.bottleneck.matrix[...] * omega
        return ACTIVATIONS[self.activation](folded @ descriptors + self.bottleneck.bias[...])

    def __call__(self, descriptors: jax.Array, state: jax.Array) -> jax.Array:
        """Propensities ``[P]`` (or deviations from C_B, see :class:`Architecture`)."""
        return _head(self.mlp3, self.encode(descriptors, state), self.mlp2(state[:, None]))


class GlassMLP(nnx.Module):
    """GlassMLP: descriptors ``[M, P]`` of one state point to propensities ``[P]``; M -> 2 -> 10 -> 10 -> 1.

    The state point is accepted and ignored, so that both networks train and predict by the same code.
    """

    def __init__(
        self,
        n_descriptors: int,
        architecture: Architecture,
        generator: np.random.Generator,
        mean_label: float = 0.0,
    ) -> None:
        a = architecture
        self.bottleneck = Dense(n_descriptors, a.bottleneck, generator)
        self.mlp3 = Perceptron(a.bottleneck, (*a.head, 1), generator)
        self.mlp3.layers[-1].bias = nnx.Param(np.full((1, 1), mean_label, np.float32))
        self.activation = a.bottleneck_activation

    def __call__(self, descriptors: jax.Array, state: jax.Array) -> jax.Array:
        """Propensities ``[P]``."""
        return _head(self.mlp3, ACTIVATIONS[self.activation](self.bottleneck(descriptors)), None)


def _head(mlp3: Perceptron, units: jax.Array, code: jax.Array | None) -> jax.Array:
    """MLP_3 of the concatenation of ``units`` ``[2, P]`` and ``code`` ``[4, 1]``.

    The code is the same for all particles: its part of the first layer is a shift, not a copy per particle.
    """
    first, *rest = mlp3.layers
    matrix, n = first.matrix[...], units.shape[0]
    shift = first.bias[...] if code is None else matrix[:, n:] @ code + first.bias[...]
    x = matrix[:, :n] @ units + shift
    for layer in rest:
        x = layer(elu(x))
    return x[0]


def count_parameters(parameters: Mapping[str, NDArray] | Any) -> int:
    """Learnable numbers of a network (or of each network, times the ensemble)."""
    return int(sum(np.size(leaf) for leaf in jax.tree.leaves(parameters)))
