"""Sweeps: N attempts each, of the particles of the whole system or block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.simulation.energies import PairTables
from tglassmlp.simulation.swap.blocks import VISIT, divide, touch
from tglassmlp.simulation.swap.groups import (
    REBUILDS,
    Block,
    NeighbourList,
    Proposal,
    SinglePrecision,
    System,
    Tally,
)
from tglassmlp.simulation.swap.moves import attempt, attempt_displacements
from tglassmlp.simulation.swap.single_precision import fixed

__all__ = ["sweep"]


@njit(error_model="numpy")
def sweep(
    sweeps: int,
    blocks: int,
    displacements_only: bool,
    system: System,
    neighbours: NeighbourList,
    tables: PairTables,
    single: SinglePrecision,
    proposal: Proposal,
    generator: NDArray,
    tally: Tally,
) -> NDArray:
    """Make ``sweeps`` sweeps of N attempts each; returns the rows of the neighbour list.

    A small system is one block. A large one is swept block by block, so that what an attempt reads stays in
    the fast cache: ``blocks`` x ``blocks`` squares whose common corner is drawn anew for every
    :data:`~tglassmlp.simulation.swap.blocks.VISIT` sweeps, each with as many times its number of particles
    attempts.

    Parameters
    ----------
    sweeps, blocks
        Number of sweeps, and of blocks per side.
    displacements_only
        All attempts are displacements, and decided in single precision where that is certain; otherwise they
        are displacements and plain exchanges.
    system, neighbours, tables, single, proposal, tally
        Groups of :mod:`tglassmlp.simulation.swap.groups`.
    generator
        ``[4]`` words of random numbers.
    """
    x, y, length = system.x, system.y, system.length
    rows = neighbours.rows
    n = x.shape[0]
    places = np.empty((n, 2), np.int32)
    if displacements_only:
        scale = 4294967296.0 / length
        for k in range(n):
            places[k, 0] = fixed(x[k], scale)
            places[k, 1] = fixed(y[k], scale)
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
            corner_x, corner_y = divide(system, blocks, generator, members, begins, place, member)
        for b in range(blocks * blocks):
            block = Block(
                members,
                begins[b],
                begins[b + 1],
                corner_x + (b // blocks) * side,
                corner_y + (b % blocks) * side,
                side,
            )
            near = NeighbourList(
                rows, neighbours.counts, neighbours.reference, neighbours.reach, neighbours.skin
            )
            attempts = turn * (begins[b + 1] - begins[b])
            if blocks > 1:
                touched += touch(block, system, near)
            if displacements_only:
                rows = attempt_displacements(
                    attempts,
                    block,
                    system,
                    places,
                    near,
                    tables,
                    single,
                    proposal.temperature,
                    generator,
                    tally,
                )
            else:
                rows = attempt(attempts, block, system, near, tables, proposal, generator, tally)
        if blocks == 1:
            members[:] = np.arange(n)
    if touched == -1.0:
        tally.counters[REBUILDS] += 0  # keeps the reading of touch from being optimised away
    return rows
