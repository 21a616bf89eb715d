"""What every figure is made of: sizes, settings of matplotlib, axes, footer, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMN", "PAGE", "Drawn", "changed", "figure", "footer", "note", "panel_label", "style"]

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
class Drawn:
    """A figure and the numbers drawn in it."""

    figure: Figure
    data: pd.DataFrame


#: Settings of matplotlib laid over those above at the moment, and whether figures have a footer.
_CHANGED: Final[ContextVar[tuple[Mapping[str, Any], bool]]] = ContextVar("style", default=({}, True))


@contextmanager
def changed(settings: Mapping[str, Any], footer: bool = True) -> Iterator[None]:
    """Lay settings of matplotlib over those of all figures, and leave out the footer if wanted.

    Raises
    ------
    ValueError
        If matplotlib has no such setting.
    """
    unknown = sorted(set(settings) - set(mpl.rcParams))
    if unknown:
        raise ValueError(f"matplotlib has no setting {unknown[0]!r}; matplotlib.rcParams lists them")
    before, shown = _CHANGED.get()
    token = _CHANGED.set(({**before, **settings}, footer and shown))
    try:
        yield
    finally:
        _CHANGED.reset(token)


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of all figures."""
    settings: dict[str, Any] = {**_RC, **_CHANGED.get()[0]}
    with mpl.rc_context(settings):  # type: ignore[arg-type]
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
    if not _CHANGED.get()[1]:
        return
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
