"""Errors over training sets: folds of the structures learnt from, and the jackknife over them."""

import network_case as case
import numpy as np
import pytest

from tglassmlp import folds
from tglassmlp.config import ConfigError, load, read_yaml
from tglassmlp.division import split
from tglassmlp.network import linear, training_run
from tglassmlp.network.dataset import read_structures
from tglassmlp.network.run_files import TrainingFiles, divided, labels_at, scaling_of
from tglassmlp.observables.bootstrap import jackknife_error, student
from tglassmlp.paths import by_temperature
from tglassmlp.storage import read_table
from tglassmlp.tables.comparison import comparison_table


def test_every_structure_learnt_from_is_left_out_once_and_no_test_structure_enters():
    parts = split(10, 0.4, 0.34)  # 0-3 to train, 4-5 for validation, 6-9 for the test
    extra = parts.with_extra(13)
    for whole in (parts, extra):
        learnt = {*whole.train, *whole.validation}
        gone = []
        for k in range(3):
            left = whole.without_fold(k, 3)
            assert left.test == whole.test
            assert not set(left.train) & set(left.validation)
            assert len(left.validation) == 2
            assert max(left.validation) < 6, "structures that only one temperature has do not validate"
            gone += sorted(learnt - {*left.train, *left.validation})
        assert sorted(gone) == sorted(learnt)
    with pytest.raises(ValueError, match=r"0\.\.2"):
        parts.without_fold(3, 3)
    with pytest.raises(ValueError, match="no structure to train on"):
        split(2, 0.5, 0.0).without_fold(0, 1)
    assert split(4, 0.5, 0.5).without_fold(0, 2).validation == [], "training comes first"


def test_the_record_of_a_fold_divides_without_it():
    run = {"structures": {"number": 8, "test_fraction": 0.5, "validation_fraction": 0.25, "fold": [1, 4]}}
    found = divided(run)
    assert (found.train, found.validation, found.test) == ([0, 2], [3], [4, 5, 6, 7])
    assert divided(run, 9).train == [0, 2, 8]


@pytest.mark.parametrize(("number", "allowed"), [(1, False), (2, True), (5, True), (6, False), (0, True)])
def test_folds_must_leave_something_to_learn_from(repository, number, allowed):
    content = read_yaml(repository / "config.yaml")  # 5 structures to learn from, one of them for validation
    content["training"]["folds"] = number
    if allowed:
        assert load(content).training.folds == number
    else:
        with pytest.raises(ConfigError, match=r"training\.folds: found"):
            load(content)


def test_the_jackknife_over_folds_has_the_spread_of_estimates_over_training_sets():
    """An estimator learnt from 8 numbers: its square, about a mean far from zero, so nearly linear."""
    rng = np.random.default_rng(0)
    sets = rng.normal(2.0, 1.0, size=(4000, 8))
    true = (sets.mean(axis=1) ** 2).std()
    for k in (4, 8):
        of = np.arange(8) % k
        without = np.array([[s[of != fold].mean() ** 2 for fold in range(k)] for s in sets])
        plain = np.array([jackknife_error(w, widened=False) for w in without])
        assert np.sqrt((plain**2).mean()) == pytest.approx(true, rel=0.05)
        inside = np.abs(sets.mean(axis=1) ** 2 - 4) < 1.96 * plain * student(k - 1)
        assert inside.mean() == pytest.approx(0.95, abs=0.02)
    assert jackknife_error(np.array([1.0, 3.0]), widened=False) == pytest.approx(1.0)  # by hand
    assert np.isnan(jackknife_error(np.array([1.0])))
    assert np.isnan(jackknife_error(np.array([1.0, np.nan, 2.0])))


def test_leads_carry_both_parts_of_their_error(tmp_path):
    run = case.write_run(tmp_path)
    run["training"] |= {"phase2": [], "phase1": [{"epochs": 12, "rate": 1e-2}], "full_tolerance": 0.5}
    run["training"]["equi_time_tolerance"] = 0.5
    descriptors = sorted(map(str, tmp_path.glob("descriptors/T*/chunk*.h5")))
    labels = sorted(map(str, tmp_path.glob("labels/T*.h5")))
    scaling = {"0.40": tmp_path / "scaling.json"}
    settings = {
        "networks": 2, "baseline_networks": 1, "minimum_labelled": 2, "glass_transition": 0.35,
        "penalty": "validation", "prediction": {"iterations": 6, "tolerance": 0.01},
        "transferred_from": [0.4, None],
    }  # fmt: skip
    files = folds.FoldFiles(descriptors, labels, {"0.40": tmp_path / "map.parquet"}, scaling)
    outputs = [tmp_path / f"folds/fold{k}.parquet" for k in (0, 1)]
    for k, output in enumerate(outputs):
        folds.train_fold(output, files, run, k, 2, settings, tmp_path / f"state{k}")
    table = read_table(outputs[0])
    methods = {"tglassmlp", "glassmlp", "glassmlp_transferred", "ridge", "density", "energy", "perimeter"}
    assert set(table["method"]) == methods
    assert set(table["structure"]) == set(range(8))

    # ridge regression by hand: without the structures 0 and 2 of fold 0 (validation is 3)
    scale = scaling_of(scaling["0.40"])
    x = {t: read_structures(p, t, scale).inputs for t, p in by_temperature(descriptors).items()}
    y = {t: labels_at(p[0], [0.7])[0] for t, p in by_temperature(labels).items()}
    fit = linear.fit_ridge(
        np.concatenate([x[t][1] for t in y]), np.concatenate([y[t][1] for t in y]), linear.PENALTIES,
        (np.concatenate([x[t][3] for t in y]), np.concatenate([y[t][3] for t in y])),
    )  # fmt: skip
    by_hand = np.corrcoef(fit.predict(x[0.45][4:]).ravel(), y[0.45][4:].ravel())[0, 1]
    rows = table[(table["method"] == "ridge") & (table["temperature"] == 0.45)]
    rows = rows[np.isclose(rows["c_b"], 0.7) & (rows["structure"] >= 4)]
    n, sx, sy, xx, yy, xy = rows[["n", "x", "y", "xx", "yy", "xy"]].sum()
    found = (xy / n - sx * sy / n**2) / np.sqrt((xx / n - (sx / n) ** 2) * (yy / n - (sy / n) ** 2))
    assert found == pytest.approx(by_hand, abs=1e-5)

    predicted = sorted(tmp_path.glob("state0/*/predictions/tmin0.40/*.h5"))
    compared = sorted(tmp_path.glob("state0/*/baseline_predictions/*.h5"))
    plain = comparison_table(labels, predicted, compared, range(4, 8), 50)
    both = comparison_table(labels, predicted, compared, range(4, 8), 50, folds=outputs)
    assert plain["error_training"].isna().all()
    assert (plain["error"] == plain["error_structures"]).all()
    assert both["fold0"].to_numpy() == pytest.approx(both["difference"].to_numpy()), "fold 0 is its own run"
    row = both[(both["second"] == "ridge") & (both["temperature"] == 0.45)].iloc[0]
    assert row["error_training"] == pytest.approx(abs(row["fold0"] - row["fold1"]) / 2 * student(1))
    assert row["error"] == pytest.approx(np.hypot(row["error_structures"], row["error_training"]))
    # step 2 once more with the other output, for the selection alone
    other, extrapolated = tmp_path / "other.parquet", next(tmp_path.glob("state0/*/extrapolated/*.h5"))
    record = {**run, "structures": {**run["structures"], "fold": [0, 2]}}  # whose labels those are
    learnt = TrainingFiles(descriptors, labels, tmp_path / "map.parquet", tmp_path / "scaling.json")
    training_run.other_output(other, learnt, extrapolated, 0.4, 0.35, record)
    means = read_table(other)
    assert set(means["output"]) == {"deviation"}, "the run's own is that of the default, propensity"
    assert sorted(set(means["network"])) == [0, 1, 2], "all of them, kept or not"
    assert means["deviation"].to_numpy() == pytest.approx(np.abs(means["mean_prediction"] - means["c_b"]))
    # a killed job goes on: what is finished is not made again
    full = next(tmp_path.glob("state1/*/full/tmin0.40.npz"))
    before = full.stat().st_mtime_ns
    outputs[1].unlink()
    folds.train_fold(outputs[1], files, run, 1, 2, settings, tmp_path / "state1")
    assert full.stat().st_mtime_ns == before
