"""What the place of a run's file says about it."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import NamedTuple

__all__ = ["File", "Place", "folder_temperature", "place_of"]

File = str | PathLike[str]


class Place(NamedTuple):
    """Kind of file, T_min as in file names ("" for files without one) and temperature."""

    kind: str
    t_min: str
    temperature: float


def place_of(path: File) -> Place:
    """Read the place of ``.../<kind>/T<temperature>.h5`` or ``.../<kind>/tmin<T_min>/T<temperature>.h5``.

    Raises
    ------
    ValueError
        If the file is not named after a temperature.
    """
    p = Path(path)
    folder = p.parent.name
    match = re.fullmatch(r"T(\d+\.\d+)", p.stem)
    if match is None:
        raise ValueError(f"{p}: expected a file named T<temperature>")
    if folder.startswith("tmin"):
        return Place(p.parent.parent.name, folder[4:], float(match[1]))
    return Place(folder, "", float(match[1]))


def folder_temperature(path: File) -> float:
    """Temperature of a file of a chunk, ``.../T<temperature>/chunk<k>.h5``.

    Raises
    ------
    ValueError
        If the folder is not named after a temperature.
    """
    match = re.fullmatch(r"T(\d+\.\d+)", Path(path).parent.name)
    if match is None:
        raise ValueError(f"{path}: expected a file in a folder named T<temperature>")
    return float(match[1])
