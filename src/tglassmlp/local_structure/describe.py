"""Structural descriptors of an inherent structure: every block of columns, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.limits import DESCRIPTOR_CUTOFF, check_cutoff, check_lengths, check_whole
from tglassmlp.local_structure import quantities as registry
from tglassmlp.local_structure.blocks import BLOCKS, Structure, checked, coarse_grained
from tglassmlp.local_structure.described import CoarseGraining, Descriptors
from tglassmlp.local_structure.local import radical_perimeters
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation.energies import energies_and_forces

__all__ = ["descriptors", "periodic_descriptors"]


@takes_mixture()
def descriptors(
    inherent: Configuration,
    lengths: Sequence[float],
    *,
    mixture: Mixture = KA2D,
    cutoff: float | None = None,
    central_species: int | None = None,
    quantities: Sequence[str] = registry.PAPER,
) -> Descriptors:
    """Structural descriptors of an inherent structure, raw (not standardised).

    Parameters
    ----------
    inherent
        Configuration at its energy minimum; see :func:`tglassmlp.inherent_structure`.
    lengths
        K rising coarse-graining lengths; 0 means the particle alone.
    mixture
        Pair potential and cell radii. By default KA2D, if the species of the configuration allow it.
    cutoff
        Largest distance of a neighbour, at most half the box. By default 16.4 as in a run's configuration, or
        half the box where that is less.
    central_species
        Species wanted, in ascending particle index; all particles by default.
    quantities
        Quantities that are averaged, by name: the paper's, those of freud (``hexatic_order``,
        ``voronoi_area``, ``voronoi_neighbours``, ``local_density``), and registered ones; see
        :mod:`tglassmlp.local_structure.quantities`.

    Returns
    -------
    Descriptors
        Unpacks into ``values [N, M], names [M]``: quantity (density, energy, perimeter, variance, ...),
        average (type1, ..., all) and length, the last varying fastest. Columns that have no meaning for a
        particle (an average over another species at L = 0) hold 0;
        :func:`tglassmlp.local_structure.standardise.fit_scaling` drops them. Its ``settings`` say how they
        were made; networks take the whole object, not its two parts.

    Raises
    ------
    ValueError
        If the species do not fit the mixture, a length or the cut-off is not usable, or a quantity is not
        known.

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
    return _described(inherent, lengths, mixture, reach, central_species, 1, quantities)


@takes_mixture(assume=False)
def periodic_descriptors(
    inherent: Configuration,
    lengths: Sequence[float],
    *,
    mixture: Mixture,
    cutoff: float,
    central_species: int | None = None,
    quantities: Sequence[str] = registry.PAPER,
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
    return _described(inherent, lengths, mixture, float(cutoff), central_species, copies, quantities)


def _described(
    inherent: Configuration, lengths: Sequence[float], mixture: Mixture, cutoff: float, central: int | None,
    copies: int, quantities: Sequence[str],
) -> Descriptors:  # fmt: skip
    """Descriptors of the first of ``copies`` x ``copies`` repetitions of a structure."""
    inherent.check_mixture(mixture.n_species)
    scales = tuple(float(x) for x in check_lengths(lengths, cutoff))
    if central is not None:
        check_whole("central_species", central)
    rows = np.arange(inherent.n_particles) if central is None else inherent.of_species(central)
    if rows.size == 0:
        raise ValueError(f"no particle is of the central species {central}")
    chosen = registry.checked_names(quantities)
    energies, forces = energies_and_forces(inherent, mixture)
    perimeters = radical_perimeters(inherent, mixture)
    structure = Structure(
        inherent if copies == 1 else inherent.tiled(copies),
        np.tile(energies, copies**2),
        np.tile(perimeters, copies**2),
        mixture,
        cutoff,
        None if central is None and copies == 1 else rows,
        {
            name: np.tile(registry.values_of(name, inherent, mixture), copies**2)
            for name in chosen
            if name not in registry.PAPER
        },
    )
    every = {**BLOCKS, "coarse_grained": coarse_grained(chosen)}
    listed = {name: list(block.names(scales, mixture.n_species)) for name, block in every.items()}
    names = [column for own in listed.values() for column in own]
    if len(set(names)) < len(names):
        double = next(n for n in names if names.count(n) > 1)
        raise ValueError(f"two columns of the blocks {', '.join(every)} have the name {double!r}")
    blocks = [
        checked(name, block.values(structure, scales), (rows.size, len(listed[name])))
        for name, block in every.items()
    ]
    values = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
    settings = CoarseGraining(
        lengths=scales,
        cutoff=cutoff,
        mixture=mixture,
        box_length=inherent.box_length,
        counts=tuple(int(n) for n in np.bincount(inherent.species, minlength=mixture.n_species + 1)[1:]),
        largest_force=float(np.hypot(forces[:, 0], forces[:, 1]).max()),
        central_species=central,
    )
    return Descriptors(values, names, settings, inherent.species[rows])
