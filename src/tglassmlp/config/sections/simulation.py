"""Isoconfigurational dynamics and large systems."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tglassmlp.settings import Settings, key_of
from tglassmlp.settings.ranges import Count, Positive, Replicas
from tglassmlp.simulation import dynamics

__all__ = [
    "DynamicsSettings",
    "LargeDynamicsSettings",
    "LargeSystemSettings",
]


class DynamicsSettings(Settings):
    """Isoconfigurational molecular dynamics."""

    replicas: Replicas = Field(
        20, description="trajectories per structure, with independent initial velocities"
    )
    time_step: float = key_of(dynamics.DynamicsSettings, "time_step")
    frame_ratio: float = Field(
        1.601,
        ge=1.001,
        le=10.0,
        description="smallest ratio of successive frame times, which are equally spaced in the logarithm",
    )
    # of the settings' choices, "none" keeps the energy and not the temperature
    thermostat: Literal["bussi", "nose_hoover"] = key_of(dynamics.DynamicsSettings, "thermostat")
    thermostat_time: float = key_of(dynamics.DynamicsSettings, "thermostat_time")
    thermostat_velocities: Literal["half_step", "full_step"] = key_of(
        dynamics.DynamicsSettings, "thermostat_velocities"
    )
    precision: Literal["mixed", "double"] = key_of(dynamics.DynamicsSettings, "precision")
    block_seconds: float = key_of(dynamics.DynamicsSettings, "block_seconds")


class LargeDynamicsSettings(Settings):
    """Molecular dynamics of large systems, for comparison only."""

    temperature: Positive = Field(description="temperature, one of the run's")
    time: Positive = Field(description="length of the run (LJ times)")
    replicas: Replicas = Field(description="trajectories per system, with independent initial velocities")
    systems: Count = Field(description="number of large systems with dynamics")


class LargeSystemSettings(Settings):
    """Tiled, re-equilibrated systems for snapshots and S_4(q)."""

    tiles: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="unit systems per side (8: 64 unit systems); 1: the unit systems themselves stand in for "
        "large ones, as they are"
    )
    number: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="large systems per temperature")
    chunk: Count = Field(1, description="number of large systems per job; results do not depend on it")
    sweeps_factor: Annotated[float, Field(ge=0.1, le=1e6)] = Field(
        2.0, description="sweeps of the re-equilibration as a multiple of the temperature's sweeps"
    )
    dynamics: LargeDynamicsSettings | None = Field(None, description="dynamics of large systems, or null")
