"""The networks, their state point and their losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from network_case import state_point

from tglassmlp.network import loss
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.flax_modules import GlassMLP, TGlassMLP, count_parameters
from tglassmlp.network.state_features import STATE_FEATURES, StateFeatures


def rng(seed=0):
    return np.random.default_rng(seed)


def test_number_of_parameters_is_the_papers():
    model = TGlassMLP(160, Architecture(), rng())
    assert count_parameters(nnx.split(model)[1]) == 1068
    assert count_parameters(nnx.split(TGlassMLP(148, Architecture(), rng()))[1]) == 1020
    with_bias = TGlassMLP(160, Architecture(attention_bias=True), rng())
    assert count_parameters(nnx.split(with_bias)[1]) == 1068 + 160
    # M -> 2 -> 10 -> 10 -> 1
    assert count_parameters(nnx.split(GlassMLP(160, Architecture(), rng()))[1]) == 322 + 30 + 110 + 11


def test_model_is_its_equations():
    m, p = 9, 5
    model = TGlassMLP(m, Architecture(attention_bias=True), rng(1))
    for leaf in jax.tree.leaves(nnx.split(model)[1]):
        leaf += rng(leaf.size).normal(size=leaf.shape).astype(np.float32)  # biases too
    x, s = rng(2).normal(size=(m, p)), rng(3).normal(size=6)

    def elu(v):
        return np.where(v > 0, v, np.expm1(v))

    def mlp(layers, v):
        for k, layer in enumerate(layers):
            v = np.asarray(layer.matrix[...], float) @ v + np.asarray(layer.bias[...], float)[:, 0]
            v = elu(v) if k < len(layers) - 1 else v
        return v

    y = mlp(model.mlp1.layers, s)
    z = (
        np.asarray(model.attention_matrix[...], float) @ y
        + np.asarray(model.attention_bias[...], float)[:, 0]
    )
    omega = np.exp(z) / np.exp(z).sum()
    expected = []
    for i in range(p):
        h = np.asarray(model.bottleneck.matrix[...], float) @ (m * omega * x[:, i])
        h = elu(h + np.asarray(model.bottleneck.bias[...], float)[:, 0])
        expected.append(mlp(model.mlp3.layers, np.concatenate([h, mlp(model.mlp2.layers, s)]))[0])
    found = model(jnp.asarray(x, jnp.float32), jnp.asarray(s, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
    assert float(jnp.sum(model.attention(jnp.asarray(s, jnp.float32)))) == pytest.approx(1, abs=1e-6)


def test_attention_starts_near_one_for_every_descriptor():
    model = TGlassMLP(148, Architecture(), rng())
    omega = 148 * np.asarray(model.attention(jnp.zeros(6)))
    assert omega == pytest.approx(np.ones(148), abs=0.5)


def test_state_features_are_of_order_one_over_the_whole_run():
    sp = StateFeatures.from_ranges(list(STATE_FEATURES), [0.4, 0.15], [0.99, 0.075])
    t, c = np.meshgrid(np.linspace(0.15, 0.4, 20), np.linspace(0.075, 0.99, 20))
    f = sp(t, c)
    assert f.shape == (20, 20, len(STATE_FEATURES))
    assert f.min() == pytest.approx(-1, abs=1e-5)
    assert f.max() == pytest.approx(1, abs=1e-5)
    outside = sp(0.15, np.array([-3.0, 0.0, 1.0, 2.0]))  # C_B is clipped: logarithms stay finite
    assert np.isfinite(outside).all()
    assert np.abs(outside).max() < 3
    assert StateFeatures.from_record(sp.as_record()) == sp


@pytest.mark.parametrize(
    ("names", "temperatures", "c_b", "match"),
    [
        (["T", "phase of the moon"], [0.4], [0.5], "moon"),
        ([], [0.4], [0.5], "unknown"),
        (["T"], [0.0], [0.5], "positive"),
        (["T"], [0.4], [1.0], "C_B"),
    ],
)
def test_impossible_state_points_are_refused(names, temperatures, c_b, match):
    with pytest.raises(ValueError, match=match):
        StateFeatures.from_ranges(names, temperatures, c_b)
    with pytest.raises(ValueError, match="positive"):
        state_point()(-0.1, 0.5)


def four_particles():
    """Four particles on a line in a box of 10; distances 1 or 2 between all of them."""
    positions = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 0.0], [9.0, 0.0]])  # 9 is 1 away from 0, 3 from 2
    r = np.array([[0, 2, 5, 1], [2, 0, 3, 3], [5, 3, 0, 4], [1, 3, 4, 0]], float)
    return positions, r


def test_correlations_by_hand():
    positions, r = four_particles()
    c = np.array([0.1, 0.4, 0.2, 0.9])
    d = c - c.mean()
    expected = []
    for radius in (2.0, 5.0, 8.0):
        total = 0.0
        for i in range(4):
            w = np.exp(-((r[i] - radius) ** 2) / 2)
            total += d[i] * (w @ d) / w.sum()
        expected.append(total / (d @ d))
    kernels = loss.correlation_kernels(positions, 10.0)
    found = loss.correlations(jnp.asarray(d[None], jnp.float32), jnp.asarray(kernels))
    np.testing.assert_allclose(found[0], expected, rtol=2e-6, atol=1e-7)
    statistics = loss.label_statistics(c[None], kernels)
    np.testing.assert_allclose(statistics.correlation[0], expected, rtol=2e-6, atol=1e-7)


def test_a_particle_whose_ring_is_empty_is_correlated_with_none():
    """Three particles at mutual distance 2 and one far from them, with rings too narrow for its own."""
    r = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, np.sqrt(3.0)], [10.0, 10.0]])
    kernel = loss.correlation_kernels(r, 30.0, (2.0,), 0.02)[0]
    expected = np.zeros((4, 4))
    expected[:3, :3] = (1 - np.eye(3)) / 2
    np.testing.assert_allclose(kernel, expected, atol=1e-6)
    d = np.array([1.0, 0.0, -1.0, 0.0])
    found = loss.correlations(jnp.asarray(d[None], jnp.float32), jnp.asarray(kernel[None]))
    np.testing.assert_allclose(found, -0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("radii", "width", "said"),
    [
        (
            (2.0, 40.0),
            1.0,
            "radii must be distances at which there are particles, found 40 with a width of 1",
        ),
        ((2.0, 3.0), 0.02, "radii must be distances .*, found 3 with a width of 0.02 in a box of 30"),
        ((2.0,), 0.0, "width must be a positive number, found 0"),
        ((2.0,), float("nan"), "width must be a positive number, found nan"),
    ],
)
def test_rings_without_particles_are_refused(radii, width, said):
    r = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, np.sqrt(3.0)], [10.0, 10.0]])
    with pytest.raises(ValueError, match=said):
        loss.correlation_kernels(r, 30.0, radii, width)


def test_loss_of_phase_two_by_hand():
    positions, _ = four_particles()
    kernels = loss.correlation_kernels(positions, 10.0)
    c, guess = np.array([0.1, 0.4, 0.2, 0.9]), np.array([0.3, 0.2, 0.5, 0.7])

    def g(values):
        d = values - values.mean()
        return np.array([d @ k @ d for k in kernels.astype(float)]) / (d @ d)

    expected = np.abs(c - guess).mean() / c.std()
    expected += 0.5 * np.abs(g(c) - g(guess)).sum() / abs(g(c)[0] - g(c)[2])
    expected += 1.0 * abs(guess.var() - c.var()) / c.var()
    statistics = loss.LabelStatistics(*(jnp.asarray(v[0]) for v in loss.label_statistics(c[None], kernels)))
    two = jnp.asarray(np.stack([guess, c]), jnp.float32)
    found = loss.structure_loss(two, jnp.asarray(c, jnp.float32), statistics, jnp.asarray(kernels))
    assert float(found[0]) == pytest.approx(expected, rel=1e-5)
    assert float(found[1]) == pytest.approx(0, abs=1e-5)
    assert float(loss.mean_squared_error(two, jnp.asarray(c))[0]) == pytest.approx(np.mean((c - guess) ** 2))
    assert float(loss.pearson(two, jnp.asarray(c))[0]) == pytest.approx(np.corrcoef(c, guess)[0, 1])


def test_halves_of_the_replicas_free_the_statistics_from_noise():
    positions, _ = four_particles()
    kernels = loss.correlation_kernels(positions, 10.0)
    one, two = np.array([0.1, 0.5, 0.2, 0.9]), np.array([0.2, 0.3, 0.1, 0.8])
    c = (one + two) / 2
    found = loss.label_statistics(c[None], kernels, halves=np.stack([one, two])[None])
    a, b = one - one.mean(), two - two.mean()
    assert found.variance[0] == pytest.approx(np.mean(a * b), rel=1e-5)
    assert found.deviation[0] == pytest.approx(c.std(), rel=1e-5)
    expected = [a @ k @ b / (a @ b) for k in kernels.astype(float)]
    np.testing.assert_allclose(found.correlation[0], expected, rtol=1e-5, atol=1e-6)
    # the same in large numbers: signal of variance 1, noise of variance 4 in each half
    r = np.random.default_rng(0)
    signal = r.normal(size=4000)
    noisy = signal + 2 * r.normal(size=(2, 4000))
    many = loss.label_statistics(noisy.mean(axis=0)[None], None, halves=noisy[None])
    assert many.variance[0] == pytest.approx(1.0, abs=0.25)
    assert many.deviation[0] ** 2 == pytest.approx(3.0, abs=0.3)
    # halves that are not correlated say nothing: the plain numbers are kept
    useless = loss.label_statistics(c[None], kernels, halves=np.stack([one, 1 - one])[None])
    assert useless.variance[0] == pytest.approx(c.var(), rel=1e-5)


def test_gradient_of_the_correlations_is_right_although_the_product_is_reused():
    r = rng(4)
    kernels = jnp.asarray(loss.correlation_kernels(r.random((12, 2)) * 10, 10.0))
    d = jnp.asarray(r.normal(size=(2, 12)), jnp.float32)

    def plain(d):
        q = jnp.einsum("np,kpq,nq->nk", d, kernels, d)
        return jnp.sum(jnp.abs(q / jnp.sum(d**2, axis=1, keepdims=True) - 0.3))

    def reused(d):
        return jnp.sum(jnp.abs(loss.correlations(d, kernels) - 0.3))

    assert float(reused(d)) == pytest.approx(float(plain(d)), rel=1e-5)
    np.testing.assert_allclose(jax.grad(reused)(d), jax.grad(plain)(d), rtol=1e-4, atol=1e-6)


def test_a_constant_prediction_has_finite_loss_and_gradient():
    positions, _ = four_particles()
    kernels = loss.correlation_kernels(positions, 10.0)
    c = np.array([0.1, 0.4, 0.2, 0.9])
    statistics = loss.LabelStatistics(*(jnp.asarray(v[0]) for v in loss.label_statistics(c[None], kernels)))

    def total(predicted):
        return jnp.sum(loss.structure_loss(predicted, jnp.asarray(c), statistics, jnp.asarray(kernels)))

    value, slope = jax.value_and_grad(total)(jnp.full((1, 4), 0.4, jnp.float32))
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"mlp1": ()}, "mlp1"),
        ({"head": (0,)}, "head"),
        ({"bottleneck": 0}, "bottleneck"),
        ({"bottleneck_activation": "relu6"}, "relu6"),
        ({"output": "velocity"}, "velocity"),
    ],
)
def test_impossible_architectures_are_refused(bad, match):
    with pytest.raises(ValueError, match=match):
        Architecture(**bad)
