"""Limits between several values, written once for the run configuration and for the Python interface.

Ranges of single values stand with the settings that hold them and in :mod:`tglassmlp.settings.ranges`;
functions ask for them by :func:`tglassmlp.settings.check`. What follows needs two values or more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DESCRIPTOR_CUTOFF",
    "MAX_SPECIES",
    "ROWS_PER_LENGTH",
    "SMALLEST_TOLERANCE",
    "OutOfRange",
    "check_cutoff",
    "check_lengths",
    "check_name",
    "check_radii",
    "check_rings",
    "check_whole",
]

#: Range of the coarse-graining sums: just less than half the box of one unit system of KA2D.
DESCRIPTOR_CUTOFF: Final = 16.4

#: Species that the tables of the compiled kernels hold.
MAX_SPECIES: Final = 4

#: Smallest force that a minimisation can be asked for. Rounding of positions and of sums over neighbours
#: leaves up to 6e-13 in 129 particles of KA2D, 2e-12 in 1290 and 7e-12 in 11610: it grows with the box.
SMALLEST_TOLERANCE: Final = 1e-10

#: Rows of the table of weights per smallest length, and the largest number of entries of that table.
ROWS_PER_LENGTH: Final = 32
_LARGEST_TABLE: Final = 4_000_000

#: Names that stand in names of files, and in configurations without quotation marks.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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


def check_name(kind: str, name: Any) -> str:
    """Return the name of something that is added if files, folders and configurations can hold it.

    Raises
    ------
    ValueError
        Saying of what kind of thing the name is.
    """
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ValueError(
            f"the name of a new {kind} must be letters, digits, '.', '_' and '-', starting with a letter or "
            f"digit, found {name!r}"
        )
    return name


def check_radii(r_in: float, r_out: float) -> None:
    """Refuse distances of bond breaking that are not 0 < r_in < r_out.

    Raises
    ------
    OutOfRange
        With the one that is not allowed.
    """
    for name, value in (("r_in", r_in), ("r_out", r_out)):
        number = np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf"
        if not number or not (np.isfinite(value) and value > 0):
            raise OutOfRange(name, f"{value}", "a positive number")
    if r_out <= r_in:
        raise OutOfRange("r_out", f"{r_out:g}", f"more than r_in ({r_in:g})")


def check_rings(radii: Sequence[float], width: float, box_length: float, particles: int) -> None:
    """Refuse rings of the spatial-correlation term that the box cannot hold or that hold no particles.

    Parameters
    ----------
    radii, width
        Centres of the Gaussian rings and their width.
    box_length
        Side of the periodic box.
    particles
        Number of particles in it that are correlated.

    Raises
    ------
    OutOfRange
        Named ``radii`` or ``width``: a radius beyond half the box, where the minimum image cuts rings off; a
        width larger than half the box; or one so small that a ring holds less than one particle on average.
    """
    half = 0.5 * box_length
    values = [float(r) for r in radii]
    for radius in values:
        if not (np.isfinite(radius) and 0 < radius <= half):
            raise OutOfRange("radii", f"{values}", f"positive and at most half the box ({half:.4g})")
    # a Gaussian ring counts 2 pi r sqrt(2 pi) s rho particles
    around = 2.0 * np.pi * values[0] * particles / box_length**2
    smallest = 1.0 / (np.sqrt(2.0 * np.pi) * around)
    if not (np.isfinite(width) and smallest <= width <= half):
        raise OutOfRange(
            "width",
            f"{width:g}",
            f"{smallest:.3g} to {half:.4g}: a ring at {values[0]:g} holds at least one particle on average "
            "and fits in half the box",
        )


def check_whole(name: str, value: Any) -> None:
    """Refuse what is not a whole number of at least 1 that 64 bits hold.

    Raises
    ------
    OutOfRange
        With the value.
    """
    number = np.ndim(value) == 0 and (
        np.asarray(value).dtype.kind in "iuf" or (isinstance(value, int) and not isinstance(value, bool))
    )
    if not number or not 1 <= value < 2**63 or int(value) != value:
        raise OutOfRange(name, f"{value!r}", "a whole number of at least 1")
