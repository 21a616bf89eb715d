"""Forces of listed pairs, kick and drift, as vector code for all lanes at once.

Pair terms are evaluated in floating point and rounded once to whole numbers, so that sums do not depend on
the order of the pairs. Kernels take their arguments in named groups: :class:`~.slots.Lanes`,
:class:`~.pair_list.PairList`, :class:`Motion`.
"""

from __future__ import annotations

from typing import NamedTuple

import llvmlite.ir as ir
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from tglassmlp.potentials import fused_force_of_square
from tglassmlp.simulation.native.vector import Emitter, Group, Vector

__all__ = ["Motion", "kick_drift", "pair_forces", "whole_step"]


class Motion(NamedTuple):
    """What forces and steps are made of.

    ``table`` holds the cut-off, slope and offset of the smoothing and then, for every ordered pair of
    species, ``1/sigma^2`` and the amplitude, all in fixed-point units. ``unit`` is that of velocities,
    ``drift`` what one of them moves a particle by in a step, in position units.
    """

    table: np.ndarray
    n_species: int
    unit: float
    drift: float
    time_step: float


class Pairs:
    """Emits the forces of one row of the list: slot i with its neighbours j > i."""

    def __init__(self, e: Emitter, system: Group, force, pairs: Group, motion: Group) -> None:
        self.e = e
        self.x, self.f = e.data(*system["pos"]), e.data(*force)
        self.first, self.list = e.data(*pairs["start"]), e.data(*pairs["neighbour"])
        self.kind, self.tab = e.data(*system["species"]), e.data(*motion["table"])
        self.n_kinds = e.wide(motion["n_species"][1])
        self.cutoff, self.slope, self.offset = (e.spread(e.element(self.tab, e.number(k))) for k in range(3))
        self.twice, self.minus, self.unity = (
            e.spread(ir.Constant(e.float_type, value)) for value in (2.0, -1.0, 1.0)
        )
        self.total = [e.variable(e.int_vector) for _ in range(2)]

    def ask(self, i) -> None:
        """Ask for position and force of slot i ahead of their use."""
        for array in (self.x, self.f):
            self.e.prefetch(array, i)

    def row(self, i) -> tuple[list[ir.Value], list[Vector], list[Vector]]:
        """Subtract the forces from the neighbours; give slot i's rows, position and summed force."""
        e, builder = self.e, self.e.builder
        # a pair of species has two entries in the table
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
                self.unity / u, u, self.slope, self.offset, self.twice, self.minus, Vector.times_plus
            )
            amplitude = e.spread(e.element(self.tab, builder.add(pair, e.number(4))))
            force = (core * amplitude).where(u.less(self.cutoff))
            for d, row, total in zip((dx, dy), others, self.total, strict=True):
                part = (force * d).to_int()
                total.put(total.get() + part)
                e.put_row(self.f, row, e.row(self.f, row) - part)
        return rows, here, [total.get() for total in self.total]


class Drift:
    """Emits kick and drift of one slot, and keeps the largest distance from the reference positions."""

    def __init__(self, e: Emitter, vel, ref, factor, limit):
        self.e, self.v, self.r = e, vel, ref
        self.scale, self.bound = e.spread(factor), e.spread(limit)
        self.farthest = e.variable(e.float_vector)
        self.farthest.clear()

    def move(self, x, rows: list[ir.Value], here: list[Vector], force: list[Vector]) -> None:
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
def pair_forces(typingctx, system, frc, pairs, motion, ahead):
    """Add the forces of all listed pairs, times the time step and in velocity units, to ``frc``.

    ``ahead`` as for :func:`whole_step`.
    """
    signature = types.void(system, frc, pairs, motion, ahead)

    def codegen(context, builder, sig, args):
        lanes, e = _lanes(context, builder, sig, args)
        rows_of = _pairs(e, sig, args, lanes, (sig.args[1], args[1]), 2)
        with cgutils.for_range(builder, e.length(*lanes["species"])) as loop:
            rows_of.ask(builder.add(loop.index, e.wide(args[4])))
            rows, _, force = rows_of.row(loop.index)
            for row, part in zip(rows, force, strict=True):
                e.put_row(rows_of.f, row, e.row(rows_of.f, row) + part)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def kick_drift(typingctx, system, motion, limit):
    """Kick, drift and clear ``frc``; true if anything is farther than sqrt(limit) from ``ref``."""
    signature = types.boolean(system, motion, limit)

    def codegen(context, builder, sig, args):
        lanes, e = _lanes(context, builder, sig, args)
        x, f = e.data(*lanes["pos"]), e.data(*lanes["frc"])
        drift = _drift(e, lanes, Group(builder, sig.args[1], args[1]), args[2])
        zero = Vector(e, ir.Constant(e.int_vector, None))
        with cgutils.for_range(builder, e.length(*lanes["pos"])) as loop:
            rows = e.rows(loop.index)
            force = [e.row(f, row) for row in rows]
            drift.move(x, rows, [e.row(x, row) for row in rows], force)
            for row in rows:
                e.put_row(f, row, zero)
        return drift.too_far()

    return signature, codegen


@intrinsic
def whole_step(typingctx, system, pairs, motion, limit, ahead):
    """Do the work of :func:`pair_forces` and :func:`kick_drift` in one pass.

    The list holds each pair with its lower slot, so once row i is done nothing later asks for slot i's force
    or position, and it can move at once. Positions and forces are asked for ``ahead`` slots before their row,
    which is when the first neighbour wants them.
    """
    signature = types.boolean(system, pairs, motion, limit, ahead)

    def codegen(context, builder, sig, args):
        lanes, e = _lanes(context, builder, sig, args)
        rows_of = _pairs(e, sig, args, lanes, lanes["frc"], 1)
        drift = _drift(e, lanes, Group(builder, sig.args[2], args[2]), args[3])
        zero = Vector(e, ir.Constant(e.int_vector, None))
        with cgutils.for_range(builder, e.length(*lanes["species"])) as loop:
            rows_of.ask(builder.add(loop.index, e.wide(args[4])))
            rows, here, force = rows_of.row(loop.index)
            whole = [e.row(rows_of.f, row) + part for row, part in zip(rows, force, strict=True)]
            drift.move(rows_of.x, rows, here, whole)
            for row in rows:
                e.put_row(rows_of.f, row, zero)
        return drift.too_far()

    return signature, codegen


def _lanes(context, builder, sig, args) -> tuple[Group, Emitter]:
    """First argument of an intrinsic, a :class:`~.slots.Lanes`, and an emitter of its width and precision."""
    lanes = Group(builder, sig.args[0], args[0])
    return lanes, Emitter(context, builder, lanes["lanes"][0].count, lanes["pos"][0])


def _pairs(e: Emitter, sig, args, lanes: Group, force, first: int) -> Pairs:
    """Rows of the list that is argument ``first``, moved as the argument after it says."""
    groups = (Group(e.builder, sig.args[k], args[k]) for k in (first, first + 1))
    return Pairs(e, lanes, force, *groups)


def _drift(e: Emitter, lanes: Group, motion: Group, limit) -> Drift:
    return Drift(e, e.data(*lanes["vel"]), e.data(*lanes["ref"]), motion["drift"][1], limit)
