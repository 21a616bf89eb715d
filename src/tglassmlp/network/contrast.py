r"""Contrast: how strongly propensities vary at a given C_B, and its law in the temperature.

A network that predicts below the temperatures it has learnt from keeps the pattern of its propensities, but
not their amplitude: it regresses towards the mean. The amplitude of dynamics itself is a smooth function,

.. math:: A^2(T, C_B) = \langle \delta C_i^{(1)} \delta C_i^{(2)} \rangle,

the covariance over particles and structures of the propensities from two halves of the replicas, into which
the noise of a finite number of replicas does not enter on average. At each C_B it grows on cooling with its
own prefactor :math:`a(C_B)` and a law that all C_B share:

.. math::

    \text{power:} \quad A = a(C_B) \, T^{-n}, \qquad
    \text{onset:} \quad A = a(C_B) \left( \frac{1}{T} - \frac{1}{T_{on}} \right).

A conditional mean that is right varies by :math:`r A`, with r its correlation with the propensities of
infinitely many replicas: then the slope of the regression of measured on predicted propensities is one. The
share r(C_B) is taken where dynamics was measured, on structures that the networks have not learnt from;
below, it is assumed to be the same. Predicted fields keep their mean; their deviations from it are multiplied
by

.. math:: f(T, C_B) = \frac{r(C_B) \, A(T, C_B)}{\sigma_{pred}(T, C_B)},

in which :math:`\sigma_{pred}` is the standard deviation of the mean field of the networks. Nothing measured
below T_min enters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LAWS",
    "Amplitude",
    "Contrast",
    "Law",
    "NoLaw",
    "fit_law",
    "fit_with_error",
    "rescaled",
    "signal_variance",
]

#: Laws of the amplitude in T; ``none``: predictions are left as the networks give them.
LAWS: Final = ("none", "power", "onset")
#: The onset temperature is at least this much above the highest temperature measured.
NEAREST_ONSET: Final = 1.05


class NoLaw(ValueError):
    """Too little was measured, or nothing but noise, for a law in T."""


def signal_variance(halves: NDArray) -> float:
    r"""Variance of propensities without the noise of their replicas, :math:`A^2`.

    Parameters
    ----------
    halves
        ``[2, structures, particles]``, propensities from two disjoint halves of the replicas.

    Returns
    -------
    float
        Covariance of the halves over all particles of all structures; may be negative where there is nothing
        but noise.
    """
    a, b = np.asarray(halves, dtype=np.float64)
    return float(np.mean((a - a.mean()) * (b - b.mean())))


@dataclass(frozen=True)
class Amplitude:
    """Measured amplitudes, one for each measured state point.

    Parameters
    ----------
    temperature, c_b
        ``[n]`` state points.
    value
        ``[n]`` amplitudes A > 0.
    """

    temperature: NDArray[np.float64]
    c_b: NDArray[np.float64]
    value: NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """Amplitude as a function of the state point.

    Parameters
    ----------
    name
        ``power`` or ``onset``.
    parameter
        The exponent n, or 1 / T_on (0: the amplitude is proportional to 1/T).
    c_b, prefactor
        ``[k]`` values of C_B, falling, and a(C_B) at each.
    """

    name: str
    parameter: float
    c_b: NDArray[np.float64]
    prefactor: NDArray[np.float64]

    def shape(self, temperature: ArrayLike) -> NDArray[np.float64]:
        """Dependence on T that all C_B share."""
        return _shape(self.name, self.parameter, temperature)

    def __call__(self, temperature: float, c_b: float) -> float:
        """Amplitude at a state point; between values of C_B the prefactor is interpolated linearly."""
        at = np.interp(c_b, self.c_b[::-1], self.prefactor[::-1])
        return float(at * self.shape(temperature))


def _shape(name: str, parameter: float, temperature: ArrayLike) -> NDArray[np.float64]:
    t = np.asarray(temperature, dtype=np.float64)
    return t**-parameter if name == "power" else np.maximum(1.0 / t - parameter, 0.0)


def fit_law(name: str, found: Amplitude) -> Law:
    """Fit the parameter that all C_B share, and the prefactor of each, to measured amplitudes.

    Least squares of ln A, every state point with the same weight, since its relative error is that of
    the number of structures. The onset temperature is searched for between a little above the highest
    temperature measured and infinity.

    Raises
    ------
    NoLaw
        If no C_B has an amplitude at two temperatures.
    ValueError
        If the law is unknown.
    """
    if name not in LAWS[1:]:
        raise ValueError(f"unknown law of the contrast {name!r}, known: {', '.join(LAWS[1:])}")
    c_b, group = np.unique(-found.c_b, return_inverse=True)
    count = np.bincount(group)
    varied = [np.ptp(found.temperature[group == k]) > 1e-9 for k in range(len(c_b))]
    if not any(varied):
        raise NoLaw(
            f"training.contrast: {name} needs amplitudes at one C_B and two temperatures of at least T_min, "
            f"found {_listed(found)}"
        )
    y = np.log(found.value)

    def residual(parameter: float) -> tuple[float, NDArray[np.float64]]:
        rest = y - np.log(_shape(name, parameter, found.temperature))
        mean = np.bincount(group, rest) / count
        return float(np.sum((rest - mean[group]) ** 2)), mean

    bounds = (0.0, 20.0) if name == "power" else (0.0, 1.0 / (NEAREST_ONSET * found.temperature.max()))
    # the configuration takes its keys from this module, and SciPy is slow to import
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(lambda p: residual(p)[0], bounds=bounds, method="bounded", options={"xatol": 1e-7})
    ends = min(bounds, key=lambda p: residual(p)[0])
    parameter = float(best.x) if best.fun <= residual(ends)[0] else ends
    return Law(name, parameter, -c_b, np.exp(residual(parameter)[1]))


def fit_with_error(
    name: str, each: Sequence[Amplitude], whole: Amplitude, points: Sequence[tuple[float, float]]
) -> tuple[Law, float, NDArray[np.float64], NDArray[np.float64]]:
    """Fit a law, with the errors that the number of structures gives it, by a jackknife.

    Parameters
    ----------
    name
        The law.
    each
        Amplitudes without each group of structures. Those that are too few for a law are left out.
    whole
        Amplitudes of all structures.
    points
        State points (T, C_B) at which the amplitude is wanted.

    Returns
    -------
    law, parameter_error, amplitude, error
        The law and the standard error of its parameter, amplitudes and their standard errors ``[points]``;
        errors are NaN with fewer than two groups.
    """
    law = fit_law(name, whole)
    amplitude = np.array([law(t, c) for t, c in points])
    again = np.array([[one.parameter, *(one(t, c) for t, c in points)] for one in _laws(name, each)])
    k = len(again)
    if k < 2:
        return law, float("nan"), amplitude, np.full(len(points), np.nan)
    error = np.sqrt((k - 1) * np.mean((again - again.mean(axis=0)) ** 2, axis=0))
    return law, float(error[0]), amplitude, error[1:]


def _laws(name: str, each: Sequence[Amplitude]) -> Iterator[Law]:
    for some in each:
        with suppress(NoLaw):
            yield fit_law(name, some)


def _listed(found: Amplitude) -> str:
    pairs = zip(found.temperature, found.c_b, strict=True)
    return "; ".join(f"T = {t:g}, C_B = {c:g}" for t, c in pairs) or "no state point"


@dataclass(frozen=True)
class Contrast:
    """What predicted fields are multiplied by, as a networks file keeps it.

    Parameters
    ----------
    law, parameter, parameter_error
        Name of the law, its exponent n or 1 / T_on, and the standard error of that (NaN: not known).
    temperatures, c_b
        ``[n]`` and ``[k]``, both falling.
    amplitude, amplitude_error
        ``[n, k]`` amplitude A of the dynamics by the law, and its standard error.
    share, share_error
        ``[k]`` r, correlation of the networks' mean field with the propensities of infinitely many replicas.
    predicted
        ``[n, k]`` standard deviation of the mean field before it is rescaled; NaN where it is not asked for.
    """

    law: str
    parameter: float
    parameter_error: float
    temperatures: NDArray[np.float64]
    c_b: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    amplitude_error: NDArray[np.float64]
    share: NDArray[np.float64]
    share_error: NDArray[np.float64]
    predicted: NDArray[np.float64]

    @property
    def factors(self) -> NDArray[np.float64]:
        """Factors f ``[n, k]``; NaN where no prediction is asked for."""
        return np.asarray(self.share * self.amplitude / self.predicted)

    def factor(self, temperature: float, c_b: float) -> float:
        """Factor f at a state point.

        Between the state points of the run ln f is interpolated, linearly in C_B and in 1/T; beyond them it
        stays as at the last one.
        """
        return float(np.exp(self._between(np.log(self.factors), temperature, c_b)))

    def error(self, temperature: float, c_b: float) -> float:
        """Relative standard error of the factor: that of the law, and that of r, in quadrature."""
        law = self.amplitude_error / self.amplitude
        both = np.sqrt(np.nan_to_num(law) ** 2 + np.nan_to_num(self.share_error / self.share) ** 2)
        return self._between(np.where(np.isfinite(self.predicted), both, np.nan), temperature, c_b)

    def signal(self, temperature: float, c_b: float) -> float:
        """Amplitude A of the dynamics at a state point, interpolated in the same way."""
        return float(np.exp(self._between(np.log(self.amplitude), temperature, c_b)))

    def correlation(self, c_b: float) -> float:
        """Share r at a C_B."""
        return float(np.interp(c_b, self.c_b[::-1], self.share[::-1]))

    def _between(self, values: NDArray[np.float64], temperature: float, c_b: float) -> float:
        rows = []
        for row in values:
            known = np.isfinite(row)
            rows.append(
                np.interp(c_b, self.c_b[known][::-1], row[known][::-1]) if known.any() else float("nan")
            )
        each = np.array(rows)
        known = np.isfinite(each)
        return float(np.interp(1.0 / temperature, 1.0 / self.temperatures[known], each[known]))

    def as_record(self) -> dict[str, Any]:
        """Plain record for the networks file; what is not known is null."""
        return {
            "law": self.law,
            "parameter": self.parameter,
            "parameter_error": _plain(np.asarray(self.parameter_error)),
            **{name: _plain(getattr(self, name)) for name in _ARRAYS},
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Contrast:
        """Back from :meth:`as_record`."""
        error = record["parameter_error"]
        return cls(
            str(record["law"]),
            float(record["parameter"]),
            float("nan") if error is None else float(error),
            *(np.array(record[name], dtype=np.float64) for name in _ARRAYS),
        )


_ARRAYS: Final = (
    "temperatures",
    "c_b",
    "amplitude",
    "amplitude_error",
    "share",
    "share_error",
    "predicted",
)


def _plain(values: NDArray[np.float64]) -> Any:
    """Make lists of numbers, in which what is not finite is None."""
    if values.ndim == 0:
        return float(values) if np.isfinite(values) else None
    return [_plain(v) for v in values]


def rescaled(propensity: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Propensities ``[networks, S, P]`` whose deviations from the mean of each network are multiplied."""
    mean = propensity.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return np.asarray(mean + factor * (propensity - mean), dtype=np.float32)
