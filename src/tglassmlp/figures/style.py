"""One look for all figures: sizes, colours of temperatures and methods, footer, notes, files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from tglassmlp.box import wrap

__all__ = [
    "COLUMN",
    "METHODS",
    "PAGE",
    "PROPENSITY",
    "Drawn",
    "color_limits",
    "curve",
    "figure",
    "footer",
    "note",
    "ordered_colors",
    "panel_label",
    "particle_colors",
    "snapshot",
    "style",
    "temperature_axis",
    "temperature_colors",
    "temperature_text",
]

#: Widths of one and two printed columns, inches.
COLUMN: Final = 3.4
PAGE: Final = 7.0

_RC: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.titlepad": 4,
    "axes.linewidth": 0.7,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.4,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "errorbar.capsize": 1.5,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.hashsalt": "tglassmlp",
    "axes.prop_cycle": cycler(
        color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
    ),
}


@dataclass(frozen=True)
class Look:
    """How one method is drawn."""

    label: str
    color: str
    marker: str
    line: str


#: Okabe-Ito colours, told apart by every common kind of colour vision.
METHODS: Final[dict[str, Look]] = {
    "tglassmlp": Look("tGlassMLP", "#0072B2", "o", "-"),
    "tglassmlp_higher": Look("tGlassMLP", "#56B4E9", "D", "--"),
    "md": Look("MD", "#000000", "s", "none"),
    "glassmlp": Look("GlassMLP per state point", "#D55E00", "s", "none"),
    "glassmlp_transferred": Look("GlassMLP transferred", "#CC79A7", "v", ":"),
    "ridge": Look("ridge regression", "#009E73", "^", "-."),
    "density": Look("density", "#999999", "x", "-"),
    "energy": Look("potential energy", "#777777", "+", "-"),
    "perimeter": Look("Voronoi perimeter", "#B8A000", "1", "-"),
    "ceiling": Look("ceiling of the replicas", "#333333", "", (0, (1, 1))),  # type: ignore[arg-type]
}

#: Arrested (C_i = 1) blue, active (C_i = 0) red, as in the paper; through grey, so that no particle vanishes.
PROPENSITY: Final[Colormap] = LinearSegmentedColormap.from_list(
    "propensity", ["#A50026", "#E34A33", "#D9D4D0", "#4393C3", "#08306B"]
)


@dataclass(frozen=True)
class Drawn:
    """A figure and the numbers drawn in it."""

    figure: Figure
    data: pd.DataFrame


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of all figures."""
    with mpl.rc_context(_RC):  # type: ignore[arg-type]
        yield


def figure(
    width: float = COLUMN,
    height: float = 2.6,
    rows: int = 1,
    columns: int = 1,
    **keywords: Any,
) -> tuple[Figure, NDArray]:
    """Return a figure with room for the footer and its axes, always ``[rows, columns]``."""
    fig = Figure(figsize=(width, height))
    axes = fig.subplots(rows, columns, squeeze=False, **keywords)
    fig.set_layout_engine("constrained", rect=(0, 0.16 / height, 1, 1 - 0.16 / height))
    return fig, axes


def _tidy(axis: Any) -> None:
    """Give a logarithmic axis at least a decade, and numbers at the decades only."""
    low, high = axis.get_view_interval()
    if high / low < 11:
        stretch = np.sqrt(11 * low / high)
        low, high = low / stretch, high * stretch
        axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})
    axis.set_minor_formatter(NullFormatter())


def footer(fig: Figure, meta: Mapping[str, Any], *extra: str) -> None:
    """Close a figure: tidy its logarithmic axes, mark it with the run's name and scale at the lower right."""
    for ax in fig.axes:
        for axis, scale in ((ax.xaxis, ax.get_xscale()), (ax.yaxis, ax.get_yscale())):
            if scale == "log":
                _tidy(axis)
    parts = [
        f"run {meta['run']}",
        str(meta["mixture"]),
        f"N = {meta['n_particles']}",
        f"{meta['structures']} structures × {meta['replicas']} replicas",
        *extra,
    ]
    fig.text(0.99, 0.012, " · ".join(parts), ha="right", va="bottom", fontsize=5, color="#666666")


def note(ax: Axes, text: str, y: float = 0.5) -> None:
    """Say in the axes why something is not shown."""
    ax.text(
        0.5, y, text, transform=ax.transAxes, ha="center", va="center", fontsize=6.5, color="#555555",
        bbox={"facecolor": "white", "edgecolor": "#BBBBBB", "linewidth": 0.5, "boxstyle": "round,pad=0.3"},
    )  # fmt: skip


def panel_label(ax: Axes, text: str) -> None:
    """Mark a panel, e.g. (a), above its upper left corner."""
    ax.set_title(text, loc="left", fontsize=8)


def temperature_text(temperature: float) -> str:
    """Temperature with at least two decimals: 0.30, 0.231."""
    short = f"{temperature:.2f}"
    return short if abs(float(short) - temperature) < 1e-9 else f"{temperature:g}"


def temperature_axis(ax: Axes, temperatures: Sequence[float]) -> None:
    """Make x the temperature, with a tick at each temperature of the run."""
    ordered = sorted(float(t) for t in temperatures)
    margin = 0.06 * (ordered[-1] - ordered[0]) + 1e-3
    ax.set_xlim(ordered[0] - margin, ordered[-1] + margin)
    shown = [ordered[0]]
    for t in ordered[1:]:
        if t - shown[-1] > 0.07 * (ordered[-1] - ordered[0]):
            shown.append(t)
    ax.set_xticks(shown, [temperature_text(t) for t in shown])
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


def color_limits(propensity: NDArray) -> tuple[float, float]:
    """Range of the colour scale: the central 98 % of the values shown, outwards to the next twentieth."""
    low, high = np.quantile(propensity, [0.01, 0.99])
    low, high = np.floor(20 * low) / 20, np.ceil(20 * high) / 20
    return float(max(0.0, min(low, high - 0.1))), float(min(1.0, max(high, low + 0.1)))


def particle_colors(
    positions: NDArray,
    box_length: float,
    central: NDArray,
    propensity: NDArray,
    limits: tuple[float, float] = (0.0, 1.0),
) -> NDArray[np.float64]:
    """Colours ``[N, 3]``: central particles by propensity, others a pale shade of the nearest central one.

    Parameters
    ----------
    positions, box_length, central, propensity, limits
        As :func:`snapshot`.
    """
    from scipy.spatial import cKDTree

    inside = wrap(positions + box_length / 2, box_length, 0.0)
    nearest = cKDTree(inside[central], boxsize=box_length).query(inside)[1]
    scaled = (np.asarray(propensity, dtype=float) - limits[0]) / (limits[1] - limits[0])
    colors = np.asarray(PROPENSITY(np.clip(scaled, 0, 1)))[:, :3]
    every = 0.4 * colors[nearest] + 0.6
    every[central] = colors
    return every


def snapshot(
    ax: Axes,
    positions: NDArray,
    diameters: NDArray,
    box_length: float,
    central: NDArray,
    propensity: NDArray,
    limits: tuple[float, float] = (0.0, 1.0),
) -> EllipseCollection:
    """Draw particles as discs of their size in the colours of :func:`particle_colors`.

    Parameters
    ----------
    ax
        Axes.
    positions, diameters
        ``[N, 2]`` wrapped into the box, ``[N]``.
    box_length
        Side of the box.
    central
        ``[n]`` indices of the coloured particles.
    propensity
        ``[n]`` in [0, 1].
    limits
        Range of the colour scale.
    """
    colors = particle_colors(positions, box_length, central, propensity, limits)
    discs = EllipseCollection(
        diameters, diameters, np.zeros(len(positions)), units="xy", offsets=positions, facecolors=colors,
        linewidths=0.0, rasterized=True, transOffset=ax.transData,
    )  # fmt: skip
    ax.add_collection(discs)
    half = box_length / 2
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xticks=[], yticks=[])
    return discs
