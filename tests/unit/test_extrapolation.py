"""Relaxation times below the measured temperatures, on laws whose answers are known."""

import numpy as np
import pytest

from tglassmlp.dynamics.extrapolation import fit_extrapolation, local_slopes

TEMPERATURES = [0.25, 0.30, 0.35, 0.40]


def law(temperature, reference=0.25, log_tau=14.0, energy=5.0, curvature=1.6):
    u = 1 / np.asarray(temperature) - 1 / reference
    return np.exp(log_tau + energy * u + 0.5 * curvature * u * u)


def test_a_parabola_is_found_and_continued():
    taus = law(TEMPERATURES)
    errors = list(0.01 * taus)
    u = 1 / 0.15 - 1 / 0.25
    found = {form: fit_extrapolation(TEMPERATURES, taus, errors, 4, form) for form in ("parabola", "between")}
    for fit in found.values():
        assert fit.reference == 0.25
        assert fit.temperatures == tuple(TEMPERATURES)
        assert (fit.log_tau, fit.energy, fit.curvature) == pytest.approx((14.0, 5.0, 1.6))
        # within the measured temperatures the form does not matter
        assert fit.tau(0.35)[0] == pytest.approx(law(0.35))
        assert fit.log_tau_at(0.35)[2] == 0.0
    assert found["parabola"].tau(0.15)[0] == pytest.approx(law(0.15))
    # the middle of the parabola and its tangent, half the way to either
    value, _, choice = found["between"].log_tau_at(0.15)
    assert value == pytest.approx(14.0 + 5.0 * u + 0.25 * 1.6 * u * u)
    assert choice == pytest.approx(0.25 * 1.6 * u * u)
    # from the parabola the whole way to the tangent
    assert found["parabola"].log_tau_at(0.15)[2] == pytest.approx(0.5 * 1.6 * u * u)


def test_a_line_knows_what_it_leaves_out():
    taus = law(TEMPERATURES, curvature=0.0)
    fit = fit_extrapolation(TEMPERATURES, taus, list(0.01 * taus), 4, "line")
    assert (fit.log_tau, fit.energy) == pytest.approx((14.0, 5.0))
    assert fit.curvature == pytest.approx(0.0, abs=1e-8)
    assert fit.tau(0.15)[0] == pytest.approx(law(0.15, curvature=0.0))
    bent = fit_extrapolation(TEMPERATURES, law(TEMPERATURES), [None] * 4, 4, "line")
    assert bent.curvature == pytest.approx(1.6)
    assert bent.log_tau_at(0.15)[2] == pytest.approx(0.8 * (1 / 0.15 - 4.0) ** 2)


def test_only_the_lowest_temperatures_are_fitted():
    taus = [*law(TEMPERATURES[:3]), 1.0]
    fit = fit_extrapolation(TEMPERATURES, taus, [0.01 * t for t in taus], 3, "parabola")
    assert fit.temperatures == (0.25, 0.30, 0.35)
    assert fit.tau(0.18)[0] == pytest.approx(law(0.18))


@pytest.mark.parametrize(("form", "at"), [("parabola", 0.18), ("between", 0.15), ("line", 0.20)])
def test_the_statistical_error_is_the_scatter_of_repeated_fits(form, at):
    rng = np.random.default_rng(4)
    relative = np.array([0.05, 0.02, 0.01, 0.01])
    curvature = 0.0 if form == "line" else 1.6
    taus = law(TEMPERATURES, curvature=curvature)
    values, curvatures = [], []
    for _ in range(500):
        drawn = taus * np.exp(relative * rng.normal(size=4))
        fit = fit_extrapolation(TEMPERATURES, drawn, list(relative * drawn), 4, form)
        values.append(fit.log_tau_at(at)[0])
        curvatures.append(fit.curvature)
    exact = fit_extrapolation(TEMPERATURES, taus, list(relative * taus), 4, form)
    assert exact.log_tau_at(at)[1] == pytest.approx(np.std(values), rel=0.12)
    assert exact.curvature_error == pytest.approx(np.std(curvatures), rel=0.12)
    assert exact.energy_error == pytest.approx(np.sqrt(exact.covariance[1][1]))
    tau, error = exact.tau(at)
    assert error / tau == pytest.approx(np.hypot(*exact.log_tau_at(at)[1:]))


def test_small_errors_show_a_curvature_that_large_ones_hide():
    """No floor: errors of one per cent make the curvature of the measured times eight errors large."""
    taus = law(TEMPERATURES)
    sure = fit_extrapolation(TEMPERATURES, taus, list(0.01 * taus))
    unsure = fit_extrapolation(TEMPERATURES, taus, list(0.2 * taus))
    assert sure.curvature / sure.curvature_error > 8.0
    assert unsure.curvature / unsure.curvature_error == pytest.approx(
        0.05 * sure.curvature / sure.curvature_error
    )


def test_scatter_beyond_the_errors_enlarges_them():
    taus = law(TEMPERATURES) * np.exp([0.0, 0.3, -0.3, 0.0])
    fit = fit_extrapolation(TEMPERATURES, taus, list(0.01 * taus))
    plain = fit_extrapolation(TEMPERATURES, law(TEMPERATURES), list(0.01 * law(TEMPERATURES)))
    assert fit.goodness > 100.0
    ratio = np.asarray(fit.covariance) / np.asarray(plain.covariance)
    np.testing.assert_allclose(ratio, fit.goodness)


def test_two_temperatures_give_no_curvature_and_no_error():
    fit = fit_extrapolation([0.3, 0.4], law([0.3, 0.4]), list(0.01 * law([0.3, 0.4])))
    assert fit.form == "line"
    assert fit.curvature is None
    assert fit.tau(0.2)[1] is None
    assert fit.glass_transition(1e12)[1] is None
    assert fit_extrapolation([0.3, 0.4], [100, 10], [None, None]).covariance is None
    with pytest.raises(ValueError, match="two temperatures"):
        fit_extrapolation([0.3], [10.0], [None])
    with pytest.raises(ValueError, match="between, parabola, line"):
        fit_extrapolation([0.3, 0.4], [100, 10], [None, None], form="cubic")


@pytest.mark.parametrize("form", ["between", "parabola", "line"])
def test_the_glass_transition_is_where_the_ratio_is_reached(form):
    taus = law(TEMPERATURES)
    fit = fit_extrapolation(TEMPERATURES, taus, list(0.02 * taus), 4, form)
    temperature, error = fit.glass_transition(1e12)
    assert fit.tau(temperature)[0] == pytest.approx(1e12, rel=1e-6)
    assert 0.05 < temperature < 0.25
    # the error is that of ln tau over its slope against T
    h = 1e-6
    slope = (fit.log_tau_at(temperature - h)[0] - fit.log_tau_at(temperature + h)[0]) / (2 * h)
    assert error == pytest.approx(np.hypot(*fit.log_tau_at(temperature)[1:]) / slope, rel=1e-4)
    assert fit.glass_transition(1e6, microscopic=1e6)[0] == pytest.approx(temperature)
    with pytest.raises(ValueError, match="passed above"):
        fit.temperature(1e3)


def test_a_curvature_downwards_is_refused_where_it_turns():
    taus = law(TEMPERATURES, curvature=-5.0)
    fit = fit_extrapolation(TEMPERATURES, taus, list(0.02 * taus), 4, "parabola")
    with pytest.raises(ValueError, match="does not reach"):
        fit.temperature(1e30)


def test_local_slopes_by_hand():
    found = local_slopes([0.25, 0.5], [np.exp(6.0), np.exp(2.0)], [0.3 * np.exp(6.0), 0.4 * np.exp(2.0)])
    assert len(found) == 1
    assert (found[0].upper, found[0].lower) == (0.5, 0.25)
    assert found[0].energy == pytest.approx(2.0)  # 4 over a step of 2
    assert found[0].error == pytest.approx(0.25)  # 0.5 over 2
    assert local_slopes([0.5, 0.25], [2.0, 8.0], [None, 1.0])[0].error is None


def test_errors_of_a_line_by_hand():
    """Through ln tau = 3 and 7 at 1/T = 2 and 4: E = 2; at 1/T = 6 it is 2 y_2 - y_1."""
    taus = [float(np.exp(3)), float(np.exp(7))]
    line = fit_extrapolation([0.5, 0.25], taus, [0.1 * taus[0], 0.3 * taus[1]], form="line")
    assert (line.log_tau, line.energy) == (pytest.approx(7.0), pytest.approx(2.0))
    value, error, _ = line.log_tau_at(1 / 6)
    assert value == pytest.approx(11.0)
    assert error == pytest.approx(np.sqrt(4 * 0.3**2 + 0.1**2))
    assert line.log_tau_at(0.25)[1] == pytest.approx(0.3)
    # errors count as they are, however small
    sure = fit_extrapolation([0.5, 0.25], taus, [1e-3 * t for t in taus], form="line")
    assert sure.log_tau_at(1 / 6)[1] == pytest.approx(1e-3 * np.sqrt(5))


def test_scatter_about_a_line_enlarges_its_error():
    """Points at 1/T = 1, 2, 3 off a line by d, -2 d, d: chi^2 = 6 d^2 / s^2 with one degree of freedom."""
    temperatures, inverse = [1.0, 1 / 2, 1 / 3], np.array([1.0, 2.0, 3.0])
    for d, factor in ((0.1, np.sqrt(6) * 0.1 / 0.08), (0.01, 1.0)):
        taus = np.exp(4 * inverse + d * np.array([1, -2, 1]))
        line = fit_extrapolation(temperatures, taus, 0.08 * taus, form="line")
        assert (line.log_tau, line.energy) == (pytest.approx(12.0), pytest.approx(4.0))
        # what the line leaves out: the second difference of the points
        assert line.curvature == pytest.approx(6 * d)
        # at the middle s / sqrt(3), and s / sqrt(2) for the slope
        assert line.log_tau_at(1 / 2)[1] == pytest.approx(factor * 0.08 / np.sqrt(3))
        assert line.log_tau_at(1 / 5)[1] == pytest.approx(factor * 0.08 * np.sqrt(1 / 3 + 9 / 2))
        free = fit_extrapolation(temperatures, taus, [None] * 3, form="line")
        assert free.log_tau_at(1 / 2)[1] == pytest.approx(np.sqrt(6) * d / np.sqrt(3))
    # one unknown error: all weights are equal
    mixed = fit_extrapolation(temperatures, taus, [0.08 * taus[0], None, 0.2 * taus[2]], form="line")
    assert mixed == free
    steep = np.exp([1.0, 2.0, 5.0])
    weighted = fit_extrapolation(temperatures, steep, steep * [0.1, 0.1, 1e3], form="line")
    assert weighted.energy == pytest.approx(1.0, abs=1e-4)


def test_number_of_temperatures_of_a_line():
    temperatures, taus = [0.4, 0.2, 0.3, 0.5], [10.0, 5e4, 300.0, 5.0]
    assert fit_extrapolation(temperatures, taus, [None] * 4, 3).temperatures == (0.2, 0.3, 0.4)
    two = fit_extrapolation(temperatures, taus, [None] * 4, number=1)
    assert two.temperatures == (0.2, 0.3)
    assert two.energy == pytest.approx(np.log(5e4 / 300) / (1 / 0.2 - 1 / 0.3))
