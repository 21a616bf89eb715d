"""How improbable a difference is by chance, in standard deviations of a normal law."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

__all__ = [
    "below",
    "deviations",
    "largest_difference",
    "one_sample",
    "outliers",
    "sigmas",
    "slope",
    "two_samples",
]


def deviations(probability: float) -> float:
    """Two-sided probability as standard deviations of a normal law; 37 stands for anything less probable."""
    return max(0.0, float(-ndtri(0.5 * min(1.0, max(probability, 1e-298)))))


def sigmas(statistic: float, freedom: float) -> float:
    """Student's t as the number of standard deviations of a normal law that is as improbable."""
    return deviations(2.0 * float(stdtr(freedom, -abs(statistic))))


def slope(x: NDArray, y: NDArray) -> float:
    """Slope of the line of least squares; 0 through one point."""
    return float(np.polyfit(x, y, 1)[0]) if x.size > 1 else 0.0


def one_sample(values: NDArray) -> float:
    """Return the standard deviations by which the mean differs from zero; NaN for fewer than two values."""
    n = values.size
    if n < 2 or np.ptp(values) == 0.0:
        return float("nan")
    return sigmas(values.mean() / (values.std(ddof=1) / np.sqrt(n)), n - 1)


def two_samples(a: NDArray, b: NDArray) -> float:
    """Return the standard deviations by which two means differ (Welch); NaN without two values a side."""
    if min(a.size, b.size) < 2:
        return float("nan")
    va, vb = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    if va + vb == 0.0:
        return float("nan")
    freedom = (va + vb) ** 2 / (va**2 / (a.size - 1) + vb**2 / (b.size - 1))
    return sigmas((a.mean() - b.mean()) / np.sqrt(va + vb), freedom)


def below(lower: pd.Series, upper: pd.Series) -> float:
    """Return the standard deviations by which one mean lies below another; NaN without two values a side."""
    a, b = (x[np.isfinite(x)] for x in (lower.to_numpy(float), upper.to_numpy(float)))
    if min(a.size, b.size) < 2:
        return float("nan")
    return float(np.copysign(two_samples(b, a), b.mean() - a.mean()))


def outliers(values: NDArray, group: NDArray) -> NDArray[np.float64]:
    """Deviation of each value from the mean of the others of its group, in standard deviations.

    The probability is multiplied by the number of values, so that the limit holds for the largest.
    """
    result = np.full(values.size, np.nan)
    for k, value in enumerate(values):
        others = np.delete(values, k)[np.delete(group == group[k], k)]
        if others.size < 3 or np.ptp(others) == 0.0:
            continue
        t = (value - others.mean()) / (others.std(ddof=1) * np.sqrt(1.0 + 1.0 / others.size))
        probability = min(1.0, 2.0 * float(stdtr(others.size - 1, -abs(t))) * values.size)
        result[k] = deviations(probability)
    return result


def largest_difference(ones: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[int, float, float]:
    """Largest difference of the means of many quantities, and how improbable it is among so many.

    Both sets are samples of one ensemble if all is well, so their variances are pooled (Student's t). The
    probability of the largest t is multiplied by the number of quantities (Bonferroni), whose correlation
    makes that cautious.

    Parameters
    ----------
    ones, others
        ``[n, M]`` and ``[m, M]``: M quantities of n and m independent structures.

    Returns
    -------
    place, difference, deviation
        Which quantity it is, the difference of its means in standard deviations between structures, and the
        deviation in standard deviations of a normal law. ``(-1, NaN, NaN)`` with fewer than two structures
        on a side, or if nothing fluctuates.
    """
    n, m = len(ones), len(others)
    if min(n, m) < 2:
        return -1, float("nan"), float("nan")
    freedom = n + m - 2
    pooled = np.sqrt(((n - 1) * ones.var(axis=0, ddof=1) + (m - 1) * others.var(axis=0, ddof=1)) / freedom)
    scale = np.maximum(np.abs(ones).max(axis=0), np.abs(others).max(axis=0))
    fluctuates = np.isfinite(pooled) & (pooled > 1e-12 * scale)
    if not fluctuates.any():
        return -1, float("nan"), float("nan")
    difference = np.zeros(ones.shape[1])
    difference[fluctuates] = (ones.mean(axis=0) - others.mean(axis=0))[fluctuates] / pooled[fluctuates]
    place = int(np.argmax(np.abs(difference)))
    t = float(difference[place]) / np.sqrt(1.0 / n + 1.0 / m)
    probability = 2.0 * float(stdtr(freedom, -abs(t))) * int(fluctuates.sum())
    return place, float(difference[place]), deviations(probability)
