r"""Swap Monte Carlo at constant N, V, T.

An attempt is, with probability ``swap_fraction``, an exchange of the species of two particles of unlike
species, otherwise a displacement of one particle by a vector uniform in a square of side ``displacement``.
A pair of particles of species a and b is drawn with a probability proportional to ``exchange_weights``
w_ab = w_ba (1 by default); their sum over all pairs depends on the composition only, which stays. Both
proposals are symmetric, so accepting with probability
:math:`\min(1, e^{-\Delta V / T})` (Metropolis) keeps detailed balance with respect to
:math:`e^{-V/T}`. A sweep is N attempts. The side of the square is tuned only in a first, separate part of a
run. Scheme: L. Berthier et al., J. Stat. Mech. 064004 (2019), without its blocks of molecular dynamics.

Positions are never wrapped, and a particle keeps its number; an exchange changes ``species`` of two
numbers.

Systems wider than two :data:`BLOCK` are swept block by block. The blocks are laid down independently of the
state, moves out of a block are rejected, and exchanges are tried within the block (a share of them within
the whole system): while a block is visited, its particles and their number stay the same, so every visit
keeps detailed balance, and so does the sequence of visits keep the Boltzmann distribution.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp import config
from tglassmlp.box import bring_near
from tglassmlp.compilation import njit
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture, exchange_matrix
from tglassmlp.randomness import words
from tglassmlp.simulation import kernels
from tglassmlp.simulation.kernels import GHOST, LANES, cell, choose, fold, nearest

__all__ = ["Chain", "SwapStatistics", "swap_monte_carlo"]

#: Sweeps between two adjustments of the displacement while it is tuned.
TUNING_INTERVAL: Final = 10

#: Largest allowed mismatch between the running and the recomputed energy, per particle.
ENERGY_TOLERANCE: Final = 1e-8

#: Smallest side of the blocks that large systems are swept in; a smaller box is one block.
BLOCK: Final = 30.0

#: Sweeps that a block gets at a visit, or what is left of those asked for.
VISIT: Final = 4

#: Share of exchanges in a block that are tried between any two particles of the whole system instead.
GLOBAL_SHARE: Final = 0.0625

# Places in the array of running numbers.
_ENERGY, _DISPLACEMENT = 0, 1
# Places in the array of counters.
_TRIED, _MOVED, _SWAP_TRIED, _SWAPPED, _REBUILDS = range(5)


@njit(error_model="numpy")
def _draw(s0: Any, s1: Any, s2: Any, s3: Any) -> tuple[Any, Any, Any, Any, Any]:
    """One step of xoshiro256++ (Blackman and Vigna, ACM TOMS 47, 36 (2021)): value and new state."""
    mix = s0 + s3
    value = ((mix << np.uint64(23)) | (mix >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return value, s0, s1, s2, s3


@njit(error_model="numpy", inline="always")
def _unit(value: Any) -> Any:
    """Random word to a number in [0, 1) with 53 bits."""
    return np.float64(value >> np.uint64(11)) * 1.1102230246251565e-16


@njit(error_model="numpy", forceinline=True, fastmath=kernels.FAST_MATH)
def _displacement_energy(
    x: NDArray,
    y: NDArray,
    row: NDArray,
    count: int,
    xo: float,
    yo: float,
    xn: float,
    yn: float,
    a_row: NDArray,
    e_row: NDArray,
    length: float,
    constants: NDArray,
) -> float:
    """Energy change when one particle goes from ``(xo, yo)`` to ``(xn, yn)``."""
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    a0, a1, a2, a3 = a_row[0], a_row[1], a_row[2], a_row[3]
    e0, e1, e2, e3 = e_row[0], e_row[1], e_row[2], e_row[3]
    old = 0.0
    new = 0.0
    for k in range((count + LANES - 1) // LANES * LANES):
        entry = row[k]
        kind = entry & np.uint32(7)
        j = entry >> np.uint32(3)
        xj = x[j]
        yj = y[j]
        a = choose(kind, a0, a1, a2, a3, 1.0)
        e = choose(kind, e0, e1, e2, e3, 0.0)
        away = 1e30 if kind == GHOST else 0.0
        dx = nearest(xj - xo, length, inverse)
        dy = nearest(yj - yo, length, inverse)
        s = (dx * dx + dy * dy) * a + away
        inv = 1.0 / s
        cube = inv * inv * inv
        v = e * (cube * (cube - 1.0) + c0 + s * (c2 + c4 * s))
        old += v if s < sc else 0.0
        dx = nearest(xj - xn, length, inverse)
        dy = nearest(yj - yn, length, inverse)
        s = (dx * dx + dy * dy) * a + away
        inv = 1.0 / s
        cube = inv * inv * inv
        v = e * (cube * (cube - 1.0) + c0 + s * (c2 + c4 * s))
        new += v if s < sc else 0.0
    return new - old


@njit(error_model="numpy", forceinline=True, fastmath=kernels.FAST_MATH)
def _species_energy(
    x: NDArray,
    y: NDArray,
    row: NDArray,
    count: int,
    xi: float,
    yi: float,
    old_a: NDArray,
    old_e: NDArray,
    new_a: NDArray,
    new_e: NDArray,
    length: float,
    constants: NDArray,
) -> float:
    """Energy change when one particle changes its species, all others kept."""
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    a0, a1, a2, a3 = old_a[0], old_a[1], old_a[2], old_a[3]
    e0, e1, e2, e3 = old_e[0], old_e[1], old_e[2], old_e[3]
    b0, b1, b2, b3 = new_a[0], new_a[1], new_a[2], new_a[3]
    f0, f1, f2, f3 = new_e[0], new_e[1], new_e[2], new_e[3]
    old = 0.0
    new = 0.0
    for k in range((count + LANES - 1) // LANES * LANES):
        entry = row[k]
        kind = entry & np.uint32(7)
        j = entry >> np.uint32(3)
        away = 1e30 if kind == GHOST else 0.0
        dx = nearest(x[j] - xi, length, inverse)
        dy = nearest(y[j] - yi, length, inverse)
        r2 = dx * dx + dy * dy
        s = r2 * choose(kind, a0, a1, a2, a3, 1.0) + away
        inv = 1.0 / s
        cube = inv * inv * inv
        v = choose(kind, e0, e1, e2, e3, 0.0) * (cube * (cube - 1.0) + c0 + s * (c2 + c4 * s))
        old += v if s < sc else 0.0
        s = r2 * choose(kind, b0, b1, b2, b3, 1.0) + away
        inv = 1.0 / s
        cube = inv * inv * inv
        v = choose(kind, f0, f1, f2, f3, 0.0) * (cube * (cube - 1.0) + c0 + s * (c2 + c4 * s))
        new += v if s < sc else 0.0
    return new - old


@njit(error_model="numpy")
def _pair_energy(r2: float, a: float, e: float, constants: NDArray) -> float:
    s = r2 * a
    if s >= constants[0]:
        return 0.0
    inv = 1.0 / s
    cube = inv * inv * inv
    return e * (cube * (cube - 1.0) + constants[1] + s * (constants[2] + constants[3] * s))


@njit(error_model="numpy")
def _relabel(row: NDArray, count: int, entry: Any, new_entry: Any) -> None:
    for k in range(count):
        if row[k] == entry:
            row[k] = new_entry
            return


@njit(error_model="numpy")
def _sort_and_list(
    x: NDArray,
    y: NDArray,
    types: NDArray,
    names: NDArray,
    reference: NDArray,
    length: float,
    radius: float,
    rows: NDArray,
    counts: NDArray,
    members: NDArray,
) -> NDArray:
    """Sort particles by cell, note their places in ``reference``, rebuild the list, renumber ``members``.

    Returns the rows, new ones if the old were too narrow.
    """
    n = x.shape[0]
    order, start, cells = kernels.cell_order(x, y, length, 0.5 * radius)
    place = np.empty(n, np.int64)
    for values in (x, y):
        values[:] = values[order]
    types[:] = types[order]
    names[:] = names[order]
    for k in range(n):
        place[order[k]] = k
        reference[0, k] = x[k]
        reference[1, k] = y[k]
        order[k] = k
    for k in range(members.shape[0]):
        members[k] = place[members[k]]
    largest = kernels._fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    if largest >= rows.shape[1]:
        rows = np.empty((n, (largest + LANES) // LANES * LANES), np.uint32)
        kernels._fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    return rows


@njit(error_model="numpy", inline="always")
def _inside(x: float, corner: float, side: float, length: float) -> bool:
    """Whether a coordinate lies in a block that begins at ``corner``."""
    return fold(x - corner, length, 0.0) < side


@njit(error_model="numpy", forceinline=True)
def _attempt(
    attempts: int,
    members: NDArray,
    begin: int,
    end: int,
    corner_x: float,
    corner_y: float,
    block: float,
    x: NDArray,
    y: NDArray,
    types: NDArray,
    names: NDArray,
    reference: NDArray,
    rows: NDArray,
    counts: NDArray,
    length: float,
    reach: float,
    skin: float,
    temperature: float,
    swap_fraction: float,
    generator: NDArray,
    running: NDArray,
    counters: NDArray,
    inverse_sigma2: NDArray,
    epsilon4: NDArray,
    constants: NDArray,
    weights: NDArray,
) -> NDArray:
    """Make ``attempts`` attempts with the particles ``members[begin:end]``; returns the rows of the list.

    If ``block`` is positive, these are the particles of the square block of that side at the given corner,
    and moves out of it are rejected.
    """
    n = x.shape[0]
    size = end - begin
    inverse = 1.0 / length
    beta = 1.0 / temperature
    limit = 0.25 * skin * skin
    side = running[_DISPLACEMENT] * 2.3283064365386963e-10
    keep = 1.0 / swap_fraction if swap_fraction > 0.0 else 0.0
    move = 1.0 / (1.0 - swap_fraction) if swap_fraction < 1.0 else 0.0
    s0, s1, s2, s3 = generator[0], generator[1], generator[2], generator[3]
    energy = running[_ENERGY]
    moved = swap_tried = swapped = 0
    for _ in range(attempts):
        r, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
        u = _unit(r)
        if u >= swap_fraction:
            m = begin + min(size - 1, int((u - swap_fraction) * move * size))
            i = members[m]
            r, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
            # two 32-bit halves, each uniform on a grid that is symmetric about zero
            xn = x[i] + side * (np.float64(r >> np.uint64(32)) - 2147483647.5)
            yn = y[i] + side * (np.float64(r & np.uint64(0xFFFFFFFF)) - 2147483647.5)
            if block > 0.0 and not (
                _inside(xn, corner_x, block, length) and _inside(yn, corner_y, block, length)
            ):
                continue
            dx = xn - reference[0, i]
            dy = yn - reference[1, i]
            if dx * dx + dy * dy > limit:
                # the list would not be valid at the trial position
                rows = _sort_and_list(
                    x, y, types, names, reference, length, reach + skin, rows, counts, members
                )
                i = members[m]
                counters[_REBUILDS] += 1
            t = types[i]
            change = _displacement_energy(
                x,
                y,
                rows[i],
                counts[i],
                x[i],
                y[i],
                xn,
                yn,
                inverse_sigma2[t],
                epsilon4[t],
                length,
                constants,
            )
            accept = change <= 0.0
            if not accept:
                r, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
                accept = _unit(r) < np.exp(-beta * change)
            if accept:
                x[i] = xn
                y[i] = yn
                energy += change
                moved += 1
        else:
            swap_tried += 1
            first = begin
            among = size
            if block > 0.0 and u * keep < GLOBAL_SHARE:
                first = 0
                among = n
            i = j = 0
            found = False
            for _ in range(1000 if among > 1 else 1):
                r, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
                i = members[first + min(among - 1, int(_unit(r) * among))]
                r, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
                j = members[first + min(among - 1, int(_unit(r) * among))]
                weight = weights[types[i], types[j]]
                found = weight >= 1.0
                if 0.0 < weight < 1.0:
                    r, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
                    found = _unit(r) < weight
                if found:
                    break
            if not found:
                continue  # a block without such species
            ti = types[i]
            tj = types[j]
            change = _species_energy(
                x,
                y,
                rows[i],
                counts[i],
                x[i],
                y[i],
                inverse_sigma2[ti],
                epsilon4[ti],
                inverse_sigma2[tj],
                epsilon4[tj],
                length,
                constants,
            ) + _species_energy(
                x,
                y,
                rows[j],
                counts[j],
                x[j],
                y[j],
                inverse_sigma2[tj],
                epsilon4[tj],
                inverse_sigma2[ti],
                epsilon4[ti],
                length,
                constants,
            )
            dx = nearest(x[j] - x[i], length, inverse)
            dy = nearest(y[j] - y[i], length, inverse)
            r2 = dx * dx + dy * dy
            if r2 < reach * reach:
                # both sums saw the other particle with its old species; their own pair does not change
                change += (
                    2.0 * _pair_energy(r2, inverse_sigma2[ti, tj], epsilon4[ti, tj], constants)
                    - _pair_energy(r2, inverse_sigma2[ti, ti], epsilon4[ti, ti], constants)
                    - _pair_energy(r2, inverse_sigma2[tj, tj], epsilon4[tj, tj], constants)
                )
            accept = change <= 0.0
            if not accept:
                r, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
                accept = _unit(r) < np.exp(-beta * change)
            if accept:
                types[i] = tj
                types[j] = ti
                for p, old, new in ((i, ti, tj), (j, tj, ti)):
                    for k in range(counts[p]):
                        q = rows[p, k] >> np.uint32(3)
                        _relabel(rows[q], counts[q], np.uint32(8 * p + old), np.uint32(8 * p + new))
                energy += change
                swapped += 1
    generator[0], generator[1], generator[2], generator[3] = s0, s1, s2, s3
    running[_ENERGY] = energy
    counters[_TRIED] += attempts - swap_tried
    counters[_MOVED] += moved
    counters[_SWAP_TRIED] += swap_tried
    counters[_SWAPPED] += swapped
    return rows


@njit(error_model="numpy")
def _touch(
    members: NDArray,
    begin: int,
    end: int,
    x: NDArray,
    y: NDArray,
    types: NDArray,
    reference: NDArray,
    rows: NDArray,
    counts: NDArray,
) -> float:
    """Read what attempts in a block will need, in sequence, so that it waits in the cache."""
    total = 0.0
    for m in range(begin, end):
        i = members[m]
        total += x[i] + y[i] + reference[0, i] + reference[1, i] + types[i]
        for k in range(0, counts[i], 16):
            total += rows[i, k]
    return total


@njit(error_model="numpy")
def _sweep(
    sweeps: int,
    blocks: int,
    x: NDArray,
    y: NDArray,
    types: NDArray,
    names: NDArray,
    reference: NDArray,
    rows: NDArray,
    counts: NDArray,
    length: float,
    reach: float,
    skin: float,
    temperature: float,
    swap_fraction: float,
    generator: NDArray,
    running: NDArray,
    counters: NDArray,
    inverse_sigma2: NDArray,
    epsilon4: NDArray,
    constants: NDArray,
    weights: NDArray,
) -> NDArray:
    """Make ``sweeps`` sweeps of N attempts; returns the rows of the neighbour list.

    A small system is one block. A large one is swept block by block, so that what an attempt reads stays in
    the fast cache: ``blocks`` x ``blocks`` squares whose common corner is drawn anew for every
    :data:`VISIT` sweeps, each with as many times its number of particles attempts.
    """
    n = x.shape[0]
    members = np.arange(n)
    begins = np.zeros(blocks * blocks + 1, np.int64)
    begins[-1] = n
    place = np.empty(blocks * blocks, np.int64)
    member = np.empty(n, np.int64)
    corner_x = 0.0
    corner_y = 0.0
    side = 0.0
    touched = 0.0
    done = 0
    while done < sweeps:
        turn = min(VISIT, sweeps - done) if blocks > 1 else 1
        done += turn
        if blocks > 1:
            side = length / blocks
            r, generator[0], generator[1], generator[2], generator[3] = _draw(
                generator[0], generator[1], generator[2], generator[3]
            )
            corner_x = _unit(r) * length
            r, generator[0], generator[1], generator[2], generator[3] = _draw(
                generator[0], generator[1], generator[2], generator[3]
            )
            corner_y = _unit(r) * length
            begins[:] = 0
            for i in range(n):
                cx = cell(fold(x[i] - corner_x, length, 0.0), length, blocks)
                cy = cell(fold(y[i] - corner_y, length, 0.0), length, blocks)
                member[i] = cx * blocks + cy
                begins[member[i] + 1] += 1
            for b in range(blocks * blocks):
                begins[b + 1] += begins[b]
                place[b] = begins[b]
            for i in range(n):
                members[place[member[i]]] = i
                place[member[i]] += 1
        for b in range(blocks * blocks):
            if blocks > 1:
                touched += _touch(members, begins[b], begins[b + 1], x, y, types, reference, rows, counts)
            rows = _attempt(
                turn * (begins[b + 1] - begins[b]),
                members,
                begins[b],
                begins[b + 1],
                corner_x + (b // blocks) * side,
                corner_y + (b % blocks) * side,
                side,
                x,
                y,
                types,
                names,
                reference,
                rows,
                counts,
                length,
                reach,
                skin,
                temperature,
                swap_fraction,
                generator,
                running,
                counters,
                inverse_sigma2,
                epsilon4,
                constants,
                weights,
            )
        if blocks == 1:
            members[:] = np.arange(n)
    if touched == -1.0:
        counters[_REBUILDS] += 0  # keeps the reading of _touch from being optimised away
    return rows


class Chain:
    """A swap Monte Carlo run that can be advanced, looked at, saved and resumed.

    Parameters
    ----------
    c
        Start configuration, without overlaps.
    temperature
        Temperature T > 0 in units of epsilon_11.
    seed
        ``numpy.random.SeedSequence`` or whole number.
    mixture
        Species and pair potential.
    swap_fraction
        Share of attempts that are exchanges, in [0, 1).
    displacement
        Side of the square that displacements are drawn from.
    skin
        Thickness added to the neighbour list. It changes the speed, and the numbers only through rounding.
    exchange_weights
        Relative weight in [0, 1] of exchanges between two species, ``{"1-2": 0.0}``; 1 for those not named.
        It changes the speed of equilibration, not equilibrium.

    Raises
    ------
    ValueError
        If a parameter is out of range, species or box do not fit the mixture, or particles overlap.
    """

    @takes_mixture(assume=False)
    def __init__(
        self,
        c: Configuration,
        temperature: float,
        seed: np.random.SeedSequence | int,
        mixture: Mixture = KA2D,
        swap_fraction: float = 0.2,
        displacement: float = 0.12,
        skin: float = 0.5,
        exchange_weights: Mapping[str, float] | None = None,
    ) -> None:
        if not np.isfinite(temperature) or temperature <= 0:
            raise ValueError(f"temperature must be a positive number, found {temperature}")
        if not 0.0 <= swap_fraction < 1.0:
            raise ValueError(f"swap_fraction must lie in [0, 1), found {swap_fraction}")
        if not np.isfinite(skin) or skin <= 0:
            raise ValueError(f"skin must be a positive number, found {skin}")
        c.check_mixture(mixture.n_species, mixture.largest_cutoff)
        if swap_fraction > 0 and np.unique(c.species).size < 2:
            raise ValueError("exchanges need at least two species, found one; set swap_fraction to 0")
        present = np.unique(c.species) if swap_fraction > 0 else None
        self._weights = exchange_matrix(exchange_weights or {}, mixture.n_species, present)
        kernels.check_overlaps(c, mixture)
        self.mixture, self.box_length = mixture, c.box_length
        self.temperature, self.swap_fraction, self.skin = (
            float(temperature),
            float(swap_fraction),
            float(skin),
        )
        self._tables = kernels.pair_tables(mixture)
        near, self._shift = bring_near(c.positions, c.box_length)
        self._x, self._y = near.T.copy()
        self._types = c.species.astype(np.int64) - 1
        self._names = np.arange(c.n_particles)
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
        self._generator = words(sequence)
        self._running = np.zeros(2)
        self._counters = np.zeros(5, np.int64)
        self._reference = np.empty((2, c.n_particles))
        self._rows, self._counts = self._empty_list(c)
        self.displacement = displacement
        self._rows = _sort_and_list(
            self._x,
            self._y,
            self._types,
            self._names,
            self._reference,
            self.box_length,
            mixture.largest_cutoff + self.skin,
            self._rows,
            self._counts,
            np.arange(0),
        )
        self._running[_ENERGY] = self.recomputed_energy()

    def _empty_list(self, c: Configuration) -> tuple[NDArray, NDArray]:
        width = kernels.row_width(c, self.mixture.largest_cutoff + self.skin)
        width = (width + LANES - 1) // LANES * LANES
        return np.zeros((c.n_particles, width), np.uint32), np.zeros(c.n_particles, np.int64)

    @property
    def n_particles(self) -> int:
        """Number of particles N."""
        return self._x.size

    @property
    def displacement(self) -> float:
        """Side of the square that displacements are drawn from."""
        return float(self._running[_DISPLACEMENT])

    @displacement.setter
    def displacement(self, value: float) -> None:
        if not np.isfinite(value) or value <= 0:
            raise ValueError(f"displacement must be a positive number, found {value}")
        # a trial position must lie within half a skin of where the list was made
        self._running[_DISPLACEMENT] = min(float(value), 0.7 * self.skin)

    @property
    def energy(self) -> float:
        """Running potential energy per particle."""
        return float(self._running[_ENERGY]) / self.n_particles

    @property
    def counters(self) -> NDArray[np.int64]:
        """Displacements tried and accepted, exchanges tried and accepted, list rebuilds, so far: ``[5]``."""
        return self._counters.copy()

    def recomputed_energy(self) -> float:
        """Potential energy of the system, computed anew with a new neighbour list."""
        return kernels.total_energy(self._sorted(), self.mixture)

    def _sorted(self) -> Configuration:
        return Configuration(np.column_stack([self._x, self._y]), self._types + 1, self.box_length)

    def configuration(self) -> Configuration:
        """Present configuration, particles in the order of the start configuration."""
        positions = np.empty((self.n_particles, 2))
        species = np.empty(self.n_particles, np.int32)
        positions[self._names, 0], positions[self._names, 1] = self._x, self._y
        species[self._names] = self._types + 1
        return Configuration(positions + self._shift, species, self.box_length, self.mixture)

    def run(self, sweeps: int) -> None:
        """Make ``sweeps`` sweeps of N attempts each.

        How a run is cut into calls changes nothing in a system of one block; in a larger one visits to
        blocks are cut short at the end of a call.
        """
        self._rows = _sweep(
            sweeps,
            max(1, int(self.box_length // BLOCK)),
            self._x,
            self._y,
            self._types,
            self._names,
            self._reference,
            self._rows,
            self._counts,
            self.box_length,
            self.mixture.largest_cutoff,
            self.skin,
            self.temperature,
            self.swap_fraction,
            self._generator,
            self._running,
            self._counters,
            *self._tables,
            self._weights,
        )

    def tune(self, sweeps: int, target: float) -> None:
        """Make ``sweeps`` sweeps, steering the acceptance of displacements to ``target``.

        Detailed balance does not hold while this goes on.
        """
        done = 0
        while done < sweeps:
            step = min(TUNING_INTERVAL, sweeps - done)
            before = self.counters
            self.run(step)
            tried, accepted = (self.counters - before)[[_TRIED, _MOVED]]
            self.displacement *= float(np.exp(np.clip(1.5 * (accepted / max(tried, 1) - target), -0.5, 0.5)))
            done += step

    def check_energy(self) -> float:
        """Mismatch per particle between the running and the recomputed energy.

        Raises
        ------
        ValueError
            If it exceeds :data:`ENERGY_TOLERANCE`, or an energy is not finite.
        """
        exact = self.recomputed_energy()
        drift = abs(exact - float(self._running[_ENERGY])) / self.n_particles
        if not drift <= ENERGY_TOLERANCE * max(1.0, abs(exact) / self.n_particles):
            raise ValueError(
                f"the running energy is {self.energy:.12g} per particle, recomputed it is "
                f"{exact / self.n_particles:.12g}: difference {drift:.3g}, allowed {ENERGY_TOLERANCE:g}"
            )
        return drift

    def state(self) -> dict[str, NDArray]:
        """Everything needed to go on bit for bit, as arrays for a checkpoint."""
        return {
            "x": self._x.copy(),
            "y": self._y.copy(),
            "types": self._types.copy(),
            "names": self._names.copy(),
            "reference": self._reference.copy(),
            "generator": self._generator.copy(),
            "running": self._running.copy(),
            "counters": self._counters.copy(),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Take over a saved :meth:`state`; the list is rebuilt from where it was made."""
        for name in ("x", "y", "types", "names", "reference", "generator", "running", "counters"):
            target, values = getattr(self, f"_{name}"), state[name]
            if values.shape != target.shape or values.dtype != target.dtype:
                raise ValueError(
                    f"saved {name} has shape {values.shape} and type {values.dtype}, "
                    f"expected {target.shape} and {target.dtype}"
                )
            target[...] = values
        # entries of a row stay in their places while species change, so the list that was made at the
        # reference positions, with the present species, is the one that was in use
        self._rows, self._counts = kernels.neighbour_rows(
            self._reference[0],
            self._reference[1],
            self._types,
            self.box_length,
            self.mixture.largest_cutoff + self.skin,
            self._rows.shape[1],
        )


@dataclass(frozen=True)
class SwapStatistics:
    """What a swap Monte Carlo run measured.

    Attributes
    ----------
    sweeps
        ``[K]`` sweeps after which energies were noted (tuning sweeps count).
    energies
        ``[K]`` potential energy per particle.
    displacement_acceptance, swap_acceptance
        Shares of accepted attempts after tuning; NaN if none were made.
    displacement
        Side of the square that displacements were drawn from.
    energy_drift
        Largest mismatch per particle between running and recomputed energy.
    moves_per_second
        Attempts per second of this process.
    """

    sweeps: NDArray[np.int64]
    energies: NDArray[np.float64]
    displacement_acceptance: float
    swap_acceptance: float
    displacement: float
    energy_drift: float
    moves_per_second: float

    def __repr__(self) -> str:
        return (
            f"<SwapStatistics of {int(self.sweeps[-1])} sweeps: energy {self.energies[-1]:.4f} per particle, "
            f"acceptance of displacements {self.displacement_acceptance:.3f}, "
            f"of exchanges {self.swap_acceptance:.2g}>"
        )


@takes_mixture()
def swap_monte_carlo(
    c: Configuration,
    temperature: float,
    sweeps: int,
    seed: np.random.SeedSequence | int,
    *,
    mixture: Mixture = KA2D,
    swap_fraction: float = 0.2,
    target_acceptance: float = 0.4,
    tuning_sweeps: int | None = None,
    displacement: float = 0.12,
    records: int = 20,
    exchange_weights: Mapping[str, float] | None = None,
) -> tuple[Configuration, SwapStatistics]:
    """Run swap Monte Carlo from a configuration.

    Parameters
    ----------
    c
        Start configuration, without overlaps.
    temperature
        Temperature T > 0.
    sweeps
        Sweeps in all, at least 1; a sweep is N attempts.
    seed
        Seed sequence or whole number; the same seed gives the same numbers.
    mixture
        Species and pair potential. Without one it is KA2D, if the species of the configuration can be its.
    swap_fraction
        Share of attempts that exchange the species of two particles, in [0, 1).
    target_acceptance
        Acceptance of displacements that the tuning aims at, 0.3 to 0.5.
    tuning_sweeps
        Sweeps at the beginning in which the displacement is tuned; a quarter of all, at most 500, by default.
    displacement
        Side of the square of displacements to begin with.
    records
        Number of equally spaced points at which the energy is noted.
    exchange_weights
        Relative weights of exchanges between species, see :class:`Chain`.

    Returns
    -------
    Configuration
        The last configuration; positions are unwrapped and continue those of ``c``.
    SwapStatistics
        Energies, acceptances and speed.

    Raises
    ------
    ValueError
        For a parameter that a run's configuration would refuse (temperature, target acceptance, seed), fewer
        than one sweep, overlapping particles, or species or box that do not fit.

    Examples
    --------
    >>> import tglassmlp as tg  # doctest: +SKIP
    >>> later, statistics = tg.swap_monte_carlo(c, 0.5, 100, seed=1)  # doctest: +SKIP
    """
    if not np.isfinite(sweeps) or int(sweeps) != sweeps or sweeps < 1:
        raise ValueError(f"sweeps must be a whole number of at least 1, found {sweeps}")
    if not temperature > 0:
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    config.check(config.TemperatureSettings, {"value": "temperature"}, value=temperature)
    config.check(config.EquilibrationSettings, target_acceptance=target_acceptance)
    if not isinstance(seed, np.random.SeedSequence):
        config.check(config.Config, seed=seed)
    if not (np.isfinite(displacement) and 0 < displacement <= 0.5 * c.box_length):
        raise ValueError(
            f"displacement must be positive and at most half the box ({0.5 * c.box_length:g}), found "
            f"{displacement}"
        )
    if int(records) != records or records < 1:
        raise ValueError(f"records must be a whole number of at least 1, found {records}")
    sweeps, records = int(sweeps), int(records)
    tuning = min(sweeps // 4, 500) if tuning_sweeps is None else int(tuning_sweeps)
    if not 0 <= tuning <= sweeps or (tuning_sweeps is not None and tuning != tuning_sweeps):
        raise ValueError(f"tuning_sweeps must lie in 0..{sweeps} and be whole, found {tuning_sweeps}")
    chain = Chain(
        c, temperature, seed, mixture, swap_fraction, displacement, exchange_weights=exchange_weights
    )
    begin = time.perf_counter()
    chain.tune(tuning, target_acceptance)
    before = chain.counters
    points = np.unique(np.round(np.linspace(tuning, sweeps, min(records, sweeps) + 1)).astype(np.int64))[
        -records:
    ]
    energies, drift, done = [], 0.0, tuning
    for point in points:
        chain.run(int(point) - done)
        done = int(point)
        drift = max(drift, chain.check_energy())
        energies.append(chain.energy)
    elapsed = time.perf_counter() - begin
    tried, moved, swap_tried, swapped, _ = chain.counters - before
    return chain.configuration(), SwapStatistics(
        points,
        np.array(energies),
        moved / tried if tried else float("nan"),
        swapped / swap_tried if swap_tried else float("nan"),
        chain.displacement,
        drift,
        sweeps * chain.n_particles / elapsed,
    )
