"""Trained networks that come with the package, found by name.

:mod:`tglassmlp.network.publish` puts them there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["DEFAULT", "FOLDER", "located", "names"]

#: Where the package keeps its networks, ``<name>.npz`` and ``<name>.md``.
FOLDER: Final = Path(__file__).resolve().parent.parent / "data" / "networks"

#: Networks that are meant where none are named.
DEFAULT: Final = "laptop"


def names() -> list[str]:
    """Names of the networks that come with the package."""
    return sorted(p.stem for p in FOLDER.glob("*.npz"))


def located(path: str | os.PathLike[str]) -> Path:
    """Path of a networks file: as given, or that of a name without folder and ending.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a name; the message lists the available names.
    """
    given = Path(path)
    if given.name != os.fspath(path) or given.suffix or given.exists():
        return given
    inside = FOLDER / f"{given}.npz"
    if not inside.is_file():
        there = ", ".join(names()) or "none in this installation"
        raise FileNotFoundError(
            f"no networks called {os.fspath(path)!r} come with the package; available: {there}. "
            "Networks of a run are loaded by their path, e.g. results/<run>/networks/full/tmin0.40.npz"
        )
    return inside
