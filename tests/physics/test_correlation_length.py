"""Correlation lengths and susceptibilities of fields whose answer is known."""

import numpy as np
import pytest

from tglassmlp.observables.structure_factor import (
    Shells,
    fit_structure_factor,
    structure_factor_direct,
    structure_factor_fft,
    tile_memory,
)
from tglassmlp.observables.susceptibility import (
    susceptibility,
    susceptibility_error,
    susceptibility_without_noise,
)


def gaussian_fields(n_fields, box, xi, chi, a, rng):
    """Fields of random Fourier modes with spectrum chi/(1 + (q xi)^2 + (A q)^3), sampled without noise.

    The points lie on a lattice finer than the shortest wave: irregular ones would add shot noise.
    """
    shells = Shells(box, 1.0)
    v = shells.vectors()
    q = 2 * np.pi / box * np.hypot(*v.T)
    side = int(box)
    grid = (np.arange(side) + 0.5) * box / side
    positions = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    amplitude = np.sqrt(2 * chi / (1 + (q * xi) ** 2 + (a * q) ** 3) / len(positions))
    phase = 2 * np.pi / box * (positions @ v.T)
    noise = rng.normal(size=(2, n_fields, len(v))) * amplitude
    return positions, noise[0] @ np.cos(phase).T + noise[1] @ np.sin(phase).T


@pytest.mark.parametrize(("xi", "a"), [(4.0, 0.0), (3.0, 3.5)])
def test_gaussian_field_of_known_correlation_length(xi, a):
    box, n_fields = 90.0, 30
    shells = Shells(box, 0.8)
    positions, fields = gaussian_fields(n_fields, box, xi, 20.0, a, np.random.default_rng(11))
    power = structure_factor_fft(fields, positions, shells).mean(axis=0)
    q, s4, modes = shells.gather(power)
    fit = fit_structure_factor(q, s4, modes * n_fields, q_max=0.8, cubic=a > 0, longest=box / 2)
    assert fit.determined, fit.reason
    assert fit.xi == pytest.approx(xi, abs=3 * fit.xi_error)
    assert fit.xi_error < 0.2 * xi
    assert fit.chi == pytest.approx(20.0, abs=3 * fit.chi_error)
    assert 0.5 < fit.goodness < 1.6
    if a:
        assert fit.a == pytest.approx(a, abs=3 * fit.a_error)


def test_memory_of_the_tiles_is_measured_and_does_not_disturb_the_correlation_length():
    # tiles that share a quarter of their variance, as when re-equilibration was too short
    tiles, side, xi, share, n_fields = 5, 24.0, 3.0, 0.25, 6
    box, rng = tiles * side, np.random.default_rng(31)
    shells = Shells(box, 0.8)
    positions, own = gaussian_fields(n_fields, box, xi, 20.0, 0.0, rng)
    _, common = gaussian_fields(n_fields, side, xi, 20.0, 0.0, rng)
    # gaussian_fields lays one point per unit cell, row by row: repeat the small field in every tile
    n = int(side)
    common = np.tile(common.reshape(n_fields, n, n), (1, tiles, tiles)).reshape(n_fields, -1)
    fields = np.sqrt(1 - share) * own + np.sqrt(share) * common
    power = structure_factor_fft(fields, positions, shells).mean(axis=0)
    leave = shells.on_tiles(tiles)
    assert leave.sum() == len(Shells(side, 0.8).vectors())
    fits = []
    for out in (None, leave):
        q, s4, modes = shells.gather(power, out)
        fits.append(fit_structure_factor(q, s4, modes * n_fields, q_max=0.8, longest=box / 2))
    disturbed, clean = fits
    assert disturbed.goodness > 3
    assert clean.determined, clean.reason
    assert clean.goodness < 1.6
    assert clean.xi == pytest.approx(xi, abs=3 * clean.xi_error)
    assert clean.chi == pytest.approx((1 - share) * 20.0, abs=3 * clean.chi_error)
    assert tile_memory(power, shells, tiles) == pytest.approx(share, abs=0.08)
    alone = structure_factor_fft(own, positions, shells).mean(axis=0)
    assert tile_memory(alone, shells, tiles) < 0.03
    assert np.isnan(tile_memory(alone, shells, 1))


def test_fft_agrees_with_the_direct_sum():
    rng = np.random.default_rng(2)
    box = 37.3
    positions = rng.uniform(-3 * box, 3 * box, (500, 2))
    fields = rng.normal(size=(3, 500))
    shells = Shells(box, 3.0)
    direct = structure_factor_direct(fields, positions, shells)
    fast = structure_factor_fft(fields, positions, shells)
    np.testing.assert_allclose(fast, direct, rtol=0, atol=1e-5 * direct.mean())


def test_direct_sum_agrees_with_the_definition_at_single_wave_vectors():
    rng = np.random.default_rng(3)
    positions, field = rng.uniform(0, 10.0, (40, 2)), rng.normal(size=40)
    shells = Shells(10.0, 2.0)
    power = structure_factor_direct(field[None], positions, shells)[0]
    for k, (nx, ny) in enumerate(shells.vectors()):
        phase = 2 * np.pi / 10.0 * (nx * positions[:, 0] + ny * positions[:, 1])
        expected = ((field * np.cos(phase)).sum() ** 2 + (field * np.sin(phase)).sum() ** 2) / 40
        assert power[k] == pytest.approx(expected, rel=1e-9)


def test_shells_hold_each_wave_vector_or_its_opposite_once():
    shells = Shells(2 * np.pi, 2.3)  # |n|^2 in {1, 2, 4, 5}
    q, _, modes = shells.gather(np.zeros(len(shells.vectors())))
    np.testing.assert_allclose(q, np.sqrt([1, 2, 4, 5]))
    np.testing.assert_array_equal(modes, [2, 2, 2, 4])


def test_fits_refuse_what_the_data_cannot_tell():
    q = np.linspace(0.1, 0.5, 12)
    modes = np.full(12, 4)
    few = fit_structure_factor(q[:3], np.ones(3), modes[:3], 0.5)
    assert not few.determined
    assert "shells" in few.reason
    flat = fit_structure_factor(q, 1 + 0.02 * np.arange(12), modes, 0.5)
    assert not flat.determined
    assert np.isnan(flat.xi)
    noisy = fit_structure_factor(q, 1 / (1 + 0.2 * q**2), modes, 0.5)
    assert not noisy.determined
    assert "error" in noisy.reason
    steep = fit_structure_factor(q, 1 / (1 + (40 * q) ** 2), modes * 1000, 0.5, longest=16.0)
    assert not steep.determined
    assert "box" in steep.reason


def test_reported_errors_of_the_fit_are_the_scatter_of_repeated_fits():
    rng = np.random.default_rng(5)
    q = np.linspace(0.06, 0.5, 25)
    modes = np.full(25, 16)
    truth = 10.0 / (1 + (q * 5.0) ** 2)
    fits = [fit_structure_factor(q, truth * rng.gamma(16, 1 / 16, 25), modes, 0.6) for _ in range(150)]
    found = np.array([f.xi for f in fits if f.determined])
    assert len(found) == 150
    assert found.mean() == pytest.approx(5.0, abs=0.25)
    assert np.mean([f.xi_error for f in fits]) == pytest.approx(found.std(), rel=0.25)


def test_independent_particles_have_their_variance_as_susceptibility():
    rng = np.random.default_rng(7)
    field = rng.normal(0.5, 0.3, (4000, 50))
    assert susceptibility(field) == pytest.approx(0.09, abs=4 * susceptibility_error(field))
    assert susceptibility_error(field) == pytest.approx(0.09 * np.sqrt(2 / 3999), rel=0.15)


def test_susceptibility_of_a_common_shift_is_particle_number_times_its_variance():
    field = np.array([[0.2] * 10, [0.6] * 10])
    assert susceptibility(field) == pytest.approx(10 * 0.08)
    assert np.isnan(susceptibility(field[:1]))


def test_replica_noise_is_removed_by_the_halves():
    rng = np.random.default_rng(9)
    truth = rng.normal(0.5, 0.02, (600, 1)) * np.ones((1, 40))
    halves = [truth + rng.normal(0, 0.5, truth.shape) for _ in range(2)]
    expected = 40 * 0.02**2
    assert susceptibility(0.5 * (halves[0] + halves[1])) > 5 * expected
    assert susceptibility_without_noise(*halves) == pytest.approx(expected, abs=0.04)
