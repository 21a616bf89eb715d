"""Where the labels of each state point come from (Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from tglassmlp.dynamics.label_map import LETTERS
from tglassmlp.figures.style import PAGE, Drawn, figure, footer
from tglassmlp.state_point import decimal_text, where

_KINDS = {
    LETTERS[origin]: (color, f"{LETTERS[origin]}  {text}")
    for origin, color, text in (
        ("measured", "#9ECAE1", "molecular dynamics"),
        ("extrapolated", "#FDD0A2", "extrapolated in the first step"),
        ("predicted", "#E7E1EF", "full network only"),
    )
}


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the table from table ``label_map`` (with column ``t_min``)."""
    table: pd.DataFrame = tables["label_map"]
    t_mins = [str(t) for t in meta["t_min"]]
    n_rows = table["c_b"].nunique()
    fig, axes = figure(PAGE, 0.9 + 0.2 * n_rows, 1, len(t_mins))
    for ax, t_min in zip(axes[0], t_mins, strict=True):
        here = table[where(table["t_min"], t_min)]
        temperatures = sorted(here["temperature"].unique())
        values = sorted(here["c_b"].unique(), reverse=True)
        for _, row in here.iterrows():
            if row["kind"] not in _KINDS:
                continue
            x, y = temperatures.index(row["temperature"]), values.index(row["c_b"])
            ax.fill(
                [x - 0.5, x + 0.5, x + 0.5, x - 0.5],
                [y - 0.5, y - 0.5, y + 0.5, y + 0.5],
                color=_KINDS[row["kind"]][0],
            )
            ax.text(x, y, row["kind"], ha="center", va="center", fontsize=7)
        ax.set_xticks(np.arange(len(temperatures)), [f"{decimal_text(t)}" for t in temperatures])
        ax.set_yticks(np.arange(len(values)), [decimal_text(c) for c in values])
        ax.set_xticks(np.arange(len(temperatures) + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(len(values) + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=1)
        ax.tick_params(which="both", length=0)
        ax.set(xlim=(-0.5, len(temperatures) - 0.5), ylim=(len(values) - 0.5, -0.5))
        ax.set(xlabel="temperature $T$ (LJ units)", ylabel="mean propensity $C_B$")
        trained = int(here["kind"].isin([LETTERS["measured"], LETTERS["extrapolated"]]).sum())
        ax.set_title(f"$T_{{\\min}} = {t_min}$: trained on {trained} state points")
    handles = [Patch(color=color, label=text) for color, text in _KINDS.values()]
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
    footer(fig, meta)
    return Drawn(fig, table)
