"""Energy against Monte Carlo sweeps from two starts, and how large systems forget their tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from tglassmlp.figures.curves import curve, temperature_colors
from tglassmlp.figures.style import COLUMN, PAGE, Drawn, figure, footer, panel_label
from tglassmlp.published import published_for
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.selection import rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``equilibration`` (temperature, start, sweep, energy, overlap, errors)."""
    everything: pd.DataFrame = tables["equilibration"]
    tiled = everything["start"] == "tiled"
    if everything["sweep"][tiled].nunique() < 2:  # unit systems stand in for large ones
        everything, tiled = everything[~tiled], tiled[~tiled]
    table = everything[~tiled & (everything["sweep"] > 0)]
    colors = temperature_colors(meta["temperatures"])
    published = published_for(meta["system"])
    known = {t: published.energies_at(t) if published else () for t in colors}
    fig, axes = figure(PAGE if tiled.any() else COLUMN, 2.8, 1, 2 if tiled.any() else 1)
    ax = axes[0, 0]
    lines = {"quenched": "-", "heated": "--", "ladder": ":"}
    for temperature, color in sorted(colors.items(), reverse=True):
        here = rows_at(table, temperature)
        for start, rows in here.groupby("start"):
            curve(
                ax, rows.assign(x=rows["sweep"].clip(lower=1)), "x", "energy", "error", band=True,
                color=color, linestyle=lines.get(str(start), "-."),
            )  # fmt: skip
        ax.plot([], [], color=color, label=f"$T = {decimal_text(temperature)}$")
        for energy in known[temperature]:
            ax.plot(0.97, energy, marker="<", color=color, transform=ax.get_yaxis_transform(), clip_on=False)
    if any(known.values()):
        ax.plot([], [], marker="<", color="#444444", linestyle="none", label="published")
    for start in sorted(table["start"].unique(), reverse=True):
        ax.plot([], [], color="#444444", linestyle=lines.get(str(start), "-."), label=str(start))
    if len(table):
        ax.set_xscale("log")
    ax.set(xlabel="Monte Carlo sweeps", ylabel=r"potential energy per particle ($\epsilon_{11}$)")
    ax.legend(ncols=2)
    if tiled.any():
        _tiles(axes[0, 1], everything[tiled], colors, meta["chance_overlap"])
        panel_label(ax, "(a)")
        panel_label(axes[0, 1], "(b)")
    footer(fig, meta)
    return Drawn(fig, everything)


def _tiles(ax: Axes, table: pd.DataFrame, colors: Mapping[float, Any], chance: float) -> None:
    """Overlap of neighbouring tiles of large systems, above that of independent configurations."""
    for temperature, color in sorted(colors.items(), reverse=True):
        here = rows_at(table, temperature)
        curve(ax, here, "sweep", "overlap", "overlap_error", band=True, color=color)
    ax.axhline(chance, color="#AAAAAA", linewidth=0.6, linestyle=":", zorder=0)
    ax.text(
        0.02, chance, "chance ", transform=ax.get_yaxis_transform(), va="top", fontsize=6, color="#777777"
    )
    ax.set_xscale("log")
    ax.set_ylim(0, 1)
    ax.set(xlabel="Monte Carlo sweeps", ylabel="overlap of neighbouring tiles")
