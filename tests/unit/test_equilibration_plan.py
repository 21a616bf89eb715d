"""What an equilibration does step by step, and its checks against the same statistics computed otherwise."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tglassmlp import KA2D, Configuration, engines, inherent_structure
from tglassmlp.equilibration.checks import check_large_systems, check_temperature
from tglassmlp.equilibration.heat_capacity import check_heat_capacity
from tglassmlp.equilibration.order import bond_orientational_order, radial_distributions
from tglassmlp.equilibration.overlap import chance_overlap, overlap, random_overlap, tile_overlap
from tglassmlp.equilibration.record import COLUMNS, autocorrelation_time
from tglassmlp.equilibration.schedule import INHERENT_POINTS, attempts, structure_plan
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.equilibration.structures import equilibrate_large_system, equilibrate_structure
from tglassmlp.simulation.energies import total_energy
from tglassmlp.simulation.swap.sampler import Chains, NativeSampler

SMALL = KA2D.scaled(10)
SETTINGS = EquilibrationSettings(record_points=8)


@pytest.fixture
def diary():
    """What an engine "watched" is asked for: temperature, sweeps, whether tuned, and what came of it."""
    entries = []

    class Watched(Chains):
        def run(self, sweeps):
            super().run(sweeps)
            self.note(sweeps, False)

        def tune(self, sweeps, target):
            super().tune(sweeps, target)
            self.note(sweeps, True)

        def note(self, sweeps, tuned):
            (energy,), (counters,), (c,) = self.energies, self.counters, self.configurations()
            entries.append((self.temperature, sweeps, tuned, energy, counters, c))

    class Sampler(NativeSampler):
        def chains(self, request):
            return Watched(super().chains(request).members)

    capabilities = replace(engines.engine("native").capabilities, largest_swap_batch=1)
    engines.register(engines.Engine("watched", "a watched engine", capabilities, swap=Sampler()))
    yield entries
    engines.unregister("watched")


def stages(diary):
    """Temperature and sweeps of each stage, one after the other."""
    found = []
    for temperature, sweeps, *_ in diary:
        if found and found[-1][0] == temperature:
            found[-1][1] += sweeps
        else:
            found.append([temperature, sweeps])
    return found


def state_before_the_last(diary, sweeps):
    """Configuration ``sweeps`` sweeps before the end."""
    left = sum(entry[1] for entry in diary) - sweeps
    for entry in diary:
        left -= entry[1]
        if left == 0:
            return entry[-1]
    raise AssertionError("no step ends there")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(2, [[2.0, 200], [0.8, 400]]), (3, [[2.0, 200], [pytest.approx(0.85 * 0.8), 200], [0.8, 200]])],
)
def test_a_structure_is_made_as_described(diary, number, expected):
    c, record = equilibrate_structure(0.8, number, 200, 7, SETTINGS, SMALL, engine="watched")
    assert stages(diary) == expected
    assert sum(entry[1] for entry in diary) * 129 == attempts(200, 129)
    # the displacement is tuned in the melt and in the first quarter of the sweeps at a temperature only
    tuned = {}
    for temperature, sweeps, was_tuned, *_ in diary:
        tuned[temperature] = tuned.get(temperature, 0) + sweeps * was_tuned
    assert list(tuned.values()) == [200, *([50] * (len(expected) - 1))]
    assert record.sweep[record.measured].tolist() == [record.sweep.iloc[-1] - k for k in (75, 50, 25, 0)]
    # overlap with the state S sweeps before, which for a heated structure came from the lower temperature
    before = state_before_the_last(diary, 200)
    assert record.overlap.iloc[-1] == overlap(before, c)
    later = state_before_the_last(diary, 100)
    assert overlap(later, c) != overlap(before, c)
    # the last point of the record: 20 energies of 25 sweeps
    energies = np.array([entry[3] for entry in diary])
    assert record.energy.iloc[-1] == pytest.approx(energies[-20:].mean(), abs=1e-12)
    assert record.energy_variance.iloc[-1] == pytest.approx(energies[-20:].var(), rel=1e-9)
    assert record.autocorrelation.iloc[-1] == pytest.approx(autocorrelation_time(energies[-80:]) * 100 / 80)
    inherent = total_energy(inherent_structure(c)) / 129
    assert record.inherent_energy.iloc[-1] == pytest.approx(inherent, abs=1e-5)
    # a heated structure's stay at the lower temperature is recorded alike, at sweeps counted back from zero
    below = record.sweep <= 0
    for part in (record[~below], *([record[below]] if number == 3 else [])):
        assert np.isfinite(part.inherent_energy).sum() == INHERENT_POINTS
    assert below.any() == (number == 3)
    tried, moved, swap_tried, swapped, _ = diary[-1][4] - diary[-21][4]
    assert record.displacement_acceptance.iloc[-1] == pytest.approx(moved / tried)
    assert record.swap_acceptance.iloc[-1] == pytest.approx(swapped / swap_tried)


def test_points_of_the_approach_are_log_spaced():
    _, record = equilibrate_structure(0.8, 0, 400, 7, EquilibrationSettings(record_points=10), SMALL)
    early = record.sweep[~record.measured.astype(bool)].to_numpy(float)
    assert early[0] == 10
    assert early[-1] == 600
    ratios = early[1:] / early[:-1]
    np.testing.assert_allclose(ratios, (600 / 10) ** (1 / 4), rtol=0.03)


def test_a_large_system_is_made_as_described(diary, liquid):
    c, record = equilibrate_large_system(liquid, 0.8, 0, 40, 2, 7, SETTINGS, SMALL, engine="watched")
    assert stages(diary) == [[0.8, 40]]
    assert sum(entry[1] for entry in diary) * 4 * 129 == attempts(40, 4 * 129, "tiled")
    assert record.sweep.iloc[-1] == 40
    assert record.measured.tolist() == [s > 20 for s in record.sweep]
    assert record.overlap.iloc[-1] == tile_overlap(c, 2)
    assert record.inherent_energy.isna().all()


# --------------------------------------------------------------------------------- starts and overlaps


def test_a_lattice_start_stands_on_a_lattice():
    c = lattice_start(SMALL, np.random.SeedSequence(1))
    site = c.positions / (SMALL.box_length / 12)
    np.testing.assert_allclose(site, np.round(site), atol=1e-9)
    assert set(np.round(site).astype(int).ravel().tolist()) == set(range(12))


def test_overlap_reaches_as_far_as_it_says():
    a = Configuration([[0, 0], [5, 5]], [1, 1], 10.0)
    for distance, expected in ((0.29, 1.0), (0.31, 0.0)):
        # opposite moves: the centre of mass stays
        moved = a.with_positions(a.positions + distance * np.array([[1, 0], [-1, 0]]))
        assert overlap(a, moved) == expected
    # of two particles near one place each counts for itself: 2 of a lie near 1 of b, 1 of b's 2 near one of a
    pair = Configuration([[0, 0], [0.2, 0], [5, 5]], [1, 1, 1], 10.0)
    moved = pair.with_positions([[0.1, 0], [2.55, 2.5], [2.55, 2.5]])
    assert overlap(pair, moved) == pytest.approx(2 / 3)


def test_random_overlap_by_hand():
    c = Configuration([[0, 0], [2, 0], [4, 0], [6, 0]], [1, 1, 1, 2], 10.0)
    circle = np.pi * 0.3**2 / 100
    assert random_overlap(c) == pytest.approx((3 * 3 * circle + 1 * 1 * circle) / 4)


def test_overlap_of_tiles_by_hand():
    # one particle of each species in each of 2 x 2 tiles of side 5, at the same place in all but the last
    tiles = np.array([[0, 0], [5, 0], [0, 5], [5, 5]])
    first = tiles + np.array([0.05, 1.0])
    # 0.1 away across the border of the tile
    first[1] += [4.9, 0.0]
    second = tiles + np.array([3.0, 3.0])
    second[3] += [1.0, 0.0]
    c = Configuration(np.concatenate([first, second]), [1] * 4 + [2] * 4, 10.0)
    # of 8 ordered pairs of neighbours 4 have the last tile, where species 2 is elsewhere
    assert tile_overlap(c, 2) == pytest.approx(1 - 0.5 * 0.5)


# ------------------------------------------------------------------------------------------- the checks


def records_of(energies, variances=None, sweeps=(1000, 1500, 2000), **columns):
    """Records of measured points; quenched and heated structures take turns."""
    tables = []
    for k, row in enumerate(energies):
        table = {
            "structure": k,
            "start": ("quenched", "heated")[k % 2],
            "sweep": list(sweeps)[: len(row)],
            "measured": True,
            "energy": row,
            "energy_variance": 0.0 if variances is None else variances[k],
        }
        usual = {"inherent_energy": np.nan, "displacement_acceptance": 0.4, "swap_acceptance": 0.01}
        tables.append(pd.DataFrame({**table, **usual, "overlap": 0.3, "autocorrelation": 20.0, **columns}))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def sigmas(p):
    """Standard deviations of a normal law with the two-sided probability p."""
    return stats.norm.isf(p / 2)


def test_statistics_of_the_checks(liquid):
    rng = np.random.default_rng(4)
    energies = -2.5 + 0.01 * rng.normal(size=(7, 1)) + 0.003 * rng.normal(size=(7, 3))
    energies[1::2] += 0.01
    records = records_of(energies)
    table, verdict = check_temperature(records, [liquid] * 7, 0.5, None, SMALL)
    value = table.set_index(["check", "structure"]).value
    log_sweep = np.log([1000, 1500, 2000])
    slopes = [stats.linregress(log_sweep, e).slope for e in energies]
    assert value["trend", -1] == pytest.approx(sigmas(stats.ttest_1samp(slopes, 0).pvalue), rel=1e-6)
    means = energies.mean(axis=1)
    welch = stats.ttest_ind(means[::2], means[1::2], equal_var=False)
    assert value["start_difference", -1] == pytest.approx(sigmas(welch.pvalue), rel=1e-6)
    for k in range(7):
        others = np.delete(means[k % 2 :: 2], k // 2)
        if others.size < 3:  # three heated ones: two others tell nothing
            assert np.isnan(value["outlier", k])
            continue
        t = abs(means[k] - others.mean()) / (others.std(ddof=1) * np.sqrt(1 + 1 / others.size))
        p = min(1.0, 7 * 2 * stats.t.sf(t, others.size - 1))
        assert value["outlier", k] == pytest.approx(max(0.0, sigmas(p)), abs=1e-6)
    by_chance = chance_overlap((60, 33, 36), liquid.box_length)
    assert value["overlap", -1] == pytest.approx((0.3 - by_chance) / (1 - by_chance))
    radius, g = radial_distributions([liquid] * 7, 3)
    highest = max(g[a, b][radius > 1.5 * KA2D.sigma_matrix[a - 1, b - 1]].max() for a, b in g)
    assert value["peak", -1] == pytest.approx(highest)
    assert verdict["energy"] == pytest.approx(means.mean())
    assert verdict["energy_error"] == pytest.approx(means.std(ddof=1) / np.sqrt(7))
    assert verdict["random_overlap"] == pytest.approx(random_overlap(liquid))
    assert verdict["inherent_energy"] is None
    assert (verdict["displacement_acceptance"], verdict["autocorrelation_sweeps"]) == (
        pytest.approx(0.4), pytest.approx(20.0),
    )  # fmt: skip
    allowed = table.set_index("check").allowed
    assert allowed["bond_order"] == pytest.approx(8 / np.sqrt(129))
    assert allowed[["trend", "start_difference", "overlap", "peak"]].tolist() == [4.0, 4.0, 0.2, 4.0]


def test_only_measured_points_count(liquid, order_once):
    records = records_of([[-2.5, -2.5, -2.6]] * 2 + [[-2.4, -2.5, -2.6]] * 2)
    early = records.assign(measured=False, energy=9.0, overlap=0.9, sweep=records.sweep - 900)
    both = pd.concat([early, records], ignore_index=True)
    found, expected = (check_temperature(r, [liquid] * 4, 0.5, None, SMALL)[1] for r in (both, records))
    assert found == expected
    # of the overlaps the last counts
    records.loc[records.sweep < 2000, "overlap"] = 0.9
    assert check_temperature(records, [liquid] * 4, 0.5, None, SMALL)[1]["overlap"] == pytest.approx(0.3)


def test_heat_capacity_by_hand(liquid, order_once):
    """N Var(E/N) / T^2 with the variance within points, between points and between structures."""
    energies = np.array(
        [[-2.5, -2.54, -2.52], [-2.51, -2.51, -2.51], [-2.48, -2.5, -2.49], [-2.5, -2.5, -2.53]]
    )
    variances = [1e-4, 2e-4, 5e-5, 1e-5]
    _, verdict = check_temperature(records_of(energies, variances), [liquid] * 4, 0.5, None, SMALL)

    def capacity(chosen):
        e, v = energies[chosen], np.array(variances)[chosen]
        within = np.mean(v) + np.mean([((x - x.mean()) ** 2).mean() for x in e])
        between = ((e.mean(axis=1) - e.mean()) ** 2).sum() / (len(chosen) - 1)
        return 129 * (within + between) / 0.5**2

    assert verdict["heat_capacity"] == pytest.approx(capacity([0, 1, 2, 3]))
    left_out = np.array([capacity([m for m in range(4) if m != k]) for k in range(4)])
    jackknife = np.sqrt(3 / 4 * ((left_out - left_out.mean()) ** 2).sum())
    assert verdict["heat_capacity_error"] == pytest.approx(jackknife)
    _, single = check_temperature(records_of(energies[:1], variances[:1]), [liquid], 0.5, None, SMALL)
    assert single["heat_capacity"] == pytest.approx(129 * (1e-4 + energies[0].var()) / 0.25)
    assert single["heat_capacity_error"] is None
    assert single["energy_error"] is None


def test_slopes_and_their_errors_by_hand():
    low = {"temperature": 0.3, "energy": -2.6, "energy_error": 0.003, "heat_capacity": 1.0,
           "heat_capacity_error": 0.05}  # fmt: skip
    high = {"temperature": 0.5, "energy": -2.3, "energy_error": 0.004, "heat_capacity": 1.2,
            "heat_capacity_error": 0.12}  # fmt: skip
    table, _ = check_heat_capacity([high, low])
    row = table.iloc[0]
    assert row.slope == pytest.approx(1.5)
    assert row.slope_error == pytest.approx(0.005 / 0.2)
    assert row.heat_capacity == pytest.approx(1.1)
    assert row.heat_capacity_error == pytest.approx(0.5 * 0.13)
    assert row.value == pytest.approx((1.5 - 1.2) / 1.1)
    # 4 standard errors of the distance from the nearer end
    assert row.allowed == pytest.approx(4 * np.hypot(0.025, 0.12) / 1.1)
    table, _ = check_heat_capacity([low, {**high, "energy": -2.45}])
    assert table.value[0] == pytest.approx((1.0 - 0.75) / 1.1)
    assert table.allowed[0] == pytest.approx(4 * np.hypot(0.025, 0.05) / 1.1)
    sure = [{**v, "energy_error": 1e-6, "heat_capacity_error": 1e-6} for v in (low, high)]
    table, failed = check_heat_capacity(sure, CheckLimits(heat_capacity=0.2))
    assert table.allowed[0] == 0.2
    assert len(failed) == 1


def test_limits_may_be_reached_but_not_passed(liquid, order_once):
    records = records_of([[-2.5, -2.52, -2.51]] * 4)
    by_chance = chance_overlap((60, 33, 36), liquid.box_length)
    limit = by_chance + (1 - by_chance) * CheckLimits().overlap
    for value, passed in ((limit - 1e-9, True), (limit + 1e-4, False)):
        table, _ = check_temperature(records.assign(overlap=value), [liquid] * 4, 0.5, None, SMALL)
        assert table.set_index("check").passed["overlap"] == passed
    large = records_of([[-2.5, -2.6, -2.7]])
    limit = by_chance + (1 - by_chance) * CheckLimits().tile_overlap
    for value, passed in ((limit - 1e-9, True), (limit + 1e-4, False)):
        found, verdict = check_large_systems(large.assign(overlap=value), [liquid], 0.5)
        assert found.passed.tolist() == [passed]
        assert verdict["energy"] == pytest.approx(-2.6)
    # the overlap at the end counts
    forgotten = large.assign(overlap=[0.9, 0.5, 0.1])
    assert check_large_systems(forgotten, [liquid], 0.5)[1]["overlap"] == pytest.approx(0.1)
    # less in common than chance allows passes: one species at high density
    dense = Configuration(np.random.default_rng(0).uniform(0, 5, (60, 2)), [1] * 60, 5.0)
    found, _ = check_large_systems(large, [dense], 0.5)
    by_chance = random_overlap(dense)
    assert by_chance > 0.6
    assert large.overlap.iloc[-1] < by_chance
    assert found.value[0] == pytest.approx((large.overlap.iloc[-1] - by_chance) / (1 - by_chance))
    assert found.passed[0]


def test_distribution_around_a_lattice_counts_its_neighbours():
    side = 20
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) + 0.01
    c = Configuration(grid, np.ones(side * side, int), float(side))
    r, g = radial_distributions([c, c], 1)
    neighbours = g[1, 1] * 2 * np.pi * r * (r[1] - r[0])  # at density 1
    for distance, number in ((1.0, 4), (np.sqrt(2), 4), (2.0, 4), (np.sqrt(5), 8)):
        found = neighbours[np.abs(r - distance) < 0.11].sum()
        assert found == pytest.approx(number, rel=0.02)
    assert r[-1] < 5.0 < r[-1] + 0.1


def test_order_of_lattices():
    side = 12
    i, j = np.divmod(np.arange(side * side), side)
    square = Configuration(np.column_stack([i, j]) * 1.0, np.ones(side**2, int), float(side))
    assert bond_orientational_order(square)[4] == pytest.approx(1.0)
    # a triangular lattice, stretched by 1 per cent to fit a square box: 16 rows, almost sqrt(3)/2 apart
    i, j = np.divmod(np.arange(14 * 16), 14)
    box = 14.0
    points = np.column_stack([(j + 0.5 * (i % 2)) % 14, i * box / 16])
    order = bond_orientational_order(Configuration(points, np.ones(14 * 16, int), box))
    assert order[6] > 0.95
    assert order[4] < 0.5


def test_autocorrelation_time_by_its_definition():
    rng = np.random.default_rng(8)
    x = np.convolve(rng.normal(size=430), np.ones(8) / 8, "valid")
    deviation = x - x.mean()
    rho = [np.sum(deviation[: len(x) - k] * deviation[k:]) / np.sum(deviation**2) for k in range(200)]
    tau = [0.5 + np.sum(rho[1 : w + 1]) for w in range(200)]
    window = next(w for w in range(1, 200) if w >= 6 * tau[w])
    assert autocorrelation_time(x) == pytest.approx(tau[window], rel=1e-9)
    assert tau[window] > 2
    assert autocorrelation_time(np.tile([1.0, -1.0], 20)) == 0.5


@pytest.mark.parametrize("start", ["quenched", "heated", "tiled"])
def test_long_runs_are_tuned_for_a_while_only(start):
    """The plan of 4000 sweeps: 300 of them tuned at each temperature, 20 energies to a point."""
    plan = structure_plan(0.4, 4000, start, EquilibrationSettings())
    last = [s for s in plan if s.temperature == 0.4]
    assert sum(s.sweeps for s in last) == {"quenched": 8000, "heated": 4000, "tiled": 4000}[start]
    assert sum(s.sweeps for s in last if s.tune) == 300
    assert all(s.sweeps <= 10 for s in plan if s.tune)
    assert not any(s.tune and s.measured for s in plan)
    assert sum(s.sweeps for s in plan if s.measured) == 2000
    points = [s for s in plan if s.record is not None and s.temperature == 0.4]
    assert len(points) == 20
    assert sum(s.record is not None and s.measured for s in plan) == 10
    assert sum(s.sample and s.measured for s in plan) == 200
    assert sum(s.inherent for s in points) == (0 if start == "tiled" else 5)
    assert sum(s.mark for s in plan) == 1
    heated = [s for s in plan if s.temperature == pytest.approx(0.34)]
    assert sum(s.record is not None for s in heated) == (5 if start == "heated" else 0)
    assert all(s.inherent for s in heated if s.record is not None)
    assert sum(s.sweeps for s in heated) == (4000 if start == "heated" else 0)
    assert sum(s.sweeps for s in heated if s.tune) == (300 if start == "heated" else 0)
