"""Files: every one is written whole or not at all, carries its provenance, and is checked when read.

GSD holds configurations, HDF5 arrays with named axes and units, Parquet tables, JSON quoted numbers,
NPZ network weights. Nothing is pickled, nothing read is ever executed.

Every format carries a SHA-256 of its content (NPZ: the CRC of the archive). A reader raises `ValueError`
(`FileNotFoundError` where there is nothing) and names the file, whatever is wrong with it. Inside a
workflow (:func:`work_for` sets the environment variables ``TGLASSMLP_RUN_FOLDER``, ``TGLASSMLP_RUN_IDENTITY``
and ``TGLASSMLP_RUN_MIXTURE``) a file also carries its place in the run's folder, the run's identity (seed and
system) and the name and fingerprint of its mixture, and a reader refuses one that belongs to another place,
run or mixture; a writer refuses to leave the run's folder through a symbolic link.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gsd.hoomd
import h5py
import numpy as np
from numpy.typing import NDArray

from tglassmlp import species as species_names
from tglassmlp.configuration import Configuration, minimum_image, wrap
from tglassmlp.default_mixture import carried_mixture, check_carried_mixture
from tglassmlp.formats import described
from tglassmlp.mixture import KA2D, Mixture, check_is_mixture

if TYPE_CHECKING:
    # imported where tables are read or written: half a second that most jobs do not need
    import pandas as pd

__all__ = [
    "ADVICE",
    "EXPECTED",
    "Array",
    "advice",
    "array_names",
    "atomic_path",
    "check_reader_arguments",
    "named_mixture",
    "read_arrays",
    "read_attributes",
    "read_chunks",
    "read_configurations",
    "read_json",
    "read_mixture",
    "read_npz",
    "read_table",
    "work_for",
    "write_arrays",
    "write_configurations",
    "write_json",
    "write_npz",
    "write_table",
]


#: Equal to KA2D, but not the same object: what a file is held against if nobody has named its mixture.
#: Configurations do not carry it.
EXPECTED = replace(KA2D)

#: What to do about a damaged file of a run, within the run's own commands: see :func:`advice`.
ADVICE = "delete this file and repeat the command: it is made again"
# a file that belongs elsewhere may be the only copy of what it holds
_MISPLACED = "move this file away and repeat the command: the run makes its own"

# provenance records with at least this format promise a checksum in files where one could be lost unnoticed
_CHECKSUMMED = 2


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside ``path``; on success flush it to disk and rename it to ``path``.

    If the block raises, the temporary file is removed and an older ``path`` stays as it was.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written to; the message names the file and what to do.
    ValueError
        If the path leads outside the run's folder through a symbolic link.
    """
    target = Path(path)
    try:
        with _temporary(target) as temporary:
            yield temporary
    except (OSError, RuntimeError) as error:
        reason = _obstacle(target, error)
        if reason is None:
            raise
        number, text = reason
        raise OSError(
            number,
            f"cannot be written: {text}, then repeat the command (nothing finished is lost)",
            str(target),
        ) from error


def _obstacle(target: Path, error: Exception) -> tuple[int, str] | None:
    """Error number and advice, if ``error`` (also HDF5's and GSD's, in their words) is about the disk."""
    number = error.errno if isinstance(error, OSError) else None
    words = str(error)
    if (
        number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        or "No space left" in words
        or "errno = 28" in words
    ):
        return number or errno.ENOSPC, "the disk is full or its quota used up; free some space"
    if number == errno.EROFS or "Read-only file system" in words:
        return errno.EROFS, "the folder is mounted read-only; make it writable"
    if number in (errno.EACCES, errno.EPERM):
        return number, f"no permission in {target.parent}; make that folder writable"
    return None


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    _stay_inside(target)
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


def _run_folder() -> Path | None:
    """Folder of the run that this process works for, None outside a workflow."""
    folder = os.environ.get("TGLASSMLP_RUN_FOLDER")
    return Path(folder) if folder else None


def _place(path: str | os.PathLike[str]) -> str | None:
    """Path inside the run's folder with forward slashes, None outside it or outside a workflow."""
    folder = _run_folder()
    if folder is None:
        return None
    absolute = Path(os.path.abspath(path))
    return absolute.relative_to(folder).as_posix() if absolute.is_relative_to(folder) else None


def _stay_inside(target: Path) -> None:
    folder = _run_folder()
    if folder is None or _place(target) is None:
        return
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{target}: a symbolic link leads to {target.parent.resolve()}, outside the run's folder; "
            "the folder of a run may be a link itself, but nothing within it"
        )


def _stamped(path: str | os.PathLike[str], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance with the file's place in its run and the run's identity, where there is a run."""
    record, place = dict(provenance), _place(path)
    if place is not None:
        record |= {"place": place, "identity": os.environ.get("TGLASSMLP_RUN_IDENTITY")}
    mixture = _run_mixture()
    if place is not None and mixture is not None:
        record["mixture"] = mixture
    return record


def _run_mixture() -> dict[str, str] | None:
    """Name and fingerprint of the mixture of the run that this process works for, None outside a workflow."""
    found = os.environ.get("TGLASSMLP_RUN_MIXTURE")
    return None if not found else dict(json.loads(found))


def work_for(folder: str | os.PathLike[str], identity: str, mixture: Mixture) -> None:
    """Make this process and those it starts read and write the files of one run.

    Files then carry their place in the run's folder, the run's identity and its mixture, and readers refuse
    those of another place, run or mixture.

    Parameters
    ----------
    folder
        The run's folder.
    identity
        Fingerprint of seed and system.
    mixture
        The run's mixture.
    """
    named = {"name": mixture.name, "fingerprint": species_names.identity(mixture)}
    os.environ.update(
        TGLASSMLP_RUN_FOLDER=os.path.abspath(folder),
        TGLASSMLP_RUN_IDENTITY=identity,
        TGLASSMLP_RUN_MIXTURE=json.dumps(named),
    )


def _belongs(path: str | os.PathLike[str], provenance: Any) -> None:
    """Refuse a file of another place or run."""
    if not isinstance(provenance, Mapping):
        return
    place = _place(path)
    if place is None or "place" not in provenance:
        return
    if provenance["place"] != place:
        raise ValueError(
            f"{path}: holds what belongs to {provenance['place']} of a run (copied or moved?); {_MISPLACED}"
        )
    if isinstance(provenance.get("mixture"), Mapping):
        _of_the_runs_mixture(path, provenance["mixture"])
    identity = os.environ.get("TGLASSMLP_RUN_IDENTITY")
    if provenance.get("identity") != identity:
        raise ValueError(
            f"{path}: made by a run with another seed or system (identity {provenance.get('identity')}, "
            f"this run has {identity}); {_MISPLACED}"
        )


def _of_the_runs_mixture(path: str | os.PathLike[str], named: Mapping[str, Any]) -> None:
    """Refuse a file in the run's folder that names another mixture than the run's."""
    mixture = _run_mixture()
    if mixture is None or _place(path) is None or named.get("fingerprint") == mixture["fingerprint"]:
        return
    raise ValueError(
        f"{path}: is of the mixture {named.get('name')} (fingerprint {named.get('fingerprint')}), this run "
        f"simulates {mixture['name']} (fingerprint {mixture['fingerprint']}); {_MISPLACED}"
    )


def advice(path: str | os.PathLike[str]) -> str:
    """Say what to do about a file that cannot be read.

    Only a file in the folder of the run whose command is at work is made again by that command. Any other
    file may be somebody's only copy: it is never to be deleted.
    """
    if _place(path) is not None:
        return ADVICE
    if Path(path).resolve().is_relative_to(Path(__file__).resolve().parent):
        return "it came with the package: install tglassmlp again"
    return (
        "keep this file, and restore it from where it came from. If a run made it, `make verify` says what "
        "to do"
    )


class _Foreign(ValueError):
    """A file of the right kind that another program wrote."""


def _unreadable(path: str | os.PathLike[str], expected: str, magic: Sequence[str], reason: object) -> str:
    """Message about a file that is not what a reader expects: of another kind, or damaged.

    ``magic`` are the descriptions (see :mod:`tglassmlp.formats`) under which such a file goes.
    """
    try:
        kind = described(path)
    except OSError:
        kind = None
    if kind is not None and kind not in magic and _place(path) is None:
        return f"{path}: is {kind}; {expected} was expected. Nothing was changed"
    if isinstance(reason, _Foreign) and _place(path) is None:
        return f"{path}: is {kind} of another program: it {reason}"
    noun = expected.partition(" ")[2]
    return f"{path}: not a readable {noun} (truncated or damaged: {reason}); {advice(path)}"


def _present(path: str | os.PathLike[str]) -> None:
    """Refuse a path that is no file."""
    if Path(path).is_dir():
        raise FileNotFoundError(f"{path}: is a folder, a file was expected")
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")


def _sha256(*parts: Any) -> str:
    """SHA-256 of texts, bytes and arrays (with their type and shape), one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            array = np.ascontiguousarray(part)
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(array.reshape(-1).view(np.uint8).data)
        else:
            content = part if isinstance(part, bytes) else str(part).encode()
            digest.update(f"{len(content)}:".encode())
            digest.update(content)
    return digest.hexdigest()


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
        origin = json.dumps(_stamped(path, provenance), default=str).encode()
        record = json.dumps(dict(attributes or {}), default=str).encode()
        file.attrs["provenance"], file.attrs["attributes"] = np.bytes_(origin), np.bytes_(record)
        file.attrs["sha256"] = np.bytes_(_sha256(origin, record))
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
            data.attrs["sha256"] = np.bytes_(_sha256(name, values))


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
        _belongs(path, _records(path, file)[1])
        wanted = list(file) if names is None else list(names)
        found = {}
        for name in wanted:
            if name not in file:
                raise ValueError(f"{path}: array {name!r} is missing, the file holds {sorted(file)}")
            try:
                values = file[name][...]
                checksum = file[name].attrs.get("sha256")
                if checksum is not None and bytes(checksum).decode() != _sha256(name, values):
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
    _belongs(path, provenance)
    return {**record, "provenance": provenance}


def _records(path: str | os.PathLike[str], file: h5py.File) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes and provenance of an open array file."""
    try:
        texts = [bytes(file.attrs[name]) for name in ("provenance", "attributes")]
        checksum = file.attrs.get("sha256")
        if checksum is not None and bytes(checksum).decode() != _sha256(*texts):
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
    _present(path)
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise
    except Exception as error:
        raise ValueError(_unreadable(path, "an HDF5 file", ["an HDF5 file"], error)) from error
    with file:
        try:
            yield file
        except (KeyError, OSError, RuntimeError) as error:
            raise ValueError(
                f"{path}: cannot be read, the file is damaged ({error}); {advice(path)}"
            ) from error


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
        b"tglassmlp": json.dumps(_stamped(target, provenance), default=str).encode(),
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

    _present(path)
    try:
        arrow = pq.read_table(path, page_checksum_verification=True)
        table = arrow.to_pandas()
        digest = (arrow.schema.metadata or {}).get(b"digest", b"").decode()
        if not digest:
            raise _Foreign("carries no checksum of this package")
        if digest != _digest(table):
            raise ValueError("its content differs from its checksum")
        provenance = json.loads((arrow.schema.metadata or {}).get(b"tglassmlp", b"{}"))
    except Exception as error:  # damaged metadata breaks the reader in many ways
        raise ValueError(_unreadable(path, "a Parquet table", ["a Parquet table"], error)) from error
    _belongs(path, provenance)
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise ValueError(f"{path}: columns {missing} are missing, the table holds {list(table.columns)}")
    return table


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON-like content, NaN refused, numpy numbers turned into plain ones.

    A mapping gets one more key, ``sha256``: of its content as JSON with sorted keys and no spaces.
    """
    text = json.dumps(content, indent=2, allow_nan=False, default=_plain)
    if isinstance(content, Mapping):
        plain = json.loads(text)
        if "provenance" in plain:
            plain["provenance"] = _stamped(path, plain["provenance"])
        text = json.dumps({**plain, "sha256": _json_sha256(plain)}, indent=2)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")


def _json_sha256(content: Mapping[str, Any]) -> str:
    return _sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file, without the checksum that :func:`write_json` added to it.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_arrays`.
    """
    _present(path)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(_unreadable(path, "a JSON text", ["a JSON text"], error)) from error
    if not isinstance(content, dict):
        return content
    provenance, checksum = content.get("provenance"), content.pop("sha256", None)
    promised = isinstance(provenance, dict) and provenance.get("format") == _CHECKSUMMED
    try:
        good = not promised if checksum is None else checksum == _json_sha256(content)
    except ValueError:  # a number that is no number
        good = False
    if not good:
        raise ValueError(
            f"{path}: its content differs from its checksum (damaged, or changed by hand); {advice(path)}"
        )
    _belongs(path, provenance)
    return content


def write_npz(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray], metadata: Mapping[str, Any]
) -> None:
    """Write plain arrays and one JSON record (``metadata``) to an NPZ file."""
    if "metadata" in arrays:
        raise ValueError("'metadata' is reserved for the record")
    stamped = {**metadata, "file": _stamped(path, {})} if _place(path) is not None else dict(metadata)
    record = np.array(json.dumps(stamped, allow_nan=False, default=_plain))
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
    _present(path)
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as archive:
            if "metadata" not in archive.files:
                raise _Foreign(f"holds the arrays {archive.files}, no record of this package")
            arrays = {name: archive[name] for name in archive.files}
        metadata = json.loads(str(arrays.pop("metadata")))
        if not isinstance(metadata, dict):
            raise ValueError("its record is not a mapping")
    except PermissionError:
        raise
    except Exception as error:
        raise ValueError(_unreadable(path, "an NPZ file of this package", ["an NPZ file"], error)) from error
    _belongs(path, metadata.pop("file", None))
    return arrays, metadata


def write_configurations(
    path: str | os.PathLike[str],
    configurations: Sequence[Configuration],
    provenance: Mapping[str, Any] | None = None,
    properties: Sequence[Mapping[str, NDArray]] | None = None,
    mixture: Mixture | None = None,
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
        ``log/particles/<name>``. Names that begin with ``tglassmlp/`` are the package's own.
    mixture
        What the species belong to. Its name, parameters and fingerprint go into the file, and a reader that
        expects another mixture refuses it. None: the mixture that the configurations carry; if they carry
        none, the file names none.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If there is no configuration, there are not as many ``properties`` as configurations, a property has
        another length or a name of the package's own, configurations carry different mixtures or another
        pair potential than ``mixture``, only some of them carry one, or the shares of species are not those
        of the mixture.
    OSError
        As :func:`atomic_path`.
    """
    check_is_mixture(mixture, "write_configurations")
    configurations = _several(configurations)
    if not configurations:
        raise ValueError(f"{path}: no configuration to write")
    _check_properties(path, properties, len(configurations))
    mixture = _mixture_to_write(path, configurations, mixture)
    origin = json.dumps({**_stamped(path, provenance or {}), "format": _CHECKSUMMED}, default=str).encode()
    record = np.frombuffer(origin, dtype=np.uint8)
    named = None if mixture is None else json.dumps(species_names.record(mixture)).encode()
    with atomic_path(path) as temporary:
        with gsd.hoomd.open(name=str(temporary), mode="w") as file:
            for k, c in enumerate(configurations):
                frame = gsd.hoomd.Frame()
                wrapped = wrap(c.positions, c.box_length)
                image = np.round((c.positions - wrapped) / c.box_length).astype(np.int32)
                zeros = np.zeros(c.n_particles)
                frame.configuration.step = k
                frame.configuration.dimensions = 2
                frame.configuration.box = [c.box_length, c.box_length, 0.0, 0.0, 0.0, 0.0]
                frame.particles.N = c.n_particles
                stored = wrapped.astype(np.float32)
                edge = stored >= np.float32(0.5) * np.float32(c.box_length)  # rounded up to the upper edge
                stored, image = np.where(edge, -stored, stored), image + edge
                frame.particles.position = np.column_stack([stored, zeros]).astype(np.float32)
                frame.particles.image = np.column_stack([image, zeros]).astype(np.int32)
                frame.particles.types = [str(s) for s in range(1, int(c.species.max()) + 1)]
                frame.particles.typeid = (c.species - 1).astype(np.uint32)
                frame.log["particles/tglassmlp/position"] = c.positions
                frame.log["tglassmlp/box_length"] = np.array([c.box_length])
                if k == 0:
                    frame.log["tglassmlp/provenance"] = record
                    if named is not None:
                        frame.log["tglassmlp/mixture"] = np.frombuffer(named, dtype=np.uint8)
                for name, values in (properties[k] if properties is not None else {}).items():
                    values = np.asarray(values)
                    if values.shape[:1] != (c.n_particles,):
                        raise ValueError(
                            f"{path}: property {name!r} has shape {values.shape}, expected [{c.n_particles}]"
                        )
                    frame.log[f"particles/{name}"] = values
                file.append(frame)
        _seal(temporary)


def _several(configurations: Any) -> list[Configuration]:
    """List configurations, refusing anything else."""
    if isinstance(configurations, Configuration):
        raise TypeError(
            "write_configurations: configurations must be a list of Configuration, found a single one; "
            "write [configuration]"
        )
    found = list(configurations)
    for k, c in enumerate(found):
        if not isinstance(c, Configuration):
            raise TypeError(
                "write_configurations: configurations must be a list of Configuration, found "
                f"{type(c).__name__} at place {k}"
            )
    return found


#: Beginning of the names of log quantities that are the package's own.
_RESERVED = "tglassmlp/"


def _check_properties(path: str | os.PathLike[str], properties: Any, count: int) -> None:
    """Refuse properties that are not a mapping for each frame, or have names of the package's own."""
    if properties is None:
        return
    if isinstance(properties, Mapping) or not isinstance(properties, Sequence):
        raise TypeError(
            "write_configurations: properties must be a list with a mapping name -> [N] for each "
            f"configuration, found {type(properties).__name__}"
        )
    if len(properties) != count:
        raise ValueError(
            f"{path}: properties must have one mapping for each configuration, found {len(properties)} for "
            f"{count} configurations"
        )
    for k, named in enumerate(properties):
        if not isinstance(named, Mapping):
            raise TypeError(
                f"write_configurations: properties[{k}] must be a mapping name -> [N], found "
                f"{type(named).__name__}"
            )
        for name in named:
            if not isinstance(name, str) or not name:
                raise TypeError(f"write_configurations: names of properties must be texts, found {name!r}")
            if f"{name}/".startswith(_RESERVED):
                raise ValueError(
                    f"{path}: property {name!r} has a name of the package's own; names must not begin with "
                    f"{_RESERVED!r}"
                )


def _mixture_to_write(
    path: str | os.PathLike[str], configurations: Sequence[Configuration], mixture: Mixture | None
) -> Mixture | None:
    """Return the mixture that a file is to name: the one given, or the one that its frames carry."""
    if mixture is not None:
        check_carried_mixture(configurations, mixture, "write_configurations")
    else:
        mixture = carried_mixture(configurations, "write_configurations")
        bare = [k for k, c in enumerate(configurations) if c.mixture is None]
        if bare and len(bare) < len(configurations):
            raise ValueError(
                f"{path}: configuration {bare[0]} carries no mixture, others do; name the mixture of all "
                "with mixture=..."
            )
        mixture = None if mixture is None else _of_these_shares(path, configurations[0], mixture)
    for k, c in enumerate(configurations if mixture is not None else ()):
        try:
            species_names.check_composition(c.species, mixture)  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(
                f"{path}: configuration {k} is not of the mixture given: {error}. A mixture of the same "
                "potential and other shares is dataclasses.replace(mixture, composition=...)"
            ) from None
    return mixture


def _of_these_shares(path: str | os.PathLike[str], c: Configuration, mixture: Mixture) -> Mixture | None:
    """Return a mixture of the same particles with the composition of a configuration that carries it."""
    counts = np.bincount(c.species, minlength=mixture.n_species + 1)[1:]
    try:
        species_names.check_composition(c.species, mixture)
    except ValueError:
        if np.any(counts == 0):
            warnings.warn(
                f"{path}: will name no mixture, since {mixture.name} has {mixture.n_species} species and the "
                "configurations lack some of them; name it when the file is read",
                stacklevel=4,
            )
            return None
        return replace(mixture, composition=tuple(int(n) for n in counts), box_length=c.box_length)
    return mixture


def _seal(path: Path) -> None:
    """Append the SHA-256 of a file to it: GSD itself has no checksums, and leaves bytes at the end alone."""
    with open(path, "rb+") as handle:
        checksum = hashlib.file_digest(handle, "sha256").hexdigest()
        handle.seek(0, os.SEEK_END)
        handle.write(_SEAL + checksum.encode())


_SEAL = b"\ntglassmlp sha256 "


def _sealed(path: str | os.PathLike[str]) -> bool:
    """Whether a file ends with its checksum; one that differs from its content is an OSError."""
    size, tail = os.path.getsize(path), len(_SEAL) + 64
    with open(path, "rb") as handle:
        handle.seek(max(0, size - tail))
        seal = handle.read(tail)
        if not seal.startswith(_SEAL):
            return False
        handle.seek(0)
        digest, left = hashlib.sha256(), size - tail
        while left > 0 and (block := handle.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    if digest.hexdigest().encode() != seal[len(_SEAL) :]:
        raise OSError("its content differs from its checksum")
    return True


def _origin(frame: Any) -> dict[str, Any]:
    """Provenance in a frame, empty in other programs' files."""
    record = frame.log.get("tglassmlp/provenance")
    found = {} if record is None else json.loads(np.asarray(record, np.uint8).tobytes())
    return found if isinstance(found, dict) else {}


def read_configurations(
    path: str | os.PathLike[str],
    mixture: Mixture | None = None,
    species: Mapping[str, int] | None = None,
) -> list[Configuration]:
    """Read every frame of a GSD file as a :class:`Configuration`.

    Files of this package carry their species, and since they name their mixture it is compared. The
    configurations carry the mixture that the file names, otherwise the one given. In files of other programs
    positions and images are float32, and species follow from the names of the types: see
    :mod:`tglassmlp.species`.

    Parameters
    ----------
    path
        The file.
    mixture
        What the species are expected to belong to. None: nothing is compared.
    species
        What each type name means, e.g. ``{"A": 1, "B": 3, "C": 2}``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a GSD file, holds no frame, is not two-dimensional, its box is not square, a particle has
        no position or no type, or the species cannot be told to be those of the mixture.

    Warns
    -----
    UserWarning
        If a file of this package names no mixture and has other shares of species than ``mixture``.
    """
    check_reader_arguments(mixture, species)
    frames, named = _checked_frames(path)
    # nobody has asked for the shares of KA2D: a file that names other ones of its potential is read as it is
    free = mixture is EXPECTED and named is not None and named.same_potential(EXPECTED)
    if named is not None and mixture is not None and not free:
        try:
            species_names.same_mixture(named, mixture)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    found = []
    carried = named
    if named is None and mixture is not EXPECTED:
        carried = mixture
    for k, frame in enumerate(frames):
        try:
            read = _from_frame(frame, named if free else mixture, species)
            if named is not None:
                species_names.check_composition(read.species, named)
            found.append(read if carried is None else read.with_mixture(carried))
        except ValueError as error:
            raise ValueError(f"{path}: frame {k}: {error}") from error
        except Exception as error:  # other programs' files may lack or misshape any array
            raise ValueError(f"{path}: frame {k} cannot be read ({error}); {advice(path)}") from error
    if _ours(frames[0]) and named is None and mixture is not None and species is None:
        _compare(path, found, mixture)
    return found


def check_reader_arguments(mixture: Any, species: Any) -> None:
    """Refuse arguments of a reader that are of another type, before a file is blamed.

    Raises
    ------
    TypeError
        If ``mixture`` is neither a mixture nor None, or ``species`` neither a mapping of names nor None.
    """
    check_is_mixture(mixture, "read_configurations")
    if species is None:
        return
    example = 'e.g. {"A": 1, "B": 3, "C": 2}'
    if not isinstance(species, Mapping):
        raise TypeError(
            "read_configurations: species must be a mapping from the names of the file's types to species, "
            f"{example}, found {type(species).__name__}"
        )
    for name in species:
        if not isinstance(name, str):
            raise TypeError(
                f"read_configurations: species must map names of types (texts), {example}, found {name!r}"
            )


def _checked_frames(path: str | os.PathLike[str]) -> tuple[list[Any], Mixture | None]:
    """Return the frames of a GSD file after all checks of the file itself, and the mixture that it names."""
    _present(path)
    try:
        sealed = _sealed(path)
        with gsd.hoomd.open(name=str(path), mode="r") as file:
            frames = list(_at_least_one(path, file))
        origin = _origin(frames[0])
        if not sealed and origin.get("format") == _CHECKSUMMED:
            raise OSError("its checksum is missing")
        _belongs(path, origin)
        named = _named_mixture(frames[0])
        if named is not None:
            _of_the_runs_mixture(path, species_names.record(named))
        return frames, named
    except PermissionError:
        raise
    except Exception as error:  # damaged metadata breaks the reader in many ways
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        raise ValueError(_unreadable(path, "a GSD file", ["a GSD file"], error)) from error


def read_mixture(path: str | os.PathLike[str]) -> Mixture:
    """Return the mixture that a GSD file of this package names.

    Parameters
    ----------
    path
        File written by :func:`write_configurations` with a mixture, as those of a run are.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a GSD file, or names no mixture.

    Examples
    --------
    >>> mixture = read_mixture("results/demo/unit/structures/T0.40/chunk0.gsd")  # doctest: +SKIP
    """
    named = named_mixture(path)
    if named is None:
        raise ValueError(
            f"{path}: names no mixture; it was written by another program, by an older version or without one"
        )
    return named


def named_mixture(path: str | os.PathLike[str]) -> Mixture | None:
    """Return the mixture that a GSD file of this package names, None where it names none.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_mixture`.
    """
    return _checked_frames(path)[1]


def _named_mixture(frame: Any) -> Mixture | None:
    """Mixture recorded in a frame, None where none is."""
    found = frame.log.get("tglassmlp/mixture")
    if found is None:
        return None
    return species_names.from_record(json.loads(np.asarray(found, np.uint8).tobytes()))


def _ours(frame: Any) -> bool:
    """Whether a frame was written by this package: its types are species numbers."""
    return "tglassmlp/provenance" in frame.log or "particles/tglassmlp/position" in frame.log


def _compare(path: str | os.PathLike[str], found: Sequence[Configuration], mixture: Mixture) -> None:
    """Warn about a file of ours without a mixture whose shares are not those expected."""
    for k, c in enumerate(found):
        try:
            species_names.check_composition(c.species, mixture)
        except ValueError as error:
            warnings.warn(
                f"{path}: names no mixture, and frame {k} does not look like {mixture.name}: {error}. "
                "Name its mixture with mixture=; mixture=None compares nothing",
                stacklevel=4,
            )
            return


def _at_least_one(path: str | os.PathLike[str], file: Any) -> Any:
    if len(file) == 0:
        raise ValueError(f"{path}: the GSD file holds no frame")
    return file


def _from_frame(
    frame: Any, mixture: Mixture | None, species: Mapping[str, int] | None = None
) -> Configuration:
    particles, ours = frame.particles, _ours(frame)
    if not particles.N:
        raise ValueError("it holds no particles")
    length = _exact_side(frame)
    positions = frame.log.get("particles/tglassmlp/position")
    if positions is None:
        positions = _plane(particles, length)
    elif np.shape(positions) != (particles.N, 2):
        raise ValueError(f"its exact positions have shape {np.shape(positions)}, expected ({particles.N}, 2)")
    else:
        apart = minimum_image(positions - np.asarray(particles.position, dtype=np.float64)[:, :2], length)
        if not np.all(np.abs(apart) <= 1e-4 * max(length, 1.0)):
            raise ValueError("its exact positions are not those that other programs see: it has been edited")
    note = "" if ours else _diameters(particles)
    expected = None if ours and species is None else mixture
    numbers = species_names.species_of_types(particles.types, particles.typeid, expected, species, note)
    return Configuration(positions, numbers, length)


def _exact_side(frame: Any) -> float:
    """Side of the box, from the log in float64 where the package wrote it; the frame's own must agree."""
    exact = frame.log.get("tglassmlp/box_length")
    seen = _square(frame.configuration)
    if exact is None:
        return seen
    length = float(np.asarray(exact, dtype=np.float64).reshape(-1)[0])
    if not abs(length - seen) <= 1e-6 * abs(seen):  # the frame's is float32
        raise ValueError(
            f"its exact box length {length:.9g} is not the one that other programs see, {seen:.9g}: it has "
            "been edited"
        )
    return length


def _square(configuration: Any) -> float:
    """Side of a two-dimensional square box ``[lx, ly, lz, xy, xz, yz]``."""
    box = np.asarray(configuration.box, dtype=float)
    if not np.all(np.isfinite(box)) or np.any(box[:2] <= 0):
        raise ValueError(f"its box is {box.tolist()}, expected positive lengths")
    if configuration.dimensions != 2 and box[2] != 0:
        raise ValueError(
            f"it is three-dimensional (box {box.tolist()}), expected two dimensions: "
            "configuration.dimensions = 2 or Lz = 0"
        )
    if np.any(box[3:] != 0):
        raise ValueError(f"its box {box.tolist()} is tilted (xy, xz, yz), expected a square one")
    if not np.isclose(box[0], box[1], rtol=1e-6, atol=0):
        raise ValueError(f"its box {box.tolist()} is oblong, expected a square one")
    return float(box[0])


def _plane(particles: Any, length: float) -> NDArray[np.float64]:
    """Unwrapped positions ``[N, 2]`` of another program, from float32 positions and images."""
    place = np.asarray(particles.position, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(place).all(axis=1))
    if bad.size:
        raise ValueError(f"particle {bad[0]} is at {place[bad[0]].tolist()}, expected finite coordinates")
    high = np.flatnonzero(np.abs(place[:, 2]) > 1e-6 * length)
    if high.size:
        raise ValueError(
            f"it is three-dimensional: particle {high[0]} is at z = {place[high[0], 2]:g}, expected 0"
        )
    if len(place) > 1 and np.all(place == place[0]):
        raise ValueError("all its particles are at the same place: it holds no positions")
    image = particles.image
    shift = 0.0 if image is None else np.asarray(image, dtype=np.float64)[:, :2] * length
    found: NDArray[np.float64] = place[:, :2] + shift
    return found


def _diameters(particles: Any) -> str:
    """Remark about particles of one type that differ in their diameters."""
    sizes = np.unique(np.asarray(particles.diameter))
    if len(set(np.asarray(particles.typeid).tolist())) > 1 or not 1 < sizes.size <= 10:
        return ""
    listed = ", ".join(f"{d:.4g}" for d in sizes)
    return f"Its particles have the diameters {listed}; species are read from types, not from diameters"
