"""Propensity fields of one method at one temperature, as label, prediction and baseline files hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tglassmlp import state_point
from tglassmlp.labels import BOND_BREAKING, Label, recorded
from tglassmlp.methods import DRAWN, DYNAMICS, NETWORK
from tglassmlp.paths import File, meaning
from tglassmlp.storage import read_arrays, read_attributes

__all__ = ["Fields", "label_of", "read_fields", "structures_held"]


@dataclass(frozen=True)
class Fields:
    """Propensity fields of one method at one temperature.

    Parameters
    ----------
    method, t_min, temperature
        Which fields.
    c_b
        ``[k]``.
    values
        ``[k, networks, structures, particles]``.
    time
        ``[k]`` measured times, or None.
    converged
        ``[k, networks]``, whether the mean correction reached C_B; None where there is no correction.
    """

    method: str
    t_min: str
    temperature: float
    c_b: NDArray[np.float64]
    values: NDArray
    time: NDArray[np.float64] | None = None
    converged: NDArray[np.bool_] | None = None

    def at_c_b(self) -> NDArray[np.bool_]:
        """Networks whose mean is the wanted C_B, ``[k, networks]``."""
        if self.converged is None:
            return np.ones(self.values.shape[:2], dtype=bool)
        return self.converged

    def usable(self, k: int) -> NDArray[np.intp]:
        """Networks whose mean is the wanted C_B at state point ``k``: only those are at that state point."""
        return np.flatnonzero(self.at_c_b()[k])

    def unconverged(self, k: int) -> int:
        """Count the networks that are not usable at state point ``k``."""
        return self.values.shape[1] - self.usable(k).size

    def index(self, c_b: float) -> int | None:
        """Place of one C_B in the file, or None if it is not there."""
        return state_point.find(self.c_b, c_b)

    def at(self, c_b: float) -> NDArray | None:
        """Fields ``[networks, structures, particles]`` at one C_B, or None if there are none."""
        k = self.index(c_b)
        return None if k is None else self.values[k]


def read_fields(path: File, drawn: bool = False) -> list[Fields]:
    """Read the propensity fields of a label, prediction or baseline file.

    With ``drawn`` the fields that a prediction file holds with a residual follow those of the networks
    (method :data:`tglassmlp.methods.DRAWN`); fields that are drawn take the place of networks.

    Raises
    ------
    ValueError
        If the path does not tell the kind of file, or an array has the wrong shape.
    """
    product, wildcards = meaning(path)
    if product not in ("LABELS", "PREDICTIONS", "BASELINE_PREDICTIONS"):
        raise ValueError(f"{path}: expected a labels, predictions or baseline_predictions file")
    temperature = float(wildcards["temperature"])
    arrays = read_arrays(path, finite=False)
    c_b = np.asarray(arrays["c_b"], dtype=np.float64)
    if product == "LABELS":
        values = arrays["propensity"][:, None]
        time = np.asarray(arrays["time"], dtype=np.float64)
        return [Fields(DYNAMICS.name, "", temperature, c_b, values, time)]
    if product == "PREDICTIONS":
        converged = np.asarray(arrays["converged"], dtype=bool)
        head = wildcards["t_min"], temperature, c_b
        found = [Fields(NETWORK.name, *head, arrays["propensity"], converged=converged)]
        if drawn and len(arrays.get("drawn", ())):
            # about the mean of the networks that reach C_B: where none does, no field is at the state point
            there = np.repeat(converged.any(axis=1, keepdims=True), arrays["drawn"].shape[1], axis=1)
            found.append(Fields(DRAWN.name, *head, arrays["drawn"], converged=there))
        return found
    baselines = []
    for method, values in arrays.items():
        if method == "c_b" or values.ndim not in (3, 4) or values.shape[0] != c_b.size:
            continue
        name, _, t_min = method.partition("_tmin")
        name = f"{name}_transferred" if t_min else name
        values = values if values.ndim == 4 else values[:, None]
        baselines.append(Fields(name, t_min, temperature, c_b, values))
    return baselines


def label_of(files: Sequence[File]) -> Label:
    """Find the label that files of labels or predictions of a run hold; bond breaking if there is no file."""
    return recorded(read_attributes(files[0])) if files else BOND_BREAKING


def structures_held(wanted: Sequence[int], number: int) -> list[int]:
    """Those of the wanted structures that a file of this many holds: large systems may be fewer."""
    return [s for s in wanted if s < number]
