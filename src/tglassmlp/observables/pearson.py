r"""Pearson correlation between predicted and measured propensities, and its errors over structures.

.. math::

    \rho_P = \frac{\langle (C_i - \langle C \rangle)(C_i^{\rm pred} - \langle C^{\rm pred} \rangle) \rangle}
                  {\sqrt{{\rm Var}(C)\,{\rm Var}(C^{\rm pred})}}

over all central particles of all test structures of one state point (equation 8 of the paper), as
:mod:`tglassmlp.correlation` computes it.
The ceiling set by the finite number of replicas is
:func:`tglassmlp.dynamics.correlations.split_half_ceiling`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tglassmlp.correlation import correlation_of_sums, pearson_sums
from tglassmlp.observables.bootstrap import bootstrap_widening, resamples

__all__ = ["mean_difference", "mean_difference_error", "pearson_error", "relative_correlation"]


def pearson_error(predicted: NDArray, measured: NDArray, n_resamples: int, rng: np.random.Generator) -> float:
    """Bootstrap error of the correlation, whole structures resampled; NaN for a single structure."""
    sums = pearson_sums(predicted, measured)
    if sums.shape[0] < 2:
        return float("nan")
    draws = resamples(sums.shape[0], n_resamples, rng)
    values = correlation_of_sums(sums[draws].sum(axis=1))
    values = values[np.isfinite(values)]
    return float(np.std(values, ddof=1)) if values.size > 1 else float("nan")


def mean_difference(sums: NDArray[np.float64]) -> float:
    """Mean over C_B of the first method's correlation less the second's.

    Parameters
    ----------
    sums
        ``[2, C_B, structures, 6]``, :func:`tglassmlp.correlation.pearson_sums` of two methods on the same
        structures.
    """
    first, second = correlation_of_sums(sums.sum(axis=2)).mean(axis=1)
    return float(first - second)


def mean_difference_error(sums: NDArray[np.float64], n_resamples: int, rng: np.random.Generator) -> float:
    """Bootstrap error of :func:`mean_difference`; NaN for a single structure.

    The same structures are drawn for both methods and all C_B, so that what structures have in common drops
    out. What few structures make of such an error is allowed for
    (:func:`tglassmlp.observables.bootstrap.bootstrap_widening`).
    """
    n = sums.shape[2]
    draws = resamples(n, n_resamples, rng)
    again = correlation_of_sums(sums[:, :, draws].sum(axis=3)).mean(axis=1)
    return float(np.nanstd(again[0] - again[1], ddof=1)) * bootstrap_widening(n) if n > 1 else float("nan")


def relative_correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of predictions with dynamics over the ceiling of the same replicas and structures.

    Parameters
    ----------
    sums
        ``[C, 1 + networks, structures, 6]``: :func:`tglassmlp.correlation.pearson_sums` of the two halves of
        the replicas, then of every network with dynamics.

    Returns
    -------
    ndarray
        ``[C, networks]``.
    """
    r = correlation_of_sums(sums.sum(axis=2))
    with np.errstate(invalid="ignore"):
        ceiling = np.sqrt(2 * r[:, :1] / (1 + r[:, :1]))
    return np.asarray(r[:, 1:] / ceiling)
