"""Dynamic correlation length against time and the fits it comes from (Figure 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
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
from tglassmlp.tables.selection import near_c_b, rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from tables ``correlation_length`` and ``structure_factor``."""
    lengths: pd.DataFrame = tables["correlation_length"]
    factors: pd.DataFrame = tables["structure_factor"]
    main = meta["t_min"][0]
    keep = lengths["t_min"].isin(["", main]) & (lengths["form"] == "ornstein-zernike")
    lengths = lengths[keep]
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(PAGE, 2.9, 1, 2)
    left, right = axes[0]
    determined = lengths["determined"].astype(bool)
    for temperature, color in colors.items():
        here = rows_at(lengths[determined], temperature)
        curve(
            left, rows_at(here, method=NETWORK.name), "time", "xi", "xi_error", color=color, marker="o",
            linestyle="-",
        )  # fmt: skip
        time_uncertainty(left, rows_at(here, method=NETWORK.name), "xi", color)
        curve(
            left, rows_at(here, method=DYNAMICS.name), "time", "xi", "xi_error", color=color, marker="s",
            linestyle="none", markerfacecolor="white",
        )  # fmt: skip
        _structure_factor(right, factors, lengths, temperature, main, color, meta)
    left.set(xlabel=r"time $t$ (LJ units)", ylabel=r"correlation length $\xi_4$ ($\sigma_{11}$)")
    if determined.any():
        left.set_xscale("log")
        left.set_ylim(bottom=0)
    missing = int((~determined).sum())
    if missing:
        text = f"{missing} of {len(lengths)} state points: $\\xi_4$ not determined"
        if determined.any():
            left.text(0.98, 0.03, text, transform=left.transAxes, ha="right", fontsize=6, color="#555555")
        else:
            note(left, text + "\n(larger or more systems needed)")
    elif not len(lengths):
        note(left, "no large systems in this run")
    right.set(xlabel=r"wave number $q$ ($\sigma_{11}^{-1}$)", ylabel=r"structure factor $S_4(q)$")
    if len(factors):
        right.set_xscale("log")
        right.set_yscale("log")
        right.axvline(meta["fit_q_max"], color="#AAAAAA", linewidth=0.6, zorder=0)
    left.set_title("(a)", loc="left")
    c_b = near_c_b(factors, meta["threshold"])["c_b"]
    right.set_title("(b)" + (f"  {NETWORK.title}, $C_B = {c_b.iloc[0]:g}$" if len(c_b) else ""), loc="left")
    handles = temperature_handles(colors)
    if (lengths["method"] == DYNAMICS.name).any():
        handles.append(
            Line2D(
                [],
                [],
                color="#444444",
                marker="s",
                markerfacecolor="white",
                linestyle="none",
                label=DYNAMICS.title,
            )
        )
    fig.legend(handles=handles, loc="outside right center")
    footer(fig, meta, f"{meta['large_number']} large systems of N = {meta['large_particles']}")
    return Drawn(fig, lengths)


def _structure_factor(
    ax: Any, factors: pd.DataFrame, fits: pd.DataFrame, temperature: float, main: str, color: Any, meta: Any
) -> None:
    """Points of S_4(q) in log-spaced groups of shells, and the fitted curve."""
    rows = rows_at(factors, temperature, method=NETWORK.name, t_min=main)
    rows = near_c_b(rows, meta["threshold"])
    if not len(rows):
        return
    q, s4, modes = (rows[c].to_numpy(float) for c in ("q", "s4", "modes"))
    group = np.unique(np.floor(np.log(q) * 8), return_inverse=True)[1]
    weight = np.bincount(group, modes)
    x, y = np.bincount(group, modes * q) / weight, np.bincount(group, modes * s4) / weight
    ax.errorbar(
        x, y, yerr=np.minimum(y / np.sqrt(weight), 0.9 * y), color=color, marker="o", markersize=2.5,
        linestyle="none", elinewidth=0.6,
    )  # fmt: skip
    fit = near_c_b(rows_at(fits, temperature, method=NETWORK.name), meta["threshold"])
    if len(fit) and bool(fit["determined"].iloc[0]):
        line = np.geomspace(q.min(), meta["fit_q_max"], 60)
        chi, xi = float(fit["chi"].iloc[0]), float(fit["xi"].iloc[0])
        ax.plot(line, chi / (1 + (line * xi) ** 2), color=color, linewidth=1)
