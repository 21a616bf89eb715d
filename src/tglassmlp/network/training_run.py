"""The two steps of the training, from files to files: one function for each rule of the workflow.

Step 1 trains networks at one C_B on all temperatures with measured labels there; those that are consistent
extrapolate labels to lower temperatures. Step 2 trains networks on all state points, measured and
extrapolated, and selects those that are consistent at the glass transition.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tglassmlp import provenance, storage
from tglassmlp.dynamics.label_map import LabelMap, c_b_by_temperature
from tglassmlp.network import selection
from tglassmlp.network.calibration import calibrated
from tglassmlp.network.dataset import (
    Structures,
    TrainingSet,
    join,
    read_structures,
    scratch_folder,
    training_set,
)
from tglassmlp.network.networks import Networks, load_networks, save_networks
from tglassmlp.network.protocol import Model
from tglassmlp.network.run_files import (
    Path,
    Record,
    TrainingFiles,
    direct,
    divided,
    labels_at,
    learnt_numbers,
    metadata,
    model_of,
    scaling_of,
    state_features_of,
)
from tglassmlp.network.settings import Execution, TrainingSettings
from tglassmlp.paths import by_temperature
from tglassmlp.randomness import seed_sequence
from tglassmlp.simulation import checkpoint as checkpoints
from tglassmlp.state_point import canonical, find, is_same, key, where

if TYPE_CHECKING:
    from tglassmlp.network.optimise import Trained

__all__ = [
    "equi_time_networks",
    "extrapolated_labels",
    "full_networks",
    "other_output",
    "selected_networks",
    "train_networks",
    "trained_full_networks",
]


def train_networks(
    run: Record, sets: Sequence[Sequence[TrainingSet]], spawn_key: tuple[Any, ...], networks: int,
    model: Model, execution: Execution, blind: float = 0.0,
) -> Trained:  # fmt: skip
    """Train on ``(training, validation)``; seeds are ``spawn_key`` with 0 for the order, n for network n - 1.

    A share ``blind`` of the networks does not see the temperature.
    """
    # JAX is loaded here and not before: other stages of this module start without it
    from tglassmlp.network.optimise import train

    order, *seeds = (seed_sequence(run["seed"], *spawn_key, n) for n in range(networks + 1))
    result = train(
        join(sets[0]), join(sets[1]) if sets[1] else None, state_features_of(run, model), seeds, order,
        model.architecture(run["network"]), TrainingSettings.from_settings(run["training"]), model, execution,
        blind=round(blind * networks),
    )  # fmt: skip
    assert result is not None
    return result


def folder_of(files: Sequence[Path], execution: Execution) -> str | None:
    """Where descriptors of these files are kept if they exceed the memory, else None: they are read whole."""
    if sum(os.path.getsize(f) for f in files) <= execution.memory:
        return None
    return scratch_folder(execution.checkpoint)


def remove_checkpoint(path: Path | None) -> None:
    """Delete the checkpoint of a training whose results are safe."""
    if path is not None:
        checkpoints.remove(path)


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put histories together; empty ones do not decide the columns' types."""
    filled = [t for t in tables if len(t)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def equi_time_networks(
    output: Path, history: Path, files: TrainingFiles, t_min: float, c_b: float, run: Record, minimum: int,
    execution: Execution | None = None,
) -> None:  # fmt: skip
    """Step 1 at one C_B: networks trained on all temperatures with measured labels there.

    With fewer than ``minimum`` such temperatures nothing can be extrapolated: a file with no network
    and a note is written. Data of more than ``execution.memory`` bytes are streamed from disk.
    """
    how, model = execution or Execution(), model_of(run)
    scale = model.reads.columns(scaling_of(files.scaling))
    temperatures = LabelMap.read(files.label_map).measured_at(c_b)
    extra: dict[str, Any] = {"t_min": t_min, "c_b": c_b, "temperatures": temperatures}
    made = provenance.collect("training", **extra, seed=run["seed"])
    if len(temperatures) < minimum:
        note = f"{len(temperatures)} measured temperatures at C_B = {c_b:g}, extrapolation needs {minimum}"
        print(f"step 1, T_min = {t_min:g}, C_B = {c_b:g}: nothing to train, {note}")
        record = metadata(run, scale, model, {**extra, "note": note})
        save_networks(output, Networks({}, record), made)
        storage.write_table(history, empty_history(), made)
        return
    descriptors, label_files = by_temperature(files.descriptors), by_temperature(files.labels)
    sets: list[list[TrainingSet]] = [[], []]
    folder = folder_of([f for t in temperatures for f in descriptors[t]], how)
    for t in temperatures:
        structures = read_structures(descriptors[t], t, scale, folder)
        parts = divided(run, len(structures))
        values, halves = (labels_at(label_files[t][0], [c_b], name=name) for name in ("propensity", "half"))
        for found, numbers in zip(sets, (parts.train, parts.validation), strict=True):
            if numbers:
                found.append(training_set(structures, [c_b], values[:, numbers], numbers, halves[:, numbers]))
    how = replace(how, label=f"step 1 T_min={t_min:g} C_B={c_b:g}")
    result = train_networks(
        run, sets, ("equi_time_training", key(t_min), key(c_b)), run["training"]["networks"],
        model, how, run["training"].get("equi_time_blind", 0.0),
    )  # fmt: skip
    save_networks(output, Networks(result.parameters, metadata(run, scale, model, extra)), made)
    storage.write_table(history, result.history.assign(t_min=t_min, c_b=c_b), made)
    remove_checkpoint(how.checkpoint)


def empty_history() -> pd.DataFrame:
    """History of a training that did not take place."""
    whole, real = (
        ["epoch", "phase", "network"],
        ["rate", "loss", "pearson", "validation_loss", "validation_pearson"],
    )
    columns = {**dict.fromkeys(whole, "int64"), **dict.fromkeys([*real, "t_min", "c_b"], "float64")}
    return pd.DataFrame({name: np.array([], dtype=kind) for name, kind in columns.items()})


def extrapolated_labels(
    output: Path, table_output: Path, networks: Sequence[Path], descriptors: Sequence[Path], label_map: Path,
    t_min: float, run: Record, tolerance: float | None = None,
) -> None:  # fmt: skip
    """Labels of all state points that step 1 extrapolates to, for the structures learnt from.

    With ``training.procedure: direct`` there are none. Networks count whose mean prediction lies within
    ``tolerance`` of C_B (``training.equi_time_tolerance`` of the record if None).

    Raises
    ------
    tglassmlp.network.selection.SelectionError
        If no network of some C_B is consistent at some temperature.
    """
    if tolerance is None:
        tolerance = float(run["training"]["equi_time_tolerance"])
    wanted = {} if direct(run) else c_b_by_temperature(LabelMap.read(label_map).extrapolated)
    ensembles = {key(n.metadata["c_b"]): n for n in (load_networks(p) for p in networks)}
    files = by_temperature(descriptors)
    found: dict[float, dict[float, np.ndarray]] = {t: {} for t in wanted}
    tables = []
    structures: dict[float, np.ndarray] = {}
    for t in wanted:
        scale = next(n for n in ensembles.values() if n.n_networks).scaling
        every = read_structures(files[t], t, scale)
        structures[t] = every.take(learnt_numbers(run, every)).inputs
    for c_b in sorted({c for cs in wanted.values() for c in cs}, reverse=True):
        low = {t: structures[t] for t in wanted if find(wanted[t], c_b) is not None}
        labels, table = selection.extrapolate(ensembles[key(c_b)], low, c_b, tolerance)
        tables.append(table)
        for t, label in labels.items():
            found[t][c_b] = label
    made = provenance.collect("training", t_min=t_min)
    arrays: dict[str, storage.Array] = {}
    kept = {}
    for t, values in found.items():
        name = f"T{canonical(t)}"
        arrays[f"{name}/c_b"] = storage.Array(np.array(list(values)), ("c_b",))
        arrays[f"{name}/propensity"] = storage.Array(
            np.stack(list(values.values())), ("c_b", "structure", "particle"), "1",
            "mean prediction of the networks of step 1 that are consistent here",
        )  # fmt: skip
    columns = ["c_b", "temperature", "network", "mean_prediction", "kept"]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({c: [] for c in columns})
    for t, cs in wanted.items():
        for c in cs:
            here = where(table["c_b"], c) & where(table["temperature"], t) & table["kept"].astype(bool)
            kept[f"T{canonical(t)}/{canonical(c)}"] = [int(n) for n in table["network"][here]]
            print(f"step 1, T_min = {t_min:g}: C_B = {c:g}, T = {t:g}: {here.sum()} networks kept")
    storage.write_arrays(output, arrays, made, {"t_min": t_min, "kept": kept})
    storage.write_table(table_output, table, made)


def trained_full_networks(
    output: Path, history: Path, files: TrainingFiles, extrapolated: Path, t_min: float, run: Record,
    execution: Execution | None = None,
) -> None:  # fmt: skip
    """Step 2: networks trained on all labelled state points, measured or extrapolated; all of them.

    With ``training.procedure: direct`` only the measured labels are learnt. Data of more than
    ``execution.memory`` bytes are streamed from disk. :func:`selected_networks` chooses among them.
    """
    how, model = execution or Execution(), model_of(run)
    scale = model.reads.columns(scaling_of(files.scaling))
    label_map = LabelMap.read(files.label_map)
    measured = c_b_by_temperature(label_map.measured)
    predicted = {} if direct(run) else c_b_by_temperature(label_map.extrapolated)
    descriptors, label_files = by_temperature(files.descriptors), by_temperature(files.labels)
    sets: list[list[TrainingSet]] = [[], []]
    structures: dict[float, Structures] = {}
    known = sorted({*measured, *predicted}, reverse=True)
    folder = folder_of([f for t in known for f in descriptors[t]], how)
    for t in known:
        structures[t] = read_structures(descriptors[t], t, scale, folder)
        parts, learnt = divided(run, len(structures[t])), learnt_numbers(run, structures[t])
        c_b, values, halves = [], [], []
        if t in measured:
            c_b += measured[t]
            values.append(labels_at(label_files[t][0], measured[t])[:, learnt])
            halves.append(labels_at(label_files[t][0], measured[t], name="half")[:, learnt])
        if t in predicted:
            c_b += predicted[t]
            values.append(labels_at(extrapolated, predicted[t], f"T{canonical(t)}/"))
            halves.append(np.stack([values[-1], values[-1]], axis=2))  # predictions have no replicas
        both, both_halves = np.concatenate(values), np.concatenate(halves)
        for found, numbers in zip(sets, (parts.train, parts.validation), strict=True):
            if numbers:
                rows = [learnt.index(n) for n in numbers]
                found.append(training_set(structures[t], c_b, both[:, rows], numbers, both_halves[:, rows]))
    result = train_networks(
        run, sets, ("full_training", key(t_min)), run["training"]["networks"], model,
        replace(how, label=f"step 2 T_min={t_min:g}"),
    )  # fmt: skip
    extra: dict[str, Any] = {"t_min": t_min}
    extra |= {"measured": [[t, cs] for t, cs in measured.items()]}
    extra |= {"extrapolated": [[t, cs] for t, cs in predicted.items()]}
    made = provenance.collect("training", t_min=t_min, seed=run["seed"])
    storage.write_table(history, result.history.assign(t_min=t_min), made)
    save_networks(output, Networks(result.parameters, metadata(run, scale, model, extra)), made)
    remove_checkpoint(how.checkpoint)


def selected_networks(
    output: Path, table_output: Path, trained: Path, descriptors: Sequence[Path], label_map: Path,
    glass_transition: float, run: Record, tolerance: float, labels: Sequence[Path] = (),
    contrast: str = "none",
) -> None:  # fmt: skip
    """Networks of step 2 that are consistent at the glass transition, or the lowest temperature predicted.

    Those kept are calibrated: :mod:`tglassmlp.network.calibration`.

    Parameters
    ----------
    output, table_output
        The networks with the list of those kept, and the mean prediction of each.
    trained
        File of :func:`trained_full_networks`.
    descriptors, label_map, glass_transition
        Descriptors of at least that temperature, the label map, the temperature.
    run
        Record of the run, of which the division of the ``structures`` counts.
    tolerance
        Largest |mean prediction - C_B| of a network that is kept (``training.full_tolerance``).
    labels, contrast
        Label files of all temperatures with dynamics, and the law of the contrast (``training.contrast``);
        with ``none`` no label is read.

    Raises
    ------
    tglassmlp.network.selection.SelectionError
        If none is consistent. The trained networks stay: another tolerance does not train again.
    """
    networks = load_networks(trained)
    known = c_b_by_temperature(LabelMap.read(label_map).known)
    lowest = next((t for t in known if is_same(t, glass_transition)), min(known))
    structures = read_structures(by_temperature(descriptors)[lowest], lowest, networks.scaling)
    seen = structures.take(learnt_numbers(run, structures)).inputs
    kept, chosen = selection.select_full(networks, seen, lowest, known[lowest], tolerance)
    t_min = networks.metadata["t_min"]
    print(f"step 2, T_min = {t_min:g}: {len(kept)} of {networks.n_networks} kept at T = {lowest:g}: {kept}")
    made = provenance.collect("training", t_min=t_min, tolerance=tolerance)
    storage.write_table(table_output, chosen, made)
    record = {k: v for k, v in networks.metadata.items() if k not in ("numbers", "provenance")}
    record |= {"tested_at": lowest, "kept": kept}
    if contrast != "none":
        only = Networks(networks.parameters, record).of(kept)
        found = calibrated(only, descriptors, labels, label_map, run, contrast).metadata
        record |= {k: found[k] for k in ("contrast", "residual", "no_contrast") if k in found}
    save_networks(output, Networks(networks.parameters, record), made)


def full_networks(
    output: Path, table_output: Path, history: Path, files: TrainingFiles, extrapolated: Path, t_min: float,
    glass_transition: float, run: Record, execution: Execution | None = None,
) -> None:  # fmt: skip
    """Step 2 as a whole, :func:`trained_full_networks` and :func:`selected_networks`, with one file."""
    trained_full_networks(output, history, files, extrapolated, t_min, run, execution)
    selected_networks(
        output, table_output, output, files.descriptors, files.label_map, glass_transition, run,
        run["training"]["full_tolerance"], files.labels, run["training"].get("contrast", "none"),
    )  # fmt: skip


def other_output(
    output: Path, files: TrainingFiles, extrapolated: Path, t_min: float, glass_transition: float,
    run: Record, execution: Execution | None = None,
) -> None:  # fmt: skip
    """Step 2 with the other ``network.output``, for the selection alone: C_i in place of C_i - C_B or back.

    With ``deviation`` a network that has learnt nothing passes the test of its mean prediction. What the test
    selects is seen with ``propensity``. The networks learn the same labels as those of the run, in number and
    seeds alike; only their means are kept, of all of them.

    Parameters
    ----------
    output
        Table of :func:`tglassmlp.network.selection.select_full` with the column ``output``.
    files, extrapolated, t_min, glass_transition, run, execution
        As :func:`full_networks`.
    """
    other = {"propensity": "deviation", "deviation": "propensity"}[run["network"].get("output", "propensity")]
    record = {
        **run,
        "network": {**run["network"], "output": other},
        # every network stays: which of them pass is read off the table
        "training": {**run["training"], "full_tolerance": 1e9, "contrast": "none"},
    }
    with tempfile.TemporaryDirectory() as name:
        table, rest = f"{name}/table.parquet", [f"{name}/networks.npz", f"{name}/history.parquet"]
        full_networks(
            rest[0], table, rest[1], files, extrapolated, t_min, glass_transition, record, execution
        )
        means = storage.read_table(table).assign(output=other)
    means = means.drop(columns="kept")
    storage.write_table(output, means, provenance.collect("training", t_min=t_min, seed=run["seed"]))
