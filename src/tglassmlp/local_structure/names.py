"""Names of the columns of descriptors: quantity, average and length, e.g. ``"energy/type2/L1.5"``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["QUANTITIES", "descriptor_lengths", "descriptor_names"]

#: The paper's four quantities, in the order of the columns.
QUANTITIES = ("density", "energy", "perimeter", "variance")


def descriptor_names(
    lengths: Sequence[float], n_species: int = 3, quantities: Sequence[str] = QUANTITIES
) -> list[str]:
    """Names of all columns: quantity, then average, then length, e.g. ``"energy/type2/L1.5"``."""
    averages = [f"type{s}" for s in range(1, n_species + 1)] + ["all"]
    return [f"{q}/{a}/L{length:g}" for q in quantities for a in averages for length in lengths]


def descriptor_lengths(names: Sequence[str]) -> NDArray[np.float64]:
    """Length L of every named column, ``[M]``.

    Raises
    ------
    ValueError
        If a name is not of the form ``quantity/average/Llength``.
    """
    found = []
    for name in names:
        parts = str(name).split("/")
        try:
            if len(parts) != 3 or not parts[2].startswith("L"):
                raise ValueError
            found.append(float(parts[2][1:]))
        except ValueError:
            raise ValueError(
                f"{name!r} is not the name of a descriptor such as 'energy/type2/L1.5'"
            ) from None
    return np.array(found)
