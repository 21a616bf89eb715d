"""Energies and inherent energies against temperature, and what holds their slope: the fluctuations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tglassmlp.figures.curves import curve, temperature_axis
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note, panel_label
from tglassmlp.published import published_for

#: Colours of potential energy and inherent energy; of slopes and fluctuations.
THERMAL, INHERENT = "#D55E00", "#0072B2"


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``energies``."""
    table: pd.DataFrame = tables["energies"].sort_values("temperature")
    fig, axes = figure(PAGE, 2.7, 1, 2)
    _energies(axes[0, 0], table, meta)
    _slopes(axes[0, 1], table)
    for ax, name in zip(axes[0], ("(a)", "(b)"), strict=True):
        temperature_axis(ax, list(table["temperature"]))
        panel_label(ax, name)
    footer(fig, meta)
    return Drawn(fig, table)


def _energies(ax: Axes, table: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    curve(
        ax, table, "temperature", "energy", "energy_error", color=THERMAL, marker="o", linestyle="-",
        label="potential energy",
    )  # fmt: skip
    curve(
        ax, table, "temperature", "inherent_energy", "inherent_energy_error", color=INHERENT, marker="s",
        linestyle="-", label="inherent structures",
    )  # fmt: skip
    published = published_for(meta["system"])
    marks = [
        (float(t), energy)
        for t in table["temperature"]
        for energy in (published.energies_at(float(t)) if published else ())
    ]
    if marks:
        ax.plot(*np.array(marks).T, marker="x", linestyle="none", color="#444444", label="published")
    ax.set_ylabel(r"energy per particle ($\epsilon_{11}$)")
    ax.legend()


def _slopes(ax: Axes, table: pd.DataFrame) -> None:
    """Heat capacities from fluctuations at temperatures, and slopes between them as horizontal bars."""
    between = table[np.isfinite(table["slope"])]
    if not len(between) and not np.isfinite(table["heat_capacity"]).any():
        note(ax, "too few structures for fluctuations")
    for row in between.itertuples():
        low, high = float(row.temperature), float(row.upper_temperature)
        ax.plot([low, high], [row.slope] * 2, color=THERMAL)
        ax.errorbar(
            [0.5 * (low + high)], [row.slope], yerr=[row.slope_error], color=THERMAL, marker="",
            elinewidth=0.7,
        )  # fmt: skip
    ax.plot([], [], color=THERMAL, label=r"slope $\Delta e / \Delta T$")
    curve(
        ax, table, "temperature", "heat_capacity", "heat_capacity_error", color="#444444", marker="D",
        linestyle="none", label=r"fluctuations, $N\,\mathrm{Var}(e)/T^2$",
    )  # fmt: skip
    ax.set_ylabel(r"heat capacity per particle ($k_B$)")
    ax.legend()
