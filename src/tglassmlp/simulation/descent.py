r"""The way down from a configuration to its inherent structure, as a search that can be cut anywhere.

Limited-memory BFGS (Nocedal and Wright, *Numerical Optimization*, algorithm 7.4) with two safeguards that
keep it in the basin it starts in and make it safe far from the minimum: no particle moves further than
``largest_step`` in one iteration, and a step that raises the energy is shortened. Far from the minimum the
step is therefore a short one down the gradient; near it the steps are quasi-Newton ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import bring_near
from tglassmlp.compilation import njit
from tglassmlp.configuration import Configuration
from tglassmlp.mixture import Mixture
from tglassmlp.simulation import checkpoint
from tglassmlp.simulation.energies import ListedSystem, PairTables, energy_and_forces, pair_tables
from tglassmlp.simulation.inlined import FAST_MATH
from tglassmlp.simulation.neighbour_lists import neighbour_rows

__all__ = ["CONVERGED", "NOT_FINITE", "STUCK", "UNDER_WAY", "Search"]

#: Pairs of steps and gradient changes that the minimiser remembers.
MEMORY: Final = 12

#: Thickness added to the neighbour list.
SKIN: Final = 0.4

#: How a search stands.
CONVERGED, STUCK, NOT_FINITE, UNDER_WAY = 0, 1, 2, 3
# Places in the arrays of counters and of running numbers.
_EVALUATIONS, _KEPT, _NEWEST, _FAILURES = range(4)
_ENERGY, _LARGEST = 0, 1


class _Particles(NamedTuple):
    """What a search is among: 0-based types, box, cut-off and margin of the neighbour list, tables."""

    types: NDArray[np.int64]
    length: float
    radius: float
    skin: float
    tables: PairTables


class _State(NamedTuple):
    """Everything that a search goes on from, so that it does not matter where the work is cut.

    ``z``, ``reference`` (where the list was made) and ``force`` are ``[2, N]``, ``steps`` and ``changes`` (of
    the forces) ``[memory, 2 N]``, ``rho`` is ``[memory]``; counters and running numbers have the places that
    are named above.
    """

    z: NDArray[np.float64]
    reference: NDArray[np.float64]
    force: NDArray[np.float64]
    steps: NDArray[np.float64]
    changes: NDArray[np.float64]
    rho: NDArray[np.float64]
    counters: NDArray[np.int64]
    running: NDArray[np.float64]


@njit(error_model="numpy")
def _refresh(z, reference, particles, rows, counts):
    """Rebuild the list if a particle is further than half a skin from where it was made."""
    types, length, radius, skin, _ = particles
    n = types.size
    limit = 0.25 * skin * skin
    for i in range(n):
        dx = z[0, i] - reference[0, i]
        dy = z[1, i] - reference[1, i]
        if not dx * dx + dy * dy <= limit:
            reference[...] = z
            return neighbour_rows(z[0], z[1], types, length, radius + skin, rows.shape[1])
    return rows, counts


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def _dot(a: NDArray, b: NDArray) -> float:
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@njit(error_model="numpy")
def _largest(vector: NDArray, n: int) -> float:
    """Largest length of the two-dimensional vectors stored as ``[2 n]``; NaN is kept."""
    largest = 0.0
    for i in range(n):
        square = vector[i] * vector[i] + vector[n + i] * vector[n + i]
        if not square <= largest:
            largest = square
    return np.sqrt(largest)


@njit(error_model="numpy")
def _minimise(until, state, particles, force_tolerance, largest_step):
    """Minimise in place until a minimum is found or ``until`` force evaluations are made; returns a status.

    The forces are computed here before the first iteration, when there are no evaluations yet.
    """
    z, reference, f, steps, changes, rho, counters, running = state
    types, length, radius, skin, tables = particles
    n = types.size
    memory = rho.size
    rows, counts = neighbour_rows(reference[0], reference[1], types, length, radius + skin, 64)
    energies = np.empty(n)
    if counters[_EVALUATIONS] == 0:
        system = ListedSystem(z[0], z[1], types, rows, counts, length, tables)
        running[_ENERGY] = energy_and_forces(system, energies, f[0], f[1])
        running[_LARGEST] = _largest(f.reshape(2 * n), n)
        counters[_EVALUATIONS] = 1
    flat, force = z.reshape(2 * n), f.reshape(2 * n)
    old, old_force = flat.copy(), force.copy()
    step = np.empty(2 * n)
    alpha = np.empty(memory)
    evaluations, kept, newest, failures = counters[0], counters[1], counters[2], counters[3]
    energy, largest = running[_ENERGY], running[_LARGEST]
    status = UNDER_WAY
    while True:
        if not np.isfinite(energy) or not np.isfinite(largest):
            status = NOT_FINITE
        elif largest <= force_tolerance:
            status = CONVERGED
        elif failures > 3:
            status = STUCK
        if status != UNDER_WAY or evaluations >= until:
            break
        # two-loop recursion; ``step`` becomes the quasi-Newton step along the force
        step[:] = force
        for m in range(kept):
            k = (newest - m) % memory
            alpha[k] = rho[k] * _dot(steps[k], step)
            step -= alpha[k] * changes[k]
        if kept:
            k = newest % memory
            step *= 1.0 / (rho[k] * _dot(changes[k], changes[k]))
        else:
            step *= 1e-3
        for m in range(kept - 1, -1, -1):
            k = (newest - m) % memory
            step += (alpha[k] - rho[k] * _dot(changes[k], step)) * steps[k]
        slope = -_dot(step, force)
        if not slope < 0.0:
            kept = 0
            step[:] = 1e-3 * force
            slope = -_dot(step, force)
        longest = _largest(step, n)
        scale = min(1.0, largest_step / longest) if longest > 0.0 else 1.0
        old[:] = flat
        old_force[:] = force
        old_energy = energy
        # rounding of the energy sum, below which its change says nothing
        noise = 1e-14 * n * max(1.0, abs(energy) / n)
        accepted = False
        for _ in range(20):
            flat[:] = old + scale * step
            rows, counts = _refresh(z, reference, particles, rows, counts)
            system = ListedSystem(z[0], z[1], types, rows, counts, length, tables)
            energy = energy_and_forces(system, energies, f[0], f[1])
            evaluations += 1
            if energy <= old_energy + 1e-4 * scale * slope + noise:
                accepted = True
                break
            # minimum of the parabola through both energies and the slope, kept within bounds
            curve = energy - old_energy - scale * slope
            ratio = -0.5 * scale * slope / curve if curve > 0.0 else 0.1
            scale *= min(0.5, max(0.1, ratio))
        if not accepted:
            flat[:] = old
            force[:] = old_force
            energy = old_energy
            failures += 1
            kept = 0
            continue
        failures = 0
        slot = (newest + 1) % memory
        steps[slot] = flat - old
        changes[slot] = old_force - force
        product = _dot(steps[slot], changes[slot])
        if product > 1e-12 * np.sqrt(_dot(steps[slot], steps[slot]) * _dot(changes[slot], changes[slot])):
            newest = slot
            rho[slot] = 1.0 / product
            kept = min(kept + 1, memory)
        largest = _largest(force, n)
    counters[0], counters[1], counters[2], counters[3] = evaluations, kept, newest, failures
    running[_ENERGY], running[_LARGEST] = energy, largest
    return status


class Search:
    """A minimisation that can be advanced, saved and resumed."""

    def __init__(
        self, c: Configuration, mixture: Mixture, force_tolerance: float, largest_step: float
    ) -> None:
        self.n_particles, self.mixture, self.box_length = c.n_particles, mixture, c.box_length
        self.force_tolerance, self.largest_step = float(force_tolerance), float(largest_step)
        self.types = c.species.astype(np.int64) - 1
        near, self.shift = bring_near(c.positions, c.box_length)
        z = np.ascontiguousarray(near.T)
        self.arrays = _State(
            z,
            reference=z.copy(),
            force=np.zeros_like(z),
            steps=np.zeros((MEMORY, z.size)),
            changes=np.zeros((MEMORY, z.size)),
            rho=np.zeros(MEMORY),
            counters=np.array([0, 0, -1, 0]),
            running=np.zeros(2),
        )
        self.status = UNDER_WAY
        self.first_force = 0.0

    @property
    def evaluations(self) -> int:
        """Evaluations of the forces so far."""
        return int(self.arrays.counters[_EVALUATIONS])

    @property
    def energy(self) -> float:
        """Per particle."""
        return float(self.arrays.running[_ENERGY]) / self.n_particles

    @property
    def largest_force(self) -> float:
        """Largest force on a particle."""
        return float(self.arrays.running[_LARGEST])

    @property
    def share(self) -> float:
        """How far the largest force has come on its way to the tolerance, on a logarithmic scale."""
        first, now = self.first_force, self.largest_force
        if self.status == CONVERGED or not first > self.force_tolerance:
            return 1.0
        return float(np.clip(np.log(first / now) / np.log(first / self.force_tolerance), 0.0, 1.0))

    def run(self, until: int) -> None:
        """Go on until a minimum is found or ``until`` force evaluations are made in all."""
        tables = pair_tables(self.mixture)
        particles = _Particles(
            self.types, float(self.box_length), float(self.mixture.largest_cutoff), SKIN, tables
        )
        limits = (self.force_tolerance, self.largest_step)
        if self.evaluations == 0:
            self.status = _minimise(1, self.arrays, particles, *limits)
            self.first_force = self.largest_force
        self.status = _minimise(until, self.arrays, particles, *limits)

    def save(self, state: Path, key: str) -> None:
        """Write where the search stands."""
        checkpoint.save(
            state, self.arrays._asdict(), {"status": self.status, "first_force": self.first_force}, key
        )

    def resume(self, state: Path, key: str) -> bool:
        """Go on from where a file says; false if there is none."""
        found = checkpoint.load(state, key)
        if found is None:
            return False
        self.arrays = _State(**{name: found[0][name] for name in _State._fields})
        self.status, self.first_force = int(found[1]["status"]), float(found[1]["first_force"])
        return True
