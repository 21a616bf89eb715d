"""Errors over structures: resampling of whole structures, with keyed seeds."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from tglassmlp.randomness import seed_sequence, temperature_key

__all__ = [
    "OBSERVABLES",
    "combined_error",
    "few",
    "generator",
    "jackknife_error",
    "resamples",
    "student",
]

#: Number of each observable inside the spawn key. Never renumber: error bars would change.
OBSERVABLES: Final[dict[str, int]] = {
    "pearson": 1,
    "susceptibility": 2,
    "chord_length": 3,
    "structure_factor": 4,
    "bottleneck": 5,
    "comparison": 6,
}


def generator(root_seed: int, observable: str, temperature: float, c_b: float) -> np.random.Generator:
    """Random generator of one observable at one state point; independent of the order of the work."""
    if observable not in OBSERVABLES:
        raise ValueError(f"unknown observable {observable!r}, known: {', '.join(OBSERVABLES)}")
    keys = (OBSERVABLES[observable], temperature_key(temperature), round(c_b * 1_000_000))
    return np.random.default_rng(seed_sequence(root_seed, "bootstrap", *keys))


def resamples(n_structures: int, n_resamples: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw structures with replacement, ``[n_resamples, n_structures]`` indices."""
    if n_structures < 1:
        raise ValueError(f"resampling needs at least one structure, found {n_structures}")
    return rng.integers(0, n_structures, size=(n_resamples, n_structures))


def few(n_structures: int) -> float:
    """Factor by which a bootstrap error over few structures is too small, for an interval of 95 %.

    Resampling n structures underestimates the variance by (n - 1) / n, and an error known from so few is
    itself uncertain: Student's t with n - 1 degrees of freedom takes the place of the normal distribution.
    The factor is 2.7 for n = 3, 1.3 for 8, 1.03 for 50.
    """
    n = n_structures
    return float(np.sqrt(n / (n - 1))) * student(n - 1)


def student(degrees: float) -> float:
    """Student's t over the normal distribution at 95 %: widens an error that is itself known from few values.

    With it two standard errors mean what they say. 6.5 for one degree of freedom, 1.6 for 3, 1.2 for 7.
    """
    return float(stdtrit(degrees, 0.975) / ndtri(0.975))


def jackknife_error(without: NDArray[np.float64], widened: bool = True) -> float:
    r"""Delete-a-group jackknife: standard error of an estimate from its values without one of K equal groups.

    .. math:: \sigma^2 = \frac{K-1}{K} \sum_k (D_k - \bar D)^2

    Parameters
    ----------
    without
        ``[K]``, the estimate without each group.
    widened
        Allow for the K - 1 degrees of freedom (:func:`student`).

    Returns
    -------
    float
        NaN below two groups, or if one value is not finite.
    """
    values = np.asarray(without, dtype=np.float64)
    n = values.size
    if n < 2 or not np.isfinite(values).all():
        return float("nan")
    error = np.sqrt((n - 1) * np.mean((values - values.mean()) ** 2))
    return float(error) * (student(n - 1) if widened else 1.0)


def combined_error(over_structures: float, over_networks: float) -> float:
    """Error over structures and spread over networks, added in quadrature.

    A part that is not defined (a single structure or network: NaN) leaves the other one alone; with
    neither the error is NaN.
    """
    parts = np.array([over_structures, over_networks], dtype=float)
    known = parts[np.isfinite(parts)]
    return float(np.sqrt(np.sum(known**2))) if known.size else float("nan")
