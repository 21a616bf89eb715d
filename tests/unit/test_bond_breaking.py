"""Bond-breaking propensity: drawings on paper, invariances, and brute force."""

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, bond_breaking
from tglassmlp.configuration import minimum_image, wrap
from tglassmlp.dynamics.bond_breaking import initial_bonds, isoconfigurational_propensity


def brute_force(initial, later, box, species, r_in=1.4, r_out=1.8):
    """n_i / n0_i of every replica by full distance matrices."""
    sigma = KA2D.sigma_matrix[species[:, None] - 1, species[None] - 1]

    def distances(x):
        return np.linalg.norm(minimum_image(x[:, None] - x[None], box), axis=-1)

    bonded = distances(initial) < r_in * sigma
    np.fill_diagonal(bonded, False)
    return np.array([(bonded & (distances(x) < r_out * sigma)).sum(1) / bonded.sum(1) for x in later])


@pytest.fixture
def moved(lattice):
    """Three replicas of the disturbed lattice with particles strewn by up to a few diameters."""
    rng = np.random.default_rng(5)
    scale = np.array([0.1, 0.5, 2.0])[:, None, None]
    return lattice.positions + scale * rng.normal(size=(3, lattice.n_particles, 2))


def test_three_in_a_row():
    start = np.array([[0.0, 0.0], [1.2, 0.0], [2.4, 0.0]])
    end = start + np.array([[0, 0], [0, 0], [2.0, 0]])
    shares = bond_breaking(start, np.stack([start, end]), 20.0, [1, 1, 1])
    assert shares.tolist() == [[1.0, 1.0, 1.0], [1.0, 0.5, 0.0]]


def test_distances_count_in_pair_diameters():
    # at 1.2 the pair 1-2 (sigma 0.8) is beyond 1.4 sigma = 1.12, the pair 1-1 is not
    start = np.array([[0.0, 0.0], [1.2, 0.0], [0.0, 1.2], [2.2, 0.0]])
    pairs, counts = initial_bonds(Configuration(start, [1, 2, 1, 1], 20.0), 1.4)
    assert pairs.tolist() == [[0, 2], [1, 3]]
    assert counts.tolist() == [1, 1, 1, 1]


def test_lonely_particle_is_named():
    with pytest.raises(ValueError, match=r"particle 2 \(species 3\) has no neighbour"):
        bond_breaking([[0, 0], [1, 0], [5, 5]], np.zeros((1, 3, 2)), 20.0, [1, 1, 3])


def test_threshold_is_exclusive():
    start = [[0.0, 0.0], [1.0, 0.0]]
    ends = [[[0.0, 0.0], [x, 0.0]] for x in (1.8 - 1e-12, 1.8, 1.8 + 1e-12)]
    assert bond_breaking(start, ends, 20.0, [1, 1])[:, 0].tolist() == [1.0, 0.0, 0.0]


def test_neighbours_across_the_boundary():
    start = [[-9.9, 0.0], [9.9, 9.9], [9.9, 0.0], [-9.9, -9.9]]
    assert bond_breaking(start, [start], 20.0, [1, 1, 1, 1]).tolist() == [[1.0] * 4]
    pairs, _ = initial_bonds(Configuration(start, [1] * 4, 20.0))
    assert pairs.tolist() == [[0, 2], [1, 3]]


def test_equals_brute_force(lattice, moved):
    found = bond_breaking(lattice.positions, moved, lattice.box_length, lattice.species)
    expected = brute_force(lattice.positions, moved, lattice.box_length, lattice.species)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert 0 < expected[2].mean() < expected[1].mean() < expected[0].mean() <= 1


def test_invariances(lattice, moved):
    box, species = lattice.box_length, lattice.species
    found = bond_breaking(lattice.positions, moved, box, species)

    def again(start, end, order=slice(None)):
        return bond_breaking(start, end, box, species[order])

    shift = np.array([3.1, -77.7])
    np.testing.assert_array_equal(found, again(lattice.positions + shift, moved + shift))
    np.testing.assert_array_equal(found, again(wrap(lattice.positions, box), wrap(moved, box)))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(found, again(lattice.positions @ turn, moved @ turn))
    order = np.random.default_rng(0).permutation(lattice.n_particles)
    np.testing.assert_array_equal(found[:, order], again(lattice.positions[order], moved[:, order], order))


def test_isoconfigurational_average_and_halves(lattice, moved):
    displacements = (moved - lattice.positions)[:, None]
    single = bond_breaking(lattice.positions, moved, lattice.box_length, lattice.species)
    result = isoconfigurational_propensity(lattice, displacements)
    np.testing.assert_allclose(result.mean[0], single.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(result.half[0, 0], single[[0, 2]].mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(result.half[1, 0], single[1], atol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"later": np.zeros((3, 2))}, r"later must have shape \[R, 2, 2\], found \(3, 2\)"),
        ({"later": np.full((1, 2, 2), np.nan)}, "not finite"),
        ({"r_out": 1.0}, "r_out must be more than r_in"),
        ({"box_length": 3.0}, "shorter than twice"),
        ({"species": [1, 4]}, r"species must lie in 1..3"),
    ],
)
def test_refusals(change, message):
    usual = {
        "initial": [[0, 0], [1, 0]],
        "later": np.zeros((1, 2, 2)),
        "box_length": 20.0,
        "species": [1, 1],
    }
    with pytest.raises(ValueError, match=message):
        bond_breaking(**{**usual, **change})


@pytest.mark.parametrize("replicas", [1, 2, 5])
def test_propensities_at_every_frame_are_means_over_replicas(lattice, replicas):
    rng = np.random.default_rng(replicas)
    scale = np.array([0.0, 0.4, 1.5])[:, None, None]
    displacements = (scale * rng.normal(size=(replicas, 3, lattice.n_particles, 2))).astype(np.float32)
    found = isoconfigurational_propensity(lattice, displacements)
    for f in range(3):
        later = lattice.positions + displacements[:, f].astype(float)
        share = brute_force(lattice.positions, later, lattice.box_length, lattice.species)
        np.testing.assert_allclose(found.mean[f], share.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(found.half[0, f], share[::2].mean(axis=0), atol=1e-12)
        odd = share[1::2] if replicas > 1 else share
        np.testing.assert_allclose(found.half[1, f], odd.mean(axis=0), atol=1e-12)
    np.testing.assert_array_equal(found.mean[0], 1.0)


def test_both_radii_count_in_diameters_of_the_pair():
    """Bonded below 1.4 sigma at the start, broken beyond 1.8 sigma, for 1-1 and the shorter 1-2 alike."""
    for species, sigma in (([1, 1], 1.0), ([1, 2], 0.8), ([3, 3], 0.94)):
        near, far = ([[0, 0], [r * sigma, 0]] for r in (1.399, 1.401))
        for end, kept in ((1.799, 1.0), (1.801, 0.0)):
            later = [[[0, 0], [0, end * sigma]]]
            assert bond_breaking(near, later, 20.0, species).tolist() == [[kept, kept]]
        with pytest.raises(ValueError, match=r"has no neighbour within 1\.4"):
            bond_breaking(far, [near], 20.0, species)
        # other radii
        assert bond_breaking(far, [near], 20.0, species, 1.5, 1.6).tolist() == [[1.0, 1.0]]


def test_a_bond_once_broken_counts_again_when_it_is_back():
    start = np.array([[0.0, 0.0], [1.0, 0.0]])
    away = np.zeros((1, 3, 2, 2))
    away[0, 1, 1] = [3.0, 0.0]
    found = isoconfigurational_propensity(Configuration(start, [1, 1], 20.0), away)
    assert found.mean[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_any_positive_radius_may_be_asked_for():
    c = Configuration([[0.0, 0.0], [0.5, 0.0]], [1, 1], 20.0)
    assert initial_bonds(c, 0.6)[1].tolist() == [1, 1]
    for r_in in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="r_in must be positive"):
            initial_bonds(c, r_in)
