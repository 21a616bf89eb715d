"""The training schedule (Table 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tglassmlp.figures.style import PAGE, Drawn, figure, footer


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the table from the run's settings alone."""
    training = meta["training"]
    falling = " falling to 0" if training.get("rate_decay") == "cosine" else ""
    scale = " / variance of the labels" if training.get("error_scale") == "variance" else ""
    rows = []
    for phase, loss in (
        ("phase1", "mean squared error" + scale),
        ("phase2", "absolute error + variance + spatial correlations"),
    ):
        for step in training[phase]:
            rows.append(
                {
                    "phase": phase[-1],
                    "epochs": int(step["epochs"]),
                    "learning rate": f"{float(step['rate']):g}{falling}",
                    "loss": loss,
                }
            )
    table = pd.DataFrame(rows)
    fig, axes = figure(PAGE, 0.8 + 0.2 * len(rows))
    ax = axes[0, 0]
    ax.set_axis_off()
    cells = ax.table(
        cellText=table.astype(str).to_numpy().tolist(), colLabels=list(table.columns), cellLoc="center",
        loc="center", colWidths=[0.1, 0.1, 0.27, 0.53],
    )  # fmt: skip
    cells.auto_set_font_size(False)
    cells.set_fontsize(8)
    cells.scale(1, 1.15)
    for (row, _), cell in cells.get_celld().items():
        cell.set_linewidth(0)
        cell.visible_edges = "B" if row in (0, len(rows)) else ""
        cell.set_linewidth(0.7)
        if row == 0:
            cell.set_text_props(weight="bold")
    least = training.get("minimum_steps")
    extra = [f"short phases prolonged to {least} steps"] if least else []
    footer(fig, meta, f"{training['networks']} networks per training", *extra)
    return Drawn(fig, table)
