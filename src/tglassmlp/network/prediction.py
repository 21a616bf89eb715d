r"""What trained networks answer: predictions in blocks, and the correction of their mean.

The mean correction (arXiv:2310.20252, appendix B) adjusts the C_B a network is told until its mean
prediction is the C_B asked for:

.. math:: c^{(0)} = C_B, \qquad c^{(k+1)} = c^{(k)} + \big(C_B - \langle C \rangle_{pred}(c^{(k)})\big).

Each network is corrected on its own; the mean is over all particles of all structures given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tglassmlp.labels import BOND_BREAKING, Label
from tglassmlp.network.protocol import Columns

__all__ = [
    "Distribution",
    "Prediction",
    "PredictionWarning",
    "corrected",
    "in_blocks",
    "shortcomings",
    "uncorrected",
]

#: Particles handled at once: bounds the memory of a prediction.
BLOCK = 16384

#: Without mean correction, a mean further from C_B than this is reported (the tolerance of the selection).
UNCORRECTED_TOLERANCE: Final = 0.05


class PredictionWarning(UserWarning):
    """A prediction misses the requested mean, or lies outside the range the networks were trained for."""


@dataclass(frozen=True)
class Prediction:
    """Mean-corrected predictions of several structures at one state point.

    Parameters
    ----------
    propensity
        ``[networks, S, P]`` float32.
    c_b_input
        ``[networks]``, the C_B each network was told at last.
    mean
        ``[networks]``, the mean prediction at that input.
    converged
        ``[networks]``, whether the mean is the C_B asked for, within the tolerance.
    iterations
        How many corrections were made (of the slowest network).
    """

    propensity: NDArray[np.float32]
    c_b_input: NDArray[np.float64]
    mean: NDArray[np.float64]
    converged: NDArray[np.bool_]
    iterations: int

    @property
    def structure_means(self) -> NDArray[np.float64]:
        """Mean propensity of each structure, ``[networks, S]``; their variance times N_1 is chi_4."""
        return self.propensity.mean(axis=2, dtype=np.float64)

    def __repr__(self) -> str:
        networks, structures, particles = self.propensity.shape
        return (
            f"<Prediction of {networks} networks for {structures} structures of {particles} particles: mean "
            f"{_spread(self.mean)}, {int(self.converged.sum())} of {networks} converged>"
        )


@dataclass(frozen=True)
class Distribution:
    """Propensities of several structures as a distribution: a mean, and a field of what it leaves open.

    Parameters
    ----------
    mean
        ``[S, P]``, mean over the networks that reach C_B (over all if none does).
    deviation
        ``[S, P]``, standard deviation of each particle's propensity about it.
    fields
        ``[n, S, P]`` float32, fields drawn from the distribution: the mean and one residual field each. Their
        chi_4, S_4(q), correlation and chord lengths are those of dynamics, not of its conditional mean.
    correlation_length, correlated_share
        Of the residual: over which length, and which part of its variance, it is correlated in space.
    prediction
        What the networks say one by one.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    fields: NDArray[np.float32]
    correlation_length: float
    correlated_share: float
    prediction: Prediction

    def interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end ``[S, P]`` between which a propensity lies with this probability.

        Of infinitely many replicas; the noise of a finite number comes on top. Ends are not cut at 0 and 1.

        Raises
        ------
        ValueError
            If the level is not inside (0, 1).
        """
        if not 0 < level < 1:
            raise ValueError(f"the level of an interval must lie between 0 and 1, found {level}")
        reach = float(ndtri(0.5 + 0.5 * level)) * self.deviation
        return self.mean - reach, self.mean + reach

    def __repr__(self) -> str:
        samples, structures, particles = self.fields.shape
        return (
            f"<Distribution of the propensities of {structures} structures of {particles} particles: mean "
            f"{self.mean.mean():.3f}, deviation {self.deviation.mean():.3f}, {samples} fields drawn>"
        )


def in_blocks(function: Columns, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply a function of columns ``[M, P]`` to all particles of ``[S, P, M]``: ``[n, ..., S * P]``."""
    flat = np.asarray(descriptors, dtype=np.float32).reshape(-1, descriptors.shape[-1])
    whole: NDArray[np.float32] | None = None
    for start in range(0, max(1, len(flat)), BLOCK):
        values = function(flat[start : start + BLOCK].T)
        if whole is None:
            whole = np.empty((*values.shape[:-1], len(flat)), np.float32)
        whole[..., start : start + BLOCK] = values
    assert whole is not None
    return whole


def uncorrected(propensity: NDArray[np.float32], c_b: float, label: Label = BOND_BREAKING) -> Prediction:
    """Prediction of networks that were told ``c_b`` itself, from their propensities ``[networks, S, P]``.

    Only where C_B is the mean of the label can its mean be wrong.
    """
    mean = propensity.mean(axis=(1, 2), dtype=np.float64)
    right = np.abs(mean - c_b) <= (UNCORRECTED_TOLERANCE if label.is_clock else np.inf)
    return Prediction(propensity, np.full(len(propensity), float(c_b)), mean, right, 0)


def corrected(
    predict: Callable[[NDArray[np.bool_], NDArray[np.float64]], NDArray[np.float32]],
    networks: int,
    c_b: float,
    limits: tuple[float, float],
    iterations: int,
    tolerance: float,
) -> Prediction:
    """Adjust what each network is told until its mean prediction is ``c_b``.

    Parameters
    ----------
    predict
        Function of which networks are asked ``[networks]`` and of the C_B each of these is told, to their
        propensities ``[asked, S, P]``.
    networks
        How many there are.
    c_b
        The mean asked for, in (0, 1).
    limits
        Lowest and highest C_B a network is told; ``c_b`` itself is always within.
    iterations
        Most corrections. A network stops where it has converged; one that never does keeps the input with the
        best mean.
    tolerance
        Largest |mean - c_b| that counts as converged.

    Raises
    ------
    ValueError
        If ``c_b`` is not inside (0, 1).
    """
    if not 0 < c_b < 1:
        raise ValueError(f"C_B must lie between 0 and 1, found {c_b}")
    low, high = min(limits[0], c_b), max(limits[1], c_b)
    entered = np.full(networks, float(c_b))
    best = predict(np.ones(networks, bool), entered)
    best_input, best_mean = entered.copy(), best.mean(axis=(1, 2), dtype=np.float64)
    mean, made = best_mean.copy(), 0
    while made < iterations:
        open_ = np.abs(best_mean - c_b) > tolerance
        if not open_.any():
            break
        entered = np.where(open_, np.clip(entered + (c_b - mean), low, high), entered)
        some = predict(open_, entered[open_])
        mean = mean.copy()
        mean[open_] = some.mean(axis=(1, 2), dtype=np.float64)
        made += 1
        better = open_ & (np.abs(mean - c_b) < np.abs(best_mean - c_b))
        best[better] = some[better[open_]]
        best_input[better], best_mean[better] = entered[better], mean[better]
    return Prediction(best, best_input, best_mean, np.abs(best_mean - c_b) <= tolerance, made)


def shortcomings(
    found: Prediction, c_b: float, beyond: Sequence[str], label: Label = BOND_BREAKING
) -> list[str]:
    """Say what a prediction at ``c_b`` is not; ``beyond`` is what its state point is not."""
    told = []
    if not found.converged.all():
        off = found.mean[~found.converged]
        told.append(
            f"the mean prediction of {off.size} of {found.mean.size} networks is not the C_B asked for: "
            f"{_spread(off)} instead of {c_b:g} after {found.iterations} mean corrections"
        )
    told += beyond
    low, high = label.lowest, label.highest
    margin = 0.1 * (high - low)
    outside = float(np.mean((found.propensity < low - margin) | (found.propensity > high + margin)))
    if outside > 0.01:
        told.append(
            f"{outside:.0%} of the propensities lie outside [{low:g}, {high:g}], "
            f"from {found.propensity.min():.2f} to {found.propensity.max():.2f}"
        )
    return told


def _spread(values: NDArray) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f} to {high:.3f}"
