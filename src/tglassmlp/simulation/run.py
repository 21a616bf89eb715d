"""Isoconfigurational dynamics for users and jobs: one structure, several, a chunk of them, a longer chunk.

Any engine does the work (:mod:`tglassmlp.engines`); here its results are asked for and arranged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp import engines, state_point
from tglassmlp.configuration import Configuration, real_numbers
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.frames import extension_steps
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.progress import Progress, Report
from tglassmlp.randomness import seed_sequence
from tglassmlp.settings import check_value
from tglassmlp.settings.ranges import Seed, Temperature
from tglassmlp.simulation.dynamics import (
    DEFAULT_SETTINGS,
    DynamicsSettings,
    Trajectory,
    check_settings,
    whole_steps,
)
from tglassmlp.simulation.protocols import (
    PLAIN,
    Conduct,
    Dynamics,
    DynamicsRequest,
    dynamics_engine,
    trajectories,
)
from tglassmlp.storage import Array, read_configurations

__all__ = [
    "extend_chunk",
    "forget_structures",
    "isoconfigurational_dynamics",
    "planned_structures",
    "run_chunk",
    "run_structures",
    "trajectory",
]


@takes_mixture()
def isoconfigurational_dynamics(
    configuration: Configuration,
    temperature: float,
    times: ArrayLike,
    replicas: int,
    seed: int | np.random.SeedSequence,
    *,
    mixture: Mixture = KA2D,
    settings: DynamicsSettings = DEFAULT_SETTINGS,
    engine: str = "native",
    checkpoint: str | Path | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> NDArray[np.float64]:
    """Run replicas of one structure with independent initial velocities and return their positions.

    Parameters
    ----------
    configuration
        Initial positions ``[N, 2]``, species and box.
    temperature
        Temperature (reduced units).
    times
        ``[n_times]`` strictly increasing times, multiples of ``settings.time_step``.
    replicas
        Number of replicas R.
    seed
        A whole number or a seed sequence; replica r does not depend on the number of replicas.
    mixture
        Pair potential. By default KA2D, if the species of the configuration allow it.
    settings
        Time step, thermostat, precision: a :class:`tglassmlp.simulation.dynamics.DynamicsSettings`.
    engine
        Name of an engine (:func:`tglassmlp.engines.names`): ``"native"``, ``"cuda"``, ``"hoomd"``, or yours.
    checkpoint
        Restart file: an interrupted call, repeated, continues from there and gives the same numbers.
    progress
        Function that is called from time to time with the particle-steps since the last call, and a note.

    Returns
    -------
    ndarray
        ``[R, n_times, N, 2]`` unwrapped positions.

    Raises
    ------
    TypeError
        If ``settings`` is of another class.
    ValueError
        If an argument is not usable; the message says what was found and what is allowed.
    RuntimeError
        If the integration fails.

    Examples
    --------
    >>> import numpy as np
    >>> import tglassmlp as tg
    >>> side = 1.1 * np.arange(12)
    >>> lattice = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    >>> c = tg.Configuration(lattice, np.tile([1, 2, 1, 3], 36), 13.2)
    >>> tg.isoconfigurational_dynamics(c, 0.5, [0.0, 0.1, 0.2], replicas=4, seed=1).shape
    (4, 3, 144, 2)
    """
    at = np.asarray(real_numbers("times", times), dtype=np.float64)
    if at.ndim != 1 or at.size == 0 or not np.all(np.isfinite(at)):
        raise ValueError(f"times must be a list of finite numbers, found {np.asarray(times).tolist()}")
    if at[0] < 0 or np.any(np.diff(at) <= 0):
        raise ValueError(f"times must increase strictly from 0 or later, found {at.tolist()}")
    if isinstance(temperature, Real) and not temperature > 0:
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    check_settings(settings, "isoconfigurational_dynamics")
    check_value("temperature", temperature, Temperature)
    if not isinstance(seed, np.random.SeedSequence):
        check_value("seed", seed, Seed)
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
    conduct = Conduct(
        checkpoints=None if checkpoint is None else [Path(checkpoint)],
        progress=None if progress is None else lambda report: progress(report.amount, report.note),
    )
    found = trajectory(
        configuration, temperature, whole_steps(at, settings.time_step), replicas, sequence,
        mixture=mixture, settings=settings, engine=engine, conduct=conduct,
    )  # fmt: skip
    return configuration.positions + found.displacements.astype(np.float64)


@takes_mixture(assume=False)
def trajectory(
    configuration: Configuration,
    temperature: float,
    steps: Sequence[int] | NDArray[np.int64],
    replicas: int,
    seed: np.random.SeedSequence,
    *,
    mixture: Mixture = KA2D,
    settings: DynamicsSettings = DEFAULT_SETTINGS,
    positions: ArrayLike | None = None,
    engine: str | Dynamics = "native",
    conduct: Conduct = PLAIN,
) -> Trajectory:
    """Run the replicas of one structure and return all that is recorded of them.

    Parameters
    ----------
    configuration, temperature, steps, replicas, seed, mixture, settings
        As for :class:`~tglassmlp.simulation.protocols.DynamicsRequest`.
    positions
        ``[replica, N, 2]`` positions each replica starts from, and its displacements count from; None: all
        start from those of ``configuration``.
    engine
        Name of an engine, or the engine itself.
    conduct
        Restart file, progress, threads.
    """
    request = DynamicsRequest(
        [configuration],
        [seed],
        temperature,
        steps,
        replicas,
        mixture,
        settings,
        None if positions is None else [positions],
    )
    chosen = dynamics_engine(engine) if isinstance(engine, str) else engine
    return trajectories(chosen, request, conduct)[0]


def run_structures(
    request: DynamicsRequest,
    *,
    engine: str = "native",
    state: str | Path | None = None,
    progress: Callable[[Report], None] | None = None,
    threads: int = 1,
) -> list[Trajectory]:
    """Run the replicas of several structures of one temperature.

    Parameters
    ----------
    request
        Structures, with their numbers within the temperature, and what is wanted of them.
    engine
        Name of the engine.
    state
        Folder of restart files, or None. Finished structures stay in it until :func:`forget_structures`,
        so that a killed job loses at most one block.
    progress
        Called with a :class:`~tglassmlp.progress.Report` now and then; amounts are particle-steps.
    threads
        Structures, or groups of replicas, that run at the same time. Results do not depend on it.

    Returns
    -------
    list of Trajectory
        In the order of the structures.
    """
    numbers = range(len(request)) if request.numbers is None else request.numbers
    conduct = Conduct(
        checkpoints=None if state is None else [Path(state) / f"structure{n}.npz" for n in numbers],
        keep_checkpoints=state is not None,
        progress=progress,
        threads=threads,
    )
    return trajectories(dynamics_engine(engine), request, conduct)


def forget_structures(state: str | Path) -> None:
    """Remove the restart files of :func:`run_structures`, once its results are safe."""
    folder = Path(state)
    if folder.is_dir():
        for pattern in ("structure*.npz", ".structure*.npz.*"):  # the latter half-written by killed processes
            for file in folder.glob(pattern):
                file.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def planned_structures(
    path: str | Path, plan: Mapping[str, int], temperature: float, seed: int, stage: str
) -> tuple[list[Configuration], list[int], list[np.random.SeedSequence]]:
    """Read the structures of one job, with their numbers within the temperature and their seeds.

    Parameters
    ----------
    path
        File of the chunk's structures.
    plan
        ``first_structure``, the number of the file's first one, and ``structures``, how many are wanted.
    temperature
        Their temperature.
    seed, stage
        The run's seed and the name of the work in :data:`tglassmlp.randomness.STAGES`.
    """
    structures = read_configurations(path)[: plan["structures"]]
    numbers = [plan["first_structure"] + k for k in range(len(structures))]
    return structures, numbers, [seed_sequence(seed, stage, state_point.key(temperature), n) for n in numbers]


def run_chunk(
    request: DynamicsRequest,
    *,
    label: str,
    status_file: Path | None = None,
    engine: str = "native",
    state: str | Path | None = None,
    threads: int = 1,
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Run several structures with progress lines and arrange the result for storage.

    Parameters
    ----------
    request, engine, state, threads
        As for :func:`run_structures`.
    label, status_file
        As for :class:`tglassmlp.progress.Progress`.

    Returns
    -------
    tuple
        Arrays (``displacements`` ``[structure, replica, frame, particle, 2]`` float32, ``times``, ``steps``,
        ``kinetic_temperature``, ``potential_energy``, ``conserved_drift`` ``[structure, replica, frame]``)
        and their attributes.
    """
    size = sum(c.n_particles for c in request.configurations)
    total = size * request.replicas * int(request.steps[-1])
    progress = Progress(label, total, "particle-steps", status_file)
    runs = run_structures(request, engine=engine, state=state, progress=progress.take, threads=threads)
    rate = sum(r.statistics.get("particle_steps_per_second", 0.0) for r in runs) / len(runs)
    progress.finish(f"{rate / 1e6:.1f} M particle-steps/s")

    def stacked(name: str) -> NDArray:
        return np.stack([getattr(r, name) for r in runs])

    axes = ("structure", "replica", "frame")
    arrays = {
        "displacements": Array(
            stacked("displacements"),
            (*axes, "particle", "dimension"),
            "sigma_11",
            "unwrapped position minus initial position",
        ),
        "times": Array(runs[0].times, ("frame",), "tau_LJ"),
        "steps": Array(runs[0].steps, ("frame",)),
        "kinetic_temperature": Array(stacked("kinetic_temperature"), axes, "epsilon_11"),
        "potential_energy": Array(stacked("potential_energy"), axes, "epsilon_11", "per particle"),
        "conserved_drift": Array(
            stacked("conserved_drift"),
            axes,
            "epsilon_11",
            "energy minus work of the thermostat, per particle",
        ),
    }
    settings = request.settings
    attributes = {
        "temperature": float(request.temperature),
        "engine": engine,
        "time_step": settings.time_step,
        "thermostat": settings.thermostat,
        "thermostat_velocities": settings.thermostat_velocities,
        "precision": engines.engine(engine).capabilities.precision(settings.precision),
        "structures": list(map(int, request.numbers or range(len(request)))),
    }
    return arrays, attributes


def extend_chunk(
    earlier: Mapping[str, NDArray],
    request: DynamicsRequest,
    duration: float,
    *,
    ratio: float = 1.601,
    **options: Any,
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Make finished trajectories longer: replicas go on from their last frame with new Maxwell velocities.

    Drawing velocities anew leaves the ensemble as it is and is forgotten within a few times the thermostat's
    relaxation time, so the propensities go on as those of an uninterrupted run would.

    Parameters
    ----------
    earlier
        Arrays of :func:`run_chunk`, as read from its file.
    request
        Structures and settings; the seeds must not be those of the earlier run. Its steps, replicas and
        positions are not used: they are those of the frames to come.
    duration
        Time of the last frame, counted from the structures; a multiple of the time step.
    ratio
        Smallest ratio of successive times.
    options
        As for :func:`run_chunk`.

    Returns
    -------
    tuple
        Arrays and attributes as of :func:`run_chunk`, with the frames of both runs. The drift of the
        conserved quantity is that of both runs added, without the step of the energy between them.

    Raises
    ------
    ValueError
        If the duration does not exceed the earlier one, is no multiple of the time step, or the arrays do
        not belong to the configurations.
    """
    done, last = int(earlier["steps"][-1]), int(whole_steps([duration], request.settings.time_step)[0])
    moved = earlier["displacements"][:, :, -1].astype(np.float64)
    if len(moved) != len(request):
        raise ValueError(f"the earlier run has {len(moved)} structures, found {len(request)} to go on with")
    steps = np.array(extension_steps(done, last, ratio), dtype=np.int64)
    starts = [c.positions + m for c, m in zip(request.configurations, moved, strict=True)]
    wanted = replace(request, steps=steps - done, replicas=moved.shape[1], positions=starts)
    found, attributes = run_chunk(wanted, **options)
    ends = {
        "displacements": moved[:, :, None],
        "times": earlier["times"][-1],
        "steps": done,
        "conserved_drift": earlier["conserved_drift"][..., -1:],
    }
    arrays = {}
    for name, array in found.items():
        values = (array.values + ends.get(name, 0)).astype(array.values.dtype)
        whole = np.concatenate([earlier[name], values], axis=array.axes.index("frame"))
        arrays[name] = replace(array, values=whole)
    return arrays, {**attributes, "velocities_drawn_anew_at": float(earlier["times"][-1])}
