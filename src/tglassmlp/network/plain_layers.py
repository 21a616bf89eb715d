"""Layers of the models in NumPy, for an ensemble of networks at once; the tests hold them against JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.network.protocol import Columns, Parameters

__all__ = ["bottleneck", "elu", "head", "perceptron"]


def elu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Exponential linear unit."""
    return np.where(x > 0, x, np.exp(np.minimum(x, np.float32(0))) - np.float32(1))


#: Activation functions of the bottleneck by name.
ACTIVATIONS: Final[dict[str, Callable[[NDArray], NDArray]]] = {
    "elu": elu,
    "tanh": np.tanh,
    "linear": lambda x: x,
}


def perceptron(parameters: Parameters, name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the dense layers ``<name>/layers/<k>`` to ``[n, inputs, P]``; the last one is linear."""
    count = sum(key.startswith(f"{name}/layers/") for key in parameters) // 2
    for k in range(count):
        x = parameters[f"{name}/layers/{k}/matrix"] @ x + parameters[f"{name}/layers/{k}/bias"]
        x = elu(x) if k < count - 1 else x
    return x


def bottleneck(parameters: Parameters, matrix: NDArray[np.float32], activation: str) -> Columns:
    """Return the function from columns ``[M, P]`` to units ``[n, units, P]``; matrix ``[n, units, M]``."""
    n, units, m = matrix.shape
    function = ACTIVATIONS[activation]

    def values(columns: NDArray[np.float32]) -> NDArray[np.float32]:
        h = (matrix.reshape(n * units, m) @ columns).reshape(n, units, -1)
        return function(h + parameters["bottleneck/bias"])

    return values


def head(
    parameters: Parameters, units: NDArray[np.float32], code: NDArray[np.float32] | None, hidden: int
) -> NDArray[np.float32]:
    """MLP_3 of the units ``[n, units, P]`` and the code ``[n, inputs, 1]``: ``[n, P]``.

    It has ``hidden`` hidden layers. The code is the same for all particles: its part of the first layer is a
    shift.
    """
    first, shift, k = parameters["mlp3/layers/0/matrix"], parameters["mlp3/layers/0/bias"], units.shape[1]
    if code is not None:
        shift = shift + first[:, :, k:] @ code
    x = first[:, :, :k] @ units + shift
    for layer in range(1, hidden + 1):
        x = parameters[f"mlp3/layers/{layer}/matrix"] @ elu(x) + parameters[f"mlp3/layers/{layer}/bias"]
    return x[:, 0]
