"""Table of paired differences between the network and every other method."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp import state_point
from tglassmlp.correlation import pearson_sums
from tglassmlp.methods import NETWORK
from tglassmlp.observables.bootstrap import combined_error, generator, jackknife_error
from tglassmlp.observables.pearson import mean_difference, mean_difference_error
from tglassmlp.paths import File
from tglassmlp.storage import read_table
from tglassmlp.tables.fields import structures_held
from tglassmlp.tables.state_points import StatePoints

__all__ = ["COMPARISON_COLUMNS", "MOMENTS", "Sums", "comparison_sums", "comparison_table"]

COMPARISON_COLUMNS = [
    "first", "first_t_min", "second", "second_t_min", "temperature", "n_c_b", "n_structures", "difference",
    "error", "error_structures", "error_training", "n_folds",
]  # fmt: skip
#: Sums over the particles of a structure, in the order of :func:`tglassmlp.correlation.pearson_sums`.
MOMENTS = ("n", "x", "y", "xx", "yy", "xy")

#: Temperature -> (method, t_min) -> C_B as :func:`tglassmlp.state_point.key` -> ``[structures, 6]``.
Sums = dict[float, dict[tuple[str, str], dict[int, NDArray[np.float64]]]]


def comparison_sums(labels: Sequence[File], predictions: Sequence[File], baselines: Sequence[File]) -> Sums:
    """Sum over particles of every structure, for the mean fields of all methods beside dynamics.

    Returns
    -------
    dict
        Temperature -> (method, t_min) -> C_B in millionths -> ``[structures, 6]``
        (:func:`tglassmlp.correlation.pearson_sums`).
    """
    found: Sums = {}
    for at in StatePoints(labels, predictions, baselines).beside_dynamics():
        md, model = at.measured(), at.values
        assert md is not None
        if len(model):
            # structures that are only predicted follow those with dynamics
            mean = np.asarray(model, dtype=np.float64).mean(axis=0)[: md.shape[0]]
            sums = pearson_sums(mean, md)
            methods = found.setdefault(at.temperature, {})
            methods.setdefault((at.fields.method, at.fields.t_min), {})[state_point.key(at.c_b)] = sums
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
            methods.setdefault((method, t_min), {})[state_point.key(c_b)] = sums
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
    allowed for (:func:`tglassmlp.observables.bootstrap.bootstrap_widening`). Between two methods that have
    seen no dynamics at this temperature all its structures count, not the test ones alone.

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
    of_run = comparison_sums(labels, predictions, baselines)
    of_folds = _fold_sums(folds)
    rows = []
    for temperature, methods in of_run.items():
        for first, second in itertools.permutations(methods, 2):
            if first[0] != NETWORK.name:
                continue
            common = sorted(methods[first].keys() & methods[second].keys())
            if not common:
                continue
            # below the T_min of both no structure's dynamics was learnt from: all of them are test structures
            n = len(methods[first][common[0]])
            unseen = all(
                t_min and state_point.key(t_min) > state_point.key(temperature)
                for _, t_min in (first, second)
            )
            chosen = list(range(n)) if unseen else structures_held(test, n)
            sums = _pair_sums(methods, first, second, common, chosen)
            n = len(chosen)
            rng = generator(seed, "comparison", temperature, 0.0)
            structures = mean_difference_error(sums, n_resamples, rng)
            without = [
                mean_difference(_pair_sums(fold.get(temperature, {}), first, second, common, chosen))
                for fold in of_folds
            ]
            training = jackknife_error(np.array(without))
            row = (
                *first, *second, temperature, len(common), n, mean_difference(sums),
                combined_error(structures, training), structures, training, len(without),
            )  # fmt: skip
            rows.append(
                dict(zip(COMPARISON_COLUMNS, row, strict=True))
                | {f"fold{k}": value for k, value in enumerate(without)}
            )
    return pd.DataFrame(rows, columns=[*COMPARISON_COLUMNS, *(f"fold{k}" for k in range(len(of_folds)))])


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
