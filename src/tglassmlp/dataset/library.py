"""Reading a data set: structures and their dynamics, temperature by temperature.

``tglassmlp.load_dataset()`` opens the data set of the repository, ``datasets/ka2d``; a folder of one's own is
opened by its path. Opening reads the descriptions of the files only; arrays are read, and their checksums
verified, when they are asked for.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.dataset import content
from tglassmlp.dataset.files import DatasetFile, file_name
from tglassmlp.mixture import Mixture
from tglassmlp.state_point import canonical

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CONVENTIONS",
    "MANIFEST",
    "PLAN",
    "Dataset",
    "Dynamics",
    "Ensemble",
    "load_dataset",
    "read_manifest",
]

#: File of the folder that lists the checksums of all others, in the format of ``sha256sum``.
MANIFEST: Final = "SHA256SUMS"

#: File of the folder that says what the data set shall hold.
PLAN: Final = "plan.yaml"

#: What files of dynamics must have in common to be put together or compared.
CONVENTIONS: Final = (
    "time_step",
    "replicas",
    "r_in",
    "r_out",
    "wave_number",
    "smallest_displacement",
    "displacement_step",
    "mixture",
)

#: Settings of the dynamics that may differ: which frames are kept, and how numbers are rounded.
_FREE: Final = ("frame_ratio", "precision")


@dataclass(frozen=True)
class Dynamics:
    """Isoconfigurational dynamics of one structure, over all its frames.

    Parameters
    ----------
    steps, times
        ``[F]`` time steps and times (tau_LJ) of the frames, the first 0.
    replicas
        Replicas of the even and of the odd half.
    neighbours
        ``[N]`` initial neighbours n0 of every particle.
    left
        ``[2, F, N]`` initial neighbours left, summed over the even and over the odd replicas.
    displacement_half
        ``[2, F, N]`` mean length of the displacement of the even and of the odd replicas, to a few per cent.
    displacement2, scattering
        ``[species, F]`` mean squared displacement and self-intermediate scattering function.
    kinetic_temperature, potential_energy
        ``[F]`` means over the replicas; the energy is per particle.
    joints
        Times at which velocities were drawn anew, where dynamics were made longer.
    """

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    replicas: tuple[int, int]
    neighbours: NDArray[np.int64]
    left: NDArray[np.int64]
    displacement_half: NDArray[np.float64]
    displacement2: NDArray[np.float64]
    scattering: NDArray[np.float64]
    kinetic_temperature: NDArray[np.float64]
    potential_energy: NDArray[np.float64]
    joints: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<Dynamics of {self.neighbours.size} particles: {self.times.size} frames to "
            f"t = {self.times.max(initial=0.0):g}, {sum(self.replicas)} replicas>"
        )

    @cached_property
    def propensity(self) -> NDArray[np.float64]:
        """Bond-breaking propensity ``[F, N]``, mean over all replicas: 1 arrested, 0 relaxed."""
        return self.left.sum(axis=0) / (sum(self.replicas) * self.neighbours)

    @cached_property
    def half(self) -> NDArray[np.float64]:
        """Bond-breaking propensity ``[2, F, N]`` of the even and of the odd replicas."""
        return self.left / (np.array(self.replicas)[:, None, None] * self.neighbours)

    @cached_property
    def displacement(self) -> NDArray[np.float64]:
        """Displacement propensity ``[F, N]``: mean length of the displacement over all replicas."""
        share = np.array(self.replicas) / sum(self.replicas)
        return np.einsum("h,hfn->fn", share, self.displacement_half)

    def until(self, step: int) -> Dynamics:
        """Frames up to and including time step ``step``."""
        keep = self.steps <= step
        return replace(
            self,
            steps=self.steps[keep],
            times=self.times[keep],
            left=self.left[:, keep],
            displacement_half=self.displacement_half[:, keep],
            displacement2=self.displacement2[:, keep],
            scattering=self.scattering[:, keep],
            kinetic_temperature=self.kinetic_temperature[keep],
            potential_energy=self.potential_energy[keep],
            joints=tuple(t for t in self.joints if t < self.times[keep][-1]),
        )


@dataclass(frozen=True)
class Ensemble:
    """All structures of one temperature and size.

    Parameters
    ----------
    temperature
        Temperature.
    name
        ``unit`` or ``large``.
    files
        Files of structures, by their first structure.
    dynamics_files
        For each structure with dynamics, its files in the order of time, with its place in each.
    """

    temperature: float
    name: str
    files: tuple[DatasetFile, ...]
    dynamics_files: Mapping[int, tuple[tuple[DatasetFile, int], ...]]

    def __repr__(self) -> str:
        return (
            f"<Ensemble at T = {canonical(self.temperature)} ({self.name}): {len(self.numbers)} structures, "
            f"{len(self.dynamics_files)} with dynamics>"
        )

    @property
    def numbers(self) -> list[int]:
        """Numbers of all structures, rising."""
        return sorted(self._places)

    @property
    def with_dynamics(self) -> list[int]:
        """Numbers of the structures that have dynamics, rising."""
        return sorted(self.dynamics_files)

    @property
    def durations(self) -> dict[int, float]:
        """Length of the dynamics of every structure that has any."""
        return {
            k: self.dynamics_files[k][-1][0].record["end"] * self.dynamics_files[k][-1][0].record["time_step"]
            for k in self.with_dynamics
        }

    @cached_property
    def _places(self) -> dict[int, tuple[DatasetFile, int]]:
        return {number: (f, k) for f in self.files for k, number in enumerate(f.structures)}

    def _place(self, number: int) -> tuple[DatasetFile, int]:
        if number not in self._places:
            raise ValueError(
                f"T = {canonical(self.temperature)}, {self.name}: no structure {number}, found {self.numbers}"
            )
        return self._places[number]

    @property
    def mixture(self) -> Mixture:
        """Mixture of the structures."""
        return content.mixture_of(self.files[0].record)

    def configuration(self, number: int) -> Configuration:
        """One structure: thermal positions, wrapped; particles sorted by species."""
        return content.read_configuration(*self._place(number))

    def configurations(self, numbers: Sequence[int] | None = None) -> list[Configuration]:
        """Several structures, all by default, in the order of ``numbers``."""
        return [self.configuration(k) for k in (self.numbers if numbers is None else numbers)]

    def evidence(self, number: int) -> pd.DataFrame:
        """Equilibration record of a structure, columns :data:`tglassmlp.equilibration.record.COLUMNS`."""
        return content.read_evidence(*self._place(number))

    def dynamics(self, number: int) -> Dynamics:
        """Dynamics of one structure, those made longer put together.

        Raises
        ------
        ValueError
            If the structure has no dynamics, a file is damaged, or files do not belong together.
        """
        if number not in self.dynamics_files:
            raise ValueError(
                f"T = {canonical(self.temperature)}, {self.name}: structure {number} has no dynamics, "
                f"found dynamics of {self.with_dynamics}"
            )
        parts = self.dynamics_files[number]
        structure = content.structure_hash(self.configuration(number))
        for f, k in parts:
            if f.record["structure_sha256"][k] != structure:
                raise ValueError(f"{f.path}: made from another structure {number} than that of this data set")
        first, _ = parts[0]
        _check_conventions([f for f, _ in parts], "the dynamics of one structure")
        for key, own in (
            ("smallest_displacement", content.SMALLEST_DISPLACEMENT),
            ("displacement_step", content.DISPLACEMENT_STEP),
        ):
            if first.record.get(key, own) != own:
                raise ValueError(
                    f"{first.path}: displacements are stored with {key} = {first.record[key]}, this package "
                    f"reads {own}"
                )

        def joined(name: str, axis: int) -> NDArray:
            return np.concatenate([f.array(name)[k] for f, k in parts], axis=axis)

        steps = np.concatenate([f.array("steps") for f, _ in parts])
        total = int(first.record["replicas"])
        time_step = float(first.record["time_step"])
        return Dynamics(
            steps=steps,
            times=steps * time_step,
            replicas=((total + 1) // 2, total // 2),
            neighbours=first.array("initial_neighbours")[parts[0][1]].astype(np.int64),
            left=joined("surviving_bonds", 1).astype(np.int64),
            displacement_half=content.displacements_of(joined("displacement", 1)),
            displacement2=joined("displacement2", 1).astype(float),
            scattering=joined("scattering", 1).astype(float),
            kinetic_temperature=joined("kinetic_temperature", 0).astype(float),
            potential_energy=joined("potential_energy", 0).astype(float),
            joints=tuple(f.record["begin"] * time_step for f, _ in parts[1:]),
        )

    def stacked(self, numbers: Sequence[int] | None = None, until: float | None = None) -> dict[str, NDArray]:
        """Dynamics of several structures at the times that all of them have.

        Parameters
        ----------
        numbers
            The structures; by default all that have dynamics, or dynamics to ``until``.
        until
            Leave out structures whose dynamics end before this time, and frames after it.

        Returns
        -------
        dict
            ``structures`` ``[S]`` (numbers), ``times`` ``[F]``, ``species`` ``[S, N]``, ``propensity``
            ``[S, F, N]``, ``half`` ``[S, 2, F, N]``, ``displacement`` ``[S, F, N]``, ``displacement2`` and
            ``scattering`` ``[S, species, F]``.

        Raises
        ------
        ValueError
            If no structure is left, one has no dynamics, or files differ in their time step, their bonds
            (r_in, r_out), replicas, wave number, mixture or thermostat.
        """
        limit = np.inf if until is None else float(until) * (1 + 1e-9)
        found = self.with_dynamics if numbers is None else list(numbers)
        if until is not None:
            found = [k for k in found if self.durations.get(k, 0.0) >= float(until) * (1 - 1e-9)]
        if not found:
            wanted = "" if until is None else f" to t = {until:g}"
            raise ValueError(
                f"T = {canonical(self.temperature)}, {self.name}: no structure has dynamics{wanted}"
            )
        runs = [self.dynamics(k) for k in found]
        _check_conventions([self.dynamics_files[k][0][0] for k in found], "structures that are stacked")
        common = runs[0].steps[runs[0].times <= limit]
        for run in runs[1:]:
            common = np.intersect1d(common, run.steps)
        at = [np.searchsorted(run.steps, common) for run in runs]
        return {
            "structures": np.array(found),
            "times": runs[0].times[at[0]],
            "species": np.stack([self.configuration(k).species for k in found]),
            "propensity": np.stack([r.propensity[f] for r, f in zip(runs, at, strict=True)]),
            "half": np.stack([r.half[:, f] for r, f in zip(runs, at, strict=True)]),
            "displacement": np.stack([r.displacement[f] for r, f in zip(runs, at, strict=True)]),
            "displacement2": np.stack([r.displacement2[:, f] for r, f in zip(runs, at, strict=True)]),
            "scattering": np.stack([r.scattering[:, f] for r, f in zip(runs, at, strict=True)]),
        }


def _check_conventions(files: Sequence[DatasetFile], what: str) -> None:
    """Refuse files of dynamics that were not made and measured in the same way.

    Frames are matched by time steps, and numbers are compared as if they meant the same.
    """

    def of(f: DatasetFile) -> dict[str, Any]:
        found = {key: f.record.get(key) for key in CONVENTIONS}
        chosen = f.record.get("settings", {})
        return found | {f"settings.{k}": v for k, v in chosen.items() if k not in _FREE}

    seen = {f.path: f for f in files}
    first, *others = seen.values()
    expected = of(first)
    for f in others:
        for key, value in of(f).items():
            if key in expected and value != expected[key]:
                said = (
                    f"its mixture is not that of {first.path}"
                    if key == "mixture"
                    else f"{key} is {value}, in {first.path} it is {expected[key]}"
                )
                raise ValueError(f"{f.path}: {said}; {what} must have the same")


@dataclass(frozen=True)
class Dataset:
    """A data set, opened by :func:`load_dataset`. Iterating goes through its ensembles.

    Parameters
    ----------
    folder
        Its folder.
    ensembles
        All structures of one temperature and size each; unit systems first, temperatures falling.
    """

    folder: Path
    ensembles: tuple[Ensemble, ...]

    def __repr__(self) -> str:
        held = ", ".join(
            f"{canonical(e.temperature)}{'' if e.name == 'unit' else f' ({e.name})'}" for e in self.ensembles
        )
        return f"<Dataset {self.folder}: {f'structures at T = {held}' if held else 'no file yet'}>"

    def __iter__(self) -> Iterator[Ensemble]:
        return iter(self.ensembles)

    def __len__(self) -> int:
        return len(self.ensembles)

    @property
    def temperatures(self) -> list[float]:
        """Temperatures of the unit systems, falling."""
        return [e.temperature for e in self.ensembles if e.name == "unit"]

    def at(self, temperature: float, ensemble: str = "unit") -> Ensemble:
        """Structures of one temperature.

        Raises
        ------
        ValueError
            If there are none; the message says which there are.
        """
        for e in self.ensembles:
            if e.name == ensemble and canonical(e.temperature) == canonical(temperature):
                return e
        known = ", ".join(f"{canonical(e.temperature)} ({e.name})" for e in self.ensembles) or "none"
        raise ValueError(
            f"{self.folder}: no structures at T = {canonical(temperature)} ({ensemble}), found {known}"
        )

    @property
    def files(self) -> list[DatasetFile]:
        """All files, by their names."""
        found = {f.path: f for e in self.ensembles for f in e.files}
        found |= {f.path: f for e in self.ensembles for parts in e.dynamics_files.values() for f, _ in parts}
        return [found[path] for path in sorted(found)]

    def verify(self) -> None:
        """Read everything, with every checksum, those of the manifest included.

        Raises
        ------
        ValueError
            Naming the first file that is damaged or does not belong to the others.
        """
        listed = read_manifest(self.folder)
        for f in self.files:
            f.verify()
            name = f.path.name
            if name in listed and hashlib.sha256(f.path.read_bytes()).hexdigest() != listed[name]:
                raise ValueError(f"{f.path}: differs from its checksum in {self.folder / MANIFEST}")
        for e in self.ensembles:
            for k in e.numbers:
                e.configuration(k)
            for k in e.with_dynamics:
                found = e.dynamics(k)
                if np.any(found.half > 1.0) or np.any(
                    found.left[:, found.steps == 0] != found.left.max(axis=1)[:, None]
                ):
                    raise ValueError(
                        f"{e.dynamics_files[k][0][0].path}: more neighbours left than at the start"
                    )


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Checksums listed in a data set's manifest, by the name of the file; empty if there is no manifest.

    Raises
    ------
    ValueError
        If a line is not a checksum and the name of a file of a data set, or a name stands twice.
    """
    path = Path(folder) / MANIFEST
    listed: dict[str, str] = {}
    if not path.is_file():
        return listed
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        found = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
        if found is None or file_name(found[2]) is None or found[2] in listed:
            raise ValueError(
                f"{path}, line {number}: expected a SHA-256 and the name of a file, found {line!r}"
            )
        listed[found[2]] = found[1]
    return listed


def load_dataset(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Open a data set.

    Parameters
    ----------
    path
        Folder; by default ``datasets/ka2d`` of the source tree that this package runs from.

    Returns
    -------
    Dataset
        Without structures, if the folder has a plan but no file yet.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder is no data set (it has neither files of one nor a plan), a listed file is missing, one
        is damaged or of an unknown version, or files contradict each other; the message names the file.

    Examples
    --------
    >>> import tglassmlp as tg
    >>> dataset = tg.load_dataset()
    >>> for ensemble in dataset:
    ...     for number in ensemble.with_dynamics[:1]:
    ...         structure = ensemble.configuration(number)
    ...         dynamics = ensemble.dynamics(number)
    ...         assert dynamics.propensity.shape == (len(dynamics.times), structure.n_particles)
    """
    folder = Path(__file__).resolve().parents[3] / "datasets" / "ka2d" if path is None else Path(path)
    if not folder.is_dir():
        where = (
            " (the data set comes with the repository, not with an installed package)" if path is None else ""
        )
        raise FileNotFoundError(f"no such folder: {folder}{where}")
    missing = [name for name in read_manifest(folder) if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder / missing[0]}: listed in {MANIFEST}, but missing; restore it with git checkout"
        )
    found = [DatasetFile(p) for p in sorted(folder.glob("*.npz")) if file_name(p.name) is not None]
    unknown = [p.name for p in sorted(folder.glob("*.npz")) if file_name(p.name) is None]
    if unknown:
        raise ValueError(f"{folder / unknown[0]}: not the name of a file of a data set")
    if not found:
        _check_begun(folder)
    keys = {(f.name.ensemble, f.name.temperature) for f in found}
    ordered = sorted(keys, key=lambda k: (k[0] != "unit", -float(k[1])))
    return Dataset(folder, tuple(_ensemble(found, *key) for key in ordered))


def _check_begun(folder: Path) -> None:
    """Refuse a folder without files that has no plan either."""
    from tglassmlp.dataset.plan import read_plan

    if not (folder / PLAN).is_file():
        raise ValueError(
            f"{folder}: is no data set; it holds no file like T0.40_unit_structures_0008.npz and no {PLAN}"
        )
    read_plan(folder / PLAN)


def _ensemble(files: Sequence[DatasetFile], name: str, temperature: str) -> Ensemble:
    own = [f for f in files if (f.name.ensemble, f.name.temperature) == (name, temperature)]
    structures = sorted((f for f in own if f.name.kind == "structures"), key=lambda f: f.name.first)
    seen: dict[int, DatasetFile] = {}
    for f in structures:
        for number in f.structures:
            if number in seen:
                raise ValueError(f"{f.path}: structure {number} is in {seen[number].path.name} as well")
            seen[number] = f
        if structures and f.record["mixture"] != structures[0].record["mixture"]:
            raise ValueError(f"{f.path}: another mixture than that of {structures[0].path.name}")
    parts: dict[int, list[tuple[DatasetFile, int]]] = {}
    for f in sorted((f for f in own if f.name.kind == "dynamics"), key=lambda f: f.name.begin):
        for place, number in enumerate(f.structures):
            if number not in seen:
                raise ValueError(f"{f.path}: dynamics of structure {number}, whose positions are not there")
            chain = parts.setdefault(number, [])
            end = int(chain[-1][0].record["end"]) if chain else 0
            if int(f.record["begin"]) != end or (chain and not f.name.begin):
                raise ValueError(
                    f"{f.path}: begins after step {f.record['begin']}, but the dynamics of structure "
                    f"{number} before it end at step {end}"
                )
            chain.append((f, place))
    return Ensemble(
        float(temperature), name, tuple(structures), {number: tuple(chain) for number, chain in parts.items()}
    )
