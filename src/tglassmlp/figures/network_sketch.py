"""Sketch of the network (Figure 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from tglassmlp.figures.style import PAGE, Drawn, figure, footer
from tglassmlp.labels import recorded


def _box(ax: Axes, x: float, y: float, w: float, h: float, text: str, color: str) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x - w / 2, y - h / 2),
            w,
            h,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=color,
            edgecolor="#333333",
            linewidth=0.7,
        )
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=7, linespacing=1.35)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=7,
            linewidth=0.8,
            color="#333333",
            shrinkA=0,
            shrinkB=0,
            connectionstyle=f"arc3,rad={bend}",
        )
    )


def _chain(sizes: Sequence[int]) -> str:
    return " → ".join(str(s) for s in sizes)


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the sketch from the run's settings alone."""
    net = meta["network"]
    inputs = len(net["state_features"])
    joined = net["bottleneck"] + net["mlp2"][-1]
    lengths = len(meta["lengths"])
    species = len(meta["diameters"])
    fig, axes = figure(PAGE, 2.55)
    ax = axes[0, 0]
    blue, orange, green, grey = "#D6E6F4", "#FCE3CE", "#D9EEDD", "#F0F0F0"
    y, low = 2.1, 0.55
    _box(
        ax,
        1.0,
        y,
        1.75,
        1.5,
        "structural descriptors\ndensity, energy,\nperimeter, variance\n"
        f"of {species} species and all,\n{lengths} lengths $L$",
        grey,
    )
    _box(
        ax,
        3.35,
        y,
        1.75,
        1.5,
        "attention\n" r"$\omega=\mathrm{softmax}(\mathbf{A}\,\mathbf{y})$" "\n" r"$x'_m=\omega_m x_m$",
        orange,
    )
    _box(
        ax,
        5.5,
        y,
        1.4,
        1.5,
        f"bottleneck\n{net['bottleneck']} units\n({net['bottleneck_activation'].upper()})",
        blue,
    )
    _box(ax, 7.55, y, 1.45, 1.5, f"head\n{_chain([joined, *net['head'], 1])}\n(ELU)", blue)
    _box(ax, 9.45, y, 1.1, 1.5, f"propensity\n${recorded(meta).symbol}$", green)
    _box(ax, 0.98, low, 1.75, 0.75, f"state point $(T, C_B)$\n{inputs} features", grey)
    _box(ax, 3.35, low, 1.75, 0.75, f"MLP1\n{_chain([inputs, *net['mlp1']])}", orange)
    _box(ax, 6.1, low, 1.75, 0.75, f"MLP2\n{_chain([inputs, *net['mlp2']])}", orange)
    for x0, x1 in ((1.875, 2.475), (4.225, 4.8), (6.2, 6.825), (8.275, 8.9)):
        _arrow(ax, (x0, y), (x1, y))
    _arrow(ax, (1.855, low), (2.475, low))
    _arrow(ax, (3.35, low + 0.375), (3.35, y - 0.75))
    _arrow(ax, (1.4, low - 0.375), (6.1, low - 0.375), bend=0.16)
    _arrow(ax, (6.975, low), (7.5, y - 0.75), bend=0.35)
    ax.text(3.42, 1.12, r"$\mathbf{y}$", fontsize=8)
    ax.text(7.5, 0.85, "concatenate", fontsize=6.5, color="#555555")
    ax.set(xlim=(0, 10.1), ylim=(-0.4, 3.0))
    ax.set_axis_off()
    footer(fig, meta)
    layers = {
        "MLP1": _chain([inputs, *net["mlp1"]]),
        "bottleneck": str(net["bottleneck"]),
        "MLP2": _chain([inputs, *net["mlp2"]]),
        "head": _chain([joined, *net["head"], 1]),
    }
    return Drawn(fig, pd.DataFrame({"part": list(layers), "layers": list(layers.values())}))
