"""The network, its training and prediction, and what it is compared with."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from tglassmlp.network import settings, state_features
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.contrast import LAWS
from tglassmlp.settings import Settings, key_of
from tglassmlp.settings.ranges import Limit, Networks, Positive, Share, Tolerance, Width

__all__ = [
    "STATE_FEATURES",
    "BaselineSettings",
    "NetworkSettings",
    "PhaseSettings",
    "StatePoint",
    "StudySettings",
    "TrainingSettings",
]

#: Functions of the state point (T, C_B) that may enter the attention network.
STATE_FEATURES: Final = tuple(state_features.STATE_FEATURES)


class NetworkSettings(Settings):
    """Layers of tGlassMLP."""

    state_features: tuple[Literal[STATE_FEATURES], ...] = key_of(  # type: ignore[valid-type]
        Architecture, "state_features"
    )
    mlp1: tuple[Width, ...] = key_of(Architecture, "mlp1")
    bottleneck: int = key_of(Architecture, "bottleneck")
    mlp2: tuple[Width, ...] = key_of(Architecture, "mlp2")
    head: tuple[Width, ...] = key_of(Architecture, "head")
    attention: bool = key_of(Architecture, "attention")
    attention_bias: bool = key_of(Architecture, "attention_bias")
    attention_scale: bool = key_of(Architecture, "attention_scale")
    bottleneck_activation: Literal["elu", "linear"] = key_of(Architecture, "bottleneck_activation")
    output: Literal["propensity", "deviation"] = key_of(Architecture, "output")
    input_limit: Annotated[float, Field(ge=0.1, le=1e6)] | None = key_of(Architecture, "input_limit")


class PhaseSettings(Settings):
    """One stretch of training with one learning rate."""

    epochs: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        description="passes over all training structures"
    )
    rate: float = Field(gt=0, le=1, description="learning rate of Adam")


class TrainingSettings(Settings):
    """The two-step training."""

    t_min: tuple[Positive, ...] = Field(
        description="lowest temperature whose dynamics each model may learn from; the first is the main model"
    )
    networks: Networks = Field(16, description="number of networks, which differ in their seeds")
    folds: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0,
        description="folds of the structures learnt from, each left out of one more training of every "
        "method, for errors over training sets; 0: none",
    )
    fold_networks: Networks | None = Field(
        None, description="networks of each kind in the trainings by folds; null: as many as elsewhere"
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
    rate_decay: Literal["none", "cosine"] = key_of(settings.TrainingSettings, "rate_decay")
    minimum_steps: int = key_of(settings.TrainingSettings, "minimum_steps")
    error_scale: Literal["none", "variance"] = key_of(settings.TrainingSettings, "error_scale")
    weight_decay: float = key_of(settings.TrainingSettings, "weight_decay")
    variance_weight: float = key_of(settings.TrainingSettings, "variance_weight")
    correlation_weight: float = key_of(settings.TrainingSettings, "correlation_weight")
    correlation_radii: tuple[Positive, ...] = key_of(settings.TrainingSettings, "correlation_radii")
    correlation_width: float = key_of(settings.TrainingSettings, "correlation_width")
    equi_time_blind: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="share of the networks of step 1 from which the temperature is hidden"
    )
    equi_time_tolerance: Tolerance = Field(
        0.05, description="largest distance from C_B of the mean prediction of a network that step 1 keeps"
    )
    full_tolerance: Tolerance = Field(
        0.05,
        description="largest distance from C_B of the mean prediction at the glass transition of a network "
        "that step 2 keeps",
    )
    scaling_temperatures: Literal["all", "labelled"] = Field(
        "all", description="temperatures whose training structures define the scaling of descriptors"
    )
    label_noise: Literal["removed", "ignored"] = key_of(settings.TrainingSettings, "label_noise")
    contrast: Literal[LAWS] = Field(  # type: ignore[valid-type]
        "onset",
        description="law in T by which the contrast of predictions is carried below T_min: none, a power "
        "of T, or linear in 1/T below an onset",
    )
    select_epoch: Literal["last", "validation"] = key_of(settings.TrainingSettings, "select_epoch")
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

    seeds: Networks = Field(2, description="trainings of each variant, with different seeds")
    networks: Networks = Field(8, description="networks of each training")
