"""How structures are equilibrated by swap Monte Carlo, and what they have to pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tglassmlp.equilibration import settings
from tglassmlp.settings import Settings, key_of
from tglassmlp.settings.ranges import Positive, Weight

__all__ = [
    "EquilibrationChecks",
    "EquilibrationSettings",
    "ExtendedCheckSettings",
]


class EquilibrationChecks(Settings):
    """Limits of the checks a structure has to pass before it enters the data set."""

    trend: float = key_of(settings.CheckLimits, "trend")
    start_difference: float = key_of(settings.CheckLimits, "start_difference")
    overlap: float = key_of(settings.CheckLimits, "overlap")
    tile_overlap: float = key_of(settings.CheckLimits, "tile_overlap")
    peak: float = key_of(settings.CheckLimits, "peak")
    heat_capacity: float = key_of(settings.CheckLimits, "heat_capacity")
    heated_below: float = key_of(settings.CheckLimits, "heated_below")
    composition: float = key_of(settings.CheckLimits, "composition")
    small_q_density: float = key_of(settings.CheckLimits, "small_q_density")
    small_q_composition: float = key_of(settings.CheckLimits, "small_q_composition")
    reweighting: float = key_of(settings.CheckLimits, "reweighting")
    extended: float = key_of(settings.CheckLimits, "extended")


class ExtendedCheckSettings(Settings):
    """Structures that go on for many times their sweeps."""

    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="temperatures at which structures are continued; null: the lowest"
    )
    structures: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        4, description="number of structures that are continued, the first of each temperature"
    )
    factor: Annotated[float, Field(ge=2, le=1e6)] = Field(
        10.0, description="length of the continuation as a multiple of the temperature's sweeps"
    )


class EquilibrationSettings(Settings):
    """Swap Monte Carlo, or molecular dynamics between exchanges."""

    method: Literal["swap_mc", "hybrid"] = key_of(settings.EquilibrationSettings, "method")
    hybrid_steps: int = key_of(settings.EquilibrationSettings, "hybrid_steps")
    hybrid_time_step: float = key_of(settings.EquilibrationSettings, "hybrid_time_step")
    exchanges: Literal["informed", "plain"] = key_of(settings.EquilibrationSettings, "exchanges")
    exchanges_per_sweep: float = key_of(settings.EquilibrationSettings, "exchanges_per_sweep")
    exchange_interval: int = key_of(settings.EquilibrationSettings, "exchange_interval")
    swap_fraction: float = key_of(settings.EquilibrationSettings, "swap_fraction")
    exchange_weights: dict[str, Weight] | None = key_of(settings.EquilibrationSettings, "exchange_weights")
    target_acceptance: float = key_of(settings.EquilibrationSettings, "target_acceptance")
    record_points: int = key_of(settings.EquilibrationSettings, "record_points")
    start_temperature: float = key_of(settings.EquilibrationSettings, "start_temperature")
    heated_ratio: float = key_of(settings.EquilibrationSettings, "heated_ratio")
    start: Literal["independent", "ladder"] = Field(
        "independent",
        description="structures from above are quenched from the melt (independent), or go on from those of "
        "the next higher temperature (ladder)",
    )
    checks: EquilibrationChecks = Field(
        EquilibrationChecks(), description="limits of the equilibration checks"
    )
    on_failure: Literal["error", "warn"] = Field(
        "error", description="whether a failed check stops the run (error) or is only reported (warn)"
    )
    extended_check: ExtendedCheckSettings | None = Field(
        None,
        description="continuation of some structures for many times their sweeps, as a check; null: none",
    )
