"""Mean relaxation, its collapse and the relaxation times (Figure 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.dynamics.relaxation import Relaxation
from tglassmlp.figures.style import (
    PAGE,
    Drawn,
    curve,
    figure,
    footer,
    note,
    temperature_colors,
    temperature_text,
)


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from tables ``relaxation_curves`` and ``relaxation``."""
    curves: pd.DataFrame = tables["relaxation_curves"]
    relaxation = Relaxation.from_json(tables["relaxation"])
    curves = curves[(curves["species"] == meta["central_species"]) & (curves["time"] > 0)]
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(PAGE, 2.5, 1, 3)
    mean, collapse, times = axes[0]
    for temperature, color in sorted(colors.items(), reverse=True):
        rows = curves[np.abs(curves["temperature"] - temperature) < 1e-9]
        if not len(rows):
            continue
        tau = relaxation.tau(temperature)[0]
        curve(
            mean,
            rows,
            "time",
            "c_b",
            "error",
            band=True,
            color=color,
            label=f"{temperature_text(temperature)}",
        )
        curve(collapse, rows.assign(x=rows["time"] / tau), "x", "c_b", color=color, linewidth=1)
    x = np.exp(np.array(relaxation.master.log_x))
    collapse.plot(
        x, relaxation.master.c_b, color="black", linestyle=":", linewidth=1.2, zorder=5, label="master"
    )
    for ax in (mean, collapse):
        ax.set_xscale("log")
        ax.axhline(relaxation.threshold, color="#AAAAAA", linewidth=0.6, zorder=0)
        ax.set_ylim(0, 1.03)
    mean.set(xlabel=r"time $t$ (LJ units)", ylabel=r"mean propensity $C_B$")
    mean.legend(title="$T$", title_fontsize=7, loc="lower left")
    collapse.set(xlabel=r"$t/\tau_{\rm BB}$", ylabel=r"mean propensity $C_B$")
    collapse.legend(loc="lower left")
    rows = _times(times, relaxation, colors, meta)
    for ax, label in zip(axes[0], "abc", strict=True):
        ax.set_title(f"({label})", loc="left")
    footer(fig, meta)
    return Drawn(fig, pd.concat([curves, rows], ignore_index=True))


def _times(ax: Any, relaxation: Relaxation, colors: Mapping[float, Any], meta: Mapping[str, Any]) -> Any:
    """Relaxation times against 1/T."""
    rows = []
    for name, entry in relaxation.times.items():
        temperature = float(name)
        rows.append(
            {"temperature": temperature, "tau": entry.tau, "tau_error": entry.tau_error, "how": entry.how}
        )
        measured = entry.how in ("threshold", "overlap")
        error = min(entry.tau_error or 0.0, 0.95 * entry.tau)
        ax.errorbar(
            1 / temperature, entry.tau, yerr=[[error], [entry.tau_error or 0.0]], linestyle="none",
            marker={"threshold": "o", "overlap": "s"}.get(entry.how, "D"), elinewidth=0.7,
            color=colors.get(temperature, "black"),
            markerfacecolor=colors.get(temperature, "black") if measured else "white",
        )  # fmt: skip
    for marker, face, label in (
        ("o", "#444444", rf"$C_B(\tau) = {meta['threshold']:g}$ reached"),
        ("s", "#444444", "by superposition"),
        ("D", "white", "extrapolated"),
    ):
        ax.plot([], [], marker=marker, markerfacecolor=face, color="#444444", linestyle="none", label=label)
    line = relaxation.arrhenius
    if line is None:
        note(ax, "one temperature with dynamics:\nno Arrhenius line", y=0.2)
    else:
        inverse = np.linspace(
            min(1 / t for t in line.temperatures) - 0.1, 1 / meta["glass_transition"] + 0.1, 50
        )
        found = [line.tau(1 / x) for x in inverse]
        tau = np.array([f[0] for f in found])
        ax.plot(
            inverse, tau, color="black", linewidth=0.8, label=f"Arrhenius, $E = {line.energy:.3g}$", zorder=0
        )
        if all(f[1] is not None for f in found):
            relative = np.array([float(f[1] or 0) / f[0] for f in found])
            ax.fill_between(
                inverse,
                tau * np.exp(-relative),
                tau * np.exp(relative),
                color="black",
                alpha=0.12,
                linewidth=0,
            )
    ax.axvline(1 / meta["glass_transition"], color="#AAAAAA", linewidth=0.6, zorder=0)
    ax.text(
        1 / meta["glass_transition"], 0.02, "$T_g$ ", transform=ax.get_xaxis_transform(), ha="right",
        fontsize=7, color="#777777",
    )  # fmt: skip
    ax.set_yscale("log")
    ax.set(xlabel=r"inverse temperature $1/T$", ylabel=r"relaxation time $\tau_{\rm BB}$ (LJ units)")
    ax.legend(loc="upper left", fontsize=6)
    return pd.DataFrame(rows)
