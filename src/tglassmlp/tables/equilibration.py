"""Table of energy and overlap against Monte Carlo sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tglassmlp.paths import File, temperature_of
from tglassmlp.storage import read_table

__all__ = ["equilibration_table"]


def equilibration_table(records: Sequence[File]) -> pd.DataFrame:
    """Energy and overlap against sweeps of every start, mean and standard error over structures.

    Parameters
    ----------
    records
        Equilibration records ``.../T<temperature>/chunk<k>.parquet``, of unit systems and (start ``tiled``,
        ``overlap`` that of neighbouring tiles) of large ones.
    """
    parts = []
    for path in records:
        table = read_table(path, ["structure", "start", "sweep", "energy", "overlap"])
        parts.append(table.assign(temperature=temperature_of(path)))
    every = pd.concat(parts, ignore_index=True)
    grouped = every.groupby(["temperature", "start", "sweep"], as_index=False)
    means = grouped.agg(
        energy=("energy", "mean"),
        error=("energy", "sem"),
        overlap=("overlap", "mean"),
        overlap_error=("overlap", "sem"),
        n_structures=("energy", "size"),
    )
    return means.reset_index(drop=True)
