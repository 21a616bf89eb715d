"""Swap Monte Carlo samples the Boltzmann distribution: tiny systems against quadrature and enumeration."""

import itertools

import numpy as np
import pytest
from scipy.stats import chi2

from tglassmlp import Configuration
from tglassmlp.configuration import minimum_image
from tglassmlp.mixture import Mixture
from tglassmlp.simulation.swap import chain as module
from tglassmlp.simulation.swap.chain import Chain

# small particles, so that a box of 3.2 holds two of them with a well-defined minimum image
SMALL = Mixture("small", ((0.6, 0.5), (0.5, 0.55)), ((1.0, 1.5), (1.5, 0.5)), (1, 1), 3.2)
# three species on fixed places
PLACES = Mixture(
    "places",
    ((1.0, 0.8, 0.9), (0.8, 0.88, 0.8), (0.9, 0.8, 0.94)),
    ((1.0, 1.5, 0.75), (1.5, 0.5, 1.5), (0.75, 1.5, 0.75)),
    (2, 2, 1),
    5.2,
)


def agrees(observed, expected):
    """Chi-squared test at the level of 1e-4 (a temperature 5 % off fails it)."""
    return np.sum((observed - expected) ** 2 / expected) < chi2.isf(1e-4, len(expected) - 1)


def species_of(chain):
    """Species of the particles in the order of the start; a whole configuration costs more than the moves."""
    state = chain.state()
    species = np.empty_like(state["types"])
    species[state["names"]] = state["types"] + 1
    return tuple(species.tolist())


@pytest.mark.parametrize("block", [1e9, 1.6])
@pytest.mark.parametrize("swap_fraction", [0.0, 0.5])
def test_two_particles_sample_their_pair_potential(monkeypatch, block, swap_fraction):
    """The separation of two particles is distributed as exp(-V(r)/T), swept in blocks or not."""
    monkeypatch.setattr(module, "BLOCK", block)
    temperature, length, bins = 0.4, SMALL.box_length, 8
    chain = Chain(
        Configuration([[0, 0], [1, 0]], [1, 2], length), temperature, 11, SMALL, swap_fraction, 0.7, 1.0
    )
    counts, samples = np.zeros((bins, bins)), 16_000
    separations = np.empty((samples, 2))
    for k in range(samples):
        chain.run(40)
        state = chain.state()
        separations[k] = state["x"][1] - state["x"][0], state["y"][1] - state["y"][0]
    d = np.abs(minimum_image(separations, length))
    i, j = np.minimum((d / (0.5 * length) * bins).astype(int), bins - 1).T
    np.add.at(counts, (i, j), 1)
    fine = 60
    x = (np.arange(bins * fine) + 0.5) * (0.5 * length / (bins * fine))
    r = np.hypot(x[:, None], x[None])
    one = np.ones_like(r, dtype=int)
    weight = np.exp(-SMALL.pair_energy(r, one, 2 * one) / temperature)
    exact = weight.reshape(bins, fine, bins, fine).sum(axis=(1, 3))
    expected = (exact / exact.sum() * samples).ravel()
    many = expected > 20
    assert many.sum() > 40
    assert agrees(counts.ravel()[many], expected[many])
    assert counts.ravel()[~many].sum() < 20 + 2 * expected[~many].sum()


@pytest.mark.parametrize(
    ("temperature", "pairs"), [(0.25, {}), (0.5, {}), (0.5, {"1-2": 0.0}), (0.5, {"1-2": 0.3, "2-3": 0.1})]
)
def test_exchanges_sample_species_arrangements(temperature, pairs):
    """On fixed places, the 30 arrangements of 2 + 2 + 1 species have exactly known weights."""
    places = np.array([[0.0, 0.0], [1.0, 0.1], [0.3, 0.95], [1.25, 1.05], [2.2, 0.4]])
    species = np.array([1, 1, 2, 2, 3])
    arrangements = sorted(set(itertools.permutations(species.tolist())))
    a, b = np.triu_indices(5, 1)
    distance = np.linalg.norm(places[a] - places[b], axis=1)
    energies = np.array(
        [PLACES.pair_energy(distance, np.array(s)[a], np.array(s)[b]).sum() for s in arrangements]
    )
    weights = np.exp(-(energies - energies.min()) / temperature)
    chain = Chain(
        Configuration(places, species, PLACES.box_length), temperature, 5, PLACES, 0.9, 1e-13,
        exchange_weights=pairs,
    )  # fmt: skip
    index = {s: k for k, s in enumerate(arrangements)}
    counts, samples = np.zeros(len(arrangements)), 16_000
    for _ in range(samples):
        chain.run(20)
        counts[index[species_of(chain)]] += 1
    np.testing.assert_allclose(chain.configuration().positions, places, atol=1e-9)
    expected = weights / weights.sum() * samples
    assert expected.max() > 4 * expected.min()
    assert agrees(counts, expected)
    assert chain.check_energy() < 1e-11
