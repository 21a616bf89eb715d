"""Equilibration: starts, overlaps, records and the checks that refuse what is not equilibrated."""

import json

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D, Configuration
from tglassmlp.equilibration.checks import (
    check_large_systems,
    check_temperature,
    measure_large_systems,
    measure_temperature,
)
from tglassmlp.equilibration.heat_capacity import check_heat_capacity, heat_capacity
from tglassmlp.equilibration.order import bond_orientational_order, radial_distributions
from tglassmlp.equilibration.overlap import overlap, random_overlap, tile_overlap
from tglassmlp.equilibration.record import COLUMNS, autocorrelation_time
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.equilibration.structures import (
    equilibrate_large_system,
    equilibrate_large_systems,
    equilibrate_structure,
)
from tglassmlp.equilibration.verdict import NotEquilibratedError, accept, judge, refuse_failed_checks
from tglassmlp.simulation.energies import potential_energies
from tglassmlp.storage import read_json, write_json

SMALL = KA2D.scaled(10)
QUICK = EquilibrationSettings(record_points=8)


def synthetic(n=8, seed=0, points=10, drift=0.0, gap=0.0, strange=None):
    """Records of n structures whose energies scatter by 0.01 around -2.5 and within a run by 0.004."""
    rng = np.random.default_rng(seed)
    tables = []
    for k in range(n):
        start = "quenched" if k % 2 == 0 else "heated"
        level = -2.5 + rng.normal(0, 0.01) + (gap if start == "heated" else 0.0)
        if k == strange:
            level += 0.3
        sweep = np.linspace(1100, 2000, points)
        energy = level + drift * np.log(sweep / 1500) + rng.normal(0, 0.004, points)
        rows = {
            "structure": k,
            "start": start,
            "sweep": sweep.astype(int),
            "measured": True,
            "energy": energy,
        }
        rows |= {"energy_variance": 1e-5, "inherent_energy": np.nan, "overlap": 0.2, "autocorrelation": 20.0}
        tables.append(pd.DataFrame({**rows, "displacement_acceptance": 0.4, "swap_acceptance": 0.01}))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def failed(records, c, **limits):
    table, verdict = check_temperature(
        records, [c] * records.structure.nunique(), 0.5, CheckLimits(**limits), SMALL
    )
    assert verdict["passed"] == (not verdict["failed"]) == bool(table.passed.all())
    return sorted(set(table.check[~table.passed]))


def test_start_has_the_mixture(tmp_path):
    c = lattice_start(SMALL, np.random.SeedSequence(1))
    assert np.bincount(c.species)[1:].tolist() == list(SMALL.composition)
    assert len(np.unique(c.positions, axis=0)) == c.n_particles
    other = lattice_start(SMALL, np.random.SeedSequence(2))
    assert not np.array_equal(c.species, other.species)


def test_overlap_of_drawn_cases():
    a = Configuration([[0, 0], [2, 0], [4, 0], [6, 0]], [1, 1, 2, 2], 10.0)
    assert overlap(a, a) == 1.0
    # a common drift does not count
    assert overlap(a, a.with_positions(a.positions + np.array([3.3, -1.0]))) == 1.0
    assert overlap(a, a.with_positions(a.positions + 10.0)) == 1.0
    moves = np.array([[0, 0.5], [0, -0.5], [0, 0.1], [0, -0.1]])
    # an exchange of unlike species changes two places, two moves apart change two
    assert overlap(a, Configuration(a.positions, [2, 1, 1, 2], 10.0)) == 0.5
    assert overlap(a, a.with_positions(a.positions + moves)) == 0.5
    # like particles that trade places do not
    assert overlap(a, a.with_positions(a.positions[[1, 0, 2, 3]])) == 1.0


def test_independent_configurations_have_the_random_overlap():
    pair = [lattice_start(KA2D, np.random.SeedSequence(k)) for k in (1, 2)]
    rng = np.random.default_rng(0)
    a, b = (c.with_positions(rng.uniform(0, c.box_length, (c.n_particles, 2))) for c in pair)
    # random points overlap a little less, because several of them may fall into one circle
    assert random_overlap(a) == pytest.approx(0.121, abs=0.001)
    assert overlap(a, b) == pytest.approx(random_overlap(a), abs=0.03)


def test_tiles_are_equal_at_first_and_random_later(liquid):
    tiled = liquid.tiled(3)
    assert tile_overlap(tiled, 3) == 1.0
    rng = np.random.default_rng(0)
    other = tiled.with_positions(rng.uniform(0, tiled.box_length, tiled.positions.shape))
    assert tile_overlap(other, 3) == pytest.approx(random_overlap(tiled), abs=0.03)


def test_structure_depends_on_its_number_and_temperature_only(tmp_path):
    a, record = equilibrate_structure(0.8, 3, 30, 7, QUICK, SMALL)
    b, again = equilibrate_structure(0.8, 3, 30, 7, QUICK, SMALL, state=tmp_path / "s.npz")
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_array_equal(a.species, b.species)
    pd.testing.assert_frame_equal(record, again)
    for other in ((0.8, 5, 30, 7), (0.81, 3, 30, 7), (0.8, 3, 30, 8)):
        assert not np.array_equal(a.positions, equilibrate_structure(*other, QUICK, SMALL)[0].positions)


@pytest.mark.parametrize(("number", "start", "last"), [(4, "quenched", 80), (1, "heated", 40)])
def test_record_of_a_structure(number, start, last):
    c, record = equilibrate_structure(0.8, number, 40, 7, QUICK, SMALL)
    assert list(record.columns) == list(COLUMNS)
    assert set(record.start) == {start}
    assert record.sweep.is_monotonic_increasing
    assert record.sweep.iloc[-1] == last
    assert record.sweep[record.measured].tolist() == [last - 20 + 5 * k for k in (1, 2, 3, 4)]
    assert record.energy.between(-3, 0).all()
    assert np.isfinite(record.inherent_energy.iloc[-1])
    assert record.inherent_energy.iloc[-1] < record.energy.iloc[-1]
    assert record.overlap.iloc[-1] < 1.0
    assert np.isfinite(record.autocorrelation.iloc[-1])
    np.testing.assert_array_equal(np.bincount(c.species)[1:], SMALL.composition)


def test_even_the_shortest_request_works():
    for number in (0, 1):
        _, record = equilibrate_structure(0.8, number, 1, 7, QUICK, SMALL)
        assert record.measured.any()


def test_large_system_forgets_its_tiles(liquid):
    c, record = equilibrate_large_system(liquid, 0.8, 0, 800, 2, 7, QUICK, SMALL)
    assert c.n_particles == 4 * liquid.n_particles
    assert record.overlap.iloc[0] > record.overlap.iloc[-1] + 0.2
    table, verdict = check_large_systems(record, [c], 0.8)
    assert verdict["passed"]
    assert verdict["failed"] == []
    assert record.overlap.iloc[-1] == verdict["overlap"]
    chance = 1.19204 * np.pi * 0.09 * (60**2 + 33**2 + 36**2) / 129**2
    assert verdict["random_overlap"] == pytest.approx(chance, rel=1e-3)
    assert table.value[0] == pytest.approx((verdict["overlap"] - chance) / (1 - chance), rel=1e-3)
    assert table.value[0] == verdict["normalised_overlap"]
    table, verdict = check_large_systems(record.assign(overlap=0.9), [c], 0.8)
    assert not verdict["passed"]
    assert not table.passed[0]
    assert "tile_overlap of structure 0 is 0.886, allowed 0.1" in verdict["failed"][0]
    assert "overlap 0.900, by chance 0.121 in this mixture" in verdict["failed"][0]
    assert "sweeps_factor" in verdict["failed"][0]


def test_unit_systems_stand_in_for_large_ones_as_they_are(liquid):
    other = liquid.with_positions(liquid.positions + 0.1)
    made = equilibrate_large_systems([liquid, other], 0.8, [1], 20, 1, 7, QUICK, SMALL)
    assert made[0][0] is other
    record = made[0][1]
    assert record.energy.tolist() == [pytest.approx(potential_energies(other, SMALL).mean())]
    measured = measure_large_systems(record, [other], 0.8, [liquid, other])
    table, verdict = judge(measured)
    assert (table["check"].tolist(), verdict["passed"]) == (["tile_overlap"], True)
    assert verdict["normalised_overlap"] == 0.0


def test_large_systems_of_a_chunk_are_made_one_by_one(liquid, tmp_path):
    other = liquid.with_positions(liquid.positions + 0.1)
    files = [tmp_path / "system1.npz", tmp_path / "system2.npz"]
    made = equilibrate_large_systems([liquid, other], 0.8, [1, 2], 20, 2, 7, QUICK, SMALL, files)
    alone, record = equilibrate_large_system(liquid, 0.8, 2, 20, 2, 7, QUICK, SMALL)
    np.testing.assert_array_equal(made[1][0].positions, alone.positions)
    pd.testing.assert_frame_equal(made[1][1], record)
    assert sorted(tmp_path.iterdir()) == files


def test_equilibrium_passes(liquid, order_once):
    assert all(failed(synthetic(n, seed), liquid) == [] for n in (2, 3, 4, 8) for seed in range(4))


def test_structures_of_a_ladder_are_held_against_heated_ones_like_quenched_ones(liquid, order_once):
    """Also where some of them start from the melt and some go on from the temperature above."""
    records = synthetic(gap=0.005)
    ladder = records.assign(
        start=[
            "ladder" if s == "quenched" and k else s
            for s, k in zip(records.start, records.structure, strict=True)
        ]
    )
    assert set(ladder.start) == {"quenched", "ladder", "heated"}
    one, other = (measure_temperature(r, [liquid] * 8, 0.5, SMALL) for r in (records, ladder))
    assert one == other
    apart = ladder.assign(energy=ladder.energy + 0.1 * (ladder.start != "heated"))
    assert "start_difference" in failed(apart, liquid)


def test_each_check_refuses_its_case(liquid, order_once):
    assert failed(synthetic(drift=-0.1), liquid) == ["trend"]
    assert failed(synthetic(gap=0.1), liquid) == ["start_difference"]
    assert "outlier" in failed(synthetic(30, strange=5), liquid)
    # 0.2 above chance: 0.121 + 0.2 (1 - 0.121) = 0.297
    assert failed(synthetic().assign(overlap=0.30), liquid) == ["overlap"]
    assert failed(synthetic().assign(overlap=0.29), liquid) == []
    assert failed(synthetic(), liquid, peak=0.5) == ["peak"]


def test_crystal_is_refused():
    side = 12
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    square = Configuration(grid * 0.95, np.arange(side * side) % 3 + 1, side * 0.95)
    assert bond_orientational_order(square)[4] > 0.99
    assert set(failed(synthetic(), square)) == {"bond_order", "peak"}


def test_radial_distribution_of_an_ideal_gas_is_one():
    rng = np.random.default_rng(0)
    gas = [Configuration(rng.uniform(0, 20, (1500, 2)), rng.integers(1, 3, 1500), 20.0) for _ in range(4)]
    r, g = radial_distributions(gas, 2)
    assert set(g) == {(1, 1), (1, 2), (2, 2)}
    for values in g.values():
        np.testing.assert_allclose(values[r > 0.5], 1.0, atol=0.1)


def test_heat_capacity_is_that_of_the_fluctuations():
    groups = [group for _, group in synthetic(120, points=40).groupby("structure")]
    capacity, error = heat_capacity(groups, 129, 0.5)
    variance = 0.01**2 + 0.004**2 + 1e-5
    assert capacity == pytest.approx(129 * variance / 0.25, rel=0.3)
    # the variance between 120 structures, which dominates, is known to sqrt(2 / 119)
    assert error == pytest.approx(129 * 1e-4 / 0.25 * np.sqrt(2 / 119), rel=0.3)


def verdict_at(temperature, energy, error=0.001, capacity=1.2, capacity_error=0.05):
    return {
        "temperature": temperature,
        "energy": energy,
        "energy_error": error,
        "heat_capacity": capacity,
        "heat_capacity_error": capacity_error,
    }


def test_slope_of_the_energy_is_compared_with_its_fluctuations():
    liquid_ = [verdict_at(t, 1.2 * t) for t in (0.5, 0.3, 0.4)]
    table, failed = check_heat_capacity(liquid_)
    assert table.temperature.tolist() == [0.3, 0.4]
    assert table.slope.tolist() == pytest.approx([1.2, 1.2])
    assert failed == []
    # it stayed behind when it was cooled to 0.3: the mean energy hardly fell
    table, failed = check_heat_capacity([*liquid_[::2], verdict_at(0.3, 0.46)])
    assert table.passed.tolist() == [False, True]
    assert table.value[0] == pytest.approx(1.0 / 1.2)
    assert "dE/dT up to T=0.4 is 0.2 +- 0.014, fluctuations give 1.2 +- 0.035" in failed[0]
    # a slope between the capacities of both ends is right, whatever they are
    table, _ = check_heat_capacity([verdict_at(0.3, 0.0, capacity=1.6), verdict_at(0.4, 0.13, capacity=1.1)])
    assert table.value.tolist() == [0.0]
    # with large errors nothing can be said
    assert check_heat_capacity([verdict_at(0.3, 0.46, 0.05), *liquid_[::2]])[1] == []
    # nor where there is one structure only
    assert len(check_heat_capacity([verdict_at(0.3, 0.3, None), *liquid_[::2]])[0]) == 1
    assert check_heat_capacity([{"temperature": 0.3, "passed": True}])[1] == []


def test_autocorrelation_time_of_a_known_process():
    rng = np.random.default_rng(2)
    a, x = 0.9, np.zeros(40_000)
    noise = rng.normal(size=x.size)
    for k in range(1, x.size):
        x[k] = a * x[k - 1] + noise[k]
    assert autocorrelation_time(x) == pytest.approx(0.5 * (1 + a) / (1 - a), rel=0.1)
    assert autocorrelation_time(noise) == pytest.approx(0.5, abs=0.1)
    assert autocorrelation_time(np.ones(10)) == 0.5


def measured(value, limit="peak", floor=None, temperature=0.3):
    entry = {
        "check": "peak",
        "structure": -1,
        "value": value,
        "limit": limit,
        "floor": floor,
        "advice": "wait",
    }
    return {"temperature": temperature, "checks": [entry], "energy": -2.0}


@pytest.mark.parametrize(
    ("value", "limit", "floor", "peak", "allowed", "passed"),
    [
        (3.0, "peak", None, 4.0, 4.0, True),
        (4.0, "peak", None, 4.0, 4.0, True),
        (4.1, "peak", None, 4.0, 4.0, False),
        (4.1, "peak", 4.2, 4.0, 4.2, True),  # chance alone makes it as large
        (4.1, "peak", 3.0, 4.0, 4.0, False),
        (4.1, None, 4.2, 1.0, 4.2, True),  # no key of the configuration limits it
        (None, "peak", None, 4.0, 4.0, True),  # too few structures to say
    ],
)
def test_measured_checks_are_held_against_limits(value, limit, floor, peak, allowed, passed):
    table, verdict = judge(measured(value, limit, floor), CheckLimits(peak=peak))
    assert table.allowed.tolist() == [allowed]
    assert table.passed.tolist() == [passed] == [verdict["passed"]]
    assert len(verdict["failed"]) == (not passed)
    assert verdict["energy"] == -2.0
    assert "checks" not in verdict


def test_measured_checks_know_no_limits_and_survive_json(liquid, tmp_path):
    found = measure_temperature(synthetic(3), [liquid] * 3, 0.5, SMALL)
    write_json(tmp_path / "m.json", found)
    limits = CheckLimits(peak=0.5)
    table, verdict = judge(read_json(tmp_path / "m.json"), limits)
    same, also = check_temperature(synthetic(3), [liquid] * 3, 0.5, limits, SMALL)
    pd.testing.assert_frame_equal(table, same)
    assert verdict == also
    # too few structures for an outlier: not a number, and no failure
    assert table.value[table.check == "outlier"].isna().all()
    assert set(table.check[~table.passed]) == {"peak"}


def test_a_job_starts_only_with_structures_that_pass(tmp_path, monkeypatch, capsys):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    write_json(good, measured(3.0))
    write_json(bad, measured(5.0))
    monkeypatch.delenv("TGLASSMLP_EQUILIBRATION", raising=False)
    accept(str(good))
    with pytest.raises(NotEquilibratedError, match=r"T=0\.3 is not equilibrated: peak is 5, allowed 4"):
        accept([good, bad])

    def limited(peak, on_failure):
        content = json.dumps({"checks": {"peak": peak}, "on_failure": on_failure})
        monkeypatch.setenv("TGLASSMLP_EQUILIBRATION", content)

    limited(6.0, "error")
    accept([good, bad])
    limited(2.0, "error")
    with pytest.raises(NotEquilibratedError, match="peak is 3, allowed 2"):
        accept(good)
    assert capsys.readouterr().out == ""
    limited(2.0, "warn")
    accept([good, bad])
    assert capsys.readouterr().out.count("warning: T=0.3 is not equilibrated") == 2


def test_failure_stops_or_warns(capsys):
    refuse_failed_checks([], 0.3)
    with pytest.raises(NotEquilibratedError, match=r"T=0\.3 is not equilibrated: trend is 5"):
        refuse_failed_checks(["trend is 5"], 0.3)
    refuse_failed_checks(["trend is 5"], 0.3, "warn")
    assert "warning: T=0.3" in capsys.readouterr().out
    with pytest.raises(ValueError, match="error or warn"):
        refuse_failed_checks([], 0.3, "ignore")


@pytest.mark.parametrize(
    ("temperature", "sweeps"), [(0.0, 10), (-1.0, 10), (np.nan, 10), (0.5, 0), (0.5, 2.5)]
)
def test_bad_requests_are_refused(temperature, sweeps):
    with pytest.raises(ValueError, match=r"temperature must be|sweeps must be"):
        equilibrate_structure(temperature, 0, sweeps, 1, QUICK, SMALL)


def test_missing_records_are_refused(liquid):
    with pytest.raises(ValueError, match="3 structures, but records of 8"):
        check_temperature(synthetic(), [liquid] * 3, 0.5)


def test_foreign_checkpoint_is_refused(tmp_path):
    state = tmp_path / "s.npz"
    equilibrate_structure(0.8, 3, 10, 7, QUICK, SMALL, state=state)
    with pytest.raises(ValueError, match="other settings"):
        equilibrate_structure(0.8, 3, 11, 7, QUICK, SMALL, state=state)
    assert state.is_file()
