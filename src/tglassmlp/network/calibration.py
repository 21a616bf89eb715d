"""Contrast of trained networks, from files: the amplitude law of dynamics, and what predictions lack of it.

Amplitudes are measured on the structures learnt from, training and validation together, at the temperatures
measured; the share r that predictions hold of it is measured on validation structures, which the networks
have not learnt from. Their predictions are rescaled to it at every state point the run asks for
(:mod:`tglassmlp.network.contrast`), by their spread over all structures that were not learnt from, of which
no label is needed. What is then left is correlated in space as :mod:`tglassmlp.network.residual` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.network.contrast import (
    Amplitude,
    Contrast,
    Law,
    NoLaw,
    fit_with_error,
    rescaled,
    signal_variance,
)
from tglassmlp.network.dataset import read_structures
from tglassmlp.network.networks import Networks
from tglassmlp.network.residual import Correlations, Residual, fit_residual, pair_correlations
from tglassmlp.network.run_files import Path, Record, divided, labels_at, learnt_numbers
from tglassmlp.paths import by_temperature
from tglassmlp.state_point import find

__all__ = ["Measured", "assembled", "calibrated", "mean_field", "measured_contrast", "with_contrast"]

#: Groups of structures that the jackknife of the law leaves out.
GROUPS: Final = 8
#: A network that tells nothing leaves nothing to rescale.
SMALLEST_SHARE: Final = 0.05


@dataclass(frozen=True)
class Measured:
    """Propensities of structures at one temperature, and what networks predict of them.

    Parameters
    ----------
    temperature, c_b
        Temperature, and the C values of C_B measured.
    halves
        ``[2, C, S, P]``, propensities from two halves of the replicas.
    fields
        ``[C, S, P]``, predictions without a contrast, mean over the networks.
    unseen
        Structures that were not learnt from.
    positions, box_length
        Thermal positions ``[S, P, 2]`` and side of the box.
    """

    temperature: float
    c_b: list[float]
    halves: NDArray[np.float64]
    fields: NDArray[np.float64]
    unseen: list[int]
    positions: NDArray[np.float64]
    box_length: float


def measured_contrast(
    networks: Networks, descriptors: Sequence[Path], labels: Sequence[Path], label_map: Path, run: Record,
    law: str,
) -> tuple[Contrast, Residual]:  # fmt: skip
    """Measure the contrast of networks that are used without one, and what their predictions leave open.

    Parameters
    ----------
    networks
        The networks kept.
    descriptors, labels, label_map
        Files of all temperatures; the map of the networks' T_min.
    run
        Record of the run, of which the division of the ``structures`` counts.
    law
        ``power`` or ``onset``.

    Raises
    ------
    tglassmlp.network.contrast.NoLaw
        If too little was measured.
    """
    # tables need pandas, which an installation for prediction does without
    from tglassmlp.dynamics.label_map import LabelMap, c_b_by_temperature

    known = LabelMap.read(label_map)
    measured = c_b_by_temperature(known.measured)
    asked = c_b_by_temperature(known.known)
    label_files, files = by_temperature(labels), by_temperature(descriptors)
    temperatures = sorted(asked, reverse=True)
    c_b = sorted({c for cs in asked.values() for c in cs}, reverse=True)
    found: list[Measured] = []
    deviation = np.full((len(temperatures), len(c_b)), np.nan)
    for i, t in enumerate(temperatures):
        structures = read_structures(files[t], t, networks.scaling)
        learnt, parts = learnt_numbers(run, structures), divided(run, len(structures))
        chosen = structures.take(learnt)
        # networks vary too much on what they have learnt by heart: their own spread is that on other
        # structures, of which no label is needed
        fresh = [n for n in range(len(structures)) if n not in set(parts.train)] or learnt
        every = {c: mean_field(networks, structures.inputs, t, c) for c in asked[t]}
        for c, field in every.items():
            deviation[i, find(c_b, c)] = field[fresh].std()
        fields = {c: field[learnt] for c, field in every.items()}
        points = measured.get(t, [])
        if points:
            half = labels_at(label_files[t][0], points, name="half")[:, learnt]
            unseen = [learnt.index(n) for n in (parts.validation or parts.train)]
            rows = np.stack([fields[c] for c in points])
            place = chosen.positions, chosen.box_length
            found.append(Measured(t, points, np.moveaxis(half, 2, 0), rows, unseen, *place))
    return assembled(found, deviation, temperatures, c_b, law)


def assembled(
    found: Sequence[Measured], deviation: NDArray[np.float64], temperatures: Sequence[float],
    c_b: Sequence[float], law: str,
) -> tuple[Contrast, Residual]:  # fmt: skip
    """Contrast and residual from fields beside dynamics and the spread of predictions ``[T, C_B]``."""
    grid = [(t, c) for t in temperatures for c in c_b]
    whole, each = _amplitudes(found)
    fitted, parameter_error, amplitude, error = fit_with_error(law, each, whole, grid)
    shape = (len(temperatures), len(c_b))
    share, share_error = _shares(found, fitted, c_b)
    contrast = Contrast(
        law, fitted.parameter, parameter_error, np.array(temperatures), np.array(c_b),
        amplitude.reshape(shape), error.reshape(shape), share, share_error, deviation,
    )  # fmt: skip
    return contrast, fit_residual(_correlations(found, contrast))


def mean_field(networks: Networks, x: NDArray[np.float32], t: float, c_b: float) -> NDArray[np.float64]:
    """Mean over the networks that reach C_B, or over all if none does, ``[S, P]``."""
    found = networks.predict_corrected(x, t, c_b, checked=False)
    usable = found.converged if found.converged.any() else np.ones(len(networks), bool)
    return found.propensity[usable].mean(axis=0, dtype=np.float64)


def calibrated(
    networks: Networks, descriptors: Sequence[Path], labels: Sequence[Path], label_map: Path, run: Record,
    law: str,
) -> Networks:  # fmt: skip
    """Networks whose predictions have the contrast of the dynamics, continued below T_min by a law.

    Parameters as of :func:`measured_contrast`. With the law ``none`` the networks are returned as they
    are, and so are those of a label whose mean is not C_B: nothing says that its law is one of these. If too
    little was measured for a law, they stay as they are too, and their record says why (``no_contrast``).
    """
    if law == "none" or not networks.label.is_clock:
        return networks
    try:
        contrast, residual = measured_contrast(networks, descriptors, labels, label_map, run, law)
    except NoLaw as reason:
        print(f"{reason}: predictions keep the contrast that the networks give them")
        return Networks(networks.parameters, {**networks.metadata, "no_contrast": str(reason)})
    for line in _report(contrast, residual, float(networks.metadata["t_min"])):
        print(line)
    return with_contrast(networks, contrast, residual)


def with_contrast(networks: Networks, contrast: Contrast, residual: Residual) -> Networks:
    """Return the same networks with what was measured beside them."""
    record = {"contrast": contrast.as_record(), "residual": residual.as_record()}
    return Networks(networks.parameters, {**networks.metadata, **record})


def _amplitudes(found: Sequence[Measured]) -> tuple[Amplitude, list[Amplitude]]:
    """Amplitudes of all structures, and without each group of them."""
    most = max(m.halves.shape[2] for m in found)
    groups = min(most, GROUPS)

    def of(left_out: int | None) -> Amplitude:
        rows = []
        for m in found:
            kept = [s for s in range(m.halves.shape[2]) if left_out is None or s % groups != left_out]
            if not kept:
                continue
            for k, c in enumerate(m.c_b):
                variance = signal_variance(m.halves[:, k][:, kept])
                if variance > 0:
                    rows.append((m.temperature, c, np.sqrt(variance)))
        return Amplitude(*np.array(rows, dtype=np.float64).reshape(-1, 3).T)

    return of(None), [of(k) for k in range(groups)] if groups > 1 else []


def _shares(
    found: Sequence[Measured], law: Law, c_b: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share r at each C_B, from regression amplitudes at all temperatures measured, and its error."""
    share, error = np.full(len(c_b), np.nan), np.full(len(c_b), np.nan)
    for i, c in enumerate(c_b):
        mine = []
        for m in found:
            k = find(m.c_b, c)
            if k is not None:
                p, y = m.fields[k][m.unseen], m.halves[:, k][:, m.unseen].mean(axis=0)
                mine.append((np.mean((p - p.mean()) * (y - y.mean())) / p.std(), law(m.temperature, c)))
        if mine:
            b, a = np.array(mine).T
            share[i] = np.clip(np.sum(a * b) / np.sum(a * a), SMALLEST_SHARE, 1.0)
            if len(b) > 1:
                error[i] = np.sqrt(np.sum(a * a * (b / a - share[i]) ** 2) / np.sum(a * a) / (len(b) - 1))
    known, order = np.isfinite(share), np.array(c_b)
    return np.interp(order, order[known][::-1], share[known][::-1]), error


def _correlations(found: Sequence[Measured], contrast: Contrast) -> list[Correlations]:
    """Spatial correlation of what rescaled predictions leave open, at every measured state point."""
    out = []
    for m in found:
        for k, c in enumerate(m.c_b):
            field = rescaled(m.fields[k][None], contrast.factor(m.temperature, c))[0]
            rest = m.halves[:, k] - field
            rest = rest - rest.mean(axis=(1, 2), keepdims=True)
            products, pairs, variance = pair_correlations(rest, m.positions, m.box_length)
            if variance > 0:
                n = pairs.sum(axis=0)
                value = products.sum(axis=0) / np.maximum(n, 1.0) / variance
                out.append(Correlations(m.temperature, c, value, n))
    return out


def _report(contrast: Contrast, residual: Residual, t_min: float) -> list[str]:
    name = {"power": "exponent n", "onset": "1/T_on"}[contrast.law]
    lines = [
        f"contrast, T_min = {t_min:g}: law {contrast.law}, {name} = {contrast.parameter:.3f} +- "
        f"{contrast.parameter_error:.3f}"
    ]
    for t, row in zip(contrast.temperatures, contrast.factors, strict=True):
        told = [f"{c:g}: {f:.2f}" for c, f in zip(contrast.c_b, row, strict=True) if np.isfinite(f)]
        middle = float(np.median(contrast.c_b))
        lines.append(
            f"  T = {t:g}, deviations from the mean times (C_B: factor) {', '.join(told)}; at C_B = "
            f"{middle:g} {residual.correlated_share(t, middle):.0%} of the rest correlated over "
            f"{residual.correlation_length(t, middle):.2f}"
        )
    return lines
