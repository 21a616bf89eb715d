"""Files: every one is written whole or not at all, carries its provenance, and is checked when read.

GSD holds configurations, HDF5 arrays with named axes and units, Parquet tables, JSON quoted numbers,
NPZ network weights. Nothing is pickled, nothing read is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gsd.hoomd
import h5py
import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration, wrap

if TYPE_CHECKING:
    # imported where tables are read or written: half a second that most jobs do not need
    import pandas as pd

__all__ = [
    "Array",
    "atomic_path",
    "read_arrays",
    "read_attributes",
    "read_chunks",
    "read_configurations",
    "read_json",
    "read_npz",
    "read_table",
    "write_arrays",
    "write_configurations",
    "write_json",
    "write_npz",
    "write_table",
]


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside ``path``; on success flush it to disk and rename it to ``path``.

    If the block raises, the temporary file is removed and an older ``path`` stays as it was.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


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
        file.attrs["provenance"] = np.bytes_(json.dumps(dict(provenance), default=str).encode())
        file.attrs["attributes"] = np.bytes_(json.dumps(dict(attributes or {}), default=str).encode())
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
        If the file is damaged, lacks an array, or (with ``finite``) holds NaN or infinity.
    """
    with _open_hdf5(path) as file:
        wanted = list(file) if names is None else list(names)
        found = {}
        for name in wanted:
            if name not in file:
                raise ValueError(f"{path}: array {name!r} is missing, the file holds {sorted(file)}")
            try:
                values = file[name][...]
                if values.dtype.kind in "OS":
                    values = file[name].asstr()[...].astype(str)
            except (KeyError, OSError, RuntimeError, UnicodeDecodeError) as error:
                raise ValueError(
                    f"{path}: array {name!r} cannot be read, the file is damaged: {error}"
                ) from error
            if finite and values.dtype.kind == "f" and not np.all(np.isfinite(values)):
                raise ValueError(f"{path}: array {name!r} holds values that are not finite")
            found[name] = values
    return found


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
        try:
            record = json.loads(file.attrs["attributes"])
            record["provenance"] = json.loads(file.attrs["provenance"])
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            raise ValueError(f"{path}: not a tglassmlp array file, or damaged: {error}") from error
    return record


@contextmanager
def _open_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: not a readable HDF5 file (truncated or damaged): {error}") from error
    with file:
        try:
            yield file
        except (KeyError, OSError, RuntimeError) as error:
            raise ValueError(f"{path}: cannot be read, the file is damaged: {error}") from error


def write_table(path: str | os.PathLike[str], table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a table as Parquet, with the same content as CSV beside it for people to open."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(path)
    if target.suffix != ".parquet":
        raise ValueError(f"tables are written as .parquet, found {target.name!r}")
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {
        **(arrow.schema.metadata or {}),
        b"tglassmlp": json.dumps(dict(provenance), default=str).encode(),
        b"digest": _digest(table).encode(),
    }
    with atomic_path(target) as temporary:
        pq.write_table(arrow.replace_schema_metadata(metadata), temporary, write_page_checksum=True)
    with atomic_path(target.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False)


def _digest(table: pd.DataFrame) -> str:
    """SHA-256 over names, types and values: Parquet's own checksums leave out its footer."""
    digest = hashlib.sha256()
    for name, column in table.items():
        values = column.to_numpy()
        content = values.tobytes() if values.dtype.kind in "biuf" else repr(values.tolist()).encode()
        digest.update(f"{name}:{values.dtype.kind}{values.dtype.itemsize}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def read_table(path: str | os.PathLike[str], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a Parquet table and check that it holds ``columns``.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_arrays`.
    """
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        arrow = pq.read_table(path, page_checksum_verification=True)
        table = arrow.to_pandas()
        digest = (arrow.schema.metadata or {}).get(b"digest", b"").decode()
        if digest != _digest(table):
            raise ValueError("its content differs from its checksum")
    except Exception as error:  # damaged metadata breaks the reader in many ways
        raise ValueError(f"{path}: not a readable Parquet table (truncated or damaged): {error}") from error
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise ValueError(f"{path}: columns {missing} are missing, the table holds {list(table.columns)}")
    return table


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON-like content, NaN refused, numpy numbers turned into plain ones."""
    text = json.dumps(content, indent=2, allow_nan=False, default=_plain)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file, with the file's name in the error when it is damaged."""
    try:
        return json.loads(Path(path).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid JSON (truncated or damaged): {error}") from error


def write_npz(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray], metadata: Mapping[str, Any]
) -> None:
    """Write plain arrays and one JSON record (``metadata``) to an NPZ file."""
    if "metadata" in arrays:
        raise ValueError("'metadata' is reserved for the record")
    record = np.array(json.dumps(dict(metadata), allow_nan=False, default=_plain))
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        # savez puts keywords straight into the archive; names with slashes are fine
        np.savez(handle, **{"metadata": record}, **{k: np.asarray(v) for k, v in arrays.items()})  # type: ignore[arg-type]


def read_npz(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read what :func:`write_npz` wrote: ``(arrays, metadata)``. The archive's CRC is verified.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_arrays`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        metadata = json.loads(str(arrays.pop("metadata")))
    except Exception as error:
        raise ValueError(
            f"{path}: not a readable tglassmlp NPZ file (truncated or damaged): {error}"
        ) from error
    return arrays, metadata


def write_configurations(
    path: str | os.PathLike[str],
    configurations: Sequence[Configuration],
    provenance: Mapping[str, Any] | None = None,
    properties: Sequence[Mapping[str, NDArray]] | None = None,
) -> None:
    """Write configurations as the frames of one GSD file that OVITO and HOOMD-blue open.

    The standard chunks hold float32 wrapped positions and images; a per-particle log quantity
    ``particles/tglassmlp/position`` keeps the unwrapped float64 positions exactly.

    Parameters
    ----------
    path
        Target, ``.gsd``.
    configurations
        Frames; all with at least one particle.
    provenance
        Record stored in every file.
    properties
        For each frame, per-particle quantities ``name -> [N]`` that OVITO shows as
        ``log/particles/<name>``.
    """
    if not configurations:
        raise ValueError(f"{path}: no configuration to write")
    record = np.frombuffer(json.dumps(dict(provenance or {}), default=str).encode() or b"{}", dtype=np.uint8)
    with atomic_path(path) as temporary, gsd.hoomd.open(name=str(temporary), mode="w") as file:
        for k, c in enumerate(configurations):
            frame = gsd.hoomd.Frame()
            wrapped = wrap(c.positions, c.box_length)
            image = np.round((c.positions - wrapped) / c.box_length).astype(np.int32)
            zeros = np.zeros(c.n_particles)
            frame.configuration.step = k
            frame.configuration.dimensions = 2
            frame.configuration.box = [c.box_length, c.box_length, 0.0, 0.0, 0.0, 0.0]
            frame.particles.N = c.n_particles
            frame.particles.position = np.column_stack([wrapped, zeros]).astype(np.float32)
            frame.particles.image = np.column_stack([image, zeros]).astype(np.int32)
            frame.particles.types = [str(s) for s in range(1, int(c.species.max()) + 1)]
            frame.particles.typeid = (c.species - 1).astype(np.uint32)
            frame.log["particles/tglassmlp/position"] = c.positions
            frame.log["tglassmlp/box_length"] = np.array([c.box_length])
            if k == 0:
                frame.log["tglassmlp/provenance"] = record
            for name, values in (properties[k] if properties is not None else {}).items():
                values = np.asarray(values)
                if values.shape[:1] != (c.n_particles,):
                    raise ValueError(
                        f"{path}: property {name!r} has shape {values.shape}, expected [{c.n_particles}]"
                    )
                frame.log[f"particles/{name}"] = values
            file.append(frame)


def read_configurations(path: str | os.PathLike[str]) -> list[Configuration]:
    """Read every frame of a GSD file as a :class:`Configuration`.

    Files of other programs are read from their float32 positions and images; type names that are whole
    numbers are the species, others are numbered in their order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a GSD file, holds no frame, is not two-dimensional or its box is not square.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with gsd.hoomd.open(name=str(path), mode="r") as file:
            return [_from_frame(path, k, frame) for k, frame in enumerate(_at_least_one(path, file))]
    except (RuntimeError, OSError, KeyError) as error:
        raise ValueError(f"{path}: not a readable GSD file (truncated or damaged): {error}") from error


def _at_least_one(path: str | os.PathLike[str], file: Any) -> Any:
    if len(file) == 0:
        raise ValueError(f"{path}: the GSD file holds no frame")
    return file


def _from_frame(path: str | os.PathLike[str], index: int, frame: Any) -> Configuration:
    box = np.asarray(frame.configuration.box, dtype=float)
    if frame.configuration.dimensions != 2 and np.any(np.abs(frame.particles.position[:, 2]) > 0):
        raise ValueError(f"{path}: frame {index} is three-dimensional, expected two dimensions")
    if not np.isclose(box[0], box[1], rtol=1e-6) or np.any(box[3:] != 0):
        raise ValueError(f"{path}: frame {index} has box {box.tolist()}, expected a square one")
    exact_box = frame.log.get("tglassmlp/box_length")
    length = float(box[0]) if exact_box is None else float(exact_box[0])
    positions = frame.log.get("particles/tglassmlp/position")
    if positions is None:
        image = frame.particles.image
        shift = 0 if image is None else np.asarray(image)[:, :2] * length
        positions = np.asarray(frame.particles.position, dtype=np.float64)[:, :2] + shift
    names = frame.particles.types
    if all(n.isdigit() and int(n) >= 1 for n in names):
        numbers = np.array([int(n) for n in names])
    else:
        numbers = np.arange(1, len(names) + 1)
    return Configuration(positions, numbers[np.asarray(frame.particles.typeid)], length)
