"""Files that other programs wrote, the same particles written and read again, and what is refused."""

import gzip
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest

import tglassmlp as tg
from tglassmlp.formats import described
from tglassmlp.readers import extended_xyz, lammps

HERE = Path(__file__).parent / "files_of_others"
SPECIES, X, Y, IX, IY = np.loadtxt(HERE / "particles.txt").T
PLACES, BOX = np.stack([X, Y], axis=1), 8.0
UNWRAPPED = PLACES + BOX * np.stack([IX, IY], axis=1)

LETTERS, SYMBOLS = {"A": 1, "B": 2}, {"H": 1, "He": 2}
#: File: names of the types, number of frames, whether positions are unwrapped, whether rows are in reverse
READ = {
    "lammps_x.dump": (None, 3, False, True),
    "lammps_xs.dump": (None, 3, True, True),
    "lammps_images.dump": (None, 3, True, True),
    "lammps_atom.dump": (None, 3, False, True),
    "lammps_xu.dump.gz": (None, 3, True, True),
    "lammps_element.dump": (LETTERS, 3, True, True),
    "lammps.data": (None, 1, True, True),
    "ovito.xyz": (LETTERS, 1, True, True),
    "ovito.dump": (None, 1, True, True),
    "ovito.data": (None, 1, True, True),
    "ovito.gsd": (LETTERS, 1, False, True),
    "ase.xyz": (SYMBOLS, 1, False, False),
    "mdanalysis.data": (None, 1, False, False),
    "hoomd.gsd": (LETTERS, 2, True, False),
    "particlesmc.xyz": (None, 1, False, False),
    "particlesmc.exyz": (None, 1, False, False),
    "particlesmc.lammpstrj": (None, 1, False, False),
}


@pytest.mark.parametrize("name", READ)
def test_a_file_of_another_program(name):
    species, frames, unwrapped, reverse = READ[name]
    found = tg.read_configurations(HERE / name, mixture=None, species=species)
    assert len(found) == frames
    c = found[0]
    assert c.box_length == BOX
    order = slice(None, None, -1) if reverse else slice(None)
    assert c.species.tolist() == SPECIES[order].tolist()
    away = c.positions - (UNWRAPPED if unwrapped else PLACES)[order]
    if not unwrapped:
        away -= BOX * np.rint(away / BOX)
    assert np.abs(away).max() < 1e-4, "LAMMPS writes six digits unless it is told otherwise"


def test_later_frames_and_gzip(tmp_path):
    first, second = tg.read_configurations(HERE / "hoomd.gsd", mixture=None, species=LETTERS)
    np.testing.assert_allclose(second.positions - first.positions, 0.01, atol=1e-5)
    one = list(lammps.dump_frames(HERE / "lammps_images.dump"))
    other = list(lammps.dump_frames(HERE / "lammps_xs.dump"))
    assert [(f.step, f.time, f.unwrapped, f.identified) for f in one] == [
        (0, 0, True, True), (2, 1, True, True), (4, 2, True, True),
    ]  # fmt: skip
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.positions, b.positions, atol=1e-4)
    packed = tmp_path / "copy"
    packed.write_bytes(gzip.compress((HERE / "ase.xyz").read_bytes()))
    assert described(packed) == "an extended XYZ file"
    (c,) = tg.read_configurations(packed, mixture=None, species=SYMBOLS)
    assert c.n_particles == 20


@pytest.mark.parametrize("name", ["lammps.xyz", "mdanalysis.xyz"])
def test_a_file_without_a_box_says_what_to_write(name):
    with pytest.raises(
        ValueError, match=r"is an XYZ file, which is not read.*names no box: write extended XYZ"
    ):
        tg.read_configurations(HERE / name)


def test_species_are_those_of_the_mixture():
    binary = tg.Mixture("b", ((1, 1), (1, 1)), ((1, 1), (1, 1)), (13, 7), BOX)
    (c,) = tg.read_configurations(HERE / "ase.xyz", mixture=binary, species=SYMBOLS)
    assert c.mixture is binary
    with pytest.raises(
        ValueError, match=r"ase\.xyz: frame 0: its types .*cannot be told to be the species of b"
    ):
        tg.read_configurations(HERE / "ase.xyz", mixture=binary)
    with pytest.raises(ValueError, match=r"its types '1': 65\.0%.* of KA2D"):
        tg.read_configurations(HERE / "lammps_x.dump")


WRITTEN = ["c.xyz", "c.extxyz", "c.dump", "c.lammpstrj", "c.data", "c.gsd"]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_read_again(tmp_path, name):
    c = tg.Configuration(UNWRAPPED / 3 * np.pi, SPECIES.astype(int), BOX)
    one = name.endswith("data")
    tg.write_configurations(tmp_path / name, [c] if one else [c, c.with_positions(PLACES)])
    found = tg.read_configurations(tmp_path / name, mixture=None)
    assert len(found) == (1 if one else 2)
    np.testing.assert_allclose(found[0].positions, c.positions, rtol=0, atol=1e-14 if one else 0)
    assert found[0].species.tolist() == c.species.tolist()
    assert found[0].box_length == BOX


def test_properties_become_columns(tmp_path):
    c = tg.Configuration(PLACES, SPECIES.astype(int), BOX)
    for name, head in (
        ("c.dump", "ITEM: ATOMS id type xu yu propensity"),
        ("c.xyz", "pos:R:3:propensity:R:1 pbc"),
    ):
        tg.write_configurations(tmp_path / name, [c], properties=[{"propensity": X}])
        text = (tmp_path / name).read_text()
        assert head in text
        assert float(text.splitlines()[-1].split()[-1]) == X[-1]
        assert tg.read_configurations(tmp_path / name, mixture=None)[0].n_particles == 20
    for bad, message in (
        ({"a b": X}, "cannot name a column"),
        ({"Type": X}, "none of id, type, species"),
        ({"a": X[:3]}, r"shape \(3,\), expected \[20\]"),
        ({"psi": X + 1j}, "'psi' holds complex128 values, expected real numbers"),
        ({"name": X.astype(str)}, "expected real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            tg.write_configurations(tmp_path / "d.dump", [c], properties=[bad])
    with pytest.raises(ValueError, match="holds one configuration without properties, found 2"):
        tg.write_configurations(tmp_path / "d.data", [c, c])
    for name in ("d.gsd.gz", "d.gz"):
        with pytest.raises(ValueError, match=r"only text formats are packed with gzip, .*\.dump\.gz"):
            tg.write_configurations(tmp_path / name, [c])
    assert not list(tmp_path.glob("d.*"))


@pytest.mark.parametrize("name", ["c.dump.gz", "c.XYZ.GZ", "c.data.gz"])
def test_texts_are_packed_where_their_name_says_so(tmp_path, name):
    c = tg.Configuration(PLACES, SPECIES.astype(int), BOX)
    tg.write_configurations(tmp_path / name, [c])
    assert (tmp_path / name).read_bytes()[:2] == b"\x1f\x8b"
    (found,) = tg.read_configurations(tmp_path / name, mixture=None)
    np.testing.assert_allclose(found.positions, c.positions, rtol=0, atol=1e-14)


def test_arrays_on_the_second_line_of_a_frame_may_be_in_brackets(tmp_path):
    lattice = "Lattice=[[8, 0, 0], [0, 8, 0], [0, 0, 1]]"
    text = XYZ.replace('Lattice="8 0 0 0 8 0 0 0 1"', f"pbc=[T, T, F] {lattice}")
    (tmp_path / "a.xyz").write_text(text)
    (found,) = tg.read_configurations(tmp_path / "a.xyz", mixture=None, species={"A": 1, "B": 2})
    assert found.box_length == 8.0
    (tmp_path / "b.xyz").write_text(text.replace("[T, T, F]", "[T, F, F]"))
    with pytest.raises(ValueError, match="not periodic along y"):
        tg.read_configurations(tmp_path / "b.xyz", mixture=None, species={"A": 1, "B": 2})


HEAD = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n-4 4\n-4 4\n-1 1\n"
ROWS = "ITEM: ATOMS id type x y z\n1 1 0.5 0.25 0\n2 2 -1 3 0\n"
XYZ = '2\nLattice="8 0 0 0 8 0 0 0 1" Properties=species:S:1:pos:R:3\nA 0 0 0\nB 1 1 0\n'
DATA = "a title\n\n2 atoms\n2 atom types\n0 8 xlo xhi\n0 8 ylo yhi\n0 1 zlo zhi\n\nAtoms # atomic\n\n"
REFUSED = [
    (HEAD + ROWS.replace("2 2 -1 3 0\n", ""), r"line 10: the file ends here, the row of particle 2 of 2 was"),
    (HEAD + ROWS.replace("3 0\n", "3 1\n"), r"three-dimensional: particle 2 is at z = 1 and particle 1 at 0"),
    (HEAD.replace("-4 4\n-1", "-4 5\n-1") + ROWS, r"line 11: the box is oblong, 8 by 9"),
    (HEAD.replace("pp pp pp", "pp ff pp") + ROWS, r"not periodic along y, expected a box"),
    (
        HEAD.replace("BOUNDS", "BOUNDS xy xz yz").replace("-4 4\n-4 4\n-1 1", "-4 5 1\n-4 4 0\n-1 1 0")
        + ROWS,
        "is tilted, expected a square one",
    ),
    (HEAD + ROWS.replace("2 2", "1 2"), r"line 11: identifier 1 occurs twice"),
    (HEAD + ROWS.replace("2 2", "1.5 2"), r"column 'id' of row 2 is 1\.5, expected a whole number"),
    (HEAD + ROWS.replace("2 2", "1e30 2"), r"column 'id' of row 2 is 1e30, expected a whole number"),
    (
        HEAD + "ITEM: ATOMS id type x y ix iy\n1 1 0.5 0.25 0 0\n2 2 -1 3 0 1.5\n",
        r"column 'iy' of row 2 is 1\.5, expected a whole number",
    ),
    (HEAD + ROWS.replace("0.25", "nan"), r"column 'y' of row 1 is nan, expected a finite"),
    (HEAD + ROWS.replace("0.25", "left"), r"column 'y' of row 1 is 'left', expected"),
    (HEAD + ROWS.replace("id type x y z", "id type vx vy vz"), r"columns are id type vx .* coordinates"),
    (HEAD + ROWS.replace("id type", "id mol"), r"those of the types \(type\) are missing"),
    (HEAD + ROWS.replace("1 1 0.5", "1 0.5"), r"line 10: holds 4 columns, expected 5"),
    (HEAD.replace("\n2\n", "\nmany\n") + ROWS, r"line 4: found 'many', expected the number"),
    (HEAD.replace("ITEM: NUMBER OF ATOMS\n2\n", "") + ROWS, "has no ITEM: NUMBER OF ATOMS before its atoms"),
    (XYZ.replace("8 0 0 0 8", "8 1 0 0 8"), "is tilted"),
    (XYZ.replace("Properties", 'pbc="T F F" Properties'), "not periodic along y"),
    (XYZ.replace('Lattice="8 0 0 0 8 0 0 0 1" ', ""), "line 2: the frame names no box, expected Lattice="),
    (XYZ.replace("species:S:1", "velo:R:1"), r"lists velo \(1\), pos \(3\); expected species"),
    (
        XYZ.replace("pos:R:3", "pos:R:3:map_shift:I:2").replace(" 0\n", " 0 0.5 0\n"),
        r"column 'map_shift' of row 1 is 0\.5, expected a whole number",
    ),
    (XYZ.replace("B 1 1 0\n", ""), "row of particle 2 of 2 was expected"),
    (XYZ.replace("A 0 0 0", "A 1 1 0"), "all particles are at the same place"),
    (XYZ.replace("1 1 0", "1 1 0.5"), "three-dimensional: particle 2 is at z = 0.5"),
    (
        DATA.replace(" # atomic", "") + "1 1 0 0 1 0.5 0.25 0\n2 2 0 0 1 7 3 0\n",  # of the style electron
        r"column 'ix' of row 1 is 0\.5, expected a whole number",
    ),
    (DATA + "1 1 0 0 0\n", "the row of particle 1 of 1"),
    (DATA.replace("atomic", "ellipsoid") + "1 1 0 0 0\n2 2 1 1 0\n", "atom style .ellipsoid.; read"),
    (DATA.replace(" # atomic", "") + "1 0 1 0 0 0\n2 0 2 1 1 0\n", "6 columns and is without the name"),
    (DATA.split("Atoms")[0], "the section Atoms was expected"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refusals_name_place_and_remedy(tmp_path, text, message):
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        tg.read_configurations(path, mixture=None, species={"A": 1, "B": 2} if "Lattice" in text else None)
    assert "mine.txt: " in str(error.value)


def test_damaged_archives(tmp_path):
    path = tmp_path / "cut.dump.gz"
    path.write_bytes((HERE / "lammps_xu.dump.gz").read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"cut\.dump\.gz: is a damaged gzip archive"):
        tg.read_configurations(path, mixture=None)


def test_frames_know_their_order_only_by_identifiers():
    assert not next(lammps.dump_frames(HERE / "lammps_element.dump")).identified
    assert not next(extended_xyz.extended_frames(HERE / "ase.xyz")).identified
    assert next(extended_xyz.extended_frames(HERE / "ovito.xyz")).identified


def test_gsd_of_hoomd_is_that_of_its_library():
    with gsd.hoomd.open(HERE / "hoomd.gsd") as file:
        assert file[1].configuration.step == 100
        assert file[0].particles.types == ["B", "A"]
