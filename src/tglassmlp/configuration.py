"""A configuration: positions, species and box of one system in two dimensions."""

from __future__ import annotations

import html
import numbers
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.box import DIMENSIONS, Box, check_resolved, minimum_image, wrap
from tglassmlp.mixture import Mixture, check_is_mixture

__all__ = ["Configuration", "check_is_configuration", "minimum_image", "real_numbers", "wrap"]

#: Species are kept as int32, and counted into arrays of as many entries as the largest one.
LARGEST_SPECIES = 10_000


@dataclass(frozen=True, eq=False)
class Configuration:
    """Positions and species of N particles in a square periodic box.

    Parameters
    ----------
    positions
        ``[N, 2]`` float64, reduced length units; may lie outside the box (unwrapped).
    species
        ``[N]`` integers, 1 for the first species.
    box_length
        Side of the periodic box.
    mixture
        The mixture that the species belong to, if it is known. Functions that are called without a mixture
        use this one, and refuse another pair potential. Number of particles and box need not be those of its
        unit system.

    Raises
    ------
    TypeError
        If ``mixture`` is not a :class:`tglassmlp.Mixture`.
    ValueError
        If a shape, a species number, a coordinate or the box is not usable, values are masked or are no real
        numbers, or a coordinate is so large that float64 does not resolve the place in the box; the message
        says what was found and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> c = Configuration(np.array([[0.0, 0.0], [1.0, 0.5]]), np.array([1, 2]), 10.0)
    >>> c.n_particles
    2
    """

    positions: NDArray[np.float64]
    species: NDArray[np.int32]
    box_length: float
    mixture: Mixture | None = None

    def __init__(
        self,
        positions: ArrayLike,
        species: ArrayLike,
        box_length: float,
        mixture: Mixture | None = None,
    ) -> None:
        pos = np.array(real_numbers("positions", positions), dtype=np.float64, order="C")
        raw = real_numbers("species", species)
        if pos.ndim != 2 or pos.shape[1] != DIMENSIONS:
            raise ValueError(
                f"positions must have shape [N, {DIMENSIONS}] (two dimensions), found {pos.shape}"
            )
        if pos.shape[0] == 0:
            raise ValueError("a configuration needs at least one particle, found none")
        if not np.all(np.isfinite(pos)):
            bad = int(np.flatnonzero(~np.isfinite(pos).all(axis=1))[0])
            raise ValueError(f"positions must be finite, particle {bad} is at {pos[bad]}")
        if raw.shape != (pos.shape[0],):
            raise ValueError(f"species must have shape [{pos.shape[0]}], found {raw.shape}")
        if not np.issubdtype(raw.dtype, np.integer) and not np.all(raw == np.round(raw)):
            raise ValueError("species must be whole numbers counted from 1")
        if raw.min() < 1:
            raise ValueError(f"species are counted from 1, found {raw.min():g}")
        if not raw.max() <= LARGEST_SPECIES:
            raise ValueError(f"species must be at most {LARGEST_SPECIES}, found {raw.max()}")
        spec = np.array(raw, dtype=np.int32)
        if check_is_mixture(mixture, "Configuration") is not None and spec.max() > mixture.n_species:  # type: ignore[union-attr]
            raise ValueError(
                f"{mixture.name} has the species 1 to {mixture.n_species}, "  # type: ignore[union-attr]
                f"found a particle of species {spec.max()}"
            )
        length = _side(box_length)
        if not np.isfinite(length) or length <= 0:
            raise ValueError(f"box_length must be a positive number, found {box_length}")
        check_resolved(pos, length)
        pos.setflags(write=False)
        spec.setflags(write=False)
        object.__setattr__(self, "positions", pos)
        object.__setattr__(self, "species", spec)
        object.__setattr__(self, "box_length", length)
        object.__setattr__(self, "mixture", mixture)

    @property
    def n_particles(self) -> int:
        """Number of particles N."""
        return int(self.positions.shape[0])

    @property
    def box(self) -> Box:
        """The periodic box."""
        return Box.with_side(self.box_length)

    def __repr__(self) -> str:
        numbers = "/".join(str(n) for n in np.bincount(self.species)[1:])
        named = "" if self.mixture is None else f", {_short(self.mixture.name)}"
        return f"Configuration({self.n_particles} particles: {numbers}, box {self.box_length:g}{named})"

    def _repr_html_(self) -> str:
        """Small table for notebooks."""
        numbers = "".join(
            f"<tr><td>species {s}</td><td>{n}</td></tr>"
            for s, n in enumerate(np.bincount(self.species)[1:].tolist(), start=1)
        )
        mixture = "" if self.mixture is None else _short(self.mixture.name)
        named = f"<tr><td>mixture</td><td>{html.escape(mixture)}</td></tr>" if mixture else ""
        return (
            f"<table><caption>Configuration</caption><tr><td>particles</td><td>{self.n_particles}</td></tr>"
            f"{numbers}<tr><td>box</td><td>{self.box_length:g}</td></tr>{named}</table>"
        )

    def wrapped(self) -> NDArray[np.float64]:
        """Positions folded into ``[-L/2, L/2)``, ``[N, 2]``."""
        return wrap(self.positions, self.box_length)

    def with_positions(self, positions: ArrayLike) -> Configuration:
        """Return the same particles at other positions ``[N, 2]``."""
        return Configuration(positions, self.species, self.box_length, self.mixture)

    def with_mixture(self, mixture: Mixture | None) -> Configuration:
        """Return the same particles taken for another mixture; None: for a mixture that is not known."""
        return replace(self, mixture=mixture)

    def to_freud(self) -> tuple[Any, NDArray[np.float32]]:
        """Return ``(box, points)``, which freud takes as a system.

        Returns
        -------
        box, points
            ``freud.box.Box`` in two dimensions, and wrapped positions ``[N, 3]``, single precision, z = 0.

        Examples
        --------
        >>> import freud, numpy as np
        >>> x = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
        >>> system = Configuration(x, np.ones(64, int), 8.0).to_freud()
        >>> freud.locality.Voronoi().compute(system).volumes[:2].tolist()
        [1.0, 1.0]
        """
        import freud

        points = np.zeros((self.n_particles, 3), dtype=np.float32)
        points[:, :DIMENSIONS] = self.wrapped()
        return freud.box.Box.square(self.box_length), points

    @classmethod
    def from_freud(cls, system: Any, species: ArrayLike, mixture: Mixture | None = None) -> Configuration:
        """Return the configuration of a system of freud.

        Parameters
        ----------
        system
            ``(box, points)``: anything that freud takes as a box, and ``[N, 3]`` points with equal z; or an
            object with these two attributes, such as a ``freud.locality.NeighborQuery``.
        species
            ``[N]`` integers from 1, which freud does not know.
        mixture
            The mixture that the species belong to, if it is known.

        Raises
        ------
        ValueError
            If the box is not two-dimensional, square and periodic, or the points have different z.

        Examples
        --------
        >>> import freud
        >>> system = freud.data.UnitCell.square().generate_system(4)
        >>> Configuration.from_freud(system, [1] * 16)
        Configuration(16 particles: 16, box 4)
        """
        import freud

        given, points = (system.box, system.points) if hasattr(system, "points") else system
        box = freud.box.Box.from_box(given)
        places = np.asarray(points, dtype=np.float64)
        if not box.is2D or box.xy != 0 or box.Lx != box.Ly or not (box.periodic[0] and box.periodic[1]):
            raise ValueError(f"a two-dimensional, square, periodic box is needed, found {box}")
        if places.ndim != 2 or places.shape[1] not in (DIMENSIONS, 3):
            raise ValueError(f"points must have shape [N, 2] or [N, 3], found {places.shape}")
        if places.shape[1] == 3 and np.ptp(places[:, 2]) > 1e-6 * box.Lx:
            high = int(np.argmax(np.abs(places[:, 2] - places[0, 2])))
            raise ValueError(
                f"points must have one z, point {high} has {places[high, 2]:g}, not {places[0, 2]:g}"
            )
        return cls(places[:, :DIMENSIONS], species, float(box.Lx), mixture)

    def of_species(self, species: int) -> NDArray[np.intp]:
        """Return the indices of the particles of one species."""
        return np.flatnonzero(self.species == species)

    def tiled(self, tiles: int) -> Configuration:
        """Repeat the system ``tiles`` x ``tiles`` times (the box grows by ``tiles``).

        Raises
        ------
        ValueError
            If ``tiles`` is not at least 1.
        """
        if tiles < 1:
            raise ValueError(f"tiles must be at least 1, found {tiles}")
        base = self.wrapped()
        shifts = self.box_length * np.stack(
            np.meshgrid(*[np.arange(tiles)] * DIMENSIONS, indexing="ij"), axis=-1
        ).reshape(-1, 1, DIMENSIONS)
        return Configuration(
            (base[None] + shifts).reshape(-1, DIMENSIONS),
            np.tile(self.species, tiles**DIMENSIONS),
            self.box_length * tiles,
            self.mixture,
        )

    def check_mixture(self, n_species: int, reach: float | None = None) -> None:
        """Refuse species outside 1..``n_species`` and a box shorter than twice ``reach``.

        Raises
        ------
        ValueError
            Naming the value found and the allowed range.
        """
        top = int(self.species.max())
        if top > n_species:
            raise ValueError(f"species must lie in 1..{n_species} for this mixture, found {top}")
        if reach is not None and self.box_length < 2.0 * reach:
            raise ValueError(
                f"box_length {self.box_length:g} is shorter than twice the interaction range "
                f"({2.0 * reach:g}): the minimum image is not defined"
            )


def check_is_configuration(value: Any, call: str) -> None:
    """Refuse anything but a configuration.

    Raises
    ------
    TypeError
        Naming the function it was given to, and what was found.
    """
    if not isinstance(value, Configuration):
        raise TypeError(f"{call}: a tglassmlp.Configuration is needed, found {type(value).__name__}")


def real_numbers(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return values as an array of real numbers, refusing what could only be turned into them by a loss.

    Raises
    ------
    ValueError
        For masked values, rows of different lengths, and what are no real numbers.
    """
    if np.ma.is_masked(values):
        masked = int(np.count_nonzero(getattr(values, "mask", True)))
        raise ValueError(f"{name} must all be given, found {masked} masked values")
    try:
        found = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise ValueError(f"{name} must be an array of numbers, found rows of different lengths") from None
    if found.dtype.kind == "O" and all(isinstance(v, numbers.Real) for v in found.flat):
        found = found.astype(np.float64)
    if found.dtype.kind not in "iuf" and found.size:
        kind = f"values like {found.flat[0]!r}" if found.dtype.kind in "OUS" else f"type {found.dtype}"
        raise ValueError(f"{name} must be real numbers, found {kind}")
    return found


def _side(box_length: Any) -> float:
    """Return the side of the box as a number."""
    if isinstance(box_length, bool | str) or np.ndim(box_length) != 0 or np.iscomplexobj(box_length):
        raise ValueError(f"box_length must be a positive number, found {box_length!r}")
    try:
        return float(box_length)
    except (TypeError, ValueError):
        raise ValueError(f"box_length must be a positive number, found {box_length!r}") from None


def _short(name: str) -> str:
    """Name of a mixture on one line."""
    line = " ".join(str(name).split())
    return line if len(line) <= 40 else f"{line[:37]}..."
