r"""What the arrays of a data set mean: from structures and trajectories to whole numbers, and back.

Positions are whole numbers q on a grid of :math:`2^b` points per side of the box, b = :data:`POSITION_BITS`,

.. math::

    x = \left( q / 2^b - 1/2 \right) L ,

wrapped into [-L/2, L/2). Particles are sorted by species and, within a species, along a Hilbert curve through
the box. A structure is put into this form *before* its dynamics start, so the dynamics belong to exactly the
stored positions.

The bond-breaking propensity is stored without loss, as numbers of surviving bonds
(:func:`tglassmlp.dynamics.bond_breaking.surviving_bonds`). The displacement propensity, the mean of
:math:`|\Delta r_i(t)|` over half of the replicas, is stored by its logarithm: code 0 is 0, code k > 0 is
:data:`SMALLEST_DISPLACEMENT` times exp((k - 1) :data:`DISPLACEMENT_STEP`). It is off by at most half
a step, 2 %, where the noise of 8 replicas is about 20 %.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration, wrap
from tglassmlp.dataset.files import DatasetFile, Stored
from tglassmlp.dynamics.bond_breaking import surviving_bonds
from tglassmlp.dynamics.correlations import scattering_and_displacement
from tglassmlp.mixture import Mixture

if TYPE_CHECKING:
    import pandas as pd

    from tglassmlp.simulation.dynamics import Trajectory

__all__ = [
    "DISPLACEMENT_STEP",
    "EVIDENCE",
    "POSITION_BITS",
    "SMALLEST_DISPLACEMENT",
    "Measured",
    "displacement_codes",
    "displacements_of",
    "dynamics_arrays",
    "measure",
    "mixture_of",
    "read_configuration",
    "read_evidence",
    "stored_form",
    "structure_arrays",
    "structure_hash",
]

#: Bits of a stored coordinate.
POSITION_BITS: Final = 20

#: Smallest displacement that is not stored as zero (sigma_11).
SMALLEST_DISPLACEMENT: Final = 1e-3

#: Step of the logarithm of a stored displacement.
DISPLACEMENT_STEP: Final = 0.04

#: Columns of the equilibration record that are kept, see :data:`tglassmlp.equilibration.record.COLUMNS`.
EVIDENCE: Final = (
    "sweep",
    "measured",
    "energy",
    "energy_variance",
    "inherent_energy",
    "displacement_acceptance",
    "swap_acceptance",
    "overlap",
    "autocorrelation",
)


# ------------------------------------------------------------------------------------------- structures


def _position_codes(c: Configuration) -> NDArray[np.uint32]:
    """Return whole numbers ``[N, 2]`` of wrapped positions."""
    size = 1 << POSITION_BITS
    fraction = wrap(c.positions, c.box_length) / c.box_length + 0.5
    return (np.rint(fraction * size).astype(np.int64) % size).astype(np.uint32)


def _positions(codes: NDArray[np.uint32], box_length: float) -> NDArray[np.float64]:
    return (codes.astype(np.float64) / (1 << POSITION_BITS) - 0.5) * box_length


def _along_hilbert_curve(codes: NDArray[np.uint32], bits: int = 10) -> NDArray[np.int64]:
    """Place ``[N]`` along a Hilbert curve of order ``bits`` (Wikipedia, "Hilbert curve", xy2d)."""
    x, y = (codes.astype(np.int64) >> (POSITION_BITS - bits)).T
    place = np.zeros(len(codes), dtype=np.int64)
    side = 1 << bits
    s = side >> 1
    while s:
        right, up = (x & s) > 0, (y & s) > 0
        place += s * s * ((3 * right) ^ up)
        mirrored = ~up & right
        x, y = np.where(mirrored, side - 1 - x, x), np.where(mirrored, side - 1 - y, y)
        x, y = np.where(up, x, y), np.where(up, y, x)
        s >>= 1
    return place


def stored_form(c: Configuration) -> Configuration:
    """Return the configuration as a data set stores it: positions on the grid, wrapped; particles sorted."""
    codes = _position_codes(c)
    order = np.lexsort((codes[:, 1], codes[:, 0], _along_hilbert_curve(codes), c.species))
    return Configuration(_positions(codes[order], c.box_length), c.species[order], c.box_length, c.mixture)


def structure_hash(c: Configuration) -> str:
    """SHA-256 of a configuration in its stored form: codes of positions, species, box."""
    content = hashlib.sha256(_position_codes(c).astype("<u4").tobytes())
    content.update(c.species.astype("<i4").tobytes())
    content.update(np.float64(c.box_length).astype("<f8").tobytes())
    return content.hexdigest()


def structure_arrays(
    configurations: Sequence[Configuration], records: Sequence[pd.DataFrame]
) -> dict[str, Stored]:
    """Arrays of a file of structures.

    Parameters
    ----------
    configurations
        Structures in their stored form, all with one number of particles and one box.
    records
        Equilibration record of each.

    Raises
    ------
    ValueError
        If a structure is not in its stored form, or they differ in size.
    """
    sizes = {(c.n_particles, c.box_length) for c in configurations}
    if len(sizes) != 1 or len(records) != len(configurations):
        raise ValueError(
            f"structures of one file have one size and a record each, found {sorted(sizes)} and "
            f"{len(records)} records"
        )
    for k, c in enumerate(configurations):
        if not np.array_equal(stored_form(c).positions, c.positions):
            raise ValueError(f"structure {k} of the file is not in the form in which it is stored")
    points = max(len(r) for r in records)
    evidence = np.full((len(records), points, len(EVIDENCE)), np.nan, dtype=np.float32)
    for k, r in enumerate(records):
        evidence[k, : len(r)] = r[list(EVIDENCE)].to_numpy(dtype=float)
    return {
        "positions": Stored(
            np.stack([_position_codes(c) for c in configurations]),
            ("structure", "particle", "dimension"),
            f"L / 2^{POSITION_BITS}",
            f"thermal positions q, wrapped: x = (q / 2^{POSITION_BITS} - 1/2) L",
        ),
        "species": Stored(
            np.stack([c.species for c in configurations]).astype(np.uint8),
            ("structure", "particle"),
            "1",
            "species, 1 for the first; particles are sorted by species",
        ),
        "evidence": Stored(
            evidence,
            ("structure", "point", "column"),
            "1",
            f"record of the equilibration, columns {', '.join(EVIDENCE)}; NaN where there is none",
        ),
    }


def read_configuration(file: DatasetFile, place: int) -> Configuration:
    """Structure at ``place`` of a file of structures."""
    bits = int(file.record["position_bits"])
    if bits != POSITION_BITS:
        raise ValueError(f"{file.path}: positions of {bits} bits, this package reads {POSITION_BITS}")
    length = float(file.record["box_length"])
    return Configuration(
        _positions(file.array("positions")[place], length),
        file.array("species")[place],
        length,
        mixture_of(file.record),
    )


def mixture_of(record: Mapping[str, Any]) -> Mixture:
    """Mixture of a file, from its record."""
    about: dict[str, Any] = dict(record["mixture"])
    for key in ("sigma", "epsilon"):
        about[key] = tuple(map(tuple, about[key]))
    for key in ("composition", "radii"):
        about[key] = tuple(about[key])
    return Mixture(**about)


def read_evidence(file: DatasetFile, place: int) -> pd.DataFrame:
    """Equilibration record of the structure at ``place``, with the columns that equilibration gives it."""
    import pandas as pd

    table = pd.DataFrame(
        file.array("evidence")[place].astype(float), columns=list(file.record["evidence_columns"])
    )
    table = table[np.isfinite(table["sweep"])].reset_index(drop=True)
    table["sweep"], table["measured"] = table["sweep"].astype("int64"), table["measured"] > 0
    table.insert(0, "structure", file.structures[place])
    table.insert(1, "start", file.record["starts"][place])
    return table


# --------------------------------------------------------------------------------------------- dynamics


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
