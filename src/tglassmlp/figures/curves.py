"""Curves with their errors, and temperatures as colours and as an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tglassmlp.methods import DYNAMICS
from tglassmlp.state_point import decimal_text

__all__ = [
    "curve",
    "measured_handle",
    "ordered_colors",
    "temperature_axis",
    "temperature_colors",
    "temperature_handles",
    "time_uncertainty",
]


def temperature_axis(ax: Axes, temperatures: Sequence[float]) -> None:
    """Make x the temperature, with a tick at each temperature of the run."""
    ordered = sorted(float(t) for t in temperatures)
    margin = 0.06 * (ordered[-1] - ordered[0]) + 1e-3
    ax.set_xlim(ordered[0] - margin, ordered[-1] + margin)
    shown = [ordered[0]]
    for t in ordered[1:]:
        if t - shown[-1] > 0.07 * (ordered[-1] - ordered[0]):
            shown.append(t)
    ax.set_xticks(shown, [decimal_text(t) for t in shown])
    ax.set_xlabel(r"temperature $T$ (LJ units)")


def temperature_colors(temperatures: Sequence[float]) -> dict[float, Any]:
    """Colours of temperatures in their order: cold dark blue, hot yellow (viridis, even in grey print)."""
    ordered = sorted({float(t) for t in temperatures})
    places = np.linspace(0.02, 0.88, max(2, len(ordered)))
    return {t: mpl.colormaps["viridis"](p) for t, p in zip(ordered, places, strict=False)}


def ordered_colors(n: int) -> list[Any]:
    """Colours of an ordered series that is not temperature (cividis)."""
    return [mpl.colormaps["cividis"](p) for p in np.linspace(0.05, 0.9, max(1, n))]


def curve(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    error: str | None = None,
    band: bool = False,
    logarithmic: bool = False,
    **keywords: Any,
) -> None:
    """Draw one series in the order of x, with error bars or a band; rows without a value are left out.

    ``logarithmic``: bars reach from y/(1 + e/y) to y (1 + e/y), which a logarithmic axis can show for any
    error e and shows of equal length; negative values are left out.
    """
    rows = table[np.isfinite(table[x].astype(float)) & np.isfinite(table[y].astype(float))].sort_values(x)
    if not len(rows):
        return
    if logarithmic:
        rows = rows[rows[y].astype(float) > 0]
    xs, ys = rows[x].to_numpy(float), rows[y].to_numpy(float)
    e = np.nan_to_num(rows[error].to_numpy(float)) if error else np.zeros_like(ys)
    low = ys / (1 + e / ys) if logarithmic else ys - e
    if band:
        keywords.setdefault("marker", "")
        (line,) = ax.plot(xs, ys, **keywords)
        if error and len(xs) > 1:
            ax.fill_between(xs, low, ys + e, color=line.get_color(), alpha=0.2, linewidth=0)
    else:
        ax.errorbar(xs, ys, yerr=[ys - low, e] if error else None, elinewidth=0.7, **keywords)


def time_uncertainty(ax: Axes, table: pd.DataFrame, y: str, color: Any, largest: float = 0.05) -> None:
    """Draw by which factor the times of one curve are uncertain together, as a bar at its highest point.

    Column ``time_error`` is the error of ln time multiplied by the time; nothing is drawn where it is at most
    ``largest`` of the time or unknown.
    """
    time, error, value = (table[name].to_numpy(float) for name in ("time", "time_error", y))
    usable = np.isfinite(time) & np.isfinite(value) & (np.nan_to_num(error) > largest * time)
    if not usable.any():
        return
    top = int(np.argmax(np.where(usable, value, -np.inf)))
    factor = float(np.exp(error[top] / time[top]))
    reach = [[time[top] * (1.0 - 1.0 / factor)], [time[top] * (factor - 1.0)]]
    ax.errorbar(
        [time[top]], [value[top]], xerr=reach, color=color, alpha=0.55, elinewidth=0.8, capsize=2.0,
        marker="", linestyle="none",
    )  # fmt: skip


def temperature_handles(colors: dict[float, Any]) -> list[Line2D]:
    """Entries of a legend, one for each temperature, falling."""
    return [
        Line2D([], [], color=c, label=f"$T = {decimal_text(t)}$")
        for t, c in sorted(colors.items(), reverse=True)
    ]


def measured_handle(color: Any) -> Line2D:
    """Entry of a legend for molecular dynamics."""
    return Line2D(
        [], [], color=color, marker="s", markerfacecolor="white", linestyle="none", label=DYNAMICS.title
    )
