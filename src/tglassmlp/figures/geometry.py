"""Prefactor A of the cubic term against temperature (Figure 14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.figures.curves import curve, temperature_axis
from tglassmlp.figures.looks import network_label, network_look
from tglassmlp.figures.style import COLUMN, Drawn, figure, footer, note
from tglassmlp.methods import NETWORK
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.selection import near_c_b, rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``correlation_length``."""
    table: pd.DataFrame = tables["correlation_length"]
    table = near_c_b(table[table["form"] == "cubic"], meta["threshold"])
    main = meta["t_min"][0]
    fig, axes = figure(COLUMN, 2.5)
    ax = axes[0, 0]
    for t_min in reversed(meta["t_min"]):
        rows = rows_at(table, method=NETWORK.name, t_min=t_min)
        curve(
            ax, rows, "temperature", "a", "a_error", label=network_label(t_min),
            **network_look(t_min, main),
        )  # fmt: skip
    known = np.isfinite(table["a"].astype(float))
    missing = sorted(table.loc[~known & (table["t_min"] == main), "temperature"].unique())
    text = "A not determined at T = " + ", ".join(f"{decimal_text(t)}" for t in missing)
    if known.any():
        ax.legend()
        ax.set_ylim(bottom=0)
        if missing:
            ax.text(0.02, 0.03, text, transform=ax.transAxes, fontsize=6, color="#555555")
    elif len(table):
        note(ax, text + "\n(larger or more systems needed)")
    else:
        note(ax, "no large systems in this run")
    temperature_axis(ax, meta["temperatures"])
    ax.set(ylabel=r"cubic coefficient $A$ ($\sigma_{11}$)")
    footer(fig, meta, f"{meta['large_number']} large systems of N = {meta['large_particles']}")
    return Drawn(fig, table)
