"""The parameters of an ensemble as one matrix: the optimiser works on it in a single pass over memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """Shape of a network: turns its parameters into one row of numbers and back."""

    graph: Any
    tree: Any
    shapes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, model: nnx.Module) -> Layout:
        """Layout of the parameters of a network."""
        graph, state = nnx.split(model)
        paths, tree = jax.tree_util.tree_flatten_with_path(state)
        names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
        shapes = tuple(np.shape(leaf) for _, leaf in paths)
        return cls(graph, tree, shapes, tuple(names))

    @staticmethod
    def ravel(model: nnx.Module) -> NDArray[np.float32]:
        """Parameters of one network, ``[D]``."""
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(nnx.split(model)[1])])

    def unravel(self, rows: jax.Array) -> Any:
        """Parameters of the ensemble as the model's tree, from ``[n, D]``."""
        cuts = np.cumsum([0, *(math.prod(s) for s in self.shapes)])
        pieces = zip(cuts, cuts[1:], self.shapes, strict=False)
        leaves = [rows[:, a:b].reshape(-1, *shape) for a, b, shape in pieces]
        return jax.tree.unflatten(self.tree, leaves)

    def matrices(self) -> NDArray[np.float32]:
        """1 for the entries of matrices, 0 for biases, ``[D]``."""
        parts = zip(self.shapes, self.names, strict=True)
        return np.concatenate([np.full(math.prod(s), "bias" not in n, np.float32) for s, n in parts])

    def sighted(
        self, matrices: Sequence[str], features: Sequence[str], networks: int, blind: int
    ) -> NDArray[np.float32]:
        """0 for the weights of functions of T in the last ``blind`` networks, 1 elsewhere, ``[n, D]``.

        ``matrices`` are the names of those whose columns belong to the state ``features``.
        """
        hidden = ["T" in name for name in features]
        parts = []
        for shape, name in zip(self.shapes, self.names, strict=True):
            part = np.ones(shape, np.float32)
            if name.startswith(tuple(matrices)):
                part[:, hidden] = 0.0
            parts.append(part.ravel())
        rows = np.ones((networks, sum(map(len, parts))), np.float32)
        rows[networks - blind :] = np.concatenate(parts)
        return rows

    def named(self, rows: NDArray) -> dict[str, NDArray[np.float32]]:
        """Parameters of the ensemble by readable name, e.g. ``mlp1/layers/0/matrix``."""
        leaves, _ = jax.tree_util.tree_flatten_with_path(self.unravel(jnp.asarray(rows)))
        return {
            jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value"): np.asarray(leaf)
            for path, leaf in leaves
        }
