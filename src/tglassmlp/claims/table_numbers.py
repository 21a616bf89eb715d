"""Numbers that are quoted from the tables of observables: one function for each table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import numpy as np
import pandas as pd

from tglassmlp.claims.collection import Collection, name_of, rows_of
from tglassmlp.methods import NETWORK, SINGLE_DESCRIPTORS
from tglassmlp.observables.bootstrap import combined_error
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.contrast import QUANTITIES
from tglassmlp.tables.selection import near_c_b

__all__ = ["ADDED"]


def add_trends(numbers: Collection, table: pd.DataFrame, _: float = 0.5) -> None:
    """Exponents p of v ~ T^-p, and the difference between those of xi_4 and the chord length."""
    for row in rows_of(table[table["network"] < 0]):
        t_min = f"/tmin{row.t_min}" if row.t_min else ""
        numbers.add(
            f"trend/{row.quantity}/{row.method}{t_min}/{row.range}", row.exponent, "tables/trends.parquet",
            row.error, len(str(row.temperatures).split()),
            note=f"p of value ~ T^-p at T = {row.temperatures}; {row.n_c_b} values of C_B together",
            error_structures=row.error_structures, spread=row.spread, n_networks=row.n_networks,
            temperatures=[float(t) for t in str(row.temperatures).split()],
        )  # fmt: skip
    every = table[(table["range"] == "all") & (table["method"] == NETWORK.name)]
    for t_min in sorted(set(table.loc[table["quantity"] == "xi4", "t_min"])):
        mine = every[every["t_min"] == t_min]
        xi, chord = (
            {int(row.network): row for row in rows_of(mine[mine["quantity"] == q])}
            for q in ("xi4", "chord_length")
        )
        if not (xi and chord):
            continue
        networks = sorted((xi.keys() & chord.keys()) - {-1})
        each = np.array([xi[n].exponent - chord[n].exponent for n in networks], dtype=float)
        each = each[np.isfinite(each)]
        structures = float(np.hypot(xi[-1].error_structures, chord[-1].error_structures))
        spread = float(each.std(ddof=1)) if len(each) > 1 else float("nan")
        numbers.add(
            f"trend/xi4_less_chord_length/{NETWORK.name}/tmin{t_min}/all",
            xi[-1].exponent - chord[-1].exponent, "tables/trends.parquet",
            combined_error(structures, spread), len(str(xi[-1].temperatures).split()),
            note="difference of the exponents of each network; large and unit systems are independent",
            error_structures=structures, spread=spread,
        )  # fmt: skip


def add_agreement(numbers: Collection, table: pd.DataFrame, _: float = 0.5) -> None:
    """How far networks agree with dynamics on the same test structures."""
    for row in rows_of(table):
        at = "all" if np.isnan(row.temperature) else f"T{decimal_text(row.temperature)}"
        numbers.add(
            f"agreement/{row.quantity}/tmin{row.t_min}/{at}", row.value, "tables/agreement.parquet",
            row.error, row.n_c_b, "1" if row.quantity == "chi4_log_ratio" else "sigma_11",
            "on the same test structures; n values of C_B",
            error_structures=row.error_structures, spread=row.spread,
        )  # fmt: skip


def add_pearson(numbers: Collection, table: pd.DataFrame, threshold: float) -> None:
    """Pearson correlations, their maxima, and the best single descriptor of every temperature."""
    for row in rows_of(table):
        numbers.add(
            f"pearson/{name_of(row)}", row.value, "tables/pearson.parquet", row.error, row.n_structures
        )
        if np.isfinite(row.time):
            numbers.numbers[f"pearson/{name_of(row)}"]["time"] = float(f"{row.time:.6g}")
    for key, here in table[table["method"] == NETWORK.name].groupby(["t_min", "temperature"]):
        t_min, temperature = cast("tuple[str, float]", key)
        known = here[np.isfinite(here["value"].astype(float))]
        if len(known):
            top = known.sort_values("value").iloc[-1]
            numbers.add(
                f"pearson_maximum/{NETWORK.name}/tmin{t_min}/T{decimal_text(temperature)}", top["value"],
                "tables/pearson.parquet", top["error"], top["n_structures"],
                note=f"at C_B = {top['c_b']:g}; the largest of {len(known)}, so biased upwards",
            )  # fmt: skip
    reference = near_c_b(table, threshold)
    for temperature in sorted(set(reference["temperature"])):
        here = reference[reference["temperature"] == temperature]
        single = here[here["method"].isin(SINGLE_DESCRIPTORS)]
        if len(single):
            best = single.sort_values("value").iloc[-1]
            numbers.add(
                f"pearson/best_single_descriptor/T{decimal_text(temperature)}",
                best["value"], "tables/pearson.parquet", best["error"], best["n_structures"],
                note=str(best["method"]),
            )  # fmt: skip
            numbers.numbers[f"pearson/best_single_descriptor/T{decimal_text(temperature)}"]["at"] = (
                f"cb{decimal_text(float(best['c_b']))}"
            )


def add_comparison(numbers: Collection, table: pd.DataFrame, _: float = 0.5) -> None:
    """Paired differences of correlations."""
    for row in rows_of(table):
        first, second = (
            f"{method}/tmin{t_min}" if t_min else method
            for method, t_min in ((row.first, row.first_t_min), (row.second, row.second_t_min))
        )
        numbers.add(
            f"comparison/{first}/{second}/T{decimal_text(row.temperature)}", row.difference,
            "tables/comparison.parquet", row.error, row.n_c_b,
            note=f"paired over {row.n_structures} structures; mean over n values of C_B",
            error_structures=row.error_structures, error_training=row.error_training,
            folds=[float(getattr(row, f"fold{k}")) for k in range(row.n_folds)],
        )  # fmt: skip


def add_susceptibility(numbers: Collection, table: pd.DataFrame, _: float = 0.5) -> None:
    """Mean propensities of the networks, and the largest chi_4 of every method and temperature."""
    for row in rows_of(table):
        if row.method != NETWORK.name:
            continue
        # the mean correction makes the mean over all structures C_B, that over the test ones nearly
        numbers.add(
            f"mean_propensity/{name_of(row)}", row.mean_propensity, "tables/susceptibility.parquet",
            n=row.n_structures, note="requested: c_b; test structures",
        )  # fmt: skip
    for key, here in table.groupby(["method", "t_min", "temperature"]):
        method, t_min, temperature = cast("tuple[str, str, float]", key)
        known = here[np.isfinite(here["value"].astype(float))]
        if not len(known):
            continue
        top = known.sort_values("value").iloc[-1]
        part = f"/tmin{t_min}" if t_min else ""
        numbers.add(
            f"chi4_maximum/{method}{part}/T{decimal_text(temperature)}", top["value"],
            "tables/susceptibility.parquet", top["error"], top["n_structures"],
            note=f"at C_B = {top['c_b']:g}; the largest of {len(known)}, so biased upwards",
        )  # fmt: skip


def add_contrast(numbers: Collection, table: pd.DataFrame, _: float = 0.5) -> None:
    """Slopes, ratios of amplitudes and coverages of predictions beside dynamics."""
    for row in rows_of(table):
        place = f"{NETWORK.name}/tmin{row.t_min}/T{decimal_text(row.temperature)}/cb{decimal_text(row.c_b)}"
        for name in QUANTITIES:
            value = getattr(row, name)
            if np.isfinite(value):
                numbers.add(
                    f"contrast/{name}/{place}", value, "tables/contrast.parquet",
                    getattr(row, f"{name}_error"), row.n_structures, note=row.region,
                )  # fmt: skip


def add_correlation_length(numbers: Collection, table: pd.DataFrame, threshold: float) -> None:
    """xi_4 and A of equations (11) and (12) at the C_B nearest to the threshold."""
    for row in rows_of(near_c_b(table, threshold)):
        note = row.reason if not row.determined else f"chi^2 per degree of freedom {row.goodness:.2f}"
        if np.isfinite(row.tile_memory):
            note += f"; tiles have {row.tile_memory:.0%} of the variance in common"
        if row.form == "cubic":
            numbers.add(
                f"cubic_coefficient/{name_of(row)}", row.a, "tables/correlation_length.parquet", row.a_error,
                row.n_systems, "sigma_11", row.reason,
            )  # fmt: skip
        else:
            numbers.add(
                f"xi4/{name_of(row)}", row.xi, "tables/correlation_length.parquet", row.xi_error,
                row.n_systems, "sigma_11", note,
            )  # fmt: skip


def add_chord_length(numbers: Collection, table: pd.DataFrame, threshold: float) -> None:
    """Mean chord lengths of both ensembles at the C_B nearest to the threshold."""
    for ensemble, name in (("unit", "chord_length"), ("large", "chord_length_large")):
        for row in rows_of(near_c_b(table[table["ensemble"] == ensemble], threshold)):
            source, n = "tables/chord_length.parquet", row.n_structures
            note = f"without correlations {row.random:.3g}; {ensemble} systems"
            numbers.add(f"{name}/{name_of(row)}", row.value, source, row.error, n, "sigma_11", note)
            if np.isfinite(row.value_without_noise):
                numbers.add(
                    f"{name}_without_noise/{name_of(row)}", row.value_without_noise, source,
                    row.error_without_noise, n, "sigma_11", "estimate for infinitely many replicas",
                )  # fmt: skip
            if np.isfinite(row.value_with_noise):
                numbers.add(
                    f"{name}_with_noise/{name_of(row)}", row.value_with_noise, source, row.error, n,
                    "sigma_11", "prediction with the noise of the replicas laid over it",
                )  # fmt: skip


def add_attention_length(numbers: Collection, table: pd.DataFrame, threshold: float) -> None:
    """Attention lengths at the C_B nearest to the threshold."""
    for row in rows_of(near_c_b(table, threshold)):
        numbers.add(
            f"attention_length/{name_of(row)}", row.value, "tables/attention_length.parquet", row.error,
            row.n_networks, "sigma_11",
        )  # fmt: skip


def add_bottleneck_separation(numbers: Collection, table: pd.DataFrame, threshold: float) -> None:
    """Separations in the bottleneck at the C_B nearest to the threshold."""
    for row in rows_of(near_c_b(table, threshold)):
        numbers.add(
            f"bottleneck_separation/{name_of(row)}", row.separation, "tables/bottleneck_separation.parquet",
            row.error, row.n, note=f"propensities: {row.source}",
        )  # fmt: skip


def add_energies(numbers: Collection, table: pd.DataFrame, _: float = 0.5) -> None:
    """Energies, inherent energies and heat capacities of every temperature."""
    for row in rows_of(table):
        at, source = f"T{decimal_text(row.temperature)}", "tables/energies.parquet"
        for name, unit in (
            ("energy", "epsilon_11"),
            ("inherent_energy", "epsilon_11"),
            ("heat_capacity", "1"),
        ):
            value, error = getattr(row, name), getattr(row, f"{name}_error")
            numbers.add(f"{name}/{at}", value, source, error, row.n_structures, unit, "per particle")


#: Name of a table -> what adds its numbers; the last argument is the C_B at which scales are quoted.
ADDED: Final[dict[str, Callable[[Collection, pd.DataFrame, float], None]]] = {
    "energies": add_energies,
    "pearson": add_pearson,
    "comparison": add_comparison,
    "trends": add_trends,
    "agreement": add_agreement,
    "susceptibility": add_susceptibility,
    "contrast": add_contrast,
    "correlation_length": add_correlation_length,
    "chord_length": add_chord_length,
    "attention_length": add_attention_length,
    "bottleneck_separation": add_bottleneck_separation,
}
