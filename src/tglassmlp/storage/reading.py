"""What every reader checks, and what is said about a file that cannot be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tglassmlp.formats import described
from tglassmlp.storage.run_at_work import place_in_run

__all__ = ["ADVICE", "CHECKSUMMED", "Foreign", "advice", "check_is_file", "sha256_of", "unreadable"]


#: What to do about a damaged file of a run, within the run's own commands: see :func:`advice`.
ADVICE: Final = "delete this file and repeat the command: it is made again"

#: Provenance records of this format promise a checksum in files where one could be lost unnoticed.
CHECKSUMMED: Final = 2

#: Folder of the package.
_PACKAGE: Final = Path(__file__).resolve().parent.parent


def advice(path: str | os.PathLike[str]) -> str:
    """Say what to do about a file that cannot be read.

    Only a file in the folder of the run whose command is at work is made again by that command. Any other
    file may be somebody's only copy: it is never to be deleted.
    """
    if place_in_run(path) is not None:
        return ADVICE
    if Path(path).resolve().is_relative_to(_PACKAGE):
        return "it came with the package: install tglassmlp again"
    return (
        "keep this file, and restore it from where it came from. If a run made it, `make verify` says what "
        "to do"
    )


class Foreign(ValueError):
    """A file of the right kind that another program wrote."""


def unreadable(path: str | os.PathLike[str], expected: str, magic: Sequence[str], reason: object) -> str:
    """Return the message about a file that is not what a reader expects: of another kind, or damaged.

    ``magic`` are the descriptions (see :mod:`tglassmlp.formats`) under which such a file goes.
    """
    try:
        kind = described(path)
    except OSError:
        kind = None
    if kind is not None and kind not in magic and place_in_run(path) is None:
        return f"{path}: is {kind}; {expected} was expected. Nothing was changed"
    if isinstance(reason, Foreign) and place_in_run(path) is None:
        return f"{path}: is {kind} of another program: it {reason}"
    noun = expected.partition(" ")[2]
    return f"{path}: not a readable {noun} (truncated or damaged: {reason}); {advice(path)}"


def check_is_file(path: str | os.PathLike[str]) -> None:
    """Refuse a path that is no file."""
    if Path(path).is_dir():
        raise FileNotFoundError(f"{path}: is a folder, a file was expected")
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")


def sha256_of(*parts: Any) -> str:
    """Return the SHA-256 of texts, bytes and arrays (with their type and shape), one after the other."""
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
