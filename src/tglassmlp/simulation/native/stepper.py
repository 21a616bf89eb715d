"""Replicas of one structure, moved step by step: for tests, benchmarks and what a run of frames does not do.

A run of frames (:func:`tglassmlp.simulation.run.isoconfigurational_dynamics`) starts, goes
through its frames and returns them. A :class:`ReplicaStepper` is the same native engine with the reins in
your hands: the same replicas take the same steps to the same numbers, and between two calls you can look at
positions, velocities, forces and energies.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation.dynamics import DEFAULT_SETTINGS, DynamicsSettings, check_settings
from tglassmlp.simulation.native.engine import NativeRun
from tglassmlp.simulation.native.fixed_point import fixed_point_model, refuse_overlaps
from tglassmlp.simulation.native.group import LaneGroup
from tglassmlp.simulation.replica_run import checked_request, replica_starts

__all__ = ["ReplicaStepper", "advance_together"]


class ReplicaStepper:
    """Replicas of one structure with independent velocities, moved as far as you say.

    Parameters
    ----------
    configuration
        Positions ``[N, 2]``, species and box that all replicas start from.
    temperature
        Temperature of the Maxwell velocities and of the thermostat (reduced units).
    replicas
        Number of replicas R.
    seed
        A whole number or a seed sequence; replica r does not depend on the number of replicas.
    mixture
        Pair potential.
    settings
        Time step, thermostat, precision.
    threads
        Groups of replicas that are moved at the same time. Results do not depend on it.
    positions
        ``[R, N, 2]`` positions each replica starts from; None: all start from ``configuration``.

    Attributes
    ----------
    step
        Steps taken so far.
    groups
        The groups of lanes that hold the replicas, for tests of their layout. Whoever moves a group by itself
        answers for ``step``.
    noise
        Random numbers of the replicas.

    Raises
    ------
    ValueError
        For unusable input (temperature, replicas, box, species, overlapping particles).

    Examples
    --------
    >>> import numpy as np
    >>> import tglassmlp as tg
    >>> from tglassmlp.simulation.native.stepper import ReplicaStepper
    >>> side = 1.1 * np.arange(12)
    >>> lattice = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    >>> c = tg.Configuration(lattice, np.tile([1, 2, 1, 3], 36), 13.2)
    >>> stepper = ReplicaStepper(c, 0.5, replicas=4, seed=1)
    >>> stepper.advance(10)
    >>> stepper.step, stepper.positions().shape
    (10, (4, 144, 2))
    """

    @takes_mixture(assume=False)
    def __init__(
        self,
        configuration: Configuration,
        temperature: float,
        replicas: int,
        seed: int | np.random.SeedSequence = 1,
        *,
        mixture: Mixture = KA2D,
        settings: DynamicsSettings = DEFAULT_SETTINGS,
        threads: int = 1,
        positions: ArrayLike | None = None,
    ) -> None:
        check_settings(settings, "ReplicaStepper")
        frames, replicas = checked_request(np.array([0]), replicas)
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
        model = fixed_point_model(configuration, temperature, mixture, settings)
        starts = replica_starts(configuration, replicas, positions)
        if positions is not None:
            for start in starts:
                refuse_overlaps(model, start)
        self._run = NativeRun(model, frames, starts, sequence, None, threads)
        self._run.launch()
        self._starts = np.stack([c.positions for c in starts])
        self._threads = threads
        self.configuration, self.temperature, self.replicas = configuration, float(temperature), replicas
        self.settings, self.step = settings, 0
        self.groups: list[LaneGroup] = self._run.groups
        self.noise = self._run.noise

    @property
    def time(self) -> float:
        """Time since the start (LJ times)."""
        return self.step * self.settings.time_step

    def advance(self, n_steps: int) -> None:
        """Take some steps with all replicas.

        Raises
        ------
        RuntimeError
            If the temperature of a replica explodes.
        """
        advance_together([self], n_steps, self._threads)

    def positions(self) -> NDArray[np.float64]:
        """Unwrapped positions ``[R, N, 2]``."""
        return self._starts + self.displacements()

    def displacements(self) -> NDArray[np.float64]:
        """Unwrapped position minus initial position ``[R, N, 2]``."""
        unit, box = self._run.model.position_unit, self.configuration.box_length
        found = np.empty(self._starts.shape)
        for g in self.groups:
            state = g.state()
            start = self._run.start[g.replicas].astype(np.float64)
            within = state["position"].astype(np.float64) - start
            found[g.replicas] = state["image"] * box + within * unit
        return found

    def velocities(self) -> NDArray[np.float64]:
        """Velocities ``[R, N, 2]`` at the time of the positions, half a step after those that are stored."""
        unit = self._run.model.velocity_unit
        found = np.empty(self._starts.shape)
        for g in self.groups:
            force = g.get(g.measure()[2]).astype(np.float64)
            found[g.replicas] = (g.get(g.system.vel).astype(np.float64) + 0.5 * force) * unit
        return found

    def forces(self) -> NDArray[np.float64]:
        """Return the forces ``[R, N, 2]`` at the present positions."""
        unit = self._run.model.velocity_unit / self.settings.time_step
        found = np.empty(self._starts.shape)
        for g in self.groups:
            found[g.replicas] = g.get(g.measure()[2]) * unit
        return found

    def energies(self) -> dict[str, NDArray[np.float64]]:
        """Return the energies of the replicas, each ``[R]`` and per particle.

        ``kinetic`` (full step) and ``potential``, and ``conserved``: their sum without the heat that the
        thermostat has brought, counted from the start.
        """
        found = np.empty((3, self.replicas))
        for g in self.groups:
            (kinetic, _), potential, _ = g.measure()
            found[:, g.replicas] = np.stack([kinetic, potential, kinetic + potential - g.work])[
                :, : len(g.replicas)
            ]
        found[2] -= self._run.reference
        kinetic, potential, conserved = found / self.configuration.n_particles
        return {"kinetic": kinetic, "potential": potential, "conserved": conserved}

    def reverse(self) -> None:
        """Turn all velocities round, to the bit: without a thermostat the replicas return to their start."""
        for g in self.groups:
            _, _, force = g.measure()
            g.system.vel[:] = -(g.system.vel + force)

    def statistics(self) -> dict[str, float]:
        """Return the pairs of the neighbour list per particle and the steps that a list lasts, on average."""
        return self._run.list_statistics()


def advance_together(steppers: Sequence[ReplicaStepper], n_steps: int, threads: int = 1) -> None:
    """Take some steps with the replicas of several structures, their groups shared out among threads.

    Parameters
    ----------
    steppers
        Replicas to move.
    n_steps
        Steps that each takes, at least 1.
    threads
        Groups that are moved at the same time. Results do not depend on it.

    Raises
    ------
    ValueError
        If ``n_steps`` or ``threads`` is not a whole number of at least 1.
    RuntimeError
        If the temperature of a replica explodes.
    """
    for name, value in (("n_steps", n_steps), ("threads", threads)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, found {value}")
    parts = [(g, s) for s in steppers for g in s.groups]
    if threads == 1:
        for g, s in parts:
            g.advance(s.step, n_steps, s.noise)
    else:
        with ThreadPoolExecutor(max_workers=min(threads, len(parts))) as pool:
            calls = [pool.submit(g.advance, s.step, n_steps, s.noise) for g, s in parts]
            for call in calls:
                call.result()
    for s in steppers:
        s.step += n_steps
