"""Isoconfigurational dynamics on a graphics card: thousands of replicas at once, a block of threads each.

Replicas of all structures of a request move together, in batches as large as the memory of the card allows.
The kernels (``dynamics.cu``) repeat the arithmetic of the native engine in mixed precision operation by
operation, and random numbers are drawn on the processor from the same streams. A replica's path is therefore
that of engine ``native`` to the last bit; only checkpoints have another fingerprint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Report
from tglassmlp.simulation import thermostats
from tglassmlp.simulation.cuda.device import Device, device
from tglassmlp.simulation.cuda.replicas import STATE, ReplicaBatch, bytes_per_replica, list_words
from tglassmlp.simulation.dynamics import DEFAULT_SETTINGS, DynamicsSettings, Trajectory
from tglassmlp.simulation.native.fixed_point import (
    FixedPointModel,
    fixed_point,
    fixed_point_model,
    half_step_before,
    recorded,
    refuse_overlaps,
    run_fingerprint,
)
from tglassmlp.simulation.protocols import PLAIN, Conduct, DynamicsRequest
from tglassmlp.simulation.replica_run import (
    ReplicaNoise,
    ReplicaRun,
    checked_request,
    replica_seed,
    replica_starts,
)

__all__ = ["CALL_SECONDS", "ENGINE", "FIRST_WORK", "CudaDynamics", "particle_steps_per_second"]

#: A launch lasts about this long, so that progress, checkpoints and interrupts get their turn.
CALL_SECONDS: float = 2.0

#: Particle-steps of the first launch, when nothing is known about the device.
FIRST_WORK: float = 2e6

#: Share of the free memory of the device that the arrays of a batch may take.
MEMORY_SHARE: Final = 0.8


class _Run(ReplicaRun):
    """Books of the replicas of one structure."""

    def __init__(
        self,
        model: FixedPointModel,
        frames: NDArray[np.int64],
        starts: Sequence[Configuration],
        seed: np.random.SeedSequence,
        checkpoint: Path | None,
    ) -> None:
        self.model = model
        places = {id(c): fixed_point(c, np.int32) for c in starts}  # usually one for all
        self.start = np.stack([places[id(c)] for c in starts])
        self.statistics: dict[str, float] = {}
        self.resumed_at = 0
        super().__init__(
            frames,
            model.configuration.n_particles,
            model.settings.time_step,
            [ReplicaNoise(replica_seed(seed, r)) for r in range(len(starts))],
            run_fingerprint(model, frames, starts, seed, "cuda"),
            checkpoint,
        )

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return len(self.noise)


class CudaDynamics:
    """Dynamics of engine ``cuda``.

    Parameters
    ----------
    on
        Device; that of the environment if None (:func:`tglassmlp.simulation.cuda.device.device`).

    Examples
    --------
    >>> import tglassmlp as tg  # doctest: +SKIP
    >>> tg.isoconfigurational_dynamics(c, 0.5, [0.0, 1.0], 20, seed=1, engine="cuda")  # doctest: +SKIP
    """

    def __init__(self, on: Device | None = None) -> None:
        self.device = on

    def trajectories(self, request: DynamicsRequest, conduct: Conduct = PLAIN) -> list[Trajectory]:
        """Run all replicas and return their frames; see :class:`tglassmlp.simulation.protocols.Dynamics`.

        ``precision`` has no meaning here: the arithmetic is that of ``mixed``. Threads are those of the
        emulation, if there is no card.

        Raises
        ------
        ValueError
            For unusable input, structures too large for the device, or a damaged or foreign checkpoint.
        RuntimeError
            If the integration fails, or there is no card.
        ImportError
            If CuPy is not installed.
        MemoryError
            If the replicas of one structure do not fit the memory of the device.
        """
        on = self.device or device(conduct.threads)
        runs = []
        for k in range(len(request)):
            own = request.alone(k)
            try:
                runs.append(_run_of(own, None if conduct.checkpoints is None else conduct.checkpoints[k]))
            except (ValueError, RuntimeError) as error:
                raise _named(error, own) from error
        for members in _batches(runs, on):
            part = [runs[k] for k in members]
            try:
                _Batch(part, on, conduct).complete()
            except (ValueError, RuntimeError) as error:
                raise _named(error, request.part(members)) from error
        if not conduct.keep_checkpoints:
            for run in runs:
                run.clean()
        return [run.trajectory(statistics=run.statistics) for run in runs]


ENGINE: Final = CudaDynamics()


def _named(error: Exception, request: DynamicsRequest) -> Exception:
    """Return the error with the structures that it concerns in front, if they have numbers."""
    if not request.named:
        return error
    return type(error)(f"T = {request.temperature:g}, {request.named}: {error}")


def _run_of(request: DynamicsRequest, checkpoint: Path | None) -> _Run:
    """Books of the only structure of a request."""
    configuration = request.configurations[0]
    frames, replicas = checked_request(request.steps, request.replicas)
    settings = replace(request.settings, precision="mixed")
    model = fixed_point_model(configuration, request.temperature, request.mixture, settings)
    positions = None if request.positions is None else request.positions[0]
    starts = replica_starts(configuration, replicas, positions)
    if positions is not None:
        for start in starts:
            refuse_overlaps(model, start)
    return _Run(model, frames, starts, request.seeds[0], None if checkpoint is None else Path(checkpoint))


def _batches(runs: Sequence[_Run], on: Device) -> Iterator[list[int]]:
    """Places of the runs that move together: of equal size and box, as many as the device has memory for."""
    groups: dict[tuple[int, float], list[int]] = {}
    for k, run in enumerate(runs):
        c = run.model.configuration
        groups.setdefault((c.n_particles, c.box_length), []).append(k)
    for group in groups.values():
        words = max(list_words(runs[k].model) for k in group)
        first = runs[group[0]]
        each = first.replicas * bytes_per_replica(first.n_particles, words)
        most = max(1, int(MEMORY_SHARE * on.free_memory() / each))
        # parts of nearly equal size
        parts = -(-len(group) // most)
        yield from (list(part) for part in (group[k::parts] for k in range(parts)))


class _Batch:
    """Runs that move together on their way through the frames.

    Runs that were interrupted while their restart files were being written may be at different steps; those
    behind move first.
    """

    def __init__(self, runs: Sequence[_Run], on: Device, conduct: Conduct) -> None:
        self.runs, self.conduct = list(runs), conduct
        self.replicas = runs[0].replicas
        self.settings = runs[0].model.settings
        self.batch = ReplicaBatch([run.model for run in runs], self.replicas, on)
        n = runs[0].n_particles
        shape = (self.batch.count, n, 2)
        state: dict[str, NDArray[Any]] = {
            **{name: np.zeros(shape, dtype=np.int32) for name in ("position", "velocity", "image")},
            **{name: np.zeros(self.batch.count) for name in ("friction", "work")},
        }
        fresh = []
        for s, run in enumerate(self.runs):
            found = run.resume()
            if found is None:
                state["position"][self._rows(s)] = run.start
                fresh.append(s)
                continue
            run.resumed_at = run.step
            for name in STATE:
                state[name][self._rows(s)] = found[name]
            self.conduct.tell(Report(float(n * self.replicas * run.step), "resumed", resumed=True))
        steps = np.repeat([run.step for run in self.runs], self.replicas)
        self.batch.set(state, steps)
        if fresh:
            self._launch(fresh, state, steps)

    def _rows(self, structure: int) -> slice:
        """Replicas of a structure in the arrays of the batch."""
        return slice(structure * self.replicas, (structure + 1) * self.replicas)

    def _active(self, structures: Sequence[int]) -> NDArray[np.int32]:
        rows = [np.arange(self.batch.count, dtype=np.int32)[self._rows(s)] for s in structures]
        return np.concatenate(rows)

    def _share(self, values: NDArray[Any], place: int) -> NDArray[Any]:
        """Part of an array ``[..., block]`` of the structure at a place among the active ones."""
        return values[..., self._rows(place)]

    def _launch(
        self, structures: list[int], state: dict[str, NDArray[Any]], steps: NDArray[np.int64]
    ) -> None:
        """Start all replicas of some structures with Maxwell velocities, each its own."""
        active = self._active(structures)
        self.batch.measure(active)
        forces = self.batch.forces()
        for s in structures:
            run, rows = self.runs[s], self._rows(s)
            velocities = thermostats.maxwell(run.noise, run.model.temperature, run.n_particles)
            state["velocity"][rows] = half_step_before(velocities, forces[rows], run.model.velocity_unit)
        self.batch.set(state, steps)
        kinetic, potential = self.batch.measure(active)
        for place, s in enumerate(structures):
            self.runs[s].reference = self._share(kinetic[0] + potential, place)

    def _record(self, structures: list[int]) -> None:
        """Store the frames that some structures have reached."""
        kinetic, potential = self.batch.measure(self._active(structures))
        state = self.batch.state()
        for place, s in enumerate(structures):
            run, rows = self.runs[s], self._rows(s)
            run.record_frame(
                *recorded(
                    run.model,
                    run.start,
                    state["position"][rows],
                    state["image"][rows],
                    self._share(kinetic, place),
                    self._share(potential, place),
                    state["work"][rows],
                )
            )

    def _save(self) -> None:
        if all(run.checkpoint is None for run in self.runs):
            return
        state = self.batch.state()
        for s, run in enumerate(self.runs):
            run.write(run.snapshot({name: state[name][self._rows(s)] for name in STATE}))

    def advance(self, structures: list[int], first: int, n_steps: int) -> None:
        """Move the replicas of some structures, all of them at step ``first``."""
        count = thermostats.applications(first, n_steps, self.settings.thermostat_interval)
        normal = gamma = np.zeros((len(structures) * self.replicas, 0))
        if self.settings.thermostat == "bussi":
            noise = [one for s in structures for one in self.runs[s].noise]
            normal, gamma = thermostats.deviates(noise, count, self.runs[0].model.freedom)
        self.batch.advance(self._active(structures), first, n_steps, normal, gamma)

    def complete(self) -> None:
        """Run to the last frame."""
        saved = time.monotonic()
        n = self.runs[0].n_particles
        n_steps = max(10, int(FIRST_WORK / (n * self.batch.count)))
        reached = [
            s for s, run in enumerate(self.runs) if not run.finished and run.frames[run.done] == run.step
        ]
        if reached:
            self._record(reached)
        while going := [s for s, run in enumerate(self.runs) if not run.finished]:
            step = min(self.runs[s].step for s in going)
            moving = [s for s in going if self.runs[s].step == step]
            others = [self.runs[s].step for s in going if self.runs[s].step > step]
            frame = min(int(self.runs[s].frames[self.runs[s].done]) for s in moving)
            stop = min(frame, step + n_steps, *others)
            began = time.monotonic()
            self.advance(moving, step, stop - step)
            taken, moved = time.monotonic() - began, stop - step
            for s in moving:
                self.runs[s].step = stop
                # of one structure: so that rates are those of the device
                self.runs[s].seconds += taken / len(moving)
            if moved == n_steps:
                n_steps = max(10, int(n_steps * min(4.0, CALL_SECONDS / max(taken, 1e-3))))
            work = n * self.replicas * len(moving) * moved
            self.conduct.tell(Report(float(work), self.runs[moving[0]].note()))
            reached = [s for s in moving if self.runs[s].frames[self.runs[s].done] == stop]
            if reached:
                self._record(reached)
            if time.monotonic() - saved >= self.settings.block_seconds:
                self._save()
                saved = time.monotonic()
        if self.conduct.keep_checkpoints:
            self._save()
        self._note_statistics()

    def _note_statistics(self) -> None:
        """Entries of the list per particle and steps that a list lasts, since the start of this process."""
        counters = self.batch.counters()
        for s, run in enumerate(self.runs):
            lists, listed = counters[self._rows(s)].sum(axis=0).tolist()
            moved = max(1, run.step - run.resumed_at) * self.replicas
            run.statistics = {
                "pairs_per_particle": 0.5 * listed / (moved * run.n_particles),
                "steps_per_list": moved / max(1, lists),
                "resident_replicas": float(self.batch.resident()),
            }


def particle_steps_per_second(
    configuration: Configuration,
    temperature: float,
    replicas: int,
    mixture: Mixture,
    *,
    settings: DynamicsSettings = DEFAULT_SETTINGS,
    seconds: float = 2.0,
    seed: int = 1,
    on: Device | None = None,
) -> dict[str, float]:
    """Measure particle-steps per second of many replicas of one structure.

    Launches become longer until one takes the time that is wanted; that one counts, with the random numbers
    that the processor draws for it.

    Parameters
    ----------
    configuration, temperature, mixture, settings
        Structure, temperature, pair potential, integration.
    replicas
        Replicas that move at the same time.
    seconds
        Shortest time of the launch that counts.
    seed
        Seed of the velocities and of the thermostat.
    on
        Device; that of the environment if None.

    Returns
    -------
    dict
        ``particle_steps_per_second``, ``replicas``, ``steps`` and ``seconds`` of the launch that counts,
        ``entries_per_particle`` of the list, ``steps_per_list``, ``resident_replicas`` of the device.
    """
    place = on or device()
    request = DynamicsRequest(
        [configuration], [np.random.SeedSequence(seed)], temperature, [0], replicas, mixture, settings
    )
    run = _run_of(request, None)
    batch = _Batch([run], place, PLAIN)
    steps, taken = 20, 0.0
    batch.advance([0], 0, steps)
    done = steps
    before = batch.batch.counters()
    while taken < seconds:
        steps = max(steps + 1, int(steps * min(8.0, 1.3 * seconds / max(taken, 1e-3))))
        before = batch.batch.counters()
        began = time.perf_counter()
        batch.advance([0], done, steps)
        taken, done = time.perf_counter() - began, done + steps
    lists, listed = (batch.batch.counters() - before).sum(axis=0).tolist()
    work = run.n_particles * replicas * steps
    return {
        "particle_steps_per_second": work / taken,
        "replicas": float(replicas),
        "steps": float(steps),
        "seconds": taken,
        "entries_per_particle": listed / work,
        "steps_per_list": replicas * steps / max(1, lists),
        "resident_replicas": float(batch.batch.resident()),
    }
