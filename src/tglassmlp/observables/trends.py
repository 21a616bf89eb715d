r"""How a quantity depends on temperature, from all C_B together and for every network on its own.

The model is a power law with a prefactor for each C_B,

.. math:: \langle v(T, C_B) \rangle = a(C_B)\, T^{-p},

and p is what claims about growth on cooling rest on (with a kink, two exponents). Three biases are avoided:

- A maximum over C_B picks the largest fluctuation. Here all state points enter, none is picked.
- The logarithm of a noisy value is biased, and has none where noise makes the value negative. The estimating
  equations are those of a gamma distribution with logarithmic link, :math:`\sum (v/m - 1)\,
  \partial \ln m = 0` with m the model: linear in v, so they hold on average for any distribution of v that
  has the mean m, negative values included, and weigh relative deviations equally.
- A length whose fit is not determined must not be left out, since those with large noise, or small lengths,
  would be: see :mod:`tglassmlp.observables.length_exponents`.

Networks serve all temperatures, so the exponent is fitted for each network, and their spread is that of
exponents. Structures of different temperatures are independent: the jackknife deletes groups of them one
temperature at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp import state_point
from tglassmlp.observables.bootstrap import combined_error, student
from tglassmlp.published import PAPER

__all__ = [
    "SLOWING",
    "AtTemperature",
    "Estimate",
    "Series",
    "average",
    "estimate",
    "exponents",
    "kinked",
    "mean_of",
    "ranges",
    "series_of",
]

#: Below this temperature the paper's heterogeneities hardly grow any more.
SLOWING: Final = PAPER.slowing
#: Larger exponents are taken for a fit that has not found any.
LARGEST_EXPONENT: Final = 12.0


class AtTemperature(NamedTuple):
    """Values of one quantity at one temperature.

    Parameters
    ----------
    value
        ``[C, networks]``, NaN where there is none.
    without
        ``[groups, C, networks]``, the values without one group of structures each.
    c_b
        ``[C]``.
    """

    value: NDArray[np.float64]
    without: NDArray[np.float64]
    c_b: NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Values of one quantity at many state points, with those without each group of structures.

    Parameters
    ----------
    temperatures, c_b
        ``[T]`` and ``[C]``.
    value
        ``[T, C, networks]``, NaN where there is none.
    without
        For each temperature ``[groups, C, networks]``, the values without one group of its structures; no
        groups where structures do not enter.
    """

    temperatures: NDArray[np.float64]
    c_b: NDArray[np.float64]
    value: NDArray[np.float64]
    without: Sequence[NDArray[np.float64]] = field(default_factory=list)


def series_of(by_temperature: Mapping[float, AtTemperature]) -> Series | None:
    """Put temperatures together, from high to low, on the union of their C_B; None if none has a value."""
    usable = {t: at for t, at in by_temperature.items() if at.value.shape[1] and np.isfinite(at.value).any()}
    if not usable:
        return None
    temperatures = sorted(usable, reverse=True)
    c_b = state_point.union(at.c_b for at in usable.values())
    networks = max(at.value.shape[1] for at in usable.values())
    value = np.full((len(temperatures), c_b.size, networks), np.nan)
    without = []
    for k, t in enumerate(temperatures):
        at = usable[t]
        place = state_point.places(c_b, at.c_b)
        value[k, place] = at.value
        left_out = np.full((len(at.without), c_b.size, networks), np.nan)
        left_out[:, place] = at.without
        without.append(left_out)
    return Series(np.array(temperatures), c_b, value, without)


@dataclass(frozen=True)
class Estimate:
    """A number with both parts of its error, and its value for each network.

    Parameters
    ----------
    value
        Mean over networks.
    structures
        Standard error over structures, widened for few (:func:`tglassmlp.observables.bootstrap.student`).
    spread
        Standard deviation over networks.
    each
        ``[networks]``.
    """

    value: float
    structures: float
    spread: float
    each: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Both parts in quadrature."""
        return combined_error(self.structures, self.spread)


def kinked(temperatures: NDArray, at: float = SLOWING) -> NDArray[np.float64] | None:
    """Columns ``[T, 2]`` of a power law with a kink: exponents above and below ``at``.

    None if the temperatures cannot fix both: one beyond either side and three in all are needed.
    """
    x = np.log(at / np.asarray(temperatures, dtype=np.float64))
    if not (x < -1e-9).any() or not (x > 1e-9).any() or x.size < 3:
        return None
    return np.stack([np.minimum(x, 0.0), np.maximum(x, 0.0)], axis=1)


def ranges(temperatures: NDArray) -> list[tuple[NDArray[np.float64], dict[str, list[float]]]]:
    """Power laws to be fitted: columns ``[T, k]``, and by name the combinations ``[k]`` of their exponents.

    ``all`` temperatures with one exponent; ``above`` and ``below`` the kink and their difference,
    ``slowing``, where there are temperatures enough.
    """
    laws: list[tuple[NDArray[np.float64], dict[str, list[float]]]] = [
        (-np.log(temperatures)[:, None], {"all": [1.0]})
    ]
    broken = kinked(temperatures)
    if broken is not None:
        laws.append((broken, {"above": [1.0, 0.0], "below": [0.0, 1.0], "slowing": [1.0, -1.0]}))
    return laws


def exponents(value: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponents of the power law fitted to all state points together, see the head of this module.

    Parameters
    ----------
    value
        ``[T, C, samples]``; NaN is missing, negative values count. A C_B whose values add up to nothing
        positive tells nothing about the exponent and is left out of that sample.
    columns
        ``[T, k]``, the logarithm of the model is ``a(C_B) + columns @ exponents``: ``-ln T``, or
        :func:`kinked`.

    Returns
    -------
    ndarray
        ``[k, samples]``; NaN where the values do not fix the exponents.
    """
    n_t, n_c, samples = value.shape
    k = columns.shape[1]
    known = np.isfinite(value)
    v = np.where(known, value, 0.0)
    total, count = v.sum(axis=0), known.sum(axis=0)
    known &= (total > 0)[None]
    # [T, C, C + k]: a prefactor for each C_B, then the exponents, about the mean of the columns
    design = np.zeros((n_t, n_c, n_c + k))
    design[:, np.arange(n_c), np.arange(n_c)] = 1.0
    design[:, :, n_c:] = (columns - columns.mean(axis=0))[:, None]
    x = design.reshape(n_t * n_c, -1)
    y, w = v.reshape(-1, samples), known.reshape(-1, samples).astype(np.float64)
    out = np.full((k, samples), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        start = np.log(np.where(total > 0, total / np.maximum(count, 1), 1.0))
    for pattern in np.unique(w, axis=1).T:
        mine = np.flatnonzero((w == pattern[:, None]).all(axis=0))
        rows = pattern > 0
        used = np.flatnonzero(np.concatenate([x[rows][:, :n_c].any(axis=0), np.ones(k, dtype=bool)]))
        a = x[np.ix_(rows, used)]
        if not rows.any() or np.linalg.matrix_rank(a) < used.size:
            continue
        # the expected information does not depend on the parameters
        step = np.linalg.solve(a.T @ a, a.T)
        c = np.concatenate([start[used[:-k]][:, mine], np.zeros((k, mine.size))])
        done = np.zeros(mine.size, dtype=bool)
        for _ in range(500):
            change = step @ (y[np.ix_(rows, mine)] * np.exp(-a @ c) - 1.0)
            size = np.abs(change).max(axis=0)
            c = c + change / np.maximum(1.0, size)
            done = size < 1e-9
            if done.all():
                break
        found = c[-k:]
        found[:, ~done | (np.abs(found) > LARGEST_EXPONENT).any(axis=0)] = np.nan
        out[:, mine] = found
    return out


def estimate(series: Series, columns: NDArray[np.float64], of: Sequence[float]) -> Estimate:
    """Estimate a combination ``of`` ``[k]`` of the exponents, e.g. (1, -1): the difference across a kink.

    The jackknife deletes groups of structures one temperature at a time, since those of different
    temperatures are independent. It gives the error over structures, and takes off the bias of first order in
    the inverse number of structures that an exponent, not being linear in the values, still has.
    """
    weights = np.asarray(of, dtype=np.float64)
    each = weights @ exponents(series.value, columns)
    corrected = each.copy()
    variances, degrees = [], []
    for t, without in enumerate(series.without):
        n = len(without)
        if n < 2:
            continue
        # [groups, T, C, networks] -> one sample for each group and network
        many = np.repeat(series.value[None], n, axis=0)
        many[:, t] = without
        flat = np.moveaxis(many, 0, -1).reshape(*series.value.shape[:2], -1)
        left = (weights @ exponents(flat, columns)).reshape(-1, n)
        corrected = corrected - (n - 1) * (left.mean(axis=1) - each)
        again = average(left, 0)
        variances.append((n - 1) * np.mean((again - again.mean()) ** 2))
        degrees.append(n - 1)
    error = _error(variances, degrees)
    if variances and not np.isfinite(error):
        # what is lost with a few structures is not determined by all of them
        return Estimate(float("nan"), error, float("nan"), np.full_like(each, np.nan))
    return Estimate(float(average(corrected, 0)), error, _spread(corrected), corrected)


def _error(variances: Sequence[float], degrees: Sequence[int]) -> float:
    """Square root of the sum, widened for its number of degrees of freedom (Welch and Satterthwaite)."""
    v, d = np.asarray(variances, dtype=np.float64), np.asarray(degrees, dtype=np.float64)
    if not v.size or not np.isfinite(v).all():
        return float("nan")
    if v.sum() == 0:
        return 0.0
    return float(np.sqrt(v.sum())) * student(float(v.sum() ** 2 / (v**2 / d).sum()))


def _spread(each: NDArray[np.float64]) -> float:
    known = each[np.isfinite(each)]
    return float(np.std(known, ddof=1)) if known.size > 1 else float("nan")


def mean_of(series: Series) -> Estimate:
    """Mean of a quantity over all state points, with errors over structures and networks.

    Temperatures weigh equally, and within one all C_B that have a value. Of the networks, those count that
    have a value at every temperature, if there are any. NaN where there is none without some structures.
    """
    at = average(series.value, 1)  # [T, networks]
    complete = np.isfinite(at).all(axis=0)
    chosen = np.flatnonzero(complete if complete.any() else np.isfinite(at).any(axis=0))
    each = average(at[:, chosen], 0)
    variances, degrees = [], []
    for without in series.without:
        n = len(without)
        if n > 1:
            again = average(average(without[..., chosen], 1), 1) / len(series.temperatures)
            variances.append((n - 1) * np.mean((again - again.mean()) ** 2))
            degrees.append(n - 1)
    error = _error(variances, degrees)
    if variances and not np.isfinite(error):
        return Estimate(float("nan"), error, float("nan"), np.full_like(each, np.nan))
    return Estimate(float(average(each, 0)), error, _spread(each), each)


def average(values: NDArray, axis: int) -> NDArray[np.float64]:
    """Mean of what is finite; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
