"""HOOMD-blue as an engine: trajectories, minimisation and hybrid swap Monte Carlo of stacked replicas.

HOOMD-blue integrates at constant energy (velocity Verlet); velocities, thermostats and their random numbers
are ours, replica by replica, and those of the native engine: with the same seed both engines follow the same
path until rounding errors have grown. Runs repeat bit for bit on one kind of CPU, also after an interruption,
but a replica's last digits, and hence after a while its path, depend on the planes it shares a simulation
with.

Versions 4 and later of HOOMD-blue are used through calls that are the same in 4.0, 4.8 and the development of
5 (docs/engines.md says which versions were run and which only read).
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import hoomd
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.config import MinimisationSettings
from tglassmlp.config import check as check_settings
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.simulation import energies
from tglassmlp.simulation.engine import Trajectory
from tglassmlp.simulation.hoomd_planes import Machine, Stack, Thermostat, check, maxwell, stacked
from tglassmlp.simulation.molecular_dynamics import DynamicsSettings
from tglassmlp.simulation.replica_run import (
    ReplicaNoise,
    ReplicaRun,
    checked_request,
    content_hash,
    replica_seed,
    replica_starts,
)
from tglassmlp.simulation.swap_monte_carlo import Chain

__all__ = ["ENGINE", "HoomdEngine", "Interrupted", "hybrid_swap", "inherent_structures"]

#: Particle-steps between two states a run can be resumed from, on a CPU and on a GPU.
BLOCK_WORK: Final[dict[str, float]] = {"cpu": 2e7, "gpu": 3e9}
#: Seconds before the end of the job's time at which a run stops and saves itself.
WALL_MARGIN: Final = 60.0
#: Share of exchanges when no displacement may be tried: the largest number below 1.
SWAPS_ONLY: Final = float(np.nextafter(1.0, 0.0))


_DEFAULTS: Final = DynamicsSettings()


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
        temperature: float,
        frames: NDArray[np.int64],
        mixture: Mixture,
        settings: DynamicsSettings,
        machine: Machine,
        checkpoint: Path | None,
    ) -> None:
        self.planes, self.temperature = list(planes), float(temperature)
        self.mixture, self.settings, self.machine = mixture, settings, machine
        first = planes[0].configuration
        self.box_length = first.box_length
        self.species = np.stack([p.configuration.species for p in planes])
        self.start = np.stack([p.configuration.wrapped() for p in planes])
        super().__init__(
            frames,
            first.n_particles,
            settings.time_step,
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
                "stage_version": stage_version("dynamics"),
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
        energies = self._measure(position, velocity)
        energies[2] -= self.thermostat.work
        if self.settings.thermostat_velocities == "half_step":
            energies[0] = self._kinetic_half_a_step_before(position, velocity)
        self.record_frame(position - self.start + image * self.box_length, energies)

    def complete(self, progress: Callable[[float, str], None] | None) -> None:
        """Run to the last frame, from the checkpoint if there is one.

        Raises
        ------
        Interrupted
            On SIGTERM or near the end of the job's time; the message says where the state is.
        """
        size = self.n_particles * len(self.planes)
        found = self.resume()
        if found is not None and progress is not None:
            progress(float(size * self.step), "resumed")
        if self.finished:
            return
        if found is None:
            velocity = maxwell(self.noise, self.temperature, self.n_particles)
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
                    if progress is not None:
                        progress(float(size * moved), self.note())
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

    name = "hoomd"

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine

    @takes_mixture(assume=False)
    def trajectory(
        self,
        configuration: Configuration,
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seed: np.random.SeedSequence,
        *,
        mixture: Mixture = KA2D,
        settings: DynamicsSettings = _DEFAULTS,
        checkpoint: Path | None = None,
        progress: Callable[[float, str], None] | None = None,
        threads: int = 1,
        keep_checkpoint: bool = False,
        positions: ArrayLike | None = None,
    ) -> Trajectory:
        """Run all replicas of one structure; as for the native engine.

        ``settings.precision`` and ``settings.skin`` have no meaning here: HOOMD-blue computes in double
        precision. ``threads`` is not used.
        """
        return self._all(
            [configuration], temperature, steps, replicas, [seed], mixture, settings,
            None if checkpoint is None else Path(checkpoint), progress, keep_checkpoint,
            None if positions is None else [positions],
        )[0]  # fmt: skip

    @takes_mixture(assume=False)
    def run_structures(
        self,
        configurations: Sequence[Configuration],
        numbers: Sequence[int],
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seeds: Sequence[np.random.SeedSequence],
        *,
        mixture: Mixture = KA2D,
        settings: DynamicsSettings = _DEFAULTS,
        state: str | Path | None = None,
        progress: Callable[[float, str], None] | None = None,
        threads: int = 1,
        positions: Sequence[ArrayLike] | None = None,
    ) -> list[Trajectory]:
        """Run the replicas of several structures, as many of them in one simulation as fit.

        Parameters are those of :func:`tglassmlp.simulation.molecular_dynamics.run_structures`.

        Raises
        ------
        ValueError
            For unusable input, or a damaged or foreign checkpoint.
        RuntimeError
            If the integration fails or a particle leaves its plane.
        Interrupted
            On SIGTERM or near the end of the job's time, with the state saved.
        """
        checkpoint = None if state is None else Path(state) / f"structures{numbers[0]}to{numbers[-1]}.npz"
        try:
            return self._all(
                configurations, temperature, steps, replicas, seeds, mixture, settings, checkpoint, progress,
                keep_checkpoint=True, positions=positions,
            )  # fmt: skip
        except (ValueError, RuntimeError) as error:
            raise type(error)(f"T = {temperature:g}, structures {list(numbers)}: {error}") from error

    def _all(
        self,
        configurations: Sequence[Configuration],
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seeds: Sequence[np.random.SeedSequence],
        mixture: Mixture,
        settings: DynamicsSettings,
        checkpoint: Path | None,
        progress: Callable[[float, str], None] | None,
        keep_checkpoint: bool,
        positions: Sequence[ArrayLike] | None,
    ) -> list[Trajectory]:
        frames, replicas = checked_request(steps, replicas)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be a positive number, found {temperature}")
        machine = (self.machine or Machine.from_environment()).resolved()
        first = configurations[0]
        starts = [
            replica_starts(c, replicas, None if positions is None else positions[s])
            for s, c in enumerate(configurations)
        ]
        one_each = configurations if positions is None else [c for all_c in starts for c in all_c]
        check(one_each, mixture, machine)
        if first.n_particles < 2:
            raise ValueError("dynamics at zero total momentum needs at least 2 particles, found 1")
        planes = [
            _Plane(s, r, c, replica_seed(seed, r))
            for s, (all_c, seed) in enumerate(zip(starts, seeds, strict=True))
            for r, c in enumerate(all_c)
        ]
        most = machine.planes_per_simulation(first.n_particles, replicas)
        parts: list[list[Trajectory]] = [[] for _ in configurations]
        runs = []
        for k, begin in enumerate(range(0, len(planes), most)):
            members = planes[begin : begin + most]
            run = _Run(
                members, temperature, frames, mixture, settings, machine,
                None if checkpoint is None else checkpoint.with_name(f"{checkpoint.stem}.stack{k}.npz"),
            )  # fmt: skip
            run.complete(progress)
            runs.append(run)
            for s in sorted({p.structure for p in members}):
                at = [i for i, p in enumerate(members) if p.structure == s]
                parts[s].append(run.trajectory(at, {"planes": float(len(members))}))
        if not keep_checkpoint:
            for run in runs:
                run.clean()
        return [_joined(p) for p in parts]


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


@takes_mixture(assume=False)
def inherent_structures(
    configurations: Sequence[Configuration],
    *,
    force_tolerance: float = 1e-6,
    maximum_steps: int = 200_000,
    mixture: Mixture = KA2D,
    machine: Machine | None = None,
) -> list[Configuration]:
    """Inherent structures of several configurations at once, by the FIRE minimiser of HOOMD-blue.

    FIRE steers its step and damping by the power of all planes together, so that the path to a minimum (not
    the minimum's quality) depends on the planes beside it.

    Parameters
    ----------
    configurations
        Configurations with equal boxes and numbers of particles.
    force_tolerance
        Largest force on any particle of the result.
    maximum_steps
        Steps after which the search is given up.
    mixture, machine
        Pair potential; device and form of the potential.

    Returns
    -------
    list of Configuration
        Positions unwrapped, continuing those given.

    Raises
    ------
    ValueError
        If the tolerance or the number of steps is out of range.
    RuntimeError
        If a configuration has not reached the tolerance.
    """
    check_settings(MinimisationSettings, force_tolerance=force_tolerance, maximum_steps=maximum_steps)
    machine = (machine or Machine.from_environment()).resolved()
    tiny = 1e-3 * force_tolerance
    fire = hoomd.md.minimize.FIRE(dt=0.02, force_tol=tiny, angmom_tol=1.0, energy_tol=1e-300)
    stack = stacked(configurations, mixture, machine, fire, shift=True)
    start = np.stack([c.wrapped() for c in configurations])
    done, largest = 0, np.full(len(configurations), np.inf)
    while done < maximum_steps:
        stack.simulation.run(min(500, maximum_steps - done))
        done += 500
        largest = np.sqrt((stack.force_arrays()[0] ** 2).sum(axis=-1)).max(axis=1)
        if np.all(largest < force_tolerance):
            position, _, image = stack.get()
            moved = position - start + image * configurations[0].box_length
            return [
                replace(c, positions=c.positions + moved[p], mixture=c.mixture or mixture)
                for p, c in enumerate(configurations)
            ]
    worst = int(np.argmax(largest))
    raise RuntimeError(
        f"configuration {worst}: largest force {largest[worst]:.3g} after {done} steps, "
        f"asked for {force_tolerance:g}"
    )


@takes_mixture(assume=False)
def hybrid_swap(
    configurations: Sequence[Configuration],
    temperature: float,
    blocks: int,
    seeds: Sequence[np.random.SeedSequence],
    *,
    md_steps: int = 100,
    swap_sweeps: int = 1,
    mixture: Mixture = KA2D,
    settings: DynamicsSettings = _DEFAULTS,
    machine: Machine | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[list[Configuration], dict[str, NDArray[np.float64]]]:
    """Hybrid swap Monte Carlo and molecular dynamics of several configurations at once.

    Blocks of molecular dynamics alternate with blocks of attempts to exchange the species of two particles
    (the compiled kernel of :mod:`~tglassmlp.simulation.swap_monte_carlo`, one chain per configuration).
    Scheme: L. Berthier et al., J. Stat. Mech. 064004 (2019). Exchanges happen between two calls of
    HOOMD-blue, not inside one: forces and neighbour lists are made for the species of their particles and
    have to be renewed.

    Parameters
    ----------
    configurations
        Configurations with equal boxes and numbers of particles.
    temperature
        Temperature of thermostat and exchanges.
    blocks
        Number of blocks of dynamics, each followed by a block of exchanges.
    seeds
        One seed per configuration.
    md_steps
        Time steps per block.
    swap_sweeps
        Attempted exchanges per block and particle.
    mixture, settings, machine
        Pair potential; integration; device.
    progress
        Called with the particle-steps done since the last call and a note.

    Returns
    -------
    tuple
        Final configurations (unwrapped, particles in their order, species changed) and a record: ``energy``
        ``[block, configuration]`` per particle after the exchanges, ``swap_acceptance`` likewise.

    Raises
    ------
    ValueError
        For unusable input.
    RuntimeError
        If the integration fails or a particle leaves its plane.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    for name, value in (("blocks", blocks), ("md_steps", md_steps), ("swap_sweeps", swap_sweeps)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, found {value}")
    machine = (machine or Machine.from_environment()).resolved()
    integrator = hoomd.md.Integrator(dt=settings.time_step)
    stack = stacked(configurations, mixture, machine, integrator, shift=False)
    noise = [ReplicaNoise(seed) for seed in seeds]
    count, n, box = stack.planes, stack.n_particles, stack.box_length
    start = np.stack([c.wrapped() for c in configurations])
    thermostat = Thermostat(stack, temperature, settings, noise)
    stack.set(start, maxwell(noise, temperature, n), np.zeros(start.shape, dtype=np.int32))
    energy, acceptance = np.zeros((2, blocks, count))
    for block in range(blocks):
        thermostat.run(md_steps)
        position, velocity, image = stack.get()
        for p, seed in enumerate(seeds):
            # key 3: 0 to 2 are the velocities and the thermostat's numbers
            key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 3, block))
            present = Configuration(position[p], stack.species[p], box)
            chain = Chain(present, temperature, key, mixture, swap_fraction=SWAPS_ONLY)
            chain.run(swap_sweeps)
            stack.species[p] = chain.configuration().species
            energy[block, p] = chain.energy
            acceptance[block, p] = chain.counters[3] / max(1, chain.counters[2])
        stack.set(position, velocity, image)
        if progress is not None:
            progress(float(count * n * md_steps), f"block {block + 1}, energy {energy[block].mean():.3f}")
    moved = position - start + image * box
    final = [
        Configuration(c.positions + moved[p], stack.species[p], box, c.mixture or mixture)
        for p, c in enumerate(configurations)
    ]
    return final, {"energy": energy, "swap_acceptance": acceptance}
