"""Chord length of mobile regions against time, in unit and large systems (Figure 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from tglassmlp.figures.curves import (
    curve,
    temperature_colors,
    temperature_handles,
    time_uncertainty,
)
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note
from tglassmlp.methods import DYNAMICS, NETWORK
from tglassmlp.tables.selection import rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``chord_length``."""
    table: pd.DataFrame = tables["chord_length"]
    table = table[table["t_min"].isin(["", meta["t_min"][0]])]
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(PAGE, 3.1, 1, 2, sharey=True)
    more = " and predicted ones" if meta.get("predicted") else ""
    titles = {
        "unit": f"(a)  {meta['test']} test structures{more}, N = {meta['n_particles']}",
        "large": f"(b)  {meta['large_number']} large systems, N = {meta['large_particles']}",
    }
    for ax, (ensemble, title) in zip(axes[0], titles.items(), strict=True):
        rows = table[table["ensemble"] == ensemble]
        for temperature, color in colors.items():
            _temperature(ax, rows_at(rows, temperature), color)
        ax.set_title(title, loc="left")
        ax.set_xlabel(r"time $t$ (LJ units)")
        if len(rows):
            ax.set_xscale("log")
        else:
            note(ax, "no structure to measure")
    axes[0, 0].set_ylabel(r"mean chord length $\ell_c$ ($\sigma_{11}$)")
    grey = "#444444"
    handles = temperature_handles(colors)
    handles += [
        Line2D([], [], color=grey, marker="o", markersize=2.5, label=NETWORK.title),
        Line2D([], [], color=grey, linestyle=":", label=f"{NETWORK.title} with noise"),
        Line2D(
            [], [], color=grey, marker="s", markerfacecolor="white", linestyle="none", label=DYNAMICS.title
        ),
        Line2D([], [], color=grey, marker="D", linestyle="none", label=f"{DYNAMICS.title} without noise"),
        Line2D([], [], color="#BBBBBB", linewidth=0.6, label="uncorrelated"),
    ]
    fig.legend(handles=handles, loc="outside right center")
    footer(fig, meta)
    return Drawn(fig, table)


def _temperature(ax: Any, rows: pd.DataFrame, color: Any) -> None:
    model, md = rows_at(rows, method=NETWORK.name), rows_at(rows, method=DYNAMICS.name)
    known = md[~(md["error_without_noise"] > 0.5 * md["value_without_noise"])]
    curve(ax, model, "time", "value", "error", color=color, marker="o", markersize=2.5, linestyle="-")
    time_uncertainty(ax, model, "value", color)
    curve(ax, model, "time", "value_with_noise", color=color, linestyle=":", linewidth=1.0)
    curve(
        ax, md, "time", "value", "error", color=color, marker="s", linestyle="none", markerfacecolor="white"
    )
    curve(
        ax, known, "time", "value_without_noise", "error_without_noise", color=color, marker="D",
        markersize=3, linestyle="none",
    )  # fmt: skip
    curve(ax, model, "time", "random", color="#BBBBBB", linestyle="-", linewidth=0.6, zorder=0)
