"""Pair mixtures: species with their sizes, energies and shares, which interact by smoothed Lennard-Jones.

The pair potential and its constants stand in :mod:`tglassmlp.potentials`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import potentials
from tglassmlp.box import DIMENSIONS

__all__ = ["KA2D", "MIXTURES", "Mixture", "check_is_mixture", "exchange_matrix"]


@dataclass(frozen=True)
class Mixture:
    """A mixture of Lennard-Jones species in two dimensions.

    Parameters
    ----------
    name
        Name used in files and figures.
    sigma, epsilon
        Symmetric matrices ``[S][S]`` of pair diameters and energies (reduced units).
    composition
        Particles of each species in the unit system, e.g. ``(600, 330, 360)``.
    box_length
        Side of the square periodic box that holds one unit system; fixes the number density.
    cutoff
        Cut-off of every pair in units of its own ``sigma[a][b]``.
    radii
        Radii of the species in the radical Voronoi tessellation.

    Raises
    ------
    ValueError
        If a matrix has the wrong shape, is not symmetric or holds a value that is not positive.
    """

    name: str
    sigma: tuple[tuple[float, ...], ...]
    epsilon: tuple[tuple[float, ...], ...]
    composition: tuple[int, ...]
    box_length: float
    cutoff: float = 2.5
    radii: tuple[float, ...] = field(default=())

    def __post_init__(self) -> None:
        s = len(self.composition)
        if s < 1 or any(int(n) != n or n < 1 for n in self.composition):
            raise ValueError(
                f"mixture {self.name!r}: composition must hold positive integers, found {self.composition}"
            )
        for label, matrix in (("sigma", self.sigma), ("epsilon", self.epsilon)):
            m = np.asarray(matrix, dtype=float)
            if m.shape != (s, s):
                raise ValueError(
                    f"mixture {self.name!r}: {label} has shape {m.shape}, expected {(s, s)} for {s} species"
                )
            if not np.all(np.isfinite(m)) or np.any(m <= 0):
                raise ValueError(
                    f"mixture {self.name!r}: {label} must be finite and positive, found {matrix}"
                )
            if not np.array_equal(m, m.T):
                raise ValueError(f"mixture {self.name!r}: {label} must be symmetric, found {matrix}")
        if not np.isfinite(self.box_length) or self.box_length <= 0:
            raise ValueError(f"mixture {self.name!r}: box_length must be positive, found {self.box_length}")
        if not np.isfinite(self.cutoff) or self.cutoff <= 2.0 ** (1.0 / 6.0):
            raise ValueError(
                f"mixture {self.name!r}: cutoff must lie beyond the minimum of the potential "
                f"(2^(1/6) = 1.1225), found {self.cutoff}"
            )
        if not self.radii:
            object.__setattr__(self, "radii", tuple(0.5 * float(self.sigma[a][a]) for a in range(s)))
        if len(self.radii) != s or not all(np.isfinite(r) and r > 0 for r in self.radii):
            raise ValueError(
                f"mixture {self.name!r}: radii must hold {s} positive numbers, found {self.radii}"
            )

    def __repr__(self) -> str:
        shares = " : ".join(f"{n}" for n in self.composition)
        return f"<Mixture {self.name}: {self.n_species} species, {shares}, number density {self.density:.4g}>"

    @property
    def n_species(self) -> int:
        """Number of species; they are numbered 1 to ``n_species``."""
        return len(self.composition)

    @property
    def density(self) -> float:
        """Number density (particles per unit area)."""
        return sum(self.composition) / self.box_length**DIMENSIONS

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of each species among all particles, ``[S]``."""
        counts = np.asarray(self.composition, dtype=np.float64)
        return counts / counts.sum()

    def same_particles(self, other: Mixture) -> bool:
        """Whether both have the same pair potential and cell radii, whatever their names and compositions."""
        return self.same_potential(other) and np.allclose(self.radii, other.radii, rtol=1e-9, atol=0.0)

    def same_potential(self, other: Mixture) -> bool:
        """Whether both have the same pair potential, whatever their names, compositions and cell radii."""
        return (
            self is other
            or (self.sigma, self.epsilon, self.cutoff) == (other.sigma, other.epsilon, other.cutoff)
            or (
                self.n_species == other.n_species
                and all(
                    np.allclose(a, b, rtol=1e-9, atol=0.0)
                    for a, b in (
                        (self.sigma, other.sigma),
                        (self.epsilon, other.epsilon),
                        (self.cutoff, other.cutoff),
                    )
                )
            )
        )

    def potential_against(self, other: Mixture) -> str:
        """Name the parameters of the pair potential in which this mixture differs from another."""
        return "; ".join(
            f"{label} {_shown(getattr(self, label))} instead of {_shown(getattr(other, label))}"
            for label in ("sigma", "epsilon", "cutoff")
            if not np.array_equal(getattr(self, label), getattr(other, label))
        )

    @cached_property
    def smoothing(self) -> tuple[float, float, float]:
        """Constants ``(C0, C2, C4)`` that make V, V' and V'' vanish at the cut-off."""
        return potentials.smoothing_constants(self.cutoff)

    @cached_property
    def sigma_matrix(self) -> NDArray[np.float64]:
        """Pair diameters ``[S, S]``, read-only."""
        return _frozen(self.sigma)

    @cached_property
    def epsilon_matrix(self) -> NDArray[np.float64]:
        """Pair energies ``[S, S]``, read-only."""
        return _frozen(self.epsilon)

    @property
    def largest_cutoff(self) -> float:
        """Largest cut-off distance of any pair."""
        return self.cutoff * float(self.sigma_matrix.max())

    def species(self, copies: int = 1) -> NDArray[np.int32]:
        """Species of ``copies`` unit systems, sorted: ``[N]`` in 1..S."""
        return np.repeat(
            np.arange(1, self.n_species + 1, dtype=np.int32), [copies * n for n in self.composition]
        )

    def scaled(self, divisor: int) -> Mixture:
        """Return the same mixture with a ``divisor`` times smaller unit system at the same density.

        Raises
        ------
        ValueError
            If ``divisor`` does not divide the number of particles of every species.
        """
        if divisor < 1 or any(n % divisor for n in self.composition):
            raise ValueError(
                f"mixture {self.name!r}: composition {self.composition} cannot be divided by {divisor}"
            )
        return Mixture(
            self.name,
            self.sigma,
            self.epsilon,
            tuple(n // divisor for n in self.composition),
            self.box_length / float(np.sqrt(divisor)),
            self.cutoff,
            self.radii,
        )

    def pair_energy(self, r: NDArray[np.float64], a: NDArray, b: NDArray) -> NDArray[np.float64]:
        """Pair energy V_ab(r) for distances ``r`` and species ``a``, ``b`` (1-based), by plain NumPy.

        Slow and simple: the reference the compiled kernels are tested against.
        """
        sigma = self.sigma_matrix[np.asarray(a) - 1, np.asarray(b) - 1]
        epsilon = self.epsilon_matrix[np.asarray(a) - 1, np.asarray(b) - 1]
        x = np.asarray(r, dtype=float) / sigma
        with np.errstate(divide="ignore", invalid="ignore"):
            v = potentials.energy(x, epsilon, self.smoothing)
        return np.where(x < self.cutoff, v, 0.0)


def _shown(values: Any) -> str:
    """Matrix or number for a message."""
    if np.ndim(values) == 0:
        return f"{values:g}"
    return f"({', '.join(_shown(v) for v in values)})"


def _frozen(matrix: tuple[tuple[float, ...], ...]) -> NDArray[np.float64]:
    m = np.array(matrix, dtype=np.float64)
    m.setflags(write=False)
    return m


#: Ternary Kob-Andersen mixture in two dimensions (Jung, Biroli, Berthier, PRL 130, 238202 (2023)).
KA2D = Mixture(
    name="KA2D",
    sigma=((1.0, 0.8, 0.9), (0.8, 0.88, 0.8), (0.9, 0.8, 0.94)),
    epsilon=((1.0, 1.5, 0.75), (1.5, 0.5, 1.5), (0.75, 1.5, 0.75)),
    composition=(600, 330, 360),
    box_length=32.8962,
    cutoff=2.5,
    radii=(0.50, 0.44, 0.47),
)

#: Named mixtures that a config may ask for.
MIXTURES: dict[str, Mixture] = {"KA2D": KA2D}


def check_is_mixture(value: Any, call: str) -> Mixture | None:
    """Return a mixture or None, and refuse anything else.

    Parameters
    ----------
    value
        What was given as mixture.
    call
        Name of the function it was given to, for the message.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if value is None or isinstance(value, Mixture):
        return value
    known = f" (tglassmlp.{value})" if isinstance(value, str) and value in MIXTURES else ""
    shown = repr(value) if isinstance(value, str) else type(value).__name__
    raise TypeError(f"{call}: mixture must be a tglassmlp.Mixture{known} or None, found {shown}")


def exchange_matrix(
    weights: Mapping[str, float], n_species: int, present: Iterable[int] | None = None
) -> NDArray[np.float64]:
    """Relative weights of exchanges between species (swap Monte Carlo) as a symmetric matrix.

    Parameters
    ----------
    weights
        ``{"a-b": weight}`` with species 1 <= a < b <= ``n_species``; pairs not named have weight 1.
    n_species
        Number of species S.
    present
        Species that exchanges have to connect, all by default.

    Returns
    -------
    ndarray
        ``[S, S]``, zero on the diagonal, the largest 1.

    Raises
    ------
    ValueError
        For a pair that does not exist, a weight outside [0, 1], or a species that no chain of exchanges
        turns into the others.
    """
    matrix = 1.0 - np.eye(n_species)
    for pair, weight in weights.items():
        parts = pair.split("-")
        known = len(parts) == 2 and all(x.isdecimal() and 1 <= int(x) <= n_species for x in parts)
        if not known or not int(parts[0]) < int(parts[1]):
            raise ValueError(
                "exchange_weights names pairs as 'a-b' with species 1 <= a < b <= "
                f"{n_species}, found {pair!r}"
            )
        if not 0.0 <= weight <= 1.0:
            raise ValueError(f"exchange_weights must lie in [0, 1], found {weight} for {pair!r}")
        a, b = int(parts[0]) - 1, int(parts[1]) - 1
        matrix[a, b] = matrix[b, a] = weight
    species = set(range(n_species)) if present is None else {int(a) - 1 for a in present}
    reached = {min(species)}
    for _ in species:
        reached |= {b for a in reached for b in species if matrix[a, b] > 0.0}
    if reached != species:
        raise ValueError(
            f"exchange_weights {dict(weights)} leave species {sorted(a + 1 for a in species - reached)} that "
            "no chain of exchanges turns into the others; give one of its pairs a positive weight"
        )
    return matrix / max(matrix.max(), 1e-300)
