"""Slots of the lanes: where particles are kept, and which particle is in which slot.

All arrays are laid out ``[slot, component, lane]``: one vector register holds one coordinate of one slot in
every lane. A *slot* is a particle, the same one in every lane at the start; particles of one species may
later change slots inside a lane, so that slots stay close together across lanes and one Verlet list serves
them all. Only speed depends on who is where.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from tglassmlp.box import DIMENSIONS, minimum_image
from tglassmlp.compilation import njit
from tglassmlp.simulation.inlined import cell, fold, nearest
from tglassmlp.simulation.native.vector import difference

__all__ = ["Lanes", "aligned", "anchors", "assignment", "bring_together", "cells", "spatial_order"]

_CACHE_LINE: Final = 64
_HUGE_PAGE: Final = 1 << 21
#: Without the default error model: its exceptions on division cost seconds of compilation.
_compiled = njit(nogil=True, error_model="numpy")


class Lanes(NamedTuple):
    """Replicas as lanes.

    ``lanes`` is a tuple whose length is the number of lanes. Positions ``pos``, velocities ``vel``, forces
    times step ``frc`` and reference positions ``ref`` are whole numbers ``[slot, component, lane]``, box
    crossings ``image`` likewise. ``order`` and ``holder`` are the slot of each particle and the particle in
    each slot, ``[N, lane]``; ``species`` is ``[slot]``, counted from 0.
    """

    lanes: tuple[int, ...]
    pos: NDArray
    vel: NDArray
    frc: NDArray
    ref: NDArray
    image: NDArray
    order: NDArray
    holder: NDArray
    species: NDArray


def aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Zeroed C-ordered array whose data starts on a cache line, or if it is large on a huge page.

    NumPy asks for huge pages where a large array covers them whole: here that is all of it but the rest at
    its end. Slots of a large system are met in an order that small pages do not keep up with.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    unit = _CACHE_LINE if size < 2 * _HUGE_PAGE else _HUGE_PAGE
    raw = np.zeros(-(-size // unit) * unit + unit, dtype=np.uint8)
    offset = -raw.ctypes.data % unit
    return raw[offset : offset + size].view(dtype).reshape(shape)


def spatial_order(fraction: NDArray[np.float64], spacing: float) -> NDArray[np.intp]:
    """Order of particles along stripes of the box, back and forth, so that neighbours are near in memory."""
    n_stripes = max(1, int(1.0 / spacing))
    stripe = np.minimum((fraction[:, 0] * n_stripes).astype(np.int64), n_stripes - 1)
    along = np.where(stripe % 2 == 0, fraction[:, 1], -fraction[:, 1])
    return np.lexsort((along, stripe))


def assignment(points: NDArray[np.float64], anchors: NDArray[np.float64]) -> NDArray[np.intp]:
    """Anchor of each point, one each, with the smallest sum of squared distances in the periodic unit box.

    Only the nearest anchors of a point, and the one it has now (of the same index), are candidates.
    """
    n = len(points)
    nearest = min(n, 16)
    distance, index = cKDTree(anchors, boxsize=1.0).query(points, k=nearest)
    distance, index = distance.reshape(n, nearest), index.reshape(n, nearest)
    own = minimum_image(points - anchors, 1.0)
    rows = np.concatenate([np.repeat(np.arange(n), nearest), np.arange(n)])
    columns = np.concatenate([index.ravel(), np.arange(n)])
    # whole numbers: with rounding errors the search for the best matching may go round in circles for ever;
    # they must not vanish, and a pair listed twice must not be added up
    unit = (1e-3 * max(float(distance.max()), 1e-9)) ** 2
    weights = np.rint(np.concatenate([distance.ravel() ** 2, (own**2).sum(axis=1)]) / unit) + 1.0
    _, unique = np.unique(rows * n + columns, return_index=True)
    graph = csr_array((weights[unique], (rows[unique], columns[unique])), shape=(n, n))
    found, chosen = min_weight_full_bipartite_matching(graph)
    target = np.empty(n, dtype=np.intp)
    target[found] = chosen
    return target


@_compiled
def anchors(pos, scale):
    """Mean position over lanes, in units of the box in [0, 1), and the largest distance from it."""
    n, _, width = pos.shape
    anchor = np.empty((n, DIMENSIONS))
    spread = np.zeros(n)
    offset = np.empty((DIMENSIONS, width))
    for i in range(n):
        for c in range(DIMENSIONS):
            mean = 0.0
            for k in range(width):
                offset[c, k] = difference(pos[i, c, k], pos[i, c, 0]) * scale
                mean += offset[c, k]
            mean /= width
            for k in range(width):
                offset[c, k] -= mean
            anchor[i, c] = fold(pos[i, c, 0] * scale + mean, 1.0, 0.0)
        largest = 0.0
        for k in range(width):
            largest = max(largest, offset[0, k] ** 2 + offset[1, k] ** 2)
        spread[i] = np.sqrt(largest)
    return anchor, spread


@_compiled
def cells(anchor, n_cells):
    """Sort slots into ``n_cells`` x ``n_cells`` cells: first entry of each cell, and the entries."""
    n = anchor.shape[0]
    first = np.zeros(n_cells * n_cells + 1, dtype=np.int64)
    member = np.empty(n, dtype=np.int64)
    for i in range(n):
        member[i] = cell(anchor[i, 0], 1.0, n_cells) * n_cells + cell(anchor[i, 1], 1.0, n_cells)
        first[member[i] + 1] += 1
    for k in range(n_cells * n_cells):
        first[k + 1] += first[k]
    fill = np.empty(n_cells * n_cells, dtype=np.int64)
    for k in range(n_cells * n_cells):
        fill[k] = first[k]
    entries = np.empty(n, dtype=np.int32)
    for i in range(n):
        entries[fill[member[i]]] = i
        fill[member[i]] += 1
    return first, entries


@_compiled
def bring_together(system, spacing):
    """Let particles of one species change slots inside their lane where that brings slots closer together.

    Replicas diffuse apart, and the list of all lanes would grow to hold every pair of the system. But
    particles of one species are alike: two of them may exchange slots in one lane. An exchange is made if
    it lowers the sum over slots of the squared distance from the slot's mean position over the lanes.

    Parameters
    ----------
    system
        :class:`Lanes`; ``ref`` equals ``pos`` here (the list is about to be built).
    spacing
        Typical distance between neighbours, in units of the box.

    Lists made before do not hold any more.
    """
    pos, vel, ref, image = system.pos, system.vel, system.ref, system.image
    order, holder, species = system.order, system.holder, system.species
    n, _, width = pos.shape
    scale = 0.5 ** (8 * pos.itemsize)
    anchor, spread = anchors(pos, scale)
    n_cells = max(1, min(int(1.0 / spacing), int(np.sqrt(n))))
    first, entries = cells(anchor, n_cells)
    low, high = (-1, 1) if n_cells >= 3 else (0, n_cells - 1)
    for i in range(n):
        if spread[i] < 0.4 * spacing:
            continue
        for k in range(width):
            px, py = pos[i, 0, k] * scale, pos[i, 1, k] * scale
            own = _squared_distance(px, py, anchor, i)
            if own < (0.4 * spacing) ** 2:
                continue
            cx = cell(fold(px, 1.0, 0.0), 1.0, n_cells)
            cy = cell(fold(py, 1.0, 0.0), 1.0, n_cells)
            best, gain = -1, 1e-6 * spacing**2
            for ox in range(low, high + 1):
                for oy in range(low, high + 1):
                    there = ((cx + ox) % n_cells) * n_cells + (cy + oy) % n_cells
                    for p in range(first[there], first[there + 1]):
                        j = entries[p]
                        if j == i or species[j] != species[i]:
                            continue
                        qx, qy = pos[j, 0, k] * scale, pos[j, 1, k] * scale
                        now = own + _squared_distance(qx, qy, anchor, j)
                        then = _squared_distance(px, py, anchor, j) + _squared_distance(qx, qy, anchor, i)
                        if now - then > gain:
                            best, gain = j, now - then
            if best >= 0:
                for c in range(DIMENSIONS):
                    pos[i, c, k], pos[best, c, k] = pos[best, c, k], pos[i, c, k]
                    vel[i, c, k], vel[best, c, k] = vel[best, c, k], vel[i, c, k]
                    ref[i, c, k], ref[best, c, k] = ref[best, c, k], ref[i, c, k]
                    image[i, c, k], image[best, c, k] = image[best, c, k], image[i, c, k]
                a, b = holder[i, k], holder[best, k]
                holder[i, k], holder[best, k] = b, a
                order[a, k], order[b, k] = best, i


@_compiled
def _squared_distance(x, y, anchor, slot):
    dx, dy = nearest(x - anchor[slot, 0], 1.0, 1.0), nearest(y - anchor[slot, 1], 1.0, 1.0)
    return dx * dx + dy * dy
