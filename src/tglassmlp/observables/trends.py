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
  would be. :func:`length_exponents` maximises the likelihood of all structure factors together, in which
  every state point weighs as much as it says.

Networks serve all temperatures, so the exponent is fitted for each network, and their spread is that of
exponents. Structures of different temperatures are independent: the jackknife deletes groups of them one
temperature at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.observables.bootstrap import combined_error, student
from tglassmlp.published import PAPER

__all__ = [
    "SLOWING",
    "Estimate",
    "Series",
    "average",
    "estimate",
    "exponents",
    "groups",
    "kinked",
    "length_exponents",
    "mean_of",
]

#: Below this temperature the paper's heterogeneities hardly grow any more.
SLOWING: Final = PAPER.slowing
#: Most groups of structures that a jackknife deletes.
GROUPS: Final = 20
_LARGEST_EXPONENT: Final = 12.0


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


def groups(number: int, most: int = GROUPS) -> list[NDArray[np.intp]]:
    """Divide ``number`` structures into at most ``most`` groups of equal size (within one)."""
    count = min(number, most)
    return [np.flatnonzero(np.arange(number) % count == k) for k in range(count)] if count > 1 else []


def kinked(temperatures: NDArray, at: float = SLOWING) -> NDArray[np.float64] | None:
    """Columns ``[T, 2]`` of a power law with a kink: exponents above and below ``at``.

    None if the temperatures cannot fix both: one beyond either side and three in all are needed.
    """
    x = np.log(at / np.asarray(temperatures, dtype=np.float64))
    if not (x < -1e-9).any() or not (x > 1e-9).any() or x.size < 3:
        return None
    return np.stack([np.minimum(x, 0.0), np.maximum(x, 0.0)], axis=1)


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
        found[:, ~done | (np.abs(found) > _LARGEST_EXPONENT).any(axis=0)] = np.nan
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


def length_exponents(
    q: NDArray[np.float64],
    s4: NDArray[np.float64],
    modes: NDArray[np.float64],
    columns: NDArray[np.float64],
    largest: float,
    cubic: bool = False,
) -> NDArray[np.float64]:
    r"""Exponents of a length, from the structure factors of all state points at once.

    The length is that of

    .. math:: 1/S_4(q) = c_0 \left(1 + (q \xi_4)^2\right) \quad\text{or}\quad
              c_0 \left(1 + (q A)^3\right) + c_2 q^2

    with :math:`c_0` (and :math:`c_2`) free at every state point, and :math:`\ln\xi_4` (or :math:`\ln A`) a
    constant for each C_B plus ``columns @ exponents``. Amplitudes are exponentially distributed about S_4, as
    in :func:`tglassmlp.observables.structure_factor.fit_structure_factor`.

    Parameters
    ----------
    q, modes
        ``[shells]`` in the fitted range, and the number of modes in each average.
    s4
        ``[T, C, shells]``; NaN at state points that are missing.
    columns
        ``[T, k]``, see :func:`exponents`.
    largest
        Longest length allowed.
    cubic
        Fit A in place of xi_4.

    Returns
    -------
    ndarray
        ``[k]``; NaN if the search does not end, or ends at a limit.
    """
    n_c, k, power = s4.shape[1], columns.shape[1], 3 if cubic else 2
    known = np.isfinite(s4).all(axis=2) & (s4 > 0).any(axis=2)
    t, c = np.nonzero(known)
    if not any(len(set(t[c == j])) > k for j in range(n_c)):
        return np.full(k, np.nan)
    data, m = s4[t, c], np.asarray(modes, dtype=np.float64)
    used = np.unique(c)
    # what the length of every state point is made of: a constant for each C_B, and the exponents
    design = np.concatenate([c[:, None] == used, (columns - columns.mean(axis=0))[t]], axis=1).astype(float)
    whole = np.concatenate([np.zeros(used.size), np.ones(k)]) > 0
    low = -np.log(data @ m / m.sum())
    limits = np.log([1e-2 / q.max(), largest])

    def model(free: NDArray, fixed: NDArray) -> tuple[NDArray, NDArray]:
        """1/S_4 and its logarithmic derivatives by the parameters of each state point and by ln(length)."""
        c0 = np.exp(free[:, :1])
        u = (q * np.exp(np.clip(design @ fixed, *limits))[:, None]) ** power
        terms = [c0 * (1 + u)]
        if cubic:
            terms.append(np.exp(free[:, 1:]) * q**2)
        inverse = np.sum(terms, axis=0)
        return inverse, np.stack([*terms, c0 * power * u], axis=1) / inverse[:, None]

    def loss(inverse: NDArray) -> float:
        return float((m * (data * inverse - np.log(inverse))).sum())

    # damped Fisher scoring; the parameters of each state point are eliminated from the steps of the others
    free = low[:, None] + np.array([0.5, -1.0] if cubic else [0.5])
    fixed = np.where(whole, 0.0, np.log(2 / q.max()))
    damping, idle, r = 1e-2, 0, free.shape[1]
    inverse, by = model(free, fixed)
    here = loss(inverse)
    for _ in range(300):
        score = np.einsum("npk,nk->np", by, m * (data * inverse - 1))
        information = np.einsum("npk,nqk,k->npq", by, by, m)
        information += (damping * information + 1e-9 * m.sum()) * np.eye(r + 1)
        inner, cross = information[:, :r, :r], information[:, :r, r]
        solved = np.linalg.solve(inner, np.stack([cross, score[:, :r]], axis=2))
        weight = information[:, r, r] - (cross * solved[:, :, 0]).sum(axis=1)
        slope = score[:, r] - (cross * solved[:, :, 1]).sum(axis=1)
        outer = (design.T * weight) @ design
        step = np.linalg.solve(outer + 1e-12 * np.trace(outer) * np.eye(len(outer)), design.T @ slope)
        shift = solved[:, :, 1] - solved[:, :, 0] * (design @ step)[:, None]
        shift = free - np.maximum(free - shift, low[:, None] - 14)
        size = max(1.0, float(np.abs(step).max()), 0.5 * float(np.abs(shift).max()))
        new_free = free - shift / size
        new_fixed = fixed - step / size
        inverse_there, by_there = model(new_free, new_fixed)
        there = loss(inverse_there)
        if there <= here:
            gain = here - there
            free, fixed, inverse, by, here = new_free, new_fixed, inverse_there, by_there, there
            damping = max(damping / 4, 1e-9)
            # a parameter that the data leave at zero walks on without gain
            idle = idle + 1 if gain < 1e-9 * len(t) else 0
            if idle == 3:
                break
        else:
            damping *= 8
            if damping > 1e8:
                break
    else:
        return np.full(k, np.nan)
    p = fixed[whole]
    return p if np.abs(p).max() < _LARGEST_EXPONENT else np.full(k, np.nan)
