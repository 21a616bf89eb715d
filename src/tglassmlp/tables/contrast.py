r"""Table of the contrast: amplitudes and fluctuations of predictions beside those of dynamics.

What networks predict of structures with dynamics, held against it without the noise of the replicas:

- ``slope``: of the regression of measured propensities on the mean field of the networks. One for a
  conditional mean that is right; predictions that are pale have more.
- ``variance``, ``chi4``, ``s4``: variance over particles, :math:`\chi_4` (9), and :math:`S_4(q)` (10)
  averaged over all wave vectors below q = 1, each of predictions over that of dynamics; of the mean field,
  and (``drawn``) of the fields with a residual, which should have one.
- ``coverage_68`` and ``coverage_95``: share of particles within the interval of this probability, the noise
  of the label added to it.

At temperatures learnt from these are the test structures, below T_min all structures with dynamics: nobody
has seen theirs. Errors: jackknife over structures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from tglassmlp.correlation import pearson_sums
from tglassmlp.methods import DRAWN, NETWORK
from tglassmlp.observables.bootstrap import jackknife_error, jackknifed
from tglassmlp.observables.structure_factor import Shells, structure_factor_fft
from tglassmlp.observables.susceptibility import covariance_of_means
from tglassmlp.paths import File
from tglassmlp.state_point import key
from tglassmlp.storage import read_arrays
from tglassmlp.tables.fields import Fields, read_fields, structures_held
from tglassmlp.tables.state_points import STATE_COLUMNS, AtStatePoint, StatePoints, thermal_positions

__all__ = ["CONTRAST_COLUMNS", "LARGEST_Q", "QUANTITIES", "contrast_table"]

#: Wave numbers of S_4 that are averaged.
LARGEST_Q: Final = 1.0
#: Columns of numbers, each followed by ``<name>_error``.
QUANTITIES: Final = (
    "slope", "variance", "chi4", "s4", "variance_drawn", "chi4_drawn", "s4_drawn",
    "coverage_68", "coverage_95",
)  # fmt: skip
CONTRAST_COLUMNS: Final = [
    *STATE_COLUMNS, "region", "n_structures", "n_networks", "n_fields",
    *(name for q in QUANTITIES for name in (q, f"{q}_error")),
]  # fmt: skip


def contrast_table(
    labels: Sequence[File],
    predictions: Sequence[File],
    descriptors: Sequence[File],
    relaxation: File,
    test: Sequence[int],
) -> pd.DataFrame:
    """Contrast of predictions beside dynamics at every state point that has both.

    Parameters
    ----------
    labels, predictions, descriptors, relaxation
        Files of the unit systems; descriptors in the order of chunks, for the thermal positions.
    test
        Numbers of the test structures.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`CONTRAST_COLUMNS`; ``region`` is ``learnt`` or ``below``. What is not known is NaN:
        the ``drawn`` ones and coverages of networks without ``training.contrast``, everything over few
        structures.
    """
    states = StatePoints(labels, predictions, relaxation=relaxation)
    places = thermal_positions(descriptors)
    rows: list[dict[str, Any]] = []
    for path in predictions:
        network, drawn = _read(path)
        measured = states.dynamics.fields(network.temperature)
        if measured is None or network.temperature not in places:
            continue
        below = key(float(network.t_min)) > key(network.temperature)
        held = measured.values.shape[2]
        chosen = list(range(held)) if below else structures_held(test, held)
        deviations = read_arrays(path, ["deviation"])["deviation"] if drawn else None
        positions, box = places[network.temperature]
        for at in states.of(network):
            if not chosen or at.measured() is None or not at.usable.size:
                continue
            k = at.index
            fields = None if drawn is None else np.asarray(drawn.values[k][:, chosen], dtype=np.float64)
            found = _compared(
                at,
                chosen,
                fields,
                None if deviations is None else float(deviations[k]),
                positions[chosen],
                box,
            )
            rows.append(
                at.columns()
                | {
                    "region": "below" if below else "learnt",
                    "n_structures": len(chosen),
                    "n_networks": at.usable.size,
                    "n_fields": 0 if fields is None else len(fields),
                }
                | found
            )
    return pd.DataFrame(rows, columns=CONTRAST_COLUMNS)


def _read(path: File) -> tuple[Fields, Fields | None]:
    """Fields of the networks, and those drawn with a residual if there are any."""
    found = {f.method: f for f in read_fields(path, drawn=True)}
    return found[NETWORK.name], found.get(DRAWN.name)


def _compared(
    at: AtStatePoint, chosen: Sequence[int], drawn: NDArray[np.float64] | None, deviation: float | None,
    positions: NDArray, box: float,
) -> dict[str, float]:  # fmt: skip
    """Columns of one state point, with their errors."""
    mean = at.chosen(chosen).mean(axis=0)
    halves = np.asarray(at.halves(chosen), dtype=np.float64)
    truth = halves.mean(axis=0)
    sums = pearson_sums(mean, truth)
    shells = Shells(box, LARGEST_Q)
    amplitude = _moments(halves[0], halves[1])
    size = mean.shape[1]

    def slope(kept: NDArray[np.intp]) -> NDArray[np.float64]:
        n, x, y, xx, _, xy = sums[kept].sum(axis=0)
        return np.asarray((xy / n - x * y / n**2) / (xx / n - (x / n) ** 2))

    def variances(first: NDArray, second: NDArray) -> Callable[[NDArray[np.intp]], NDArray[np.float64]]:
        moments = _moments(first, second)
        return lambda kept: np.asarray(_covariance(moments, kept) / _covariance(amplitude, kept))

    def susceptibilities(fields: NDArray) -> Callable[[NDArray[np.intp]], NDArray[np.float64]]:
        own, a, b = fields.mean(axis=-1), halves[0].mean(axis=-1), halves[1].mean(axis=-1)
        return lambda kept: np.asarray(
            np.mean(covariance_of_means(own, own, size, kept)) / covariance_of_means(a, b, size, kept)
        )

    measured_power = 0.25 * (
        _power(halves.sum(axis=0), positions, shells) - _power(halves[0] - halves[1], positions, shells)
    )

    def structure_factors(fields: NDArray) -> Callable[[NDArray[np.intp]], NDArray[np.float64]]:
        own = np.mean([_power(f, positions, shells) for f in fields], axis=0)
        return lambda kept: np.asarray(own[kept].sum() / measured_power[kept].sum())

    of = {
        "slope": slope,
        "variance": variances(mean, mean),
        "chi4": susceptibilities(mean[None]),
        "s4": structure_factors(mean[None]),
    }
    if drawn is not None and deviation is not None:
        flat = np.concatenate(list(drawn), axis=1)  # all fields of a structure side by side
        noise = np.mean((halves[0] - halves[1]) ** 2) / 4.0
        distance = np.abs(truth - mean) / np.sqrt(deviation**2 + noise)
        of |= {
            "variance_drawn": variances(flat, flat),
            "chi4_drawn": susceptibilities(drawn),
            "s4_drawn": structure_factors(drawn),
            "coverage_68": _share(distance, 0.68),
            "coverage_95": _share(distance, 0.95),
        }
    out = dict.fromkeys((name for q in QUANTITIES for name in (q, f"{q}_error")), float("nan"))
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, function in of.items():
            whole, without = jackknifed(function, len(chosen))
            out[name], out[f"{name}_error"] = float(whole), jackknife_error(without, widened=False)
    return out


def _moments(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    """Sum over particles of each structure: number, both fields, their product, ``[S, 4]``."""
    one = np.full(len(first), float(first.shape[1]))
    return np.stack([one, first.sum(1), second.sum(1), (first * second).sum(1)], axis=1)


def _covariance(moments: NDArray[np.float64], kept: NDArray[np.intp]) -> float:
    n, a, b, ab = moments[kept].sum(axis=0)
    return float(ab / n - a * b / n**2)


def _power(field: NDArray, positions: NDArray, shells: Shells) -> NDArray[np.float64]:
    """Mean over wave vectors of |sum (C - <C>) exp(i q r)|^2 / N_1 of every structure, ``[S]``."""
    rest = field - field.mean()
    return np.array(
        [structure_factor_fft(one[None], x, shells)[0].mean() for one, x in zip(rest, positions, strict=True)]
    )


def _share(distance: NDArray[np.float64], level: float) -> Callable[[NDArray[np.intp]], NDArray[np.float64]]:
    """Share of particles within the interval of this probability."""
    inside = np.mean(distance < ndtri(0.5 + 0.5 * level), axis=1)
    return lambda kept: np.asarray(inside[kept].mean())
