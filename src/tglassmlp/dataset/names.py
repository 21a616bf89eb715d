"""Names of the files of a data set: what is in them.

A name says what is in the file::

    T0.40_unit_structures_0008.npz          structures 8, 9, ... at T = 0.40
    T0.40_unit_dynamics_0008.npz            their dynamics
    T0.40_unit_dynamics_0008_from22000000.npz    the same dynamics made longer, from that time step on
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FileName", "file_name", "named"]

_NAME = re.compile(
    r"T(?P<temperature>\d+\.\d{2,6})_(?P<ensemble>unit|large)_(?P<kind>structures|dynamics)"
    r"_(?P<first>\d{4,})(?:_from(?P<begin>\d+))?\.npz"
)


@dataclass(frozen=True, order=True)
class FileName:
    """What the name of a file says.

    Parameters
    ----------
    temperature
        Canonical text, e.g. ``"0.40"``.
    ensemble
        ``unit`` systems or ``large`` ones.
    kind
        ``structures`` or ``dynamics``.
    first
        Number of the first structure.
    begin
        Time step after which the frames of a ``dynamics`` file begin; 0 for the first file.
    """

    temperature: str
    ensemble: str
    kind: str
    first: int
    begin: int = 0

    def __str__(self) -> str:
        tail = f"_from{self.begin}" if self.begin else ""
        return f"T{self.temperature}_{self.ensemble}_{self.kind}_{self.first:04d}{tail}.npz"


def file_name(text: str) -> FileName | None:
    """Parts of a file's name, None for the name of something else."""
    found = _NAME.fullmatch(text)
    if found is None or (found["begin"] is not None and found["kind"] != "dynamics"):
        return None
    return FileName(
        found["temperature"], found["ensemble"], found["kind"], int(found["first"]), int(found["begin"] or 0)
    )


def named(record: Mapping[str, Any]) -> FileName:
    """Return the name of the file that a record describes."""
    return FileName(
        str(record["temperature"]),
        str(record["ensemble"]),
        str(record["kind"]),
        int(record["first_structure"]),
        int(record.get("begin", 0)),
    )
