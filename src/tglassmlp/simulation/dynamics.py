"""What molecular dynamics is asked for and what it returns: settings, times of frames, trajectories.

Every engine speaks in these terms. Nothing here moves a particle, and nothing heavy is imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from tglassmlp.box import DIMENSIONS
from tglassmlp.frames import frame_steps
from tglassmlp.settings import refuse_out_of_range
from tglassmlp.settings.ranges import MOST_STEPS, Limit

__all__ = [
    "DEFAULT_SETTINGS",
    "DynamicsSettings",
    "Trajectory",
    "check_settings",
    "degrees_of_freedom",
    "log_spaced_steps",
    "whole_steps",
]


@dataclass(frozen=True)
class DynamicsSettings:
    """How the equations of motion are integrated.

    Parameters
    ----------
    time_step
        Time step, 0.01 in the published data.
    thermostat
        ``bussi``: stochastic velocity rescaling with relaxation time ``thermostat_time``;
        ``nose_hoover``: one friction variable of that period scale; ``none``: constant energy.
    thermostat_time
        Relaxation time of the thermostat.
    thermostat_interval
        Time steps between two actions of the thermostat; the propagators are exact for any interval.
    thermostat_velocities
        Velocities that the thermostat reads and rescales. ``half_step``: those half a step before the
        positions, which gives the positions the right temperature at any stable time step; ``full_step``:
        those at the time of the positions, which makes the positions too hot by (w h)^2 / 4 for a mode of
        frequency w and a time step h.
    precision
        ``mixed``: pair terms in float32, coordinates and sums in 32-bit fixed point (relative force error
        about 1e-6); ``double``: float64 and 64-bit fixed point.
    skin
        Margin of the Verlet list; only speed depends on it.
    block_seconds
        Seconds between two checkpoints.

    Raises
    ------
    ValueError
        For a value out of range, naming it and what is allowed.
    """

    time_step: Annotated[float, Field(ge=1e-5, le=0.02, description="integration step (LJ times)")] = 0.01
    thermostat: Annotated[
        Literal["bussi", "nose_hoover", "none"],
        Field(
            description="momentum-conserving thermostat: stochastic rescaling (bussi) or nose_hoover",
        ),
    ] = "bussi"
    thermostat_time: Annotated[Limit, Field(description="relaxation time of the thermostat (LJ times)")] = 1.0
    thermostat_interval: Annotated[
        int, Field(ge=1, le=1_000_000, description="time steps between two actions of the thermostat")
    ] = 10
    thermostat_velocities: Annotated[
        Literal["half_step", "full_step"],
        Field(
            description="velocities the thermostat reads: half_step gives positions the right temperature, "
            "full_step makes them too hot by the square of the time step"
        ),
    ] = "half_step"
    precision: Annotated[
        Literal["mixed", "double"],
        Field(
            description="float32 pairs and 32-bit fixed-point motion (mixed), or float64 and 64-bit (double)"
        ),
    ] = "mixed"
    skin: Annotated[float, Field(gt=0, le=100, description="margin of the Verlet list (sigma_11)")] = 0.35
    block_seconds: Annotated[Limit, Field(description="target interval between checkpoints (s)")] = 60.0

    def __post_init__(self) -> None:
        refuse_out_of_range(self)

    @property
    def stage(self) -> str:
        """Stage of :data:`tglassmlp.provenance.STAGE_VERSIONS` that such trajectories belong to."""
        return "nose_hoover_dynamics" if self.thermostat == "nose_hoover" else "dynamics"

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> DynamicsSettings:
        """Build from a config section; keys of other uses (replicas, frame_ratio) are left aside."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in mapping.items() if k in known})


#: How dynamics are integrated unless something else is asked for.
DEFAULT_SETTINGS: Final = DynamicsSettings()


def degrees_of_freedom(n_particles: int) -> float:
    """Degrees of freedom of the velocities of a system whose centre of mass is at rest, d (N - 1)."""
    return float(DIMENSIONS * n_particles - DIMENSIONS)


def check_settings(settings: object, call: str) -> None:
    """Refuse settings of another class than :class:`DynamicsSettings`.

    Raises
    ------
    TypeError
        Naming the class found and the one needed.
    """
    if isinstance(settings, DynamicsSettings):
        return
    found = f"{type(settings).__module__}.{type(settings).__qualname__}"
    more = ", e.g. DynamicsSettings(time_step=0.01)"
    if isinstance(settings, Mapping) or hasattr(settings, "model_dump"):
        more = "; DynamicsSettings.from_mapping makes one of a configuration's section"
    raise TypeError(
        f"{call}: settings must be a {DynamicsSettings.__module__}.DynamicsSettings, found {found}{more}"
    )


@dataclass(frozen=True)
class Trajectory:
    """Frames of all isoconfigurational replicas of one structure.

    Parameters
    ----------
    displacements
        ``[replica, frame, particle, 2]`` float32: unwrapped position minus the replica's initial position.
    times, steps
        ``[frame]`` time (reduced units) and number of time steps of each frame.
    kinetic_temperature
        ``[replica, frame]`` 2 K / (2 N - 2).
    potential_energy
        ``[replica, frame]`` potential energy per particle.
    conserved_drift
        ``[replica, frame]`` change per particle of the conserved quantity (energy minus the work of the
        thermostat) since the first step: the error of the integrator.
    statistics
        Plain numbers about the run (rate, list length, ...); not part of the physics.
    """

    displacements: NDArray[np.float32]
    times: NDArray[np.float64]
    steps: NDArray[np.int64]
    kinetic_temperature: NDArray[np.float64]
    potential_energy: NDArray[np.float64]
    conserved_drift: NDArray[np.float64]
    statistics: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        replicas, frames, particles = self.displacements.shape[:3]
        return (
            f"<Trajectory of {particles} particles: {replicas} replicas, {frames} frames "
            f"to t = {float(self.times[-1]):g}>"
        )


def log_spaced_steps(duration: float, time_step: float, ratio: float = 1.601) -> NDArray[np.int64]:
    """List the steps of the frames, evenly spaced in the logarithm of time from 0 to ``duration``.

    With S = duration / time_step and n = floor(ln S / ln ratio), the steps are 0 and the distinct values of
    floor(S^(k/n)), k = 0..n. Both published sets of frames (S = 1.5e8 and S = 2e6) are reproduced.

    Parameters
    ----------
    duration
        Time of the last frame; a multiple of the time step.
    time_step
        Time step of the dynamics.
    ratio
        Smallest ratio of successive times.

    Returns
    -------
    ndarray
        ``[frame]`` int64, strictly increasing from 0.

    Raises
    ------
    ValueError
        If the duration is shorter than one step or the ratio is not above 1.
    """
    if not (math.isfinite(duration) and math.isfinite(time_step) and time_step > 0):
        raise ValueError(f"duration and time_step must be positive, found {duration} and {time_step}")
    if not ratio > 1.0:
        raise ValueError(f"the ratio of frame times must be larger than 1, found {ratio}")
    last = whole_steps([duration], time_step)[0]
    if last < 1:
        raise ValueError(f"the dynamics must last at least one time step ({time_step}), found {duration}")
    return np.array(frame_steps(int(last), ratio), dtype=np.int64)


def whole_steps(times: ArrayLike, time_step: float) -> NDArray[np.int64]:
    """Turn times into whole numbers of steps; a time may be off by a millionth of a step or of itself."""
    exact = np.asarray(times, dtype=np.float64) / time_step
    if not np.all(np.isfinite(exact)):
        raise ValueError(f"times must be finite, found {np.asarray(times).tolist()}")
    steps = np.rint(exact)
    if steps.size and steps.max() > MOST_STEPS:
        raise ValueError(
            f"times must be at most {MOST_STEPS * time_step:g} ({MOST_STEPS:g} steps of {time_step}), found "
            f"{np.asarray(times).max():g}"
        )
    bad = np.flatnonzero(np.abs(exact - steps) > 1e-6 * np.maximum(1.0, np.abs(exact)))
    if bad.size:
        raise ValueError(
            f"times must be multiples of the time step {time_step}, found {np.asarray(times).ravel()[bad[0]]}"
        )
    return steps.astype(np.int64)
