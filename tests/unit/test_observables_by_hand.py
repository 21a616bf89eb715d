"""Observables against values worked out by hand or recomputed with plain loops."""

import numpy as np
import pytest
from scipy import stats

from tglassmlp import state_point
from tglassmlp.correlation import correlation_of_sums, pearson_sums
from tglassmlp.local_structure.names import descriptor_lengths
from tglassmlp.observables.attention_length import attention_distribution
from tglassmlp.observables.bootstrap import (
    OBSERVABLES,
    bootstrap_widening,
    combined_error,
    generator,
    groups,
    jackknife_error,
    resamples,
    student,
)
from tglassmlp.observables.bottleneck import sample, separation
from tglassmlp.observables.chord_length import (
    Lattice,
    chord_length_without_noise,
    chord_sums,
    mean_chord_length,
    site_moments,
)
from tglassmlp.observables.pearson import pearson_error
from tglassmlp.observables.structure_factor import (
    Shells,
    fit_structure_factor,
    structure_factor_direct,
    tile_memory,
)
from tglassmlp.observables.susceptibility import (
    susceptibility,
    susceptibility_error,
    susceptibility_without_noise,
)
from tglassmlp.randomness import seed_sequence

# ------------------------------------------------------------------------------- susceptibility, Pearson


def of_means(*means, particles=5):
    """Fields whose structures have these means, ``[structures, particles]``."""
    scatter = np.linspace(-0.1, 0.1, particles)
    return np.asarray(means, dtype=float)[:, None] + scatter


def test_errors_of_the_susceptibility_by_hand():
    # means 0, 0, 0, 1: without one of the zeros the variance is 1/3, without the one it is 0
    jackknife = np.sqrt(3 / 4 * (3 * (1 / 3 - 1 / 4) ** 2 + (1 / 4) ** 2))
    assert jackknife == pytest.approx(1 / 4)
    assert susceptibility(of_means(0, 0, 0, 1)) == pytest.approx(5 / 4)
    assert susceptibility_error(of_means(0, 0, 0, 1)) == pytest.approx(5 / 4)
    # three structures are too few for a jackknife: Gaussian means
    assert susceptibility_error(of_means(0, 0, 1)) == pytest.approx(5 / 3 * np.sqrt(2 / 2))
    assert susceptibility_error(of_means(0, 1)) == pytest.approx(5 / 2 * np.sqrt(2 / 1))
    # means -1, -1, 1, 1 leave-one-out variances that are all equal: the Gaussian error is the lower bound
    assert susceptibility_error(of_means(-1, -1, 1, 1)) == pytest.approx(5 * 4 / 3 * np.sqrt(2 / 3))
    assert np.isnan(susceptibility_error(of_means(1)))


def test_susceptibility_without_noise_is_the_covariance_of_the_halves():
    first, second = of_means(0, 1, 3, particles=7), of_means(2, 1, 6, particles=7)
    a, b = np.array([0, 1, 3]) - 4 / 3, np.array([2, 1, 6]) - 3
    assert susceptibility_without_noise(first, second) == pytest.approx(7 * (a @ b) / 2)
    assert susceptibility_without_noise(first, -second) == pytest.approx(-7 * (a @ b) / 2)
    assert np.isnan(susceptibility_without_noise(first[:1], second[:1]))


def test_sums_of_the_pearson_correlation_and_its_bootstrap():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 6, 15))
    sums = pearson_sums(x, y)
    a, b = x - x.mean(), y - y.mean()
    expected = [np.full(6, 15), a.sum(1), b.sum(1), (a**2).sum(1), (b**2).sum(1), (a * b).sum(1)]
    np.testing.assert_allclose(sums, np.array(expected).T)
    np.testing.assert_allclose(
        correlation_of_sums(sums), [np.corrcoef(p, q)[0, 1] for p, q in zip(x, y, strict=True)], rtol=1e-9
    )
    drawn = np.random.default_rng(8).integers(0, 6, (40, 6))
    again = [np.corrcoef(x[d].ravel(), y[d].ravel())[0, 1] for d in drawn]
    assert pearson_error(x, y, 40, np.random.default_rng(8)) == pytest.approx(np.std(again, ddof=1))
    # two structures are the fewest that can be resampled
    assert np.isfinite(pearson_error(x[:2], y[:2], 40, rng))


def test_resampling_draws_all_structures_and_its_seeds_tell_state_points_apart():
    drawn = resamples(3, 200, np.random.default_rng(0))
    assert drawn.shape == (200, 3)
    assert set(drawn.ravel()) == {0, 1, 2}
    assert resamples(1, 2, np.random.default_rng(0)).tolist() == [[0], [0]]
    with pytest.raises(ValueError, match="at least one"):
        resamples(0, 2, np.random.default_rng(0))
    key = (OBSERVABLES["chord_length"], state_point.key(0.3), 500_000)
    expected = np.random.default_rng(seed_sequence(7, "bootstrap", *key)).random()
    assert generator(7, "chord_length", 0.3, 0.5).random() == expected
    others = [(7, "pearson", 0.3, 0.5), (8, "chord_length", 0.3, 0.5), (7, "chord_length", 0.301, 0.5),
              (7, "chord_length", 0.3, 0.500001)]  # fmt: skip
    assert expected not in [generator(*other).random() for other in others]
    # never renumbered: error bars would change
    numbers = {"pearson": 1, "susceptibility": 2, "chord_length": 3, "structure_factor": 4, "bottleneck": 5}
    assert numbers.items() <= OBSERVABLES.items()
    assert OBSERVABLES["comparison"] == 6
    assert len(set(OBSERVABLES.values())) == len(OBSERVABLES)


def test_errors_widened_for_few_structures():
    # Student's t at 97.5 %: 12.706 for one degree of freedom, 4.303 for two
    assert bootstrap_widening(2) == pytest.approx(np.sqrt(2) * 12.7062 / 1.95996, rel=1e-5)
    assert bootstrap_widening(3) == pytest.approx(np.sqrt(3 / 2) * 4.30265 / 1.95996, rel=1e-5)
    assert combined_error(0.3, float("nan")) == pytest.approx(0.3)


# -------------------------------------------------------------------------------------------- chords


def one_per_site(side):
    """Lattice of unit spacing with one particle in the middle of every site, in the order of the sites."""
    grid = np.arange(side) + 0.5
    where = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    return Lattice(where, float(side), 1.0)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.array([0.3, 1.7, -0.4, 2.2, 5.0])
    without = np.array([np.delete(values, k).mean() for k in range(values.size)])
    standard = values.std(ddof=1) / np.sqrt(values.size)
    assert jackknife_error(without, widened=False) == pytest.approx(standard)
    assert jackknife_error(without) == pytest.approx(student(4) * standard)
    assert np.isnan(jackknife_error(np.array([1.0])))
    assert np.isnan(jackknife_error(np.array([1.0, np.nan, 2.0])))


def test_few_structures_are_a_group_each():
    assert [g.tolist() for g in groups(3, most=8)] == [[0], [1], [2]]
    assert [g.tolist() for g in groups(5, most=2)] == [[0, 2, 4], [1, 3]]
    assert groups(1, most=8) == []


def test_lattice_divides_the_box_and_averages_the_particles_of_a_site():
    positions = np.array([[0.2, 0.2], [0.8, 0.4], [0.5, 1.6], [3.9, -0.3], [1.0, 3.0]])
    lattice = Lattice(positions, 4.0, 1.1)  # 3.6 sites: 4 of them
    assert (lattice.sites, lattice.spacing) == (4, 1.0)
    assert Lattice(positions, 4.0, 1.3).spacing == pytest.approx(4 / 3)
    found = lattice.average(np.array([1.0, 4.0, 7.0, 9.0, 5.0]))
    # rows are x, columns y: -0.3 is 3.7
    assert (found[0, 0], found[0, 1], found[3, 3], found[1, 3]) == (2.5, 7.0, 9.0, 5.0)
    # an empty site has the value of the particle nearest to its middle, across the boundary if need be
    values, filled = np.array([1.0, 4.0, 7.0, 9.0, 5.0]), {(0, 0), (0, 1), (3, 3), (1, 3)}
    for i, j in set(np.ndindex(4, 4)) - filled:
        away = (positions - [i + 0.5, j + 0.5] + 2.0) % 4.0 - 2.0
        assert found[i, j] == values[np.linalg.norm(away, axis=1).argmin()], (i, j)
    for spacing in (0.0, 4.1):
        with pytest.raises(ValueError, match="spacing"):
            Lattice(positions, 4.0, spacing)
    assert Lattice(positions, 4.0, 4.0).sites == 1


def test_half_of_the_particles_active_is_not_mobile():
    lattice = Lattice(np.array([[0.5, 0.2], [0.5, 0.7], [1.5, 0.5]]), 2.0, 1.0)
    assert not lattice.mobile(np.array([True, False, False]))[0, 0]
    assert lattice.mobile(np.array([True, True, False]))[0, 0]
    assert lattice.mobile(np.array([True, False, False]), share=0.49)[0, 0]


def test_particles_at_the_median_are_not_active_and_the_median_is_that_of_all_structures():
    lattices = [one_per_site(2)] * 2
    field = np.array([[0.1, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.9]])
    assert chord_sums(field, lattices)[:, 2].tolist() == [1, 0]
    # one structure all below the common median, the other all above it
    field = np.array([[0.1, 0.2, 0.3, 0.4], [0.6, 0.7, 0.8, 0.9]])
    assert chord_sums(field, lattices)[:, 2].tolist() == [4, 0]
    assert chord_sums(field, lattices, threshold=0.25)[:, 2].tolist() == [2, 0]


def test_a_chord_belongs_to_the_part_in_which_it_begins():
    # # . . #      a row and a column chord of two sites that cross the boundary of the parts
    # . . . .
    # . # . .
    # . # # .
    mobile = np.zeros((4, 4), dtype=bool)
    mobile[0, 3] = mobile[0, 0] = mobile[2, 1] = mobile[3, 1] = mobile[3, 2] = True
    lattice = one_per_site(4)
    sums = chord_sums(np.where(mobile, 0.0, 1.0).reshape(1, -1), [lattice], threshold=0.5, blocks=2)
    # along rows: (0, 3)-(0, 0) begins upper right; (2, 1) and (3, 1)-(3, 2) begin lower left.
    # along columns: column 0 (0, 0), column 1 (2, 1)-(3, 1), column 2 (3, 2), column 3 (0, 3)
    lengths = {(0, 0): [1], (0, 1): [2, 1], (1, 0): [1, 2, 2], (1, 1): [1]}
    sites = {(0, 0): 1, (0, 1): 1, (1, 0): 2, (1, 1): 1}
    for (a, b), mine in lengths.items():
        assert sums[2 * a + b].tolist() == [sum(mine), len(mine), sites[a, b]], (a, b)
    assert mean_chord_length(sums) == pytest.approx(10 / 7)
    assert np.isnan(mean_chord_length(np.zeros((2, 3))))


def test_lengths_of_chords_are_in_units_of_length():
    grid = (np.arange(4) + 0.5) * 1.25
    where = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    field = np.ones((4, 4))
    field[1, 1:3] = 0.0
    sums = chord_sums(field.reshape(1, -1), [Lattice(where, 5.0, 1.25)], threshold=0.5)
    assert sums.tolist() == [[(2 + 1 + 1) * 1.25, 3, 2]]


def test_moments_of_the_sites_by_walking_over_them():
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 2, 16))
    found = site_moments(first, second, [one_per_site(4)] * 2, blocks=2).reshape(2, 2, 2, 4)
    mean = np.mean([first, second])
    for s in range(2):
        a, b = first[s].reshape(4, 4) - mean, second[s].reshape(4, 4) - mean
        c = (a + b) / 2
        expected = np.zeros((2, 2, 4))
        for i in range(4):
            for j in range(4):
                around = [((i + 1) % 4, j), ((i - 1) % 4, j), (i, (j + 1) % 4), (i, (j - 1) % 4)]
                expected[i // 2, j // 2] += [
                    a[i, j] * b[i, j],
                    a[i, j] * np.mean([b[n] for n in around]),
                    c[i, j] ** 2,
                    c[i, j] * np.mean([c[n] for n in around]),
                ]
        np.testing.assert_allclose(found[s], expected, atol=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.3, 0.6])
def test_chord_length_of_gaussian_sites_and_what_noise_does_to_it(share):
    spacing, truth, attenuation = 1.7, 0.8, 0.75
    threshold = stats.norm.isf(share)

    def chord(correlation):
        """Spacing times share over the probability that a chord ends between two sites."""
        both = stats.multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf([-threshold] * 2)
        return spacing * share / (share - both)

    if share == 0.5:
        assert chord(truth) == pytest.approx(spacing * np.pi / np.arccos(truth), rel=1e-4)
    # correlations 0.8 free of noise, 0.6 with it
    moments = np.array([2.0, 2.0 * truth, 3.0, 3.0 * attenuation * truth])
    found = chord_length_without_noise(chord(attenuation * truth), spacing, share, moments)
    assert found == pytest.approx(chord(truth), rel=1e-4)
    assert found > chord(attenuation * truth)
    for edge in (0.0, 1.0):
        assert np.isnan(chord_length_without_noise(3.0, spacing, edge, moments))
    # noise that would have raised the correlation beyond one
    assert np.isnan(chord_length_without_noise(chord(0.7), spacing, share, np.array([1.0, 0.9, 1.0, 0.6])))


# ----------------------------------------------------------------------------- attention, bottleneck


def test_attention_of_a_length_is_the_mean_over_its_descriptors_unless_told_otherwise():
    names = ["density/all/L0.5", "density/all/L10", "energy/all/L10", "energy/type1/L10"]
    weights = np.array([[0.4, 0.1, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4]])
    lengths, by_default = attention_distribution(weights, names)
    assert lengths.tolist() == [0.5, 10.0]
    np.testing.assert_allclose(by_default, [[0.4 / 0.6, 0.2 / 0.6], [0.1 / 0.4, 0.3 / 0.4]])
    np.testing.assert_allclose(
        attention_distribution(weights, names, mean=False)[1], [[0.4, 0.6], [0.1, 0.9]]
    )
    with pytest.raises(ValueError, match="name of a descriptor"):
        descriptor_lengths(["density/all/2"])


def test_separation_is_fishers_discriminant_of_the_outer_fifths():
    rng = np.random.default_rng(6)
    units, propensity = rng.normal(size=(25, 2)) * [1.0, 3.0], rng.random(25)
    order = np.argsort(propensity)
    units[order[:5]] += [2.0, 1.0]
    units[order[5:-5]] += 100.0  # what lies between plays no part
    low, high = units[order[:5]], units[order[-5:]]
    inside = (np.cov(low.T, ddof=1) + np.cov(high.T, ddof=1)) / 2
    difference = low.mean(axis=0) - high.mean(axis=0)
    expected = np.sqrt(difference @ np.linalg.inv(inside) @ difference)
    assert separation(units, propensity) == pytest.approx(expected, rel=1e-6)
    # of ten particles a fifth would be two, too few for a covariance: three
    low, high = units[:10][np.argsort(propensity[:10])[:3]], units[:10][np.argsort(propensity[:10])[-3:]]
    inside = (np.cov(low.T, ddof=1) + np.cov(high.T, ddof=1)) / 2
    difference = low.mean(axis=0) - high.mean(axis=0)
    expected = np.sqrt(difference @ np.linalg.inv(inside) @ difference)
    assert separation(units[:10], propensity[:10]) == pytest.approx(expected, rel=1e-6)


def test_sampled_particles_come_from_everywhere_once():
    drawn = sample(4, 50, 199, np.random.default_rng(1))
    assert drawn.size == np.unique(drawn).size == 199
    assert (np.diff(drawn) > 0).all()
    assert 0 <= drawn.min() <= 1
    assert 198 <= drawn.max() <= 199


# ---------------------------------------------------------------------------------- structure factor


def test_wave_vectors_of_a_box_and_their_shells():
    shells = Shells(10.0, 2 * np.pi / 10.0 * 2.0)  # |n| up to exactly 2
    assert shells.n_max == 2
    found = {tuple(v) for v in shells.vectors()}
    assert found == {(1, 0), (2, 0), (0, 1), (0, 2), (1, 1), (-1, 1)}
    assert len(found) == len(shells.vectors())
    power = np.array([10.0 * abs(x) + y for x, y in shells.vectors()])
    q, mean, modes = shells.gather(power)
    np.testing.assert_allclose(q, 2 * np.pi / 10.0 * np.sqrt([1, 2, 4]))
    np.testing.assert_allclose(mean, [(10 + 1) / 2, 11, (20 + 2) / 2])
    assert modes.tolist() == [2, 2, 2]
    left = shells.gather(np.stack([power, 2 * power]), shells.on_tiles(2))
    np.testing.assert_allclose(left[1], [[5.5, 11], [11, 22]])
    assert [tuple(v) for v in shells.vectors()[shells.on_tiles(2)]] == [(0, 2), (2, 0)]
    assert not shells.on_tiles(1).any()


def test_structure_factor_of_two_particles():
    shells = Shells(8.0, 2.0)
    fields, positions = np.array([[1.0, -1.0], [2.0, 3.0]]), np.array([[0.0, 0.0], [2.0, 1.0]])
    phase = 2 * np.pi / 8.0 * (shells.vectors() @ [2.0, 1.0])
    expected = [np.abs(1 - np.exp(1j * phase)) ** 2 / 2, np.abs(2 + 3 * np.exp(1j * phase)) ** 2 / 2]
    np.testing.assert_allclose(structure_factor_direct(fields, positions, shells), expected, atol=1e-12)


@pytest.mark.parametrize("cubic", [False, True])
def test_fit_gives_back_an_exact_curve_with_its_errors(cubic):
    chi, xi, a = 12.0, 4.0, 3.0 if cubic else 0.0
    q = np.linspace(0.05, 0.5, 40)
    modes = np.arange(400, 440)
    s4 = chi / (1 + (q * xi) ** 2 + (a * q) ** 3)
    fit = fit_structure_factor(q, s4, modes, q_max=0.45, cubic=cubic, longest=16.0)
    below = q < 0.45
    assert fit.determined, fit.reason
    assert fit.n_points == below.sum()
    assert (fit.chi, fit.xi) == (pytest.approx(chi, rel=1e-5), pytest.approx(xi, rel=1e-5))
    assert fit.goodness == pytest.approx(0, abs=1e-8)
    if cubic:
        assert fit.a == pytest.approx(a, rel=1e-5)
    # the inverse of the covariance of p = (chi, xi, A): sum over shells of modes (d ln S/dp) (d ln S/dp')
    share = s4[below] / chi
    slopes = [np.full(below.sum(), 1 / chi), -2 * xi * q[below] ** 2 * share]
    slopes += [-3 * a**2 * q[below] ** 3 * share] if cubic else []
    information = np.array([[(modes[below] * u * v).sum() for u in slopes] for v in slopes])
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    found = [fit.chi_error, fit.xi_error, *([fit.a_error] if cubic else [])]
    np.testing.assert_allclose(found, errors, rtol=1e-4)
    # covariance is that of (chi, xi^2[, A^3])
    assert np.sqrt(fit.covariance[1][1]) == pytest.approx(2 * xi * errors[1], rel=1e-4)
    assert fit.covariance[0][1] == pytest.approx(2 * xi * np.linalg.inv(information)[0, 1], rel=1e-3)


def test_scatter_beyond_that_of_the_modes_widens_the_errors():
    q, modes, truth = (
        np.linspace(0.05, 0.5, 30),
        np.full(30, 900.0),
        12.0 / (1 + (np.linspace(0.05, 0.5, 30) * 4.0) ** 2),
    )
    noise = 0.1 * np.random.default_rng(1).choice([-1.0, 1.0], 30)  # three times 1/sqrt(900)
    fit = fit_structure_factor(q, truth * (1 + noise), modes, 0.6)
    exact = fit_structure_factor(q, truth, modes, 0.6)
    model = fit.chi / (1 + (q * fit.xi) ** 2)
    assert fit.goodness == pytest.approx(
        (modes * (truth * (1 + noise) / model - 1) ** 2).sum() / 28, rel=1e-6
    )
    assert fit.goodness == pytest.approx(9.0, rel=0.25)
    assert fit.chi_error / fit.chi == pytest.approx(
        exact.chi_error / exact.chi * np.sqrt(fit.goodness), rel=0.1
    )


def test_limits_of_a_fit():
    q, modes = np.linspace(0.05, 0.5, 30), np.full(30, 1000)

    def fit(number=30, xi=4.0, **more):
        options = {"q_max": 0.6, "longest": 16.0} | more
        return fit_structure_factor(q[:number], 1 / (1 + (q[:number] * xi) ** 2), modes[:number], **options)

    assert fit(4, largest_relative_error=1e9).determined, "two parameters and two more points"
    assert not fit(3, largest_relative_error=1e9).determined
    assert "shells" in fit(4, cubic=True).reason
    assert fit(longest=4.01).determined
    assert not fit(longest=3.99).determined
    relative = fit().xi_error / 4.0
    assert fit(largest_relative_error=1.001 * relative).determined
    assert not fit(largest_relative_error=0.999 * relative).determined
    assert fit(q_max=float(q[10])).n_points == 10, "below the largest wave number, not at it"
    # an A^3 that is not there leaves xi, but is not quoted
    pure = fit(cubic=True)
    assert pure.determined
    assert np.isnan(pure.a)
    assert "A is not determined" in pure.reason


def test_memory_of_tiles_from_exact_powers():
    shells = Shells(60.0, 1.5)
    on = shells.on_tiles(3)
    for share in (0.0, 0.1, 0.5):
        power = np.where(on, 1 + share * 9 / (1 - share), 1.0)
        assert tile_memory(power, shells, 3) == pytest.approx(share, abs=1e-9)
    assert tile_memory(np.where(on, 0.2, 1.0), shells, 3) == 0.0
