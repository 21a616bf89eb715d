"""Mean descriptors of whole structures, species by species: what a slow change of structure would move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.local_structure.describe import descriptors
from tglassmlp.mixture import Mixture

__all__ = ["mean_descriptors"]


def mean_descriptors(
    inherent: Sequence[Configuration], settings: Mapping[str, Any], mixture: Mixture
) -> tuple[NDArray[np.float64], list[str]]:
    """Mean of every raw descriptor over the particles of each species.

    Parameters
    ----------
    inherent
        Inherent structures.
    settings
        ``lengths``, ``cutoff`` and ``quantities``, as
        :func:`tglassmlp.local_structure.describe.descriptors` takes them.
    mixture
        Of the structures; species without particles are left out.

    Returns
    -------
    values, names
        ``[structure, species x descriptor]`` and the names of the columns, ``"type 1 energy/type2/L1.5"``.
    """
    species = [a + 1 for a in range(mixture.n_species) if mixture.composition[a]]
    means = [
        [descriptors(c, **settings, mixture=mixture, central_species=a)[0].mean(axis=0) for a in species]
        for c in inherent
    ]
    columns = descriptors(inherent[0], **settings, mixture=mixture, central_species=species[0])[1]
    names = [f"type {a} {name}" for a in species for name in columns]
    return np.array(means).reshape(len(inherent), -1), names
