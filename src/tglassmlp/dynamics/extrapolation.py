r"""Relaxation times below the temperatures with dynamics: curvature, its error, and the glass transition.

Measured relaxation times of glass-formers bend upwards in a plot of :math:`\ln \tau` against :math:`1/T`.
With :math:`u = 1/T - 1/T_0`, counted from the lowest measured temperature :math:`T_0`, the fit is

.. math::

    \ln \tau = \ln \tau_0 + E u + \tfrac{1}{2} K u^2 ,

so that :math:`E` is the local activation energy :math:`d \ln \tau / d(1/T)` at :math:`T_0` and :math:`K`
its growth. Below :math:`T_0` nobody knows how long the curvature lasts: the paper finds an Arrhenius law at
low temperatures (App. A of arXiv:2310.20252), which is its tangent, and the fit itself goes on bending.
These two are the ends of what is reasonable; ``between`` takes their middle and counts half their distance
as an error beside that of the fit.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

__all__ = ["FORMS", "Extrapolation", "Form", "LocalSlope", "fit_extrapolation", "local_slopes"]

Form = Literal["between", "parabola", "line"]
FORMS: Final[tuple[str, ...]] = get_args(Form)


@dataclass(frozen=True)
class Extrapolation:
    """Relaxation times as a function of temperature, with the error of the fit and that of its form.

    Parameters
    ----------
    form
        ``between``: the middle of parabola and tangent below ``reference``; ``parabola``: the curvature
        goes on; ``line``: a straight line in 1/T.
    reference
        Lowest temperature T_0 of the fit.
    log_tau, energy, curvature
        ln tau, E and K at ``reference``. For ``line``, E is the slope of the line, and K, which the line
        leaves out, is that of the parabola through the same points. K is None where two temperatures cannot
        tell it.
    covariance
        ``[p, p]`` of the fitted coefficients in this order (p = 3, or 2 for a line); None if unknown.
    temperatures
        The fitted temperatures, ascending.
    goodness
        chi^2 per degree of freedom; None if no degree of freedom is left or the errors are unknown.
    curvature_error
        Standard error of K; None if unknown.
    """

    form: Form
    reference: float
    log_tau: float
    energy: float
    curvature: float | None
    covariance: tuple[tuple[float, ...], ...] | None
    temperatures: tuple[float, ...]
    goodness: float | None = None
    curvature_error: float | None = None

    @property
    def energy_error(self) -> float | None:
        """Standard error of the local activation energy at :attr:`reference`."""
        return None if self.covariance is None else float(np.sqrt(self.covariance[1][1]))

    def _share(self, u: float) -> float:
        """Share of the curvature that is carried on at a distance ``u`` in 1/T from the reference."""
        if self.form == "line":
            return 0.0
        return 0.5 if self.form == "between" and u > 0 else 1.0

    def log_tau_at(self, temperature: float) -> tuple[float, float | None, float | None]:
        """Give ln tau at a temperature, its statistical error, and the error of the choice of form.

        Raises
        ------
        ValueError
            If the temperature is not positive.
        """
        if not temperature > 0:
            raise ValueError(f"temperature must be a positive number, found {temperature}")
        u = 1.0 / temperature - 1.0 / self.reference
        share = self._share(u)
        bend = 0.5 * (self.curvature or 0.0) * u * u
        value = self.log_tau + self.energy * u + share * bend
        statistical = None
        if self.covariance is not None:
            c = np.asarray(self.covariance)
            g = np.array([1.0, u, 0.5 * share * u * u])[: len(c)]
            statistical = float(np.sqrt(max(0.0, g @ c @ g)))
        if self.curvature is None:
            return value, statistical, None
        if u <= 0 and self.form != "line":
            return value, statistical, 0.0
        # from the middle it is half the way to either end, from an end the whole way to the other
        return value, statistical, abs(bend) * (0.5 if self.form == "between" else 1.0)

    def tau(self, temperature: float) -> tuple[float, float | None]:
        """Relaxation time and its standard error, that of the form included.

        The error is the one of ln tau times tau, so that it is a relative one where it is large; None if the
        error of the fit or the curvature is unknown.
        """
        value, statistical, choice = self.log_tau_at(temperature)
        tau = float(np.exp(value))
        if statistical is None or choice is None:
            return tau, None
        return tau, tau * float(np.hypot(statistical, choice))

    def temperature(self, tau: float) -> float:
        """Temperature at or below the reference at which the relaxation time is ``tau``.

        Raises
        ------
        ValueError
            If the extrapolated relaxation time never gets there (a curvature that turns it down), or
            ``tau`` is below the one at the reference.
        """

        def excess(u: float) -> float:
            return self.log_tau_at(1.0 / (1.0 / self.reference + u))[0] - float(np.log(tau))

        if excess(0.0) > 0:
            raise ValueError(f"tau = {tau:g} is passed above T = {self.reference:g}")
        top = 1.0 / self.reference
        for _ in range(12):
            if excess(top) >= 0:
                return float(1.0 / (1.0 / self.reference + brentq(excess, 0.0, top)))
            top *= 1.5
        raise ValueError(f"the extrapolated relaxation time does not reach {tau:g} on cooling")

    def glass_transition(self, ratio: float, microscopic: float = 1.0) -> tuple[float, float | None]:
        """Temperature at which relaxation is ``ratio`` times slower than ``microscopic``, and its error.

        The error is that of ln tau at this temperature over the local slope there.

        Raises
        ------
        ValueError
            As :meth:`temperature`.
        """
        found = self.temperature(ratio * microscopic)
        _, statistical, choice = self.log_tau_at(found)
        if statistical is None or choice is None:
            return found, None
        u = 1.0 / found - 1.0 / self.reference
        slope = self.energy + self._share(u) * (self.curvature or 0.0) * u
        return found, float(np.hypot(statistical, choice)) * found**2 / slope


def fit_extrapolation(
    temperatures: Sequence[float],
    taus: Sequence[float],
    errors: Sequence[float | None],
    number: int = 4,
    form: Form = "between",
) -> Extrapolation:
    """Fit ln tau against 1/T at the ``number`` lowest temperatures, by weighted least squares.

    The weights are those of the errors of ln tau as they are. The covariance is enlarged by chi^2 per
    degree of freedom where the points scatter by more than their errors. Without errors all weights are
    equal, and the covariance comes from the scatter, if a degree of freedom is left for it.

    Parameters
    ----------
    temperatures, taus, errors
        ``[n]`` temperatures, relaxation times and their standard errors (None: unknown).
    number
        How many of the lowest temperatures are fitted; all of them if there are fewer.
    form
        See :class:`Extrapolation`. With two temperatures only a line can be drawn: the curvature and so the
        error of the extrapolation stay unknown.

    Raises
    ------
    ValueError
        With fewer than two temperatures, or an unknown form.
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, found {form!r}")
    order = np.argsort(temperatures)[: max(2, number)]
    if order.size < 2:
        raise ValueError(
            "relaxation times at two temperatures or more are needed to extrapolate, "
            f"found {len(temperatures)}"
        )
    t = np.asarray(temperatures, dtype=float)[order]
    y = np.log(np.asarray(taus, dtype=float)[order])
    sigma = None
    if all(errors[k] for k in order):
        sigma = np.array([float(errors[k] or 0.0) / float(taus[k]) for k in order])
    u = 1.0 / t - 1.0 / t[0]
    bent = None if t.size < 3 else _least_squares(u, y, sigma, 3)
    straight = _least_squares(u, y, sigma, 2)
    beta, covariance, goodness = straight if form == "line" or bent is None else bent
    known = bent is not None and bent[1] is not None
    return Extrapolation(
        form="line" if bent is None else form,
        reference=float(t[0]),
        log_tau=float(beta[0]),
        energy=float(beta[1]),
        curvature=None if bent is None else float(bent[0][2]),
        covariance=None if covariance is None else tuple(tuple(map(float, row)) for row in covariance),
        temperatures=tuple(map(float, t)),
        goodness=goodness,
        curvature_error=float(np.sqrt(bent[1][2, 2])) if known and bent and bent[1] is not None else None,
    )


def _least_squares(
    u: NDArray[np.float64], y: NDArray[np.float64], sigma: NDArray[np.float64] | None, terms: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, float | None]:
    """Coefficients of 1, u, u^2 / 2 (the first ``terms``), covariance, chi^2 per degree of freedom."""
    a = np.stack([np.ones_like(u), u, 0.5 * u * u][:terms], axis=1)
    w = np.ones_like(u) if sigma is None else sigma**-2.0
    inverse: NDArray[np.float64] = np.linalg.inv(a.T @ (w[:, None] * a)).astype(np.float64)
    beta = inverse @ (a.T @ (w * y))
    freedom = u.size - terms
    scatter = float(np.sum(w * (y - a @ beta) ** 2)) / freedom if freedom else None
    if sigma is not None:
        return beta, inverse * max(1.0, scatter or 0.0), scatter
    return beta, None if scatter is None else inverse * scatter, None


@dataclass(frozen=True)
class LocalSlope:
    """Activation energy d ln tau / d(1/T) between two neighbouring temperatures and its error."""

    upper: float
    lower: float
    energy: float
    error: float | None


def local_slopes(
    temperatures: Sequence[float], taus: Sequence[float], errors: Sequence[float | None]
) -> list[LocalSlope]:
    """Slopes of ln tau against 1/T between neighbouring temperatures, from high to low temperature.

    Parameters
    ----------
    temperatures, taus, errors
        As for :func:`fit_extrapolation`.
    """
    order = np.argsort(temperatures)[::-1]
    found = []
    for i, j in itertools.pairwise(order):
        step = 1.0 / temperatures[j] - 1.0 / temperatures[i]
        first, second = errors[i], errors[j]
        error = None
        if first and second:
            error = float(np.hypot(first / taus[i], second / taus[j])) / step
        slope = float(np.log(taus[j] / taus[i])) / step
        found.append(LocalSlope(float(temperatures[i]), float(temperatures[j]), slope, error))
    return found
