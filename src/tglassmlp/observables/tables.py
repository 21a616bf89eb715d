"""Tables of all observables, from the label, prediction and baseline files of a run.

Every function reads the files it is given, calls the pure functions of this package for each state point and
returns a long table: one row per (method, t_min, temperature, c_b). Columns common to all:

``method``
    ``md`` (propensities of molecular dynamics), ``tglassmlp``, or the name of a baseline.
``t_min``
    Lowest temperature whose labels the network has seen, as in file names; empty for the others.
``temperature``, ``c_b``, ``time``, ``time_error``, ``tau``
    The state point; the time is the measured one where there is dynamics, else that of the master curve.
``error_structures``, ``spread``, ``error``
    Error over structures, standard deviation over networks, and both in quadrature.
``n_networks``, ``n_unconverged``
    Networks in the value, and networks left out because their mean correction has not reached C_B: those are
    not at that state point. With none left the value is NaN.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.configuration import wrap
from tglassmlp.dynamics.correlations import split_half_ceiling
from tglassmlp.dynamics.relaxation_times import Relaxation
from tglassmlp.observables import attention_length as attention
from tglassmlp.observables import bottleneck as bottle
from tglassmlp.observables.bootstrap import combined_error, few, generator, jackknife_error, resamples
from tglassmlp.observables.chord_length import (
    Lattice,
    chord_length_without_noise,
    chord_sums,
    mean_chord_length,
    site_moments,
)
from tglassmlp.observables.pearson import correlation_of_sums, pearson, pearson_error, pearson_sums
from tglassmlp.observables.structure_factor import (
    Fit,
    Shells,
    fit_structure_factor,
    structure_factor_fft,
    tile_memory,
)
from tglassmlp.observables.susceptibility import (
    susceptibility,
    susceptibility_error,
    susceptibility_without_noise,
)
from tglassmlp.storage import (
    Array,
    read_arrays,
    read_attributes,
    read_configurations,
    read_json,
    read_table,
)

__all__ = [
    "Fields",
    "Times",
    "attention_tables",
    "bottleneck_tables",
    "chord_length_table",
    "comparison_sums",
    "comparison_table",
    "equilibration_table",
    "length_scale_table",
    "near_c_b",
    "pearson_table",
    "present",
    "read_fields",
    "snapshot_arrays",
    "snapshots",
    "structure_factor_tables",
    "susceptibility_table",
]

File = str | PathLike[str]

#: Baselines that are one descriptor each.
SINGLE_DESCRIPTORS = ("density", "energy", "perimeter", "variance")

_STATE = ["method", "t_min", "temperature", "c_b", "time", "time_error", "time_from", "tau"]
COMPARISON_COLUMNS = [
    "first", "first_t_min", "second", "second_t_min", "temperature", "n_c_b", "n_structures", "difference",
    "error", "error_structures", "error_training", "n_folds",
]  # fmt: skip
#: Sums over the particles of a structure, in the order of :func:`tglassmlp.observables.pearson.pearson_sums`.
MOMENTS = ("n", "x", "y", "xx", "yy", "xy")
#: Columns of tables that may be empty (a run without large systems).
STRUCTURE_FACTOR_COLUMNS = [
    *_STATE, "n_systems", "n_networks", "n_unconverged", "box_length", "tile_memory", "q", "s4", "error",
    "spread", "modes",
]  # fmt: skip
CORRELATION_COLUMNS = [
    *_STATE, "n_systems", "n_networks", "n_unconverged", "box_length", "tile_memory", "form", "determined",
    "reason", "n_determined", "n_points", "goodness", "xi", "xi_error", "chi", "chi_error", "a", "a_error",
]  # fmt: skip


def _same(a: float, b: float) -> bool:
    return abs(float(a) - float(b)) < 1e-9


@dataclass(frozen=True)
class Fields:
    """Propensity fields of one method at one temperature.

    Parameters
    ----------
    method, t_min, temperature
        Which fields.
    c_b
        ``[k]``.
    values
        ``[k, networks, structures, particles]``.
    time
        ``[k]`` measured times, or None.
    converged
        ``[k, networks]``, whether the mean correction reached C_B; None where there is no correction.
    """

    method: str
    t_min: str
    temperature: float
    c_b: NDArray[np.float64]
    values: NDArray
    time: NDArray[np.float64] | None = None
    converged: NDArray[np.bool_] | None = None

    def usable(self, k: int) -> NDArray[np.intp]:
        """Networks whose mean is the wanted C_B at state point ``k``: only those are at that state point."""
        if self.converged is None:
            return np.arange(self.values.shape[1])
        return np.flatnonzero(self.converged[k])

    def unconverged(self, k: int) -> int:
        """Count the networks that are not usable at state point ``k``."""
        return self.values.shape[1] - self.usable(k).size

    def index(self, c_b: float) -> int | None:
        """Place of one C_B in the file, or None if it is not there."""
        found = np.flatnonzero(np.abs(self.c_b - c_b) < 1e-9)
        return int(found[0]) if found.size else None

    def at(self, c_b: float) -> NDArray | None:
        """Fields ``[networks, structures, particles]`` at one C_B, or None if there are none."""
        k = self.index(c_b)
        return None if k is None else self.values[k]


def _place(path: File) -> tuple[str, str, float]:
    """Kind of file, t_min and temperature, from its place in the run's folder."""
    p = Path(path)
    folder = p.parent.name
    match = re.fullmatch(r"T(\d+\.\d+)", p.stem)
    if match is None:
        raise ValueError(f"{p}: expected a file named T<temperature>")
    if folder.startswith("tmin"):
        return p.parent.parent.name, folder[4:], float(match[1])
    return folder, "", float(match[1])


def read_fields(path: File) -> list[Fields]:
    """Read the propensity fields of a label, prediction or baseline file.

    Raises
    ------
    ValueError
        If the path does not tell the kind of file, or an array has the wrong shape.
    """
    kind, t_min, temperature = _place(path)
    arrays = read_arrays(path, finite=False)
    c_b = np.asarray(arrays["c_b"], dtype=np.float64)
    if kind == "labels":
        values = arrays["propensity"][:, None]
        return [Fields("md", "", temperature, c_b, values, np.asarray(arrays["time"], dtype=np.float64))]
    if kind == "predictions":
        converged = np.asarray(arrays["converged"], dtype=bool)
        return [Fields("tglassmlp", t_min, temperature, c_b, arrays["propensity"], converged=converged)]
    if kind != "baseline_predictions":
        raise ValueError(f"{path}: expected a labels, predictions or baseline_predictions file")
    found = []
    for method, values in arrays.items():
        if method == "c_b" or values.ndim not in (3, 4) or values.shape[0] != c_b.size:
            continue
        name, _, t_min = method.partition("_tmin")
        name = f"{name}_transferred" if t_min else name
        found.append(Fields(name, t_min, temperature, c_b, values if values.ndim == 4 else values[:, None]))
    return found


def near_c_b(table: pd.DataFrame, c_b: float) -> pd.DataFrame:
    """Rows at one C_B, for comparisons between temperatures.

    Of the values that the largest number of temperatures has, the one nearest to ``c_b``.
    """
    if not len(table):
        return table
    key = (table["c_b"].astype(float) * 1e6).round().astype(np.int64)
    present = table["temperature"].groupby(key).nunique()
    every = np.array(sorted(present[present == present.max()].index))
    return table[key == every[np.argmin(np.abs(every - 1e6 * c_b))]]


class Times:
    """Time of every state point: the measured one if its label exists, else that of the master curve.

    Parameters
    ----------
    relaxation
        ``relaxation.json``.
    labels
        Label files.
    """

    def __init__(self, relaxation: File, labels: Sequence[File] = ()) -> None:
        self.relaxation = Relaxation.from_json(read_json(relaxation))
        self._measured: dict[tuple[int, int], float] = {}
        for path in labels:
            _, _, temperature = _place(path)
            arrays = read_arrays(path, ["c_b", "time"])
            for c, t in zip(arrays["c_b"], arrays["time"], strict=True):
                self._measured[self._key(temperature, c)] = float(t)

    @staticmethod
    def _key(temperature: float, c_b: float) -> tuple[int, int]:
        return round(temperature * 1e6), round(float(c_b) * 1e6)

    def columns(self, temperature: float, c_b: float) -> dict[str, Any]:
        """Columns ``time``, ``time_error``, ``time_from``, ``tau`` of one state point.

        A time from superposition has the relative error of tau, and so that of its extrapolation; a measured
        one has none of it. The error is that of ln time multiplied by the time.
        """
        measured = self._measured.get(self._key(temperature, c_b))
        try:
            tau, error = self.relaxation.tau(temperature)
            time = float(self.relaxation.time_of(temperature, c_b)) if measured is None else measured
        except ValueError:  # nothing to extrapolate from: a temperature without dynamics has no time
            tau, error, time = float("nan"), None, float("nan") if measured is None else measured
        return {
            "time": time,
            "time_error": 0.0
            if measured is not None
            else float("nan")
            if error is None
            else time * error / tau,
            "time_from": "superposition" if measured is None else "dynamics",
            "tau": tau,
        }


def _all_fields(*groups: Sequence[File]) -> Iterator[Fields]:
    """Read files one after the other, so that only one is in memory."""
    for group in groups:
        for path in group:
            yield from read_fields(path)


def _row(fields: Fields, c_b: float, times: Times) -> dict[str, Any]:
    return {
        "method": fields.method,
        "t_min": fields.t_min,
        "temperature": fields.temperature,
        "c_b": float(c_b),
        **times.columns(fields.temperature, float(c_b)),
    }


def _over_networks(values: Sequence[float], errors: Sequence[float]) -> dict[str, float]:
    """Mean over networks, spread, error over structures (mean over networks) and combined error."""
    v, e = np.array(values, dtype=float), np.array(errors, dtype=float)
    known = np.isfinite(v)
    mean = float(v[known].mean()) if known.any() else float("nan")
    spread = float(v[known].std(ddof=1)) if known.sum() > 1 else float("nan")
    structures = float(np.nanmean(e)) if np.isfinite(e).any() else float("nan")
    return {
        "value": mean,
        "error": combined_error(structures, spread),
        "error_structures": structures,
        "spread": spread,
        "n_networks": int(known.sum()),
    }


def present(structures: Sequence[int], number: int) -> list[int]:
    """Those of the wanted structures that a file of this many holds: large systems may be fewer."""
    return [s for s in structures if s < number]


def _pick(values: NDArray, structures: Sequence[int]) -> NDArray:
    """Wanted structures that the file holds, as float64, ``[networks, structures, particles]``."""
    return np.asarray(values[:, present(structures, values.shape[1])], dtype=np.float64)


def _beside_dynamics(
    truth: Mapping[float, Fields], files: Iterable[Fields]
) -> Iterator[tuple[Fields, int, float, NDArray, NDArray]]:
    """Fields, index of C_B, C_B, measured ``[1, structures, particles]`` and predicted ``[networks, ...]``.

    Of the state points that have both; predictions of networks that miss C_B are left out.
    """
    for fields in files:
        measured = truth.get(fields.temperature)
        if measured is None:
            continue
        for k, c_b in enumerate(fields.c_b):
            md, model = measured.at(c_b), fields.values[k][fields.usable(k)]
            if md is not None and np.isfinite(model).all():
                yield fields, k, c_b, md, model


def pearson_table(
    labels: Sequence[File],
    predictions: Sequence[File],
    baselines: Sequence[File],
    relaxation: File,
    test: Sequence[int],
    n_resamples: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Pearson correlation (8) of every method with molecular dynamics on the test structures.

    Beside the mean over networks (``value``) stands the correlation of the networks' mean field
    (``value_mean_field``). Single descriptors have the sign they have on training structures. The
    rows ``ceiling`` hold the highest correlation that the number of replicas permits.

    Parameters
    ----------
    labels, predictions, baselines, relaxation
        Files of the run.
    test
        Numbers of the test structures.
    n_resamples, seed
        Bootstrap over structures, and the run's seed.
    """
    times = Times(relaxation, labels)
    rows: list[dict[str, Any]] = []
    truth: dict[float, Fields] = {}
    for path in labels:
        fields = read_fields(path)[0]
        truth[fields.temperature] = fields
        half = np.asarray(read_arrays(path, ["half"])["half"], dtype=np.float64)
        for k, c_b in enumerate(fields.c_b):
            rng = generator(seed, "pearson", fields.temperature, c_b)
            part = half[k][present(test, half.shape[1])]  # [structures, 2, particles]
            both = np.moveaxis(part, 1, 0)
            draws = resamples(part.shape[0], min(n_resamples, 100), rng)
            again = [split_half_ceiling(both[:, d]) for d in draws] if part.shape[0] > 1 else []
            error = float(np.nanstd(again, ddof=1)) if len(again) > 1 else float("nan")
            rows.append(
                {**_row(fields, c_b, times), "method": "ceiling"}
                | _over_networks([split_half_ceiling(both)], [error])
                | {
                    "n_unconverged": 0,
                    "n_structures": part.shape[0],
                    "n_particles": part.shape[2],
                    "value_mean_field": np.nan,
                }
            )
    for fields, k, c_b, md, model in _beside_dynamics(truth, _all_fields(predictions, baselines)):
        rng = generator(seed, "pearson", fields.temperature, c_b)
        x, y = _pick(md, test)[0], _pick(model, test)
        found = _over_networks([pearson(f, x) for f in y], [pearson_error(f, x, n_resamples, rng) for f in y])
        rows.append(
            _row(fields, c_b, times)
            | found
            | {
                "n_unconverged": fields.unconverged(k),
                "n_structures": x.shape[0],
                "n_particles": x.shape[1],
                "value_mean_field": pearson(y.mean(axis=0), x) if len(y) else np.nan,
            }
        )
    return pd.DataFrame(rows)


Sums = dict[float, dict[tuple[str, str], dict[int, NDArray[np.float64]]]]


def comparison_sums(
    labels: Sequence[File], predictions: Sequence[File], baselines: Sequence[File]
) -> dict[float, dict[tuple[str, str], dict[int, NDArray[np.float64]]]]:
    """Sum over particles of every structure, for the mean fields of all methods beside dynamics.

    Returns
    -------
    dict
        Temperature -> (method, t_min) -> C_B in millionths -> ``[structures, 6]``
        (:func:`tglassmlp.observables.pearson.pearson_sums`).
    """
    truth = {f.temperature: f for path in labels for f in read_fields(path)}
    found: Sums = {}
    for fields, _, c_b, md, model in _beside_dynamics(truth, _all_fields(predictions, baselines)):
        if len(model):
            sums = pearson_sums(np.asarray(model, dtype=np.float64).mean(axis=0), md[0])
            methods = found.setdefault(fields.temperature, {})
            methods.setdefault((fields.method, fields.t_min), {})[round(c_b * 1e6)] = sums
    return found


def _fold_sums(paths: Sequence[File]) -> list[Sums]:
    """Read the sums of every fold, as :func:`comparison_sums` has those of the run."""
    found: list[Sums] = []
    for path in paths:
        table = read_table(path, ["method", "t_min", "temperature", "c_b", "structure", *MOMENTS])
        fold: Sums = {}
        for key, rows in table.groupby(["method", "t_min", "temperature", "c_b"]):
            method, t_min, temperature, c_b = cast("tuple[str, str, float, float]", key)
            sums = rows.sort_values("structure")[list(MOMENTS)].to_numpy(dtype=np.float64)
            methods = fold.setdefault(temperature, {})
            methods.setdefault((method, t_min), {})[round(c_b * 1e6)] = sums
        found.append(fold)
    return found


def comparison_table(
    labels: Sequence[File],
    predictions: Sequence[File],
    baselines: Sequence[File],
    test: Sequence[int],
    n_resamples: int = 500,
    seed: int = 0,
    folds: Sequence[File] = (),
) -> pd.DataFrame:
    """Paired differences of the Pearson correlation (8) between tGlassMLP and every other method.

    Each row holds one temperature: the mean over all C_B that both methods have of the difference of their
    mean fields' correlations (``difference``), and its standard errors.

    ``error_structures`` is that over the test structures. The same structures are drawn for both methods and
    all C_B, so that what structures have in common drops out; what few structures make of such an error is
    allowed for (:func:`tglassmlp.observables.bootstrap.few`). Between two methods that have seen no dynamics
    at this temperature all its structures count, not the test ones alone.

    ``error_training`` is that over training sets, from trainings of both methods without one fold of the
    structures learnt from (:mod:`tglassmlp.folds`), at the same state points and structures; NaN without
    folds, or where a method is missing in one of them. ``error`` is both in quadrature.

    Parameters
    ----------
    labels, predictions, baselines
        Files of the run.
    test
        Numbers of the test structures.
    n_resamples, seed
        Bootstrap over structures, and the run's seed.
    folds
        Tables of :func:`tglassmlp.folds.train_fold`, one for each fold.

    Returns
    -------
    pandas.DataFrame
        Columns ``first, first_t_min, second, second_t_min, temperature, n_c_b, n_structures, difference,
        error, error_structures, error_training, n_folds`` and, with folds, ``fold0, fold1, ...``: the
        difference of the training without that fold.
    """
    found = comparison_sums(labels, predictions, baselines)
    every = _fold_sums(folds)
    rows = []
    for temperature, methods in found.items():
        for first, second in itertools.permutations(methods, 2):
            if first[0] != "tglassmlp":
                continue
            common = sorted(methods[first].keys() & methods[second].keys())
            if not common:
                continue
            # below the T_min of both no structure's dynamics was learnt from: all of them are test structures
            n = len(methods[first][common[0]])
            unseen = all(t_min and float(t_min) > temperature + 1e-9 for _, t_min in (first, second))
            chosen = list(range(n)) if unseen else present(test, n)
            sums = _pair_sums(methods, first, second, common, chosen)
            n = len(chosen)
            draws = resamples(n, n_resamples, generator(seed, "comparison", temperature, 0.0))
            again = correlation_of_sums(sums[:, :, draws].sum(axis=3)).mean(axis=1)
            structures = float(np.nanstd(again[0] - again[1], ddof=1)) * few(n) if n > 1 else float("nan")
            without = [
                _difference_of(_pair_sums(fold.get(temperature, {}), first, second, common, chosen))
                for fold in every
            ]
            training = jackknife_error(np.array(without))
            row = (
                *first, *second, temperature, len(common), n, _difference_of(sums),
                combined_error(structures, training), structures, training, len(without),
            )  # fmt: skip
            rows.append(
                dict(zip(COMPARISON_COLUMNS, row, strict=True))
                | {f"fold{k}": value for k, value in enumerate(without)}
            )
    return pd.DataFrame(rows, columns=[*COMPARISON_COLUMNS, *(f"fold{k}" for k in range(len(every)))])


def _pair_sums(
    methods: Mapping[tuple[str, str], Mapping[int, NDArray[np.float64]]],
    first: tuple[str, str],
    second: tuple[str, str],
    c_b: Sequence[int],
    structures: Sequence[int],
) -> NDArray[np.float64]:
    """Gather sums ``[2, C_B, structures, 6]`` of two methods; NaN where one is missing."""
    out = np.full((2, len(c_b), len(structures), len(MOMENTS)), np.nan)
    for m, method in enumerate((first, second)):
        for k, c in enumerate(c_b):
            if c in methods.get(method, {}):
                out[m, k] = methods[method][c][list(structures)]
    return out


def _difference_of(sums: NDArray[np.float64]) -> float:
    """Mean over C_B of the first method's correlation less the second's, from ``[2, C_B, structures, 6]``."""
    first, second = correlation_of_sums(sums.sum(axis=2)).mean(axis=1)
    return float(first - second)


def susceptibility_table(
    labels: Sequence[File],
    predictions: Sequence[File],
    baselines: Sequence[File],
    relaxation: File,
    test: Sequence[int],
) -> pd.DataFrame:
    """chi_4 (9) of every method on the test structures, with the mean propensity beside it.

    ``value_without_noise`` (molecular dynamics only) is free of the noise of the finite number of replicas.
    Parameters as :func:`pearson_table`.
    """
    times = Times(relaxation, labels)
    rows: list[dict[str, Any]] = []
    halves = {_place(p)[2]: p for p in labels}
    for fields in _all_fields(labels, predictions, baselines):
        if fields.method in (*SINGLE_DESCRIPTORS, "ridge", "ridge_transferred"):
            continue
        half = read_arrays(halves[fields.temperature], ["half"])["half"] if fields.method == "md" else None
        for k, c_b in enumerate(fields.c_b):
            y = _pick(fields.values[k][fields.usable(k)], test)
            if not np.isfinite(y).all():
                continue
            found = _over_networks([susceptibility(f) for f in y], [susceptibility_error(f) for f in y])
            clean = float("nan")
            if half is not None:
                part = half[k][present(test, half.shape[1])]
                clean = susceptibility_without_noise(part[:, 0], part[:, 1])
            rows.append(
                _row(fields, c_b, times)
                | found
                | {
                    "value_without_noise": clean,
                    "n_unconverged": fields.unconverged(k),
                    "mean_propensity": float(y.mean()) if len(y) else float("nan"),
                    "n_structures": y.shape[1],
                    "n_particles": y.shape[2],
                }
            )
    return pd.DataFrame(rows)


def _positions(descriptors: Sequence[File]) -> dict[float, tuple[NDArray, float]]:
    """Thermal positions ``[structures, particles, 2]`` and box length of each temperature, chunks joined."""
    parts: dict[float, list[NDArray]] = {}
    box: dict[float, float] = {}
    for path in descriptors:
        match = re.fullmatch(r"T(\d+\.\d+)", Path(path).parent.name)
        if match is None:
            raise ValueError(f"{path}: expected a file in a folder named T<temperature>")
        temperature = float(match[1])
        parts.setdefault(temperature, []).append(read_arrays(path, ["positions"])["positions"])
        box[temperature] = float(read_attributes(path)["box_length"])
    return {t: (np.concatenate(p), box[t]) for t, p in parts.items()}


def structure_factor_tables(
    labels: Sequence[File],
    predictions: Sequence[File],
    descriptors: Sequence[File],
    relaxation: File,
    fit_q_max: float = 0.5,
    table_q_max: float = 2.0,
    minimum_systems: int = 1,
    methods: Sequence[str] = ("md", "tglassmlp"),
    tiles: int = 1,
    timed: Sequence[File] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """S_4(q) (10) of large systems and its fits (11) and (12).

    Large systems are made of equal tiles. What the tiles have not yet forgotten of each other repeats with
    their period and would stand out tiles^2 times too high at its wave vectors: those are left out, and the
    share of the variance that it is, is given (``tile_memory``).

    Parameters
    ----------
    labels, predictions
        Files of the large ensemble.
    descriptors
        Descriptor files of the large ensemble in the order of chunks (for the thermal positions).
    relaxation
        ``relaxation.json``.
    fit_q_max
        Fitted range q < fit_q_max.
    table_q_max
        Largest wave number in the table.
    minimum_systems
        State points with fewer systems are left out.
    methods
        Methods to analyse.
    tiles
        Unit systems per side of the large systems.
    timed
        Label files of the unit systems: times where the large ones have no dynamics.

    Returns
    -------
    structure_factors
        One row per method, state point and shell: ``q, s4, error, spread, modes, n_systems, n_networks``.
    correlation_lengths
        One row per method, state point and ``form``: ``xi, chi, a`` with errors (fit and spread over
        networks combined), ``goodness``, ``n_points``, ``determined``, ``reason``.
    """
    times = Times(relaxation, [*timed, *labels])
    where = _positions(descriptors)
    curves: list[pd.DataFrame] = []
    fits: list[dict[str, Any]] = []
    for fields in _all_fields(labels, predictions):
        if fields.method not in methods or fields.temperature not in where:
            continue
        positions, box = where[fields.temperature]
        systems = min(fields.values.shape[2], positions.shape[0])
        if systems < minimum_systems:
            continue
        shells = Shells(box, table_q_max)
        values = np.asarray(fields.values[:, :, :systems], dtype=np.float64)
        values = values - values.mean(axis=(2, 3), keepdims=True)
        k, networks = values.shape[:2]
        power = np.stack(
            [
                structure_factor_fft(values[:, :, s].reshape(k * networks, -1), positions[s], shells)
                for s in range(systems)
            ]
        )
        power = power.mean(axis=0).reshape(k, networks, -1)
        q, s4, modes = shells.gather(power, shells.on_tiles(tiles))
        for i, c_b in enumerate(fields.c_b):
            usable = fields.usable(i)
            row = _row(fields, c_b, times) | {
                "n_systems": systems,
                "n_networks": usable.size,
                "n_unconverged": fields.unconverged(i),
                "box_length": box,
                "tile_memory": (
                    tile_memory(power[i][usable].mean(axis=0), shells, tiles)
                    if usable.size and tiles > 1
                    else float("nan")
                ),
            }
            if not usable.size:
                reason = "the mean correction of no network has converged"
                fits += [row | _fit_row([Fit(form, False, reason)]) for form in ("ornstein-zernike", "cubic")]
                continue
            mean = s4[i][usable].mean(axis=0)
            spread = s4[i][usable].std(axis=0, ddof=1) if usable.size > 1 else np.full(q.size, np.nan)
            curves.append(
                pd.DataFrame(
                    {
                        **row,
                        "q": q,
                        "s4": mean,
                        "error": np.hypot(mean / np.sqrt(modes * systems), np.nan_to_num(spread)),
                        "spread": spread,
                        "modes": modes * systems,
                    }
                )
            )
            for cubic in (False, True):
                each = [
                    fit_structure_factor(q, one, modes * systems, fit_q_max, cubic, box / 2)
                    for one in s4[i][usable]
                ]
                fits.append(row | _fit_row(each))
    if not fits:
        return pd.DataFrame(columns=STRUCTURE_FACTOR_COLUMNS), pd.DataFrame(columns=CORRELATION_COLUMNS)
    joined = (
        pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=STRUCTURE_FACTOR_COLUMNS)
    )
    return joined, pd.DataFrame(fits)


def _fit_row(fits: Sequence[Any]) -> dict[str, Any]:
    """Mean over the networks' fits; determined if most of them are."""
    good = [f for f in fits if f.determined]
    enough = 2 * len(good) > len(fits)
    row: dict[str, Any] = {
        "form": fits[0].form,
        "determined": enough,
        "reason": "" if enough else next(f.reason for f in fits if not f.determined),
        "n_determined": len(good),
        "n_points": fits[0].n_points,
        "goodness": float(np.nanmean([f.goodness for f in good])) if good else float("nan"),
    }
    for name in ("xi", "chi", "a"):
        values = [getattr(f, name) for f in good] if enough else []
        errors = [getattr(f, f"{name}_error") for f in good] if enough else []
        if name == "a" and 2 * int(np.isfinite(values).sum()) <= len(fits):
            values, errors = [], []
            if enough and row["form"] == "cubic":
                row["reason"] = next((f.reason for f in good if f.reason), "A is not determined")
        found = _over_networks(values or [np.nan], errors or [np.nan])
        row[name], row[f"{name}_error"] = found["value"], found["error"]
    return row


def chord_length_table(
    labels: Sequence[File],
    predictions: Sequence[File],
    descriptors: Sequence[File],
    relaxation: File,
    structures: Sequence[int] | None = None,
    spacing: float = 1.5,
    mobile_share: float = 0.5,
    n_resamples: int = 500,
    seed: int = 0,
    replica_noise: bool = True,
    blocks: int = 1,
    timed: Sequence[File] = (),
) -> pd.DataFrame:
    """Mean chord length of mobile regions of molecular dynamics and networks.

    Column ``random`` is the value for the same share of mobile sites without any correlation between them.

    Dynamics has the noise of its replicas, which shortens chords, and predictions have none. Two columns make
    them comparable: ``value_without_noise`` (dynamics,
    :func:`~tglassmlp.observables.chord_length.chord_length_without_noise`) and ``value_with_noise``
    (predictions where there is dynamics): half the difference of the two halves of the replicas, which has
    the variance and the spatial correlation of the noise of their mean, is laid over the prediction with
    either sign. Both are NaN with ``replica_noise=False``.

    Parameters
    ----------
    labels, predictions, descriptors, relaxation
        Files of one ensemble; descriptors in the order of chunks.
    structures
        Numbers of the structures used (the test ones); all of the file by default.
    spacing, mobile_share
        Of the lattice, see :mod:`tglassmlp.observables.chord_length`.
    n_resamples, seed
        Bootstrap over structures.
    replica_noise
        Fill the two columns.
    blocks
        For errors, large systems count as ``blocks`` x ``blocks`` independent parts each.
    timed
        Label files of the unit systems: times where these files have no dynamics.
    """
    times = Times(relaxation, [*timed, *labels])
    where = _positions(descriptors)
    lattices = {
        t: [Lattice(positions[s], box, spacing) for s in range(positions.shape[0])]
        for t, (positions, box) in where.items()
    }
    halves = {_place(p)[2]: p for p in labels} if replica_noise else {}
    nan = float("nan")

    def scatter(values: NDArray) -> float:
        known = values[np.isfinite(values)]
        # where many resamples have no answer the error of the others would be too small
        return float(np.std(known, ddof=1)) if known.size > 1 and 2 * known.size > values.size else nan

    rows: list[dict[str, Any]] = []
    for fields in _all_fields(labels, predictions):
        if fields.temperature not in lattices:
            continue
        have = min(fields.values.shape[2], len(lattices[fields.temperature]))
        chosen = present(range(have) if structures is None else structures, have)
        if not chosen:
            continue
        sites = [lattices[fields.temperature][s] for s in chosen]
        step = sites[0].spacing
        both = read_arrays(halves[fields.temperature]) if fields.temperature in halves else None
        for k, c_b in enumerate(fields.c_b):
            rng = generator(seed, "chord_length", fields.temperature, c_b)
            parts = len(chosen) * blocks**2
            draws = resamples(parts, n_resamples, rng)
            half = None if both is None else _at(both, c_b, chosen)  # [2, structures, particles]
            values, errors, shares, noisy = [], [], [], []
            clean, clean_error = nan, nan
            for field in _pick(fields.values[k][fields.usable(k)], chosen):
                sums = chord_sums(field, sites, mobile_share, blocks=blocks)
                drawn = sums[draws].sum(axis=1)
                share = sums[:, 2].sum() / sum(s.sites**2 for s in sites)
                values.append(mean_chord_length(sums))
                errors.append(scatter(drawn[:, 0] / np.maximum(drawn[:, 1], 1)) if parts > 1 else nan)
                shares.append(share)
                if half is None:
                    continue
                if fields.method == "md":
                    moments = site_moments(half[0], half[1], sites, blocks)
                    clean = chord_length_without_noise(values[-1], step, share, moments.sum(axis=0))
                    again = [
                        chord_length_without_noise(a / max(b, 1), step, share, moments[d].sum(axis=0))
                        for (a, b, _), d in zip(drawn, draws, strict=True)
                    ]
                    clean_error = scatter(np.array(again)) if parts > 1 else nan
                else:
                    noise = 0.5 * (half[0] - half[1])
                    under, n = field[: len(noise)], len(noise)
                    laid = [chord_sums(under + sign * noise, sites[:n], mobile_share) for sign in (1, -1)]
                    noisy.append(mean_chord_length(np.sum(laid, axis=0)))
            share = float(np.mean(shares)) if shares else nan
            rows.append(
                _row(fields, c_b, times)
                | _over_networks(values, errors)
                | {
                    "n_unconverged": fields.unconverged(k),
                    "value_without_noise": clean,
                    "error_without_noise": clean_error,
                    "value_with_noise": float(np.mean(noisy)) if noisy else nan,
                    "random": step / (1 - share) if share < 1 else nan,
                    "mobile_share": share,
                    "n_structures": len(chosen),
                    "lattice_spacing": step,
                }
            )
    return pd.DataFrame(rows)


def _at(arrays: Mapping[str, NDArray], c_b: float, structures: Sequence[int]) -> NDArray | None:
    """Propensities of the halves of the replicas at one C_B, ``[2, structures, particles]``.

    Of large systems only the first may have dynamics; None if there is nothing.
    """
    found = np.flatnonzero(np.abs(arrays["c_b"] - c_b) < 1e-9)
    measured = present(structures, arrays["half"].shape[1])
    if not found.size or not measured or measured != list(structures)[: len(measured)]:
        return None
    return np.moveaxis(np.asarray(arrays["half"][found[0]][measured], dtype=np.float64), 1, 0)


def attention_tables(
    predictions: Sequence[File], relaxation: File, mean: bool = True, labels: Sequence[File] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """P(L) and the attention length <L> of every state point and network ensemble.

    Parameters
    ----------
    predictions
        Files with ``attention`` ``[k, network, M]`` and attribute ``names``.
    relaxation
        ``relaxation.json``.
    mean
        See :func:`tglassmlp.observables.attention_length.attention_distribution`.
    labels
        Label files: measured times, where there are any.

    Returns
    -------
    distributions
        ``length, value, error (spread over networks), n_networks`` per state point and length.
    lengths
        ``value, spread, error, n_networks`` per state point.
    """
    times = Times(relaxation, labels)
    curves: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    for path in predictions:
        _, t_min, temperature = _place(path)
        arrays = read_arrays(path, ["c_b", "attention", "converged"])
        names = [str(n) for n in read_attributes(path)["names"]]
        converged = np.asarray(arrays["converged"], dtype=bool)
        fields = Fields(
            "tglassmlp", t_min, temperature, arrays["c_b"], arrays["attention"], converged=converged
        )
        lengths, distribution = attention.attention_distribution(arrays["attention"], names, mean)
        average = attention.attention_length(lengths, distribution)
        for k, c_b in enumerate(arrays["c_b"]):
            usable = fields.usable(k)
            row = _row(fields, c_b, times)
            left_out = {"n_unconverged": fields.unconverged(k)}
            rows.append(row | _over_networks(list(average[k][usable]), [np.nan] * usable.size) | left_out)
            unknown = np.full(lengths.size, np.nan)
            here = distribution[k][usable]
            curves.append(
                pd.DataFrame(
                    {
                        **row,
                        "length": lengths,
                        "value": here.mean(axis=0) if usable.size else unknown,
                        "error": here.std(axis=0, ddof=1) if usable.size > 1 else unknown,
                        "n_networks": usable.size,
                        **left_out,
                    }
                )
            )
    if not rows:
        raise ValueError(f"no state point is predicted in {', '.join(map(str, predictions))}")
    return pd.concat(curves, ignore_index=True), pd.DataFrame(rows)


def bottleneck_tables(
    labels: Sequence[File],
    predictions: Sequence[File],
    relaxation: File,
    test: Sequence[int],
    n_particles: int = 1500,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bottleneck values of a sample of test particles, with their propensity, and the groups' separation.

    Parameters
    ----------
    labels, predictions, relaxation, test
        As :func:`pearson_table`; predictions of one t_min.
    n_particles
        Size of the sample, the same particles at every C_B of a temperature.
    seed
        The run's seed.

    Returns
    -------
    points
        ``unit1``, ``unit2``, ... of every bottleneck unit, ``propensity, source`` (``md`` or ``predicted``),
        ``structure, particle``; without the state points at which the mean correction of the network shown
        (the first) has not converged. With more than two units also ``axis1, axis2``, their first two
        principal axes over all points of the table, and ``share1, share2``, their parts of the variance.
    separations
        Separation of the most active and most arrested fifth, from all test particles, where there are
        measured propensities (a network's own would always separate well); its error is that of the mean of
        single structures.
    """
    times = Times(relaxation, labels)
    truth = {_place(p)[2]: read_fields(p)[0] for p in labels}
    points: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    units = ["unit1", "unit2"]
    for path in predictions:
        fields = read_fields(path)[0]
        values = read_arrays(path, ["bottleneck"])["bottleneck"]
        units = [f"unit{u + 1}" for u in range(values.shape[-1])]
        chosen = present(test, values.shape[1])
        rng = generator(seed, "bottleneck", fields.temperature, 0.5)
        drawn = bottle.sample(len(chosen), values.shape[2], n_particles, rng)
        structure, particle = np.divmod(drawn, values.shape[2])
        for k, c_b in enumerate(fields.c_b):
            md = truth[fields.temperature].at(c_b) if fields.temperature in truth else None
            usable = fields.usable(k)
            field = fields.values[k][usable].mean(axis=0) if md is None and usable.size else None
            field = field if md is None else md[0]
            if field is None or 0 not in usable:  # the bottleneck is that of the first network
                row = _row(fields, c_b, times) | {"source": "md" if md is not None else "predicted"}
                rows.append(row | {"converged": False, "separation": np.nan, "error": np.nan, "n": 0})
                continue
            source = "predicted" if md is None else "md"
            both = np.asarray(values[k][chosen], dtype=np.float64).reshape(-1, len(units))
            propensity = np.asarray(field[chosen], dtype=np.float64).ravel()
            row = _row(fields, c_b, times) | {"source": source}
            each = [
                bottle.separation(np.asarray(b, dtype=np.float64), np.asarray(c, dtype=np.float64))
                for b, c in zip(values[k][chosen], field[chosen], strict=True)
                if md is not None
            ]
            separation = float("nan") if md is None else bottle.separation(both, propensity)
            error = float(np.std(each, ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")
            rows.append(
                row | {"converged": True, "separation": separation, "error": error, "n": propensity.size}
            )
            points.append(
                pd.DataFrame(
                    {
                        **row,
                        **{name: both[drawn, u] for u, name in enumerate(units)},
                        "propensity": propensity[drawn],
                        "structure": np.array(chosen)[structure],
                        "particle": particle,
                    }
                )
            )
    if not rows:
        raise ValueError(f"no state point is predicted in {', '.join(map(str, predictions))}")
    columns = [*_STATE, "source", *units, "propensity", "structure", "particle"]
    every = pd.concat(points, ignore_index=True) if points else pd.DataFrame(columns=columns)
    if points and len(units) > 2:
        axes, shares = bottle.principal_axes(every[units].to_numpy(float))
        every = every.assign(axis1=axes[:, 0], axis2=axes[:, 1], share1=shares[0], share2=shares[1])
    return every, pd.DataFrame(rows)


def length_scale_table(
    correlation_lengths: pd.DataFrame,
    chord_lengths: pd.DataFrame,
    attention_lengths: pd.DataFrame,
    threshold: float = 0.5,
) -> pd.DataFrame:
    """All length scales at the C_B of the grid nearest to the relaxation time, for one look.

    Chord lengths are those of the unit systems, which dynamics exists for at several temperatures.

    Returns
    -------
    DataFrame
        ``quantity`` (``xi_4``, ``chord``, ``chord_without_noise``, ``attention``), ``method, t_min,
        temperature, c_b, value, error``.
    """
    parts = []
    xi = near_c_b(correlation_lengths[correlation_lengths["form"] == "ornstein-zernike"], threshold)
    xi = xi[xi["determined"].astype(bool)].assign(value=lambda t: t["xi"], error=lambda t: t["xi_error"])
    chord = near_c_b(chord_lengths[chord_lengths["ensemble"] == "unit"], threshold)
    clean = chord[np.isfinite(chord["value_without_noise"].astype(float))]
    clean = clean.assign(value=clean["value_without_noise"], error=clean["error_without_noise"])
    chosen = {
        "xi_4": xi,
        "chord": chord,
        "chord_without_noise": clean,
        "attention": near_c_b(attention_lengths, threshold),
    }
    columns = ["method", "t_min", "temperature", "c_b", "value", "error"]
    for quantity, rows in chosen.items():
        if len(rows):
            parts.append(rows[columns].assign(quantity=quantity))
    if not parts:
        return pd.DataFrame(columns=["quantity", "method", "t_min", "temperature", "c_b", "value", "error"])
    table = pd.concat(parts, ignore_index=True)
    return table[["quantity", "method", "t_min", "temperature", "c_b", "value", "error"]]


def snapshot_arrays(
    structure_files: Sequence[File],
    field_files: Mapping[str, File],
    structure: int,
    c_b: Sequence[float] | None,
    central_species: int = 1,
) -> dict[str, Any]:
    """Gather one configuration and its propensity fields, for snapshots.

    Parameters
    ----------
    structure_files
        Thermal configurations, chunks in order.
    field_files
        Panel name -> label, prediction or baseline file; a name ``<title>@<method>`` picks a method of a
        baseline file.
    structure
        Number of the structure.
    c_b
        Wanted values; those that a file lacks are left out; all by default.
    central_species
        Species that the fields belong to.

    Returns
    -------
    dict
        ``positions [N, 2]`` (wrapped), ``species [N]``, ``box_length``, ``central [n]`` indices and
        ``fields``: title -> (c_b ``[k]``, propensity ``[k, n]``, mean over converged networks).

    Raises
    ------
    ValueError
        If the structure is not in the files.
    """
    number = structure
    for path in structure_files:
        configurations = read_configurations(path)
        if number < len(configurations):
            configuration = configurations[number]
            break
        number -= len(configurations)
    else:
        raise ValueError(f"structure {structure} is not in {', '.join(map(str, structure_files))}")
    fields: dict[str, tuple[NDArray, NDArray]] = {}
    for name, path in field_files.items():
        title, _, method = name.partition("@")
        for found in read_fields(path):
            if (method and found.method != method) or structure >= found.values.shape[2]:
                continue
            keep = [k for k, c in enumerate(found.c_b) if c_b is None or any(_same(c, w) for w in c_b)]
            means = []
            for k in keep:
                usable = found.usable(k)  # if none has converged all are shown, with their mean in the title
                chosen = usable if usable.size else np.arange(found.values.shape[1])
                means.append(np.asarray(found.values[k, chosen, structure], dtype=np.float64).mean(axis=0))
            values = np.array(means)
            if keep and np.isfinite(values).all():
                fields[title] = (found.c_b[keep], values)
            break
    return {
        "positions": wrap(configuration.positions, configuration.box_length),
        "species": configuration.species,
        "box_length": configuration.box_length,
        "central": configuration.of_species(central_species),
        "fields": fields,
    }


def snapshots(
    methods: Mapping[str, Any], evolution: Mapping[str, Any], relaxation: File, central_species: int = 1
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Gather everything that the snapshots and the movie show.

    Parameters
    ----------
    methods
        ``structure_files, field_files, structure, ensemble, temperature, c_b``: one state point, several
        methods (:func:`snapshot_arrays`). Of the wanted C_B, the first one that all files with dynamics hold
        is shown: a list from the most to the least wanted.
    evolution
        The same with one field file and every C_B.
    relaxation
        ``relaxation.json``, for times.

    Returns
    -------
    arrays, attributes
        For :func:`tglassmlp.storage.write_arrays`.
    """
    times = Times(relaxation)
    arrays: dict[str, Array] = {}
    attributes: dict[str, Any] = {}
    for group, wanted in (("methods", methods), ("evolution", evolution)):
        found = snapshot_arrays(
            wanted["structure_files"], wanted["field_files"], wanted["structure"], None, central_species
        )
        fields = found["fields"]
        titles: list[str] = []
        if group == "methods":
            md = [c for title, (c, _) in fields.items() if title == "MD"]
            c_b = next(
                (c for c in wanted["c_b"] if all(any(_same(c, x) for x in known) for known in md)),
                float(np.min(md[0])) if md else float(wanted["c_b"][0]),
            )
            stack = []
            for title, (known, values) in fields.items():
                for x, value in zip(known, values, strict=True):
                    if _same(x, c_b):
                        titles.append(title)
                        stack.append(value)
            values = np.array(stack)
        else:
            if not fields:
                raise ValueError(f"nothing is predicted at T = {wanted['temperature']}: no snapshots to show")
            known, values = next(iter(fields.values()))
            c_b = float("nan")
            moments = [times.columns(wanted["temperature"], float(c))["time"] for c in known]
            arrays["evolution_c_b"] = Array(known, ("state",), "1", "requested mean propensity")
            arrays["evolution_time"] = Array(np.array(moments), ("state",), "LJ times", "by superposition")
        arrays[f"{group}_positions"] = Array(found["positions"], ("particle", "axis"), "sigma_11", "thermal")
        arrays[f"{group}_species"] = Array(found["species"], ("particle",))
        arrays[f"{group}_central"] = Array(found["central"], ("central",), "1", "indices of particles")
        arrays[f"{group}_fields"] = Array(
            values.reshape(-1, found["central"].size), ("panel", "central"), "1", "propensity"
        )
        attributes[group] = {
            "temperature": float(wanted["temperature"]),
            "ensemble": wanted["ensemble"],
            "structure": int(wanted["structure"]),
            "box_length": float(found["box_length"]),
        } | ({"c_b": c_b, "titles": titles} if group == "methods" else {})
    return arrays, attributes


def equilibration_table(records: Sequence[File]) -> pd.DataFrame:
    """Energy and overlap against sweeps of every start, mean and standard error over structures.

    Parameters
    ----------
    records
        Equilibration records ``.../T<temperature>/chunk<k>.parquet``, of unit systems and (start ``tiled``,
        ``overlap`` that of neighbouring tiles) of large ones.
    """
    parts = []
    for path in records:
        table = read_table(path, ["structure", "start", "sweep", "energy", "overlap"])
        match = re.fullmatch(r"T(\d+\.\d+)", Path(path).parent.name)
        if match is None:
            raise ValueError(f"{path}: expected a file in a folder named T<temperature>")
        parts.append(table.assign(temperature=float(match[1])))
    every = pd.concat(parts, ignore_index=True)
    grouped = every.groupby(["temperature", "start", "sweep"], as_index=False)
    found = grouped.agg(
        energy=("energy", "mean"),
        error=("energy", "sem"),
        overlap=("overlap", "mean"),
        overlap_error=("overlap", "sem"),
        n_structures=("energy", "size"),
    )
    return found.reset_index(drop=True)
