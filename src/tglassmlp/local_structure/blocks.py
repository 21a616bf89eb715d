"""Blocks of columns that descriptors consist of.

To add descriptors: two functions, one that names columns and one that computes them, and :func:`register`.
Names have the form ``quantity/average/Llength``; they travel with the data, and networks refuse descriptors
with other names than those that they were trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.limits import check_name
from tglassmlp.local_structure.coarse_grain import coarse_grain
from tglassmlp.local_structure.names import QUANTITIES, descriptor_lengths, descriptor_names
from tglassmlp.mixture import Mixture

__all__ = ["BLOCKS", "Block", "Structure", "checked", "coarse_grained", "register"]


class Structure(NamedTuple):
    """What a block is computed from.

    Parameters
    ----------
    configuration
        The inherent structure (repeated, where sums run over its periodic images).
    energies, perimeters
        ``[N]`` potential energy and perimeter of the radical cell of every particle.
    mixture
        Pair potential and cell radii.
    cutoff
        Largest distance of a neighbour.
    rows
        Indices of the particles wanted; None for all.
    others
        ``[N]`` quantities beside the paper's, by name.
    """

    configuration: Configuration
    energies: NDArray[np.float64]
    perimeters: NDArray[np.float64]
    mixture: Mixture
    cutoff: float
    rows: NDArray[np.intp] | None
    others: Mapping[str, NDArray[np.float64]] = MappingProxyType({})


class Block(NamedTuple):
    """Columns that belong together.

    Parameters
    ----------
    names
        Rising lengths and number of species -> names of the columns.
    values
        Structure and lengths -> columns ``[rows, columns]``.
    """

    names: Callable[[Sequence[float], int], list[str]]
    values: Callable[[Structure, Sequence[float]], NDArray[np.float64]]


def coarse_grained(quantities: Sequence[str]) -> Block:
    """Return the block of the averages of these quantities, the paper's or others, in their order."""
    chosen = tuple(quantities)

    def names(lengths: Sequence[float], n_species: int) -> list[str]:
        return descriptor_names(lengths, n_species, chosen)

    def values(structure: Structure, lengths: Sequence[float]) -> NDArray[np.float64]:
        if chosen == QUANTITIES:
            return _sums(structure, structure.energies, structure.perimeters, lengths)
        found: dict[str, NDArray[np.float64]] = {}
        if set(chosen) & set(QUANTITIES):
            paper = _sums(structure, structure.energies, structure.perimeters, lengths)
            found = dict(zip(QUANTITIES, np.split(paper, len(QUANTITIES), axis=1), strict=True))
        others = [name for name in chosen if name not in QUANTITIES]
        for pair in (others[k : k + 2] for k in range(0, len(others), 2)):
            # the sums take two quantities at a time, in the places of energy and perimeter
            sums = _sums(structure, structure.others[pair[0]], structure.others[pair[-1]], lengths)
            found |= dict(zip(pair, np.split(sums, len(QUANTITIES), axis=1)[1:3], strict=False))
        return np.concatenate([found[name] for name in chosen], axis=1)

    return Block(names, values)


def _sums(
    structure: Structure,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    lengths: Sequence[float],
) -> NDArray[np.float64]:
    """Density, means of two quantities, and variance of the first."""
    return coarse_grain(
        structure.configuration,
        first,
        second,
        lengths,
        n_species=structure.mixture.n_species,
        cutoff=structure.cutoff,
        central=structure.rows,
    )


#: Blocks by name, in the order of their columns.
BLOCKS: Final[dict[str, Block]] = {"coarse_grained": coarse_grained(QUANTITIES)}


def register(name: str, block: Block) -> None:
    """Add a block behind the others.

    Raises
    ------
    TypeError
        If it is no :class:`Block` of two functions.
    ValueError
        If there is another block of this name, or a name of a column has not the form of a descriptor's or
        is that of another column.
    """
    if not (isinstance(block, Block) and callable(block.names) and callable(block.values)):
        raise TypeError(f"block {name!r} must be a Block of two functions, found {block!r}")
    check_name("block of descriptors", name)
    if BLOCKS.get(name, block) != block:
        raise ValueError(f"there is another block of descriptors called {name!r}")
    own = block.names((0.0, 1.0), 1)
    descriptor_lengths(own)
    taken = {n for other, b in BLOCKS.items() if other != name for n in b.names((0.0, 1.0), 1)}
    double = [n for n in own if n in taken or own.count(n) > 1]
    if double:
        raise ValueError(f"block {name!r}: {double[0]!r} is the name of another column")
    BLOCKS[name] = block


def checked(name: str, values: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the columns of a block if they are finite numbers of the right shape.

    Raises
    ------
    ValueError
        Naming the block, what was found and what is wanted.
    """
    found = np.asarray(values)
    if found.shape != shape or found.dtype.kind not in "iuf":
        raise ValueError(
            f"block {name!r} must give real numbers of shape {shape} (particles wanted, columns named), "
            f"found {found.dtype} of shape {found.shape}"
        )
    if not np.isfinite(found).all():
        row, column = np.argwhere(~np.isfinite(found))[0].tolist()
        raise ValueError(f"block {name!r}: column {column} of row {row} is not finite ({found[row, column]})")
    return values
