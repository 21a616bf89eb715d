"""What tGlassMLP is compared with, from files to files.

That is GlassMLP, per state point and transferred, and linear baselines;
:mod:`tglassmlp.network.linear` has the formulae of ridge regression and of single descriptors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import provenance, storage
from tglassmlp.dynamics.label_map import LabelMap, c_b_by_temperature
from tglassmlp.local_structure.standardise import Scaling
from tglassmlp.network import training_run
from tglassmlp.network.dataset import TrainingSet, read_structures, training_set
from tglassmlp.network.glassmlp import GLASSMLP
from tglassmlp.network.linear import PENALTIES, QUANTITIES, Ridge, best_descriptor, fit_ridge
from tglassmlp.network.networks import Networks
from tglassmlp.network.protocol import Model
from tglassmlp.network.run_files import (
    Path,
    Record,
    TrainingFiles,
    divided,
    labels_at,
    metadata,
    scaling_of,
)
from tglassmlp.network.settings import Execution
from tglassmlp.paths import by_temperature
from tglassmlp.state_point import canonical, is_same, key

__all__ = ["baseline_predictions", "glassmlp_networks", "linear_baselines", "read_glassmlp"]


def glassmlp_networks(
    output: Path, history: Path, descriptors: Sequence[Path], labels: Path, scaling: Path, temperature: float,
    run: Record, networks: int, execution: Execution | None = None, model: Model = GLASSMLP,
) -> None:  # fmt: skip
    """Train GlassMLP at every labelled C_B of one temperature; one file, ``cb<C_B>/<parameter>``.

    Another ``model`` that does not read the state point may take its place. The checkpoint of
    each C_B is that of the execution with ``.cb<C_B>.npz`` behind it.
    """
    how = execution or Execution()
    scale = model.reads.columns(scaling_of(scaling))
    structures = read_structures(descriptors, temperature, scale)
    parts = divided(run, len(structures))
    found = storage.read_arrays(labels, ["c_b", "propensity", "half"])
    arrays: dict[str, NDArray] = {}
    tables = [training_run.empty_history()]
    for c_b, values, halves in zip(*(found[n] for n in ("c_b", "propensity", "half")), strict=True):
        c_b = float(c_b)
        sets: list[list[TrainingSet]] = [
            [training_set(structures, [c_b], values[None, numbers], numbers, halves[None, numbers])]
            if numbers
            else []
            for numbers in (parts.train, parts.validation)
        ]
        checkpoint = None if how.checkpoint is None else f"{how.checkpoint}.cb{canonical(c_b)}.npz"
        label = f"{model.title} T={temperature:g} C_B={c_b:g}"
        result = training_run.train_networks(
            run, sets, ("baseline_training", key(temperature), key(c_b)), networks, model,
            replace(how, checkpoint=checkpoint, label=label),
        )  # fmt: skip
        arrays |= {f"cb{canonical(c_b)}/{name}": value for name, value in result.parameters.items()}
        tables.append(result.history.assign(t_min=temperature, c_b=c_b))
        training_run.remove_checkpoint(checkpoint)
    made = provenance.collect("baselines", temperature=temperature, seed=run["seed"])
    extra = {"temperature": temperature, "c_b": found["c_b"].tolist(), "provenance": made}
    storage.write_npz(output, arrays, metadata(run, scale, model, extra))
    storage.write_table(history, training_run.joined(tables), made)


def read_glassmlp(path: Path) -> dict[float, Networks]:
    """GlassMLP ensembles of one temperature by their C_B."""
    arrays, metadata = storage.read_npz(path)
    found = {}
    for c_b in metadata["c_b"]:
        prefix = f"cb{canonical(c_b)}/"
        mine = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
        found[float(c_b)] = Networks(mine, {**metadata, "c_b": c_b})
    return found


def linear_baselines(output: Path, files: TrainingFiles, run: Record, penalty: float | str) -> None:
    """Ridge regression and the best single descriptors per C_B, from all temperatures with labels.

    ``penalty`` is a number, or ``"validation"``: at each C_B that of
    :data:`~tglassmlp.network.linear.PENALTIES` with the highest Pearson correlation on the validation
    structures.

    Raises
    ------
    ValueError
        If the validation structures are to decide and there are none.
    """
    scale = scaling_of(files.scaling)
    descriptors, label_files = by_temperature(files.descriptors), by_temperature(files.labels)
    data: dict[float, dict[str, list[NDArray]]] = {}
    for t, c_bs in c_b_by_temperature(LabelMap.read(files.label_map).measured).items():
        x = read_structures(descriptors[t], t, scale).inputs
        parts = divided(run, len(x))
        for c_b, y in zip(c_bs, labels_at(label_files[t][0], c_bs), strict=True):
            lists = data.setdefault(c_b, {"x": [], "y": [], "xv": [], "yv": []})
            for suffix, numbers in (("", parts.train), ("v", parts.validation)):
                lists["x" + suffix].append(x[numbers].reshape(-1, x.shape[-1]))
                lists["y" + suffix].append(y[numbers].ravel())
    c_b_values = sorted(data, reverse=True)
    fits, columns, signs = [], [], []
    for c_b in c_b_values:
        mine = {name: np.concatenate(values) for name, values in data[c_b].items()}
        if penalty != "validation":
            fits.append(fit_ridge(mine["x"], mine["y"], [float(penalty)]))
        elif divided(run).validation:
            fits.append(fit_ridge(mine["x"], mine["y"], PENALTIES, (mine["xv"], mine["yv"])))
        else:
            raise ValueError(
                "baselines.ridge_alpha is 'validation', but structures.validation_fraction leaves no "
                "validation structure: give a number"
            )
        best = [best_descriptor(mine["x"], mine["y"], scale.names, q) for q in QUANTITIES]
        columns.append([k for k, _ in best])
        signs.append([s for _, s in best])
        print(
            f"C_B = {c_b:g}: ridge penalty {fits[-1].penalty:g}, best single descriptors "
            + ", ".join(scale.names[k] for k, _ in best)
        )
    arrays = {
        "c_b": np.array(c_b_values),
        "coefficients": np.array([f.coefficients for f in fits]),
        "intercept": np.array([f.intercept for f in fits]),
        "penalty": np.array([f.penalty for f in fits]),
        "column": np.array(columns, dtype=np.int64),
        "sign": np.array(signs),
    }
    made = provenance.collect("baselines", penalty=penalty)
    storage.write_npz(
        output, arrays, {"scaling": scale.to_json(), "quantities": QUANTITIES, "provenance": made}
    )


def baseline_predictions(
    output: Path, descriptors: Sequence[Path], linear: Sequence[Path], transferred: Path, own: Path | None,
    temperature: float, c_b: Sequence[float], transferred_from: float | None = None,
) -> None:  # fmt: skip
    """Predictions of all baselines for all structures of one temperature; NaN where one has no training.

    Parameters
    ----------
    linear
        Files of :func:`linear_baselines`, ``tmin<T_min>.npz``, the lowest T_min first. Of the others only
        ridge regression is used, as ``ridge_tmin<T_min>``.
    transferred
        GlassMLP file of the temperature that is transferred from.
    own
        GlassMLP file of this temperature, None if it has no dynamics.
    c_b
        C_B values of the run.
    transferred_from
        C_B of the transferred network; by default the one closest to 0.5.
    """
    arrays, metadata = storage.read_npz(linear[0])
    scale = Scaling.from_json(metadata["scaling"])
    structures = read_structures(descriptors, temperature, scale)
    x, k = structures.inputs, len(c_b)
    s, p, _ = x.shape

    def rows(values: Mapping[float, NDArray], shape: tuple[int, ...]) -> NDArray[np.float32]:
        out = np.full((k, *shape), np.nan, np.float32)
        for i, c in enumerate(c_b):
            for found, value in values.items():
                if is_same(found, c):
                    out[i] = value
        return out

    def ridge(fits: Mapping[str, NDArray]) -> NDArray[np.float32]:
        each = zip(fits["c_b"], fits["coefficients"], fits["intercept"], fits["penalty"], strict=True)
        return rows({float(c): Ridge(*fit).predict(x) for c, *fit in each}, (s, p))

    targets = [float(c) for c in arrays["c_b"]]
    fields: dict[str, NDArray] = {"ridge": ridge(arrays)}
    for path in linear[1:]:
        fields[f"ridge_{os.path.splitext(os.path.basename(path))[0]}"] = ridge(storage.read_npz(path)[0])
    for q, name in enumerate(metadata["quantities"]):
        best = zip(targets, arrays["column"][:, q], arrays["sign"][:, q], strict=True)
        fields[name] = rows({c: sign * x[..., column] for c, column, sign in best}, (s, p))
    far = read_glassmlp(transferred)
    if not far:
        raise ValueError(f"{transferred}: no GlassMLP network to transfer")
    source = min(far, key=lambda c: abs(c - (0.5 if transferred_from is None else transferred_from)))
    moved = far[source].predict_scaled(x, temperature, source, checked=False)
    fields[f"{GLASSMLP.name}_transferred"] = np.repeat(moved[None], k, axis=0)
    if own is not None:
        each = read_glassmlp(own).items()
        near = {c: n.predict_scaled(x, temperature, c, checked=False) for c, n in each}
        networks = next(iter(near.values())).shape[0] if near else 1
        fields[GLASSMLP.name] = rows(near, (networks, s, p))
    axes = {3: ("c_b", "structure", "particle"), 4: ("c_b", "network", "structure", "particle")}
    stored = {name: storage.Array(values, axes[values.ndim]) for name, values in fields.items()}
    stored["c_b"] = storage.Array(np.array(c_b, dtype=float), ("c_b",))
    attributes: dict[str, Any] = {"temperature": temperature, "names": list(scale.names)}
    attributes["transferred_from"] = {"temperature": far[source].metadata["temperature"], "c_b": source}
    attributes["single"] = {
        name: {canonical(c): scale.names[arrays["column"][i, q]] for i, c in enumerate(targets)}
        for q, name in enumerate(metadata["quantities"])
    }
    storage.write_arrays(output, stored, provenance.collect("baselines", temperature=temperature), attributes)
