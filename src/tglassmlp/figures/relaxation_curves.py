"""Mean relaxation, its collapse and the relaxation times (Figure 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.dynamics.relaxation_times import Relaxation
from tglassmlp.figures.curves import curve, temperature_colors
from tglassmlp.figures.style import PAGE, Drawn, figure, footer, note
from tglassmlp.state_point import decimal_text
from tglassmlp.tables.selection import rows_at


def draw(tables: Mapping[str, Any], meta: Mapping[str, Any]) -> Drawn:
    """Draw the figure from tables ``relaxation_curves`` and ``relaxation``."""
    curves: pd.DataFrame = tables["relaxation_curves"]
    relaxation = Relaxation.from_json(tables["relaxation"])
    curves = curves[(curves["species"] == meta["central_species"]) & (curves["time"] > 0)]
    colors = temperature_colors(meta["temperatures"])
    fig, axes = figure(PAGE, 2.5, 1, 3)
    mean, collapse, times = axes[0]
    for temperature, color in sorted(colors.items(), reverse=True):
        rows = rows_at(curves, temperature)
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
            label=f"{decimal_text(temperature)}",
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
    _extrapolated(ax, relaxation, meta)
    ax.axvline(1 / meta["glass_transition"], color="#AAAAAA", linewidth=0.6, zorder=0)
    ax.text(
        1 / meta["glass_transition"], 0.02, "$T_g$ ", transform=ax.get_xaxis_transform(), ha="right",
        fontsize=7, color="#777777",
    )  # fmt: skip
    ax.set_yscale("log")
    ax.set(xlabel=r"inverse temperature $1/T$", ylabel=r"relaxation time $\tau_{\rm BB}$ (LJ units)")
    ax.legend(loc="upper left", fontsize=6)
    return pd.DataFrame(rows)


def _extrapolated(ax: Any, relaxation: Relaxation, meta: Mapping[str, Any]) -> None:
    """Fitted parabola, its continuation and its tangent below the measured temperatures, and the error."""
    fit = relaxation.extrapolation
    if fit is None:
        note(ax, "one temperature with dynamics:\nnothing to extrapolate from", y=0.2)
        return
    low, high = 1 / max(fit.temperatures) - 0.1, 1 / meta["glass_transition"] + 0.1
    inverse = np.linspace(low, high, 80)
    looks = {"parabola": ("--", "parabola"), "line": (":", rf"Arrhenius, $E = {fit.energy:.3g}$")}
    if fit.form != "line":
        for share, (style, label) in zip((1.0, 0.0), looks.values(), strict=True):
            u = np.maximum(inverse - 1 / fit.reference, 0)
            end = fit.log_tau + fit.energy * u + 0.5 * share * (fit.curvature or 0.0) * u**2
            ax.plot(
                inverse[u > 0],
                np.exp(end[u > 0]),
                color="#777777",
                linestyle=style,
                linewidth=0.8,
                label=label,
            )
    found = [fit.log_tau_at(1 / x) for x in inverse]
    value = np.array([f[0] for f in found])
    label = "line" if fit.form == "line" else "fit" if fit.form == "parabola" else "fit, then between the two"
    ax.plot(inverse, np.exp(value), color="black", linewidth=0.9, label=label, zorder=0)
    if all(s is not None and c is not None for _, s, c in found):
        error = np.array([np.hypot(float(s or 0), float(c or 0)) for _, s, c in found])
        ax.fill_between(
            inverse, np.exp(value - error), np.exp(value + error), color="black", alpha=0.12, linewidth=0
        )  # fmt: skip
    else:
        note(ax, "two temperatures do not tell the curvature:\nthe extrapolation has no error", y=0.12)
