"""The equilibration record: what is noted of a structure on its way, one row per point."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["COLUMNS", "autocorrelation_time", "record_table"]

#: Columns of the equilibration record, one row per structure and point.
COLUMNS: Final = (
    "structure",
    "start",
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


def autocorrelation_time(series: NDArray[np.float64], window: float = 6.0) -> float:
    r"""Integrated autocorrelation time of a series, in units of its spacing.

    :math:`\tau = 1/2 + \sum_{k=1}^{W} \rho(k)` with the smallest W that is at least ``window`` times tau
    (A. Sokal's automatic window); 1/2 for uncorrelated numbers.
    """
    x = np.asarray(series, dtype=float) - np.mean(series)
    n = x.size
    power = float(np.dot(x, x))
    if n < 4 or power == 0.0:
        return 0.5
    tau = 0.5
    for k in range(1, n // 2):
        tau += float(np.dot(x[:-k], x[k:])) / power
        if k >= window * tau:
            break
    return max(tau, 0.5)


def record_table(structure: int, start: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Record of one structure, columns :data:`COLUMNS`."""
    table = pd.DataFrame([{"structure": structure, "start": start, **r} for r in rows], columns=list(COLUMNS))
    numbers = [c for c in COLUMNS if c not in ("structure", "start", "sweep", "measured")]
    return table.astype(dict.fromkeys(numbers, "float64"))
