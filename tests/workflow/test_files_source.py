"""A run on structures and trajectories of another program: what rules and scripts make of them."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

import tglassmlp as tg
from tglassmlp import storage

CHANGE = {
    "run": "given",
    "temperatures": [
        {"value": 0.80, "dynamics_time": 60.0, "sweeps": 1000},
        {"value": 0.60, "dynamics_time": 2.0, "sweeps": 1600},
        {"value": 0.50, "dynamics_time": None, "sweeps": 3200},
    ],
    "structures": {
        "source": "files",
        "files": {
            "temperatures": [0.60],
            "structures": "T{temperature}/structure{structure}.data",
            "trajectories": "T{temperature}/structure{structure}_replica{replica}.dump",
            "time_step": 0.5,
        },
        "number": 3,
        "test_fraction": 0.34,
        "validation_fraction": 0.5,
        "chunk": 1,
    },
    "equilibration": {"extended_check": None},
    "dynamics": {"replicas": 2},
    "training": {"folds": 0},
    "large_systems": {"dynamics": None},
    "descriptors": {"quantities": ["density", "energy", "perimeter", "height"], "own": "own.py"},
}

OWN = """
from tglassmlp.local_structure import quantities

@quantities.register("height")
def height(c, mixture):
    return c.wrapped()[:, 1]
"""


def moved(k, r, n):
    """Displacements ``[5, N, 2]`` of a replica, in a frame that moves with the centre of mass."""
    rng = np.random.default_rng([k, r])
    steps = np.concatenate([np.zeros((1, n, 2)), rng.normal(0, 0.4, (4, n, 2))]).cumsum(axis=0)
    return steps - steps.mean(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def given(repository, tmp_path_factory, lattice):
    """Folder of the run, and its structures: the numbers of the files are 3, 12 and 20."""
    folder = tmp_path_factory.mktemp("given")
    shutil.copy(repository / "config.yaml", folder)
    (folder / "own.py").write_text(OWN)
    (folder / "T0.60").mkdir()
    structures = []
    for k, number in enumerate((3, 12, 20)):
        rng = np.random.default_rng(k)
        c = lattice.with_positions(lattice.positions + rng.normal(0, 0.05, lattice.positions.shape))
        structures.append(c)
        name = folder / "T0.60" / f"structure{number}"
        tg.write_configurations(f"{name}.data", [c], mixture=None)
        for r in range(3):  # one more than the run takes
            drift = np.arange(5)[:, None, None] * 0.7
            frames = [c.with_positions(c.positions + d) for d in moved(k, r, c.n_particles) + drift]
            tg.write_configurations(f"{name}_replica{r}.dump", frames)
    (folder / "change.yaml").write_text(yaml.safe_dump(CHANGE))
    return folder, structures


def make(repository, folder, *targets):
    script = str(repository / "tests" / "workflow" / "one_process.py")
    configs = [str(repository / "config" / "smoke.yaml"), str(folder / "change.yaml")]
    return subprocess.run(
        [sys.executable, script, str(repository), *configs, "--", *targets],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_propensities_and_descriptors_are_those_of_the_files(repository, given):
    folder, structures = given
    made = [f"results/given/unit/{kind}/T0.60/chunk1.h5" for kind in ("propensities", "descriptors")]
    table = "results/given/unit/structures/T0.60/equilibration.parquet"
    done = make(repository, folder, *made, table)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    for rule in ("equilibrate_structures", "run_isoconfigurational_dynamics"):
        assert rule not in done.stderr
    c = structures[1]
    found = storage.read_arrays(folder / made[0], ["propensity", "times"])
    np.testing.assert_allclose(found["times"], [0, 0.5, 1, 1.5, 2])
    later = np.stack([c.positions + moved(1, r, c.n_particles)[-1] for r in range(2)])
    expected = tg.bond_breaking(c.positions, later, c.box_length, c.species, mixture=tg.KA2D).mean(axis=0)
    assert 0.1 < expected.mean() < 0.9
    np.testing.assert_allclose(found["propensity"][0, -1], expected, atol=1e-6)
    columns = storage.read_arrays(folder / made[1], ["values", "names"])
    place = [str(n) for n in columns["names"]].index("height/all/L0")
    inherent = tg.inherent_structure(c, mixture=tg.KA2D)
    np.testing.assert_allclose(
        columns["values"][0, :, place], inherent.wrapped()[c.of_species(1), 1], atol=1e-4
    )
    checks = storage.read_table(folder / table)
    assert checks["check"].tolist() == ["files"]
    assert checks["advice"].tolist() == ["equilibrated by whoever made the files"]


@pytest.mark.slow
def test_absent_files_are_named_before_any_job(repository, given):
    folder, _ = given
    (folder / "T0.60" / "structure12_replica1.dump").rename(folder / "away")
    (folder / "T0.60" / "structure12_replica2.dump").unlink()
    done = make(repository, folder, "results/given/unit/propensities/T0.60/chunk1.h5")
    assert done.returncode != 0
    assert "structure 12 has 1 trajectories" in done.stdout + done.stderr
