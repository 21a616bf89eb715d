"""The two bottleneck values of each particle, and how well they separate active from arrested ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sample", "separation"]


def sample(n_structures: int, n_particles: int, n_wanted: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw particles without replacement, flat indices into ``[structures, particles]``, ascending."""
    total = n_structures * n_particles
    return np.sort(rng.choice(total, size=min(n_wanted, total), replace=False))


def separation(bottleneck: NDArray, propensity: NDArray, share: float = 0.2) -> float:
    """Distance in the bottleneck plane between the most active and the most arrested particles.

    Fisher's discriminant between the ``share`` of particles with the lowest and that with the highest
    propensity: the distance of their means along the best direction over the pooled standard deviation
    along it.

    Parameters
    ----------
    bottleneck
        ``[n, 2]``.
    propensity
        ``[n]``.
    share
        Fraction of the particles in each of the two groups.
    """
    order = np.argsort(propensity, kind="stable")
    k = max(3, round(share * len(order)))
    low, high = bottleneck[order[:k]], bottleneck[order[-k:]]
    pooled = 0.5 * (np.cov(low, rowvar=False) + np.cov(high, rowvar=False))
    pooled = pooled + 1e-12 * (np.trace(pooled) + 1e-300) * np.eye(2)
    difference = low.mean(axis=0) - high.mean(axis=0)
    return float(np.sqrt(difference @ np.linalg.solve(pooled, difference)))
