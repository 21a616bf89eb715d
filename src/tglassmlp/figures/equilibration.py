"""Energy against Monte Carlo sweeps from two starts, and how large systems forget their tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tglassmlp.figures.style import (
    COLUMN,
    PAGE,
    Drawn,
    curve,
    figure,
    footer,
    panel_label,
    temperature_colors,
    temperature_text,
)

#: Mean potential energy per particle of published thermal configurations (GlassBench): T -> values.
PUBLISHED: Final[dict[float, list[float]]] = {0.23: [-2.680, -2.672], 0.30: [-2.607]}


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``equilibration`` (temperature, start, sweep, energy, overlap, errors)."""
    everything: pd.DataFrame = tables["equilibration"]
    tiled = everything["start"] == "tiled"
    table = everything[~tiled & (everything["sweep"] > 0)]
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(PAGE if tiled.any() else COLUMN, 2.8, 1, 2 if tiled.any() else 1)
    ax = axes[0, 0]
    lines = {"quenched": "-", "heated": "--"}
    for temperature, color in sorted(colors.items(), reverse=True):
        here = table[np.abs(table["temperature"] - temperature) < 1e-9]
        for start, rows in here.groupby("start"):
            curve(
                ax, rows.assign(x=rows["sweep"].clip(lower=1)), "x", "energy", "error", band=True,
                color=color, linestyle=lines.get(str(start), "-."),
            )  # fmt: skip
        ax.plot([], [], color=color, label=f"$T = {temperature_text(temperature)}$")
        for energy in PUBLISHED.get(round(temperature, 6), []):
            ax.plot(0.97, energy, marker="<", color=color, transform=ax.get_yaxis_transform(), clip_on=False)
    if any(round(t, 6) in PUBLISHED for t in colors):
        ax.plot([], [], marker="<", color="#444444", linestyle="none", label="published")
    for start in sorted(table["start"].unique(), reverse=True):
        ax.plot([], [], color="#444444", linestyle=lines.get(str(start), "-."), label=str(start))
    if len(table):
        ax.set_xscale("log")
    ax.set(xlabel="Monte Carlo sweeps", ylabel=r"potential energy per particle ($\epsilon_{11}$)")
    ax.legend(ncols=2)
    if tiled.any():
        _tiles(axes[0, 1], everything[tiled], colors)
        panel_label(ax, "(a)")
        panel_label(axes[0, 1], "(b)")
    footer(fig, meta)
    return Drawn(fig, everything)


def _tiles(ax: Axes, table: pd.DataFrame, colors: Mapping[float, Any]) -> None:
    """Overlap of neighbouring tiles of large systems."""
    for temperature, color in sorted(colors.items(), reverse=True):
        here = table[np.abs(table["temperature"] - temperature) < 1e-9]
        curve(ax, here, "sweep", "overlap", "overlap_error", band=True, color=color)
    ax.set_xscale("log")
    ax.set_ylim(0, 1)
    ax.set(xlabel="Monte Carlo sweeps", ylabel="overlap of neighbouring tiles")
