"""What a run says about trends with temperature and about the agreement of networks with dynamics.

From the files of a run to two small tables. All C_B enter together, every network on its own, and methods
that share structures are compared on the same ones; the estimators are those of
:mod:`tglassmlp.observables.trends`, and ``docs/statistics.md`` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.observables import attention_length as attention
from tglassmlp.observables import bottleneck as bottle
from tglassmlp.observables import tables
from tglassmlp.observables.bootstrap import generator, jackknife_error
from tglassmlp.observables.chord_length import Lattice, chord_length_without_noise, chord_sums, site_moments
from tglassmlp.observables.pearson import correlation_of_sums, pearson_sums
from tglassmlp.observables.structure_factor import Shells, structure_factor_fft
from tglassmlp.observables.tables import Fields, File, present, read_fields
from tglassmlp.observables.trends import (
    Estimate,
    Series,
    average,
    estimate,
    groups,
    kinked,
    length_exponents,
    mean_of,
)
from tglassmlp.storage import read_arrays, read_attributes

__all__ = ["Unit", "agreement_table", "network_separations", "separation_table", "trend_table"]

TREND_COLUMNS = [
    "quantity", "method", "t_min", "range", "network", "exponent", "error", "error_structures", "spread",
    "n_networks", "n_c_b", "temperatures",
]  # fmt: skip
AGREEMENT_COLUMNS = [
    "quantity", "t_min", "temperature", "value", "error", "error_structures", "spread", "n_networks", "n_c_b",
]  # fmt: skip
#: Groups of modes that the jackknife of lengths deletes.
MODE_GROUPS = 8

#: Values of one temperature ``[C, networks]``, without each group ``[groups, C, networks]``, and C_B.
Values = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _temperature_of(path: File) -> float:
    """Temperature of a file of a chunk, from its folder ``T<temperature>``."""
    return float(Path(path).parent.name[1:])


def _series(found: Mapping[float, Values]) -> Series | None:
    """Put temperatures together, from high to low, on the union of their C_B."""
    usable = {t: v for t, v in found.items() if v[0].shape[1] and np.isfinite(v[0]).any()}
    if not usable:
        return None
    temperatures = sorted(usable, reverse=True)
    c_b = np.array(sorted({round(float(c), 9) for v in usable.values() for c in v[2]}, reverse=True))
    networks = max(v[0].shape[1] for v in usable.values())
    value = np.full((len(temperatures), c_b.size, networks), np.nan)
    without = []
    for k, t in enumerate(temperatures):
        mine, left, at = usable[t]
        place = [int(np.flatnonzero(np.abs(c_b - c) < 1e-8)[0]) for c in at]
        value[k, place] = mine
        all_left = np.full((len(left), c_b.size, networks), np.nan)
        all_left[:, place] = left
        without.append(all_left)
    return Series(np.array(temperatures), c_b, value, without)


def _trend_rows(quantity: str, method: str, t_min: str, series: Series | None) -> list[dict[str, Any]]:
    """Exponents over all temperatures, and above and below the kink where there are enough."""
    if series is None or len(series.temperatures) < 2:
        return []
    plain = -np.log(series.temperatures)[:, None]
    wanted: list[tuple[str, Estimate]] = [("all", estimate(series, plain, [1.0]))]
    broken = kinked(series.temperatures)
    if broken is not None:
        for name, of in (("above", [1.0, 0.0]), ("below", [0.0, 1.0]), ("slowing", [1.0, -1.0])):
            wanted.append((name, estimate(series, broken, of)))
    head = {"quantity": quantity, "method": method, "t_min": t_min}
    return [
        row
        for name, found in wanted
        for row in _rows(head | {"range": name}, found, series.c_b.size, series.temperatures)
    ]


def _rows(
    head: Mapping[str, Any], found: Estimate, n_c_b: int, temperatures: Sequence[float] | NDArray
) -> list[dict[str, Any]]:
    """One row for the mean over networks (``network`` -1), and one for each network."""
    tail = {"n_c_b": n_c_b, "temperatures": " ".join(f"{t:g}" for t in temperatures)}
    mean = {
        "network": -1, "exponent": found.value, "error": found.error, "error_structures": found.structures,
        "spread": found.spread, "n_networks": int(np.isfinite(found.each).sum()),
    }  # fmt: skip
    nan = float("nan")
    rest = {"error": nan, "error_structures": nan, "spread": nan, "n_networks": 1}
    each = [{"network": k, "exponent": float(v), **rest} for k, v in enumerate(found.each)]
    return [{**head, **row, **tail} for row in (mean, *each)]


def _jackknifed(
    of: Callable[[NDArray[np.intp]], NDArray[np.float64]], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Value from all of ``n`` structures, and without each group of them."""
    every = np.arange(n)
    whole = of(every)
    left = [of(np.setdiff1d(every, g)) for g in groups(n)]
    return whole, np.array(left) if left else np.empty((0, *whole.shape))


def _masked(fields: Fields, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN for networks that miss C_B, in ``[..., C, networks]``."""
    if fields.converged is None:
        return value
    return np.where(fields.converged, value, np.nan)


def _variances(first: NDArray, second: NDArray, particles: int) -> Callable[[NDArray], NDArray[np.float64]]:
    """N_1 times the covariance over structures of two sets of structure means ``[..., structures]``."""

    def of(kept: NDArray[np.intp]) -> NDArray[np.float64]:
        a, b = (x[..., kept] - x[..., kept].mean(axis=-1, keepdims=True) for x in (first, second))
        nothing = np.full(first.shape[:-1], np.nan)
        return particles * (a * b).sum(axis=-1) / (kept.size - 1) if kept.size > 1 else nothing

    return of


def _structure_means(values: NDArray, chosen: Sequence[int]) -> NDArray[np.float64]:
    return np.asarray(values[..., list(chosen), :].mean(axis=-1, dtype=np.float64))


def _halves(path: File, chosen: Sequence[int]) -> NDArray[np.float64]:
    """Propensities of two halves of the replicas, ``[2, C, structures, particles]``."""
    half = read_arrays(path, ["half"])["half"][:, list(chosen)]
    return np.moveaxis(np.asarray(half, dtype=np.float64), 2, 0)


class Unit:
    """Files of the unit systems by temperature, and the structures used.

    Parameters
    ----------
    labels, predictions, descriptors
        Files; predictions of all T_min.
    test
        Numbers of the test structures.
    """

    def __init__(
        self, labels: Sequence[File], predictions: Sequence[File], descriptors: Sequence[File],
        test: Sequence[int],
    ) -> None:  # fmt: skip
        self.labels = {tables._place(p)[2]: p for p in labels}
        self.predictions: dict[str, dict[float, File]] = {}
        for path in predictions:
            _, t_min, temperature = tables._place(path)
            self.predictions.setdefault(t_min, {})[temperature] = path
        self.test = list(test)
        self._descriptors = list(descriptors)
        self._lattices: dict[float, list[Lattice]] = {}

    def lattices(self, temperature: float, spacing: float) -> list[Lattice]:
        """Lattices of the test structures of one temperature."""
        if temperature not in self._lattices:
            mine = [p for p in self._descriptors if abs(_temperature_of(p) - temperature) < 1e-9]
            positions, box = tables._positions(mine)[temperature]
            self._lattices[temperature] = [
                Lattice(positions[s], box, spacing) for s in present(self.test, len(positions))
            ]
        return self._lattices[temperature]


def _susceptibilities(fields: Fields, chosen: Sequence[int]) -> Values:
    means = _structure_means(fields.values, chosen)
    whole, left = _jackknifed(_variances(means, means, fields.values.shape[-1]), len(chosen))
    return _masked(fields, whole), _masked(fields, left), fields.c_b


def _susceptibilities_of_dynamics(path: File, test: Sequence[int]) -> Values:
    """chi_4 without the noise of the replicas, from the covariance of their two halves."""
    fields = read_fields(path)[0]
    chosen = present(test, fields.values.shape[2])
    a, b = _halves(path, chosen).mean(axis=-1)[:, :, None]
    whole, left = _jackknifed(_variances(a, b, fields.values.shape[-1]), len(chosen))
    return whole, left, fields.c_b


def _relative_correlations(path: File, fields: Fields, test: Sequence[int]) -> Values:
    """Pearson correlation over the ceiling of the same replicas and structures."""
    md = read_fields(path)[0]
    c_b = [c for c in fields.c_b if md.at(c) is not None]
    chosen = present(test, md.values.shape[2])
    halves = _halves(path, chosen)
    rows = []
    for c in c_b:
        k, j = fields.index(c), md.index(c)
        truth = md.values[j, 0][chosen]
        model = [pearson_sums(field[chosen], truth) for field in fields.values[k]]
        rows.append([pearson_sums(*halves[:, j]), *model])
    sums = np.array(rows)  # [C, 1 + networks, structures, 6]

    def of(kept: NDArray[np.intp]) -> NDArray[np.float64]:
        r = correlation_of_sums(sums[:, :, kept].sum(axis=2))
        with np.errstate(invalid="ignore"):
            ceiling = np.sqrt(2 * r[:, :1] / (1 + r[:, :1]))
        return np.asarray(r[:, 1:] / ceiling)

    whole, left = _jackknifed(of, len(chosen))
    keep = _places(fields, c_b)
    masked = [np.where(_good(fields)[keep], v, np.nan) for v in (whole, left)]
    return masked[0], masked[1], np.array(c_b)


def _places(fields: Fields, c_b: Sequence[float]) -> list[int]:
    """Places of C_B values that a file has."""
    return [k for k in (fields.index(c) for c in c_b) if k is not None]


def _good(fields: Fields) -> NDArray[np.bool_]:
    """Networks that reach C_B, ``[C, networks]``."""
    if fields.converged is None:
        return np.ones(fields.values.shape[:2], dtype=bool)
    return fields.converged


def _ratio(sums: NDArray) -> NDArray[np.float64]:
    """Mean chord length of :func:`chord_sums` ``[..., structures, 3]``."""
    total = sums.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total[..., 0] / total[..., 1])


def _chord_sums(fields: NDArray, sites: list[Lattice], share: float) -> NDArray[np.float64]:
    """Sum chords of every field of ``[..., structures, particles]``, ``[..., structures, 3]``."""
    flat = fields.reshape(-1, *fields.shape[-2:])
    found = [chord_sums(np.asarray(f, dtype=np.float64), sites, share) for f in flat]
    return np.array(found).reshape(*fields.shape[:-2], len(sites), 3)


def _chords(fields: Fields, sites: list[Lattice], chosen: Sequence[int], share: float) -> Values:
    sums = _chord_sums(fields.values[:, :, list(chosen)], sites, share)
    whole, left = _jackknifed(lambda kept: _ratio(sums[:, :, kept]), len(chosen))
    return _masked(fields, whole), _masked(fields, left), fields.c_b


def _attention(path: File, per_length_mean: bool) -> Values:
    arrays = read_arrays(path, ["c_b", "attention", "converged"])
    names = [str(n) for n in read_attributes(path)["names"]]
    lengths, distribution = attention.attention_distribution(arrays["attention"], names, per_length_mean)
    found = np.where(arrays["converged"], attention.attention_length(lengths, distribution), np.nan)
    return found, np.empty((0, *found.shape)), np.asarray(arrays["c_b"], dtype=np.float64)


def separations(
    label: File, prediction: File, bottlenecks: Callable[[NDArray], NDArray], test: Sequence[int]
) -> Values:
    """Separation of active and arrested particles in the bottleneck of every network.

    Parameters
    ----------
    label, prediction
        Files of one temperature.
    bottlenecks
        ``c_b_input [networks]`` -> ``[networks, test structures, particles, units]``.
    test
        Numbers of the test structures.
    """
    md, fields = read_fields(label)[0], read_fields(prediction)[0]
    entered = read_arrays(prediction, ["c_b_input"])["c_b_input"]
    chosen = present(test, md.values.shape[2])
    c_b = [c for c in fields.c_b if md.at(c) is not None]
    every = np.arange(len(chosen))
    parts = [every, *(np.setdiff1d(every, g) for g in groups(every.size, 8))]
    found = np.full((len(parts), len(c_b), fields.values.shape[1]), np.nan)
    for i, c in enumerate(c_b):
        k = fields.index(c)
        assert k is not None
        truth = np.asarray(md.values[md.index(c), 0][chosen], dtype=np.float64)
        units = np.asarray(bottlenecks(entered[k]), dtype=np.float64)
        for n in fields.usable(k):
            for g, kept in enumerate(parts):
                plane = units[n][kept].reshape(-1, units.shape[-1])
                found[g, i, n] = bottle.separation(plane, truth[kept].ravel())
    return found[0], found[1:], np.array(c_b)


def _length_rows(
    quantity: str, t_min: str, data: Mapping[str, Any], cubic: bool, temperatures: Sequence[float]
) -> list[dict[str, Any]]:
    """Exponents of xi_4 or A from all structure factors together."""
    if len(temperatures) < 2:
        return []
    t = np.array(temperatures)
    cases: list[tuple[dict[str, list[float]], NDArray]] = [({"all": [1.0]}, -np.log(t)[:, None])]
    broken = kinked(t)
    if broken is not None:
        cases.append(({"above": [1.0, 0.0], "below": [0.0, 1.0], "slowing": [1.0, -1.0]}, broken))
    rows = []
    for names, columns in cases:

        def fit(s4: NDArray, modes: NDArray, columns: NDArray = columns) -> NDArray[np.float64]:
            seen = modes > 0
            return length_exponents(
                data["q"][seen], s4[..., seen], modes[seen], columns, data["box_length"], cubic
            )

        every = np.array([fit(s4, data["modes"]) for s4 in data["networks"]])
        whole = fit(data["mean"], data["modes"])
        left = np.array([fit(s4, m) for s4, m in zip(data["without"], data["modes_without"], strict=True)])
        for name, of in names.items():
            error = jackknife_error(left @ np.array(of))
            # what is lost with a few modes is not determined by all of them
            each = every @ np.array(of) + (0.0 if np.isfinite(error) else np.nan)
            spread = float(np.nanstd(each, ddof=1)) if np.isfinite(each).sum() > 1 else float("nan")
            value = float(whole @ np.array(of)) if np.isfinite(error) else float("nan")
            found = Estimate(value, error, spread, each)
            head = {"quantity": quantity, "method": "tglassmlp", "t_min": t_min, "range": name}
            rows += _rows(head, found, data["mean"].shape[1], temperatures)
    return rows


def _factors(
    predictions: Mapping[float, File], descriptors: Sequence[File], q_max: float, tiles: int, seed: int
) -> tuple[dict[str, Any], list[float]] | None:
    """S_4 of all state points of one T_min: of each network, of their mean, and without groups of modes.

    ``networks [networks, T, C, shells]``, ``mean [T, C, shells]``, ``without [groups, T, C, shells]``.
    None if the boxes hold no wave vector in the range.
    """
    where = tables._positions(descriptors)
    temperatures = sorted(predictions, reverse=True)
    first = read_fields(predictions[temperatures[0]])[0]
    reached = {round(float(c), 9) for t in temperatures for c in read_arrays(predictions[t], ["c_b"])["c_b"]}
    c_b = np.array(sorted(reached, reverse=True))
    box = where[temperatures[0]][1]
    shells = Shells(box, q_max)
    vectors = shells.vectors()
    used = ~shells.on_tiles(tiles) & (2 * np.pi / box * np.hypot(*vectors.T) < q_max)
    if not used.any():
        return None
    square, shell = np.unique((vectors[used] ** 2).sum(axis=1), return_inverse=True)
    systems = first.values.shape[2]
    # the same modes of the same systems at all temperatures form a group
    rng = generator(seed, "structure_factor", temperatures[0], 0.5)
    number = systems * int(used.sum())
    group = rng.permutation(np.arange(number) % min(MODE_GROUPS, number)).reshape(systems, -1)
    n_groups = int(group.max()) + 1
    networks = first.values.shape[1]
    shape = (len(temperatures), c_b.size, square.size)
    every = np.full((networks, *shape), np.nan)
    mean = np.full(shape, np.nan)
    without = np.full((n_groups, *shape), np.nan)
    count = np.zeros((n_groups, square.size))
    for g in range(n_groups):
        for s in range(systems):
            count[g] += np.bincount(shell[group[s] == g], minlength=square.size)
    for k, t in enumerate(temperatures):
        fields = read_fields(predictions[t])[0]
        positions = where[t][0]
        values = np.asarray(fields.values, dtype=np.float64)
        values = values - values.mean(axis=(2, 3), keepdims=True)
        total = np.zeros((n_groups, *values.shape[:2], square.size))
        for s in range(systems):
            flat = values[:, :, s].reshape(-1, values.shape[-1])
            power = structure_factor_fft(flat, positions[s], shells)[:, used].reshape(*values.shape[:2], -1)
            for g in range(n_groups):
                mine = group[s] == g
                member = np.zeros((int(mine.sum()), square.size))
                member[np.arange(len(member)), shell[mine]] = 1
                total[g] += power[..., mine] @ member
        good = _good(fields)
        for i, c in enumerate(fields.c_b):
            j = int(np.flatnonzero(np.abs(c_b - c) < 1e-8)[0])
            if not good[i].any():
                continue
            whole = total[:, i].sum(axis=0) / count.sum(axis=0)
            every[good[i], k, j] = whole[good[i]]
            mean[k, j] = whole[good[i]].mean(axis=0)
            rest = total[:, i].sum(axis=0) - total[:, i]  # [groups, networks, shells]
            modes = count.sum(axis=0) - count
            with np.errstate(invalid="ignore", divide="ignore"):
                without[:, k, j] = np.where(
                    modes > 0, rest[:, good[i]].mean(axis=1) / np.maximum(modes, 1), 0.0
                )
    q = 2 * np.pi / box * np.sqrt(square)
    modes = count.sum(axis=0)
    data = {
        "q": q, "modes": modes, "modes_without": modes - count, "networks": every, "mean": mean,
        "without": without, "box_length": box,
    }  # fmt: skip
    return data, temperatures


def network_separations(
    unit: Unit, bottlenecks: Mapping[float, Callable[[NDArray], NDArray]], t_min: str
) -> dict[float, Values]:
    """Separations in the bottlenecks of all networks of one T_min, at the temperatures with dynamics.

    ``bottlenecks``: temperature -> function of :func:`separations`.
    """
    return {
        t: separations(unit.labels[t], path, bottlenecks[t], unit.test)
        for t, path in unit.predictions[t_min].items()
        if t in unit.labels and t in bottlenecks
    }


def separation_table(separated: Mapping[float, Values], t_min: str) -> pd.DataFrame:
    """One row for each state point and network: ``temperature, c_b, network, separation``."""
    rows = [
        (t_min, t, float(c), n, float(value[k, n]))
        for t, (value, _, c_b) in separated.items()
        for k, c in enumerate(c_b)
        for n in range(value.shape[1])
    ]
    return pd.DataFrame(rows, columns=["t_min", "temperature", "c_b", "network", "separation"])


def trend_table(
    unit: Unit,
    large_predictions: Sequence[File],
    large_descriptors: Sequence[File],
    separated: Mapping[float, Values],
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
        :func:`network_separations` of the main T_min.
    main
        The main T_min.
    spacing, mobile_share, per_length_mean, fit_q_max, tiles
        As in :mod:`tglassmlp.observables.tables`.
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
    chi: dict[float, Values] = {}
    pearson: dict[float, Values] = {}
    chords: dict[float, Values] = {}
    weights: dict[float, Values] = {}
    for t, path in unit.predictions[main].items():
        fields = read_fields(path)[0]
        chosen = present(unit.test, fields.values.shape[2])
        chi[t] = _susceptibilities(fields, chosen)
        chords[t] = _chords(fields, unit.lattices(t, spacing), chosen, mobile_share)
        weights[t] = _attention(path, per_length_mean)
        if t in unit.labels:
            pearson[t] = _relative_correlations(unit.labels[t], fields, unit.test)
    found = {
        "chi4": chi, "pearson": pearson, "chord_length": chords, "attention_length": weights,
        "bottleneck_separation": dict(separated),
    }  # fmt: skip
    rows = [r for name, of in found.items() for r in _trend_rows(name, "tglassmlp", main, _series(of))]
    dynamics = {t: _susceptibilities_of_dynamics(path, unit.test) for t, path in unit.labels.items()}
    rows += _trend_rows("chi4", "md", "", _series(dynamics))
    mine = {t: p for p in large_predictions for _, m, t in [tables._place(p)] if m == main}
    factors = _factors(mine, large_descriptors, fit_q_max, tiles, seed) if mine else None
    if factors is not None:
        data, temperatures = factors
        rows += _length_rows("xi4", main, data, False, temperatures)
        rows += _length_rows("a", main, data, True, temperatures)
    return pd.DataFrame(rows, columns=TREND_COLUMNS)


def agreement_table(
    unit: Unit, spacing: float = 1.5, mobile_share: float = 0.5, replica_noise: bool = True
) -> pd.DataFrame:
    """Compare networks with dynamics on the same test structures: chi_4 and chord lengths.

    Returns
    -------
    pandas.DataFrame
        One row for each ``quantity``, ``t_min`` and ``temperature``, and one for the mean (temperature NaN).

        ``chi4_log_ratio``: logarithm of predicted over measured chi_4, each summed over all common C_B;
        measured without the noise of the replicas.

        ``chord_difference``: mean chord length of dynamics less predicted, mean over all common C_B, as both
        are; ``..._with_noise``: noise of the same replicas laid over the prediction, scaled to the ratio of
        noise to signal that dynamics has; ``..._without_noise``: that noise removed from dynamics
        (:func:`~tglassmlp.observables.chord_length.chord_length_without_noise`).
    """
    rows: list[dict[str, Any]] = []
    for t_min, files in unit.predictions.items():
        found: dict[str, dict[float, tuple[NDArray, NDArray, int]]] = {}
        for t in sorted(files.keys() & unit.labels.keys(), reverse=True):
            fields = read_fields(files[t])[0]
            md = read_fields(unit.labels[t])[0]
            common = [c for c in fields.c_b if md.at(c) is not None]
            chosen = present(unit.test, md.values.shape[2])
            places, at = _places(fields, common), _places(md, common)
            good = _good(fields)[places]
            if not common or not good.any() or len(chosen) < 2:
                continue
            values = fields.values[places][:, :, chosen]
            halves = _halves(unit.labels[t], chosen)[:, at]
            found.setdefault("chi4_log_ratio", {})[t] = _chi_ratio(values, halves, good)
            sites = unit.lattices(t, spacing)
            for name, of in _chord_differences(
                values, md.values[at, 0][:, chosen], halves, good, sites, mobile_share, replica_noise
            ).items():
                found.setdefault(name, {})[t] = of
        for quantity, by in found.items():
            head = {"quantity": quantity, "t_min": t_min}
            series = [
                Series(np.array([t]), np.zeros(1), whole[None, None], [left[:, None]])
                for t, (whole, left, _) in by.items()
            ]
            for (t, (whole, _, n)), one in zip(by.items(), series, strict=True):
                rows.append(head | _agreement(t, mean_of(one), n, whole))
            networks = min(whole.size for whole, _, _ in by.values())
            usable = [s for s in series if s.value.shape[-1] == networks and np.isfinite(s.value).any()]
            if usable:
                together = Series(
                    np.concatenate([s.temperatures for s in usable]), np.zeros(1),
                    np.concatenate([s.value for s in usable]), [s.without[0] for s in usable],
                )  # fmt: skip
                n = sum(by[float(s.temperatures[0])][2] for s in usable)
                rows.append(head | _agreement(float("nan"), mean_of(together), n, together.value[0, 0]))
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def _agreement(temperature: float, found: Estimate, n_c_b: int, each: NDArray) -> dict[str, Any]:
    return {
        "temperature": temperature, "value": found.value, "error": found.error,
        "error_structures": found.structures, "spread": found.spread,
        "n_networks": int(np.isfinite(each).sum()), "n_c_b": n_c_b,
    }  # fmt: skip


def _chi_ratio(values: NDArray, halves: NDArray, good: NDArray) -> tuple[NDArray, NDArray, int]:
    """Logarithm of predicted over measured chi_4 ``[networks]``, without groups, and number of C_B."""
    particles, n = values.shape[-1], values.shape[2]
    model = values.mean(axis=-1, dtype=np.float64)
    a, b = halves.mean(axis=-1)[:, :, None]
    ours, theirs = _variances(model, model, particles), _variances(a, b, particles)

    def of(kept: NDArray[np.intp]) -> NDArray[np.float64]:
        predicted = np.where(good, ours(kept), 0.0).sum(axis=0)
        measured = np.where(good, theirs(kept), 0.0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where((predicted > 0) & (measured > 0), predicted / measured, np.nan)
            return np.asarray(np.log(ratio))

    whole, left = _jackknifed(of, n)
    return whole, left, len(values)


def _chord_differences(
    values: NDArray, truth: NDArray, halves: NDArray, good: NDArray, sites: list[Lattice], share: float,
    replica_noise: bool,
) -> dict[str, tuple[NDArray, NDArray, int]]:  # fmt: skip
    """Chord lengths of dynamics less predicted ones, three ways: ``[networks]``, without groups, and C_B."""
    n_c, _, n, _ = values.shape
    measured = _chord_sums(truth[:, None], sites, share)  # [C, 1, structures, 3]
    plain = _chord_sums(values, sites, share)

    def mean(difference: NDArray) -> NDArray[np.float64]:
        return average(np.where(good, difference, np.nan), 0)

    out = {
        "chord_difference": _jackknifed(
            lambda kept: mean(_ratio(measured[:, :, kept]) - _ratio(plain[:, :, kept])), n
        )
    }
    if replica_noise:
        noisy = np.zeros((2, *plain.shape))
        for c in range(n_c):
            noise = 0.5 * (halves[0, c] - halves[1, c])
            signal = float(np.cov(halves[0, c].ravel(), halves[1, c].ravel())[0, 1])
            for k, field in enumerate(values[c]):
                field = np.asarray(field, dtype=np.float64)
                scale = np.sqrt(field.var() / signal) if signal > 0 else 1.0
                for s, sign in enumerate((1.0, -1.0)):
                    noisy[s, c, k] = chord_sums(field + sign * scale * noise, sites, share)
        laid = noisy.sum(axis=0)
        out["chord_difference_with_noise"] = _jackknifed(
            lambda kept: mean(_ratio(measured[:, :, kept]) - _ratio(laid[:, :, kept])), n
        )
        moments = np.array([site_moments(halves[0, c], halves[1, c], sites) for c in range(n_c)])
        step, places = sites[0].spacing, sites[0].sites ** 2

        def clean(kept: NDArray[np.intp]) -> NDArray[np.float64]:
            length = _ratio(measured[:, :, kept])[:, 0]
            shares = measured[:, 0, kept, 2].sum(axis=1) / (places * kept.size)
            found = [
                chord_length_without_noise(float(x), step, float(s), m[kept].sum(axis=0))
                for x, s, m in zip(length, shares, moments, strict=True)
            ]
            return mean(np.array(found)[:, None] - _ratio(plain[:, :, kept]))

        out["chord_difference_without_noise"] = _jackknifed(clean, n)
    return {name: (whole, left, n_c) for name, (whole, left) in out.items()}
