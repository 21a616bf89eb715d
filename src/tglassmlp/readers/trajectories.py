"""Structures and trajectories of isoconfigurational replicas that another program wrote.

Files are found by a pattern with the places ``{temperature}``, ``{structure}`` and ``{replica}``, such as
``T{temperature}/structure{structure}_replica{replica}.dump.gz``. A trajectory starts from its structure: its
first frame holds the same positions. Displacements are true ones: unwrapped positions and images are taken as
they are, wrapped positions are followed from frame to frame by their nearest image. A motion of the centre of
mass, which a thermostat may cause, is subtracted.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp import storage
from tglassmlp.box import minimum_image
from tglassmlp.configuration import Configuration
from tglassmlp.formats import described
from tglassmlp.mixture import Mixture
from tglassmlp.readers.extended_xyz import extended_frames, particlesmc_frames
from tglassmlp.readers.lammps import data_frames, dump_frames
from tglassmlp.readers.particle_frames import Frame, Frames, configuration_of
from tglassmlp.species import check_composition
from tglassmlp.storage import Array

__all__ = [
    "files_by_number",
    "given_in_a_run",
    "read_replicas",
    "read_structure",
    "trajectory_arrays",
]

#: A wrapped particle that moves further than this share of the box between two frames cannot be followed.
_LONGEST: Final = 0.375

#: Largest difference of the last time from the one that the run expects, relative to the latter.
_LATE: Final = 0.01

#: Largest distance between a structure and the first frame of its trajectories: text files hold six digits.
_SAME: Final = 1e-3


def files_by_number(pattern: str, temperature: str, root: str | os.PathLike[str] = ".") -> dict[Any, str]:
    """Files of one temperature by the number of their structure, or by the numbers of structure and replica.

    Parameters
    ----------
    pattern
        Path with the places ``{structure}``, ``{replica}`` (whole numbers) and ``{temperature}``.
    temperature
        Canonical name of the temperature, e.g. ``"0.90"``.
    root
        Folder that a relative pattern starts from.

    Returns
    -------
    dict
        ``{structure: path}`` or ``{(structure, replica): path}``, in rising order.

    Raises
    ------
    FileNotFoundError
        If no file fits the pattern.
    ValueError
        If two files have the same numbers (1 and 01).
    """
    here = pattern.replace("{temperature}", temperature)
    wanted = [p for p in ("structure", "replica") if f"{{{p}}}" in here]
    text = re.split(r"\{\w+\}", here)
    names = re.findall(r"\{(\w+)\}", here)
    expression = re.escape(text[0]) + "".join(
        f"(?P<{name}>[0-9]+){re.escape(end)}" if names.index(name) == k else f"(?P={name}){re.escape(end)}"
        for k, (name, end) in enumerate(zip(names, text[1:], strict=True))
    )
    found: dict[Any, str] = {}
    for file in glob.glob("*".join(map(glob.escape, text)), root_dir=root):
        match = re.fullmatch(expression, file)
        if match is None:
            continue
        numbers = tuple(int(match[name]) for name in wanted)
        at = numbers if len(numbers) > 1 else numbers[0]
        if at in found:
            raise ValueError(f"{found[at]} and {file} have the same numbers, expected one file for each")
        found[at] = file
    if not found:
        raise FileNotFoundError(f"no file fits {here} (numbers stand for {' and '.join(wanted)})")
    return {at: found[at] for at in sorted(found)}


def given_in_a_run(
    temperature: str, structures: str | None, trajectories: str | None, number: int, replicas: int
) -> tuple[list[str], list[list[str]]]:
    """Files of one temperature that a run takes: the structures with the lowest numbers, and their replicas.

    Parameters
    ----------
    temperature
        Its canonical name.
    structures, trajectories
        Patterns; without ``structures`` the first frames of the trajectories are the structures.
    number, replicas
        How many structures the run has, and how many replicas of each.

    Returns
    -------
    structures, trajectories
        One file for each structure, and for each structure one file for each replica (none without a
        pattern).

    Raises
    ------
    FileNotFoundError
        If no file fits a pattern.
    ValueError
        If there are too few structures or replicas.
    """
    by_structure: dict[int, list[str]] = {}
    if trajectories is not None:
        for (k, _), file in files_by_number(trajectories, temperature).items():
            by_structure.setdefault(k, []).append(file)
    starts = {k: files[0] for k, files in by_structure.items()}
    if structures is not None:
        starts = files_by_number(structures, temperature)
    if trajectories is not None:
        starts = {k: file for k, file in starts.items() if k in by_structure}
    if len(starts) < number:
        of = "structures" if trajectories is None else "structures with trajectories"
        raise ValueError(
            f"T = {temperature}: the files hold {len(starts)} {of}, the run asks for {number} "
            "(structures.number)"
        )
    chosen = list(starts)[:number]
    for k in chosen if trajectories is not None else ():
        if len(by_structure[k]) < replicas:
            raise ValueError(
                f"T = {temperature}: structure {k} has {len(by_structure[k])} trajectories "
                f"({by_structure[k][0]}, ...), the run asks for {replicas} (dynamics.replicas)"
            )
    return [starts[k] for k in chosen], [by_structure.get(k, [])[:replicas] for k in chosen]


def _gsd_frames(path: str | os.PathLike[str]) -> Iterator[Frame]:
    """Frames of a GSD file; images that are all zero may be those of a program that keeps none."""
    import gsd.hoomd

    with gsd.hoomd.open(name=str(path), mode="r") as file:
        steps = [int(frame.configuration.step) for frame in file]
        names = [np.array(frame.particles.types)[frame.particles.typeid] for frame in file]
        images = [frame.particles.image is not None and bool(np.any(frame.particles.image)) for frame in file]
    configurations = storage.read_configurations(path, None, _any_species(names))
    for c, step, of_type in zip(configurations, steps, names, strict=True):
        yield Frame(c.positions, of_type, c.box_length, any(images), True, step)


def _any_species(names: Sequence[NDArray[np.str_]]) -> dict[str, int]:
    """Any numbers for the names of types: the frames keep the names."""
    return {str(name): k for k, name in enumerate(sorted({str(n) for some in names for n in some}), start=1)}


#: Readers of frames by what a file is, in the words of :func:`tglassmlp.formats.described`.
_FRAMES: Final[Mapping[str, Frames]] = {
    "a GSD file": _gsd_frames,
    "a LAMMPS dump": dump_frames,
    "a LAMMPS data file": data_frames,
    "an extended XYZ file": extended_frames,
    "an XYZ file of ParticlesMC": particlesmc_frames,
}


def _frames(path: str | os.PathLike[str]) -> Iterator[Frame]:
    kind = described(path) or "a file of no known kind"
    if kind not in _FRAMES:
        *some, last = _FRAMES
        raise ValueError(f"{path}: is {kind}; expected {', '.join(some)} or {last}")
    return _FRAMES[kind](path)


def read_structure(
    path: str | os.PathLike[str], mixture: Mixture, species: Mapping[str, int] | None = None
) -> Configuration:
    """Read the first frame of a file as a structure of the run.

    Parameters
    ----------
    path
        File of any kind that :func:`tglassmlp.read_configurations` reads, but for GlassBench.
    mixture
        The mixture of the run: numbers of particles and the box must be those of its unit system.
    species
        What each type of the file means; None: as the names say.

    Raises
    ------
    ValueError
        Naming the file, what was found and what is expected.
    """
    frame = next(_frames(path), None)
    if frame is None:
        raise ValueError(f"{path}: holds no frame")
    return _structure(path, frame, mixture, species)


def _structure(
    path: str | os.PathLike[str], frame: Frame, mixture: Mixture, species: Mapping[str, int] | None
) -> Configuration:
    try:
        found = configuration_of(frame, mixture, species)
        check_composition(found.species, mixture)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if found.n_particles != sum(mixture.composition):
        raise ValueError(
            f"{path}: holds {found.n_particles} particles, the unit system of {mixture.name} has "
            f"{sum(mixture.composition)} (system.mixture.composition)"
        )
    if abs(found.box_length - mixture.box_length) > 1e-4 * mixture.box_length:
        raise ValueError(
            f"{path}: its box has the side {found.box_length:.7g}, the unit system of {mixture.name} has "
            f"{mixture.box_length:.7g} (system.mixture.box_length)"
        )
    return found


def read_replicas(
    paths: Sequence[str | os.PathLike[str]],
    start: Configuration,
    mixture: Mixture,
    species: Mapping[str, int] | None = None,
    time_step: float | None = None,
    duration: float | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Read the trajectories of the replicas of one structure.

    Parameters
    ----------
    paths
        One file for each replica.
    start
        The structure, which the first frame of each file must hold.
    mixture, species
        As :func:`read_structure`.
    time_step
        Time of one step of the files; None: the files name their times.
    duration
        Time of the last frame that the run expects; None: any. A wrong ``time_step`` shows here.

    Returns
    -------
    times, displacements
        ``[F]`` from 0 and ``[replica, F, N, 2]``, true displacements from the structure, relative to the
        centre of mass (all particles have the same mass).

    Raises
    ------
    ValueError
        Naming the file, if it does not start from the structure, its times do not rise or are not those of
        the first replica, it ends at another time than ``duration`` by more than one per cent, its particles
        cannot be followed, or two files hold the same motion.
    """
    times: NDArray[np.float64] | None = None
    found: list[NDArray[np.float32]] = []
    for path in paths:
        own, moved = _trajectory(path, start, mixture, species, time_step)
        if duration is not None and abs(own[-1] - duration) > _LATE * duration:
            raise ValueError(
                f"{path}: ends at t = {own[-1]:g}, expected the dynamics_time of the run, {duration:g}; "
                "correct it, or the time step (structures.files.time_step)"
            )
        if times is None:
            times = own
        elif own.shape != times.shape or not np.allclose(own, times, rtol=1e-6, atol=0):
            raise ValueError(
                f"{path}: has {own.size} frames to t = {own[-1]:g}, {paths[0]} has {times.size} to "
                f"{times[-1]:g}; all replicas must have the same times"
            )
        same = next((p for p, other in zip(paths, found, strict=False) if np.array_equal(other, moved)), None)
        if same is not None:
            raise ValueError(
                f"{path}: holds the same motion as {same}; replicas must start with different velocities"
            )
        found.append(moved)
    if times is None:
        raise ValueError("a structure needs at least one trajectory, found none")
    return times, np.stack(found)


def _trajectory(
    path: str | os.PathLike[str],
    start: Configuration,
    mixture: Mixture,
    species: Mapping[str, int] | None,
    time_step: float | None,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Read times from 0 and displacements ``[F, N, 2]`` of one trajectory."""
    times: list[float] = []
    moved: list[NDArray[np.float64]] = []
    last = np.zeros_like(start.positions)
    first: Frame | None = None
    for k, frame in enumerate(_frames(path)):
        if first is None:
            first = frame
            _check_start(path, frame, start, mixture, species)
        elif not np.array_equal(frame.types, first.types) or frame.box_length != first.box_length:
            raise ValueError(
                f"{path}: the types or the box of frame {k} are not those of frame 0: particles must keep "
                "their order (LAMMPS: write id, or dump_modify sort id) and the box its size"
            )
        elif (other := np.setxor1d(_ids(frame), _ids(first))).size:
            raise ValueError(
                f"{path}: frames 0 and {k} hold other particles: identifier {other[0]} is in one of them "
                "only; a trajectory holds the same particles in each frame"
            )
        times.append(_time(path, k, frame, time_step))
        last = _moved(path, k, frame, first, last)
        moved.append(last)
    if len(times) < 2:
        raise ValueError(f"{path}: holds {len(times)} frames, expected at least 2")
    since = np.array(times) - times[0]
    if np.any(np.diff(since) <= 0):
        late = int(np.flatnonzero(np.diff(since) <= 0)[0]) + 1
        raise ValueError(
            f"{path}: the time of frame {late} is {times[late]:g}, expected more than {times[late - 1]:g}"
        )
    drifted = np.array(moved)
    return since, (drifted - drifted.mean(axis=1, keepdims=True)).astype(np.float32)


def _ids(frame: Frame) -> NDArray[np.int64]:
    """Return the identifiers of a frame, none where it has none."""
    return np.empty(0, dtype=np.int64) if frame.ids is None else frame.ids


def _check_start(
    path: str | os.PathLike[str],
    frame: Frame,
    start: Configuration,
    mixture: Mixture,
    species: Mapping[str, int] | None,
) -> None:
    if not frame.identified and described(path) == "a LAMMPS dump":
        raise ValueError(
            f"{path}: a dump without the column id does not tell which particle is which from frame to "
            "frame; add id to the columns of the dump"
        )
    own = _structure(path, frame, mixture, species)
    if not np.array_equal(own.species, start.species):
        raise ValueError(
            f"{path}: the species of its particles are not those of the structure, in the same order"
        )
    apart = np.hypot(*minimum_image(own.positions - start.positions, start.box_length).T)
    if apart.max() > _SAME:
        worst = int(apart.argmax())
        raise ValueError(
            f"{path}: does not start from its structure: in its first frame particle {worst} is "
            f"{apart[worst]:.3g} away from where the structure has it. Replicas start from the same "
            "positions with other velocities, and their first frame is that start"
        )


def _time(path: str | os.PathLike[str], k: int, frame: Frame, time_step: float | None) -> float:
    """Time of a frame: named by the file, or its step times the time step."""
    if time_step is not None and frame.step is not None:
        return frame.step * time_step
    if time_step is None and frame.time is not None:
        return frame.time
    lacking = "no time; say how long a step is (structures.files.time_step)"
    raise ValueError(f"{path}: frame {k} names {lacking if time_step is None else 'no step'}")


def _moved(
    path: str | os.PathLike[str], k: int, frame: Frame, first: Frame, last: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Displacements of a frame from the first one; ``last`` are those of the frame before."""
    away = frame.positions - first.positions
    length = first.box_length
    if frame.unwrapped:
        far = np.abs(away - last).max(axis=1)
        if not frame.identified and far.max() > _LONGEST * length:
            raise ValueError(
                f"{path}: has no identifiers, and the particle of row {int(far.argmax()) + 1} moves "
                f"{far.max():.3g} between frames {k - 1} and {k}, too far in a box of {length:.4g} for rows "
                "that keep their order; write the identifiers"
            )
        return away
    hop = minimum_image(away - last, length)
    if np.abs(hop).max() > _LONGEST * length:
        worst = int(np.abs(hop).max(axis=1).argmax())
        raise ValueError(
            f"{path}: positions are wrapped and particle {worst} moves {np.abs(hop[worst]).max():.3g} "
            f"between frames {k - 1} and {k}, too far in a box of {length:.4g} to know the way; write "
            "unwrapped positions (LAMMPS: xu yu, or x y ix iy)"
        )
    followed: NDArray[np.float64] = last + hop
    return followed


def trajectory_arrays(
    members: Sequence[tuple[NDArray[np.float64], NDArray[np.float32]]], names: Callable[[int], str]
) -> dict[str, Array]:
    """Trajectories of structures, as a run keeps them.

    Parameters
    ----------
    members
        Times and displacements of each structure, :func:`read_replicas`.
    names
        Place of a structure -> what a message calls it.

    Raises
    ------
    ValueError
        If times differ.
    """
    times = members[0][0]
    for k, (own, _) in enumerate(members):
        if own.shape != times.shape or not np.allclose(own, times, rtol=1e-6, atol=0):
            raise ValueError(
                f"{names(k)} has {own.size} frames to t = {own[-1]:g}, {names(0)} has {times.size} to "
                f"{times[-1]:g}; all structures of a temperature must have the same times"
            )
    axes = ("structure", "replica", "frame", "particle", "dimension")
    return {
        "displacements": Array(np.stack([moved for _, moved in members]), axes, "sigma_11", "given"),
        "times": Array(times, ("frame",), "tau_LJ"),
    }
