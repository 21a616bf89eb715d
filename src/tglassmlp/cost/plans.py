"""The jobs of dynamics that a configuration asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tglassmlp.config import Config, TemperatureSettings
from tglassmlp.cost.jobs import chunk_sizes
from tglassmlp.division import chunk_ranges

__all__ = ["extensions", "plans", "unit_plans"]


def unit_plans(c: Config, duration: Callable[[TemperatureSettings], float | None]) -> list[dict[str, Any]]:
    """Plan of every job of the unit systems at the temperatures that have a duration."""
    return [
        {"duration": time, "replicas": c.dynamics.replicas, "structures": size, "copies": 1}
        for t in c.temperatures
        if (time := duration(t)) is not None
        for size in chunk_sizes(c, "unit", t.value)
    ]


def plans(c: Config) -> list[tuple[str, dict[str, Any]]]:
    """Ensemble and plan of every job of dynamics, as first made."""
    given = c.structures.given()
    unit = unit_plans(c, lambda t: None if t.value in given else t.dynamics_time)
    found = [("unit", plan) for plan in unit]
    large = c.large_systems.dynamics
    if large is not None:
        for chunk in chunk_ranges(large.systems, c.large_systems.chunk):
            copies = c.large_systems.tiles**2
            size = len(chunk)
            plan = {"duration": large.time, "replicas": large.replicas, "structures": size, "copies": copies}
            found.append(("large", plan))
    return found


def extensions(c: Config) -> list[dict[str, Any]]:
    """Plan of every job that makes trajectories longer."""
    return unit_plans(
        c, lambda t: t.extended_time - t.dynamics_time if t.dynamics_time and t.extended_time else None
    )
