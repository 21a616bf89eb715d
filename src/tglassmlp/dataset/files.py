r"""Files of a data set: compact, checked, written once.

A file is a ZIP archive (LZMA) of NPY arrays, which ``numpy.load`` opens without this package, with a
JSON text ``record.json`` that describes each array and says who made it, and its checksum ``record.sha256``.
Equal content gives equal bytes. Its name says what is in it::

    T0.40_unit_structures_0008.npz          structures 8, 9, ... at T = 0.40
    T0.40_unit_dynamics_0008.npz            their dynamics
    T0.40_unit_dynamics_0008_from22000000.npz    the same dynamics made longer, from that time step on

Arrays are stored so that they compress well: first as differences between neighbours along the axis
``differences``, if the record names one (modulo the size of the type; the first entry is kept), then as byte
planes: an array of k bytes per number is stored as uint8 with one more, leading axis of length k, the lowest
byte first. :func:`decode` undoes both.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tglassmlp.storage import atomic_path

__all__ = [
    "FORMAT",
    "VERSION",
    "DatasetFile",
    "FileName",
    "Stored",
    "decode",
    "encode",
    "file_name",
    "write_file",
]

#: Name of the format in every record.
FORMAT: Final = "tglassmlp-dataset"

#: Version of the format; a reader refuses versions that it does not know.
VERSION: Final = 1

Kind = Literal["structures", "dynamics"]
Ensemble = Literal["unit", "large"]

_NAME = re.compile(
    r"T(?P<temperature>\d+\.\d{2,6})_(?P<ensemble>unit|large)_(?P<kind>structures|dynamics)"
    r"_(?P<first>\d{4,})(?:_from(?P<begin>\d+))?\.npz"
)
_RECORD, _CHECKSUM = "record.json", "record.sha256"


@dataclass(frozen=True, order=True)
class FileName:
    """What the name of a file says.

    Parameters
    ----------
    temperature
        Canonical text, e.g. ``"0.40"``.
    ensemble
        ``unit`` systems or ``large`` ones.
    kind
        ``structures`` or ``dynamics``.
    first
        Number of the first structure.
    begin
        Time step after which the frames of a ``dynamics`` file begin; 0 for the first file.
    """

    temperature: str
    ensemble: str
    kind: str
    first: int
    begin: int = 0

    def __str__(self) -> str:
        tail = f"_from{self.begin}" if self.begin else ""
        return f"T{self.temperature}_{self.ensemble}_{self.kind}_{self.first:04d}{tail}.npz"


def file_name(text: str) -> FileName | None:
    """Parts of a file's name, None for the name of something else."""
    found = _NAME.fullmatch(text)
    if found is None or (found["begin"] is not None and found["kind"] != "dynamics"):
        return None
    return FileName(
        found["temperature"], found["ensemble"], found["kind"], int(found["first"]), int(found["begin"] or 0)
    )


@dataclass(frozen=True)
class Stored:
    """An array to be stored.

    Parameters
    ----------
    values
        The numbers.
    axes
        Name of each axis.
    unit
        Unit of the numbers, ``1`` for pure numbers.
    description
        One sentence.
    differences
        Axis along which differences are stored (whole numbers only), or None.
    """

    values: NDArray
    axes: tuple[str, ...]
    unit: str = "1"
    description: str = ""
    differences: str | None = None

    def __repr__(self) -> str:
        shape = ", ".join(f"{n} {a}" for n, a in zip(np.shape(self.values), self.axes, strict=True))
        return f"<Stored {np.asarray(self.values).dtype}: {shape}, unit {self.unit}>"

    def __post_init__(self) -> None:
        if np.ndim(self.values) != len(self.axes):
            raise ValueError(
                f"array has {np.ndim(self.values)} axes, {len(self.axes)} are named: {self.axes}"
            )
        if np.asarray(self.values).dtype.kind not in "iuf":
            raise ValueError(f"only numbers can be stored, found type {np.asarray(self.values).dtype}")
        if self.differences is not None:
            if self.differences not in self.axes:
                raise ValueError(f"differences along {self.differences!r}, but the axes are {self.axes}")
            if np.asarray(self.values).dtype.kind != "u":
                raise ValueError("differences are stored of unsigned whole numbers only")


def encode(array: Stored) -> NDArray[np.uint8]:
    """Bytes as stored: differences, then byte planes ``[k, ...]`` (see the top of this module)."""
    values = np.ascontiguousarray(array.values)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    if array.differences is not None:
        axis = array.axes.index(array.differences)
        moved = np.moveaxis(values, axis, 0).copy()
        moved[1:] -= np.moveaxis(values, axis, 0)[:-1]
        values = np.ascontiguousarray(np.moveaxis(moved, 0, axis))
    planes = values.view(np.uint8).reshape(*values.shape, values.dtype.itemsize)
    return np.ascontiguousarray(np.moveaxis(planes, -1, 0))


def decode(stored: NDArray[np.uint8], dtype: str, axes: Sequence[str], differences: str | None) -> NDArray:
    """Undo :func:`encode`: the array of type ``dtype`` with the named axes."""
    kind = np.dtype(dtype).newbyteorder("<")
    planes = np.ascontiguousarray(np.moveaxis(stored, 0, -1))
    values = planes.view(kind).reshape(planes.shape[:-1])
    if differences is not None:
        values = np.cumsum(values, axis=list(axes).index(differences), dtype=kind)
    return values.astype(np.dtype(dtype), copy=False)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _npy(values: NDArray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, values, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def write_file(path: str | os.PathLike[str], arrays: Mapping[str, Stored], record: Mapping[str, Any]) -> None:
    """Write one file, which must not exist yet.

    Parameters
    ----------
    path
        Target; its name must fit the record (``temperature``, ``ensemble``, ``kind``, ``first_structure``,
        and ``begin``, the time step before the first frame, for dynamics).
    arrays
        The arrays.
    record
        JSON-like description of the file's content and origin.

    Raises
    ------
    FileExistsError
        If there is such a file: files of a data set are never rewritten.
    ValueError
        If the name does not fit.
    """
    target = Path(path)
    name = file_name(target.name)
    if name is None or name != _named(record):
        raise ValueError(f"{target}: the name of this file would have to be {_named(record)}")
    if target.exists():
        raise FileExistsError(f"{target}: exists already; files of a data set are written once")
    members: dict[str, bytes] = {}
    described = {}
    for key, array in arrays.items():
        content = _npy(encode(array))
        members[f"{key}.npy"] = content
        described[key] = {
            "axes": list(array.axes),
            "shape": list(np.shape(array.values)),
            "dtype": np.asarray(array.values).dtype.newbyteorder("=").name,
            "unit": array.unit,
            "description": array.description,
            "differences": array.differences,
            "sha256": _sha256(content),
        }
    text = json.dumps(
        {"format": FORMAT, "format_version": VERSION, **record, "arrays": described},
        indent=1,
        sort_keys=True,
        allow_nan=False,
    ).encode()
    members = {_RECORD: text, _CHECKSUM: _sha256(text).encode(), **members}
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for key, content in members.items():
            # no time stamp and no trace of the system: equal content gives equal bytes
            info = zipfile.ZipInfo(key, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            info.compress_type = zipfile.ZIP_LZMA
            archive.writestr(info, content)


def _named(record: Mapping[str, Any]) -> FileName:
    return FileName(
        str(record["temperature"]),
        str(record["ensemble"]),
        str(record["kind"]),
        int(record["first_structure"]),
        int(record.get("begin", 0)),
    )


@dataclass(frozen=True)
class DatasetFile:
    """One file, opened for reading; arrays are read when they are asked for, with their checksums.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    name
        What its name says.
    record
        Its description and origin.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a file of a data set, is damaged, or has a version that this package does not know.
    """

    path: Path
    name: FileName = field(init=False)
    record: Mapping[str, Any] = field(init=False)

    def __repr__(self) -> str:
        return f"<DatasetFile {self.path}: {len(self.structures)} structures, {self.name.kind}>"

    def __post_init__(self) -> None:
        path = Path(self.path)
        name = file_name(path.name)
        if name is None:
            raise ValueError(
                f"{path}: not the name of a file of a data set, e.g. T0.40_unit_structures_0008.npz"
            )
        text = self._member(_RECORD)
        checksum = self._member(_CHECKSUM)
        if checksum.decode("ascii", "replace") != _sha256(text):
            raise ValueError(f"{path}: its record differs from its checksum; {_ADVICE}")
        try:
            record = json.loads(text)
            found = record["format"], record["format_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: its record is damaged ({error}); {_ADVICE}") from error
        if found != (FORMAT, VERSION):
            raise ValueError(
                f"{path}: has format {found[0]!r} version {found[1]}, this package reads {FORMAT!r} version "
                f"{VERSION}; a newer version of tglassmlp may read it"
            )
        if _named(record) != name:
            raise ValueError(f"{path}: holds what belongs into {_named(record)} (renamed?); {_ADVICE}")
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "record", record)

    def _member(self, member: str) -> bytes:
        path = Path(self.path)
        if not path.is_file():
            raise FileNotFoundError(f"no such file: {path}")
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.read(member)
        except PermissionError:
            raise
        except Exception as error:  # damaged archives break the reader in many ways
            raise ValueError(
                f"{path}: {member} cannot be read, the file is truncated or damaged ({error}); {_ADVICE}"
            ) from error

    @property
    def temperature(self) -> float:
        """Temperature of the structures."""
        return float(self.name.temperature)

    @property
    def structures(self) -> list[int]:
        """Numbers of the structures within temperature and ensemble."""
        return [int(k) for k in self.record["structures"]]

    def array(self, name: str) -> NDArray:
        """Read one array.

        Raises
        ------
        ValueError
            If the file has no such array, or it is damaged.
        """
        described = self.record["arrays"]
        if name not in described:
            raise ValueError(f"{self.path}: has no array {name!r}, but {', '.join(sorted(described))}")
        about, content = described[name], self._member(f"{name}.npy")
        if about["sha256"] != _sha256(content):
            raise ValueError(f"{self.path}: array {name!r} differs from its checksum; {_ADVICE}")
        stored = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        values = decode(stored, about["dtype"], about["axes"], about["differences"])
        if list(values.shape) != about["shape"]:
            raise ValueError(
                f"{self.path}: array {name!r} has shape {list(values.shape)}, its record says "
                f"{about['shape']}; {_ADVICE}"
            )
        return values

    def verify(self) -> None:
        """Read every array.

        Raises
        ------
        ValueError
            If one is damaged, or the archive holds something that its record does not know.
        """
        for name in self.record["arrays"]:
            self.array(name)
        with zipfile.ZipFile(self.path) as archive:
            extra = set(archive.namelist()) - {f"{n}.npy" for n in self.record["arrays"]}
        if extra != {_RECORD, _CHECKSUM}:
            raise ValueError(f"{self.path}: holds {sorted(extra)} beside its arrays; {_ADVICE}")


_ADVICE: Final = "restore it from the repository (git checkout), or make it again under its name"
