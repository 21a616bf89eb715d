"""Pearson correlation against time, one panel per temperature (Figure 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.figures.curves import curve
from tglassmlp.figures.looks import look, network_label, network_look
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note
from tglassmlp.methods import CEILING, METHODS, NETWORK
from tglassmlp.published import published_for
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.selection import rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``pearson``."""
    table: pd.DataFrame = tables["pearson"]
    temperatures = sorted(table["temperature"].unique(), reverse=True) or [meta["labelled"][-1]]
    columns = min(3, len(temperatures))
    rows = -(-len(temperatures) // columns)
    fig, axes = figure(PAGE, 0.75 + 1.85 * rows, rows, columns, sharey=True)
    flat = axes.ravel()
    main = meta["t_min"][0]
    published = published_for(meta["system"])
    for ax, temperature in zip(flat, temperatures, strict=False):
        here = rows_at(table, temperature)
        for method in (CEILING.name, "density", "energy", "perimeter", "ridge"):
            label, style = look(method)
            single = METHODS[method].role == "descriptor"
            curve(
                ax, rows_at(here, method=method), "time", "value",
                None if method == CEILING.name else "error",
                linewidth=0.7 if single else 1.0, markersize=3, label=label, **style,
            )  # fmt: skip
        for method in ("glassmlp_transferred", "glassmlp"):
            label, style = look(method)
            curve(
                ax, rows_at(here, method=method), "time", "value", "error", markerfacecolor="white",
                label=label, **style,
            )  # fmt: skip
        for t_min in reversed(meta["t_min"]):
            chosen = rows_at(here, method=NETWORK.name, t_min=t_min)
            curve(
                ax, chosen, "time", "value", "error", label=network_label(t_min),
                **network_look(t_min, main),
            )  # fmt: skip
        known = published.correlations_at(temperature) if published else None
        if known:
            for name, marker in (("GlassMLP", "x"), ("BOTAN", "^"), ("SE3 GNN", "D"), ("CAGE", "v")):
                ax.plot(
                    known["time"], known[name], linestyle=":", linewidth=0.5,
                    marker=marker, markersize=3, markerfacecolor="none", markeredgewidth=0.7,
                    color="black" if name == "GlassMLP" else "#777777", label=f"{name}, published", zorder=1,
                )  # fmt: skip
        if len(here):
            tau = float(here["tau"].iloc[0])
            ax.axvline(tau, color="#AAAAAA", linewidth=0.6, zorder=0)
            ax.text(
                tau, 0.02, r"$\tau_{\rm BB}$ ", transform=ax.get_xaxis_transform(), ha="right", fontsize=6.5
            )
        else:
            note(ax, "no test structure has dynamics")
        ax.set_xscale("log")
        ax.axhline(0, color="#AAAAAA", linewidth=0.6, zorder=0)
        ax.set_title(rf"$T = {decimal_text(temperature)}$")
        ax.set_xlabel(r"time $t$ (LJ units)")
    for ax in flat[len(temperatures) :]:
        ax.set_axis_off()
    lowest = float(np.nanmin(table["value"])) if len(table) else 0.0
    flat[0].set_ylim(min(-0.02, lowest - 0.05), 1.02)
    for ax in axes[:, 0]:
        ax.set_ylabel(r"Pearson correlation $\rho_P$")
    handles: dict[str, Any] = {}
    for ax in flat[: len(temperatures)]:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        fig.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=min(5, len(handles)))
    n_test = int(table["n_structures"].max()) if len(table) else 0
    footer(fig, meta, f"{n_test} test structures")
    return Drawn(fig, table)
