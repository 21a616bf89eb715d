"""Reading the tables that figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from tglassmlp import paths
from tglassmlp.storage import read_arrays, read_attributes, read_json, read_table

__all__ = ["load_tables"]


def load_tables(files: Mapping[str, Sequence[str | PathLike[str]]]) -> dict[str, Any]:
    """Read the files of each table.

    Parquet files of one name are joined, with columns ``t_min`` and ``temperature`` from the path where they
    lack them; JSON files give their content, HDF5 files their arrays with the attributes under
    ``"attributes"``.
    """
    tables: dict[str, Any] = {}
    for name, of_table in files.items():
        parts = []
        for path in map(Path, of_table):
            if path.suffix == ".json":
                tables[name] = read_json(path)
            elif path.suffix == ".h5":
                tables[name] = {**read_arrays(path, finite=False), "attributes": read_attributes(path)}
            else:
                table = read_table(path)
                wildcards = paths.values_of(path)
                if "t_min" in wildcards and "t_min" not in table.columns:
                    table["t_min"] = wildcards["t_min"]
                if "temperature" in wildcards and "temperature" not in table.columns:
                    table["temperature"] = float(wildcards["temperature"])
                parts.append(table)
        if parts:
            tables[name] = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    return tables
