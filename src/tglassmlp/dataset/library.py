"""Reading a data set: structures and their dynamics, temperature by temperature.

``tglassmlp.load_dataset()`` opens the data set of the repository, ``datasets/ka2d``; a folder of one's own is
opened by its path. Opening reads the descriptions of the files only; arrays are read, and their checksums
verified, when they are asked for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tglassmlp.dataset.ensemble import Ensemble
from tglassmlp.dataset.files import DatasetFile
from tglassmlp.dataset.manifest import MANIFEST, read_manifest
from tglassmlp.dataset.names import file_name
from tglassmlp.dataset.plan import PLAN, read_plan
from tglassmlp.state_point import canonical, is_same

__all__ = ["Dataset", "load_dataset"]


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
            if e.name == ensemble and is_same(e.temperature, temperature):
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
    files = [DatasetFile(p) for p in sorted(folder.glob("*.npz")) if file_name(p.name) is not None]
    unknown = [p.name for p in sorted(folder.glob("*.npz")) if file_name(p.name) is None]
    if unknown:
        raise ValueError(f"{folder / unknown[0]}: not the name of a file of a data set")
    if not files:
        _check_begun(folder)
    keys = {(f.name.ensemble, f.name.temperature) for f in files}
    ordered = sorted(keys, key=lambda k: (k[0] != "unit", -float(k[1])))
    return Dataset(folder, tuple(_ensemble(files, *key) for key in ordered))


def _check_begun(folder: Path) -> None:
    """Refuse a folder without files that has no plan either."""
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
