"""What exact exchanges must do, for the tests of every sampler: enumeration, and ratios from scratch."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from tglassmlp.mixture import Mixture

SIGMA = ((1.0, 0.8, 0.9), (0.8, 0.88, 0.8), (0.9, 0.8, 0.94))
EPSILON = ((1.0, 1.5, 0.75), (1.5, 0.5, 1.5), (0.75, 1.5, 0.75))
#: Places for the particles of :func:`three_species`.
POINTS = np.array([[0.0, 0.0], [1.0, 0.1], [0.3, 0.95], [1.9, 0.8], [3.2, 0.3], [3.3, 1.4], [5.4, 4.0]])
#: Places for the particles of :func:`two_species`.
CLUSTER = np.array([[0, 0], [1.0, 0], [2.1, 0.2], [0.1, 1.1], [1.2, 1.0], [2.2, 1.3], [0.9, 2.2], [3.4, 3.0]])


def three_species(box_length: float) -> Mixture:
    """Seven particles of three species; at :data:`POINTS` some pairs are beyond the cut-off."""
    return Mixture("places", SIGMA, EPSILON, (3, 2, 2), box_length)


def two_species(box_length: float) -> Mixture:
    """Eight particles of two species."""
    return Mixture("close", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (5, 3), box_length)


class SpeciesEnergies:
    """Energies of every assignment of species to the places of one configuration.

    Parameters
    ----------
    v
        ``[S, S, N, N]`` energy of every pair of particles if it were of these species.
    unit
        Unit of these energies.
    """

    def __init__(self, v: np.ndarray, unit: float = 1.0) -> None:
        self.v, self.unit, self.at = v, unit, np.arange(v.shape[-1])

    def of_each(self, species: np.ndarray) -> np.ndarray:
        """E[s, i]: energy of particle i with all others if its species were s, ``[S, N]``."""
        return self.v[:, species - 1, self.at, :].sum(axis=1)

    def twice_total(self, species: np.ndarray) -> np.number:
        """Twice the potential energy."""
        return self.of_each(species)[species - 1, self.at].sum()

    def logarithms(self, species: np.ndarray, t: float, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
        """Exponents of the weights of particles of species a and of species b; minus infinity for others."""
        each = self.of_each(species)
        cost = (each[b - 1] - each[a - 1]) * self.unit
        return (
            np.where(species == a, -cost / (2 * t), -np.inf),
            np.where(species == b, cost / (2 * t), -np.inf),
        )


def agrees(observed: np.ndarray, expected: np.ndarray) -> bool:
    """Chi-squared test at the level of 1e-4, with states that are expected less than ten times together."""
    rare = expected < 10
    if rare.any():
        observed = np.append(observed[~rare], observed[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return bool(np.sum((observed - expected) ** 2 / expected) < chi2.isf(1e-4, len(expected) - 1))


def exchanged(species: np.ndarray, i: int, j: int) -> np.ndarray:
    """Copy of the species after particles i and j have exchanged theirs."""
    new = species.copy()
    new[i], new[j] = species[j], species[i]
    return new


def ratio_from_scratch(
    exact: SpeciesEnergies, species: np.ndarray, i: int, j: int, change: float, temperature: float
) -> float:
    """Boltzmann factor of an energy that changes by ``change``, times reverse over forward proposal."""
    a, b, new = int(species[i]), int(species[j]), exchanged(species, i, j)
    w_a, w_b = (np.exp(x) for x in exact.logarithms(species, temperature, a, b))
    v_a, v_b = (np.exp(x) for x in exact.logarithms(new, temperature, a, b))
    forward = w_a[i] / w_a.sum() * w_b[j] / w_b.sum()
    reverse = v_a[j] / v_a.sum() * v_b[i] / v_b.sum()
    return float(np.exp(-change / temperature) * reverse / forward)
