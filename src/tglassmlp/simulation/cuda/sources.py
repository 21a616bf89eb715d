"""Text of the CUDA C++ sources, with the headers they include put in their place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["FOLDER", "source_text"]

#: Folder of the sources and headers.
FOLDER: Final = Path(__file__).parent

_INCLUDE: Final = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)
_ONCE: Final = re.compile(r"^#pragma once\n", re.MULTILINE)


def source_text(source: str | Path) -> str:
    """Return a source with every ``#include "name"`` replaced by the file, each file once.

    What a compiler is given is then one text, by which the compiled kernel can be named.

    Parameters
    ----------
    source
        Path of a source (a name is looked up in :data:`FOLDER`).

    Raises
    ------
    FileNotFoundError
        If the source or a file that it includes does not exist, beside it or in :data:`FOLDER`.
    """
    path = Path(source)
    found = path if path.is_absolute() else FOLDER / path
    return _with_headers(found, set())


def _with_headers(path: Path, seen: set[Path]) -> str:
    seen.add(path.resolve())

    def insert(line: re.Match[str]) -> str:
        for folder in (path.parent, FOLDER):
            header = folder / line[1]
            if header.exists():
                return "" if header.resolve() in seen else _with_headers(header, seen)
        raise FileNotFoundError(f"{path}: the included file {line[1]!r} is neither beside it nor in {FOLDER}")

    return _INCLUDE.sub(insert, _ONCE.sub("", path.read_text(encoding="utf-8")))
