"""Isoconfigurational dynamics: forces, conserved quantities, canonical ensemble, one list for all lanes."""

import numpy as np
import pytest
from scipy import stats

from tglassmlp import KA2D, Configuration, bond_breaking
from tglassmlp.simulation import run as runs
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.native.stepper import ReplicaStepper

MIXTURE = KA2D.scaled(10)


def started(c, replicas, seed=1, temperature=0.6, **settings):
    return ReplicaStepper(
        c, temperature, replicas, seed, mixture=MIXTURE, settings=DynamicsSettings(**settings)
    )


def trajectory(c, steps, replicas, seed=1, temperature=0.6, mixture=MIXTURE, positions=None, **settings):
    return runs.trajectory(
        c, temperature, steps, replicas, np.random.SeedSequence(seed), mixture=mixture,
        settings=DynamicsSettings(**settings), positions=positions,
    )  # fmt: skip


def total_energy(jnp, mixture, positions, species, box):
    """Potential energy by all pairs, straight from the definition."""
    i, j = np.triu_indices(len(species), 1)
    separation = positions[i] - positions[j]
    separation = separation - box * jnp.round(separation / box)
    sigma = mixture.sigma_matrix[species[i] - 1, species[j] - 1]
    epsilon = mixture.epsilon_matrix[species[i] - 1, species[j] - 1]
    u = (separation**2).sum(axis=-1) / sigma**2
    c0, c2, c4 = mixture.smoothing
    pair = 4.0 * epsilon * (u**-6 - u**-3 + c0 + c2 * u + c4 * u**2)
    return jnp.where(u < mixture.cutoff**2, pair, 0.0).sum()


def reference_forces(c, positions):
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        gradient = jax.jit(
            jax.grad(lambda x: total_energy(jnp, MIXTURE, x, c.species, c.box_length), argnums=0)
        )
        return np.stack([-np.asarray(gradient(jnp.asarray(x))) for x in positions])


@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-10), ("mixed", 4e-6)])
def test_forces_are_the_gradient_also_when_replicas_have_diffused_apart(liquid, precision, tolerance):
    """At the start, and at random frames until hardly any bond of the start is left."""
    run = started(liquid, 8, temperature=2.0, precision=precision)
    for n_steps in (0, 37, 411, 1500, 4003, 6007):
        if n_steps:
            run.advance(n_steps)
        forces, positions = run.forces(), run.positions()
        expected = reference_forces(liquid, positions)
        scale = np.abs(expected).max()
        assert 5.0 < scale < 500.0
        np.testing.assert_allclose(forces, expected, rtol=0, atol=tolerance * scale)
    assert run.step == 37 + 411 + 1500 + 4003 + 6007
    apart = np.linalg.norm(positions - liquid.positions, axis=-1)
    assert np.sqrt((apart**2).mean()) > 3.0
    assert bond_breaking(liquid.positions, positions, liquid.box_length, liquid.species).mean() < 0.2


def test_energies_are_those_of_the_definition(liquid):
    run = started(liquid, 2)
    run.advance(500)
    potential = run.energies()["potential"] * liquid.n_particles
    for r, x in enumerate(run.positions()):
        expected = total_energy(np, MIXTURE, x, liquid.species, liquid.box_length)
        assert potential[r] == pytest.approx(expected, abs=1e-6)


def test_published_energies(glassbench):
    for name, energy in (
        ("T0.23/test/N1290T0.23_202_tc05", -2.672),
        ("T0.30/train/N1290T0.30_3_tc01", -2.607),
    ):
        with np.load(glassbench / "KA2D_trajectories" / f"{name}.npz", allow_pickle=False) as file:
            c = Configuration(file["initial_positions"], file["types"], float(file["box"]))
        found = trajectory(c, np.array([0]), 1, mixture=KA2D)
        assert found.potential_energy[0, 0] == pytest.approx(energy, abs=5e-4)


def test_momentum_is_exactly_zero(liquid):
    run = started(liquid, 8)
    group = run.groups[0]
    for n_steps in (1, 9, 991):
        run.advance(n_steps)
        assert np.all(group.get(group.system.vel).sum(axis=1, dtype=np.int64) == 0)
        assert np.all(group.measure()[2].sum(axis=0, dtype=np.int64) == 0)


def test_centre_of_mass_stays(liquid):
    found = trajectory(liquid, np.array([0, 10000]), 8)
    assert np.abs(found.displacements[:, -1].astype(float).mean(axis=1)).max() < 1e-6
    assert np.abs(found.displacements[:, -1]).max() > 1.0


def test_motion_is_exactly_reversible(liquid):
    """Whole numbers lose nothing: with velocities reversed every replica returns to the last bit."""
    run = started(liquid, 8, thermostat="none")
    group = run.groups[0]
    before = group.state()
    run.advance(1500)
    assert np.abs(run.displacements()).max() > 1.0
    run.reverse()
    run.advance(1500)
    after = group.state()
    np.testing.assert_array_equal(after["position"], before["position"])
    np.testing.assert_array_equal(after["image"], before["image"])


@pytest.mark.parametrize("precision", ["mixed", "double"])
def test_energy_error_falls_with_the_square_of_the_time_step(liquid, precision):
    errors = []
    for time_step in (0.01, 0.005):
        steps = np.round(np.linspace(0, 20.0, 101) / time_step).astype(int)
        found = trajectory(liquid, steps, 8, thermostat="none", time_step=time_step, precision=precision)
        errors.append(found.conserved_drift[:, 1:].std())
    assert 3.2 < errors[0] / errors[1] < 5.0
    assert errors[0] < 2e-3


def test_energy_does_not_drift(liquid):
    """Over 50000 steps in float32 the slope of the total energy is lost in its fluctuation."""
    steps = np.arange(0, 50001, 500)
    found = trajectory(liquid, steps, 8, thermostat="none")
    slope = np.array([np.polyfit(found.times, e, 1)[0] for e in found.conserved_drift])
    assert abs(slope.mean()) < 4.0 * slope.std(ddof=1) / np.sqrt(len(slope)) + 1e-7
    assert np.abs(slope.mean()) * found.times[-1] < 5e-4


@pytest.mark.parametrize("thermostat", ["bussi", "nose_hoover"])
def test_kinetic_energy_is_canonical(liquid, thermostat):
    """K/T follows a gamma distribution of (2N - 2)/2 degrees; replicas and distant frames are independent."""
    steps = np.arange(2000, 14001, 1000)
    found = trajectory(liquid, steps, 16, thermostat=thermostat, seed=11)
    freedom = 2 * liquid.n_particles - 2
    kinetic = 0.5 * freedom * found.kinetic_temperature / 0.6
    assert stats.kstest(kinetic.ravel(), stats.gamma(0.5 * freedom).cdf).pvalue > 1e-3
    narrow = stats.kstest(kinetic.ravel(), stats.gamma(0.4 * freedom).cdf).pvalue
    assert narrow < 1e-6
    assert np.abs(found.conserved_drift[:, -1]).max() < 5e-3


def test_initial_velocities_are_maxwellian_and_independent(liquid):
    run = started(liquid, 16, precision="mixed", temperature=0.6)
    v = run.velocities() / np.sqrt(0.6 * (1 - 1 / 129))
    assert stats.kstest(v.ravel(), "norm").pvalue > 1e-3
    correlation = np.corrcoef(v.reshape(16, -1)) - np.eye(16)
    assert np.abs(correlation).max() < 5.0 / np.sqrt(v[0].size)


def test_precisions_agree_until_chaos_separates_them(liquid):
    steps = np.array([0, 10, 100, 200])
    mixed = trajectory(liquid, steps, 4)
    double = trajectory(liquid, steps, 4, precision="double")
    error = np.abs(mixed.displacements - double.displacements).max(axis=(0, 2, 3))
    assert error[1] < 1e-6
    assert error[2] < 1e-4
    assert np.abs(double.displacements[:, 3]).max() > 0.1


def test_relaxation_does_not_depend_on_precision_thermostat_or_time_step(liquid):
    """C_B and the energy of the same structure, 16 replicas each, within error bars."""
    found = {}
    for name, settings in {
        "reference": {},
        "double": {"precision": "double"},
        "nose_hoover": {"thermostat": "nose_hoover"},
        "half step": {"time_step": 0.005},
        "interval": {"thermostat_interval": 1},
    }.items():
        steps = np.round(np.array([20.0, 60.0]) / settings.get("time_step", 0.01)).astype(int)
        run = trajectory(liquid, steps, 16, seed=len(found), **settings)
        initial = liquid.positions
        c_b = [
            bond_breaking(initial, initial + run.displacements[:, k], liquid.box_length, liquid.species).mean(
                axis=1
            )
            for k in range(2)
        ]
        found[name] = np.array([*c_b, run.potential_energy[:, 1]])
    mean = {name: values.mean(axis=1) for name, values in found.items()}
    error = {name: values.std(axis=1, ddof=1) / 4.0 for name, values in found.items()}
    assert 0.1 < mean["reference"][1] < 0.9
    for name in found:
        deviation = (mean[name] - mean["reference"]) / np.hypot(error[name], error["reference"])
        assert np.abs(deviation).max() < 4.5, name


def test_an_extended_run_relaxes_like_an_uninterrupted_one(liquid):
    """C_B and the energy at t = 200, in one go and with velocities drawn anew at t = 100."""
    steps = np.array([0, 10000, 20000])
    whole = trajectory(liquid, steps, 64, seed=1)
    first = trajectory(liquid, steps[:2], 64, seed=1)
    second = trajectory(
        liquid, np.array([10000]), 64, seed=2,
        positions=liquid.positions + first.displacements[:, -1].astype(float),
    )  # fmt: skip
    moved = {
        "whole": whole.displacements[:, 2],
        "parts": first.displacements[:, 1] + second.displacements[:, 0],
    }
    energy = {"whole": whole.potential_energy[:, 2], "parts": second.potential_energy[:, 0]}
    found = {
        name: np.stack(
            [
                bond_breaking(liquid.positions, liquid.positions + d, liquid.box_length, liquid.species).mean(
                    axis=1
                ),
                energy[name],
            ]
        )
        for name, d in moved.items()
    }
    assert 0.1 < found["whole"][0].mean() < 0.9
    error = np.hypot(*(values.std(axis=1, ddof=1) for values in found.values())) / np.sqrt(64)
    difference = found["parts"].mean(axis=1) - found["whole"].mean(axis=1)
    assert np.abs(difference / error).max() < 4.0
    # an extension that forgot the first part would be seen
    early = bond_breaking(
        liquid.positions, liquid.positions + second.displacements[:, 0], liquid.box_length, liquid.species
    )
    assert abs(early.mean() - found["whole"][0].mean()) > 5.0 * error[0]
