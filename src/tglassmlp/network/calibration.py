"""Contrast of trained networks, from files: the amplitude law of dynamics, and what predictions lack of it.

Amplitudes are measured on the structures learnt from, training and validation together, at the temperatures
measured; the share r that predictions hold of it is measured on validation structures, which the networks
have not learnt from. Their predictions are rescaled to it at every state point the run asks for
(:mod:`tglassmlp.network.contrast`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tglassmlp.dynamics.label_map import LabelMap, c_b_by_temperature
from tglassmlp.network.contrast import Amplitude, Contrast, fit_with_error, signal_variance
from tglassmlp.network.dataset import read_structures
from tglassmlp.network.networks import Networks
from tglassmlp.network.run_files import Path, Record, divided, labels_at, learnt_numbers
from tglassmlp.paths import by_temperature
from tglassmlp.state_point import find, is_same

__all__ = ["calibrated", "measured_contrast"]

#: Groups of structures that the jackknife of the law leaves out.
GROUPS = 8


@dataclass(frozen=True)
class _Measured:
    """Propensities of the structures learnt from at one temperature."""

    temperature: float
    c_b: list[float]
    halves: NDArray[np.float64]  # [2, C, S, P]


def measured_contrast(
    networks: Networks, descriptors: Sequence[Path], labels: Sequence[Path], label_map: Path, run: Record,
    law: str,
) -> Contrast:  # fmt: skip
    """Measure the contrast of networks that are used without one.

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
    ValueError
        If the law cannot be fitted (:func:`tglassmlp.network.contrast.fit_law`).
    """
    known = LabelMap.read(label_map)
    measured = c_b_by_temperature(known.measured)
    asked = c_b_by_temperature(known.known)
    label_files, files = by_temperature(labels), by_temperature(descriptors)
    temperatures = sorted(asked, reverse=True)
    c_b = sorted({c for cs in asked.values() for c in cs}, reverse=True)
    found: list[_Measured] = []
    deviation = np.full((len(temperatures), len(c_b)), np.nan)
    slopes: list[tuple[float, float, float]] = []
    for i, t in enumerate(temperatures):
        structures = read_structures(files[t], t, networks.scaling)
        learnt, parts = learnt_numbers(run, structures), divided(run, len(structures))
        x = structures.take(learnt).inputs
        unseen = [learnt.index(n) for n in (parts.validation or parts.train)]
        points = measured.get(t, [])
        if points:
            half = labels_at(label_files[t][0], points, name="half")[:, learnt]
            found.append(_Measured(t, points, np.moveaxis(half, 2, 0)))
        for c in asked[t]:
            prediction = networks.predict_corrected(x, t, c, checked=False)
            usable = prediction.converged if prediction.converged.any() else np.ones(len(networks), bool)
            field = prediction.propensity[usable].mean(axis=0, dtype=np.float64)
            deviation[i, find(c_b, c)] = field.std()
            k = find(points, c)
            if k is not None:
                p, y = field[unseen], found[-1].halves.mean(axis=0)[k][unseen]
                covariance = np.mean((p - p.mean()) * (y - y.mean()))
                slopes.append((t, c, float(covariance / p.std())))
    grid = [(t, c) for t in temperatures for c in c_b]
    whole, each = _amplitudes(found)
    fitted, amplitude, error = fit_with_error(law, each, whole, grid)
    parameters = [fit_with_error(law, [], some, [])[0].parameter for some in each]
    shape = (len(temperatures), len(c_b))
    share, share_error = _shares(slopes, fitted, c_b)
    return Contrast(
        law, fitted.parameter, _jackknife(parameters), np.array(temperatures), np.array(c_b),
        amplitude.reshape(shape), error.reshape(shape), share, share_error, deviation,
    )  # fmt: skip


def calibrated(
    networks: Networks, descriptors: Sequence[Path], labels: Sequence[Path], label_map: Path, run: Record,
    law: str,
) -> Networks:  # fmt: skip
    """Networks whose predictions have the contrast of the dynamics, continued below T_min by a law.

    Parameters as of :func:`measured_contrast`. With the law ``none`` the networks are returned as they
    are, and so are those of a label whose mean is not C_B: nothing says that its law is one of these.
    """
    if law == "none" or not networks.label.is_clock:
        return networks
    contrast = measured_contrast(networks, descriptors, labels, label_map, run, law)
    for line in _report(contrast, float(networks.metadata["t_min"])):
        print(line)
    return Networks(networks.parameters, {**networks.metadata, "contrast": contrast.as_record()})


def _amplitudes(found: Sequence[_Measured]) -> tuple[Amplitude, list[Amplitude]]:
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
    slopes: Sequence[tuple[float, float, float]], law: object, c_b: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share r at each C_B, from regression amplitudes at all temperatures measured, and its error."""
    share, error = np.full(len(c_b), np.nan), np.full(len(c_b), np.nan)
    for k, c in enumerate(c_b):
        mine = [(b, law(t, c)) for t, at, b in slopes if is_same(at, c)]  # type: ignore[operator]
        if mine:
            b, a = np.array(mine).T
            share[k] = np.clip(np.sum(a * b) / np.sum(a * a), 1e-3, 1.0)
            if len(b) > 1:
                error[k] = np.sqrt(np.sum(a * a * (b / a - share[k]) ** 2) / np.sum(a * a) / (len(b) - 1))
    known = np.isfinite(share)
    order = np.array(c_b)
    share = np.interp(order, order[known][::-1], share[known][::-1])
    return share, error


def _jackknife(values: Sequence[float]) -> float:
    n = len(values)
    return float(np.sqrt((n - 1) * np.var(values))) if n > 1 else float("nan")


def _report(contrast: Contrast, t_min: float) -> list[str]:
    name = {"power": "exponent n", "onset": "1/T_on"}[contrast.law]
    lines = [
        f"contrast, T_min = {t_min:g}: law {contrast.law}, {name} = {contrast.parameter:.3f} +- "
        f"{contrast.parameter_error:.3f}"
    ]
    for t, row in zip(contrast.temperatures, contrast.factors, strict=True):
        told = [f"{c:g}: {f:.2f}" for c, f in zip(contrast.c_b, row, strict=True) if np.isfinite(f)]
        lines.append(f"  T = {t:g}, deviations from the mean times (C_B: factor) {', '.join(told)}")
    return lines
