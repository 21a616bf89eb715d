r"""What the arrays of a file of structures mean: from configurations to whole numbers, and back.

Positions are whole numbers q on a grid of :math:`2^b` points per side of the box, b = :data:`POSITION_BITS`,

.. math::

    x = \left( q / 2^b - 1/2 \right) L ,

wrapped into [-L/2, L/2). Particles are sorted by species and, within a species, along a Hilbert curve through
the box. A structure is put into this form *before* its dynamics start, so the dynamics belong to exactly the
stored positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration, wrap
from tglassmlp.dataset.encoding import Stored
from tglassmlp.dataset.files import DatasetFile
from tglassmlp.mixture import Mixture
from tglassmlp.species import from_parameters

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EVIDENCE",
    "POSITION_BITS",
    "mixture_of",
    "read_configuration",
    "read_evidence",
    "stored_form",
    "structure_arrays",
    "structure_hash",
]

#: Bits of a stored coordinate.
POSITION_BITS: Final = 20

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
    return from_parameters(record["mixture"])


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
