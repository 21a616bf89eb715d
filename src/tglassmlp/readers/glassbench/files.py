"""One trajectory file of GlassBench, and the files of one temperature in a folder or an archive."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.mixture import KA2D
from tglassmlp.readers.glassbench.layout import LAYOUT, MODELS, NAME, PARTS, PLACE, check_temperature

__all__ = ["TrajectoryFile", "archive_files", "folder_files", "load_file"]


#: Arrays that are read.
_ARRAYS: Final = ("box", "types", "initial_positions", "positions", "initial_positions_inherent", "time")
#: Arrays that only files of KA2D_models and KA_models have.
_OF_MODELS: Final = ("md_prop", "bb_prop", "initial_positions_cage", "BOTAN", "CAGE", "GlassMLP", "SE3")
_REQUIRED: Final = _ARRAYS[:4]
#: A published file holds half a megabyte; anything far beyond is not one (or is a decompression bomb).
_LARGEST: Final = 1 << 30


@dataclass(frozen=True, eq=False)
class TrajectoryFile:
    """Content of one file."""

    path: str
    part: str
    structure: int
    code: int
    arrays: dict[str, NDArray]

    @property
    def initial(self) -> Configuration:
        """The thermal state that all replicas start from."""
        a = self.arrays
        return Configuration(a["initial_positions"].astype(np.float64), a["types"], float(a["box"].flat[0]))


def load_file(
    path: str, name: str, part: str, handle: IO[bytes], temperature: float | str | None = None
) -> TrajectoryFile:
    """Check and read one .npz; ``temperature`` is what its name has to say."""
    match = NAME.fullmatch(name)
    try:
        with zipfile.ZipFile(handle) as archive:
            total = sum(info.file_size for info in archive.infolist())
            if total > _LARGEST:
                raise ValueError(f"{path}: holds {total / 1e9:.1f} GB, not a GlassBench file")
        handle.seek(0)
        with np.load(handle, allow_pickle=False) as archive:
            missing = [a for a in _REQUIRED if a not in archive.files]
            if match is None or missing:
                raise ValueError(f"{path}: {_other(name, archive.files, missing)}")
            arrays = {a: archive[a] for a in _ARRAYS if a in archive.files}
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(path) else f"{path}: {text}") from error
    except Exception as error:  # damaged archives break their readers in many ways
        raise ValueError(f"{path}: not a readable NPZ file (truncated or damaged): {error}") from error
    _check_arrays(path, arrays, int(match["n"]))
    if temperature is not None:
        check_temperature(path, match["temperature"], temperature)
    return TrajectoryFile(path, part, int(match["structure"]), int(match["code"]), arrays)


def _other(name: str, arrays: Sequence[str], missing: Sequence[str]) -> str:
    """Say what an NPZ file is that is no trajectory file of GlassBench."""
    held = f"it holds {', '.join(sorted(arrays)) or 'no array'}"
    if any(a in arrays for a in _OF_MODELS) and "positions" not in arrays:
        named = MODELS.fullmatch(name)
        where = "KA_models, the three-dimensional set" if named and named["n"] == "4096" else "KA2D_models"
        return (
            f"is a file of {where} of GlassBench: one structure with its propensities and the predictions of "
            f"models, without box and without trajectories ({held}). Files of KA2D_trajectories ({LAYOUT}) "
            "are read. To use its positions, give them their box, for KA2D and N = 1290: "
            f"Configuration(f['initial_positions'], f['types'], box_length={KA2D.box_length})"
        )
    if "metadata" in arrays:
        return (
            "is an NPZ file of this package (networks or a restart file), not a configuration; networks are "
            "read by load_networks"
        )
    if NAME.fullmatch(name) is not None:
        return f"arrays {list(missing)} are missing, {held}"
    if missing:
        return (
            f"is an NPZ file, but not one of GlassBench: {held}; {', '.join(_REQUIRED)} and a name "
            f"{LAYOUT} were expected"
        )
    return f"not a GlassBench file name, expected {LAYOUT}"


def _check_arrays(path: str, arrays: dict[str, NDArray], named: int) -> None:
    for label, values in arrays.items():
        if values.dtype.kind not in "fiu":
            raise ValueError(f"{path}: {label} holds values of type {values.dtype}, expected real numbers")
    for label in ("initial_positions", "positions", "initial_positions_inherent"):
        if label in arrays and arrays[label].ndim and arrays[label].shape[-1] == 3:
            raise ValueError(
                f"{path}: {label} has shape {arrays[label].shape}, this is three-dimensional data; "
                "only two-dimensional systems (KA2D) can be read"
            )
    n = arrays["types"].size
    shapes = {"types": (n,), "initial_positions": (n, 2), "initial_positions_inherent": (n, 2)}
    for label, expected in shapes.items():
        if label in arrays and arrays[label].shape != expected:
            raise ValueError(f"{path}: {label} has shape {arrays[label].shape}, expected {expected}")
    later = arrays["positions"]
    if later.ndim != 3 or later.shape[1:] != (n, 2) or later.shape[0] < 1:
        raise ValueError(f"{path}: positions has shape {later.shape}, expected (replicas, {n}, 2)")
    if n != named:
        raise ValueError(f"{path}: holds {n} particles, its name says {named}")
    if arrays["box"].size != 1 or not np.isfinite(arrays["box"]).all() or float(arrays["box"].flat[0]) <= 0:
        raise ValueError(f"{path}: box is {arrays['box']}, expected one positive number")
    for label in ("initial_positions", "positions", "initial_positions_inherent"):
        if label in arrays and not np.all(np.isfinite(arrays[label])):
            raise ValueError(f"{path}: {label} holds values that are not finite")
    if not np.issubdtype(arrays["types"].dtype, np.integer) or arrays["types"].min() < 1:
        raise ValueError(f"{path}: types must be whole numbers from 1")
    if "time" in arrays and (arrays["time"].size != 1 or not np.isfinite(arrays["time"]).all()):
        raise ValueError(f"{path}: time is {arrays['time']}, expected one number")


def folder_files(folder: Path, wanted: set[str], temperature: float | str) -> Iterator[TrajectoryFile]:
    """Read the files of a folder, structure by structure."""
    found = False
    for part in PARTS:
        if part not in wanted:
            continue
        for path in sorted((folder / part).glob("*.npz"), key=lambda p: _order(p.name)):
            found = True
            with open(path, "rb") as handle:
                yield load_file(str(path), path.name, part, handle, temperature)
    if not found:
        raise ValueError(f"{folder}: no .npz file in {' or '.join(sorted(wanted))}")


def _order(name: str) -> tuple[int, int]:
    match = NAME.fullmatch(name)
    return (int(match["structure"]), int(match["code"])) if match else (-1, -1)


def archive_files(path: Path, wanted: set[str], temperature: float | str) -> Iterator[TrajectoryFile]:
    """Read the files of a tar archive as a stream, in its order."""
    found = False
    try:
        with tarfile.open(path, mode="r|*") as archive:
            for member in archive:
                parts = member.name.split("/")
                inside = f"{path}:{member.name}"
                if not member.isfile() or len(parts) < 2 or not parts[-1].endswith(".npz"):
                    continue
                if parts[-2] not in PARTS:
                    raise ValueError(f"{inside}: expected a file in train/ or test/")
                if parts[-2] not in wanted:
                    continue
                if member.size > _LARGEST:
                    raise ValueError(f"{inside}: holds {member.size / 1e9:.1f} GB, not a GlassBench file")
                handle = archive.extractfile(member)
                if handle is None:
                    continue
                content = handle.read()
                if len(content) != member.size:
                    raise ValueError(f"{inside}: the archive ends within this file (truncated or damaged)")
                found = True
                for folder in filter(None, map(PLACE.fullmatch, parts[:-1])):
                    check_temperature(inside, folder["temperature"], temperature)
                yield load_file(inside, parts[-1], parts[-2], io.BytesIO(content), temperature)
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError) as error:
        raise ValueError(f"{path}: not a readable tar archive (truncated or damaged): {error}") from error
    if not found:
        raise ValueError(f"{path}: no .npz file in {' or '.join(sorted(wanted))}")
