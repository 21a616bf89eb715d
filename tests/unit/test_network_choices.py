"""Every allowed value of every choice of the network goes through training, prediction, tables and figures.

Each case trains networks on a small made-up run (``synthetic_run``), predicts with them, measures all tables
and draws all figures that show networks. A case takes one value of each key; together they take all of them.
"""

import os
import shutil
import sys
import types
import typing
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tglassmlp.config import (
    STATE_FEATURES,
    NetworkSettings,
    ObservableSettings,
    PhaseSettings,
    PredictionSettings,
    TrainingSettings,
)
from tglassmlp.figures import captions, drawing, registry
from tglassmlp.figures.loading import load_tables
from tglassmlp.local_structure.standardise import fit_scaling
from tglassmlp.network import training_run
from tglassmlp.network.networks import load_networks
from tglassmlp.network.prediction_run import predictions
from tglassmlp.network.run_files import TrainingFiles, direct
from tglassmlp.storage import read_arrays, read_table, write_json, write_table

sys.path.insert(0, str(Path(__file__).parents[1]))
import synthetic_run
from test_figures import META

SECTIONS = {
    "network": NetworkSettings,
    "training": TrainingSettings,
    "observables": ObservableSettings,
    "prediction": PredictionSettings,
}

FEW = (PhaseSettings(epochs=2, rate=1e-2), PhaseSettings(epochs=1, rate=1e-3))

#: Values of keys that are not choices by their type: the ends of what is allowed, and what changes a branch.
VALUES = {
    "network.state_features": [
        NetworkSettings().state_features, tuple(STATE_FEATURES), ("c_b",),
    ],
    "network.mlp1": [(6, 6, 2), (1,), (3, 4)],
    "network.bottleneck": [1, 2, 4],
    "network.mlp2": [(7, 7, 4), (1,)],
    "network.head": [(10, 10), (1,)],
    "network.input_limit": [None, 3.0],
    "training.networks": [1, 2],
    "training.phase1": [FEW, (), (PhaseSettings(epochs=0, rate=1e-2), *FEW)],
    "training.phase2": [FEW[1:], (), FEW[:1]],
    "training.minimum_steps": [0, 40],
    "training.weight_decay": [0.0, 0.1],
    "training.variance_weight": [1.0, 0.0],
    "training.correlation_weight": [0.5, 0.0],
    "training.correlation_radii": [(2.0, 5.0, 8.0), (1.0, 2.0)],
    "training.equi_time_blind": [0.0, 1.0, 0.5],
    "prediction.iterations": [6, 0],
    "prediction.fields": [0, 2],
}  # fmt: skip

#: Numbers on which nothing branches.
NUMBERS = {
    "training.t_min", "training.correlation_width", "training.equi_time_tolerance", "training.full_tolerance",
    "training.memory_gb", "training.folds", "training.fold_networks", "observables.fit_q_max",
    "observables.lattice_spacing", "observables.mobile_share", "observables.bootstrap",
    "prediction.tolerance",
}  # fmt: skip

CASES = 3

#: Values of the cases are put together at random, by the name of the key, so that a new key moves no other.
SEED = 1


def choices():
    """Every key of the four sections with its values; keys of a fixed set of values name it by their type."""
    found = dict(VALUES)
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            name, kind = f"{section}.{key}", field.annotation
            if kind is bool:
                found[name] = [True, False]
            elif typing.get_origin(kind) is typing.Literal:
                found[name] = list(typing.get_args(kind))
    return found


def cases():
    """Values of every key for each case; every value is in one of them, and keys do not move in step."""
    found = [{} for _ in range(CASES)]
    for name, values in choices().items():
        order = [values[k % len(values)] for k in range(CASES)]
        for case, k in zip(
            found, np.random.default_rng([SEED, zlib.crc32(name.encode())]).permutation(CASES), strict=True
        ):
            case[name] = order[k]
    return found


def test_no_key_and_no_value_is_left_out():
    keys = {f"{s}.{key}" for s, model in SECTIONS.items() for key in model.model_fields}
    assert keys == set(choices()) | NUMBERS, "a new key needs its values here"
    optional = {
        f"{s}.{key}"
        for s, model in SECTIONS.items()
        for key, field in model.model_fields.items()
        if isinstance(field.annotation, types.UnionType) and type(None) in typing.get_args(field.annotation)
    }
    assert optional <= {name for name, values in VALUES.items() if None in values}
    for name, values in choices().items():
        assert all(any(case[name] == value for case in cases()) for value in values), name
    # without attention its switches mean nothing, without phase 2 neither does what it aims at
    seen = [c for c in cases() if c["network.attention"]]
    assert {c["network.attention_bias"] for c in seen} == {True, False}
    assert {c["network.attention_scale"] for c in seen} == {True, False}
    assert {c["training.label_noise"] for c in cases() if c["training.phase2"]} == {"removed", "ignored"}
    assert all(c["training.phase1"] or c["training.phase2"] for c in cases()), "refused: no epoch"
    assert {c["training.procedure"] for c in cases() if c["prediction.iterations"]} == {"two_step", "direct"}
    assert any(c["prediction.iterations"] for c in cases() if c["network.bottleneck"] == 1)
    assert any(c["prediction.iterations"] for c in cases() if c["network.bottleneck"] > 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files of a run before any network, with labels at two C_B."""
    root = tmp_path_factory.mktemp("choices") / "made"
    synthetic_run.build(root, n_particles=80, tiles=2, networks=2, n_structures=8)
    for t_min in synthetic_run.T_MINS:
        rows = [
            (t, c, "x" if t > 0.39 else "t" if c == 0.5 else "r")
            for t in (0.5, 0.45, 0.4, 0.35, 0.3)
            for c in (0.75, 0.5)
        ]
        table = pd.DataFrame(rows, columns=["temperature", "c_b", "kind"])
        write_table(root / f"label_map/tmin{t_min}.parquet", table, {})
    return root


def record(case):
    """Run's settings as the rules hand them to the stages."""
    sections = {s: {} for s in SECTIONS}
    for name, value in case.items():
        section, key = name.split(".")
        sections[section][key] = value
    training = TrainingSettings(
        t_min=(0.4,), equi_time_tolerance=0.95, full_tolerance=0.95, **sections["training"]
    )
    names = list(synthetic_run.LENGTHS)
    return {
        "seed": 1,
        "temperatures": [0.5, 0.45, 0.4, 0.35, 0.3],
        "c_b": [0.75, 0.5],
        "network": NetworkSettings(**sections["network"]).model_dump(mode="json"),
        "training": {k: v for k, v in training.model_dump(mode="json").items() if k != "t_min"},
        "structures": {"number": 8, "test_fraction": 0.5, "validation_fraction": 0.25},
        "descriptors": {"lengths": names, "cutoff": 4.0, "central_species": 1, "mixture": "KA2D"},
    }


def train(root, run):
    """Both steps of the training, from the files below ``root``."""
    files = sorted(root.glob("unit/descriptors/*/*.h5"))
    labels = sorted(root.glob("unit/labels/*.h5"))
    labelled = [f for f in files if f.parent.name >= "T0.40"]
    fitted = labelled if run["training"]["scaling_temperatures"] == "labelled" else files
    blocks = [read_arrays(f, ["values"])["values"][:3] for f in fitted if f.name == "chunk0.h5"]
    names = read_arrays(files[0], ["names"])["names"].tolist()
    write_json(root / "scaling.json", fit_scaling(blocks, names).to_json())
    maps, scaling = root / "label_map/tmin0.40.parquet", root / "scaling.json"
    equi = []
    if not direct(run):
        equi = [root / "equi.npz"]
        learnt = TrainingFiles(labelled, labels, maps, scaling)
        training_run.equi_time_networks(equi[0], root / "equi.parquet", learnt, 0.4, 0.5, run, minimum=2)
    training_run.extrapolated_labels(root / "extra.h5", root / "extra.parquet", equi, files, maps, 0.4, run)
    training_run.full_networks(
        root / "networks/full/tmin0.40.npz", root / "networks/full/tmin0.40.parquet",
        root / "networks/full/tmin0.40.history.parquet", TrainingFiles(files, labels, maps, scaling),
        root / "extra.h5", 0.4, 0.3, run,
    )  # fmt: skip


@pytest.mark.parametrize("number", range(CASES))
def test_every_value_goes_through_to_the_figures(made, tmp_path, number):
    case = cases()[number]
    run, root = record(case), tmp_path / "run"
    shutil.copytree(made, root, copy_function=os.link)
    train(root, run)
    networks = load_networks(root / "networks/full/tmin0.40.npz")
    assert networks.n_networks == case["training.networks"]
    prediction = {"iterations": case["prediction.iterations"], "tolerance": 0.005}
    prediction["fields"] = case["prediction.fields"]
    for ensemble in ("unit", "large"):
        for folder in sorted((root / ensemble / "descriptors").iterdir()):
            predictions(
                root / ensemble / f"predictions/tmin0.40/{folder.name}.h5",
                root / "networks/full/tmin0.40.npz", sorted(folder.iterdir()),
                root / "label_map/tmin0.40.parquet", float(folder.name[1:]), prediction,
                ensemble == "unit", [4, 5, 6, 7],
            )  # fmt: skip
    synthetic_run.all_tables(
        root,
        replica_noise=case["observables.replica_noise"] == "estimated",
        attention_mean=case["observables.attention_per_length"] == "mean",
    )
    points = read_table(root / "tables/bottleneck.parquet")
    units = [name for name in points.columns if name.startswith("unit")]
    assert units == [f"unit{k + 1}" for k in range(case["network.bottleneck"])]
    assert ("axis1" in points.columns) == (case["network.bottleneck"] > 2 and len(points) > 0)
    _is_what_the_network_sees(root, points, units)
    meta = {**META, "t_min": ["0.40", "0.45"], "network": run["network"], "training": run["training"]}
    for name in FIGURES:
        files = {
            table: sorted(root.glob(registry.TABLES[table].replace("{t_min}", "*")))
            for table in registry.FIGURES[name].tables
        }
        drawn = drawing.draw(name, load_tables(files), meta)
        drawn.figure.canvas.draw()
        captions.caption(name, meta)


#: Figures that show networks or what they predict.
FIGURES = [
    "fig01_network", "fig02_pearson", "fig04_susceptibility", "fig07_correlation_length",
    "fig08_chord_length", "fig09_attention", "fig10_bottleneck_time", "fig11_bottleneck_temperature",
    "fig12_length_scales", "table2_schedule", "training_history",
]  # fmt: skip


def _is_what_the_network_sees(root, points, units):
    """Hold rows of the table against the bottleneck in the file of predictions."""
    for t, rows in points.groupby("temperature"):
        arrays = read_arrays(root / f"unit/predictions/tmin0.40/T{t:.2f}.h5", ["c_b", "bottleneck"])
        row = rows.iloc[len(rows) // 2]
        k = int(np.flatnonzero(np.isclose(arrays["c_b"], row["c_b"]))[0])
        expected = arrays["bottleneck"][k, int(row["structure"]), int(row["particle"])]
        np.testing.assert_array_equal(row[units].to_numpy(float), expected)
