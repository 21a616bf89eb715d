"""Configurations of any file that is understood: recognised by its content, read by the reader of its kind.

To read another format, add what :func:`tglassmlp.formats.described` calls it to :data:`READERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tglassmlp import storage
from tglassmlp.configuration import Configuration
from tglassmlp.formats import described
from tglassmlp.mixture import Mixture
from tglassmlp.readers.glassbench.files import TrajectoryFile, load_file
from tglassmlp.readers.glassbench.layout import LAYOUT
from tglassmlp.species import species_of_types

__all__ = ["READERS", "Reader", "read_configurations"]


def read_configurations(
    path: str | os.PathLike[str],
    mixture: Mixture | None = storage.EXPECTED,
    species: Mapping[str, int] | None = None,
) -> list[Configuration]:
    """Read every frame of a GSD file, or the initial, thermal state of a GlassBench file (``.npz``).

    Files of this package carry their species and, if :func:`tglassmlp.write_configurations` was told, their
    mixture; one of another mixture is refused. GSD files of other programs are read from their float32
    positions and images. Their types are understood where the names are the species (``"1"``, ``"2"``,
    ``"3"``) or the letters A, B, C in this order, whatever the order of the list, and where the shares of the
    types are those of the mixture. GlassBench files must keep their names.

    Configurations carry the mixture that the file names, otherwise the one that is given as ``mixture``.
    Where neither names one, they carry none.

    Parameters
    ----------
    path
        The file.
    mixture
        What its particles are expected to be, by default those of KA2D. None: shares are not compared, and
        only numbers are understood as names.
    species
        What each type of the file means, e.g. ``{"A": 1, "B": 3, "C": 2}``.

    Returns
    -------
    list of Configuration
        One for each frame; species are numbered as in ``mixture``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If ``mixture`` or ``species`` is of another type.
    ValueError
        If it is neither, is damaged, holds no frame or no particles, is not two-dimensional, its box is not
        square, a coordinate is not finite, a particle has a type that is not listed, or the types cannot be
        told to be the species of the mixture.

    Warns
    -----
    UserWarning
        If a file of this package names no mixture and has other shares of species than ``mixture``.

    Examples
    --------
    >>> read_configurations("converted.gsd", species={"A": 1, "B": 3, "C": 2})  # doctest: +SKIP
    """
    storage.check_reader_arguments(mixture, species)
    place = Path(path)
    if not place.is_file():
        return storage.read_configurations(path, mixture, species)
    kind = described(place)
    if kind is None:  # the reader says what is wrong with it
        kind = "an NPZ file" if place.suffix == ".npz" else "a GSD file"
    if kind not in READERS:
        known = " and ".join(reader.files for reader in READERS.values())
        raise ValueError(f"{path}: is {kind}, which is not read. Read are {known}. {_way_out(kind)}")
    return READERS[kind].read(path, mixture, species)


def _way_out(kind: str) -> str:
    if "archive" in kind:
        return "Archives of GlassBench are read by tglassmlp.readers.glassbench.read_glassbench"
    if kind == "an empty file":
        return "It holds nothing: copy or download it again"
    return (
        "Configurations in other formats can be exported as GSD, e.g. by OVITO, with types named 1, 2, 3 "
        "after the species"
    )


def _glassbench(
    path: str | os.PathLike[str], mixture: Mixture | None, species: Mapping[str, int] | None
) -> list[Configuration]:
    """Read the initial, thermal state of a GlassBench file."""
    place = Path(path)
    with open(place, "rb") as handle:
        initial = _thermal(load_file(str(path), place.name, "", handle), mixture, species)
    return [initial if isinstance(mixture, storage.AssumedMixture) else initial.with_mixture(mixture)]


def _thermal(
    file: TrajectoryFile, mixture: Mixture | None, species: Mapping[str, int] | None
) -> Configuration:
    """Return the initial state of a file, its types held against a mixture."""
    initial = file.initial
    names, ids = np.unique(initial.species, return_inverse=True)
    try:
        numbers = species_of_types([str(n) for n in names], ids, mixture, species)
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from None
    return Configuration(initial.positions, numbers, initial.box_length)


@dataclass(frozen=True)
class Reader:
    """A kind of file whose configurations are read.

    Parameters
    ----------
    files
        What is said to be read, e.g. ``"GSD files"``.
    read
        Called with the path, the mixture (None: nothing is compared) and the species of the file's types.
    """

    files: str
    read: Callable[[str | os.PathLike[str], Mixture | None, Mapping[str, int] | None], list[Configuration]]


#: Readers by what a file is, in the words of :func:`tglassmlp.formats.described`.
READERS: dict[str, Reader] = {
    "a GSD file": Reader("GSD files", storage.read_configurations),
    "an NPZ file": Reader(f"trajectory files of GlassBench ({LAYOUT})", _glassbench),
}
