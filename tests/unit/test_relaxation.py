"""Relaxation times and master curve on curves whose answers are known."""

import json

import numpy as np
import pytest

from tglassmlp.dynamics.clock import crossing_time
from tglassmlp.dynamics.correlations import summarise_curves
from tglassmlp.dynamics.extrapolation import fit_extrapolation
from tglassmlp.dynamics.master_curve import MasterCurve, build_master_curve, overlap_shift
from tglassmlp.dynamics.relaxation_times import (
    Relaxation,
    RelaxationTime,
    measure_relaxation,
    relaxation_time,
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


def test_jackknife_error_by_hand():
    """ln tau of the means without one structure each: sqrt((S - 1) / S sum of squared deviations)."""
    times = np.array([1.0, 10.0, 100.0])
    curves = np.array([[0.9, 0.7, 0.2], [0.95, 0.8, 0.1], [0.9, 0.6, 0.3], [0.99, 0.7, 0.2]])
    tau, error = relaxation_time(times, curves)
    assert tau == pytest.approx(10 ** (1 + (0.7 - 0.5) / (0.7 - 0.2)))
    left_out = []
    for k in range(4):
        _, b, c = curves[[m for m in range(4) if m != k]].mean(axis=0)
        left_out.append(np.log(10) * (1 + (b - 0.5) / (b - c)))
    spread = np.array(left_out) - np.mean(left_out)
    assert error == pytest.approx(tau * np.sqrt(3 / 4 * np.sum(spread**2)))


def test_error_where_a_jackknife_curve_ends_above_the_threshold():
    """The standard error of C_B at the crossing, S^(-1/2) times the scatter, divided by the slope there."""
    curves = np.array([[0.99, 0.92, 0.3], [0.97, 0.9, 0.3], [0.98, 0.9, 0.6], [0.98, 0.88, 0.7]])
    for times, width in (([1.0, 10.0, 100.0], np.log(10)), ([1.0, 20.0, 40.0], np.log(2))):
        tau, error = relaxation_time(times, curves)
        part = (0.9 - 0.5) / (0.9 - 0.475)
        assert tau == pytest.approx(times[1] * np.exp(part * width))
        slope = (0.9 - 0.475) / width
        scatter = curves.std(axis=0, ddof=1)
        at = (1 - part) * scatter[1] + part * scatter[2]
        assert error == pytest.approx(tau * at / np.sqrt(4) / slope)
    # the first frame has no logarithm: a thousandth of the second takes its place
    tau, error = relaxation_time([0.0, 10.0], curves[:, [0, 2]])
    part = (0.98 - 0.5) / (0.98 - 0.475)
    assert tau == pytest.approx(10 * part)
    scatter = curves[:, [0, 2]].std(axis=0, ddof=1)
    at = (1 - part) * scatter[0] + part * scatter[1]
    assert error == pytest.approx(tau * at / 2 / ((0.98 - 0.475) / np.log(1000)))


def test_threshold_can_be_another():
    for threshold in (0.3, 0.6):
        tau, _ = relaxation_time(TIMES, [stretched(TIMES, 100.0)], threshold)
        assert stretched(tau, 100.0) == pytest.approx(threshold, abs=0.005)


#: A master curve that falls by 0.1 per unit of ln(t / tau), from 0.9 to 0.1.
STRAIGHT = MasterCurve(tuple(np.arange(-4.0, 5.0)), tuple(np.linspace(0.9, 0.1, 9)))


def test_time_by_overlap_and_its_error_by_hand():
    times = np.geomspace(14.0, 100.0, 9)
    curve = 0.5 - 0.1 * np.log(times / 700.0)  # 0.69 at the end
    errors = np.linspace(0.5, 0.01, 9)
    tau, error = overlap_shift(times, curve, errors, STRAIGHT)
    assert tau == pytest.approx(700.0, rel=1e-4)
    # the error of the last frame over the slope of the curve there
    assert error / tau == pytest.approx(0.01 / 0.1, rel=1e-6)
    assert overlap_shift(times, curve, None, STRAIGHT)[1] is None
    # frames that have hardly decayed, and time zero, have no say
    more = np.concatenate([[0.0, 10.0, 12.0], times])
    plateau = np.concatenate([[1.0, 0.992, 0.995], curve])
    again = overlap_shift(more, plateau, np.concatenate([np.ones(3), errors]), STRAIGHT)
    assert again == pytest.approx((tau, error), rel=1e-4)
    with_say = overlap_shift(more, plateau, None, STRAIGHT, smallest_decay=0.006)[0]
    assert with_say != pytest.approx(tau, rel=1e-2)
    # the best shift makes the squared distance smallest: between two offsets lies their mean
    up_and_down = curve + 0.02 * np.array([1, -1, 1, -1, 0, 1, -1, 1, -1])
    assert overlap_shift(times, up_and_down, None, STRAIGHT)[0] == pytest.approx(700.0, rel=1e-3)
    shifted = overlap_shift(times[3:], curve[3:] + 0.02, None, STRAIGHT)[0]
    assert shifted == pytest.approx(700 * np.exp(0.2), rel=1e-3)


def test_master_curve_goes_on_as_a_logistic_one():
    """1 / (1 + t/tau) is a straight line in logit C_B: beyond both ends the curve is exact."""
    x = np.arange(-2.0, 3.0)
    master = MasterCurve(tuple(x), tuple(1 / (1 + np.exp(x))))
    ratio = np.exp([-9.0, -4.0, -2.0, 0.0, 2.0, 3.0, 8.0])
    np.testing.assert_allclose(master.correlation(ratio), 1 / (1 + ratio), rtol=1e-12)
    np.testing.assert_allclose(master.ratio(1 / (1 + ratio)), ratio, rtol=1e-9)
    assert (master.highest, master.lowest) == (master.c_b[0], master.c_b[-1])
    # between nodes it is a straight line in ln(t / tau)
    assert master.correlation(np.exp(0.25)) == pytest.approx(0.75 * 0.5 + 0.25 / (1 + np.e))
    # the slope at an end is that over its three last intervals
    bent = MasterCurve((0.0, 1.0, 2.0, 3.0, 4.0), (0.9, 0.85, 0.5, 0.3, 0.2))
    logit = np.log(np.array(bent.c_b) / (1 - np.array(bent.c_b)))
    first, last = (logit[3] - logit[0]) / 3, (logit[4] - logit[1]) / 3
    assert bent.correlation(np.exp(-2.0)) == pytest.approx(1 / (1 + np.exp(-(logit[0] - 2 * first))))
    assert bent.correlation(np.exp(7.0)) == pytest.approx(1 / (1 + np.exp(-(logit[4] + 3 * last))))


@pytest.mark.parametrize(
    ("log_x", "c_b", "message"),
    [
        ((0.0,), (0.5,), "two nodes"),
        ((0.0, 0.0), (0.6, 0.5), "rising"),
        ((0.0, 1.0), (0.5, 0.5), "falling"),
        ((0.0, 1.0), (1.0, 0.5), r"\(0, 1\)"),
        ((0.0, 1.0), (0.5, 0.0), r"\(0, 1\)"),
    ],
)
def test_impossible_master_curves_are_refused(log_x, c_b, message):
    with pytest.raises(ValueError, match=message):
        MasterCurve(log_x, c_b)


def test_master_curve_is_the_mean_of_the_curves_that_are_there():
    u = np.array([-3.0, 2.0])
    short = (7.0 * np.exp(u), 0.5 - 0.1 * u + 0.01, 7.0)
    v = np.array([-3.0, 4.0])
    long = (0.3 * np.exp(v), 0.5 - 0.1 * v - 0.01, 0.3)
    master = build_master_curve([short, long])
    for x, expected in ((-2.1, 0.71), (0.3, 0.47), (1.05, 0.395), (2.7, 0.22), (3.6, 0.13)):
        assert master.correlation(np.exp(x)) == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(np.diff(master.log_x), 0.15)
    # a rise is levelled at its mean, and becomes one node in its middle
    x = 0.15 * np.arange(-3, 4)
    values = np.array([0.9, 0.8, 0.6, 0.7, 0.5, 0.4, 0.3])
    levelled = build_master_curve([(np.exp(x + 1e-9), values, 1.0), (np.exp(x - 1e-9), values, 1.0)])
    assert levelled.correlation(np.exp(-0.075)) == pytest.approx(0.65, abs=1e-6)
    assert levelled.correlation(np.exp(0.15)) == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(ValueError, match="at least one curve"):
        build_master_curve([])
    with pytest.raises(ValueError, match="do not decay"):
        build_master_curve([(TIMES, np.ones(TIMES.size), 1.0)])


def test_times_between_and_beyond_measured_temperatures_by_hand():
    times = {
        "0.50": RelaxationTime(np.exp(2.0), 0.1 * np.exp(2.0), "threshold"),
        "0.40": RelaxationTime(np.exp(4.0), 0.2 * np.exp(4.0), "overlap"),
        "0.25": RelaxationTime(np.exp(9.0), 0.3 * np.exp(9.0), "threshold"),
    }
    line = fit_extrapolation([0.4, 0.25], [np.exp(4.0), np.exp(9.0)], [None, None])
    found = Relaxation(0.5, times, STRAIGHT, line)
    # 1/T = 3.25 lies between 2.5 and 4, half way: ln tau = 6.5
    tau, error = found.tau(1 / 3.25)
    assert np.log(tau) == pytest.approx(6.5)
    assert error / tau == pytest.approx(0.5 * np.hypot(0.2, 0.3))
    tau, error = found.tau(1 / 2.875)  # a quarter of the way
    assert np.log(tau) == pytest.approx(4 + 0.25 * 5)
    assert error / tau == pytest.approx(np.hypot(0.75 * 0.2, 0.25 * 0.3))
    assert found.tau(0.4) == (np.exp(4.0), 0.2 * np.exp(4.0))
    assert np.log(found.tau(0.2)[0]) == pytest.approx(4 + 2.5 / 1.5 * 5)
    # C_B = 0.5 - 0.1 ln(t / tau) both ways
    assert found.time_of("0.40", 0.3) == pytest.approx(np.exp(4.0 + 2.0))
    assert found.correlation_of("0.40", np.exp(3.0)) == pytest.approx(0.6)
    # an interpolated time is no support for another one
    more = Relaxation(0.5, {**times, "0.30": RelaxationTime(1.0, None, "interpolated")}, STRAIGHT, line)
    assert more.tau(1 / 3.25) == found.tau(1 / 3.25)
    unknown = Relaxation(
        0.5, {**times, "0.25": RelaxationTime(np.exp(9.0), None, "threshold")}, STRAIGHT, line
    )
    assert unknown.tau(1 / 3.25)[1] is None
    with pytest.raises(ValueError, match="nothing to extrapolate from"):
        Relaxation(0.5, {"0.50": times["0.50"]}, STRAIGHT, None).tau(0.4)


def test_time_of_decay_to_one_over_e():
    curves = {
        "0.40": (TIMES, [stretched(TIMES, 100.0)]),
        "0.30": (TIMES[:31], [stretched(TIMES[:31], 200.0)]),
    }
    found = measure_relaxation(curves, threshold=0.45).times
    # 0.5^((t / tau)^0.6) = 1 / e
    assert found["0.40"].tau_e == pytest.approx(100 * np.log(2) ** (-1 / 0.6), rel=0.01)
    assert found["0.40"].tau == pytest.approx(100 * (np.log(0.45) / np.log(0.5)) ** (1 / 0.6), rel=0.01)
    # the second curve ends between both values
    assert np.exp(-1) < stretched(TIMES[30], 200.0) < 0.45
    assert (found["0.30"].how, found["0.30"].tau_e) == ("threshold", None)
