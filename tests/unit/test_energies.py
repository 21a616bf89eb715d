"""Compiled energies, forces and neighbour lists against plain NumPy and JAX."""

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, potential_energies
from tglassmlp.configuration import minimum_image
from tglassmlp.mixture import Mixture
from tglassmlp.simulation import energies, neighbour_lists


def brute_force_energies(c, mixture):
    separation = minimum_image(c.positions[:, None] - c.positions[None], c.box_length)
    distance = np.sqrt((separation**2).sum(axis=-1))
    np.fill_diagonal(distance, 1e9)
    return 0.5 * mixture.pair_energy(distance, c.species[:, None], c.species[None]).sum(axis=1)


@pytest.mark.parametrize("divisor", [10, 15, 30])
def test_energies_equal_brute_force(divisor):
    # 129, 86 and 43 particles: cells 5 x 5 or more, and boxes too small for cells
    mixture = KA2D.scaled(divisor)
    rng = np.random.default_rng(divisor)
    side = int(np.ceil(np.sqrt(len(mixture.species()))))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
    positions = (grid + rng.uniform(-0.1, 0.1, grid.shape)) * mixture.box_length / side
    positions = positions[: len(mixture.species())]
    # unwrapped positions must not matter
    positions = positions + mixture.box_length * rng.integers(-3, 4, positions.shape)
    c = Configuration(positions, rng.permutation(mixture.species()), mixture.box_length)
    np.testing.assert_allclose(potential_energies(c), brute_force_energies(c, KA2D), rtol=1e-11, atol=1e-11)


def test_energies_of_another_mixture_equal_brute_force():
    mixture = Mixture(
        "four",
        tuple(tuple(0.5 * (a + b) for b in (0.7, 0.8, 0.9, 1.0)) for a in (0.7, 0.8, 0.9, 1.0)),
        tuple(tuple(float(np.sqrt(a * b)) for b in (1, 2, 3, 4)) for a in (1, 2, 3, 4)),
        (5, 5, 5, 5),
        6.0,
        cutoff=1.8,
    )
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(4)), -1).reshape(-1, 2) * 1.2
    c = Configuration(grid + rng.uniform(-0.1, 0.1, grid.shape), rng.permutation(mixture.species()), 6.0)
    found = potential_energies(c, mixture)
    np.testing.assert_allclose(found, brute_force_energies(c, mixture), rtol=1e-11, atol=1e-11)


def test_forces_equal_jax_gradient(liquid):
    import jax
    import jax.numpy as jnp

    sigma, epsilon = KA2D.sigma_matrix, KA2D.epsilon_matrix
    c0, c2, c4 = KA2D.smoothing
    a, b = np.triu_indices(liquid.n_particles, 1)
    sa, sb = liquid.species[a] - 1, liquid.species[b] - 1

    def energy(x):
        d = x[a] - x[b]
        d = d - liquid.box_length * jnp.round(d / liquid.box_length)
        s = (d**2).sum(axis=1) / sigma[sa, sb] ** 2
        v = 4 * epsilon[sa, sb] * (s**-6 - s**-3 + c0 + c2 * s + c4 * s**2)
        return jnp.where(s < KA2D.cutoff**2, v, 0.0).sum()

    with jax.enable_x64(True):
        gradient = np.asarray(jax.jit(jax.grad(energy))(jnp.asarray(liquid.positions)))
        total = float(energy(jnp.asarray(liquid.positions)))
    found = energies.forces(liquid)
    assert np.abs(found).max() > 1.0
    np.testing.assert_allclose(found, -gradient, rtol=0, atol=1e-10 * np.abs(gradient).max())
    assert energies.total_energy(liquid) == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-9)


@pytest.mark.parametrize(("n", "length", "radius"), [(300, 16.0, 2.9), (60, 7.2, 2.9), (40, 6.0, 2.9)])
def test_neighbour_rows_equal_brute_force(n, length, radius):
    rng = np.random.default_rng(n)
    positions = rng.uniform(-2 * length, 2 * length, (n, 2))
    types = rng.integers(0, 3, n)
    # a width of 8 is far too small and must grow by itself
    rows, counts = neighbour_lists.neighbour_rows(*positions.T.copy(), types, length, radius, 8)
    distance = np.sqrt((minimum_image(positions[:, None] - positions[None], length) ** 2).sum(-1))
    near = (distance < radius) & ~np.eye(n, dtype=bool)
    np.testing.assert_array_equal(counts, near.sum(axis=1))
    for i in range(n):
        entries = rows[i, : counts[i]].astype(int)
        assert sorted(entries >> 3) == np.flatnonzero(near[i]).tolist()
        np.testing.assert_array_equal(entries & 7, types[entries >> 3])
        padding = rows[i, counts[i] : -(-counts[i] // neighbour_lists.LANES) * neighbour_lists.LANES]
        assert np.all(padding == 8 * i + neighbour_lists.GHOST)


def test_cut_off_is_continuous():
    inside = Configuration([[0, 0], [2.5 - 1e-7, 0]], [1, 1], 10.0)
    beyond = Configuration([[0, 0], [2.5 + 1e-7, 0]], [1, 1], 10.0)
    assert abs(energies.total_energy(inside)) < 1e-15
    assert energies.total_energy(beyond) == 0.0
    assert np.abs(energies.forces(inside)).max() < 1e-12


def test_wrong_systems_are_refused(lattice):
    with pytest.raises(ValueError, match=r"species must lie in 1\.\.3"):
        potential_energies(Configuration([[0, 0], [1, 0]], [1, 4], 10.0))
    with pytest.raises(ValueError, match="minimum image"):
        potential_energies(Configuration([[0, 0], [1, 0]], [1, 1], 4.9))
    with pytest.raises(ValueError, match="not finite"):
        potential_energies(Configuration([[0, 0], [0, 0]], [1, 1], 10.0))
    energies.check_overlaps(lattice)
    with pytest.raises(ValueError, match=r"particles 0 and 1 overlap.* 0\.375 sigma.*at least 0\.5"):
        energies.check_overlaps(Configuration([[0, 0], [0.3, 0]], [1, 2], 10.0))
    five = Mixture("five", ((1.0,) * 5,) * 5, ((1.0,) * 5,) * 5, (1,) * 5, 10.0)
    with pytest.raises(ValueError, match=r"5 species.*at most 4"):
        energies.pair_tables(five)


@pytest.mark.parametrize(("distance", "fine"), [(0.49, False), (0.499, False), (0.501, True), (0.69, True)])
def test_overlap_limit_is_a_distance_in_pair_diameters(distance, fine):
    """Half a diameter, of the pair 1-2 whose sigma is 0.8, and any other limit that is asked for."""
    for sigma, species in ((1.0, [1, 1]), (0.8, [1, 2])):
        c = Configuration([[0, 0], [0.6 * distance * sigma, 0.8 * distance * sigma]], species, 10.0)
        for scale, allowed in ((1.0, {}), (2.0, {"allowed": 1.0}), (0.5, {"allowed": 0.25})):
            scaled = c.with_positions(scale * c.positions)
            if fine:
                energies.check_overlaps(scaled, **allowed)
            else:
                with pytest.raises(ValueError, match=f"distance is {scale * distance:.3g} sigma"):
                    energies.check_overlaps(scaled, **allowed)


def test_closest_pair_is_found_across_the_border():
    c = Configuration([[-4.9, 0], [4.8, 0], [0, 0], [0.45, 0]], [1, 1, 1, 1], 10.0)
    with pytest.raises(ValueError, match=r"particles 0 and 1 overlap.* 0\.3 sigma"):
        energies.check_overlaps(c)


def test_pair_by_hand():
    """4 eps (s^-6 - s^-3 + C0 + C2 s + C4 s^2) at s = (r / sigma)^2 = 2, half of it for each particle."""
    c0, c2, c4 = 0.04049023795, -0.00970155098, 0.00062012616
    for species, sigma, epsilon in (([1, 1], 1.0, 1.0), ([1, 2], 0.8, 1.5), ([3, 3], 0.94, 0.75)):
        r = np.sqrt(2.0) * sigma
        c = Configuration([[4.7, -1], [4.7 + r, -1]], species, 10.0)
        energy = 4 * epsilon * (1 / 64 - 1 / 8 + c0 + 2 * c2 + 4 * c4)
        np.testing.assert_allclose(potential_energies(c), [0.5 * energy] * 2, rtol=1e-7)
        # dV/dr = 4 eps (-6 s^-7 + 3 s^-4 + C2 + 2 C4 s) 2 r / sigma^2 > 0: the left one is pulled right
        pull = 4 * epsilon * (-6 / 128 + 3 / 16 + c2 + 4 * c4) * 2 * r / sigma**2
        np.testing.assert_allclose(energies.forces(c), [[pull, 0], [-pull, 0]], rtol=1e-7)


@pytest.mark.parametrize("cells", [1, 4, 5, 7])
def test_particles_are_sorted_into_cells_of_the_box(cells):
    rng = np.random.default_rng(cells)
    length = 9.0
    x, y = rng.uniform(-20, 20, (2, 200))
    x[:3], y[:3] = [4.5, -4.5, 0.0], [9.0, 0.0, -9.0]
    order, start, found = neighbour_lists.cell_order(x, y, length, length / (cells + 0.5))
    assert found == cells
    assert start[-1] == 200
    column, line = (np.minimum((v / length % 1.0 * cells).astype(int), cells - 1) for v in (x, y))
    expected = np.lexsort((np.arange(200), column * cells + line))
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(np.diff(start), np.bincount(column * cells + line, minlength=cells**2))
