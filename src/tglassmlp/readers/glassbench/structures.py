"""Structures of GlassBench with their replicas at all times."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import minimum_image
from tglassmlp.configuration import Configuration
from tglassmlp.mixture import KA2D, Mixture, check_is_mixture
from tglassmlp.readers.glassbench.files import TrajectoryFile, archive_files, folder_files
from tglassmlp.readers.glassbench.layout import PARTS, locate, read_times
from tglassmlp.readers.glassbench.motion import check_motion, true_displacements
from tglassmlp.readers.glassbench.time_codes import (
    complete_codes,
    list_of_codes,
    missing_codes,
    place_of_time,
    possible_codes,
)

__all__ = ["Isoconfigurational", "read_glassbench", "select_structures"]


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
    reader = archive_files if place.is_file() else folder_files
    waiting: dict[tuple[str, int], list[TrajectoryFile]] = {}
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
            allowed = "" if codes is None else f" ({list_of_codes(codes)})"
            raise ValueError(
                f"{file.path}: the time codes {list_of_codes(seen)} are more than the {times.size} times of "
                f"T = {float(temperature):g}, or others{allowed}"
            )
        key = (file.part, file.structure)
        for other in waiting.setdefault(key, []):
            if other.code == file.code:
                raise ValueError(f"{file.path}: this structure and time occur twice")
        waiting[key].append(file)
        if len(waiting[key]) == times.size:
            ready = waiting.pop(key)
            table = complete_codes(ready, table, times)
            done.add(file.structure)
            yield _joined(ready, times, table, starts, temperature, mixture)
    left = [f for group in waiting.values() for f in group]
    lists = possible_codes(left, times, temperature) if left and table is None else []
    for remaining in waiting.values():
        first = remaining[0]
        if not partial:
            raise ValueError(
                f"{first.path}: structure {first.structure} ({first.part}) has files for {len(remaining)} of "
                f"{times.size} times; {missing_codes(remaining, table, lists, times)}"
            )
        if table is None and len({tuple(c.index(f.code) for f in left) for c in lists}) == 1:
            table = lists[0]
        if table is None:
            raise ValueError(
                f"{first.path}: the time codes {list_of_codes(seen)} do not tell which of the "
                f"{times.size} times of T = {float(temperature):g} they stand for; "
                "pass the codes of all times, codes=[...]"
            )
        done.add(first.structure)
        yield _joined(remaining, times, table, starts, temperature, mixture)
    if numbers is not None and numbers - done:
        raise ValueError(
            f"{place}: holds no structure {sorted(numbers - done)} in {' or '.join(sorted(wanted))}"
        )


def _check_composition(file: TrajectoryFile, mixture: Mixture) -> None:
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
    files: Sequence[TrajectoryFile],
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
        if "time" in other.arrays and place_of_time(other, times) != place:
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
    displacements = true_displacements(ordered, initial)
    check_motion(ordered, displacements, own, float(temperature))
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
