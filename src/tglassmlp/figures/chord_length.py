"""Chord length of mobile regions against time (Figure 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from tglassmlp.figures.style import (
    COLUMN,
    Drawn,
    curve,
    figure,
    footer,
    note,
    temperature_colors,
    temperature_text,
)


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``chord_length``."""
    table: pd.DataFrame = tables["chord_length"]
    main = meta["t_min"][0]
    table = table[(table["ensemble"] == "unit") & table["t_min"].isin(["", main])]
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(COLUMN, 3.2)
    ax = axes[0, 0]
    for temperature, color in colors.items():
        here = table[np.abs(table["temperature"] - temperature) < 1e-9]
        model, md = here[here["method"] == "tglassmlp"], here[here["method"] == "md"]
        curve(ax, model, "time", "value", "error", color=color, marker="o", markersize=2.5, linestyle="-")
        curve(
            ax, md, "time", "value", "error", color=color, marker="s", linestyle="none",
            markerfacecolor="white",
        )  # fmt: skip
        curve(ax, model, "time", "random", color="#BBBBBB", linestyle="-", linewidth=0.6, zorder=0)
    if len(table):
        ax.set_xscale("log")
    else:
        note(ax, "no structure to measure")
    ax.set(xlabel=r"time $t$ (LJ units)", ylabel=r"mean chord length $\ell_c$ ($\sigma_{11}$)")
    handles = [
        Line2D([], [], color=c, label=f"$T = {temperature_text(t)}$")
        for t, c in sorted(colors.items(), reverse=True)
    ]
    handles += [
        Line2D([], [], color="#444444", marker="o", markersize=2.5, label="tGlassMLP"),
        Line2D([], [], color="#444444", marker="s", markerfacecolor="white", linestyle="none", label="MD"),
        Line2D([], [], color="#BBBBBB", linewidth=0.6, label="uncorrelated"),
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=4)
    n_test = int(table["n_structures"].max()) if len(table) else 0
    footer(fig, meta, f"{n_test} test structures")
    return Drawn(fig, table)
