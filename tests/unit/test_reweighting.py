"""Energy distributions of two temperatures: exact toys, a small liquid, and sets out of equilibrium."""

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D
from tglassmlp.equilibration.checks import measure_temperature
from tglassmlp.equilibration.heat_capacity import check_heat_capacity
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.equilibration.reweighting import check_reweighting, reweighting
from tglassmlp.equilibration.settings import CheckLimits
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.simulation.swap.chain import Chain

SMALL = KA2D.scaled(10)


def oscillators(rng, temperature, n, degrees=60):
    """Energies of harmonic oscillators: density of states E^(degrees/2 - 1)."""
    return rng.gamma(degrees / 2, temperature, n)


def test_oscillators_are_related_by_the_boltzmann_factor():
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(200):
        found = reweighting(oscillators(rng, 1.0, 400), 1.0, oscillators(rng, 1.15, 600), 1.15)
        pulls.append((found.slope - 1.0) / found.error)
        assert 0.3 < found.overlap < 1.0
    # 200 pulls: the mean is known to 0.07, the spread to 0.05
    assert abs(np.mean(pulls)) < 0.25
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_the_order_of_the_two_does_not_matter():
    rng = np.random.default_rng(1)
    a, b = oscillators(rng, 1.0, 500), oscillators(rng, 1.1, 500)
    one, other = reweighting(a, 1.0, b, 1.1), reweighting(b, 1.1, a, 1.0)
    assert one.slope == pytest.approx(other.slope)
    assert one.error == pytest.approx(other.error)
    # nor does the zero of energy
    assert reweighting(a - 1e4, 1.0, b - 1e4, 1.1).slope == pytest.approx(one.slope)


def test_correlated_samples_have_the_larger_error():
    # energies of a Gaussian density of states, ln Omega = -(E/s)^2/2: mean -s^2/T, variance s^2
    rng, s, n, memory = np.random.default_rng(2), 3.0, 3000, 0.9
    pulls = []
    for _ in range(60):
        series = []
        for temperature in (1.0, 1.2):
            noise = rng.normal(size=n) * np.sqrt(1 - memory**2)
            x = np.empty(n)
            x[0] = rng.normal()
            for k in range(1, n):
                x[k] = memory * x[k - 1] + noise[k]
            series.append(s * x - s**2 / temperature)
        found = reweighting(series[0], 1.0, series[1], 1.2)
        pulls.append((found.slope - 1.0) / found.error)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.35)  # without the correlation time it is 4


def test_energies_of_another_temperature_are_found_out():
    rng = np.random.default_rng(3)
    stuck = reweighting(oscillators(rng, 1.1, 2000), 1.0, oscillators(rng, 1.2, 2000), 1.2)
    assert stuck.slope + 4 * stuck.error < 1.0
    assert stuck.slope == pytest.approx((1 / 1.1 - 1 / 1.2) / (1 - 1 / 1.2), abs=4 * stuck.error)


def test_what_cannot_be_said_is_refused():
    rng = np.random.default_rng(4)
    a = oscillators(rng, 1.0, 100)
    with pytest.raises(ValueError, match="two different temperatures"):
        reweighting(a, 1.0, a, 1.0)
    with pytest.raises(ValueError, match="at least 10"):
        reweighting(a[:9], 1.0, a, 1.1)
    with pytest.raises(ValueError, match="do not fluctuate"):
        reweighting(np.ones(20), 1.0, np.ones(20), 1.1)
    with pytest.raises(ValueError, match=r"overlap by .*choose temperatures closer"):
        reweighting(a, 1.0, oscillators(rng, 4.0, 100), 4.0)


@pytest.fixture(scope="module")
def sampled():
    """Energies of 129 particles at three temperatures, one every 10 sweeps."""
    found = {}
    for temperature in (0.80, 0.85, 0.95):
        chain = Chain(lattice_start(SMALL, np.random.SeedSequence(5)), 2.0, 6, SMALL)
        chain.tune(200, 0.4)
        chain.temperature = temperature
        chain.tune(200, 0.4)
        chain.run(1000)
        energies = []
        for _ in range(1200):
            chain.run(10)
            energies.append(chain.energy * chain.n_particles)
        found[temperature] = np.array(energies)
    return found


def test_swap_monte_carlo_is_related_by_the_boltzmann_factor(sampled):
    found = reweighting(sampled[0.80], 0.80, sampled[0.85], 0.85)
    assert abs(found.slope - 1.0) < 4 * found.error
    assert found.error < 0.2
    wrong = reweighting(sampled[0.80], 0.80, sampled[0.95], 0.85)
    assert wrong.slope - 4 * wrong.error > 1.5


def test_its_cumulant_form_agrees(sampled):
    verdicts = []
    for temperature, energies in sampled.items():
        parts = energies.reshape(24, -1) / 129
        spread = parts.mean(axis=1)
        verdicts.append(
            {
                "temperature": temperature,
                "energy": parts.mean(),
                "energy_error": spread.std(ddof=1) / np.sqrt(24),
                "heat_capacity": 129 * parts.var() / temperature**2,
                "heat_capacity_error": 129 * parts.var(axis=1).std() / temperature**2 / np.sqrt(24),
            }
        )
    table, failed = check_reweighting(verdicts)
    assert failed == []
    assert table.passed.tolist() == [True, True]
    # the means of 24 stretches of 500 sweeps scatter: the difference over 0.15 is known to 10 %
    assert table.allowed[1] < 0.5


# ------------------------------------------------------------------------------------- records of a run


def at(temperature, energy, error=0.0005, capacity=1.2, capacity_error=0.01):
    names = ("temperature", "energy", "energy_error", "heat_capacity", "heat_capacity_error")
    return dict(zip(names, (temperature, energy, error, capacity, capacity_error), strict=True))


def test_differences_of_energy_are_the_integral_of_the_fluctuations():
    # C = 2 - 2 T: the trapezoid is exact
    liquid = [at(t, 2 * t - t**2, capacity=2 - 2 * t) for t in (0.5, 0.3, 0.4)]
    table, failed = check_reweighting(liquid)
    assert failed == []
    assert table.temperature.tolist() == [0.3, 0.4]
    np.testing.assert_allclose(table.difference, table.reweighted)
    # the mean energy hardly fell on cooling to 0.3
    table, failed = check_reweighting([*liquid[::2], at(0.3, 2 * 0.4 - 0.4**2 - 0.03, capacity=1.4)])
    assert table.passed.tolist() == [False, True]
    assert "reweighting gives 0.13" in failed[0]
    assert "raise the sweeps of T=0.3 and of T=0.4" in failed[0]
    # with large errors nothing can be said; nor of one structure or of published data
    assert check_reweighting([*liquid[::2], at(0.3, 0.6, error=0.05)])[1] == []
    assert len(check_reweighting([*liquid[::2], at(0.3, 0.6, error=None)])[0]) == 1
    assert check_reweighting([{"temperature": 0.3}])[0].empty


def test_it_finds_what_the_range_of_heat_capacities_lets_through():
    stuck = [at(0.3, 0.0, capacity=1.6), at(0.4, 0.115, capacity=1.1)]
    assert check_heat_capacity(stuck)[1] == []
    table, failed = check_reweighting(stuck)
    assert table.value[0] == pytest.approx(1 - 0.115 / 0.135)
    assert len(failed) == 1
    assert check_reweighting(stuck, CheckLimits(reweighting=0.2))[1] == []


def records(temperature, fictive, n=64, points=10, seed=0):
    """Records of a Gaussian liquid, e = -3 + 1.2 T, whose slow half of the energy is that of ``fictive``."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        slow = rng.normal(0.6 * fictive, np.sqrt(0.6 * fictive**2 / 129))
        for m in range(points):
            fast = rng.normal(0.6 * temperature, np.sqrt(0.6 * temperature**2 / 129))
            row = dict.fromkeys(COLUMNS, np.nan) | {"structure": k, "start": ("quenched", "heated")[k % 2]}
            row |= {"sweep": 100 + m, "measured": True, "energy": slow + fast - 3.0}
            rows.append(row | {"energy_variance": 0.0, "overlap": 0.1})
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.mark.parametrize(("fictive", "passed"), [(0.3, True), (0.37, False)])
def test_records_that_fell_out_of_equilibrium_fail(liquid, order_once, fictive, passed):
    cold = measure_temperature(records(0.3, fictive), [liquid] * 64, 0.3, SMALL)
    warm = measure_temperature(records(0.4, 0.4, seed=1), [liquid] * 64, 0.4, SMALL)
    table, failed = check_reweighting([cold, warm])
    assert table.passed.tolist() == [passed], table.to_string()
    assert (failed == []) == passed
