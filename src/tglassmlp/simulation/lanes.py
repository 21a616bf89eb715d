r"""Replicas as SIMD lanes: compiled kernels that move many replicas of one system at once.

All arrays are laid out ``[slot, component, lane]``: one vector register holds one coordinate of one slot in
every lane. A *slot* is a particle, the same one in every lane at the start; particles of one species may
later change slots inside a lane (:func:`tglassmlp.simulation.molecular_dynamics` keeps the permutation), so
that slots stay close together across lanes and one Verlet list serves them all.

Everything that is summed or integrated is a whole number (fixed point):

==============  ======================  =====================================================
quantity        unit                    why
==============  ======================  =====================================================
position        L / 2^bits              wraps around by itself: the minimum image costs nothing
velocity        2^-k                    the sum over particles is exactly zero, always
force x dt      unit of velocity        sums do not depend on the order of the pairs
==============  ======================  =====================================================

Pair terms are evaluated in floating point (float32 with 32-bit integers, float64 with 64-bit ones) and
rounded once. Results therefore do not depend, to the last bit, on how replicas are grouped into lanes, on
when or in which order the pair list was built, on threads, or on where a run was interrupted.

The vector code is emitted as LLVM vector operations (``@intrinsic``), so that its width does not depend on
what an auto-vectoriser makes of a loop. A CPU without registers that wide works on pieces.
The number of lanes is passed as a tuple of that length (its values are not used): the length is part of
the type, so Numba compiles and caches one version per width.
"""

from __future__ import annotations

import llvmlite.ir as ir
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from tglassmlp.compilation import njit
from tglassmlp.potentials import fused_force_of_square
from tglassmlp.simulation.inlined import cell, energy_of_square, fold, nearest

__all__ = [
    "advance",
    "aligned",
    "anchors",
    "bring_together",
    "build_list",
    "follow_images",
    "kinetic_energies",
    "measure",
    "pair_forces",
    "renew_list",
]

_CACHE_LINE = 64
_HUGE_PAGE = 1 << 21
#: Without the default error model: its exceptions on division cost seconds of compilation.
_compiled = njit(nogil=True, error_model="numpy")
#: Steps between two attempts to bring slots together; they diffuse by far less than their distance.
_EXCHANGE_INTERVAL = 500
#: Cells per radius of the list when it is built.
_CELLS_PER_REACH = 4.0


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


# --------------------------------------------------------------------------------------------------
# A small vocabulary to write vector code that reads like its formula
# --------------------------------------------------------------------------------------------------


class _Vector:
    """An LLVM vector value with arithmetic operators."""

    def __init__(self, emit: _Emitter, value: ir.Value) -> None:
        self.emit, self.value = emit, value
        self.floating = not isinstance(value.type.element, ir.IntType)

    def _apply(self, floating: str, integer: str, other: _Vector) -> _Vector:
        build = getattr(self.emit.builder, floating if self.floating else integer)
        return _Vector(self.emit, build(self.value, other.value))

    def __add__(self, other: _Vector) -> _Vector:
        return self._apply("fadd", "add", other)

    def __sub__(self, other: _Vector) -> _Vector:
        return self._apply("fsub", "sub", other)

    def __mul__(self, other: _Vector) -> _Vector:
        return self._apply("fmul", "mul", other)

    def __truediv__(self, other: _Vector) -> _Vector:
        return self._apply("fdiv", "sdiv", other)

    def less(self, other: _Vector) -> ir.Value:
        return self.emit.builder.fcmp_ordered("<", self.value, other.value)

    def to_float(self) -> _Vector:
        return _Vector(self.emit, self.emit.builder.sitofp(self.value, self.emit.float_vector))

    def to_int(self) -> _Vector:
        """Round to the nearest whole number."""
        e = self.emit
        name = f"llvm.lrint.v{e.width}i{e.bits}.v{e.width}f{e.bits}"
        return _Vector(e, e.call(name, e.int_vector, [self.value]))

    def times_plus(self, factor: _Vector, term: _Vector) -> _Vector:
        """``self * factor + term``, rounded once."""
        e = self.emit
        name = f"llvm.fma.v{e.width}f{e.bits}"
        return _Vector(e, e.call(name, e.float_vector, [self.value, factor.value, term.value]))

    def larger(self, other: _Vector) -> _Vector:
        e = self.emit
        name = f"llvm.maxnum.v{e.width}f{e.bits}"
        return _Vector(e, e.call(name, e.float_vector, [self.value, other.value]))

    def where(self, mask: ir.Value) -> _Vector:
        """Zero where ``mask`` is false."""
        zero = ir.Constant(self.value.type, None)
        return _Vector(self.emit, self.emit.builder.select(mask, self.value, zero))


class _Emitter:
    """Emits vector code of one width and precision into a function that is being built."""

    def __init__(self, context, builder, width: int, array_type) -> None:
        self.context, self.builder, self.width = context, builder, width
        self.bits = int(array_type.dtype.bitwidth)
        if self.bits == 32:
            self.float_type: ir.Type = ir.FloatType()
        else:
            self.float_type = ir.DoubleType()
        self.int_type = ir.IntType(self.bits)
        self.int_vector = ir.VectorType(self.int_type, width)
        self.float_vector = ir.VectorType(self.float_type, width)
        self.index = ir.IntType(64)

    def number(self, value: int) -> ir.Constant:
        return ir.Constant(self.index, value)

    def call(self, name: str, result: ir.Type, values: list[ir.Value]) -> ir.Value:
        kind = ir.FunctionType(result, [v.type for v in values])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), values)

    def data(self, array_type: types.Array, array: ir.Value) -> ir.Value:
        """Pointer to the first element of a numpy array."""
        return self.context.make_array(array_type)(self.context, self.builder, array).data

    def length(self, array_type: types.Array, array: ir.Value) -> ir.Value:
        """Length of the leading axis."""
        made = self.context.make_array(array_type)(self.context, self.builder, array)
        return self.builder.extract_value(made.shape, 0)

    def element(self, data: ir.Value, index: ir.Value) -> ir.Value:
        return self.builder.load(self.builder.gep(data, [index]))

    def wide(self, number: ir.Value) -> ir.Value:
        return self.builder.sext(number, self.index) if number.type != self.index else number

    def _pointer(self, data: ir.Value, row: ir.Value) -> ir.Value:
        pointer = self.builder.gep(data, [self.builder.mul(row, self.number(self.width))])
        return self.builder.bitcast(pointer, self.int_vector.as_pointer())

    def row(self, data: ir.Value, row: ir.Value) -> _Vector:
        """Load one row ``[lane]`` of whole numbers."""
        return _Vector(self, self.builder.load(self._pointer(data, row), align=self.bits // 8))

    def rows(self, slot: ir.Value) -> list[ir.Value]:
        """Numbers of the two rows of a slot in an array ``[slot, component, lane]``."""
        first = self.builder.mul(slot, self.number(2))
        return [first, self.builder.add(first, self.number(1))]

    def prefetch(self, data: ir.Value, slot: ir.Value) -> None:
        """Ask for a slot ahead of its use; an address outside the array does no harm."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, *[ir.IntType(32)] * 3])
        ask = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        for row in self.rows(slot):
            place = self.builder.bitcast(self._pointer(data, row), byte)
            # to be written, kept in the second level, data
            self.builder.call(ask, [place, *(ir.Constant(ir.IntType(32), v) for v in (1, 2, 1))])

    def put_row(self, data: ir.Value, row: ir.Value, value: _Vector) -> None:
        self.builder.store(value.value, self._pointer(data, row), align=self.bits // 8)

    def spread(self, scalar: ir.Value) -> _Vector:
        """Copy one floating-point number to all lanes."""
        if scalar.type != self.float_type:
            scalar = self.builder.fptrunc(scalar, self.float_type)
        empty = ir.Constant(self.float_vector, ir.Undefined)
        one = self.builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.width), None)
        return _Vector(self, self.builder.shuffle_vector(one, empty, mask))

    def variable(self, kind: ir.Type) -> _Variable:
        return _Variable(self, kind)

    def any(self, mask: ir.Value) -> ir.Value:
        whole = self.builder.bitcast(mask, ir.IntType(self.width))
        return self.builder.icmp_unsigned("!=", whole, ir.Constant(ir.IntType(self.width), 0))


class _Variable:
    """A vector that changes inside a loop (LLVM turns it into a register)."""

    def __init__(self, emit: _Emitter, kind: ir.Type) -> None:
        self.emit, self.kind = emit, kind
        self.slot = cgutils.alloca_once(emit.builder, kind)

    def clear(self) -> None:
        self.emit.builder.store(ir.Constant(self.kind, None), self.slot)

    def get(self) -> _Vector:
        return _Vector(self.emit, self.emit.builder.load(self.slot))

    def put(self, vector: _Vector) -> None:
        self.emit.builder.store(vector.value, self.slot)


# --------------------------------------------------------------------------------------------------
# Vector kernels
# --------------------------------------------------------------------------------------------------


class _Pairs:
    """Emits the forces of one row of the list: slot i with its neighbours j > i."""

    def __init__(self, e: _Emitter, sig, args):
        # arguments as for _pair_forces
        self.e = e
        self.x, self.f, self.first, self.list, self.kind, self.tab = (
            e.data(sig.args[k], args[k]) for k in (1, 2, 3, 4, 5, 7)
        )
        self.n_kinds = e.wide(args[6])
        self.cutoff, self.slope, self.offset = (e.spread(e.element(self.tab, e.number(k))) for k in range(3))
        self.twice, self.minus, self.unity = (
            e.spread(ir.Constant(e.float_type, value)) for value in (2.0, -1.0, 1.0)
        )
        self.total = [e.variable(e.int_vector) for _ in range(2)]

    def ask(self, i) -> None:
        """Ask for position and force of slot i ahead of their use."""
        for array in (self.x, self.f):
            self.e.prefetch(array, i)

    def row(self, i) -> tuple[list[ir.Value], list[_Vector], list[_Vector]]:
        """Subtract the forces from the neighbours; give slot i's rows, position and summed force."""
        e, builder = self.e, self.e.builder
        one, two = e.number(1), e.number(2)
        rows = e.rows(i)
        here = [e.row(self.x, row) for row in rows]
        for total in self.total:
            total.clear()
        pairs = builder.mul(e.wide(e.element(self.kind, i)), self.n_kinds)
        begin, end = e.element(self.first, i), e.element(self.first, builder.add(i, one))
        with cgutils.for_range_slice(builder, begin, end, one, e.index) as (p, _):
            j = e.wide(e.element(self.list, p))
            others = e.rows(j)
            pair = builder.mul(builder.add(pairs, e.wide(e.element(self.kind, j))), two)
            dx, dy = ((h - e.row(self.x, row)).to_float() for h, row in zip(here, others, strict=True))
            inverse = e.spread(e.element(self.tab, builder.add(pair, e.number(3))))
            u = dx.times_plus(dx, dy * dy) * inverse
            core = fused_force_of_square(
                self.unity / u, u, self.slope, self.offset, self.twice, self.minus, _Vector.times_plus
            )
            amplitude = e.spread(e.element(self.tab, builder.add(pair, e.number(4))))
            force = (core * amplitude).where(u.less(self.cutoff))
            for d, row, total in zip((dx, dy), others, self.total, strict=True):
                part = (force * d).to_int()
                total.put(total.get() + part)
                e.put_row(self.f, row, e.row(self.f, row) - part)
        return rows, here, [total.get() for total in self.total]


class _Drift:
    """Emits kick and drift of one slot, and keeps the largest distance from the reference positions."""

    def __init__(self, e: _Emitter, vel, ref, factor, limit):
        self.e, self.v, self.r = e, vel, ref
        self.scale, self.bound = e.spread(factor), e.spread(limit)
        self.farthest = e.variable(e.float_vector)
        self.farthest.clear()

    def move(self, x, rows: list[ir.Value], here: list[_Vector], force: list[_Vector]) -> None:
        e = self.e
        moved = []
        for row, position, kick in zip(rows, here, force, strict=True):
            velocity = e.row(self.v, row) + kick
            e.put_row(self.v, row, velocity)
            position = position + (velocity.to_float() * self.scale).to_int()
            e.put_row(x, row, position)
            moved.append((position - e.row(self.r, row)).to_float())
        self.farthest.put(self.farthest.get().larger(moved[0].times_plus(moved[0], moved[1] * moved[1])))

    def too_far(self) -> ir.Value:
        return self.e.any(self.bound.less(self.farthest.get()))


@intrinsic
def _pair_forces(typingctx, lanes, pos, frc, start, neighbour, species, n_species, table, ahead):
    """Add the forces of all listed pairs to ``frc``; see :func:`pair_forces`, and :func:`_whole_step`."""
    signature = types.void(lanes, pos, frc, start, neighbour, species, n_species, table, ahead)

    def codegen(context, builder, sig, args):
        e = _Emitter(context, builder, sig.args[0].count, sig.args[1])
        pairs = _Pairs(e, sig, args)
        with cgutils.for_range(builder, e.length(sig.args[5], args[5])) as loop:
            pairs.ask(builder.add(loop.index, e.wide(args[8])))
            rows, _, force = pairs.row(loop.index)
            for row, part in zip(rows, force, strict=True):
                e.put_row(pairs.f, row, e.row(pairs.f, row) + part)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _kick_drift(typingctx, lanes, pos, vel, frc, ref, factor, limit):
    """Kick, drift and clear ``frc``; true if anything is farther than sqrt(limit) from ``ref``."""
    signature = types.boolean(lanes, pos, vel, frc, ref, factor, limit)

    def codegen(context, builder, sig, args):
        e = _Emitter(context, builder, sig.args[0].count, sig.args[1])
        x, v, f, r = (e.data(sig.args[k], args[k]) for k in (1, 2, 3, 4))
        drift = _Drift(e, v, r, args[5], args[6])
        zero = _Vector(e, ir.Constant(e.int_vector, None))
        with cgutils.for_range(builder, e.length(sig.args[1], args[1])) as loop:
            rows = e.rows(loop.index)
            force = [e.row(f, row) for row in rows]
            drift.move(x, rows, [e.row(x, row) for row in rows], force)
            for row in rows:
                e.put_row(f, row, zero)
        return drift.too_far()

    return signature, codegen


@intrinsic
def _whole_step(
    typingctx, lanes, pos, frc, start, neighbour, species, n_species, table, vel, ref, factor, limit, ahead
):
    """Do the work of :func:`_pair_forces` and :func:`_kick_drift` in one pass.

    The list holds each pair with its lower slot, so once row i is done nothing later asks for slot i's force
    or position, and it can move at once. Positions and forces are asked for ``ahead`` slots before their row,
    which is when the first neighbour wants them.
    """
    signature = types.boolean(
        lanes, pos, frc, start, neighbour, species, n_species, table, vel, ref, factor, limit, ahead
    )

    def codegen(context, builder, sig, args):
        e = _Emitter(context, builder, sig.args[0].count, sig.args[1])
        pairs = _Pairs(e, sig, args)
        drift = _Drift(e, e.data(sig.args[8], args[8]), e.data(sig.args[9], args[9]), args[10], args[11])
        zero = _Vector(e, ir.Constant(e.int_vector, None))
        with cgutils.for_range(builder, e.length(sig.args[5], args[5])) as loop:
            pairs.ask(builder.add(loop.index, e.wide(args[12])))
            rows, here, force = pairs.row(loop.index)
            whole = [e.row(pairs.f, row) + part for row, part in zip(rows, force, strict=True)]
            drift.move(pairs.x, rows, here, whole)
            for row in rows:
                e.put_row(pairs.f, row, zero)
        return drift.too_far()

    return signature, codegen


@intrinsic
def _follow(typingctx, lanes, pos, ref, image, mark, limit):
    """Count box crossings since ``ref``, make it ``pos``; true if any is beyond sqrt(limit) of ``mark``."""
    signature = types.boolean(lanes, pos, ref, image, mark, limit)

    def codegen(context, builder, sig, args):
        e = _Emitter(context, builder, sig.args[0].count, sig.args[1])
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
        e = _Emitter(context, builder, sig.args[0].count, sig.args[1])
        x = e.data(sig.args[1], args[1])
        rows = [builder.mul(e.wide(args[k]), e.number(2)) for k in (2, 3)]
        dx = (e.row(x, rows[0]) - e.row(x, rows[1])).to_float()
        up = [builder.add(row, e.number(1)) for row in rows]
        dy = (e.row(x, up[0]) - e.row(x, up[1])).to_float()
        return e.any(dx.times_plus(dx, dy * dy).less(e.spread(args[4])))

    return signature, codegen


@intrinsic
def _close_pairs(
    typingctx, lanes, pos, species, n_species, limits, wide_start, wide, start, neighbour, ahead
):
    """Copy the pairs of the wide list whose squared distance is below ``limits`` in any lane.

    Positions are asked for ``ahead`` slots before their row, as in :func:`_whole_step`.
    """
    signature = types.int64(lanes, pos, species, n_species, limits, wide_start, wide, start, neighbour, ahead)

    def codegen(context, builder, sig, args):
        e = _Emitter(context, builder, sig.args[0].count, sig.args[1])
        x, kind, limit, first, source, start_, target = (
            e.data(sig.args[k], args[k]) for k in (1, 2, 4, 5, 6, 7, 8)
        )
        n_kinds = e.wide(args[3])
        one, two = e.number(1), e.number(2)
        count = cgutils.alloca_once_value(builder, e.number(0))
        with cgutils.for_range(builder, e.length(sig.args[2], args[2])) as loop:
            i = loop.index
            e.prefetch(x, builder.add(i, e.wide(args[9])))
            builder.store(builder.load(count), builder.gep(start_, [i]))
            row = builder.mul(i, two)
            here = [e.row(x, row), e.row(x, builder.add(row, one))]
            pairs = builder.mul(e.wide(e.element(kind, i)), n_kinds)
            begin, end = e.element(first, i), e.element(first, builder.add(i, one))
            with cgutils.for_range_slice(builder, begin, end, one, e.index) as (p, _):
                name = e.element(source, p)
                j = e.wide(name)
                other = builder.mul(j, two)
                dx = (here[0] - e.row(x, other)).to_float()
                dy = (here[1] - e.row(x, builder.add(other, one))).to_float()
                bound = e.spread(e.element(limit, builder.add(pairs, e.wide(e.element(kind, j)))))
                close = e.any(dx.times_plus(dx, dy * dy).less(bound))
                # always written, seldom kept: a branch here could not be predicted
                builder.store(name, builder.gep(target, [builder.load(count)]))
                builder.store(builder.add(builder.load(count), builder.zext(close, e.index)), count)
        last = builder.load(count)
        builder.store(last, builder.gep(start_, [e.length(sig.args[2], args[2])]))
        return last

    return signature, codegen


@intrinsic
def difference(typingctx, a, b):
    """Return ``a - b`` of two fixed-point coordinates, wrapped around the box, as float64."""

    def codegen(context, builder, sig, args):
        return builder.sitofp(builder.sub(*args), ir.DoubleType())

    return types.float64(a, b), codegen


# --------------------------------------------------------------------------------------------------
# One Verlet list for all lanes
# --------------------------------------------------------------------------------------------------


@_compiled
def anchors(pos, scale):
    """Mean position over lanes, in units of the box in [0, 1), and the largest distance from it."""
    n, _, width = pos.shape
    anchor = np.empty((n, 2))
    spread = np.zeros(n)
    offset = np.empty((2, width))
    for i in range(n):
        for c in range(2):
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
def _cells(anchor, n_cells):
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
    first, entries = _cells(anchor, n_cells)
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
def renew_list(
    lanes, pos, species, limits, wide_reach, wide_ref, wide_start, wide, start, neighbour, ahead
):  # fmt: skip
    """Make the pair list of the present positions, as a part of a wider list that lasts longer.

    ``limits`` ``[S * S]`` are the squared radii of the short list in position units, in the type of
    ``table``. The wide list (``wide_reach``) is built from cells, and anew only if ``wide_start[-1]`` is 0:
    set it so when some particle has moved by half the difference of the two margins since
    (:func:`follow_images` tells). ``ahead`` as for :func:`advance`.

    Returns
    -------
    tuple
        ``(wide, neighbour)``, possibly longer arrays than before.
    """
    n = pos.shape[0]
    if wide_start[n] == 0:
        wide = build_list(lanes, pos, species, wide_reach, wide_start, wide)
        for i in range(n):
            for c in range(2):
                for k in range(pos.shape[2]):
                    wide_ref[i, c, k] = pos[i, c, k]
    if neighbour.shape[0] <= wide_start[n]:
        neighbour = np.empty(wide_start[n] + wide_start[n] // 4 + 1024, dtype=np.int32)
    _close_pairs(
        lanes, pos, species, wide_reach.shape[0], limits, wide_start, wide, start, neighbour, ahead
    )  # fmt: skip
    return wide, neighbour


@_compiled
def bring_together(pos, vel, ref, image, order, holder, species, spacing):
    """Let particles of one species change slots inside their lane where that brings slots closer together.

    Replicas diffuse apart, and the list of all lanes would grow to hold every pair of the system. But
    particles of one species are alike: two of them may exchange slots in one lane. An exchange is made if
    it lowers the sum over slots of the squared distance from the slot's mean position over the lanes.

    Parameters
    ----------
    pos, vel, ref, image
        ``[slot, 2, lane]``; ``ref`` equals ``pos`` here (the list is about to be built).
    order, holder
        Slot of each particle and particle in each slot, ``[N, lane]``.
    species
        ``[slot]``.
    spacing
        Typical distance between neighbours, in units of the box.

    Lists made before do not hold any more.
    """
    n, _, width = pos.shape
    scale = 0.5 ** (8 * pos.itemsize)
    anchor, spread = anchors(pos, scale)
    n_cells = max(1, min(int(1.0 / spacing), int(np.sqrt(n))))
    first, entries = _cells(anchor, n_cells)
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
                for c in range(2):
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


@_compiled
def follow_images(lanes, pos, ref, image, wide_ref, wide_limit):
    """Count box crossings since ``ref`` and make ``ref`` the present positions.

    Returns
    -------
    bool
        Whether any particle is farther than sqrt(``wide_limit``) from ``wide_ref``.
    """
    return _follow(lanes, pos, ref, image, wide_ref, wide_limit)


# --------------------------------------------------------------------------------------------------
# Forces, energies, time steps
# --------------------------------------------------------------------------------------------------


@_compiled
def pair_forces(lanes, pos, frc, start, neighbour, species, n_species, table):
    """Add force times time step of all listed pairs to ``frc`` ``[slot, 2, lane]``, in velocity units.

    ``table`` holds the cut-off, slope and offset of the smoothing and then, for every ordered pair of
    species, ``1/sigma^2`` and the amplitude, all in fixed-point units.
    """
    _pair_forces(lanes, pos, frc, start, neighbour, species, n_species, table, 0)


@_compiled
def kinetic_energies(vel, frc, unit, kick):
    """Kinetic energy of every lane: velocities are half a step behind, ``frc`` is due.

    ``kick`` is the share of ``frc`` that is added first: 0.5 gives the kinetic energy at the full step, 0 the
    one at the half step before. Summed as whole numbers of 2^-32, so that the sum does not depend on the
    order of the slots.
    """
    n, _, width = vel.shape
    total = np.zeros(width, dtype=np.int64)
    scale = unit * 65536.0
    for i in range(n):
        for c in range(2):
            for k in range(width):
                v = (vel[i, c, k] + kick * frc[i, c, k]) * scale
                total[k] += np.int64(v * v)
    return 0.5 * total / 2.0**32


@_compiled
def _rescale(vel, frc, factor, order, kick):
    """Multiply the thermostat's velocities by ``factor[lane]`` and take the rounding out of the momentum.

    Those are ``vel + kick * frc``: at the full step for ``kick`` 0.5, at the half step before for 0.
    ``order[particle, lane]`` is the slot of a particle: the first few particles give the rest back.
    """
    n, _, width = vel.shape
    total = np.zeros((2, width), dtype=np.int64)
    for i in range(n):
        for c in range(2):
            for k in range(width):
                v = np.int64(np.rint(factor[k] * vel[i, c, k] + kick * (factor[k] - 1.0) * frc[i, c, k]))
                vel[i, c, k] = v
                total[c, k] += v
    for c in range(2):
        for k in range(width):
            rest = total[c, k]
            sign = 1 if rest > 0 else -1
            p = 0
            while rest != 0:
                vel[order[p % n, k], c, k] -= sign
                rest -= sign
                p += 1


@_compiled
def _potential_energies(pos, start, neighbour, species, inverse, epsilon, cutoff, smoothing):
    """Potential energy of every lane, in float64 whatever the precision of the forces."""
    n, _, width = pos.shape
    total = np.zeros(width, dtype=np.int64)
    c0, c2, c4 = smoothing
    for i in range(n):
        for p in range(start[i], start[i + 1]):
            j = neighbour[p]
            scale = inverse[species[i], species[j]]
            strength = 4.0 * epsilon[species[i], species[j]] * 2.0**32
            for k in range(width):
                dx = difference(pos[i, 0, k], pos[j, 0, k])
                dy = difference(pos[i, 1, k], pos[j, 1, k])
                u = (dx * dx + dy * dy) * scale
                if u < cutoff:
                    cube = 1.0 / (u * u * u)
                    total[k] += np.int64(np.rint(strength * energy_of_square(cube, u, c0, c2, c4)))
    return total / 2.0**32


@_compiled
def _thermalise(kind, kinetic, target, freedom, interval, rate, xi, normal, gamma):
    """Factor for the velocities of one lane, and the new friction variable; see the settings' docstring."""
    if kind == 1:
        # Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101 (2007), Eq. (A7)
        keep = np.exp(-interval * rate)
        share = (1.0 - keep) * target / (freedom * kinetic)
        square = keep + share * (2.0 * gamma + normal * normal) + 2.0 * normal * np.sqrt(keep * share)
        factor = np.sqrt(square)
        if normal + np.sqrt(keep / share) < 0.0:
            factor = -factor
        return factor, xi
    if kind == 2:
        # Nose-Hoover, split symmetrically: half a step of the friction, the velocities, another half
        drive = 0.5 * interval * rate * rate
        xi += drive * (kinetic / target - 1.0)
        factor = np.exp(-xi * interval)
        xi += drive * (kinetic * factor * factor / target - 1.0)
        return factor, xi
    return 1.0, xi


@_compiled
def advance(
    lanes, pos, vel, frc, ref, image, order, holder, species, wide_ref, wide_start, wide, start, neighbour,
    limits, wide_reach, wide_limit, table, units, skin,
    first_step, n_steps, thermostat, kick, target, freedom, interval, rate, xi, work, normal, gamma, valid,
    spacing, last_exchange, ahead,
):  # fmt: skip
    """Move all lanes by ``n_steps`` time steps.

    On entry and return ``pos`` belongs to the step, ``vel`` to half a step before it, ``frc`` is zero.

    Parameters
    ----------
    wide_ref, wide_start, wide, start, neighbour, limits, wide_reach, wide_limit
        The wide list and its part, see :func:`renew_list`.
    table
        As for :func:`pair_forces`.
    units
        Velocity unit, position units per velocity unit and step, time step.
    skin
        How far any particle may move before the list is built anew, in position units.
    thermostat
        0 none, 1 stochastic velocity rescaling, 2 Nose-Hoover; acts every ``interval`` steps.
    kick
        Share of the force's kick in the velocities that the thermostat reads and rescales: 0 for those of
        the half step before, 0.5 for those of the full step.
    work
        ``[lane]`` energy the thermostat has given to the system, added to here.
    normal, gamma
        Random numbers ``[application, lane]`` of this call.
    valid
        Whether ``start`` and ``neighbour`` still hold for ``pos``.
    spacing
        Distance between neighbours in units of the box, for :func:`bring_together`.
    last_exchange
        Step of the last call of :func:`bring_together`.
    ahead
        Slots by which positions and forces are asked for before their row; 0 if they stay in the cache.

    Returns
    -------
    tuple
        ``wide``, ``neighbour``, ``valid``, number of lists built, pairs summed over steps, whether all
        temperatures stayed in (0, 10) times the target, ``last_exchange``.
    """
    width = pos.shape[2]
    n_species = wide_reach.shape[0]
    unit, drift, time_step = units
    rebuilt, pairs, used = 0, 0, 0
    factor = np.ones(width)
    ok = True
    for step in range(first_step, first_step + n_steps):
        if not valid:
            if follow_images(lanes, pos, ref, image, wide_ref, wide_limit):
                wide_start[-1] = 0
            if wide_start[-1] == 0 and abs(step - last_exchange) >= _EXCHANGE_INTERVAL:
                bring_together(pos, vel, ref, image, order, holder, species, spacing)
                last_exchange = step
            wide, neighbour = renew_list(
                lanes, pos, species, limits, wide_reach, wide_ref, wide_start, wide, start, neighbour, ahead
            )  # fmt: skip
            rebuilt += 1
            valid = True
        pairs += start[-1]
        if thermostat != 0 and step % interval == 0:
            _pair_forces(lanes, pos, frc, start, neighbour, species, n_species, table, ahead)
            kinetic = kinetic_energies(vel, frc, unit, kick)
            before = kinetic if kick == 0.5 else kinetic_energies(vel, frc, unit, 0.5)
            for k in range(width):
                if not (kinetic[k] < 10.0 * target and kinetic[k] > 0.0):
                    ok = False
                factor[k], xi[k] = _thermalise(
                    thermostat, kinetic[k], target, freedom, interval * time_step, rate, xi[k],
                    normal[used, k], gamma[used, k],
                )  # fmt: skip
                if kick == 0.5:
                    work[k] += kinetic[k] * (factor[k] ** 2 - 1.0)
            used += 1
            if not ok:
                break
            _rescale(vel, frc, factor, order, kick)
            if kick != 0.5:
                # the energy is that of the full step, whichever velocities were rescaled
                work += kinetic_energies(vel, frc, unit, 0.5) - before
            moved = _kick_drift(lanes, pos, vel, frc, ref, drift, skin * skin)
        else:
            moved = _whole_step(
                lanes, pos, frc, start, neighbour, species, n_species, table, vel, ref, drift, skin * skin,
                ahead,
            )  # fmt: skip
        valid = not moved
    return wide, neighbour, valid, rebuilt, pairs, ok, last_exchange


@_compiled
def measure(lanes, pos, vel, start, neighbour, species, table, unit, inverse, epsilon, cutoff, smoothing):
    """Kinetic and potential energy of every lane at a full step, without moving anything.

    The first row of the kinetic energies belongs to the full step, the second to the half step before.

    The list must hold; ``inverse`` is 1/sigma^2 in position units, ``cutoff`` squared and in units of sigma.
    Returns ``(kinetic, potential, forces)``.
    """
    frc = np.zeros_like(pos)
    _pair_forces(lanes, pos, frc, start, neighbour, species, epsilon.shape[0], table, 0)
    kinetic = np.empty((2, pos.shape[2]))
    kinetic[0] = kinetic_energies(vel, frc, unit, 0.5)
    kinetic[1] = kinetic_energies(vel, frc, unit, 0.0)
    potential = _potential_energies(pos, start, neighbour, species, inverse, epsilon, cutoff, smoothing)
    return kinetic, potential, frc
