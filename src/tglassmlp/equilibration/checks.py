"""What shows whether structures are in equilibrium, measured: no limit enters here.

Limits on overlaps are on the normalised one (:mod:`tglassmlp.equilibration.overlap`), which is 0 by chance in
any mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.equilibration.fluctuations import measure_composition, measure_small_q
from tglassmlp.equilibration.heat_capacity import heat_capacity
from tglassmlp.equilibration.order import bond_orientational_order, radial_distributions
from tglassmlp.equilibration.overlap import normalised_overlap, random_overlap
from tglassmlp.equilibration.settings import CheckLimits
from tglassmlp.equilibration.significance import below, one_sample, outliers, slope, two_samples
from tglassmlp.equilibration.verdict import judge, measured_check
from tglassmlp.mixture import KA2D, Mixture

__all__ = ["check_large_systems", "check_temperature", "measure_large_systems", "measure_temperature"]


@takes_mixture(assume=False)
def measure_temperature(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    mixture: Mixture = KA2D,
) -> dict[str, Any]:
    """Measure what shows whether the structures of one temperature are in equilibrium; no limit enters.

    All tests are between structures, which are independent, so no autocorrelation enters. With t values of
    n structures turned into normal standard deviations, an equilibrated set fails the default limits of 4
    with a probability below 1e-3 per temperature, for any n.

    Checks
        *trend*: the mean over structures of the slope of energy against ln(sweep), measured part;
        *start_difference*: mean energies of structures that came from above (quenched, or going on from the
        temperature above) and of heated ones (Welch);
        *outlier*: each structure's mean energy against the others', corrected for their number;
        *overlap*: mean overlap of the structures with their state ``sweeps`` sweeps earlier, which for a
        heated one is the state that came from the lower temperature, and for one of a ladder the structure of
        the temperature above; normalised, so that chance gives 0;
        *heated_below*: standard deviations by which the mean inherent energy of the heated structures lies
        below that of the measured part of all structures in the last quarter of their ageing (Welch); a set
        whose heated starts did not lie below has one start only;
        *peak*: highest value of any g_ab(r), averaged over structures, at r > 1.5 sigma_ab;
        *bond_order*: largest global 4- or 6-fold bond-orientational order of any structure;
        *composition*: standard deviations by which the composition fluctuates too much at the smallest wave
        vectors (:func:`tglassmlp.equilibration.fluctuations.measure_composition`).

    Parameters
    ----------
    records
        Equilibration records of all structures, columns :data:`tglassmlp.equilibration.record.COLUMNS`.
    configurations
        The structures, in the order of their numbers.
    temperature
        Their temperature.
    mixture
        Unit system.

    Returns
    -------
    dict
        ``checks``, for :func:`judge`: one entry per check with ``check``, ``structure`` (-1: all together),
        ``value`` (None where too few structures make a check impossible), ``limit`` (the attribute of
        :class:`CheckLimits` that it is held against, or None), ``floor`` (allowed in any case, or None),
        ``at_least`` (the limit is the smallest value that passes, not the largest) and ``advice``. Beside it
        mean energies, heat capacity and autocorrelation time.
    """
    late = records[records.measured]
    numbers = np.sort(late.structure.unique())
    if len(numbers) != len(configurations):
        raise ValueError(f"{len(configurations)} structures, but records of {len(numbers)}")
    groups = [late[late.structure == k] for k in numbers]
    means = np.array([g.energy.mean() for g in groups])
    slopes = np.array([slope(np.log(g.sweep.to_numpy(float)), g.energy.to_numpy()) for g in groups])
    from_above = np.array([g.start.iloc[0] != "heated" for g in groups])  # quenched, or down a ladder
    checks: list[dict[str, Any]] = []

    def note(
        check: str,
        value: float,
        limit: str | None,
        advice: str,
        structure: int = -1,
        floor: float | None = None,
        at_least: bool = False,
    ) -> None:
        checks.append(measured_check(check, value, limit, advice, structure, floor, at_least))

    longer = "raise the temperature's sweeps"
    note("trend", one_sample(slopes), "trend", longer)
    note("start_difference", two_samples(means[from_above], means[~from_above]), "start_difference", longer)
    for k, value in zip(numbers, outliers(means, from_above), strict=True):
        note("outlier", value, "start_difference", f"{longer}, or look at this structure", int(k))
    final = float(np.mean([g.overlap.iloc[-1] for g in groups]))
    chance = float(np.mean([random_overlap(c) for c in configurations]))
    normalised = float(normalised_overlap(final, chance))
    note("overlap", normalised, "overlap", f"{longer}; {_scale(final, chance)}")
    aged = records[~records.measured & (records.start == "heated") & (records.sweep <= 0)]
    note(
        "heated_below",
        below(
            aged.groupby("structure").inherent_energy.mean(), late.groupby("structure").inherent_energy.mean()
        ),
        "heated_below",
        "a heated start that did not lie below proves nothing: lower equilibration.heated_ratio, or raise "
        "the temperature's sweeps, which are those of the ageing too",
        at_least=True,
    )
    radius, g = radial_distributions(configurations, mixture.n_species)
    peaks = {}
    for (a, b), values in g.items():
        beyond = radius > 1.5 * mixture.sigma_matrix[a - 1, b - 1]
        peaks[a, b] = float(values[beyond].max()) if beyond.any() else float("nan")
    pair = max(peaks, key=lambda p: -np.inf if np.isnan(peaks[p]) else peaks[p])
    crystal = "the mixture crystallises here: use a higher temperature or another mixture"
    note("peak", peaks[pair], "peak", f"g_{pair[0]}{pair[1]}(r) has it; {crystal}")
    order = [max(bond_orientational_order(c).values()) for c in configurations]
    # global order of N independent bonds is about 1/sqrt(N); correlated patches make it a few times that
    allowed = max(0.25, 8.0 / np.sqrt(configurations[0].n_particles))
    note("bond_order", float(np.max(order)), None, crystal, int(numbers[int(np.argmax(order))]), allowed)
    excess, where = measure_composition(configurations, mixture.n_species)
    note("composition", excess, "composition", where)
    capacity, capacity_error = heat_capacity(groups, configurations[0].n_particles, temperature)
    return {
        "temperature": temperature,
        "checks": checks,
        "structures": len(numbers),
        "energy": float(means.mean()),
        "energy_error": float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else None,
        "inherent_energy": _finite_mean(late.inherent_energy),
        "heat_capacity": capacity,
        "heat_capacity_error": capacity_error,
        "autocorrelation_sweeps": _finite_mean(late.autocorrelation),
        "overlap": final,
        "random_overlap": chance,
        "normalised_overlap": normalised,
        "displacement_acceptance": _finite_mean(late.displacement_acceptance),
        "swap_acceptance": _finite_mean(late.swap_acceptance),
    }


@takes_mixture(assume=False)
def check_temperature(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    limits: CheckLimits | None = None,
    mixture: Mixture = KA2D,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Check that the structures of one temperature are in equilibrium: measure, then judge.

    Parameters
    ----------
    records, configurations, temperature, mixture
        As :func:`measure_temperature`, which describes the checks.
    limits
        Limits; defaults if None.

    Returns
    -------
    DataFrame, dict
        Of :func:`judge`.
    """
    return judge(measure_temperature(records, configurations, temperature, mixture), limits)


def measure_large_systems(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    units: Sequence[Configuration] = (),
) -> dict[str, Any]:
    """Measure whether large systems have forgotten that their tiles were equal.

    Parameters
    ----------
    records
        Records of the systems.
    configurations
        The systems, in the order of their numbers.
    temperature
        Their temperature.
    units
        Unit systems of that temperature. Without them the fluctuations at the smallest wave vectors
        (:func:`tglassmlp.equilibration.fluctuations.measure_small_q`) have no plateau to be held against, and
        are left out; so are they where large systems are of one tile, which are the unit systems themselves.

    Returns
    -------
    dict
        ``checks`` as of :func:`measure_temperature`, one per system: the normalised overlap of neighbouring
        tiles at the end. Beside it the mean energy and overlaps, as they are, by chance, and normalised.
    """
    checks, overlaps, chances = [], [], []
    for c, (number, g) in zip(configurations, records.groupby("structure"), strict=True):
        overlaps.append(float(g.overlap.iloc[-1]))
        chances.append(random_overlap(c))
        value = float(normalised_overlap(overlaps[-1], chances[-1]))
        advice = "raise large_systems.sweeps_factor or the temperature's sweeps; "
        advice += _scale(overlaps[-1], chances[-1])
        checks.append(measured_check("tile_overlap", value, "tile_overlap", advice, int(str(number)), None))
    systems = [entry["structure"] for entry in checks]
    one_tile = bool(units) and configurations[0].n_particles == units[0].n_particles
    if units and not one_tile:
        n_species = max(int(c.species.max()) for c in units)
        for check, value, sentence in measure_small_q(configurations, units, n_species):
            checks.append(measured_check(check, value, check, sentence))
    return {
        "temperature": temperature,
        "checks": checks,
        "systems": systems,
        "energy": float(records[records.measured].energy.mean()),
        "overlap": float(np.mean(overlaps)),
        "random_overlap": float(np.mean(chances)),
        "normalised_overlap": float(np.mean([e["value"] for e in checks if e["check"] == "tile_overlap"])),
    }


def _scale(overlap: float, chance: float) -> str:
    """Say what a normalised overlap is made of."""
    return f"normalised: overlap {overlap:.3f}, by chance {chance:.3f} in this mixture"


def check_large_systems(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    limits: CheckLimits | None = None,
    units: Sequence[Configuration] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Check that large systems have forgotten that their tiles were equal: measure, then :func:`judge`."""
    return judge(measure_large_systems(records, configurations, temperature, units), limits)


def _finite_mean(values: pd.Series) -> float | None:
    finite = values.to_numpy(float)
    finite = finite[np.isfinite(finite)]
    return float(finite.mean()) if finite.size else None
