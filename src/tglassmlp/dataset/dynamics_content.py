r"""What the arrays of a file of dynamics mean: from trajectories to whole numbers, and back.

The bond-breaking propensity is stored without loss, as numbers of surviving bonds
(:func:`tglassmlp.dynamics.bond_breaking.surviving_bonds`). The displacement propensity, the mean of
:math:`|\Delta r_i(t)|` over half of the replicas, is stored by its logarithm: code 0 is 0, code k > 0 is
:data:`SMALLEST_DISPLACEMENT` times exp((k - 1) :data:`DISPLACEMENT_STEP`). It is off by at most half
a step, 2 %, where the noise of 8 replicas is about 20 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.dataset.encoding import Stored
from tglassmlp.dynamics.bond_breaking import surviving_bonds
from tglassmlp.dynamics.correlations import scattering_and_displacement
from tglassmlp.mixture import Mixture

if TYPE_CHECKING:
    from tglassmlp.simulation.dynamics import Trajectory

__all__ = [
    "DISPLACEMENT_STEP",
    "SMALLEST_DISPLACEMENT",
    "Measured",
    "displacement_codes",
    "displacements_of",
    "dynamics_arrays",
    "measure",
]

#: Smallest displacement that is not stored as zero (sigma_11).
SMALLEST_DISPLACEMENT: Final = 1e-3

#: Step of the logarithm of a stored displacement.
DISPLACEMENT_STEP: Final = 0.04


def displacement_codes(displacement: NDArray[np.floating]) -> NDArray[np.unsignedinteger]:
    """Codes of mean displacements of any shape, uint8 or, if one is too large for that, uint16."""
    d = np.asarray(displacement, dtype=float)
    with np.errstate(divide="ignore"):
        code = 1.0 + np.rint(np.log(d / SMALLEST_DISPLACEMENT) / DISPLACEMENT_STEP)
    code = np.where(d < SMALLEST_DISPLACEMENT * np.exp(-0.5 * DISPLACEMENT_STEP), 0.0, code)
    return code.astype(_smallest_type(int(code.max(initial=0.0))))


def displacements_of(codes: NDArray[np.unsignedinteger]) -> NDArray[np.float64]:
    """Mean displacements of codes."""
    c = np.asarray(codes, dtype=float)
    return np.where(c > 0, SMALLEST_DISPLACEMENT * np.exp((c - 1.0) * DISPLACEMENT_STEP), 0.0)


def _smallest_type(largest: int) -> type[np.unsignedinteger]:
    """Smallest unsigned type that holds a number."""
    for kind in (np.uint8, np.uint16, np.uint32):
        if largest <= np.iinfo(kind).max:
            return kind
    raise ValueError(f"{largest} is too large to be stored")


@dataclass(frozen=True)
class Measured:
    """What is kept of the isoconfigurational dynamics of one structure.

    Parameters
    ----------
    neighbours
        ``[N]`` initial neighbours.
    left
        ``[2, F, N]`` surviving bonds, summed over the even and the odd replicas.
    displacement
        ``[2, F, N]`` mean of the length of the displacement over the even and the odd replicas.
    displacement2, scattering
        ``[species, F]`` mean squared displacement and self-intermediate scattering function.
    kinetic_temperature, potential_energy, conserved_drift
        ``[F]`` means over the replicas.
    """

    neighbours: NDArray[np.int64]
    left: NDArray[np.int64]
    displacement: NDArray[np.float64]
    displacement2: NDArray[np.float64]
    scattering: NDArray[np.float64]
    kinetic_temperature: NDArray[np.float64]
    potential_energy: NDArray[np.float64]
    conserved_drift: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"<Measured dynamics of {self.neighbours.size} particles: {self.left.shape[1]} frames>"


def measure(
    c: Configuration, trajectory: Trajectory, r_in: float, r_out: float, wave_number: float, mixture: Mixture
) -> Measured:
    """Measure the replicas of one structure; at least two of them."""
    d = trajectory.displacements
    if d.shape[0] < 2:
        raise ValueError(f"halves of the replicas need at least 2 replicas, found {d.shape[0]}")
    neighbours, left = surviving_bonds(c, d, r_in, r_out, mixture)
    length = np.sqrt((d.astype(np.float64) ** 2).sum(axis=-1))
    plain = scattering_and_displacement(c, d, mixture.n_species, wave_number)
    return Measured(
        neighbours,
        left,
        np.stack([length[0::2].mean(axis=0), length[1::2].mean(axis=0)]),
        plain["displacement2"],
        plain["scattering"],
        trajectory.kinetic_temperature.mean(axis=0),
        trajectory.potential_energy.mean(axis=0),
        trajectory.conserved_drift.mean(axis=0),
    )


def dynamics_arrays(steps: NDArray[np.int64], measured: Sequence[Measured]) -> dict[str, Stored]:
    """Arrays of a file of dynamics: all structures have the same frames at ``steps``."""
    neighbours = np.stack([m.neighbours for m in measured])
    left = np.stack([m.left for m in measured])
    halves = ("structure", "half", "frame", "particle")
    curves, means = ("structure", "species", "frame"), ("structure", "frame")

    def numbers(name: str) -> NDArray[np.float32]:
        values = np.stack([getattr(m, name) for m in measured]).astype(np.float32)
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name} holds values that are not finite")
        return values

    return {
        "steps": Stored(
            np.asarray(steps, dtype=np.int64), ("frame",), "time_step", "time steps since the start"
        ),
        "initial_neighbours": Stored(
            neighbours.astype(_smallest_type(int(neighbours.max()))),
            ("structure", "particle"),
            "1",
            "number n0 of initial neighbours",
        ),
        "surviving_bonds": Stored(
            left.astype(_smallest_type(int(left.max()))),
            halves,
            "1",
            "initial neighbours left, summed over the even and the odd replicas; over n0 times the "
            "number of those replicas it is the propensity",
            differences="frame",
        ),
        "displacement": Stored(
            displacement_codes(np.stack([m.displacement for m in measured])),
            halves,
            "1",
            f"code k of the mean displacement of a half: 0 for k = 0, else {SMALLEST_DISPLACEMENT:g} "
            f"exp((k - 1) {DISPLACEMENT_STEP:g}) sigma_11",
            differences="frame",
        ),
        "displacement2": Stored(
            numbers("displacement2"), curves, "sigma_11^2", "mean squared displacement, mean over replicas"
        ),
        "scattering": Stored(
            numbers("scattering"), curves, "1", "self-intermediate scattering function, ring average"
        ),
        "kinetic_temperature": Stored(
            numbers("kinetic_temperature"), means, "epsilon_11", "mean over replicas"
        ),
        "potential_energy": Stored(
            numbers("potential_energy"), means, "epsilon_11", "per particle, mean over replicas"
        ),
        "conserved_drift": Stored(
            numbers("conserved_drift"),
            means,
            "epsilon_11",
            "change of energy minus work of the thermostat since the file's first step, per particle",
        ),
    }
