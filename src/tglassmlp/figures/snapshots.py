"""Snapshots: dynamics beside predictions (Figure 3) and the evolution in time (Figure 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from tglassmlp.figures.particles import color_limits, color_map, snapshot, symbol
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note
from tglassmlp.labels import recorded
from tglassmlp.methods import DYNAMICS, NETWORK
from tglassmlp.state_point import decimal_text


def time_text(time: float) -> str:
    """Time as a reader wants it: 1.3e5 becomes 1.3 x 10^5."""
    if not np.isfinite(time):
        return "unknown"
    power = int(np.floor(np.log10(time))) if time > 0 else 0
    if -2 <= power < 4:
        return f"{time:.0f}" if time >= 100 else f"{time:.3g}"
    return rf"{time / 10.0**power:.1f}\times 10^{{{power}}}"


def _draw(
    tables: Mapping[str, Any],
    meta: Mapping[str, Any],
    group: str,
    titles: Sequence[str],
    chosen: Sequence[int],
) -> Drawn:
    arrays = tables["snapshots"]
    about = arrays["attributes"][group]
    diameters = np.array(meta["diameters"])
    columns = min(3 if len(chosen) in (3, 5, 6) else 2 if len(chosen) in (2, 4) else 3, max(1, len(chosen)))
    columns = len(chosen) if len(chosen) == 4 else columns
    rows = max(1, -(-len(chosen) // columns))
    side = (PAGE - 0.6) / columns
    fig, axes = figure(PAGE, 0.35 + rows * (side + 0.22), rows, columns)
    flat = axes.ravel()
    if not chosen:
        note(flat[0], "no field to show")
    label = recorded(meta)
    colors = color_map(label)
    limits = color_limits(arrays[f"{group}_fields"][list(chosen)], label) if len(chosen) else (0.0, 1.0)
    for ax, k in zip(flat, chosen, strict=False):
        snapshot(
            ax, arrays[f"{group}_positions"], diameters[arrays[f"{group}_species"].astype(int) - 1],
            about["box_length"], arrays[f"{group}_central"].astype(int), arrays[f"{group}_fields"][k], limits,
            colors,
        )  # fmt: skip
        ax.set_title(titles[k], fontsize=7)
    for ax in flat[len(chosen) :]:
        ax.set_axis_off()
    bar = fig.colorbar(
        ScalarMappable(Normalize(*limits), colors), ax=axes, fraction=0.02, pad=0.01, aspect=30
    )
    words = "low: active, high: arrested" if label.direction == "falls" else "low: arrested, high: active"
    bar.set_label(symbol(label) + (f" ({words})" if rows > 1 else ""))
    n = arrays[f"{group}_positions"].shape[0]
    shown = f"shown: N = {n}, {about['ensemble']} system {about['structure']}"
    large_md = (
        group == "methods" and about["ensemble"] == "large" and DYNAMICS.title in about.get("titles", [])
    )
    footer(fig, meta, shown + (f", MD from {meta['large_replicas']} replicas" if large_md else ""))
    parts = [
        pd.DataFrame(
            {
                "panel": titles[k],
                "x": arrays[f"{group}_positions"][arrays[f"{group}_central"].astype(int), 0],
                "y": arrays[f"{group}_positions"][arrays[f"{group}_central"].astype(int), 1],
                "propensity": arrays[f"{group}_fields"][k],
            }
        )
        for k in chosen
    ]
    columns_ = ["panel", "x", "y", "propensity"]
    return Drawn(fig, pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns_))


def draw_methods(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw Figure 3 from the arrays ``snapshots``; a field far from C_B is shifted there, with a note."""
    arrays = dict(tables["snapshots"])
    about = arrays["attributes"]["methods"]
    fields = np.array(arrays["methods_fields"], dtype=float)
    titles = []
    for k, name in enumerate(about["titles"]):
        shift = about["c_b"] - float(fields[k].mean())
        if recorded(meta).is_clock and abs(shift) > 0.03:  # a method without mean correction
            fields[k] += shift
            name += f" ({shift:+.2f})"
        state = f"$T = {decimal_text(about['temperature'])}$, $C_B = {decimal_text(about['c_b'])}$"
        titles.append(f"{name}\n{state}")
    arrays["methods_fields"] = fields
    return _draw({"snapshots": arrays}, meta, "methods", titles, range(len(titles)))


def draw_evolution(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw Figure 5 from the arrays ``snapshots``: at most six C_B."""
    arrays = tables["snapshots"]
    about = arrays["attributes"]["evolution"]
    c_b, times = arrays["evolution_c_b"], arrays["evolution_time"]
    titles = []
    for c, time, mean in zip(c_b, times, arrays["evolution_fields"].mean(axis=1), strict=True):
        # the mean of one system is not exactly C_B; far from it, the mean correction has failed
        far = recorded(meta).is_clock and abs(mean - c) > 0.03
        found = f" (mean {mean:.2f})" if far else ""
        titles.append(f"$C_B = {decimal_text(c)}${found},  $t = {time_text(time)}$")
    picked = sorted({round(k) for k in np.linspace(0, len(c_b) - 1, min(6, len(c_b)))}) if len(c_b) else []
    drawn = _draw(tables, meta, "evolution", titles, picked)
    drawn.figure.suptitle(f"{NETWORK.title}, $T = {decimal_text(about['temperature'])}$", fontsize=8)
    return drawn
