r"""Files of a data set: compact, checked, written once.

A file is a ZIP archive (LZMA) of NPY arrays, which ``numpy.load`` opens without this package, with a
JSON text ``record.json`` that describes each array and says who made it, and its checksum ``record.sha256``.
Equal content gives equal bytes. Its name says what is in it, see :mod:`tglassmlp.dataset.names`.

Arrays are encoded so that they compress well: see :mod:`tglassmlp.dataset.encoding`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.dataset.encoding import Stored, decode, encode
from tglassmlp.dataset.names import FileName, file_name, named
from tglassmlp.storage import atomic_path

__all__ = ["FORMAT", "VERSION", "DatasetFile", "write_file"]

#: Name of the format in every record.
FORMAT: Final = "tglassmlp-dataset"

#: Version of the format; a reader refuses versions that it does not know.
VERSION: Final = 1


_RECORD, _CHECKSUM = "record.json", "record.sha256"


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
    if name is None or name != named(record):
        raise ValueError(f"{target}: the name of this file would have to be {named(record)}")
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
        if named(record) != name:
            raise ValueError(f"{path}: holds what belongs into {named(record)} (renamed?); {_ADVICE}")
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
