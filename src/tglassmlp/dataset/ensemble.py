"""All structures of one temperature and size in a data set, with their dynamics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.dataset import dynamics_content, structure_content
from tglassmlp.dataset.dynamics import Dynamics
from tglassmlp.dataset.files import DatasetFile
from tglassmlp.mixture import Mixture
from tglassmlp.state_point import canonical

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONVENTIONS", "Ensemble"]

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
        return structure_content.mixture_of(self.files[0].record)

    def configuration(self, number: int) -> Configuration:
        """One structure: thermal positions, wrapped; particles sorted by species."""
        return structure_content.read_configuration(*self._place(number))

    def configurations(self, numbers: Sequence[int] | None = None) -> list[Configuration]:
        """Several structures, all by default, in the order of ``numbers``."""
        return [self.configuration(k) for k in (self.numbers if numbers is None else numbers)]

    def evidence(self, number: int) -> pd.DataFrame:
        """Equilibration record of a structure, columns :data:`tglassmlp.equilibration.record.COLUMNS`."""
        return structure_content.read_evidence(*self._place(number))

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
        structure = structure_content.structure_hash(self.configuration(number))
        for f, k in parts:
            if f.record["structure_sha256"][k] != structure:
                raise ValueError(f"{f.path}: made from another structure {number} than that of this data set")
        first, _ = parts[0]
        _check_conventions([f for f, _ in parts], "the dynamics of one structure")
        for key, own in (
            ("smallest_displacement", dynamics_content.SMALLEST_DISPLACEMENT),
            ("displacement_step", dynamics_content.DISPLACEMENT_STEP),
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
            displacement_half=dynamics_content.displacements_of(joined("displacement", 1)),
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
            ``[S, F, N]``, ``half`` ``[S, 2, F, N]``, ``displacement`` ``[S, F, N]``, ``displacement_half``
            ``[S, 2, F, N]``, ``displacement2`` and ``scattering`` ``[S, species, F]``.

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
            "displacement_half": np.stack([r.displacement_half[:, f] for r, f in zip(runs, at, strict=True)]),
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
