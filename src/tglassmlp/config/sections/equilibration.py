"""How structures are equilibrated by swap Monte Carlo, and what they have to pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Limit, Positive, Share

__all__ = [
    "EquilibrationChecks",
    "EquilibrationSettings",
    "ExtendedCheckSettings",
]


class EquilibrationChecks(Settings):
    """Limits of the checks a structure has to pass before it enters the data set."""

    trend: Limit = Field(
        4.0,
        description="largest slope of energy against ln(sweeps) in standard errors, second half of the run",
    )
    start_difference: Limit = Field(
        4.0, description="largest difference of mean energy between the two starts, in standard errors"
    )
    overlap: Share = Field(
        0.2,
        description="largest overlap of structures with their state `sweeps` earlier, normalised: "
        "(overlap - chance) / (1 - chance)",
    )
    tile_overlap: Share = Field(
        0.1, description="largest overlap of neighbouring tiles of a large system, normalised in the same way"
    )
    peak: Limit = Field(
        4.0, description="largest value of any g_ab(r) beyond 1.5 sigma_ab (crystalline order)"
    )
    heat_capacity: Limit = Field(
        0.15,
        description="largest relative difference of dE/dT and the heat capacity from energy fluctuations; "
        "4 standard errors, if that is more",
    )
    heated_below: float = Field(
        2.0,
        ge=-1e6,
        le=1e6,
        description="smallest distance by which the inherent energy of aged heated starts lies below that of "
        "the structures, in standard errors",
    )
    composition: Limit = Field(
        4.0,
        description="largest excess of composition fluctuations at the smallest wave vectors, "
        "in standard deviations",
    )
    small_q_density: Limit = Field(
        4.0,
        description="largest deviation of the density fluctuations of large systems at their smallest wave "
        "vectors, in standard deviations",
    )
    small_q_composition: Limit = Field(
        4.0, description="the same for the composition, corrected for the number of species"
    )
    reweighting: Limit = Field(
        0.05,
        description="largest relative difference of the energies of neighbouring temperatures and what "
        "reweighting by their fluctuations gives; 4 standard errors, if that is more",
    )
    extended: Limit = Field(
        4.0,
        description="largest difference of inherent energies and descriptors after the extended check, "
        "in standard deviations",
    )


class ExtendedCheckSettings(Settings):
    """Structures that go on for many times their sweeps."""

    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="temperatures at which structures go on; null: the lowest"
    )
    structures: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        4, description="how many structures go on, the first of each temperature"
    )
    factor: Annotated[float, Field(ge=2, le=1e6)] = Field(
        10.0, description="for how many times the temperature's sweeps"
    )


class EquilibrationSettings(Settings):
    """Swap Monte Carlo."""

    exchanges: Literal["informed", "plain"] = Field(
        "informed",
        description="pairs exchange their species by what it costs (informed), or are drawn blindly (plain)",
    )
    exchanges_per_sweep: float = Field(
        0.04,
        ge=1e-3,
        le=10,
        description="informed exchanges tried per sweep, as a share of the number of particles",
    )
    exchange_interval: Annotated[int, Field(ge=1, le=1000)] = Field(
        4, description="sweeps between two blocks of informed exchanges"
    )
    swap_fraction: Annotated[float, Field(ge=1e-3, le=0.95)] = Field(
        0.2, description="share of attempts that are exchanges, if those are plain"
    )
    exchange_weights: dict[str, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="relative weights of exchanges between two species; 1 for pairs not named"
    )
    target_acceptance: float = Field(
        0.4, ge=0.3, le=0.5, description="acceptance of displacements, tuned during equilibration only"
    )
    record_points: Annotated[int, Field(ge=5, le=10_000)] = Field(
        20, description="log-spaced points at which energies and acceptances are recorded"
    )
    start_temperature: Annotated[float, Field(gt=0, le=1000)] = Field(
        2.0,
        description="temperature of the melt that all starts come from, above the run's highest temperature",
    )
    heated_ratio: Annotated[float, Field(ge=0.3, le=0.98)] = Field(
        0.85, description="the heated start is first aged at this multiple of the temperature"
    )
    checks: EquilibrationChecks = Field(
        EquilibrationChecks(), description="limits of the equilibration checks"
    )
    on_failure: Literal["error", "warn"] = Field(
        "error", description="a failed check stops the run (error) or is only reported (warn)"
    )
    extended_check: ExtendedCheckSettings | None = Field(
        None, description="structures that go on for many times their sweeps, as a check; null: none"
    )
