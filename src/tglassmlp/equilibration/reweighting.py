r"""Energy distributions of two temperatures, held against the Boltzmann factor that must relate them.

In equilibrium :math:`P_T(E) = \Omega(E) e^{-E/T} / Z(T)` with one density of states :math:`\Omega`, so

.. math:: \ln \frac{P_2(E)}{P_1(E)} = \mathrm{const} + (\beta_1 - \beta_2) E .

:func:`reweighting` measures that slope from energies of a system (histogram reweighting, A. M. Ferrenberg and
R. H. Swendsen, Phys. Rev. Lett. 61, 2635 (1988)) without bins, by maximum likelihood (M. R. Shirts, J. Chem.
Theory Comput. 9, 909 (2013), section 2.3). It needs distributions that overlap. Those of neighbouring
temperatures of a run do not, but of N of the order of 1000 particles they are Gaussian, and a Gaussian is
known by mean and variance: there :func:`check_reweighting` holds the difference of the mean energies against
:math:`E_1 - E_2 = \int_{\beta_1}^{\beta_2} \mathrm{Var}(E) \, d\beta`.

Both see a set that fell out of equilibrium between the two temperatures. Neither sees a fault that both
temperatures share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from tglassmlp.equilibration.heat_capacity import neighbouring_temperatures, pair_verdict
from tglassmlp.equilibration.record import autocorrelation_time
from tglassmlp.equilibration.settings import CheckLimits

__all__ = ["Reweighting", "check_reweighting", "reweighting"]

#: Least overlap of two energy distributions whose ratio says anything.
LEAST_OVERLAP: Final = 0.02

#: Columns of the table of :func:`check_reweighting`.
COLUMNS: Final = (
    "temperature",
    "upper_temperature",
    "difference",
    "difference_error",
    "reweighted",
    "reweighted_error",
    "value",
    "allowed",
    "passed",
    "advice",
)


@dataclass(frozen=True)
class Reweighting:
    r"""What :func:`reweighting` finds.

    Attributes
    ----------
    slope
        Slope of :math:`\ln P_2/P_1` against energy, over :math:`\beta_1 - \beta_2`: 1 in equilibrium.
    error
        Its standard error, correlation of the samples included.
    overlap
        :math:`\int 2 P_1 P_2/(P_1 + P_2) \, dE` for equally many samples: 1 for equal distributions, 0 for
        separate ones.
    """

    slope: float
    error: float
    overlap: float


def reweighting(
    energies_1: ArrayLike, temperature_1: float, energies_2: ArrayLike, temperature_2: float
) -> Reweighting:
    r"""Slope of the logarithmic ratio of two energy distributions, over the one that Boltzmann demands.

    Which of the two temperatures a sample of energy E comes from is decided by chance with
    :math:`\mathrm{logit}\, p_2(E) = a + b E`; a and b of maximum likelihood. The error is that of the
    estimating equations, each series with its own correlation time.

    Parameters
    ----------
    energies_1, energies_2
        Potential energies of the whole system (not per particle), in the order in which they were sampled.
    temperature_1, temperature_2
        Their temperatures, which differ.

    Returns
    -------
    Reweighting
        Slope, error and overlap.

    Raises
    ------
    ValueError
        If the temperatures are equal or not positive, energies are not finite or fewer than 10, or the
        distributions do not overlap.
    """
    first, second = (np.asarray(e, dtype=float).ravel() for e in (energies_1, energies_2))
    if not (temperature_1 > 0 and temperature_2 > 0 and temperature_1 != temperature_2):
        raise ValueError(f"two different temperatures are needed, found {temperature_1} and {temperature_2}")
    if min(first.size, second.size) < 10 or not np.isfinite(first.sum() + second.sum()):
        raise ValueError(f"at least 10 finite energies are needed, found {first.size} and {second.size}")
    energies = np.concatenate([first, second])
    label = np.repeat([0.0, 1.0], [first.size, second.size])
    middle, width = energies.mean(), energies.std()
    if width == 0.0:
        raise ValueError("the energies do not fluctuate")
    design = np.column_stack([np.ones(energies.size), (energies - middle) / width])
    weights = np.array([np.log(second.size / first.size), 0.0])
    for _ in range(200):
        p = expit(design @ weights)
        information = (design * (p * (1.0 - p))[:, None]).T @ design
        overlap = float(np.mean(p * (1.0 - p)) * energies.size**2 / (first.size * second.size))
        if overlap < LEAST_OVERLAP:
            raise ValueError(
                f"the energies at T={temperature_1:g} and T={temperature_2:g} overlap by {overlap:.2g}, "
                f"needed {LEAST_OVERLAP:g}: choose temperatures closer to each other"
            )
        step = np.linalg.solve(information, design.T @ (label - p))
        weights = weights + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    p = expit(design @ weights)
    scatter = np.zeros((2, 2))
    for series, which in ((first, label == 0.0), (second, label == 1.0)):
        score = design[which] * (label - p)[which, None]
        score = score - score.mean(axis=0)
        scatter += 2.0 * autocorrelation_time(series) * (score.T @ score)
    inverse = np.linalg.inv(information)
    demanded = 1.0 / temperature_1 - 1.0 / temperature_2
    error = float(np.sqrt((inverse @ scatter @ inverse)[1, 1])) / width
    return Reweighting(float(weights[1]) / width / demanded, error / abs(demanded), overlap)


def check_reweighting(
    verdicts: Sequence[Mapping[str, Any]], limits: CheckLimits | None = None
) -> tuple[pd.DataFrame, list[str]]:
    r"""Hold the energy distributions of neighbouring temperatures against the Boltzmann factor.

    Distributions of Gaussian form are related by it if
    :math:`E_1 - E_2 = \int_{\beta_1}^{\beta_2} \mathrm{Var}(E) \, d\beta = \int_{T_2}^{T_1} C(T) \, dT`. The
    integral is the trapezoid of the heat capacities of both ends, made of all variance that records have
    (within their stretches, between them, and between structures). In the temperature the integrand of a
    liquid is all but linear; in :math:`\beta` it is not, and the trapezoid would be 3 % off from T = 0.40 to
    0.30.

    Parameters
    ----------
    verdicts
        What :func:`tglassmlp.equilibration.checks.measure_temperature` found, in any order. Those without
        energies and errors of both (one structure, published data) are left out.
    limits
        Limits; defaults if None.

    Returns
    -------
    DataFrame
        One row per pair of neighbouring temperatures, columns :data:`COLUMNS`: mean energies per particle
        apart, what the fluctuations of both ends give, ``value`` the relative distance of the two; allowed is
        ``limits.reweighting`` or, if that is more, 4 standard errors of ``value``.
    list of str
        One sentence for each pair that failed, for
        :func:`tglassmlp.equilibration.verdict.refuse_failed_checks`.
    """
    limits = limits or CheckLimits()
    rows = []
    for low, high in neighbouring_temperatures(verdicts):
        half = 0.5 * (high["temperature"] - low["temperature"])
        difference = high["energy"] - low["energy"]
        difference_error = float(np.hypot(high["energy_error"], low["energy_error"]))
        reweighted = half * (high["heat_capacity"] + low["heat_capacity"])
        reweighted_error = half * float(np.hypot(high["heat_capacity_error"], low["heat_capacity_error"]))
        value = abs(difference / reweighted - 1.0)
        error = float(np.hypot(difference_error, difference / reweighted * reweighted_error)) / reweighted
        allowed = max(limits.reweighting, 4.0 * error)
        rows.append(
            {
                "difference": difference,
                "difference_error": difference_error,
                "reweighted": reweighted,
                "reweighted_error": reweighted_error,
                **pair_verdict(low, high, value, allowed),
            }
        )
    failed = [
        f"energies at T={r['temperature']:g} and T={r['upper_temperature']:g} are {r['difference']:.4g} +- "
        f"{r['difference_error']:.2g} apart, reweighting gives {r['reweighted']:.4g} +- "
        f"{r['reweighted_error']:.2g}: off by {r['value']:.2g}, allowed {r['allowed']:.2g} ({r['advice']})"
        for r in rows
        if not r["passed"]
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), failed
