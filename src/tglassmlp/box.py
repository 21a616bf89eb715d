r"""The square periodic box: one way to fold coordinates, one nearest image, one index of a cell.

Everything that asks where a particle lies in its box asks here: readers, neighbour searches, figures and
compiled kernels. :func:`fold` and :func:`cell` are written so that the same lines serve NumPy arrays and,
compiled in :mod:`tglassmlp.simulation.inlined`, single coordinates. Two formulas that are equal on paper
need not agree at the edge of the box: at x = L, floor(x / L) is 1 for every L, but floor(x * (1 / L)) is 0
for one length in seven.

This module needs NumPy only.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DIMENSIONS",
    "FAR",
    "RESOLUTION",
    "bring_near",
    "cell",
    "check_resolved",
    "fold",
    "minimum_image",
    "nearest",
    "wrap",
]

#: Number of dimensions d of space: positions are ``[N, d]``.
DIMENSIONS: Final = 2

#: Coordinates further out than this many boxes are folded before anything is computed from them. Nearer ones
#: are left alone: differences of them are as exact as the sums they enter, and the paths of earlier runs stay
#: the same to the last bit.
FAR: Final = 8

#: Coarsest spacing of float64 numbers at a coordinate that is still accepted, in units of the box.
RESOLUTION: Final = 1e-7


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
