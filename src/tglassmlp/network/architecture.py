"""Widths and switches of a network: all that is needed to build one or to read one from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tglassmlp.network.state_features import DEFAULT_STATE_FEATURES
from tglassmlp.settings import refuse_out_of_range
from tglassmlp.settings.ranges import Width

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

    mlp1: Annotated[
        tuple[Width, ...], Field(description="widths of the attention network; the last is its output")
    ] = (6, 6, 2)
    bottleneck: Annotated[Width, Field(description="number of bottleneck units")] = 2
    mlp2: Annotated[
        tuple[Width, ...], Field(description="widths of the state-point network beside the bottleneck")
    ] = (
        7,
        7,
        4,
    )
    head: Annotated[
        tuple[Width, ...], Field(description="widths of the hidden layers of the head, which has one output")
    ] = (
        10,
        10,
    )
    attention: Annotated[
        bool,
        Field(description="whether descriptors are weighted by attention; without it all weights are equal"),
    ] = True
    attention_bias: Annotated[
        bool, Field(description="whether the attention of each descriptor has a bias b_m")
    ] = False
    attention_scale: Annotated[
        bool, Field(description="whether attention weights are multiplied by the number of descriptors")
    ] = True
    bottleneck_activation: Annotated[
        Literal["elu", "tanh", "linear"], Field(description="activation of the bottleneck")
    ] = "elu"
    state_features: Annotated[
        tuple[str, ...],
        Field(description="functions of the state point (T, C_B) that enter both state networks"),
    ] = DEFAULT_STATE_FEATURES
    output: Annotated[
        Literal["propensity", "deviation"],
        Field(description="the head gives C_i (propensity) or C_i - C_B (deviation)"),
    ] = "propensity"
    input_limit: Annotated[
        Annotated[float, Field(ge=0.1, le=1e6)] | None,
        Field(description="standardised descriptors x enter as l tanh(x/l) with this l; null: unchanged"),
    ] = None

    def __post_init__(self) -> None:
        refuse_out_of_range(self)
        for name in ("mlp1", "mlp2", "head"):
            if not getattr(self, name):
                raise ValueError(f"{name} must hold widths of at least 1, found {getattr(self, name)}")

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
