"""Checksums of the files of a data set, in one file of its folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from tglassmlp.dataset.names import file_name

__all__ = ["MANIFEST", "read_manifest"]

#: File of the folder that lists the checksums of all others, in the format of ``sha256sum``.
MANIFEST: Final = "SHA256SUMS"


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Checksums listed in a data set's manifest, by the name of the file; empty if there is no manifest.

    Raises
    ------
    ValueError
        If a line is not a checksum and the name of a file of a data set, or a name stands twice.
    """
    path = Path(folder) / MANIFEST
    listed: dict[str, str] = {}
    if not path.is_file():
        return listed
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        found = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
        if found is None or file_name(found[2]) is None or found[2] in listed:
            raise ValueError(
                f"{path}, line {number}: expected a SHA-256 and the name of a file, found {line!r}"
            )
        listed[found[2]] = found[1]
    return listed
