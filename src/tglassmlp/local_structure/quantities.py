r"""Per-particle quantities whose averages over neighbourhoods are descriptors, by name.

The paper has four: the density, the mean of the potential energy, the mean of the perimeter of the radical
cell, and the variance of the energy. Any other quantity q gives the descriptors
:math:`\sum_j w_{ij} q_j / \sum_j w_{ij}`, ``q/type2/L1.5``, of the same averages and lengths. Those of freud
are here; a function of your own is added by one registration::

    from tglassmlp.local_structure import quantities

    @quantities.register("distance_from_wall")
    def distance_from_wall(c, mixture):
        return abs(c.wrapped()[:, 0])  # [N]

A run loads it from the file that ``descriptors.own`` names, a notebook by executing it. Networks are asked
for the names of their own columns, so a network that learnt this quantity needs the same registration to
predict a configuration.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.limits import check_name
from tglassmlp.local_structure.names import QUANTITIES
from tglassmlp.mixture import Mixture

__all__ = [
    "PAPER",
    "REGISTERED",
    "Function",
    "checked_names",
    "known",
    "load",
    "register",
    "values_of",
]

#: The paper's quantities, in the order of its columns.
PAPER: Final = QUANTITIES

#: Configuration and mixture -> the quantity of every particle, ``[N]``.
Function = Callable[[Configuration, Mixture], NDArray[np.float64]]

#: Distance within which freud counts particles for the local density, in units of sigma_11.
LOCAL_RADIUS: Final = 2.0


def _hexatic_order(c: Configuration, mixture: Mixture) -> NDArray[np.float64]:
    r"""Absolute hexatic order :math:`|\psi_6|` of a particle and its Voronoi neighbours (freud)."""
    import freud

    system = c.to_freud()
    neighbours = freud.locality.Voronoi().compute(system).nlist
    order = freud.order.Hexatic(k=6).compute(system, neighbors=neighbours)
    return np.abs(order.particle_order)


def _voronoi_area(c: Configuration, mixture: Mixture) -> NDArray[np.float64]:
    """Area of the ordinary Voronoi cell (freud), which does not know the sizes of particles."""
    import freud

    return freud.locality.Voronoi().compute(c.to_freud()).volumes


def _voronoi_neighbours(c: Configuration, mixture: Mixture) -> NDArray[np.float64]:
    """Count the neighbours in the ordinary Voronoi tessellation (freud)."""
    import freud

    return freud.locality.Voronoi().compute(c.to_freud()).nlist.neighbor_counts


def _local_density(c: Configuration, mixture: Mixture) -> NDArray[np.float64]:
    """Local number density within a distance of 2 around a particle (freud), smoothed over sigma_11."""
    import freud

    reach = LOCAL_RADIUS * float(mixture.sigma_matrix[0, 0])
    diameter = float(mixture.sigma_matrix[0, 0])
    return freud.density.LocalDensity(reach, diameter).compute(c.to_freud()).density


#: Quantities beside the paper's, by name.
REGISTERED: Final[dict[str, Function]] = {
    "hexatic_order": _hexatic_order,
    "voronoi_area": _voronoi_area,
    "voronoi_neighbours": _voronoi_neighbours,
    "local_density": _local_density,
}


def known() -> tuple[str, ...]:
    """Names of all quantities, the paper's first."""
    return (*PAPER, *REGISTERED)


def register(name: str) -> Callable[[Function], Function]:
    """Return a decorator that adds a quantity under this name.

    A function of the same name in the same module replaces the former one, as when a cell of a notebook is
    executed again.

    Parameters
    ----------
    name
        First part of the names of its columns: letters, digits and underscores.

    Raises
    ------
    TypeError
        If what is decorated is no function.
    ValueError
        If the name is not usable, or belongs to another quantity.

    Examples
    --------
    >>> @register("height")
    ... def height(c, mixture):
    ...     return c.wrapped()[:, 1]
    >>> "height" in known()
    True
    >>> del REGISTERED["height"]
    """
    check_name("quantity", name)
    if "/" in name:
        raise ValueError(f"the name of a quantity must not contain '/', found {name!r}")

    def add(function: Function) -> Function:
        if not callable(function):
            raise TypeError(f"quantity {name!r} must be a function, found {type(function).__name__}")
        other = REGISTERED.get(name, function)
        again = (other.__module__, other.__qualname__) == (function.__module__, function.__qualname__)
        if name in PAPER or not again:
            raise ValueError(f"there is another quantity called {name!r}")
        REGISTERED[name] = function
        return function

    return add


def load(path: str | os.PathLike[str] | None) -> None:
    """Execute a Python file that registers quantities; None: nothing. A second time does nothing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if path is None or str(Path(path).resolve()) in _LOADED:
        return
    place = Path(path).resolve()
    if not place.is_file():
        raise FileNotFoundError(f"descriptors.own: no such file: {path}")
    specification = importlib.util.spec_from_file_location(f"own_quantities_{place.stem}", place)
    if specification is None or specification.loader is None:
        raise FileNotFoundError(f"descriptors.own: not a Python file (.py): {path}")
    specification.loader.exec_module(importlib.util.module_from_spec(specification))
    _LOADED.add(str(place))


_LOADED: Final[set[str]] = set()


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of quantities if all are known and differ.

    Raises
    ------
    ValueError
        Naming the quantity, and those that are known.
    """
    found = tuple(str(name) for name in names)
    unknown = [name for name in found if name not in known()]
    if unknown:
        raise ValueError(
            f"there is no quantity {unknown[0]!r}; known are {', '.join(known())}. One of your own is "
            "registered with tglassmlp.local_structure.quantities.register"
        )
    if not found or len(set(found)) < len(found):
        raise ValueError(f"quantities must be different names, at least one, found {list(found)}")
    return found


def values_of(name: str, c: Configuration, mixture: Mixture) -> NDArray[np.float64]:
    """Compute a registered quantity of every particle.

    Raises
    ------
    ValueError
        If the function does not return one finite number for each particle.
    """
    found = np.asarray(REGISTERED[name](c, mixture))
    if found.shape != (c.n_particles,) or found.dtype.kind not in "iuf":
        raise ValueError(
            f"quantity {name!r} must be one real number for each of {c.n_particles} particles, found "
            f"{found.dtype} of shape {found.shape}"
        )
    if not np.all(np.isfinite(found)):
        bad = int(np.flatnonzero(~np.isfinite(found))[0])
        raise ValueError(f"quantity {name!r} of particle {bad} is not finite ({found[bad]})")
    return np.ascontiguousarray(found, dtype=np.float64)
