"""A checksum at the end of a file whose format has none."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

__all__ = ["is_sealed", "seal"]


#: What stands before the checksum.
_SEAL: Final = b"\ntglassmlp sha256 "


def seal(path: Path) -> None:
    """Append the SHA-256 of a file to it: GSD itself has no checksums, and leaves bytes at the end alone."""
    with open(path, "rb+") as handle:
        checksum = hashlib.file_digest(handle, "sha256").hexdigest()
        handle.seek(0, os.SEEK_END)
        handle.write(_SEAL + checksum.encode())


def is_sealed(path: str | os.PathLike[str]) -> bool:
    """Whether a file ends with its checksum; one that differs from its content is an OSError."""
    size, tail = os.path.getsize(path), len(_SEAL) + 64
    with open(path, "rb") as handle:
        handle.seek(max(0, size - tail))
        ending = handle.read(tail)
        if not ending.startswith(_SEAL):
            return False
        handle.seek(0)
        digest, left = hashlib.sha256(), size - tail
        while left > 0 and (block := handle.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    if digest.hexdigest().encode() != ending[len(_SEAL) :]:
        raise OSError("its content differs from its checksum")
    return True
