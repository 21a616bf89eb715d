"""Widths and switches of a network: all that is needed to build one or to read one from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.network.state_features import DEFAULT_STATE_FEATURES

__all__ = ["ACTIVATION_NAMES", "Architecture", "limited"]

#: Activations the bottleneck may have.
ACTIVATION_NAMES: Final = ("elu", "tanh", "linear")


@dataclass(frozen=True)
class Architecture:
    """Widths and switches of a network; the defaults are the paper's.

    Parameters
    ----------
    mlp1, mlp2
        Widths after the input of the two state-point networks, the last is their output.
    bottleneck
        Units of the bottleneck.
    head
        Hidden widths behind the bottleneck; a single linear output follows.
    attention
        Whether descriptors are weighted by attention; without it all weights are equal.
    attention_bias
        Whether :math:`z` has the bias :math:`b_m`.
    attention_scale
        Whether the softmax weights are multiplied by M.
    bottleneck_activation
        ``"elu"``, ``"tanh"`` or ``"linear"``.
    state_features
        Names of the functions of (T, C_B) the state point is described by.
    output
        ``"propensity"``: the head gives C_i; ``"deviation"``: it gives C_i - C_B.
    input_limit
        Standardised descriptors x enter as l tanh(x / l) with this l; None: as they are.
    """

    mlp1: tuple[int, ...] = (6, 6, 2)
    bottleneck: int = 2
    mlp2: tuple[int, ...] = (7, 7, 4)
    head: tuple[int, ...] = (10, 10)
    attention: bool = True
    attention_bias: bool = False
    attention_scale: bool = True
    bottleneck_activation: str = "elu"
    state_features: tuple[str, ...] = DEFAULT_STATE_FEATURES
    output: str = "propensity"
    input_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("mlp1", "mlp2", "head"):
            widths = tuple(int(w) for w in getattr(self, name))
            if not widths or min(widths) < 1:
                raise ValueError(f"{name} must hold widths of at least 1, found {getattr(self, name)}")
            object.__setattr__(self, name, widths)
        object.__setattr__(self, "state_features", tuple(self.state_features))
        if self.bottleneck < 1:
            raise ValueError(f"bottleneck must have at least 1 unit, found {self.bottleneck}")
        if self.bottleneck_activation not in ACTIVATION_NAMES:
            raise ValueError(
                f"bottleneck_activation must be one of {ACTIVATION_NAMES}, "
                f"found {self.bottleneck_activation!r}"
            )
        if self.output not in ("propensity", "deviation"):
            raise ValueError(f"output must be 'propensity' or 'deviation', found {self.output!r}")
        if self.input_limit is not None and not self.input_limit > 0:
            raise ValueError(f"input_limit must be positive or None, found {self.input_limit}")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Architecture:
        """Build from the run's ``network`` section; keys this class does not know are refused."""
        return cls(**dict(settings))

    def as_record(self) -> dict[str, Any]:
        """Plain JSON-like record."""
        return asdict(self)


def limited(descriptors: NDArray[np.float32], limit: float | None) -> NDArray[np.float32]:
    """Soften outliers: l tanh(x / l) of standardised descriptors x, float32; with None they are unchanged.

    Rare environments lie up to nine standard deviations out, where few particles were learnt from.
    """
    x = np.asarray(descriptors, dtype=np.float32)
    return x if limit is None else np.float32(limit) * np.tanh(x / np.float32(limit))
