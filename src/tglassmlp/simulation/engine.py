"""The engines that can run isoconfigurational dynamics, by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from tglassmlp.configuration import Configuration
    from tglassmlp.mixture import Mixture
    from tglassmlp.simulation.molecular_dynamics import DynamicsSettings

__all__ = ["ENGINES", "Engine", "Trajectory", "get_engine"]


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


class Engine(Protocol):
    """What a simulation engine offers: Newtonian replicas of one structure with a thermostat."""

    name: str

    def trajectory(
        self,
        configuration: Configuration,
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seed: np.random.SeedSequence,
        *,
        mixture: Mixture,
        settings: DynamicsSettings,
        checkpoint: Path | None = None,
        progress: Callable[[float, str], None] | None = None,
        threads: int = 1,
        keep_checkpoint: bool = False,
        positions: ArrayLike | None = None,
    ) -> Trajectory:
        """Run all replicas and return their frames at ``steps``."""
        ...


#: Name of each engine and where its ``ENGINE`` object lives.
ENGINES: Final[dict[str, str]] = {
    "native": "tglassmlp.simulation.molecular_dynamics",
    "hoomd": "tglassmlp.simulation.hoomd_engine",
}


def get_engine(name: str) -> Engine:
    """Return an engine by name.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    ImportError
        If the engine needs a library that is not installed; the message says how to get it.
    """
    if name not in ENGINES:
        raise ValueError(f"unknown engine {name!r}, allowed: {', '.join(ENGINES)}")
    try:
        module: Any = importlib.import_module(ENGINES[name])
    except ModuleNotFoundError as error:
        raise ImportError(
            f"engine {name!r} is not available here (no module {error.name!r}). HOOMD-blue comes from "
            "conda-forge only: `conda env create -f envs/hoomd.yaml`, then run in that environment; "
            "or use engine 'native', which needs nothing else."
        ) from error
    engine: Engine = module.ENGINE
    return engine
