"""Thermostats and integrator where all is known: particles that do not meet, and Newton in plain NumPy."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp

from tglassmlp import KA2D, Configuration, isoconfigurational_dynamics
from tglassmlp.simulation import run as runs
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.energies import forces, total_energy

# Four particles so far apart that none reaches another one: only the thermostat changes the kinetic energy.
# The smaller the number of degrees of freedom, 2 N - 2 = 6, the more an error of one of them is seen.
APART = Configuration([[0, 0], [2000, 0], [0, 2000], [2000, 2000]], [1, 2, 3, 1], 4000.0)
FREEDOM = 6
TEMPERATURE = 0.5


def trajectory(c, steps, replicas, seed=1, temperature=TEMPERATURE, **settings):
    return runs.trajectory(
        c, temperature, np.asarray(steps), replicas, np.random.SeedSequence(seed), mixture=KA2D,
        settings=DynamicsSettings(**{"precision": "double", **settings}),
    )  # fmt: skip


def is_canonical(temperatures):
    """Whether 2 K / (2 N - 2) of independent samples is distributed as at ``TEMPERATURE``."""
    kinetic = 0.5 * FREEDOM * np.ravel(temperatures) / TEMPERATURE
    return stats.kstest(kinetic, stats.gamma(0.5 * FREEDOM).cdf).pvalue > 1e-3


def test_velocities_at_the_start_have_two_degrees_of_freedom_less_than_coordinates():
    found = trajectory(APART, [0, 100], 2000, thermostat="none")
    assert is_canonical(found.kinetic_temperature[:, 0])
    np.testing.assert_allclose(found.kinetic_temperature[:, 1], found.kinetic_temperature[:, 0], rtol=1e-9)
    # what is reported is 2 K / (2 N - 2), with the velocities that carry the particles
    velocity = found.displacements[:, 1].astype(float) / 1.0
    np.testing.assert_allclose(
        found.kinetic_temperature[:, 1], (velocity**2).sum(axis=(1, 2)) / FREEDOM, rtol=1e-5
    )
    np.testing.assert_allclose(velocity.sum(axis=1), 0.0, atol=1e-6)
    assert np.all(found.potential_energy == 0.0)


def test_velocities_at_the_start_do_not_depend_on_the_forces(liquid):
    """The same random numbers give a liquid and particles far apart the same kinetic energy at time zero."""
    n = liquid.n_particles
    grid = 50.0 * np.stack(np.meshgrid(np.arange(12), np.arange(12)), -1).reshape(-1, 2)[:n]
    apart = Configuration(grid, liquid.species, 600.0)
    with_forces, without = (
        trajectory(c, [0], 4, thermostat_velocities="full_step").kinetic_temperature for c in (liquid, apart)
    )
    np.testing.assert_allclose(with_forces, without, rtol=1e-8)
    assert np.ptp(without) > 0.01


@pytest.mark.parametrize(("interval", "relaxation"), [(1, 0.02), (7, 0.1)])
def test_stochastic_rescaling_gives_the_canonical_kinetic_energy(interval, relaxation):
    """Frames are 8 relaxation times apart, so that each is a new sample: 16 x 300 of them."""
    apart = round(8 * relaxation / 0.01)
    steps = apart * np.arange(1, 301)
    found = trajectory(APART, steps, 16, thermostat_interval=interval, thermostat_time=relaxation)
    assert is_canonical(found.kinetic_temperature)
    assert found.kinetic_temperature.mean() == pytest.approx(
        TEMPERATURE, abs=4 * TEMPERATURE * np.sqrt(2 / FREEDOM / found.kinetic_temperature.size)
    )
    # the work of the thermostat is what the kinetic energy has gained
    np.testing.assert_allclose(found.conserved_drift, 0.0, atol=1e-6)


@pytest.mark.parametrize(("interval", "relaxation"), [(1, 0.05), (10, 0.2)])
def test_stochastic_rescaling_forgets_within_its_relaxation_time(interval, relaxation):
    """The autocorrelation of K is exp(-t / tau): given K(0), K(t) is K(0) exp(-t/tau) + ... on average."""
    steps = 10 * np.arange(1, 1001)
    found = trajectory(APART, steps, 16, thermostat_interval=interval, thermostat_time=relaxation, seed=3)
    deviation = found.kinetic_temperature - TEMPERATURE
    variance = (deviation**2).mean()
    assert variance == pytest.approx(TEMPERATURE**2 * 2 / FREEDOM, rel=0.08)
    for lag in (1, 2, 3):
        correlation = (deviation[:, lag:] * deviation[:, :-lag]).mean() / variance
        assert correlation == pytest.approx(np.exp(-0.1 * lag / relaxation), abs=0.04)


def test_stochastic_rescaling_turns_velocities_as_often_as_its_noise_says():
    """Velocities that have forgotten their size have forgotten their sign; those that have not keep it."""
    for relaxation, turned in ((0.01, 0.5), (1e3, 0.0)):
        found = trajectory(APART, np.arange(5, 2006, 10), 8, thermostat_time=relaxation, seed=5)
        # the thermostat acts at steps 10, 20, ..., in the middle between two frames: compare every other pair
        path = np.diff(found.displacements.astype(float), axis=1)
        there, back = path[:, :-2:2], path[:, 2::2]
        share = np.mean((there * back).sum(axis=(2, 3)) < 0)
        assert share == pytest.approx(
            turned, abs=4 * 0.5 / np.sqrt(there.shape[0] * there.shape[1]) * turned * 2
        )


def test_nose_hoover_follows_its_equations():
    r"""Without forces dK/dt = -2 xi K and dxi/dt = (K / K_0 - 1) / tau^2, K_0 = (2N - 2) T / 2, xi(0) = 0."""
    steps = np.arange(0, 2001, 200)
    settings = {"thermostat": "nose_hoover", "thermostat_time": 0.4, "thermostat_interval": 1}
    found = trajectory(APART, steps, 6, time_step=0.001, **settings)
    for replica in found.kinetic_temperature:
        solution = solve_ivp(
            lambda _, s: [-2 * s[1] * s[0], (s[0] / TEMPERATURE - 1) / 0.4**2],
            (0, found.times[-1]), [replica[0], 0.0], t_eval=found.times, rtol=1e-10, atol=1e-12,
        )  # fmt: skip
        np.testing.assert_allclose(replica, solution.y[0], rtol=5e-3)
        assert np.ptp(replica) > 0.02
    np.testing.assert_allclose(found.conserved_drift, 0.0, atol=1e-6)


def test_motion_is_that_of_newton(liquid):
    """Velocity Verlet in plain NumPy from the same start; the first step tells the velocities."""
    dt, steps = 0.01, np.array([0, 1, 2, 10, 60])
    path = isoconfigurational_dynamics(
        liquid, 0.6, dt * steps, 2, 4, mixture=KA2D,
        settings=DynamicsSettings(thermostat="none", precision="double"),
    )  # fmt: skip
    kept = trajectory(
        liquid, steps, 2, seed=4, temperature=0.6, thermostat="none", thermostat_velocities="full_step"
    )
    half = trajectory(liquid, steps, 2, seed=4, temperature=0.6, thermostat="none")
    assert np.all(kept.conserved_drift[:, 0] == 0.0)
    for r in range(2):
        x, f = liquid.positions.copy(), forces(liquid)
        # float32 frames: the velocity is known to 1e-7 / dt
        v = (path[r, 1] - x - 0.5 * dt**2 * f) / dt
        for step in range(1, 61):
            x = x + dt * v + 0.5 * dt**2 * f
            new = forces(liquid.with_positions(x))
            v, f = v + 0.5 * dt * (f + new), new
            if step in steps:
                k = steps.tolist().index(step)
                np.testing.assert_allclose(path[r, k], x, atol=2e-7 * (1 + step) ** 1.2)
                energy = total_energy(liquid.with_positions(x)) / 129
                assert kept.potential_energy[r, k] == pytest.approx(energy, abs=1e-5)
                # 2 K / (2 N - 2), of the velocities at the step or at the half step before
                assert kept.kinetic_temperature[r, k] == pytest.approx((v**2).sum() / 256, rel=1e-4)
                before = v - 0.5 * dt * f
                assert half.kinetic_temperature[r, k] == pytest.approx((before**2).sum() / 256, rel=1e-4)
                assert abs((before**2).sum() / (v**2).sum() - 1) > 3e-4


def test_overlapping_particles_are_named_with_their_force():
    """The force in the refusal is the derivative of the pair potential."""
    close = Configuration([[0, 0], [0.03, 0.04], [3, 3]], [1, 2, 1], 20.0)
    expected = np.linalg.norm(forces(close)[0])
    with pytest.raises(ValueError, match=r"particles 0 and 1 overlap: distance 0\.05, force") as refusal:
        trajectory(close, [0], 1, precision="mixed")
    force = float(str(refusal.value).split("force ")[1].split(",")[0])
    assert force == pytest.approx(expected, rel=1e-3)
