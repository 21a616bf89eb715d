"""A small vocabulary to write vector code that reads like its formula.

The code is emitted as LLVM vector operations (``@intrinsic``), so that its width does not depend on what an
auto-vectoriser makes of a loop. A CPU without registers that wide works on pieces. The number of lanes is the
length of a tuple (its values are not used): the length is part of the type, so Numba compiles and caches one
version per width.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from tglassmlp.box import DIMENSIONS

__all__ = ["Emitter", "Group", "Variable", "Vector", "difference"]


class Vector:
    """An LLVM vector value with arithmetic operators."""

    def __init__(self, emit: Emitter, value: ir.Value) -> None:
        self.emit, self.value = emit, value
        self.floating = not isinstance(value.type.element, ir.IntType)

    def _apply(self, floating: str, integer: str, other: Vector) -> Vector:
        build = getattr(self.emit.builder, floating if self.floating else integer)
        return Vector(self.emit, build(self.value, other.value))

    def __add__(self, other: Vector) -> Vector:
        return self._apply("fadd", "add", other)

    def __sub__(self, other: Vector) -> Vector:
        return self._apply("fsub", "sub", other)

    def __mul__(self, other: Vector) -> Vector:
        return self._apply("fmul", "mul", other)

    def __truediv__(self, other: Vector) -> Vector:
        return self._apply("fdiv", "sdiv", other)

    def less(self, other: Vector) -> ir.Value:
        """Compare lane by lane."""
        return self.emit.builder.fcmp_ordered("<", self.value, other.value)

    def to_float(self) -> Vector:
        """Turn whole numbers into floating-point ones."""
        return Vector(self.emit, self.emit.builder.sitofp(self.value, self.emit.float_vector))

    def to_int(self) -> Vector:
        """Round to the nearest whole number."""
        e = self.emit
        name = f"llvm.lrint.v{e.width}i{e.bits}.v{e.width}f{e.bits}"
        return Vector(e, e.call(name, e.int_vector, [self.value]))

    def times_plus(self, factor: Vector, term: Vector) -> Vector:
        """``self * factor + term``, rounded once."""
        e = self.emit
        name = f"llvm.fma.v{e.width}f{e.bits}"
        return Vector(e, e.call(name, e.float_vector, [self.value, factor.value, term.value]))

    def larger(self, other: Vector) -> Vector:
        """Take the larger one lane by lane."""
        e = self.emit
        name = f"llvm.maxnum.v{e.width}f{e.bits}"
        return Vector(e, e.call(name, e.float_vector, [self.value, other.value]))

    def where(self, mask: ir.Value) -> Vector:
        """Zero where ``mask`` is false."""
        zero = ir.Constant(self.value.type, None)
        return Vector(self.emit, self.emit.builder.select(mask, self.value, zero))


class Emitter:
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
        """Make a constant index."""
        return ir.Constant(self.index, value)

    def call(self, name: str, result: ir.Type, values: list[ir.Value]) -> ir.Value:
        """Call an LLVM function by name."""
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
        """Load one element of an array."""
        return self.builder.load(self.builder.gep(data, [index]))

    def wide(self, number: ir.Value) -> ir.Value:
        """Extend a whole number to an index."""
        return self.builder.sext(number, self.index) if number.type != self.index else number

    def _pointer(self, data: ir.Value, row: ir.Value) -> ir.Value:
        pointer = self.builder.gep(data, [self.builder.mul(row, self.number(self.width))])
        return self.builder.bitcast(pointer, self.int_vector.as_pointer())

    def row(self, data: ir.Value, row: ir.Value) -> Vector:
        """Load one row ``[lane]`` of whole numbers."""
        return Vector(self, self.builder.load(self._pointer(data, row), align=self.bits // 8))

    def rows(self, slot: ir.Value) -> list[ir.Value]:
        """Numbers of the rows of a slot, one for each component, in an array ``[slot, component, lane]``."""
        first = self.builder.mul(slot, self.number(DIMENSIONS))
        return [first, *(self.builder.add(first, self.number(c)) for c in range(1, DIMENSIONS))]

    def prefetch(self, data: ir.Value, slot: ir.Value) -> None:
        """Ask for a slot ahead of its use; an address outside the array does no harm."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, *[ir.IntType(32)] * 3])
        ask = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        for row in self.rows(slot):
            place = self.builder.bitcast(self._pointer(data, row), byte)
            # to be written, kept in the second level, data
            self.builder.call(ask, [place, *(ir.Constant(ir.IntType(32), v) for v in (1, 2, 1))])

    def put_row(self, data: ir.Value, row: ir.Value, value: Vector) -> None:
        """Store one row ``[lane]``."""
        self.builder.store(value.value, self._pointer(data, row), align=self.bits // 8)

    def spread(self, scalar: ir.Value) -> Vector:
        """Copy one floating-point number to all lanes."""
        if scalar.type != self.float_type:
            scalar = self.builder.fptrunc(scalar, self.float_type)
        empty = ir.Constant(self.float_vector, ir.Undefined)
        one = self.builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.width), None)
        return Vector(self, self.builder.shuffle_vector(one, empty, mask))

    def variable(self, kind: ir.Type) -> Variable:
        """Make a vector that changes inside a loop."""
        return Variable(self, kind)

    def any(self, mask: ir.Value) -> ir.Value:
        """Tell whether a mask is true in any lane."""
        whole = self.builder.bitcast(mask, ir.IntType(self.width))
        return self.builder.icmp_unsigned("!=", whole, ir.Constant(ir.IntType(self.width), 0))


class Variable:
    """A vector that changes inside a loop (LLVM turns it into a register)."""

    def __init__(self, emit: Emitter, kind: ir.Type) -> None:
        self.emit, self.kind = emit, kind
        self.slot = cgutils.alloca_once(emit.builder, kind)

    def clear(self) -> None:
        """Set it to zero."""
        self.emit.builder.store(ir.Constant(self.kind, None), self.slot)

    def get(self) -> Vector:
        """Read it."""
        return Vector(self.emit, self.emit.builder.load(self.slot))

    def put(self, vector: Vector) -> None:
        """Set it."""
        self.emit.builder.store(vector.value, self.slot)


class Group:
    """The fields of a named tuple that a function under construction has as an argument."""

    def __init__(self, builder: ir.IRBuilder, kind: types.NamedTuple, value: ir.Value) -> None:
        self.builder, self.kind, self.value = builder, kind, value

    def __getitem__(self, name: str) -> tuple[Any, ir.Value]:
        place = self.kind.fields.index(name)
        return self.kind.types[place], self.builder.extract_value(self.value, place)


@intrinsic
def difference(typingctx, a, b):
    """Return ``a - b`` of two fixed-point coordinates, wrapped around the box, as float64."""

    def codegen(context, builder, sig, args):
        return builder.sitofp(builder.sub(*args), ir.DoubleType())

    return types.float64(a, b), codegen
