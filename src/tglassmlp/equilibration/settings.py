"""Settings of equilibration and limits of its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tglassmlp.simulation.swap.scheme import EXCHANGE_INTERVAL, EXCHANGES_PER_SWEEP

__all__ = ["CheckLimits", "EquilibrationSettings"]


@dataclass(frozen=True)
class EquilibrationSettings:
    """How structures are equilibrated.

    Attributes
    ----------
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

    exchanges: str = "informed"
    exchanges_per_sweep: float = EXCHANGES_PER_SWEEP
    exchange_interval: int = EXCHANGE_INTERVAL
    swap_fraction: float = 0.2
    exchange_weights: Mapping[str, float] | None = None
    target_acceptance: float = 0.4
    record_points: int = 20
    start_temperature: float = 2.0
    heated_ratio: float = 0.85
    block_seconds: float = 60.0


@dataclass(frozen=True)
class CheckLimits:
    """Limits of the checks of :mod:`tglassmlp.equilibration.checks`. Overlaps are normalised."""

    trend: float = 4.0
    start_difference: float = 4.0
    overlap: float = 0.2
    tile_overlap: float = 0.1
    peak: float = 4.0
    heat_capacity: float = 0.15
    heated_below: float = 2.0
    composition: float = 4.0
    small_q_density: float = 4.0
    small_q_composition: float = 4.0
    reweighting: float = 0.05
    extended: float = 4.0
