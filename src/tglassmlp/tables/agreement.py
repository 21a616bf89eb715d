"""Table of how far networks agree with dynamics on the same test structures."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.observables.bootstrap import jackknifed
from tglassmlp.observables.chord_length import (
    Lattice,
    chord_length_without_noise,
    chord_lengths,
    chord_sums,
    site_moments,
)
from tglassmlp.observables.susceptibility import covariance_of_means
from tglassmlp.observables.trends import Estimate, Series, average, mean_of
from tglassmlp.tables.fields import Fields, read_fields, structures_held
from tglassmlp.tables.quantities import chord_sums_of, common_c_b
from tglassmlp.tables.unit_systems import UnitSystems, read_halves

__all__ = ["agreement_table"]

AGREEMENT_COLUMNS = [
    "quantity", "t_min", "temperature", "value", "error", "error_structures", "spread", "n_networks", "n_c_b",
]  # fmt: skip


class Compared(NamedTuple):
    """Networks less dynamics at one temperature: ``[networks]``, without groups, and the number of C_B."""

    whole: NDArray[np.float64]
    without: NDArray[np.float64]
    n_c_b: int


class Pair(NamedTuple):
    """Networks and dynamics at the C_B and on the structures that both have.

    Parameters
    ----------
    values
        ``[C, networks, structures, particles]`` of the networks.
    measured
        ``[C, structures, particles]``.
    halves
        ``[2, C, structures, particles]``, those of the replicas.
    good
        ``[C, networks]``, whether a network is at C_B.
    """

    values: NDArray
    measured: NDArray
    halves: NDArray[np.float64]
    good: NDArray[np.bool_]


def agreement_table(
    unit: UnitSystems, spacing: float = 1.5, mobile_share: float = 0.5, replica_noise: bool = True
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
        compared: dict[str, dict[float, Compared]] = {}
        for t in sorted(files.keys() & unit.labels.keys(), reverse=True):
            pair = _pair(read_fields(files[t])[0], unit, t)
            if pair is None:
                continue
            compared.setdefault("chi4_log_ratio", {})[t] = _chi_ratio(pair)
            sites = unit.lattices(t, spacing)[: pair.values.shape[2]]  # those with dynamics come first
            for name, of in _chord_differences(pair, sites, mobile_share, replica_noise).items():
                compared.setdefault(name, {})[t] = of
        for quantity, by_temperature in compared.items():
            head = {"quantity": quantity, "t_min": t_min}
            rows += [head | row for row in _rows(by_temperature)]
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def _pair(fields: Fields, unit: UnitSystems, temperature: float) -> Pair | None:
    """Networks beside dynamics; None where they have no C_B or not two structures in common."""
    md = read_fields(unit.labels[temperature])[0]
    common, places, at = common_c_b(fields, md)
    chosen = structures_held(unit.test, md.values.shape[2])
    good = fields.at_c_b()[places]
    if not common.size or not good.any() or len(chosen) < 2:
        return None
    halves = read_halves(unit.labels[temperature], chosen)[:, at]
    return Pair(fields.values[places][:, :, chosen], md.values[at, 0][:, chosen], halves, good)


def _rows(by_temperature: dict[float, Compared]) -> list[dict[str, Any]]:
    """One row for each temperature, and one for their mean."""
    rows = []
    series = [
        Series(np.array([t]), np.zeros(1), of.whole[None, None], [of.without[:, None]])
        for t, of in by_temperature.items()
    ]
    for (t, of), one in zip(by_temperature.items(), series, strict=True):
        rows.append(_row(t, mean_of(one), of.n_c_b, of.whole))
    networks = min(of.whole.size for of in by_temperature.values())
    usable = [s for s in series if s.value.shape[-1] == networks and np.isfinite(s.value).any()]
    if usable:
        together = Series(
            np.concatenate([s.temperatures for s in usable]), np.zeros(1),
            np.concatenate([s.value for s in usable]), [s.without[0] for s in usable],
        )  # fmt: skip
        n = sum(by_temperature[float(s.temperatures[0])].n_c_b for s in usable)
        rows.append(_row(float("nan"), mean_of(together), n, together.value[0, 0]))
    return rows


def _row(temperature: float, mean: Estimate, n_c_b: int, each: NDArray) -> dict[str, Any]:
    return {
        "temperature": temperature, "value": mean.value, "error": mean.error,
        "error_structures": mean.structures, "spread": mean.spread,
        "n_networks": int(np.isfinite(each).sum()), "n_c_b": n_c_b,
    }  # fmt: skip


def _chi_ratio(pair: Pair) -> Compared:
    """Logarithm of predicted over measured chi_4."""
    particles, n = pair.values.shape[-1], pair.values.shape[2]
    model = pair.values.mean(axis=-1, dtype=np.float64)
    a, b = pair.halves.mean(axis=-1)[:, :, None]

    def of(kept: NDArray[np.intp]) -> NDArray[np.float64]:
        ours = covariance_of_means(model, model, particles, kept)
        theirs = covariance_of_means(a, b, particles, kept)
        predicted = np.where(pair.good, ours, 0.0).sum(axis=0)
        measured = np.where(pair.good, theirs, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where((predicted > 0) & (measured > 0), predicted / measured, np.nan)
            return np.asarray(np.log(ratio))

    return Compared(*jackknifed(of, n), len(pair.values))


def _chord_differences(
    pair: Pair, sites: list[Lattice], share: float, replica_noise: bool
) -> dict[str, Compared]:
    """Chord lengths of dynamics less predicted ones, three ways."""
    n_c, _, n, _ = pair.values.shape
    measured = chord_sums_of(pair.measured[:, None], sites, share)  # [C, 1, structures, 3]
    plain = chord_sums_of(pair.values, sites, share)

    def mean(difference: NDArray) -> NDArray[np.float64]:
        return average(np.where(pair.good, difference, np.nan), 0)

    def against(predicted: NDArray) -> Compared:
        whole, without = jackknifed(
            lambda kept: mean(chord_lengths(measured[:, :, kept]) - chord_lengths(predicted[:, :, kept])), n
        )
        return Compared(whole, without, n_c)

    ways = {"chord_difference": against(plain)}
    if not replica_noise:
        return ways
    ways["chord_difference_with_noise"] = against(_under_scaled_noise(pair, sites, share, plain.shape))
    moments = np.array([site_moments(pair.halves[0, c], pair.halves[1, c], sites) for c in range(n_c)])
    step, places = sites[0].spacing, sites[0].sites ** 2

    def clean(kept: NDArray[np.intp]) -> NDArray[np.float64]:
        length = chord_lengths(measured[:, :, kept])[:, 0]
        shares = measured[:, 0, kept, 2].sum(axis=1) / (places * kept.size)
        without_noise = [
            chord_length_without_noise(float(x), step, float(s), m[kept].sum(axis=0))
            for x, s, m in zip(length, shares, moments, strict=True)
        ]
        return mean(np.array(without_noise)[:, None] - chord_lengths(plain[:, :, kept]))

    ways["chord_difference_without_noise"] = Compared(*jackknifed(clean, n), n_c)
    return ways


def _under_scaled_noise(
    pair: Pair, sites: list[Lattice], share: float, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Sum chords of predictions under the noise of the replicas, scaled to the signal of each network."""
    noisy = np.zeros((2, *shape))
    for c in range(len(pair.values)):
        noise = 0.5 * (pair.halves[0, c] - pair.halves[1, c])
        signal = float(np.cov(pair.halves[0, c].ravel(), pair.halves[1, c].ravel())[0, 1])
        for k, field in enumerate(pair.values[c]):
            field = np.asarray(field, dtype=np.float64)
            scale = np.sqrt(field.var() / signal) if signal > 0 else 1.0
            for s, sign in enumerate((1.0, -1.0)):
                noisy[s, c, k] = chord_sums(field + sign * scale * noise, sites, share)
    return noisy.sum(axis=0)
