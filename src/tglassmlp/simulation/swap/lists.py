"""Neighbour lists of a chain: made where they are outrun, kept up to date where species change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.simulation.neighbour_lists import LANES, cell_order, fill_rows
from tglassmlp.simulation.swap.groups import NeighbourList, System

__all__ = ["relabel", "sort_and_list"]


@njit(error_model="numpy")
def sort_and_list(system: System, neighbours: NeighbourList, members: NDArray) -> NDArray:
    """Sort particles by cell, note their places in ``reference``, rebuild the list, renumber ``members``.

    Returns the rows, new ones if the old were too narrow.
    """
    x, y, types, names, length = system.x, system.y, system.types, system.names, system.length
    rows, counts, reference = neighbours.rows, neighbours.counts, neighbours.reference
    radius = neighbours.reach + neighbours.skin
    n = x.shape[0]
    order, start, cells = cell_order(x, y, length, 0.5 * radius)
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
    largest = fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    if largest >= rows.shape[1]:
        rows = np.empty((n, (largest + LANES) // LANES * LANES), np.uint32)
        fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    return rows


@njit(error_model="numpy")
def relabel(rows: NDArray, counts: NDArray, particle: Any, old: Any, new: Any) -> None:
    """Change the type of one particle from ``old`` to ``new`` in the rows of its neighbours."""
    entry, new_entry = np.uint32(8 * particle + old), np.uint32(8 * particle + new)
    for k in range(counts[particle]):
        row = rows[rows[particle, k] >> np.uint32(3)]
        count = counts[rows[particle, k] >> np.uint32(3)]
        for m in range(count):
            row[m] = new_entry if row[m] == entry else row[m]
