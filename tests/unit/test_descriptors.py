"""Radical cells and descriptors: lattices, limits, invariances, brute force."""

import pickle

import numpy as np
import pytest

from tglassmlp import (
    KA2D,
    Configuration,
    Descriptors,
    descriptors,
    inherent_structure,
    potential_energies,
    radical_perimeters,
)
from tglassmlp.config import DescriptorSettings
from tglassmlp.configuration import minimum_image, wrap
from tglassmlp.local_structure import blocks
from tglassmlp.local_structure.coarse_grain import coarse_grain
from tglassmlp.local_structure.describe import periodic_descriptors
from tglassmlp.local_structure.local import radical_cells
from tglassmlp.local_structure.means import mean_descriptors
from tglassmlp.local_structure.names import descriptor_lengths, descriptor_names
from tglassmlp.simulation.energies import forces

LENGTHS = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 10]


def brute_force(c, lengths, cutoff, particles, energies, perimeters):
    """All columns of a few particles, one double loop per formula."""
    rows = []
    for i in particles:
        row = {}
        r = np.linalg.norm(minimum_image(c.positions - c.positions[i], c.box_length), axis=1)
        for length in lengths:
            for average in ("type1", "type2", "type3", "all"):
                member = np.ones(c.n_particles, bool) if average == "all" else c.species == int(average[-1])
                if length == 0:
                    w = np.where(member & (np.arange(c.n_particles) == i), 1.0, 0.0)
                else:
                    w = np.where(member & (r < cutoff), np.exp(-r / length), 0.0)
                rho = w.sum()
                mean = (w * energies).sum() / rho if rho else 0.0
                row[f"density/{average}/L{length:g}"] = rho
                row[f"energy/{average}/L{length:g}"] = mean
                row[f"perimeter/{average}/L{length:g}"] = (w * perimeters).sum() / rho if rho else 0.0
                row[f"variance/{average}/L{length:g}"] = (
                    (w * (energies - mean) ** 2).sum() / rho if rho else 0.0
                )
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def box_of_hundreds(lattice):
    """1161 particles in a box of 31.2: more than the cut-off of 5 used with it, so that cells are used."""
    c = lattice.tiled(3)
    rng = np.random.default_rng(8)
    return c.with_positions(c.positions + 0.05 * rng.normal(size=c.positions.shape))


@pytest.mark.parametrize("cutoff", [15.5, 5.0, 1.3])
def test_equals_brute_force(box_of_hundreds, cutoff):
    c = box_of_hundreds
    energies, perimeters = potential_energies(c), radical_perimeters(c)
    values, names = descriptors(c, LENGTHS, cutoff=cutoff)
    assert values.shape == (c.n_particles, 160)
    particles = np.random.default_rng(0).choice(c.n_particles, 20, replace=False)
    for i, row in zip(
        particles, brute_force(c, LENGTHS, cutoff, particles, energies, perimeters), strict=True
    ):
        assert set(row) == set(names)
        np.testing.assert_allclose(values[i], [row[n] for n in names], rtol=1e-10, atol=1e-10)


def test_small_box(lattice):
    """The sums themselves know any cut-off; beyond half the box they end at the minimum image."""
    energies, perimeters = potential_energies(lattice), radical_perimeters(lattice)
    values = coarse_grain(lattice, energies, perimeters, LENGTHS, cutoff=20.0)
    names = descriptor_names(LENGTHS)
    particles = range(0, 129, 7)
    for i, row in zip(
        particles, brute_force(lattice, LENGTHS, 20, particles, energies, perimeters), strict=True
    ):
        np.testing.assert_allclose(values[i], [row[n] for n in names], rtol=1e-10, atol=1e-10)


def test_uneven_lengths(lattice):
    lengths = [0.03, 0.7, 1.1, 123.0]
    energies, perimeters = potential_energies(lattice), radical_perimeters(lattice)
    values, names = (
        coarse_grain(lattice, energies, perimeters, lengths, cutoff=20.0),
        descriptor_names(lengths),
    )
    for i, row in zip([5], brute_force(lattice, lengths, 20, [5], energies, perimeters), strict=True):
        np.testing.assert_allclose(values[i], [row[n] for n in names], rtol=1e-10, atol=1e-10)


def test_names():
    names = descriptor_names([0, 1.5], 2)
    assert names[:6] == [
        "density/type1/L0",
        "density/type1/L1.5",
        "density/type2/L0",
        "density/type2/L1.5",
        "density/all/L0",
        "density/all/L1.5",
    ]
    assert len(names) == 4 * 3 * 2
    assert descriptor_lengths(names).tolist() == [0, 1.5] * 12
    with pytest.raises(ValueError, match="'density' is not the name"):
        descriptor_lengths(["density"])


def columns(c, lengths, **options):
    values, names = descriptors(c, lengths, **options)
    return dict(zip(names, values.T, strict=True))


def test_length_zero_is_the_particle_itself(lattice):
    found = columns(lattice, [0])
    energies, perimeters = potential_energies(lattice), radical_perimeters(lattice)
    for s in (1, 2, 3):
        own = lattice.species == s
        np.testing.assert_array_equal(found[f"density/type{s}/L0"], own)
        np.testing.assert_allclose(found[f"energy/type{s}/L0"], np.where(own, energies, 0))
        np.testing.assert_allclose(found[f"perimeter/type{s}/L0"], np.where(own, perimeters, 0))
    np.testing.assert_array_equal(found["energy/all/L0"], energies)
    for average in ("type1", "type2", "type3", "all"):
        assert np.all(found[f"variance/{average}/L0"] == 0.0)


def test_small_lengths_approach_the_particle_itself(lattice):
    zero, small = columns(lattice, [0]), columns(lattice, [0.02])
    for quantity in ("density", "energy", "perimeter", "variance"):
        expected = zero[f"{quantity}/all/L0"]
        np.testing.assert_allclose(small[f"{quantity}/all/L0.02"], expected, atol=1e-12)


def test_large_lengths_approach_plain_averages(lattice):
    energies, perimeters = potential_energies(lattice), radical_perimeters(lattice)
    values = coarse_grain(lattice, energies, perimeters, [1e9], cutoff=20.0)
    found = dict(zip(descriptor_names([1e9]), values.T, strict=True))
    for average, member in (("all", lattice.species > 0), ("type2", lattice.species == 2)):
        for quantity, expected in (
            ("density", member.sum()),
            ("energy", energies[member].mean()),
            ("perimeter", perimeters[member].mean()),
            ("variance", energies[member].var()),
        ):
            np.testing.assert_allclose(found[f"{quantity}/{average}/L1e+09"], expected, rtol=1e-6)


def test_square_lattice():
    x = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), axis=-1).reshape(-1, 2)
    c = Configuration(x, np.ones(144, int), 12.0)
    found = columns(c, [0, 0.5, 2])
    np.testing.assert_allclose(found["perimeter/type1/L2"], 4.0)
    np.testing.assert_allclose(found["variance/type1/L2"], 0.0, atol=1e-20)
    np.testing.assert_allclose(found["energy/type1/L2"], potential_energies(c)[0])
    # species that do not occur have no average
    assert np.all(found["energy/type2/L2"] == 0.0)
    near = 1 + 4 * np.exp(-2) + 4 * np.exp(-2 * np.sqrt(2))
    assert near < found["density/all/L0.5"][0] < near * 1.15


def test_invariances(lattice):
    before, _ = descriptors(lattice, [0, 1, 3])
    box = lattice.box_length
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for changed in (
        lattice.with_positions(lattice.positions + np.array([3.3, -41.7])),
        lattice.with_positions(wrap(lattice.positions, box)),
        lattice.with_positions(lattice.positions @ turn),
    ):
        np.testing.assert_allclose(descriptors(changed, [0, 1, 3])[0], before, rtol=1e-10, atol=1e-10)
    order = np.random.default_rng(0).permutation(lattice.n_particles)
    shuffled = Configuration(lattice.positions[order], lattice.species[order], box)
    np.testing.assert_allclose(descriptors(shuffled, [0, 1, 3])[0], before[order], rtol=1e-10, atol=1e-10)


def test_central_species_are_rows_of_the_whole(lattice):
    whole, _ = descriptors(lattice, [0, 1])
    part, _ = descriptors(lattice, [0, 1], central_species=2)
    np.testing.assert_array_equal(part, whole[lattice.species == 2])
    with pytest.raises(ValueError, match="central species 7"):
        descriptors(lattice, [1], central_species=7)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([], "at least one"),
        ([1, 1], "must rise"),
        ([-1], "not be negative"),
        ([1e-7], "use 0"),
        ([np.nan], "must rise"),
    ],
)
def test_lengths_refused(lattice, lengths, message):
    with pytest.raises(ValueError, match=message):
        descriptors(lattice, lengths)


@pytest.mark.parametrize(
    ("cutoff", "message"),
    [
        (5.3, r"cutoff must be at most half the box \(5.201\)"),
        (20.0, "cutoff must be at most half the box"),
        (0.0, "cutoff must be a positive number"),
        (np.nan, "cutoff must be a positive number"),
    ],
)
def test_cutoffs_refused_are_those_of_the_configuration(lattice, cutoff, message):
    with pytest.raises(ValueError, match=message):
        descriptors(lattice, [1.0], cutoff=cutoff)


def test_default_cutoff_is_that_of_the_configuration_or_half_the_box(lattice, box_of_hundreds):
    assert descriptors(lattice, [1.0]).settings.cutoff == 0.5 * lattice.box_length
    assert descriptors(lattice.tiled(4), [1.0]).settings.cutoff == DescriptorSettings().cutoff == 16.4


def test_descriptors_remember_how_they_were_made(lattice):
    found = descriptors(lattice, [0, 1], cutoff=3.0, central_species=2)
    values, names = found
    assert values is found.values
    assert names == descriptor_names([0, 1])
    made = found.settings
    assert (made.lengths, made.cutoff, made.central_species) == ((0.0, 1.0), 3.0, 2)
    assert made.counts == KA2D.scaled(10).composition
    assert made.box_length == lattice.box_length
    assert made.largest_force == pytest.approx(np.hypot(*forces(lattice).T).max())
    assert found.species.tolist() == [2] * 33
    again = pickle.loads(pickle.dumps(found))
    assert again.settings == made
    np.testing.assert_array_equal(again.values, values)
    assert len(repr(found).splitlines()) == 1
    with pytest.raises(ValueError, match=r"must have shape \[33, 3\]"):
        Descriptors(values, names[:3], made, found.species)


def test_periodic_descriptors_are_those_of_the_repeated_structure(lattice):
    """In a box of 10.4 a range of 8 takes every image; a structure of 2 x 2 copies needs none."""
    small = periodic_descriptors(lattice, LENGTHS, mixture=KA2D, cutoff=8.0, central_species=1)
    whole = descriptors(lattice.tiled(2), LENGTHS, cutoff=8.0)
    np.testing.assert_allclose(small.values, whole.values[:129][lattice.species == 1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        periodic_descriptors(lattice, LENGTHS, mixture=KA2D, cutoff=5.0).values,
        descriptors(lattice, LENGTHS, cutoff=5.0).values,
    )


def test_local_quantities_refused(lattice):
    with pytest.raises(ValueError, match=r"energies must have shape \[129\]"):
        coarse_grain(lattice, np.zeros(3), np.zeros(129), [1])
    with pytest.raises(ValueError, match="perimeters must be finite"):
        coarse_grain(lattice, np.zeros(129), np.full(129, np.nan), [1])


def test_radical_cells_of_two_sizes():
    """Two particles of radii 0.5 and 0.44 in a periodic row: the wall stands where the powers are equal."""
    n, gap = 8, 1.1
    x = np.stack(np.meshgrid(gap * np.arange(n), gap * np.arange(n), indexing="ij"), axis=-1).reshape(-1, 2)
    species = 1 + (np.arange(n * n) // n) % 2  # columns of species 1 and 2
    cells = radical_cells(Configuration(x, species, gap * n))
    # |x|^2 - R1^2 = |x - gap|^2 - R2^2
    wall = (gap**2 + 0.5**2 - 0.44**2) / (2 * gap)
    widths = np.where(species == 1, 2 * wall, 2 * (gap - wall))
    np.testing.assert_allclose(cells.areas, widths * gap, rtol=1e-12)
    np.testing.assert_allclose(cells.perimeters, 2 * (widths + gap), rtol=1e-12)


def test_cells_fill_the_box(lattice, liquid):
    for c in (lattice, liquid):
        cells = radical_cells(c)
        assert cells.areas.sum() == pytest.approx(c.box_length**2, rel=1e-12)
        assert np.all(cells.perimeters**2 >= 4 * np.pi * cells.areas)  # isoperimetric inequality
    turned = liquid.with_positions(liquid.positions @ np.array([[0.0, -1.0], [1.0, 0.0]]) + 17.0)
    np.testing.assert_allclose(radical_perimeters(turned), radical_perimeters(liquid), rtol=1e-9)


def test_ordinary_cells_are_no_substitute(liquid):
    alike = Configuration(liquid.positions, np.ones(129, int), liquid.box_length)
    change = radical_perimeters(liquid) / radical_perimeters(alike) - 1
    assert change[liquid.species == 1].mean() > 0.01
    assert change[liquid.species == 2].mean() < -0.01


def test_mixture_without_that_species(lattice):
    with pytest.raises(ValueError, match="species must lie in 1"):
        descriptors(
            Configuration(lattice.positions, lattice.species + 1, lattice.box_length), [1], mixture=KA2D
        )


def test_neighbours_at_the_cut_off_are_left_out():
    """On a lattice of unit spacing, L = 1: within 2 of a particle are itself, four at 1, four at sqrt(2)."""
    x = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), axis=-1).reshape(-1, 2)
    c = Configuration(x, np.ones(81, int), 9.0)
    energies = np.where((x == 4).all(axis=1), 10.0, 1.0)  # one particle differs from all others
    near = 1 + 4 * np.exp(-1) + 4 * np.exp(-np.sqrt(2))
    for cutoff, total in ((2.0, near), (2.0 + 1e-9, near + 4 * np.exp(-2))):
        values = coarse_grain(c, energies, np.full(81, 4.0), [1], n_species=1, cutoff=cutoff)
        found = dict(zip(descriptor_names([1], 1), values.T, strict=True))
        np.testing.assert_allclose(found["density/all/L1"], total, rtol=1e-12)
        np.testing.assert_allclose(found["perimeter/all/L1"], 4.0, rtol=1e-12)
        # weight 1 at itself, exp(-1) at the particle beside it
        for place, weight in (((4, 4), 1.0), ((4, 5), np.exp(-1)), ((3, 3), np.exp(-np.sqrt(2)))):
            share = weight / total
            i = int(np.flatnonzero((x == place).all(axis=1))[0])
            assert found["energy/type1/L1"][i] == pytest.approx(1 + 9 * share)
            assert found["variance/type1/L1"][i] == pytest.approx(81 * share * (1 - share))


def test_mean_descriptors_of_every_species(liquid):
    mixture = KA2D.scaled(10)
    inherent = inherent_structure(liquid, mixture=mixture)
    settings = {"lengths": [0.0, 1.0], "cutoff": 4.0}
    means, names = mean_descriptors([inherent, inherent], settings, mixture)
    second = descriptors(inherent, **settings, mixture=mixture, central_species=2)
    assert means.shape == (2, len(names))
    assert len(names) == 3 * len(second.names)
    where = [k for k, name in enumerate(names) if name.startswith("type 2 ")]
    assert [names[k].removeprefix("type 2 ") for k in where] == list(second.names)
    np.testing.assert_array_equal(means[1, where], second.values.mean(axis=0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            lambda s, lengths: np.full((s.configuration.n_particles, 2), np.nan),
            "column 0 of row 0 is not finite",
        ),
        (
            lambda s, lengths: np.zeros((1, 2)),
            r"must give real numbers of shape .* found float64 of shape \(1, 2\)",
        ),
        (lambda s, lengths: np.zeros(s.configuration.n_particles), "must give real numbers of shape"),
        (lambda s, lengths: np.full((s.configuration.n_particles, 2), 1j), "found complex128"),
    ],
)
def test_what_a_block_returns_is_checked(monkeypatch, liquid, values, message):
    monkeypatch.setattr(blocks, "BLOCKS", dict(blocks.BLOCKS))
    monkeypatch.setattr("tglassmlp.local_structure.describe.BLOCKS", blocks.BLOCKS)
    blocks.register("toy", blocks.Block(lambda lengths, s: [f"toy/all/L{x:g}" for x in lengths], values))
    with pytest.raises(ValueError, match=f"block 'toy'.* {message}"):
        descriptors(liquid, [0.0, 1.0])


def test_blocks_that_are_none_are_refused():
    with pytest.raises(TypeError, match="must be a Block of two functions"):
        blocks.register("toy", 3)
    with pytest.raises(ValueError, match="'toy/all/Lx' is not the name of a descriptor"):
        blocks.register("toy", blocks.Block(lambda lengths, s: ["toy/all/Lx"], len))
    assert "toy" not in blocks.BLOCKS
