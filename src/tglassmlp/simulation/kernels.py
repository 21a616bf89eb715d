"""Compiled pair loops in double precision: energies, forces, cell lists, neighbour lists.

A neighbour list is a table of rows of fixed width whose entries are ``8 * index + type``: the loops read
the neighbour's type from the entry itself, which is contiguous, and gather only its position. Rows are
padded with a ghost that interacts with nobody to a multiple of :data:`LANES`, so that the inner loops have
neither branch nor remainder and run in vector registers. Compiled functions take 0-based types; the
functions for users take a :class:`~tglassmlp.configuration.Configuration`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp import box
from tglassmlp.compilation import njit
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import check_carried_mixture, takes_mixture
from tglassmlp.limits import MAX_SPECIES
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation.inlined import (
    FAST_MATH,
    cell,
    choose,
    energy_of_square,
    fold,
    nearest,
    slope_of_square,
)

__all__ = [
    "GHOST",
    "LANES",
    "MAX_SPECIES",
    "PairTables",
    "cell",
    "check_overlaps",
    "fold",
    "forces",
    "nearest",
    "neighbour_rows",
    "pair_tables",
    "potential_energies",
    "total_energy",
]

#: Rows of neighbour lists are padded to a multiple of this many entries.
LANES = 8

#: Type of the ghost that fills up rows.
GHOST = 4

#: Two particles closer than this many pair diameters count as overlapping (V > 16000 epsilon).
OVERLAP = 0.5


class PairTables(NamedTuple):
    """Constants of a mixture in the shape the kernels read.

    ``inverse_sigma2`` and ``epsilon4`` are ``[4, 4]``: 1/sigma^2 and 4 epsilon, zero for species the mixture
    does not have; ``constants`` is ``[4]``: squared cut-off x_c^2, C0, C2, C4.
    """

    inverse_sigma2: NDArray[np.float64]
    epsilon4: NDArray[np.float64]
    constants: NDArray[np.float64]


def pair_tables(mixture: Mixture) -> PairTables:
    """Tables of a mixture for the compiled kernels.

    Raises
    ------
    ValueError
        If the mixture has more than :data:`MAX_SPECIES` species.
    """
    s = mixture.n_species
    if s > MAX_SPECIES:
        raise ValueError(
            f"mixture {mixture.name!r} has {s} species, the native engine takes at most {MAX_SPECIES}"
        )
    inverse = np.zeros((MAX_SPECIES, MAX_SPECIES))
    inverse[:s, :s] = mixture.sigma_matrix**-2.0
    epsilon4 = np.zeros((MAX_SPECIES, MAX_SPECIES))
    epsilon4[:s, :s] = 4.0 * mixture.epsilon_matrix
    return PairTables(inverse, epsilon4, np.array([mixture.cutoff**2, *mixture.smoothing]))


@njit(error_model="numpy")
def cell_order(x: NDArray, y: NDArray, length: float, width: float) -> tuple[NDArray, NDArray, int]:
    """Sort particles into square cells of side at least ``width``.

    Returns
    -------
    order
        ``[N]`` int64 particle indices, cell by cell (column by column), ascending within a cell.
    start
        ``[cells^2 + 1]`` int64, place in ``order`` where each cell begins.
    cells
        Number of cells per side, at least 1.
    """
    n = x.shape[0]
    # no more cells than a few per particle, however small the width
    cells = max(1, min(int(np.floor(length / width)), int(2.0 * np.sqrt(n))))
    member = np.empty(n, np.int64)
    start = np.zeros(cells * cells + 1, np.int64)
    for i in range(n):
        cx = cell(fold(x[i], length, 0.0), length, cells)
        cy = cell(fold(y[i], length, 0.0), length, cells)
        member[i] = cx * cells + cy
        start[member[i] + 1] += 1
    for k in range(cells * cells):
        start[k + 1] += start[k]
    place = start[:-1].copy()
    order = np.empty(n, np.int64)
    for i in range(n):
        order[place[member[i]]] = i
        place[member[i]] += 1
    return order, start, cells


@njit(error_model="numpy", inline="always")
def _append(
    row: NDArray,
    count: Any,
    sx: NDArray,
    sy: NDArray,
    code: NDArray,
    first: Any,
    last: Any,
    x0: float,
    y0: float,
    r2max: float,
    own: Any,
) -> Any:
    """Append the entries of particles ``first .. last-1`` that are near; returns the new count.

    Every entry is written and only counted if it is near: there is no branch to mispredict.
    """
    dust = np.uint64(row.shape[0] - 1)
    for m in range(np.uint64(first), np.uint64(last)):
        dx = sx[m] - x0
        dy = sy[m] - y0
        row[min(count, dust)] = code[m]
        count += np.uint64(1) if (dx * dx + dy * dy < r2max and code[m] != own) else np.uint64(0)
    return count


@njit(error_model="numpy")
def _fill_rows(
    x: NDArray,
    y: NDArray,
    types: NDArray,
    length: float,
    radius: float,
    order: NDArray,
    start: NDArray,
    cells: int,
    rows: NDArray,
    counts: NDArray,
) -> int:
    """Fill ``rows`` as far as they reach and ``counts`` always; returns the largest count.

    Cells are at least half the radius wide, so the 5 x 5 cells around a particle hold its neighbours.
    """
    n = x.shape[0]
    inverse = 1.0 / length
    r2max = radius * radius
    # folded copies in the order of the cells, read in sequence; the cells were chosen by the same folding
    sx = np.empty(n)
    sy = np.empty(n)
    code = np.empty(n, np.uint32)
    for k in range(n):
        i = order[k]
        sx[k] = fold(x[i], length, 0.0)
        sy[k] = fold(y[i], length, 0.0)
        code[k] = 8 * i + types[i]
    largest: Any = 0
    for cx in range(cells):
        for cy in range(cells):
            here = cx * cells + cy
            for k in range(start[here], start[here + 1]):
                i = order[k]
                row = rows[i]
                count = np.uint64(0)
                if cells < 5:
                    # the 5 x 5 neighbourhood would visit a cell twice: try everybody at the nearest image
                    for m in range(n):
                        dx = nearest(sx[m] - sx[k], length, inverse)
                        dy = nearest(sy[m] - sy[k], length, inverse)
                        row[min(np.int64(count), row.shape[0] - 1)] = code[m]
                        near = dx * dx + dy * dy < r2max and m != k
                        count += np.uint64(1) if near else np.uint64(0)
                else:
                    for column in range(cx - 2, cx + 3):
                        turns_x = -1 if column < 0 else (1 if column >= cells else 0)
                        base = (column - turns_x * cells) * cells
                        x0 = sx[k] - turns_x * length
                        # lines cy-2 .. cy+2 of a column follow each other in memory, up to the box's end
                        low = max(cy - 2, 0)
                        high = min(cy + 3, cells)
                        count = _append(
                            row,
                            count,
                            sx,
                            sy,
                            code,
                            start[base + low],
                            start[base + high],
                            x0,
                            sy[k],
                            r2max,
                            code[k],
                        )
                        if cy < 2:
                            count = _append(
                                row,
                                count,
                                sx,
                                sy,
                                code,
                                start[base + cells + cy - 2],
                                start[base + cells],
                                x0,
                                sy[k] + length,
                                r2max,
                                code[k],
                            )
                        elif cy + 3 > cells:
                            count = _append(
                                row,
                                count,
                                sx,
                                sy,
                                code,
                                start[base],
                                start[base + cy + 3 - cells],
                                x0,
                                sy[k] - length,
                                r2max,
                                code[k],
                            )
                found = np.int64(count)
                counts[i] = found
                largest = max(largest, found)
                ghost = np.uint32(8 * i + GHOST)
                for m in range(found, min(row.shape[0], (found + LANES - 1) // LANES * LANES)):
                    row[m] = ghost
    # the last entry of a row is a dust-bin, so a full row counts as too narrow
    return largest


@njit(error_model="numpy")
def neighbour_rows(
    x: NDArray, y: NDArray, types: NDArray, length: float, radius: float, width: int
) -> tuple[NDArray, NDArray]:
    """Neighbours of every particle closer than ``radius``, each pair in both rows.

    Parameters
    ----------
    x, y
        ``[N]`` coordinates, unwrapped allowed.
    types
        ``[N]`` 0-based types.
    length
        Side of the box.
    radius
        List radius.
    width
        Guess of the row width; wider rows are made when needed.

    Returns
    -------
    rows
        ``[N, W]`` uint32 entries ``8 * index + type``; from a particle's count to the next multiple of
        :data:`LANES` they hold ghosts, beyond that anything.
    counts
        ``[N]`` int64, number of true neighbours.
    """
    order, start, cells = cell_order(x, y, length, 0.5 * radius)
    counts = np.empty(x.shape[0], np.int64)
    width = (width + LANES - 1) // LANES * LANES
    rows = np.empty((x.shape[0], width), np.uint32)
    largest = _fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    if largest >= width:
        width = (largest + LANES) // LANES * LANES
        rows = np.empty((x.shape[0], width), np.uint32)
        _fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    return rows, counts


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def energy_and_forces(
    x: NDArray,
    y: NDArray,
    types: NDArray,
    rows: NDArray,
    counts: NDArray,
    length: float,
    inverse_sigma2: NDArray,
    epsilon4: NDArray,
    constants: NDArray,
    energies: NDArray,
    fx: NDArray,
    fy: NDArray,
) -> float:
    """Fill E_i = 1/2 sum_j V_ij and the forces ``fx, fy``, all ``[N]``; returns the potential energy."""
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    total = 0.0
    for i in range(fx.shape[0]):
        ti = types[i]
        a0, a1, a2, a3 = (
            inverse_sigma2[ti, 0],
            inverse_sigma2[ti, 1],
            inverse_sigma2[ti, 2],
            inverse_sigma2[ti, 3],
        )
        e0, e1, e2, e3 = epsilon4[ti, 0], epsilon4[ti, 1], epsilon4[ti, 2], epsilon4[ti, 3]
        row = rows[i]
        xi, yi = x[i], y[i]
        sum_x = 0.0
        sum_y = 0.0
        sum_v = 0.0
        for k in range((counts[i] + LANES - 1) // LANES * LANES):
            entry = row[k]
            kind = entry & np.uint32(7)
            j = entry >> np.uint32(3)
            a = choose(kind, a0, a1, a2, a3, 1.0)
            # a ghost carries the particle's own index: its distance of zero is moved out of range
            s = 1e30 if kind == GHOST else 0.0
            e = choose(kind, e0, e1, e2, e3, 0.0)
            dx = nearest(x[j] - xi, length, inverse)
            dy = nearest(y[j] - yi, length, inverse)
            s += (dx * dx + dy * dy) * a
            inv = 1.0 / s
            cube = inv * inv * inv
            v = energy_of_square(cube, s, c0, c2, c4)
            w = slope_of_square(inv, cube, s, c2, c4)
            inside = s < sc
            sum_v += e * v if inside else 0.0
            w = 2.0 * e * a * w if inside else 0.0
            sum_x += w * dx
            sum_y += w * dy
        # F_i = -dV/dx_i; the separation is x_j - x_i, hence the plus sign
        fx[i] = sum_x
        fy[i] = sum_y
        energies[i] = 0.5 * sum_v
        total += energies[i]
    return total


@njit(error_model="numpy")
def _closest_pair(
    x: NDArray, y: NDArray, types: NDArray, rows: NDArray, counts: NDArray, length: float, a: NDArray
) -> tuple[Any, Any, Any]:
    """Smallest (r/sigma)^2 of any listed pair, and the pair."""
    best: Any = np.inf
    first: Any = -1
    second: Any = -1
    inverse = 1.0 / length
    for i in range(rows.shape[0]):
        for k in range(counts[i]):
            j = np.int64(rows[i, k] >> np.uint32(3))
            dx = nearest(x[j] - x[i], length, inverse)
            dy = nearest(y[j] - y[i], length, inverse)
            s = (dx * dx + dy * dy) * a[types[i], types[j]]
            if s < best:
                best, first, second = s, i, j
    return best, first, second


class Prepared(NamedTuple):
    """A configuration in the shape the kernels read, with its neighbour list."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    types: NDArray[np.int64]
    rows: NDArray[np.uint32]
    counts: NDArray[np.int64]
    tables: PairTables


def row_width(c: Configuration, radius: float) -> int:
    """Width that rows of that list radius will hardly exceed."""
    return int(1.4 * np.pi * radius**2 * c.n_particles / c.box_length**2) + LANES


def prepared(c: Configuration, mixture: Mixture, skin: float = 0.0) -> Prepared:
    """Coordinates near the first box, 0-based types, neighbour list and tables of a configuration.

    Raises
    ------
    ValueError
        If species or box do not fit the mixture, or the configuration carries another one.
    """
    check_carried_mixture([c], mixture, "energies")
    c.check_mixture(mixture.n_species, mixture.largest_cutoff)
    tables = pair_tables(mixture)
    x, y = box.bring_near(c.positions, c.box_length)[0].T.copy()
    types = c.species.astype(np.int64) - 1
    radius = mixture.largest_cutoff + skin
    rows, counts = neighbour_rows(x, y, types, c.box_length, radius, row_width(c, radius))
    return Prepared(x, y, types, rows, counts, tables)


@takes_mixture(assume=False)
def check_overlaps(c: Configuration, mixture: Mixture = KA2D, allowed: float = OVERLAP) -> None:
    """Refuse a configuration in which two particles overlap.

    Parameters
    ----------
    c
        The configuration.
    mixture
        Its mixture.
    allowed
        Smallest distance allowed, in units of the pair's sigma.

    Raises
    ------
    ValueError
        Naming the closest pair, its distance and the smallest one allowed.
    """
    p = prepared(c, mixture)
    s, i, j = _closest_pair(p.x, p.y, p.types, p.rows, p.counts, c.box_length, p.tables.inverse_sigma2)
    if s < allowed * allowed:
        raise ValueError(
            f"particles {i} and {j} overlap: their distance is {np.sqrt(s):.3g} sigma, at least {allowed:g} "
            "is allowed; relax the configuration first (tglassmlp.inherent_structure)"
        )


@takes_mixture()
def potential_energies(c: Configuration, mixture: Mixture = KA2D) -> NDArray[np.float64]:
    r"""Potential energy of every particle, :math:`E_i = \frac{1}{2} \sum_j V_{ij}`.

    Parameters
    ----------
    c
        N particles.
    mixture
        Species and pair potential. Without one it is KA2D, if the species of the configuration can be its.

    Returns
    -------
    ndarray
        ``[N]`` float64, reduced energy units.

    Raises
    ------
    ValueError
        If species or box do not fit the mixture, or two particles sit on top of each other.

    Examples
    --------
    >>> import numpy as np
    >>> from tglassmlp.configuration import Configuration
    >>> pair = Configuration([[0.0, 0.0], [2.0 ** (1 / 6), 0.0]], [1, 1], 10.0)
    >>> np.round(potential_energies(pair), 3)
    array([-0.441, -0.441])
    """
    return _evaluate(c, mixture)[0]


@takes_mixture(assume=False)
def total_energy(c: Configuration, mixture: Mixture = KA2D) -> float:
    """Potential energy of the whole configuration; see :func:`potential_energies`."""
    return float(potential_energies(c, mixture).sum())


@takes_mixture(assume=False)
def forces(c: Configuration, mixture: Mixture = KA2D) -> NDArray[np.float64]:
    r"""Force on every particle, :math:`F_i = -\partial V / \partial r_i`.

    Returns
    -------
    ndarray
        ``[N, 2]`` float64, reduced units.

    Raises
    ------
    ValueError
        As :func:`potential_energies`.
    """
    return np.ascontiguousarray(_evaluate(c, mixture)[1:].T)


def energies_and_forces(
    c: Configuration, mixture: Mixture
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return :func:`potential_energies` ``[N]`` and :func:`forces` ``[N, 2]`` of one evaluation."""
    found = _evaluate(c, mixture)
    return found[0], np.ascontiguousarray(found[1:].T)


def _evaluate(c: Configuration, mixture: Mixture) -> NDArray[np.float64]:
    """Energies and both force components, ``[3, N]``."""
    p = prepared(c, mixture)
    found = np.empty((3, c.n_particles))
    energy_and_forces(p.x, p.y, p.types, p.rows, p.counts, c.box_length, *p.tables, *found)
    if not np.all(np.isfinite(found)):
        bad = int(np.flatnonzero(~np.isfinite(found).all(axis=0))[0])
        raise ValueError(f"the energy of particle {bad} is not finite: another particle sits on top of it")
    return found
