"""GlassBench: read the published isoconfigurational data of KA2D, and write our own in the same layout.

GlassBench (doi 10.5281/zenodo.10118191, CC-BY-4.0; G. Jung et al., arXiv:2311.14752) keeps one file per
structure and time:

.. code-block:: text

    KA2D_trajectories/T0.23/{train,test}/N1290T0.23_<structure>_tc<code>.npz     or
    KA2D_trajectories/T0.23.tar.xz KA2D_results/times_0.23.dat
    one time per line

The codes stand for the times in rising order and are evenly spaced: 05, 10, ..., 40 for the eight times of
T = 0.23, from 01 on for the six of T = 0.30. Arrays of a file: ``box`` (scalar), ``types`` ``[N]`` from 1,
``initial_positions`` ``[N, 2]``, ``positions`` ``[replica, N, 2]``, at some temperatures
``initial_positions_inherent`` ``[N, 2]``. Positions are rounded to six digits, and unwrapped at some
temperatures (0.23), wrapped at others (0.30): which of it is found out from the data. Files that this package
writes also hold their ``time`` (scalar).

Of the published record, these trajectories and their lists of times are read. Its ``KA2D_models`` (structures
with propensities and predictions, without box and trajectories) and all of ``KA`` (three-dimensional) are
recognised and refused.

Archives are read as streams: nothing is unpacked to disk, no name in an archive is used as a path, nothing is
unpickled.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import lzma
import os
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.configuration import Configuration, minimum_image
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.formats import described
from tglassmlp.mixture import KA2D, Mixture, check_is_mixture
from tglassmlp.simulation.energies import potential_energies
from tglassmlp.simulation.equilibration import COLUMNS
from tglassmlp.species import species_of_types
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

#: Temperatures that the record calls by another name: that of the authors' scripts, and the published one.
PUBLISHED_NAMES: Final = {0.231: 0.23, 0.251: 0.25}

#: Codes of the published times, where they are known for certain.
PUBLISHED_CODES: Final = {0.23: (5, 10, 15, 20, 25, 30, 35, 40)}

_NAME = re.compile(r"N(?P<n>\d+)T(?P<temperature>\d+\.\d+)_(?P<structure>\d+)_tc(?P<code>\d+)\.npz")
_MODELS = re.compile(r"N(?P<n>\d+)T(?P<temperature>\d+\.\d+)_(?P<structure>\d+)\.npz")
_PLACE = re.compile(r"T(?P<temperature>\d+\.\d+)(?:\.tar(?:\.\w+)?)?")
_ARRAYS = ("box", "types", "initial_positions", "positions", "initial_positions_inherent", "time")
# only in files of KA2D_models and KA_models
_OF_MODELS = ("md_prop", "bb_prop", "initial_positions_cage", "BOTAN", "CAGE", "GlassMLP", "SE3")
_LAYOUT = "N<N>T<T>_<structure>_tc<code>.npz"
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
        ``[R, F, N, 2]`` float32, true displacements: see :func:`read_glassbench` about wrapped positions.
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
    code: int
    arrays: dict[str, NDArray]

    @property
    def initial(self) -> Configuration:
        """The thermal state that all replicas start from."""
        a = self.arrays
        return Configuration(a["initial_positions"].astype(np.float64), a["types"], float(a["box"].flat[0]))


def _aliases(temperature: float | str) -> tuple[float, ...]:
    """Return the values under which a temperature goes in the record: its own, and the published one."""
    value = float(temperature)
    return (value, *(name for exact, name in PUBLISHED_NAMES.items() if abs(value - exact) < 1e-9))


def _spellings(temperature: float | str) -> tuple[str, ...]:
    """Names of a temperature in the data set: two decimals or all, 0.231 also as the published 0.23."""
    names: list[str] = []
    for value in _aliases(temperature):
        exact = [f"{value:.{digits}f}" for digits in (2, 3) if abs(value - round(value, digits)) < 1e-9]
        names += [*exact, f"{value:g}"]
    return tuple(dict.fromkeys(names))


def _same_temperature(path: str, named: str, temperature: float | str) -> None:
    """Refuse a name with another temperature than the one asked for."""
    if not any(abs(float(named) - value) < 1e-9 for value in _aliases(temperature)):
        raise ValueError(
            f"{path}: its name says T = {named}, data at T = {float(temperature):g} were asked for"
        )


def locate(root: Path, temperature: float | str) -> Path:
    """Find the folder or archive of one temperature at or below ``root``.

    Raises
    ------
    FileNotFoundError
        If there is none; the message lists where it was looked for.
    ValueError
        If the folder or archive given is named after another temperature, or is no archive.
    """
    if not root.exists():
        raise FileNotFoundError(f"no such GlassBench data: {root}")
    named = _PLACE.fullmatch(root.resolve().name)
    if named is not None:
        _same_temperature(str(root), named["temperature"], temperature)
    if root.is_file():
        kind = described(root)
        if kind is not None and "archive" not in kind:
            raise ValueError(
                f"{root}: is {kind}; a folder of GlassBench or the archive of one temperature (T<T>.tar.xz) "
                "was expected"
            )
        if kind == "a ZIP archive":
            raise ValueError(
                f"{root}: is a ZIP archive, like the whole record; unpack it and give its folder"
            )
        return root
    tried = []
    for folder in (root / "KA2D_trajectories", root):
        for name in _spellings(temperature):
            for ending in ("", ".tar.xz", ".tar.gz", ".tar"):
                candidate = folder / f"T{name}{ending}"
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


def _load(
    path: str, name: str, part: str, handle: IO[bytes], temperature: float | str | None = None
) -> _File:
    """Check and read one .npz; ``temperature`` is what its name has to say."""
    match = _NAME.fullmatch(name)
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
    _check(path, arrays, int(match["n"]))
    if temperature is not None:
        _same_temperature(path, match["temperature"], temperature)
    return _File(path, part, int(match["structure"]), int(match["code"]), arrays)


def _other(name: str, arrays: Sequence[str], missing: Sequence[str]) -> str:
    """Say what an NPZ file is that is no trajectory file of GlassBench."""
    held = f"it holds {', '.join(sorted(arrays)) or 'no array'}"
    if any(a in arrays for a in _OF_MODELS) and "positions" not in arrays:
        named = _MODELS.fullmatch(name)
        where = "KA_models, the three-dimensional set" if named and named["n"] == "4096" else "KA2D_models"
        return (
            f"is a file of {where} of GlassBench: one structure with its propensities and the predictions of "
            f"models, without box and without trajectories ({held}). Files of KA2D_trajectories ({_LAYOUT}) "
            "are read. To use its positions, give them their box, for KA2D and N = 1290: "
            f"Configuration(f['initial_positions'], f['types'], box_length={KA2D.box_length})"
        )
    if "metadata" in arrays:
        return (
            "is an NPZ file of this package (networks or a restart file), not a configuration; networks are "
            "read by load_networks"
        )
    if _NAME.fullmatch(name) is not None:
        return f"arrays {list(missing)} are missing, {held}"
    if missing:
        return (
            f"is an NPZ file, but not one of GlassBench: {held}; {', '.join(_REQUIRED)} and a name "
            f"{_LAYOUT} were expected"
        )
    return f"not a GlassBench file name, expected {_LAYOUT}"


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
    if "time" in arrays and (arrays["time"].size != 1 or not np.isfinite(arrays["time"]).all()):
        raise ValueError(f"{path}: time is {arrays['time']}, expected one number")


def _folder_files(folder: Path, wanted: set[str], temperature: float | str) -> Iterator[_File]:
    found = False
    for part in PARTS:
        if part not in wanted:
            continue
        for path in sorted((folder / part).glob("*.npz"), key=lambda p: _order(p.name)):
            found = True
            with open(path, "rb") as handle:
                yield _load(str(path), path.name, part, handle, temperature)
    if not found:
        raise ValueError(f"{folder}: no .npz file in {' or '.join(sorted(wanted))}")


def _order(name: str) -> tuple[int, int]:
    match = _NAME.fullmatch(name)
    return (int(match["structure"]), int(match["code"])) if match else (-1, -1)


def _archive_files(path: Path, wanted: set[str], temperature: float | str) -> Iterator[_File]:
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
                for folder in filter(None, map(_PLACE.fullmatch, parts[:-1])):
                    _same_temperature(inside, folder["temperature"], temperature)
                yield _load(inside, parts[-1], parts[-2], io.BytesIO(content), temperature)
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
    codes: Sequence[int] | None = None,
) -> Iterator[Isoconfigurational]:
    """Read all structures of one temperature, each with all its times.

    Displacements are true ones, whether positions are wrapped or not. Where the motion of every particle,
    folded into the box, leaves a quarter of the box free around half of it (components up to 3/8 L), the
    shortest displacement is the true one under every convention, since displacements in a liquid have no gap
    as wide. At times of larger motion the positions must be unwrapped and continue the initial ones, which
    the data have to show: positions that extend beyond one box, and no shift by a box of any particle at
    times of smaller motion or, without such times, in its mean over the replicas. Replicas that all move
    alike as far are those of another structure. Anything else is refused:
    what a particle has moved beyond half a box cannot be known from wrapped positions.

    Parameters
    ----------
    root
        Folder that holds ``KA2D_trajectories`` and ``KA2D_results``, the folder of one temperature, or
        its ``.tar.xz``.
    temperature
        Temperature; 0.231 and 0.251 are found under their published names 0.23 and 0.25. Names of folders
        and files have to agree with it.
    mixture
        Its unit system decides how many particles of each species are expected.
    parts
        Which of ``"train"`` and ``"test"``.
    structures
        Published numbers wanted; all by default.
    partial
        Accept structures without files for some of the times. For samples.
    codes
        Time codes of all times in their order, for a sample whose own codes do not tell which times they
        stand for.

    Yields
    ------
    Isoconfigurational
        In the order of the files; structures of an archive come as soon as they are complete.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, archive or list of times.
    TypeError
        If ``mixture`` is no mixture.
    ValueError
        For a damaged archive or file, a file of another kind, three-dimensional data, another number of
        particles, a name with another temperature, a missing time (its code is named), codes that cannot be
        matched with the times, displacements that cannot be known, files that contradict each other, their
        names or their times, or a structure that is not there; the message names the file.
    """
    if check_is_mixture(mixture, "read_glassbench") is None:
        raise TypeError("read_glassbench: mixture must be a tglassmlp.Mixture, found None")
    place = locate(Path(root), temperature)
    times = read_times(root, temperature)
    wanted = set(parts)
    if not wanted or wanted - set(PARTS):
        raise ValueError(f"parts must be from {PARTS}, found {tuple(parts)}")
    numbers = None if structures is None else set(structures)
    if codes is not None and (len(codes) != times.size or list(codes) != sorted(set(codes))):
        raise ValueError(f"codes must be {times.size} rising numbers, one for each time, found {list(codes)}")
    reader = _archive_files if place.is_file() else _folder_files
    waiting: dict[tuple[str, int], list[_File]] = {}
    table = None if codes is None else tuple(int(c) for c in codes)
    seen: set[int] = set()
    starts: dict[bytes, str] = {}
    done: set[int] = set()
    for file in reader(place, wanted, temperature):
        if numbers is not None and file.structure not in numbers:
            continue
        _check_composition(file, mixture)
        seen.add(file.code)
        if len(seen) > times.size or (codes is not None and file.code not in codes):
            allowed = "" if codes is None else f" ({_list(codes)})"
            raise ValueError(
                f"{file.path}: the time codes {_list(seen)} are more than the {times.size} times of "
                f"T = {float(temperature):g}, or others{allowed}"
            )
        key = (file.part, file.structure)
        for other in waiting.setdefault(key, []):
            if other.code == file.code:
                raise ValueError(f"{file.path}: this structure and time occur twice")
        waiting[key].append(file)
        if len(waiting[key]) == times.size:
            ready = waiting.pop(key)
            table = _complete(ready, table, times)
            done.add(file.structure)
            yield _joined(ready, times, table, starts, temperature, mixture)
    left = [f for group in waiting.values() for f in group]
    lists = _possible_codes(left, times, temperature) if left and table is None else []
    for remaining in waiting.values():
        first = remaining[0]
        if not partial:
            raise ValueError(
                f"{first.path}: structure {first.structure} ({first.part}) has files for {len(remaining)} of "
                f"{times.size} times; {_missing(remaining, table, lists, times)}"
            )
        if table is None and len({tuple(c.index(f.code) for f in left) for c in lists}) == 1:
            table = lists[0]
        if table is None:
            raise ValueError(
                f"{first.path}: the time codes {_list(seen)} do not tell which of the {times.size} times of "
                f"T = {float(temperature):g} they stand for; pass the codes of all times, codes=[...]"
            )
        done.add(first.structure)
        yield _joined(remaining, times, table, starts, temperature, mixture)
    if numbers is not None and numbers - done:
        raise ValueError(
            f"{place}: holds no structure {sorted(numbers - done)} in {' or '.join(sorted(wanted))}"
        )


def _list(codes: Iterable[int]) -> str:
    return ", ".join(f"tc{c:02d}" for c in sorted(codes))


def _missing(
    files: Sequence[_File],
    table: tuple[int, ...] | None,
    lists: Sequence[tuple[int, ...]],
    times: NDArray[np.float64],
) -> str:
    """Name the codes that one structure has no file for, as far as they are known."""
    have = {f.code for f in files}
    counted = tuple(range(1, len(lists[0]) + 1)) if lists else ()
    doubt = ""
    if table is None and len(lists) == 1:
        table = lists[0]
    elif table is None and counted in lists:
        table, doubt = counted, " (if codes count from 01)"
    if table is None:
        return f"there are only the time codes {_list(have)}"
    nowhere = [f"{times[k]:g}" for k, c in enumerate(table) if c < 1]
    if nowhere:  # known by the recorded times only
        return (
            f"no structure has a file for t = {', '.join(nowhere)}, which the list of times holds: either "
            "these files are missing, or the list has times that do not belong to the data"
        )
    return f"missing are the time codes {_list(c for c in table if c not in have)}{doubt}"


def _complete(
    files: Sequence[_File], table: tuple[int, ...] | None, times: NDArray[np.float64]
) -> tuple[int, ...]:
    """Codes of all times from a structure that has as many; they must be those of the ones before it."""
    have = tuple(sorted(f.code for f in files))
    first = files[0]
    if table is not None and have != table:
        raise ValueError(
            f"{first.path}: structure {first.structure} has the time codes {_list(have)}, the others have "
            f"{_list(table)}: missing {_list(set(table) - set(have))}"
        )
    if table is None and not all("time" in f.arrays for f in files) and not _regular(have):
        raise ValueError(
            f"{first.path}: the time codes {_list(have)} are not evenly spaced from the first: one is "
            f"missing or does not belong to the {times.size} times; codes=[...] says what they are"
        )
    return have


def _regular(codes: Sequence[int]) -> bool:
    """Whether codes are 1, 1 + s, 1 + 2 s, ... or s, 2 s, 3 s, ..."""
    gaps = {b - a for a, b in itertools.pairwise(codes)}
    return len(gaps) <= 1 and codes[0] in {1, *gaps}


def _possible_codes(
    files: Sequence[_File], times: NDArray[np.float64], temperature: float | str
) -> list[tuple[int, ...]]:
    """Return the lists of codes of all times that incomplete structures may belong to.

    Recorded times tell, and published codes; otherwise every regular list that holds the codes is possible.
    """
    seen, count = sorted({f.code for f in files}), int(times.size)
    if all("time" in f.arrays for f in files):
        listed = list(range(-count, 0))  # codes that no file has
        for f in files:
            listed[_index(f, times)] = f.code
        return [tuple(listed)]
    for value in _aliases(temperature):
        published = PUBLISHED_CODES.get(round(value, 6))
        if published is not None and len(published) == count and set(seen) <= set(published):
            return [published]
    lists = {
        tuple(range(first, first + step * count, step))
        for step in range(1, max(10, seen[-1]) + 1)
        for first in (1, step)
    }
    return sorted(c for c in lists if set(seen) <= set(c))


def _index(file: _File, times: NDArray[np.float64]) -> int:
    """Place of a file's recorded time in the list of times."""
    time = float(file.arrays["time"].flat[0])
    found = np.flatnonzero(np.isclose(times, time, rtol=1e-6, atol=0.0))
    if found.size != 1:
        raise ValueError(f"{file.path}: was written for the time {time:g}, the times are {times.tolist()}")
    return int(found[0])


def read_configurations(
    path: str | os.PathLike[str],
    mixture: Mixture | None = storage.EXPECTED,
    species: Mapping[str, int] | None = None,
) -> list[Configuration]:
    """Read every frame of a GSD file, or the initial, thermal state of a GlassBench file (``.npz``).

    Files of this package carry their species and, if :func:`tglassmlp.write_configurations` was told, their
    mixture; one of another mixture is refused. GSD files of other programs are read from their float32
    positions and images. Their types are understood where the names are the species (``"1"``, ``"2"``,
    ``"3"``) or the letters A, B, C in this order, whatever the order of the list, and where the shares of the
    types are those of the mixture. GlassBench files must keep their names.

    Configurations carry the mixture that the file names, otherwise the one that is given as ``mixture``.
    Where neither names one, they carry none.

    Parameters
    ----------
    path
        The file.
    mixture
        What its particles are expected to be, by default those of KA2D. None: shares are not compared, and
        only numbers are understood as names.
    species
        What each type of the file means, e.g. ``{"A": 1, "B": 3, "C": 2}``.

    Returns
    -------
    list of Configuration
        One for each frame; species are numbered as in ``mixture``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If ``mixture`` or ``species`` is of another type.
    ValueError
        If it is neither, is damaged, holds no frame or no particles, is not two-dimensional, its box is not
        square, a coordinate is not finite, a particle has a type that is not listed, or the types cannot be
        told to be the species of the mixture.

    Warns
    -----
    UserWarning
        If a file of this package names no mixture and has other shares of species than ``mixture``.

    Examples
    --------
    >>> read_configurations("converted.gsd", species={"A": 1, "B": 3, "C": 2})  # doctest: +SKIP
    """
    storage.check_reader_arguments(mixture, species)
    place = Path(path)
    if not place.is_file():
        return storage.read_configurations(path, mixture, species)
    kind = described(place)
    if kind == "an NPZ file" or (kind is None and place.suffix == ".npz"):
        with open(place, "rb") as handle:
            initial = _thermal(_load(str(path), place.name, "", handle), mixture, species)
            return [initial if isinstance(mixture, storage.AssumedMixture) else initial.with_mixture(mixture)]
    if kind not in (None, "a GSD file"):
        raise ValueError(
            f"{path}: is {kind}, which is not read. Read are GSD files and trajectory files of GlassBench "
            f"({_LAYOUT}). {_way_out(str(kind))}"
        )
    return storage.read_configurations(path, mixture, species)


def _way_out(kind: str) -> str:
    if "archive" in kind:
        return "Archives of GlassBench are read by tglassmlp.glassbench.read_glassbench"
    if kind == "an empty file":
        return "It holds nothing: copy or download it again"
    return (
        "Configurations in other formats can be exported as GSD, e.g. by OVITO, with types named 1, 2, 3 "
        "after the species"
    )


def _thermal(file: _File, mixture: Mixture | None, species: Mapping[str, int] | None) -> Configuration:
    """Return the initial state of a file, its types held against a mixture."""
    initial = file.initial
    names, ids = np.unique(initial.species, return_inverse=True)
    try:
        numbers = species_of_types([str(n) for n in names], ids, mixture, species)
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from None
    return Configuration(initial.positions, numbers, initial.box_length)


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


def _joined(
    files: Sequence[_File],
    times: NDArray[np.float64],
    table: Sequence[int],
    starts: dict[bytes, str],
    temperature: float | str,
    mixture: Mixture,
) -> Isoconfigurational:
    """Put the files of one structure together; ``starts`` remembers the initial states seen so far."""
    ordered = sorted(files, key=lambda f: f.code)
    first = ordered[0]
    places = [table.index(f.code) for f in ordered]
    contents: dict[bytes, str] = {}
    for place, other in zip(places, ordered, strict=True):
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
        if "time" in other.arrays and _index(other, times) != place:
            raise ValueError(
                f"{other.path}: was written for the time {float(other.arrays['time'].flat[0]):g}, its code "
                f"tc{other.code:02d} stands for {times[place]:g}"
            )
        same = contents.setdefault(_digest(other.arrays["positions"]), other.path)
        if same != other.path:
            raise ValueError(f"{other.path}: holds the same positions as {same}, another time was expected")
    same = starts.setdefault(_digest(first.arrays["initial_positions"]), first.path)
    if same != first.path:
        raise ValueError(
            f"{first.path}: starts from the same positions as {same}, another structure was expected"
        )
    initial, own = first.initial.with_mixture(mixture), times[places]
    displacements = _displacements(ordered, initial)
    _check_motion(ordered, displacements, own, float(temperature))
    inherent = None
    if "initial_positions_inherent" in first.arrays:
        inherent = initial.with_positions(first.arrays["initial_positions_inherent"])
        apart = minimum_image(inherent.positions - initial.positions, initial.box_length)
        distance = float(np.sqrt((apart**2).sum(axis=1).mean()))
        if distance > 1.0:
            raise ValueError(
                f"{first.path}: initial_positions_inherent lie {distance:.2g} (root mean square) from "
                "initial_positions, less than 1 was expected"
            )
    return Isoconfigurational(
        first.structure, first.part, initial, inherent, own, displacements.astype(np.float32)
    )


def _digest(values: NDArray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(values, dtype=np.float64).tobytes()).digest()


#: Components of displacements, folded into the box, up to which the shortest one is taken for the true one.
_KNOWN = 3 / 8


def _displacements(files: Sequence[_File], initial: Configuration) -> NDArray[np.float64]:
    """Return true displacements ``[R, F, N, 2]`` of one structure, as :func:`read_glassbench` describes."""
    box = initial.box_length
    later = np.stack([f.arrays["positions"] for f in files], axis=1).astype(np.float64)
    apart = later - initial.positions
    short = minimum_image(apart, box)
    image = np.round((apart - short) / box)
    largest = np.abs(short).max(axis=(0, 2, 3))
    far = largest > _KNOWN * box
    shifted = ~far & image.any(axis=(0, 2, 3))
    # positions are rounded to six digits, by 5e-5 where they have two before the point
    allowed = box * (1.0 + 2e-4)
    for k in np.flatnonzero(far).tolist():
        extent = later[:, k].max(axis=(0, 1)) - later[:, k].min(axis=(0, 1))
        drifts = np.abs(apart[:, k].mean(axis=0)).max()
        if np.any(extent <= allowed):
            reason = "all positions lie within one box, so they are wrapped"
        elif shifted.any():
            earlier = files[int(np.flatnonzero(shifted)[0])].path
            reason = f"the positions of {earlier} do not continue the initial ones, so they are wrapped"
        elif far.all() and drifts > 0.5 * box:
            reason = "the mean displacement of a particle over its replicas is beyond half a box"
        elif (alike := _likeness(apart[:, k])) > 0.5:
            raise ValueError(
                f"{files[k].path}: all replicas have moved alike (correlation {alike:.2f}) and by more than "
                f"{_KNOWN} box lengths: these are not positions of the structure they are named after"
            )
        else:
            continue
        raise ValueError(
            f"{files[k].path}: displacements cannot be known: {reason}, and folded into the box particles "
            f"have moved by up to {largest[k] / box:.2f} box lengths along an axis, {_KNOWN} at most was "
            "expected. Unwrapped positions are needed at this time"
        )
    return np.where(far[None, :, None, None], apart, short)


def _likeness(displacements: NDArray[np.float64]) -> float:
    """Correlation of the displacements ``[R, N, 2]`` of different replicas, 0 for a single one.

    In a cage it is at most 1/2 (the common start of independent vibrations), and vanishes with time.
    """
    replicas = len(displacements)
    total = float((displacements**2).sum())
    if replicas < 2 or total == 0.0:
        return 0.0
    return (float((displacements.sum(axis=0) ** 2).sum()) - total) / ((replicas - 1) * total)


def _check_motion(
    files: Sequence[_File], displacements: NDArray[np.float64], times: NDArray[np.float64], temperature: float
) -> None:
    """Hold the mean squared displacement against the times and the temperature that names give.

    In equilibrium it cannot exceed that of free flight, 2 T t^2 in two dimensions with unit mass, since the
    velocity is never more correlated with itself than at once, and it does not fall to less than half as
    time goes on. A factor of four is left for few replicas.
    """
    moved = (displacements**2).sum(axis=-1).mean(axis=(0, 2))
    for k, (value, time) in enumerate(zip(moved, times, strict=True)):
        free = 2.0 * temperature * time**2
        if value > 4.0 * free:
            raise ValueError(
                f"{files[k].path}: mean squared displacement {value:.3g} at time {time:g}, free flight at "
                f"T = {temperature:g} gives {free:.3g}: the time code, the list of times or the temperature "
                "is wrong"
            )
        if value < 0.5 * moved[:k].max(initial=0.0):
            raise ValueError(
                f"{files[k].path}: mean squared displacement {value:.3g} at time {time:g}, it was "
                f"{moved[:k].max():.3g} at an earlier one: time codes are mixed up"
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
        The files written. Codes are two or more digits, counted from 01 in the order of the times; unlike
        published files, each also holds its ``time``.

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
                "time": np.array(float(item.times[frame])),
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


@takes_mixture(assume=False)
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
