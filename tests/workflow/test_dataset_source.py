"""A run on structures and propensities of a data set: what rules and scripts make of them."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

import tglassmlp as tg
from tglassmlp import storage
from tglassmlp.dataset.in_a_run import chosen_structures, propensity_arrays, source_files

CHANGE = {
    "run": "held",
    "temperatures": [
        {"value": 0.40, "dynamics_time": 3400.0, "sweeps": 1000},
        {"value": 0.35, "dynamics_time": 10800.0, "sweeps": 1000, "extra_structures": 1},
        {"value": 0.15, "dynamics_time": None, "sweeps": 1000, "predicted_structures": 2},
    ],
    "glass_transition": 0.15,
    "structures": {
        "source": "dataset",
        "dataset": {"temperatures": [0.40, 0.35, 0.15]},
        "number": 4,
        "test_fraction": 0.25,
        "validation_fraction": 0.34,
        "chunk": 2,
    },
    "equilibration": {"extended_check": None},
    "training": {"t_min": [0.35], "folds": 0},
    "large_systems": {"dynamics": None, "number": 1},
}
SETTINGS = {"r_in": 1.4, "r_out": 1.8, "wave_number": 6.283, "replicas": 16}


@pytest.fixture(scope="module")
def dataset():
    return tg.load_dataset()


def make(repository, folder, change, *targets):
    (folder / "change.yaml").write_text(yaml.safe_dump(change))
    shutil.copy(repository / "config.yaml", folder)
    script = str(repository / "tests" / "workflow" / "one_process.py")
    return subprocess.run(
        [sys.executable, script, str(repository), str(folder / "change.yaml"), "--", *targets],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_structures_and_propensities_are_those_of_the_data_set(repository, tmp_path, dataset):
    unit = "results/held/unit"
    targets = [
        f"{unit}/propensities/T0.40/chunk1.h5",
        f"{unit}/structures/T0.15/chunk2.gsd",
        f"{unit}/structures/T0.40/equilibration.parquet",
    ]
    done = make(repository, tmp_path, CHANGE, *targets)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    for rule in ("equilibrate_structures", "run_isoconfigurational_dynamics"):
        assert rule not in done.stderr
    at = dataset.at(0.40)
    found = storage.read_arrays(tmp_path / targets[0], ["propensity", "half", "species", "times"])
    # chunks of two: the second one ends with the fourth structure
    expected = at.dynamics(3)
    frames = np.searchsorted(expected.times, found["times"])
    np.testing.assert_array_equal(expected.times[frames], found["times"])
    assert found["times"][-1] == 3400.0
    np.testing.assert_allclose(found["propensity"][1], expected.propensity[frames], atol=1e-6)
    np.testing.assert_allclose(found["half"][1], expected.half[:, frames], atol=1e-6)
    assert found["species"][1].tolist() == at.configuration(3).species.tolist()
    # four that are learnt from, and two that are only predicted in a chunk of their own
    cold = tg.read_configurations(tmp_path / targets[1])
    np.testing.assert_array_equal(cold[1].positions, dataset.at(0.15).configuration(5).positions)
    # the proof of equilibrium is that of the records in the data set
    checks = storage.read_table(tmp_path / targets[2]).set_index("check")
    late = [at.evidence(k).query("measured").energy.mean() for k in range(4)]
    assert checks.passed.all()
    assert np.isfinite(checks.value[["trend", "overlap"]]).all()
    proof = storage.read_json(tmp_path / unit / "structures" / "T0.40" / "equilibration.json")
    assert proof["energy"] == pytest.approx(np.mean(late), abs=1e-6)


@pytest.mark.slow
def test_what_a_data_set_lacks_is_said_before_any_job(repository, tmp_path):
    for change, message in (
        ({"structures": CHANGE["structures"] | {"number": 400}}, "T = 0.40: the data set holds"),
        ({"dynamics": {"replicas": 8}}, "replicas = 16, the run asks for 8 (dynamics.replicas)"),
    ):
        done = make(repository, tmp_path, CHANGE | change, "results/held/numbers.json")
        assert done.returncode != 0
        assert "structures.dataset: " in done.stdout + done.stderr
        assert message in done.stdout + done.stderr
        assert not (tmp_path / "results").exists()


def test_structures_with_dynamics_come_first(dataset):
    at = dataset.at(0.40)
    measured = [k for k, t in at.durations.items() if t >= 3400]
    assert chosen_structures(at, 2, 1, 3400.0, tg.KA2D) == [*measured[:2], measured[2]]
    assert chosen_structures(at, 1, 1, None, tg.KA2D) == at.numbers[:2]
    with pytest.raises(ValueError, match=r"T = 0\.40: .* with dynamics to t = 1e\+09 \(\d+ with any\)"):
        chosen_structures(at, 2, 0, 1e9, tg.KA2D)
    with pytest.raises(ValueError, match=r"of KA2D with 1290 particles, the run of .* with 129 \(system\)"):
        chosen_structures(at, 2, 0, None, tg.KA2D.scaled(10))
    with pytest.raises(ValueError, match=r"holds \d+ structures, the run asks for 1003"):
        chosen_structures(dataset.at(0.15), 1000, 3, None, tg.KA2D)


def test_propensities_measured_in_another_way_are_refused(dataset):
    at = dataset.at(0.40)
    (file,) = source_files(at, [0, 1], dynamics=True)
    assert file.endswith("T0.40_unit_dynamics_0000.npz")
    for change, message in (
        ({"r_out": 1.7}, r"_dynamics_0000\.npz: .* measured with r_out = 1\.8, the run asks for 1\.7"),
        ({"replicas": 8}, "replicas = 16, the run asks for 8"),
    ):
        with pytest.raises(ValueError, match=message):
            propensity_arrays(at, [0], 3400.0, SETTINGS | change)
    with pytest.raises(
        ValueError, match=r"dynamics_time of the run, 1000; .* the next ones are \d+\S* and \d+"
    ):
        propensity_arrays(at, [0], 1000.0, SETTINGS)


def test_the_other_label_of_a_data_set(dataset):
    at = dataset.at(0.40)
    found = propensity_arrays(at, [2], 3400.0, SETTINGS | {"label": "displacement"})
    both = at.dynamics(2)
    np.testing.assert_allclose(found["label"].values[0], both.displacement, rtol=1e-6)
    np.testing.assert_allclose(found["label_half"].values[0].mean(axis=0), both.displacement, rtol=1e-6)
    assert found["label"].unit == "sigma_11"
