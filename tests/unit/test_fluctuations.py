"""Power at the smallest wave vectors: its law, tiles that are not forgotten, species that separate."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tglassmlp import Configuration
from tglassmlp.equilibration.checks import measure_large_systems
from tglassmlp.equilibration.fluctuations import (
    largest_deviation,
    measure_composition,
    measure_small_q,
    power,
    ratio_deviations,
    shell,
)
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.equilibration.significance import deviations
from tglassmlp.equilibration.verdict import judge

COUNTS = (120, 66, 72)
LENGTH = 15.0


def gas(seed, copies=1, wave=0.0):
    """Ideal gas of three species; ``wave`` piles species 1 up where a cosine of x is high."""
    rng = np.random.default_rng(seed)
    length, counts = LENGTH * copies, np.array(COUNTS) * copies**2
    parts = []
    for a, n in enumerate(counts):
        points = rng.uniform(0, length, (20 * n + 200, 2))
        weight = 1 + (wave if a == 0 else -wave * counts[0] / counts[1:].sum()) * np.cos(
            2 * np.pi * points[:, 0] / length
        )
        parts.append(points[rng.uniform(0, 1 + wave, len(points)) < weight][:n])
    assert [len(p) for p in parts] == counts.tolist()
    return Configuration(np.vstack(parts), np.repeat([1, 2, 3], counts), length)


def test_power_is_that_of_its_definition():
    c = gas(0)
    vectors = shell((1, 5))
    found = power(c, 3, vectors)
    assert found.shape == (4, len(vectors))
    k = 3
    q = 2 * np.pi / c.box_length * vectors[k]
    each = [sum(np.exp(1j * q @ r) for r in c.positions[c.species == a]) for a in (1, 2, 3)]
    assert found[0, k] == pytest.approx(abs(sum(each)) ** 2 / c.n_particles)
    share = COUNTS[1] / sum(COUNTS)
    assert found[2, k] == pytest.approx(abs(each[1] - share * sum(each)) ** 2 / c.n_particles)


def test_one_of_two_opposite_wave_vectors_is_taken():
    assert sorted(map(tuple, shell((1, 2)))) == [(0, 1), (1, -1), (1, 0), (1, 1)]
    assert len(shell((4, 5, 8))) == 2 + 4 + 2


def test_independent_particles_have_the_power_of_their_number():
    many = np.array([power(gas(k), 3, shell((1, 2))) for k in range(300)])
    shares = np.array(COUNTS) / sum(COUNTS)
    expected = [1.0, *(shares * (1 - shares))]
    # 1200 exponentially distributed numbers each: 2.9 % standard error
    np.testing.assert_allclose(many.mean(axis=(0, 2)), expected, rtol=0.12)
    # exponential: the variance is the square of the mean
    np.testing.assert_allclose(many.var(axis=(0, 2)), many.mean(axis=(0, 2)) ** 2, rtol=0.35)


def test_deviations_of_equal_liquids_are_those_of_a_normal_law():
    rng = np.random.default_rng(3)
    z = [ratio_deviations(rng.exponential(1, 8), rng.exponential(1, 60))[1] for _ in range(2000)]
    for limit in (1.0, 2.0):
        # 2000 trials: the shares .317 and .046 are known to .010 and .005
        assert np.mean(np.abs(z) > limit) == pytest.approx(
            2 * norm.sf(limit), abs=0.04 if limit == 1 else 0.02
        )
    assert 0.4 < np.mean(np.array(z) > 0) < 0.6


def test_a_range_of_expected_ratios_is_no_deviation():
    ones, others = np.full(400, 1.5), np.ones(400)
    assert ratio_deviations(ones, others)[1] > 4
    assert ratio_deviations(others, ones)[1] < -4
    ratio, z = ratio_deviations(ones, others, 1.0, 2.0)
    assert ratio == 1.5
    assert z == 0.0
    assert np.isnan(ratio_deviations(np.empty(0), others)[1])
    assert ratio_deviations(np.zeros(4), others)[1] < -30  # as certain as numbers can say, and finite


def test_the_largest_of_several_tests_pays_for_their_number():
    place, ratio, z = largest_deviation([(1.1, 1.0), (0.5, -3.0), (np.nan, np.nan)])
    assert (place, ratio) == (1, 0.5)
    assert z == pytest.approx(-norm.isf(2 * norm.sf(3.0)))
    assert np.isnan(largest_deviation([(np.nan, np.nan)])[2])
    assert deviations(2 * norm.sf(2.5)) == pytest.approx(2.5)


def found(systems, units):
    return {check: (value, text) for check, value, text in measure_small_q(systems, units, 3)}


def test_tiles_that_are_not_forgotten_lack_power():
    units = [gas(k) for k in range(10)]
    checks = found([units[0].tiled(2), units[1].tiled(2)], units)
    for name in ("small_q_density", "small_q_composition"):
        value, text = checks[name]
        assert value > 10
        assert "the tiles are not forgotten: raise large_systems.sweeps_factor" in text
    # half forgotten: every particle has moved by a third of a tile, in a large box that is a small step
    rng = np.random.default_rng(1)
    near = [u.tiled(4) for u in units[:4]]
    near = [c.with_positions(c.positions + rng.normal(0, 1.5, c.positions.shape)) for c in near]
    assert found(near, units)["small_q_density"][0] > 4
    # forgotten
    for copies in (2, 4):
        for value, _ in found([gas(90 + k, copies) for k in range(3)], units).values():
            assert value < 4


def test_species_that_separate_have_too_much_power():
    units = [gas(k) for k in range(10)]
    checks = found([gas(50, 2, wave=0.6), gas(51, 2, wave=0.6)], units)
    assert checks["small_q_density"][0] < 4
    value, text = checks["small_q_composition"]
    assert value > 4
    assert "for species 1; the species separate" in text


def test_unit_systems_that_separate_are_found():
    value, text = measure_composition([gas(k, wave=0.7) for k in range(8)], 3)
    assert value > 4
    assert "at the next shells for species 1; the species separate here" in text
    assert measure_composition([gas(k) for k in range(8)], 3)[0] < 3
    assert np.isnan(measure_composition([gas(0)], 1)[0])


def test_large_systems_are_refused_for_their_tiles():
    units = [gas(k) for k in range(6)]
    row = dict.fromkeys(COLUMNS, 0.0) | {"structure": 4, "start": "tiled", "measured": True, "overlap": 0.02}
    records = pd.DataFrame([row])
    for system, passed in ((units[0].tiled(2), False), (gas(70, 2), True)):
        measured = measure_large_systems(records, [system], 0.5, units)
        assert measured["systems"] == [4]
        assert measured["overlap"] == pytest.approx(0.02)
        table, verdict = judge(measured)
        assert table.check.tolist() == ["tile_overlap", "small_q_density", "small_q_composition"]
        assert verdict["passed"] is passed
    assert len(measure_large_systems(records, [units[0].tiled(2)], 0.5)["checks"]) == 1
