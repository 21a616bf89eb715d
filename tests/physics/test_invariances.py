"""What must not change a result, through the whole chain from a configuration to what is learnt from it.

Predictions do not know where the box begins, which way it is turned, how particles are numbered, or whether
a period is written once or four times. The mean propensity of an equilibrium does not rise in time and does
not know when the clock was started. The susceptibility is the structure factor of the propensity at q = 0.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import cKDTree

import tglassmlp as tg
from tglassmlp import KA2D, Configuration
from tglassmlp.box import wrap
from tglassmlp.observables.structure_factor import Shells, structure_factor_direct, structure_factor_fft
from tglassmlp.observables.susceptibility import susceptibility
from tglassmlp.simulation.swap.chain import Chain

# ------------------------------------------------------------------------------------- predictions


@pytest.fixture(scope="module")
def structure():
    """A structure of the size and mixture the shipped networks know, 1290 particles.

    It is an inherent structure with particles moved about as far as their cages let them. From a melt far
    from equilibrium, rounding can decide which of two neighbouring minima the minimiser falls into, and the
    two have different descriptors; that is a property of energy landscapes, not of the box.
    """
    side = int(np.ceil(np.sqrt(1290)))
    sites = np.stack(np.divmod(np.arange(1290), side), axis=1) * KA2D.box_length / side
    start = Configuration(sites, np.random.default_rng(1).permutation(KA2D.species()), KA2D.box_length)
    inherent = tg.inherent_structure(tg.swap_monte_carlo(start, temperature=0.4, sweeps=150, seed=1)[0])
    away = 0.05 * np.random.default_rng(3).normal(size=inherent.positions.shape)
    return inherent.with_positions(inherent.positions + away)


@pytest.fixture(scope="module")
def networks():
    return tg.load_networks("laptop")


@pytest.fixture(scope="module")
def prediction(networks, structure):
    """Propensities ``[networks, N_1]``; they differ from particle to particle by far more than rounding."""
    found = networks.predict(structure, 0.3, 0.7)
    assert found.shape == (len(networks), 600)
    assert found.std(axis=1).min() > 1000 * ROUNDING
    return found


#: Rounding: predictions are float32, and a minimum is found to a largest force of 1e-6.
ROUNDING = 1e-5


@pytest.mark.parametrize("shift", [(0.5, 0.5), (0.123, -7.9), (1000.0, -123456.789)])
def test_shift_leaves_predictions_unchanged(networks, structure, prediction, shift):
    c = structure.with_positions(structure.positions + structure.box_length * np.array(shift))
    np.testing.assert_allclose(networks.predict(c, 0.3, 0.7), prediction, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_leaves_predictions_unchanged(networks, structure, prediction, turns):
    x = structure.positions
    for _ in range(turns):
        x = np.stack([-x[:, 1], x[:, 0]], axis=1)
    found = networks.predict(structure.with_positions(x), 0.3, 0.7)
    np.testing.assert_allclose(found, prediction, rtol=0, atol=ROUNDING)


def test_mirror_image_leaves_predictions_unchanged(networks, structure, prediction):
    found = networks.predict(structure.with_positions(structure.positions * [1.0, -1.0]), 0.3, 0.7)
    np.testing.assert_allclose(found, prediction, rtol=0, atol=ROUNDING)


def test_permutation_permutes_predictions(networks, structure, prediction):
    order = np.random.default_rng(3).permutation(structure.n_particles)
    c = Configuration(structure.positions[order], structure.species[order], structure.box_length)
    # rows are the particles of type 1 in ascending number: where each of them was before
    rank = np.cumsum(structure.species == 1) - 1
    before = rank[order[c.species == 1]]
    assert sorted(before) == list(range(600))
    assert np.any(before != np.arange(600))
    np.testing.assert_allclose(networks.predict(c, 0.3, 0.7), prediction[:, before], rtol=0, atol=ROUNDING)


def test_tiling_repeats_predictions(networks, structure, prediction):
    found = networks.predict(structure.tiled(2), 0.3, 0.7)
    np.testing.assert_allclose(found, np.tile(prediction, 4), rtol=0, atol=ROUNDING)


# ------------------------------------------------------------------------------------- the mean propensity

#: Temperature of the small liquid below: hot, so that it is soon in equilibrium and soon rearranges.
HOT = 2.0
N_STRUCTURES, REPLICAS = 30, 8
#: When the clock is started, and the times since then.
WAITED, TIMES = 4.0, np.array([0.5, 1.0, 2.0, 4.0, 8.0])


@pytest.fixture(scope="module")
def equilibrated(liquid):
    """Structures of 129 particles at T = 2, 100 sweeps of swap Monte Carlo apart."""
    chain = Chain(liquid, HOT, 7)
    chain.run(300)
    found = []
    for _ in range(N_STRUCTURES):
        chain.run(100)
        found.append(chain.configuration())
    return found


def mean_propensities(structures, temperature):
    """Mean propensity of type 1, from the start and from ``WAITED`` on, ``[structures, times]`` each."""
    fresh, aged = np.empty((2, len(structures), len(TIMES)))
    at = np.unique(np.round(np.concatenate([[0.0], TIMES, [WAITED], WAITED + TIMES]), 9))
    where = {t: k for k, t in enumerate(at)}
    for s, c in enumerate(structures):
        x = tg.isoconfigurational_dynamics(c, temperature, at, REPLICAS, seed=100 + s)
        first = c.of_species(1)
        for k, t in enumerate(TIMES):
            shares = tg.bond_breaking(c.positions, x[:, where[t]], c.box_length, c.species)
            fresh[s, k] = shares[:, first].mean()
            # each replica is a structure of its own when the clock is started later
            aged[s, k] = np.mean(
                [
                    tg.bond_breaking(
                        r[where[WAITED]], r[None, where[round(WAITED + t, 9)]], c.box_length, c.species
                    )[:, first].mean()
                    for r in x
                ]
            )
    return fresh, aged


def sigmas(differences):
    """Mean over structures in units of its standard error, ``[times]``."""
    return differences.mean(axis=0) / (differences.std(axis=0, ddof=1) / np.sqrt(len(differences)))


@pytest.fixture(scope="module")
def of_equilibrium(equilibrated):
    return mean_propensities(equilibrated, HOT)


def test_mean_propensity_of_an_equilibrium_never_rises(of_equilibrium):
    """Bonds may form again, so single particles rise; the mean over an ensemble at rest may not."""
    for c_b in of_equilibrium:
        rise = np.diff(np.column_stack([np.ones(len(c_b)), c_b]), axis=1)
        assert sigmas(rise).max() < 3.5
        # the fall from each time to the next is seen, so the test could have failed
        assert np.all(sigmas(rise) < -5.0)
        assert 0.4 < c_b.mean(axis=0)[-1] < 0.7


def test_mean_propensity_does_not_depend_on_the_waiting_time(of_equilibrium):
    fresh, aged = of_equilibrium
    apart = sigmas(aged - fresh)
    # Student's t, five times that are correlated: fails once in a thousand seeds
    assert np.abs(apart).max() < stats.t.isf(0.5e-3 / len(TIMES), N_STRUCTURES - 1)
    # the resolution: a change of C_B by 0.02 would be seen
    error = (aged - fresh).std(axis=0, ddof=1) / np.sqrt(N_STRUCTURES)
    assert error.max() < 0.005


def test_mean_propensity_of_a_structure_that_ages_does_depend_on_it(equilibrated):
    """The same test on structures of T = 2 set to T = 0.4 at once: they slow down while they relax."""
    fresh, aged = mean_propensities(equilibrated[:10], 0.4)
    assert sigmas(aged - fresh)[-1] > 5.0


# ------------------------------------------------------------------------------------- chi_4 and S_4


@pytest.fixture(scope="module")
def ensemble(equilibrated):
    """Propensities of type 1 ``[S, n]`` at one time, positions ``[S, n, 2]``, box."""
    values, positions = [], []
    for s, c in enumerate(equilibrated[:20]):
        x = tg.isoconfigurational_dynamics(c, HOT, [4.0], 4, seed=500 + s)
        first = c.of_species(1)
        values.append(tg.bond_breaking(c.positions, x[:, 0], c.box_length, c.species).mean(axis=0)[first])
        positions.append(wrap(c.positions[first], c.box_length))
    return np.array(values), np.array(positions), c.box_length


@pytest.mark.parametrize("transform", [structure_factor_direct, structure_factor_fft])
def test_susceptibility_is_the_structure_factor_at_zero(ensemble, transform):
    r"""chi_4 = n / (n - 1) lim_{q -> 0} S_4(q) for n structures.

    The sum over one structure's deviations from the mean of the ensemble is N_1 (C - <C>) at q = 0, so
    S_4(0) = N_1 / n sum (C - <C>)^2. chi_4 is N_1 times the unbiased variance, with n - 1 for n. At small q
    the phases add a relative error of order (q L)^2.
    """
    values, positions, box = ensemble
    n = len(values)
    deviations = values - values.mean()
    for wide in (1e2, 1e4):
        # wave vectors of a much wider box: q L is at most 2 pi / wide
        shells = Shells(box * wide, 2 * np.pi / (box * wide) * 1.01)
        s4 = np.mean(
            [transform(f[None], x, shells)[0] for f, x in zip(deviations, positions, strict=True)], axis=0
        )
        expected = susceptibility(values) * (n - 1) / n
        assert s4.shape == (2,)
        np.testing.assert_allclose(s4, expected, rtol=4.0 * (2 * np.pi / wide) ** 2 * variance_ratio(values))
    # the tolerance above is then below one per mille
    assert 4.0 * (2 * np.pi / wide) ** 2 * variance_ratio(values) < 1e-3


def variance_ratio(values):
    """Local over collective fluctuations: what a phase error of 1 can add, relative to S_4(0)."""
    deviations = values - values.mean()
    return max(1.0, deviations.var() * values.shape[1] / susceptibility(values))


def test_susceptibility_is_the_limit_of_the_structure_factor_of_large_systems():
    """Correlated propensities in a box of many correlation lengths: the first wave vectors give chi_4."""
    rng = np.random.default_rng(4)
    box, n, systems, length = 60.0, 1500, 200, 1.5
    values, positions = np.empty((systems, n)), rng.uniform(-box / 2, box / 2, (systems, n, 2))
    for s, x in enumerate(positions):
        # domains strewn at random, each with a sign; a particle's propensity is the sum of those it is in
        centres, sign = rng.uniform(-box / 2, box / 2, (800, 2)), rng.choice([-1.0, 1.0], 800)
        inside = cKDTree(wrap(x, box, 0.0), boxsize=box).query_ball_point(wrap(centres, box, 0.0), length)
        values[s] = 0.5
        for particles, up in zip(inside, sign, strict=True):
            values[s, particles] += 0.05 * up
    shells = Shells(box, 2 * np.pi / box * 1.01)
    power = [
        structure_factor_direct((v - values.mean())[None], x, shells)[0]
        for v, x in zip(values, positions, strict=True)
    ]
    s4, chi = np.mean(power), susceptibility(values)
    # exponential law of one power, two wave vectors; Gaussian law of the means
    error = chi * np.sqrt(1 / (2 * systems) + 2 / (systems - 1))
    # between q = 0 and the first wave vector the field's own shape takes 1 - (q length)^2 / 4 ...
    assert s4 == pytest.approx(chi, abs=4.0 * error)
    # ... and the propensities are correlated: independent particles would have their variance
    assert chi > 3.0 * values.var()
