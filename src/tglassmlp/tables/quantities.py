"""Quantities whose trends and agreement are asked for: their values at one temperature, network by network.

Each comes with its values without every group of structures, for the jackknife; networks that miss C_B are
NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tglassmlp.correlation import pearson_sums
from tglassmlp.observables.attention_length import attention_length
from tglassmlp.observables.bootstrap import jackknifed
from tglassmlp.observables.chord_length import Lattice, chord_lengths, chord_sums
from tglassmlp.observables.pearson import relative_correlation
from tglassmlp.observables.susceptibility import covariance_of_means
from tglassmlp.observables.trends import AtTemperature
from tglassmlp.paths import File
from tglassmlp.tables.attention_length import read_attention
from tglassmlp.tables.fields import Fields, read_fields, structures_held
from tglassmlp.tables.unit_systems import read_halves

__all__ = [
    "attention_lengths",
    "chord_lengths_of",
    "chord_sums_of",
    "relative_correlations",
    "susceptibilities",
    "susceptibilities_of_dynamics",
]


def _masked(fields: Fields, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN for networks that miss C_B, in ``[..., C, networks]``."""
    return value if fields.converged is None else np.where(fields.converged, value, np.nan)


def susceptibilities(fields: Fields, chosen: Sequence[int]) -> AtTemperature:
    """chi_4 of every network."""
    particles = fields.values.shape[-1]
    means = np.asarray(fields.values[..., list(chosen), :].mean(axis=-1, dtype=np.float64))
    whole, without = jackknifed(lambda kept: covariance_of_means(means, means, particles, kept), len(chosen))
    return AtTemperature(_masked(fields, whole), _masked(fields, without), fields.c_b)


def susceptibilities_of_dynamics(label: File, test: Sequence[int]) -> AtTemperature:
    """chi_4 without the noise of the replicas, from the covariance of their two halves."""
    fields = read_fields(label)[0]
    chosen = structures_held(test, fields.values.shape[2])
    a, b = read_halves(label, chosen).mean(axis=-1)[:, :, None]
    particles = fields.values.shape[-1]
    whole, without = jackknifed(lambda kept: covariance_of_means(a, b, particles, kept), len(chosen))
    return AtTemperature(whole, without, fields.c_b)


def relative_correlations(label: File, fields: Fields, test: Sequence[int]) -> AtTemperature:
    """Pearson correlation over the ceiling of the same replicas and structures."""
    md = read_fields(label)[0]
    c_b, places, at = common_c_b(fields, md)
    chosen = structures_held(test, md.values.shape[2])
    halves = read_halves(label, chosen)
    rows = []
    for k, j in zip(places, at, strict=True):
        truth = md.values[j, 0][chosen]
        model = [pearson_sums(field[chosen], truth) for field in fields.values[k]]
        rows.append([pearson_sums(*halves[:, j]), *model])
    sums = np.array(rows)  # [C, 1 + networks, structures, 6]
    whole, without = jackknifed(lambda kept: relative_correlation(sums[:, :, kept]), len(chosen))
    good = fields.at_c_b()[places]
    return AtTemperature(np.where(good, whole, np.nan), np.where(good, without, np.nan), c_b)


def common_c_b(fields: Fields, md: Fields) -> tuple[NDArray[np.float64], list[int], list[int]]:
    """C_B that a method and dynamics have, and their places in both."""
    pairs = [(k, md.index(c)) for k, c in enumerate(fields.c_b)]
    both = [(k, j) for k, j in pairs if j is not None]
    return np.array([fields.c_b[k] for k, _ in both]), [k for k, _ in both], [j for _, j in both]


def chord_sums_of(fields: NDArray, sites: list[Lattice], share: float) -> NDArray[np.float64]:
    """Sum chords of every field of ``[..., structures, particles]``, ``[..., structures, 3]``."""
    flat = fields.reshape(-1, *fields.shape[-2:])
    sums = [chord_sums(np.asarray(f, dtype=np.float64), sites, share) for f in flat]
    return np.array(sums).reshape(*fields.shape[:-2], len(sites), 3)


def chord_lengths_of(
    fields: Fields, sites: list[Lattice], chosen: Sequence[int], share: float
) -> AtTemperature:
    """Mean chord length of every network."""
    sums = chord_sums_of(fields.values[:, :, list(chosen)], sites, share)
    whole, without = jackknifed(lambda kept: chord_lengths(sums[:, :, kept]), len(chosen))
    return AtTemperature(_masked(fields, whole), _masked(fields, without), fields.c_b)


def attention_lengths(prediction: File, per_length_mean: bool) -> AtTemperature:
    """Attention length of every network; structures do not enter it."""
    weights, lengths, distribution = read_attention(prediction, per_length_mean)
    value = _masked(weights, attention_length(lengths, distribution))
    return AtTemperature(value, np.empty((0, *value.shape)), np.asarray(weights.c_b, dtype=np.float64))
