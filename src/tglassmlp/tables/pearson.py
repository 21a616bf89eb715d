"""Table of the Pearson correlation of every method with molecular dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.correlation import pearson
from tglassmlp.dynamics.correlations import split_half_ceiling
from tglassmlp.methods import CEILING
from tglassmlp.observables.bootstrap import generator, over_networks, resamples
from tglassmlp.observables.pearson import pearson_error
from tglassmlp.paths import File
from tglassmlp.tables.state_points import AtStatePoint, StatePoints

__all__ = ["pearson_table"]

#: Most resamples of the ceiling, whose error needs no more.
CEILING_RESAMPLES = 100


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
    states = StatePoints(labels, predictions, baselines, relaxation)
    rows = [_ceiling(at, test, n_resamples, seed) for at in states.measured()]
    for at in states.beside_dynamics():
        rng = generator(seed, "pearson", at.temperature, at.c_b)
        x, y = at.measured(test), at.chosen(test)
        assert x is not None
        each = [pearson(f, x) for f in y]
        rows.append(
            at.columns()
            | over_networks(each, [pearson_error(f, x, n_resamples, rng) for f in y])
            | {
                "n_unconverged": at.n_unconverged,
                "n_structures": x.shape[0],
                "n_particles": x.shape[1],
                "value_mean_field": pearson(y.mean(axis=0), x) if len(y) else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _ceiling(at: AtStatePoint, test: Sequence[int], n_resamples: int, seed: int) -> dict[str, Any]:
    """Highest correlation that the replicas of one state point permit."""
    rng = generator(seed, "pearson", at.temperature, at.c_b)
    halves = np.asarray(at.halves(at.with_dynamics(test)), dtype=np.float64)
    _, structures, particles = halves.shape
    draws = resamples(structures, min(n_resamples, CEILING_RESAMPLES), rng)
    again = [split_half_ceiling(halves[:, d]) for d in draws] if structures > 1 else []
    error = float(np.nanstd(again, ddof=1)) if len(again) > 1 else float("nan")
    return (
        {**at.columns(), "method": CEILING.name}
        | over_networks([split_half_ceiling(halves)], [error])
        | {
            "n_unconverged": 0,
            "n_structures": structures,
            "n_particles": particles,
            "value_mean_field": np.nan,
        }
    )
