"""Square blocks that large systems are swept in, so that what attempts read stays in the fast cache.

Blocks are laid down independently of the state, and moves out of a block are rejected: while a block is
visited its particles stay the same, so every visit keeps detailed balance, and so does the sequence of
visits keep the Boltzmann distribution.
"""

from __future__ import annotations

from typing import Final

from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.simulation.inlined import cell, fold
from tglassmlp.simulation.swap.generator import draw, unit
from tglassmlp.simulation.swap.groups import Block, NeighbourList, System

__all__ = ["BLOCK", "VISIT", "divide", "inside", "touch"]

#: Smallest side of the blocks that large systems are swept in; a smaller box is one block.
BLOCK: Final = 30.0

#: Sweeps that a block gets at a visit, or what is left of those asked for.
VISIT: Final = 4


@njit(error_model="numpy", inline="always")
def inside(x: float, corner: float, side: float, length: float) -> bool:
    """Whether a coordinate lies in a block that begins at ``corner``."""
    return fold(x - corner, length, 0.0) < side


@njit(error_model="numpy")
def touch(block: Block, system: System, neighbours: NeighbourList) -> float:
    """Read what attempts in a block will need, in sequence, so that it waits in the cache."""
    x, y, types = system.x, system.y, system.types
    rows, counts, reference = neighbours.rows, neighbours.counts, neighbours.reference
    members = block.members
    total = 0.0
    for m in range(block.begin, block.end):
        i = members[m]
        total += x[i] + y[i] + reference[0, i] + reference[1, i] + types[i]
        for k in range(0, counts[i], 16):
            total += rows[i, k]
    return total


@njit(error_model="numpy")
def divide(
    system: System,
    blocks: int,
    generator: NDArray,
    members: NDArray,
    begins: NDArray,
    place: NDArray,
    member: NDArray,
) -> tuple[float, float]:
    """Find the particles of ``blocks`` x ``blocks`` squares: b has ``members[begins[b]:begins[b + 1]]``.

    ``place`` ``[blocks^2]`` and ``member`` ``[N]`` are working space. Returns the coordinates of the squares'
    common corner, which is drawn.
    """
    x, y, length = system.x, system.y, system.length
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
