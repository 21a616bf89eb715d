"""Table of the dynamic susceptibility of every method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tglassmlp.division import Reported
from tglassmlp.methods import DYNAMICS, METHODS
from tglassmlp.observables.bootstrap import over_networks
from tglassmlp.observables.susceptibility import (
    susceptibility,
    susceptibility_error,
    susceptibility_without_noise,
)
from tglassmlp.paths import File
from tglassmlp.tables.state_points import StatePoints

__all__ = ["susceptibility_table"]

#: Methods whose values are ranks of particles: their means are no propensities.
RANKS = tuple(m.name for m in METHODS.values() if m.role in ("descriptor", "regression"))


def susceptibility_table(
    labels: Sequence[File],
    predictions: Sequence[File],
    baselines: Sequence[File],
    relaxation: File,
    reported: Reported,
) -> pd.DataFrame:
    """chi_4 (9) of every method, with the mean propensity beside it.

    Molecular dynamics and the baselines on the test structures; networks on those and on the structures that
    they only predict.

    Of the network and of fields with a residual drawn from what it predicts.

    ``value_without_noise`` (molecular dynamics only) is free of the noise of the finite number of replicas.

    Parameters
    ----------
    labels, predictions, baselines, relaxation
        Files of the run.
    reported
        Structures that enter.
    """
    rows = []
    for at in StatePoints(labels, predictions, baselines, relaxation, drawn=True):
        if at.fields.method in RANKS:
            continue
        structures = reported.at(at.temperature)
        y = at.chosen(structures)
        if not np.isfinite(y).all():
            continue
        clean = float("nan")
        if at.fields.method == DYNAMICS.name:
            clean = susceptibility_without_noise(*at.halves(at.with_dynamics(structures)))
        rows.append(
            at.columns()
            | over_networks([susceptibility(f) for f in y], [susceptibility_error(f) for f in y])
            | {
                "value_without_noise": clean,
                "n_unconverged": at.n_unconverged,
                "mean_propensity": float(y.mean()) if len(y) else float("nan"),
                "n_structures": y.shape[1],
                "n_particles": y.shape[2],
            }
        )
    return pd.DataFrame(rows)
