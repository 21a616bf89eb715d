import numpy as np
import pytest

from tglassmlp.correlation import correlation, pearson
from tglassmlp.dynamics.correlations import split_half_ceiling
from tglassmlp.local_structure.names import descriptor_lengths
from tglassmlp.observables.attention_length import attention_distribution, attention_length
from tglassmlp.observables.bootstrap import bootstrap_widening, combined_error, generator
from tglassmlp.observables.bottleneck import principal_axes, sample, separation
from tglassmlp.observables.chord_length import (
    Lattice,
    chord_length_without_noise,
    chord_sums,
    chords,
    mean_chord_length,
    site_moments,
)
from tglassmlp.observables.pearson import pearson_error
from tglassmlp.storage import Array, write_arrays
from tglassmlp.tables.comparison import comparison_table


def test_pearson_by_hand_and_limits():
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert pearson(x, 3 - 2 * x) == pytest.approx(-1)
    assert correlation(x.ravel(), 3 - 2 * x.ravel()) == pytest.approx(-1)
    assert np.isnan(correlation(x.ravel(), np.ones(x.size)))
    assert pearson(x, np.array([[1.0, 3.0, 2.0, 4.0]])) == pytest.approx(0.8)
    assert np.isnan(pearson(x, np.ones_like(x)))
    assert np.isnan(pearson_error(x, x[:, ::-1], 10, np.random.default_rng(0)))
    with pytest.raises(ValueError, match="structures"):
        pearson(x, x[:, :2])


def test_pearson_is_that_of_all_particles_pooled():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 30)) + rng.normal(size=(5, 1)) + 1e4
    y = x + rng.normal(size=x.shape)
    assert pearson(x, y) == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1], abs=1e-12)


def test_bootstrap_error_of_the_pearson_correlation_covers_the_truth():
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(200):
        # structures share a common part, so particles of one structure are not independent
        common = rng.normal(size=(12, 1, 2)) * 0.5
        x, noise = np.moveaxis(rng.normal(size=(12, 40, 2)) + common, -1, 0)
        y = 0.6 * x + 0.8 * noise
        error = pearson_error(x, y, 200, rng)
        inside += abs(pearson(x, y) - 0.6) < 2 * error
    assert 0.85 * 200 < inside < 0.995 * 200


def test_ceiling_is_reached_by_the_truth():
    rng = np.random.default_rng(6)
    truth = rng.normal(size=(20, 500))
    halves = [truth + rng.normal(0, 0.8, truth.shape) for _ in range(2)]
    assert split_half_ceiling(np.array(halves)) == pytest.approx(
        pearson(truth, 0.5 * (halves[0] + halves[1])), abs=0.01
    )


def test_errors_over_few_structures_cover_the_truth():
    rng = np.random.default_rng(8)
    for n in (3, 8):
        x = rng.normal(size=(2000, n))
        # the bootstrap's standard error of a mean, without drawing
        error = x.std(axis=1) / np.sqrt(n) * bootstrap_widening(n)
        assert (np.abs(x.mean(axis=1)) < 1.96 * error).mean() == pytest.approx(0.95, abs=0.02)
    assert bootstrap_widening(50) == pytest.approx(1.03, abs=0.01)


def test_paired_differences_know_what_structures_have_in_common(tmp_path):
    """Two methods whose quality varies from structure to structure in the same way, one better by little."""
    made = {"stage": "made up for a test"}
    rng = np.random.default_rng(2)
    quality = rng.uniform(0.3, 0.9, 24)[:, None]
    truth = rng.normal(size=(2, 24, 300))
    noise = rng.normal(size=(2, 24, 300))
    worse = (quality - 0.05) * truth + noise
    arrays = {
        "labels": {"propensity": truth, "half": np.stack([truth] * 2, axis=2), "time": np.array([1.0, 2.0])},
        "predictions/tmin0.40": {"propensity": (quality * truth + noise)[:, None]},
        "predictions/tmin0.45": {"propensity": (quality * truth + noise)[:, None]},
        "baseline_predictions": {"ridge": worse, "ridge_tmin0.45": worse[:, :, ::-1]},
    }
    for t_min in ("0.40", "0.45"):
        arrays[f"predictions/tmin{t_min}"]["converged"] = np.array([[True], [True]])
    files = {}
    for place, content in arrays.items():
        files[place] = tmp_path / place / "T0.40.h5"
        stored = {name: Array(v, tuple("abcd"[: v.ndim])) for name, v in content.items()}
        write_arrays(files[place], {"c_b": Array(np.array([0.8, 0.5]), ("a",)), **stored}, made, {})
    labels, *predictions, baselines = files.values()
    table = comparison_table([labels], predictions, [baselines], range(4, 24))
    table = table.set_index(["first_t_min", "second", "second_t_min"]).sort_index()
    row = table.loc["0.40", "ridge", ""]
    by_hand = [
        pearson((quality * truth + noise)[k, 4:], truth[k, 4:]) - pearson(worse[k, 4:], truth[k, 4:])
        for k in (0, 1)
    ]
    assert row["difference"] == pytest.approx(np.mean(by_hand))
    assert (row["n_c_b"], row["n_structures"]) == (2, 20)
    alone = pearson_error((quality * truth + noise)[0, 4:], truth[0, 4:], 200, rng)
    assert row["error"] < 0.2 * alone, "the structures' own differences drop out"
    assert row["difference"] > 5 * row["error"]
    assert table.loc[("0.40", "ridge_transferred", "0.45"), "difference"] > 0.2
    # neither of these two has seen dynamics at T = 0.40
    assert table.loc[("0.45", "ridge_transferred", "0.45"), "n_structures"] == 24
    assert table.loc[("0.45", "tglassmlp", "0.40"), "n_structures"] == 20


def stripes(n, width):
    return np.tile((np.arange(n) // width) % 2 == 0, (n, 1))


def test_chords_of_drawings():
    # vertical stripes 2 wide: along rows chords of 2, along columns full columns
    found = chords(stripes(8, 2))
    assert sorted(found) == [2] * 16 + [8] * 4
    checkerboard = np.indices((6, 6)).sum(axis=0) % 2 == 0
    assert sorted(chords(checkerboard)) == [1] * 36
    row = np.array([[True, False, True, True], *[[False] * 4] * 3])
    # periodic: sites 2, 3 and 0 are one chord of 3 along the row; along columns three chords of 1
    assert sorted(chords(row)) == [1, 1, 1, 3]
    assert chords(np.zeros((4, 4), dtype=bool)).size == 0
    assert sorted(chords(np.ones((3, 3), dtype=bool))) == [3] * 6


def test_chord_length_of_particles_on_stripes():
    x, y = np.meshgrid(np.arange(12) + 0.5, np.arange(12) + 0.5, indexing="ij")
    positions = np.stack([x.ravel(), y.ravel()], axis=1) - 24.0  # outside the box on purpose
    propensity = np.where((x.ravel() // 3) % 2 == 0, 0.1, 0.9)[None]
    sums = chord_sums(propensity, [Lattice(positions, 12.0, 1.02)])
    # spacing becomes exactly 1; 24 chords of 3 across, 6 of 12 along
    assert mean_chord_length(sums) == pytest.approx((24 * 3 + 6 * 12) / 30)
    assert sums[0, 2] == 72


def test_empty_sites_take_the_state_of_the_nearest_particle():
    lattice = Lattice(np.array([[0.5, 0.5], [2.5, 2.5]]), 4.0, 1.0)
    mobile = lattice.mobile(np.array([True, False]))
    assert mobile[0, 0]
    assert not mobile[2, 2]
    assert mobile[0, 3]  # across the boundary, one site from the active particle
    assert not mobile[2, 3]


def test_random_activity_has_the_geometric_chord_length():
    rng = np.random.default_rng(8)
    mobile = rng.random((400, 400)) < 0.5
    assert chords(mobile).mean() == pytest.approx(2.0, abs=0.02)


def test_chords_of_random_lattices_are_found_by_walking():
    rng = np.random.default_rng(12)
    for _ in range(60):
        mobile = rng.random((rng.integers(1, 6), rng.integers(1, 8))) < rng.random()
        walked = []
        for lines in (mobile, mobile.T):
            for line in lines:
                n = len(line)
                starts = [k for k in range(n) if line[k] and not line[k - 1]]
                walked += [n] if line.all() else []
                for start in starts:
                    length = 1
                    while line[(start + length) % n]:
                        length += 1
                    walked.append(length)
        assert sorted(chords(mobile)) == sorted(walked)


def smooth_sites(rng, n_structures, side, width, noise, replicas=8):
    """Lattices with one particle at every site: smooth Gaussian fields, and replicas with white noise."""
    q = 2 * np.pi * np.fft.fftfreq(side)
    filtered = np.exp(-0.5 * width**2 * (q[:, None] ** 2 + q**2))
    white = np.fft.fft2(rng.normal(size=(n_structures, side, side)))
    truth = np.real(np.fft.ifft2(white * filtered)).reshape(n_structures, -1)
    truth /= truth.std()
    grid = np.arange(side) + 0.5
    where = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    lattices = [Lattice(where, float(side), 1.0)] * n_structures
    each = truth[:, None] + noise * rng.normal(size=(n_structures, replicas, side * side))
    return truth, each, lattices


def test_replica_noise_shortens_chords_and_is_removed():
    rng = np.random.default_rng(21)
    truth, each, lattices = smooth_sites(rng, 6, 120, 2.0, noise=1.5)
    expected = mean_chord_length(chord_sums(truth, lattices))
    half = each[:, :4].mean(axis=1), each[:, 4:].mean(axis=1)
    sums = chord_sums(each.mean(axis=1), lattices)
    found, share = mean_chord_length(sums), sums[:, 2].sum() / (6 * 120**2)
    assert found < 0.8 * expected
    moments = site_moments(*half, lattices).sum(axis=0)
    assert chord_length_without_noise(found, 1.0, share, moments) == pytest.approx(expected, rel=0.05)
    without = site_moments(truth, truth, lattices).sum(axis=0)
    assert chord_length_without_noise(expected, 1.0, 0.5, without) == pytest.approx(expected, rel=1e-6)


def test_chord_length_without_noise_refuses_what_has_no_signal():
    rng = np.random.default_rng(22)
    _, each, lattices = smooth_sites(rng, 2, 30, 2.0, noise=1.0)
    noise = rng.normal(size=(2, 2, 900))
    moments = site_moments(noise[0], noise[0] * -1, lattices).sum(axis=0)
    assert np.isnan(chord_length_without_noise(2.5, 1.0, 0.5, moments))
    good = site_moments(each[:, 0], each[:, 1], lattices).sum(axis=0)
    assert np.isnan(chord_length_without_noise(1.9, 1.0, 0.5, good))  # shorter than without correlations
    assert np.isnan(chord_length_without_noise(float("nan"), 1.0, 0.5, good))


def test_parts_of_a_large_system_add_up_to_the_whole():
    rng = np.random.default_rng(23)
    truth, each, lattices = smooth_sites(rng, 2, 31, 1.0, noise=0.5)
    whole, parts = chord_sums(truth, lattices), chord_sums(truth, lattices, blocks=3)
    assert parts.shape == (18, 3)
    np.testing.assert_allclose(parts.reshape(2, 9, 3).sum(axis=1), whole)
    assert (parts[:, 1] > 0).all()
    halves = each[:, 0], each[:, 1]
    np.testing.assert_allclose(
        site_moments(*halves, lattices, blocks=3).reshape(2, 9, 4).sum(axis=1),
        site_moments(*halves, lattices),
    )


def test_attention_length():
    names = ["density/all/L0", "density/all/L2", "energy/type1/L2", "energy/type1/L10"]
    lengths, distribution = attention_distribution(np.array([0.1, 0.2, 0.3, 0.4]), names, mean=False)
    np.testing.assert_allclose(lengths, [0, 2, 10])
    np.testing.assert_allclose(distribution, [0.1, 0.5, 0.4])
    assert attention_length(lengths, distribution) == pytest.approx(5.0)
    _, averaged = attention_distribution(np.array([[0.1, 0.2, 0.3, 0.4]]), names)
    np.testing.assert_allclose(averaged, np.array([[0.1, 0.25, 0.4]]) / 0.75)
    with pytest.raises(ValueError, match="name of a descriptor"):
        descriptor_lengths(["density"])
    with pytest.raises(ValueError, match="descriptors"):
        attention_distribution(np.ones(3), names)


@pytest.mark.parametrize("units", [1, 2, 4])
def test_separation_in_any_number_of_units(units):
    """Two Gaussian clouds of unit width, three widths apart along one unit, whatever the others do."""
    rng = np.random.default_rng(4)
    cloud, active = rng.normal(size=(4000, units)), np.arange(4000) < 2000
    cloud[active, 0] += 3.0
    assert separation(cloud, np.where(active, 0.2, 0.8), share=0.5) == pytest.approx(3.0, abs=0.1)
    mixed = cloud @ rng.normal(size=(units, units))  # no affine change matters
    assert separation(mixed, np.where(active, 0.2, 0.8), share=0.5) == pytest.approx(3.0, abs=0.1)


def test_principal_axes_find_the_plane_of_more_units():
    rng = np.random.default_rng(5)
    plane = rng.normal(size=(3000, 2)) * [3.0, 1.0]
    units = np.column_stack(
        [100 * (plane @ [1, 0.2]), plane @ [1, -0.2], plane @ [-1, 1.0], np.full(3000, 7.0)]
    )
    axes, shares = principal_axes(units)
    assert axes.shape == (3000, 2)
    assert shares.sum() == pytest.approx(1.0)  # three units lie in a plane, the fourth is constant
    assert shares[0] > shares[1] > 0
    np.testing.assert_allclose(np.cov(axes.T, ddof=0) / 3, np.diag(shares), atol=1e-12)
    fit = np.linalg.lstsq(np.column_stack([axes, np.ones(3000)]), plane, rcond=None)[1]
    np.testing.assert_allclose(fit, 0.0, atol=1e-12)  # the plane itself is recovered
    again, _ = principal_axes(units * [1, 5, 0.1, 1])  # the scale of a unit does not matter
    np.testing.assert_allclose(again, axes, atol=1e-9)
    one, share = principal_axes(units[:, :1])
    assert share.tolist() == [1.0, 0.0]
    assert np.all(one[:, 1] == 0.0)
    assert np.all(principal_axes(units[:, 3:])[1] == 0.0)


def test_separation_of_two_clouds():
    rng = np.random.default_rng(3)
    low, high = rng.normal(size=(400, 2)), rng.normal([3.0, 0.0], 1.0, (400, 2))
    cloud = np.concatenate([low, high])
    propensity = np.concatenate([np.zeros(400), np.ones(400)]) + rng.uniform(0, 0.1, 800)
    assert separation(cloud, propensity) == pytest.approx(3.0, abs=0.4)
    assert separation(cloud, rng.random(800)) < 0.6
    assert len(sample(3, 10, 8, rng)) == 8
    assert len(np.unique(sample(3, 10, 99, rng))) == 30


def test_error_parts_and_seeds():
    assert combined_error(3.0, 4.0) == pytest.approx(5.0)
    assert combined_error(float("nan"), 4.0) == pytest.approx(4.0)
    assert np.isnan(combined_error(float("nan"), float("nan")))
    draws = [generator(1, "pearson", t, c).random() for t, c in [(0.3, 0.5), (0.3, 0.25), (0.4, 0.5)]]
    assert len(set(draws)) == 3
    assert generator(1, "pearson", 0.3, 0.5).random() == draws[0]
