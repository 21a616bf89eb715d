"""Which time codes stand for which times: found out from structures that are complete, or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tglassmlp.readers.glassbench.files import TrajectoryFile
from tglassmlp.readers.glassbench.layout import PUBLISHED_CODES, aliases

__all__ = ["complete_codes", "list_of_codes", "missing_codes", "place_of_time", "possible_codes"]


def list_of_codes(codes: Iterable[int]) -> str:
    """Return codes as names of files have them."""
    return ", ".join(f"tc{c:02d}" for c in sorted(codes))


def missing_codes(
    files: Sequence[TrajectoryFile],
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
        return f"there are only the time codes {list_of_codes(have)}"
    nowhere = [f"{times[k]:g}" for k, c in enumerate(table) if c < 1]
    if nowhere:  # known by the recorded times only
        return (
            f"no structure has a file for t = {', '.join(nowhere)}, which the list of times holds: either "
            "these files are missing, or the list has times that do not belong to the data"
        )
    return f"missing are the time codes {list_of_codes(c for c in table if c not in have)}{doubt}"


def complete_codes(
    files: Sequence[TrajectoryFile], table: tuple[int, ...] | None, times: NDArray[np.float64]
) -> tuple[int, ...]:
    """Return the codes of all times from a complete structure; they must be those of the ones before it."""
    have = tuple(sorted(f.code for f in files))
    first = files[0]
    if table is not None and have != table:
        raise ValueError(
            f"{first.path}: structure {first.structure} has the time codes {list_of_codes(have)}, the "
            f"others have {list_of_codes(table)}: missing {list_of_codes(set(table) - set(have))}"
        )
    if table is None and not all("time" in f.arrays for f in files) and not _regular(have):
        raise ValueError(
            f"{first.path}: the time codes {list_of_codes(have)} are not evenly spaced from the first: one "
            f"is missing or does not belong to the {times.size} times; codes=[...] says what they are"
        )
    return have


def _regular(codes: Sequence[int]) -> bool:
    """Whether codes are 1, 1 + s, 1 + 2 s, ... or s, 2 s, 3 s, ..."""
    gaps = {b - a for a, b in itertools.pairwise(codes)}
    return len(gaps) <= 1 and codes[0] in {1, *gaps}


def possible_codes(
    files: Sequence[TrajectoryFile], times: NDArray[np.float64], temperature: float | str
) -> list[tuple[int, ...]]:
    """Return the lists of codes of all times that incomplete structures may belong to.

    Recorded times tell, and published codes; otherwise every regular list that holds the codes is possible.
    """
    seen, count = sorted({f.code for f in files}), int(times.size)
    if all("time" in f.arrays for f in files):
        listed = list(range(-count, 0))  # codes that no file has
        for f in files:
            listed[place_of_time(f, times)] = f.code
        return [tuple(listed)]
    for value in aliases(temperature):
        published = PUBLISHED_CODES.get(round(value, 6))
        if published is not None and len(published) == count and set(seen) <= set(published):
            return [published]
    lists = {
        tuple(range(first, first + step * count, step))
        for step in range(1, max(10, seen[-1]) + 1)
        for first in (1, step)
    }
    return sorted(c for c in lists if set(seen) <= set(c))


def place_of_time(file: TrajectoryFile, times: NDArray[np.float64]) -> int:
    """Return the place of a file's recorded time in the list of times."""
    time = float(file.arrays["time"].flat[0])
    found = np.flatnonzero(np.isclose(times, time, rtol=1e-6, atol=0.0))
    if found.size != 1:
        raise ValueError(f"{file.path}: was written for the time {time:g}, the times are {times.tolist()}")
    return int(found[0])
