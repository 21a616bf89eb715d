"""Every number that a reader of a run would quote, with its error, count, unit and origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from tglassmlp.dynamics.relaxation_times import Relaxation
from tglassmlp.observables.bootstrap import combined_error
from tglassmlp.observables.tables import SINGLE_DESCRIPTORS, near_c_b
from tglassmlp.storage import read_json, read_npz, read_table

__all__ = ["PAPER_TOLERANCE", "collect_numbers"]

#: Largest |mean prediction - C_B| of the networks that the paper keeps.
PAPER_TOLERANCE: Final = 0.05

File = str | PathLike[str]


def _temperature(value: float) -> str:
    short = f"{value:.2f}"
    return short if abs(float(short) - value) < 1e-9 else f"{value:g}"


class _Collection:
    """Numbers by name; NaN becomes null, because "not determined" is an answer too."""

    def __init__(self) -> None:
        self.numbers: dict[str, dict[str, Any]] = {}

    def add(
        self,
        name: str,
        value: Any,
        source: str,
        error: Any = None,
        n: Any = None,
        unit: str = "1",
        note: str = "",
        **more: Any,
    ) -> None:
        def plain(x: Any) -> Any:
            if x is None or isinstance(x, str | bool):
                return x
            number = float(x)
            if not np.isfinite(number):
                return None
            return int(number) if isinstance(x, int | np.integer) else float(f"{number:.6g}")

        self.numbers[name] = {
            "value": plain(value),
            "error": plain(error),
            "n": plain(n),
            "unit": unit,
            "from": source,
            **({"note": note} if note else {}),
            **{k: [plain(x) for x in v] if isinstance(v, list) else plain(v) for k, v in more.items()},
        }


def collect_numbers(
    tables: Mapping[str, File],
    relaxation: File,
    label_maps: Sequence[File],
    networks: Sequence[File],
    selections: Sequence[File],
    glass_transition: float,
    threshold: float = 0.5,
    glass_transition_ratio: float = 1e12,
    output: str = "deviation",
    other_output: Sequence[File] = (),
) -> dict[str, dict[str, Any]]:
    """Gather the numbers of a run.

    Parameters
    ----------
    tables
        ``pearson, comparison, susceptibility, correlation_length, chord_length, attention_length,
        bottleneck_separation`` -> Parquet files; ``trends`` and ``agreement`` where there are such tables.
    relaxation
        ``relaxation.json``.
    label_maps
        One per t_min.
    networks
        Full networks (NPZ), one per t_min, the main one first.
    selections
        Selection tables of the full networks, one per t_min.
    glass_transition
        The run's glass transition temperature.
    threshold
        C_B of the relaxation time; scales are quoted at the C_B of the grid nearest to it.
    glass_transition_ratio
        Relaxation time, in LJ times, by which the extrapolation defines a glass transition of its own.
    output
        The run's ``network.output``.
    other_output
        Tables of :func:`tglassmlp.network.training_run.other_output`, one per t_min that has one.

    Returns
    -------
    dict
        Name -> ``value, error, n, unit, from`` (and ``note``); names are paths like
        ``pearson/tglassmlp/tmin0.40/T0.45/cb0.50``.
    """
    found = _Collection()
    read = {name: read_table(path) for name, path in tables.items()}
    _pearson(found, read["pearson"], threshold)
    _comparison(found, read["comparison"])
    if "trends" in read:
        _trends(found, read["trends"])
    if "agreement" in read:
        _agreement(found, read["agreement"])
    _susceptibility(found, read["susceptibility"])
    _lengths(found, read, threshold)
    _relaxation(found, Relaxation.from_json(read_json(relaxation)), glass_transition, glass_transition_ratio)
    for path in label_maps:
        kinds = read_table(path, ["kind"])["kind"]
        t_min = Path(path).stem
        found.add(f"state_points/{t_min}/measured", int((kinds == "x").sum()), "label map")
        found.add(f"state_points/{t_min}/extrapolated", int((kinds == "t").sum()), "label map")
        found.add(f"state_points/{t_min}/network_only", int((kinds == "r").sum()), "label map")
    for path in networks:
        arrays, _ = read_npz(path)
        per_network = sum(int(np.prod(a.shape[1:])) for a in arrays.values())
        found.add(f"parameters/{Path(path).stem}", per_network, "network file", note="learnable, one network")
    for path in selections:
        table = read_table(path, ["network", "kept"])
        by = table.groupby("network")["kept"].all()
        found.add(f"kept_networks/{Path(path).stem}", int(by.sum()), "selection table", n=int(by.size))
        if "deviation" in table:
            worst = float(table.loc[table["kept"].astype(bool), "deviation"].max())
            found.add(
                f"largest_deviation_of_mean/{Path(path).stem}", worst, "selection table",
                note="largest |mean prediction - C_B| of kept networks at the glass transition, uncorrected",
            )  # fmt: skip
    for path in [*selections, *other_output]:
        _selection(found, path, output)
    return dict(sorted(found.numbers.items()))


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples())


def _name(row: Any) -> str:
    t_min = f"/tmin{row.t_min}" if row.t_min else ""
    return f"{row.method}{t_min}/T{_temperature(row.temperature)}/cb{_temperature(row.c_b)}"


def _selection(found: _Collection, path: File, output: str) -> None:
    """Networks that pass the paper's test of the uncorrected mean, with the run's output or the other one."""
    table = read_table(path)
    if "mean_prediction" not in table:
        return
    output = str(table["output"].iloc[0]) if "output" in table else output
    worst = (table["mean_prediction"] - table["c_b"]).abs().groupby(table["network"]).max()
    found.add(
        f"selection/{output}/{Path(path).stem}", int((worst < PAPER_TOLERANCE).sum()), "selection table",
        n=int(worst.size),
        note=f"networks with |mean prediction - C_B| < {PAPER_TOLERANCE:g} at T = "
        f"{_temperature(float(table['temperature'].iloc[0]))} and every C_B, means uncorrected",
        smallest=float(worst.min()), median=float(worst.median()), largest=float(worst.max()),
    )  # fmt: skip


def _trends(found: _Collection, table: pd.DataFrame) -> None:
    """Exponents p of v ~ T^-p, and the difference between those of xi_4 and the chord length."""
    for row in _rows(table[table["network"] < 0]):
        t_min = f"/tmin{row.t_min}" if row.t_min else ""
        found.add(
            f"trend/{row.quantity}/{row.method}{t_min}/{row.range}", row.exponent, "tables/trends.parquet",
            row.error, len(str(row.temperatures).split()),
            note=f"p of value ~ T^-p at T = {row.temperatures}; {row.n_c_b} values of C_B together",
            error_structures=row.error_structures, spread=row.spread, n_networks=row.n_networks,
            temperatures=[float(t) for t in str(row.temperatures).split()],
        )  # fmt: skip
    every = table[(table["range"] == "all") & (table["method"] == "tglassmlp")]
    for t_min in sorted(set(table.loc[table["quantity"] == "xi4", "t_min"])):
        mine = every[every["t_min"] == t_min]
        xi, chord = (
            {int(row.network): row for row in _rows(mine[mine["quantity"] == q])}
            for q in ("xi4", "chord_length")
        )
        if not (xi and chord):
            continue
        networks = sorted((xi.keys() & chord.keys()) - {-1})
        each = np.array([xi[n].exponent - chord[n].exponent for n in networks], dtype=float)
        each = each[np.isfinite(each)]
        structures = float(np.hypot(xi[-1].error_structures, chord[-1].error_structures))
        spread = float(each.std(ddof=1)) if len(each) > 1 else float("nan")
        found.add(
            f"trend/xi4_less_chord_length/tglassmlp/tmin{t_min}/all",
            xi[-1].exponent - chord[-1].exponent, "tables/trends.parquet",
            combined_error(structures, spread), len(str(xi[-1].temperatures).split()),
            note="difference of the exponents of each network; large and unit systems are independent",
            error_structures=structures, spread=spread,
        )  # fmt: skip


def _agreement(found: _Collection, table: pd.DataFrame) -> None:
    for row in _rows(table):
        at = "all" if np.isnan(row.temperature) else f"T{_temperature(row.temperature)}"
        found.add(
            f"agreement/{row.quantity}/tmin{row.t_min}/{at}", row.value, "tables/agreement.parquet",
            row.error, row.n_c_b, "1" if row.quantity == "chi4_log_ratio" else "sigma_11",
            "on the same test structures; n values of C_B",
            error_structures=row.error_structures, spread=row.spread,
        )  # fmt: skip


def _pearson(found: _Collection, table: pd.DataFrame, threshold: float) -> None:
    for row in _rows(table):
        found.add(f"pearson/{_name(row)}", row.value, "tables/pearson.parquet", row.error, row.n_structures)
        if np.isfinite(row.time):
            found.numbers[f"pearson/{_name(row)}"]["time"] = float(f"{row.time:.6g}")
    for key, here in table[table["method"] == "tglassmlp"].groupby(["t_min", "temperature"]):
        t_min, temperature = cast("tuple[str, float]", key)
        known = here[np.isfinite(here["value"].astype(float))]
        if len(known):
            top = known.sort_values("value").iloc[-1]
            found.add(
                f"pearson_maximum/tglassmlp/tmin{t_min}/T{_temperature(temperature)}", top["value"],
                "tables/pearson.parquet", top["error"], top["n_structures"],
                note=f"at C_B = {top['c_b']:g}; the largest of {len(known)}, so biased upwards",
            )  # fmt: skip
    reference = near_c_b(table, threshold)
    for temperature in sorted(set(reference["temperature"])):
        here = reference[reference["temperature"] == temperature]
        single = here[here["method"].isin(SINGLE_DESCRIPTORS)]
        if len(single):
            best = single.sort_values("value").iloc[-1]
            found.add(
                f"pearson/best_single_descriptor/T{_temperature(temperature)}",
                best["value"], "tables/pearson.parquet", best["error"], best["n_structures"],
                note=str(best["method"]),
            )  # fmt: skip
            found.numbers[f"pearson/best_single_descriptor/T{_temperature(temperature)}"]["at"] = (
                f"cb{_temperature(float(best['c_b']))}"
            )


def _comparison(found: _Collection, table: pd.DataFrame) -> None:
    for row in _rows(table):
        first, second = (
            f"{method}/tmin{t_min}" if t_min else method
            for method, t_min in ((row.first, row.first_t_min), (row.second, row.second_t_min))
        )
        found.add(
            f"comparison/{first}/{second}/T{_temperature(row.temperature)}", row.difference,
            "tables/comparison.parquet", row.error, row.n_c_b,
            note=f"paired over {row.n_structures} structures; mean over n values of C_B",
            error_structures=row.error_structures, error_training=row.error_training,
            folds=[float(getattr(row, f"fold{k}")) for k in range(row.n_folds)],
        )  # fmt: skip


def _susceptibility(found: _Collection, table: pd.DataFrame) -> None:
    for row in _rows(table):
        if row.method != "tglassmlp":
            continue
        # the mean correction makes the mean over all structures C_B, that over the test ones nearly
        found.add(
            f"mean_propensity/{_name(row)}", row.mean_propensity, "tables/susceptibility.parquet",
            n=row.n_structures, note="requested: c_b; test structures",
        )  # fmt: skip
    for key, here in table.groupby(["method", "t_min", "temperature"]):
        method, t_min, temperature = cast("tuple[str, str, float]", key)
        known = here[np.isfinite(here["value"].astype(float))]
        if not len(known):
            continue
        top = known.sort_values("value").iloc[-1]
        part = f"/tmin{t_min}" if t_min else ""
        found.add(
            f"chi4_maximum/{method}{part}/T{_temperature(temperature)}", top["value"],
            "tables/susceptibility.parquet", top["error"], top["n_structures"],
            note=f"at C_B = {top['c_b']:g}; the largest of {len(known)}, so biased upwards",
        )  # fmt: skip


def _lengths(found: _Collection, tables: Mapping[str, pd.DataFrame], threshold: float) -> None:
    for row in _rows(near_c_b(tables["correlation_length"], threshold)):
        note = row.reason if not row.determined else f"chi^2 per degree of freedom {row.goodness:.2f}"
        if np.isfinite(row.tile_memory):
            note += f"; tiles have {row.tile_memory:.0%} of the variance in common"
        if row.form == "cubic":
            found.add(
                f"cubic_coefficient/{_name(row)}", row.a, "tables/correlation_length.parquet", row.a_error,
                row.n_systems, "sigma_11", row.reason,
            )  # fmt: skip
        else:
            found.add(
                f"xi4/{_name(row)}", row.xi, "tables/correlation_length.parquet", row.xi_error, row.n_systems,
                "sigma_11", note,
            )  # fmt: skip
    chords = tables["chord_length"]
    for ensemble, name in (("unit", "chord_length"), ("large", "chord_length_large")):
        for row in _rows(near_c_b(chords[chords["ensemble"] == ensemble], threshold)):
            source, n = "tables/chord_length.parquet", row.n_structures
            note = f"without correlations {row.random:.3g}; {ensemble} systems"
            found.add(f"{name}/{_name(row)}", row.value, source, row.error, n, "sigma_11", note)
            if np.isfinite(row.value_without_noise):
                found.add(
                    f"{name}_without_noise/{_name(row)}", row.value_without_noise, source,
                    row.error_without_noise, n, "sigma_11", "estimate for infinitely many replicas",
                )  # fmt: skip
            if np.isfinite(row.value_with_noise):
                found.add(
                    f"{name}_with_noise/{_name(row)}", row.value_with_noise, source, row.error, n, "sigma_11",
                    "prediction with the noise of the replicas laid over it",
                )  # fmt: skip
    for row in _rows(near_c_b(tables["attention_length"], threshold)):
        found.add(
            f"attention_length/{_name(row)}", row.value, "tables/attention_length.parquet", row.error,
            row.n_networks, "sigma_11",
        )  # fmt: skip
    for row in _rows(near_c_b(tables["bottleneck_separation"], threshold)):
        found.add(
            f"bottleneck_separation/{_name(row)}", row.separation, "tables/bottleneck_separation.parquet",
            row.error, row.n, note=f"propensities: {row.source}",
        )  # fmt: skip


def _relaxation(found: _Collection, relaxation: Relaxation, glass_transition: float, ratio: float) -> None:
    source = "relaxation/relaxation.json"
    for name, entry in relaxation.times.items():
        found.add(f"tau/T{name}", entry.tau, source, entry.tau_error, unit="LJ times", note=entry.how)
        if entry.tau_e is not None:
            found.add(f"tau_1_over_e/T{name}", entry.tau_e, source, unit="LJ times")
    for slope in relaxation.local_slopes():
        found.add(
            f"activation_energy/T{_temperature(slope.upper)}-{_temperature(slope.lower)}", slope.energy,
            source, slope.error, unit="epsilon_11", note="slope of ln tau against 1/T between the two",
        )  # fmt: skip
    fit = relaxation.extrapolation
    if fit is None:
        return
    n, at = len(fit.temperatures), f"at T = {_temperature(fit.reference)}"
    found.add(
        "extrapolation/energy", fit.energy, source, fit.energy_error, n, "epsilon_11", f"{fit.form}, {at}"
    )
    found.add(
        "extrapolation/curvature", float("nan") if fit.curvature is None else fit.curvature, source,
        fit.curvature_error, n, "epsilon_11^2", "second derivative of ln tau with respect to 1/T",
    )  # fmt: skip
    tau, tau_error = relaxation.tau(glass_transition)
    found.add(
        "glass_transition/tau", tau, source, tau_error, n, "LJ times",
        f"at T = {_temperature(glass_transition)}; the error is that of ln tau times tau, the choice of "
        "extrapolation included",
    )  # fmt: skip
    hottest = max(relaxation.times, key=float)
    known = tau_error is not None
    found.add(
        "glass_transition/decades", np.log10(tau / relaxation.times[hottest].tau), source,
        (tau_error or 0.0) / tau / np.log(10.0) if known else None, unit="decades",
        note=f"tau at T = {_temperature(glass_transition)} over tau at T = {hottest}",
    )  # fmt: skip
    try:
        value, error = fit.glass_transition(ratio)
    except ValueError as refused:
        value, error, note = float("nan"), None, str(refused)
    else:
        note = f"where tau is {ratio:g} LJ times"
    found.add("glass_transition/temperature", value, source, error, n, "epsilon_11", note)
