"""Configurations of any file that is understood: recognised by its content, read by the reader of its kind.

To read another format, add what :func:`tglassmlp.formats.described` calls it to :data:`READERS`; to write
one, add the ending of its files to :data:`WRITERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.configuration import Configuration
from tglassmlp.formats import described, is_text
from tglassmlp.mixture import Mixture
from tglassmlp.readers.extended_xyz import extended_frames, particlesmc_frames, write_extended
from tglassmlp.readers.glassbench.files import TrajectoryFile, load_file
from tglassmlp.readers.glassbench.layout import LAYOUT
from tglassmlp.readers.lammps import data_frames, dump_frames, write_data, write_dump
from tglassmlp.readers.particle_frames import configurations_of
from tglassmlp.species import species_of_types

__all__ = ["READERS", "WRITERS", "Reader", "read_configurations", "write_configurations"]


def read_configurations(
    path: str | os.PathLike[str],
    mixture: Mixture | None = storage.EXPECTED,
    species: Mapping[str, int] | None = None,
) -> list[Configuration]:
    """Read every frame of a file of this package or of another program.

    What a file is follows from its content, not from its name. Read are

    - GSD files;
    - LAMMPS dumps in text form, with wrapped (x), scaled (xs) or unwrapped (xu) coordinates, with images (ix,
      iy) or without; rows are sorted by their identifiers where the dump has them;
    - LAMMPS data files;
    - extended XYZ files, and the XYZ files of ParticlesMC;
    - trajectory files of GlassBench, of which the initial, thermal state is returned.

    Text files may be compressed with gzip. Positions are unwrapped where the file allows it.

    Files of this package carry their species and, if :func:`tglassmlp.write_configurations` was told, their
    mixture; one of another mixture is refused. GSD files of other programs are read from their float32
    positions and images. Types of other programs are understood where their names are the species (``"1"``,
    ``"2"``, ``"3"``) or the letters A, B, C in this order, whatever the order of the list, and where the
    shares of the types are those of the mixture. GlassBench files must keep their names.

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
        If it is none of these, is damaged, holds no frame or no particles, is not two-dimensional, its box is
        not square or not periodic, a coordinate is not finite, a particle has a type that is not listed, or
        the types cannot be told to be the species of the mixture.

    Warns
    -----
    UserWarning
        If a file of this package names no mixture and has other shares of species than ``mixture``.

    Examples
    --------
    >>> read_configurations("converted.gsd", species={"A": 1, "B": 3, "C": 2})  # doctest: +SKIP
    >>> read_configurations("run.lammpstrj.gz", mixture=my_mixture)[-1]  # doctest: +SKIP
    """
    storage.check_reader_arguments(mixture, species)
    place = Path(path)
    if not place.is_file():
        return storage.read_configurations(path, mixture, species)
    kind = described(place)
    if kind is None and is_text(place):
        kind = "a text of no known format"
    if kind is None:  # the reader says what is wrong with it
        kind = "an NPZ file" if place.suffix == ".npz" else "a GSD file"
    if kind not in READERS:
        *some, last = (reader.files for reader in READERS.values())
        known = f"{', '.join(some)} and {last}"
        raise ValueError(f"{path}: is {kind}, which is not read. Read are {known}. {_way_out(kind)}")
    return READERS[kind].read(path, mixture, species)


def _way_out(kind: str) -> str:
    if "archive" in kind:
        return "Archives of GlassBench are read by tglassmlp.readers.glassbench.read_glassbench"
    if kind == "an empty file":
        return "It holds nothing: copy or download it again"
    if kind == "an XYZ file":
        return 'It names no box: write extended XYZ, whose second line holds Lattice="L 0 0 0 L 0 0 0 1"'
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
    "a LAMMPS dump": Reader("LAMMPS dumps", configurations_of(dump_frames)),
    "a LAMMPS data file": Reader("LAMMPS data files", configurations_of(data_frames)),
    "an extended XYZ file": Reader("extended XYZ files", configurations_of(extended_frames)),
    "an XYZ file of ParticlesMC": Reader("XYZ files of ParticlesMC", configurations_of(particlesmc_frames)),
    "an NPZ file": Reader(f"trajectory files of GlassBench ({LAYOUT})", _glassbench),
}


#: Writers of text formats by the endings of their files; anything else is written as GSD.
WRITERS: Final[dict[str, Callable[..., None]]] = {
    ".xyz": write_extended,
    ".exyz": write_extended,
    ".extxyz": write_extended,
    ".dump": write_dump,
    ".lammpstrj": write_dump,
    ".data": write_data,
}


def write_configurations(
    path: str | os.PathLike[str],
    configurations: Sequence[Configuration],
    provenance: Mapping[str, Any] | None = None,
    properties: Sequence[Mapping[str, NDArray]] | None = None,
    mixture: Mixture | None = None,
) -> None:
    """Write configurations as the frames of one file, in the format given by the ending of its name.

    ``.gsd``, and any other ending, is the format of this package, which OVITO and HOOMD-blue open. Only it
    keeps the mixture, the provenance and a checksum: see :func:`tglassmlp.storage.write_configurations`.
    ``.xyz``, ``.exyz`` and ``.extxyz`` are extended XYZ, ``.dump`` and ``.lammpstrj`` LAMMPS dumps, ``.data``
    a LAMMPS data file of one configuration. All keep float64 positions exactly; only data files wrap them,
    and keep the images. ``.gz`` after one of the endings of texts packs the file with gzip.

    Parameters
    ----------
    path
        Target.
    configurations
        Frames; all with at least one particle.
    provenance
        Record stored in a GSD file.
    properties
        For each frame, per-particle quantities ``name -> [N]``, e.g. predicted propensities, which become
        columns of a text file. LAMMPS data files have no place for them.
    mixture
        What the species belong to; by default the mixture that the configurations carry.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        As :func:`tglassmlp.storage.write_configurations`, and if a text format cannot hold what it is given.

    Examples
    --------
    >>> write_configurations("liquid.lammpstrj", [c], properties=[{"propensity": p}])  # doctest: +SKIP
    """
    place = Path(path)
    endings = place.suffixes[-2:] if place.suffix.lower() == ".gz" else [place.suffix]
    write = WRITERS.get(endings[0].lower())
    if write is None and len(endings) + (place.suffix.lower() == ".gz") > 1:
        raise ValueError(
            f"{path}: only text formats are packed with gzip, under names that end in "
            f"{', '.join(f'{ending}.gz' for ending in WRITERS)}"
        )
    if write is None:
        storage.write_configurations(path, configurations, provenance, properties, mixture)
        return
    frames, columns = storage.checked_to_write(path, configurations, properties, mixture)
    if write is not write_data:
        write(path, frames, _text_columns(path, frames, columns))
        return
    if len(frames) != 1 or any(columns):
        raise ValueError(
            f"{path}: a LAMMPS data file holds one configuration without properties, found {len(frames)} "
            f"with {sorted(columns[0])}; a name ending in .dump makes a LAMMPS dump, which holds both"
        )
    write(path, frames[0])


#: Names of columns that readers of text files understand.
_TAKEN: Final = ("id", "type", "species", "pos", "map_shift", "xu", "yu", "zu")


def _text_columns(
    path: str | os.PathLike[str],
    frames: Sequence[Configuration],
    properties: Sequence[Mapping[str, NDArray]],
) -> list[dict[str, NDArray[np.float64]]]:
    """Properties as columns of a text file, with names that its readers understand."""
    found = []
    for c, named in zip(frames, properties, strict=True):
        columns = {}
        for name, given in named.items():
            kind = np.asarray(given).dtype
            if kind.kind not in "biuf":
                raise ValueError(
                    f"{path}: property {name!r} holds {kind} values, expected real numbers; "
                    "real and imaginary part of a complex one are two properties"
                )
            columns[name] = values = np.asarray(given, dtype=np.float64)
            if values.shape != (c.n_particles,):
                raise ValueError(
                    f"{path}: property {name!r} has shape {values.shape}, expected [{c.n_particles}]: "
                    "each column of a text file is one property"
                )
            if not name.isidentifier() or name.lower() in _TAKEN:
                raise ValueError(
                    f"{path}: property {name!r} cannot name a column of a text file; expected letters, "
                    f"digits and underscores, and none of {', '.join(_TAKEN)}"
                )
        found.append(columns)
    return found
