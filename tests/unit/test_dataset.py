"""The data set: files, reader, plan, generator, card, and what is shipped."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D, bond_breaking, load_dataset, potential_energies
from tglassmlp.config import ConfigError
from tglassmlp.configuration import minimum_image
from tglassmlp.dataset import card, dynamics_content, generate, make_dynamics, structure_content
from tglassmlp.dataset.__main__ import main
from tglassmlp.dataset.encoding import Stored, decode, encode
from tglassmlp.dataset.files import DatasetFile, write_file
from tglassmlp.dataset.generate import make, next_file
from tglassmlp.dataset.names import FileName, file_name
from tglassmlp.dataset.plan import read_plan, tasks
from tglassmlp.dataset.plan_check import check_made
from tglassmlp.dataset.stopping import Stopped, Watch, claimed, stop_time
from tglassmlp.dataset.workplace import Workplace
from tglassmlp.equilibration.settings import EquilibrationSettings
from tglassmlp.equilibration.structures import equilibrate_large_systems
from tglassmlp.randomness import seed_sequence
from tglassmlp.simulation.dynamics import log_spaced_steps
from tglassmlp.simulation.run import trajectory

PLAN = """
dataset: toy
seed: 7
system: {mixture: KA2D, divisor: 10}
per_file: 2
equilibration: {exchange_weights: {"1-2": 0.0}, record_points: 6, on_failure: warn}
dynamics: {replicas: 5, block_seconds: 0.05}
sweeps: {0.60: 300, 0.50: 300}
goals:
  - {temperature: 0.60, structures: 2, dynamics_time: 12.0}
  - {temperature: 0.50, structures: 3}
  - {temperature: 0.60, structures: 4, dynamics_time: 12.0}
  - {temperature: 0.60, structures: 2, dynamics_time: 30.0}
"""
NAMES = [
    "T0.60_unit_structures_0000.npz",
    "T0.60_unit_dynamics_0000.npz",
    "T0.50_unit_structures_0000.npz",
    "T0.50_unit_structures_0002.npz",
    "T0.60_unit_structures_0002.npz",
    "T0.60_unit_dynamics_0002.npz",
    "T0.60_unit_dynamics_0000_from1200.npz",
]


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.fixture(scope="module")
def made(plan, tmp_path_factory) -> tuple[Path, Path]:
    """Folder and state folder of the toy data set, made in one go."""
    base = tmp_path_factory.mktemp("dataset")
    folder, state = base / "toy", base / "state"
    folder.mkdir()
    summary = make(read_plan(plan), folder, state, allow_changes=True)
    assert list(summary.made) == NAMES
    assert summary.missing == summary.failed == ()
    return folder, state


def copied(folder: Path, target: Path) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def checksums(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.npz"))}


# ------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize(
    ("values", "axes", "differences"),
    [
        (np.arange(24, dtype=np.uint32).reshape(2, 3, 4) * 98765, ("a", "b", "c"), None),
        (np.array([[250, 3, 255], [0, 0, 9]], dtype=np.uint8), ("a", "frame"), "frame"),
        (np.array([[60000, 3], [7, 65535]], dtype=np.uint16), ("frame", "a"), "frame"),
        (np.array([1.5, np.nan, -2e-30], dtype=np.float32), ("a",), None),
        (np.array([-1, 2**40], dtype=np.int64), ("a",), None),
    ],
)
def test_arrays_come_back_from_their_stored_form(values, axes, differences):
    stored = encode(Stored(values, axes, differences=differences))
    assert stored.dtype == np.uint8
    assert stored.shape == (values.dtype.itemsize, *values.shape)
    back = decode(stored, values.dtype.name, axes, differences)
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back, values)


def test_differences_are_modulo_the_size_of_the_type():
    assert encode(Stored(np.array([5, 3, 4], dtype=np.uint8), ("frame",), differences="frame")).tolist() == [
        [5, 254, 1]
    ]


@pytest.mark.parametrize(
    ("values", "axes", "differences", "message"),
    [
        (np.zeros(3), ("a", "b"), None, "1 axes, 2 are named"),
        (np.array(["x"]), ("a",), None, "only numbers"),
        (np.zeros(3), ("a",), "a", "unsigned whole numbers"),
        (np.zeros(3, dtype=np.uint8), ("a",), "b", "the axes are"),
    ],
)
def test_what_cannot_be_stored_is_refused(values, axes, differences, message):
    with pytest.raises(ValueError, match=message):
        Stored(values, axes, differences=differences)


def test_names_say_what_is_in_a_file():
    name = FileName("0.40", "unit", "dynamics", 8, 340000)
    assert str(name) == "T0.40_unit_dynamics_0008_from340000.npz"
    assert file_name(str(name)) == name
    assert file_name("T0.231_large_structures_0000.npz") == FileName("0.231", "large", "structures", 0)
    for other in ("README.md", "T0.4_unit_dynamics_0000.npz", "T0.40_unit_structures_0000_from5.npz"):
        assert file_name(other) is None


def record(**more):
    about = {"temperature": "0.40", "ensemble": "unit", "kind": "structures", "first_structure": 0}
    return {**about, "structures": [0], **more}


def test_equal_content_gives_equal_bytes_and_files_are_written_once(tmp_path):
    array = {"values": Stored(np.arange(1000, dtype=np.uint16), ("a",), "1", "numbers", "a")}
    paths = [tmp_path / folder / "T0.40_unit_structures_0000.npz" for folder in "ab"]
    write_file(paths[0], array, record())
    time.sleep(1.1)  # time stamps of archives have seconds
    write_file(paths[1], array, record())
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(FileExistsError, match="written once"):
        write_file(paths[0], array, record())
    with pytest.raises(ValueError, match=r"would have to be T0\.40_unit_structures_0004"):
        write_file(tmp_path / "T0.40_unit_structures_0000.npz", array, record(first_structure=4))


def rewritten(path: Path, member: str, change) -> None:
    """Write an archive again with one member changed, so that its own checksums are right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_damage_anywhere_is_refused_and_named(made, tmp_path):
    folder = copied(made[0], tmp_path / "damaged")
    path = folder / NAMES[1]
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for place in rng.integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            dataset = load_dataset(folder)
            dataset.verify()
            dynamics = dataset.at(0.60).dynamics(0)
        except ValueError as error:
            named = str(error)
        else:  # bits that mean nothing, such as time stamps of the archive
            named = str(path)
            path.write_bytes(whole)
            np.testing.assert_array_equal(dynamics.left, load_dataset(folder).at(0.60).dynamics(0).left)
        assert str(path) in named
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="truncated or damaged"):
        load_dataset(folder)


def test_a_changed_array_or_record_is_refused(made, tmp_path):
    folder = copied(made[0], tmp_path / "changed")
    path = folder / NAMES[1]

    def other_bonds(data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ 1])

    rewritten(path, "surviving_bonds.npy", other_bonds)
    with pytest.raises(ValueError, match="'surviving_bonds' differs from its checksum"):
        load_dataset(folder).at(0.60).dynamics(1)
    rewritten(path, "record.json", lambda text: text.replace(b'"replicas": 5', b'"replicas": 6'))
    with pytest.raises(ValueError, match="record differs from its checksum"):
        load_dataset(folder)


def test_an_unknown_version_is_refused(made, tmp_path):
    folder = copied(made[0], tmp_path / "newer")
    path = folder / NAMES[0]

    def newer(text: bytes) -> bytes:
        return text.replace(b'"format_version": 1', b'"format_version": 2')

    rewritten(path, "record.json", newer)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("record.json")
    rewritten(path, "record.sha256", lambda _: hashlib.sha256(text).hexdigest().encode())
    with pytest.raises(ValueError, match="version 2, this package reads 'tglassmlp-dataset' version 1"):
        load_dataset(folder)


# ---------------------------------------------------------------------------------------------- content


def test_the_stored_form_is_the_same_liquid(liquid):
    stored = structure_content.stored_form(liquid)
    assert np.array_equal(np.sort(liquid.species), stored.species)
    resolution = liquid.box_length / 2**structure_content.POSITION_BITS
    for kind in (1, 2, 3):
        before = liquid.positions[liquid.species == kind]
        after = stored.positions[stored.species == kind]
        apart = np.abs(minimum_image(before[:, None] - after[None], liquid.box_length)).max(axis=-1)
        assert apart.min(axis=1).max() <= 0.5001 * resolution
        assert len(set(apart.argmin(axis=1))) == len(before)
    again = structure_content.stored_form(stored)
    assert np.array_equal(again.positions, stored.positions)
    assert structure_content.structure_hash(again) == structure_content.structure_hash(stored)
    assert np.all(stored.positions >= -liquid.box_length / 2)
    assert np.all(stored.positions < liquid.box_length / 2)


def test_neighbours_along_the_curve_are_neighbours_in_space(liquid):
    stored = structure_content.stored_form(liquid)
    own = stored.positions[stored.species == 1]
    step = np.linalg.norm(minimum_image(np.diff(own, axis=0), liquid.box_length), axis=1)
    assert np.median(step) < 2.0  # 5 for a random order in this box


def test_the_upper_edge_of_the_box_is_its_lower_edge():
    from tglassmlp import Configuration

    edge = Configuration([[4.9999999999, -5.0], [5.0, 1.0]], [1, 1], 10.0)
    stored = structure_content.stored_form(edge)
    assert sorted(stored.positions.tolist()) == [[-5.0, -5.0], [-5.0, stored.positions[:, 1].max()]]


def test_codes_of_displacements_are_within_their_step():
    d = np.concatenate([[0.0, 1e-5], np.geomspace(1e-3, 20.0, 500)])
    codes = dynamics_content.displacement_codes(d)
    assert codes.dtype == np.uint8
    assert codes[:2].tolist() == [0, 0]
    back = dynamics_content.displacements_of(codes)
    assert np.abs(np.log(back[2:] / d[2:])).max() <= 0.5001 * dynamics_content.DISPLACEMENT_STEP
    far = dynamics_content.displacement_codes(np.array([100.0]))
    assert far.dtype == np.uint16
    assert dynamics_content.displacements_of(far)[0] == pytest.approx(100.0, rel=0.02)


# ------------------------------------------------------------------------------------ generator, reader


def test_propensities_are_exactly_those_of_the_trajectories(made, plan):
    """The dynamics of one structure are run again, from the positions of the file, and measured directly."""
    chosen = read_plan(plan)
    at = load_dataset(made[0]).at(0.60)
    structure, stored = at.configuration(3), at.dynamics(3)
    steps = log_spaced_steps(12.0, 0.01)
    assert np.array_equal(stored.steps, steps)
    paths = trajectory(
        structure,
        0.60,
        steps,
        5,
        seed_sequence(chosen.seed, "isoconfigurational_dynamics", 600000, 3),
        mixture=KA2D.scaled(10),
    ).displacements
    bonds = np.stack(
        [
            bond_breaking(
                structure.positions,
                structure.positions + paths[:, f].astype(float),
                structure.box_length,
                structure.species,
            )
            for f in range(len(steps))
        ],
        axis=1,
    )
    assert stored.replicas == (3, 2)
    np.testing.assert_allclose(stored.propensity, bonds.mean(axis=0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(stored.half[0], bonds[0::2].mean(axis=0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(stored.half[1], bonds[1::2].mean(axis=0), rtol=0, atol=1e-13)
    assert stored.propensity[-1].min() < 0.9
    length = np.linalg.norm(paths.astype(float), axis=-1).mean(axis=0)
    np.testing.assert_allclose(stored.displacement[1:], length[1:], rtol=0.021)
    assert np.all(stored.displacement[0] == 0)
    own = structure.species == 2
    squared = (paths[:, -1, own].astype(float) ** 2).sum(axis=-1).mean()
    assert stored.displacement2[1, -1] == pytest.approx(squared, rel=1e-5)


def test_surviving_bonds_are_whole_numbers_behind_the_propensity(liquid):
    from tglassmlp.dynamics.bond_breaking import isoconfigurational_propensity, surviving_bonds

    rng = np.random.default_rng(2)
    moved = rng.normal(0, 0.5, (5, 3, liquid.n_particles, 2)).astype(np.float32)
    neighbours, left = surviving_bonds(liquid, moved)
    wanted = isoconfigurational_propensity(liquid, moved)
    np.testing.assert_allclose(left[0] / (3 * neighbours), wanted.half[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(left[1] / (2 * neighbours), wanted.half[1], rtol=0, atol=1e-14)
    assert left.max() <= 3 * neighbours.max()
    with pytest.raises(ValueError, match="must have shape"):
        surviving_bonds(liquid, moved[:, :, :-1])
    moved[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        surviving_bonds(liquid, moved)


def test_dynamics_made_longer_are_one_run(made):
    at = load_dataset(made[0]).at(0.60)
    assert at.with_dynamics == [0, 1, 2, 3]
    assert at.durations == pytest.approx({0: 30.0, 1: 30.0, 2: 12.0, 3: 12.0})
    longer = at.dynamics(0)
    assert longer.times[-1] == pytest.approx(30.0)
    assert np.all(np.diff(longer.steps) > 0)
    assert longer.joints == pytest.approx((12.0,))
    assert longer.until(1200).times[-1] == pytest.approx(12.0)
    assert longer.until(1200).joints == ()
    assert at.dynamics(2).joints == ()
    c_b = longer.propensity.mean(axis=1)
    assert c_b[0] == 1.0
    assert c_b[longer.steps == 1200] > c_b[-1]
    # displacements count from the structure, not from the joint
    assert np.all(longer.displacement2[:, -1] > 0.3 * longer.displacement2[:, longer.steps == 1200][:, 0])
    assert abs(longer.kinetic_temperature[5:].mean() - 0.60) < 0.05


def test_dynamics_are_stacked_at_common_times(made):
    at = load_dataset(made[0]).at(0.60)
    together = at.stacked()
    assert together["structures"].tolist() == [0, 1, 2, 3]
    frames, n = len(together["times"]), 129
    assert together["times"][-1] == pytest.approx(12.0)
    assert together["propensity"].shape == (4, frames, n)
    assert together["half"].shape == (4, 2, frames, n)
    assert together["displacement2"].shape == together["scattering"].shape == (4, 3, frames)
    np.testing.assert_array_equal(together["species"], np.tile(KA2D.scaled(10).species(), (4, 1)))
    long = at.stacked(until=30.0)
    assert long["structures"].tolist() == [0, 1]
    assert long["times"][-1] == pytest.approx(30.0)
    np.testing.assert_array_equal(long["propensity"][1], at.dynamics(1).propensity)
    assert at.stacked([2], until=1.0)["times"][-1] <= 1.0
    with pytest.raises(ValueError, match="no structure has dynamics to t = 31"):
        at.stacked(until=31.0)
    with pytest.raises(ValueError, match="structure 0 has no dynamics"):
        load_dataset(made[0]).at(0.50).dynamics(0)


def with_record(path: Path, **changes) -> None:
    """Change the record of a file, with a checksum that is right."""
    with zipfile.ZipFile(path) as archive:
        found = json.loads(archive.read("record.json"))
    for key, value in changes.items():
        if isinstance(value, dict) and key != "mixture":
            found[key] |= value
        else:
            found[key] = value
    text = json.dumps(found, indent=1, sort_keys=True).encode()
    rewritten(path, "record.json", lambda _: text)
    rewritten(path, "record.sha256", lambda _: hashlib.sha256(text).hexdigest().encode())


def test_structures_carry_the_mixture_of_the_data_set(made, tmp_path):
    at = load_dataset(made[0]).at(0.60)
    assert at.configuration(0).mixture == at.mixture == KA2D.scaled(10)
    assert all(c.mixture == at.mixture for c in at.configurations())
    assert structure_content.stored_form(at.configuration(0).tiled(2)).mixture == at.mixture
    with pytest.raises(ValueError, match="another pair potential"):
        potential_energies(at.configuration(0), dataclasses.replace(KA2D, cutoff=2.4))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time_step": 0.005}, "time_step is 0.005, in .*_0000.npz it is 0.01"),
        ({"replicas": 4}, "replicas is 4"),
        ({"r_in": 1.3}, "r_in is 1.3"),
        ({"r_out": 2.0}, "r_out is 2.0"),
        ({"wave_number": 7.0}, "wave_number is 7.0"),
        ({"settings": {"thermostat": "nose_hoover"}}, "settings.thermostat is nose_hoover"),
        ({"mixture": {**dataclasses.asdict(KA2D), "cutoff": 2.4}}, "its mixture is not that of"),
    ],
)
def test_files_made_in_different_ways_are_not_stacked(made, tmp_path, changes, said):
    folder = copied(made[0], tmp_path / "toy")
    with_record(folder / NAMES[5], **changes)  # dynamics of structures 2 and 3
    at = load_dataset(folder).at(0.60)
    assert at.stacked([2, 3])["structures"].tolist() == [2, 3]
    assert at.stacked(until=30.0)["structures"].tolist() == [0, 1]
    with pytest.raises(ValueError, match=rf"_0002.npz: {said}.*stacked must have the same"):
        at.stacked()


def test_frames_and_precision_may_differ_between_stacked_files(made, tmp_path):
    folder = copied(made[0], tmp_path / "toy")
    with_record(folder / NAMES[5], settings={"frame_ratio": 2.0, "precision": "double"})
    assert load_dataset(folder).at(0.60).stacked()["structures"].size == 4


def test_dynamics_made_longer_in_another_way_are_refused(made, tmp_path):
    folder = copied(made[0], tmp_path / "toy")
    with_record(folder / NAMES[-1], settings={"thermostat_time": 2.0})
    with pytest.raises(ValueError, match=r"_from1200.npz: settings.thermostat_time is 2.0.*one structure"):
        load_dataset(folder).at(0.60).dynamics(0)
    for name in (NAMES[1], NAMES[-1]):
        with_record(folder / name, displacement_step=0.05, settings={"thermostat_time": 1.0})
    with pytest.raises(ValueError, match=r"stored with displacement_step = 0\.05, this package reads 0\.04"):
        load_dataset(folder).at(0.60).dynamics(0)


def test_parts_of_a_data_set_print_as_one_line(made):
    dataset = load_dataset(made[0])
    at = dataset.at(0.60)
    assert repr(dataset) == f"<Dataset {made[0]}: structures at T = 0.60, 0.50>"
    assert repr(at) == "<Ensemble at T = 0.60 (unit): 4 structures, 4 with dynamics>"
    assert repr(at.files[0]) == f"<DatasetFile {made[0] / NAMES[0]}: 2 structures, structures>"
    frames = at.dynamics(2).times.size
    assert repr(at.dynamics(2)) == f"<Dynamics of 129 particles: {frames} frames to t = 12, 5 replicas>"
    assert repr(Stored(np.zeros((2, 3)), ("a", "b"))) == "<Stored float64: 2 a, 3 b, unit 1>"


def test_a_data_set_lists_what_it_has(made):
    dataset = load_dataset(made[0])
    assert dataset.temperatures == [0.60, 0.50]
    assert [e.numbers for e in dataset] == [[0, 1, 2, 3], [0, 1, 2]]
    assert sorted(f.path.name for f in dataset.files) == sorted(NAMES)
    dataset.verify()
    at = dataset.at(0.5)
    assert at.mixture == KA2D.scaled(10)
    evidence = at.evidence(1)
    assert evidence.start.unique().tolist() == ["heated"]
    assert evidence.structure.unique().tolist() == [1]
    late = evidence[evidence.measured]
    assert -2.5 < late.energy.mean() < -2.2
    assert late.inherent_energy.dropna().max() < late.energy.mean()
    assert at.evidence(0).start[0] == "quenched"
    with pytest.raises(ValueError, match=r"no structures at T = 0.30 \(unit\), found 0.60 \(unit\)"):
        dataset.at(0.30)
    with pytest.raises(ValueError, match="no structure 7"):
        at.configuration(7)


def test_structures_differ_and_carry_their_origin(made):
    file = DatasetFile(made[0] / NAMES[0])
    a, b = (structure_content.read_configuration(file, k) for k in (0, 1))
    assert not np.array_equal(a.positions, b.positions)
    origin = file.record["provenance"]
    assert origin["seed"] == 7
    assert origin["commit"]
    assert file.record["starts"] == ["quenched", "heated"]
    assert {c["check"] for c in file.record["checks"]} >= {"trend", "overlap", "peak"}
    dynamics = DatasetFile(made[0] / NAMES[1])
    assert dynamics.record["structure_sha256"] == file.record["structure_sha256"]
    assert dynamics.record["settings"]["thermostat_velocities"] == "half_step"


def test_contradictions_between_files_are_refused(made, tmp_path):
    folder = copied(made[0], tmp_path / "gap")
    (folder / NAMES[1]).unlink()
    with pytest.raises(ValueError, match="begins after step 1200, but the dynamics of structure 0 before it"):
        load_dataset(folder)
    folder = copied(made[0], tmp_path / "orphan")
    (folder / NAMES[0]).unlink()
    with pytest.raises(ValueError, match="whose positions are not there"):
        load_dataset(folder)
    folder = copied(made[0], tmp_path / "renamed")
    (folder / NAMES[0]).rename(folder / "T0.60_unit_structures_0008.npz")
    with pytest.raises(ValueError, match=r"holds what belongs into T0.60_unit_structures_0000.npz"):
        load_dataset(folder)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "more.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="not the name of a file"):
        load_dataset(tmp_path / "strange")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_dataset(tmp_path / "nowhere")


def test_killed_generators_give_the_same_bytes(made, plan, tmp_path):
    """Two processes at once, killed (-9) again and again at odd moments, then left to finish."""
    folder, state = tmp_path / "toy", tmp_path / "state"
    folder.mkdir()
    command = [sys.executable, "-m", "tglassmlp.dataset", "make", str(plan), "--allow-changes"]
    command += ["--folder", str(folder), "--state", str(state)]
    kills = 0
    for wait in (1.0, 1.7, 0.6, 2.3):
        pair = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        first = pair[0].stderr.readline()  # a task has begun, or there was none left
        time.sleep(wait)
        for process in pair:
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert not first or "begins" in first, first
    for _ in range(2):  # what one needs may have been in the other's hands
        summary = make(read_plan(plan), folder, state, allow_changes=True, threads=2)
    assert kills > 0
    assert summary.missing == ()
    assert checksums(folder) == checksums(made[0])
    left = {p.name for p in state.iterdir()}
    assert left == {"last", "locks"}
    assert not list(folder.glob(".*"))


def test_what_killed_generators_left_is_removed(made, plan, tmp_path):
    """Killed while it wrote one file, and before it tidied up after another one."""
    folder, state = copied(made[0], tmp_path / "toy"), tmp_path / "state"
    part, work = folder / f".{NAMES[0]}.abcdefgh.npz", state / NAMES[2]
    part.write_bytes(b"half")
    work.mkdir(parents=True)
    (work / "structure0.npz").write_bytes(b"whole")
    with claimed(state / "locks" / f"{NAMES[0]}.lock"):
        make(read_plan(plan), folder, state, allow_changes=True)
    assert part.exists()  # another process may be writing it
    assert not work.exists()
    make(read_plan(plan), folder, state, allow_changes=True)
    assert not part.exists()
    assert checksums(folder) == checksums(made[0])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sweeps: {0.60: 300", "sweeps: {0.60: yes", r"sweeps: found .*; .*not true/false"),
        ("structures: 2, dyn", "structures: yes, dyn", r"goals\.0\.structures: found True; .*not true/false"),
        (
            "record_points: 6",
            "start_temperature: 0.6",
            r"start_temperature: found 0\.6; .*temperature \(0\.6\)",
        ),
    ],
)
def test_plans_that_cannot_mean_what_they_say_are_refused(tmp_path, old, new, said):
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.replace(old, new, 1))
    with pytest.raises(ConfigError, match=said):
        read_plan(path)


def test_a_task_in_other_hands_is_left_alone(plan, tmp_path):
    state = tmp_path / "state"
    with claimed(state / "locks" / f"{NAMES[0]}.lock") as mine:
        assert mine
        summary = make(read_plan(plan), tmp_path / "toy", state, allow_changes=True, limit=1)
    assert list(summary.made) == [NAMES[2]]


def test_a_generator_ends_when_it_is_told(plan, tmp_path):
    past = datetime.datetime.now() - datetime.timedelta(seconds=1)
    summary = make(read_plan(plan), tmp_path / "a", tmp_path / "state", allow_changes=True, until=past)
    assert summary.made == ()
    assert summary.stopped.startswith("it is")
    watch = Watch(None, tmp_path / "stop")
    watch.check()
    (tmp_path / "stop").touch()
    with pytest.raises(Stopped, match="stop is there"):
        watch.check()
    with watch.listening():
        signal.raise_signal(signal.SIGTERM)
    assert watch.reason() == "signal SIGTERM"
    later = Watch(None, tmp_path / "stop")
    later.begun = time.time() + 5
    assert later.reason() is None  # a stop file of an earlier call


def test_the_time_to_end_is_the_next_one():
    now = datetime.datetime(2026, 1, 1, 22, 30)
    assert stop_time("23:05", now) == datetime.datetime(2026, 1, 1, 23, 5)
    assert stop_time("07:00", now) == datetime.datetime(2026, 1, 2, 7, 0)
    with pytest.raises(ValueError, match="HH:MM"):
        stop_time("soon", now)


def test_structures_out_of_equilibrium_are_not_written(plan, tmp_path):
    strict = tmp_path / "plan.yaml"
    text = PLAN.replace("on_failure: warn", "checks: {overlap: 0.001}")
    strict.write_text(text)
    arguments = ["make", str(strict), "--allow-changes", "--folder", str(tmp_path / "toy")]
    arguments += ["--state", str(tmp_path / "state"), "--limit", "1"]
    assert main(arguments) == 1
    assert list((tmp_path / "toy").glob("*")) == []
    note = json.loads((tmp_path / "state" / "failed" / f"{NAMES[0]}.json").read_text())
    assert "overlap" in note["reason"]


def test_dynamics_at_another_energy_are_refused(made, plan, tmp_path, monkeypatch):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / NAMES[0]).write_bytes((made[0] / NAMES[0]).read_bytes())
    monkeypatch.setattr(make_dynamics, "LATE", 0.1)
    monkeypatch.setattr(make_dynamics, "KINETIC_TOLERANCE", 1e-9)
    order = [t for t in tasks(read_plan(plan)) if str(t.name) == NAMES[1]]
    place = Workplace(read_plan(plan), folder, tmp_path / "state", 1, 1.0, sys.stderr)
    assert next_file(place, order, Watch(None, tmp_path / "stop")) == ""
    assert "kinetic temperature" in place.note(order[0].name).read_text()
    assert not (folder / NAMES[1]).exists()
    place.note(order[0].name).unlink()
    monkeypatch.setattr(make_dynamics, "KINETIC_TOLERANCE", 1.0)
    monkeypatch.setattr(make_dynamics, "ENERGY_TOLERANCE", 1e-9)
    assert next_file(place, order, Watch(None, tmp_path / "stop")) == ""
    assert "potential energy" in place.note(order[0].name).read_text()


def test_longer_dynamics_need_the_last_positions(made, plan, tmp_path):
    folder = copied(made[0], tmp_path / "toy")
    (folder / NAMES[-1]).unlink()
    with pytest.raises(ValueError, match="last positions of the replicas are not there"):
        make(read_plan(plan), folder, tmp_path / "elsewhere", allow_changes=True)
    summary = make(read_plan(plan), folder, made[1], allow_changes=True)
    assert list(summary.made) == [NAMES[-1]]
    assert checksums(folder) == checksums(made[0])


@pytest.mark.parametrize(
    ("old", "new", "name", "said"),
    [
        ("seed: 7", "seed: 8", NAMES[0], "provenance.seed is 7, the plan asks for 8"),
        ("dataset: toy", "dataset: toys", NAMES[0], "dataset is toy, the plan asks for toys"),
        ("divisor: 10", "divisor: 30", NAMES[0], r"mixture.composition is \[60, 33, 36\]"),
        ("0.60: 300", "0.60: 400", NAMES[0], "sweeps is 300, the plan asks for 400"),
        ("record_points: 6", "record_points: 8", NAMES[0], "settings.record_points is 6"),
        ('"1-2": 0.0', '"1-2": 0.5', NAMES[0], "settings.exchange_weights is"),
        ("replicas: 5", "replicas: 6", NAMES[1], "replicas is 5, the plan asks for 6"),
        ("replicas: 5", "replicas: 5, thermostat_time: 2.0", NAMES[1], "settings.thermostat_time is 1.0"),
        ("sweeps:", "propensity: {r_out: 2.0}\nsweeps:", NAMES[1], "r_out is 1.8, the plan asks for 2.0"),
    ],
)
def test_a_plan_that_differs_from_the_files_is_refused(made, plan, tmp_path, capsys, old, new, name, said):
    assert check_made(read_plan(plan), made[0]) == {}
    assert old in PLAN
    changed = tmp_path / "plan.yaml"
    changed.write_text(PLAN.replace(old, new))
    wrong = check_made(read_plan(changed), made[0])
    assert re.search(said, wrong[name])
    before = checksums(made[0])
    with pytest.raises(ValueError, match="are not what the plan asks for, so that nothing is made"):
        make(read_plan(changed), made[0], tmp_path / "state", allow_changes=True)
    assert checksums(made[0]) == before
    assert main(["plan", str(changed), "--folder", str(made[0])]) == 1
    shown = capsys.readouterr()
    assert f"WRONG {name}" in shown.out
    assert re.search(said, shown.err)


def test_a_file_that_is_none_is_not_taken_for_made(made, plan, tmp_path, capsys):
    folder = copied(made[0], tmp_path / "toy")
    assert main(["plan", str(plan), "--folder", str(folder)]) == 0
    assert capsys.readouterr().out.count(" made ") == len(NAMES)
    (folder / NAMES[2]).write_bytes(b"")
    assert main(["plan", str(plan), "--folder", str(folder)]) == 1
    shown = capsys.readouterr()
    assert f"WRONG {NAMES[2]}" in shown.out
    assert shown.out.count(" made ") == len(NAMES) - 1
    assert "truncated or damaged" in shown.err
    with pytest.raises(ValueError, match=rf"{NAMES[2]}.*truncated or damaged"):
        make(read_plan(plan), folder, tmp_path / "state", allow_changes=True)


def test_a_plan_may_grow(made, plan, tmp_path):
    longer = tmp_path / "plan.yaml"
    longer.write_text(PLAN + "  - {temperature: 0.50, structures: 5}\n")
    assert check_made(read_plan(longer), made[0]) == {}


def test_a_folder_that_is_no_data_set_is_refused(made, plan, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for command in (load_dataset, card.out_of_date):
        with pytest.raises(ValueError, match=r"empty: is no data set; it holds no file like .* no plan.yaml"):
            command(tmp_path / "empty")
    assert main(["verify", str(tmp_path / "empty")]) == 1
    assert "is no data set" in capsys.readouterr().err
    (tmp_path / "empty" / "plan.yaml").write_text("steps: 3\n")
    with pytest.raises(ConfigError, match="this plan cannot be carried out"):
        load_dataset(tmp_path / "empty")
    (tmp_path / "empty" / "plan.yaml").write_text(plan.read_text())
    assert repr(load_dataset(tmp_path / "empty")) == f"<Dataset {tmp_path / 'empty'}: no file yet>"
    assert main(["verify", str(tmp_path / "empty")]) == 0
    assert "has a plan (plan.yaml) but no file yet" in capsys.readouterr().out
    assert main(["verify", str(made[0])]) == 0
    assert f"{len(NAMES)} files, nothing is damaged" in capsys.readouterr().out


def test_the_shipped_data_set_is_verified(repository, capsys):
    assert main(["verify", str(repository / "datasets" / "ka2d")]) == 0
    assert "nothing is damaged" in capsys.readouterr().out


def test_files_are_made_from_a_commit(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "git_commit", lambda: "0123456789ab+")
    with pytest.raises(ValueError, match="without local changes"):
        make(read_plan(plan), tmp_path / "toy", tmp_path / "state")


# ------------------------------------------------------------------------------------------------- plan


def planned(tmp_path, goals: str, **changes: str):
    path = tmp_path / "plan.yaml"
    text = PLAN[: PLAN.index("goals:")] + "goals:\n" + goals
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text)
    return read_plan(path)


def test_goals_become_files_in_their_order(plan):
    found = list(tasks(read_plan(plan)))
    assert [str(t.name) for t in found] == NAMES
    assert found[3].structures == (2,)
    longer = found[-1]
    assert (longer.begin, longer.end) == (1200, 3000)
    assert [str(n) for n in longer.needs] == NAMES[:2]


def test_dynamics_made_longer_twice_need_both_files(tmp_path):
    goals = "".join(f"  - {{temperature: 0.6, structures: 2, dynamics_time: {t}}}\n" for t in (1, 2, 2, 5))
    found = list(tasks(planned(tmp_path, goals)))
    assert [(t.begin, t.end) for t in found[1:]] == [(0, 100), (100, 200), (200, 500)]
    assert [n.begin for n in found[-1].needs] == [0, 0, 100]
    assert [n.kind for n in found[-1].needs] == ["structures", "dynamics", "dynamics"]


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ("  - {temperature: 0.7, structures: 2}", "0.70 has no entry in sweeps"),
        ("  - {temperature: 0.6, structures: 2, dynamics_time: 1.005}", "multiples of 0.01"),
        (
            "  - {temperature: 0.6, structures: 4}\n"
            "  - {temperature: 0.6, structures: 3, dynamics_time: 1.0}",
            "cuts the file of structures 2 to 3; allowed: 2 or 4",
        ),
        (
            "  - {temperature: 0.6, structures: 2, dynamics_time: 2.0}\n"
            "  - {temperature: 0.6, structures: 2, dynamics_time: 1.0}",
            "shorter than the 2 of an earlier goal",
        ),
        ("  - {temperature: 0.6, structure: 2}", "structure"),
        ("  - {temperature: 0.6, structures: 0}", "greater than or equal to 1"),
        ("  - {temperature: 0.6, structures: 2, ensemble: huge}", r"goals\.0\.ensemble: found 'huge'"),
        (
            "  - {temperature: 0.6, structures: 2}\n  - {temperature: 0.6, structures: 3, ensemble: large}",
            r"goals\.1\.structures: .* of which earlier goals ask for 2 at T = 0\.60; allowed: 2",
        ),
        (
            "  - {temperature: 0.6, structures: 2}\n"
            "  - {temperature: 0.6, structures: 2, ensemble: large, dynamics_time: 1.0}",
            r"goals\.1\.dynamics_time: found 1\.0; large systems have none",
        ),
        (
            "  - {temperature: 0.6, structures: 2, equilibration: {exchanges: free}}",
            r"goals\.0\.equilibration\.exchanges: found 'free'",
        ),
        (
            "  - {temperature: 0.6, structures: 2, equilibration: {start: ladder}}",
            "start: found 'ladder'; allowed: 'independent'",
        ),
        (
            "  - {temperature: 0.6, structures: 2, equilibration: {start_temperature: 0.5}}",
            r"start_temperature: found 0\.5; allowed: more than",
        ),
    ],
)
def test_plans_that_cannot_be_carried_out_are_refused(tmp_path, goals, message):
    with pytest.raises(ConfigError, match=message):
        planned(tmp_path, goals)


def test_structures_without_dynamics_and_large_systems_may_be_added_to_what_is_there(made, plan, tmp_path):
    """Own sweeps and scheme of what a goal adds; what is there still counts as made."""
    folder, path = with_card(copied(made[0], tmp_path / "toy")), tmp_path / "plan.yaml"
    path.write_text(
        PLAN + "  - {temperature: 0.50, structures: 4, per_file: 1, sweeps: 40,"
        " equilibration: {exchanges: plain, checks: {overlap: 0.9}}}\n"
        "  - {temperature: 0.50, structures: 2, ensemble: large, sweeps: 30}\n"
    )
    grown = read_plan(path)
    assert check_made(grown, folder) == {}
    assert [str(t.name) for t in tasks(grown)][: len(NAMES)] == NAMES
    with pytest.raises(ValueError, match=r"no file of the plan fits T0\.30"):
        make(grown, folder, tmp_path / "state", allow_changes=True, only=["T0.30*"])
    summary = make(grown, folder, tmp_path / "state", allow_changes=True, only=["*_large_*"])
    assert summary.made == ("T0.50_large_structures_0000.npz",)
    summary = make(grown, folder, tmp_path / "state", allow_changes=True)
    assert summary.made == ("T0.50_unit_structures_0003.npz",)
    assert check_made(grown, folder) == {}
    unit, large = (load_dataset(folder).at(0.50, e) for e in ("unit", "large"))
    assert (unit.numbers, large.numbers) == ([0, 1, 2, 3], [0, 1])
    made_with = {f.name.first: (f.record["sweeps"], f.record["settings"]["exchanges"]) for f in unit.files}
    assert made_with == {0: (300, "informed"), 2: (300, "informed"), 3: (40, "plain")}
    record = large.files[0].record
    assert (record["sweeps"], record["tiles"], record["starts"]) == (30, 2, ["tiled", "tiled"])
    assert {c["check"] for c in record["checks"]} == {
        "tile_overlap",
        "small_q_density",
        "small_q_composition",
    }
    # large system k is what 30 sweeps make of unit structure k, laid side by side
    settings = EquilibrationSettings(exchange_weights={"1-2": 0.0}, record_points=6)
    again, _ = equilibrate_large_systems(
        [unit.configuration(1)], 0.50, [1], 30, 2, 7, settings, unit.mixture
    )[0]
    assert (
        structure_content.structure_hash(structure_content.stored_form(again))
        == record["structure_sha256"][1]
    )
    assert main(["card", str(folder)]) == 0
    assert "| 0.50 | large | 516 | 2 | 0 |" in (folder / "README.md").read_text()
    path.write_text(
        path.read_text()
        .replace("sweeps: 40", "sweeps: 41")
        .replace("checks:", "target_acceptance: 0.5, checks:")
    )
    wrong = check_made(read_plan(path), folder)
    assert list(wrong) == ["T0.50_unit_structures_0003.npz"]
    assert "sweeps is 40, the plan asks for 41; settings.target_acceptance is 0.4" in str(wrong)


# ------------------------------------------------------------------------------------------------- card


def with_card(folder: Path) -> Path:
    (folder / "README.md").write_text(f"# Toy\n\n{card.BEGIN}\nold\n{card.END}\n\nThe end.\n")
    return folder


def test_the_card_is_made_from_the_files(made, tmp_path, capsys):
    folder = with_card(copied(made[0], tmp_path / "toy"))
    assert len(card.out_of_date(folder)) == len(NAMES) + 1
    assert main(["card", str(folder), "--check"]) == 1
    assert main(["card", str(folder)]) == 0
    text = (folder / "README.md").read_text()
    assert text.startswith("# Toy\n")
    assert text.endswith("\n\nThe end.\n")
    assert "7 files" in text
    row = next(line for line in text.splitlines() if line.startswith("| 0.60 | unit | 129 | 4 | 4 | 30 |"))
    final = load_dataset(folder).at(0.60).stacked(until=30.0)
    c_b = np.mean([p[-1][s == 1].mean() for p, s in zip(final["propensity"], final["species"], strict=True)])
    assert f"| {c_b:.3f} +- " in row
    assert card.out_of_date(folder) == []
    assert main(["card", str(folder), "--check"]) == 0
    assert main(["verify", str(folder)]) == 0
    assert "nothing is damaged" in capsys.readouterr().out
    listed = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert listed == checksums(folder)


def test_listed_files_may_neither_change_nor_go(made, tmp_path):
    folder = with_card(copied(made[0], tmp_path / "toy"))
    kept = {name: (folder / name).read_bytes() for name in NAMES}
    (folder / NAMES[-1]).unlink()
    card.update(folder)
    before = (folder / "SHA256SUMS").read_text().splitlines()
    (folder / NAMES[-1]).write_bytes(kept[NAMES[-1]])
    assert any("from1200.npz added" in line for line in card.update(folder))
    assert set(before) < set((folder / "SHA256SUMS").read_text().splitlines())
    # whole, but another file
    (folder / NAMES[0]).unlink()
    file = DatasetFile(made[0] / NAMES[0])
    structures = [structure_content.read_configuration(file, k) for k in (0, 1)]
    records = [structure_content.read_evidence(file, k) for k in (0, 1)]
    records[0].loc[0, "energy"] = 1.0
    about = {k: v for k, v in file.record.items() if k not in ("arrays", "format", "format_version")}
    write_file(folder / NAMES[0], structure_content.structure_arrays(structures, records), about)
    with pytest.raises(ValueError, match="differs from its checksum in"):
        card.update(folder)
    (folder / NAMES[0]).unlink()
    with pytest.raises(ValueError, match="listed in SHA256SUMS, but missing"):
        load_dataset(folder)


def test_marks_of_the_card_must_be_there(made, tmp_path):
    folder = copied(made[0], tmp_path / "toy")
    (folder / "README.md").write_text("# nothing\n")
    with pytest.raises(ValueError, match="must stand in it once each"):
        card.update(folder)


def test_large_systems_fit_into_the_format(made, tmp_path):
    """Structures of another size, without dynamics, beside the unit systems of the same temperature."""
    folder = with_card(copied(made[0], tmp_path / "toy"))
    file = DatasetFile(made[0] / NAMES[0])
    large = [
        structure_content.stored_form(structure_content.read_configuration(file, k).tiled(2)) for k in (0, 1)
    ]
    table = structure_content.read_evidence(file, 0)
    records = [pd.concat([table.iloc[:3]], ignore_index=True), table]
    about = {k: v for k, v in file.record.items() if k not in ("arrays", "format", "format_version")}
    about |= {"ensemble": "large", "box_length": large[0].box_length, "starts": ["tiled", "tiled"]}
    about["structure_sha256"] = [structure_content.structure_hash(c) for c in large]
    write_file(
        folder / "T0.60_large_structures_0000.npz", structure_content.structure_arrays(large, records), about
    )
    dataset = load_dataset(folder)
    assert dataset.temperatures == [0.60, 0.50]
    found = dataset.at(0.60, "large")
    assert found.with_dynamics == []
    assert found.configuration(1).n_particles == 516
    np.testing.assert_array_equal(found.configuration(1).positions, large[1].positions)
    assert len(found.evidence(0)) == 3
    card.update(folder)
    assert "| 0.60 | large | 516 | 2 | 0 |" in (folder / "README.md").read_text()


# ------------------------------------------------------------------------------------------ the shipped


def test_the_shipped_data_set_opens():
    """With as many files as there are, even none."""
    dataset = load_dataset()
    sizes = [f.path.stat().st_size for f in dataset.files]
    assert sum(sizes) < 30e6
    for ensemble in dataset:
        assert ensemble.mixture == KA2D
        assert ensemble.configuration(ensemble.numbers[0]).n_particles in (1290, 5160)
        for number in ensemble.with_dynamics[:1]:
            found = ensemble.dynamics(number)
            assert np.all(found.propensity[0] == 1.0)
            assert abs(found.kinetic_temperature[found.times > 10].mean() / ensemble.temperature - 1) < 0.02
        assert all(f.path.stat().st_size < 20e3 * len(f.structures) for f in ensemble.files)


def test_the_shipped_card_and_manifest_are_up_to_date(repository):
    assert card.out_of_date(repository / "datasets" / "ka2d") == []


def test_the_plan_of_the_shipped_data_set_is_carried_out_in_rounds(repository):
    found = list(tasks(read_plan(repository / "datasets" / "ka2d" / "plan.yaml")))
    final: dict[str, set[int]] = {}
    for task in found:
        if task.name.kind == "dynamics":
            final.setdefault(task.name.temperature, set()).update(task.structures)
    numbers = {t: len(k) for t, k in final.items()}
    assert numbers == {"0.40": 40, "0.35": 40, "0.30": 40, "0.25": 12, "0.23": 6, "0.50": 8, "0.45": 8}
    first = [t.name.temperature for t in found[:14]]
    assert set(first) == {"0.40", "0.35", "0.30"}


def test_the_card_explains_how_to_read_a_file_without_this_package(made, repository, monkeypatch):
    text = (repository / "datasets" / "ka2d" / "README.md").read_text()
    code = text.split("```python\n")[2].split("```")[0].replace("T0.40", "T0.60")
    monkeypatch.chdir(made[0])
    names: dict = {}
    exec(code, names)
    wanted = load_dataset(made[0]).at(0.60)
    for k in (0, 1):
        np.testing.assert_array_equal(names["propensity"][k], wanted.dynamics(k).until(1200).propensity)
