"""Particles in the space of the bottleneck units (Figures 10 and 11).

Two units span the plane that is drawn. One unit is drawn against the propensity itself; of more than two the
first two principal axes are shown, the same in all panels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tglassmlp.figures.particles import color_limits, color_map, symbol
from tglassmlp.figures.snapshots import time_text
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note
from tglassmlp.labels import Label, recorded
from tglassmlp.methods import DYNAMICS
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.selection import near_c_b, rows_at


def _plane(table: pd.DataFrame, label: Label) -> tuple[tuple[str, str], tuple[str, str]]:
    """Columns of the table that are drawn, and the names of the axes."""
    if "axis1" in table:
        shares = [f"{table[name].iloc[0]:.0%}" for name in ("share1", "share2")]
        return ("axis1", "axis2"), (
            f"principal axis 1 ({shares[0]} of the variance)",
            f"principal axis 2 ({shares[1]})",
        )
    if "unit2" not in table:
        return ("unit1", "height"), ("bottleneck unit 1", symbol(label))
    return ("unit1", "unit2"), ("bottleneck unit 1", "bottleneck unit 2")


def _scatter(
    ax: Axes, rows: pd.DataFrame, columns: tuple[str, str], limits: tuple[float, float], label: Label
) -> Any:
    # the most extreme propensities last, so that neither colour hides the other
    order = np.argsort(np.abs(rows["propensity"].to_numpy(float) - rows["propensity"].mean()))
    rows = rows.iloc[order]
    return ax.scatter(
        rows[columns[0]], rows[columns[1]], c=rows["propensity"], cmap=color_map(label),
        vmin=limits[0], vmax=limits[1], s=3, linewidths=0, rasterized=True,
    )  # fmt: skip


def _panels(
    panels: Sequence[tuple[str, pd.DataFrame]],
    meta: Mapping[str, Any],
    extra: str,
    standardised: bool = False,
) -> Drawn:
    """Draw one panel per table, coloured by propensity, or by its deviation within the panel."""
    rows = max(1, -(-len(panels) // 4))
    columns = max(1, -(-len(panels) // rows))
    fig, axes = figure(PAGE, 0.45 + min(2.1, 7.4 / columns) * rows, rows, columns)
    flat = axes.ravel()
    if not panels:
        note(flat[0], "the network shown has not converged at any state point")
    limits, label = (-2.0, 2.0), recorded(meta)
    if panels and not standardised:
        limits = color_limits(np.concatenate([t["propensity"] for _, t in panels]), label)
    plane, labels = _plane(panels[0][1], label) if panels else (("", ""), ("", ""))
    for ax, (title, table) in zip(flat, panels, strict=False):
        values = table["propensity"]
        shown = (values - values.mean()) / max(float(values.std()), 1e-12) if standardised else values
        drawn = table.assign(propensity=shown, height=values)
        image = _scatter(ax, drawn, plane, limits, label)
        ax.set_title(title, fontsize=7)
        # a few far particles must not shrink the cloud; the limits hold 99.5 %
        for axis, column in zip(("x", "y"), plane, strict=True):
            low, high = np.quantile(drawn[column].to_numpy(float), [0.0025, 0.9975])
            pad = 0.08 * (high - low) + 1e-12
            ax.set(**{f"{axis}lim": (low - pad, high + pad)})
        ax.set_xlabel(labels[0])
    for ax in flat[len(panels) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(labels[1])
    if panels:
        bar = fig.colorbar(image, ax=axes, fraction=0.03, pad=0.01, aspect=25)
        field = label.symbol.removesuffix("_i")
        deviation = rf"$({label.symbol} - \langle {field}\rangle)/\sigma_{{{field}}}$"
        bar.set_label(deviation if standardised else symbol(label))
    footer(fig, meta, extra)
    parts = [t.assign(panel=title) for title, t in panels]
    return Drawn(fig, pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"panel": []}))


def _differ(tables: Mapping[str, Any], temperature: float, c_b: float, shown: float | None = None) -> str:
    """Separation of the network shown, and mean and standard deviation over all kept networks."""
    table: pd.DataFrame = tables["network_separation"]
    here = rows_at(table, temperature, c_b)
    known = here[np.isfinite(here["separation"].astype(float))]
    first = known.loc[known["network"] == 0, "separation"]
    shown = float(first.iloc[0]) if shown is None and len(first) else shown
    if shown is None or not np.isfinite(shown):
        return ""
    every = known["separation"].astype(float)
    rest = rf" ({every.mean():.2f} $\pm$ {every.std(ddof=1):.2f})" if len(every) > 1 else ""
    return f"$D = {shown:.2f}${rest}"


def draw_times(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw Figure 10 from tables ``bottleneck`` and ``network_separation``: one temperature, falling C_B."""
    table: pd.DataFrame = tables["bottleneck"]
    md = table[table["source"] == DYNAMICS.name]
    md = md if len(md) else table
    if not len(md):
        return _panels([], meta, "")
    # the lowest temperature of those that reach the most C_B
    reached = md.groupby("temperature")["c_b"].nunique()
    temperature = float(min(reached[reached == reached.max()].index))
    here = rows_at(md, temperature)
    values = sorted(here["c_b"].unique(), reverse=True)
    picked = sorted({round(k) for k in np.linspace(0, len(values) - 1, min(4, len(values)))})
    panels = []
    for k in picked:
        rows = here[here["c_b"] == values[k]]
        title = f"$C_B = {decimal_text(values[k])}$,  $t = {time_text(rows['time'].iloc[0])}$"
        differ = _differ(tables, temperature, float(values[k]))
        panels.append((f"{title}\n{differ}" if differ else title, rows))
    return _panels(panels, meta, f"T = {decimal_text(temperature)}", standardised=True)


def draw_temperatures(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw Figure 11 from tables ``bottleneck``, ``bottleneck_`` and ``network_separation``: all T."""
    table = near_c_b(tables["bottleneck"], meta["threshold"])
    separations = near_c_b(tables["bottleneck_separation"], meta["threshold"])
    values = sorted(table["temperature"].unique(), reverse=True)
    picked = sorted({round(k) for k in np.linspace(0, len(values) - 1, min(8, len(values)))})
    panels = []
    for k in picked:
        rows = table[table["temperature"] == values[k]]
        of = separations[separations["temperature"] == values[k]]
        source = DYNAMICS.title if rows["source"].iloc[0] == DYNAMICS.name else "predicted"
        separation = float(of["separation"].iloc[0])
        differ = _differ(tables, values[k], float(rows["c_b"].iloc[0]), separation)
        title = f"$T = {decimal_text(values[k])}$, {source}"
        panels.append((f"{title}\n{differ}" if differ else title, rows))
    return _panels(panels, meta, f"$C_B$ = {table['c_b'].iloc[0]:g}" if len(table) else "")
