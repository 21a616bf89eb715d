r"""Coarse-graining: local quantities averaged over exponentially weighted neighbourhoods.

For particle i, every species b and all of them, and every length L, with :math:`w_{ij} = e^{-r_{ij}/L}`
and sums over j of species b **including j = i** where its species fits, within a cut-off (20 in the paper,
16.4 here, at most half the box) in minimum image:

.. math::

    \rho_i &= \sum_j w_{ij} & \text{density}\\
    \bar E_i &= \sum_j w_{ij} E_j / \rho_i & \text{energy}\\
    \bar p_i &= \sum_j w_{ij} p_j / \rho_i & \text{perimeter}\\
    \mathrm{Var}_i &= \sum_j w_{ij} (E_j - \bar E_i)^2 / \rho_i & \text{variance}

with the potential energy :math:`E_j = \frac{1}{2}\sum_k V_{jk}` and the perimeter p of the radical
Voronoi cell. L = 0 means j = i alone. Source: Jung, Biroli, Berthier, PRL 130, 238202 (2023), and
arXiv:2310.20252, Sec. II.C.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.limits import DESCRIPTOR_CUTOFF, check_lengths
from tglassmlp.local_structure.moments import Particles, sum_moments, weight_table

__all__ = ["coarse_grain"]


def coarse_grain(
    c: Configuration,
    energies: ArrayLike,
    perimeters: ArrayLike,
    lengths: Sequence[float],
    *,
    n_species: int = 3,
    cutoff: float = DESCRIPTOR_CUTOFF,
    central: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Coarse-grained averages of given local quantities; see the module's formulas.

    Parameters
    ----------
    c
        Configuration whose distances enter the weights.
    energies, perimeters
        ``[N]`` local quantities.
    lengths
        K rising lengths; 0 means the particle alone.
    n_species
        Number of species S.
    cutoff
        Largest distance of a neighbour, in minimum image. Beyond half the box the disc is cut off by the box;
        only :func:`~tglassmlp.local_structure.describe.descriptors` refuses that.
    central
        Indices of the particles wanted; all by default.

    Returns
    -------
    numpy.ndarray
        ``[central, 4 (S + 1) K]`` in the order of
        :func:`~tglassmlp.local_structure.names.descriptor_names`. Averages over no particle are 0.

    Raises
    ------
    ValueError
        If a shape does not fit, or a length or the cut-off is not usable.
    """
    c.check_mixture(n_species)
    scales = check_lengths(lengths, cutoff)
    e = np.ascontiguousarray(energies, dtype=np.float64)
    p = np.ascontiguousarray(perimeters, dtype=np.float64)
    for label, values in (("energies", e), ("perimeters", p)):
        if values.shape != (c.n_particles,):
            raise ValueError(f"{label} must have shape [{c.n_particles}], found {values.shape}")
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{label} must be finite")
    index = np.arange(c.n_particles) if central is None else np.asarray(central, dtype=np.int64)
    positive = scales[scales > 0]
    moments = np.zeros((index.size, n_species + 1, 4, scales.size))
    if positive.size:
        weights = weight_table(positive, min(cutoff, float(np.sqrt(0.5)) * c.box_length))
        particles = Particles(c.wrapped(), c.species, e, p)
        moments[:, :n_species, :, scales.size - positive.size :] = sum_moments(
            particles, weights, c.box_length, float(cutoff), index, n_species
        )[..., : positive.size]
    if scales[0] == 0:
        own = c.species[index] - 1
        rows = np.arange(index.size)
        moments[rows, own, 0, 0] = 1.0
        moments[rows, own, 2, 0] = p[index]
    moments[:, n_species] = moments[:, :n_species].sum(axis=1)
    density = moments[:, :, 0]
    with np.errstate(divide="ignore"):
        inverse_density = np.where(density > 0, 1.0 / density, 0.0)
    deviation = moments[:, :, 1] * inverse_density
    values = np.empty((index.size, 4, n_species + 1, scales.size))
    values[:, 0] = density
    values[:, 1] = np.where(density > 0, deviation + e[index, None, None], 0.0)
    values[:, 2] = moments[:, :, 2] * inverse_density
    values[:, 3] = np.maximum(moments[:, :, 3] * inverse_density - deviation**2, 0.0)
    return values.reshape(index.size, -1)
