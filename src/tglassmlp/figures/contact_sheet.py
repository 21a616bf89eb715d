"""All figures of a run on one page."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["draw_contact_sheet"]


def draw_contact_sheet(path: str | PathLike[str], images: Sequence[str | PathLike[str]], title: str) -> None:
    """Put PNG images side by side, each under its name, into one PNG.

    Parameters
    ----------
    path
        Target, ``.png``.
    images
        Figures, in order.
    title
        Line at the top.
    """
    from matplotlib import image as reader
    from matplotlib.figure import Figure

    from tglassmlp.figures.style import style
    from tglassmlp.storage import atomic_path

    columns = 4
    rows = -(-len(images) // columns)
    with style():
        fig = Figure(figsize=(16, 3.1 * rows + 0.5), dpi=110)
        axes: Any = fig.subplots(rows, columns, squeeze=False)
        for ax in axes.ravel():
            ax.set_axis_off()
        for ax, name in zip(axes.ravel(), images, strict=False):
            ax.imshow(reader.imread(str(name)), interpolation="antialiased")
            ax.set_title(Path(name).stem, fontsize=9)
        fig.suptitle(title, fontsize=12)
        fig.subplots_adjust(
            left=0.01, right=0.99, top=1 - 0.55 / (3.1 * rows + 0.5), bottom=0.01, wspace=0.03
        )
        with atomic_path(path) as temporary:
            fig.savefig(temporary, format="png")
