"""Settings of equilibration and limits of its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from tglassmlp import engines
from tglassmlp.settings import refuse_out_of_range
from tglassmlp.settings.ranges import Acceptance, Limit, Share, Weight
from tglassmlp.simulation.swap.scheme import EXCHANGE_INTERVAL, EXCHANGES_PER_SWEEP, HYBRID_STEPS

__all__ = ["CheckLimits", "EquilibrationSettings", "decisive", "settings_and_engine"]


@dataclass(frozen=True)
class EquilibrationSettings:
    """How structures are equilibrated.

    Attributes
    ----------
    method
        ``"swap_mc"``: displacements and exchanges (:mod:`tglassmlp.simulation.swap.chain`); ``"hybrid"``:
        blocks of dynamics and exchanges (:mod:`tglassmlp.simulation.hybrid`).
    hybrid_steps, hybrid_time_step
        Time steps of dynamics in a sweep, and the longest time step, if the method is hybrid.
    exchanges, exchanges_per_sweep, exchange_interval
        Scheme of the exchanges of species, ``"informed"`` or ``"plain"``, and the share of the former; see
        :class:`tglassmlp.simulation.swap.chain.Chain`.
    swap_fraction
        Share of attempts that exchange the species of two particles, if exchanges are plain.
    exchange_weights
        Relative weights of exchanges between species, ``{"1-2": 0.0}``; 1 for pairs not named (all, if None).
    target_acceptance
        Acceptance of displacements that the tuning aims at.
    record_points
        Points of the equilibration record of one structure.
    start_temperature
        Temperature of the melt.
    heated_ratio
        A heated structure is aged first at this multiple of T.
    block_seconds
        Seconds between checkpoints.
    """

    method: Annotated[
        Literal["swap_mc", "hybrid"],
        Field(
            description="structures come from swap Monte Carlo (swap_mc), or from blocks of the engine's "
            "molecular dynamics between blocks of exchanges (hybrid)"
        ),
    ] = "swap_mc"
    hybrid_steps: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            description="time steps of dynamics that make a sweep, if the method is hybrid",
        ),
    ] = HYBRID_STEPS
    hybrid_time_step: Annotated[
        float,
        Field(
            ge=1e-5,
            le=0.02,
            description="longest time step of the hybrid method, tuned downwards while structures approach "
            "equilibrium",
        ),
    ] = 0.01
    exchanges: Annotated[
        Literal["informed", "plain"],
        Field(
            description="pairs exchange their species by what it costs (informed), or are drawn blindly "
            "(plain)"
        ),
    ] = "informed"
    exchanges_per_sweep: Annotated[
        float,
        Field(
            ge=1e-3,
            le=10,
            description="informed exchanges attempted per sweep, as a fraction of the number of particles",
        ),
    ] = EXCHANGES_PER_SWEEP
    exchange_interval: Annotated[
        int, Field(ge=1, le=1000, description="sweeps between two blocks of informed exchanges")
    ] = EXCHANGE_INTERVAL
    swap_fraction: Annotated[
        float,
        Field(
            ge=1e-3,
            le=0.95,
            description="fraction of attempted moves that are exchanges, for plain exchanges",
        ),
    ] = 0.2
    exchange_weights: Annotated[
        Mapping[str, Weight] | None,
        Field(description="relative frequencies of exchanges between two species; 1 for pairs not named"),
    ] = None
    target_acceptance: Annotated[
        Acceptance, Field(description="target acceptance of displacements, tuned during equilibration only")
    ] = 0.4
    record_points: Annotated[
        int,
        Field(
            ge=5,
            le=10_000,
            description="log-spaced points at which energies and acceptances are recorded",
        ),
    ] = 20
    start_temperature: Annotated[
        float,
        Field(
            gt=0,
            le=1000,
            description="temperature of the melt from which all starts come, above the run's highest "
            "temperature",
        ),
    ] = 2.0
    heated_ratio: Annotated[
        float,
        Field(
            ge=0.3, le=0.98, description="heated starts are first aged at this multiple of the temperature"
        ),
    ] = 0.85
    block_seconds: Annotated[
        float, Field(ge=0, le=1e6, description="target interval between checkpoints (s)")
    ] = 60.0

    def __post_init__(self) -> None:
        refuse_out_of_range(self)


@dataclass(frozen=True)
class CheckLimits:
    """Limits of the checks of :mod:`tglassmlp.equilibration.checks`. Overlaps are normalised."""

    trend: Annotated[
        Limit,
        Field(
            description="largest slope of energy against ln(sweeps) in standard errors, second half of the "
            "run"
        ),
    ] = 4.0
    start_difference: Annotated[
        Limit,
        Field(description="largest difference of mean energy between the two starts, in standard errors"),
    ] = 4.0
    overlap: Annotated[
        Share,
        Field(
            description="largest overlap of structures with their state `sweeps` earlier, normalised: "
            "(overlap - chance) / (1 - chance)"
        ),
    ] = 0.2
    tile_overlap: Annotated[
        Share,
        Field(
            description="largest overlap of neighbouring tiles of a large system, normalised in the same way"
        ),
    ] = 0.1
    peak: Annotated[
        Limit, Field(description="largest value of any g_ab(r) beyond 1.5 sigma_ab (crystalline order)")
    ] = 4.0
    heat_capacity: Annotated[
        Limit,
        Field(
            description="largest relative difference of dE/dT and the heat capacity from energy "
            "fluctuations; 4 standard errors, if that is more"
        ),
    ] = 0.15
    heated_below: Annotated[
        float,
        Field(
            ge=-1e6,
            le=1e6,
            description="smallest distance by which the inherent energy of aged heated starts lies below "
            "that of the structures, in standard errors",
        ),
    ] = 2.0
    composition: Annotated[
        Limit,
        Field(
            description="largest excess of composition fluctuations at the smallest wave vectors, in "
            "standard deviations"
        ),
    ] = 4.0
    small_q_density: Annotated[
        Limit,
        Field(
            description="largest deviation of the density fluctuations of large systems at their smallest "
            "wave vectors, in standard deviations"
        ),
    ] = 4.0
    small_q_composition: Annotated[
        Limit, Field(description="the same for the composition, corrected for the number of species")
    ] = 4.0
    reweighting: Annotated[
        Limit,
        Field(
            description="largest relative difference of the energies of neighbouring temperatures and what "
            "reweighting by their fluctuations gives; 4 standard errors, if that is more"
        ),
    ] = 0.05
    extended: Annotated[
        Limit,
        Field(
            description="largest difference of inherent energies and descriptors after the extended check, "
            "in standard deviations"
        ),
    ] = 4.0

    def __post_init__(self) -> None:
        refuse_out_of_range(self)


def decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides the numbers of structures: without the keys of a method that is not used.

    Structures of swap Monte Carlo that were made before the hybrid method existed are those of today.
    """
    left_out = {"block_seconds"}
    if settings.get("method", "swap_mc") == "swap_mc":
        left_out |= {"method", "hybrid_steps", "hybrid_time_step"}
    return {key: value for key, value in settings.items() if key not in left_out}


def settings_and_engine(parameters: Mapping[str, Any]) -> tuple[EquilibrationSettings, str]:
    """Take a job's settings and the engine of its chains, named only if it is not the usual one, apart.

    Parameters
    ----------
    parameters
        What :func:`decisive` leaves of the settings, and perhaps ``engine``.
    """
    chosen = dict(parameters)
    engine = chosen.pop("engine", engines.usual())
    return EquilibrationSettings(**chosen), engine
