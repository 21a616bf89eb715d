"""Particles as coloured discs: the colour scale of propensities, snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import NDArray

from tglassmlp.box import wrap
from tglassmlp.labels import BOND_BREAKING, Label

__all__ = [
    "PROPENSITY",
    "color_limits",
    "color_map",
    "colored",
    "in_units",
    "particle_colors",
    "snapshot",
    "symbol",
]

#: Arrested (C_i = 1) blue, active (C_i = 0) red, as in the paper; through grey, so that no particle vanishes.
PROPENSITY: Final[Colormap] = LinearSegmentedColormap.from_list(
    "propensity", ["#A50026", "#E34A33", "#D9D4D0", "#4393C3", "#08306B"]
)


#: Colour scale that stands in place of :data:`PROPENSITY` at the moment.
_CHOSEN: Final[ContextVar[Colormap | None]] = ContextVar("colors", default=None)


@contextmanager
def colored(colors: str | Colormap | None) -> Iterator[None]:
    """Use another colour scale, by its matplotlib name or as an object; its lower end is the active one.

    Raises
    ------
    ValueError
        If matplotlib knows no scale of this name.
    """
    if isinstance(colors, str):
        if colors not in mpl.colormaps:
            raise ValueError(f"matplotlib knows no colour map {colors!r}; matplotlib.colormaps lists them")
        colors = mpl.colormaps[colors]
    token = _CHOSEN.set(_CHOSEN.get() if colors is None else colors)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def color_map(label: Label) -> Colormap:
    """Colour scale of a label: active particles are red, whether their values are small or large.

    Inside :func:`colored` it is another scale, turned around in the same way.
    """
    scale = _CHOSEN.get() or PROPENSITY
    return scale if label.direction == "falls" else scale.reversed()


def symbol(label: Label) -> str:
    """Name of a label's values on an axis, with their unit."""
    return f"propensity ${label.symbol}${in_units(label)}"


def in_units(label: Label) -> str:
    """Write the unit of a label in brackets, as it stands behind a name; nothing for plain numbers."""
    return "" if label.unit == "1" else " (" + label.unit.replace("sigma_11", r"$\sigma_{11}$") + ")"


def color_limits(propensity: NDArray, label: Label = BOND_BREAKING) -> tuple[float, float]:
    """Range of the colour scale, which is that of the label: 0 to 1 for bond breaking, in every panel.

    Contrast is then that of the field and not of its scale, and panels of different runs can be compared.
    Where the range has no upper end, the scale holds the central 98 % of the values shown.
    """
    if np.isfinite([label.lowest, label.highest]).all():
        return label.lowest, label.highest
    low, high = (float(x) for x in np.quantile(propensity, [0.01, 0.99]))
    low = max(low, label.lowest)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def particle_colors(
    positions: NDArray,
    box_length: float,
    central: NDArray,
    propensity: NDArray,
    limits: tuple[float, float] = (0.0, 1.0),
    colors: Colormap = PROPENSITY,
) -> NDArray[np.float64]:
    """Colours ``[N, 3]``: central particles by propensity, others a pale shade of the nearest central one.

    Parameters
    ----------
    positions, box_length, central, propensity, limits, colors
        As :func:`snapshot`.
    """
    from scipy.spatial import cKDTree

    inside = wrap(positions + box_length / 2, box_length, 0.0)
    nearest = cKDTree(inside[central], boxsize=box_length).query(inside)[1]
    scaled = (np.asarray(propensity, dtype=float) - limits[0]) / (limits[1] - limits[0])
    own = np.asarray(colors(np.clip(scaled, 0, 1)))[:, :3]
    every = 0.4 * own[nearest] + 0.6
    every[central] = own
    return every


def snapshot(
    ax: Axes,
    positions: NDArray,
    diameters: NDArray,
    box_length: float,
    central: NDArray,
    propensity: NDArray,
    limits: tuple[float, float] = (0.0, 1.0),
    colors: Colormap = PROPENSITY,
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
        ``[n]`` values of the label.
    limits
        Range of the colour scale.
    colors
        The colour scale.
    """
    faces = particle_colors(positions, box_length, central, propensity, limits, colors)
    discs = EllipseCollection(
        diameters, diameters, np.zeros(len(positions)), units="xy", offsets=positions, facecolors=faces,
        linewidths=0.0, rasterized=True, transOffset=ax.transData,
    )  # fmt: skip
    ax.add_collection(discs)
    half = box_length / 2
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xticks=[], yticks=[])
    return discs
