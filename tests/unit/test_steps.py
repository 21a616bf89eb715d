"""Which structures, labels and state points the stages of the learning use, from files to files."""

from types import SimpleNamespace

import network_case as case
import numpy as np
import pandas as pd
import pytest
from test_network_prediction import constructed, trimmed

from tglassmlp import storage
from tglassmlp.local_structure.standardise import Scaling
from tglassmlp.network import baselines, linear, optimise, selection, training_run
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.glassmlp import GLASSMLP
from tglassmlp.network.networks import Networks, load_networks, save_networks
from tglassmlp.network.prediction_run import predictions
from tglassmlp.network.run_files import TrainingFiles, scaling_of
from tglassmlp.network.settings import Execution
from tglassmlp.network.tglassmlp import TGLASSMLP
from tglassmlp.storage import Array, read_arrays, read_npz, read_table, write_arrays, write_table

TRAIN, VALIDATION = [0, 1, 2], [3]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Files of a made-up run whose halves of the replicas differ, with labels of step 1 at T = 0.35."""
    root = tmp_path_factory.mktemp("steps")
    record = case.write_run(root)
    rng = np.random.default_rng(2)
    labels = {}
    for t in ("0.50", "0.45", "0.40"):
        half = rng.random((3, 8, 2, 40))
        labels[t] = {"c_b": np.array(case.C_BS), "propensity": half.mean(axis=2), "half": half}
        stored = {name: Array(v, tuple("abcd"[: v.ndim])) for name, v in labels[t].items()}
        write_arrays(root / f"labels/T{t}.h5", stored, {}, {"temperature": float(t)})
    extrapolated = rng.random((3, 4, 40))  # of the training and validation structures
    write_arrays(
        root / "extrapolated.h5",
        {
            "T0.35/c_b": Array(np.array(case.C_BS), ("c",)),
            "T0.35/propensity": Array(extrapolated, ("c", "s", "p")),
        },
        {},
    )
    values = {
        t: np.concatenate([read_arrays(root / f"descriptors/T{t}/chunk{c}.h5")["values"] for c in (0, 1)])
        for t in ("0.50", "0.45", "0.40", "0.35")
    }
    scaling = scaling_of(root / "scaling.json")
    descriptors, label_files = sorted(root.glob("descriptors/*/*.h5")), sorted(root.glob("labels/*.h5"))
    return SimpleNamespace(
        root=root, record=record, labels=labels, extrapolated=extrapolated, scaling=scaling,
        x={t: scaling.apply(v, case.NAMES).astype(np.float32) for t, v in values.items()},
        descriptors=descriptors, label_files=label_files, map=root / "map.parquet",
        files=TrainingFiles(descriptors, label_files, root / "map.parquet", root / "scaling.json"),
    )  # fmt: skip


class Seen(Exception):
    pass


@pytest.fixture
def shown(monkeypatch):
    """What would be trained on, instead of a training."""
    found = SimpleNamespace(calls=[])

    def note(run, sets, key, networks, model, *rest):
        found.calls.append(SimpleNamespace(sets=sets, key=key, networks=networks, model=model, rest=rest))
        raise Seen

    monkeypatch.setattr(training_run, "train_networks", note)
    return found


def check_batches(run, part, numbers, c_b):
    """Every batch holds the descriptors, positions and labels of one and the same structure."""
    t = f"{part.temperature[0]:.2f}"
    assert set(part.temperature) == {float(t)}
    assert part.batches == len(numbers) * len(c_b)
    seen = set()
    for b in range(part.batches):
        x = part.descriptors[part.structure[b]]
        number = int(np.argmin([np.abs(x - y).max() for y in run.x[t]]))
        np.testing.assert_allclose(x, run.x[t][number], atol=1e-6)
        seen.add((number, part.c_b[b]))
        k = case.C_BS.index(part.c_b[b])
        if t in run.labels:
            expected, halves = run.labels[t]["propensity"][k, number], run.labels[t]["half"][k, number]
        else:
            expected = run.extrapolated[k, [*TRAIN, *VALIDATION].index(number)]
            halves = [expected, expected]
        np.testing.assert_allclose(part.labels[b], expected, rtol=1e-6)
        np.testing.assert_allclose(part.halves[b], halves, rtol=1e-6)
    assert seen == {(n, c) for n in numbers for c in c_b}


def test_step_one_trains_on_training_and_watches_validation_structures(run, shown):
    root = run.root
    with pytest.raises(Seen):
        training_run.equi_time_networks(
            root / "n.npz", root / "h.parquet", run.files, 0.4, 0.7, run.record, minimum=3
        )
    (call,) = shown.calls
    assert call.key == ("equi_time_training", 400_000, 700_000)
    assert (call.networks, call.model) == (3, TGLASSMLP)
    for parts, numbers in zip(call.sets, (TRAIN, VALIDATION), strict=True):
        assert [float(p.temperature[0]) for p in parts] == [0.5, 0.45, 0.4]
        for part in parts:
            check_batches(run, part, numbers, [0.7])


def test_step_two_trains_and_watches_measured_and_extrapolated_labels(run, shown):
    root = run.root
    with pytest.raises(Seen):
        training_run.trained_full_networks(
            root / "n.npz", root / "h.parquet", run.files, root / "extrapolated.h5", 0.4, run.record
        )
    (call,) = shown.calls
    assert call.key == ("full_training", 400_000)
    for parts, numbers in zip(call.sets, (TRAIN, VALIDATION), strict=True):
        assert [float(p.temperature[0]) for p in parts] == [0.5, 0.45, 0.4, 0.35]
        for part in parts:
            check_batches(run, part, numbers, case.C_BS)


def test_a_direct_training_sees_no_extrapolated_label(run, shown):
    record = {**run.record, "training": {**run.record["training"], "procedure": "direct"}}
    with pytest.raises(Seen):
        training_run.trained_full_networks(
            run.root / "n.npz", run.root / "h.parquet", run.files, run.root / "extrapolated.h5", 0.4, record
        )
    assert [float(p.temperature[0]) for p in shown.calls[0].sets[0]] == [0.5, 0.45, 0.4]


def test_glassmlp_of_a_state_point_sees_its_own_labels(run, shown):
    with pytest.raises(Seen):
        baselines.glassmlp_networks(
            run.root / "g.npz", run.root / "h.parquet", [f for f in run.descriptors if "T0.45" in str(f)],
            run.root / "labels/T0.45.h5", run.root / "scaling.json", 0.45, run.record, networks=2,
        )  # fmt: skip
    (call,) = shown.calls
    assert call.key == ("baseline_training", 450_000, 900_000)
    assert (call.networks, call.model) == (2, GLASSMLP)
    for (part,), numbers in zip(call.sets, (TRAIN, VALIDATION), strict=True):
        check_batches(run, part, numbers, [0.9])


def test_seeds_of_a_training_are_keyed_and_a_share_of_the_networks_is_blind(run, monkeypatch):
    found = {}

    def note(training, validation, state, seeds, order, *rest, **more):
        found.update(validation=validation, state=state, seeds=seeds, order=order, **more)
        return SimpleNamespace()

    monkeypatch.setattr(optimise, "train", note)
    part = case.data(structures=2)
    training_run.train_networks(
        run.record, [[part], []], ("full_training", 5), 5, TGLASSMLP, Execution(), blind=0.3
    )
    assert found["validation"] is None
    assert found["blind"] == 2, "three tenths of five"
    assert found["order"].spawn_key[-2:] == (5, 0)
    assert [s.spawn_key[-2:] for s in found["seeds"]] == [(5, n) for n in (1, 2, 3, 4, 5)]
    assert found["state"].temperature_range == (0.35, 0.5)
    assert found["state"].c_b_range == (0.5, 0.9)


@pytest.mark.parametrize(("glass", "tested"), [(0.40, 0.40), (0.15, 0.35), (0.35, 0.35)])
def test_full_networks_are_tested_at_the_glass_transition_or_the_lowest_temperature(
    run, monkeypatch, tmp_path, glass, tested
):
    rows = [
        (0.5, 0.9, "x"),
        (0.4, 0.9, "x"),
        (0.4, 0.7, "t"),
        (0.4, 0.5, "r"),
        (0.35, 0.9, "t"),
        (0.35, 0.5, "r"),
    ]
    write_table(tmp_path / "map.parquet", pd.DataFrame(rows, columns=["temperature", "c_b", "kind"]), {})
    networks = trimmed()
    scaling = run.scaling.to_json()
    record = {**networks.metadata, "scaling": scaling, "t_min": 0.4}
    save_networks(tmp_path / "trained.npz", Networks(networks.parameters, record))
    found = {}

    def note(networks, descriptors, temperature, c_b, tolerance):
        found.update(x=descriptors, t=temperature, c_b=list(c_b), tolerance=tolerance)
        return [2, 0], pd.DataFrame({"network": [0, 1, 2], "kept": [True, False, True]})

    monkeypatch.setattr(selection, "select_full", note)
    training_run.selected_networks(
        tmp_path / "n.npz", tmp_path / "t.parquet", tmp_path / "trained.npz", run.descriptors,
        tmp_path / "map.parquet", glass, run.record, 0.07,
    )  # fmt: skip
    assert (found["t"], found["tolerance"]) == (tested, 0.07)
    assert found["c_b"] == {0.40: [0.9, 0.7, 0.5], 0.35: [0.9, 0.5]}[tested], "every C_B predicted there"
    np.testing.assert_allclose(found["x"], run.x[f"{tested:.2f}"][[*TRAIN, *VALIDATION]], atol=1e-6)
    kept = load_networks(tmp_path / "n.npz")
    assert (kept.metadata["numbers"], kept.metadata["tested_at"]) == ([2, 0], tested)
    np.testing.assert_array_equal(
        kept.parameters["bottleneck/bias"], networks.parameters["bottleneck/bias"][[2, 0]]
    )


def test_extrapolated_labels_come_from_the_networks_of_their_c_b(run, tmp_path):
    files = {}
    for c, offset in ((0.9, [0.02, -0.04, 0.5]), (0.7, [0.0, 0.01, 0.3]), (0.5, [0.3, 0.02, 0.3])):
        networks = constructed(slope=[1.0] * 3, offset=offset)
        record = {**networks.metadata, "scaling": run.scaling.to_json(), "c_b": c, "numbers": [5, 6, 7]}
        files[c] = tmp_path / f"cb{c:.2f}.npz"
        save_networks(files[c], Networks(networks.parameters, record))
    for tolerance, means, kept in (
        (None, [0.89, 0.705, 0.52], {"0.90": 2, "0.70": 2, "0.50": 1}),  # 0.1 in the record
        (0.03, [0.92, 0.705, 0.52], {"0.90": 1, "0.70": 2, "0.50": 1}),
    ):
        training_run.extrapolated_labels(
            tmp_path / "x.h5", tmp_path / "x.parquet", list(files.values()), run.descriptors, run.map, 0.4,
            run.record, tolerance,
        )  # fmt: skip
        found = read_arrays(tmp_path / "x.h5", ["T0.35/c_b", "T0.35/propensity"])
        assert found["T0.35/c_b"].tolist() == [0.9, 0.7, 0.5]
        assert found["T0.35/propensity"].shape == (3, 4, 40)
        np.testing.assert_allclose(found["T0.35/propensity"].mean(axis=(1, 2)), means, atol=1e-4)
        table = read_table(tmp_path / "x.parquet", ["c_b", "kept", "mean_prediction", "temperature"])
        assert {f"{c:.2f}": n for c, n in table.groupby("c_b")["kept"].sum().items()} == kept
        assert set(table["temperature"]) == {0.35}


def test_predictions_are_recorded_at_the_c_b_the_networks_were_told(run, tmp_path):
    networks = trimmed(Architecture(output="deviation"))
    sp = case.StateFeatures.from_ranges(networks.metadata["state_point"]["names"], [0.5, 0.3], [0.95, 0.1])
    record = {**networks.metadata, "scaling": run.scaling.to_json(), "t_min": 0.4,
              "state_point": sp.as_record(), "numbers": [4, 8, 9]}  # fmt: skip
    # weak heads: means near C_B, so that the correction converges
    parameters = dict(networks.parameters)
    parameters["mlp3/layers/2/matrix"] = 0.05 * parameters["mlp3/layers/2/matrix"]
    parameters["mlp3/layers/2/bias"] = np.float32([0.1, 0.05, -0.05]).reshape(3, 1, 1)
    save_networks(tmp_path / "full.npz", Networks(parameters, record))
    cold = [f for f in run.descriptors if "T0.35" in str(f)]
    settings = {"iterations": 6, "tolerance": 0.001}
    predictions(tmp_path / "T0.35.h5", tmp_path / "full.npz", cold, run.map, 0.35, settings, True, [4, 5])
    ensemble, found = load_networks(tmp_path / "full.npz"), read_arrays(tmp_path / "T0.35.h5")
    assert found["c_b"].tolist() == list(case.C_BS)
    assert found["converged"].all()
    assert np.abs(found["c_b_input"] - found["c_b"][:, None]).max() > 0.03
    x = run.x["0.35"]
    for k, told in enumerate(found["c_b_input"]):
        np.testing.assert_allclose(
            found["propensity"][k], ensemble.predict_scaled(x, 0.35, told, checked=False), rtol=1e-5
        )
        weights = ensemble.attention(0.35, told, checked=False)
        np.testing.assert_allclose(found["attention"][k], weights, rtol=1e-5)
        np.testing.assert_allclose(
            found["mean_prediction"][k], found["propensity"][k].mean(axis=(1, 2)), rtol=1e-5
        )
        first = ensemble.of([0]).bottleneck(x, 0.35, told[0], checked=False)[0]
        np.testing.assert_allclose(found["bottleneck"][k], first, rtol=1e-4, atol=1e-6)
    assert storage.read_attributes(tmp_path / "T0.35.h5")["numbers"] == [4, 8, 9]


def by_hand(run, c_b, penalty, numbers):
    """Ridge regression of all temperatures together, by least squares with extra rows for the penalty."""
    k = case.C_BS.index(c_b)
    x = np.concatenate([run.x[t][numbers].reshape(-1, case.M - 1) for t in run.labels]).astype(float)
    y = np.concatenate([run.labels[t]["propensity"][k, numbers].ravel() for t in run.labels])
    rows = np.concatenate([x - x.mean(axis=0), np.sqrt(penalty) * np.eye(x.shape[1])])
    b = np.linalg.lstsq(rows, np.concatenate([y - y.mean(), np.zeros(x.shape[1])]), rcond=None)[0]
    return x, y, b


def test_linear_baselines_are_fitted_to_the_training_structures_alone(run, tmp_path):
    for penalty in (30.0, "validation"):
        path = tmp_path / f"{penalty}.npz"
        baselines.linear_baselines(path, run.files, run.record, penalty)
        found, record = read_npz(path)
        assert found["c_b"].tolist() == [0.9, 0.7, 0.5]
        for k, c_b in enumerate(found["c_b"]):
            x, y, b = by_hand(run, c_b, found["penalty"][k], TRAIN)
            np.testing.assert_allclose(found["coefficients"][k], b, atol=1e-7)
            assert found["intercept"][k] == pytest.approx(y.mean() - x.mean(axis=0) @ b, abs=1e-7)
            for q, quantity in enumerate(record["quantities"]):
                columns = [m for m, n in enumerate(run.scaling.names) if n.startswith(quantity + "/")]
                r = {m: np.corrcoef(x[:, m], y)[0, 1] for m in columns}
                best = max(columns, key=lambda m: abs(r[m]))
                assert (found["column"][k, q], found["sign"][k, q]) == (best, np.sign(r[best]))
            if penalty == 30.0:
                assert found["penalty"][k] == 30.0
                continue
            xv, yv, _ = by_hand(run, c_b, 1.0, VALIDATION)
            scores = [np.corrcoef(xv @ by_hand(run, c_b, p, TRAIN)[2], yv)[0, 1] for p in linear.PENALTIES]
            assert found["penalty"][k] == linear.PENALTIES[int(np.argmax(scores))]


def test_baselines_are_written_at_their_c_b_and_the_nearest_to_one_half_is_transferred(run, tmp_path):
    for t_min, penalty in (("0.40", 3.0), ("0.45", 300.0)):
        baselines.linear_baselines(tmp_path / f"tmin{t_min}.npz", run.files, run.record, penalty)
    from tglassmlp.network.flax_modules import GlassMLP

    arrays, given = {}, {}
    for k, c in enumerate((0.9, 0.7, 0.5)):
        given[c] = trimmed(kind=GlassMLP, seed=k)
        arrays |= {f"cb{c:.2f}/{name}": v for name, v in given[c].parameters.items()}
    record = {**given[0.9].metadata, "scaling": run.scaling.to_json(), "temperature": 0.45,
              "c_b": [0.9, 0.7, 0.5]}  # fmt: skip
    storage.write_npz(tmp_path / "g.npz", arrays, record)
    files = [f for f in run.descriptors if "T0.45" in str(f)]
    x, asked = run.x["0.45"], [0.5, 0.99, 0.9]
    for wanted, source in ((None, 0.5), (0.85, 0.9), (0.62, 0.7)):
        baselines.baseline_predictions(
            tmp_path / "T0.45.h5", files, [tmp_path / "tmin0.40.npz", tmp_path / "tmin0.45.npz"],
            tmp_path / "g.npz", tmp_path / "g.npz", 0.45, asked, wanted,
        )  # fmt: skip
        found = read_arrays(tmp_path / "T0.45.h5", finite=False)
        moved = given[source].predict_scaled(x, 0.45, source, checked=False)
        for k in range(3):
            np.testing.assert_allclose(found["glassmlp_transferred"][k], moved, rtol=1e-5, atol=1e-6)
        about = storage.read_attributes(tmp_path / "T0.45.h5")["transferred_from"]
        assert about == {"temperature": 0.45, "c_b": source}
    for name in ("glassmlp", "ridge", "ridge_tmin0.45", "density", "energy", "perimeter"):
        assert np.isnan(found[name][1]).all(), name
    linear = {t: read_npz(tmp_path / f"tmin{t}.npz")[0] for t in ("0.40", "0.45")}
    for k, c in ((0, 0.5), (2, 0.9)):
        own = given[c].predict_scaled(x, 0.45, c, checked=False)
        np.testing.assert_allclose(found["glassmlp"][k], own, rtol=1e-5, atol=1e-6)
        at = case.C_BS.index(c)
        for name, t in (("ridge", "0.40"), ("ridge_tmin0.45", "0.45")):
            expected = x @ linear[t]["coefficients"][at] + linear[t]["intercept"][at]
            np.testing.assert_allclose(found[name][k], expected, rtol=1e-4, atol=1e-5)
        for q, name in enumerate(("density", "energy", "perimeter")):
            column, sign = linear["0.40"]["column"][at, q], linear["0.40"]["sign"][at, q]
            np.testing.assert_allclose(found[name][k], sign * x[..., column], rtol=1e-5)


def test_scaling_uses_the_population_and_one_mean_for_all(run):
    from tglassmlp.local_structure.standardise import fit_scaling

    blocks = [np.array([[[0.0, 5.0], [2.0, 5.0]]]), np.array([[[4.0, 5.0], [6.0, 5.0 + 1e-8]]])]
    found = fit_scaling(blocks, ["a", "b"], [0.5, 0.4])
    assert (found.names, found.dropped) == (("a",), ("b",))
    assert found.mean == (pytest.approx(3.0),)
    assert found.std == (pytest.approx(np.sqrt(5.0)),)  # of (0, 2, 4, 6), divided by 4
    assert (found.temperatures, found.n_structures) == ((0.5, 0.4), 2)
    np.testing.assert_allclose(found.apply(np.array([[8.0, 5.0]]), ["a", "b"]), [[np.sqrt(5.0)]])
    kept = fit_scaling([np.array([[[5.0], [5.0 + 4e-8]]])], ["a"])
    assert kept.std == (pytest.approx(2e-8, rel=1e-3),), "above a billionth of 1 + |mean| a column counts"
    assert isinstance(kept, Scaling)
