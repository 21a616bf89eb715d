r"""Structural descriptors: local quantities averaged over exponentially weighted neighbourhoods.

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
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.compilation import njit
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.descriptors.local import radical_perimeters
from tglassmlp.limits import DESCRIPTOR_CUTOFF, ROWS_PER_LENGTH, check_cutoff, check_lengths
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation.energies import energies_and_forces
from tglassmlp.simulation.inlined import cell, fold, nearest
from tglassmlp.simulation.neighbour_lists import cell_order

__all__ = [
    "QUANTITIES",
    "CoarseGraining",
    "Descriptors",
    "coarse_grain",
    "descriptor_lengths",
    "descriptor_names",
    "descriptors",
    "periodic_descriptors",
]

#: The four quantities, in the order of the columns.
QUANTITIES = ("density", "energy", "perimeter", "variance")

# Between rows of the table of weights (ROWS_PER_LENGTH for the smallest length) a Taylor polynomial of degree
# 5 in (r - r_row) / L is used: |x| <= 1/64 leaves an error below x^6 / 720 = 2e-14.


def descriptor_names(lengths: Sequence[float], n_species: int = 3) -> list[str]:
    """Names of all columns: quantity, then average, then length, e.g. ``"energy/type2/L1.5"``."""
    averages = [f"type{s}" for s in range(1, n_species + 1)] + ["all"]
    return [f"{q}/{a}/L{length:g}" for q in QUANTITIES for a in averages for length in lengths]


def descriptor_lengths(names: Sequence[str]) -> NDArray[np.float64]:
    """Length L of every named column, ``[M]``.

    Raises
    ------
    ValueError
        If a name is not of the form ``quantity/average/Llength``.
    """
    found = []
    for name in names:
        parts = str(name).split("/")
        if len(parts) != 3 or not parts[2].startswith("L"):
            raise ValueError(f"{name!r} is not the name of a descriptor such as 'energy/type2/L1.5'")
        found.append(float(parts[2][1:]))
    return np.array(found)


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
def _moments(
    positions, species, box, cutoff, energies, perimeters, central, n_species, table, inverse_length, step
):
    """Sum w, w (E_j - E_i), w p_j, w (E_j - E_i)^2 over each species: ``[central, species, 4, K]``."""
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
        only :func:`descriptors` refuses that.
    central
        Indices of the particles wanted; all by default.

    Returns
    -------
    numpy.ndarray
        ``[central, 4 (S + 1) K]`` in the order of :func:`descriptor_names`. Averages over no particle are 0.

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
        lanes = -(-positive.size // 16) * 16  # whole vector registers, four at a time: no remainder loop
        inverse = np.zeros(lanes)
        inverse[: positive.size] = 1.0 / positive
        step = float(positive[0]) / ROWS_PER_LENGTH
        reach = min(cutoff, float(np.sqrt(0.5)) * c.box_length)
        table = np.exp(-step * np.arange(int(reach / step) + 2)[:, None] * inverse)
        moments[:, :n_species, :, scales.size - positive.size :] = _moments(
            c.wrapped(), c.species, c.box_length, float(cutoff), e, p, index, n_species, table, inverse, step
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


@dataclass(frozen=True)
class CoarseGraining:
    """How descriptors were made: whatever decides their values beside the positions.

    Parameters
    ----------
    lengths
        Coarse-graining lengths.
    cutoff
        Range of the sums.
    mixture
        Pair potential and cell radii.
    box_length
        Side of the box of the configuration.
    counts
        Particles of each species in the whole configuration.
    largest_force
        Largest force on any particle; an inherent structure has next to none.
    central_species
        Species whose rows were kept, None for all particles.
    """

    lengths: tuple[float, ...]
    cutoff: float
    mixture: Mixture
    box_length: float
    counts: tuple[int, ...]
    largest_force: float
    central_species: int | None = None

    def __repr__(self) -> str:
        listed = ", ".join(f"{x:g}" for x in self.lengths)
        return (
            f"<CoarseGraining of {self.mixture.name}, lengths {listed}, cut-off {self.cutoff:g}, "
            f"N = {sum(self.counts)} in a box of {self.box_length:.4f}>"
        )


class Descriptors(tuple[NDArray[np.float64], list[str]]):
    """Descriptors of one structure: ``values, names = descriptors``, and how they were made.

    It unpacks into two, as a plain tuple does. The settings stay with the object, so that networks can refuse
    descriptors of another cut-off, other lengths or another mixture: names alone do not tell them apart.

    Parameters
    ----------
    values
        ``[N, M]``.
    names
        ``[M]``.
    settings
        How they were made.
    species
        ``[N]`` species of the particle of each row.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """

    settings: CoarseGraining
    species: NDArray[np.int32]

    def __new__(
        cls, values: ArrayLike, names: Sequence[str], settings: CoarseGraining, species: ArrayLike
    ) -> Descriptors:
        """Check the shapes and keep the settings beside the pair."""
        array, of = np.asarray(values, dtype=np.float64), np.asarray(species, dtype=np.int32)
        if array.ndim != 2 or array.shape != (of.size, len(names)) or of.ndim != 1:
            raise ValueError(
                f"descriptors of {of.size} particles with {len(names)} names must have shape "
                f"[{of.size}, {len(names)}], found {array.shape}"
            )
        made = super().__new__(cls, (array, [str(n) for n in names]))
        made.settings, made.species = settings, of
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Arguments that make a copy."""
        return self.values, self.names, self.settings, self.species

    @property
    def values(self) -> NDArray[np.float64]:
        """Raw descriptors ``[N, M]``."""
        return self[0]

    @property
    def names(self) -> list[str]:
        """Names of the columns ``[M]``."""
        return self[1]

    def __repr__(self) -> str:
        s = self.settings
        listed = ", ".join(f"{x:g}" for x in s.lengths)
        return (
            f"<Descriptors of {len(self.values)} particles of {s.mixture.name}: {len(self.names)} columns, "
            f"lengths {listed}, cut-off {s.cutoff:g}>"
        )


@takes_mixture()
def descriptors(
    inherent: Configuration,
    lengths: Sequence[float],
    *,
    mixture: Mixture = KA2D,
    cutoff: float | None = None,
    central_species: int | None = None,
) -> Descriptors:
    """Structural descriptors of an inherent structure, raw (not standardised).

    Parameters
    ----------
    inherent
        Configuration at its energy minimum; see :func:`tglassmlp.inherent_structure`.
    lengths
        K rising coarse-graining lengths; 0 means the particle alone.
    mixture
        Pair potential and cell radii. Without one it is KA2D, if the species of the configuration can be its.
    cutoff
        Largest distance of a neighbour, at most half the box. By default 16.4 as in a run's configuration, or
        half the box where that is less.
    central_species
        Species wanted, in ascending particle index; all particles by default.

    Returns
    -------
    Descriptors
        Unpacks into ``values [N, M], names [M]``: quantity (density, energy, perimeter, variance), average
        (type1, ..., all) and length, the last varying fastest. Columns that have no meaning for a particle
        (an average over another species at L = 0) hold 0;
        :func:`tglassmlp.descriptors.standardise.fit_scaling` drops them. Its ``settings`` say how they were
        made; networks take the whole object, not its two parts.

    Raises
    ------
    ValueError
        If the species do not fit the mixture, or a length or the cut-off is not usable.

    Examples
    --------
    >>> import numpy as np, tglassmlp as tg
    >>> x = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    >>> found = tg.descriptors(tg.Configuration(x, np.ones(64, int), 8.0), [0, 1])
    >>> values, names = found
    >>> names[0], names[-1], values.shape, found.settings.cutoff
    ('density/type1/L0', 'variance/all/L1', (64, 32), 4.0)
    """
    half = 0.5 * inherent.box_length
    reach = check_cutoff(min(DESCRIPTOR_CUTOFF, half) if cutoff is None else cutoff, inherent.box_length)
    return _described(inherent, lengths, mixture, reach, central_species, copies=1)


@takes_mixture(assume=False)
def periodic_descriptors(
    inherent: Configuration,
    lengths: Sequence[float],
    *,
    mixture: Mixture,
    cutoff: float,
    central_species: int | None = None,
) -> Descriptors:
    """As :func:`descriptors` for any cut-off: sums run over the periodic images too.

    The values are those of the same structure repeated until half its box holds the cut-off. A run's
    descriptors are not made like this; networks use it to predict structures smaller than those that they
    were trained on.

    Raises
    ------
    ValueError
        As :func:`descriptors`, but for a cut-off beyond half the box.
    """
    copies = max(1, int(np.ceil(2.0 * cutoff / inherent.box_length)))
    return _described(inherent, lengths, mixture, float(cutoff), central_species, copies)


def _described(
    inherent: Configuration, lengths: Sequence[float], mixture: Mixture, cutoff: float, central: int | None,
    copies: int,
) -> Descriptors:  # fmt: skip
    """Descriptors of the first of ``copies`` x ``copies`` repetitions of a structure."""
    inherent.check_mixture(mixture.n_species)
    scales = tuple(float(x) for x in check_lengths(lengths, cutoff))
    rows = np.arange(inherent.n_particles) if central is None else inherent.of_species(central)
    if rows.size == 0:
        raise ValueError(f"no particle is of the central species {central}")
    energies, forces = energies_and_forces(inherent, mixture)
    perimeters = radical_perimeters(inherent, mixture)
    values = coarse_grain(
        inherent if copies == 1 else inherent.tiled(copies),
        np.tile(energies, copies**2),
        np.tile(perimeters, copies**2),
        lengths,
        n_species=mixture.n_species,
        cutoff=cutoff,
        central=None if central is None and copies == 1 else rows,
    )
    settings = CoarseGraining(
        lengths=scales,
        cutoff=cutoff,
        mixture=mixture,
        box_length=inherent.box_length,
        counts=tuple(int(n) for n in np.bincount(inherent.species, minlength=mixture.n_species + 1)[1:]),
        largest_force=float(np.hypot(forces[:, 0], forces[:, 1]).max()),
        central_species=central,
    )
    return Descriptors(values, descriptor_names(scales, mixture.n_species), settings, inherent.species[rows])
