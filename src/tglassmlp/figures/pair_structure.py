"""Radial distributions and partial structure factors of all pairs of species, one panel for each pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from tglassmlp.figures.curves import curve, temperature_colors, temperature_handles
from tglassmlp.figures.style import PAGE, Drawn, figure, footer
from tglassmlp.tables.selection import rows_at

#: Panels beside each other.
COLUMNS = 3


def draw_distances(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw g_ab(r) from table ``radial_distribution``."""
    table: pd.DataFrame = tables["radial_distribution"]

    def panel(ax: Axes, rows: pd.DataFrame, color: Any) -> None:
        curve(ax, rows, "r", "g", "error", band=True, color=color, linewidth=0.9)

    fig = _panels(table, meta, panel, "g", r"distance $r$ ($\sigma_{11}$)")
    return Drawn(fig, table)


def draw_wave_numbers(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw S_ab(q) from table ``partial_structure_factor``, large systems as symbols."""
    table: pd.DataFrame = tables["partial_structure_factor"]

    def panel(ax: Axes, rows: pd.DataFrame, color: Any) -> None:
        unit, large = (rows[rows["ensemble"] == ensemble] for ensemble in ("unit", "large"))
        curve(ax, unit, "q", "s", "error", band=True, color=color, linewidth=0.9)
        small = large[large["q"] < unit["q"].min()] if len(unit) else large
        curve(ax, small, "q", "s", "error", color=color, marker="o", markersize=2.5, linestyle="none")
        ax.set_xscale("log")

    fig = _panels(table, meta, panel, "S", r"wave number $q$ ($1/\sigma_{11}$)")
    return Drawn(fig, table)


def _panels(
    table: pd.DataFrame,
    meta: Mapping[str, Any],
    panel: Callable[[Axes, pd.DataFrame, Any], None],
    symbol: str,
    x: str,
) -> Any:
    """One panel for each pair of species, all temperatures in each."""
    pairs: list[tuple[int, int]] = sorted(set(zip(table["first"], table["second"], strict=True)))
    rows = -(-len(pairs) // COLUMNS)
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(PAGE, 0.4 + 1.85 * rows, rows, COLUMNS)
    for ax in axes.flat[len(pairs) :]:
        ax.set_axis_off()
    for ax, (first, second) in zip(axes.flat, pairs, strict=False):
        here = table[(table["first"] == first) & (table["second"] == second)]
        for temperature, color in colors.items():
            panel(ax, rows_at(here, temperature), color)
        ax.set_title(f"${symbol}_{{{first}{second}}}$", fontsize=8)
        ax.axhline(
            0.0 if symbol == "S" and first != second else 1.0, color="#BBBBBB", linewidth=0.6, zorder=0
        )
        ax.set_xlabel(x)
    fig.legend(handles=temperature_handles(colors), loc="outside right center")
    footer(fig, meta)
    return fig
