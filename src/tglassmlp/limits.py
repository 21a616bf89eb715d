"""Limits between several values, written once for the run configuration and for the Python interface.

Ranges of single values stand in :mod:`tglassmlp.config`, where :func:`tglassmlp.config.check` offers them to
the functions of the package. What follows needs two values or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DESCRIPTOR_CUTOFF",
    "ROWS_PER_LENGTH",
    "OutOfRange",
    "check_cutoff",
    "check_lengths",
    "check_radii",
]

#: Range of the coarse-graining sums: just less than half the box of one unit system of KA2D.
DESCRIPTOR_CUTOFF: Final = 16.4

#: Rows of the table of weights per smallest length, and the largest number of entries of that table.
ROWS_PER_LENGTH: Final = 32
_LARGEST_TABLE: Final = 4_000_000


class OutOfRange(ValueError):
    """A value that is not allowed: its name, what was found, and what is allowed."""

    def __init__(self, name: str, found: Any, allowed: str) -> None:
        self.name, self.found, self.allowed = name, found, allowed
        super().__init__(f"{name} must be {allowed}, found {found}")

    def __reduce__(self) -> tuple[type[OutOfRange], tuple[str, Any, str]]:
        return type(self), (self.name, self.found, self.allowed)


def check_cutoff(cutoff: float, box_length: float) -> float:
    """Return the range of the coarse-graining sums if it is at most half the box.

    Raises
    ------
    OutOfRange
        If it is not positive, or longer than half the box: the minimum image then cuts the disc off, and the
        sums of a larger system differ by many standard deviations.
    """
    value = float(cutoff)
    if not (np.isfinite(value) and value > 0):
        raise OutOfRange("cutoff", f"{cutoff}", "a positive number")
    if value > 0.5 * box_length:
        raise OutOfRange(
            "cutoff",
            f"{value:g}",
            f"at most half the box ({0.5 * box_length:.4g}): the sums of a larger range differ between "
            "small and "
            "large systems, by many standard deviations",
        )
    return value


def check_lengths(lengths: Sequence[float], cutoff: float) -> NDArray[np.float64]:
    """Return coarse-graining lengths as an array if they can be used with a cut-off.

    Raises
    ------
    ValueError
        If the list is empty, falls or repeats a length, holds a negative one or one that is not finite, or
        one too small for the cut-off; or if names of six digits would not tell two of them apart.
    """
    values = np.asarray(lengths, dtype=float)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"lengths must be a list of at least one number, found {lengths!r}")
    if not np.all(np.isfinite(values)) or np.any(values < 0) or np.any(np.diff(values) <= 0):
        raise ValueError(f"lengths must rise and must not be negative, found {values.tolist()}")
    if not cutoff > 0:
        raise ValueError(f"cutoff must be positive, found {cutoff}")
    positive = values[values > 0]
    if positive.size and cutoff / positive[0] * ROWS_PER_LENGTH * positive.size > _LARGEST_TABLE:
        raise ValueError(
            f"the smallest length {positive[0]:g} is too small against the cut-off {cutoff:g}; "
            "use 0 for j = i alone"
        )
    if len({f"{v:g}" for v in values}) != values.size:
        raise ValueError(f"lengths must differ within six digits, found {values.tolist()}")
    return values


def check_radii(r_in: float, r_out: float) -> None:
    """Refuse distances of bond breaking that are not 0 < r_in < r_out.

    Raises
    ------
    OutOfRange
        With the one that is not allowed.
    """
    for name, value in (("r_in", r_in), ("r_out", r_out)):
        if isinstance(value, bool) or not (np.isfinite(value) and value > 0):
            raise OutOfRange(name, f"{value}", "a positive number")
    if r_out <= r_in:
        raise OutOfRange("r_out", f"{r_out:g}", f"more than r_in ({r_in:g})")
