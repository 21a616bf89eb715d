"""Energies and forces of one system in double precision, compiled, and the same for a configuration.

Compiled functions take a :class:`ListedSystem` with 0-based types; the functions for users take a
:class:`~tglassmlp.configuration.Configuration`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp import box
from tglassmlp.compilation import njit
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import check_carried_mixture, takes_mixture
from tglassmlp.limits import MAX_SPECIES
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation.inlined import FAST_MATH, choose, energy_of_square, nearest, slope_of_square
from tglassmlp.simulation.neighbour_lists import GHOST, LANES, neighbour_rows, row_width

__all__ = [
    "ListedSystem",
    "PairTables",
    "check_overlaps",
    "energies_and_forces",
    "energy_and_forces",
    "forces",
    "pair_tables",
    "potential_energies",
    "prepared",
    "total_energy",
]

#: Two particles closer than this many pair diameters count as overlapping (V > 16000 epsilon).
OVERLAP: Final = 0.5


class PairTables(NamedTuple):
    """Constants of a mixture in the shape the kernels read.

    ``inverse_sigma2`` and ``epsilon4`` are ``[4, 4]``: 1/sigma^2 and 4 epsilon, zero for species the mixture
    does not have; ``constants`` is ``[4]``: squared cut-off x_c^2, C0, C2, C4.
    """

    inverse_sigma2: NDArray[np.float64]
    epsilon4: NDArray[np.float64]
    constants: NDArray[np.float64]


def pair_tables(mixture: Mixture) -> PairTables:
    """Tables of a mixture for the compiled kernels.

    Raises
    ------
    ValueError
        If the mixture has more than :data:`MAX_SPECIES` species.
    """
    s = mixture.n_species
    if s > MAX_SPECIES:
        raise ValueError(
            f"mixture {mixture.name!r} has {s} species, the native engine takes at most {MAX_SPECIES}"
        )
    inverse = np.zeros((MAX_SPECIES, MAX_SPECIES))
    inverse[:s, :s] = mixture.sigma_matrix**-2.0
    epsilon4 = np.zeros((MAX_SPECIES, MAX_SPECIES))
    epsilon4[:s, :s] = 4.0 * mixture.epsilon_matrix
    return PairTables(inverse, epsilon4, np.array([mixture.cutoff**2, *mixture.smoothing]))


class ListedSystem(NamedTuple):
    """A system in the shape the kernels read: coordinates, 0-based types, neighbour list, box, tables.

    ``x``, ``y``, ``types`` and ``counts`` are ``[N]``, ``rows`` ``[N, W]``, see
    :func:`tglassmlp.simulation.neighbour_lists.neighbour_rows`.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    types: NDArray[np.int64]
    rows: NDArray[np.uint32]
    counts: NDArray[np.int64]
    length: float
    tables: PairTables


@njit(error_model="numpy", forceinline=True, fastmath=FAST_MATH)
def energy_and_forces(system: ListedSystem, energies: NDArray, fx: NDArray, fy: NDArray) -> float:
    """Fill E_i = 1/2 sum_j V_ij and the forces ``fx, fy``, all ``[N]``; returns the potential energy."""
    x, y, types, rows, counts, length, tables = system
    inverse_sigma2, epsilon4, constants = tables
    inverse = 1.0 / length
    sc, c0, c2, c4 = constants[0], constants[1], constants[2], constants[3]
    total = 0.0
    for i in range(fx.shape[0]):
        ti = types[i]
        a0, a1, a2, a3 = (
            inverse_sigma2[ti, 0],
            inverse_sigma2[ti, 1],
            inverse_sigma2[ti, 2],
            inverse_sigma2[ti, 3],
        )
        e0, e1, e2, e3 = epsilon4[ti, 0], epsilon4[ti, 1], epsilon4[ti, 2], epsilon4[ti, 3]
        row = rows[i]
        xi, yi = x[i], y[i]
        sum_x = 0.0
        sum_y = 0.0
        sum_v = 0.0
        for k in range((counts[i] + LANES - 1) // LANES * LANES):
            entry = row[k]
            kind = entry & np.uint32(7)
            j = entry >> np.uint32(3)
            a = choose(kind, a0, a1, a2, a3, 1.0)
            # a ghost carries the particle's own index: its distance of zero is moved out of range
            s = 1e30 if kind == GHOST else 0.0
            e = choose(kind, e0, e1, e2, e3, 0.0)
            dx = nearest(x[j] - xi, length, inverse)
            dy = nearest(y[j] - yi, length, inverse)
            s += (dx * dx + dy * dy) * a
            inv = 1.0 / s
            cube = inv * inv * inv
            v = energy_of_square(cube, s, c0, c2, c4)
            w = slope_of_square(inv, cube, s, c2, c4)
            inside = s < sc
            sum_v += e * v if inside else 0.0
            w = 2.0 * e * a * w if inside else 0.0
            sum_x += w * dx
            sum_y += w * dy
        # F_i = -dV/dx_i; the separation is x_j - x_i, hence the plus sign
        fx[i] = sum_x
        fy[i] = sum_y
        energies[i] = 0.5 * sum_v
        total += energies[i]
    return total


@njit(error_model="numpy")
def _closest_pair(system: ListedSystem) -> tuple[Any, Any, Any]:
    """Smallest (r/sigma)^2 of any listed pair, and the pair."""
    x, y, types, rows, counts, length, tables = system
    a = tables.inverse_sigma2
    best: Any = np.inf
    first: Any = -1
    second: Any = -1
    inverse = 1.0 / length
    for i in range(rows.shape[0]):
        for k in range(counts[i]):
            j = np.int64(rows[i, k] >> np.uint32(3))
            dx = nearest(x[j] - x[i], length, inverse)
            dy = nearest(y[j] - y[i], length, inverse)
            s = (dx * dx + dy * dy) * a[types[i], types[j]]
            if s < best:
                best, first, second = s, i, j
    return best, first, second


def prepared(c: Configuration, mixture: Mixture, skin: float = 0.0) -> ListedSystem:
    """Coordinates near the first box, 0-based types, neighbour list and tables of a configuration.

    Raises
    ------
    ValueError
        If species or box do not fit the mixture, or the configuration carries another one.
    """
    check_carried_mixture([c], mixture, "energies")
    c.check_mixture(mixture.n_species, mixture.largest_cutoff)
    tables = pair_tables(mixture)
    x, y = box.bring_near(c.positions, c.box_length)[0].T.copy()
    types = c.species.astype(np.int64) - 1
    radius = mixture.largest_cutoff + skin
    rows, counts = neighbour_rows(x, y, types, c.box_length, radius, row_width(c, radius))
    return ListedSystem(x, y, types, rows, counts, float(c.box_length), tables)


@takes_mixture(assume=False)
def check_overlaps(c: Configuration, mixture: Mixture = KA2D, allowed: float = OVERLAP) -> None:
    """Refuse a configuration in which two particles overlap.

    Parameters
    ----------
    c
        The configuration.
    mixture
        Its mixture.
    allowed
        Smallest distance allowed, in units of the pair's sigma.

    Raises
    ------
    ValueError
        Naming the closest pair, its distance and the smallest one allowed.
    """
    s, i, j = _closest_pair(prepared(c, mixture))
    if s < allowed * allowed:
        raise ValueError(
            f"particles {i} and {j} overlap: their distance is {np.sqrt(s):.3g} sigma, at least {allowed:g} "
            "is allowed; relax the configuration first (tglassmlp.inherent_structure)"
        )


@takes_mixture()
def potential_energies(c: Configuration, mixture: Mixture = KA2D) -> NDArray[np.float64]:
    r"""Potential energy of every particle, :math:`E_i = \frac{1}{2} \sum_j V_{ij}`.

    Parameters
    ----------
    c
        N particles.
    mixture
        Species and pair potential. By default KA2D, if the species of the configuration allow it.

    Returns
    -------
    ndarray
        ``[N]`` float64, reduced energy units.

    Raises
    ------
    ValueError
        If species or box do not fit the mixture, or two particles sit on top of each other.

    Examples
    --------
    >>> import numpy as np
    >>> from tglassmlp.configuration import Configuration
    >>> pair = Configuration([[0.0, 0.0], [2.0 ** (1 / 6), 0.0]], [1, 1], 10.0)
    >>> np.round(potential_energies(pair), 3)
    array([-0.441, -0.441])
    """
    return _evaluate(c, mixture)[0]


@takes_mixture(assume=False)
def total_energy(c: Configuration, mixture: Mixture = KA2D) -> float:
    """Potential energy of the whole configuration; see :func:`potential_energies`."""
    return float(potential_energies(c, mixture).sum())


@takes_mixture(assume=False)
def forces(c: Configuration, mixture: Mixture = KA2D) -> NDArray[np.float64]:
    r"""Force on every particle, :math:`F_i = -\partial V / \partial r_i`.

    Returns
    -------
    ndarray
        ``[N, 2]`` float64, reduced units.

    Raises
    ------
    ValueError
        As :func:`potential_energies`.
    """
    return np.ascontiguousarray(_evaluate(c, mixture)[1:].T)


def energies_and_forces(
    c: Configuration, mixture: Mixture
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return :func:`potential_energies` ``[N]`` and :func:`forces` ``[N, 2]`` of one evaluation."""
    found = _evaluate(c, mixture)
    return found[0], np.ascontiguousarray(found[1:].T)


def _evaluate(c: Configuration, mixture: Mixture) -> NDArray[np.float64]:
    """Energies and both force components, ``[3, N]``."""
    found = np.empty((3, c.n_particles))
    energy_and_forces(prepared(c, mixture), *found)
    if not np.all(np.isfinite(found)):
        bad = int(np.flatnonzero(~np.isfinite(found).all(axis=0))[0])
        raise ValueError(f"the energy of particle {bad} is not finite: another particle sits on top of it")
    return found
