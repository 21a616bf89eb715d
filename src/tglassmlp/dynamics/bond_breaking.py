r"""Bond-breaking propensity: which share of its initial neighbours a particle keeps.

Particle j is a neighbour of i at the start when :math:`r_{ij}(0) < r_\mathrm{in} \sigma_{ij}`, and
still is one at time t when :math:`r_{ij}(t) < r_\mathrm{out} \sigma_{ij}` (minimum image). With the
number :math:`n^0_i` of initial neighbours and :math:`n_i(t)` of those left,

.. math::

    C_i(t) = \left\langle \frac{n_i(t)}{n^0_i} \right\rangle_\mathrm{replicas} ,

1 for an arrested particle and 0 for one that has lost every neighbour. Neighbours are of all species.
Source: Jung, Biroli, Berthier, arXiv:2310.20252, Sec. II.A; the two radii are those of the authors'
earlier work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from tglassmlp.box import bring_near, check_resolved, minimum_image, wrap
from tglassmlp.compilation import njit
from tglassmlp.configuration import Configuration, real_numbers
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.dynamics.propensity import Propensity
from tglassmlp.limits import check_radii
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation.inlined import nearest

__all__ = [
    "bond_breaking",
    "initial_bonds",
    "isoconfigurational_propensity",
    "surviving_bonds",
]


def initial_bonds(
    c: Configuration, r_in: float = 1.4, mixture: Mixture = KA2D
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Neighbour pairs of a configuration.

    Parameters
    ----------
    c
        The initial, thermal configuration.
    r_in
        Pairs closer than ``r_in`` pair diameters are neighbours.
    mixture
        Source of the pair diameters.

    Returns
    -------
    pairs, counts
        ``[B, 2]`` pairs i < j in ascending order, and the number of neighbours ``[N]`` of every particle.

    Raises
    ------
    ValueError
        If the box is shorter than twice the reach, or a particle has no neighbour.
    """
    if not r_in > 0:
        raise ValueError(f"r_in must be positive, found {r_in}")
    sigma = mixture.sigma_matrix
    reach = r_in * float(sigma.max())
    c.check_mixture(mixture.n_species, reach)
    box = c.box_length
    # float64 tree: single precision would move pairs across the threshold
    near, _ = bring_near(c.positions, box)
    pairs = cKDTree(wrap(near, box, 0.0), boxsize=box).query_pairs(reach * (1 + 1e-9), output_type="ndarray")
    separation = minimum_image(near[pairs[:, 1]] - near[pairs[:, 0]], box)
    spec = c.species - 1
    limit = r_in * sigma[spec[pairs[:, 0]], spec[pairs[:, 1]]]
    pairs = pairs[np.einsum("bx,bx->b", separation, separation) < limit**2]
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].astype(np.int32)
    counts = np.bincount(pairs.ravel(), minlength=c.n_particles).astype(np.int32)
    if counts.min(initial=1) == 0:
        lonely = np.flatnonzero(counts == 0)
        raise ValueError(
            f"particle {int(lonely[0])} (species {int(c.species[lonely[0]])}) has no neighbour within "
            f"{r_in:g} pair diameters at the start, so its propensity is not defined "
            f"({lonely.size} such particles of {c.n_particles})"
        )
    return pairs, counts


@njit(nogil=True)
def _surviving_share(pairs, limit2, inverse_counts, origin, later, box, out):
    """Write n_i/n0_i of every replica and frame to ``out`` ``[R, F, N]``; positions are origin + later."""
    replicas, frames, n = out.shape
    inverse_box = 1.0 / box
    kept = np.empty(n, dtype=np.int64)
    for r in range(replicas):
        for f in range(frames):
            kept[:] = 0
            for b in range(pairs.shape[0]):
                i = pairs[b, 0]
                j = pairs[b, 1]
                dx = (origin[j, 0] - origin[i, 0]) + (
                    np.float64(later[r, f, j, 0]) - np.float64(later[r, f, i, 0])
                )
                dy = (origin[j, 1] - origin[i, 1]) + (
                    np.float64(later[r, f, j, 1]) - np.float64(later[r, f, i, 1])
                )
                dx, dy = nearest(dx, box, inverse_box), nearest(dy, box, inverse_box)
                if dx * dx + dy * dy < limit2[b]:
                    kept[i] += 1
                    kept[j] += 1
            for i in range(n):
                out[r, f, i] = kept[i] * inverse_counts[i]


def _bonds(
    c: Configuration, r_in: float, r_out: float, mixture: Mixture
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs, squared breaking distances and inverse numbers of neighbours."""
    check_radii(r_in, r_out)
    c.check_mixture(mixture.n_species, r_out * float(mixture.sigma_matrix.max()))
    pairs, counts = initial_bonds(c, r_in, mixture)
    spec = c.species - 1
    limit = r_out * mixture.sigma_matrix[spec[pairs[:, 0]], spec[pairs[:, 1]]]
    return pairs, limit**2, 1.0 / counts


@takes_mixture(refuse=False)
def bond_breaking(
    initial: ArrayLike,
    later: ArrayLike,
    box_length: float,
    species: ArrayLike,
    r_in: float = 1.4,
    r_out: float = 1.8,
    mixture: Mixture = KA2D,
) -> NDArray[np.float64]:
    r"""Fraction of its initial neighbours that each particle keeps, :math:`n_i(t)/n^0_i`, in each replica.

    Parameters
    ----------
    initial
        ``[N, 2]`` positions at the start.
    later
        ``[R, N, 2]`` positions of R replicas at one later time, wrapped or not.
    box_length
        Side of the square periodic box.
    species
        ``[N]`` species, 1 for the first.
    r_in, r_out
        Distances in pair diameters below which a pair is bonded at the start, and still bonded later.
    mixture
        Source of the pair diameters. By default KA2D, with a :class:`tglassmlp.MixtureWarning` if the
        species can hardly be its.

    Returns
    -------
    numpy.ndarray
        ``[R, N]`` in [0, 1]; its mean over replicas is the propensity.

    Raises
    ------
    ValueError
        If a shape does not fit, a coordinate is not finite, the distances are not 0 < r_in < r_out, or a
        particle has no neighbour at the start.

    Examples
    --------
    Three particles in a row; the right one leaves, the middle one loses one of two neighbours:

    >>> import numpy as np, tglassmlp as tg
    >>> start = np.array([[0.0, 0.0], [1.2, 0.0], [2.4, 0.0]])
    >>> end = start + [[0, 0], [0, 0], [2, 0]]
    >>> tg.bond_breaking(start, end[None], 20.0, [1, 1, 1]).tolist()
    [[1.0, 0.5, 0.0]]
    """
    c = Configuration(initial, species, box_length)
    moved = np.ascontiguousarray(real_numbers("later", later), dtype=np.float64)
    if moved.ndim != 3 or moved.shape[1:] != (c.n_particles, 2):
        raise ValueError(f"later must have shape [R, {c.n_particles}, 2], found {moved.shape}")
    if not len(moved):
        raise ValueError("later must hold at least one replica, found none")
    if not np.all(np.isfinite(moved)):
        raise ValueError("later holds positions that are not finite")
    check_resolved(moved, c.box_length, "in later, particle")
    moved, _ = bring_near(moved, c.box_length)
    out = np.empty((moved.shape[0], 1, c.n_particles))
    bonds = _bonds(c, r_in, r_out, mixture)
    _surviving_share(*bonds, np.zeros((c.n_particles, 2)), moved[:, None], c.box_length, out)
    return out[:, 0]


@takes_mixture(assume=False)
def isoconfigurational_propensity(
    initial: Configuration,
    displacements: NDArray[np.floating],
    r_in: float = 1.4,
    r_out: float = 1.8,
    mixture: Mixture = KA2D,
) -> Propensity:
    """Propensity of one structure at all frames of its isoconfigurational ensemble.

    Parameters
    ----------
    initial
        The structure.
    displacements
        ``[R, F, N, 2]`` unwrapped displacements from it.
    r_in, r_out, mixture
        As in :func:`bond_breaking`.

    Raises
    ------
    ValueError
        As :func:`bond_breaking`.
    """
    d = np.ascontiguousarray(displacements)
    if d.ndim != 4 or d.shape[0] < 1 or d.shape[2:] != (initial.n_particles, 2):
        raise ValueError(f"displacements must have shape [R, F, {initial.n_particles}, 2], found {d.shape}")
    if not np.all(np.isfinite(d)):
        raise ValueError("displacements hold values that are not finite")
    bonds = _bonds(initial, r_in, r_out, mixture)
    total = np.zeros((2, d.shape[1], d.shape[2]))
    origin, _ = bring_near(initial.positions, initial.box_length)
    share = np.empty((1, d.shape[1], d.shape[2]))
    for r in range(d.shape[0]):  # one replica at a time bounds the memory of large systems
        _surviving_share(*bonds, origin, d[r : r + 1], initial.box_length, share)
        total[r % 2] += share[0]
    even, odd = (d.shape[0] + 1) // 2, d.shape[0] // 2
    mean = (total[0] + total[1]) / d.shape[0]
    half = np.stack([total[0] / even, total[1] / odd]) if odd else np.stack([mean, mean])
    return Propensity(mean, half)


def label(
    initial: Configuration, displacements: NDArray[np.floating], settings: Mapping[str, Any], mixture: Mixture
) -> Propensity:
    """Bond-breaking propensity as a label; settings ``r_in`` and ``r_out``."""
    return isoconfigurational_propensity(
        initial, displacements, settings["r_in"], settings["r_out"], mixture=mixture
    )


@takes_mixture(assume=False)
def surviving_bonds(
    initial: Configuration,
    displacements: NDArray[np.floating],
    r_in: float = 1.4,
    r_out: float = 1.8,
    mixture: Mixture = KA2D,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    r"""Whole numbers behind the propensity: initial neighbours, and those left in each half of the replicas.

    With :math:`m_i` the number of neighbours left, summed over R' replicas, the propensity of that half is
    :math:`m_i / (R' n^0_i)`, exactly.

    Parameters
    ----------
    initial, displacements, r_in, r_out, mixture
        As for :func:`isoconfigurational_propensity`.

    Returns
    -------
    neighbours, left
        ``[N]`` number of initial neighbours :math:`n^0_i`, and ``[2, F, N]`` sums of :math:`n_i(t)` over the
        even and over the odd replicas.

    Raises
    ------
    ValueError
        As :func:`bond_breaking`.
    """
    d = np.ascontiguousarray(displacements)
    if d.ndim != 4 or d.shape[0] < 1 or d.shape[2:] != (initial.n_particles, 2):
        raise ValueError(f"displacements must have shape [R, F, {initial.n_particles}, 2], found {d.shape}")
    if not np.all(np.isfinite(d)):
        raise ValueError("displacements hold values that are not finite")
    pairs, limit2, inverse = _bonds(initial, r_in, r_out, mixture)
    neighbours = np.rint(1.0 / inverse).astype(np.int64)
    left = np.zeros((2, d.shape[1], d.shape[2]), dtype=np.int64)
    share = np.empty((1, d.shape[1], d.shape[2]))
    for r in range(d.shape[0]):
        _surviving_share(pairs, limit2, inverse, initial.positions, d[r : r + 1], initial.box_length, share)
        left[r % 2] += np.rint(share[0] * neighbours).astype(np.int64)
    return neighbours, left
