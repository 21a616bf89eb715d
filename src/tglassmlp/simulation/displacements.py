r"""Displacements of single particles, decided in single precision wherever that is certain.

A displacement needs the energy of one particle with its neighbours at two places, only to be compared with a
random number. Here both sums are made in single precision, eight neighbours at a time, from positions in
32-bit fixed point (units of :math:`L / 2^{32}`, whose differences are the nearest image by themselves). Where
the decision could depend on rounding, that is where it would be another one for a change of energy that
differs by :data:`MARGIN`, the change is computed anew in double precision. Every decision is that of double
precision, and so is the path; which of both decided is a matter of speed only.

Species enter by a polynomial through the values of the species, exact at whole numbers, instead of a choice
between them.
"""

from __future__ import annotations

from typing import Any, Final

import llvmlite.ir as ir
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.limits import MAX_SPECIES
from tglassmlp.simulation import neighbour_lists
from tglassmlp.simulation.energies import PairTables
from tglassmlp.simulation.generator import draw, unit
from tglassmlp.simulation.inlined import FAST_MATH, cell, choose, fold, nearest
from tglassmlp.simulation.neighbour_lists import GHOST, LANES

__all__ = [
    "BLOCK",
    "MARGIN",
    "VISIT",
    "displace",
    "displacement_energy",
    "divide",
    "inside",
    "single_tables",
    "sort_and_list",
    "touch",
]

#: Smallest side of the blocks that large systems are swept in; a smaller box is one block.
BLOCK: Final = 30.0

#: Sweeps that a block gets at a visit, or what is left of those asked for.
VISIT: Final = 4

#: Errors of single precision are taken to be smaller than this, and than this share of the sums.
MARGIN: Final = (3e-4, 2e-5)

#: Numbers of a species' line in the tables: four of 1/sigma^2, four of 4 epsilon, x_c^2, C0, C2, C4.
_LINE: Final = 12


def single_tables(tables: PairTables, box_length: float) -> NDArray[np.float32]:
    """Constants of the single-precision sums, ``[4, 12]``: one line for each species of the central particle.

    The first four numbers are the coefficients of the cubic polynomial in the neighbour's type that gives
    1/sigma^2 in units of fixed point, the next four those of 4 epsilon; then come x_c^2, C0, C2, C4.
    """
    lines = np.empty((MAX_SPECIES, _LINE))
    powers = np.vander(np.arange(MAX_SPECIES), MAX_SPECIES, increasing=True).astype(float)
    present = tables.inverse_sigma2[0] > 0
    unit = box_length / 2.0**32
    for t in range(MAX_SPECIES):
        for k, values in enumerate((tables.inverse_sigma2[t] * unit**2, tables.epsilon4[t])):
            # the polynomial of lowest degree through the species there are
            n = int(present.sum())
            lines[t, 4 * k : 4 * k + 4] = 0.0
            lines[t, 4 * k : 4 * k + n] = np.linalg.solve(powers[:n, :n], values[:n])
        lines[t, 8:] = tables.constants
    return lines.astype(np.float32)


@intrinsic
def _pair_sums(typingctx, rows, i, count, places, xo, yo, xn, yn, table, t):
    """Energies of particle i at the old and the new place with the neighbours of its row, as float32."""
    signature = types.UniTuple(types.float32, 2)(rows, i, count, places, xo, yo, xn, yn, table, t)

    def codegen(context, builder, sig, args):
        lanes = LANES
        i32, i64, f32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
        vi, vf = ir.VectorType(i32, lanes), ir.VectorType(f32, lanes)
        zero_mask = ir.Constant(vi, None)

        def data(k):
            return context.make_array(sig.args[k])(context, builder, args[k]).data

        def wide(v):
            return builder.sext(v, i64) if v.type != i64 else v

        def spread(v, kind):
            empty = ir.Constant(kind, ir.Undefined)
            one = builder.insert_element(empty, v, ir.Constant(i32, 0))
            return builder.shuffle_vector(one, empty, zero_mask)

        def constant(value, kind):
            element = kind.element
            return ir.Constant(kind, [ir.Constant(element, value)] * lanes)

        def fma(a, b, c):
            kind = ir.FunctionType(vf, [vf] * 3)
            call = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{lanes}f32")
            return builder.call(call, [a, b, c])

        made = context.make_array(sig.args[0])(context, builder, args[0])
        width = builder.extract_value(made.shape, 1)
        row = builder.gep(made.data, [builder.mul(wide(args[1]), width)])
        place = builder.bitcast(data(3), ir.IntType(8).as_pointer())
        line = builder.gep(data(8), [builder.mul(wide(args[9]), ir.Constant(i64, _LINE))])

        def number(k):
            return spread(builder.load(builder.gep(line, [ir.Constant(i64, k)])), vf)

        sigma, epsilon = [number(k) for k in range(4)], [number(4 + k) for k in range(4)]
        cutoff, c0, c2, c4 = (number(8 + k) for k in range(4))
        ones, minus = constant(1.0, vf), constant(-1.0, vf)
        away, none = constant(1e6, vf), ir.Constant(vf, None)
        old_x, old_y, new_x, new_y = (
            spread(builder.trunc(a, i32) if a.type != i32 else a, vi) for a in args[4:8]
        )
        totals = [cgutils.alloca_once(builder, vf) for _ in range(2)]
        for total in totals:
            builder.store(none, total)
        step = ir.Constant(i64, lanes)
        end = wide(args[2])
        with cgutils.for_range_slice(builder, ir.Constant(i64, 0), end, step, i64) as (k, _):
            here = builder.gep(row, [k])
            entries = builder.load(builder.bitcast(here, vi.as_pointer()), align=4)
            pairs = ir.Constant(ir.VectorType(i64, lanes), ir.Undefined)
            for lane in range(lanes):
                entry = builder.load(builder.gep(here, [ir.Constant(i64, lane)]))
                # an entry is 8 * index + type, and a place has 8 bytes
                byte = builder.zext(builder.and_(entry, ir.Constant(i32, -8)), i64)
                address = builder.bitcast(builder.gep(place, [byte]), i64.as_pointer())
                pairs = builder.insert_element(pairs, builder.load(address, align=8), ir.Constant(i32, lane))
            both = builder.bitcast(pairs, ir.VectorType(i32, 2 * lanes))
            empty = ir.Constant(both.type, ir.Undefined)
            xj, yj = (
                builder.shuffle_vector(
                    both, empty, ir.Constant(vi, [ir.Constant(i32, 2 * m + c) for m in range(lanes)])
                )
                for c in range(2)
            )
            kind = builder.and_(entries, constant(7, vi))
            ghost = builder.select(builder.icmp_signed("==", kind, constant(GHOST, vi)), away, none)
            power = builder.sitofp(kind, vf)

            def polynomial(c, power=power):
                return fma(fma(fma(c[3], power, c[2]), power, c[1]), power, c[0])

            a, e = polynomial(sigma), polynomial(epsilon)
            s = []
            for x, y in ((old_x, old_y), (new_x, new_y)):
                dx, dy = (builder.sitofp(builder.sub(p, q), vf) for p, q in ((xj, x), (yj, y)))
                s.append(fma(fma(dx, dx, builder.fmul(dy, dy)), a, ghost))
            inverse = builder.fdiv(ones, builder.fmul(*s))
            for total, mine, other in ((totals[0], s[0], s[1]), (totals[1], s[1], s[0])):
                inv = builder.fmul(inverse, other)
                cube = builder.fmul(builder.fmul(inv, inv), inv)
                v = fma(cube, builder.fadd(cube, minus), fma(mine, fma(c4, mine, c2), c0))
                inside = builder.fcmp_ordered("<", mine, cutoff)
                builder.store(fma(e, builder.select(inside, v, none), builder.load(total)), total)
        found = []
        for total in totals:
            parts, size = builder.load(total), lanes
            while size > 1:
                size //= 2
                halves = [
                    builder.shuffle_vector(
                        parts,
                        ir.Constant(parts.type, ir.Undefined),
                        ir.Constant(
                            ir.VectorType(i32, size), [ir.Constant(i32, m + h * size) for m in range(size)]
                        ),
                    )
                    for h in range(2)
                ]
                parts = builder.fadd(*halves)
            found.append(builder.extract_element(parts, ir.Constant(i32, 0)))
        return context.make_tuple(builder, sig.return_type, found)

    return signature, codegen


# calls in compiled code have another signature than the definition
pair_sums: Any = _pair_sums


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def displacement_energy(
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


@njit(error_model="numpy")
def sort_and_list(
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
    order, start, cells = neighbour_lists.cell_order(x, y, length, 0.5 * radius)
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
    largest = neighbour_lists.fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    if largest >= rows.shape[1]:
        rows = np.empty((n, (largest + LANES) // LANES * LANES), np.uint32)
        neighbour_lists.fill_rows(x, y, types, length, radius, order, start, cells, rows, counts)
    return rows


@njit(error_model="numpy", inline="always")
def inside(x: float, corner: float, side: float, length: float) -> bool:
    """Whether a coordinate lies in a block that begins at ``corner``."""
    return fold(x - corner, length, 0.0) < side


@njit(error_model="numpy")
def touch(
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
def divide(
    x: NDArray,
    y: NDArray,
    length: float,
    blocks: int,
    generator: NDArray,
    members: NDArray,
    begins: NDArray,
    place: NDArray,
    member: NDArray,
) -> tuple[float, float]:
    """Find the particles of ``blocks`` x ``blocks`` squares: b has ``members[begins[b]:begins[b + 1]]``.

    Returns the coordinates of the squares' common corner, which is drawn.
    """
    n = x.shape[0]
    s0, s1, s2, s3 = generator[0], generator[1], generator[2], generator[3]
    r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
    corner_x = unit(r) * length
    r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
    corner_y = unit(r) * length
    generator[0], generator[1], generator[2], generator[3] = s0, s1, s2, s3
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
    return corner_x, corner_y


@njit(error_model="numpy", inline="always")
def _fixed(coordinate: float, scale: float) -> Any:
    """Coordinate in units of L / 2^32; whole boxes drop out."""
    return np.int32(np.int64(np.rint(coordinate * scale)))


@njit(error_model="numpy", forceinline=True)
def _attempt_displacements(
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
    places: NDArray,
    rows: NDArray,
    counts: NDArray,
    length: float,
    reach: float,
    skin: float,
    temperature: float,
    displacement: float,
    generator: NDArray,
    counters: NDArray,
    sums: NDArray,
    inverse_sigma2: NDArray,
    epsilon4: NDArray,
    constants: NDArray,
    table: NDArray,
    margin: float,
    share: float,
) -> NDArray:
    """Displace particles ``members[begin:end]``, blocks as in :func:`displace`; returns the rows."""
    size = end - begin
    scale = 4294967296.0 / length
    limit = 0.25 * skin * skin
    side = displacement * 2.3283064365386963e-10
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
        xn = x[i] + side * (np.float64(r >> np.uint64(32)) - 2147483647.5)
        yn = y[i] + side * (np.float64(r & np.uint64(0xFFFFFFFF)) - 2147483647.5)
        r, s0, s1, s2, s3 = draw(s0, s1, s2, s3)
        # accepted if the energy rises by less
        bound = -temperature * np.log(unit(r))
        if block > 0.0 and not (inside(xn, corner_x, block, length) and inside(yn, corner_y, block, length)):
            continue
        dx = xn - reference[0, i]
        dy = yn - reference[1, i]
        if dx * dx + dy * dy > limit:
            # the list would not be valid at the trial position
            rows = sort_and_list(x, y, types, names, reference, length, reach + skin, rows, counts, members)
            for k in range(x.shape[0]):
                places[k, 0] = _fixed(x[k], scale)
                places[k, 1] = _fixed(y[k], scale)
            i = members[m]
            counters[4] += 1
        t = types[i]
        new_x = _fixed(xn, scale)
        new_y = _fixed(yn, scale)
        old, new = pair_sums(rows, i, counts[i], places, places[i, 0], places[i, 1], new_x, new_y, table, t)
        change = np.float64(new) - np.float64(old)
        accept = change < bound
        if not abs(change - bound) > margin + share * (abs(np.float64(old)) + abs(np.float64(new))):
            anew += 1
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
            accept = change < bound
        if accept:
            x[i] = xn
            y[i] = yn
            places[i, 0] = new_x
            places[i, 1] = new_y
            total += change
            moved += 1
    generator[0], generator[1], generator[2], generator[3] = s0, s1, s2, s3
    counters[0] += attempts
    counters[1] += moved
    sums[0] += total
    sums[1] += moved
    sums[2] += anew
    return rows


@njit(error_model="numpy")
def displace(
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
    displacement: float,
    generator: NDArray,
    counters: NDArray,
    sums: NDArray,
    inverse_sigma2: NDArray,
    epsilon4: NDArray,
    constants: NDArray,
    table: NDArray,
    margin: float,
    share: float,
) -> NDArray:
    """Make ``sweeps`` sweeps of N displacements each; returns the rows of the neighbour list.

    A small system is one block. A large one is swept block by block, so that what an attempt reads stays in
    the fast cache: ``blocks`` x ``blocks`` squares whose common corner is drawn anew for every
    :data:`VISIT` sweeps, each with as many times its number of particles attempts.

    Parameters
    ----------
    sweeps, blocks
        Number of sweeps, and of blocks per side.
    x, y, types, names, reference, rows, counts
        State of a :class:`tglassmlp.simulation.swap_monte_carlo.Chain`.
    length, reach, skin
        Box, largest cut-off, and what the list adds to it.
    temperature, displacement
        T, and the side of the square that displacements are drawn from.
    generator, counters
        ``[4]`` words of random numbers; ``[5]`` numbers of which those of displacements tried, accepted and
        of list rebuilds are counted up.
    sums
        ``[3]`` counted up: changes of the energy as they were decided upon, displacements accepted, and
        decisions made anew in double precision.
    inverse_sigma2, epsilon4, constants
        :class:`tglassmlp.simulation.energies.PairTables`.
    table
        Of :func:`single_tables`.
    margin, share
        :data:`MARGIN`; with an infinite margin all decisions are made in double precision.
    """
    n = x.shape[0]
    scale = 4294967296.0 / length
    places = np.empty((n, 2), np.int32)
    for k in range(n):
        places[k, 0] = _fixed(x[k], scale)
        places[k, 1] = _fixed(y[k], scale)
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
            rows = _attempt_displacements(
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
                places,
                rows,
                counts,
                length,
                reach,
                skin,
                temperature,
                displacement,
                generator,
                counters,
                sums,
                inverse_sigma2,
                epsilon4,
                constants,
                table,
                margin,
                share,
            )
        if blocks == 1:
            members[:] = np.arange(n)
    if touched == -1.0:
        counters[4] += 0  # keeps the reading of touch from being optimised away
    return rows
