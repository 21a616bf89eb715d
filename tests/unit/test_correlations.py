"""Scattering function, mean squared displacement and split-half ceiling against cases solved on paper."""

import numpy as np
import pytest

from tglassmlp import Configuration
from tglassmlp.dynamics.correlations import of_species, scattering_and_displacement, split_half_ceiling


def test_rigid_shift_of_the_whole_system_is_no_motion(lattice):
    shifted = np.broadcast_to([3.0, -1.0], (2, 4, lattice.n_particles, 2))
    found = scattering_and_displacement(lattice, shifted, 3)
    np.testing.assert_allclose(found["scattering"], 1.0, atol=1e-12)
    np.testing.assert_allclose(found["displacement2"], 0.0, atol=1e-12)


def test_gaussian_displacements():
    rng = np.random.default_rng(2)
    n, spread = 40_000, 0.1
    c = Configuration(rng.uniform(-50, 50, (n, 2)), np.repeat([1, 2], n // 2), 100.0)
    found = scattering_and_displacement(c, spread * rng.normal(size=(1, 1, n, 2)), 2)
    # F_s = exp(-q^2 spread^2 / 2) in every direction, msd = 2 spread^2
    np.testing.assert_allclose(
        found["scattering"][:, 0], np.exp(-0.5 * (2 * np.pi * spread) ** 2), atol=0.005
    )
    np.testing.assert_allclose(found["displacement2"][:, 0], 2 * spread**2, rtol=0.03)


def test_ceiling_of_known_noise():
    rng = np.random.default_rng(3)
    signal = rng.normal(size=200_000)
    half = signal + 0.8 * rng.normal(size=(2, signal.size))
    # correlation of the mean of both halves with the signal itself
    expected = np.corrcoef(signal, half.mean(axis=0))[0, 1]
    assert split_half_ceiling(half) == pytest.approx(expected, abs=0.003)
    assert split_half_ceiling(np.stack([signal, signal])) == pytest.approx(1.0)
    assert split_half_ceiling(np.stack([signal, -signal])) == 0.0
    assert np.isnan(split_half_ceiling(np.ones((2, 5))))


def test_particles_of_a_species_are_chosen_structure_by_structure():
    species = np.array([[1, 2, 1], [2, 1, 1]])
    values = np.arange(12.0).reshape(2, 2, 3)
    assert of_species(values, species, 1).tolist() == [[[0, 2], [3, 5]], [[7, 8], [10, 11]]]
    assert of_species(values[:, 0], species, 2).tolist() == [[1], [6]]
    with pytest.raises(ValueError, match="no particle is of species 3"):
        of_species(values, species, 3)
    with pytest.raises(ValueError, match=r"different numbers of particles of species 1: \[1, 2\]"):
        of_species(values, [[1, 2, 2], [1, 1, 2]], 1)
    with pytest.raises(ValueError, match=r"species must have shape \(2, 3\)"):
        of_species(values, species[0], 1)


def test_two_replicas_by_hand():
    """Mean over replicas and over the particles of a species, centre of mass taken out."""
    c = Configuration([[0, 0], [3, 0], [0, 3], [3, 3]], [1, 1, 1, 2], 10.0)
    first = np.array([[0.3, 0.0], [-0.3, 0.4], [0.0, -0.2], [0.0, -0.2]])
    second = np.array([[0.1, 0.1], [0.1, -0.1], [-0.2, 0.2], [0.0, -0.2]])
    frames = np.zeros((2, 3, 4, 2))
    frames[0, 1], frames[1, 1] = first, second
    frames[0, 2], frames[1, 2] = 2 * first + [5.0, 1.0], second - [0.3, 7.0]
    found = scattering_and_displacement(c, frames, 2, wave_number=4.0, directions=5)
    squares = np.array([[0.09, 0.25, 0.04, 0.04], [0.02, 0.02, 0.08, 0.04]])
    expected = [[0.0, squares[:, :3].mean()], [0.0, squares[:, 3].mean()]]
    np.testing.assert_allclose(found["displacement2"][:, :2], expected, atol=1e-12)
    assert found["displacement2"][0, 2] == pytest.approx(0.5 * (4 * 0.38 + 0.12) / 3)
    angles = np.pi * np.arange(5) / 5
    phase = 4.0 * np.stack([first, second]) @ np.stack([np.cos(angles), np.sin(angles)])
    np.testing.assert_allclose(found["scattering"][0, :2], [1.0, np.cos(phase[:, :3]).mean()])
    np.testing.assert_allclose(found["scattering"][1, 1], np.cos(phase[:, 3]).mean())


def test_usual_wave_number_and_directions(lattice):
    """The first peak of the structure factor, 2 pi, in eight directions of half a circle."""
    rng = np.random.default_rng(0)
    moved = 0.2 * rng.normal(size=(1, 1, lattice.n_particles, 2))
    usual = scattering_and_displacement(lattice, moved, 3)
    given = scattering_and_displacement(lattice, moved, 3, wave_number=2 * np.pi, directions=8)
    np.testing.assert_array_equal(usual["scattering"], given["scattering"])


def test_ceiling_by_hand():
    # correlation of (1, 0, -1, 0) and (1, 1, -1, -1) / offsets: 2 / sqrt(2 * 4) = 0.7071
    halves = np.array([[1, 0, -1, 0], [1, 1, -1, -1]]) + np.array([[5.0], [-2.0]])
    r = 1 / np.sqrt(2)
    assert split_half_ceiling(halves) == pytest.approx(np.sqrt(2 * r / (1 + r)))
    # the shape of what is pooled does not matter
    assert split_half_ceiling(halves.reshape(2, 2, 2)) == pytest.approx(np.sqrt(2 * r / (1 + r)))
    with pytest.raises(ValueError, match="two halves"):
        split_half_ceiling(np.ones((3, 4)))
