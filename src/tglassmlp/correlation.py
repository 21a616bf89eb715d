r"""The Pearson correlation, in the forms in which it is needed.

.. math::

    \rho_P(x, y) = \frac{\langle (x - \langle x \rangle)(y - \langle y \rangle) \rangle}
                       {\sqrt{{\rm Var}(x)\,{\rm Var}(y)}}

(equation 8 of the paper). :func:`correlation` is that of two arrays. Errors over structures need it from sums
that can be added up and drawn again, structure by structure: :func:`pearson_sums` and
:func:`correlation_of_sums`. While networks are trained it is watched in JAX, for all networks at once:
:func:`tglassmlp.network.loss.pearson`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["correlation", "correlation_of_sums", "pearson", "pearson_sums"]


def correlation(a: NDArray, b: NDArray) -> float:
    """Correlation of two arrays ``[n]``; NaN if one of them is constant.

    Examples
    --------
    >>> correlation(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.0, -1.0]))
    -1.0
    """
    a, b = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else float("nan")


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
