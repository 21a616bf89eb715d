r"""What tGlassMLP is compared with: GlassMLP per state point and transferred, ridge, single descriptors.

Ridge regression minimises :math:`\sum_i (C_i - a - b \cdot x_i)^2 + \alpha |b|^2` over the particles of the
training structures of all measured temperatures at one C_B; :math:`\alpha` is a number, or the value of a
geometric list with the highest Pearson correlation on the validation structures.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp import provenance, storage
from tglassmlp.network import steps
from tglassmlp.network.dataset import TrainingSet, read_structures, training_set
from tglassmlp.network.prediction import Networks
from tglassmlp.network.steps import Path, Record
from tglassmlp.randomness import temperature_key
from tglassmlp.state_point import canonical

__all__ = [
    "Ridge",
    "baseline_predictions",
    "best_descriptor",
    "fit_ridge",
    "glassmlp_networks",
    "linear_baselines",
    "read_glassmlp",
]

#: Single descriptors shown as a floor: the best column of each of these quantities.
QUANTITIES: Final = ("density", "energy", "perimeter")
#: Penalties tried if the validation structures decide.
PENALTIES: Final = tuple(float(f"{10.0 ** (0.5 * k):.3g}") for k in range(11))


@dataclass(frozen=True)
class Ridge:
    """Linear prediction ``intercept + x @ coefficients`` of standardised descriptors, and its penalty."""

    coefficients: NDArray[np.float64]
    intercept: float
    penalty: float

    def predict(self, descriptors: NDArray) -> NDArray[np.float64]:
        """Propensities ``[...]`` of standardised descriptors ``[..., M]``."""
        return np.asarray(descriptors, dtype=np.float64) @ self.coefficients + self.intercept


def fit_ridge(
    descriptors: NDArray,
    labels: NDArray,
    penalties: Sequence[float],
    validation: tuple[NDArray, NDArray] | None = None,
) -> Ridge:
    """Ridge regression of labels ``[n]`` on descriptors ``[n, M]``.

    Parameters
    ----------
    descriptors, labels
        Particles of the training structures.
    penalties
        Values of alpha to choose from by the correlation with ``validation`` (descriptors, labels); without
        validation the first is taken.

    Raises
    ------
    ValueError
        If a penalty is not positive or the shapes do not fit.
    """
    x, y = np.asarray(descriptors, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if x.ndim != 2 or y.shape != x.shape[:1] or not len(y):
        raise ValueError(f"descriptors [n, M] and labels [n] expected, found {x.shape} and {y.shape}")
    if not penalties or min(penalties) <= 0:
        raise ValueError(f"penalties must be positive, found {list(penalties)}")
    centre, mean = x.mean(axis=0), y.mean()
    values, vectors = np.linalg.eigh((x - centre).T @ (x - centre))
    projected = vectors.T @ ((x - centre).T @ (y - mean))
    fits = []
    for penalty in penalties if validation is not None else penalties[:1]:
        b = vectors @ (projected / (np.maximum(values, 0.0) + penalty))
        fits.append(Ridge(b, float(mean - centre @ b), float(penalty)))
    if validation is None or len(fits) == 1:
        return fits[0]
    return max(fits, key=lambda f: _correlation(f.predict(validation[0]), validation[1]))


def best_descriptor(
    descriptors: NDArray, labels: NDArray, names: Sequence[str], quantity: str
) -> tuple[int, float]:
    """Column of one quantity most correlated with the labels, and the sign of its correlation.

    Parameters
    ----------
    descriptors, labels
        ``[n, M]`` and ``[n]`` of training structures.
    names
        Names of the columns.
    quantity
        First part of the names considered, e.g. ``"energy"``.
    """
    columns = [k for k, n in enumerate(names) if n.split("/")[0] == quantity]
    if not columns:
        raise ValueError(f"no descriptor of quantity {quantity!r} among {list(names)[:4]}...")
    found = [_correlation(descriptors[:, k], labels) for k in columns]
    best = int(np.argmax(np.abs(found)))
    return columns[best], 1.0 if found[best] >= 0 else -1.0


def _correlation(a: NDArray, b: NDArray) -> float:
    a, b = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def glassmlp_networks(
    output: Path, history: Path, descriptors: Sequence[Path], labels: Path, scaling: Path, temperature: float,
    run: Record, networks: int, checkpoint: Path | None = None, status_file: Path | None = None,
) -> None:  # fmt: skip
    """Train GlassMLP at every labelled C_B of one temperature; one file, ``cb<C_B>/<parameter>``."""
    scale = steps.scaling_of(scaling)
    structures = read_structures(descriptors, temperature, scale)
    parts = steps.divided(run, len(structures))
    found = storage.read_arrays(labels, ["c_b", "propensity", "half"])
    arrays: dict[str, NDArray] = {}
    tables = [steps.empty_history()]
    for c_b, values, halves in zip(*(found[n] for n in ("c_b", "propensity", "half")), strict=True):
        c_b = float(c_b)
        sets: list[list[TrainingSet]] = [
            [training_set(structures, [c_b], values[None, numbers], numbers, halves[None, numbers])]
            if numbers
            else []
            for numbers in (parts.train, parts.validation)
        ]
        key = ("baseline_training", temperature_key(temperature), round(c_b * 1e6))
        where = None if checkpoint is None else f"{checkpoint}.cb{canonical(c_b)}.npz"
        result = steps.train_networks(
            run,
            sets,
            key,
            networks,
            "glassmlp",
            f"GlassMLP T={temperature:g} C_B={c_b:g}",
            where,
            status_file,
        )
        arrays |= {f"cb{canonical(c_b)}/{name}": value for name, value in result.parameters.items()}
        tables.append(result.history.assign(t_min=temperature, c_b=c_b))
        steps.remove_checkpoint(where)
    made = provenance.collect("baselines", temperature=temperature, seed=run["seed"])
    extra = {"temperature": temperature, "c_b": found["c_b"].tolist(), "provenance": made}
    storage.write_npz(output, arrays, steps.metadata(run, scale, "glassmlp", extra))
    storage.write_table(history, steps.joined(tables), made)


def read_glassmlp(path: Path) -> dict[float, Networks]:
    """GlassMLP ensembles of one temperature by their C_B."""
    arrays, metadata = storage.read_npz(path)
    found = {}
    for c_b in metadata["c_b"]:
        prefix = f"cb{canonical(c_b)}/"
        mine = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
        found[float(c_b)] = Networks(mine, {**metadata, "c_b": c_b})
    return found


def linear_baselines(
    output: Path, descriptors: Sequence[Path], labels: Sequence[Path], label_map: Path, scaling: Path,
    run: Record, penalty: float | str,
) -> None:  # fmt: skip
    """Ridge regression and the best single descriptors per C_B, from all temperatures with labels.

    ``penalty`` is a number, or ``"validation"``: at each C_B that of :data:`PENALTIES` with the highest
    Pearson correlation on the validation structures.

    Raises
    ------
    ValueError
        If the validation structures are to decide and there are none.
    """
    scale = steps.scaling_of(scaling)
    table = storage.read_table(label_map, ["temperature", "c_b", "kind"])
    files, label_files = steps.by_temperature(descriptors), steps.by_temperature(labels)
    data: dict[float, dict[str, list[NDArray]]] = {}
    for t, c_bs in steps.pairs(table, "x").items():
        x = read_structures(files[t], t, scale).inputs
        parts = steps.divided(run, len(x))
        for c_b, y in zip(c_bs, steps.labels_at(label_files[t][0], c_bs), strict=True):
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
        elif steps.divided(run).validation:
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
    scale = steps.Scaling.from_json(metadata["scaling"])
    structures = read_structures(descriptors, temperature, scale)
    x, k = structures.inputs, len(c_b)
    s, p, _ = x.shape

    def rows(values: Mapping[float, NDArray], shape: tuple[int, ...]) -> NDArray[np.float32]:
        out = np.full((k, *shape), np.nan, np.float32)
        for i, c in enumerate(c_b):
            for found, value in values.items():
                if abs(found - c) < 1e-9:
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
    moved = far[source]._scaled(x, temperature, source)
    fields["glassmlp_transferred"] = np.repeat(moved[None], k, axis=0)
    if own is not None:
        near = {c: n._scaled(x, temperature, c) for c, n in read_glassmlp(own).items()}
        networks = next(iter(near.values())).shape[0] if near else 1
        fields["glassmlp"] = rows(near, (networks, s, p))
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
