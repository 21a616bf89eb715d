"""Heat capacities from the fluctuations of the energy, held against the slope of its mean."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.equilibration.settings import CheckLimits

__all__ = ["check_heat_capacity", "heat_capacity", "neighbouring_temperatures", "pair_verdict"]


def heat_capacity(groups: Sequence[pd.DataFrame], n: int, temperature: float) -> tuple[float, float | None]:
    """Heat capacity per particle from energy fluctuations, N Var(E/N) / T^2, and its jackknife error.

    The variance is that within the stretches of the records, between them, and between structures.
    """
    inner = np.array([g.energy_variance.mean() + g.energy.var(ddof=0) for g in groups])
    means = np.array([g.energy.mean() for g in groups])

    def capacity(inner: NDArray, means: NDArray) -> float:
        within = np.mean(inner)
        between = means.var(ddof=1) if means.size > 1 else 0.0
        return float(n * (within + between) / temperature**2)

    count = len(groups)
    if count < 3:
        return capacity(inner, means), None
    others = np.array([capacity(np.delete(inner, k), np.delete(means, k)) for k in range(count)])
    return capacity(inner, means), float(np.sqrt((count - 1) * others.var(ddof=0)))


def neighbouring_temperatures(
    verdicts: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Pairs of verdicts of neighbouring temperatures, the lower one first.

    Those without mean energy and heat capacity and the errors of both (one structure, published data) are
    left out.
    """
    needed = ("energy", "energy_error", "heat_capacity", "heat_capacity_error")
    known = sorted(
        (v for v in verdicts if all(v.get(name) is not None for name in needed)),
        key=lambda v: float(v["temperature"]),
    )
    return itertools.pairwise(known)


def pair_verdict(
    low: Mapping[str, Any], high: Mapping[str, Any], value: float, allowed: float
) -> dict[str, Any]:
    """Columns that every check of two neighbouring temperatures has: which, the verdict, and what to do."""
    return {
        "temperature": low["temperature"],
        "upper_temperature": high["temperature"],
        "value": value,
        "allowed": allowed,
        "passed": bool(value <= allowed),
        "advice": f"raise the sweeps of T={low['temperature']:g} and of T={high['temperature']:g}",
    }


def check_heat_capacity(
    verdicts: Sequence[Mapping[str, Any]], limits: CheckLimits | None = None
) -> tuple[pd.DataFrame, list[str]]:
    r"""Compare the slope of the mean energy with its fluctuations, between neighbouring temperatures.

    In equilibrium :math:`dE/dT = N \mathrm{Var}(E/N) / T^2 = C(T)`. The slope of the chord between two
    temperatures is C somewhere between them, so it should lie between the two values of C. A
    supercooled liquid that fell out of equilibrium at the lower temperature has too small a slope.

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
        One row per pair of neighbouring temperatures: ``temperature, upper_temperature, slope, slope_error,
        heat_capacity, heat_capacity_error`` (means of the two ends), ``value, allowed, passed, advice``.
        ``value`` is the distance of the slope from the range of C, as a share of C; allowed is
        ``limits.heat_capacity`` or, if that is more, 4 standard errors of ``value``.
    list of str
        One sentence for each pair that failed, for
        :func:`tglassmlp.equilibration.verdict.refuse_failed_checks`.
    """
    limits = limits or CheckLimits()
    rows = []
    for low, high in neighbouring_temperatures(verdicts):
        step = high["temperature"] - low["temperature"]
        slope = (high["energy"] - low["energy"]) / step
        slope_error = float(np.hypot(high["energy_error"], low["energy_error"]) / step)
        ends = [(v["heat_capacity"], v["heat_capacity_error"]) for v in (low, high)]
        (least, least_error), (most, most_error) = min(ends), max(ends)
        distance = max(least - slope, slope - most, 0.0)
        error = np.hypot(slope_error, least_error if slope < least else most_error)
        mean = 0.5 * (least + most)
        value, allowed = distance / mean, max(limits.heat_capacity, 4.0 * error / mean)
        rows.append(
            {
                "slope": slope,
                "slope_error": slope_error,
                "heat_capacity": mean,
                "heat_capacity_error": 0.5 * float(np.hypot(least_error, most_error)),
                **pair_verdict(low, high, value, allowed),
            }
        )
    columns = ["temperature", "upper_temperature", "slope", "slope_error", "heat_capacity"]
    columns += ["heat_capacity_error", "value", "allowed", "passed", "advice"]
    failed = [
        f"dE/dT up to T={r['upper_temperature']:g} is {r['slope']:.3g} +- {r['slope_error']:.2g}, "
        f"fluctuations give {r['heat_capacity']:.3g} +- {r['heat_capacity_error']:.2g}: apart by "
        f"{r['value']:.2g}, allowed {r['allowed']:.2g} ({r['advice']})"
        for r in rows
        if not r["passed"]
    ]
    return pd.DataFrame(rows, columns=columns), failed
