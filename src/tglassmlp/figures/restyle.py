"""Other colours, fonts and sizes for figures: for a talk, a poster or another journal.

:func:`restyle` changes what is drawn inside a ``with`` block, and :func:`redraw` draws a figure of a finished
run again, from its tables. Maps and their colour bars take their colours from one place
(:func:`tglassmlp.figures.particles.color_map`), so that both change together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tglassmlp import paths
from tglassmlp.figures import registry
from tglassmlp.storage import read_table_provenance

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["redraw", "restyle"]


@contextmanager
def restyle(
    *,
    colors: str | Colormap | None = None,
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    footer: bool = True,
) -> Iterator[None]:
    """Draw everything inside a ``with`` block in another style.

    Parameters
    ----------
    colors
        Colour map of propensities, by its matplotlib name or as an object, in maps and in their colour bars.
        Its lower end is the active one; where large values are active it is reversed.
    methods
        Name of a method -> ``color``, ``marker`` and ``line`` of its curves, those that change:
        ``{"tglassmlp": {"color": "black"}}``. ``higher_t_min`` is the network that has seen only higher
        temperatures.
    settings
        Settings of matplotlib (rcParams) laid over those of the figures: ``{"font.size": 12}``.
    footer
        Whether the line with run and scale is drawn at the bottom of figures.

    Raises
    ------
    ValueError
        For an unknown colour map, method or property of a curve.

    Examples
    --------
    >>> import tglassmlp as tg
    >>> with tg.restyle(colors="cividis"):  # doctest: +SKIP
    ...     tg.plot_propensity(configuration, propensity)
    """
    from tglassmlp.figures import looks, particles, style

    with (
        particles.colored(colors),
        looks.changed(methods or {}),
        style.changed(settings or {}, footer),
    ):
        yield


def redraw(
    run: str | os.PathLike[str],
    figure: str,
    *,
    colors: str | Colormap | None = None,
    methods: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    footer: bool = True,
    fonts: float = 1.0,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw a figure of a finished run again, in another style.

    The figure is drawn from the tables of the run. Nothing in the run's folder is changed: save the figure
    where you want it.

    Parameters
    ----------
    run
        Folder of the run, ``results/demo``.
    figure
        Its name, such as ``fig03_snapshots``: that of the image below ``results/<run>/figures/``.
    colors, methods, settings, footer
        As for :func:`restyle`.
    fonts
        Factor by which all letters become larger.
    size
        Width and height in inches; by default those of the figure in the run.

    Returns
    -------
    matplotlib.figure.Figure
        To be saved with ``figure.savefig("talk.png", dpi=300)``.

    Raises
    ------
    FileNotFoundError
        If the run has no such figure, or lacks a table.
    ValueError
        If there is no figure of this name, or the style is not possible.

    Examples
    --------
    >>> import tglassmlp as tg
    >>> figure = tg.redraw(
    ...     "results/demo", "fig03_snapshots", colors="cividis", fonts=1.4, footer=False
    ... )  # doctest: +SKIP
    >>> figure.savefig("talk.png", dpi=300)  # doctest: +SKIP
    """
    # tables need pandas, which an installation for predictions does not have
    from tglassmlp.figures.drawing import draw
    from tglassmlp.figures.loading import load_tables

    if figure not in registry.FIGURES:
        raise ValueError(f"there is no figure {figure!r}; the figures are {', '.join(registry.FIGURES)}")
    if not fonts > 0:
        raise ValueError(f"fonts must be a positive factor, found {fonts}")
    data = Path(paths.FIGURE_DATA.path(run, figure=figure))
    if not data.is_file():
        raise FileNotFoundError(f"{data}: this run has no figure {figure}; make it with `make run`")
    meta = read_table_provenance(data).get("meta")
    if meta is None:
        raise ValueError(
            f"{data}: this figure was made by an earlier version, which did not keep the scale of the run "
            "beside it; delete the file and repeat `make run`"
        )
    files = {name: _files(Path(run), name, meta) for name in registry.FIGURES[figure].tables}
    with restyle(colors=colors, methods=methods, settings=settings, footer=footer):
        drawn = draw(figure, load_tables(files), meta).figure
    if size is not None:
        drawn.set_size_inches(*size)
    _enlarge(drawn, fonts)
    return drawn


def _files(run: Path, table: str, meta: Mapping[str, Any]) -> list[str]:
    """Files of one table in a run's folder, those of every T_min where there are several."""
    product = paths.Product(registry.TABLES[table])
    found = product.paths(run, **({"t_min": meta["t_min"]} if "t_min" in product.wildcards else {}))
    missing = [path for path in found if not Path(path).is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]}: the figure is drawn from this table, which is not there")
    return found


def _enlarge(figure: Figure, factor: float) -> None:
    """Multiply the size of all letters of a figure; numbers at the axes are made anew when it is drawn."""
    from matplotlib.text import Text

    if factor == 1:
        return
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    numbers = [axis.get_ticklabels(which="both") for axis in axes]
    ticks = {label for labels in numbers for label in labels}
    others = [text for text in figure.findobj(Text) if text not in ticks]
    of_ticks = [float(labels[0].get_fontsize()) if labels else None for labels in numbers]
    for axis, before in zip(axes, of_ticks, strict=True):
        if before is not None:
            axis.set_tick_params(which="both", labelsize=factor * before)
    for text in others:
        text.set_fontsize(factor * float(text.get_fontsize()))
