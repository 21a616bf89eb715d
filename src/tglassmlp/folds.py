r"""Errors over training sets: every method is trained again without one fold of the structures learnt from.

Resampling test structures tells how a lead would scatter over other test sets, with the networks as they are.
Another training set would have made other networks. The delete-a-fold jackknife measures that part: the
structures learnt from (training and validation, the same ones at every temperature) are divided into K folds,
tGlassMLP, GlassMLP, ridge regression and the single descriptors are trained K times without one of them, by
the stages of the workflow, and compared on the same test structures. From the K differences D_k,

.. math:: \sigma^2 = \frac{K-1}{K} \sum_k (D_k - \bar D)^2

(:func:`tglassmlp.observables.bootstrap.jackknife_error`). Trainings of one fold use the random numbers of the
run; what their randomness adds is part of the error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from tglassmlp import provenance, storage
from tglassmlp.network import baselines, selection
from tglassmlp.network.both_steps import both_steps
from tglassmlp.network.prediction_run import predictions
from tglassmlp.network.run_files import TrainingFiles
from tglassmlp.network.settings import Execution
from tglassmlp.paths import by_temperature
from tglassmlp.state_point import canonical
from tglassmlp.tables.comparison import MOMENTS, comparison_sums

__all__ = ["FoldFiles", "train_fold"]

#: Tolerance of the mean that every network passes.
EVERY_NETWORK: Final = 1e9

Record = Mapping[str, Any]
File = str | os.PathLike[str]


@dataclass(frozen=True)
class FoldFiles:
    """Files of the run that a fold reads.

    Parameters
    ----------
    descriptors, labels
        Of all temperatures, ``.../T<temperature>/chunk<chunk>.h5`` and ``.../T<temperature>.h5``.
    label_maps, scalings
        For each T_min (as in file names), the main one first.
    """

    descriptors: Sequence[File]
    labels: Sequence[File]
    label_maps: Mapping[str, File]
    scalings: Mapping[str, File]


def train_fold(
    output: File, files: FoldFiles, run: Record, fold: int, folds: int, settings: Record, folder: File
) -> None:
    """Train every method without one fold, and write the sums of its predictions beside dynamics.

    What is finished in ``folder`` is kept, so that a killed job goes on; it may be removed afterwards.

    Parameters
    ----------
    output
        Table with one row for each method, T_min, measured state point and structure: the sums over its
        particles (n, x, y, xx, yy, xy; x predicted by the mean field of the networks, y measured).
    files, run
        Files and record of the run, as the training stages take them.
    fold, folds
        The fold that is left out, of how many.
    settings
        ``networks`` and ``baseline_networks`` (of each training), ``minimum_labelled``, ``glass_transition``,
        ``penalty`` of ridge regression, ``prediction`` (section), ``transferred_from`` (temperature and C_B
        or None of the GlassMLP that is transferred).
    folder
        Where the networks of this fold lie meanwhile.
    """
    # all networks of a fold are used: a limit that selects networks must not make trainings again
    every = {"equi_time_tolerance": EVERY_NETWORK, "full_tolerance": EVERY_NETWORK}
    record = {
        **run,
        "training": {**run["training"], **every, "networks": settings["networks"]},
        "structures": {**run["structures"], "fold": [fold, folds]},
    }
    root = Path(folder) / provenance.fingerprint({"run": record, "settings": dict(settings)})
    descriptors = by_temperature(files.descriptors)
    labels = {t: paths[0] for t, paths in by_temperature(files.labels).items()}
    predicted: list[Path] = []
    linear: list[Path] = []
    for t_min, label_map in files.label_maps.items():
        common = files.descriptors, files.labels, label_map
        linear.append(root / f"linear/tmin{t_min}.npz")
        if not linear[-1].exists():
            of_main = TrainingFiles(*common, next(iter(files.scalings.values())))
            baselines.linear_baselines(linear[-1], of_main, record, settings["penalty"])
        try:
            networks = both_steps(
                root, TrainingFiles(*common, files.scalings[t_min]), float(t_min),
                settings["glass_transition"], record, settings["minimum_labelled"],
            )  # fmt: skip
        except selection.SelectionError as error:
            print(f"fold {fold}, T_min = {t_min}: {error}")
            continue
        for t in labels:
            predicted.append(root / f"predictions/tmin{t_min}/T{canonical(t)}.h5")
            predictions(predicted[-1], networks, descriptors[t], label_map, t, settings["prediction"], False)
    own = {t: root / f"baselines/T{canonical(t)}.npz" for t in labels}
    for t, path in own.items():
        if not path.exists():
            baselines.glassmlp_networks(
                path, path.with_suffix(".history.parquet"), descriptors[t], labels[t],
                next(iter(files.scalings.values())), t, record, settings["baseline_networks"],
                Execution(checkpoint=root / f"state/baselines_T{canonical(t)}"),
            )  # fmt: skip
    source, c_b = settings["transferred_from"]
    compared = []
    for t in labels:
        compared.append(root / f"baseline_predictions/T{canonical(t)}.h5")
        baselines.baseline_predictions(
            compared[-1], descriptors[t], linear, own[source], own[t], t, record["c_b"], c_b
        )
    rows = [
        (fold, method, t_min, t, c / 1e6, s, *sums)
        for t, methods in comparison_sums(list(labels.values()), predicted, compared).items()
        for (method, t_min), states in methods.items()
        for c, structures in states.items()
        for s, sums in enumerate(structures)
    ]
    columns = ["fold", "method", "t_min", "temperature", "c_b", "structure", *MOMENTS]
    made = provenance.collect("training", fold=[fold, folds], seed=run["seed"])
    storage.write_table(output, pd.DataFrame(rows, columns=columns), made)
