"""Errors over structures: resampling of whole structures, with keyed seeds."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.randomness import seed_sequence, temperature_key

__all__ = ["OBSERVABLES", "combined_error", "generator", "resamples"]

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


def combined_error(over_structures: float, over_networks: float) -> float:
    """Error over structures and spread over networks, added in quadrature.

    A part that is not defined (a single structure or network: NaN) leaves the other one alone; with
    neither the error is NaN.
    """
    parts = np.array([over_structures, over_networks], dtype=float)
    known = parts[np.isfinite(parts)]
    return float(np.sqrt(np.sum(known**2))) if known.size else float("nan")
