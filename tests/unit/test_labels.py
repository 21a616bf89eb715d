"""Labels at fixed C_B."""

import network_case
import numpy as np
import pytest
from test_network_prediction import trimmed

from tglassmlp import KA2D, labels
from tglassmlp.dynamics import stages
from tglassmlp.dynamics.clock import Clock
from tglassmlp.dynamics.displacement import displacement_propensity
from tglassmlp.dynamics.labels import label_structures
from tglassmlp.dynamics.propensity import Propensity
from tglassmlp.network import selection
from tglassmlp.network.dataset import Structures, training_set
from tglassmlp.network.networks import Networks
from tglassmlp.network.run_files import labels_at
from tglassmlp.observables.chord_length import Lattice, chord_sums
from tglassmlp.storage import read_attributes, read_chunks, write_arrays


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
    found = label_structures(curves, half, times, species, [0.9, 0.5, 0.2, 0.01])
    assert found.c_b.tolist() == [0.9, 0.5, 0.2]
    own = [np.flatnonzero(kinds == 1) for kinds in species]
    mean = np.mean([curves[s][:, own[s]].mean(axis=1) for s in range(4)], axis=0)
    for k, target in enumerate(found.c_b):
        f = next(f for f in range(len(times)) if mean[f] < target)
        part = (mean[f - 1] - target) / (mean[f - 1] - mean[f])
        assert found.frame_index[k] == pytest.approx(f - 1 + part, abs=1e-12)
        for s in range(4):
            for n, i in enumerate(own[s]):
                expected = curves[s, f - 1, i] + part * (curves[s, f, i] - curves[s, f - 1, i])
                assert found.propensity[k, s, n] == pytest.approx(expected, abs=1e-12)
                for h in range(2):
                    a, b = half[s, h, f - 1, i], half[s, h, f, i]
                    assert found.half[k, s, h, n] == pytest.approx(a + part * (b - a), abs=1e-12)


def test_mean_of_labels_is_the_target(propensity):
    found = label_structures(*propensity, [0.95, 0.6, 0.3])
    np.testing.assert_allclose(found.propensity.mean(axis=(1, 2)), found.c_b, atol=1e-12)
    assert np.all(np.diff(found.time) > 0)
    # each particle's propensity falls when C_B falls
    assert np.all(np.diff(found.propensity, axis=0) < 0)


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


def test_clock_says_what_it_reaches():
    clock = Clock(np.array([0.0, 2.0, 8.0]), np.array([1.0, 0.8, 0.4]))
    (first, second) = clock.readings([0.9, 0.6, 0.3])
    assert (first[0], first[1].index, first[1].time) == (0.9, pytest.approx(0.5), pytest.approx(1.0))
    assert (second[0], second[1].index, second[1].time) == (0.6, pytest.approx(1.5), pytest.approx(4.0))
    with pytest.raises(ValueError, match="found \\(1, 3\\)"):
        Clock.of(np.ones((1, 3)), [0, 1, 2])


def test_bond_breaking_is_the_clock():
    found = labels.label("bond_breaking")
    assert found is labels.BOND_BREAKING is labels.recorded({})
    assert (found.lowest, found.highest, found.direction, found.is_clock) == (0, 1, "falls", True)
    assert found.is_active([0.25, 0.5, 1.0], 0.5).tolist() == [True, False, False]
    found.check([0.0, 1.0])
    for values, message in (([0.5, 1.1], "between 0 and 1, found 0.5 to 1.1"), ([np.nan], "finite")):
        with pytest.raises(ValueError, match=message):
            found.check(values)


def displacement(initial, displacements, settings, mixture):
    """Mean distance from the start, in units of a tenth of a length of the settings."""
    r = np.linalg.norm(np.asarray(displacements, dtype=float), axis=-1) * 10 / settings["r_in"]
    return Propensity(r.mean(axis=0), np.stack([r[0::2].mean(axis=0), r[1::2].mean(axis=0)]))


@pytest.fixture
def toy():
    """A label that has nothing to do with bonds, known while a test runs."""
    yield labels.register(
        labels.Label("toy", "toy displacement", 0.0, np.inf, "rises", displacement, unit="0.14 sigma_11")
    )
    labels.unregister("toy")


def test_another_label_is_declared_and_taken_away(toy):
    assert labels.names() == ("bond_breaking", "displacement", "toy")
    assert labels.recorded({"label": "toy"}) is toy
    assert toy.is_active([2.0, 3.0, 4.0], 3.0).tolist() == [False, False, True]
    with pytest.raises(ValueError, match="there is a label 'toy' already"):
        labels.register(toy)
    with pytest.raises(ValueError, match="range 1 to 1 is empty"):
        labels.Label("none", "nothing", 1.0, 1.0, "falls", displacement)
    with pytest.raises(ValueError, match="unknown label 'guess', allowed: bond_breaking, displacement, toy"):
        labels.label("guess")


def test_displacement_propensity_by_hand():
    """Two particles, three replicas: lengths 5, 0, 1 and 2, 2, 2 at the second frame, none at the first."""
    moved = np.zeros((3, 2, 2, 2), dtype=np.float32)
    moved[:, 1] = [[[3, 4], [2, 0]], [[0, 0], [0, -2]], [[0, 1], [-2, 0]]]
    found = labels.DISPLACEMENT.measured(None, moved, {}, KA2D)
    np.testing.assert_allclose(found.mean, [[0, 0], [2, 2]])
    np.testing.assert_allclose(found.half, [[[0, 0], [3, 2]], [[0, 0], [0, 2]]])
    alone = displacement_propensity(moved[:1])
    np.testing.assert_allclose(alone.mean, [[0, 0], [5, 2]])
    np.testing.assert_array_equal(alone.half, [alone.mean, alone.mean])
    for wrong, message in (
        (moved[0], r"shape \[R, F, N, 2\] with R >= 1, found \(2, 2, 2\)"),
        (moved[:0], "R >= 1"),
        (np.where(moved == 4, np.nan, moved), "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            displacement_propensity(wrong)


def test_displacements_of_free_flight_are_those_of_maxwell(lattice):
    """Before they collide particles fly: the mean length is sqrt(pi T / 2) t in two dimensions."""
    time, temperature = 1e-3, 0.5
    rng = np.random.default_rng(7)
    velocities = rng.normal(0, np.sqrt(temperature), (400, 1, lattice.n_particles, 2))
    found = labels.DISPLACEMENT.measured(lattice, velocities * time, {}, KA2D)
    expected = np.sqrt(np.pi * temperature / 2) * time
    assert found.mean.mean() == pytest.approx(expected, rel=0.01)
    # halves of independent noise do not correlate: nothing about the structure could be predicted
    assert abs(np.corrcoef(*found.half[:, 0])[0, 1]) < 0.3


def test_displacement_is_declared_as_what_it_is():
    found = labels.DISPLACEMENT
    assert (found.lowest, found.highest, found.direction, found.unit) == (0.0, np.inf, "rises", "sigma_11")
    assert not found.is_clock
    found.check([0.0, 12.0])
    with pytest.raises(ValueError, match="displacement propensity: values must lie between 0 and inf"):
        found.check([-0.1])


def test_another_label_from_displacements_to_what_a_network_is_trained_on(toy, lattice, tmp_path):
    """The clock stays bond breaking; files, labels and training set are made by the code of every label."""
    rng = np.random.default_rng(4)
    times = np.array([0.0, 1.0, 2.0, 4.0])
    scale = np.array([0.0, 0.2, 0.6, 1.5])[None, :, None, None]
    moves = [scale * rng.normal(size=(4, 4, lattice.n_particles, 2)) for _ in range(2)]
    settings = {"r_in": 1.4, "r_out": 1.8, "wave_number": 6.28, "label": "toy"}
    mixture = KA2D.scaled(10)
    for chunk, move in enumerate(moves):
        arrays = stages.propensity_arrays([lattice], [move], times, settings, mixture)
        write_arrays(tmp_path / f"chunk{chunk}.h5", arrays, {}, {})
    files = [tmp_path / f"chunk{chunk}.h5" for chunk in range(2)]
    found = read_chunks(files, stages.names_for(toy), ["times"])
    c_b = [0.9, 0.6]
    made = stages.labels_from(found, c_b, 1, toy)
    usual = stages.labels_from(found, c_b, 1, labels.BOND_BREAKING)
    # the clock is the same whatever is learnt
    for name in ("c_b", "frame_index", "time"):
        np.testing.assert_array_equal(getattr(made, name), getattr(usual, name))
    np.testing.assert_allclose(usual.propensity.mean(axis=(1, 2)), c_b)
    own = lattice.of_species(1)
    for s, move in enumerate(moves):
        r = np.linalg.norm(move, axis=-1).mean(axis=0)[:, own] * 10 / 1.4
        for k, index in enumerate(made.frame_index):
            low, part = int(index), index - int(index)
            expected = (1 - part) * r[low] + part * r[low + 1]
            np.testing.assert_allclose(made.propensity[k, s], expected, rtol=1e-12)
    np.testing.assert_allclose(made.half.mean(axis=2), made.propensity, rtol=1e-12)
    write_arrays(tmp_path / "T0.50.h5", stages.label_arrays(made, toy), {}, {"label": toy.name})
    assert labels.recorded(read_attributes(tmp_path / "T0.50.h5")) is toy
    descriptors = rng.normal(size=(2, len(own), 3)).astype(np.float32)
    structures = Structures(0.5, descriptors, np.zeros((2, len(own), 2)), lattice.box_length)
    learnt = labels_at(tmp_path / "T0.50.h5", c_b)
    batches = training_set(structures, c_b, learnt, [0, 1])
    assert batches.labels.max() > 1
    np.testing.assert_array_equal(batches.labels, made.propensity.reshape(4, -1).astype(np.float32))


def test_a_label_that_is_not_the_clock_needs_one(toy, propensity):
    curves, half, times, species = propensity
    with pytest.raises(ValueError, match="label toy: a clock is needed"):
        label_structures(curves, half, times, species, [0.5], label=toy)
    clock = Clock(times + 1.0, np.linspace(1, 0, times.size))
    with pytest.raises(ValueError, match="other frames"):
        label_structures(curves, half, times, species, [0.5], label=toy, clock=clock)
    with pytest.raises(ValueError, match="bond-breaking propensity: values must lie between 0 and 1"):
        label_structures(2 * curves, half, times, species, [0.5])


def test_networks_of_another_label_are_not_held_to_c_b(toy):
    usual = trimmed()
    record = {**usual.metadata, "label": "toy"}
    networks = Networks(usual.parameters, record)
    assert (usual.label, networks.label) == (labels.BOND_BREAKING, toy)
    x = np.random.default_rng(2).normal(size=(2, 30, network_case.M - 1)).astype(np.float32)
    found = networks.predict_corrected(x, 0.4, 0.7, checked=False)
    np.testing.assert_array_equal(found.propensity, usual.predict_scaled(x, 0.4, 0.7, checked=False))
    assert found.converged.all()
    assert (found.c_b_input == 0.7).all()
    assert np.abs(found.mean - 0.7).max() > 0.1
    kept, table = selection.select_full(networks, x, 0.4, [0.7, 0.5], 1e-9)
    assert kept == [0, 1, 2]
    assert table["deviation"].isna().all()
    with pytest.raises(selection.SelectionError):
        selection.select_full(usual, x, 0.4, [0.7, 0.5], 1e-9)


def test_regions_of_a_label_that_rises_are_those_of_one_that_falls_upside_down(toy):
    rng = np.random.default_rng(3)
    positions, field = rng.uniform(0, 12.0, (150, 2)), rng.normal(size=(1, 150))
    falls = chord_sums(field, [Lattice(positions, 12.0, 1.0)])
    rises = chord_sums(-field, [Lattice(positions, 12.0, 1.0, toy)])
    np.testing.assert_array_equal(rises, falls)
    assert not np.array_equal(chord_sums(-field, [Lattice(positions, 12.0, 1.0)]), falls)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"direction": "sideways"}, "direction must be 'falls' or 'rises', found 'sideways'"),
        ({"measure": "nowhere"}, "measure must be a function or 'package.module:function', found 'nowhere'"),
        ({"measure": 3}, "measure must be a function"),
        ({"name": "two words"}, "name of a new label must be letters"),
    ],
)
def test_labels_that_say_nothing_are_refused(parts, message):
    usual = {"name": "toy", "title": "toy", "lowest": 0.0, "highest": 1.0, "direction": "falls"}
    with pytest.raises(ValueError, match=message):
        labels.Label(**{**usual, "measure": len, **parts})


def test_what_the_function_of_a_label_returns_is_checked():
    def toy(found):
        return labels.Label("toy", "toy", 0.0, 1.0, "falls", lambda *_: found)

    moved = np.zeros((4, 3, 5, 2))
    good = Propensity(np.zeros((3, 5)), np.zeros((2, 3, 5)))
    assert toy(good).measured(None, moved, {}, None) is good
    with pytest.raises(ValueError, match="must return a Propensity, found ndarray"):
        toy(np.zeros((3, 5))).measured(None, moved, {}, None)
    with pytest.raises(ValueError, match=r"must return mean of shape \(3, 5\), found \(5,\)"):
        toy(Propensity(np.zeros(5), good.half)).measured(None, moved, {}, None)
