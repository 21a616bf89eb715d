r"""Overlap of configurations, and how much of it is more than chance.

The overlap of two configurations is the share of particles that have a particle of their own species in the
other configuration within :data:`OVERLAP_DISTANCE`. Independent configurations still share
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

__all__ = ["OVERLAP_DISTANCE", "chance_overlap", "normalised_overlap"]

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
