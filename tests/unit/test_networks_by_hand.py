"""Networks, their training and their data against values worked out by hand or recomputed independently."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx
from network_case import BOX, M, data, state_point
from test_network_prediction import constructed, scaled, trimmed

from tglassmlp.network import linear, loss, optimise, plain_layers, prediction, publish, selection
from tglassmlp.network.architecture import Architecture, limited
from tglassmlp.network.data_stream import prepare, thinned
from tglassmlp.network.dataset import Rows, Structures, join, training_set
from tglassmlp.network.flax_modules import GlassMLP, TGlassMLP, elu, glorot
from tglassmlp.network.networks import Networks
from tglassmlp.network.settings import TrainingSettings
from tglassmlp.network.state_features import DEFAULT_STATE_FEATURES, STATE_FEATURES, StateFeatures

SMALL = Architecture(mlp1=(3, 2), mlp2=(2,), head=(4,))

# ------------------------------------------------------------------------------------------ state point


def test_functions_of_the_state_point_by_hand():
    t, c = 0.25, 0.6
    by_hand = {
        "T": 0.25, "T^2": 0.0625, "1/T": 4.0, "log(T)": np.log(0.25), "c_b": 0.6, "c_b^2": 0.36,
        "sqrt(c_b)": np.sqrt(0.6), "log(c_b)": np.log(0.6), "log(1-c_b)": np.log(0.4), "c_b(1-c_b)": 0.24,
        "T*c_b": 0.15, "c_b/T": 2.4,
    }  # fmt: skip
    assert set(by_hand) == set(STATE_FEATURES)
    for name, value in by_hand.items():
        assert STATE_FEATURES[name](np.float64(t), np.float64(c)) == pytest.approx(value), name
    assert DEFAULT_STATE_FEATURES == ("T", "1/T", "c_b", "c_b^2", "log(c_b)", "log(1-c_b)")


def test_state_points_are_scaled_by_the_middle_and_half_the_range():
    sp = StateFeatures.from_ranges(["T", "1/T", "c_b"], [0.2, 0.4, 0.5], [0.9, 0.1])
    assert sp.centre == (pytest.approx(0.35), pytest.approx(3.5), pytest.approx(0.5))
    assert sp.scale == (pytest.approx(0.15), pytest.approx(1.5), pytest.approx(0.4))
    np.testing.assert_allclose(sp(0.25, 0.7), [-2 / 3, 1 / 3, 0.5], rtol=1e-6)
    # clipped half way between the range of the run and 0 or 1
    assert sp.c_b_limits == (pytest.approx(0.05), pytest.approx(0.95))
    np.testing.assert_allclose(sp(0.25, np.array([0.0, 0.05, 0.94, 1.0]))[:, 2], [-1.125, -1.125, 1.1, 1.125])
    alone = StateFeatures.from_ranges(["T", "c_b"], [0.3], [0.5])
    assert alone.scale == (1.0, 1.0)
    np.testing.assert_allclose(alone(0.4, 0.6), [0.1, 0.1], rtol=1e-5)


# ------------------------------------------------------------------------------------------------ model


def test_activations_and_limits_by_hand():
    np.testing.assert_allclose(elu(jnp.array([-2.0, 0.0, 3.0])), [np.exp(-2) - 1, 0.0, 3.0], rtol=1e-6)
    np.testing.assert_allclose(plain_layers.elu(np.float32([-2, 0, 3])), [np.exp(-2) - 1, 0, 3], rtol=1e-6)
    np.testing.assert_allclose(limited(np.array([-9.0, 1.0]), 3.0), 3 * np.tanh([-3.0, 1 / 3]), rtol=1e-6)
    np.testing.assert_array_equal(limited(np.array([-9.0, 1.0]), None), [-9.0, 1.0])


def test_first_weights_are_glorot_uniform_and_biases_zero():
    w = glorot(np.random.default_rng(0), 150, 250)
    limit = np.sqrt(6 / 400)
    assert w.shape == (150, 250)
    assert 0.999 * limit < np.abs(w).max() <= limit
    assert w.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    for kind in (TGlassMLP, GlassMLP):
        model = kind(M, Architecture(), np.random.default_rng(0), 0.37)
        assert float(model.mlp3.layers[-1].bias[...][0, 0]) == pytest.approx(0.37)
        assert not np.any(model.bottleneck.bias[...])
        assert not np.any(model.mlp3.layers[0].bias[...])


# ------------------------------------------------------------------------------------------------- loss


def test_statistics_of_labels_keep_their_ratios_finite():
    flat = loss.label_statistics(np.full((1, 4), 0.5), None, rings=2)
    assert flat.variance[0] == pytest.approx(loss.SMALLEST_VARIANCE)
    assert (flat.correlation.tolist(), flat.contrast.tolist()) == ([[0.0, 0.0]], [1.0])
    kernel = np.stack([np.eye(4) + 0.1, np.eye(4) + 0.1]).astype(np.float32)
    same = loss.label_statistics(np.array([[0.1, 0.2, 0.3, 0.4]]), kernel)
    assert same.contrast[0] == pytest.approx(loss.SMALLEST_CONTRAST)
    np.testing.assert_allclose(same.correlation, [[1.0, 1.0]], rtol=1e-5)
    # three rings: the contrast is that of the first and the last
    kernels = np.stack([k * np.eye(4) for k in (1.0, 5.0, 0.4)]).astype(np.float32)
    three = loss.label_statistics(np.array([[0.1, 0.2, 0.3, 0.4]]), kernels)
    assert three.contrast[0] == pytest.approx(0.6, rel=1e-5)


@pytest.mark.parametrize(("share", "used"), [(0.105, True), (0.095, False)])
def test_halves_count_where_their_covariance_is_above_a_tenth_of_the_variance(share, used):
    # halves s + e and s - e/..: variance v of the mean, covariance share * v
    signal, noise = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    # covariance s^2 - n^2, variance of the mean s^2
    n = np.sqrt(1 - share)
    halves = np.stack([signal + n * noise, signal - n * noise])
    found = loss.label_statistics(signal[None], None, halves=halves[None])
    assert found.variance[0] == pytest.approx(share if used else 1.0, rel=1e-5)
    assert found.deviation[0] == pytest.approx(1.0)


def test_weights_and_kernels_of_the_second_loss_are_those_asked_for():
    x = np.array([[0.0, 0.0], [0.0, 3.0], [4.0, 0.0], [9.5, 9.5]])
    kernels = loss.correlation_kernels(x, 10.0, (1.0, 4.0), 0.7)
    r = np.array([[0, 3, 4, 0.5**0.5], [3, 0, 5, 12.5**0.5], [4, 5, 0, 20.5**0.5],
                  [0.5**0.5, 12.5**0.5, 20.5**0.5, 0]])  # fmt: skip
    for k, radius in enumerate((1.0, 4.0)):
        w = np.exp(-((r - radius) ** 2) / (2 * 0.7**2))
        rows = w / w.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(kernels[k], (rows + rows.T) / 2, rtol=1e-5)
    c, guess = np.array([0.1, 0.4, 0.2, 0.9]), np.array([0.3, 0.2, 0.5, 0.7])

    def g(values):
        d = values - values.mean()
        return np.array([d @ k @ d for k in kernels.astype(float)]) / (d @ d)

    expected = np.abs(c - guess).mean() / c.std()
    expected += 0.3 * np.abs(g(c) - g(guess)).sum() / abs(g(c)[0] - g(c)[1])
    expected += 2.0 * abs(guess.var() - c.var()) / c.var()
    statistics = loss.LabelStatistics(*(jnp.asarray(v[0]) for v in loss.label_statistics(c[None], kernels)))
    found = jax.jit(loss.structure_loss)(
        jnp.asarray(guess[None], jnp.float32), jnp.asarray(c, jnp.float32), statistics, jnp.asarray(kernels),
        0.3, 2.0,
    )  # fmt: skip
    assert float(found[0]) == pytest.approx(expected, rel=1e-4)


# --------------------------------------------------------------------------------------------- training


def with_halves(given, rng):
    noise = 0.03 * rng.normal(size=given.labels.shape)
    halves = np.stack([given.labels + noise, given.labels - noise], axis=1).astype(np.float32)
    return dataclasses.replace(given, halves=halves)


def second_loss(predicted, given, b, settings):
    """Loss of phase 2 of one network in plain arrays, ``jax.numpy`` for its gradient."""
    s = given.structure[b]
    kernels = loss.correlation_kernels(
        given.positions[s], given.box_length, settings.correlation_radii, settings.correlation_width
    )
    y = given.labels[b].astype(float)
    one, two = y, y
    if settings.label_noise == "removed" and given.halves is not None:
        one, two = given.halves[b].astype(float)
    one, two = one - one.mean(), two - two.mean()
    variance = np.mean(one * two)
    g = np.array([one @ k @ two for k in kernels.astype(float)]) / (one @ two)
    stored = kernels.astype(np.float16).astype(np.float32)  # as in the training
    d = predicted - jnp.mean(predicted)
    mine = jnp.stack([d @ k @ d for k in stored]) / (d @ d)
    return (
        jnp.mean(jnp.abs(predicted - y)) / y.std()
        + settings.correlation_weight * jnp.sum(jnp.abs(mine - g)) / abs(g[0] - g[-1])
        + settings.variance_weight * jnp.abs(jnp.var(predicted) - variance) / variance
    )


SETTINGS = {"correlation_weight": 0.3, "variance_weight": 2.0, "correlation_radii": (1.5, 3.0),
            "correlation_width": 0.8}  # fmt: skip


@pytest.fixture(scope="module")
def given():
    """Four batches of two structures; all trainings here have these shapes, and share a compiled program."""
    return with_halves(data(structures=2, c_b=(0.9, 0.5), temperatures=(0.5,)), np.random.default_rng(1))


def trained(given, settings, architecture=SMALL, watched=None):
    seeds = [np.random.SeedSequence(k) for k in range(2)]
    result = optimise.train(
        given, watched, state_point(), seeds, np.random.SeedSequence(9), architecture, settings
    )
    assert result is not None
    return result


def test_recorded_losses_are_means_over_the_batches_of_the_first_networks(given):
    watched = data(structures=1, seed=8, c_b=(0.7, 0.5))
    settings = TrainingSettings(phase1=((1, 1e-12),), phase2=((1, 1e-12),), **SETTINGS)
    architecture = dataclasses.replace(SMALL, output="deviation", input_limit=2.0)
    result = trained(given, settings, architecture, watched)
    for k in range(2):
        model = TGlassMLP(M, architecture, np.random.default_rng(np.random.SeedSequence(k)), 0.0)
        network = jax.jit(lambda x, s, model=model: model(x, s))

        def predicted(of, b, network=network):
            x = 2.0 * np.tanh(of.descriptors[of.structure[b]].T / 2.0)
            return np.asarray(network(x, state_point()(of.temperature[b], of.c_b[b]))) + of.c_b[b]

        every = [(predicted(given, b), given.labels[b]) for b in range(given.batches)]
        first, second = (
            result.history[(result.history["network"] == k) & (result.history["phase"] == phase)]
            for phase in (1, 2)
        )
        squared = np.mean([np.mean((p - y) ** 2) for p, y in every])
        assert first["loss"].item() == pytest.approx(squared, rel=1e-4)
        r = np.mean([np.corrcoef(p, y)[0, 1] for p, y in every])
        assert first["pearson"].item() == pytest.approx(r, abs=1e-4)
        expected = np.mean([second_loss(p, given, b, settings) for b, (p, _) in enumerate(every)])
        assert second["loss"].item() == pytest.approx(expected, rel=5e-3)
        seen = [(predicted(watched, b), watched.labels[b]) for b in range(watched.batches)]
        error = np.mean([np.abs(p - y).mean() / y.std() for p, y in seen])
        assert second["validation_loss"].item() == pytest.approx(error, rel=1e-4)
        r = np.mean([np.corrcoef(p, y)[0, 1] for p, y in seen])
        assert second["validation_pearson"].item() == pytest.approx(r, abs=1e-4)


def test_aims_of_the_second_loss_are_free_of_noise_only_where_asked(given):
    for noise in ("removed", "ignored"):
        settings = TrainingSettings(label_noise=noise, **SETTINGS)
        prepared = prepare(given, state_point(), SMALL, settings, with_kernels=True)
        for b in range(given.batches):
            kernels = loss.correlation_kernels(given.positions[given.structure[b]], BOX, (1.5, 3.0), 0.8)
            halves = given.halves[b][None] if noise == "removed" else None
            expected = loss.label_statistics(given.labels[b][None], kernels, halves=halves)
            for found, value in zip(prepared.statistics, expected, strict=True):
                np.testing.assert_allclose(found[b], value[0], rtol=1e-5)
            np.testing.assert_allclose(prepared.kernels[given.structure[b]], kernels, atol=1e-3)


def test_steps_are_those_of_adam_begun_anew_with_the_second_loss(given, monkeypatch):
    settings = TrainingSettings(
        phase1=((1, 1e-2), (1, 4e-3)), phase2=((1, 2e-3),), weight_decay=0.5, **SETTINGS
    )
    orders = []
    real = optimise.run_epoch

    def note(*arguments):
        orders.append(np.asarray(arguments[8])[: given.batches].tolist())
        return real(*arguments)

    monkeypatch.setattr(optimise, "run_epoch", note)
    result = trained(given, settings)
    assert [sorted(order) for order in orders] == [[0, 1, 2, 3]] * 3
    assert len(set(map(tuple, orders))) > 1, "every epoch has an order of its own"
    mean = float(given.labels.mean())
    model = TGlassMLP(M, SMALL, np.random.default_rng(np.random.SeedSequence(1)), mean)
    graph, state = nnx.split(model)

    def cost(p, b, phase):
        x, point = given.descriptors[given.structure[b]].T, state_point()(given.temperature[b], given.c_b[b])
        predicted = nnx.merge(graph, p)(jnp.asarray(x), point)
        if phase == 1:
            return jnp.mean((predicted - given.labels[b]) ** 2)
        return second_loss(predicted, given, b, settings)

    def all_slopes(phase):
        """Gradients of every batch, compiled together."""
        return jax.jit(lambda p: [jax.grad(cost)(p, b, phase) for b in range(given.batches)])

    paths, tree = jax.tree_util.tree_flatten_with_path(state)
    names = [
        jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value") for path, _ in paths
    ]
    values = [np.asarray(leaf, dtype=np.float64) for _, leaf in paths]
    for phase, epochs in ((1, [(1e-2, orders[0]), (4e-3, orders[1])]), (2, [(2e-3, orders[2])])):
        slopes_at = all_slopes(phase)
        first, second = [np.zeros_like(v) for v in values], [np.zeros_like(v) for v in values]
        for n, (rate, b) in enumerate([(rate, b) for rate, order in epochs for b in order], start=1):
            now = jax.tree.unflatten(tree, [jnp.asarray(v, jnp.float32) for v in values])
            slopes = [np.asarray(s, dtype=np.float64) for s in jax.tree.leaves(slopes_at(now)[b])]
            for k, slope in enumerate(slopes):
                first[k] = 0.9 * first[k] + 0.1 * slope
                second[k] = 0.999 * second[k] + 0.001 * slope**2
                step = (first[k] / (1 - 0.9**n)) / (np.sqrt(second[k] / (1 - 0.999**n)) + 1e-8)
                decay = 0.0 if "bias" in names[k] else 0.5 * values[k]
                values[k] = values[k] - rate * (step + decay)
    for name, value in zip(names, values, strict=True):
        np.testing.assert_allclose(result.parameters[name][1], value, atol=3e-4, err_msg=name)
    assert result.n_parameters == sum(v.size for v in values)
    assert result.history["rate"].tolist() == pytest.approx([1e-2] * 2 + [4e-3] * 2 + [2e-3] * 2)
    assert result.history["validation_loss"].isna().all()


@pytest.mark.parametrize("output", ["propensity", "deviation"])
def test_outputs_start_at_the_mean_of_the_labels(given, output):
    still = TrainingSettings(phase1=((1, 1e-12),), phase2=(), **SETTINGS)
    result = trained(given, still, dataclasses.replace(SMALL, output=output))
    start = float(given.labels.mean()) if output == "propensity" else 0.0
    np.testing.assert_allclose(result.parameters["mlp3/layers/1/bias"], start, atol=1e-6)


def test_rates_of_half_a_cosine_by_hand():
    def rates(epochs):
        settings = TrainingSettings(phase1=((epochs, 2.0),), phase2=(), rate_decay="cosine")
        return [rate for _, rate in settings.schedule(5)]

    np.testing.assert_allclose(rates(2), 1 + np.cos(np.pi * np.array([0.25, 0.75])))
    assert rates(1) == pytest.approx([1.0])
    first = rates(50)[:4]  # over the first twentieth, two and a half epochs, the rate rises
    when = (np.arange(4) + 0.5) / 50
    np.testing.assert_allclose(first, np.array([0.2, 0.6, 1.0, 1.0]) * (1 + np.cos(np.pi * when)))
    assert TrainingSettings().schedule(1) == (
        [(1, 1e-3)] * 10 + [(1, 5e-4)] * 50 + [(1, 2e-4)] * 25 + [(2, 4e-5)] * 50
    )
    assert TrainingSettings().correlation_radii == (2.0, 5.0, 8.0)
    assert (TrainingSettings().correlation_weight, TrainingSettings().variance_weight) == (0.5, 1.0)
    exactly = TrainingSettings(phase1=((2, 1.0),), phase2=(), minimum_steps=30)
    assert (len(exactly.schedule(5)), len(exactly.schedule(4))) == (6, 8)


def test_validation_batches_are_spread_evenly():
    given = data(structures=4)  # 2 temperatures, 3 C_B: 24 batches
    few = thinned(given, 3)
    assert few is not None
    chosen = [0, 12, 23]
    np.testing.assert_array_equal(few.labels, given.labels[chosen])
    np.testing.assert_array_equal(few.descriptors[few.structure], given.descriptors[given.structure[chosen]])
    np.testing.assert_array_equal(few.c_b, given.c_b[chosen])
    np.testing.assert_array_equal(few.temperature, given.temperature[chosen])
    np.testing.assert_array_equal(few.positions[few.structure], given.positions[given.structure[chosen]])
    assert thinned(given, 999).batches == 24
    assert thinned(None, 3) is None


# -------------------------------------------------------------------------------------------- data sets


def some_structures(temperature, number, first=0.0):
    x = np.arange(number * 2 * 3, dtype=np.float32).reshape(number, 2, 3) + first
    return Structures(temperature, x, np.arange(number * 4.0).reshape(number, 2, 2), BOX)


def test_batches_show_each_structure_with_its_own_labels():
    labels = np.arange(2 * 2 * 2.0).reshape(2, 2, 2)  # C_B, structure, particle
    halves = np.arange(2 * 2 * 2 * 2.0).reshape(2, 2, 2, 2)
    found = training_set(some_structures(0.4, 5), [0.9, 0.5], labels, [3, 1], halves)
    assert found.batches == 4
    for b, (k, s, number) in enumerate([(0, 0, 3), (0, 1, 1), (1, 0, 3), (1, 1, 1)]):
        assert (found.temperature[b], found.c_b[b]) == (0.4, [0.9, 0.5][k])
        np.testing.assert_array_equal(found.labels[b], labels[k, s])
        np.testing.assert_array_equal(found.halves[b], halves[k, s])
        mine = some_structures(0.4, 5)
        np.testing.assert_array_equal(found.descriptors[found.structure[b]], mine.descriptors[number])
        np.testing.assert_array_equal(found.positions[found.structure[b]], mine.positions[number])


def test_joined_sets_keep_structures_and_stand_in_for_missing_halves():
    one = training_set(some_structures(0.5, 2), [0.9], np.full((1, 2, 2), 0.1), [0, 1])
    halves = np.arange(8.0).reshape(2, 1, 2, 2)
    two = training_set(some_structures(0.4, 2, 100.0), [0.8, 0.5], np.full((2, 1, 2), 0.2), [1], halves)
    both = join([one, two])
    assert both.structure.tolist() == [0, 1, 2, 2]
    assert both.temperature.tolist() == [0.5, 0.5, 0.4, 0.4]
    assert both.c_b.tolist() == [0.9, 0.9, 0.8, 0.5]
    assert both.descriptors[:, 0, 0].tolist() == [0, 6, 106]
    np.testing.assert_allclose(both.halves[:2], 0.1)
    np.testing.assert_array_equal(both.halves[2:], halves[:, 0])
    assert join([one, one]).halves is None
    with pytest.raises(ValueError, match="box length"):
        join([one, dataclasses.replace(two, box_length=BOX + 1)])


def test_rows_on_disk_are_the_rows_asked_for():
    a, b = np.arange(12.0).reshape(2, 2, 3), np.arange(100.0, 106.0).reshape(1, 2, 3)
    rows = Rows([a, b], np.array([[0, 0], [0, 1], [1, 0]]))
    again = Rows.join([rows.choose(np.array([2, 0])), rows])
    expected = np.stack([b[0], a[0], a[0], a[1], b[0]])
    np.testing.assert_array_equal(np.asarray(again), expected)
    np.testing.assert_array_equal(again[1], a[0])
    np.testing.assert_array_equal(again[np.array([4, 3])], expected[[4, 3]])
    assert again.shape == (5, 2, 3)


# ------------------------------------------------------------------------------ predictions, selection


def test_mean_correction_step_by_step():
    """Mean prediction s c + o: the input moves by what the mean misses, up to the limits of C_B."""
    slope, offset, c_b = np.array([0.5, 0.9, 1.2]), np.array([0.25, -0.05, -0.05]), 0.6
    networks = constructed(slope=slope, offset=offset)
    told = np.full(3, c_b)
    for iterations in range(4):
        found = networks.predict_corrected(scaled(), 0.4, c_b, iterations=iterations, tolerance=1e-9)
        np.testing.assert_allclose(found.c_b_input, told, atol=1e-4)
        np.testing.assert_allclose(found.mean, slope * told + offset, atol=1e-4)
        assert found.iterations == iterations
        np.testing.assert_allclose(found.propensity.mean(axis=(1, 2)), found.mean, atol=1e-5)
        told = told + (c_b - (slope * told + offset))
    # 0.6, 0.8, 0.9, then 0.95, half way from the run's largest C_B to 1, and no further
    networks = constructed(slope=[0.5] * 3, offset=[0.1] * 3)
    found = networks.predict_corrected(scaled(), 0.4, 0.6, iterations=6, tolerance=0.01)
    np.testing.assert_allclose(found.c_b_input, 0.95, atol=1e-6)
    np.testing.assert_allclose(found.mean, 0.575, atol=1e-4)
    assert not found.converged.any()
    assert networks.predict_corrected(scaled(), 0.4, 0.6, tolerance=0.026).converged.all()
    # a network that adds the C_B it is told could be told more than that, but is not
    adds = {**networks.metadata, "architecture": {**networks.metadata["architecture"], "output": "deviation"}}
    adding = Networks(constructed(slope=[-0.5] * 3, offset=[0.05] * 3).parameters, adds)
    found = adding.predict_corrected(scaled(), 0.4, 0.6, iterations=6, tolerance=0.01)
    np.testing.assert_allclose(found.c_b_input, 0.95, atol=1e-6)
    np.testing.assert_allclose(found.mean, 0.525, atol=1e-4)
    # at the tolerance counts as converged
    first = networks.predict_corrected(scaled(), 0.4, 0.6, iterations=0)
    missed = float(np.abs(first.mean - 0.6)[0])
    assert networks.predict_corrected(scaled(), 0.4, 0.6, 0, missed).converged[0]
    assert not networks.predict_corrected(scaled(), 0.4, 0.6, 0, np.nextafter(missed, 0)).converged[0]


def test_predictions_do_not_depend_on_blocks_and_each_network_is_told_its_own_c_b(monkeypatch):
    networks, x = trimmed(Architecture(output="deviation", attention_bias=True)), scaled(3, 17)
    told = np.array([0.5, 0.6, 0.8])
    whole, units = networks.predict_scaled(x, 0.35, told), networks.bottleneck(x, 0.35, told)
    monkeypatch.setattr(prediction, "BLOCK", 7)
    np.testing.assert_allclose(networks.predict_scaled(x, 0.35, told), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(networks.bottleneck(x, 0.35, told), units, rtol=1e-5, atol=1e-6)
    for k, c in enumerate(told):
        alone = networks.of([k])
        np.testing.assert_allclose(alone.predict_scaled(x, 0.35, c)[0], whole[k], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(networks.attention(0.35, told)[k], alone.attention(0.35, c)[0], rtol=1e-5)
        one = alone.predict_scaled(x[1:2], 0.35, c)
        np.testing.assert_allclose(one[0, 0], whole[k, 1], rtol=1e-5, atol=1e-6)
    assert networks.of([2, 0]).of([1]).metadata["numbers"] == [0]


def test_selection_is_by_the_largest_deviation_and_strict():
    # deviations 0.09, 0.01, 0.01 of the second network: the mean, 0.04, would pass
    networks = constructed(slope=[1.0, 1.2, 1.0], offset=[0.03, -0.09, -0.2])
    c_b = [0.9, 0.5, 0.4]
    kept, table = selection.select_full(networks, scaled(), 0.35, c_b, 0.06)
    second = table[table["network"] == 1]["deviation"].to_numpy()
    np.testing.assert_allclose(second, [0.09, 0.01, 0.01], atol=1e-5)
    assert second.mean() < 0.06
    assert kept == [0]
    assert table.groupby("network")["kept"].all().tolist() == [True, False, False]
    worst = table.groupby("network")["deviation"].max()
    assert selection.select_full(networks, scaled(), 0.35, c_b, float(worst[1]))[0] == [0]
    assert selection.select_full(networks, scaled(), 0.35, c_b, np.nextafter(worst[1], 1))[0] == [0, 1]
    _, rows = selection.extrapolate(networks, {0.35: scaled()}, 0.5, 0.1)
    missed = float(np.abs(rows["mean_prediction"] - 0.5)[0])
    assert missed == pytest.approx(0.03, abs=1e-5)
    _, rows = selection.extrapolate(networks, {0.35: scaled()}, 0.5, missed)
    assert rows["kept"].tolist() == [False, True, False]
    _, rows = selection.extrapolate(networks, {0.35: scaled()}, 0.5, np.nextafter(missed, 1))
    assert rows["kept"].tolist() == [True, True, False]


def test_ridge_regression_of_one_descriptor_by_hand():
    x, y = np.array([[0.0], [1.0], [2.0], [5.0]]), np.array([1.0, 1.0, 4.0, 6.0])
    # about the means 2 and 3: sum of products 16, of squares 14
    fit = linear.fit_ridge(x, y, [2.0])
    assert fit.coefficients.tolist() == pytest.approx([(4 + 2 + 0 + 9) / (14 + 2)])
    assert fit.intercept == pytest.approx(3 - 2 * 15 / 16)
    assert fit.predict(np.array([[3.0]])).tolist() == pytest.approx([3 + 15 / 16])
    assert linear.fit_ridge(x, y, [7.0, 1.0]).penalty == 7.0, "without validation the first"
    for refused in ([], [1.0, 0.0], [-1.0, 1.0]):
        with pytest.raises(ValueError, match="penalties must be positive"):
            linear.fit_ridge(x, y, refused)
    assert linear.PENALTIES[0] == 1.0
    assert linear.PENALTIES[1] == pytest.approx(np.sqrt(10), rel=1e-2)
    assert (len(linear.PENALTIES), linear.PENALTIES[-1]) == (11, 1e5)


def test_a_card_states_means_over_c_b():
    networks = trimmed()
    networks.metadata.update(t_min=0.4, measured=[[0.5, [0.9, 0.5]]], extrapolated=[[0.3, [0.9]]])
    rows = [
        ("tglassmlp", "0.40", 0.5, 0.9, 0.2, 0.4), ("tglassmlp", "0.40", 0.5, 0.5, 0.2, 0.6),
        ("tglassmlp", "0.50", 0.5, 0.5, 0.2, 0.9), ("ceiling", "", 0.5, 0.5, 0.8, np.nan),
        ("tglassmlp", "0.40", 0.45, 0.5, 0.2, 0.3),
    ]  # fmt: skip
    columns = ["method", "t_min", "temperature", "c_b", "value", "value_mean_field"]
    table = pd.DataFrame(rows, columns=columns).assign(n_structures=[3, 3, 3, 5, 3])
    text = publish.model_card(networks, "mine", table)
    assert "| T | learnt from |" in text
    line = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("| 0.")}
    assert line["0.5"].startswith("| 0.5 | yes |")
    assert "0.500" in line["0.5"]
    assert line["0.45"].startswith("| 0.45 | no |")
    assert "0.300" in line["0.45"]
    if "ceiling" in publish.METHODS:
        assert "0.800" in line["0.5"]
