r"""The square periodic box: one way to fold coordinates, one nearest image, one index of a cell.

Everything that asks where a particle lies in its box asks here: readers, neighbour searches, figures and
compiled kernels. :func:`fold` and :func:`cell` are written so that the same lines serve NumPy arrays and,
compiled in :mod:`tglassmlp.simulation.inlined`, single coordinates. Two formulas that are equal on paper
need not agree at the edge of the box: at x = L, floor(x / L) is 1 for every L, but floor(x * (1 / L)) is 0
for one length in seven.

This module needs NumPy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DIMENSIONS",
    "FAR",
    "RESOLUTION",
    "Box",
    "bring_near",
    "cell",
    "check_resolved",
    "fold",
    "minimum_image",
    "nearest",
    "wrap",
]

#: Number of dimensions d of space: positions are ``[N, d]``. What assumes two of them beyond the length of an
#: axis says so in its docstring: radical cells and their perimeters, tessellations, stripes of slots, rings.
DIMENSIONS: Final = 2

#: Coordinates further out than this many boxes are folded before anything is computed from them. Nearer ones
#: are left alone: differences of them are as exact as the sums they enter, and the paths of earlier runs stay
#: the same to the last bit.
FAR: Final = 8

#: Coarsest spacing of float64 numbers at a coordinate that is still accepted, in units of the box.
RESOLUTION: Final = 1e-7


@dataclass(frozen=True)
class Box:
    """A periodic box, known by the lengths of its sides.

    Parameters
    ----------
    lengths
        Side along each dimension. All are equal: compiled code takes one length for all axes.

    Raises
    ------
    ValueError
        If they are not :data:`DIMENSIONS` equal, positive numbers.

    Examples
    --------
    >>> box = Box.with_side(10.0)
    >>> box.lengths, box.volume
    ((10.0, 10.0), 100.0)
    >>> box.fold([6.0, -5.0]).tolist()
    [-4.0, -5.0]
    """

    lengths: tuple[float, ...]

    def __post_init__(self) -> None:
        good = len(self.lengths) == DIMENSIONS and len(set(self.lengths)) == 1
        if not (good and math.isfinite(self.lengths[0]) and self.lengths[0] > 0):
            raise ValueError(
                f"a box needs {DIMENSIONS} equal sides of positive length, found {list(self.lengths)}"
            )

    @classmethod
    def with_side(cls, length: float) -> Box:
        """Box whose sides all have this length."""
        return cls((float(length),) * DIMENSIONS)

    @property
    def side(self) -> float:
        """Length of each side."""
        return self.lengths[0]

    @property
    def volume(self) -> float:
        """Area in two dimensions."""
        return self.side**DIMENSIONS

    def fold(self, positions: ArrayLike, start: float = -0.5) -> NDArray[np.float64]:
        """Fold positions ``[..., d]`` into the box; see :func:`fold`."""
        return wrap(positions, self.side, start)

    def minimum_image(self, separations: ArrayLike) -> NDArray[np.float64]:
        """Shortest periodic image of separation vectors ``[..., d]``."""
        return minimum_image(separations, self.side)


def fold(x: Any, length: Any, start: Any = -0.5) -> Any:
    """Fold coordinates into ``[start * L, (start + 1) * L)``, by default ``[-L/2, L/2)``.

    The result lies in that half-open interval for every finite ``x`` that float64 resolves within the box,
    multiples of L/2 and their neighbouring numbers included. A coordinate that lies within already is
    returned unchanged.

    Parameters
    ----------
    x
        Coordinates, any shape, or one coordinate in compiled code; float64.
    length
        Side of the box.
    start
        Lower edge in units of the box, -0.5 or 0.
    """
    low = start * length
    outside = (x < low) | (x >= low + length)
    inside = x - length * np.floor(x / length - start) * outside
    # rounding of the quotient may have missed the interval by one box; these two sums are exact
    inside = inside + length * (inside < low)
    return inside - length * (inside >= low + length)


def nearest(separation: Any, length: Any, inverse: Any) -> Any:
    """Nearest periodic image of the difference of two coordinates, for the innermost loops.

    The product with ``inverse`` = 1/L takes the place of a division. It can only decide otherwise than
    :func:`minimum_image` where both images are equally far, within rounding.
    """
    return separation - length * np.rint(separation * inverse)


def cell(inside: Any, length: Any, cells: Any) -> Any:
    """Index of the cell, out of ``cells`` equal ones, that holds a coordinate folded into ``[0, L)``."""
    return max(0, min(cells - 1, int(inside / length * cells)))


def wrap(positions: ArrayLike, box_length: float, start: float = -0.5) -> NDArray[np.float64]:
    """Fold positions ``[..., 2]`` into the box, ``[-L/2, L/2)`` or from ``start * L``; see :func:`fold`."""
    folded: NDArray[np.float64] = fold(np.asarray(positions, dtype=np.float64), float(box_length), start)
    return folded


def minimum_image(separations: ArrayLike, box_length: float) -> NDArray[np.float64]:
    """Shortest periodic image of separation vectors ``[..., 2]``, every component in ``[-L/2, L/2)``."""
    return wrap(separations, box_length)


def check_resolved(positions: NDArray[np.float64], box_length: float, what: str = "particle") -> None:
    """Refuse coordinates ``[..., N, 2]`` so large that float64 cannot tell where in the box they lie.

    Raises
    ------
    ValueError
        Naming the furthest particle, where it is, and the largest distance allowed.
    """
    size = np.abs(positions)
    largest = float(size.max(initial=0.0))
    if np.spacing(largest) <= RESOLUTION * box_length:
        return
    worst = np.unravel_index(int(np.argmax(size)), size.shape)
    limit = 2.0 ** np.floor(np.log2(RESOLUTION * box_length / np.finfo(np.float64).eps))
    raise ValueError(
        f"{what} {int(worst[-2])} is at {positions[worst[:-1]].tolist()}, so far from a box of side "
        f"{box_length:g} that float64 numbers there are {np.spacing(largest):.2g} apart and do not resolve "
        f"its place in the box; coordinates up to about {limit:.2g} are allowed: fold the positions first"
    )


def bring_near(
    positions: NDArray[np.float64], box_length: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fold the coordinates that lie more than :data:`FAR` boxes away and return what was taken off.

    Parameters
    ----------
    positions
        ``[..., 2]`` unwrapped positions.
    box_length
        Side of the box.

    Returns
    -------
    near, shift
        Both ``[..., 2]``; ``near + shift`` are the positions given. The shift is exactly zero where nothing
        was folded.
    """
    far = np.abs(positions) > FAR * box_length
    if not far.any():
        return positions, np.zeros_like(positions)
    near = np.where(far, wrap(positions, box_length), positions)
    return near, positions - near
