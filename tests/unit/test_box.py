"""Folding into the box: exact at its edges, for every length, and the same in every place that folds.

The reference is rational arithmetic, which has no rounding, or ``math.remainder``, which is exact.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tglassmlp as tg
from tglassmlp import KA2D, Configuration
from tglassmlp.box import FAR, RESOLUTION, bring_near, cell, fold, minimum_image, nearest, wrap
from tglassmlp.dynamics.bond_breaking import initial_bonds
from tglassmlp.local_structure.describe import descriptors
from tglassmlp.local_structure.local import radical_perimeters
from tglassmlp.simulation import energies, inlined
from tglassmlp.simulation.native.fixed_point import fixed_point
from tglassmlp.simulation.neighbour_lists import neighbour_rows
from tglassmlp.simulation.swap.chain import Chain
from tglassmlp.storage import read_configurations, write_configurations

#: A box of 1000 particles as a GSD file stores it, in single precision.
STORED = float(np.float32(math.sqrt(1000 / 1.2)))


def awkward(length: float) -> bool:
    """Whether 1/L rounds so that L * (1/L) falls short of 1."""
    return length * (1.0 / length) < 1.0


@st.composite
def lengths(draw, low=1.0, high=1000.0):
    """Box lengths; half of them of the awkward kind, which follow each other within a few numbers."""
    length = draw(st.floats(low, high))
    if draw(st.booleans()):
        for _ in range(200):
            if awkward(length):
                break
            length = math.nextafter(length, math.inf)
    return length


@st.composite
def coordinates(draw, length, images=1_000_000):
    """Multiples of half a box and the numbers beside them, zeros of both signs, and anything between."""
    half_boxes = draw(st.one_of(st.integers(-6, 6), st.integers(-2 * images, 2 * images)))
    x = half_boxes * (0.5 * length)
    kind = draw(st.sampled_from(("on", "below", "above", "tiny", "anywhere")))
    if kind == "below":
        x = math.nextafter(x, -math.inf)
    elif kind == "above":
        x = math.nextafter(x, math.inf)
    elif kind == "tiny":
        x += draw(st.sampled_from((-1e-300, -1e-17, -1e-9, 1e-300, 1e-17, 1e-9)))
    elif kind == "anywhere":
        x += draw(st.floats(-0.5, 0.5)) * length
    return -0.0 if x == 0.0 and draw(st.booleans()) else x


def test_awkward_lengths_are_among_those_tried():
    assert awkward(STORED)
    assert STORED * (1.0 / STORED) < 1.0 == STORED / STORED
    tried = np.random.default_rng(0).uniform(10, 100, 100_000)
    assert np.mean(tried * (1 / tried) < 1) == pytest.approx(0.135, abs=0.005)


@given(st.data(), lengths())
@settings(max_examples=300, deadline=None)
def test_folded_coordinates_lie_in_the_box_and_are_the_same_point(data, length):
    x = data.draw(coordinates(length))
    for start in (-0.5, 0.0):
        inside = float(wrap([x], length, start)[0])
        assert start * length <= inside < (start + 1.0) * length
        # the same point up to the rounding of x itself: exactly so, within a box of the interval
        away = (Fraction(x) - Fraction(inside)) / Fraction(length)
        error = abs(away - round(away)) * Fraction(length)
        assert error <= 2 * Fraction(math.ulp(max(abs(x), length)))
        if -0.5 * length <= x < 0.5 * length and start == -0.5:
            assert inside == x
        assert float(wrap([inside], length, start)[0]) == inside
        # the compiled form is the same arithmetic, to the last bit
        assert inlined.fold(x, length, start) == inside
    assert Configuration([[x, -x]], [1], length).wrapped()[0].tolist() == wrap([x, -x], length).tolist()


@given(st.data(), lengths(), st.integers(1, 200))
@settings(max_examples=200, deadline=None)
def test_cell_of_a_coordinate_is_one_of_the_cells_and_holds_it(data, length, cells):
    inside = fold(np.float64(data.draw(coordinates(length))), length, 0.0)
    index = cell(inside, length, cells)
    assert index == inlined.cell(inside, length, cells)
    assert 0 <= index < cells
    rounding = 4e-16 * length
    assert index * length / cells - rounding <= inside <= (index + 1) * length / cells + rounding


@given(st.data(), lengths())
@settings(max_examples=200, deadline=None)
def test_minimum_image_is_the_shortest_and_half_open(data, length):
    d = data.draw(coordinates(length))
    image = float(minimum_image([d], length)[0])
    assert -0.5 * length <= image < 0.5 * length
    exact = abs(math.remainder(d, length))
    rounding = 4.0 * math.ulp(max(abs(d), length))
    assert abs(abs(image) - exact) <= rounding
    # the form of the innermost loops, for separations of coordinates that lie near
    assume(abs(d) <= 2 * FAR * length)
    quick = nearest(np.float64(d), length, 1.0 / length)
    assert abs(abs(quick) - exact) <= rounding


@given(st.data(), lengths())
@settings(max_examples=100, deadline=None)
def test_only_far_coordinates_are_brought_near(data, length):
    x = np.array([[data.draw(coordinates(length)) for _ in range(2)] for _ in range(3)])
    near, shift = bring_near(x, length)
    far = np.abs(x) > FAR * length
    np.testing.assert_array_equal(near[~far], x[~far])
    assert not shift[~far].any()
    assert np.all(np.abs(near) <= FAR * length)
    np.testing.assert_allclose(near + shift, x, rtol=4e-16, atol=0)


@given(lengths())
@settings(max_examples=50, deadline=None)
def test_coordinates_that_float64_cannot_resolve_are_refused(length):
    # the spacing of numbers doubles at every power of two
    limit = 2.0 ** math.floor(math.log2(RESOLUTION * length / np.finfo(float).eps) + 1)
    Configuration([[0.0, 0.0], [math.nextafter(limit, 0.0), 0.0]], [1, 1], length)
    with pytest.raises(ValueError, match=r"particle 1 is at .* do not resolve its place in the box"):
        Configuration([[0.0, 0.0], [0.0, -limit]], [1, 1], length)


# ---------------------------------------------------------------------------------- a liquid on the edges


def exact(x, length):
    """Fold without any rounding: ``math.remainder`` is exact."""
    return np.vectorize(math.remainder)(x, length)


def distances(x, length):
    d = x[:, None] - x[None]
    d = np.where(np.abs(d) > 0.5 * length, d - np.copysign(length, d), d)
    r = np.hypot(d[..., 0], d[..., 1])
    np.fill_diagonal(r, np.inf)
    return r


def brute_force_energies(x, length, species):
    r = distances(x, length)
    return 0.5 * KA2D.pair_energy(r, *np.broadcast_arrays(species[:, None], species[None])).sum(axis=1)


#: Places of the same particle: corners, edges, negative multiples, zeros, the numbers beside them.
PLACES = [(1, 0), (0, 1), (1, 1), (-1, 0), (-1, -2), (3, -5), (0.5, 0.5), (-0.5, 0), (1.5, -2.5), (0, 0)]
BESIDE = {"on": 0.0, "below": -math.inf, "above": math.inf}


def at_edge(base, length, chosen, place, beside, images=0):
    """A liquid with one particle on an edge, and the same with every coordinate folded exactly."""
    x = base.positions / base.box_length * length
    # the others move along, so that the chosen one has its neighbours on both sides of the edge
    x = exact(x - x[chosen] + length * (np.array(place) % 1.0), length) + length * np.asarray(images)
    x[chosen] = length * np.array(place)
    if beside != "on":
        x[chosen] = np.nextafter(x[chosen], BESIDE[beside])
    x[chosen][x[chosen] == 0.0] *= -1.0  # zeros of the other sign
    c = Configuration(x, base.species, length)
    return c, c.with_positions(exact(x, length))


@st.composite
def on_the_edge(draw, base, low=9.9, high=10.8):
    """As :func:`at_edge`, anything drawn, with images near and far."""
    far = draw(st.sampled_from((0, 0, 3, 1000, 1_000_000)))
    images = draw(st.lists(st.integers(-far, far), min_size=8, max_size=8))
    return at_edge(
        base,
        draw(lengths(low, high)),
        draw(st.integers(0, base.n_particles - 1)),
        draw(st.sampled_from(PLACES)),
        draw(st.sampled_from(sorted(BESIDE))),
        np.resize(images, base.positions.shape),
    )


def of_both_kinds(low=9.9, high=10.8, each=3):
    """A few box lengths, awkward ones first."""
    tried = np.random.default_rng(5).uniform(low, high, 1000)
    return [*tried[tried * (1.0 / tried) < 1.0][:each], *tried[tried * (1.0 / tried) == 1.0][:each]]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("beside", sorted(BESIDE))
def test_energies_and_neighbours_equal_brute_force_at_every_edge(liquid, place, beside):
    for k, length in enumerate(of_both_kinds()):
        check_against_brute_force(*at_edge(liquid, length, k, place, beside))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_energies_and_neighbours_equal_brute_force_in_far_images(liquid, data):
    check_against_brute_force(*data.draw(on_the_edge(liquid)))


def check_against_brute_force(c, folded):
    # coordinates of 1e7 are rounded to 2e-9, and forces here reach 1e3
    tolerance = 1e-9 + 1e4 * float(np.spacing(np.abs(c.positions).max()))
    reference = brute_force_energies(folded.positions, c.box_length, c.species)
    np.testing.assert_allclose(tg.potential_energies(c), reference, rtol=0, atol=tolerance)
    r = distances(folded.positions, c.box_length)
    for radius in (2.5, 1.1):  # boxes of less and of more than five cells a side
        rows, counts = neighbour_rows(*c.positions.T.copy(), c.species - 1, c.box_length, radius, 64)
        found = np.zeros(r.shape, bool)
        for i, n in enumerate(counts):
            found[i, rows[i, :n] >> 3] = True
        clear = np.abs(r - radius) > tolerance
        np.testing.assert_array_equal(found[clear], (r < radius)[clear])
    wanted = r < 1.4 * KA2D.sigma_matrix[c.species[:, None] - 1, c.species[None] - 1]
    pairs, _ = initial_bonds(c, 1.4)
    doubtful = np.abs(r[tuple(pairs.T)] - 1.4) < 1e-6
    assert {tuple(p) for p in pairs[~doubtful]} <= {tuple(p) for p in np.argwhere(np.triu(wanted))}
    assert len(pairs) == np.triu(wanted).sum()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_radical_cells_and_descriptors_do_not_see_the_edges(liquid, data):
    c, folded = data.draw(on_the_edge(liquid))
    # the same system with the edges of the box somewhere else, no particle near them
    moved = folded.with_positions(exact(folded.positions + np.array([0.3141, 0.2718]), c.box_length))
    tolerance = 1e-7 + 1e4 * float(np.spacing(np.abs(c.positions).max()))
    np.testing.assert_allclose(radical_perimeters(c), radical_perimeters(moved), rtol=0, atol=tolerance)
    lengths_here, cutoff = [0.0, 0.5, 1.0, 2.0], 0.45 * c.box_length
    found, names = descriptors(c, lengths_here, cutoff=cutoff)
    wanted, _ = descriptors(moved, lengths_here, cutoff=cutoff)
    smooth = [k for k, name in enumerate(names) if not name.startswith("variance")]
    np.testing.assert_allclose(found[:, smooth], wanted[:, smooth], rtol=0, atol=20 * tolerance)
    r = distances(folded.positions, c.box_length)
    near = np.where(r < cutoff, np.exp(-r / 2.0), 0.0).sum(axis=1) + 1.0
    np.testing.assert_allclose(found[:, names.index("density/all/L2")], near, rtol=0, atol=20 * tolerance)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_minimiser_goes_to_the_same_minimum_from_every_image(liquid, data):
    base = tg.inherent_structure(liquid)
    rng = np.random.default_rng(2)
    base = base.with_positions(base.positions + 0.01 * rng.normal(size=base.positions.shape))
    c, folded = data.draw(on_the_edge(base, low=10.3, high=10.5))
    found, wanted = tg.inherent_structure(c), tg.inherent_structure(folded)
    apart = minimum_image(found.positions - wanted.positions, c.box_length)
    assert np.abs(apart).max() < 1e-4
    # the result continues the positions given, in the images they were given in
    assert np.abs(found.positions - c.positions).max() < 0.2
    assert np.abs(energies.forces(folded.with_positions(exact(found.positions, c.box_length)))).max() < 1e-3


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_bonds_break_alike_in_every_image(liquid, data):
    c, folded = data.draw(on_the_edge(liquid))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    step = rng.normal(size=(3, c.n_particles, 2)) * np.array([0.1, 0.5, 1.5])[:, None, None]
    images = c.box_length * rng.integers(-1000, 1001, step.shape)
    found = tg.bond_breaking(c.positions, c.positions + step + images, c.box_length, c.species)
    sigma = KA2D.sigma_matrix[c.species[:, None] - 1, c.species[None] - 1]
    bonded = distances(folded.positions, c.box_length) < 1.4 * sigma
    for share, moved in zip(found, step, strict=True):
        r = distances(exact(folded.positions + moved, c.box_length), c.box_length)
        assume(np.abs(r / sigma - 1.8).min() > 1e-6)
        np.testing.assert_allclose(share, (bonded & (r < 1.8 * sigma)).sum(1) / bonded.sum(1), rtol=1e-12)


def test_later_positions_that_float64_cannot_resolve_are_refused(liquid):
    later = np.stack([liquid.positions] * 2)
    later[1, 5] = 1e14
    with pytest.raises(ValueError, match="in later, particle 5 is at"):
        tg.bond_breaking(liquid.positions, later, liquid.box_length, liquid.species)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_dynamics_starts_from_the_same_point_of_the_box(liquid, data):
    c, folded = data.draw(on_the_edge(liquid))
    for integer in (np.int32, np.int64):
        here, there = (fixed_point(each, integer).astype(object) for each in (c, folded))
        bits = 8 * np.dtype(integer).itemsize
        apart = (here - there + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        rounding = 2.0 + 2.0**bits * 4.0 * float(np.spacing(np.abs(c.positions).max())) / c.box_length
        assert max(abs(apart.ravel())) <= rounding


@pytest.mark.parametrize("images", [0, 3, 1000, 1_000_000])
def test_dynamics_and_swap_monte_carlo_continue_far_positions(liquid, images):
    shift = liquid.box_length * np.random.default_rng(1).integers(-images, images + 1, (129, 2))
    far = liquid.with_positions(liquid.positions + shift)
    here, there = (tg.isoconfigurational_dynamics(c, 0.5, [0.0, 0.2], 2, seed=1) for c in (liquid, far))
    assert np.abs(there - shift - here).max() < 1e-4
    chain = Chain(far, 0.6, 4)
    chain.run(3)
    moved = chain.configuration()
    assert 0.0 < np.abs(moved.positions - far.positions).max() < 1.0
    assert chain.energy * 129 == pytest.approx(tg.potential_energies(moved).sum(), abs=1e-3)
    assert chain.check_energy() < 1e-11


@pytest.mark.parametrize("length", [STORED, 32.8962, math.nextafter(10.0, 20.0)])
def test_predictions_do_not_see_the_edges(length):
    """Shipped networks on a particle written once inside the box and once at its upper edge and corner."""
    start = tiny_liquid(length)
    x = start.positions - start.positions[17]
    inside = start.with_positions(wrap(x, length, 0.0))
    edge = inside.positions.copy()
    edge[17] = [length, -length]
    found = tg.descriptors(inside.with_positions(edge), [0.0, 1.0, 2.0], cutoff=0.49 * length)[0]
    wanted = tg.descriptors(inside, [0.0, 1.0, 2.0], cutoff=0.49 * length)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    if length < 32.8:  # the networks' neighbourhoods reach to 16.4
        return
    networks = tg.load_networks("laptop")
    at_edge, at_zero = (
        networks.predict(inside.with_positions(p), 0.3, 0.7) for p in (edge, inside.positions)
    )
    np.testing.assert_allclose(at_edge, at_zero, rtol=0, atol=1e-4)


def tiny_liquid(length):
    """KA2D at its density in a box of that length, melted from a lattice by a few sweeps."""
    n = round(KA2D.density * length**2)
    share = np.round(np.array(KA2D.composition) / 1290 * n).astype(int)
    species = np.repeat([1, 2, 3], [n - share[1] - share[2], share[1], share[2]])
    side = int(np.ceil(np.sqrt(n)))
    sites = np.stack(np.divmod(np.arange(n), side), axis=1) * length / side
    start = Configuration(sites, np.random.default_rng(1).permutation(species), length)
    return tg.swap_monte_carlo(start, temperature=0.5, sweeps=100, seed=1)[0]


def test_stored_positions_lie_in_the_stored_box(tmp_path):
    # float32 rounds the number below L/2 up to L/2, which is the lower edge of the next box
    length = 10.0
    x = np.array([[math.nextafter(5.0, 0.0), 0.0], [-5.0, 5.0], [15.0, -1e-12]])
    c = Configuration(x, [1, 2, 1], length)
    write_configurations(tmp_path / "edge.gsd", [c])
    import gsd.hoomd

    with gsd.hoomd.open(tmp_path / "edge.gsd") as file:
        frame = file[0]
    position, image = frame.particles.position[:, :2], frame.particles.image[:, :2]
    assert position.min() >= -5.0
    assert position.max() < 5.0
    np.testing.assert_allclose(position + image * length, x, atol=1e-6)
    np.testing.assert_array_equal(read_configurations(tmp_path / "edge.gsd")[0].positions, x)


def test_number_below_half_a_box_stays_where_it_is():
    # here x / L + 1/2 rounds up to 1, the next box
    assert 0.49999999999999994 / 1.0 + 0.5 == 1.0
    assert wrap([0.49999999999999994], 1.0)[0] == 0.49999999999999994
    assert inlined.fold(0.49999999999999994, 1.0, -0.5) == 0.49999999999999994
