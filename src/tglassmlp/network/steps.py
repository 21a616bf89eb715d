"""The stages of the learning, from files to files: both training steps, extrapolation, prediction, baselines.

Each function is one rule of the workflow. Settings come as plain records (``run``) with the keys ``seed``,
``temperatures``, ``c_b``, ``network``, ``training``, ``structures``, ``descriptors`` (lengths, cutoff,
central_species, mixture): the same sections as in the run's config.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tglassmlp import provenance, storage
from tglassmlp.descriptors.standardise import Scaling
from tglassmlp.division import Split, split
from tglassmlp.network import selection
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.dataset import (
    DATA_MEMORY,
    Structures,
    TrainingSet,
    join,
    read_structures,
    scratch_folder,
    training_set,
)
from tglassmlp.network.prediction import Networks, load_networks, save_networks
from tglassmlp.network.state_point import StatePoint
from tglassmlp.randomness import seed_sequence, temperature_key
from tglassmlp.simulation import checkpoint as checkpoints
from tglassmlp.state_point import canonical

if TYPE_CHECKING:
    from tglassmlp.network.training import Trained

__all__ = [
    "bottlenecks_of",
    "equi_time_networks",
    "extrapolated_labels",
    "full_networks",
    "other_output",
    "predictions",
    "selected_networks",
    "trained_full_networks",
]

Path = str | os.PathLike[str]
Record = Mapping[str, Any]


def by_temperature(paths: Sequence[Path]) -> dict[float, list[Path]]:
    """Group files by the ``T<temperature>`` in their path, keeping their order."""
    found: dict[float, list[Path]] = {}
    for path in paths:
        match = re.findall(r"/T(\d+\.\d+)[/.]", os.fspath(path).replace(".h5", "/").replace(".npz", "/"))
        if not match:
            raise ValueError(f"{path}: no temperature T<number> in this path")
        found.setdefault(float(match[-1]), []).append(path)
    return found


def divided(run: Record, total: int | None = None) -> Split:
    """Training, validation and test structures of a run, or of a temperature with ``total`` structures.

    Structures beyond those that every temperature has are for training. ``structures.training`` (only
    studies set it) keeps the first so many training structures, and none of those beyond.
    ``structures.fold`` (only :mod:`tglassmlp.folds` sets it), ``[k, K]``, leaves out the k-th of K folds.
    """
    s = run["structures"]
    found = split(s["number"], s["test_fraction"], s["validation_fraction"])
    if s.get("training") is not None:
        return replace(found, train=found.train[: s["training"]])
    found = found if total is None else found.with_extra(total)
    return found if s.get("fold") is None else found.without_fold(*s["fold"])


def learnt_numbers(run: Record, structures: Structures) -> list[int]:
    """Training and validation structures of a temperature, in the order of their extrapolated labels."""
    parts = divided(run, len(structures))
    return [*parts.train, *parts.validation]


def direct(run: Record) -> bool:
    """Whether the full networks learn from measured labels alone."""
    return bool(run["training"].get("procedure", "two_step") == "direct")


def _near(values: Any, target: float) -> Any:
    return np.abs(np.asarray(values, dtype=float) - float(target)) < 1e-9


def scaling_of(path: Path) -> Scaling:
    """Read a scaling file."""
    return Scaling.from_json(storage.read_json(path))


def _state_point(run: Record) -> StatePoint:
    return StatePoint.from_ranges(
        Architecture.from_settings(run["network"]).state_features, run["temperatures"], run["c_b"]
    )


def pairs(label_map: pd.DataFrame, kinds: str) -> dict[float, list[float]]:
    """Temperature -> C_B values whose kind in the label map is one of the letters ``kinds``."""
    rows = label_map[label_map["kind"].isin(list(kinds))]
    found: dict[float, list[float]] = {}
    for t, c in zip(rows["temperature"].astype(float), rows["c_b"].astype(float), strict=True):
        found.setdefault(float(t), []).append(float(c))
    return found


def labels_at(path: Path, c_b: Sequence[float], group: str = "", name: str = "propensity") -> np.ndarray:
    """Labels of the wanted C_B, ``[len(c_b), S, P]``, or with ``name="half"`` those of half the replicas."""
    arrays = storage.read_arrays(path, [f"{group}c_b", f"{group}{name}"])
    found = arrays[f"{group}c_b"]
    rows = []
    for c in c_b:
        match = np.flatnonzero(_near(found, c))
        if not len(match):
            raise ValueError(f"{path}: no labels at C_B = {c:g}, the file holds {found.tolist()}")
        rows.append(int(match[0]))
    return arrays[f"{group}{name}"][rows]


def metadata(run: Record, scaling: Scaling, kind: str, extra: Record) -> dict[str, Any]:
    """Record of a networks file."""
    return {
        "kind": kind,
        "architecture": Architecture.from_settings(run["network"]).as_record(),
        "scaling": scaling.to_json(),
        "state_point": _state_point(run).as_record(),
        "descriptors": dict(run["descriptors"]),
        "fingerprint": provenance.fingerprint(dict(run)),
        **extra,
    }


def train_networks(
    run: Record, sets: Sequence[Sequence[TrainingSet]], key: tuple[Any, ...], networks: int, kind: str,
    label: str, checkpoint: Path | None, status_file: Path | None, memory: float = DATA_MEMORY,
    blind: float = 0.0,
) -> Trained:  # fmt: skip
    """Train on ``(training, validation)``; seeds are ``key`` with 0 for the order, n for network n - 1."""
    # JAX is loaded here and not before: other stages of this module start without it
    from tglassmlp.network.training import TrainingSettings, train

    order, *seeds = (seed_sequence(run["seed"], *key, n) for n in range(networks + 1))
    result = train(
        join(sets[0]), join(sets[1]) if sets[1] else None, _state_point(run), seeds, order,
        Architecture.from_settings(run["network"]), TrainingSettings.from_settings(run["training"]),
        kind, label, checkpoint, status_file, memory=memory, blind=round(blind * networks),
    )  # fmt: skip
    assert result is not None
    return result


def folder_of(files: Sequence[Path], checkpoint: Path | None, memory: float) -> str | None:
    """Where descriptors of these files are kept if they exceed the memory, else None: they are read whole."""
    if sum(os.path.getsize(f) for f in files) <= memory:
        return None
    return scratch_folder(checkpoint)


def remove_checkpoint(path: Path | None) -> None:
    """Delete the checkpoint of a training whose results are safe."""
    if path is not None:
        checkpoints.remove(path)


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put histories together; empty ones do not decide the columns' types."""
    filled = [t for t in tables if len(t)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def equi_time_networks(
    output: Path, history: Path, descriptors: Sequence[Path], labels: Sequence[Path], label_map: Path,
    scaling: Path, t_min: float, c_b: float, run: Record, minimum: int, checkpoint: Path | None = None,
    status_file: Path | None = None, memory: float = DATA_MEMORY,
) -> None:  # fmt: skip
    """Step 1 at one C_B: networks trained on all temperatures with measured labels there.

    With fewer than ``minimum`` such temperatures nothing can be extrapolated: a file with no network
    and a note is written. Data of more than ``memory`` bytes are streamed from disk.
    """
    scale = scaling_of(scaling)
    table = storage.read_table(label_map, ["temperature", "c_b", "kind"])
    mine = table[_near(table["c_b"], c_b) & (table["kind"] == "x")]
    temperatures = sorted(map(float, mine["temperature"]), reverse=True)
    extra: dict[str, Any] = {"t_min": t_min, "c_b": c_b, "temperatures": temperatures}
    made = provenance.collect("training", **extra, seed=run["seed"])
    if len(temperatures) < minimum:
        note = f"{len(temperatures)} measured temperatures at C_B = {c_b:g}, extrapolation needs {minimum}"
        print(f"step 1, T_min = {t_min:g}, C_B = {c_b:g}: nothing to train, {note}")
        record = metadata(run, scale, "tglassmlp", {**extra, "note": note})
        save_networks(output, Networks({}, record), made)
        storage.write_table(history, empty_history(), made)
        return
    files, label_files = by_temperature(descriptors), by_temperature(labels)
    sets: list[list[TrainingSet]] = [[], []]
    folder = folder_of([f for t in temperatures for f in files[t]], checkpoint, memory)
    for t in temperatures:
        structures = read_structures(files[t], t, scale, folder)
        parts = divided(run, len(structures))
        values, halves = (labels_at(label_files[t][0], [c_b], name=name) for name in ("propensity", "half"))
        for found, numbers in zip(sets, (parts.train, parts.validation), strict=True):
            if numbers:
                found.append(training_set(structures, [c_b], values[:, numbers], numbers, halves[:, numbers]))
    key = (temperature_key(t_min), round(c_b * 1e6))
    result = train_networks(
        run, sets, ("equi_time_training", *key), run["training"]["networks"], "tglassmlp",
        f"step 1 T_min={t_min:g} C_B={c_b:g}", checkpoint, status_file, memory,
        run["training"].get("equi_time_blind", 0.0),
    )  # fmt: skip
    save_networks(output, Networks(result.parameters, metadata(run, scale, "tglassmlp", extra)), made)
    storage.write_table(history, result.history.assign(t_min=t_min, c_b=c_b), made)
    remove_checkpoint(checkpoint)


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
    """Labels of all state points that step 1 extrapolates to (kind ``t``), for the training structures.

    With ``training.procedure: direct`` there are none. Networks count whose mean prediction lies within
    ``tolerance`` of C_B (``training.equi_time_tolerance`` of the record if None).

    Raises
    ------
    tglassmlp.network.selection.SelectionError
        If no network of some C_B is consistent at some temperature.
    """
    if tolerance is None:
        tolerance = float(run["training"]["equi_time_tolerance"])
    wanted = pairs(storage.read_table(label_map, ["temperature", "c_b", "kind"]), "t")
    if direct(run):
        wanted = {}
    ensembles = {round(n.metadata["c_b"] * 1e6): n for n in (load_networks(p) for p in networks)}
    files = by_temperature(descriptors)
    found: dict[float, dict[float, np.ndarray]] = {t: {} for t in wanted}
    tables = []
    structures: dict[float, np.ndarray] = {}
    for t in wanted:
        scale = next(n for n in ensembles.values() if n.n_networks).scaling
        every = read_structures(files[t], t, scale)
        structures[t] = every.take(learnt_numbers(run, every)).inputs
    for c_b in sorted({c for cs in wanted.values() for c in cs}, reverse=True):
        low = {t: structures[t] for t in wanted if any(_near(wanted[t], c_b))}
        labels, table = selection.extrapolate(ensembles[round(c_b * 1e6)], low, c_b, tolerance)
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
            here = _near(table["c_b"], c) & _near(table["temperature"], t) & table["kept"].astype(bool)
            kept[f"T{canonical(t)}/{canonical(c)}"] = [int(n) for n in table["network"][here]]
            print(f"step 1, T_min = {t_min:g}: C_B = {c:g}, T = {t:g}: {here.sum()} networks kept")
    storage.write_arrays(output, arrays, made, {"t_min": t_min, "kept": kept})
    storage.write_table(table_output, table, made)


def trained_full_networks(
    output: Path, history: Path, descriptors: Sequence[Path], labels: Sequence[Path], extrapolated: Path,
    label_map: Path, scaling: Path, t_min: float, run: Record, checkpoint: Path | None = None,
    status_file: Path | None = None, memory: float = DATA_MEMORY,
) -> None:  # fmt: skip
    """Step 2: networks trained on all labelled state points, measured or extrapolated; all of them.

    With ``training.procedure: direct`` only the measured labels are learnt. Data of more than ``memory``
    bytes are streamed from disk. :func:`selected_networks` chooses among them.
    """
    scale = scaling_of(scaling)
    table = storage.read_table(label_map, ["temperature", "c_b", "kind"])
    measured, predicted = pairs(table, "x"), {} if direct(run) else pairs(table, "t")
    files, label_files = by_temperature(descriptors), by_temperature(labels)
    sets: list[list[TrainingSet]] = [[], []]
    structures: dict[float, Structures] = {}
    known = sorted({*measured, *predicted}, reverse=True)
    folder = folder_of([f for t in known for f in files[t]], checkpoint, memory)
    for t in known:
        structures[t] = read_structures(files[t], t, scale, folder)
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
        run, sets, ("full_training", temperature_key(t_min)), run["training"]["networks"], "tglassmlp",
        f"step 2 T_min={t_min:g}", checkpoint, status_file, memory,
    )  # fmt: skip
    extra: dict[str, Any] = {"t_min": t_min}
    extra |= {"measured": [[t, cs] for t, cs in measured.items()]}
    extra |= {"extrapolated": [[t, cs] for t, cs in predicted.items()]}
    made = provenance.collect("training", t_min=t_min, seed=run["seed"])
    storage.write_table(history, result.history.assign(t_min=t_min), made)
    save_networks(output, Networks(result.parameters, metadata(run, scale, "tglassmlp", extra)), made)
    remove_checkpoint(checkpoint)


def selected_networks(
    output: Path, table_output: Path, trained: Path, descriptors: Sequence[Path], label_map: Path,
    glass_transition: float, run: Record, tolerance: float,
) -> None:  # fmt: skip
    """Networks of step 2 that are consistent at the glass transition, or the lowest temperature predicted.

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

    Raises
    ------
    tglassmlp.network.selection.SelectionError
        If none is consistent. The trained networks stay: another tolerance does not train again.
    """
    networks = load_networks(trained)
    everything = pairs(storage.read_table(label_map, ["temperature", "c_b", "kind"]), "xtr")
    lowest = next((t for t in everything if _near(t, glass_transition)), min(everything))
    files = by_temperature(descriptors)
    structures = read_structures(files[lowest], lowest, networks.scaling)
    seen = structures.take(learnt_numbers(run, structures)).inputs
    kept, chosen = selection.select_full(networks, seen, lowest, everything[lowest], tolerance)
    t_min = networks.metadata["t_min"]
    print(f"step 2, T_min = {t_min:g}: {len(kept)} of {networks.n_networks} kept at T = {lowest:g}: {kept}")
    made = provenance.collect("training", t_min=t_min, tolerance=tolerance)
    storage.write_table(table_output, chosen, made)
    record = {k: v for k, v in networks.metadata.items() if k not in ("numbers", "provenance")}
    record |= {"tested_at": lowest, "kept": kept}
    save_networks(output, Networks(networks.parameters, record), made)


def full_networks(
    output: Path, table_output: Path, history: Path, descriptors: Sequence[Path], labels: Sequence[Path],
    extrapolated: Path, label_map: Path, scaling: Path, t_min: float, glass_transition: float, run: Record,
    checkpoint: Path | None = None, status_file: Path | None = None, memory: float = DATA_MEMORY,
) -> None:  # fmt: skip
    """Step 2 as a whole, :func:`trained_full_networks` and :func:`selected_networks`, with one file."""
    trained_full_networks(
        output, history, descriptors, labels, extrapolated, label_map, scaling, t_min, run, checkpoint,
        status_file, memory,
    )  # fmt: skip
    tolerance = run["training"]["full_tolerance"]
    selected_networks(output, table_output, output, descriptors, label_map, glass_transition, run, tolerance)


def other_output(
    output: Path, descriptors: Sequence[Path], labels: Sequence[Path], extrapolated: Path, label_map: Path,
    scaling: Path, t_min: float, glass_transition: float, run: Record, checkpoint: Path | None = None,
    status_file: Path | None = None, memory: float = DATA_MEMORY,
) -> None:  # fmt: skip
    """Step 2 with the other ``network.output``, for the selection alone: C_i in place of C_i - C_B or back.

    With ``deviation`` a network that has learnt nothing passes the test of its mean prediction. What the test
    selects is seen with ``propensity``. The networks learn the same labels as those of the run, in number and
    seeds alike; only their means are kept, of all of them.

    Parameters
    ----------
    output
        Table of :func:`tglassmlp.network.selection.select_full` with the column ``output``.
    descriptors, labels, extrapolated, label_map, scaling, t_min, glass_transition, run
        As :func:`full_networks`.
    """
    other = {"propensity": "deviation", "deviation": "propensity"}[run["network"].get("output", "propensity")]
    record = {
        **run,
        "network": {**run["network"], "output": other},
        # every network stays: which of them pass is read off the table
        "training": {**run["training"], "full_tolerance": 1e9},
    }
    with tempfile.TemporaryDirectory() as name:
        table, rest = f"{name}/table.parquet", [f"{name}/networks.npz", f"{name}/history.parquet"]
        full_networks(
            rest[0], table, rest[1], descriptors, labels, extrapolated, label_map, scaling, t_min,
            glass_transition, record, checkpoint, status_file, memory,
        )  # fmt: skip
        found = storage.read_table(table).assign(output=other)
    found = found.drop(columns="kept")
    storage.write_table(output, found, provenance.collect("training", t_min=t_min, seed=run["seed"]))


def predictions(
    output: Path, networks: Path, descriptors: Sequence[Path], label_map: Path, temperature: float,
    prediction: Record, with_bottleneck: bool, test: Sequence[int] = (),
) -> None:  # fmt: skip
    """Mean-corrected predictions of all structures of one temperature at every C_B the label map allows."""
    ensemble = load_networks(networks)
    structures = read_structures(descriptors, temperature, ensemble.scaling)
    table = storage.read_table(label_map, ["temperature", "c_b", "kind"])
    c_b = next((cs for t, cs in pairs(table, "xtr").items() if _near(t, temperature)), [])
    n, (s, p, m) = ensemble.n_networks, structures.inputs.shape
    k = len(c_b)
    entered, mean = np.zeros((k, n)), np.zeros((k, n))
    converged = np.zeros((k, n), bool)
    propensity = np.zeros((k, n, s, p), np.float32)
    attention = np.zeros((k, n, m), np.float32)
    units = ensemble.parameters["bottleneck/bias"].shape[1]
    bottleneck = np.zeros((k, s, p, units) if with_bottleneck else (0, 0, 0, 0), np.float32)
    for i, c in enumerate(c_b):
        found = ensemble._corrected(structures.inputs, temperature, c, **prediction)
        entered[i], mean[i], converged[i] = found.c_b_input, found.mean, found.converged
        propensity[i] = found.propensity
        attention[i] = ensemble._attention(temperature, found.c_b_input)
        if with_bottleneck:
            one = ensemble.of([0])
            bottleneck[i] = one._bottleneck(structures.inputs, temperature, found.c_b_input[0])[0]
        print(
            f"T = {temperature:g}, C_B = {c:g}: told {_range(found.c_b_input)}, mean {_range(found.mean)}, "
            f"{int(found.converged.sum())} of {n} converged after {found.iterations} corrections"
        )
    axes = ("c_b", "network", "structure", "particle")
    arrays = {
        "c_b": storage.Array(np.array(c_b, dtype=float), axes[:1]),
        "c_b_input": storage.Array(
            entered, axes[:2], "1", "C_B the network was told after the mean correction"
        ),
        "converged": storage.Array(converged, axes[:2]),
        "mean_prediction": storage.Array(mean, axes[:2]),
        "propensity": storage.Array(propensity, axes),
        "attention": storage.Array(attention, ("c_b", "network", "descriptor")),
    }
    if with_bottleneck:
        arrays["bottleneck"] = storage.Array(
            bottleneck, ("c_b", "structure", "particle", "unit"), "1", "of the first network"
        )
    attributes = {
        "temperature": temperature,
        "names": list(ensemble.names),
        "lengths": list(ensemble.metadata["descriptors"]["lengths"]),
        "numbers": ensemble.metadata["numbers"],
        "test": list(test),
        "t_min": ensemble.metadata["t_min"],
    }
    made = provenance.collect("prediction", temperature=temperature, settings=dict(prediction))
    storage.write_arrays(output, arrays, made, attributes)


def bottlenecks_of(
    networks: Path, descriptors: Sequence[Path], structures: Sequence[int]
) -> dict[float, Callable[[np.ndarray], np.ndarray]]:
    """Bottlenecks of all kept networks at several temperatures, computed when asked for.

    Returns
    -------
    dict
        Temperature -> function from the C_B each network is told ``[networks]`` to the values of its units
        ``[networks, structures, particles, units]``; of the wanted structures, those that there are.
    """
    ensemble = load_networks(networks)

    def at(t: float, paths: Sequence[Path]) -> Callable[[np.ndarray], np.ndarray]:
        read = lru_cache(maxsize=1)(lambda: read_structures(paths, t, ensemble.scaling))

        def units(c_b: np.ndarray) -> np.ndarray:
            every = read()
            chosen = every.take([s for s in structures if s < len(every)])
            return ensemble._bottleneck(chosen.inputs, t, c_b)

        return units

    return {t: at(t, paths) for t, paths in by_temperature(descriptors).items()}


def _range(values: np.ndarray) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f}..{high:.3f}"
