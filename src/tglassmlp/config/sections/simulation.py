"""Inherent structures, isoconfigurational dynamics, and large systems."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tglassmlp.limits import SMALLEST_TOLERANCE
from tglassmlp.settings import Settings
from tglassmlp.settings.ranges import Count, Limit, Positive, Replicas

__all__ = [
    "DynamicsSettings",
    "LargeDynamicsSettings",
    "LargeSystemSettings",
    "MinimisationSettings",
]


class MinimisationSettings(Settings):
    """Inherent structures."""

    force_tolerance: float = Field(
        1e-6,
        ge=SMALLEST_TOLERANCE,
        le=1e-2,
        description="largest force at the minimum; rounding of the forces sets the lower limit",
    )
    maximum_steps: Count = Field(100_000, description="steps after which the minimisation is an error")


class DynamicsSettings(Settings):
    """Isoconfigurational molecular dynamics."""

    replicas: Replicas = Field(20, description="velocity draws per structure")
    time_step: float = Field(0.01, ge=1e-5, le=0.02, description="integration step (LJ times)")
    frame_ratio: float = Field(
        1.601, ge=1.001, le=10.0, description="smallest ratio of successive frame times; times are log-spaced"
    )
    thermostat: Literal["bussi", "nose_hoover"] = Field(
        "bussi", description="momentum-conserving thermostat: stochastic rescaling (bussi) or nose_hoover"
    )
    thermostat_time: Limit = Field(1.0, description="relaxation time of the thermostat (LJ times)")
    thermostat_velocities: Literal["half_step", "full_step"] = Field(
        "half_step",
        description="velocities the thermostat reads: half_step gives positions the right temperature, "
        "full_step makes them too hot by the square of the time step",
    )
    precision: Literal["mixed", "double"] = Field(
        "mixed",
        description="float32 pairs and 32-bit fixed-point motion (mixed), or float64 and 64-bit (double)",
    )
    block_seconds: Limit = Field(60.0, description="aimed seconds between checkpoints")


class LargeDynamicsSettings(Settings):
    """Molecular dynamics of large systems, for comparison only."""

    temperature: Positive = Field(description="temperature, one of the run's")
    time: Positive = Field(description="length of the run (LJ times)")
    replicas: Replicas = Field(description="velocity draws per system")
    systems: Count = Field(description="how many of the large systems")


class LargeSystemSettings(Settings):
    """Tiled, re-equilibrated systems for snapshots and S_4(q)."""

    tiles: Annotated[int, Field(ge=2, le=1000)] = Field(
        description="unit systems per side (8: 64 unit systems)"
    )
    number: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="large systems per temperature")
    chunk: Count = Field(1, description="large systems per job; results do not depend on it")
    sweeps_factor: Annotated[float, Field(ge=0.1, le=1e6)] = Field(
        2.0, description="sweeps of re-equilibration as a multiple of the temperature's sweeps"
    )
    dynamics: LargeDynamicsSettings | None = Field(None, description="dynamics of large systems, or null")
