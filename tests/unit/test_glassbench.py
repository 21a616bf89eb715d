"""GlassBench layout: written and read back, folders and archives, and what is refused."""

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, bond_breaking, descriptors, potential_energies, read_configurations
from tglassmlp.configuration import wrap
from tglassmlp.dynamics.bond_breaking import isoconfigurational_propensity
from tglassmlp.glassbench import (
    Isoconfigurational,
    equilibration_tables,
    read_glassbench,
    read_times,
    select_structures,
    trajectory_arrays,
    write_glassbench,
)

SMALL = KA2D.scaled(10)
TIMES = np.array([0.0, 0.1, 10.0, 1000.0])


def structure(lattice, number, part, inherent=True):
    rng = np.random.default_rng(number)
    initial = lattice.with_positions(lattice.positions + 0.02 * rng.normal(size=lattice.positions.shape))
    scale = np.array([0.0, 0.05, 0.3, 2.0])[:, None, None]
    displacements = (scale * rng.normal(size=(4, 4, lattice.n_particles, 2))).astype(np.float32)
    return Isoconfigurational(number, part, initial, lattice if inherent else None, TIMES, displacements)


@pytest.fixture(scope="module")
def data(lattice):
    return [
        structure(lattice, 11, "train"),
        structure(lattice, 2, "train"),
        structure(lattice, 5, "test", inherent=False),
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory, data):
    """The data in the published layout, written once."""
    root = tmp_path_factory.mktemp("written")
    write_glassbench(root, 0.3, data)
    return root


@pytest.fixture
def folder(tmp_path, written):
    """A copy that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / "data"))


def pack(folder, name="T0.30.tar.xz", order=None):
    """The temperature's folder as a published archive."""
    place = folder / "KA2D_trajectories"
    files = sorted((place / "T0.30").rglob("*.npz"), key=order)
    with tarfile.open(place / name, "w:xz") as archive:
        for file in files:
            archive.add(file, file.relative_to(place))
    for file in files:
        file.unlink()
    for part in ("train", "test", ""):
        (place / "T0.30" / part).rmdir()
    return place / name


def compare(found, data):
    by_number = {x.number: x for x in found}
    assert sorted(by_number) == [2, 5, 11]
    for original in data:
        again = by_number[original.number]
        assert again.part == original.part
        np.testing.assert_array_equal(again.times, TIMES[1:])
        np.testing.assert_array_equal(again.initial.positions, original.initial.positions)
        np.testing.assert_array_equal(again.initial.species, original.initial.species)
        np.testing.assert_allclose(again.displacements, original.displacements[:, 1:], atol=1e-6)
        assert (again.inherent is None) == (original.inherent is None)
        if original.inherent is not None:
            apart = again.inherent.positions - original.inherent.positions
            np.testing.assert_allclose(
                apart, np.round(apart / SMALL.box_length) * SMALL.box_length, atol=1e-9
            )


def test_written_folder_is_read_back(folder, data):
    compare(read_glassbench(folder, 0.3, mixture=SMALL), data)
    compare(read_glassbench(folder / "KA2D_trajectories" / "T0.30", "0.30", mixture=SMALL), data)
    assert read_times(folder, 0.3).tolist() == TIMES[1:].tolist()


def test_archive_in_any_order_is_read(folder, data):
    rng = np.random.default_rng(0)
    archive = pack(folder, order=lambda path: rng.random())
    compare(read_glassbench(folder, 0.3, mixture=SMALL), data)
    compare(read_glassbench(archive, 0.3, mixture=SMALL), data)


def test_parts_and_numbers(folder):
    assert [x.number for x in read_glassbench(folder, 0.3, mixture=SMALL, parts=["test"])] == [5]
    assert [x.number for x in read_glassbench(folder, 0.3, mixture=SMALL, structures=[2])] == [2]


def test_published_split_becomes_the_split_of_a_run(folder):
    found = list(read_glassbench(folder, 0.3, mixture=SMALL))
    assert [x.number for x in select_structures(found, 2, 1)] == [2, 11, 5]
    assert [x.number for x in select_structures(found, 1, 1)] == [2, 5]
    with pytest.raises(ValueError, match="1 structures in test/, the run asks for 2"):
        select_structures(found, 1, 2)


def test_wrapped_positions_give_the_shortest_displacement(tmp_path, lattice):
    item = structure(lattice, 1, "train")
    write_glassbench(tmp_path, 0.3, [item])
    for path in (tmp_path / "KA2D_trajectories").rglob("*.npz"):
        arrays = dict(np.load(path))
        for name in ("positions", "initial_positions"):
            arrays[name] = wrap(arrays[name], lattice.box_length)
        np.savez(path, **arrays)
    (again,) = read_glassbench(tmp_path, 0.3, mixture=SMALL)
    # the last time moves some particles by more than half a box, the ones before do not
    np.testing.assert_allclose(again.displacements[:, :2], item.displacements[:, 1:3], atol=1e-6)


def test_read_data_go_through_propensity_and_descriptors(folder, data):
    found = {x.number: x for x in read_glassbench(folder, 0.3, mixture=SMALL)}[2]
    result = isoconfigurational_propensity(found.initial, found.displacements, mixture=SMALL)
    expected = bond_breaking(
        data[1].initial.positions,
        data[1].initial.positions + data[1].displacements[:, 2],
        SMALL.box_length,
        data[1].initial.species,
    ).mean(axis=0)
    np.testing.assert_allclose(result.mean[1], expected, atol=1e-12)
    values, names = descriptors(found.inherent, [0, 1], mixture=SMALL)
    assert values.shape == (129, len(names))


def test_imported_trajectories_start_at_time_zero(folder):
    found = list(read_glassbench(folder, 0.3, mixture=SMALL))
    arrays = trajectory_arrays(found)
    assert arrays["displacements"].values.shape == (3, 4, 4, 129, 2)
    assert np.all(arrays["displacements"].values[:, :, 0] == 0)
    np.testing.assert_array_equal(arrays["displacements"].values[1, :, 1:], found[1].displacements)
    assert arrays["times"].values.tolist() == TIMES.tolist()
    other = Isoconfigurational(9, "test", found[0].initial, None, TIMES[1:] * 2, found[0].displacements)
    with pytest.raises(ValueError, match="structure 9 has other times"):
        trajectory_arrays([found[0], other])


def test_published_structures_have_energies_but_no_verdict_of_ours(data, lattice):
    record, checks, verdict = equilibration_tables([x.initial for x in data], [lattice] * 3, 0.3, SMALL)
    assert record.start.tolist() == ["published"] * 3
    expected = [potential_energies(x.initial, SMALL).mean() for x in data]
    np.testing.assert_allclose(record.energy, expected)
    np.testing.assert_allclose(record.inherent_energy, potential_energies(lattice, SMALL).mean())
    assert verdict["checks"] == []
    assert "GlassBench" in verdict["source"]
    assert checks.check.tolist() == ["published"]


def one_file(folder):
    return min((folder / "KA2D_trajectories" / "T0.30" / "train").glob("*_2_*.npz"))


def change(path, **arrays):
    np.savez(path, **{**dict(np.load(path)), **arrays})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"positions": np.zeros((4, 129, 3))}, "three-dimensional"),
        ({"initial_positions": np.zeros((129, 3))}, "three-dimensional"),
        ({"types": np.ones(129, int)}, r"holds \(129, 0, 0\) of each species"),
        ({"positions": np.zeros((4, 100, 2))}, r"expected \(replicas, 129, 2\)"),
        ({"positions": np.full((4, 129, 2), np.nan)}, "not finite"),
        ({"box": np.array(-1.0)}, "expected one positive number"),
        ({"box": np.array(11.0)}, "box is 11"),
        ({"types": np.zeros(129)}, "whole numbers from 1"),
        ({"initial_positions": np.zeros((129, 2))}, "initial_positions differs"),
    ],
)
def test_wrong_arrays_are_refused_with_the_file_named(folder, arrays, message):
    path = one_file(folder)
    change(path, **arrays)
    with pytest.raises(ValueError, match=message) as error:
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    assert "N129T0.30_2_tc" in str(error.value)


def test_wrong_number_of_particles(folder):
    with pytest.raises(ValueError, match=r"N129T0.30_\d+_tc01.npz: holds 129 particles, KA2D has 1290"):
        list(read_glassbench(folder, 0.3))


def test_missing_time(folder):
    one_file(folder).with_name("N129T0.30_2_tc02.npz").unlink()
    with pytest.raises(ValueError, match=r"structure 2 \(train\) has files for 2 of 3 times \(codes 02\)"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_missing_array_and_too_many_times(folder):
    path = one_file(folder)
    arrays = dict(np.load(path))
    np.savez(path.with_name("N129T0.30_2_tc09.npz"), **arrays)
    with pytest.raises(ValueError, match="more than the 3 times"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    path.with_name("N129T0.30_2_tc09.npz").unlink()
    del arrays["types"]
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"tc01.npz: arrays \['types'\] are missing"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_file(folder, share):
    path = one_file(folder)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"_2_tc01.npz: not a readable NPZ file"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_pickled_arrays_are_not_executed(folder):
    change(one_file(folder), types=np.array([{"a": 1}] * 129, dtype=object))
    with pytest.raises(ValueError, match=r"tc01\.npz"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 0.99])
def test_truncated_archive(folder, share):
    archive = pack(folder)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"T0\.30\.tar\.xz.*(truncated or damaged|no .npz file)"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_damaged_archive(folder):
    archive = pack(folder)
    content = bytearray(archive.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="truncated or damaged"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_archive_cannot_reach_outside(tmp_path, folder):
    """Names with .. and links in an archive are never paths; nothing is written."""
    archive = folder / "KA2D_trajectories" / "T0.30.tar.xz"
    for part in ("train", "test"):
        for file in (folder / "KA2D_trajectories" / "T0.30" / part).iterdir():
            content = file.read_bytes()
            file.unlink()
        (folder / "KA2D_trajectories" / "T0.30" / part).rmdir()
    (folder / "KA2D_trajectories" / "T0.30").rmdir()
    before = sorted(tmp_path.rglob("*"))
    with tarfile.open(archive, "w:xz") as tar:
        member = tarfile.TarInfo("../../../../train/../../N129T0.30_2_tc01.npz")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    with pytest.raises(ValueError, match=r"expected a file in train/ or test/"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    archive.unlink()
    with tarfile.open(archive, "w:xz") as tar:
        member = tarfile.TarInfo("T0.30/train/N129T0.30_2_tc01.npz")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(member)
    with pytest.raises(ValueError, match=r"no \.npz file"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    archive.unlink()
    assert sorted(tmp_path.rglob("*")) == before


def test_absent_data(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="no such GlassBench data"):
        list(read_glassbench(tmp_path / "nowhere", 0.3))
    with pytest.raises(FileNotFoundError, match=r"no GlassBench data at T = 0\.44"):
        list(read_glassbench(folder, 0.44))
    (folder / "KA2D_results" / "times_0.30.dat").unlink()
    with pytest.raises(FileNotFoundError, match=r"times_0\.30\.dat"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


@pytest.mark.parametrize("text", ["", "1\n1\n", "2\n1\n", "one\n", "-1\n2\n3\n", "nan\n"])
def test_bad_times(folder, text):
    (folder / "KA2D_results" / "times_0.30.dat").write_text(text)
    with pytest.raises(ValueError, match=r"times_0\.30\.dat"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_writer_refusals(tmp_path, lattice):
    item = structure(lattice, 1, "train")
    with pytest.raises(ValueError, match="occurs twice"):
        write_glassbench(tmp_path, 0.3, [item, item])
    with pytest.raises(ValueError, match="no structure"):
        write_glassbench(tmp_path, 0.3, [])
    with pytest.raises(ValueError, match="part must be"):
        write_glassbench(tmp_path, 0.3, [structure(lattice, 1, "valid")])
    other = Isoconfigurational(2, "train", item.initial, None, TIMES * 2, item.displacements)
    with pytest.raises(ValueError, match="other times"):
        write_glassbench(tmp_path, 0.3, [item, other])


def test_one_file_is_a_configuration(folder, data, tmp_path):
    file = sorted(folder.rglob("*.npz"))[0]
    (found,) = read_configurations(file)
    match = next(x for x in data if x.number == int(file.stem.split("_")[1]))
    np.testing.assert_allclose(found.positions, match.initial.positions, atol=1e-6)
    assert (found.species == match.initial.species).all()
    other = tmp_path / "networks.npz"
    other.write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match="not a GlassBench file name"):
        read_configurations(other)


def test_published_sample(glassbench):
    """The two published files, one time each; the rest of their times is not in the sample."""
    (cold,) = read_glassbench(glassbench, 0.231, partial=True)
    (warm,) = read_glassbench(glassbench, "0.30", partial=True)
    assert (cold.number, cold.part, warm.number, warm.part) == (202, "test", 3, "train")
    assert (cold.times.tolist(), warm.times.tolist()) == ([0.1], [0.11])
    assert cold.displacements.shape == (20, 1, 1290, 2)
    for item, spread in ((cold, 0.042), (warm, 0.050)):
        assert isinstance(item.initial, Configuration)
        assert item.displacements.std() == pytest.approx(spread, rel=0.02)
        assert np.abs(item.displacements.mean(axis=2)).max() < 1e-4  # the centre of mass is at rest
    with pytest.raises(ValueError, match="files for 1 of 8 times"):
        list(read_glassbench(glassbench, 0.23))
