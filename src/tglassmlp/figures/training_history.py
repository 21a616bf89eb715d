"""Loss and validation during the training of the full networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tglassmlp.figures.style import PAGE, Drawn, figure, footer
from tglassmlp.state_point import where


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from table ``training_history``."""
    table: pd.DataFrame = tables["training_history"]
    t_mins = [str(t) for t in meta["t_min"]]
    fig, axes = figure(PAGE, 2.6, 1, 2, sharex=True)
    # from the table, not the settings: short trainings are prolonged
    change = float(table.loc[table["phase"] == 1, "epoch"].max()) + 0.5
    two_phases = bool((table["phase"] == 2).any())
    for quantity, ax in zip(("loss", "validation_pearson"), axes[0], strict=True):
        for t_min, color in zip(t_mins, ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=False):
            here = table[where(table["t_min"], t_min)]
            for _, rows in here.groupby("network"):
                ax.plot(rows["epoch"], rows[quantity], color=color, linewidth=0.6, alpha=0.6)
            ax.plot([], [], color=color, label=rf"$T_{{\min}}={t_min}$")
        if two_phases:
            ax.axvline(change, color="#AAAAAA", linewidth=0.6, zorder=0)
        ax.set_xlabel("epoch")
    axes[0, 0].set(ylabel="training loss", yscale="log")
    axes[0, 1].set(ylabel="Pearson correlation (validation)")
    axes[0, 0].legend()
    if two_phases:
        axes[0, 0].text(
            change,
            0.5,
            " phase 2:\n other loss",
            transform=axes[0, 0].get_xaxis_transform(),
            va="center",
            fontsize=6.5,
        )
    footer(fig, meta, f"{meta['training']['networks']} networks each")
    return Drawn(fig, table)
