r"""Linear baselines: ridge regression, and the best single descriptor of each quantity.

Ridge regression minimises :math:`\sum_i (C_i - a - b \cdot x_i)^2 + \alpha |b|^2` over the particles of the
training structures of all measured temperatures at one C_B; :math:`\alpha` is a number, or the value of a
geometric list with the highest Pearson correlation on the validation structures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.correlation import correlation

__all__ = ["PENALTIES", "QUANTITIES", "Ridge", "best_descriptor", "fit_ridge"]

#: Single descriptors shown as a floor: the best column of each of these quantities.
QUANTITIES: Final = ("density", "energy", "perimeter")
#: Penalties tried if the validation structures decide.
PENALTIES: Final = tuple(float(f"{10.0 ** (0.5 * k):.3g}") for k in range(11))


@dataclass(frozen=True)
class Ridge:
    """Linear prediction ``intercept + x @ coefficients`` of standardised descriptors, and its penalty."""

    coefficients: NDArray[np.float64]
    intercept: float
    penalty: float

    def predict(self, descriptors: NDArray) -> NDArray[np.float64]:
        """Propensities ``[...]`` of standardised descriptors ``[..., M]``."""
        return np.asarray(descriptors, dtype=np.float64) @ self.coefficients + self.intercept


def fit_ridge(
    descriptors: NDArray,
    labels: NDArray,
    penalties: Sequence[float],
    validation: tuple[NDArray, NDArray] | None = None,
) -> Ridge:
    """Ridge regression of labels ``[n]`` on descriptors ``[n, M]``.

    Parameters
    ----------
    descriptors, labels
        Particles of the training structures.
    penalties
        Values of alpha to choose from by the correlation with ``validation`` (descriptors, labels); without
        validation the first is taken.

    Raises
    ------
    ValueError
        If a penalty is not positive or the shapes do not fit.
    """
    x, y = np.asarray(descriptors, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if x.ndim != 2 or y.shape != x.shape[:1] or not len(y):
        raise ValueError(f"descriptors [n, M] and labels [n] expected, found {x.shape} and {y.shape}")
    if not penalties or min(penalties) <= 0:
        raise ValueError(f"penalties must be positive, found {list(penalties)}")
    centre, mean = x.mean(axis=0), y.mean()
    values, vectors = np.linalg.eigh((x - centre).T @ (x - centre))
    projected = vectors.T @ ((x - centre).T @ (y - mean))
    fits = []
    for penalty in penalties if validation is not None else penalties[:1]:
        b = vectors @ (projected / (np.maximum(values, 0.0) + penalty))
        fits.append(Ridge(b, float(mean - centre @ b), float(penalty)))
    if validation is None or len(fits) == 1:
        return fits[0]
    return max(fits, key=lambda f: _correlation(f.predict(validation[0]), validation[1]))


def best_descriptor(
    descriptors: NDArray, labels: NDArray, names: Sequence[str], quantity: str
) -> tuple[int, float]:
    """Column of one quantity most correlated with the labels, and the sign of its correlation.

    Parameters
    ----------
    descriptors, labels
        ``[n, M]`` and ``[n]`` of training structures.
    names
        Names of the columns.
    quantity
        First part of the names considered, e.g. ``"energy"``.
    """
    columns = [k for k, n in enumerate(names) if n.split("/")[0] == quantity]
    if not columns:
        raise ValueError(f"no descriptor of quantity {quantity!r} among {list(names)[:4]}...")
    found = [_correlation(descriptors[:, k], labels) for k in columns]
    best = int(np.argmax(np.abs(found)))
    return columns[best], 1.0 if found[best] >= 0 else -1.0


def _correlation(a: NDArray, b: NDArray) -> float:
    """Correlation of two arrays; a constant one is correlated with nothing."""
    return float(np.nan_to_num(correlation(a, b)))
