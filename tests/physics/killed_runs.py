"""Short simulations of each kind that can be killed and resumed; run as a program by the tests.

``killed_runs.py KIND SIZE STATE SECONDS_BETWEEN_CHECKPOINTS RESULT.npz``
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tglassmlp import KA2D, Configuration, Mixture, swap_monte_carlo
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.equilibration.settings import EquilibrationSettings
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.equilibration.structures import (
    equilibrate_large_system,
    equilibrate_structure,
    equilibrate_structures,
)
from tglassmlp.simulation import minimisation
from tglassmlp.simulation.cuda import dynamics as cuda_dynamics
from tglassmlp.simulation.cuda.dynamics import CudaDynamics
from tglassmlp.simulation.cuda.emulated import EmulatedDevice
from tglassmlp.simulation.dynamics import DynamicsSettings, log_spaced_steps
from tglassmlp.simulation.native import engine
from tglassmlp.simulation.protocols import Conduct, Dynamics, DynamicsRequest, dynamics_engine
from tglassmlp.storage import write_npz

TILES = 3
Arrays = dict[str, np.ndarray]


def mixture(size: str) -> Mixture:
    """129 particles, or the 1290 of the unit system."""
    return KA2D.scaled(10) if size == "small" else KA2D


def liquid(size: str, tiles: int = 1) -> Configuration:
    """Hot liquid; tiled, it is shaken so that the tiles differ."""
    m = mixture(size)
    c, _ = swap_monte_carlo(lattice_start(m, np.random.SeedSequence(1)), 1.0, 60, seed=1, mixture=m)
    return c if tiles == 1 else swap_monte_carlo(c.tiled(tiles), 1.0, 5, seed=2, mixture=m)[0]


def _equilibrated(c: Configuration, record) -> Arrays:
    columns = [name for name in COLUMNS if name not in ("structure", "start")]
    return {
        "positions": c.positions,
        "species": c.species,
        "record": record[columns].to_numpy(dtype=float),
    }


def swap_unit(size: str, state: Path | None, seconds: float) -> Arrays:
    settings = EquilibrationSettings(record_points=10, block_seconds=seconds)
    sweeps = 2000 if size == "small" else 4000
    return _equilibrated(
        *equilibrate_structure(0.5, 1, sweeps, 9, settings, mixture(size), state and state / "run.npz")
    )


def swap_ladder(size: str, state: Path | None, seconds: float) -> Arrays:
    """A structure that goes on from one of a higher temperature."""
    settings = EquilibrationSettings(record_points=10, block_seconds=seconds)
    files = None if state is None else [state / "run.npz"]
    made = equilibrate_structures(0.5, [0], 6000, 9, settings, mixture(size), files, above={0: liquid(size)})
    assert made[0][1].start.iloc[0] == "ladder"
    return _equilibrated(*made[0])


def swap_large(size: str, state: Path | None, seconds: float) -> Arrays:
    settings = EquilibrationSettings(record_points=10, block_seconds=seconds)
    file = state and state / "run.npz"
    return _equilibrated(
        *equilibrate_large_system(liquid(size), 0.5, 0, 1500, TILES, 9, settings, mixture(size), file)
    )


def _dynamics(
    c: Configuration,
    steps: int,
    replicas: int,
    state: Path | None,
    seconds: float,
    chosen: Dynamics | None = None,
) -> Arrays:
    # calls of a twentieth of a second, so that there are many moments between two checkpoints
    engine.CALL_SECONDS = cuda_dynamics.CALL_SECONDS = 0.05
    cuda_dynamics.FIRST_WORK = 1e5
    settings = DynamicsSettings(block_seconds=seconds)
    frames = log_spaced_steps(steps * settings.time_step, settings.time_step)
    seeds = [np.random.SeedSequence(3)]
    request = DynamicsRequest([c], seeds, 1.0, frames, replicas, mixture("unit"), settings, numbers=[0])
    files = None if state is None else [state / "structure0.npz"]
    conduct = Conduct(files, keep_checkpoints=state is not None, threads=2)
    found = (chosen or dynamics_engine("native")).trajectories(request, conduct)[0]
    return {
        "displacements": found.displacements,
        "kinetic_temperature": found.kinetic_temperature,
        "potential_energy": found.potential_energy,
        "conserved_drift": found.conserved_drift,
    }


def dynamics_cuda(size: str, state: Path | None, seconds: float) -> Arrays:
    # on the emulation by g++, which is slow
    chosen = CudaDynamics(EmulatedDevice())
    return _dynamics(liquid(size), 6000 if size == "small" else 1500, 8, state, seconds, chosen)


def dynamics_unit(size: str, state: Path | None, seconds: float) -> Arrays:
    return _dynamics(liquid(size), 6000 if size == "small" else 12000, 20, state, seconds)


def dynamics_large(size: str, state: Path | None, seconds: float) -> Arrays:
    return _dynamics(liquid(size, TILES), 3000, 8, state, seconds)


def _minimised(c: Configuration, state: Path | None, seconds: float) -> Arrays:
    # one force evaluation a call, or little more: the whole search takes a fraction of a second
    minimisation.CALL_SECONDS = 1e-9
    found, record = minimisation.minimise(
        c, mixture("unit"), 1e-4, state=state and state / "run.npz", block_seconds=seconds
    )
    return {"positions": found.positions, "record": np.array(list(record.values()))}


def minimiser_unit(size: str, state: Path | None, seconds: float) -> Arrays:
    return _minimised(liquid(size), state, seconds)


def minimiser_large(size: str, state: Path | None, seconds: float) -> Arrays:
    return _minimised(liquid(size, TILES), state, seconds)


KINDS: dict[str, Callable[[str, Path | None, float], Arrays]] = {
    "swap Monte Carlo, unit system": swap_unit,
    "swap Monte Carlo, down a ladder": swap_ladder,
    "swap Monte Carlo, large system": swap_large,
    "dynamics, unit system": dynamics_unit,
    "dynamics, large system": dynamics_large,
    "dynamics of engine cuda, emulated, unit system": dynamics_cuda,
    "minimiser, unit system": minimiser_unit,
    "minimiser, large system": minimiser_large,
}

if __name__ == "__main__":
    kind, size, state, seconds, result = sys.argv[1:]
    write_npz(result, KINDS[kind](size, Path(state), float(seconds)), {})
