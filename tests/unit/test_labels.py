"""Labels at fixed C_B."""

import numpy as np
import pytest

from tglassmlp.dynamics.labels import label_structures


@pytest.fixture
def propensity():
    """Four structures, 9 frames, 20 particles that relax at different rates; times 0, 1, 2, 4, ..."""
    rng = np.random.default_rng(0)
    times = np.array([0.0, *2.0 ** np.arange(8)])
    rate = rng.uniform(0.2, 3, (4, 1, 20))
    curves = np.exp(-rate * times[:, None] / 60)
    half = np.stack([curves**0.9, curves**1.1], axis=1)
    # which particles are of a species differs between structures
    return curves, half, times, np.array([rng.permutation(np.repeat([1, 2], 10)) for _ in range(4)])


def test_equals_brute_force(propensity):
    curves, half, times, species = propensity
    labels = label_structures(curves, half, times, species, [0.9, 0.5, 0.2, 0.01])
    assert labels.c_b.tolist() == [0.9, 0.5, 0.2]
    own = [np.flatnonzero(kinds == 1) for kinds in species]
    mean = np.mean([curves[s][:, own[s]].mean(axis=1) for s in range(4)], axis=0)
    for k, target in enumerate(labels.c_b):
        f = next(f for f in range(len(times)) if mean[f] < target)
        part = (mean[f - 1] - target) / (mean[f - 1] - mean[f])
        assert labels.frame_index[k] == pytest.approx(f - 1 + part, abs=1e-12)
        for s in range(4):
            for n, i in enumerate(own[s]):
                expected = curves[s, f - 1, i] + part * (curves[s, f, i] - curves[s, f - 1, i])
                assert labels.propensity[k, s, n] == pytest.approx(expected, abs=1e-12)
                for h in range(2):
                    a, b = half[s, h, f - 1, i], half[s, h, f, i]
                    assert labels.half[k, s, h, n] == pytest.approx(a + part * (b - a), abs=1e-12)


def test_mean_of_labels_is_the_target(propensity):
    labels = label_structures(*propensity, [0.95, 0.6, 0.3])
    np.testing.assert_allclose(labels.propensity.mean(axis=(1, 2)), labels.c_b, atol=1e-12)
    assert np.all(np.diff(labels.time) > 0)
    # each particle's propensity falls when C_B falls
    assert np.all(np.diff(labels.propensity, axis=0) < 0)


def test_crossing_in_the_last_interval(propensity):
    curves, half, times, species = propensity
    end = np.array([curves[s, -1, species[s] == 1] for s in range(4)])
    last = end.mean()
    labels = label_structures(*propensity, [last + 1e-9])
    np.testing.assert_allclose(labels.propensity[0], end, atol=1e-6)
    assert label_structures(*propensity, [last - 1e-9]).propensity.shape == (0, 4, 10)
    assert half.shape[2] == times.size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": [0.5, 1.0]}, "between 0 and 1"),
        ({"central_species": 3}, "no particle is of species 3"),
        ({"times": [0, 1]}, r"times must have shape \[9\]"),
        ({"species": np.ones(20, int)}, r"species must have shape \(4, 20\)"),
        ({"species": np.tril(np.ones((4, 20), int)) + 1}, "different numbers of particles of species 1"),
        ({"half": np.zeros((4, 9, 20))}, "half"),
    ],
)
def test_refusals(propensity, change, message):
    usual = dict(zip(("propensity", "half", "times", "species"), propensity, strict=True), targets=[0.5])
    with pytest.raises(ValueError, match=message):
        label_structures(**{**usual, **change})


def test_labels_of_a_species_that_is_not_the_first(propensity):
    curves, half, times, species = propensity
    found = label_structures(curves, half, times, species, [0.8], central_species=2)
    swapped = label_structures(curves, half, times, 3 - species, [0.8])
    np.testing.assert_array_equal(found.propensity, swapped.propensity)
    assert found.propensity.mean() == pytest.approx(0.8)


def test_index_and_time_of_a_label_by_hand():
    """C_B = 1, 0.8, 0.4 at t = 0, 2, 8: 0.6 is passed in the middle of frames 1 and 2, at t = 4."""
    curve = np.array([1.0, 0.8, 0.4])
    c = np.stack([curve, curve**2], axis=1)[None] / np.array([1.0, 1.0])
    c[..., 1] = [1.0, 0.9, 0.5]
    found = label_structures(c, np.stack([c, c], axis=1), [0.0, 2.0, 8.0], [[1, 2]], [0.6, 0.9])
    np.testing.assert_allclose(found.frame_index, [1.5, 0.5])
    np.testing.assert_allclose(found.time, [4.0, 1.0])
    np.testing.assert_allclose(found.propensity[:, 0, 0], [0.6, 0.9])


def test_crossing_at_the_last_frame_to_the_last_bit():
    """Just above the last value: the share of the last interval is rounded to one."""
    c = np.array([1.0, 0.25]).reshape(1, 2, 1)
    target = np.nextafter(0.25, 1.0)
    found = label_structures(c, np.stack([c, c], axis=1), [0.0, 3.0], [[1]], [target])
    assert found.frame_index.tolist() == [1.0]
    assert found.propensity.tolist() == [[[0.25]]]
    assert found.time.tolist() == [3.0]
