"""Relaxation times and master curve on curves whose answers are known."""

import json

import numpy as np
import pytest

from tglassmlp.dynamics.relaxation import (
    Relaxation,
    build_master_curve,
    crossing_time,
    measure_relaxation,
    overlap_shift,
    relaxation_time,
    summarise_curves,
)

TIMES = np.concatenate([[0.0], np.geomspace(0.01, 1e4, 40)])


def stretched(time, tau):
    """Stretched exponential with value 1/2 at ``tau``."""
    return 0.5 ** ((np.asarray(time) / tau) ** 0.6)


def test_crossing_by_hand():
    found = crossing_time([0, 1, 10, 100], [1.0, 0.9, 0.7, 0.3], 0.5)
    assert found.index == pytest.approx(2.5)
    assert found.time == pytest.approx(10**1.5)
    # between the frames 0 and 1 time is linear, it has no logarithm at 0
    assert crossing_time([0, 1, 10], [1.0, 0.5, 0.2], 0.75).time == pytest.approx(0.5)
    assert crossing_time([0, 1, 10], [1.0, 0.9, 0.5], 0.5) is None
    # the first passage counts, not a later one
    assert crossing_time([1, 2, 4, 8, 16], [1, 0.4, 0.6, 0.4, 0.2], 0.5).index == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("times", "curve", "message"),
    [
        ([0, 1, 1], [1, 0.9, 0.8], "must rise"),
        ([0, 1], [1, 0.9, 0.8], "one shape"),
        ([0, 1], [0.3, 0.2], "starts at 0.3"),
    ],
)
def test_crossing_refusals(times, curve, message):
    with pytest.raises(ValueError, match=message):
        crossing_time(times, curve, 0.5)


def test_relaxation_time_and_its_error():
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(200):
        taus = 100 * np.exp(0.3 * rng.normal(size=8))
        tau, error = relaxation_time(TIMES, [stretched(TIMES, t) for t in taus])
        samples.append((tau, error))
    taus, errors = np.array(samples).T
    # 0.3 / sqrt(8) = 10.6 % per sample
    assert np.std(np.log(taus)) == pytest.approx(0.106, rel=0.15)
    assert np.mean(errors / taus) == pytest.approx(0.106, rel=0.15)
    assert relaxation_time(TIMES, [stretched(TIMES, 100.0)])[1] is None
    assert relaxation_time(TIMES, [stretched(TIMES, 1e9)]) is None


def test_master_curve_is_found_and_inverted():
    master = build_master_curve([(TIMES, stretched(TIMES, tau), tau) for tau in (20.0, 300.0, 2000.0)])
    ratio = np.geomspace(1e-3, 300, 60)
    np.testing.assert_allclose(master.correlation(ratio), stretched(ratio, 1.0), atol=0.01)
    c_b = np.linspace(0.999, 0.001, 200)
    np.testing.assert_allclose(master.correlation(master.ratio(c_b)), c_b, rtol=1e-9)
    assert np.all(np.diff(master.ratio(c_b)) > 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        master.ratio([0.5, 1.0])


def test_noisy_curves_still_give_a_falling_master_curve():
    rng = np.random.default_rng(1)
    noisy = stretched(TIMES, 100.0) + 0.02 * rng.normal(size=TIMES.size)
    master = build_master_curve([(TIMES, noisy, 100.0)])
    assert np.all(np.diff(master.c_b) < 0)


def test_short_curves_get_their_time_by_overlap():
    master = build_master_curve([(TIMES, stretched(TIMES, tau), tau) for tau in (50.0, 500.0)])
    tau, error = overlap_shift(TIMES, stretched(TIMES, 3e5), np.full(TIMES.size, 0.005), master)
    assert tau == pytest.approx(3e5, rel=0.03)
    assert 0 < error < 0.3 * tau
    with pytest.raises(ValueError, match="longer dynamics_time"):
        overlap_shift(TIMES, stretched(TIMES, 1e12), None, master)


def test_all_temperatures_of_a_run():
    rng = np.random.default_rng(6)
    tau = {t: float(np.exp(-5 + 4 / float(t))) for t in ("0.50", "0.40", "0.35", "0.30", "0.25", "0.20")}
    curves = {
        t: (TIMES, [stretched(TIMES, tau[t] * np.exp(0.05 * rng.normal())) for _ in range(6)])
        for t in ("0.50", "0.40", "0.30", "0.25")
    }
    short = TIMES <= 1e3
    curves["0.25"] = (TIMES[short], np.asarray(curves["0.25"][1])[:, short])
    result = measure_relaxation(curves, list(tau))
    assert {t: result.times[t].how for t in tau} == {
        "0.50": "threshold",
        "0.40": "threshold",
        "0.35": "interpolated",
        "0.30": "threshold",
        "0.25": "overlap",
        "0.20": "extrapolated",
    }
    for t, expected in tau.items():
        assert np.log(result.tau(t)[0]) == pytest.approx(np.log(expected), abs=0.35)
    assert list(result.times) == sorted(tau, reverse=True)
    assert result.time_of("0.20", 0.5) == pytest.approx(result.tau(0.20)[0], rel=0.05)
    assert result.correlation_of("0.30", result.time_of(0.30, 0.7)) == pytest.approx(0.7)
    again = Relaxation.from_json(json.loads(json.dumps(result.to_json())))
    assert again == result
    with pytest.raises(ValueError, match="not a relaxation record"):
        Relaxation.from_json({"threshold": 0.5})


def test_no_curve_reaches_the_threshold():
    short = TIMES <= 30
    curves = {t: (TIMES[short], [stretched(TIMES[short], tau)]) for t, tau in (("0.40", 100), ("0.30", 900))}
    result = measure_relaxation(curves)
    assert result.times["0.40"].how == "continued"
    assert result.tau(0.40)[0] == pytest.approx(100, rel=0.2)
    assert result.tau(0.30)[0] / result.tau(0.40)[0] == pytest.approx(9, rel=0.05)
    with pytest.raises(ValueError, match=r"lowest C_B is 0\.9.*raise a dynamics_time"):
        measure_relaxation({"0.30": (TIMES[short], [stretched(TIMES[short], 1e5)])})


def test_curves_of_all_species_with_errors():
    rng = np.random.default_rng(9)
    times = np.array([0.0, 1.0, 10.0])
    species = np.array([rng.permutation([1, 1, 1, 2, 2]) for _ in range(4)])
    propensity = rng.uniform(size=(4, 3, 5))
    half = propensity[:, None] + 0.1 * rng.normal(size=(4, 2, 3, 5))
    plain = rng.uniform(size=(2, 4, 2, 3))
    table = summarise_curves(0.4, times, species, propensity, half, *plain)
    assert len(table) == 6
    for s in (1, 2):
        means = np.array([[propensity[k, f][species[k] == s].mean() for f in range(3)] for k in range(4)])
        rows = table[table.species == s]
        np.testing.assert_allclose(rows.c_b, means.mean(axis=0))
        np.testing.assert_allclose(rows.error, means.std(axis=0, ddof=1) / 2)
        np.testing.assert_allclose(rows.scattering, plain[0][:, s - 1].mean(axis=0))
        np.testing.assert_allclose(rows.displacement2_error, plain[1][:, s - 1].std(axis=0, ddof=1) / 2)
        for f in range(3):
            both = np.array([[half[k, h, f][species[k] == s] for k in range(4)] for h in range(2)])
            r = np.corrcoef(both.reshape(2, -1))[0, 1]
            expected = np.sqrt(2 * r / (1 + r)) if r > 0 else 0.0
            assert rows.ceiling.iloc[f] == pytest.approx(expected)
    single = summarise_curves(0.4, times, species[:1], propensity[:1], half[:1], *plain[:, :1])
    assert single.error.isna().all()
