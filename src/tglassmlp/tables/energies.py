"""Table of energies, inherent energies and heat capacities of all temperatures of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from tglassmlp.equilibration.heat_capacity import check_heat_capacity
from tglassmlp.equilibration.reweighting import check_reweighting
from tglassmlp.paths import File, by_temperature
from tglassmlp.state_point import is_same
from tglassmlp.storage import read_json, read_table

__all__ = ["energy_table"]

#: Columns of the checks of two neighbouring temperatures, and what they are called here.
SLOPES: Final = {
    "slope": "slope",
    "slope_error": "slope_error",
    "heat_capacity": "heat_capacity_between",
    "heat_capacity_error": "heat_capacity_between_error",
}
DIFFERENCES: Final = ("difference", "difference_error", "reweighted", "reweighted_error")


def energy_table(records: Sequence[File], measured: Sequence[File]) -> pd.DataFrame:
    """Energies per particle of every temperature, and how neighbouring temperatures fit together.

    No limit enters: verdicts are in the tables of ``check_heat_capacity``.

    Parameters
    ----------
    records
        Equilibration records of unit systems, ``.../T<temperature>/chunk<k>.parquet``.
    measured
        Measured checks of every temperature (``equilibration.json`` or ``equilibration_of_all.json``).

    Returns
    -------
    DataFrame
        One row per temperature, falling. ``energy`` and ``inherent_energy`` with the standard errors over
        structures, ``heat_capacity`` with its error, ``normalised_overlap``. Then, with the temperature above
        (``upper_temperature``): ``slope`` of the energy beside ``heat_capacity_between``, the mean of both
        ends; ``difference`` of the energies beside ``reweighted``
        (:func:`tglassmlp.equilibration.reweighting.check_reweighting`), all with errors; and ``deviation``,
        the standard errors by which these two differ. NaN where nothing can be compared: the highest
        temperature, published data, fewer than three structures.
    """
    checks = [read_json(file) for file in measured]
    slopes, differences = check_heat_capacity(checks)[0], check_reweighting(checks)[0]
    rows = []
    for t, files in sorted(by_temperature(records).items(), reverse=True):
        table = pd.concat([read_table(file) for file in files], ignore_index=True)
        late = table[table["measured"]].groupby("structure")
        energy, inherent = late["energy"].mean(), late["inherent_energy"].mean()
        found: Mapping[str, Any] = next((c for c in checks if is_same(float(c["temperature"]), t)), {})
        rows.append(
            {
                "temperature": t,
                "n_structures": len(energy),
                "energy": energy.mean(),
                "energy_error": energy.sem(),
                "inherent_energy": inherent.mean(),
                "inherent_energy_error": inherent.sem(),
                "heat_capacity": _number(found.get("heat_capacity")),
                "heat_capacity_error": _number(found.get("heat_capacity_error")),
                "normalised_overlap": _number(found.get("normalised_overlap")),
                **_with_the_next(t, slopes, differences),
            }
        )
    return pd.DataFrame(rows)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _with_the_next(temperature: float, slopes: pd.DataFrame, differences: pd.DataFrame) -> dict[str, float]:
    """Columns of the comparison with the next higher temperature."""
    row = dict.fromkeys(["upper_temperature", *SLOPES.values(), *DIFFERENCES, "deviation"], float("nan"))
    here = [k for k, t in enumerate(slopes["temperature"]) if is_same(float(t), temperature)]
    if here:
        # both checks go through the same pairs
        slope, difference = slopes.iloc[here[0]], differences.iloc[here[0]]
        row["upper_temperature"] = float(slope["upper_temperature"])
        row |= {name: float(slope[column]) for column, name in SLOPES.items()}
        row |= {name: float(difference[name]) for name in DIFFERENCES}
        error = np.hypot(row["difference_error"], row["reweighted_error"])
        row["deviation"] = float((row["difference"] - row["reweighted"]) / error)
    return row
