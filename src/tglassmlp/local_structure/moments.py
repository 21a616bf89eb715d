"""The compiled sums behind coarse-grained averages: weighted moments over the neighbours of particles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import njit
from tglassmlp.limits import ROWS_PER_LENGTH
from tglassmlp.simulation.inlined import cell, fold, nearest
from tglassmlp.simulation.neighbour_lists import cell_order

__all__ = ["Particles", "Weights", "sum_moments", "weight_table"]

# Between rows of the table of weights (ROWS_PER_LENGTH for the smallest length) a Taylor polynomial of degree
# 5 in (r - r_row) / L is used: |x| <= 1/64 leaves an error below x^6 / 720 = 2e-14.


class Particles(NamedTuple):
    """Wrapped positions ``[N, 2]``, species ``[N]`` and local energies and perimeters ``[N]``."""

    positions: NDArray[np.float64]
    species: NDArray[np.int32]
    energies: NDArray[np.float64]
    perimeters: NDArray[np.float64]


class Weights(NamedTuple):
    """Weights exp(-r/L) at rising r, ``[rows, lanes]``, 1/L ``[lanes]``, and the distance of two rows.

    Lanes beyond the lengths are 0 in 1/L: whole vector registers need no remainder loop.
    """

    table: NDArray[np.float64]
    inverse_length: NDArray[np.float64]
    step: float


def weight_table(lengths: NDArray[np.float64], reach: float) -> Weights:
    """Weights of some rising, positive lengths up to the distance ``reach``."""
    lanes = -(-lengths.size // 16) * 16  # whole vector registers, four at a time: no remainder loop
    inverse = np.zeros(lanes)
    inverse[: lengths.size] = 1.0 / lengths
    step = float(lengths[0]) / ROWS_PER_LENGTH
    return Weights(np.exp(-step * np.arange(int(reach / step) + 2)[:, None] * inverse), inverse, step)


@njit(nogil=True, error_model="numpy", forceinline=True, fastmath={"contract"})
def _add_neighbours(row, shift, energy, perimeter, number, table, inverse_length, sums):
    """Add neighbours (table row, r_row - r, E_j - E_i, p_j) to the four moments ``sums`` ``[4, K]``."""
    lanes = table.shape[1]
    for m in range(number):
        weights = table[row[m]]
        s, e, p = shift[m], energy[m], perimeter[m]
        e2 = e * e
        for k in range(lanes):
            x = s * inverse_length[k]
            w = weights[k] * (
                1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0)))))
            )
            sums[0, k] += w
            sums[1, k] += w * e
            sums[2, k] += w * p
            sums[3, k] += w * e2


@njit(nogil=True, error_model="numpy")
def sum_moments(particles, weights, box, cutoff, central, n_species):
    """Sum w, w (E_j - E_i), w p_j, w (E_j - E_i)^2 over each species: ``[central, species, 4, K]``.

    Parameters
    ----------
    particles, weights
        :class:`Particles`, :class:`Weights`.
    box, cutoff
        Side of the box, largest distance of a neighbour.
    central
        ``[central]`` indices of the particles wanted.
    n_species
        Number of species.
    """
    positions, species, energies, perimeters = particles
    table, inverse_length, step = weights
    n = positions.shape[0]
    cutoff2 = cutoff * cutoff
    inverse_box, inverse_step = 1.0 / box, 1.0 / step
    # Cells of about a quarter of the cut-off; a box too small for them is one list of all particles.
    order, start, side = cell_order(positions[:, 0], positions[:, 1], box, 0.25 * cutoff)
    reach = int(np.ceil(cutoff / (box / side)))
    if side < 2 * reach + 1:
        order, start, side = cell_order(positions[:, 0], positions[:, 1], box, box)
        reach = 0
    x, y = positions[order, 0].copy(), positions[order, 1].copy()
    kind = (species[order] - 1).astype(np.int64)
    e, p = energies[order], perimeters[order]
    edge = box / side
    row = np.empty((n_species, n), dtype=np.int64)
    shift = np.empty((n_species, n))
    own_e = np.empty((n_species, n))
    own_p = np.empty((n_species, n))
    number = np.zeros(n_species, dtype=np.int64)
    sums = np.zeros((central.size, n_species, 4, table.shape[1]))
    for place in range(central.size):
        i = central[place]
        xi, yi, ei = positions[i, 0], positions[i, 1], energies[i]
        ci, cj = cell(fold(xi, box, 0.0), box, side), cell(fold(yi, box, 0.0), box, side)
        number[:] = 0
        for da in range(-reach, reach + 1):
            for db in range(-reach, reach + 1):
                gap_a, gap_b = max(0, abs(da) - 1) * edge, max(0, abs(db) - 1) * edge
                if gap_a * gap_a + gap_b * gap_b >= cutoff2:
                    continue
                there = ((ci + da) % side) * side + (cj + db) % side
                for q in range(start[there], start[there + 1]):
                    dx, dy = nearest(x[q] - xi, box, inverse_box), nearest(y[q] - yi, box, inverse_box)
                    r2 = dx * dx + dy * dy
                    if r2 < cutoff2:
                        r = np.sqrt(r2)
                        b = kind[q]
                        m = number[b]
                        number[b] = m + 1
                        at = int(r * inverse_step + 0.5)
                        row[b, m] = at
                        shift[b, m] = at * step - r
                        own_e[b, m] = e[q] - ei
                        own_p[b, m] = p[q]
        for b in range(n_species):
            _add_neighbours(
                row[b], shift[b], own_e[b], own_p[b], number[b], table, inverse_length, sums[place, b]
            )
    return sums
