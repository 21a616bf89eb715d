"""Files are recognised by their content, whatever they are called."""

import tarfile

import gsd.hoomd
import h5py
import numpy as np
import pandas as pd
import pytest

from tglassmlp import Configuration, read_configurations
from tglassmlp.formats import described
from tglassmlp.readers import configurations

TEXTS = {
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\n": "a LAMMPS dump",
    "ITEM: UNITS\nlj\nITEM: TIMESTEP\n0\n": "a LAMMPS dump",
    "LAMMPS data file via write_data\n\n129 atoms\n3 atom types\n": "a LAMMPS data file",
    "# a liquid\n\n129 atoms\n3 atom types\n\n0 10 xlo xhi\n": "a LAMMPS data file",
    "2\n\nA 0 0 0\nB 1 0 0\n": "an XYZ file",
    "2\r\nAtoms. Timestep: 0\r\n1 0.5 1e-3 0\r\n2 1.0 0 0\r\n": "an XYZ file",
    '1\nLattice="10 0 0 0 10 0 0 0 1" Properties=species:S:1:pos:R:3\nA 0 0 0\n': "an extended XYZ file",
    "CRYST1   10.0   10.0   10.0  90.00  90.00  90.00\n": "a PDB file",
    '<?xml version="1.0"?>\n<hoomd_xml version="1.5">\n': "a HOOMD-blue XML file",
    "<!DOCTYPE html><html>": "a web page (HTML), perhaps a failed download",
    "version https://git-lfs.github.com/spec/v1\n": "a pointer of Git LFS, not the file it stands for",
    '{"a": 1}': "a JSON text",
    "": "an empty file",
    "0.1 0.2\n0.3 0.4\n": None,
    "hello\n": None,
}


@pytest.mark.parametrize("text", TEXTS)
def test_texts(tmp_path, text):
    path = tmp_path / "configuration.gsd"
    path.write_text(text, newline="")
    assert described(path) == TEXTS[text]
    if TEXTS[text] in configurations.READERS:
        with pytest.raises(ValueError, match=r"configuration\.gsd: (line \d+|frame 0): "):
            read_configurations(path)
    elif TEXTS[text] is not None:
        with pytest.raises(ValueError, match=r"configuration\.gsd: is an? ") as error:
            read_configurations(path)
        assert "Read are GSD files" in str(error.value)
        assert "delete" not in str(error.value)
    else:
        with pytest.raises(
            ValueError, match=r"configuration\.gsd: is a text of no known format, .*Read are GSD"
        ):
            read_configurations(path)


def test_binary_files(tmp_path):
    with gsd.hoomd.open(name=str(tmp_path / "gsd"), mode="w") as file:
        file.append(gsd.hoomd.Frame())
    with h5py.File(tmp_path / "h5", "w") as file:
        file["a"] = 1
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "parquet")
    np.savez(tmp_path / "x.npz", a=np.zeros(1))
    np.save(tmp_path / "x.npy", np.zeros(1))
    for ending in ("xz", "gz", ""):
        with tarfile.open(tmp_path / f"tar{ending}", f"w:{ending}") as archive:
            archive.add(tmp_path / "x.npz", "x.npz")
    found = {p.name: described(p) for p in tmp_path.iterdir()}
    assert found == {
        "gsd": "a GSD file",
        "h5": "an HDF5 file",
        "parquet": "a Parquet table",
        "x.npz": "an NPZ file",
        "x.npy": "a NumPy array file (.npy)",
        "tarxz": "an xz archive",
        "targz": "a gzip archive",
        "tar": "a tar archive",
    }
    assert described(tmp_path) == "a folder"


def test_an_archive_is_sent_to_its_reader(tmp_path):
    with tarfile.open(tmp_path / "T0.30.tar.xz", "w:xz"):
        pass
    with pytest.raises(ValueError, match=r"read by tglassmlp\.readers\.glassbench\.read_glassbench"):
        read_configurations(tmp_path / "T0.30.tar.xz")


def pdb(path, mixture, species):
    """A toy reader of PDB files: one frame, side of the box, then species and positions."""
    side, *rows = (line.split() for line in path.read_text().splitlines())
    rows = np.array(rows)[:, 1:].astype(float)
    return [Configuration(rows[:, 1:], rows[:, 0].astype(int), float(side[1])).with_mixture(mixture)]


def test_another_reader_is_one_entry(tmp_path, monkeypatch):
    """A reader needs an entry under what its files are called; nothing else asks what can be read."""
    path = tmp_path / "frame.pdb"
    path.write_text("CRYST1 8.0\nATOM 1 0.5 0.25\nATOM 2 -1 3\n")
    with pytest.raises(
        ValueError, match=r"is a PDB file, which is not read\. Read are GSD files, LAMMPS dumps"
    ):
        read_configurations(path, mixture=None)
    monkeypatch.setitem(configurations.READERS, "a PDB file", configurations.Reader("PDB files", pdb))
    (c,) = read_configurations(path, mixture=None)
    assert (c.positions.tolist(), c.species.tolist(), c.box_length) == (
        [[0.5, 0.25], [-1.0, 3.0]],
        [1, 2],
        8.0,
    )
    other = tmp_path / "a.xml"
    other.write_text("<hoomd_xml version='1.5'>\n")
    with pytest.raises(ValueError, match=r"Read are .*tc<code>\.npz\) and PDB files\. Config"):
        read_configurations(other)
