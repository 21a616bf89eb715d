"""Networks trained from arrays, without the files of a run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import tglassmlp as tg
from tglassmlp.dynamics.labels import label_structures
from tglassmlp.network.learning import calibrate_networks

SHORT = {"phase1": [{"epochs": 20, "rate": 0.006}]}


@pytest.fixture(scope="module")
def data():
    """Two structures at each of two temperatures."""
    dataset = tg.load_dataset()
    return [tg.Examples.of(dataset.at(t), [0, 1]) for t in (0.40, 0.35)]


@pytest.fixture(scope="module")
def trained(data):
    return tg.train_networks(
        data, [0.9, 0.6, 0.2], validation=[data[0]], networks=2, temperatures=[0.30], training=SHORT, seed=3
    )


def test_examples_are_those_of_the_data_set(data):
    liquid = tg.load_dataset().at(0.40)
    dynamics = liquid.dynamics(1)
    assert (data[0].temperature, len(data[0])) == (0.40, 2)
    np.testing.assert_array_equal(data[0].configurations[1].positions, liquid.configuration(1).positions)
    frames = np.searchsorted(dynamics.times, data[0].times)
    np.testing.assert_array_equal(data[0].propensity[1], dynamics.propensity[frames])


def test_networks_say_what_they_have_learnt(trained):
    networks, history = trained
    assert networks.n_networks == 2
    # C_B = 0.2 lies beyond the end of the dynamics
    assert networks.metadata["measured"] == [[0.40, [0.9, 0.6]], [0.35, [0.9, 0.6]]]
    assert networks.state_features.temperature_range == (0.30, 0.40)
    assert networks.mixture == tg.KA2D
    assert sorted(history["epoch"].unique()) == list(range(1, 21))
    assert np.isfinite(history["validation_pearson"]).all()


def test_training_improves_the_loss_and_the_correlation(trained):
    history = trained[1].groupby("epoch").mean()
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]
    assert history["pearson"].iloc[-1] > history["pearson"].iloc[0] + 0.1


def test_a_network_predicts_what_it_has_learnt(trained, data):
    networks, e = trained[0], data[0]
    species = np.stack([c.species for c in e.configurations])
    labels = label_structures(e.propensity, e.half, e.times, species, [0.6])
    found = networks.predict_ensemble(e.configurations, 0.40, 0.6).propensity.mean(axis=0)
    assert np.corrcoef(found.ravel(), labels.propensity[0].ravel())[0, 1] > 0.4


def test_the_seed_decides(trained, data):
    arguments = {"networks": 2, "temperatures": [0.30], "training": SHORT}
    again, _ = tg.train_networks(data, [0.9, 0.6, 0.2], seed=3, **arguments)
    other, _ = tg.train_networks(data, [0.9, 0.6, 0.2], seed=4, **arguments)
    for name, values in trained[0].parameters.items():
        np.testing.assert_array_equal(values, again.parameters[name])
    assert any(np.any(v != other.parameters[n]) for n, v in trained[0].parameters.items())


def test_networks_are_kept_in_a_file(trained, data, tmp_path):
    path = tmp_path / "mine.npz"
    tg.save_networks(path, trained[0])
    c = data[0].configurations[0]
    np.testing.assert_array_equal(
        tg.load_networks(path).predict(c, 0.40, 0.6), trained[0].predict(c, 0.40, 0.6)
    )


def test_what_cannot_be_learnt_is_refused(data):
    with pytest.raises(ValueError, match="at least one temperature, found none"):
        tg.train_networks([], [0.9])
    with pytest.raises(ValueError, match="at least one network, found 0"):
        tg.train_networks(data[:1], [0.9], networks=0)
    with pytest.raises(ValueError, match=r"no temperature reaches any of the C_B \[0.1\]"):
        tg.train_networks(data[:1], [0.1])
    with pytest.raises(ValueError, match=r"propensity of shape \[2, \d+, 1290\].*found \[1, "):
        dataclasses.replace(data[0], propensity=data[0].propensity[:1])
    with pytest.raises(ValueError, match="at least one configuration"):
        tg.Examples(0.4, (), [0.0], np.ones((0, 1, 1)), np.ones((0, 2, 1, 1)))


def test_networks_get_a_contrast_from_structures_that_they_have_not_learnt_from(trained):
    networks, dataset = trained[0], tg.load_dataset()
    unseen = [tg.Examples.of(dataset.at(t), [4, 5]) for t in (0.40, 0.35)]
    cold = {0.30: [dataset.at(0.30).configuration(4)]}
    bright = calibrate_networks(networks, unseen, [0.6, 0.9, 0.2], cold, law="power")
    contrast = bright.contrast
    assert contrast.temperatures.tolist() == [0.40, 0.35, 0.30]
    assert contrast.c_b.tolist() == [0.9, 0.6, 0.2]
    assert np.isfinite(contrast.factors).all()
    assert (contrast.amplitude[2] > contrast.amplitude[0]).all()  # it grows on cooling
    plain = networks.predict_ensemble(unseen[0].configurations, 0.40, 0.6).propensity
    found = bright.predict_ensemble(unseen[0].configurations, 0.40, 0.6).propensity
    np.testing.assert_allclose(found.std() / plain.std(), contrast.factor(0.40, 0.6), rtol=0.02)
    # at the state point of the calibration the measured propensities regress on them with slope r A / A = 1
    species = np.stack([c.species for c in unseen[0].configurations])
    y = label_structures(unseen[0].propensity, unseen[0].half, unseen[0].times, species, [0.6]).propensity[0]
    p = found.mean(axis=0)
    slope = np.cov(p.ravel(), y.ravel())[0, 1] / p.var()
    assert slope == pytest.approx(1.0, abs=0.25)
    drawn = bright.predict_distribution(cold[0.30], 0.30, 0.6, fields=2, seed=4)
    assert drawn.fields.shape == (2, 1, 600)
    with pytest.raises(ValueError, match="have a contrast already"):
        calibrate_networks(bright, unseen, [0.6])
