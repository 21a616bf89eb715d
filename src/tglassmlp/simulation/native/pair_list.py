"""One Verlet list for all lanes: a wide list from cells, and the part of it that is near just now."""

from __future__ import annotations

from typing import Final, NamedTuple

import llvmlite.ir as ir
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.simulation.inlined import cell, nearest
from tglassmlp.simulation.native.slots import anchors, cells
from tglassmlp.simulation.native.vector import Emitter, Group

__all__ = ["ListRule", "PairList", "build_list", "follow_images", "renew_list"]

#: Without the default error model: its exceptions on division cost seconds of compilation.
_compiled = njit(nogil=True, error_model="numpy")
#: Cells per radius of the list when it is built.
_CELLS_PER_REACH: Final = 4.0


class PairList(NamedTuple):
    """The wide list, the positions it was made at, and the short list that is part of it.

    Neighbours of slot i are ``neighbour[start[i]:start[i + 1]]``, each pair in the row of its lower slot;
    likewise ``wide`` and ``wide_start``. ``wide_start[-1]`` is 0 when the wide list does not hold any more.
    """

    wide_ref: NDArray
    wide_start: NDArray[np.int64]
    wide: NDArray[np.int32]
    start: NDArray[np.int64]
    neighbour: NDArray[np.int32]


class ListRule(NamedTuple):
    """Which pairs a list holds, and how long it lasts.

    ``limits`` ``[S * S]`` are the squared radii of the short list in position units, in the type of the
    forces; ``reach`` ``[S, S]`` the radii of the wide list in units of the box. The wide list lasts until a
    particle is farther than sqrt(``wide_limit``) from where it was made, the short one until one is farther
    than ``skin``, both in position units. ``ahead``: slots by which positions and forces are asked for before
    their row; 0 if they stay in the cache.
    """

    limits: NDArray
    reach: NDArray[np.float64]
    wide_limit: float
    skin: float
    ahead: int


@intrinsic
def _follow(typingctx, lanes, pos, ref, image, mark, limit):
    """Count box crossings since ``ref``, make it ``pos``; true if any is beyond sqrt(limit) of ``mark``."""
    signature = types.boolean(lanes, pos, ref, image, mark, limit)

    def codegen(context, builder, sig, args):
        e = Emitter(context, builder, sig.args[0].count, sig.args[1])
        x, r, counted, m = (e.data(sig.args[k], args[k]) for k in (1, 2, 3, 4))
        narrow = ir.VectorType(ir.IntType(32), e.width)
        none = ir.Constant(e.int_vector, None)
        farthest = e.variable(e.float_vector)
        farthest.clear()
        with cgutils.for_range(builder, e.length(sig.args[1], args[1])) as loop:
            rows = e.rows(loop.index)
            here = [e.row(x, row) for row in rows]
            for row, position in zip(rows, here, strict=True):
                before = e.row(r, row)
                step = (position - before).value  # wraps around by itself
                more = builder.icmp_signed("<", position.value, before.value)
                up = builder.and_(builder.icmp_signed(">", step, none), more)
                less = builder.icmp_signed(">", position.value, before.value)
                down = builder.and_(builder.icmp_signed("<", step, none), less)
                with builder.if_then(e.any(builder.or_(up, down)), likely=False):
                    place = builder.gep(counted, [builder.mul(row, e.number(e.width))])
                    place = builder.bitcast(place, narrow.as_pointer())
                    change = builder.sub(builder.zext(up, narrow), builder.zext(down, narrow))
                    builder.store(builder.add(builder.load(place, align=4), change), place, align=4)
                e.put_row(r, row, position)
            dx, dy = ((h - e.row(m, row)).to_float() for h, row in zip(here, rows, strict=True))
            farthest.put(farthest.get().larger(dx.times_plus(dx, dy * dy)))
        return e.any(e.spread(args[5]).less(farthest.get()))

    return signature, codegen


@intrinsic
def _any_within(typingctx, lanes, pos, i, j, limit):
    """Tell whether slots i and j are closer than sqrt(limit) in any lane."""
    signature = types.boolean(lanes, pos, i, j, limit)

    def codegen(context, builder, sig, args):
        e = Emitter(context, builder, sig.args[0].count, sig.args[1])
        x = e.data(sig.args[1], args[1])
        dx, dy = (
            (e.row(x, one) - e.row(x, other)).to_float()
            for one, other in zip(*(e.rows(e.wide(args[k])) for k in (2, 3)), strict=True)
        )
        return e.any(dx.times_plus(dx, dy * dy).less(e.spread(args[4])))

    return signature, codegen


@intrinsic
def _close_pairs(typingctx, system, pairs, rule):
    """Copy the pairs of the wide list whose squared distance is below ``limits`` in any lane.

    Positions are asked for ``ahead`` slots before their row, as in :func:`~.forces.whole_step`.
    """
    signature = types.int64(system, pairs, rule)

    def codegen(context, builder, sig, args):
        lanes, listed, bounds = (Group(builder, sig.args[k], args[k]) for k in range(3))
        e = Emitter(context, builder, lanes["lanes"][0].count, lanes["pos"][0])
        x, kind, limit = e.data(*lanes["pos"]), e.data(*lanes["species"]), e.data(*bounds["limits"])
        first, source, start_, target = (
            e.data(*listed[name]) for name in ("wide_start", "wide", "start", "neighbour")
        )
        n_kinds = e.length(*bounds["reach"])
        ahead = e.wide(bounds["ahead"][1])
        one = e.number(1)
        count = cgutils.alloca_once_value(builder, e.number(0))
        with cgutils.for_range(builder, e.length(*lanes["species"])) as loop:
            i = loop.index
            e.prefetch(x, builder.add(i, ahead))
            builder.store(builder.load(count), builder.gep(start_, [i]))
            here = [e.row(x, row) for row in e.rows(i)]
            pairs = builder.mul(e.wide(e.element(kind, i)), n_kinds)
            begin, end = e.element(first, i), e.element(first, builder.add(i, one))
            with cgutils.for_range_slice(builder, begin, end, one, e.index) as (p, _):
                name = e.element(source, p)
                j = e.wide(name)
                dx, dy = ((h - e.row(x, row)).to_float() for h, row in zip(here, e.rows(j), strict=True))
                bound = e.spread(e.element(limit, builder.add(pairs, e.wide(e.element(kind, j)))))
                close = e.any(dx.times_plus(dx, dy * dy).less(bound))
                # always written, seldom kept: a branch here could not be predicted
                builder.store(name, builder.gep(target, [builder.load(count)]))
                builder.store(builder.add(builder.load(count), builder.zext(close, e.index)), count)
        last = builder.load(count)
        builder.store(last, builder.gep(start_, [e.length(*lanes["species"])]))
        return last

    return signature, codegen


@_compiled
def build_list(lanes, pos, species, reach, start, neighbour):
    """Half Verlet list: every pair i < j that is closer than ``reach[a, b]`` in at least one lane.

    Parameters
    ----------
    lanes
        Tuple whose length is the number of lanes.
    pos
        ``[slot, 2, lane]`` fixed-point positions.
    species
        ``[slot]`` int32, counted from 0.
    reach
        ``[S, S]`` radius of the list, in units of the box.
    start
        ``[slot + 1]`` int64, filled here.
    neighbour
        int32 buffer of an earlier list.

    Returns
    -------
    ndarray
        The neighbours; ``start[i]:start[i + 1]`` are those of slot i. A larger buffer if the old one was
        too short.
    """
    n = pos.shape[0]
    size = 2.0 ** (8 * pos.itemsize)
    anchor, spread = anchors(pos, 1.0 / size)
    widest = 0.0
    for i in range(n):
        spread[i] += 1e-6  # means are rounded
        widest = max(widest, spread[i])
    longest = 0.0
    for a in range(reach.shape[0]):
        for b in range(reach.shape[0]):
            longest = max(longest, reach[a, b])
    n_cells = max(1, min(int(_CELLS_PER_REACH / longest), int(np.sqrt(n))))
    first, entries = cells(anchor, n_cells)
    x, y, wide, kind = np.empty(n), np.empty(n), np.empty(n), np.empty(n, dtype=np.uint32)
    last = np.zeros(n_cells, dtype=np.int32)  # highest slot of each column of cells
    for column in range(n_cells):
        for p in range(first[column * n_cells], first[(column + 1) * n_cells]):
            j = entries[p]
            x[p], y[p], wide[p], kind[p] = anchor[j, 0], anchor[j, 1], spread[j], species[j]
            last[column] = max(last[column], j)
    doubtful, radius = np.empty(n, dtype=np.int32), np.empty(reach.shape[0])
    count = 0
    for i in range(n):
        start[i] = count
        if count + n - i > neighbour.shape[0]:
            longer = np.empty(2 * count + n, dtype=np.int32)
            for k in range(count):
                longer[k] = neighbour[k]
            neighbour = longer
        ax, ay, mine = anchor[i, 0], anchor[i, 1], spread[i]
        for a in range(reach.shape[0]):
            radius[a] = reach[species[i], a]
        near = longest + mine + widest
        cx = cell(ax, 1.0, n_cells)
        steps = int(near * n_cells) + 1
        around = 2 * steps + 1 >= n_cells
        low, high = (-cx, n_cells - 1 - cx) if around else (-steps, steps)
        found = 0
        for ox in range(low, high + 1):
            column = cx + ox
            column += n_cells if column < 0 else (-n_cells if column >= n_cells else 0)
            if last[column] <= i:
                continue
            # rows of cells that the circle of radius near crosses in this column
            gap = 0.0
            if not around and ox != 0:
                gap = max(0.0, (cx + ox) / n_cells - ax if ox > 0 else ax - (cx + ox + 1) / n_cells)
                if gap > near:
                    continue
            half = np.sqrt(near * near - gap * gap) + 1e-6
            bottom, top = int(np.floor((ay - half) * n_cells)), int(np.floor((ay + half) * n_cells))
            if top - bottom + 1 >= n_cells:
                bottom, top = 0, n_cells - 1
            # cells of a column lie one behind the other, in two pieces if they go around the box
            for piece in range(2):
                if piece == 0:
                    begin, end = max(bottom, 0), min(top, n_cells - 1)
                elif bottom < 0:
                    begin, end = bottom + n_cells, n_cells - 1
                elif top >= n_cells:
                    begin, end = 0, top - n_cells
                else:
                    break
                for p in range(first[column * n_cells + begin], first[column * n_cells + end + 1]):
                    dx, dy, j = x[p] - ax, y[p] - ay, entries[p]
                    dx, dy = nearest(dx, 1.0, 1.0), nearest(dy, 1.0, 1.0)
                    square, r, apart = dx * dx + dy * dy, radius[kind[p]], mine + wide[p]
                    within = (j > i) & (square <= (r + apart) * (r + apart))
                    # in every lane, or perhaps in one; always written, seldom kept: a branch here could
                    # not be predicted
                    sure = within & (square < max(r - apart, 0.0) * max(r - apart, 0.0))
                    neighbour[count] = doubtful[found] = j
                    count += sure
                    found += within & (not sure)
        for p in range(found):
            j = doubtful[p]
            neighbour[count] = j
            count += _any_within(lanes, pos, i, j, (reach[species[i], species[j]] * size) ** 2)
    start[n] = count
    return neighbour


@_compiled
def renew_list(system, pairs, rule):
    """Make the pair list of the present positions, as a part of a wider list that lasts longer.

    The wide list is built from cells, and anew only if ``wide_start[-1]`` is 0: set it so when some particle
    has moved by half the difference of the two margins since (:func:`follow_images` tells).

    Returns
    -------
    PairList
        With longer arrays where the old ones were too short.
    """
    pos, wide_start = system.pos, pairs.wide_start
    wide, neighbour = pairs.wide, pairs.neighbour
    n = pos.shape[0]
    if wide_start[n] == 0:
        wide = build_list(system.lanes, pos, system.species, rule.reach, wide_start, wide)
        wide_ref = pairs.wide_ref
        for i in range(n):
            for c in range(pos.shape[1]):
                for k in range(pos.shape[2]):
                    wide_ref[i, c, k] = pos[i, c, k]
    if neighbour.shape[0] <= wide_start[n]:
        neighbour = np.empty(wide_start[n] + wide_start[n] // 4 + 1024, dtype=np.int32)
    renewed = PairList(pairs.wide_ref, wide_start, wide, pairs.start, neighbour)
    _close_pairs(system, renewed, rule)
    return renewed


@_compiled
def follow_images(lanes, pos, ref, image, wide_ref, wide_limit):
    """Count box crossings since ``ref`` and make ``ref`` the present positions.

    Returns
    -------
    bool
        Whether any particle is farther than sqrt(``wide_limit``) from ``wide_ref``.
    """
    return _follow(lanes, pos, ref, image, wide_ref, wide_limit)
