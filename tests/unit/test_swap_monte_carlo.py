"""Swap Monte Carlo: bookkeeping, seeds, blocks, resuming, refusals. Its physics is in tests/physics."""

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, swap_monte_carlo
from tglassmlp.simulation import swap_monte_carlo as module
from tglassmlp.simulation.kernels import total_energy
from tglassmlp.simulation.swap_monte_carlo import Chain


@pytest.fixture(scope="module")
def wide(liquid):
    """2064 particles, wide enough to be swept in 4 x 4 blocks of a third of the usual size."""
    return liquid.tiled(4)


def same(a, b):
    for name, values in a.state().items():
        np.testing.assert_array_equal(values, b.state()[name], err_msg=name)


def test_energy_is_kept_exactly_through_moves_swaps_and_list_rebuilds(liquid):
    chain = Chain(liquid, 0.8, 1, skin=0.3, swap_fraction=0.3)
    chain.run(300)
    tried, moved, swap_tried, swapped, rebuilds = chain.counters
    assert tried + swap_tried == 300 * 129
    assert swap_tried == pytest.approx(0.3 * 300 * 129, rel=0.03)
    assert 0 < moved < tried
    assert 20 < swapped < swap_tried
    assert rebuilds > 20
    assert chain.check_energy() < 1e-11
    c = chain.configuration()
    assert chain.energy * 129 == pytest.approx(total_energy(c), abs=1e-9)
    np.testing.assert_array_equal(np.bincount(c.species), np.bincount(liquid.species))
    # particles keep their numbers: a few sweeps move each of them only a little
    few = Chain(liquid, 0.8, 1)
    few.run(3)
    assert 0 < np.abs(few.configuration().positions - liquid.positions).max() < 0.6


def test_wrong_bookkeeping_is_noticed(liquid):
    chain = Chain(liquid, 0.8, 1)
    state = chain.state()
    state["running"][0] += 1e-4
    chain.restore(state)
    with pytest.raises(ValueError, match="running energy"):
        chain.check_energy()


def test_seed_decides_the_run(liquid):
    a, b, other = (swap_monte_carlo(liquid, 0.6, 20, seed)[0] for seed in (4, 4, 5))
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_array_equal(a.species, b.species)
    assert not np.array_equal(a.positions, other.positions)
    sequence, _ = swap_monte_carlo(liquid, 0.6, 20, np.random.SeedSequence(4))
    np.testing.assert_array_equal(a.positions, sequence.positions)


def test_cutting_a_run_changes_nothing(liquid):
    whole, parts = Chain(liquid, 0.6, 8), Chain(liquid, 0.6, 8)
    whole.run(60)
    for sweeps in (1, 7, 30, 22):
        parts.run(sweeps)
    same(whole, parts)


@pytest.mark.parametrize("block", [30.0, 10.0])
def test_saved_state_goes_on_bit_for_bit(wide, monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    chain, other = Chain(wide, 0.6, 8), Chain(wide, 0.6, 1)
    chain.tune(20, 0.4)
    chain.run(10)
    other.restore(chain.state())
    for c in (chain, other):
        c.run(20)
    same(chain, other)
    assert chain.counters[-1] > 1
    with pytest.raises(ValueError, match="saved x has shape"):
        other.restore({**chain.state(), "x": np.zeros(3)})


def test_list_thickness_changes_only_rounding(liquid):
    # from the same random numbers, few enough moves not to amplify rounding
    chains = [Chain(liquid, 0.6, 8, skin=skin) for skin in (0.25, 0.9)]
    for chain in chains:
        chain.displacement = 0.1
        chain.run(6)
    assert chains[0].counters[-1] > chains[1].counters[-1] == 0
    # sorting renumbers particles, so the runs differ; each must still keep its own energy
    assert all(c.check_energy() < 1e-11 for c in chains)


def test_blocks_keep_their_particles(wide, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 10.0)
    chain = Chain(wide, 0.6, 3)
    before = chain.configuration()
    chain.run(50)
    after = chain.configuration()
    assert chain.check_energy() < 1e-11
    np.testing.assert_array_equal(np.bincount(after.species), np.bincount(before.species))
    tried, _, swap_tried, *_ = chain.counters
    assert tried + swap_tried == 50 * wide.n_particles
    whole = Chain(wide, 0.6, 3)
    monkeypatch.setattr(module, "BLOCK", 1e9)
    whole.run(50)
    a, b = chain.counters, whole.counters
    assert a[1] / a[0] == pytest.approx(b[1] / b[0], abs=0.02)
    assert a[3] / a[2] == pytest.approx(b[3] / b[2], abs=0.005)


def test_tuning_reaches_the_target_and_stops(liquid):
    chain = Chain(liquid, 0.6, 3, displacement=0.02)
    chain.tune(300, 0.4)
    tuned, before = chain.displacement, chain.counters
    chain.run(200)
    tried, moved = (chain.counters - before)[:2]
    assert moved / tried == pytest.approx(0.4, abs=0.03)
    assert chain.displacement == tuned


def test_statistics_describe_the_run(liquid):
    c, found = swap_monte_carlo(liquid, 0.6, 40, seed=1, records=4, tuning_sweeps=8)
    assert found.sweeps.tolist() == [16, 24, 32, 40]
    assert found.energies[-1] == pytest.approx(total_energy(c) / c.n_particles, abs=1e-10)
    assert 0.3 < found.displacement_acceptance < 0.5
    assert 0.0 < found.swap_acceptance < 0.2
    assert found.energy_drift < 1e-11
    assert found.moves_per_second > 0
    _, still = swap_monte_carlo(liquid, 0.6, 4, seed=1, swap_fraction=0.0)
    assert np.isnan(still.swap_acceptance)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature must be a positive number, found 0"),
        ({"temperature": -1.0}, "temperature must be"),
        ({"temperature": np.nan}, "temperature must be"),
        ({"sweeps": 0}, "sweeps must be a whole number of at least 1, found 0"),
        ({"sweeps": 1.5}, "sweeps must be"),
        ({"swap_fraction": 1.0}, "swap_fraction must lie in"),
        ({"target_acceptance": 1.0}, "target_acceptance"),
        ({"records": 0}, "records"),
        ({"tuning_sweeps": 11}, r"tuning_sweeps must lie in 0\.\.10"),
        ({"displacement": -0.1}, "displacement must be"),
    ],
)
def test_bad_requests_are_refused(liquid, settings, message):
    with pytest.raises(ValueError, match=message):
        swap_monte_carlo(liquid, **{"temperature": 0.6, "sweeps": 10, "seed": 1, **settings})


def test_bad_starts_are_refused(liquid):
    positions = liquid.positions.copy()
    positions[7] = positions[3] + 0.1
    with pytest.raises(ValueError, match="overlap"):
        swap_monte_carlo(liquid.with_positions(positions), 0.6, 10, seed=1)
    with pytest.raises(ValueError, match=r"species must lie in 1\.\.3"):
        swap_monte_carlo(Configuration([[0, 0], [1, 0]], [1, 4], 10.0), 0.6, 10, seed=1)
    with pytest.raises(ValueError, match="box_length"):
        swap_monte_carlo(Configuration([[0, 0], [1, 0]], [1, 2], 4.0), 0.6, 10, seed=1)
    with pytest.raises(ValueError, match="at least two species"):
        swap_monte_carlo(Configuration([[0, 0], [1, 0]], [1, 1], 10.0), 0.6, 10, seed=1)


def test_exchanges_of_weight_zero_are_not_tried(liquid):
    """Only 1-3 is left, and is tried as often as all pairs together are without weights."""
    weights = {"1-2": 0.0, "1-3": 1.0, "2-3": 1e-9}
    chain = Chain(liquid, 5.0, 1, KA2D.scaled(10), 0.5, exchange_weights=weights)
    before = chain.configuration().species
    chain.run(200)
    after = chain.configuration().species
    np.testing.assert_array_equal(np.flatnonzero(before == 2), np.flatnonzero(after == 2))
    assert np.any((before == 1) & (after == 3))
    plain = Chain(liquid, 5.0, 1, KA2D.scaled(10), 0.5)
    plain.run(200)
    assert chain.counters[2] == pytest.approx(plain.counters[2], rel=0.05)
    assert np.any((before == 1) & (plain.configuration().species == 2))


def test_weights_of_one_change_nothing(liquid):
    plain, weighted = (
        Chain(liquid, 0.6, 1, KA2D.scaled(10), exchange_weights=w)
        for w in (None, {"1-2": 0.5, "1-3": 0.5, "2-3": 0.5})
    )
    for chain in (plain, weighted):
        chain.run(20)
    np.testing.assert_array_equal(plain.configuration().positions, weighted.configuration().positions)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"1-4": 0.5}, "species 1 <= a < b <= 3"),
        ({"2-1": 0.5}, "species 1 <= a < b <= 3"),
        ({"12": 0.5}, "species 1 <= a < b <= 3"),
        ({"1-2": 1.5}, r"\[0, 1\], found 1\.5"),
        ({"1-2": float("nan")}, r"\[0, 1\]"),
        ({"1-2": 0.0, "2-3": 0.0}, "no chain of exchanges"),
    ],
)
def test_unusable_weights_are_refused(liquid, weights, message):
    with pytest.raises(ValueError, match=message):
        Chain(liquid, 0.6, 1, KA2D.scaled(10), exchange_weights=weights)
