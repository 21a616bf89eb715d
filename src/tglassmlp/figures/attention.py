"""Attention over the coarse-graining lengths and its mean (Figure 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tglassmlp.figures.curves import curve, temperature_axis, temperature_colors
from tglassmlp.figures.looks import network_look
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.selection import near_c_b, rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from tables ``attention`` and ``attention_length``."""
    curves: pd.DataFrame = tables["attention"]
    lengths: pd.DataFrame = tables["attention_length"]
    main = meta["t_min"][0]
    shown = near_c_b(curves[(curves["t_min"] == main) & (curves["ensemble"] == "unit")], meta["threshold"])
    averages = near_c_b(lengths[lengths["ensemble"] == "unit"], meta["threshold"])
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(PAGE, 2.7, 1, 2)
    left, right = axes[0]
    for temperature, color in sorted(colors.items(), reverse=True):
        rows = rows_at(shown, temperature)
        curve(
            left,
            rows,
            "length",
            "value",
            "error",
            color=color,
            marker="o",
            label=f"$T = {decimal_text(temperature)}$",
        )
    left.set(xlabel=r"coarse-graining length $L$ ($\sigma_{11}$)", ylabel=r"attention weight $P(L)$")
    left.set_ylim(bottom=0)
    left.set_title(f"(a)  $C_B = {shown['c_b'].iloc[0]:g}$, $T_{{\\min}}={main}$", loc="left")
    for t_min in reversed(meta["t_min"]):
        curve(
            right, averages[averages["t_min"] == t_min], "temperature", "value", "error",
            label=rf"$T_{{\min}}={t_min}$", **network_look(t_min, main),
        )  # fmt: skip
    temperature_axis(right, meta["temperatures"])
    right.set(ylabel=r"attention length $\langle L\rangle$ ($\sigma_{11}$)")
    for ax in (left, right):
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        else:
            note(ax, "no network has converged at this $C_B$")
    right.set_title("(b)", loc="left")
    footer(fig, meta, f"{int(shown['n_networks'].max())} networks")
    return Drawn(fig, shown)
