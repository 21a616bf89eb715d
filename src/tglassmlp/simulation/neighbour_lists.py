"""Cell lists and neighbour lists of one system, compiled.

A neighbour list is a table of rows of fixed width whose entries are ``8 * index + type``: the loops read
the neighbour's type from the entry itself, which is contiguous, and gather only its position. Rows are
padded with a ghost that interacts with nobody to a multiple of :data:`LANES`, so that the inner loops have
neither branch nor remainder and run in vector registers. Compiled functions take 0-based types.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.configuration import Configuration
from tglassmlp.simulation.inlined import cell, fold, nearest

__all__ = ["GHOST", "LANES", "cell_order", "fill_rows", "neighbour_rows", "row_width"]

#: Rows of neighbour lists are padded to a multiple of this many entries.
LANES: Final = 8

#: Type of the ghost that fills up rows.
GHOST: Final = 4


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
def fill_rows(
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
    largest = fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    if largest >= width:
        width = (largest + LANES) // LANES * LANES
        rows = np.empty((x.shape[0], width), np.uint32)
        fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    return rows, counts


def row_width(c: Configuration, radius: float) -> int:
    """Width that rows of that list radius will hardly exceed."""
    return int(1.4 * np.pi * radius**2 * c.n_particles / c.box_length**2) + LANES
