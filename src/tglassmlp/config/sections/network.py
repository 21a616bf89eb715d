"""The network, its training and prediction, and what it is compared with."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Limit, Networks, Positive, Share, Tolerance, Width

__all__ = [
    "STATE_FEATURES",
    "BaselineSettings",
    "NetworkSettings",
    "PhaseSettings",
    "PredictionSettings",
    "StatePoint",
    "StudySettings",
    "TrainingSettings",
]

#: Functions of the state point (T, C_B) that may enter the attention network.
STATE_FEATURES: Final = (
    "T",
    "T^2",
    "1/T",
    "log(T)",
    "c_b",
    "c_b^2",
    "sqrt(c_b)",
    "log(c_b)",
    "log(1-c_b)",
    "c_b(1-c_b)",
    "T*c_b",
    "c_b/T",
)


class NetworkSettings(Settings):
    """Layers of tGlassMLP."""

    state_features: tuple[Literal[STATE_FEATURES], ...] = Field(  # type: ignore[valid-type]
        ("T", "1/T", "c_b", "c_b^2", "log(c_b)", "log(1-c_b)"),
        description="functions of the state point (T, C_B) that enter both state networks",
    )
    mlp1: tuple[Width, ...] = Field(
        (6, 6, 2), description="layers of the attention network; last: attention inputs"
    )
    bottleneck: Width = Field(2, description="bottleneck units")
    mlp2: tuple[Width, ...] = Field((7, 7, 4), description="layers of the network beside the bottleneck")
    head: tuple[Width, ...] = Field((10, 10), description="hidden layers of the head; one output follows")
    attention: bool = Field(True, description="weigh the descriptors by attention; without it all are equal")
    attention_bias: bool = Field(False, description="bias b_m of each descriptor's attention")
    attention_scale: bool = Field(
        True, description="multiply the attention weights by the number of descriptors"
    )
    bottleneck_activation: Literal["elu", "linear"] = Field("elu", description="activation of the bottleneck")
    output: Literal["propensity", "deviation"] = Field(
        "propensity", description="the head gives C_i (propensity) or C_i - C_B (deviation)"
    )
    input_limit: Annotated[float, Field(ge=0.1, le=1e6)] | None = Field(
        None, description="standardised descriptors x enter as l tanh(x/l) with this l; null: as they are"
    )


class PhaseSettings(Settings):
    """One stretch of training with one learning rate."""

    epochs: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        description="passes over all training structures"
    )
    rate: float = Field(gt=0, le=1, description="learning rate of Adam")


class TrainingSettings(Settings):
    """The two-step training."""

    t_min: tuple[Positive, ...] = Field(
        description="lowest measured temperature each model may see; the first is the main model"
    )
    networks: Networks = Field(16, description="networks trained with different seeds")
    folds: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0,
        description="folds of the structures learnt from, each left out of one more training of every "
        "method, for errors over training sets; 0: none",
    )
    fold_networks: Networks | None = Field(
        None, description="networks of each kind in those trainings; null: as many as elsewhere"
    )
    phase1: tuple[PhaseSettings, ...] = Field(
        (
            PhaseSettings(epochs=10, rate=1e-3),
            PhaseSettings(epochs=50, rate=5e-4),
            PhaseSettings(epochs=25, rate=2e-4),
        ),
        description="squared error: epochs and learning rates",
    )
    phase2: tuple[PhaseSettings, ...] = Field(
        (PhaseSettings(epochs=50, rate=4e-5),),
        description="error, variance and correlation loss: epochs and learning rates",
    )
    procedure: Literal["two_step", "direct"] = Field(
        "two_step",
        description="networks learn measured and extrapolated labels (two_step), or measured ones (direct)",
    )
    rate_decay: Literal["none", "cosine"] = Field(
        "none",
        description="each entry keeps its rate (none), or the rate falls to zero over its epochs (cosine)",
    )
    minimum_steps: Annotated[int, Field(ge=0, le=10**9)] = Field(
        0, description="epochs are multiplied until phase 1 has this many optimisation steps"
    )
    error_scale: Literal["none", "variance"] = Field(
        "none",
        description="squared error as it is (none), or over the largest label variance at the C_B",
    )
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = Field(
        0.0, description="share of the weights that each step takes off, times the learning rate (AdamW)"
    )
    variance_weight: Annotated[float, Field(ge=0, le=1e6)] = Field(
        1.0, description="weight of the variance term, phase 2"
    )
    correlation_weight: Annotated[float, Field(ge=0, le=1e6)] = Field(
        0.5, description="weight of the spatial-correlation term, phase 2"
    )
    correlation_radii: tuple[Positive, ...] = Field(
        (2.0, 5.0, 8.0),
        description="distances at which the correlation is compared, increasing, at most half the box of one "
        "unit system",
    )
    correlation_width: Positive = Field(1.0, description="width of the window around each distance")
    equi_time_blind: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="share of the networks of step 1 that are not told the temperature"
    )
    equi_time_tolerance: Tolerance = Field(
        0.05, description="step 1 keeps a network if its mean prediction is this close to C_B"
    )
    full_tolerance: Tolerance = Field(
        0.05,
        description="step 2 keeps a network if its mean prediction at the glass transition is this close",
    )
    scaling_temperatures: Literal["all", "labelled"] = Field(
        "all", description="temperatures whose training structures fix the scaling of descriptors"
    )
    label_noise: Literal["removed", "ignored"] = Field(
        "removed",
        description="phase 2 aims at the variance between halves of the replicas (removed) or of the labels",
    )
    select_epoch: Literal["last", "validation"] = Field(
        "last",
        description="networks after the last epoch, or after the best one of phase 2 on validation data",
    )
    memory_gb: Limit = Field(
        4.0,
        description="descriptors and correlation kernels beyond this stay on disk and are streamed (GB); "
        "the networks do not depend on it",
    )


class StatePoint(Settings):
    """A temperature and a mean propensity."""

    temperature: Positive = Field(description="temperature, one of the run's")
    c_b: Share = Field(description="mean propensity C_B, one of the run's")


class BaselineSettings(Settings):
    """What the network is compared with."""

    networks: Networks = Field(4, description="GlassMLP networks per state point")
    transferred_from: StatePoint | None = Field(
        None,
        description="state point whose GlassMLP is transferred; null: lowest measured T of the last t_min",
    )
    ridge_alpha: Annotated[float, Field(ge=1e-12, le=1e12)] | Literal["validation"] = Field(
        "validation",
        description="penalty of ridge regression, or the best one on the validation structures (validation)",
    )


class StudySettings(Settings):
    """Studies of the network and its training (``snakemake studies``); a run does not need them."""

    seeds: Networks = Field(2, description="trainings of each variant, with different random numbers")
    networks: Networks = Field(8, description="networks of each training")


class PredictionSettings(Settings):
    """Mean-corrected prediction."""

    iterations: Annotated[int, Field(ge=0, le=10_000)] = Field(
        6, description="most corrections of the input C_B"
    )
    tolerance: Annotated[float, Field(ge=1e-6, lt=1)] = Field(
        0.005, description="converged if the mean prediction is this close to C_B"
    )
