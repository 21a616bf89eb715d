"""One variant of a run, trained once by the stages of the workflow, beside ridge regression on the same data.

Sums of each structure are stored, not correlations: :func:`tglassmlp.studies.summary.summary` forms them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.correlation import pearson_sums
from tglassmlp.dynamics.label_map import map_labels
from tglassmlp.network import baselines, models, selection
from tglassmlp.network.both_steps import both_steps
from tglassmlp.network.dataset import read_structures
from tglassmlp.network.networks import Networks, load_networks
from tglassmlp.network.protocol import keep_lengths
from tglassmlp.network.run_files import TrainingFiles, divided, labels_at, scaling_of
from tglassmlp.paths import by_temperature
from tglassmlp.state_point import is_same, where
from tglassmlp.studies.variants import Record, Variant

__all__ = ["Files", "run_variant"]


@dataclass(frozen=True)
class Files:
    """Files of a run that studies read.

    Parameters
    ----------
    descriptors, labels
        Of all temperatures, ``.../T<temperature>/chunk<chunk>.h5`` and ``.../T<temperature>.h5``.
    scaling
        Scaling file of each T_min that is learnt from, or one for all.
    """

    descriptors: Sequence[str]
    labels: Sequence[str]
    scaling: str


def run_variant(
    variant: Variant, files: Files, run: Record, label_settings: Record, t_min: float,
    glass_transition: float, seed: int, parts: Sequence[str] = ("test",),
) -> pd.DataFrame:  # fmt: skip
    """Train one variant once, and ridge regression beside it.

    Parameters
    ----------
    variant
        What differs from the run.
    files
        Descriptors, labels and scaling of the run.
    run
        The run's record, as the training stages take it.
    label_settings
        ``lowest_ratio``, ``minimum_labelled``, ``minimum_predicted`` of the label map.
    t_min, glass_transition
        Of the run; the variant's own T_min has precedence.
    seed
        Number of the repetition; changes every random number.
    parts
        Structures compared: any of ``"test"``, ``"validation"``.

    Returns
    -------
    pandas.DataFrame
        One row for each method, measured state point and structure, with the sums over its particles
        (n, x, y, xx, yy, xy; x predicted, y measured), and the networks kept and seconds of the variant.
    """
    t_low = t_min if variant.t_min is None else variant.t_min
    record: dict[str, Any] = {**run, "seed": int(run["seed"]) + 1000 * seed}
    record["network"] = {**run["network"], **variant.network}
    record["training"] = {**run["training"], **variant.training}
    record["structures"] = {**run["structures"], "training": variant.structures}
    model = models.named(variant.method)
    if variant.method != models.DEFAULT:
        record["model"] = variant.method
    division = divided(record)
    label_files = {t: p[0] for t, p in by_temperature(files.labels).items()}
    reached = {t: storage.read_arrays(p, ["c_b"])["c_b"].tolist() for t, p in label_files.items()}
    chosen = [n for part in parts for n in getattr(division, part)]
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scaling = keep_lengths(scaling_of(files.scaling), variant.lengths)
        storage.write_json(folder / "scaling.json", scaling.to_json())
        label_map = map_labels(record["temperatures"], record["c_b"], reached, t_low, **label_settings)
        label_map.write(folder / "map.parquet", {})
        learnt = TrainingFiles(
            files.descriptors, files.labels, folder / "map.parquet", folder / "scaling.json"
        )
        networks: Networks | None = None
        if model.reads_state:
            minimum = label_settings["minimum_labelled"]
            try:
                path = both_steps(folder, learnt, t_low, glass_transition, record, minimum)
                networks = load_networks(path)
            except selection.SelectionError as error:
                print(f"{variant.slug}: {error}")
        seconds = time.process_time() - started
        kept = 0 if networks is None else networks.n_networks
        penalty = "validation" if division.validation else 100.0
        baselines.linear_baselines(folder / "linear.npz", learnt, record, penalty)
        linear, _ = storage.read_npz(folder / "linear.npz")
        rows: list[dict[str, Any]] = []
        for t, paths in by_temperature(files.descriptors).items():
            if t not in reached:
                continue
            x = read_structures(paths, t, scaling).take(chosen).inputs
            own: dict[float, Networks] = {}
            if not model.reads_state:
                begun, kept = time.process_time(), int(record["training"]["networks"])
                baselines.glassmlp_networks(
                    folder / "one.npz", folder / "history.parquet", paths, label_files[t], learnt.scaling, t,
                    record, kept, model=model,
                )  # fmt: skip
                own = baselines.read_glassmlp(folder / "one.npz")
                seconds += time.process_time() - begun
            for c_b in reached[t]:
                y = labels_at(label_files[t], [c_b])[0][chosen]
                fields: dict[str, NDArray] = {}
                if networks is not None:
                    found = networks.predict_corrected(x, t, c_b, checked=False)
                    fields[variant.method] = found.propensity.mean(axis=0)
                for c, one in own.items():
                    if is_same(c, c_b):
                        fields[variant.method] = one.predict_scaled(x, t, c, checked=False).mean(axis=0)
                k = np.flatnonzero(where(linear["c_b"], c_b))
                if len(k):
                    fields["ridge"] = x @ linear["coefficients"][k[0]] + linear["intercept"][k[0]]
                for method, predicted in fields.items():
                    here = {"method": method, "temperature": t, "c_b": c_b}
                    rows += [{**here, **sums} for sums in _sums(predicted, y, chosen)]
    out = pd.DataFrame(rows)
    out.insert(0, "study", variant.study)
    out.insert(1, "variant", variant.name)
    out.insert(2, "seed", int(seed))
    out.insert(3, "t_min", float(t_low))
    return out.assign(kept=kept, seconds=seconds)


def _sums(predicted: NDArray, measured: NDArray, structures: Sequence[int]) -> list[dict[str, float]]:
    """Sum over the particles of each structure, from fields ``[S, P]``."""
    rows = pearson_sums(predicted, measured)
    names = ("n", "x", "y", "xx", "yy", "xy")
    return [
        {"structure": int(s), **dict(zip(names, map(float, row), strict=True))}
        for s, row in zip(structures, rows, strict=True)
    ]
