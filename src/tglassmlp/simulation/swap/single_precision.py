r"""Energies of one particle at two places in single precision, eight neighbours at a time.

Positions are in 32-bit fixed point, units of :math:`L / 2^{32}`, whose differences are the nearest image by
themselves. Species enter by a polynomial through the values of the species, exact at whole numbers, instead
of a choice between them. What is decided with these energies is decided anew in double precision where
rounding could matter (:data:`MARGIN`, :func:`tglassmlp.simulation.swap.moves.attempt_displacements`).
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
from tglassmlp.potentials import fused_energy_of_square
from tglassmlp.simulation.energies import PairTables
from tglassmlp.simulation.neighbour_lists import GHOST, LANES

__all__ = ["MARGIN", "fixed", "pair_sums", "single_tables"]

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
    n = int(np.count_nonzero(tables.inverse_sigma2[0]))
    unit = box_length / 2.0**32
    for t in range(MAX_SPECIES):
        for k, values in enumerate((tables.inverse_sigma2[t] * unit**2, tables.epsilon4[t])):
            # the polynomial of lowest degree through the species there are
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
                v = fused_energy_of_square(cube, builder.fadd(cube, minus), mine, c0, c2, c4, fma)
                inside = builder.fcmp_ordered("<", mine, cutoff)
                builder.store(fma(e, builder.select(inside, v, none), builder.load(total)), total)
        energies = []
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
            energies.append(builder.extract_element(parts, ir.Constant(i32, 0)))
        return context.make_tuple(builder, sig.return_type, energies)

    return signature, codegen


# calls in compiled code have another signature than the definition
pair_sums: Any = _pair_sums


@njit(error_model="numpy", inline="always")
def fixed(coordinate: float, scale: float) -> Any:
    """Coordinate in units of L / 2^32; whole boxes drop out."""
    return np.int32(np.int64(np.rint(coordinate * scale)))
