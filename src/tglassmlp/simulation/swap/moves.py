r"""Attempts of swap Monte Carlo: displacements of one particle, and plain exchanges of two species.

With plain exchanges, an attempt is with probability ``swap_fraction`` an exchange of the species of two
particles of unlike species, otherwise a displacement of one particle by a vector uniform in a square of side
``displacement``. A pair of particles of species a and b is drawn with a probability proportional to
w_ab = w_ba; their sum over all pairs depends on the composition only, which stays. Both proposals are
symmetric, so accepting with probability :math:`\min(1, e^{-\Delta V / T})` (Metropolis) keeps detailed
balance with respect to :math:`e^{-V/T}`.

Where all attempts are displacements (:func:`attempt_displacements`), most are decided in single precision
(:mod:`tglassmlp.simulation.swap.single_precision`). A displacement needs its change of energy only to be
compared with a random number. Where the decision could depend on rounding, that is where it would be another
one for a change that differs by the margin, the change is computed anew in double precision. Every decision
is that of double precision, and so is the path; which of both decided is a matter of speed only.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.simulation.energies import PairTables
from tglassmlp.simulation.inlined import FAST_MATH, choose, energy_of_square, nearest
from tglassmlp.simulation.neighbour_lists import GHOST, LANES
from tglassmlp.simulation.swap.blocks import inside
from tglassmlp.simulation.swap.generator import draw, unit
from tglassmlp.simulation.swap.groups import (
    DISPLACEMENT,
    DISPLACEMENTS_ACCEPTED,
    DISPLACEMENTS_TRIED,
    ENERGY,
    EXCHANGES_ACCEPTED,
    EXCHANGES_TRIED,
    REBUILDS,
    Block,
    NeighbourList,
    Proposal,
    SinglePrecision,
    System,
    Tally,
)
from tglassmlp.simulation.swap.lists import relabel, sort_and_list
from tglassmlp.simulation.swap.single_precision import fixed, pair_sums

__all__ = ["GLOBAL_SHARE", "attempt", "attempt_displacements"]

#: Share of exchanges in a block that are tried between any two particles of the whole system instead.
GLOBAL_SHARE: Final = 0.0625


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def displacement_energy(
    i: int, xn: float, yn: float, system: System, rows: NDArray, counts: NDArray, tables: PairTables
) -> float:
    """Energy change when particle ``i`` goes to ``(xn, yn)``."""
    x, y, length, t = system.x, system.y, system.length, system.types[i]
    row, a_row, e_row, constants = rows[i], tables.inverse_sigma2[t], tables.epsilon4[t], tables.constants
    xo, yo = x[i], y[i]
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    a0, a1, a2, a3 = a_row[0], a_row[1], a_row[2], a_row[3]
    e0, e1, e2, e3 = e_row[0], e_row[1], e_row[2], e_row[3]
    old = 0.0
    new = 0.0
    for k in range((counts[i] + LANES - 1) // LANES * LANES):
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
        v = e * energy_of_square(cube, s, c0, c2, c4)
        old += v if s < sc else 0.0
        dx = nearest(xj - xn, length, inverse)
        dy = nearest(yj - yn, length, inverse)
        s = (dx * dx + dy * dy) * a + away
        inv = 1.0 / s
        cube = inv * inv * inv
        v = e * energy_of_square(cube, s, c0, c2, c4)
        new += v if s < sc else 0.0
    return new - old


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def _species_energy(
    i: int, t_new: int, system: System, rows: NDArray, counts: NDArray, tables: PairTables
) -> float:
    """Energy change when particle ``i`` changes its species to ``t_new``, all others kept."""
    x, y, length, t_old = system.x, system.y, system.length, system.types[i]
    row, constants = rows[i], tables.constants
    old_a, old_e = tables.inverse_sigma2[t_old], tables.epsilon4[t_old]
    new_a, new_e = tables.inverse_sigma2[t_new], tables.epsilon4[t_new]
    xi, yi = x[i], y[i]
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    a0, a1, a2, a3 = old_a[0], old_a[1], old_a[2], old_a[3]
    e0, e1, e2, e3 = old_e[0], old_e[1], old_e[2], old_e[3]
    b0, b1, b2, b3 = new_a[0], new_a[1], new_a[2], new_a[3]
    f0, f1, f2, f3 = new_e[0], new_e[1], new_e[2], new_e[3]
    old = 0.0
    new = 0.0
    for k in range((counts[i] + LANES - 1) // LANES * LANES):
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
        v = choose(kind, e0, e1, e2, e3, 0.0) * energy_of_square(cube, s, c0, c2, c4)
        old += v if s < sc else 0.0
        s = r2 * choose(kind, b0, b1, b2, b3, 1.0) + away
        inv = 1.0 / s
        cube = inv * inv * inv
        v = choose(kind, f0, f1, f2, f3, 0.0) * energy_of_square(cube, s, c0, c2, c4)
        new += v if s < sc else 0.0
    return new - old


@njit(error_model="numpy")
def _pair_energy(r2: float, a: float, e: float, constants: NDArray) -> float:
    """Energy of a pair whose squared distance is ``r2``."""
    s = r2 * a
    if s >= constants[0]:
        return 0.0
    inv = 1.0 / s
    cube = inv * inv * inv
    return e * energy_of_square(cube, s, constants[1], constants[2], constants[3])


@njit(error_model="numpy", forceinline=True)
def attempt(
    attempts: int,
    block: Block,
    system: System,
    neighbours: NeighbourList,
    tables: PairTables,
    proposal: Proposal,
    generator: NDArray,
    tally: Tally,
) -> NDArray:
    """Make ``attempts`` attempts, displacements and plain exchanges; returns the rows of the list.

    Parameters
    ----------
    attempts
        Number of attempts.
    block
        Particles to choose from.
    system, neighbours, tables, proposal
        What is changed, with a neighbour list that is valid at its positions, and by which rules.
    generator
        ``[4]`` words of random numbers.
    tally
        Numbers that are counted up; the energy is one of them.
    """
    x, y, types, length = system.x, system.y, system.types, system.length
    rows, counts, reference = neighbours.rows, neighbours.counts, neighbours.reference
    inverse_sigma2, epsilon4, constants = tables.inverse_sigma2, tables.epsilon4, tables.constants
    members, begin, corner_x, corner_y, side = (
        block.members,
        block.begin,
        block.corner_x,
        block.corner_y,
        block.side,
    )
    running, counters, pair_counts = tally.running, tally.counters, tally.pair_counts
    swap_fraction, weights = proposal.swap_fraction, proposal.weights
    n = x.shape[0]
    size = block.end - begin
    inverse = 1.0 / length
    beta = 1.0 / proposal.temperature
    reach = neighbours.reach
    limit = 0.25 * neighbours.skin * neighbours.skin
    step = running[DISPLACEMENT] * 2.3283064365386963e-10
    keep = 1.0 / swap_fraction if swap_fraction > 0.0 else 0.0
    move = 1.0 / (1.0 - swap_fraction) if swap_fraction < 1.0 else 0.0
    s0, s1, s2, s3 = generator[0], generator[1], generator[2], generator[3]
    energy = running[ENERGY]
    moved = swap_tried = swapped = 0
    for _ in range(attempts):
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        u = unit(r)
        if u >= swap_fraction:
            m = begin + min(size - 1, int((u - swap_fraction) * move * size))
            i = members[m]
            r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
            # two 32-bit halves, each uniform on a grid that is symmetric about zero
            xn = x[i] + step * (np.float64(r >> np.uint64(32)) - 2147483647.5)
            yn = y[i] + step * (np.float64(r & np.uint64(0xFFFFFFFF)) - 2147483647.5)
            if side > 0.0 and not (inside(xn, corner_x, side, length) and inside(yn, corner_y, side, length)):
                continue
            dx = xn - reference[0, i]
            dy = yn - reference[1, i]
            if dx * dx + dy * dy > limit:
                # the list would not be valid at the trial position
                rows = sort_and_list(
                    system, NeighbourList(rows, counts, reference, reach, neighbours.skin), members
                )
                i = members[m]
                counters[REBUILDS] += 1
            change = displacement_energy(i, xn, yn, system, rows, counts, tables)
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
            if side > 0.0 and u * keep < GLOBAL_SHARE:
                first = 0
                among = n
            i = j = 0
            drawn = False
            for _ in range(1000 if among > 1 else 1):
                r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                i = members[first + min(among - 1, int(unit(r) * among))]
                r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                j = members[first + min(among - 1, int(unit(r) * among))]
                weight = weights[types[i], types[j]]
                drawn = weight >= 1.0
                if 0.0 < weight < 1.0:
                    r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
                    drawn = unit(r) < weight
                if drawn:
                    break
            if not drawn:
                continue  # a block without such species
            ti = types[i]
            tj = types[j]
            pair_counts[0, min(ti, tj), max(ti, tj)] += 1
            change = _species_energy(i, tj, system, rows, counts, tables) + _species_energy(
                j, ti, system, rows, counts, tables
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
                relabel(rows, counts, i, ti, tj)
                relabel(rows, counts, j, tj, ti)
                energy += change
                swapped += 1
                pair_counts[1, min(ti, tj), max(ti, tj)] += 1
    generator[0], generator[1], generator[2], generator[3] = s0, s1, s2, s3
    running[ENERGY] = energy
    counters[DISPLACEMENTS_TRIED] += attempts - swap_tried
    counters[DISPLACEMENTS_ACCEPTED] += moved
    counters[EXCHANGES_TRIED] += swap_tried
    counters[EXCHANGES_ACCEPTED] += swapped
    return rows


@njit(error_model="numpy", forceinline=True)
def attempt_displacements(
    attempts: int,
    block: Block,
    system: System,
    places: NDArray,
    neighbours: NeighbourList,
    tables: PairTables,
    single: SinglePrecision,
    temperature: float,
    generator: NDArray,
    tally: Tally,
) -> NDArray:
    """Try ``attempts`` displacements, most of them decided in single precision; returns the rows of the list.

    Parameters are those of :func:`attempt`, and ``places`` ``[N, 2]``: the positions in fixed point, which
    are kept up to date.
    """
    x, y, types, length = system.x, system.y, system.types, system.length
    rows, counts, reference = neighbours.rows, neighbours.counts, neighbours.reference
    members, begin, corner_x, corner_y, side = (
        block.members,
        block.begin,
        block.corner_x,
        block.corner_y,
        block.side,
    )
    table, margin, share = single.table, single.margin, single.share
    counters, sums = tally.counters, tally.sums
    size = block.end - begin
    scale = 4294967296.0 / length
    limit = 0.25 * neighbours.skin * neighbours.skin
    step = tally.running[DISPLACEMENT] * 2.3283064365386963e-10
    s0, s1, s2, s3 = generator[0], generator[1], generator[2], generator[3]
    moved = 0
    anew = 0
    total = 0.0
    for _ in range(attempts):
        # three words an attempt, so that none waits for the decision of the one before
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        m = begin + min(size - 1, int(unit(r) * size))
        i = members[m]
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        # two 32-bit halves, each uniform on a grid that is symmetric about zero
        xn = x[i] + step * (np.float64(r >> np.uint64(32)) - 2147483647.5)
        yn = y[i] + step * (np.float64(r & np.uint64(0xFFFFFFFF)) - 2147483647.5)
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        # accepted if the energy rises by less
        bound = -temperature * np.log(unit(r))
        if side > 0.0 and not (inside(xn, corner_x, side, length) and inside(yn, corner_y, side, length)):
            continue
        dx = xn - reference[0, i]
        dy = yn - reference[1, i]
        if dx * dx + dy * dy > limit:
            # the list would not be valid at the trial position
            rows = sort_and_list(
                system, NeighbourList(rows, counts, reference, neighbours.reach, neighbours.skin), members
            )
            for k in range(x.shape[0]):
                places[k, 0] = fixed(x[k], scale)
                places[k, 1] = fixed(y[k], scale)
            i = members[m]
            counters[REBUILDS] += 1
        t = types[i]
        new_x = fixed(xn, scale)
        new_y = fixed(yn, scale)
        old, new = pair_sums(rows, i, counts[i], places, places[i, 0], places[i, 1], new_x, new_y, table, t)
        change = np.float64(new) - np.float64(old)
        accept = change < bound
        if not abs(change - bound) > margin + share * (abs(np.float64(old)) + abs(np.float64(new))):
            anew += 1
            change = displacement_energy(i, xn, yn, system, rows, counts, tables)
            accept = change < bound
        if accept:
            x[i] = xn
            y[i] = yn
            places[i, 0] = new_x
            places[i, 1] = new_y
            total += change
            moved += 1
    generator[0], generator[1], generator[2], generator[3] = s0, s1, s2, s3
    counters[DISPLACEMENTS_TRIED] += attempts
    counters[DISPLACEMENTS_ACCEPTED] += moved
    sums[0] += total
    sums[1] += moved
    sums[2] += anew
    return rows
