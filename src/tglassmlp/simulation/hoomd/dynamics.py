"""Isoconfigurational dynamics by HOOMD-blue: trajectories of stacked replicas.

HOOMD-blue integrates at constant energy (velocity Verlet); velocities, thermostats and their random numbers
are ours, replica by replica, and those of the native engine: with the same seed both engines follow the same
path until rounding errors have grown. Runs repeat bit for bit on one kind of CPU, also after an interruption,
but a replica's last digits, and hence after a while its path, depend on the planes it shares a simulation
with.

Versions 4 and later of HOOMD-blue are used through calls that have not changed, as far as their sources and
change logs could be read (docs/engines.md says which versions were run and which only read). Once in a
process the forces are compared with our own.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.progress import Report
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.simulation import energies, thermostats
from tglassmlp.simulation.dynamics import Trajectory
from tglassmlp.simulation.hoomd.machine import Machine
from tglassmlp.simulation.hoomd.planes import Stack, check, check_forces
from tglassmlp.simulation.hoomd.thermostat import Thermostat
from tglassmlp.simulation.protocols import PLAIN, Conduct, DynamicsRequest
from tglassmlp.simulation.replica_run import (
    ReplicaNoise,
    ReplicaRun,
    checked_request,
    content_hash,
    replica_seed,
    replica_starts,
)

__all__ = ["ENGINE", "HoomdEngine", "Interrupted"]

#: Particle-steps between two states a run can be resumed from, on a CPU and on a GPU.
BLOCK_WORK: Final[dict[str, float]] = {"cpu": 2e7, "gpu": 3e9}
#: Seconds before the end of the job's time at which a run stops and saves itself.
WALL_MARGIN: Final = 60.0


class Interrupted(RuntimeError):
    """A run stopped on request (SIGTERM, end of the job's time) after saving its state."""


@dataclass(frozen=True)
class _Plane:
    """One replica of one structure."""

    structure: int
    replica: int
    configuration: Configuration
    seed: np.random.SeedSequence


class _Run(ReplicaRun):
    """One simulation on its way through the frames."""

    def __init__(
        self,
        planes: Sequence[_Plane],
        request: DynamicsRequest,
        frames: NDArray[np.int64],
        machine: Machine,
        checkpoint: Path | None,
    ) -> None:
        self.planes, self.temperature = list(planes), float(request.temperature)
        self.mixture, self.settings, self.machine = request.mixture, request.settings, machine
        first = planes[0].configuration
        self.box_length = first.box_length
        self.species = np.stack([p.configuration.species for p in planes])
        self.start = np.stack([p.configuration.wrapped() for p in planes])
        super().__init__(
            frames,
            first.n_particles,
            self.settings.time_step,
            [ReplicaNoise(p.seed) for p in planes],
            self._identity(frames),
            checkpoint,
        )
        self.block = max(1, round(BLOCK_WORK[machine.device] / (first.n_particles * len(planes))))
        self.saved: tuple[dict[str, NDArray], dict[str, Any]] | None = None
        self.stop = ""

    def _identity(self, frames: NDArray[np.int64]) -> str:
        settings = asdict(self.settings)
        for name in ("skin", "block_seconds", "precision"):
            settings.pop(name, None)
        planes = [
            [content_hash(p.configuration), p.replica, str(p.seed.entropy), list(map(int, p.seed.spawn_key))]
            for p in self.planes
        ]
        return fingerprint(
            {
                "planes": planes,
                "box_length": self.box_length,
                "temperature": self.temperature,
                "frames": frames.tolist(),
                "mixture": asdict(self.mixture),
                "settings": settings,
                "engine": "hoomd",
                "potential": self.machine.potential,
                "stage_version": stage_version(self.settings.stage),
            }
        )

    def _remember(self, arrays: tuple[NDArray, NDArray, NDArray]) -> None:
        """Keep the present state, from which the run can go on."""
        state = dict(zip(("position", "velocity", "image"), arrays, strict=True))
        friction, work = self.thermostat.friction.copy(), self.thermostat.work.copy()
        self.saved = self.snapshot({**state, "friction": friction, "work": work})

    def _save(self) -> None:
        if self.saved is not None:
            self.write(self.saved)

    # -- running ------------------------------------------------------------------------------------

    def _look(self, timestep: int) -> None:
        """Stop if a signal came or the job's time is nearly over.

        Raises
        ------
        Interrupted
            After which the state of the last block is saved.
        """
        end = self.machine.end
        if (
            not self.stop
            and end is not None
            and self.checkpoint is not None
            and time.time() > end - WALL_MARGIN
        ):
            self.stop = "the job's time is nearly over"
        if self.stop:
            raise Interrupted(f"stopped at step {timestep} of {self.frames[-1]}: {self.stop}")

    def _measure(self, position: NDArray, velocity: NDArray) -> NDArray:
        """Kinetic, potential, and conserved energy without its reference ``[3, plane]``."""
        kinetic = 0.5 * (velocity**2).sum(axis=(1, 2))
        potential = np.array(
            [
                energies.total_energy(
                    Configuration(position[p], self.species[p], self.box_length), self.mixture
                )
                for p in range(len(self.planes))
            ]
        )
        return np.stack([kinetic, potential, kinetic + potential])

    def _kinetic_half_a_step_before(self, position: NDArray, velocity: NDArray) -> NDArray:
        """Kinetic energy ``[plane]`` of the velocities that the thermostat acts on; all masses are 1."""
        force = np.array(
            [
                energies.forces(Configuration(position[p], self.species[p], self.box_length), self.mixture)
                for p in range(len(self.planes))
            ]
        )
        half: NDArray = velocity - 0.5 * self.settings.time_step * force
        return 0.5 * (half**2).sum(axis=(1, 2))

    def _record(self, arrays: tuple[NDArray, NDArray, NDArray]) -> None:
        """Store the frame at the present step."""
        position, velocity, image = arrays
        measured = self._measure(position, velocity)
        measured[2] -= self.thermostat.work
        if self.settings.thermostat_velocities == "half_step":
            measured[0] = self._kinetic_half_a_step_before(position, velocity)
        self.record_frame(position - self.start + image * self.box_length, measured)

    def complete(self, tell: Callable[[Report], None]) -> None:
        """Run to the last frame, from the checkpoint if there is one.

        Raises
        ------
        Interrupted
            On SIGTERM or near the end of the job's time; the message says where the state is.
        """
        size = self.n_particles * len(self.planes)
        found = self.resume()
        if found is not None:
            tell(Report(float(size * self.step), "resumed", resumed=True))
        if self.finished:
            return
        if found is None:
            velocity = thermostats.maxwell(self.noise, self.temperature, self.n_particles)
            arrays = (self.start, velocity, np.zeros(self.start.shape, dtype=np.int32))
            self.reference = self._measure(self.start, velocity)[2]
        else:
            arrays = (found["position"], found["velocity"], found["image"])
        integrator = hoomd.md.Integrator(dt=self.settings.time_step)
        stack = Stack(
            self.start, self.species, self.box_length, self.mixture, self.machine, integrator, self.step
        )
        stack.set(*arrays)
        self.thermostat = Thermostat(stack, self.temperature, self.settings, self.noise, self._look)
        if found is not None:
            self.thermostat.friction, self.thermostat.work = found["friction"], found["work"]
        self._remember(arrays)
        written = time.monotonic()
        try:
            with self._listening():
                if self.frames[self.done] == self.step:
                    self._record(arrays)
                while not self.finished:
                    stop = min(int(self.frames[self.done]), (self.step // self.block + 1) * self.block)
                    moved, began = stop - self.step, time.monotonic()
                    self.thermostat.run(moved)
                    self.seconds += time.monotonic() - began
                    self.step = stop
                    tell(Report(float(size * moved), self.note()))
                    arrays = stack.get()
                    if stop == self.frames[self.done]:
                        self._record(arrays)
                    if stop % self.block == 0:
                        # what is resumed here begins with a new list and new forces, so this does too
                        stack.set(*arrays)
                        self._remember(arrays)
                        if time.monotonic() - written >= self.settings.block_seconds:
                            self._save()
                            written = time.monotonic()
        except (Interrupted, KeyboardInterrupt) as stopped:
            if self.checkpoint is None or self.saved is None:
                raise
            self._save()
            if isinstance(stopped, KeyboardInterrupt):
                raise
            raise Interrupted(
                f"{stopped}; the state at step {self.saved[1]['step']} is in {self.checkpoint}, "
                "the same command goes on from there"
            ) from None
        self._remember(arrays)
        self._save()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Turn SIGTERM into a stop at the next step the thermostat acts at."""
        if threading.current_thread() is not threading.main_thread() or self.checkpoint is None:
            yield
            return

        def noted(number: int, frame: Any) -> None:
            self.stop = signal.Signals(number).name

        before = signal.signal(signal.SIGTERM, noted)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


class HoomdEngine:
    """HOOMD-blue on CPU or GPU, with replicas as planes of one simulation.

    Parameters
    ----------
    machine
        Device, planes per simulation, form of the potential, end of the job; from the environment
        (:meth:`Machine.from_environment`) when a run starts if it is None.

    Examples
    --------
    >>> import tglassmlp as tg  # doctest: +SKIP
    >>> tg.isoconfigurational_dynamics(c, 0.5, [0.0, 1.0], 8, seed=1, engine="hoomd")  # doctest: +SKIP
    """

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine

    def trajectories(self, request: DynamicsRequest, conduct: Conduct = PLAIN) -> list[Trajectory]:
        """Run the replicas of all structures, as many of them in one simulation as fit.

        ``precision`` and ``skin`` of the settings have no meaning here: HOOMD-blue computes in double
        precision. Threads are not used.

        Raises
        ------
        ValueError
            For unusable input, or a damaged or foreign checkpoint.
        RuntimeError
            If the integration fails or a particle leaves its plane.
        Interrupted
            On SIGTERM or near the end of the job's time, with the state saved.
        """
        try:
            return self._all(request, conduct)
        except (ValueError, RuntimeError) as error:
            if not request.named:
                raise
            raise type(error)(f"T = {request.temperature:g}, {request.named}: {error}") from error

    def _all(self, request: DynamicsRequest, conduct: Conduct) -> list[Trajectory]:
        configurations, temperature = request.configurations, request.temperature
        frames, replicas = checked_request(request.steps, request.replicas)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be a positive number, found {temperature}")
        machine = (self.machine or Machine.from_environment()).resolved()
        first = configurations[0]
        positions = request.positions
        starts = [
            replica_starts(c, replicas, None if positions is None else positions[s])
            for s, c in enumerate(configurations)
        ]
        one_each = configurations if positions is None else [c for all_c in starts for c in all_c]
        check(one_each, request.mixture, machine)
        check_forces(first, request.mixture, machine)
        if first.n_particles < 2:
            raise ValueError("dynamics at zero total momentum needs at least 2 particles, found 1")
        planes = [
            _Plane(s, r, c, replica_seed(seed, r))
            for s, (all_c, seed) in enumerate(zip(starts, request.seeds, strict=True))
            for r, c in enumerate(all_c)
        ]
        most = machine.planes_per_simulation(first.n_particles, replicas)
        parts: list[list[Trajectory]] = [[] for _ in configurations]
        runs = []
        for k, begin in enumerate(range(0, len(planes), most)):
            members = planes[begin : begin + most]
            run = _Run(members, request, frames, machine, _checkpoint(request, conduct, k))
            run.complete(conduct.tell)
            runs.append(run)
            for s in sorted({p.structure for p in members}):
                at = [i for i, p in enumerate(members) if p.structure == s]
                parts[s].append(run.trajectory(at, {"planes": float(len(members))}))
        if not conduct.keep_checkpoints:
            for run in runs:
                run.clean()
        return [_joined(p) for p in parts]


def _checkpoint(request: DynamicsRequest, conduct: Conduct, simulation: int) -> Path | None:
    """Restart file of one simulation, which holds replicas of all structures."""
    files = conduct.checkpoints
    if files is None:
        return None
    stem = Path(files[0]).stem
    if len(files) > 1:
        numbers = request.numbers or range(len(request))
        stem = f"structures{numbers[0]}to{numbers[-1]}"
    return Path(files[0]).with_name(f"{stem}.stack{simulation}.npz")


def _joined(parts: Sequence[Trajectory]) -> Trajectory:
    """One trajectory from those of some of its replicas each."""
    if len(parts) == 1:
        return parts[0]
    seconds = sum(p.statistics["seconds"] for p in parts)
    rates = [p.statistics["particle_steps_per_second"] for p in parts]
    return Trajectory(
        np.concatenate([p.displacements for p in parts]),
        parts[0].times,
        parts[0].steps,
        np.concatenate([p.kinetic_temperature for p in parts]),
        np.concatenate([p.potential_energy for p in parts]),
        np.concatenate([p.conserved_drift for p in parts]),
        {
            "seconds": seconds,
            "particle_steps_per_second": float(np.mean(rates)),
            "planes": parts[0].statistics["planes"],
        },
    )


ENGINE: Final = HoomdEngine()
