"""Errors over structures and networks: resampling of whole structures with keyed seeds, jackknife, spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from tglassmlp import state_point
from tglassmlp.randomness import seed_sequence

__all__ = [
    "GROUPS",
    "OBSERVABLES",
    "bootstrap_widening",
    "combined_error",
    "generator",
    "groups",
    "jackknife_error",
    "jackknifed",
    "over_networks",
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

#: Most groups of structures that a jackknife deletes.
GROUPS: Final = 20


def generator(root_seed: int, observable: str, temperature: float, c_b: float) -> np.random.Generator:
    """Random generator of one observable at one state point; independent of the order of the work."""
    if observable not in OBSERVABLES:
        raise ValueError(f"unknown observable {observable!r}, known: {', '.join(OBSERVABLES)}")
    keys = (OBSERVABLES[observable], state_point.key(temperature), state_point.key(c_b))
    return np.random.default_rng(seed_sequence(root_seed, "bootstrap", *keys))


def resamples(n_structures: int, n_resamples: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw structures with replacement, ``[n_resamples, n_structures]`` indices."""
    if n_structures < 1:
        raise ValueError(f"resampling needs at least one structure, found {n_structures}")
    return rng.integers(0, n_structures, size=(n_resamples, n_structures))


def bootstrap_widening(n_structures: int) -> float:
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


def groups(number: int, most: int = GROUPS) -> list[NDArray[np.intp]]:
    """Divide ``number`` structures into at most ``most`` groups of equal size (within one)."""
    count = min(number, most)
    return [np.flatnonzero(np.arange(number) % count == k) for k in range(count)] if count > 1 else []


def jackknifed(
    of: Callable[[NDArray[np.intp]], NDArray[np.float64]], number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Value of all structures, and without each group of them.

    Parameters
    ----------
    of
        Indices of structures -> value ``[...]``.
    number
        Number of structures.

    Returns
    -------
    whole, without
        ``[...]`` and ``[groups, ...]``, see :func:`groups`.
    """
    every = np.arange(number)
    whole = of(every)
    without = [of(np.setdiff1d(every, g)) for g in groups(number)]
    return whole, np.array(without) if without else np.empty((0, *whole.shape))


def combined_error(over_structures: float, over_networks: float) -> float:
    """Error over structures and spread over networks, added in quadrature.

    A part that is not defined (a single structure or network: NaN) leaves the other one alone; with
    neither the error is NaN.
    """
    parts = np.array([over_structures, over_networks], dtype=float)
    known = parts[np.isfinite(parts)]
    return float(np.sqrt(np.sum(known**2))) if known.size else float("nan")


def over_networks(values: Sequence[float], errors: Sequence[float]) -> dict[str, float]:
    """Mean over networks, spread, error over structures (mean over networks) and combined error.

    Parameters
    ----------
    values, errors
        Value of every network and its error over structures; NaN where there is none.

    Returns
    -------
    dict
        ``value, error, error_structures, spread, n_networks``, the columns of every table.
    """
    v, e = np.array(values, dtype=float), np.array(errors, dtype=float)
    known = np.isfinite(v)
    mean = float(v[known].mean()) if known.any() else float("nan")
    spread = float(v[known].std(ddof=1)) if known.sum() > 1 else float("nan")
    structures = float(np.nanmean(e)) if np.isfinite(e).any() else float("nan")
    return {
        "value": mean,
        "error": combined_error(structures, spread),
        "error_structures": structures,
        "spread": spread,
        "n_networks": int(known.sum()),
    }
