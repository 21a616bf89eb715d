"""Dynamic susceptibility against time: validation (Figure 4) and prediction (Figure 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tglassmlp.figures.curves import (
    curve,
    temperature_colors,
    temperature_handles,
    time_uncertainty,
)
from tglassmlp.figures.looks import network_label
from tglassmlp.figures.style import COLUMN, Drawn, figure, footer, note
from tglassmlp.methods import DYNAMICS, METHODS, NETWORK
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.selection import rows_at

_LABEL = r"dynamic susceptibility $\chi_4$"


def _model(ax: Axes, table: pd.DataFrame, t_min: str, temperature: float, **look: Any) -> pd.DataFrame:
    rows = rows_at(table, temperature, method=NETWORK.name, t_min=t_min)
    curve(ax, rows, "time", "value", "error", logarithmic=True, **look)
    return rows


def _finish(ax: Axes, drawn: pd.DataFrame) -> None:
    if not np.isfinite(drawn["value"].astype(float)).any():
        note(ax, r"$\chi_4$ needs at least two test structures")
        return
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(r"time $t$ (LJ units)")
    ax.set_ylabel(_LABEL)


def draw_validation(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw Figure 4 from table ``susceptibility``: temperatures with dynamics, one panel each."""
    table: pd.DataFrame = tables["susceptibility"]
    temperatures = sorted(meta["labelled"], reverse=True)
    table = table[table["temperature"].isin(temperatures)]
    colors = temperature_colors(meta["temperatures"])
    columns = min(3, len(temperatures))
    rows = -(-len(temperatures) // columns)
    fig, axes = figure(2 * COLUMN + 0.2, 0.6 + 1.9 * rows, rows, columns, sharey=True)
    for ax, temperature in zip(axes.ravel(), temperatures, strict=False):
        here = rows_at(table, temperature)
        color = colors[temperature]
        for t_min, line in zip(
            reversed(meta["t_min"][:2]), ("--", "-")[-len(meta["t_min"][:2]) :], strict=True
        ):
            rows_ = rows_at(here, method=NETWORK.name, t_min=t_min)
            curve(ax, rows_, "time", "value", "spread", logarithmic=True, color=color, linestyle=line)
        curve(
            ax, rows_at(here, method="glassmlp"), "time", "value", "spread", logarithmic=True,
            color="#D55E00", linestyle="none", marker="x", markersize=4,
        )  # fmt: skip
        curve(
            ax, rows_at(here, method=DYNAMICS.name), "time", "value", "error", logarithmic=True,
            color="black", linestyle="none", marker="s", markerfacecolor="white",
        )  # fmt: skip
        _finish(ax, here)
        ax.set_ylabel("")
        ax.set_title(rf"$T = {decimal_text(temperature)}$")
    for ax in axes.ravel()[len(temperatures) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(_LABEL)
    lines: tuple[Any, ...] = ("-", "--")
    handles = [
        Line2D(
            [], [], color="black", marker="s", markerfacecolor="white", linestyle="none", label=DYNAMICS.title
        ),
        *[
            Line2D([], [], color="#444444", linestyle=line, label=network_label(t))
            for t, line in zip(meta["t_min"][:2], lines, strict=False)
        ],
        Line2D([], [], color="#D55E00", marker="x", linestyle="none", label=METHODS["glassmlp"].title),
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    n_test = int(table["n_structures"].max()) if len(table) else 0
    footer(fig, meta, f"{n_test} test structures")
    return Drawn(fig, table)


def draw_prediction(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw Figure 6 from table ``susceptibility``: all temperatures, the main network."""
    table: pd.DataFrame = tables["susceptibility"]
    main = meta["t_min"][0]
    measured, predicted = table["method"] == DYNAMICS.name, table["method"] == NETWORK.name
    table = table[measured | (predicted & (table["t_min"] == main))]
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(COLUMN, 3.2)
    ax = axes[0, 0]
    for temperature, color in colors.items():
        _model(ax, table, main, temperature, color=color, linestyle="-", marker="")
        time_uncertainty(ax, rows_at(table, temperature, method=NETWORK.name), "value", color)
        md = rows_at(table, temperature, method=DYNAMICS.name)
        curve(
            ax, md, "time", "value", "error", logarithmic=True, color=color, linestyle="none", marker="s",
            markerfacecolor="white",
        )  # fmt: skip
    _finish(ax, table)
    handles = [
        *temperature_handles(colors),
        Line2D([], [], color="#444444", label=network_label(main)),
        Line2D(
            [],
            [],
            color="#444444",
            marker="s",
            markerfacecolor="white",
            linestyle="none",
            label=DYNAMICS.title,
        ),
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
    n_test = int(table["n_structures"].max()) if len(table) else 0
    footer(fig, meta, f"{n_test} test structures")
    return Drawn(fig, table)
