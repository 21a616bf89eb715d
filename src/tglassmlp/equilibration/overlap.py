r"""Overlap of configurations, and how much of it is more than chance.

The overlap of two configurations is the share of particles that have a particle of their own species in the
other configuration within :data:`OVERLAP_DISTANCE` of its position. Independent configurations still share
:func:`chance_overlap`, which depends on the composition and the density: 0.12 for KA2D, 0.18 for a binary
65:35 mixture. What can be compared between liquids is the normalised overlap

.. math:: q = \frac{o - o_{chance}}{1 - o_{chance}},

which is 1 for a configuration and itself and 0 for independent ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from tglassmlp.box import wrap
from tglassmlp.configuration import Configuration

__all__ = [
    "OVERLAP_DISTANCE",
    "chance_overlap",
    "normalised_overlap",
    "overlap",
    "random_overlap",
    "tile_overlap",
]

#: Two particles of one species closer than this are at the same place (units of sigma_11).
OVERLAP_DISTANCE: Final = 0.3


def chance_overlap(composition: Sequence[int] | NDArray, box_length: float) -> float:
    """Overlap expected of two independent configurations.

    Parameters
    ----------
    composition
        Particles of each species.
    box_length
        Side of the box that holds them.

    Examples
    --------
    >>> round(chance_overlap((600, 330, 360), 32.8962), 3)
    0.121
    """
    counts = np.asarray(composition, dtype=float)
    each = np.minimum(1.0, counts / box_length**2 * np.pi * OVERLAP_DISTANCE**2)
    return float(np.sum(counts * each) / counts.sum())


def normalised_overlap(overlap: ArrayLike, chance: ArrayLike) -> NDArray[np.float64]:
    """Overlap above chance: 1 for a configuration and itself, 0 for independent ones; may be negative."""
    o, by_chance = np.asarray(overlap, dtype=np.float64), np.asarray(chance, dtype=np.float64)
    normalised: NDArray[np.float64] = (o - by_chance) / (1.0 - by_chance)
    return normalised


def random_overlap(c: Configuration) -> float:
    """Overlap expected of two independent configurations with the composition and density of ``c``."""
    return chance_overlap(np.bincount(c.species)[1:], c.box_length)


def overlap(a: Configuration, b: Configuration) -> float:
    """Overlap of two states of the same system (definition at the top of this module).

    Particles are matched by number only to remove the drift of the centre of mass; exchanges of species
    between numbers count as what they are, a change of the place of species.
    """
    drift = (b.positions - a.positions).mean(axis=0)
    return _same_place(a.positions, a.species, b.positions - drift, b.species, a.box_length)


def _same_place(pa: NDArray, sa: NDArray, pb: NDArray, sb: NDArray, length: float) -> float:
    matched = 0
    for s in np.unique(sa):
        there = wrap(pb[sb == s], length, 0.0)
        if there.size:
            distance, _ = cKDTree(there, boxsize=length).query(
                wrap(pa[sa == s], length, 0.0), distance_upper_bound=OVERLAP_DISTANCE
            )
            matched += int(np.isfinite(distance).sum())
    return matched / sa.size


def tile_overlap(c: Configuration, tiles: int) -> float:
    """Mean overlap of neighbouring tiles of a ``tiles`` x ``tiles`` system, laid on top of each other."""
    side = c.box_length / tiles
    place = wrap(c.positions, c.box_length, 0.0)
    cell = np.minimum((place / side).astype(int), tiles - 1)
    members = {
        (i, j): np.flatnonzero((cell[:, 0] == i) & (cell[:, 1] == j))
        for i in range(tiles)
        for j in range(tiles)
    }
    overlaps = []
    for (i, j), here in members.items():
        for other in {((i + 1) % tiles, j), (i, (j + 1) % tiles)} - {(i, j)}:
            there = members[other]
            if here.size and there.size:
                overlaps.append(
                    _same_place(place[here], c.species[here], place[there], c.species[there], side)
                )
    return float(np.mean(overlaps)) if overlaps else 1.0
