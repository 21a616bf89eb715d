"""Frames of text files of other programs: positions, types and box, before types are species.

What the readers of LAMMPS files and of extended XYZ share: lines that know their number, the checks that make
a frame two-dimensional, square and periodic, and the way from a frame to a configuration.
"""

from __future__ import annotations

import gzip
import io
import itertools
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, NoReturn, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.box import DIMENSIONS
from tglassmlp.configuration import Configuration
from tglassmlp.mixture import Mixture
from tglassmlp.species import species_of_types
from tglassmlp.storage import AssumedMixture, atomic_path

__all__ = [
    "Frame",
    "Frames",
    "Lines",
    "configuration_of",
    "configurations_of",
    "frame_of",
    "open_text",
    "write_text",
]


class Frame(NamedTuple):
    """One frame of a file of another program.

    Parameters
    ----------
    positions
        ``[N, 2]``, in the order of the identifiers where the file has them.
    types
        ``[N]`` names of the types.
    box_length
        Side of the square box.
    unwrapped
        Whether the positions are unwrapped: no particle was shifted back by a box.
    identified
        Whether the file has identifiers. Without them the order of two frames need not be the same.
    step
        Time step of the frame; None where the file names none.
    time
        Time of the frame in the units of the program; None where the file names none.
    ids
        ``[N]`` identifiers in rising order; None where the file has none.
    """

    positions: NDArray[np.float64]
    types: NDArray[np.str_]
    box_length: float
    unwrapped: bool
    identified: bool
    step: int | None = None
    time: float | None = None
    ids: NDArray[np.int64] | None = None


#: Path of a file -> its frames, read one by one.
Frames = Callable[[str | os.PathLike[str]], Iterator[Frame]]


class Lines:
    """Lines of a text file, and the number of the last one, which messages name."""

    def __init__(self, handle: Iterable[str], path: str | os.PathLike[str]) -> None:
        self._lines = iter(handle)
        self.path = path
        self.number = 0

    def fail(self, problem: str) -> NoReturn:
        """Raise ValueError with the path and the number of the last line."""
        raise ValueError(f"{self.path}: line {self.number}: {problem}")

    def next(self) -> str | None:
        """Return the next line, or None at the end of the file."""
        try:
            line = next(self._lines, None)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{self.path}: is a damaged gzip archive ({error}); copy it again") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path}: line {self.number + 1}: is not text ({error.reason})") from None
        self.number += line is not None
        return line

    def expect(self, what: str) -> str:
        """Return the next line, which must be there."""
        line = self.next()
        if line is None:
            self.fail(f"the file ends here, {what} was expected: it is incomplete")
        return line

    def filled(self) -> str | None:
        """Return the next line that is not blank, or None at the end of the file."""
        while (line := self.next()) is not None:
            if line.strip():
                return line
        return None

    def numbers(self, line: str, allowed: Sequence[int], what: str) -> list[float]:
        """Return the numbers of a line, as many as allowed."""
        try:
            found = [float(word) for word in line.split()]
        except ValueError:
            self.fail(f"found {line.strip()!r}, expected {what} (numbers)")
        if len(found) not in allowed or not np.all(np.isfinite(found)):
            self.fail(f"found {line.strip()!r}, expected {what}")
        return found

    def count(self, line: str) -> int:
        """Return the number of particles that a line holds."""
        word = line.strip()
        if not word.isdecimal() or int(word) < 1:
            self.fail(f"found {word!r}, expected the number of particles (a whole number from 1)")
        return int(word)

    def columns(self, n: int, names: Sequence[str]) -> dict[str, list[str]]:
        """Return ``n`` rows as columns of words; each row must have as many words as there are names."""
        rows = []
        for k in range(n):
            row = self.expect(f"the row of particle {k + 1} of {n}").split()
            if len(row) != len(names):
                self.fail(f"holds {len(row)} columns, expected {len(names)} ({' '.join(names)})")
            rows.append(row)
        return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))

    def reals(self, words: Sequence[str], name: str) -> NDArray[np.float64]:
        """Return a column as finite numbers."""
        try:
            found = np.array(words, dtype=np.float64)
        except ValueError:
            bad = next(k for k, word in enumerate(words) if not _is_real(word))
            self.fail(f"column {name!r} of row {bad + 1} is {words[bad]!r}, expected a number")
        if not np.all(np.isfinite(found)):
            bad = int(np.flatnonzero(~np.isfinite(found))[0])
            self.fail(f"column {name!r} of row {bad + 1} is {words[bad]}, expected a finite number")
        return found

    def wholes(self, words: Sequence[str], name: str) -> NDArray[np.float64]:
        """Return a column as whole numbers, such as identifiers and periodic images."""
        found = self.reals(words, name)
        bad = np.flatnonzero((found != np.rint(found)) | (np.abs(found) > _LARGEST_WHOLE))
        if bad.size:
            self.fail(f"column {name!r} of row {bad[0] + 1} is {words[bad[0]]}, expected a whole number")
        return found


#: Whole numbers beyond this one are not told apart as float64.
_LARGEST_WHOLE: Final = 2**53


def _is_real(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@contextmanager
def write_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file that appears under its name when it is complete; it is packed if that ends in .gz."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        if str(path).lower().endswith(".gz"):
            # without name and time, so that the same text is packed to the same bytes
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed, _utf8(packed) as text:
                yield text
        else:
            with _utf8(file) as text:
                yield text


def _utf8(file: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding="utf-8", newline="\n")


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file, or one compressed with gzip, whatever its name."""
    with open(path, "rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rt", encoding="utf-8") if packed else open(path, encoding="utf-8") as text:
        yield text


def frame_of(
    lines: Lines,
    axes: Sequence[NDArray[np.float64]],
    types: Sequence[str],
    vectors: ArrayLike,
    ids: Sequence[str] | None,
    periodic: Sequence[bool] = (True, True),
    **known: bool | int | float | None,
) -> Frame:
    """Make a frame of columns, if it is two-dimensional, square and periodic.

    Parameters
    ----------
    lines
        Where the columns come from, for messages.
    axes
        Coordinates x, y and, where the file has it, z, each ``[N]``.
    types
        ``[N]`` names of the types.
    vectors
        ``[3, 3]`` box vectors, one in each row.
    ids
        ``[N]`` identifiers, or None.
    periodic
        Whether the box is periodic along x and y.
    known
        ``unwrapped``, ``step`` and ``time`` of the frame.

    Raises
    ------
    ValueError
        Naming the line where the frame ends and what is wrong with it.
    """
    box = np.asarray(vectors, dtype=np.float64)
    length = float(box[0, 0])
    if not (length > 0 and box[1, 1] > 0):
        lines.fail(f"the box has the sides {box[0, 0]:g} and {box[1, 1]:g}, expected positive lengths")
    tilts = np.abs(box - np.diag(np.diag(box)))
    if np.any(tilts > 1e-9 * length):
        lines.fail(f"the box {box.tolist()} is tilted, expected a square one along x and y")
    if not np.isclose(box[0, 0], box[1, 1], rtol=1e-6, atol=0):
        lines.fail(f"the box is oblong, {box[0, 0]:.9g} by {box[1, 1]:.9g}, expected a square one")
    if not all(periodic[:DIMENSIONS]):
        found = " and ".join(axis for axis, p in zip("xy", periodic, strict=False) if not p)
        lines.fail(f"the box is not periodic along {found}, expected a box that is periodic along x and y")
    places = np.stack(axes[:DIMENSIONS], axis=1)
    for z in axes[DIMENSIONS:]:
        away = np.abs(z - z[0])
        if np.any(away > 1e-6 * length):
            high = int(np.argmax(away))
            lines.fail(
                f"the frame is three-dimensional: particle {high + 1} is at z = {z[high]:g} and particle 1 "
                f"at {z[0]:g}, expected one z for all"
            )
    if len(places) > 1 and np.all(places == places[0]):
        lines.fail("all particles are at the same place: the frame holds no positions")
    names = np.array(types, dtype=np.str_)
    numbers = None
    if ids is not None:
        order, numbers = _order(lines, ids)
        places, names = places[order], names[order]
    return Frame(places, names, length, identified=ids is not None, ids=numbers, **known)  # type: ignore[arg-type]


def _order(lines: Lines, ids: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Order of rows by their identifiers, which must differ, and the identifiers in that order."""
    numbers = lines.wholes(ids, "id").astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    double = np.flatnonzero(np.diff(numbers[order]) == 0)
    if double.size:
        lines.fail(f"identifier {numbers[order][double[0]]} occurs twice, expected one for each particle")
    return order, numbers[order]


def configuration_of(
    frame: Frame, mixture: Mixture | None, species: Mapping[str, int] | None
) -> Configuration:
    """Return a frame as a configuration; species follow from the names of the types.

    Raises
    ------
    ValueError
        As :func:`tglassmlp.species.species_of_types`.
    """
    names, ids = np.unique(frame.types, return_inverse=True)
    numbers = species_of_types([str(n) for n in names], ids, mixture, species)
    found = Configuration(frame.positions, numbers, frame.box_length)
    return found if isinstance(mixture, AssumedMixture) else found.with_mixture(mixture)


def configurations_of(frames: Frames) -> Callable[..., list[Configuration]]:
    """Return the reader of configurations that belongs to a reader of frames."""

    def read(
        path: str | os.PathLike[str], mixture: Mixture | None, species: Mapping[str, int] | None
    ) -> list[Configuration]:
        found: list[Configuration] = []
        for k, frame in zip(itertools.count(), frames(path), strict=False):
            try:
                found.append(configuration_of(frame, mixture, species))
            except ValueError as error:
                raise ValueError(f"{path}: frame {k}: {error}") from None
        if not found:
            raise ValueError(f"{path}: holds no frame")
        return found

    return read
