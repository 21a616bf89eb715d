"""Making one file of dynamics: trajectories of all replicas, what is measured on them, checks, record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp import state_point
from tglassmlp.config import plain
from tglassmlp.configuration import Configuration
from tglassmlp.dataset import dynamics_content, structure_content
from tglassmlp.dataset.files import DatasetFile, write_file
from tglassmlp.dataset.plan import Task
from tglassmlp.dataset.stopping import ToldProgress, Watch
from tglassmlp.dataset.workplace import Workplace
from tglassmlp.frames import extension_steps
from tglassmlp.progress import Report
from tglassmlp.randomness import seed_sequence
from tglassmlp.simulation import checkpoint
from tglassmlp.simulation.dynamics import DynamicsSettings, log_spaced_steps
from tglassmlp.simulation.protocols import Conduct
from tglassmlp.simulation.run import trajectory

__all__ = ["WrongDynamicsError", "make_dynamics"]

#: Engine of the trajectories.
ENGINE: Final = "native"

#: Largest relative deviation of the mean kinetic temperature of a file's dynamics.
KINETIC_TOLERANCE: Final = 0.02

#: Largest deviation of the potential energy per particle, late frames, from that of the equilibration, in T.
ENERGY_TOLERANCE: Final = 0.1

#: Frames from this time on count as late.
LATE: Final = 10.0


class WrongDynamicsError(ValueError):
    """Temperature or energy of dynamics are not those of the equilibrated structures."""


def make_dynamics(place: Workplace, task: Task, label: str, watch: Watch) -> None:
    """Make a file of dynamics.

    Raises
    ------
    WrongDynamicsError
        If temperature or energy are not those of the equilibrated structures.
    """
    chosen = plain(place.plan.dynamics)
    settings = DynamicsSettings.from_mapping(chosen)
    replicas = place.plan.dynamics.replicas
    source = DatasetFile(place.target(task.needs[0]))
    places = {number: k for k, number in enumerate(source.structures)}
    structures = [structure_content.read_configuration(source, places[k]) for k in task.structures]
    if task.begin:
        steps = np.array(extension_steps(task.begin, task.end, chosen["frame_ratio"]), dtype=np.int64)
        stage, keys = "extended_dynamics", [task.begin]
    else:
        steps = log_spaced_steps(task.end * settings.time_step, settings.time_step, chosen["frame_ratio"])
        stage, keys = "isoconfigurational_dynamics", []
    work = structures[0].n_particles * replicas * (task.end - task.begin)
    progress = ToldProgress(
        watch, label, work * len(structures), "particle-steps", interval=place.interval, stream=place.stream
    )
    measured, states, ends = [], [], []

    def tell(number: int) -> Callable[[Report], None]:
        return lambda report: progress.take(
            report._replace(note=f"structure {number} {report.note}".rstrip())
        )

    for number, c in zip(task.structures, structures, strict=True):
        states.append(place.restart(task.name, number))
        earlier = _last(place, task, number, c) if task.begin else None
        run = trajectory(
            c,
            task.temperature,
            steps - task.begin,
            replicas,
            seed_sequence(place.plan.seed, stage, state_point.key(task.temperature), number, *keys),
            mixture=place.mixture,
            settings=settings,
            positions=None if earlier is None else c.positions + earlier,
            engine=ENGINE,
            conduct=Conduct([states[-1]], True, tell(number), place.threads),
        )
        if earlier is not None:
            moved = run.displacements + earlier[:, None].astype(np.float64)
            run = replace(run, displacements=moved.astype(np.float32))
        p = place.plan.propensity
        measured.append(dynamics_content.measure(c, run, p.r_in, p.r_out, p.wave_number, place.mixture))
        ends.append(run.displacements[:, -1])
    times = steps * settings.time_step
    _check(task, source, places, measured, times)
    _keep_last(place, task, structures, ends)
    record = place.record(
        task,
        engine=ENGINE,
        replicas=replicas,
        time_step=settings.time_step,
        begin=task.begin,
        end=task.end,
        r_in=place.plan.propensity.r_in,
        r_out=place.plan.propensity.r_out,
        wave_number=place.plan.propensity.wave_number,
        smallest_displacement=dynamics_content.SMALLEST_DISPLACEMENT,
        displacement_step=dynamics_content.DISPLACEMENT_STEP,
        settings={k: v for k, v in chosen.items() if k not in ("block_seconds", "replicas")},
        structure_sha256=[structure_content.structure_hash(c) for c in structures],
    )
    write_file(place.target(task.name), dynamics_content.dynamics_arrays(steps, measured), record)
    place.tidy(task.name, states, frames=len(steps))


def _check(
    task: Task,
    source: DatasetFile,
    places: dict[int, int],
    measured: list[dynamics_content.Measured],
    times: NDArray[np.floating],
) -> None:
    """Compare temperature and energy of late frames with the thermostat's and the equilibration's."""
    late = times >= LATE
    if late.sum() < 3:
        return
    kinetic = float(np.mean([m.kinetic_temperature[late] for m in measured]))
    if abs(kinetic / task.temperature - 1.0) > KINETIC_TOLERANCE:
        raise WrongDynamicsError(
            f"the mean kinetic temperature is {kinetic:.4f}, allowed is {task.temperature:g} to within "
            f"{KINETIC_TOLERANCE:.0%}"
        )
    energy = float(np.mean([m.potential_energy[late] for m in measured]))
    tables = [structure_content.read_evidence(source, places[k]) for k in task.structures]
    expected = float(np.mean([t.energy[t.measured].mean() for t in tables]))
    # of small systems (tests), the energy fluctuates more
    allowed = ENERGY_TOLERANCE * task.temperature * max(1.0, np.sqrt(1290 / measured[0].neighbours.size))
    if abs(energy - expected) > allowed:
        raise WrongDynamicsError(
            f"the mean potential energy per particle is {energy:.4f}, that of the equilibrated "
            f"structures {expected:.4f}, allowed is a difference of {allowed:.3g}"
        )


def _keep_last(
    place: Workplace, task: Task, structures: list[Configuration], ends: list[NDArray[np.float32]]
) -> None:
    for number, c, end in zip(task.structures, structures, ends, strict=True):
        checkpoint.save(
            place.last(task.name, number),
            {"displacement": end},
            {"step": task.end},
            structure_content.structure_hash(c),
        )


def _last(place: Workplace, task: Task, number: int, c: Configuration) -> NDArray[np.float64]:
    """Displacements ``[R, N, 2]`` at which earlier dynamics ended."""
    path = place.last(task.needs[-1], number)
    found = checkpoint.load(path, structure_content.structure_hash(c))
    if found is None:
        raise ValueError(
            f"{path}: the last positions of the replicas are not there, so {task.needs[-1]} cannot be "
            "made longer; they lie in the state folder of the machine that made it"
        )
    arrays, record = found
    if record["step"] != task.begin:
        raise ValueError(
            f"{path}: holds positions at step {record['step']}, needed are those at {task.begin}"
        )
    return arrays["displacement"].astype(np.float64)
