r"""Pearson correlation between predicted and measured propensities.

.. math::

    \rho_P = \frac{\langle (C_i - \langle C \rangle)(C_i^{\rm pred} - \langle C^{\rm pred} \rangle) \rangle}
                  {\sqrt{{\rm Var}(C)\,{\rm Var}(C^{\rm pred})}}

over all central particles of all test structures of one state point (equation 8 of the paper).
The ceiling set by the finite number of replicas is
:func:`tglassmlp.dynamics.correlations.split_half_ceiling`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tglassmlp.observables.bootstrap import resamples

__all__ = ["correlation_of_sums", "pearson", "pearson_error", "pearson_sums"]


def pearson_sums(x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Sum 1, x, y, xx, yy, xy within each structure, ``[structures, 6]``; x, y ``[structures, n]``."""
    if x.shape != y.shape or x.ndim != 2:
        raise ValueError(f"expected two arrays [structures, particles], found {x.shape} and {y.shape}")
    # a common shift keeps the sums of squares well conditioned and changes no correlation
    x = np.asarray(x, dtype=np.float64) - np.mean(x, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64) - np.mean(y, dtype=np.float64)
    one = np.full(x.shape[0], float(x.shape[1]))
    return np.stack(
        [one, x.sum(1), y.sum(1), (x * x).sum(1), (y * y).sum(1), (x * y).sum(1)],
        axis=1,
    )


def correlation_of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation from summed moments ``[..., 6]``; NaN where one of the fields is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    var_x, var_y, cov = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2, xy / n - x * y / n**2
    product = var_x * var_y
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(product > 1e-28, cov / np.sqrt(np.abs(product)), np.nan)


def pearson(predicted: NDArray, measured: NDArray) -> float:
    """Pearson correlation (8) over all particles of all structures.

    Parameters
    ----------
    predicted, measured
        ``[structures, particles]`` propensities.

    Returns
    -------
    float
        In [-1, 1]; NaN if one of the fields is constant.
    """
    return float(correlation_of_sums(pearson_sums(predicted, measured).sum(axis=0)))


def pearson_error(predicted: NDArray, measured: NDArray, n_resamples: int, rng: np.random.Generator) -> float:
    """Bootstrap error of :func:`pearson`, whole structures resampled; NaN for a single structure."""
    sums = pearson_sums(predicted, measured)
    if sums.shape[0] < 2:
        return float("nan")
    draws = resamples(sums.shape[0], n_resamples, rng)
    values = correlation_of_sums(sums[draws].sum(axis=1))
    values = values[np.isfinite(values)]
    return float(np.std(values, ddof=1)) if values.size > 1 else float("nan")
