r"""Swap Monte Carlo at constant N, V, T.

With plain exchanges, an attempt is with probability ``swap_fraction`` an exchange of the species of two
particles of unlike species, otherwise a displacement of one particle by a vector uniform in a square of side
``displacement``.
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

With informed exchanges (:mod:`tglassmlp.simulation.informed_exchanges`) all attempts are displacements, and
every few sweeps a block of exchanges follows, of pairs of the whole system that are drawn by what they cost.
Either kind of block keeps the Boltzmann distribution, so their fixed sequence does.
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
from tglassmlp.simulation import energies, neighbour_lists
from tglassmlp.simulation.displacements import (
    BLOCK,
    MARGIN,
    VISIT,
    displace,
    displacement_energy,
    divide,
    inside,
    single_tables,
    sort_and_list,
    touch,
)
from tglassmlp.simulation.generator import draw, unit
from tglassmlp.simulation.informed_exchanges import exchange_block
from tglassmlp.simulation.inlined import FAST_MATH, choose, nearest
from tglassmlp.simulation.neighbour_lists import GHOST, LANES

__all__ = ["Chain", "SwapStatistics", "swap_monte_carlo"]

#: Sweeps between two adjustments of the displacement while it is tuned.
TUNING_INTERVAL: Final = 10

#: Largest allowed mismatch between the running and the recomputed energy, per particle.
ENERGY_TOLERANCE: Final = 1e-8

#: What the neighbour list adds to the cut-off. Displacements in single precision make longer rows cheaper.
SKIN: Final = {"informed": 0.6, "plain": 0.5}

#: Largest allowed mismatch of changes that were summed in single precision, per accepted displacement.
SUM_TOLERANCE: Final = 1e-7

#: Share of exchanges in a block that are tried between any two particles of the whole system instead.
GLOBAL_SHARE: Final = 0.0625

#: Informed exchanges tried per sweep, as a share of the number of particles.
EXCHANGES_PER_SWEEP: Final = 0.04

#: Sweeps between two blocks of informed exchanges.
EXCHANGE_INTERVAL: Final = 4

# Arrays of a chain that are its state.
_STATE = ("x", "y", "types", "names", "reference", "generator", "running", "counters", "pair_counts", "phase")
# Places in the array of running numbers.
_ENERGY, _DISPLACEMENT = 0, 1
# Places in the array of counters.
_TRIED, _MOVED, _SWAP_TRIED, _SWAPPED, _REBUILDS = range(5)


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
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
    pair_counts: NDArray,
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
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        u = unit(r)
        if u >= swap_fraction:
            m = begin + min(size - 1, int((u - swap_fraction) * move * size))
            i = members[m]
            r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
            # two 32-bit halves, each uniform on a grid that is symmetric about zero
            xn = x[i] + side * (np.float64(r >> np.uint64(32)) - 2147483647.5)
            yn = y[i] + side * (np.float64(r & np.uint64(0xFFFFFFFF)) - 2147483647.5)
            if block > 0.0 and not (
                inside(xn, corner_x, block, length) and inside(yn, corner_y, block, length)
            ):
                continue
            dx = xn - reference[0, i]
            dy = yn - reference[1, i]
            if dx * dx + dy * dy > limit:
                # the list would not be valid at the trial position
                rows = sort_and_list(
                    x, y, types, names, reference, length, reach + skin, rows, counts, members
                )
                i = members[m]
                counters[_REBUILDS] += 1
            t = types[i]
            change = displacement_energy(
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
                r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                accept = unit(r) < np.exp(-beta * change)
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
                r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                i = members[first + min(among - 1, int(unit(r) * among))]
                r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                j = members[first + min(among - 1, int(unit(r) * among))]
                weight = weights[types[i], types[j]]
                found = weight >= 1.0
                if 0.0 < weight < 1.0:
                    r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                    found = unit(r) < weight
                if found:
                    break
            if not found:
                continue  # a block without such species
            ti = types[i]
            tj = types[j]
            pair_counts[0, min(ti, tj), max(ti, tj)] += 1
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
                r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                accept = unit(r) < np.exp(-beta * change)
            if accept:
                types[i] = tj
                types[j] = ti
                for p, old, new in ((i, ti, tj), (j, tj, ti)):
                    for k in range(counts[p]):
                        q = rows[p, k] >> np.uint32(3)
                        _relabel(rows[q], counts[q], np.uint32(8 * p + old), np.uint32(8 * p + new))
                energy += change
                swapped += 1
                pair_counts[1, min(ti, tj), max(ti, tj)] += 1
    generator[0], generator[1], generator[2], generator[3] = s0, s1, s2, s3
    running[_ENERGY] = energy
    counters[_TRIED] += attempts - swap_tried
    counters[_MOVED] += moved
    counters[_SWAP_TRIED] += swap_tried
    counters[_SWAPPED] += swapped
    return rows


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
    pair_counts: NDArray,
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
            corner_x, corner_y = divide(x, y, length, blocks, generator, members, begins, place, member)
        for b in range(blocks * blocks):
            if blocks > 1:
                touched += touch(members, begins[b], begins[b + 1], x, y, types, reference, rows, counts)
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
                pair_counts,
            )
        if blocks == 1:
            members[:] = np.arange(n)
    if touched == -1.0:
        counters[_REBUILDS] += 0  # keeps the reading of touch from being optimised away
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
        Thickness added to the neighbour list, by default :data:`SKIN` of the scheme. It changes the speed,
        and the numbers only through rounding.
    exchange_weights
        Relative weight in [0, 1] of exchanges between two species, ``{"1-2": 0.0}``; 1 for those not named.
        It changes the speed of equilibration, not equilibrium.
    exchanges
        ``"plain"``: a share ``swap_fraction`` of the attempts of a sweep are exchanges of pairs drawn
        blindly. ``"informed"``: the attempts of a sweep are displacements, and blocks of exchanges of pairs
        that are drawn by what they cost (:mod:`tglassmlp.simulation.informed_exchanges`) come between sweeps;
        ``swap_fraction`` has no meaning then.
    exchanges_per_sweep
        Informed exchanges tried per sweep, as a share of the number of particles.
    exchange_interval
        Sweeps between two blocks of informed exchanges.

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
        skin: float | None = None,
        exchange_weights: Mapping[str, float] | None = None,
        exchanges: str = "plain",
        exchanges_per_sweep: float = EXCHANGES_PER_SWEEP,
        exchange_interval: int = EXCHANGE_INTERVAL,
    ) -> None:
        if not np.isfinite(temperature) or temperature <= 0:
            raise ValueError(f"temperature must be a positive number, found {temperature}")
        if not 0.0 <= swap_fraction < 1.0:
            raise ValueError(f"swap_fraction must lie in [0, 1), found {swap_fraction}")
        if exchanges not in SKIN:
            raise ValueError(f"exchanges must be informed or plain, found {exchanges!r}")
        skin = SKIN[exchanges] if skin is None else skin
        if not np.isfinite(skin) or skin <= 0:
            raise ValueError(f"skin must be a positive number, found {skin}")
        if not (np.isfinite(exchanges_per_sweep) and exchanges_per_sweep > 0):
            raise ValueError(f"exchanges_per_sweep must be a positive number, found {exchanges_per_sweep}")
        if int(exchange_interval) != exchange_interval or exchange_interval < 1:
            raise ValueError(
                f"exchange_interval must be a whole number of at least 1, found {exchange_interval}"
            )
        if exchanges == "informed" and np.unique(c.species).size < 2:
            raise ValueError("informed exchanges need at least two species, found one; use plain ones")
        c.check_mixture(mixture.n_species, mixture.largest_cutoff)
        if exchanges == "plain" and swap_fraction > 0 and np.unique(c.species).size < 2:
            raise ValueError("exchanges need at least two species, found one; set swap_fraction to 0")
        exchanged = exchanges == "informed" or swap_fraction > 0
        present = np.unique(c.species) if exchanged else None
        self._weights = exchange_matrix(exchange_weights or {}, mixture.n_species, present)
        energies.check_overlaps(c, mixture)
        self.mixture, self.box_length = mixture, c.box_length
        self.temperature, self.skin = float(temperature), float(skin)
        self.exchanges = exchanges
        self.swap_fraction = float(swap_fraction) if exchanges == "plain" else 0.0
        self.exchange_interval = int(exchange_interval)
        #: Exchanges tried in one block of informed exchanges.
        self.exchanges_per_block = max(1, round(exchanges_per_sweep * c.n_particles * self.exchange_interval))
        # as blind draws would choose the species of a pair
        numbers = np.bincount(c.species - 1, minlength=mixture.n_species).astype(float)
        shares = np.triu(numbers[:, None] * numbers[None] * self._weights, 1)
        self._shares = shares / max(shares.sum(), 1e-300)
        self._pair_counts = np.zeros((2, mixture.n_species, mixture.n_species), np.int64)
        self._phase = np.zeros(1, np.int64)
        self._tables = energies.pair_tables(mixture)
        # informed scheme: constants of single precision, and what its displacements summed up since the
        # energy was last computed: changes, their number, decisions in double precision
        self._single = single_tables(self._tables, c.box_length)
        self._margin = MARGIN
        self._sums = np.zeros(3)
        self._settled = True
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
        self._rows = sort_and_list(
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
        width = neighbour_lists.row_width(c, self.mixture.largest_cutoff + self.skin)
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
        self._settle()
        return float(self._running[_ENERGY]) / self.n_particles

    @property
    def counters(self) -> NDArray[np.int64]:
        """Displacements tried and accepted, exchanges tried and accepted, list rebuilds, so far: ``[5]``."""
        return self._counters.copy()

    def pair_acceptance(self, since: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Share of exchanges accepted, for each pair of species of which any was tried: ``{"1-3": 0.9}``.

        Parameters
        ----------
        since
            Earlier :attr:`pair_counts` to count from; from the beginning if None.
        """
        tried, accepted = self._pair_counts if since is None else self._pair_counts - since
        return {f"{a + 1}-{b + 1}": float(accepted[a, b] / tried[a, b]) for a, b in np.argwhere(tried > 0)}

    @property
    def pair_counts(self) -> NDArray[np.int64]:
        """Exchanges tried and accepted of species a < b, so far: ``[2, S, S]``."""
        return self._pair_counts.copy()

    def recomputed_energy(self) -> float:
        """Potential energy of the system, computed anew with a new neighbour list."""
        return energies.total_energy(self.sorted_configuration(), self.mixture)

    def sorted_configuration(self) -> Configuration:
        """Present configuration, particles in the order of the chain's own arrays (by cell of the list)."""
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
        if self.exchanges == "plain":
            self._sweep(sweeps)
            return
        while sweeps > 0:
            turn = min(sweeps, self.exchange_interval - int(self._phase[0]))
            self._displace(turn)
            sweeps -= turn
            self._phase[0] += turn
            if self._phase[0] == self.exchange_interval:
                self.exchange(self.exchanges_per_block)
                self._phase[0] = 0

    def _system(self, sweeps: int) -> tuple[Any, ...]:
        """First arguments of either kernel: how much to sweep, and what."""
        return (
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
        )

    def _displace(self, sweeps: int) -> None:
        """Make sweeps of displacements only."""
        self._settled = False
        self._rows = displace(
            *self._system(sweeps),
            self.displacement,
            self._generator,
            self._counters,
            self._sums,
            *self._tables,
            self._single,
            *self._margin,
        )

    def _settle(self) -> None:
        """Compute the energy from the neighbour list, if displacements were summed in single precision.

        Raises
        ------
        ValueError
            If it differs by more than :data:`SUM_TOLERANCE` per displacement from what they add up to.
        """
        if self._settled:
            return
        out = np.empty((3, self.n_particles))
        system = energies.ListedSystem(
            self._x, self._y, self._types, self._rows, self._counts, float(self.box_length), self._tables
        )
        exact = energies.energy_and_forces(system, *out)
        before, moved = float(self._running[_ENERGY]), float(self._sums[1])
        expected = before + float(self._sums[0])
        allowed = SUM_TOLERANCE * (moved + 1e4 + 10.0 * (abs(before) + abs(exact)))
        if not abs(exact - expected) <= allowed:
            raise ValueError(
                f"{moved:.0f} displacements change the energy to {expected:.10g}, recomputed it is "
                f"{exact:.10g}: difference {exact - expected:.3g}, allowed {allowed:.3g}"
            )
        self._running[_ENERGY] = exact
        self._sums[:] = 0.0
        self._settled = True

    def exchange(self, tries: int, trace: NDArray[np.float64] | None = None) -> None:
        """Make one block of informed exchanges, all of one species pair, between displacements.

        Parameters
        ----------
        tries
            Exchanges that are tried.
        trace
            ``[tries, 4]``, filled with one row for each: the two particles (as in
            :meth:`sorted_configuration`), the ratio that decides, and 1 if it was accepted, else 0. A ratio
            of at least 1 is always accepted.
        """
        change, accepted = exchange_block(
            tries,
            self._shares,
            self._x,
            self._y,
            self._types,
            self._rows,
            self._counts,
            self.box_length,
            self.temperature,
            self._generator,
            self._pair_counts,
            *self._tables,
            np.empty((0, 4)) if trace is None else trace,
        )
        # computed anew when it is asked for, so that its bits do not depend on when that was before
        self._settled = False
        self._sums[0] += change
        self._counters[_SWAP_TRIED] += tries
        self._counters[_SWAPPED] += accepted

    def _sweep(self, sweeps: int) -> None:
        """Make sweeps without informed exchanges."""
        self._rows = _sweep(
            *self._system(sweeps),
            self.swap_fraction,
            self._generator,
            self._running,
            self._counters,
            *self._tables,
            self._weights,
            self._pair_counts,
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
        self._settle()
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
        self._settle()
        return {name: getattr(self, f"_{name}").copy() for name in _STATE}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Take over a saved :meth:`state`; the list is rebuilt from where it was made."""
        self._sums[:] = 0.0
        self._settled = True
        for name in _STATE:
            target, values = getattr(self, f"_{name}"), state[name]
            if values.shape != target.shape or values.dtype != target.dtype:
                raise ValueError(
                    f"saved {name} has shape {values.shape} and type {values.dtype}, "
                    f"expected {target.shape} and {target.dtype}"
                )
            target[...] = values
        # entries of a row stay in their places while species change, so the list that was made at the
        # reference positions, with the present species, is the one that was in use
        self._rows, self._counts = neighbour_lists.neighbour_rows(
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
        Attempts per second of this process; informed exchanges are not counted.
    pair_acceptance
        Share of accepted exchanges after tuning of each pair of species, ``{"1-3": 0.9}``.
    """

    sweeps: NDArray[np.int64]
    energies: NDArray[np.float64]
    displacement_acceptance: float
    swap_acceptance: float
    displacement: float
    energy_drift: float
    moves_per_second: float
    pair_acceptance: Mapping[str, float]

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
    exchanges: str = "plain",
    exchanges_per_sweep: float = EXCHANGES_PER_SWEEP,
    exchange_interval: int = EXCHANGE_INTERVAL,
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
    exchanges, exchanges_per_sweep, exchange_interval
        Scheme of the exchanges, see :class:`Chain`: ``"informed"`` equilibrates several times faster than
        ``"plain"`` at low temperature.

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
        c,
        temperature,
        seed,
        mixture,
        swap_fraction,
        displacement,
        exchange_weights=exchange_weights,
        exchanges=exchanges,
        exchanges_per_sweep=exchanges_per_sweep,
        exchange_interval=exchange_interval,
    )
    begin = time.perf_counter()
    chain.tune(tuning, target_acceptance)
    before, pairs_before = chain.counters, chain.pair_counts
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
        chain.pair_acceptance(pairs_before),
    )
