"""Choosing rows of tables by their state point, exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp import state_point

__all__ = ["near_c_b", "rows_at"]


def rows_at(
    table: pd.DataFrame,
    temperature: float | None = None,
    c_b: float | None = None,
    method: str | None = None,
    t_min: str | None = None,
) -> pd.DataFrame:
    """Rows of one temperature, C_B, method or T_min; what is not given is not asked for.

    Examples
    --------
    >>> table = pd.DataFrame({"temperature": [0.3, 0.1 + 0.2, 0.4], "method": ["md", "ridge", "md"]})
    >>> rows_at(table, 0.3, method="md").index.tolist()
    [0]
    """
    chosen: NDArray[np.bool_] = np.ones(len(table), dtype=bool)
    for column, wanted in (("temperature", temperature), ("c_b", c_b)):
        if wanted is not None:
            chosen &= state_point.where(table[column], wanted)
    for column, name in (("method", method), ("t_min", t_min)):
        if name is not None:
            chosen &= (table[column] == name).to_numpy(dtype=bool)
    return table[chosen]


def near_c_b(table: pd.DataFrame, c_b: float) -> pd.DataFrame:
    """Rows at one C_B, for comparisons between temperatures.

    Of the values that the largest number of temperatures has, the one nearest to ``c_b``.
    """
    if not len(table):
        return table
    keys = state_point.keys(table["c_b"])
    reached_by = table["temperature"].groupby(keys).nunique()
    common = np.array(sorted(reached_by[reached_by == reached_by.max()].index))
    return table[keys == common[np.argmin(np.abs(common - state_point.key(c_b)))]]
