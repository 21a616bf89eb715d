"""Widths and switches of a network: all that is needed to build one or to read one from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from tglassmlp.network.state_point import DEFAULT_STATE_FEATURES

__all__ = ["ACTIVATION_NAMES", "Architecture"]

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
    """

    mlp1: tuple[int, ...] = (6, 6, 2)
    bottleneck: int = 2
    mlp2: tuple[int, ...] = (7, 7, 4)
    head: tuple[int, ...] = (10, 10)
    attention_bias: bool = False
    attention_scale: bool = True
    bottleneck_activation: str = "elu"
    state_features: tuple[str, ...] = DEFAULT_STATE_FEATURES
    output: str = "propensity"

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

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Architecture:
        """Build from the run's ``network`` section; keys this class does not know are refused."""
        return cls(**dict(settings))

    def as_record(self) -> dict[str, Any]:
        """Plain JSON-like record."""
        return asdict(self)
