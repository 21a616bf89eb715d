"""What compiled kernels of swap Monte Carlo are handed: named groups instead of thirty arrays in a row.

Kernels read the fields they need into local names once, at their beginning, and write into the arrays of the
groups; a group itself never changes. Only the rows of a neighbour list can be replaced, where they became
too narrow: kernels that may do so return the rows that are in use.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DISPLACEMENT",
    "DISPLACEMENTS_ACCEPTED",
    "DISPLACEMENTS_TRIED",
    "ENERGY",
    "EXCHANGES_ACCEPTED",
    "EXCHANGES_TRIED",
    "REBUILDS",
    "Block",
    "NeighbourList",
    "Proposal",
    "SinglePrecision",
    "System",
    "Tally",
]

#: Places in ``Tally.counters``.
DISPLACEMENTS_TRIED: Final = 0
DISPLACEMENTS_ACCEPTED: Final = 1
EXCHANGES_TRIED: Final = 2
EXCHANGES_ACCEPTED: Final = 3
REBUILDS: Final = 4

#: Places in ``Tally.running``.
ENERGY: Final = 0
DISPLACEMENT: Final = 1


class System(NamedTuple):
    """Particles and their box.

    ``x, y`` are ``[N]`` unwrapped coordinates, ``types`` ``[N]`` 0-based species, ``names`` ``[N]`` numbers
    of the particles in the start configuration (the arrays are sorted by cell), ``length`` the side of the
    box.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    types: NDArray[np.int64]
    names: NDArray[np.int64]
    length: float


class NeighbourList(NamedTuple):
    """Neighbours of all particles, as :func:`tglassmlp.simulation.neighbour_lists.neighbour_rows` makes them.

    ``rows`` ``[N, W]`` and ``counts`` ``[N]``; ``reference`` ``[2, N]`` are the coordinates at which it was
    made, ``reach`` is the largest cut-off and ``skin`` what the list adds to it.
    """

    rows: NDArray[np.uint32]
    counts: NDArray[np.int64]
    reference: NDArray[np.float64]
    reach: float
    skin: float


class Proposal(NamedTuple):
    """What is tried, and at which temperature it is accepted.

    ``swap_fraction`` is the share of attempts that are plain exchanges, ``weights`` ``[S, S]`` are those of
    pairs of species in them. The side of the square of displacements lies in ``Tally.running``, since tuning
    changes it.
    """

    temperature: float
    swap_fraction: float
    weights: NDArray[np.float64]


class SinglePrecision(NamedTuple):
    """What decisions in single precision need.

    ``table`` is that of :func:`tglassmlp.simulation.swap.single_precision.single_tables`. Errors are taken to
    be smaller than ``margin``, and than ``share`` of the sums; with an infinite margin all decisions are made
    in double precision.
    """

    table: NDArray[np.float32]
    margin: float
    share: float


class Block(NamedTuple):
    """Particles that attempts choose from: ``members[begin:end]``.

    If ``side`` is positive, they are those of the square block of that side whose lower corner is at
    ``(corner_x, corner_y)``, and moves out of it are rejected.
    """

    members: NDArray[np.int64]
    begin: int
    end: int
    corner_x: float
    corner_y: float
    side: float


class Tally(NamedTuple):
    """Running numbers of a chain, which kernels count up.

    ``running`` is ``[2]``: potential energy (of plain sweeps) and side of the square of displacements.
    ``counters`` is ``[5]``: displacements tried and accepted, exchanges tried and accepted, list rebuilds.
    ``pair_counts`` is ``[2, S, S]``: exchanges tried and accepted of species a < b. ``sums`` is ``[3]``, of
    displacements in single precision since the energy was last computed: changes of the energy as they were
    decided upon, displacements accepted, decisions made anew in double precision.
    """

    running: NDArray[np.float64]
    counters: NDArray[np.int64]
    pair_counts: NDArray[np.int64]
    sums: NDArray[np.float64]
