"""Where every structure starts from: a lattice that only has to be melted."""

from __future__ import annotations

import numpy as np

from tglassmlp.configuration import Configuration
from tglassmlp.mixture import Mixture

__all__ = ["lattice_start"]


def lattice_start(mixture: Mixture, seed: np.random.SeedSequence) -> Configuration:
    """Square lattice with randomly placed species and vacancies: a start that only has to be melted."""
    generator = np.random.default_rng(seed)
    species = generator.permutation(mixture.species())
    side = int(np.ceil(np.sqrt(species.size)))
    sites = np.sort(generator.choice(side * side, species.size, replace=False))
    positions = np.column_stack(np.divmod(sites, side)) * (mixture.box_length / side)
    return Configuration(positions, species, mixture.box_length)
