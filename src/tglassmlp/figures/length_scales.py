"""All dynamic length scales against temperature, scaled (Figure 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.figures.curves import curve, temperature_axis
from tglassmlp.figures.style import COLUMN, Drawn, figure, footer
from tglassmlp.methods import DYNAMICS, NETWORK
from tglassmlp.tables.selection import rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``length_scales``."""
    table: pd.DataFrame = tables["length_scales"]
    table = table[table["t_min"].isin(["", meta["t_min"][0]])]
    scaled = {"xi_4": 1.0, "chord": 0.5}
    chosen = rows_at(table, method=NETWORK.name)
    reference = chosen[chosen["quantity"].isin(list(scaled))]
    reference = reference.assign(value=reference["value"] * reference["quantity"].map(scaled))
    attention = chosen[chosen["quantity"] == "attention"]
    both = attention.merge(reference.groupby("temperature", as_index=False)["value"].mean(), on="temperature")
    factor = float((both["value_y"] / both["value_x"]).mean()) if len(both) else 1.0
    scaled |= {"attention": factor, "chord_without_noise": 0.5}
    md = DYNAMICS.title
    looks = {
        ("xi_4", NETWORK.name): (r"$\xi_4$", "#0072B2", "o", "-"),
        ("xi_4", DYNAMICS.name): (rf"$\xi_4$, {md}", "#0072B2", "o", "none"),
        ("chord", NETWORK.name): (r"$\ell_c/2$", "#D55E00", "s", "-"),
        ("chord", DYNAMICS.name): (rf"$\ell_c/2$, {md}", "#D55E00", "s", "none"),
        ("chord_without_noise", DYNAMICS.name): (
            rf"$\ell_c/2$, {md} without noise",
            "#D55E00",
            "D",
            "none",
        ),
        ("attention", NETWORK.name): (rf"{factor:.2g} $\langle L\rangle$", "#009E73", "^", "-"),
    }
    fig, axes = figure(COLUMN, 2.7)
    ax = axes[0, 0]
    parts = []
    for (quantity, method), (label, color, marker, line) in looks.items():
        rows = table[(table["quantity"] == quantity) & (table["method"] == method)]
        rows = rows.assign(
            scaled=rows["value"] * scaled[quantity], scaled_error=rows["error"] * scaled[quantity],
            factor=scaled[quantity],
        )  # fmt: skip
        parts.append(rows)
        open_symbols = method == DYNAMICS.name and "without" not in quantity
        if quantity == "xi_4" and method == NETWORK.name and not len(rows):
            ax.text(0.03, 0.03, r"$\xi_4$ not determined in this run", transform=ax.transAxes, fontsize=6)
        curve(
            ax, rows, "temperature", "scaled", "scaled_error", color=color, marker=marker, linestyle=line,
            markerfacecolor="white" if open_symbols else color, label=label,
        )  # fmt: skip
    ax.axvline(meta["glass_transition"], color="#AAAAAA", linewidth=0.6, zorder=0)
    ax.text(
        meta["glass_transition"], 0.97, " $T_g$", transform=ax.get_xaxis_transform(), va="top", fontsize=7,
        color="#777777",
    )  # fmt: skip
    temperature_axis(ax, meta["temperatures"])
    ax.set(ylabel=r"scaled length ($\sigma_{11}$)")
    if np.isfinite(table["value"].astype(float)).any():
        ax.set_ylim(bottom=0)
        ax.legend()
    c_b = f"$C_B$ = {table['c_b'].iloc[0]:g}" if len(table) else ""
    footer(fig, meta, c_b)
    return Drawn(fig, pd.concat(parts, ignore_index=True))
