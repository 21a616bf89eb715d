"""Informed exchanges sample the Boltzmann distribution: against enumeration, from scratch, and plain ones."""

import itertools

import numpy as np
import pytest
from exchange_oracle import (
    CLUSTER,
    POINTS,
    SpeciesEnergies,
    agrees,
    exchanged,
    ratio_from_scratch,
    three_species,
    two_species,
)

from tglassmlp import KA2D, Configuration
from tglassmlp.configuration import minimum_image
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.mixture import Mixture
from tglassmlp.simulation.swap.chain import Chain
from tglassmlp.simulation.swap.informed import exponentials

PLACES = three_species(7.5)
# in a small box most pairs are close
CLOSE = two_species(5.1)


class Energies(SpeciesEnergies):
    """Energies of every assignment of species to the places of one configuration, pair by pair."""

    def __init__(self, c: Configuration, m: Mixture) -> None:
        separation = minimum_image(c.positions[:, None] - c.positions[None], c.box_length)
        r = np.sqrt((separation**2).sum(axis=-1))
        np.fill_diagonal(r, 1e9)
        kinds = range(1, m.n_species + 1)
        one = np.ones_like(r, dtype=int)
        super().__init__(np.array([[m.pair_energy(r, a * one, b * one) for b in kinds] for a in kinds]))
        self.distance = r

    def total(self, species: np.ndarray) -> float:
        """Potential energy."""
        return 0.5 * float(self.twice_total(species))


def arrangements(species: np.ndarray) -> list[tuple[int, ...]]:
    """All assignments of the species to the places."""
    return sorted(set(itertools.permutations(species.tolist())))


@pytest.mark.parametrize(
    ("mixture", "pairs", "temperature"),
    [
        (PLACES, {}, 0.5),
        (PLACES, {"1-2": 0.0}, 0.3),
        (PLACES, {"1-2": 0.3, "2-3": 0.1}, 1.0),
        (CLOSE, {}, 0.4),
        (CLOSE, {}, 1.0),
    ],
)
def test_all_arrangements_on_fixed_places(mixture, pairs, temperature):
    """210 arrangements of 3 + 2 + 2 species, 56 of 5 + 3, have exactly known weights."""
    rng = np.random.default_rng(5)
    points = POINTS if mixture is PLACES else CLUSTER
    species = rng.permutation(mixture.species())
    states = arrangements(species)
    start = Configuration(points, species, mixture.box_length)
    of = Energies(start, mixture)
    energies = np.array([of.total(np.array(s)) for s in states])
    weights = np.exp(-(energies - energies.min()) / temperature)
    chain = Chain(start, temperature, 5, mixture, exchange_weights=pairs, exchanges="informed")
    index = {s: k for k, s in enumerate(states)}
    counts, samples = np.zeros(len(states)), 20_000
    for _ in range(samples):
        # blocks of one species pair each: several, so that samples are nearly independent
        for _ in range(6):
            chain.exchange(3)
        counts[index[species_of(chain)]] += 1
    expected = weights / weights.sum() * samples
    assert np.count_nonzero(expected > 10) > 12
    assert expected.max() > 3 * np.median(expected)
    assert agrees(counts, expected)
    assert chain.check_energy() < 1e-11


def species_of(chain: Chain) -> tuple[int, ...]:
    """Species of the particles in the order of the start; a whole configuration costs more than the moves."""
    state = chain.state()
    species = np.empty_like(state["types"])
    species[state["names"]] = state["types"] + 1
    return tuple(species.tolist())


def drawn_pair(chain: Chain, counts: np.ndarray) -> tuple[int, int]:
    """Species pair of the block since ``counts``."""
    a, b = np.argwhere((chain.pair_counts - counts)[0] > 0)[0]
    return int(a) + 1, int(b) + 1


@pytest.mark.parametrize("temperature", [0.6, 0.15])
def test_ratios_of_moves_from_scratch(liquid, temperature):
    """Boltzmann factor times reverse over forward proposal, of every energy and weight computed anew."""
    m = KA2D.scaled(10)
    chain = Chain(liquid, temperature, 3, m, exchanges="informed", exchange_weights={"1-2": 0.5})
    before = chain.sorted_configuration()
    energies = Energies(before, m)
    species = before.species
    worst, close, seen, refused = 0.0, 0, set(), 0
    for _ in range(40):
        counts, energy = chain.pair_counts, chain.energy * chain.n_particles
        trace = np.empty((10, 4))
        chain.exchange(10, trace)
        a, b = drawn_pair(chain, counts)
        seen.add((a, b))
        begin = energies.total(species)
        for i, j, ratio, accepted in trace:
            i, j = int(i), int(j)
            assert (species[i], species[j]) == (a, b)
            new = exchanged(species, i, j)
            step = energies.total(new) - energies.total(species)
            exact = ratio_from_scratch(energies, species, i, j, step, temperature)
            worst = max(worst, abs(ratio / exact - 1.0))
            close += energies.distance[i, j] < m.largest_cutoff
            if accepted:
                species = new
            else:
                assert ratio < 1
                refused += 1
        np.testing.assert_array_equal(chain.sorted_configuration().species, species)
        after = energies.total(species)
        assert chain.energy * chain.n_particles - energy == pytest.approx(after - begin, abs=1e-11)
    assert seen == {(1, 2), (1, 3), (2, 3)}
    assert close > 10
    assert 20 < refused < 380
    # energies of the system, hundreds of T, are themselves rounded to 1e-13
    assert worst < 1e-12 * max(1.0, 0.6 / temperature)


def test_weights_beyond_the_limit_still_balance():
    """Costs of thousands of T: what limited weights do not cancel is in the acceptance."""
    places = np.array([[0.0, 0.0], [0.78, 0.0], [1.6, 0.1], [0.2, 0.85], [1.1, 0.9], [4.4, 4.2], [5.3, 4.3]])
    rng = np.random.default_rng(2)
    temperature, limited, moved = 0.002, 0, 0
    for k in range(60):
        c = Configuration(places, rng.permutation(PLACES.species()), PLACES.box_length)
        chain = Chain(c, temperature, k, PLACES, exchanges="informed")
        before, counts = chain.sorted_configuration(), chain.pair_counts
        energies, trace = Energies(before, PLACES), np.empty((1, 4))
        chain.exchange(1, trace)
        a, b = drawn_pair(chain, counts)
        i, j = trace[0, :2].astype(int)
        new = exchanged(before.species, i, j)
        forward = energies.logarithms(before.species, temperature, a, b)
        reverse = energies.logarithms(new, temperature, a, b)
        step = energies.total(new) - energies.total(before.species)
        total = -step / temperature
        for sign, places_of, (p, q) in ((-1, forward, (i, j)), (1, reverse, (j, i))):
            for exponents, place in zip(places_of, (p, q), strict=True):
                kept = np.where(np.isinf(exponents), exponents, np.clip(exponents, -300, 300))
                total += sign * (kept[place] - np.logaddexp.reduce(kept))
                limited += abs(exponents[place]) > 300
        if abs(total) < 600:
            assert np.log(trace[0, 2]) == pytest.approx(total, abs=1e-9)
        else:
            assert trace[0, 3] == (total > 0)
        assert np.array_equal(chain.sorted_configuration().species, new if trace[0, 3] else before.species)
        assert chain.check_energy() < 1e-10
        moved += int(trace[0, 3])
    assert limited > 20
    assert moved > 5


def test_exponentials_are_those_of_the_library():
    """To two units in the last place, over the whole range."""
    for width in (1.0, 700.0):
        x = np.random.default_rng(1).uniform(-width, width, 20_000)
        found = x.copy()
        exponentials(found, 19_999)
        np.testing.assert_allclose(found[:-1], np.exp(x[:-1]), rtol=5e-16)
        assert found[-1] == x[-1]


def measured(exchanges: str, mixture: Mixture, temperature: float, seed: int) -> np.ndarray:
    """Mean and variance of the energy, and near neighbours of each species pair, of one chain."""
    chain = Chain(
        lattice_start(mixture, np.random.SeedSequence(seed)), 2.0, seed, mixture, exchanges=exchanges
    )
    chain.tune(100, 0.4)
    chain.temperature = temperature
    chain.tune(200, 0.4)
    chain.run(2000)
    energies, near = [], []
    reach = 1.4 * mixture.sigma_matrix
    for k in range(3000):
        chain.run(4)
        energies.append(chain.energy * chain.n_particles)
        if k % 10 == 0:
            c = chain.sorted_configuration()
            separation = minimum_image(c.positions[:, None] - c.positions[None], c.box_length)
            s = c.species - 1
            close = np.hypot(*np.moveaxis(separation, -1, 0)) < reach[s[:, None], s[None]]
            kinds = np.eye(mixture.n_species)[s]
            near.append((kinds.T @ close @ kinds)[np.triu_indices(mixture.n_species)])
    return np.concatenate([[np.mean(energies), np.var(energies)], np.mean(near, axis=0)])


def test_displacements_with_informed_and_with_plain_exchanges():
    """43 particles at T = 0.5: the same energies, fluctuations and neighbours; 6 % more T would show."""
    mixture, chains = KA2D.scaled(30), 10
    plain, informed, warmer = (
        np.array([measured(scheme, mixture, t, 50 * k + n) for n in range(chains)])
        for k, (scheme, t) in enumerate((("plain", 0.5), ("informed", 0.5), ("plain", 0.53)))
    )
    error = np.sqrt((plain.var(axis=0, ddof=1) + informed.var(axis=0, ddof=1)) / chains)
    assert np.all(np.abs(plain.mean(axis=0) - informed.mean(axis=0)) < 4.5 * error)
    assert np.abs((warmer.mean(axis=0) - informed.mean(axis=0)) / error).max() > 6.0
