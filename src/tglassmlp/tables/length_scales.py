"""Table of all length scales side by side, at one C_B."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tglassmlp.observables.structure_factor import FORMS
from tglassmlp.tables.selection import near_c_b

__all__ = ["length_scale_table"]

LENGTH_SCALE_COLUMNS = ["quantity", "method", "t_min", "temperature", "c_b", "value", "error"]


def length_scale_table(
    correlation_lengths: pd.DataFrame,
    chord_lengths: pd.DataFrame,
    attention_lengths: pd.DataFrame,
    threshold: float = 0.5,
) -> pd.DataFrame:
    """All length scales at the C_B of the grid nearest to the relaxation time, for one look.

    Chord lengths are those of the unit systems, which dynamics exists for at several temperatures.

    Returns
    -------
    DataFrame
        ``quantity`` (``xi_4``, ``chord``, ``chord_without_noise``, ``attention``), ``method, t_min,
        temperature, c_b, value, error``.
    """
    parts = []
    xi = near_c_b(correlation_lengths[correlation_lengths["form"] == FORMS[0]], threshold)
    xi = xi[xi["determined"].astype(bool)].assign(value=lambda t: t["xi"], error=lambda t: t["xi_error"])
    chord = near_c_b(chord_lengths[chord_lengths["ensemble"] == "unit"], threshold)
    clean = chord[np.isfinite(chord["value_without_noise"].astype(float))]
    clean = clean.assign(value=clean["value_without_noise"], error=clean["error_without_noise"])
    chosen = {
        "xi_4": xi,
        "chord": chord,
        "chord_without_noise": clean,
        "attention": near_c_b(attention_lengths, threshold),
    }
    for quantity, rows in chosen.items():
        if len(rows):
            parts.append(rows[LENGTH_SCALE_COLUMNS[1:]].assign(quantity=quantity))
    if not parts:
        return pd.DataFrame(columns=LENGTH_SCALE_COLUMNS)
    return pd.concat(parts, ignore_index=True)[LENGTH_SCALE_COLUMNS]
