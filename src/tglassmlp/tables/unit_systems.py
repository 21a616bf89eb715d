"""Files of the unit systems by temperature, and the structures in them that numbers are reported of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tglassmlp.division import Reported
from tglassmlp.observables.chord_length import Lattice
from tglassmlp.paths import File, t_min_of, temperature_of
from tglassmlp.state_point import is_same
from tglassmlp.storage import read_arrays
from tglassmlp.tables.fields import label_of, structures_held
from tglassmlp.tables.state_points import thermal_positions

__all__ = ["UnitSystems", "read_halves"]


class UnitSystems:
    """Files of the unit systems by temperature, and the structures used.

    Parameters
    ----------
    labels, predictions, descriptors
        Files; predictions of all T_min.
    reported
        Structures that enter numbers of the networks.

    Attributes
    ----------
    test
        Those among them that every temperature has, and dynamics where there is any.
    """

    def __init__(
        self, labels: Sequence[File], predictions: Sequence[File], descriptors: Sequence[File],
        reported: Reported,
    ) -> None:  # fmt: skip
        self.labels = {temperature_of(p): p for p in labels}
        self.predictions: dict[str, dict[float, File]] = {}
        for path in predictions:
            self.predictions.setdefault(t_min_of(path), {})[temperature_of(path)] = path
        self.test = list(reported.test)
        self.reported = reported
        self.label = label_of([*labels, *predictions])
        self._descriptors = list(descriptors)
        self._lattices: dict[float, list[Lattice]] = {}

    def lattices(self, temperature: float, spacing: float) -> list[Lattice]:
        """Lattices of the structures of one temperature that numbers are reported of, the test ones first."""
        if temperature not in self._lattices:
            mine = [p for p in self._descriptors if is_same(temperature_of(p), temperature)]
            positions, box = thermal_positions(mine)[temperature]
            self._lattices[temperature] = [
                Lattice(positions[s], box, spacing, self.label)
                for s in structures_held(self.reported.at(temperature), len(positions))
            ]
        return self._lattices[temperature]


def read_halves(path: File, chosen: Sequence[int]) -> NDArray[np.float64]:
    """Propensities of two halves of the replicas in a label file, ``[2, C, structures, particles]``."""
    half = read_arrays(path, ["half"])["half"][:, list(chosen)]
    return np.moveaxis(np.asarray(half, dtype=np.float64), 2, 0)
