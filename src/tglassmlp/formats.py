"""What kind of file is this: recognised by its first bytes, never by its name.

A reader that is given a file of another kind says what the file is and what is read instead. Nothing is
parsed here beyond the first kilobytes. A text that was compressed with gzip counts as the text.
"""

from __future__ import annotations

import codecs
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import Final

__all__ = ["described", "is_text"]

#: Bytes looked at: a tar archive names itself at byte 257, everything else before.
_HEAD = 4096

#: Bytes at the start of a file and what they stand for.
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xdf\x65\xdf\x65\xdf\x65\xdf\x65", "a GSD file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"PAR1", "a Parquet table"),
    (b"\x93NUMPY", "a NumPy array file (.npy)"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"CDF\x01", "a NetCDF file"),
    (b"CDF\x02", "a NetCDF file"),
    (b"CDF\x05", "a NetCDF file"),
    (b"\x00\x00\x07\xcb", "a GROMACS trajectory (XTC)"),
    (b"\x00\x00\x07\xc9", "a GROMACS trajectory (TRR)"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file it stands for"),
    (b"%PDF", "a PDF document"),
)

_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
#: Patterns at the start of a text file and what they stand for.
_TEXT: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = (
    (re.compile(rb"\s*ITEM: "), "a LAMMPS dump"),
    (re.compile(rb"(?:#.*)?LAMMPS (?:data|description)", re.IGNORECASE), "a LAMMPS data file"),
    (re.compile(rb"[^\n]*\n\s*\d+\s+atoms\b"), "a LAMMPS data file"),
    (re.compile(rb"\s*\d+[ \t]*\r?\n[^\n]*\b(?:Lattice|Properties)="), "an extended XYZ file"),
    (re.compile(rb"\s*\d+[ \t]*\r?\n[^\n]*\bcell:[\d.]"), "an XYZ file of ParticlesMC"),
    (
        re.compile(rb"\s*\d+[ \t]*\r?\n[^\n]*\n[ \t]*[A-Za-z0-9_+-]+(?:[ \t]+" + _NUMBER + rb"){2,}"),
        "an XYZ file",
    ),
    (re.compile(rb"(?:HEADER|CRYST1|ATOM  |HETATM|REMARK)"), "a PDB file"),
    (re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<hoomd_xml"), "a HOOMD-blue XML file"),
    (re.compile(rb"\s*<(?:!DOCTYPE )?html", re.IGNORECASE), "a web page (HTML), perhaps a failed download"),
    (re.compile(rb"\s*[{\[]"), "a JSON text"),
)


def described(path: str | os.PathLike[str]) -> str | None:
    """Say what a file is, e.g. ``"a LAMMPS dump"``, or None where its content is not recognised.

    Parameters
    ----------
    path
        Any existing file or folder.

    Returns
    -------
    str or None
        A noun with its article.

    Raises
    ------
    OSError
        If the file cannot be read at all.
    """
    place = Path(path)
    if place.is_dir():
        return "a folder"
    with open(place, "rb") as handle:
        head = handle.read(_HEAD)
    if not head:
        return "an empty file"
    packed = _unpacked(head)
    if packed is not None:
        return packed
    for magic, noun in _MAGIC:
        if head.startswith(magic):
            return noun
    if head[4:8] == b"CORD":
        return "a DCD trajectory"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head.startswith(b"PK\x03\x04"):
        return "an NPZ file" if _only_arrays(place) else "a ZIP archive"
    return _text(head)


def is_text(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like a text (UTF-8 without control characters), packed with gzip or not."""
    with open(path, "rb") as handle:
        head = handle.read(_HEAD)
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
        except zlib.error:
            return False
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(c.isprintable() or c in "\t\n\r\f\ufeff" for c in text)


def _text(head: bytes) -> str | None:
    """Say what a text is, by its first kilobytes."""
    return next((noun for pattern, noun in _TEXT if pattern.match(head)), None)


def _unpacked(head: bytes) -> str | None:
    """Say what a text compressed with gzip is, None for anything else: text readers unpack it themselves."""
    if not head.startswith(b"\x1f\x8b"):
        return None
    try:
        return _text(zlib.decompressobj(wbits=31).decompress(head, _HEAD))
    except zlib.error:
        return None


def _only_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return path.suffix == ".npz"
