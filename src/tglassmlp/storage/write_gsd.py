"""Write configurations and their mixture as GSD, for this package and for other programs."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp import species as species_names
from tglassmlp.box import wrap
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import carried_mixture, check_carried_mixture
from tglassmlp.mixture import Mixture, check_is_mixture
from tglassmlp.storage.atomic import atomic_path
from tglassmlp.storage.reading import CHECKSUMMED
from tglassmlp.storage.run_at_work import stamped
from tglassmlp.storage.seal import seal

__all__ = ["checked_to_write", "write_configurations"]


def write_configurations(
    path: str | os.PathLike[str],
    configurations: Sequence[Configuration],
    provenance: Mapping[str, Any] | None = None,
    properties: Sequence[Mapping[str, NDArray]] | None = None,
    mixture: Mixture | None = None,
) -> None:
    """Write configurations as the frames of one GSD file that OVITO and HOOMD-blue open.

    The standard chunks hold float32 wrapped positions and images; a per-particle log quantity
    ``particles/tglassmlp/position`` keeps the unwrapped float64 positions exactly.

    Parameters
    ----------
    path
        Target, ``.gsd``.
    configurations
        Frames; all with at least one particle.
    provenance
        Record stored in every file.
    properties
        For each frame, per-particle quantities ``name -> [N]`` that OVITO shows as
        ``log/particles/<name>``. Names that begin with ``tglassmlp/`` are the package's own.
    mixture
        What the species belong to. Its name, parameters and fingerprint go into the file, and a reader that
        expects another mixture refuses it. None: the mixture that the configurations carry; if they carry
        none, the file names none.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If there is no configuration, there are not as many ``properties`` as configurations, a property has
        another length or a name of the package's own, configurations carry different mixtures or another
        pair potential than ``mixture``, only some of them carry one, or the shares of species are not those
        of the mixture.
    OSError
        As :func:`atomic_path`.
    """
    configurations, _ = checked_to_write(path, configurations, properties, mixture)
    mixture = _mixture_to_write(path, configurations, mixture)
    origin = json.dumps({**stamped(path, provenance or {}), "format": CHECKSUMMED}, default=str).encode()
    record = np.frombuffer(origin, dtype=np.uint8)
    named = None if mixture is None else json.dumps(species_names.record(mixture)).encode()
    with atomic_path(path) as temporary:
        with gsd.hoomd.open(name=str(temporary), mode="w") as file:
            for k, c in enumerate(configurations):
                frame = gsd.hoomd.Frame()
                wrapped = wrap(c.positions, c.box_length)
                image = np.round((c.positions - wrapped) / c.box_length).astype(np.int32)
                zeros = np.zeros(c.n_particles)
                frame.configuration.step = k
                frame.configuration.dimensions = 2
                frame.configuration.box = [c.box_length, c.box_length, 0.0, 0.0, 0.0, 0.0]
                frame.particles.N = c.n_particles
                stored = wrapped.astype(np.float32)
                edge = stored >= np.float32(0.5) * np.float32(c.box_length)  # rounded up to the upper edge
                stored, image = np.where(edge, -stored, stored), image + edge
                frame.particles.position = np.column_stack([stored, zeros]).astype(np.float32)
                frame.particles.image = np.column_stack([image, zeros]).astype(np.int32)
                frame.particles.types = [str(s) for s in range(1, int(c.species.max()) + 1)]
                frame.particles.typeid = (c.species - 1).astype(np.uint32)
                frame.log["particles/tglassmlp/position"] = c.positions
                frame.log["tglassmlp/box_length"] = np.array([c.box_length])
                if k == 0:
                    frame.log["tglassmlp/provenance"] = record
                    if named is not None:
                        frame.log["tglassmlp/mixture"] = np.frombuffer(named, dtype=np.uint8)
                for name, values in (properties[k] if properties is not None else {}).items():
                    values = np.asarray(values)
                    if values.shape[:1] != (c.n_particles,):
                        raise ValueError(
                            f"{path}: property {name!r} has shape {values.shape}, expected [{c.n_particles}]"
                        )
                    frame.log[f"particles/{name}"] = values
                file.append(frame)
        seal(temporary)


def checked_to_write(
    path: str | os.PathLike[str], configurations: Any, properties: Any, mixture: Any
) -> tuple[list[Configuration], list[Mapping[str, NDArray]]]:
    """Return configurations and their properties after the checks that every format shares.

    Parameters
    ----------
    path, configurations, properties, mixture
        As :func:`write_configurations`.

    Returns
    -------
    configurations, properties
        Lists of equal length.

    Raises
    ------
    TypeError, ValueError
        As :func:`write_configurations`.
    """
    check_is_mixture(mixture, "write_configurations")
    found = _list_of_configurations(configurations)
    if not found:
        raise ValueError(f"{path}: no configuration to write")
    _check_properties(path, properties, len(found))
    if mixture is not None:
        check_carried_mixture(found, mixture, "write_configurations")
    return found, [{} for _ in found] if properties is None else list(properties)


def _list_of_configurations(configurations: Any) -> list[Configuration]:
    """List configurations, refusing anything else."""
    if isinstance(configurations, Configuration):
        raise TypeError(
            "write_configurations: configurations must be a list of Configuration, found a single one; "
            "write [configuration]"
        )
    found = list(configurations)
    for k, c in enumerate(found):
        if not isinstance(c, Configuration):
            raise TypeError(
                "write_configurations: configurations must be a list of Configuration, found "
                f"{type(c).__name__} at place {k}"
            )
    return found


#: Beginning of the names of log quantities that are the package's own.
_RESERVED = "tglassmlp/"


def _check_properties(path: str | os.PathLike[str], properties: Any, count: int) -> None:
    """Refuse properties that are not a mapping for each frame, or have names of the package's own."""
    if properties is None:
        return
    if isinstance(properties, Mapping) or not isinstance(properties, Sequence):
        raise TypeError(
            "write_configurations: properties must be a list with a mapping name -> [N] for each "
            f"configuration, found {type(properties).__name__}"
        )
    if len(properties) != count:
        raise ValueError(
            f"{path}: properties must have one mapping for each configuration, found {len(properties)} for "
            f"{count} configurations"
        )
    for k, named in enumerate(properties):
        if not isinstance(named, Mapping):
            raise TypeError(
                f"write_configurations: properties[{k}] must be a mapping name -> [N], found "
                f"{type(named).__name__}"
            )
        for name in named:
            if not isinstance(name, str) or not name:
                raise TypeError(f"write_configurations: names of properties must be texts, found {name!r}")
            if f"{name}/".startswith(_RESERVED):
                raise ValueError(
                    f"{path}: property {name!r} has a name of the package's own; names must not begin with "
                    f"{_RESERVED!r}"
                )


def _mixture_to_write(
    path: str | os.PathLike[str], configurations: Sequence[Configuration], mixture: Mixture | None
) -> Mixture | None:
    """Return the mixture that a file is to name: the one given, or the one that its frames carry."""
    if mixture is not None:
        check_carried_mixture(configurations, mixture, "write_configurations")
    else:
        mixture = carried_mixture(configurations, "write_configurations")
        bare = [k for k, c in enumerate(configurations) if c.mixture is None]
        if bare and len(bare) < len(configurations):
            raise ValueError(
                f"{path}: configuration {bare[0]} carries no mixture, others do; name the mixture of all "
                "with mixture=..."
            )
        mixture = None if mixture is None else _of_these_shares(path, configurations[0], mixture)
    for k, c in enumerate(configurations if mixture is not None else ()):
        try:
            species_names.check_composition(c.species, mixture)  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(
                f"{path}: configuration {k} is not of the mixture given: {error}. A mixture of the same "
                "potential and other shares is dataclasses.replace(mixture, composition=...)"
            ) from None
    return mixture


def _of_these_shares(path: str | os.PathLike[str], c: Configuration, mixture: Mixture) -> Mixture | None:
    """Return a mixture of the same particles with the composition of a configuration that carries it."""
    counts = np.bincount(c.species, minlength=mixture.n_species + 1)[1:]
    try:
        species_names.check_composition(c.species, mixture)
    except ValueError:
        if np.any(counts == 0):
            warnings.warn(
                f"{path}: will name no mixture, since {mixture.name} has {mixture.n_species} species and the "
                "configurations lack some of them; name it when the file is read",
                stacklevel=4,
            )
            return None
        return replace(mixture, composition=tuple(int(n) for n in counts), box_length=c.box_length)
    return mixture
