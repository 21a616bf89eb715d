r"""tGlassMLP: propensities from descriptors weighted by an attention that depends on the state point.

The propensity of a particle follows from its M structural descriptors x and the state features
s = s(T, C_B):

.. math::

    y &= \mathrm{MLP}_1(s), \qquad
    z_m = A_{m1} y_1 + A_{m2} y_2 \; (+\, b_m), \qquad
    \omega = M \, \mathrm{softmax}(z), \\
    h &= \mathrm{ELU}\big(W^T (\omega \circ x) + c\big), \qquad
    C = \mathrm{MLP}_3\big(h, \mathrm{MLP}_2(s)\big).

x are the standardised descriptors; their outliers are softened before they enter here
(:func:`tglassmlp.network.architecture.limited`). The factor M makes the initial weights O(1); it can be
absorbed by W, so it changes the start of the training and nothing else. The attention depends on the state
point alone and is folded into the bottleneck matrix (:math:`x (\omega \circ W)`): the particles pass through
one small matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.network import plain_layers as plain
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.protocol import Columns, Ensemble, Reads

if TYPE_CHECKING:
    from flax import nnx

__all__ = ["TGLASSMLP", "TGlassMLPModel"]


#: All descriptors of the run.
READS: Final = Reads()


@dataclass(frozen=True)
class TGlassMLPModel:
    """The model (:class:`tglassmlp.network.protocol.Model`), with attention and bottleneck to look at."""

    name: str = "tglassmlp"
    title: str = "tGlassMLP"
    reads: Reads = READS
    reads_state: bool = True
    state_matrices: tuple[str, ...] = ("mlp1/layers/0/matrix", "mlp2/layers/0/matrix")

    def architecture(self, settings: Mapping[str, Any]) -> Architecture:
        """Widths and switches from a run's ``network`` section, or a file's record."""
        return Architecture.from_settings(settings)

    def module(
        self, n_descriptors: int, architecture: Architecture, generator: np.random.Generator,
        mean_label: float,
    ) -> nnx.Module:  # fmt: skip
        """Make a network at its start, in JAX."""
        from tglassmlp.network.flax_modules import TGlassMLP  # loads JAX

        return TGlassMLP(n_descriptors, architecture, generator, mean_label)

    def attention(self, ensemble: Ensemble, n_descriptors: int) -> NDArray[np.float32]:
        """Attention weights ``[n, M]`` of sum 1; equal ones where the attention is switched off."""
        parameters, _, state = ensemble
        if "attention_matrix" not in parameters:
            return np.full((len(state), n_descriptors), 1.0 / n_descriptors, np.float32)
        z = parameters["attention_matrix"] @ plain.perceptron(parameters, "mlp1", state[..., None])
        if "attention_bias" in parameters:
            z = z + parameters["attention_bias"]
        e = np.exp(z[..., 0] - z[..., 0].max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def bottleneck(self, ensemble: Ensemble) -> Columns:
        """Return the function from descriptors ``[M, P]`` to the values of the units, ``[n, units, P]``."""
        parameters, architecture, _ = ensemble
        matrix = parameters["bottleneck/matrix"]
        m = matrix.shape[2]
        omega = self.attention(ensemble, m)
        omega = omega * np.float32(m if architecture.attention_scale else 1)
        return plain.bottleneck(parameters, matrix * omega[:, None, :], architecture.bottleneck_activation)

    def forward(self, ensemble: Ensemble) -> Columns:
        """Return the function from descriptors ``[M, P]`` to outputs ``[n, P]``."""
        parameters, architecture, state = ensemble
        units = self.bottleneck(ensemble)
        code = plain.perceptron(parameters, "mlp2", state[..., None])
        hidden = len(architecture.head)
        return lambda columns: plain.head(parameters, units(columns), code, hidden)


#: The one there is.
TGLASSMLP: Final = TGlassMLPModel()
