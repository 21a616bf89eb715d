"""Order that a liquid must not have: radial distributions and bond orientation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration

__all__ = ["bond_orientational_order", "radial_distributions"]


def radial_distributions(
    configurations: Sequence[Configuration], n_species: int, spacing: float = 0.1
) -> tuple[NDArray, dict[tuple[int, int], NDArray]]:
    """Radial distribution functions g_ab(r), averaged over configurations of one box.

    Returns
    -------
    r
        ``[B]`` bin centres, up to 5 or half the box.
    g
        ``(a, b)`` with a <= b to ``[B]``; pairs without particles are left out.
    """
    import freud

    length = configurations[0].box_length
    reach = min(5.0, 0.49 * length)
    box = freud.box.Box.square(length)
    distributions = {}
    for a in range(1, n_species + 1):
        for b in range(a, n_species + 1):
            rdf = freud.density.RDF(bins=max(4, round(reach / spacing)), r_max=reach)
            started = False
            for c in configurations:
                points, query = _flat(c, c.of_species(a)), _flat(c, c.of_species(b))
                if min(len(points), len(query)) < 1 + (a == b):
                    continue
                rdf.compute(
                    (box, points),
                    query_points=query,
                    neighbors={"r_max": reach, "exclude_ii": a == b},
                    reset=not started,
                )
                started = True
            if started:
                centres, distributions[a, b] = np.array(rdf.bin_centers), np.array(rdf.rdf)
    return centres, distributions


def bond_orientational_order(c: Configuration) -> dict[int, float]:
    r"""Global order :math:`|\frac{1}{N} \sum_i \psi_{k,i}|` of the k nearest neighbours, k = 4 and 6."""
    import freud

    box = freud.box.Box.square(c.box_length)
    result = {}
    for k in (4, 6):
        hexatic = freud.order.Hexatic(k=k)
        hexatic.compute((box, _flat(c, np.arange(c.n_particles))), neighbors={"num_neighbors": k})
        result[k] = float(abs(np.mean(hexatic.particle_order)))
    return result


def _flat(c: Configuration, which: NDArray) -> NDArray[np.float32]:
    return np.column_stack([c.wrapped()[which], np.zeros(len(which))]).astype(np.float32)
