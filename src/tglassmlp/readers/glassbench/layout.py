"""Names of GlassBench: where the data of a temperature lie, how files are called, and the list of times."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.formats import described
from tglassmlp.state_point import is_same

__all__ = [
    "LAYOUT",
    "MODELS",
    "NAME",
    "PARTS",
    "PLACE",
    "PUBLISHED_CODES",
    "aliases",
    "check_temperature",
    "locate",
    "read_times",
]


#: The published division of structures.
PARTS: Final = ("train", "test")

#: Temperatures that the record calls by another name: that of the authors' scripts, and the published one.
PUBLISHED_NAMES: Final = {0.231: 0.23, 0.251: 0.25}

#: Codes of the published times, where they are known for certain.
PUBLISHED_CODES: Final = {0.23: (5, 10, 15, 20, 25, 30, 35, 40)}

#: Names of trajectory files, of files of KA2D_models and KA_models, of folders and archives of a temperature.
NAME: Final = re.compile(r"N(?P<n>\d+)T(?P<temperature>\d+\.\d+)_(?P<structure>\d+)_tc(?P<code>\d+)\.npz")
MODELS: Final = re.compile(r"N(?P<n>\d+)T(?P<temperature>\d+\.\d+)_(?P<structure>\d+)\.npz")
PLACE: Final = re.compile(r"T(?P<temperature>\d+\.\d+)(?:\.tar(?:\.\w+)?)?")

#: How a trajectory file is called.
LAYOUT: Final = "N<N>T<T>_<structure>_tc<code>.npz"


def aliases(temperature: float | str) -> tuple[float, ...]:
    """Return the values under which a temperature goes in the record: its own, and the published one."""
    value = float(temperature)
    return (value, *(name for exact, name in PUBLISHED_NAMES.items() if is_same(value, exact)))


def spellings(temperature: float | str) -> tuple[str, ...]:
    """Names of a temperature in the data set: two decimals or all, 0.231 also as the published 0.23."""
    names: list[str] = []
    for value in aliases(temperature):
        exact = [f"{value:.{digits}f}" for digits in (2, 3) if is_same(value, round(value, digits))]
        names += [*exact, f"{value:g}"]
    return tuple(dict.fromkeys(names))


def check_temperature(path: str, named: str, temperature: float | str) -> None:
    """Refuse a name with another temperature than the one asked for."""
    if not any(is_same(named, value) for value in aliases(temperature)):
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
    named = PLACE.fullmatch(root.resolve().name)
    if named is not None:
        check_temperature(str(root), named["temperature"], temperature)
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
        for name in spellings(temperature):
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
    names = [f"times_{name}.dat" for name in spellings(temperature)]
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
