"""GlassBench layout: written and read back, folders and archives, and what is refused."""

import io
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, bond_breaking, descriptors, potential_energies, read_configurations
from tglassmlp.dynamics.bond_breaking import isoconfigurational_propensity
from tglassmlp.network.library import located
from tglassmlp.readers.glassbench import (
    Isoconfigurational,
    read_glassbench,
    read_times,
    select_structures,
    write_glassbench,
)
from tglassmlp.readers.glassbench.in_a_run import equilibration_tables, trajectory_arrays

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


def window(start):
    """Fold positions into one box that starts at ``start`` boxes, as published: six significant digits."""
    return lambda x: np.mod(x - start * SMALL.box_length, SMALL.box_length) + start * SMALL.box_length


def as_it_is(x):
    return x


def far_images(x):
    """Whole boxes added to each particle, the same for all replicas and times."""
    rng = np.random.default_rng(5)
    return x + SMALL.box_length * rng.integers(-3, 4, x.shape[-2:])


CONVENTIONS = {
    "unwrapped": (as_it_is, as_it_is),
    "unwrapped, from images far away": (far_images, far_images),
    "wrapped to [-L/2, L/2)": (window(-0.5), window(-0.5)),
    "wrapped to [0, L)": (window(0), window(0)),
    "wrapped to [0.3 L, 1.3 L)": (window(0.3), window(0.3)),
    "initial wrapped, later not": (window(-0.5), as_it_is),
    "initial wrapped, later from images far away": (window(-0.5), far_images),
    "later wrapped, initial not": (far_images, window(0)),
    "wrapped to [-L/2, L/2), then to [0, L)": (window(-0.5), window(0)),
}


def rewritten(root, item, initial, later, scale=1.0):
    """Write a structure with its positions in another convention; return its true displacements."""
    moved = (item.displacements * np.float32(scale)).astype(np.float32)
    write_glassbench(root, 0.3, [replace(item, displacements=moved)])
    for path in (root / "KA2D_trajectories").rglob("*.npz"):
        arrays = dict(np.load(path))
        arrays["initial_positions"] = initial(arrays["initial_positions"]).round(6)
        arrays["positions"] = later(arrays["positions"]).round(6)
        np.savez(path, **arrays)
    return moved[:, 1:]


@pytest.mark.parametrize("label", CONVENTIONS)
def test_displacements_are_true_ones_in_every_convention(tmp_path, lattice, label):
    """Motion of up to 3/8 of the box: the largest of 3096 components is 0.27 L here."""
    true = rewritten(tmp_path, structure(lattice, 1, "train"), *CONVENTIONS[label], scale=0.35)
    assert np.abs(true).max() < 0.375 * SMALL.box_length
    (again,) = read_glassbench(tmp_path, 0.3, mixture=SMALL)
    np.testing.assert_allclose(again.displacements, true, atol=5e-6)


@pytest.mark.parametrize("label", CONVENTIONS)
def test_motion_beyond_half_a_box_is_read_if_unwrapped_and_refused_otherwise(tmp_path, lattice, label):
    true = rewritten(tmp_path, structure(lattice, 1, "train"), *CONVENTIONS[label])
    assert np.abs(true).max() > 0.5 * SMALL.box_length
    if label.startswith("unwrapped"):
        (again,) = read_glassbench(tmp_path, 0.3, mixture=SMALL)
        np.testing.assert_allclose(again.displacements, true, atol=5e-6)
    else:
        with pytest.raises(
            ValueError, match=r"tc03\.npz: displacements cannot be known: .*so they are wrapped"
        ):
            list(read_glassbench(tmp_path, 0.3, mixture=SMALL))


@pytest.mark.parametrize("label", CONVENTIONS)
def test_motion_beyond_half_a_box_alone(tmp_path, lattice, label):
    """No time of small motion tells the convention; the mean over replicas does."""
    item = structure(lattice, 1, "train")
    late = replace(item, times=TIMES[[0, 3]], displacements=item.displacements[:, [0, 3]])
    true = rewritten(tmp_path, late, *CONVENTIONS[label])
    if label.startswith("unwrapped"):
        (again,) = read_glassbench(tmp_path, 0.3, mixture=SMALL)
        np.testing.assert_allclose(again.displacements, true, atol=5e-6)
    else:
        with pytest.raises(ValueError, match=r"tc01\.npz: displacements cannot be known"):
            list(read_glassbench(tmp_path, 0.3, mixture=SMALL))


def test_positions_of_another_structure_are_noticed(tmp_path, lattice):
    item = structure(lattice, 1, "train")
    rewritten(tmp_path, item, far_images, far_images)
    path = next(tmp_path.rglob("*_tc03.npz"))
    rng = np.random.default_rng(7)
    change(path, positions=np.load(path)["positions"][:, rng.permutation(129)])
    with pytest.raises(ValueError, match=r"tc03\.npz: all replicas have moved alike"):
        list(read_glassbench(tmp_path, 0.3, mixture=SMALL))
    rewritten(tmp_path, item, window(0), window(0), scale=0.35)
    change(path, positions=np.load(path)["positions"][:, rng.permutation(129)])
    with pytest.raises(ValueError, match=r"tc03\.npz: displacements cannot be known"):
        list(read_glassbench(tmp_path, 0.3, mixture=SMALL))


def test_times_of_different_conventions_are_told_apart(tmp_path, lattice):
    """The last time is unwrapped, an earlier one wrapped: its own shift by a box shows it."""
    item = structure(lattice, 1, "train")
    rewritten(tmp_path, item, as_it_is, as_it_is)
    path = next(tmp_path.rglob("*_tc02.npz"))
    change(path, positions=window(0)(np.load(path)["positions"]))
    with pytest.raises(
        ValueError, match=r"tc03.npz: displacements cannot be known.*tc02\.npz do not continue"
    ):
        list(read_glassbench(tmp_path, 0.3, mixture=SMALL))


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


def rename(folder, name, without_time=True):
    """Give every file another name and take its recorded time away, as published files have none."""
    found = {path: dict(np.load(path)) for path in folder.rglob("*.npz")}
    for path in found:
        path.unlink()
    for path, arrays in found.items():
        if without_time:
            arrays.pop("time", None)
        new = name(path)
        if new is not None:
            new.parent.mkdir(parents=True, exist_ok=True)
            np.savez(new, **arrays)


def coded(codes):
    """Names with other time codes in place of 01, 02, 03; None leaves a file out."""
    chosen = dict(zip(("tc01", "tc02", "tc03"), codes, strict=True))

    def name(path):
        code = chosen[path.stem.split("_")[-1]]
        return None if code is None else path.with_name(path.name.replace(path.stem[-4:], f"tc{code:02d}"))

    return name


def test_missing_time(folder):
    one_file(folder).with_name("N129T0.30_2_tc02.npz").unlink()
    with pytest.raises(ValueError, match=r"structure 2 \(train\) has files for 2 of 3 times; .*codes tc02$"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    rename(folder, coded((1, 2, 3)))
    with pytest.raises(ValueError, match=r"structure 2 \(train\) has files for 2 of 3 times; .*codes tc02$"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_a_time_without_any_file_is_named_by_itself(folder):
    times = folder / "KA2D_results" / "times_0.30.dat"
    times.write_text(times.read_text() + "5000.0\n")
    with pytest.raises(
        ValueError, match=r"files for 3 of 4 times; no structure has a file for t = 5000, which"
    ):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


@pytest.mark.parametrize("mixture", ["KA2D", None, {}])
def test_a_mixture_of_another_type_is_not_blamed_on_the_data(folder, mixture):
    with pytest.raises(TypeError, match=r"read_glassbench: mixture must be a tglassmlp\.Mixture"):
        list(read_glassbench(folder, 0.3, mixture=mixture))


def test_published_structures_carry_the_mixture_they_are_read_as(folder, tmp_path):
    found = list(read_glassbench(folder, 0.3, mixture=SMALL))
    assert all(x.initial.mixture == SMALL for x in found)
    assert {x.inherent.mixture for x in found if x.inherent is not None} == {SMALL}
    path = one_file(folder)
    assert read_configurations(path)[0].mixture is None  # nobody has named it
    assert read_configurations(path, mixture=None)[0].mixture is None
    assert read_configurations(path, mixture=KA2D)[0].mixture == KA2D


@pytest.mark.parametrize("codes", [(1, 2, 3), (5, 10, 15), (1, 6, 11)])
def test_codes_of_published_spacing_are_the_times(folder, data, codes):
    rename(folder, coded(codes))
    compare(read_glassbench(folder, 0.3, mixture=SMALL), data)


@pytest.mark.parametrize("codes", [(1, 2, 4), (2, 3, 4), (1, 3, 4), (5, 10, 20)])
def test_as_many_codes_as_times_are_not_enough(folder, codes):
    """A code is missing and another does not belong to the times: counting files would not notice."""
    rename(folder, coded(codes))
    with pytest.raises(ValueError, match="not evenly spaced from the first: one is missing"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    found = list(read_glassbench(folder, 0.3, mixture=SMALL, codes=codes))
    assert [x.times.tolist() for x in found] == [TIMES[1:].tolist()] * 3


def test_codes_that_differ_between_structures_are_named(folder):
    rename(folder, coded((1, 2, 3)))
    one_file(folder).with_name("N129T0.30_11_tc02.npz").rename(
        one_file(folder).with_name("N129T0.30_11_tc04.npz")
    )
    with pytest.raises(ValueError, match=r"tc01, tc02, tc03, tc04 are more than the 3 times"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


@pytest.mark.parametrize(
    ("codes", "place"), [((1, None, None), 0), ((1, 2, None), [0, 1]), ((None, 2, None), 1)]
)
def test_samples_are_matched_by_code(folder, data, codes, place):
    original = {x.number: x for x in data}
    wanted = np.atleast_1d(place)
    rename(folder, coded(codes), without_time=False)  # our own files say their time
    for x in read_glassbench(folder, 0.3, mixture=SMALL, partial=True):
        np.testing.assert_array_equal(x.times, TIMES[1:][wanted])
        expected = original[x.number].displacements[:, 1:][:, wanted]
        np.testing.assert_allclose(x.displacements, expected, atol=1e-6)
    rename(folder, lambda path: path)  # published ones do not
    if codes[0] == 1:
        found = list(read_glassbench(folder, 0.3, mixture=SMALL, partial=True))
    else:
        with pytest.raises(ValueError, match=r"codes tc02 do not tell which of the 3 times.*codes="):
            list(read_glassbench(folder, 0.3, mixture=SMALL, partial=True))
        found = list(read_glassbench(folder, 0.3, mixture=SMALL, partial=True, codes=[1, 2, 3]))
    for x in found:
        np.testing.assert_array_equal(x.times, TIMES[1:][wanted])


def test_published_codes_are_known(tmp_path, lattice):
    """T = 0.23: 05, 10, ..., 40. A sample of 10 and 20 alone is its second and fourth time."""
    times = np.array([0.0, *np.geomspace(0.1, 1e6, 8)])
    rng = np.random.default_rng(0)
    moved = np.sqrt(np.arange(9))[:, None, None] * 0.05 * rng.normal(size=(4, 9, 129, 2))
    item = Isoconfigurational(202, "test", lattice, None, times, moved.astype(np.float32))
    write_glassbench(tmp_path, 0.23, [item])
    keep = {"tc02": "tc10", "tc04": "tc20"}
    rename(
        tmp_path,
        lambda path: (
            path.with_name(path.name.replace(path.stem[-4:], keep[path.stem[-4:]]))
            if path.stem[-4:] in keep
            else None
        ),
    )
    (found,) = read_glassbench(tmp_path, 0.231, mixture=SMALL, partial=True)
    np.testing.assert_array_equal(found.times, times[[2, 4]])
    np.testing.assert_allclose(found.displacements, moved[:, [2, 4]], atol=1e-6)
    with pytest.raises(ValueError, match=r"for 2 of 8 times; .*codes tc05, tc15, tc25, tc30, tc35, tc40$"):
        list(read_glassbench(tmp_path, 0.23, mixture=SMALL))


def test_a_recorded_time_is_held_against_the_list_and_the_code(folder):
    first = one_file(folder)
    second = first.with_name(first.name.replace("tc01", "tc02"))
    first.rename(first.with_name("x"))
    second.rename(first)
    first.with_name("x").rename(second)
    with pytest.raises(
        ValueError, match=r"tc01\.npz: was written for the time 10, its code tc01 stands for 0\.1"
    ):
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    rename(folder, coded((1, 2, 3)))
    with pytest.raises(
        ValueError, match=r"tc01\.npz: mean squared displacement 0\.18\d at time 0\.1, free flight"
    ):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_codes_that_are_mixed_up_are_noticed_without_recorded_times(folder):
    rename(folder, coded((1, 3, 2)))
    with pytest.raises(ValueError, match=r"tc03\.npz: mean squared displacement 0\.18\d at .*mixed up"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_copies_are_noticed(folder):
    rename(folder, coded((1, 2, 3)))
    path = one_file(folder)
    copy = path.with_name(path.name.replace("tc01", "tc02"))
    kept = copy.read_bytes()
    shutil.copy(path, copy)
    with pytest.raises(ValueError, match=r"_2_tc02\.npz: holds the same positions as .*_2_tc01\.npz"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))
    copy.write_bytes(kept)
    for code in ("tc01", "tc02", "tc03"):  # a test structure that is one of the training
        source = path.with_name(path.name.replace("tc01", code))
        shutil.copy(source, folder / "KA2D_trajectories" / "T0.30" / "test" / f"N129T0.30_7_{code}.npz")
    with pytest.raises(ValueError, match=r"_7_tc01\.npz: starts from the same positions as .*_2_tc01\.npz"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_an_inherent_structure_of_another_structure_is_noticed(folder, lattice):
    for code in ("tc01", "tc02", "tc03"):
        path = one_file(folder).with_name(f"N129T0.30_2_{code}.npz")
        change(path, initial_positions_inherent=lattice.positions[::-1])
    with pytest.raises(ValueError, match=r"initial_positions_inherent lie .* from"):
        list(read_glassbench(folder, 0.3, mixture=SMALL))


def test_structures_that_are_not_there_are_named(folder):
    with pytest.raises(ValueError, match=r"holds no structure \[7, 8\] in test or train"):
        list(read_glassbench(folder, 0.3, mixture=SMALL, structures=[2, 7, 8]))


def test_names_are_held_against_the_temperature_asked_for(folder):
    """Neither a folder nor a file of another temperature is read, whatever was renamed."""
    place = folder / "KA2D_trajectories"
    shutil.copy(folder / "KA2D_results" / "times_0.30.dat", folder / "KA2D_results" / "times_0.40.dat")
    with pytest.raises(ValueError, match=r"T0\.30: its name says T = 0\.30, data at T = 0\.4 were asked for"):
        list(read_glassbench(place / "T0.30", 0.4, mixture=SMALL))
    shutil.copytree(place / "T0.30", place / "T0.40")
    with pytest.raises(
        ValueError, match=r"N129T0\.30_2_tc01\.npz: its name says T = 0\.30, .* T = 0\.4 were"
    ):
        list(read_glassbench(folder, 0.4, mixture=SMALL))
    for close in (0.299, 0.304):  # two decimals are not enough
        with pytest.raises(FileNotFoundError, match=f"no GlassBench data at T = {close}"):
            list(read_glassbench(folder, close, mixture=SMALL))


def test_names_within_an_archive_are_held_against_the_temperature(folder):
    archive = pack(folder)
    shutil.copy(archive, archive.with_name("T0.40.tar.xz"))
    shutil.copy(folder / "KA2D_results" / "times_0.30.dat", folder / "KA2D_results" / "times_0.40.dat")
    with pytest.raises(ValueError, match=r"T0\.40\.tar\.xz:T0\.30/.*its name says T = 0\.30"):
        list(read_glassbench(folder, 0.4, mixture=SMALL))


def test_published_names_of_temperatures(folder):
    place = folder / "KA2D_trajectories"
    rename(
        folder,
        lambda p: place / "T0.23" / p.parent.name / p.name.replace("T0.30", "T0.23"),
        without_time=False,
    )
    (folder / "KA2D_results" / "times_0.30.dat").rename(folder / "KA2D_results" / "times_0.23.dat")
    for name in (0.23, 0.231, "0.231"):
        assert len(list(read_glassbench(folder, name, mixture=SMALL))) == 3
    with pytest.raises(FileNotFoundError, match=r"no GlassBench data at T = 0\.232"):
        list(read_glassbench(folder, 0.232, mixture=SMALL))


def model_file(folder, name, lattice):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    own = {"initial_positions": lattice.positions, "initial_positions_inherent": lattice.positions}
    np.savez(path, types=lattice.species, md_prop=np.zeros((6, 129)), bb_prop=np.zeros((6, 129)), **own)
    return path


def test_other_files_of_the_record_are_called_by_their_names(tmp_path, folder, lattice):
    path = model_file(tmp_path, "N1290T0.30_99.npz", lattice)
    with pytest.raises(
        ValueError, match=r"99\.npz: is a file of KA2D_models of GlassBench.*box_length=32\.8962"
    ):
        read_configurations(path)
    path = model_file(tmp_path, "N4096T0.44_99.npz", lattice)
    with pytest.raises(ValueError, match="KA_models, the three-dimensional set of GlassBench"):
        read_configurations(path)
    model_file(folder, "KA2D_models/T0.30/train/N1290T0.30_99.npz", lattice)
    with pytest.raises(ValueError, match="is a file of KA2D_models of GlassBench"):
        list(read_glassbench(folder / "KA2D_models", 0.3))
    with tarfile.open(folder / "KA2D_models" / "T0.30.tar.gz", "w:gz") as archive:
        archive.add(folder / "KA2D_models" / "T0.30", "T0.30")
    shutil.rmtree(folder / "KA2D_models" / "T0.30")
    for place in (folder / "KA2D_models", folder / "KA2D_models" / "T0.30.tar.gz"):
        with pytest.raises(ValueError, match=r"T0\.30\.tar\.gz:T0\.30/train.* is a file of KA2D_models"):
            list(read_glassbench(place, 0.3))
    other = tmp_path / "mine.npz"
    np.savez(other, x=np.zeros(3))
    with pytest.raises(ValueError, match="is an NPZ file, but not one of GlassBench: it holds x"):
        read_configurations(other)
    with pytest.raises(ValueError, match=r"is an NPZ file of this package .*load_networks"):
        read_configurations(located("laptop"))
    with pytest.raises(ValueError, match="is an NPZ file; a folder of GlassBench or the archive"):
        list(read_glassbench(other, 0.3))


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


def test_types_of_one_file_are_held_against_the_mixture(folder, tmp_path):
    file = sorted(folder.rglob("*.npz"))[0]
    types = np.load(file)["types"]
    change(file, types=np.array([0, 1, 3, 2])[types])
    with pytest.raises(ValueError, match=r'species=\{"1": 1, "2": 3, "3": 2\}'):
        read_configurations(file)
    (found,) = read_configurations(file, species={"1": 1, "2": 3, "3": 2})
    np.testing.assert_array_equal(found.species, types)


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
        assert np.abs(item.displacements).max() < 0.22  # wrapped at T = 0.30, unwrapped at 0.23
        assert np.abs(item.displacements.mean(axis=2)).max() < 1e-4  # the centre of mass is at rest
    with pytest.raises(ValueError, match=r"files for 1 of 6 times; missing .* \(if codes count from 01\)"):
        list(read_glassbench(glassbench, 0.30))
    with pytest.raises(
        ValueError,
        match="files for 1 of 8 times; missing are the time codes tc10, tc15, tc20, tc25, tc30, tc35, tc40",
    ):
        list(read_glassbench(glassbench, 0.23))
