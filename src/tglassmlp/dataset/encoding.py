r"""How arrays of a data set are stored: differences, then byte planes.

Arrays are stored so that they compress well: first as differences between neighbours along the axis
``differences``, if the record names one (modulo the size of the type; the first entry is kept), then as byte
planes: an array of k bytes per number is stored as uint8 with one more, leading axis of length k, the lowest
byte first. :func:`decode` undoes both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stored", "decode", "encode"]


@dataclass(frozen=True)
class Stored:
    """An array to be stored.

    Parameters
    ----------
    values
        The numbers.
    axes
        Name of each axis.
    unit
        Unit of the numbers, ``1`` for pure numbers.
    description
        One sentence.
    differences
        Axis along which differences are stored (whole numbers only), or None.
    """

    values: NDArray
    axes: tuple[str, ...]
    unit: str = "1"
    description: str = ""
    differences: str | None = None

    def __repr__(self) -> str:
        shape = ", ".join(f"{n} {a}" for n, a in zip(np.shape(self.values), self.axes, strict=True))
        return f"<Stored {np.asarray(self.values).dtype}: {shape}, unit {self.unit}>"

    def __post_init__(self) -> None:
        if np.ndim(self.values) != len(self.axes):
            raise ValueError(
                f"array has {np.ndim(self.values)} axes, {len(self.axes)} are named: {self.axes}"
            )
        if np.asarray(self.values).dtype.kind not in "iuf":
            raise ValueError(f"only numbers can be stored, found type {np.asarray(self.values).dtype}")
        if self.differences is not None:
            if self.differences not in self.axes:
                raise ValueError(f"differences along {self.differences!r}, but the axes are {self.axes}")
            if np.asarray(self.values).dtype.kind != "u":
                raise ValueError("differences are stored of unsigned whole numbers only")


def encode(array: Stored) -> NDArray[np.uint8]:
    """Bytes as stored: differences, then byte planes ``[k, ...]`` (see the top of this module)."""
    values = np.ascontiguousarray(array.values)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    if array.differences is not None:
        axis = array.axes.index(array.differences)
        moved = np.moveaxis(values, axis, 0).copy()
        moved[1:] -= np.moveaxis(values, axis, 0)[:-1]
        values = np.ascontiguousarray(np.moveaxis(moved, 0, axis))
    planes = values.view(np.uint8).reshape(*values.shape, values.dtype.itemsize)
    return np.ascontiguousarray(np.moveaxis(planes, -1, 0))


def decode(stored: NDArray[np.uint8], dtype: str, axes: Sequence[str], differences: str | None) -> NDArray:
    """Undo :func:`encode`: the array of type ``dtype`` with the named axes."""
    kind = np.dtype(dtype).newbyteorder("<")
    planes = np.ascontiguousarray(np.moveaxis(stored, 0, -1))
    values = planes.view(kind).reshape(planes.shape[:-1])
    if differences is not None:
        values = np.cumsum(values, axis=list(axes).index(differences), dtype=kind)
    return values.astype(np.dtype(dtype), copy=False)
