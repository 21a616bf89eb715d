"""Swap Monte Carlo: bookkeeping, seeds, blocks, resuming, refusals. Its physics is in tests/physics."""

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, swap_monte_carlo
from tglassmlp.mixture import Mixture
from tglassmlp.simulation.energies import total_energy
from tglassmlp.simulation.swap import chain as module
from tglassmlp.simulation.swap.chain import Chain
from tglassmlp.simulation.swap.moves import GLOBAL_SHARE
from tglassmlp.simulation.swap.single_precision import MARGIN


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
    """From one state and the same random numbers, until the thinner list is renewed, particles renumbered."""
    thin, thick = (Chain(liquid, 0.6, 8, skin=skin) for skin in (0.4, 0.9))
    for chain in (thin, thick):
        chain.displacement = 0.02
    thin.run(100)
    compared = 0
    for _ in range(3):
        thick.restore(thin.state())
        renewed = thin.counters[-1]
        while True:
            for chain in (thin, thick):
                chain.run(1)
            if thin.counters[-1] > renewed:
                break
            a, b = thin.configuration(), thick.configuration()
            np.testing.assert_array_equal(a.positions, b.positions)
            np.testing.assert_array_equal(a.species, b.species)
            assert thin.energy == pytest.approx(thick.energy, abs=1e-12)
            assert thin.check_energy() < 1e-11
            compared += 1
        assert thick.counters[-1] == renewed
    assert compared > 10
    assert thin.counters[-1] >= 3


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


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_equal_weights_change_nothing(liquid, weight):
    """Weights are relative: all of one half are all of one."""
    plain, weighted = (
        Chain(liquid, 0.6, 1, KA2D.scaled(10), exchange_weights=w)
        for w in (None, dict.fromkeys(("1-2", "1-3", "2-3"), weight))
    )
    for chain in (plain, weighted):
        chain.run(20)
    np.testing.assert_array_equal(plain.configuration().positions, weighted.configuration().positions)
    np.testing.assert_array_equal(plain.configuration().species, weighted.configuration().species)


def gas(n, side, exchange=0.0, **options):
    """Particles on a square lattice too wide for them to feel each other: every attempt is accepted."""
    at = np.arange(int(np.ceil(np.sqrt(n)))) * 50.0
    grid = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)[:n]
    species = np.arange(n) % 3 + 1 if exchange else np.ones(n, int)
    return Chain(Configuration(grid, species, 50.0 * len(at)), 0.5, 2, KA2D, exchange, side, **options)


def test_displacements_are_uniform_in_a_square_of_the_given_side(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 1e9)
    chain = gas(9, 0.3)
    before = chain.configuration().positions
    moves = []
    # one particle is drawn 0, 1, 2 ... times in a sweep of 9 attempts: sums of so many vectors
    for _ in range(3000):
        chain.run(1)
        after = chain.configuration().positions
        moves.append(after - before)
        before = after
    moves = np.array(moves)
    tried, moved = chain.counters[:2]
    assert tried == moved == 27_000
    # each attempt adds side^2 / 12 to the variance of both components, and nothing to their mean
    np.testing.assert_allclose((moves**2).sum(axis=(0, 1)) / tried, 0.3**2 / 12, rtol=0.03)
    np.testing.assert_allclose(moves.sum(axis=(0, 1)) / tried, 0.0, atol=4 * 0.3 / np.sqrt(12 * tried))
    assert abs(np.mean(moves[..., 0] * moves[..., 1])) < 0.03 * 0.3**2 / 12
    # every particle has the same share
    share = (moves**2).sum(axis=(0, 2))
    np.testing.assert_allclose(share / share.mean(), 1.0, atol=0.15)
    # the shape: half the side at most, and of a particle moved once (the others are still) a flat density
    single = np.abs(moves[(moves != 0).any(axis=-1)])
    assert np.sum(single > 0.15) / len(single) < 0.4
    assert single.max() > 0.149


def test_shares_of_displacements_and_exchanges(monkeypatch):
    """A share of 0.02 of attempts are exchanges, pairs of species drawn as weight times numbers say."""
    monkeypatch.setattr(module, "BLOCK", 1e9)
    n = 36  # 12 of each species
    chain = gas(n, 0.1, 0.02, exchange_weights={"1-2": 1.0, "1-3": 0.5, "2-3": 0.25})
    seen = {(1, 2): 0, (1, 3): 0, (2, 3): 0}
    before, sweeps = chain.configuration().species, 6000
    for _ in range(sweeps):
        chain.run(1)
        after = chain.configuration().species
        changed = np.flatnonzero(before != after)
        if changed.size == 2:
            assert after[changed[0]] == before[changed[1]]
            seen[tuple(sorted(before[changed].tolist()))] += 1
        before = after
    tried, _, swap_tried, swapped, _ = chain.counters
    assert tried + swap_tried == n * sweeps
    assert swap_tried == swapped
    assert swap_tried / (n * sweeps) == pytest.approx(0.02, abs=4 * np.sqrt(0.02 / (n * sweeps)))
    counts = np.array(list(seen.values()))
    share = np.array([1.0, 0.5, 0.25]) / 1.75
    error = np.sqrt(share * (1 - share) / counts.sum())
    assert np.all(np.abs(counts / counts.sum() - share) < 4 * error)


def test_share_of_exchanges_in_the_whole_system():
    """Blocks that hold one particle each: only what is tried between any two particles can be exchanged."""
    chain = gas(36, 0.1, 0.9)
    chain.run(1000)
    _, _, tried, swapped, _ = chain.counters
    share = GLOBAL_SHARE
    assert share == 1 / 16
    assert swapped / tried == pytest.approx(share, abs=4 * np.sqrt(share / tried))


def test_displacement_fits_the_list():
    """A trial position a corner of the square away lies within half a skin of where the list was made."""
    for skin in (0.3, 0.5, 1.0):
        chain = gas(4, 10.0, skin=skin)
        assert 0.95 * 0.5 * skin < np.sqrt(0.5) * chain.displacement <= 0.5 * skin
        chain.displacement = 0.01
        assert chain.displacement == 0.01


def uncovered(begin, end, period):
    """Whether some point of a circle lies in none of the intervals from begin to end (short ones)."""
    low, high = np.minimum(begin, end), np.maximum(begin, end)
    shift = low - low % period
    low, high = low - shift, high - shift
    order = np.argsort(low)
    reach = np.maximum.accumulate(np.concatenate([[(high - period).max()], high[order]]))
    return bool(np.any(low[order] > reach[:-1] + 1e-12)) or reach[-1] < period


@pytest.mark.parametrize("sweeps", [3, 4])
def test_nobody_leaves_a_block_in_any_direction(wide, monkeypatch, sweeps):
    """Blocks lie on a common grid: during a visit no particle crosses its lines, which a plain run covers."""
    crossed = []
    for limit in (8.0, 1e9):
        monkeypatch.setattr(module, "BLOCK", limit)
        chain = Chain(wide, 5.0, 3, displacement=0.35)
        for _ in range(3):
            before = chain.configuration().positions
            chain.run(sweeps)
            after = chain.configuration().positions
            side = wide.box_length / 5
            crossed.append([not uncovered(before[:, axis], after[:, axis], side) for axis in (0, 1)])
    assert crossed == [[False, False]] * 3 + [[True, True]] * 3


def test_points_of_the_record(liquid):
    _, found = swap_monte_carlo(liquid, 0.6, 40, seed=1, records=3)
    assert found.sweeps.tolist() == [20, 30, 40]  # a quarter is tuned
    _, found = swap_monte_carlo(liquid, 0.6, 40, seed=1, records=1, tuning_sweeps=0, displacement=0.1)
    assert found.sweeps.tolist() == [40]
    assert found.displacement == 0.1
    chain = Chain(liquid, 0.6, 1, displacement=0.1)
    chain.run(40)
    assert found.energies[0] == chain.energy
    tried, moved, swap_tried, swapped, _ = chain.counters
    assert found.displacement_acceptance == moved / tried
    assert found.swap_acceptance == swapped / swap_tried


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


def test_mismatch_of_the_running_energy_that_is_allowed(liquid, monkeypatch):
    """1e-8 per particle, or of the energy per particle where that is more than one."""
    monkeypatch.setattr(module, "BLOCK", 1e9)
    dense = Chain(liquid, 0.6, 1)
    assert 1.5 < abs(dense.energy) < 3.5
    for chain, allowed in ((gas(9, 0.1), 1e-8), (dense, 1e-8 * abs(dense.energy))):
        exact = chain._tally.running[0]
        for sign in (1, -1):
            chain._tally.running[0] = exact + sign * 0.97 * allowed * chain.n_particles
            assert chain.check_energy() == pytest.approx(0.97 * allowed, rel=1e-3)
            chain._tally.running[0] = exact + sign * 1.03 * allowed * chain.n_particles
            with pytest.raises(ValueError, match="running energy"):
                chain.check_energy()


# --------------------------------------------------------------------------------- informed exchanges


def test_informed_exchanges_come_at_their_interval(liquid):
    """Every third sweep, a share of the particles; all attempts of a sweep are displacements."""
    chain = Chain(
        liquid, 0.6, 1, exchanges="informed", exchanges_per_sweep=0.1, exchange_interval=3, swap_fraction=0.5
    )
    found = []
    for _ in range(9):
        chain.run(1)
        found.append(int(chain.counters[2]))
    block = round(0.1 * 129 * 3)
    assert found == [0, 0, block, block, block, 2 * block, 2 * block, 2 * block, 3 * block]
    assert chain.counters[0] == 9 * 129
    assert chain.pair_counts[0].sum() == 3 * block
    few = Chain(liquid, 0.6, 1, exchanges="informed", exchanges_per_sweep=1e-6)
    few.run(4)
    assert few.counters[2] == 1


def test_informed_exchanges_keep_composition_energy_and_the_list(liquid):
    chain = Chain(liquid, 0.3, 1, exchanges="informed")
    before = chain.configuration()
    chain.run(200)
    tried, _, swap_tried, swapped, rebuilds = chain.counters
    assert tried == 200 * 129
    assert 0.1 * swap_tried < swapped < swap_tried
    assert rebuilds > 2
    assert chain.check_energy() < 1e-11
    after = chain.configuration()
    np.testing.assert_array_equal(np.bincount(after.species), np.bincount(before.species))
    assert np.count_nonzero(after.species != before.species) > 20
    # entries of the neighbour list carry the species of today
    near = chain._neighbours
    entries = [near.rows[i, : near.counts[i]] for i in range(129)]
    for row in entries:
        np.testing.assert_array_equal(row & 7, chain.sorted_configuration().species[row >> 3] - 1)
    accepted, pairs = chain.pair_acceptance(), chain.pair_counts
    assert set(accepted) == {"1-2", "1-3", "2-3"}
    assert accepted["1-3"] == pairs[1, 0, 2] / pairs[0, 0, 2] > 0.2
    assert pairs.sum(axis=(1, 2)).tolist() == [swap_tried, swapped]


def test_species_pairs_are_drawn_as_numbers_and_weights_say(liquid):
    """The same shares for informed exchanges as for plain ones."""
    weights = {"1-2": 0.5, "1-3": 1.0, "2-3": 0.25}
    informed = Chain(liquid, 0.6, 1, exchanges="informed", exchange_weights=weights)
    for _ in range(4000):
        informed.exchange(1)
    n = np.array([60, 33, 36])
    share = np.array([0.5 * n[0] * n[1], n[0] * n[2], 0.25 * n[1] * n[2]])
    share /= share.sum()
    error = np.sqrt(share * (1 - share) / 4000)
    upper = np.triu_indices(3, 1)
    assert np.all(np.abs(informed.pair_counts[0][upper] / 4000 - share) < 4 * error)
    plain = Chain(liquid, 0.6, 1, exchange_weights=weights, swap_fraction=0.5)
    plain.run(100)
    tried = plain.pair_counts[0][upper]
    assert np.all(np.abs(tried / tried.sum() - share) < 4 * error * np.sqrt(4000 / tried.sum()))
    assert plain.pair_counts.sum(axis=(1, 2)).tolist() == plain.counters[2:4].tolist()


@pytest.mark.parametrize("block", [30.0, 10.0])
def test_informed_chain_goes_on_bit_for_bit(wide, monkeypatch, block):
    """Saved between two blocks of exchanges, and in the middle of an interval."""
    monkeypatch.setattr(module, "BLOCK", block)
    chain, other = (Chain(wide, 0.6, seed, exchanges="informed") for seed in (8, 1))
    chain.tune(20, 0.4)
    for sweeps in (8, 3):
        chain.run(sweeps)
        other.restore(chain.state())
        assert int(other.state()["phase"][0]) == {8: 0, 3: 3}[sweeps]
        for c in (chain, other):
            c.run(13)
            c.restore(c.state())
        same(chain, other)
        for c in (chain, other):
            c.run(4 - int(c.state()["phase"][0]))
    assert chain.counters[-1] > 0
    assert chain.check_energy() < 1e-11


def test_cutting_an_informed_run_changes_nothing(liquid):
    whole, parts = (Chain(liquid, 0.6, 8, exchanges="informed", exchange_interval=5) for _ in range(2))
    whole.run(60)
    for sweeps in (1, 7, 30, 22):
        parts.run(sweeps)
    same(whole, parts)


def test_informed_exchanges_reach_across_a_large_system(wide, monkeypatch):
    """Pairs are drawn from the whole system, though displacements stay within blocks; any two may meet."""
    monkeypatch.setattr(module, "BLOCK", 10.0)
    chain = Chain(wide, 0.6, 3, exchanges="informed")
    distances = []
    for _ in range(10):
        chain.run(1)
        trace = np.empty((30, 4))
        x, y = chain.sorted_configuration().positions.T
        chain.exchange(30, trace)
        i, j = trace[trace[:, 3] > 0, :2].astype(int).T
        separation = np.stack([x[i] - x[j], y[i] - y[j]])
        separation -= wide.box_length * np.rint(separation / wide.box_length)
        distances += np.hypot(*separation).tolist()
    assert chain.check_energy() < 1e-11
    assert len(distances) > 150
    # half the pairs of a square lie further apart than .4 of its side
    assert np.mean(np.array(distances) > 0.4 * wide.box_length) == pytest.approx(0.5, abs=0.15)
    np.testing.assert_array_equal(np.bincount(chain.configuration().species), np.bincount(wide.species))


def test_statistics_of_informed_exchanges(liquid):
    _, found = swap_monte_carlo(liquid, 0.6, 40, seed=1, exchanges="informed", exchange_weights={"1-2": 0.0})
    assert set(found.pair_acceptance) == {"1-3", "2-3"}
    assert 0.5 < found.swap_acceptance < 1.0
    assert found.energy_drift < 1e-11


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exchanges": "blind"}, "exchanges must be informed or plain, found 'blind'"),
        ({"exchanges": "informed", "exchanges_per_sweep": 0.0}, "exchanges_per_sweep must be a positive"),
        ({"exchanges": "informed", "exchange_interval": 1.5}, "exchange_interval must be a whole number"),
        ({"exchanges": "informed", "exchange_interval": 0}, "exchange_interval must be a whole number"),
    ],
)
def test_bad_requests_of_exchanges_are_refused(liquid, settings, message):
    with pytest.raises(ValueError, match=message):
        swap_monte_carlo(liquid, **{"temperature": 0.6, "sweeps": 10, "seed": 1, **settings})
    one = Configuration([[0, 0], [1, 0]], [1, 1], 10.0)
    with pytest.raises(ValueError, match="informed exchanges need at least two species"):
        Chain(one, 0.6, 1, exchanges="informed", swap_fraction=0.0)


# ------------------------------------------------------------------- displacements in single precision


@pytest.mark.parametrize(("temperature", "start", "block"), [(0.3, "liquid", 30.0), (2.0, "lattice", 30.0),
                                                             (0.6, "wide", 10.0)])  # fmt: skip
def test_every_decision_is_that_of_double_precision(request, monkeypatch, temperature, start, block):
    """With an infinite margin all energies are of double precision: the same path, bit for bit."""
    monkeypatch.setattr(module, "BLOCK", block)
    begin = request.getfixturevalue(start)
    single, double = (
        Chain(begin, temperature, 3, exchanges="informed", margin=m) for m in (MARGIN, (np.inf, 0.0))
    )
    sweeps = 20 if start == "wide" else 400
    for chain in (single, double):
        chain.run(sweeps)
    attempts = sweeps * begin.n_particles
    if start != "wide":  # there moves out of a block are refused without a look at energies
        assert double._tally.sums[2] == attempts
    assert 0 < single._tally.sums[2] < 0.005 * attempts
    # what the path was decided with is right to a part of the margin
    assert abs(single._tally.sums[0] - double._tally.sums[0]) < 5e-8 * attempts
    same(single, double)
    assert single.check_energy() < 1e-11


def test_sums_of_single_precision_are_held_against_the_energy(liquid):
    chain = Chain(liquid, 0.6, 3, exchanges="informed")
    chain.run(10)
    chain._tally.sums[0] += 0.01
    with pytest.raises(ValueError, match=r"displacements change the energy to .* difference"):
        _ = chain.energy


def test_energies_do_not_depend_on_when_they_are_read(liquid):
    often, once = (Chain(liquid, 0.6, 3, exchanges="informed") for _ in range(2))
    for _ in range(30):
        often.run(1)
        assert np.isfinite(often.energy)
    once.run(30)
    assert often.energy == once.energy
    same(often, once)


@pytest.mark.parametrize("composition", [(30, 20), (20, 12, 10, 8)])
def test_informed_scheme_of_two_and_of_four_species(composition):
    """The polynomials in the species go through all values there are."""
    n = len(composition)
    rng = np.random.default_rng(n)
    sigma, epsilon = (np.round(low + 0.2 * rng.uniform(size=(n, n)), 3) for low in (0.8, 0.6))
    sigma, epsilon = ((m + m.T) / 2 for m in (sigma, epsilon))
    mixture = Mixture("many", sigma.tolist(), epsilon.tolist(), composition, 8.0)
    side = np.arange(8.0)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)[: sum(composition)]
    start = Configuration(grid, rng.permutation(mixture.species()), 8.0)
    single, double = (
        Chain(start, 0.5, 3, mixture, exchanges="informed", margin=m) for m in (MARGIN, (np.inf, 0.0))
    )
    for chain in (single, double):
        chain.run(300)
    assert single._tally.sums[2] < 0.01 * 300 * 50
    same(single, double)
    assert len(single.pair_acceptance()) == n * (n - 1) // 2
    assert single.check_energy() < 1e-11
