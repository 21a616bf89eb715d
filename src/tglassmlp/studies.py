"""Studies: what each choice of the network and of its training is worth, beside ridge on the same data.

A *variant* changes some switches of the run (features of the state point, lengths, attention, the two steps,
T_min, number of structures, losses). It is trained as the workflow trains, by the same stages on the same
files, and compared with ridge regression that has the same descriptors, training structures and T_min, on all
measured state points: at temperatures learnt from and below them.

Sums of each structure are stored, not correlations: :func:`summary` forms the correlations over all test
particles of a state point, and errors by resampling whole structures, paired between both methods.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.state_point import canonical

if TYPE_CHECKING:
    import pandas as pd

    from tglassmlp.network.prediction import Networks

__all__ = ["Files", "Variant", "markdown", "run_variant", "summary", "variants"]

Record = Mapping[str, Any]

#: The paper's own training, as far as known: keys of ``network`` and of ``training``.
PAPER_NETWORK: Final[dict[str, Any]] = {"output": "propensity", "input_limit": None}
PAPER_TRAINING: Final[dict[str, Any]] = {
    "phase1": [
        {"epochs": 10, "rate": 1e-3},
        {"epochs": 50, "rate": 5e-4},
        {"epochs": 25, "rate": 2e-4},
    ],
    "phase2": [{"epochs": 50, "rate": 4e-5}],
    "rate_decay": "none",
    "minimum_steps": 0,
    "equi_time_blind": 0.0,
    "error_scale": "none",
    "weight_decay": 0.0,
    "variance_weight": 1.0,
    "correlation_weight": 0.5,
}
#: A phase 2 for runs without one.
SHORT_PHASE2: Final[list[dict[str, float]]] = [{"epochs": 10, "rate": 5e-4}]
#: Lists of state features compared with the run's.
FEATURES: Final[dict[str, list[str]]] = {
    "T and c_b only": ["T", "c_b"],
    "with log(T)": ["T", "log(T)", "1/T", "c_b", "log(c_b)", "log(1-c_b)"],
    "products": ["T", "1/T", "c_b", "c_b^2", "T*c_b", "c_b/T"],
}


@dataclass(frozen=True)
class Variant:
    """One row of the table: what differs from the run.

    Parameters
    ----------
    study, name
        What is studied, and the value of it.
    network, training
        Keys of these sections that differ.
    lengths
        Coarse-graining lengths that are used; None: all.
    structures
        Number of training structures; None: all.
    t_min
        Lowest temperature learnt from; None: that of the studies.
    method
        ``"tglassmlp"``, or ``"glassmlp"`` for one network per state point.
    """

    study: str
    name: str
    network: Record = field(default_factory=dict)
    training: Record = field(default_factory=dict)
    lengths: tuple[float, ...] | None = None
    structures: int | None = None
    t_min: float | None = None
    method: str = "tglassmlp"

    @property
    def slug(self) -> str:
        """Name of its files: letters, digits, dots and hyphens."""
        text = f"{self.study}-{self.name}".lower()
        kept = "".join(c if c.isalnum() or c in ".-" else "-" for c in text)
        return "-".join(p for p in kept.split("-") if p)


def variants(
    run: Record, labelled: Sequence[float], t_min: float, lengths: Sequence[float], training: int
) -> list[Variant]:
    """All variants of a run.

    Parameters
    ----------
    run
        The run's record (sections ``network`` and ``training``).
    labelled
        Temperatures with dynamics.
    t_min
        Lowest temperature learnt from where nothing else is said.
    lengths
        Coarse-graining lengths of the run.
    training
        Number of training structures.
    """
    phase2 = {"phase2": run["training"].get("phase2") or SHORT_PHASE2}
    found = [
        Variant("defaults", "as configured"),
        Variant("defaults", "the paper's", PAPER_NETWORK, PAPER_TRAINING),
        Variant("defaults", "GlassMLP per state point", method="glassmlp"),
        Variant("steps", "direct", training={"procedure": "direct"}),
        *(
            Variant("steps", f"{share:g} of step 1 blind", training={"equi_time_blind": share})
            for share in (0.0, 0.5, 1.0)
        ),
        Variant("attention", "none", {"attention": False}),
        Variant("attention", "with bias", {"attention_bias": True}),
        Variant("network", "output propensity", {"output": "propensity"}),
        Variant("network", "outliers as they are", {"input_limit": None}),
        Variant("network", "outliers softened", {"input_limit": 3.0}),
        Variant("network", "four bottleneck units", {"bottleneck": 4}),
        Variant("training", "no weight decay", training={"weight_decay": 0.0}),
        Variant("training", "plain squared error", training={"error_scale": "none"}),
        Variant("phase 2", "none", training={"phase2": []}),
        Variant("phase 2", "short", training=phase2),
        Variant(
            "phase 2",
            "the paper's weights",
            training={"variance_weight": 1.0, "correlation_weight": 0.5, **phase2},
        ),
        Variant("phase 2", "labels as they are", training={"label_noise": "ignored", **phase2}),
    ]
    # what the run does anyway is no variant of it
    found = [v for v in found if v.name == "as configured" or v.method != "tglassmlp" or _differs(v, run)]
    features = list(run["network"]["state_features"])
    found += [
        Variant("state features", name, {"state_features": list(given)})
        for name, given in FEATURES.items()
        if list(given) != features
    ]
    ordered = sorted(lengths)
    found += [
        Variant("lengths", f"up to {ordered[k - 1]:g}", lengths=tuple(ordered[:k]))
        for k in sorted({len(ordered) // 2, (3 * len(ordered)) // 4} - {0, 1, len(ordered)})
    ]
    if len(ordered) > 3:
        found.append(Variant("lengths", "every second", lengths=tuple(ordered[::2])))
    found += [
        Variant("structures", f"{n} for training", structures=n)
        for n in sorted({max(1, training // 4), max(1, training // 2)} - {training})
    ]
    found += [Variant("T_min", canonical(t), t_min=t) for t in sorted(labelled)[:-1] if abs(t - t_min) > 1e-9]
    return found


def _differs(variant: Variant, run: Record) -> bool:
    changes = (("network", variant.network), ("training", variant.training))
    return any(run[section].get(key) != value for section, keys in changes for key, value in keys.items())


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
    import pandas as pd

    from tglassmlp import storage
    from tglassmlp.dynamics.label_map import map_labels
    from tglassmlp.network import baselines, selection, steps
    from tglassmlp.network.dataset import read_structures

    t_low = t_min if variant.t_min is None else variant.t_min
    record: dict[str, Any] = {**run, "seed": int(run["seed"]) + 1000 * seed}
    record["network"] = {**run["network"], **variant.network}
    record["training"] = {**run["training"], **variant.training}
    record["structures"] = {**run["structures"], "training": variant.structures}
    division = steps.divided(record)
    label_files = {t: p[0] for t, p in steps.by_temperature(files.labels).items()}
    reached = {t: storage.read_arrays(p, ["c_b"])["c_b"].tolist() for t, p in label_files.items()}
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        storage.write_json(
            folder / "scaling.json", _only_lengths(storage.read_json(files.scaling), variant.lengths)
        )
        table = map_labels(record["temperatures"], record["c_b"], reached, t_low, **label_settings).to_table()
        storage.write_table(folder / "map.parquet", table, {})
        common = (files.descriptors, files.labels, folder / "map.parquet", folder / "scaling.json")
        networks = None
        if variant.method == "tglassmlp":
            try:
                networks = _two_steps(folder, common, table, t_low, glass_transition, record, label_settings)
            except selection.SelectionError as error:
                print(f"{variant.slug}: {error}")
        seconds = time.process_time() - started
        kept = 0 if networks is None else networks.n_networks
        baselines.linear_baselines(
            folder / "linear.npz", files.descriptors, files.labels, folder / "map.parquet",
            folder / "scaling.json", record, "validation" if division.validation else 100.0,
        )  # fmt: skip
        linear, _ = storage.read_npz(folder / "linear.npz")
        rows: list[dict[str, Any]] = []
        scaler = steps.scaling_of(folder / "scaling.json")
        chosen = [n for part in parts for n in getattr(division, part)]
        for t, paths in steps.by_temperature(files.descriptors).items():
            if t not in reached:
                continue
            x = read_structures(paths, t, scaler).take(chosen).inputs
            own: dict[float, Networks] = {}
            if variant.method == "glassmlp":
                begun, kept = time.process_time(), int(record["training"]["networks"])
                baselines.glassmlp_networks(
                    folder / "one.npz", folder / "history.parquet", paths, label_files[t],
                    folder / "scaling.json", t, record, kept,
                )  # fmt: skip
                own = baselines.read_glassmlp(folder / "one.npz")
                seconds += time.process_time() - begun
            for c_b in reached[t]:
                y = steps.labels_at(label_files[t], [c_b])[0][chosen]
                fields: dict[str, NDArray] = {}
                if networks is not None:
                    fields["tglassmlp"] = networks._corrected(x, t, c_b).propensity.mean(axis=0)
                for c, one in own.items():
                    if abs(c - c_b) < 1e-9:
                        fields["glassmlp"] = one._scaled(x, t, c).mean(axis=0)
                k = np.flatnonzero(np.abs(linear["c_b"] - c_b) < 1e-9)
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


def _two_steps(
    folder: Path, files: tuple[Any, ...], table: pd.DataFrame, t_min: float, glass_transition: float,
    run: Record, label_settings: Record,
) -> Networks:  # fmt: skip
    """Full networks of one variant, by the stages of the workflow."""
    from tglassmlp.network import steps
    from tglassmlp.network.prediction import load_networks

    descriptors, labels, label_map, scaling = files
    targets = [] if steps.direct(run) else sorted(set(table["c_b"][table["kind"] == "t"]))
    ensembles = [folder / f"cb{canonical(c)}.npz" for c in targets]
    history, extrapolated = folder / "history.parquet", folder / "extrapolated.h5"
    for c_b, path in zip(targets, ensembles, strict=True):
        steps.equi_time_networks(
            path, history, descriptors, labels, label_map, scaling, t_min, c_b, run,
            label_settings["minimum_labelled"],
        )  # fmt: skip
    steps.extrapolated_labels(
        extrapolated, folder / "selection.parquet", ensembles, descriptors, label_map, t_min, run
    )
    steps.full_networks(
        folder / "full.npz", folder / "full.parquet", history, descriptors, labels, extrapolated, label_map,
        scaling, t_min, glass_transition, run,
    )  # fmt: skip
    return load_networks(folder / "full.npz")


def _only_lengths(scaling: Record, lengths: Sequence[float] | None) -> dict[str, Any]:
    """Scaling record that keeps the columns of some lengths and drops the others."""
    if lengths is None:
        return dict(scaling)
    wanted = {f"L{length:g}" for length in lengths}
    kept = [k for k, name in enumerate(scaling["names"]) if name.rsplit("/", 1)[-1] in wanted]
    return {
        **scaling,
        **{key: [scaling[key][k] for k in kept] for key in ("names", "mean", "std")},
        "dropped": [
            *scaling["dropped"],
            *(n for n in scaling["names"] if n.rsplit("/", 1)[-1] not in wanted),
        ],
    }


def _sums(predicted: NDArray, measured: NDArray, structures: Sequence[int]) -> list[dict[str, float]]:
    """Sum over the particles of each structure, from fields ``[S, P]``, both about their means."""
    x = np.asarray(predicted, dtype=np.float64) - np.mean(predicted, dtype=np.float64)
    y = np.asarray(measured, dtype=np.float64) - np.mean(measured, dtype=np.float64)
    return [
        {
            "structure": int(s), "n": float(a.size), "x": a.sum(), "y": b.sum(), "xx": a @ a, "yy": b @ b,
            "xy": a @ b,
        }
        for s, a, b in zip(structures, x, y, strict=True)
    ]  # fmt: skip


MOMENTS: Final = ("n", "x", "y", "xx", "yy", "xy")


def _correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson correlation from sums ``[..., 6]``; 0 without variance."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    product = (xx / n - (x / n) ** 2) * (yy / n - (y / n) ** 2)
    return np.where(product > 1e-28, (xy / n - x * y / n**2) / np.sqrt(np.maximum(product, 1e-28)), 0.0)


def summary(rows: pd.DataFrame, n_resamples: int = 500, seed: int = 0) -> pd.DataFrame:
    """Table of all studies.

    Parameters
    ----------
    rows
        Rows of :func:`run_variant`, of all variants and seeds.
    n_resamples
        Resamplings of whole structures, drawn for each temperature on its own.
    seed
        Of the resampling.

    Returns
    -------
    pandas.DataFrame
        For each variant and region (``learnt``: temperatures of at least T_min, ``below``): Pearson
        correlation of the mean field of the networks, averaged over state points and seeds (``value``), that
        of ridge regression, their difference, errors of all three over structures (bootstrap) and of the
        value over seeds (standard error), ratio of predicted to measured variance, networks kept, seconds of
        processor time of one seed.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    out = []
    rows = rows.assign(region=np.where(rows["temperature"] >= rows["t_min"] - 1e-9, "learnt", "below"))
    for key, group in rows.groupby(["study", "variant", "region"], sort=False):
        study, variant, region = map(str, key)
        record: dict[str, Any] = {
            "study": study, "variant": variant, "t_min": group["t_min"].iloc[0], "region": region,
            "seeds": group["seed"].nunique(), "kept": group.groupby("seed")["kept"].first().mean(),
            "seconds": group.groupby("seed")["seconds"].first().mean(),
        }  # fmt: skip
        own = [m for m in ("tglassmlp", "glassmlp") if m in set(group["method"])]
        if not own:
            out.append({**record, "method": "none kept"})
            continue
        values: dict[tuple[str, int], NDArray] = {}
        plain: dict[str, NDArray] = {}
        draws: dict[Any, NDArray] = {}
        for t in sorted(set(group["temperature"])):
            count = group["structure"][group["temperature"] == t].nunique()
            draws[t] = rng.integers(0, count, (n_resamples, count))
        ratio = []
        for method in (own[0], "ridge"):
            every = group[group["method"] == method]
            for s in sorted(set(every["seed"].astype(int))):
                mine, points = every[every["seed"] == s], []
                for (t, _), here in mine.groupby(["temperature", "c_b"]):
                    sums = here.sort_values("structure")[list(MOMENTS)].to_numpy(dtype=float)
                    points.append(
                        np.concatenate(
                            [[_correlation(sums.sum(axis=0))], _correlation(sums[draws[t]].sum(axis=1))]
                        )
                    )
                    n, x, y, xx, yy, _ = sums.sum(axis=0)
                    if method != "ridge":
                        ratio.append((xx / n - (x / n) ** 2) / (yy / n - (y / n) ** 2))
                values[method, s] = np.mean(points, axis=0)
            plain[method] = np.mean([v for (m, _), v in values.items() if m == method], axis=0)
        each = [v[0] for (m, _), v in values.items() if m == own[0]]
        difference = plain[own[0]] - plain["ridge"]
        record |= {
            "method": own[0], "value": plain[own[0]][0], "error": plain[own[0]][1:].std(ddof=1),
            "error_seeds": np.std(each, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.nan,
            "ridge": plain["ridge"][0], "ridge_error": plain["ridge"][1:].std(ddof=1),
            "difference": difference[0], "difference_error": difference[1:].std(ddof=1),
            "variance_ratio": np.mean(ratio),
        }  # fmt: skip
        out.append(record)
    return pd.DataFrame(out)


def markdown(table: pd.DataFrame) -> str:
    """Write :func:`summary`'s table as lines of Markdown."""
    lines = [
        "| study | variant | T_min | temperatures | Pearson | ridge | difference | variance ratio | kept |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for _, r in table.iterrows():
        start = f"| {r['study']} | {r['variant']} | {r['t_min']:.2f} | {r['region']} |"
        if r["method"] == "none kept":
            lines.append(f"{start} none kept | | | | 0 |")
            continue
        seeds = "" if r["error_seeds"] != r["error_seeds"] else f" ({r['error_seeds']:.3f} seeds)"
        lines.append(
            f"{start} {r['value']:.3f} ± {r['error']:.3f}{seeds} | {r['ridge']:.3f} | "
            f"{r['difference']:+.3f} ± {r['difference_error']:.3f} | {r['variance_ratio']:.2f} | "
            f"{r['kept']:.0f} |"
        )
    return "\n".join(lines)
