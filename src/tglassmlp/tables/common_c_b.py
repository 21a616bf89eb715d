"""One C_B at which temperatures are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["near_c_b"]


def near_c_b(table: pd.DataFrame, c_b: float) -> pd.DataFrame:
    """Rows at one C_B, for comparisons between temperatures.

    Of the values that the largest number of temperatures has, the one nearest to ``c_b``.
    """
    if not len(table):
        return table
    key = (table["c_b"].astype(float) * 1e6).round().astype(np.int64)
    reached_by = table["temperature"].groupby(key).nunique()
    common = np.array(sorted(reached_by[reached_by == reached_by.max()].index))
    return table[key == common[np.argmin(np.abs(common - 1e6 * c_b))]]
