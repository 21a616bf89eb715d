"""The bottleneck values of each particle, and how well they separate active from arrested ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["principal_axes", "sample", "separation", "separation_of_structures"]


def sample(n_structures: int, n_particles: int, n_wanted: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw particles without replacement, flat indices into ``[structures, particles]``, ascending."""
    total = n_structures * n_particles
    return np.sort(rng.choice(total, size=min(n_wanted, total), replace=False))


def principal_axes(bottleneck: NDArray, number: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project bottleneck values onto their first principal axes, for a picture of more than two units.

    Units are centred and scaled to unit variance first, since the head may weigh a small unit as much as a
    large one; a unit that is constant is left out. The sign of an axis is such that its largest loading is
    positive.

    Parameters
    ----------
    bottleneck
        ``[n, units]``, all points that are to share the axes.
    number
        How many axes.

    Returns
    -------
    projected, shares
        ``[n, number]`` and the shares of the variance on those axes ``[number]``; 0 where there are fewer.
    """
    x = np.asarray(bottleneck, dtype=np.float64)
    x = x - x.mean(axis=0)
    width = x.std(axis=0)
    x = x[:, width > 0] / width[width > 0]
    projected, shares = np.zeros((len(x), number)), np.zeros(number)
    if x.size == 0:
        return projected, shares
    variances, axes = np.linalg.eigh(x.T @ x / len(x))
    order = np.argsort(variances)[::-1][:number]
    chosen = axes[:, order]
    largest = np.argmax(np.abs(chosen), axis=0)
    chosen = chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])])
    projected[:, : chosen.shape[1]] = x @ chosen
    shares[: chosen.shape[1]] = variances[order] / variances.sum()
    return projected, shares


def separation(bottleneck: NDArray, propensity: NDArray, share: float = 0.2) -> float:
    """Distance in the space of the bottleneck between the most active and the most arrested particles.

    Fisher's discriminant between the ``share`` of particles with the lowest and that with the highest
    propensity: the distance of their means along the best direction over the pooled standard deviation
    along it.

    Parameters
    ----------
    bottleneck
        ``[n, units]``.
    propensity
        ``[n]``.
    share
        Fraction of the particles in each of the two groups.
    """
    order = np.argsort(propensity, kind="stable")
    k = max(3, round(share * len(order)))
    low, high = bottleneck[order[:k]], bottleneck[order[-k:]]
    pooled = 0.5 * (np.atleast_2d(np.cov(low, rowvar=False)) + np.atleast_2d(np.cov(high, rowvar=False)))
    pooled = pooled + 1e-12 * (np.trace(pooled) + 1e-300) * np.eye(len(pooled))
    difference = low.mean(axis=0) - high.mean(axis=0)
    return float(np.sqrt(difference @ np.linalg.solve(pooled, difference)))


def separation_of_structures(bottleneck: NDArray, propensity: NDArray) -> tuple[float, float]:
    """Mean of :func:`separation` over single structures, and its standard error (NaN for a single one).

    Parameters
    ----------
    bottleneck
        ``[structures, n, units]``.
    propensity
        ``[structures, n]``.
    """
    each = [
        separation(np.asarray(b, dtype=np.float64), np.asarray(c, dtype=np.float64))
        for b, c in zip(bottleneck, propensity, strict=True)
    ]
    error = float(np.std(each, ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")
    return float(np.mean(each)), error
