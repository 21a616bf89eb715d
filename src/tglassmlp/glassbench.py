"""GlassBench: read the published isoconfigurational data of KA2D, and write our own in the same layout.

GlassBench (doi 10.5281/zenodo.10118191, CC-BY-4.0; G. Jung et al., arXiv:2311.14752) keeps one file per
structure and time:

.. code-block:: text

    KA2D_trajectories/T0.23/{train,test}/N1290T0.23_<structure>_tc<code>.npz     or
    KA2D_trajectories/T0.23.tar.xz KA2D_results/times_0.23.dat
    one time per line

The codes, in rising order, are the times. Arrays of a file: ``box`` (scalar), ``types`` ``[N]`` from 1,
``initial_positions`` ``[N, 2]``, ``positions`` ``[replica, N, 2]``, at some temperatures
``initial_positions_inherent`` ``[N, 2]``. Positions are rounded to six digits, and unwrapped at some
temperatures (0.23), wrapped at others (0.30).

Archives are read as streams: nothing is unpacked to disk, no name in an archive is used as a path, nothing is
unpickled.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.configuration import Configuration, minimum_image
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation.equilibration import COLUMNS
from tglassmlp.simulation.kernels import potential_energies
from tglassmlp.storage import Array, atomic_path

__all__ = [
    "PARTS",
    "Isoconfigurational",
    "equilibration_tables",
    "locate",
    "read_configurations",
    "read_glassbench",
    "read_times",
    "select_structures",
    "write_glassbench",
]

#: The published division of structures.
PARTS: Final = ("train", "test")

_NAME = re.compile(r"N(?P<n>\d+)T(?P<temperature>\d+\.\d+)_(?P<structure>\d+)_tc(?P<code>\d+)\.npz")
_ARRAYS = ("box", "types", "initial_positions", "positions", "initial_positions_inherent")
_REQUIRED = _ARRAYS[:4]
# A published file holds half a megabyte; anything far beyond is not one (or is a decompression bomb).
_LARGEST = 1 << 30


@dataclass(frozen=True, eq=False)
class Isoconfigurational:
    """One structure and its isoconfigurational replicas at all times.

    Parameters
    ----------
    number
        Its published number.
    part
        ``"train"`` or ``"test"``.
    initial
        Thermal configuration.
    inherent
        Inherent structure, None where it is not published.
    times
        ``[F]`` rising.
    displacements
        ``[R, F, N, 2]`` float32. From wrapped positions, the shortest displacement is taken: beyond
        half a box it would not be known.
    """

    number: int
    part: str
    initial: Configuration
    inherent: Configuration | None
    times: NDArray[np.float64]
    displacements: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _File:
    """Content of one file."""

    path: str
    part: str
    structure: int
    code: str
    arrays: dict[str, NDArray]

    @property
    def initial(self) -> Configuration:
        """The thermal state that all replicas start from."""
        a = self.arrays
        return Configuration(a["initial_positions"].astype(np.float64), a["types"], float(a["box"].flat[0]))


def _spellings(temperature: float | str) -> tuple[str, ...]:
    """Names of a temperature in the data set: two decimals, 0.231 also as the published 0.23."""
    value = float(temperature)
    return tuple(dict.fromkeys([f"{value:.2f}", f"{value:g}", f"{value:.3f}"]))


def locate(root: Path, temperature: float | str) -> Path:
    """Find the folder or archive of one temperature at or below ``root``.

    Raises
    ------
    FileNotFoundError
        If there is none; the message lists where it was looked for.
    """
    if not root.exists():
        raise FileNotFoundError(f"no such GlassBench data: {root}")
    if root.is_file():
        return root
    tried = []
    for folder in (root / "KA2D_trajectories", root):
        for name in _spellings(temperature):
            for candidate in (folder / f"T{name}", folder / f"T{name}.tar.xz", folder / f"T{name}.tar"):
                if candidate.exists():
                    return candidate
                tried.append(str(candidate))
    if any((root / part).is_dir() for part in PARTS):
        return root
    raise FileNotFoundError(
        f"{root}: no GlassBench data at T = {float(temperature):g}; looked for {', '.join(tried)}"
    )


def read_times(root: str | os.PathLike[str], temperature: float | str) -> NDArray[np.float64]:
    """Read the times of one temperature from ``KA2D_results/times_<T>.dat`` at or above ``root``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it does not hold rising positive numbers, one per line.
    """
    start = Path(root)
    names = [f"times_{name}.dat" for name in _spellings(temperature)]
    for folder in (start, *start.absolute().parents[:3]):
        for place in (folder / "KA2D_results", folder):
            for name in names:
                path = place / name
                if path.is_file():
                    return _parse_times(path)
    raise FileNotFoundError(f"{start}: no {' or '.join(names)} in KA2D_results beside the trajectories")


def _parse_times(path: Path) -> NDArray[np.float64]:
    try:
        times = np.array([float(word) for word in path.read_text().split()])
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected one time per line: {error}") from error
    if times.size == 0 or not np.all(np.isfinite(times)) or times[0] <= 0 or np.any(np.diff(times) <= 0):
        raise ValueError(f"{path}: expected rising positive times, found {times.tolist()}")
    return times


def _load(path: str, name: str, part: str, handle: IO[bytes]) -> _File:
    """Check and read one .npz."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{path}: not a GlassBench file name, expected N<N>T<T>_<structure>_tc<code>.npz")
    try:
        with zipfile.ZipFile(handle) as archive:
            total = sum(info.file_size for info in archive.infolist())
            if total > _LARGEST:
                raise ValueError(f"{path}: holds {total / 1e9:.1f} GB, not a GlassBench file")
        handle.seek(0)
        with np.load(handle, allow_pickle=False) as archive:
            missing = [a for a in _REQUIRED if a not in archive.files]
            if missing:
                raise ValueError(f"{path}: arrays {missing} are missing, the file holds {archive.files}")
            arrays = {a: archive[a] for a in _ARRAYS if a in archive.files}
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(path) else f"{path}: {text}") from error
    except Exception as error:  # damaged archives break their readers in many ways
        raise ValueError(f"{path}: not a readable NPZ file (truncated or damaged): {error}") from error
    _check(path, arrays, int(match["n"]))
    return _File(path, part, int(match["structure"]), match["code"], arrays)


def _check(path: str, arrays: dict[str, NDArray], named: int) -> None:
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


def _folder_files(folder: Path, wanted: set[str]) -> Iterator[_File]:
    found = False
    for part in PARTS:
        if part not in wanted:
            continue
        for path in sorted((folder / part).glob("*.npz"), key=lambda p: _order(p.name)):
            found = True
            with open(path, "rb") as handle:
                yield _load(str(path), path.name, part, handle)
    if not found:
        raise ValueError(f"{folder}: no .npz file in {' or '.join(sorted(wanted))}")


def _order(name: str) -> tuple[int, int]:
    match = _NAME.fullmatch(name)
    return (int(match["structure"]), int(match["code"])) if match else (-1, -1)


def _archive_files(path: Path, wanted: set[str]) -> Iterator[_File]:
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
                yield _load(inside, parts[-1], parts[-2], io.BytesIO(content))
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError) as error:
        raise ValueError(f"{path}: not a readable tar archive (truncated or damaged): {error}") from error
    if not found:
        raise ValueError(f"{path}: no .npz file in {' or '.join(sorted(wanted))}")


def read_glassbench(
    root: str | os.PathLike[str],
    temperature: float | str,
    *,
    mixture: Mixture = KA2D,
    parts: Sequence[str] = PARTS,
    structures: Iterable[int] | None = None,
    partial: bool = False,
) -> Iterator[Isoconfigurational]:
    """Read all structures of one temperature, each with all its times.

    Parameters
    ----------
    root
        Folder that holds ``KA2D_trajectories`` and ``KA2D_results``, the folder of one temperature, or
        its ``.tar.xz``.
    temperature
        Temperature; 0.231 and 0.251 are found under their published names 0.23 and 0.25.
    mixture
        Its unit system decides how many particles of each species are expected.
    parts
        Which of ``"train"`` and ``"test"``.
    structures
        Published numbers wanted; all by default.
    partial
        Accept fewer files per structure than there are times: they are the first times. For samples.

    Yields
    ------
    Isoconfigurational
        In the order of the files; structures of an archive come as soon as they are complete.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, archive or list of times.
    ValueError
        For a damaged archive or file, three-dimensional data, another number of particles, a missing
        time, or files of one structure that contradict each other; the message names the file.
    """
    place = locate(Path(root), temperature)
    times = read_times(root, temperature)
    wanted = set(parts)
    if not wanted or wanted - set(PARTS):
        raise ValueError(f"parts must be from {PARTS}, found {tuple(parts)}")
    numbers = None if structures is None else set(structures)
    files = _archive_files(place, wanted) if place.is_file() else _folder_files(place, wanted)
    waiting: dict[tuple[str, int], list[_File]] = {}
    codes: set[str] = set()
    for file in files:
        if numbers is not None and file.structure not in numbers:
            continue
        _check_composition(file, mixture)
        codes.add(file.code)
        if len(codes) > times.size:
            raise ValueError(
                f"{file.path}: the codes {', '.join(sorted(codes, key=int))} are more than the "
                f"{times.size} times of T = {float(temperature):g}"
            )
        key = (file.part, file.structure)
        waiting.setdefault(key, []).append(file)
        if len(waiting[key]) == times.size:
            yield _joined(waiting.pop(key), times, codes)
    for remaining in waiting.values():
        if not partial:
            have = {f.code for f in remaining}
            lacking = sorted(codes - have, key=int)
            which = f" (codes {', '.join(lacking)})" if lacking else ""
            raise ValueError(
                f"{remaining[0].path}: structure {remaining[0].structure} ({remaining[0].part}) "
                f"has files for {len(remaining)} of {times.size} times{which}"
            )
        yield _joined(remaining, times[: len(remaining)], codes)


def read_configurations(path: str | os.PathLike[str]) -> list[Configuration]:
    """Read every frame of a GSD file, or the initial, thermal state of a GlassBench file (``.npz``).

    GSD files of other programs are read from their float32 positions and images; type names that are whole
    numbers are the species, others are numbered in their order. GlassBench files must keep their names.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is neither, is damaged, holds no frame, is not two-dimensional or its box is not square.
    """
    if Path(path).suffix != ".npz" or not Path(path).is_file():
        return storage.read_configurations(path)
    with open(path, "rb") as handle:
        return [_load(str(path), Path(path).name, "", handle).initial]


def _check_composition(file: _File, mixture: Mixture) -> None:
    types = file.arrays["types"]
    expected = mixture.composition
    if types.size != sum(expected):
        raise ValueError(f"{file.path}: holds {types.size} particles, {mixture.name} has {sum(expected)}")
    counts = tuple(int((types == s + 1).sum()) for s in range(len(expected)))
    if counts != tuple(expected):
        raise ValueError(f"{file.path}: holds {counts} of each species, {mixture.name} has {expected}")
    box = float(file.arrays["box"].flat[0])
    if abs(box - mixture.box_length) > 1e-3 * mixture.box_length:
        raise ValueError(f"{file.path}: box is {box:g}, {mixture.name} has {mixture.box_length:g}")


def _joined(files: list[_File], times: NDArray[np.float64], codes: set[str]) -> Isoconfigurational:
    ordered = sorted(files, key=lambda f: int(f.code))
    first = ordered[0]
    for other in ordered[1:]:
        if other.code == first.code:
            raise ValueError(f"{other.path}: this structure and time occur twice")
        for label in ("types", "box", "initial_positions"):
            if not np.array_equal(other.arrays[label], first.arrays[label]):
                raise ValueError(
                    f"{other.path}: {label} differs from {first.path}, one structure was expected"
                )
        if other.arrays["positions"].shape != first.arrays["positions"].shape:
            raise ValueError(
                f"{other.path}: {other.arrays['positions'].shape[0]} replicas, {first.path} has "
                f"{first.arrays['positions'].shape[0]}"
            )
    initial = first.initial
    start, box = initial.positions, initial.box_length
    separation = np.stack([f.arrays["positions"] for f in ordered], axis=1) - start
    # half a box plus the rounding of six digits: outside means unwrapped
    reach = 0.5 * box * (1 + 1e-4)
    unwrapped = max(np.abs(start).max(), *(np.abs(f.arrays["positions"]).max() for f in ordered)) > reach
    if not unwrapped:
        separation = minimum_image(separation, box)
    inherent = None
    if "initial_positions_inherent" in first.arrays:
        inherent = initial.with_positions(first.arrays["initial_positions_inherent"])
    return Isoconfigurational(
        first.structure, first.part, initial, inherent, times, separation.astype(np.float32)
    )


def write_glassbench(
    root: str | os.PathLike[str],
    temperature: float | str,
    data: Iterable[Isoconfigurational],
) -> list[Path]:
    """Write structures with their replicas in the published layout.

    Parameters
    ----------
    root
        Folder that will hold ``KA2D_trajectories`` and ``KA2D_results``.
    temperature
        Temperature; names use two decimals, more where needed.
    data
        Structures, all with the same times. A frame at time 0 is left out, as in the published data.

    Returns
    -------
    list of Path
        The files written. Codes are two or more digits, counted from 01 in the order of the times.

    Raises
    ------
    ValueError
        If a part is unknown, the times differ between structures, or a structure occurs twice.
    """
    value = float(temperature)
    name = f"{value:.2f}" if abs(value - round(value, 2)) < 1e-9 else f"{value:g}"
    base = Path(root)
    written: list[Path] = []
    times: NDArray[np.float64] | None = None
    for item in data:
        later = np.flatnonzero(item.times > 0)
        if times is None:
            times = item.times[later]
        if not np.array_equal(times, item.times[later]):
            raise ValueError(f"structure {item.number} has other times than the ones before it")
        if item.part not in PARTS:
            raise ValueError(f"structure {item.number}: part must be from {PARTS}, found {item.part!r}")
        c = item.initial
        folder = base / "KA2D_trajectories" / f"T{name}" / item.part
        for code, frame in enumerate(later, start=1):
            arrays = {
                "box": np.array(c.box_length),
                "types": c.species.astype(np.int64),
                "initial_positions": c.positions,
                "positions": c.positions + item.displacements[:, frame].astype(np.float64),
            }
            if item.inherent is not None:
                shift = minimum_image(item.inherent.positions - c.positions, c.box_length)
                arrays["initial_positions_inherent"] = c.positions + shift
            path = folder / f"N{c.n_particles}T{name}_{item.number}_tc{code:02d}.npz"
            if path in written:
                raise ValueError(f"structure {item.number} ({item.part}) occurs twice")
            with atomic_path(path) as temporary, open(temporary, "wb") as handle:
                np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]
            written.append(path)
    if times is None:
        raise ValueError("no structure to write")
    with atomic_path(base / "KA2D_results" / f"times_{name}.dat") as temporary:
        temporary.write_text("".join(f"{t!r}\n" for t in times.tolist()))
    return written


def trajectory_arrays(members: Sequence[Isoconfigurational]) -> dict[str, Array]:
    """Trajectories of structures with equal times, with frame 0 (no displacement) put before them.

    Raises
    ------
    ValueError
        If times or numbers of replicas differ.
    """
    first = members[0]
    for item in members[1:]:
        same = item.displacements.shape == first.displacements.shape
        if not same or not np.array_equal(item.times, first.times):
            raise ValueError(
                f"structure {item.number} has other times or replicas than structure {first.number}"
            )
    moved = np.stack([item.displacements for item in members])
    displacements = np.concatenate([np.zeros_like(moved[:, :, :1]), moved], axis=2)
    return {
        "displacements": Array(
            displacements, ("structure", "replica", "frame", "particle", "dimension"), "sigma_11", "published"
        ),
        "times": Array(np.concatenate([[0.0], first.times]), ("frame",), "tau_LJ"),
    }


def equilibration_tables(
    structures: Sequence[Configuration],
    inherent: Sequence[Configuration],
    temperature: float,
    mixture: Mixture = KA2D,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Equilibration record, table of checks and mean energies of published structures.

    Their equilibration is the authors' claim, not checked here: the record holds their energies only.
    """
    energy = [float(potential_energies(c, mixture).mean()) for c in structures]
    lower = [float(potential_energies(c, mixture).mean()) for c in inherent]
    record = pd.DataFrame(index=range(len(energy)), columns=list(COLUMNS), dtype=float)
    record = record.assign(structure=range(len(energy)), start="published", sweep=1, measured=True)
    record = record.assign(energy=energy, inherent_energy=lower)
    table = pd.DataFrame(
        {
            "temperature": temperature,
            "check": ["published"],
            "structure": [-1],
            "value": [0.0],
            "allowed": [0.0],
            "passed": [True],
            "advice": ["equilibrated by the authors of the data"],
        }
    )
    verdict = {
        "temperature": temperature,
        "checks": [],
        "structures": len(energy),
        "energy": float(np.mean(energy)),
        "inherent_energy": float(np.mean(lower)),
        "source": "GlassBench, doi 10.5281/zenodo.10118191",
    }
    return record, table, verdict


def select_structures(
    data: Iterable[Isoconfigurational], n_train: int, n_test: int
) -> list[Isoconfigurational]:
    """Choose the first structures of each part by number: training first, then test, as a run counts them.

    Raises
    ------
    ValueError
        If a part holds fewer than asked for.
    """
    found = list(data)
    chosen = []
    for part, number in zip(PARTS, (n_train, n_test), strict=True):
        members = sorted((x for x in found if x.part == part), key=lambda x: x.number)
        if len(members) < number:
            raise ValueError(
                f"the data hold {len(members)} structures in {part}/, the run asks for {number}: "
                "lower structures.number or change structures.test_fraction"
            )
        chosen += members[:number]
    return chosen
