"""Arrays with named axes and units, in HDF5."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tglassmlp.storage.atomic import atomic_path
from tglassmlp.storage.reading import advice, check_is_file, sha256_of, unreadable
from tglassmlp.storage.run_at_work import check_belongs, stamped

__all__ = ["Array", "array_names", "read_arrays", "read_attributes", "read_chunks", "write_arrays"]


@dataclass(frozen=True)
class Array:
    """An array to be stored: its values, the names of its axes, its unit and one sentence about it."""

    values: NDArray
    axes: tuple[str, ...]
    unit: str = "1"
    description: str = ""

    def __post_init__(self) -> None:
        if np.ndim(self.values) != len(self.axes):
            raise ValueError(
                f"array has {np.ndim(self.values)} axes, {len(self.axes)} are named: {self.axes}"
            )


def write_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    provenance: Mapping[str, Any],
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write named arrays to one HDF5 file, each with axes, unit, description and checksum.

    ``attributes`` is a JSON-like record of whatever else a reader needs (temperature, names, settings).
    """
    # this format version puts checksums on all metadata; records are stored as fixed-length text, since
    # text of variable length lies in a heap without checksums
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        origin = json.dumps(stamped(path, provenance), default=str).encode()
        record = json.dumps(dict(attributes or {}), default=str).encode()
        file.attrs["provenance"], file.attrs["attributes"] = np.bytes_(origin), np.bytes_(record)
        file.attrs["sha256"] = np.bytes_(sha256_of(origin, record))
        for name, array in arrays.items():
            values = np.asarray(array.values)
            if values.dtype.kind == "U":
                values = np.char.encode(values, "utf-8")
            if values.size:
                data = file.create_dataset(name, data=values, chunks=_chunks(values), fletcher32=True)
            else:
                data = file.create_dataset(name, data=values)
            data.attrs["axes"] = list(array.axes)
            data.attrs["unit"] = array.unit
            data.attrs["description"] = array.description
            # the formats' own checksum of a block of zeros is zero: a block lost by a file system would pass
            data.attrs["sha256"] = np.bytes_(sha256_of(name, values))


def _chunks(values: NDArray) -> tuple[int, ...]:
    """Chunk shape of at most about a megabyte, cut along the leading axes."""
    shape = list(values.shape) or [1]
    for axis in range(len(shape)):
        while shape[axis] > 1 and int(np.prod(shape)) * values.itemsize > 1 << 20:
            shape[axis] = (shape[axis] + 1) // 2
    return tuple(shape)


def read_arrays(
    path: str | os.PathLike[str], names: Sequence[str] | None = None, finite: bool = True
) -> dict[str, NDArray]:
    """Read named arrays (all of them by default) from an HDF5 file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or belongs to another place or run, lacks an array, or (with ``finite``) holds
        NaN or infinity.
    """
    with _open_hdf5(path) as file:
        check_belongs(path, _records(path, file)[1])
        wanted = list(file) if names is None else list(names)
        found = {}
        for name in wanted:
            if name not in file:
                raise ValueError(f"{path}: array {name!r} is missing, the file holds {sorted(file)}")
            try:
                values = file[name][...]
                checksum = file[name].attrs.get("sha256")
                if checksum is not None and bytes(checksum).decode() != sha256_of(name, values):
                    raise OSError("its content differs from its checksum")
                if values.dtype.kind in "OS":
                    values = file[name].asstr()[...].astype(str)
            except Exception as error:  # damaged metadata breaks the reader in many ways
                raise ValueError(
                    f"{path}: array {name!r} cannot be read, the file is damaged ({error}); {advice(path)}"
                ) from error
            if finite and values.dtype.kind == "f" and not np.all(np.isfinite(values)):
                raise ValueError(f"{path}: array {name!r} holds values that are not finite")
            found[name] = values
    return found


def array_names(path: str | os.PathLike[str]) -> list[str]:
    """Names of all arrays of an HDF5 file, those in groups with a slash.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_arrays`.
    """
    names: list[str] = []
    with _open_hdf5(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def read_chunks(
    paths: Sequence[str | os.PathLike[str]], joined: Sequence[str], common: Sequence[str] = ()
) -> dict[str, NDArray]:
    """Read arrays from the chunk files of one temperature.

    Parameters
    ----------
    paths
        The chunks' files, in their order.
    joined
        Arrays put together along their first axis (structures).
    common
        Arrays that must be equal in all files (times, species, names); taken once.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_arrays`; also when there is no file, or the chunks do not fit together.
    """
    if not paths:
        raise ValueError("no chunk to read")
    parts = [read_arrays(path, [*joined, *common]) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        for name in common:
            if not np.array_equal(part[name], parts[0][name]):
                raise ValueError(f"{path}: array {name!r} differs from the one in {paths[0]}")
        for name in joined:
            if part[name].shape[1:] != parts[0][name].shape[1:]:
                raise ValueError(
                    f"{path}: array {name!r} has shape {part[name].shape}, "
                    f"{paths[0]} has {parts[0][name].shape}"
                )
    return {
        **{name: np.concatenate([part[name] for part in parts]) for name in joined},
        **{name: parts[0][name] for name in common},
    }


def read_attributes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the JSON-like record stored beside the arrays, with the provenance under ``"provenance"``."""
    with _open_hdf5(path) as file:
        record, provenance = _records(path, file)
    check_belongs(path, provenance)
    return {**record, "provenance": provenance}


def _records(path: str | os.PathLike[str], file: h5py.File) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes and provenance of an open array file."""
    try:
        texts = [bytes(file.attrs[name]) for name in ("provenance", "attributes")]
        checksum = file.attrs.get("sha256")
        if checksum is not None and bytes(checksum).decode() != sha256_of(*texts):
            raise ValueError("the records differ from their checksum")
        provenance, record = (json.loads(text) for text in texts)
        if not isinstance(record, dict) or not isinstance(provenance, dict):
            raise ValueError("its records are not mappings")
    except Exception as error:
        raise ValueError(
            f"{path}: not an array file of this package, or damaged ({error}); {advice(path)}"
        ) from error
    return record, provenance


@contextmanager
def _open_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    check_is_file(path)
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise
    except Exception as error:
        raise ValueError(unreadable(path, "an HDF5 file", ["an HDF5 file"], error)) from error
    with file:
        try:
            yield file
        except (KeyError, OSError, RuntimeError) as error:
            raise ValueError(
                f"{path}: cannot be read, the file is damaged ({error}); {advice(path)}"
            ) from error
