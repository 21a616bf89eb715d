"""Types of a file against the species of a mixture: read right, or refused with a way out."""

from __future__ import annotations

import json

import gsd.hoomd
import numpy as np
import pytest

from tglassmlp import (
    KA2D,
    Configuration,
    Mixture,
    read_configurations,
    read_mixture,
    storage,
    write_configurations,
)
from tglassmlp.provenance import collect
from tglassmlp.species import check_composition, from_record, identity, record, same_mixture

BINARY = Mixture("binary", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (65, 35), 9.128709)


@pytest.fixture
def file(tmp_path, lattice):
    """Write the lattice as another program would: types, ids and whatever else is given."""

    def write(types, ids, **change):
        frame = gsd.hoomd.Frame()
        length = lattice.box_length
        frame.particles.N = lattice.n_particles
        frame.configuration.box, frame.configuration.dimensions = [length, length, 0, 0, 0, 0], 2
        frame.particles.position = np.column_stack([lattice.wrapped(), np.zeros(lattice.n_particles)])
        frame.particles.types, frame.particles.typeid = list(types), ids
        for name, value in change.items():
            owner = frame.configuration if hasattr(frame.configuration, name) else frame.particles
            setattr(owner, name, value)
        path = tmp_path / "other.gsd"
        with gsd.hoomd.open(name=str(path), mode="w") as handle:
            handle.append(frame)
        return path

    return write


# every way in which a file may name the species of KA2D without leaving a doubt: the list of types, and the
# place in it of species 1, 2 and 3
CLEAR = {
    "1 2 3": ("123", (0, 1, 2)),
    "3 1 2": ("312", (1, 2, 0)),
    "2 3 1": ("231", (2, 0, 1)),
    "A B C": ("ABC", (0, 1, 2)),
    "B A C": ("BAC", (1, 0, 2)),
    "C B A": ("CBA", (2, 1, 0)),
    "types without particles": ("xA1BC", (1, 3, 4)),
}


@pytest.mark.parametrize("label", CLEAR)
def test_names_that_leave_no_doubt_are_read_in_any_order(file, lattice, label):
    types, places = CLEAR[label]
    (c,) = read_configurations(file(types, np.array(places)[lattice.species - 1]))
    np.testing.assert_array_equal(c.species, lattice.species)
    np.testing.assert_allclose(c.wrapped(), lattice.wrapped(), atol=1e-5)


def test_names_that_leave_a_doubt_are_refused_with_shares_and_a_mapping(file, lattice):
    by_size = np.array([0, 2, 1])[lattice.species - 1]  # B is species 3, C is species 2
    for types in ("ABC", "123"):
        path = file(types, by_size)
        with pytest.raises(ValueError, match=r"46\.5%.*27\.9%.*25\.6%.*KA2D, which has 1: 46\.5%") as error:
            read_configurations(path)
        a, b, c = types
        assert f'species={{"{a}": 1, "{b}": 3, "{c}": 2}}' in str(error.value)
        (found,) = read_configurations(path, species={a: 1, b: 3, c: 2})
        np.testing.assert_array_equal(found.species, lattice.species)
    path = file(["large", "small", "medium"], lattice.species - 1)
    with pytest.raises(ValueError, match=r'species=\{"large": 1, "medium": 3, "small": 2\}'):
        read_configurations(path)
    (found,) = read_configurations(path, species={"large": 1, "medium": 3, "small": 2})
    np.testing.assert_array_equal(found.species, lattice.species)


@pytest.mark.parametrize("types", ["AB", "12", "BA"])
def test_two_species_are_not_three(file, lattice, types):
    path = file(types, np.minimum(lattice.species - 1, 1))
    with pytest.raises(ValueError, match=r"46\.5%.*53\.5%.*KA2D, which has 1: 46\.5%, 2: 25\.6%, 3: 27\.9%"):
        read_configurations(path)
    with pytest.raises(ValueError, match=r"shares 1: 46\.5%, 2: 53\.5%, 3: 0\.0%"):
        read_configurations(path, species=dict.fromkeys(types[:1], 1) | dict.fromkeys(types[1:], 2))


def test_one_type_with_diameters_is_refused(file, lattice):
    sizes = np.array([1.0, 0.88, 0.94])[lattice.species - 1]
    with pytest.raises(ValueError, match=r"'A': 100\.0%.*diameters 0\.88, 0\.94, 1;.*not from diameters"):
        read_configurations(file("A", 0 * lattice.species, diameter=sizes))


def test_another_mixture_is_read_if_it_is_named(file):
    ids = (np.arange(129) >= 84).astype(int)  # 84 : 45 is 65 : 35 but for rounding
    path = file("BA", 1 - ids)
    (c,) = read_configurations(path, mixture=BINARY)
    np.testing.assert_array_equal(c.species, ids + 1)
    with pytest.raises(ValueError, match=r"binary, which has 1: 65\.0%, 2: 35\.0%"):
        read_configurations(file("BA", ids), mixture=BINARY)
    with pytest.raises(ValueError, match="of KA2D"):
        read_configurations(path)


def test_without_a_mixture_only_numbers_are_understood(file):
    ids = (np.arange(129) >= 40).astype(int)
    (c,) = read_configurations(file(["2", "1"], ids), mixture=None)
    np.testing.assert_array_equal(c.species, 2 - ids)
    with pytest.raises(ValueError, match="do not say which species they are"):
        read_configurations(file("AB", ids), mixture=None)
    (c,) = read_configurations(file("AB", ids), mixture=None, species={"A": 2, "B": 1})
    np.testing.assert_array_equal(c.species, 2 - ids)


@pytest.mark.parametrize(
    ("species", "said"),
    [
        ({"A": 1, "B": 3}, r"leaves out \['C'\]"),
        ({"A": 1, "B": 3, "C": 2, "D": 1}, r"names \['D'\], the file's types are"),
        ({"A": 1, "B": 3, "C": 4}, "a whole number from 1 to 3, found 4"),
        ({"A": 0, "B": 3, "C": 2}, "a whole number from 1 to 3, found 0"),
        ({"A": 1.0, "B": 3, "C": 2}, "found 1.0"),
        ({"A": 1, "B": 3, "C": 2}, "Correct the mapping"),
    ],
)
def test_a_mapping_is_held_against_the_file(file, lattice, species, said):
    with pytest.raises(ValueError, match=said):
        read_configurations(file("ABC", lattice.species - 1), species=species)


def nan(position):
    changed = position.copy()
    changed[7, 1] = np.nan
    return changed


BROKEN = {
    "type id": ({"typeid": np.r_[2, np.zeros(128)]}, "particle 0 has type id 2, but the file lists 2 types"),
    "no particles": ({"N": 0, "position": None, "typeid": None}, "it holds no particles"),
    "no positions": ({"position": None}, "at the same place"),
    "height": (
        {"position": np.ones((129, 3)) * np.arange(129)[:, None]},
        "particle 1 is at z = 1, expected 0",
    ),
    "three dimensions": ({"box": [10, 10, 10, 0, 0, 0], "dimensions": 3}, "three-dimensional"),
    "tilted": ({"box": [10, 10, 0, 0.2, 0, 0]}, r"is tilted \(xy, xz, yz\), expected a square one"),
    "oblong": ({"box": [10, 12, 0, 0, 0, 0]}, "is oblong, expected a square one"),
    "no box": ({"box": [0, 0, 0, 0, 0, 0]}, "expected positive lengths"),
    "box not finite": ({"box": [np.nan, 10, 0, 0, 0, 0]}, "expected positive lengths"),
}


@pytest.mark.parametrize("label", BROKEN)
def test_files_that_hold_no_liquid_are_refused_by_name(file, label):
    change, said = BROKEN[label]
    path = file("AB", np.zeros(129), **change)
    with pytest.raises(ValueError, match=said) as error:
        read_configurations(path)
    assert "other.gsd: frame 0: " in str(error.value)
    assert "delete" not in str(error.value)


def test_a_coordinate_that_is_not_finite_is_refused(file, lattice):
    position = nan(np.column_stack([lattice.wrapped(), np.zeros(129)]))
    with pytest.raises(ValueError, match=r"frame 0: particle 7 is at \[.*nan.*\], expected finite"):
        read_configurations(file("ABC", lattice.species - 1, position=position))


# ------------------------------------------------------------------------------------- files of this package


def test_a_file_carries_its_mixture(tmp_path, lattice):
    path = tmp_path / "own.gsd"
    write_configurations(path, [lattice, lattice], collect("structures"), mixture=KA2D.scaled(10))
    for mixture in (KA2D, KA2D.scaled(30), None):
        found = read_configurations(path, mixture=mixture)
        assert [c.species.tolist() for c in found] == [lattice.species.tolist()] * 2
    assert read_mixture(path) == KA2D.scaled(10)
    with pytest.raises(ValueError, match="mixture 'KA2D', which is not the 'binary' expected: sigma"):
        read_configurations(path, mixture=BINARY)
    near = Mixture(
        "KA2D", KA2D.sigma, ((1.0, 1.5, 0.75), (1.5, 0.5, 1.4), (0.75, 1.4, 0.75)), (20, 11, 12), 6.0
    )
    with pytest.raises(ValueError, match=r"epsilon .*1\.5, 0\.5, 1\.5.* instead of .*1\.4") as error:
        read_configurations(path, mixture=near)
    assert "sigma" not in str(error.value)


def test_a_file_of_another_mixture_is_noticed_without_being_told(tmp_path):
    rng = np.random.default_rng(0)
    c = Configuration(rng.uniform(0, 9.128709, (100, 2)), BINARY.species(), BINARY.box_length)
    write_configurations(tmp_path / "own.gsd", [c], mixture=BINARY)
    with pytest.raises(ValueError, match=r"own\.gsd: it holds the mixture 'binary'.*read_mixture\(path\)"):
        read_configurations(tmp_path / "own.gsd")
    (again,) = read_configurations(tmp_path / "own.gsd", mixture=read_mixture(tmp_path / "own.gsd"))
    np.testing.assert_array_equal(again.species, c.species)
    with pytest.raises(ValueError, match=r"configuration 0 is not of the mixture given.*65\.0%, 2: 35\.0%"):
        write_configurations(tmp_path / "wrong.gsd", [c], mixture=KA2D)
    assert not (tmp_path / "wrong.gsd").exists()


def test_files_without_a_mixture_are_taken_at_their_word_but_not_in_silence(tmp_path, lattice):
    """Those of older runs, and those written without one."""
    path = tmp_path / "older.gsd"
    write_configurations(path, [lattice], collect("structures"))
    (c,) = read_configurations(path)
    np.testing.assert_array_equal(c.species, lattice.species)
    with pytest.raises(ValueError, match="names no mixture"):
        read_mixture(path)
    assert storage.named_mixture(path) is None
    write_configurations(path, [Configuration(lattice.positions, np.arange(129) // 84 + 1, 10.4)])
    with pytest.warns(UserWarning, match=r"names no mixture.*65\.1%, 2: 34\.9%.*KA2D has 1: 46\.5%"):
        (c,) = read_configurations(path)
    assert np.bincount(c.species).tolist() == [0, 84, 45]
    (c,) = read_configurations(path, mixture=None)
    (c,) = read_configurations(path, mixture=BINARY)
    assert np.bincount(c.species).tolist() == [0, 84, 45]


def test_a_frame_of_ours_that_was_changed_by_another_program_is_refused(tmp_path, lattice):
    path = tmp_path / "own.gsd"
    write_configurations(path, [lattice])
    with gsd.hoomd.open(name=str(path), mode="r") as file:
        frame = file[0]
    frame.particles.position = frame.particles.position + np.float32([0.5, 0, 0])
    frame.log["tglassmlp/provenance"] = np.frombuffer(json.dumps({}).encode(), np.uint8)
    with gsd.hoomd.open(name=str(tmp_path / "moved.gsd"), mode="w") as file:
        file.append(frame)
    with pytest.raises(ValueError, match="it has been edited"):
        read_configurations(tmp_path / "moved.gsd")


def test_a_mixture_is_what_its_particles_do():
    assert identity(KA2D) == identity(KA2D.scaled(30))
    renamed = Mixture(
        "other", KA2D.sigma, KA2D.epsilon, (20, 11, 12), 8.0
    )  # another density, and other radii
    assert identity(renamed) == identity(KA2D)
    same_mixture(renamed, KA2D)
    for changed in (
        Mixture("KA2D", KA2D.sigma, KA2D.epsilon, (20, 11, 12), 6.0, cutoff=2.4),
        Mixture("KA2D", KA2D.sigma, KA2D.epsilon, (20, 12, 11), 6.0),
        Mixture("KA2D", KA2D.epsilon, KA2D.sigma, (20, 11, 12), 6.0),
    ):
        assert identity(changed) != identity(KA2D)
        with pytest.raises(ValueError, match="not the 'KA2D' expected"):
            same_mixture(changed, KA2D)
    stored = json.loads(json.dumps(record(KA2D)))
    assert from_record(stored) == KA2D
    stored["parameters"]["cutoff"] = 2.6
    with pytest.raises(ValueError, match="its own fingerprint"):
        from_record(stored)


@pytest.mark.parametrize("n", [43, 129, 1000, 1161, 1290, 12900, 82560])
def test_composition_allows_rounding_and_no_exchange_of_species(n):
    share = np.round(np.array(KA2D.composition) / 1290 * n).astype(int)
    counts = np.array([n - share[1] - share[2], share[1], share[2]])
    check_composition(np.repeat([1, 2, 3], counts), KA2D)
    for order in ((1, 3, 2), (2, 1, 3), (3, 2, 1)):
        with pytest.raises(ValueError, match=f"{n} particles"):
            check_composition(np.repeat(order, counts), KA2D)
    off = counts + np.array([-1, 0, 1]) * max(2, round(0.004 * n))
    with pytest.raises(ValueError, match="KA2D has 1: 46"):
        check_composition(np.repeat([1, 2, 3], off), KA2D)
