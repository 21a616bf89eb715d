"""Numbers and rules of the scheme of swap Monte Carlo that samplers, settings and schedules share."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EXCHANGES_PER_SWEEP",
    "EXCHANGE_INTERVAL",
    "HYBRID_STEPS",
    "TUNING_INTERVAL",
    "pair_shares",
    "steering_factor",
]

#: Sweeps between two adjustments of the displacement while it is tuned.
TUNING_INTERVAL: Final = 10

#: Informed exchanges tried per sweep, as a share of the number of particles.
EXCHANGES_PER_SWEEP: Final = 0.04

#: Sweeps between two blocks of informed exchanges.
EXCHANGE_INTERVAL: Final = 4

#: Time steps of molecular dynamics that take the place of a sweep of displacements in the hybrid scheme.
HYBRID_STEPS: Final = 25


def pair_shares(species: NDArray[np.integer], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability ``[S, S]`` that a block exchanges species a < b, as blind draws would choose a pair.

    Parameters
    ----------
    species
        ``[N]``, numbers from 1.
    weights
        ``[S, S]`` relative weights of the pairs (:func:`tglassmlp.mixture.exchange_matrix`).
    """
    numbers = np.bincount(species - 1, minlength=len(weights)).astype(float)
    shares = np.triu(numbers[:, None] * numbers[None] * weights, 1)
    found: NDArray[np.float64] = shares / max(shares.sum(), 1e-300)
    return found


def steering_factor(accepted: Any, tried: Any, target: float) -> Any:
    """Factor, of one chain or of each of several, by which the displacement changes while it is tuned.

    Parameters
    ----------
    accepted, tried
        Displacements accepted and tried since the last change.
    target
        Acceptance that is aimed at.
    """
    return np.exp(np.clip(1.5 * (accepted / np.maximum(tried, 1) - target), -0.5, 0.5))
