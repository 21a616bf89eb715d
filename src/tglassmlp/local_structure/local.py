r"""Local quantities of each particle: potential energy and its cell in the radical Voronoi tessellation.

The radical (power, Laguerre) cell of particle i holds the points x with
:math:`|x - r_i|^2 - R_i^2 < |x - r_j|^2 - R_j^2` for all j, with the radii R of the species (0.50,
0.44, 0.47 in the KA2D mixture). The ordinary Voronoi cell is no substitute: its perimeter differs by up
to 6 %. The cells are computed by Voro++ (Rycroft, Chaos 19, 041111 (2009)) through pyvoro2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture

__all__ = ["RadicalCells", "radical_cells", "radical_perimeters"]


class RadicalCells(NamedTuple):
    """Perimeter and area of every particle's cell, each ``[N]``; both 0 where a cell is empty."""

    perimeters: NDArray[np.float64]
    areas: NDArray[np.float64]


@takes_mixture(assume=False)
def radical_cells(c: Configuration, mixture: Mixture = KA2D) -> RadicalCells:
    """Radical Voronoi cells of a configuration.

    Parameters
    ----------
    c
        The configuration; descriptors use inherent positions.
    mixture
        Source of the radii.

    Returns
    -------
    RadicalCells
        The areas sum to the area of the box.

    Raises
    ------
    ValueError
        If a species has no radius in the mixture, two particles coincide, or the areas do not sum to the box.
    """
    from pyvoro2 import planar  # its import takes longer than many a caller's work

    c.check_mixture(mixture.n_species)
    half = 0.5 * c.box_length
    positions = c.wrapped()
    try:
        cells = planar.compute(
            positions,
            domain=planar.RectangularCell(((-half, half), (-half, half))),
            mode="power",
            radii=np.asarray(mixture.radii)[c.species - 1],
            return_adjacency=False,
            return_edges=False,
            output="cells",
        )
    except ValueError as error:
        raise ValueError(f"no radical tessellation of this configuration: {error}") from error
    perimeters, areas = np.zeros(c.n_particles), np.zeros(c.n_particles)
    ids = np.array([cell["id"] for cell in cells])
    areas[ids] = [cell["area"] for cell in cells]
    numbers = np.array([len(cell["vertices"]) for cell in cells])
    vertices = np.concatenate([np.asarray(cell["vertices"], dtype=float).reshape(-1, 2) for cell in cells])
    perimeters[ids] = _convex_perimeters(vertices, numbers)
    if abs(areas.sum() - c.box_length**2) > 1e-8 * c.box_length**2:
        raise ValueError(
            f"the radical cells have a total area of {areas.sum():.10g}, the box has {c.box_length**2:.10g}: "
            "the tessellation failed"
        )
    return RadicalCells(perimeters, areas)


def _convex_perimeters(vertices: NDArray[np.float64], numbers: NDArray[np.int_]) -> NDArray[np.float64]:
    """Perimeters of convex polygons whose ``numbers`` vertices follow each other in any order."""
    owner = np.repeat(np.arange(numbers.size), numbers)
    first = np.concatenate([[0], np.cumsum(numbers)])
    centre = (
        np.stack([np.bincount(owner, vertices[:, d], numbers.size) for d in range(2)], axis=1)
        / numbers[:, None]
    )
    away = vertices - centre[owner]
    ordered = vertices[np.lexsort((np.arctan2(away[:, 1], away[:, 0]), owner))]
    following = np.arange(1, vertices.shape[0] + 1)
    following[first[1:] - 1] = first[:-1]
    edges = ordered[following] - ordered
    return np.bincount(owner, np.hypot(edges[:, 0], edges[:, 1]), numbers.size).astype(np.float64)


@takes_mixture(refuse=False)
def radical_perimeters(c: Configuration, mixture: Mixture = KA2D) -> NDArray[np.float64]:
    """Perimeter of the radical Voronoi cell of every particle, ``[N]``.

    Parameters
    ----------
    c
        The configuration.
    mixture
        Source of the radii. By default KA2D, with a :class:`tglassmlp.MixtureWarning` if the species
        can hardly be its.

    Raises
    ------
    ValueError
        As :func:`radical_cells`.

    Examples
    --------
    >>> import numpy as np, tglassmlp as tg
    >>> x = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    >>> tg.radical_perimeters(tg.Configuration(x, np.ones(64, int), 8.0))[:3].round(9).tolist()
    [4.0, 4.0, 4.0]
    """
    return radical_cells(c, mixture).perimeters
