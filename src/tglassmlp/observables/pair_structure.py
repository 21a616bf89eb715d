r"""Partial structure factors: density correlations of pairs of species in reciprocal space.

With :math:`\rho_a(\mathbf q) = \sum_{i \in a} e^{i \mathbf q \cdot \mathbf r_i}`,

.. math::

    S_{ab}(q) = \frac{\langle \rho_a(\mathbf q)\, \rho_b^*(\mathbf q) \rangle}{\sqrt{N_a N_b}},
    \qquad \mathbf q = \frac{2\pi}{L} (n_x, n_y)

(N. W. Ashcroft and D. C. Langreth, Phys. Rev. 156, 685 (1967)): 1 for a = b and 0 otherwise at large q.
Species that separate would make them rise towards the smallest q.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from tglassmlp.observables.structure_factor import Shells, structure_factor_fft

__all__ = ["partial_structure_factors", "wave_number_bins"]


def partial_structure_factors(
    positions: NDArray, species: NDArray, n_species: int, shells: Shells
) -> dict[tuple[int, int], NDArray[np.float64]]:
    r"""Partial structure factors of one configuration at every wave vector.

    What two species have in common follows from the power of both together,
    :math:`2 \mathrm{Re}\, \rho_a \rho_b^* = |\rho_a + \rho_b|^2 - |\rho_a|^2 - |\rho_b|^2`.

    Parameters
    ----------
    positions
        ``[N, 2]``.
    species
        ``[N]``, from 1.
    n_species
        Number of species.
    shells
        Box and largest wave number.

    Returns
    -------
    dict
        ``(a, b)`` with a <= b to ``[V]`` at ``shells.vectors()``; pairs of a species without particles are
        left out.
    """
    present = [a for a in range(1, n_species + 1) if np.any(species == a)]
    pairs = list(itertools.combinations_with_replacement(present, 2))
    fields = np.array([(species == a) | (species == b) for a, b in pairs], dtype=np.float64)
    power = dict(zip(pairs, structure_factor_fft(fields, positions, shells), strict=True))
    n, count = len(species), {a: int(np.sum(species == a)) for a in present}
    found = {}
    for a, b in pairs:
        cross = power[a, b] if a == b else 0.5 * (power[a, b] - power[a, a] - power[b, b])
        found[a, b] = cross * n / np.sqrt(count[a] * count[b])
    return found


def wave_number_bins(
    shells: Shells, single: float, width: float
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Bins of wave numbers: shells of equal length up to a wave number, and stretches of one width beyond.

    Parameters
    ----------
    shells
        Box and largest wave number.
    single
        Wave number up to which every shell is a bin.
    width
        Width of the bins beyond.

    Returns
    -------
    q
        ``[bins]``, mean wave number over the vectors of each bin.
    member
        ``[V]``, bin of each of ``shells.vectors()``.
    modes
        ``[bins]``, number of independent wave vectors (q and -q count once).

    Raises
    ------
    ValueError
        If the box holds no wave vector up to the largest wave number.
    """
    square = (shells.vectors() ** 2).sum(axis=1)
    if not square.size:
        raise ValueError(
            f"a box of side {shells.box_length:g} holds no wave vector up to q = {shells.q_max:g}, "
            f"its smallest is {2 * np.pi / shells.box_length:g}"
        )
    q = 2.0 * np.pi / shells.box_length * np.sqrt(square)
    # whole numbers below any bin of the stretches, in the order of q
    label = np.where(q < single, square - square.max() - 1, np.floor((q - single) / width).astype(int))
    _, member = np.unique(label, return_inverse=True)
    modes = np.bincount(member)
    return np.bincount(member, q) / modes, member, modes
