"""Descriptors of one structure, and how they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.mixture import Mixture

__all__ = ["CoarseGraining", "Descriptors"]


@dataclass(frozen=True)
class CoarseGraining:
    """How descriptors were made: everything but the positions that determines their values.

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
        Largest force on any particle, which nearly vanishes in an inherent structure.
    central_species
        Species whose rows were kept; None: all particles.
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

    It unpacks into two like a plain tuple. The settings stay with the object, so that networks can refuse
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
