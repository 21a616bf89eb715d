"""Data the networks train on: standardised descriptors, labels and their state points.

A *batch* is what one training step sees: the central particles of one structure at one state point.

Descriptors are nearly all of the data. They are arrays, or :class:`Rows` of files where memory is too small.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.local_structure.standardise import Scaling

__all__ = [
    "Rows",
    "Structures",
    "TrainingSet",
    "join",
    "on_disk",
    "read_structures",
    "scratch_folder",
    "training_set",
]


def scratch_folder(checkpoint: str | os.PathLike[str] | None) -> str:
    """Where arrays on disk lie: beside the checkpoint, or where the system keeps temporary files."""
    return os.path.dirname(os.path.abspath(checkpoint)) if checkpoint else tempfile.gettempdir()


def on_disk(shape: tuple[int, ...], dtype: type, folder: str | os.PathLike[str]) -> NDArray[Any]:
    """Array in a file without a name in ``folder``; it is gone with the array, or with the process.

    Raises
    ------
    OSError
        If the disk has no room for it: at once, not when it is filled.
    """
    os.makedirs(folder, exist_ok=True)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile(dir=folder) as file:
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)


class Rows:
    """Rows ``[S, P, M]`` of arrays on disk, read when asked for.

    Parameters
    ----------
    arrays
        Arrays ``[?, P, M]`` on disk.
    where
        ``[S, 2]``: array and row of each.
    """

    def __init__(self, arrays: Sequence[NDArray[np.float32]], where: NDArray[np.int64]) -> None:
        self.arrays, self.where = list(arrays), where

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(S, P, M)``."""
        _, particles, columns = self.arrays[0].shape
        return len(self.where), particles, columns

    def __len__(self) -> int:
        return len(self.where)

    def __getitem__(self, index: Any) -> NDArray[np.float32]:
        chosen = self.where[index]
        if chosen.ndim == 1:
            return np.array(self.arrays[chosen[0]][chosen[1]])
        found = np.empty((len(chosen), *self.shape[1:]), np.float32)
        for k, (a, r) in enumerate(chosen):
            found[k] = self.arrays[a][r]
        return found

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[k] for k in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[np.arange(len(self))], dtype=dtype)

    def choose(self, index: NDArray) -> Rows:
        """Only these rows, still on disk."""
        return Rows(self.arrays, self.where[index])

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of several, one after the other."""
        first = np.cumsum([0, *(len(p.arrays) for p in parts)])
        where = [p.where + np.array([k, 0]) for k, p in zip(first, parts, strict=False)]
        return cls([a for p in parts for a in p.arrays], np.concatenate(where))


@dataclass(frozen=True)
class Structures:
    """All structures of one temperature.

    Parameters
    ----------
    temperature
        T.
    descriptors
        Standardised, ``[S, P, M]`` float32, P central particles in ascending index.
    positions
        Thermal positions of the central particles, ``[S, P, 2]``.
    box_length
        Periodic box.
    """

    temperature: float
    descriptors: NDArray[np.float32] | Rows
    positions: NDArray[np.float64]
    box_length: float

    def __len__(self) -> int:
        return len(self.descriptors)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The descriptors, in memory."""
        return np.asarray(self.descriptors)

    def take(self, structures: Sequence[int]) -> Structures:
        """Only the structures with these numbers."""
        index = np.asarray(structures, dtype=int)
        x = self.descriptors
        chosen = x.choose(index) if isinstance(x, Rows) else x[index]
        return Structures(self.temperature, chosen, self.positions[index], self.box_length)


def read_structures(
    paths: Sequence[str | os.PathLike[str]],
    temperature: float,
    scaling: Scaling,
    folder: str | os.PathLike[str] | None = None,
) -> Structures:
    """Read and standardise the descriptor files of one temperature, in the order of their chunks.

    With ``folder`` only one file at a time is in memory, and the standardised descriptors lie there on disk.
    """
    values: list[NDArray[np.float32]] = []
    positions, box = [], 0.0
    for path in paths:
        arrays = storage.read_arrays(path, ["values", "names", "positions"])
        box = float(storage.read_attributes(path)["box_length"])
        found = scaling.apply(arrays["values"], list(arrays["names"])).astype(np.float32)
        if folder is not None:
            kept = on_disk(found.shape, np.float32, folder)
            kept[:] = found
            found = kept
        values.append(found)
        positions.append(arrays["positions"])
    descriptors: NDArray[np.float32] | Rows
    if folder is None:
        descriptors = np.concatenate(values)
    else:
        descriptors = Rows(values, np.array([[a, r] for a, v in enumerate(values) for r in range(len(v))]))
    return Structures(float(temperature), descriptors, np.concatenate(positions), box)


@dataclass(frozen=True)
class TrainingSet:
    """Batches: ``structure[b]`` shown at ``(temperature[b], c_b[b])`` has the propensities ``labels[b]``.

    Parameters
    ----------
    descriptors, positions, box_length
        As :class:`Structures`, over all temperatures together: ``[S, P, M]``, ``[S, P, 2]``.
    structure
        ``[B]`` index into the structures.
    temperature, c_b
        ``[B]``.
    labels
        ``[B, P]`` float32.
    halves
        ``[B, 2, P]`` float32, the labels from two independent halves of the replicas; twice the labels where
        there are no replicas. None: not known.
    """

    descriptors: NDArray[np.float32] | Rows
    positions: NDArray[np.float64]
    box_length: float
    structure: NDArray[np.int32]
    temperature: NDArray[np.float64]
    c_b: NDArray[np.float64]
    labels: NDArray[np.float32]
    halves: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        s, p, _ = self.descriptors.shape
        b = len(self.structure)
        if self.positions.shape != (s, p, 2) or self.labels.shape != (b, p):
            raise ValueError(
                f"descriptors {self.descriptors.shape}, positions {self.positions.shape} and labels "
                f"{self.labels.shape} of {b} batches do not belong together"
            )
        if b and (self.structure.min() < 0 or self.structure.max() >= s):
            raise ValueError(f"batches name structures outside 0..{s - 1}")
        if not np.all(np.isfinite(self.labels)) or not all(np.isfinite(d).all() for d in self.descriptors):
            raise ValueError("labels and descriptors must be finite")

    @property
    def batches(self) -> int:
        """Number of batches B."""
        return len(self.structure)


def training_set(
    structures: Structures,
    c_b: Sequence[float],
    propensity: NDArray,
    numbers: Sequence[int],
    halves: NDArray | None = None,
) -> TrainingSet:
    """Batches of one temperature.

    Parameters
    ----------
    structures
        All structures of the temperature.
    c_b
        The K values that have labels.
    propensity
        ``[K, len(numbers), P]``, labels of the structures ``numbers`` in this order.
    numbers
        Which structures enter.
    halves
        ``[K, len(numbers), 2, P]``, the same from two halves of the replicas, if known.
    """
    chosen = structures.take(numbers)
    k, s = len(c_b), len(numbers)
    if propensity.shape[:2] != (k, s):
        raise ValueError(f"labels of {k} C_B and {s} structures expected, found {propensity.shape}")
    return TrainingSet(
        chosen.descriptors,
        chosen.positions,
        chosen.box_length,
        np.tile(np.arange(s, dtype=np.int32), k),
        np.full(k * s, structures.temperature),
        np.repeat(np.asarray(c_b, dtype=np.float64), s),
        np.asarray(propensity, dtype=np.float32).reshape(k * s, -1),
        None if halves is None else np.asarray(halves, dtype=np.float32).reshape(k * s, 2, -1),
    )


def join(parts: Sequence[TrainingSet]) -> TrainingSet:
    """One training set of several, e.g. of several temperatures."""
    if not parts:
        raise ValueError("no labelled state point to train on")
    if len({round(p.box_length, 9) for p in parts}) > 1:
        raise ValueError("training structures must share one box length")
    shift = np.cumsum([0, *(len(p.descriptors) for p in parts[:-1])])
    rows = [p.descriptors for p in parts if isinstance(p.descriptors, Rows)]
    return TrainingSet(
        Rows.join(rows)
        if len(rows) == len(parts)
        else np.concatenate([np.asarray(p.descriptors) for p in parts]),
        np.concatenate([p.positions for p in parts]),
        parts[0].box_length,
        np.concatenate([p.structure + np.int32(k) for p, k in zip(parts, shift, strict=True)]),
        np.concatenate([p.temperature for p in parts]),
        np.concatenate([p.c_b for p in parts]),
        np.concatenate([p.labels for p in parts]),
        _all_halves(parts),
    )


def _all_halves(parts: Sequence[TrainingSet]) -> NDArray[np.float32] | None:
    """Halves of all parts; labels without replicas stand for both of theirs. None if no part has any."""
    if all(p.halves is None for p in parts):
        return None
    return np.concatenate(
        [np.stack([p.labels, p.labels], axis=1) if p.halves is None else p.halves for p in parts]
    )
