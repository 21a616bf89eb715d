"""Table of trends with temperature: exponents of every quantity that claims say grows on cooling.

All C_B enter together, every network on its own, and methods that share structures are compared on the same
ones; the estimators are those of :mod:`tglassmlp.observables.trends`, and ``docs/statistics.md`` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp import state_point
from tglassmlp.methods import DYNAMICS, NETWORK
from tglassmlp.observables.bootstrap import generator
from tglassmlp.observables.length_exponents import FactorsByState, GroupedModes
from tglassmlp.observables.structure_factor import Shells
from tglassmlp.observables.trends import AtTemperature, Estimate, Series, estimate, ranges, series_of
from tglassmlp.paths import File, t_min_of, temperature_of
from tglassmlp.state_point import is_same
from tglassmlp.storage import read_arrays
from tglassmlp.tables.fields import read_fields, structures_held
from tglassmlp.tables.quantities import (
    attention_lengths,
    chord_lengths_of,
    relative_correlations,
    susceptibilities,
    susceptibilities_of_dynamics,
)
from tglassmlp.tables.state_points import thermal_positions
from tglassmlp.tables.unit_systems import UnitSystems

__all__ = ["trend_table"]

TREND_COLUMNS = [
    "quantity", "method", "t_min", "range", "network", "exponent", "error", "error_structures", "spread",
    "n_networks", "n_c_b", "temperatures",
]  # fmt: skip


def trend_table(
    unit: UnitSystems,
    large_predictions: Sequence[File],
    large_descriptors: Sequence[File],
    separated: Mapping[float, AtTemperature],
    main: str,
    spacing: float = 1.5,
    mobile_share: float = 0.5,
    per_length_mean: bool = False,
    fit_q_max: float = 0.5,
    tiles: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Exponents p of v ~ T^-p of every quantity that claims say grows (or stops growing) on cooling.

    Parameters
    ----------
    unit
        Files of the unit systems.
    large_predictions, large_descriptors
        Files of the large systems, for xi_4 and A.
    separated
        :func:`tglassmlp.tables.separations.network_separations` of the main T_min.
    main
        The main T_min.
    spacing, mobile_share, per_length_mean, fit_q_max, tiles
        As in the tables of chord lengths, attention lengths and structure factors.
    seed
        The run's seed.

    Returns
    -------
    pandas.DataFrame
        ``quantity`` (``chi4`` of networks, and of dynamics without the noise of replicas; ``pearson`` over
        the ceiling of the same replicas; ``chord_length``; ``attention_length``; ``bottleneck_separation``;
        ``xi4``; ``a``), ``range`` (``all`` temperatures; ``above`` and ``below`` the kink at
        :data:`~tglassmlp.observables.trends.SLOWING`; ``slowing``: their difference), ``network`` (-1: the
        mean over all), ``exponent`` and errors.
    """
    of_networks: dict[str, dict[float, AtTemperature]] = {
        name: {} for name in ("chi4", "pearson", "chord_length", "attention_length")
    }
    for t, path in unit.predictions[main].items():
        fields = read_fields(path)[0]
        chosen = structures_held(unit.reported.at(t), fields.values.shape[2])
        of_networks["chi4"][t] = susceptibilities(fields, chosen)
        sites = unit.lattices(t, spacing)
        of_networks["chord_length"][t] = chord_lengths_of(fields, sites, chosen, mobile_share)
        of_networks["attention_length"][t] = attention_lengths(path, per_length_mean)
        if t in unit.labels:
            of_networks["pearson"][t] = relative_correlations(unit.labels[t], fields, unit.test)
    of_networks["bottleneck_separation"] = dict(separated)
    rows = []
    for quantity, by_temperature in of_networks.items():
        head = {"quantity": quantity, "method": NETWORK.name, "t_min": main}
        rows += _trend_rows(head, series_of(by_temperature))
    of_dynamics = {t: susceptibilities_of_dynamics(path, unit.test) for t, path in unit.labels.items()}
    rows += _trend_rows({"quantity": "chi4", "method": DYNAMICS.name, "t_min": ""}, series_of(of_dynamics))
    large = {temperature_of(path): path for path in large_predictions if is_same(t_min_of(path), main)}
    factors = _factors(large, large_descriptors, fit_q_max, tiles, seed) if large else None
    if factors is not None:
        for quantity, cubic in (("xi4", False), ("a", True)):
            head = {"quantity": quantity, "method": NETWORK.name, "t_min": main}
            rows += _length_rows(head, factors, cubic, sorted(large, reverse=True))
    return pd.DataFrame(rows, columns=TREND_COLUMNS)


def _trend_rows(head: Mapping[str, Any], series: Series | None) -> list[dict[str, Any]]:
    """Exponents over all temperatures, and above and below the kink where there are enough."""
    if series is None or len(series.temperatures) < 2:
        return []
    return [
        row
        for columns, combinations in ranges(series.temperatures)
        for name, of in combinations.items()
        for row in _rows(
            {**head, "range": name}, estimate(series, columns, of), series.c_b.size, series.temperatures
        )
    ]


def _length_rows(
    head: Mapping[str, Any], factors: FactorsByState, cubic: bool, temperatures: Sequence[float]
) -> list[dict[str, Any]]:
    """Exponents of xi_4 or A from all structure factors together."""
    if len(temperatures) < 2:
        return []
    return [
        row
        for columns, combinations in ranges(np.array(temperatures))
        for name, exponent in factors.estimates(columns, combinations, cubic).items()
        for row in _rows({**head, "range": name}, exponent, factors.mean.shape[1], temperatures)
    ]


def _rows(
    head: Mapping[str, Any], exponent: Estimate, n_c_b: int, temperatures: Sequence[float] | NDArray
) -> list[dict[str, Any]]:
    """One row for the mean over networks (``network`` -1), and one for each network."""
    tail = {"n_c_b": n_c_b, "temperatures": " ".join(f"{t:g}" for t in temperatures)}
    mean = {
        "network": -1, "exponent": exponent.value, "error": exponent.error,
        "error_structures": exponent.structures, "spread": exponent.spread,
        "n_networks": int(np.isfinite(exponent.each).sum()),
    }  # fmt: skip
    nan = float("nan")
    rest = {"error": nan, "error_structures": nan, "spread": nan, "n_networks": 1}
    each = [{"network": k, "exponent": float(v), **rest} for k, v in enumerate(exponent.each)]
    return [{**head, **row, **tail} for row in (mean, *each)]


def _factors(
    predictions: Mapping[float, File], descriptors: Sequence[File], q_max: float, tiles: int, seed: int
) -> FactorsByState | None:
    """S_4 of all state points of one T_min; None if the boxes hold no wave vector in the range."""
    where = thermal_positions(descriptors)
    temperatures = sorted(predictions, reverse=True)
    first = read_fields(predictions[temperatures[0]])[0]
    c_b = state_point.union(read_arrays(predictions[t], ["c_b"])["c_b"] for t in temperatures)
    shells = Shells(where[temperatures[0]][1], q_max)
    rng = generator(seed, "structure_factor", temperatures[0], 0.5)
    modes = GroupedModes(shells, tiles, first.values.shape[2], rng)
    if not modes.number:
        return None
    factors = FactorsByState.empty(modes, first.values.shape[1], len(temperatures), c_b.size)
    for k, t in enumerate(temperatures):
        fields = read_fields(predictions[t])[0]
        values = np.asarray(fields.values, dtype=np.float64)
        values = values - values.mean(axis=(2, 3), keepdims=True)
        total = modes.sums(values, where[t][0])
        good = fields.at_c_b()
        for i, c in enumerate(fields.c_b):
            j = state_point.find(c_b, c)
            if j is not None and good[i].any():
                factors.put(k, j, total[:, i], good[i])
    return factors
