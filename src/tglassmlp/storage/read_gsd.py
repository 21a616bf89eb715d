"""Read configurations and their mixture from GSD files, our own and those of other programs."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp import species as species_names
from tglassmlp.box import minimum_image
from tglassmlp.configuration import Configuration
from tglassmlp.mixture import Mixture, check_is_mixture
from tglassmlp.storage.expected import EXPECTED, AssumedMixture
from tglassmlp.storage.reading import CHECKSUMMED, advice, check_is_file, unreadable
from tglassmlp.storage.run_at_work import check_belongs, check_mixture_of_run
from tglassmlp.storage.seal import is_sealed

__all__ = ["check_reader_arguments", "named_mixture", "read_configurations", "read_mixture"]


def read_configurations(
    path: str | os.PathLike[str],
    mixture: Mixture | None = None,
    species: Mapping[str, int] | None = None,
) -> list[Configuration]:
    """Read every frame of a GSD file as a :class:`Configuration`.

    Files of this package carry their species, and since they name their mixture it is compared. The
    configurations carry the mixture that the file names, otherwise the one given. In files of other programs
    positions and images are float32, and species follow from the names of the types: see
    :mod:`tglassmlp.species`.

    Parameters
    ----------
    path
        The file.
    mixture
        What the species are expected to belong to. None: nothing is compared.
    species
        What each type name means, e.g. ``{"A": 1, "B": 3, "C": 2}``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a GSD file, holds no frame, is not two-dimensional, its box is not square, a particle has
        no position or no type, or the species cannot be told to be those of the mixture.

    Warns
    -----
    UserWarning
        If a file of this package names no mixture and has other shares of species than ``mixture``.
    """
    check_reader_arguments(mixture, species)
    frames, named = _checked_frames(path)
    # nobody has asked for the shares of KA2D: a file that names other ones of its potential is read as it is
    free = isinstance(mixture, AssumedMixture) and named is not None and named.same_potential(EXPECTED)
    if named is not None and mixture is not None and not free:
        try:
            species_names.same_mixture(named, mixture)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    found = []
    carried = named
    if named is None and not isinstance(mixture, AssumedMixture):
        carried = mixture
    for k, frame in enumerate(frames):
        try:
            read = _from_frame(frame, named if free else mixture, species)
            if named is not None:
                species_names.check_composition(read.species, named)
            found.append(read if carried is None else read.with_mixture(carried))
        except ValueError as error:
            raise ValueError(f"{path}: frame {k}: {error}") from error
        except Exception as error:  # other programs' files may lack or misshape any array
            raise ValueError(f"{path}: frame {k} cannot be read ({error}); {advice(path)}") from error
    if _ours(frames[0]) and named is None and mixture is not None and species is None:
        _compare(path, found, mixture)
    return found


def check_reader_arguments(mixture: Any, species: Any) -> None:
    """Refuse arguments of a reader that are of another type, before a file is blamed.

    Raises
    ------
    TypeError
        If ``mixture`` is neither a mixture nor None, or ``species`` neither a mapping of names nor None.
    """
    check_is_mixture(mixture, "read_configurations")
    if species is None:
        return
    example = 'e.g. {"A": 1, "B": 3, "C": 2}'
    if not isinstance(species, Mapping):
        raise TypeError(
            "read_configurations: species must be a mapping from the names of the file's types to species, "
            f"{example}, found {type(species).__name__}"
        )
    for name in species:
        if not isinstance(name, str):
            raise TypeError(
                f"read_configurations: species must map names of types (texts), {example}, found {name!r}"
            )


def _checked_frames(path: str | os.PathLike[str]) -> tuple[list[Any], Mixture | None]:
    """Return the frames of a GSD file after all checks of the file itself, and the mixture that it names."""
    check_is_file(path)
    try:
        sealed = is_sealed(path)
        with gsd.hoomd.open(name=str(path), mode="r") as file:
            frames = list(_at_least_one(path, file))
        origin = _origin(frames[0])
        if not sealed and origin.get("format") == CHECKSUMMED:
            raise OSError("its checksum is missing")
        check_belongs(path, origin)
        named = _named_mixture(frames[0])
        if named is not None:
            check_mixture_of_run(path, species_names.record(named))
        return frames, named
    except PermissionError:
        raise
    except Exception as error:  # damaged metadata breaks the reader in many ways
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        raise ValueError(unreadable(path, "a GSD file", ["a GSD file"], error)) from error


def read_mixture(path: str | os.PathLike[str]) -> Mixture:
    """Return the mixture that a GSD file of this package names.

    Parameters
    ----------
    path
        File written by :func:`tglassmlp.storage.write_configurations` with a mixture, as those of a run are.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a GSD file, or names no mixture.

    Examples
    --------
    >>> mixture = read_mixture("results/demo/unit/structures/T0.40/chunk0.gsd")  # doctest: +SKIP
    """
    named = named_mixture(path)
    if named is None:
        raise ValueError(
            f"{path}: names no mixture; it was written by another program, by an older version or without one"
        )
    return named


def named_mixture(path: str | os.PathLike[str]) -> Mixture | None:
    """Return the mixture that a GSD file of this package names, None where it names none.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_mixture`.
    """
    return _checked_frames(path)[1]


def _named_mixture(frame: Any) -> Mixture | None:
    """Mixture recorded in a frame, None where none is."""
    found = frame.log.get("tglassmlp/mixture")
    if found is None:
        return None
    return species_names.from_record(json.loads(np.asarray(found, np.uint8).tobytes()))


def _ours(frame: Any) -> bool:
    """Whether a frame was written by this package: its types are species numbers."""
    return "tglassmlp/provenance" in frame.log or "particles/tglassmlp/position" in frame.log


def _compare(path: str | os.PathLike[str], found: Sequence[Configuration], mixture: Mixture) -> None:
    """Warn about a file of ours without a mixture whose shares are not those expected."""
    for k, c in enumerate(found):
        try:
            species_names.check_composition(c.species, mixture)
        except ValueError as error:
            warnings.warn(
                f"{path}: names no mixture, and frame {k} does not look like {mixture.name}: {error}. "
                "Name its mixture with mixture=; mixture=None compares nothing",
                stacklevel=4,
            )
            return


def _at_least_one(path: str | os.PathLike[str], file: Any) -> Any:
    if len(file) == 0:
        raise ValueError(f"{path}: the GSD file holds no frame")
    return file


def _from_frame(
    frame: Any, mixture: Mixture | None, species: Mapping[str, int] | None = None
) -> Configuration:
    particles, ours = frame.particles, _ours(frame)
    if not particles.N:
        raise ValueError("it holds no particles")
    length = _exact_side(frame)
    positions = frame.log.get("particles/tglassmlp/position")
    if positions is None:
        positions = _plane(particles, length)
    elif np.shape(positions) != (particles.N, 2):
        raise ValueError(f"its exact positions have shape {np.shape(positions)}, expected ({particles.N}, 2)")
    else:
        apart = minimum_image(positions - np.asarray(particles.position, dtype=np.float64)[:, :2], length)
        if not np.all(np.abs(apart) <= 1e-4 * max(length, 1.0)):
            raise ValueError("its exact positions are not those that other programs see: it has been edited")
    note = "" if ours else _diameters(particles)
    expected = None if ours and species is None else mixture
    numbers = species_names.species_of_types(particles.types, particles.typeid, expected, species, note)
    return Configuration(positions, numbers, length)


def _origin(frame: Any) -> dict[str, Any]:
    """Provenance in a frame, empty in other programs' files."""
    record = frame.log.get("tglassmlp/provenance")
    found = {} if record is None else json.loads(np.asarray(record, np.uint8).tobytes())
    return found if isinstance(found, dict) else {}


def _exact_side(frame: Any) -> float:
    """Side of the box, from the log in float64 where the package wrote it; the frame's own must agree."""
    exact = frame.log.get("tglassmlp/box_length")
    seen = _square(frame.configuration)
    if exact is None:
        return seen
    length = float(np.asarray(exact, dtype=np.float64).reshape(-1)[0])
    if not abs(length - seen) <= 1e-6 * abs(seen):  # the frame's is float32
        raise ValueError(
            f"its exact box length {length:.9g} is not the one that other programs see, {seen:.9g}: it has "
            "been edited"
        )
    return length


def _square(configuration: Any) -> float:
    """Side of a two-dimensional square box ``[lx, ly, lz, xy, xz, yz]``."""
    box = np.asarray(configuration.box, dtype=float)
    if not np.all(np.isfinite(box)) or np.any(box[:2] <= 0):
        raise ValueError(f"its box is {box.tolist()}, expected positive lengths")
    if configuration.dimensions != 2 and box[2] != 0:
        raise ValueError(
            f"it is three-dimensional (box {box.tolist()}), expected two dimensions: "
            "configuration.dimensions = 2 or Lz = 0"
        )
    if np.any(box[3:] != 0):
        raise ValueError(f"its box {box.tolist()} is tilted (xy, xz, yz), expected a square one")
    if not np.isclose(box[0], box[1], rtol=1e-6, atol=0):
        raise ValueError(f"its box {box.tolist()} is oblong, expected a square one")
    return float(box[0])


def _plane(particles: Any, length: float) -> NDArray[np.float64]:
    """Unwrapped positions ``[N, 2]`` of another program, from float32 positions and images."""
    place = np.asarray(particles.position, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(place).all(axis=1))
    if bad.size:
        raise ValueError(f"particle {bad[0]} is at {place[bad[0]].tolist()}, expected finite coordinates")
    high = np.flatnonzero(np.abs(place[:, 2]) > 1e-6 * length)
    if high.size:
        raise ValueError(
            f"it is three-dimensional: particle {high[0]} is at z = {place[high[0], 2]:g}, expected 0"
        )
    if len(place) > 1 and np.all(place == place[0]):
        raise ValueError("all its particles are at the same place: it holds no positions")
    image = particles.image
    shift = 0.0 if image is None else np.asarray(image, dtype=np.float64)[:, :2] * length
    found: NDArray[np.float64] = place[:, :2] + shift
    return found


def _diameters(particles: Any) -> str:
    """Remark about particles of one type that differ in their diameters."""
    sizes = np.unique(np.asarray(particles.diameter))
    if len(set(np.asarray(particles.typeid).tolist())) > 1 or not 1 < sizes.size <= 10:
        return ""
    listed = ", ".join(f"{d:.4g}" for d in sizes)
    return f"Its particles have the diameters {listed}; species are read from types, not from diameters"
