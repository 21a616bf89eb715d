"""Numbers with their error, count, unit and origin, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.state_point import decimal_text

__all__ = ["Collection", "name_of", "rows_of"]


class Collection:
    """Numbers by name; NaN becomes null, because "not determined" is an answer too."""

    def __init__(self) -> None:
        self.numbers: dict[str, dict[str, Any]] = {}

    def add(
        self,
        name: str,
        value: Any,
        source: str,
        error: Any = None,
        n: Any = None,
        unit: str = "1",
        note: str = "",
        **more: Any,
    ) -> None:
        """Add one number; what is a list in ``more`` stays one.

        Parameters
        ----------
        name
            Path-like name.
        value, error, n
            The number, its standard error, and from how many it is.
        source
            File or table that it comes from.
        unit, note
            Unit and a remark.
        more
            Further numbers of the entry.
        """

        def plain(x: Any) -> Any:
            if x is None or isinstance(x, str | bool):
                return x
            number = float(x)
            if not np.isfinite(number):
                return None
            return int(number) if isinstance(x, int | np.integer) else float(f"{number:.6g}")

        self.numbers[name] = {
            "value": plain(value),
            "error": plain(error),
            "n": plain(n),
            "unit": unit,
            "from": source,
            **({"note": note} if note else {}),
            **{k: [plain(x) for x in v] if isinstance(v, list) else plain(v) for k, v in more.items()},
        }


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Rows of a table as named tuples."""
    return list(table.itertuples())


def name_of(row: Any) -> str:
    """Name of the method and state point of a row, e.g. ``tglassmlp/tmin0.40/T0.45/cb0.50``."""
    t_min = f"/tmin{row.t_min}" if row.t_min else ""
    return f"{row.method}{t_min}/T{decimal_text(row.temperature)}/cb{decimal_text(row.c_b)}"
