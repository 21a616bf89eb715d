"""Swap Monte Carlo of engine `cuda`, emulated: detailed balance, exact sums, same bits however it is cut."""

from __future__ import annotations

import itertools
import shutil

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
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.mixture import Mixture
from tglassmlp.simulation import energies
from tglassmlp.simulation.cuda.device import pack
from tglassmlp.simulation.cuda.emulated import EmulatedDevice
from tglassmlp.simulation.cuda.swap import (
    PARAMETERS,
    CudaChains,
    CudaSampler,
    attempts_per_second,
    largest_system,
)
from tglassmlp.simulation.protocols import SwapRequest
from tglassmlp.simulation.swap.chain import Chain

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation of a card needs g++")

DEVICE = EmulatedDevice()
PLACES = three_species(7.4)
# in a box of three cells per side
CLOSE = two_species(7.6)
SMALL = KA2D.scaled(30)  # 43 particles


def chains(
    structures: list[Configuration],
    temperature: float,
    mixture: Mixture,
    seed: int = 1,
    device=DEVICE,
    **options,
) -> CudaChains:
    """Start chains whose seeds count up from ``seed``."""
    seeds = [np.random.SeedSequence(seed + k) for k in range(len(structures))]
    return CudaSampler(device).chains(SwapRequest(structures, seeds, temperature, mixture, options))


def melted(mixture: Mixture, count: int, sweeps: int = 100) -> list[Configuration]:
    """Liquids at T = 2."""
    made = chains(
        [lattice_start(mixture, np.random.SeedSequence(k)) for k in range(count)], 2.0, mixture, seed=900
    )
    made.tune(sweeps, 0.4)
    return made.configurations()


class Exact(SpeciesEnergies):
    """Energies of one structure as the kernels define them, pair by pair in NumPy."""

    def __init__(self, places: np.ndarray, mixture: Mixture) -> None:
        one, unit = np.float32, mixture.box_length / 2.0**32
        x, y = (
            (places[:, None, k] - places[None, :, k]).view(np.int32).astype(one).astype(float)
            for k in range(2)
        )
        square = (y.astype(one) * y.astype(one)).astype(float)
        r2 = (x * x + square).astype(one)  # the product is exact in double precision
        n = mixture.n_species
        x2, c0, c2, c4 = (one(c) for c in (mixture.cutoff**2, *mixture.smoothing))
        fused = lambda a, b, c: (np.float64(a) * np.float64(b) + np.float64(c)).astype(one)  # noqa: E731
        v_of = np.zeros((n, n, *r2.shape), np.int64)
        for a, b in itertools.product(range(n), repeat=2):
            with np.errstate(all="ignore"):
                s = r2 * one(mixture.sigma_matrix[a, b] ** -2.0 * unit**2)
                inverse = one(1) / s
                cube = inverse * inverse * inverse
                v = fused(cube, cube - one(1), fused(s, fused(c4, s, c2), c0))
                v = np.minimum(one(4.0 * mixture.epsilon_matrix[a, b]) * v, one(2000.0))
                v_of[a, b] = np.where(s < x2, np.rint(v * one(2**20)), 0)
        index = np.arange(len(places))
        v_of[:, :, index, index] = 0
        super().__init__(v_of, 2.0**-20)
        self.distance = np.sqrt(r2) * unit

    def total(self, species: np.ndarray) -> int:
        """Potential energy in units of 2^-20."""
        return int(self.twice_total(species)) // 2


# ------------------------------------------------------------------------------------- random numbers


@pytest.mark.parametrize(
    ("key", "first"),
    [
        # published answers (Random123, kat_vectors): counter 0, key 0; the other one by the same rule below
        ((0, 0), (0x6627E8D5, 0xE169C58D)),
        ((0xA4093822, 0x299F31D0), None),
    ],
)
def test_random_numbers_are_those_of_philox(key, first):
    def reference(counter):
        c, k = [counter, 0, 0, 0], list(key)
        for _ in range(10):
            p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        return c[:2]

    words, keys = DEVICE.zeros((1, 50, 2), np.uint32), DEVICE.array(np.array([key], np.uint32))
    values = dict.fromkeys(PARAMETERS.names, 0) | {"particles": 50, "positions": words, "keys": keys}
    DEVICE.kernels("swap.cu", {}).launch("swap_words", pack(PARAMETERS, values), 1, 32)
    if first is not None:
        assert tuple(words[0, 0].tolist()) == first
    assert words[0].tolist() == [reference(k) for k in range(50)]


# --------------------------------------------------------------------------------------- distribution


@pytest.mark.parametrize(
    ("mixture", "points", "pairs", "temperature"),
    [(PLACES, POINTS, {}, 0.5), (PLACES, POINTS, {"1-2": 0.3, "2-3": 0.1}, 1.0), (CLOSE, CLUSTER, {}, 0.4)],
)
def test_all_arrangements_on_fixed_places(mixture, points, pairs, temperature):
    """210 arrangements of 3 + 2 + 2 species, 56 of 5 + 3, have exactly known weights."""
    species = np.random.default_rng(5).permutation(mixture.species())
    states = sorted(set(itertools.permutations(species.tolist())))
    start = Configuration(points, species, mixture.box_length)
    many, n = 200, len(points)
    made = chains(
        [start] * many,
        temperature,
        mixture,
        exchange_weights=pairs,
        exchanges_per_sweep=3 / n,
        exchange_interval=1,
    )
    made.arrays["sides"][:] = 0  # particles stay where they are
    exact = Exact(made.states()[0]["positions"], mixture)
    level = np.array([exact.total(np.array(s)) for s in states]) * 2.0**-20
    weights = np.exp(-(level - level.min()) / temperature)
    index = {s: k for k, s in enumerate(states)}
    counts, samples = np.zeros(len(states)), 60
    for _ in range(samples):
        made.run(6)
        for types in made.arrays["types"] + 1:
            counts[index[tuple(types.tolist())]] += 1
    np.testing.assert_allclose(made.configurations()[0].positions, points, atol=1e-8)
    expected = weights / weights.sum() * many * samples
    assert np.count_nonzero(expected > 10) > 12
    assert expected.max() > 3 * np.median(expected)
    assert agrees(counts, expected)
    made.check_energies()


@pytest.mark.parametrize("temperature", [0.6, 0.35])
def test_ratios_of_exchanges_from_scratch(temperature):
    """Boltzmann factor times reverse over forward proposal, of every energy and weight computed anew."""
    made = chains(melted(SMALL, 1), temperature, SMALL, seed=3, exchange_weights={"1-2": 0.5})
    made.tune(100, 0.4)
    exact = Exact(made.states()[0]["positions"], SMALL)
    species = made.configurations()[0].species
    seen, refused, close = set(), 0, 0
    for _ in range(30):
        (trace,) = made.exchange(10)
        for i, j, ratio, accepted in trace:
            i, j = int(i), int(j)
            seen.add((int(species[i]), int(species[j])))
            new = exchanged(species, i, j)
            step = (exact.total(new) - exact.total(species)) * 2.0**-20
            assert ratio == pytest.approx(
                ratio_from_scratch(exact, species, i, j, step, temperature), rel=1e-11
            )
            close += exact.distance[i, j] < SMALL.largest_cutoff
            if accepted:
                species = new
            else:
                assert ratio < 1
                refused += 1
        np.testing.assert_array_equal(made.configurations()[0].species, species)
        assert round(made.energies[0] * 43 * 2**20) == exact.total(species)
    assert seen == {(1, 2), (1, 3), (2, 3)}
    assert close > 20
    assert 10 < refused < 290


def test_weights_beyond_the_limit_still_balance():
    """Costs of thousands of T: what limited weights do not cancel is in the acceptance."""
    points = np.array([[0.0, 0.0], [0.78, 0.0], [1.6, 0.1], [0.2, 0.85], [1.1, 0.9], [4.4, 4.2], [5.3, 4.3]])
    rng = np.random.default_rng(2)
    temperature, limited, moved = 0.002, 0, 0
    starts = [Configuration(points, rng.permutation(PLACES.species()), PLACES.box_length) for _ in range(60)]
    made = chains(starts, temperature, PLACES)
    exact = Exact(made.states()[0]["positions"], PLACES)
    traces = made.exchange(1)[:, 0]
    for c, later, (i, j, ratio, accepted) in zip(starts, made.configurations(), traces, strict=True):
        i, j = int(i), int(j)
        a, b = c.species[i], c.species[j]
        new = c.species.copy()
        new[i], new[j] = b, a
        total = -(exact.total(new) - exact.total(c.species)) * 2.0**-20 / temperature
        forward = exact.logarithms(c.species, temperature, a, b)
        reverse = exact.logarithms(new, temperature, a, b)
        for sign, which, (p, q) in ((-1, forward, (i, j)), (1, reverse, (j, i))):
            for exponents, place in zip(which, (p, q), strict=True):
                kept = np.where(np.isinf(exponents), exponents, np.clip(exponents, -300, 300))
                total += sign * (kept[place] - np.logaddexp.reduce(kept))
                limited += abs(exponents[place]) > 300
        if abs(total) < 600:
            assert np.log(ratio) == pytest.approx(total, abs=1e-9)
        else:
            assert accepted == (total > 0)
        assert np.array_equal(later.species, new if accepted else c.species)
        moved += int(accepted)
    assert limited > 20
    assert moved > 5


def test_energies_and_their_fluctuations_are_those_of_the_native_sampler():
    """43 particles at T = 0.5; a fifth more T would show by far."""
    count, samples = 16, 200
    starts = melted(SMALL, count)

    def on_card(temperature):
        made = chains(starts, temperature, SMALL, seed=40)
        made.tune(200, 0.4)
        made.run(300)
        found = np.empty((samples, count))
        for k in range(samples):
            made.run(4)
            found[k] = made.energies * 43
        made.check_energies()
        return np.stack([found.mean(axis=0), found.var(axis=0)])

    def native():
        found = np.empty((samples, count))
        for n, c in enumerate(starts):
            chain = Chain(c, 0.5, n, SMALL, exchanges="informed")
            chain.tune(200, 0.4)
            chain.run(300)
            for k in range(samples):
                chain.run(4)
                found[k, n] = chain.energy * 43
        return np.stack([found.mean(axis=0), found.var(axis=0)])

    reference, found, warmer = native(), on_card(0.5), on_card(0.6)
    error = np.sqrt((reference.var(axis=1, ddof=1) + found.var(axis=1, ddof=1)) / count)
    assert np.all(np.abs(reference.mean(axis=1) - found.mean(axis=1)) < 4.5 * error)
    assert abs((warmer - reference).mean(axis=1)[0]) / error[0] > 6.0


# ----------------------------------------------------------------------------------------- exactness


@pytest.fixture(scope="module")
def liquids() -> list[Configuration]:
    """Three of 129 particles, in boxes of four cells per side."""
    return melted(KA2D.scaled(10), 3, 40)


def of(made: CudaChains) -> list[dict]:
    return [{name: values.tolist() for name, values in state.items()} for state in made.states()]


def test_running_energy_is_the_recomputed_one(liquids):
    mixture = KA2D.scaled(10)
    made = chains(liquids, 0.6, mixture)
    made.tune(40, 0.4)
    made.run(21)
    assert made.check_energies().max() < 2e-6
    for c, state, energy in zip(made.configurations(), made.states(), made.energies, strict=True):
        exact = Exact(state["positions"], mixture).total(c.species) * 2.0**-20
        assert round(energy * 129 * 2**20) * 2.0**-20 == exact
        assert energies.total_energy(c, mixture) == pytest.approx(exact, abs=2e-4)
    tried, moved, exchanges, exchanged = made.counters.T
    assert np.all(tried == 61 * 129)
    assert np.all(exchanges == 15 * made.exchanges_per_block)
    assert np.all((moved > 0.2 * tried) & (exchanged > 0.2 * exchanges))
    for before, after in zip(liquids, made.configurations(), strict=True):
        np.testing.assert_array_equal(np.sort(before.species), np.sort(after.species))
        # unwrapped: no particle has gone far, though many have left the box
        assert np.abs(before.positions - after.positions).max() < 3.0
    made.arrays["counters"][1, 6] += 1
    with pytest.raises(ValueError, match=r"chain 1: the running energy .* both must be equal"):
        made.check_energies()


def test_same_bits_in_any_group_and_however_cut(liquids):
    mixture = KA2D.scaled(10)
    together = chains(liquids, 0.6, mixture)
    together.tune(20, 0.4)
    together.run(11)
    alone = chains(liquids[1:2], 0.6, mixture, seed=2)
    alone.tune(20, 0.4)
    for sweeps in (1, 4, 6):
        alone.run(sweeps)
    assert of(together)[1] == of(alone)[0]
    later = chains(liquids, 2.0, mixture, seed=77)
    seeds = [np.random.SeedSequence(1 + k) for k in range(3)]
    later = CudaSampler(DEVICE).chains(SwapRequest(liquids, seeds, 0.6, mixture, {}))
    later.restore(together.states())
    for made in (together, later):
        made.run(9)
    assert of(together) == of(later)
    with pytest.raises(ValueError, match="saved positions has shape"):
        chains(melted(SMALL, 3, 10), 0.6, SMALL).restore(together.states())


def test_order_of_threads_does_not_matter(liquids, monkeypatch):
    mixture = KA2D.scaled(10)

    class Backwards(EmulatedDevice):
        def kernels(self, source, defines):
            return super().kernels(source, {**defines, "TG_BACKWARDS": 1})

    found = []
    for device in (DEVICE, Backwards()):
        made = chains(liquids[:1], 0.6, mixture, device=device)
        made.tune(10, 0.4)
        made.run(10)
        found.append(of(made))
    assert found[0] == found[1]


# -------------------------------------------------------------------------------------------- limits


def test_what_does_not_fit_is_refused(liquids):
    mixture = KA2D.scaled(10)
    with pytest.raises(ValueError, match="engine 'cuda' offers informed exchanges, found exchanges 'plain'"):
        chains(liquids, 0.6, mixture, exchanges="plain")
    with pytest.raises(ValueError, match="unknown options of swap Monte Carlo: cutoff"):
        chains(liquids, 0.6, mixture, cutoff=2)
    with pytest.raises(ValueError, match="temperature must be a positive number, found -1"):
        chains(liquids, -1.0, mixture)
    with pytest.raises(ValueError, match=r"equal boxes and numbers of particles, found 43 in .* and 129 in"):
        chains([liquids[0], melted(SMALL, 1, 10)[0]], 0.6, mixture)

    class Little(EmulatedDevice):
        shared_limit = 2000

    with pytest.raises(
        ValueError,
        match=rf"129 particles needs \d+ bytes .* has 2000 .* at most about {2000 // 14} particles",
    ):
        chains(liquids, 0.6, mixture, device=Little())
    assert 15_000 < largest_system(EmulatedDevice.shared_limit) < 20_000


def test_rate_is_counted(liquids):
    found = attempts_per_second(liquids, 0.6, KA2D.scaled(10), sweeps=8, on=DEVICE)
    assert found["attempts_per_second"] == pytest.approx(8 * 129 * 3 / found["seconds"])
    assert found["structures"] == 3
    assert 0.1 < found["acceptance"] < 0.9
    assert 0.1 < found["exchange_acceptance"] <= 1.0
