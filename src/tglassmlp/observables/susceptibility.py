r"""Dynamic susceptibility of the bond-breaking propensity.

.. math:: \chi_4 = N_1 \left( \langle \bar C^2 \rangle - \langle \bar C \rangle^2 \right),
          \qquad \bar C = \frac{1}{N_1} \sum_i C_i,

the average running over structures (equation 9 of the paper).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "covariance_of_means",
    "susceptibility",
    "susceptibility_error",
    "susceptibility_without_noise",
]


def susceptibility(propensity: NDArray) -> float:
    """Return chi_4 (9): N_1 times the variance over structures of the structure's mean propensity.

    Parameters
    ----------
    propensity
        ``[structures, particles]``.

    Returns
    -------
    float
        Unbiased estimate; NaN for a single structure.
    """
    if propensity.ndim != 2:
        raise ValueError(f"expected propensities [structures, particles], found {propensity.shape}")
    if propensity.shape[0] < 2:
        return float("nan")
    means = np.mean(propensity, axis=1, dtype=np.float64)
    return float(propensity.shape[1] * np.var(means, ddof=1))


def susceptibility_error(propensity: NDArray) -> float:
    """Error of :func:`susceptibility`: jackknife over structures, at least that of Gaussian means.

    With few structures a jackknife is itself uncertain; Gaussian fluctuations of the means alone give
    the relative error sqrt(2/(n-1)), which is taken as the lower bound. NaN below two structures.
    """
    n, particles = propensity.shape
    if n < 2:
        return float("nan")
    means = np.mean(propensity, axis=1, dtype=np.float64)
    gauss = susceptibility(propensity) * np.sqrt(2.0 / (n - 1))
    if n < 4:
        return float(gauss)
    left_out = np.array([particles * np.var(np.delete(means, k), ddof=1) for k in range(n)])
    jackknife = np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2))
    return float(max(jackknife, gauss))


def susceptibility_without_noise(first_half: NDArray, second_half: NDArray) -> float:
    """Return chi_4 of an infinite number of replicas, from two disjoint halves of the replicas.

    The mean of a structure fluctuates also because its replicas are finite in number, which adds to (9).
    That noise is independent in the two halves, so N_1 times the covariance of the halves' structure
    means is free of it (and may come out negative when chi_4 is smaller than its error).

    Parameters
    ----------
    first_half, second_half
        ``[structures, particles]``.
    """
    if first_half.shape[0] < 2:
        return float("nan")
    a = np.mean(first_half, axis=1, dtype=np.float64)
    b = np.mean(second_half, axis=1, dtype=np.float64)
    return float(first_half.shape[1] * np.cov(a, b, ddof=1)[0, 1])


def covariance_of_means(
    first: NDArray, second: NDArray, n_particles: int, structures: NDArray[np.intp]
) -> NDArray[np.float64]:
    """N_1 times the covariance over structures of two sets of structure means, of many fields at once.

    It is chi_4 (9) where both sets are the same, and chi_4 without the noise of the replicas where they come
    from two halves of them.

    Parameters
    ----------
    first, second
        ``[..., structures]`` mean propensity of each structure.
    n_particles
        N_1.
    structures
        Indices of the structures that count.

    Returns
    -------
    ndarray
        ``[...]``; NaN for a single structure.
    """
    a, b = (x[..., structures] - x[..., structures].mean(axis=-1, keepdims=True) for x in (first, second))
    if structures.size < 2:
        return np.full(first.shape[:-1], np.nan)
    return np.asarray(n_particles * (a * b).sum(axis=-1) / (structures.size - 1))
