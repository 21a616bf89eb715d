"""Contrast of predictions beside dynamics: slopes, variances, chi_4, S_4 and coverage against C_B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tglassmlp.figures.curves import curve, temperature_colors
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note, panel_label
from tglassmlp.state_point import decimal_text, key

#: Column, title and value aimed at of every panel.
PANELS: Final = (
    ("slope", "(a)  measured on predicted", 1.0),
    ("variance_drawn", "(b)  variance of drawn fields", 1.0),
    ("chi4_drawn", r"(c)  $\chi_4$ of drawn fields", 1.0),
    ("s4_drawn", r"(d)  $S_4(q < 1)$ of drawn fields", 1.0),
    ("coverage_68", "(e)  within intervals of 68 %", 0.68),
    ("coverage_95", "(f)  within intervals of 95 %", 0.95),
)
#: What stands at the vertical axis of each.
KINDS: Final = {
    "slope": "slope",
    **dict.fromkeys(("variance_drawn", "chi4_drawn", "s4_drawn"), "predicted / measured"),
    **dict.fromkeys(("coverage_68", "coverage_95"), "share of particles"),
}
#: Values with a larger error are left out: chi_4 of a few structures may be anything.
LARGEST_ERROR: Final = 1.0
#: Values shown at most; what lies beyond is cut off at the axis.
HIGHEST: Final = {"slope": 2.0, "coverage_68": 1.0, "coverage_95": 1.0}
LOWEST: Final = {"coverage_68": 0.4, "coverage_95": 0.8}


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``contrast``."""
    table: pd.DataFrame = tables["contrast"]
    colors = temperature_colors(meta["temperatures"])
    main = meta["t_min"][0]
    fig, axes = figure(PAGE, 4.7, 2, 3, sharex=True)
    below = table[table["region"] == "below"]
    learnt = table[(table["region"] == "learnt") & (table["t_min"] == main)]
    shown = pd.concat([learnt, below], ignore_index=True) if len(below) else learnt
    for ax, (name, title, aim) in zip(axes.ravel(), PANELS, strict=True):
        ax.axhline(aim, color="#AAAAAA", linewidth=0.7, zorder=0)
        for (t_min, temperature), rows in shown.groupby(["t_min", "temperature"]):
            _series(ax, rows, name, colors[_nearest(colors, float(temperature))], str(t_min), main)
        if not np.isfinite(shown[name].astype(float)).any():
            note(ax, "not known: no residual, or too few structures")
        ax.set_ylim(LOWEST.get(name, 0.0), HIGHEST.get(name, 2.5))
        panel_label(ax, title)
        ax.set_ylabel(KINDS[name])
    axes[0, 0].invert_xaxis()  # time runs to the right; the x axis is shared
    for ax in axes.ravel():
        ax.set_xlabel(r"$C_B$ (time runs to the right)")
    handles = [
        Line2D(
            [], [], color=colors[_nearest(colors, float(t))], **_look(str(t_min), float(t), main),
            label=rf"$T = {decimal_text(float(t))}$, "
            + (rf"below $T_{{\min}} = {t_min}$" if key(float(t)) < key(float(t_min)) else "learnt from"),
        )
        for t_min, t in sorted({(r.t_min, r.temperature) for r in shown.itertuples()}, key=_order)
    ]  # fmt: skip
    if handles:
        fig.legend(handles=handles, loc="outside upper center", ncols=min(4, len(handles)))
    n = int(shown["n_structures"].max()) if len(shown) else 0
    footer(fig, meta, f"up to {n} structures compared")
    return Drawn(fig, shown)


def _order(point: tuple[str, float]) -> tuple[float, float]:
    return -float(point[1]), float(point[0])


def _nearest(colors: Mapping[float, Any], temperature: float) -> float:
    return min(colors, key=lambda t: abs(t - temperature))


def _look(t_min: str, temperature: float, main: str) -> dict[str, Any]:
    """Look of a series: filled and full below T_min, open and dotted where the network learnt."""
    if key(temperature) >= key(float(t_min)):
        return {"marker": "o", "linestyle": ":", "markerfacecolor": "white", "linewidth": 0.8}
    return {"marker": "o" if t_min == main else "D", "linestyle": "-"}


def _series(ax: Axes, rows: pd.DataFrame, name: str, color: Any, t_min: str, main: str) -> None:
    look = _look(t_min, float(rows["temperature"].iloc[0]), main)
    rows = rows[~(rows[f"{name}_error"].astype(float) > LARGEST_ERROR)]
    curve(ax, rows, "c_b", name, f"{name}_error", color=color, **look)
