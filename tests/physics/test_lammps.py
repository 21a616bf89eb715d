"""LAMMPS with the potential that this package writes: energies, forces, and the how-to in a quick form."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

import tglassmlp as tg
from tglassmlp import config
from tglassmlp.readers.lammps import write_potential
from tglassmlp.readers.trajectories import given_in_a_run, read_replicas, read_structure
from tglassmlp.simulation.energies import energies_and_forces

LAMMPS = shutil.which("lmp") or shutil.which("lammps")
pytestmark = pytest.mark.skipif(
    LAMMPS is None, reason="no LAMMPS (lmp) on this machine: Debian's package lammps"
)


def lammps(folder, script, **variables):
    words = [w for name, value in variables.items() for w in ("-var", name, str(value))]
    done = subprocess.run(
        [LAMMPS, "-in", script, "-log", "none", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def settings(repository):
    return config.load([repository / "config.yaml", repository / "docs" / "lammps" / "howto.yaml"])


ONE_STEP = """units lj
dimension 2
boundary p p p
atom_style atomic
read_data liquid.data
include potential.in
neigh_modify every 1 delay 0 check yes
compute energy all pe/atom
dump all all custom 1 one.dump id type xu yu c_energy fx fy
dump_modify all sort id format float %.16g
run 0
"""


@pytest.mark.parametrize("name", ["KA2D", "KA65-35"])
def test_energies_and_forces_are_those_of_the_package(tmp_path, settings, name):
    mixture = tg.KA2D.scaled(10) if name == "KA2D" else settings.mixture()
    side = int(np.ceil(np.sqrt(sum(mixture.composition))))
    sites = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(0)
    species = rng.permutation(mixture.species())
    places = sites[: species.size] * mixture.box_length / side
    start = tg.Configuration(places, species, mixture.box_length, mixture)
    c, _ = tg.swap_monte_carlo(start, 1.5, sweeps=100, seed=1)
    tg.write_configurations(tmp_path / "liquid.data", [c])
    write_potential(tmp_path / "potential.in", mixture)
    (tmp_path / "one.in").write_text(ONE_STEP)
    lammps(tmp_path, "one.in")
    (again,) = tg.read_configurations(tmp_path / "one.dump", mixture=mixture)
    np.testing.assert_allclose(again.positions, c.positions, atol=1e-12)
    rows = np.loadtxt(tmp_path / "one.dump", skiprows=9)
    energies, forces = energies_and_forces(c, mixture)
    np.testing.assert_allclose(rows[:, 4], energies, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(rows[:, 5:7], forces, rtol=1e-10, atol=1e-10 * np.abs(forces).max())


def test_the_howto_in_a_quick_form(tmp_path, repository, settings):
    for script in ("structures.in", "replicas.in"):
        shutil.copy(repository / "docs" / "lammps" / script, tmp_path)
    mixture, files = settings.mixture(), settings.structures.files
    write_potential(tmp_path / "potential.in", mixture)
    for name in ("1.20", "0.90", "0.80"):
        (tmp_path / f"T{name}").mkdir()
    for k in range(2):
        lammps(tmp_path, "structures.in", structure=k, speed=40)
        said = lammps(tmp_path, "replicas.in", temperature="0.90", structure=k, replicas=2, steps=400)
        assert "Dangerous builds = 0" in said
    structure, trajectory = (str(tmp_path / p) for p in (files.structures, files.trajectories))
    starts, replicas = given_in_a_run("0.90", structure, trajectory, 2, 2)
    for start, group in zip(starts, replicas, strict=True):
        c = read_structure(start, mixture, files.species)
        times, moved = read_replicas(group, c, mixture, files.species, files.time_step)
        assert times[[0, 1, -1]] == pytest.approx([0, 0.05, 2.0])
        assert np.all(np.diff(times) > 0)
        bonds = tg.bond_breaking(
            c.positions, c.positions + moved[:, -1], c.box_length, c.species, mixture=mixture
        )
        assert 0.9 < bonds.mean() < 1
        speed = np.linalg.norm(moved[:, 1], axis=2) / times[1]
        assert 0.6 < (speed**2).mean() / 2 / 0.9 < 1, (
            "velocities of T = 0.9, which collisions have begun to turn"
        )
    assert read_structure(given_in_a_run("0.80", structure, None, 2, 0)[0][1], mixture).n_particles == 140
