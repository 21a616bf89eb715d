"""What predictions leave open: its correlation in space, fields drawn with it, and intervals."""

import json

import network_case as case
import numpy as np
import pytest
from test_contrast import table
from test_network_prediction import trimmed

from tglassmlp.network.networks import Networks, save_networks
from tglassmlp.network.prediction import uncorrected
from tglassmlp.network.prediction_run import predictions
from tglassmlp.network.publish import model_card
from tglassmlp.network.residual import BINS, Correlations, Residual, drawn, fit_residual, pair_correlations
from tglassmlp.storage import read_arrays

MIDDLE = 0.5 * (BINS[1:] + BINS[:-1])
BOX = 12.0


def test_pairs_are_correlated_between_halves_across_the_boundary():
    r = np.random.default_rng(3)
    x = r.random((2, 12, 2)) * BOX
    halves = r.normal(size=(2, 2, 12))
    products, pairs, variance = pair_correlations(halves, x, BOX)
    expected, count = np.zeros((2, len(MIDDLE))), np.zeros((2, len(MIDDLE)))
    for s in range(2):
        for i in range(12):
            for j in range(12):
                d = (x[s, i] - x[s, j] + BOX / 2) % BOX - BOX / 2
                k = np.digitize(np.hypot(*d), BINS) - 1
                if i != j and 0 <= k < len(MIDDLE) and BINS[k + 1] <= BOX / 2:
                    expected[s, k] += 0.5 * halves[0, s, i] * halves[1, s, j]
                    count[s, k] += 0.5
    np.testing.assert_allclose(products, expected, atol=1e-12)
    np.testing.assert_allclose(pairs, count)
    assert count[:, MIDDLE > BOX / 2].sum() == 0
    assert variance == pytest.approx(np.mean(halves[0] * halves[1]))


def exact(length, share, noise=0.0):
    """Correlations of state points, with pairs as numerous as in a box."""
    r = np.random.default_rng(0)
    found = []
    for t in (0.5, 0.4):
        for c in (0.9, 0.7, 0.5):
            xi, w = length(t, c), share(t, c)
            pairs = 2000.0 * MIDDLE
            value = w * np.exp(-MIDDLE / xi) + noise * r.normal(size=MIDDLE.size) / np.sqrt(pairs)
            found.append(Correlations(t, c, value, pairs))
    return found


def test_length_and_share_are_recovered_and_continued_below_what_was_measured():
    def length(t, c):
        return 2.0 * (0.45 / t) * np.exp(0.7 - c)

    def share(t, c):
        return 0.6 + 0.1 * (0.7 - c)

    found = fit_residual(exact(length, share, noise=0.1))
    for t, c in ((0.5, 0.9), (0.4, 0.5), (0.25, 0.7)):
        assert found.correlation_length(t, c) == pytest.approx(length(t, c), rel=0.1)
        assert found.correlated_share(t, c) == pytest.approx(share(t, c), abs=0.04)
    assert found.correlation_length(0.01, 0.5, box_length=20.0) == 5.0  # no longer than the box can hold
    again = Residual.from_record(json.loads(json.dumps(found.as_record())))
    assert again == found
    with pytest.raises(ValueError, match="no state point"):
        fit_residual([])


def test_few_data_make_up_no_trend():
    few = exact(lambda t, c: 2.0, lambda t, c: 0.6, noise=30.0)  # noise far above the signal
    found = fit_residual(few)
    assert np.abs(found.length[1:]).max() < 3.0
    assert np.abs(found.share).max() < 6.0


@pytest.mark.parametrize(("length", "share"), [(0.8, 1.0), (2.0, 0.6)])
def test_fields_drawn_have_the_variance_and_the_correlation_asked_for(length, share):
    r = np.random.default_rng(5)
    x = r.random((250, 2)) * 20.0
    fields = np.stack([drawn(x, 20.0, 1.5, length, share, r) for _ in range(150)])
    products, pairs, variance = pair_correlations(np.stack([fields] * 2), np.tile(x, (150, 1, 1)), 20.0)
    each = products[:, :6] / pairs[:, :6] / 1.5**2
    expected = share * np.exp(-MIDDLE[:6] / length)
    assert variance == pytest.approx(1.5**2, rel=0.06)
    error = each.std(axis=0) / np.sqrt(len(each))
    np.testing.assert_array_less(np.abs(each.mean(axis=0) - expected), 4 * error + 0.06 * expected + 0.01)
    means = fields.mean(axis=1)  # the box as a whole fluctuates too: chi_4 comes from there
    integral = (1 - share) + share * 250 / 400.0 * 2 * np.pi * length**2
    assert 250 * means.var() / 1.5**2 == pytest.approx(integral, rel=0.5)


def networks():
    residual = Residual((0.5, 0.0, 0.5), (0.4, 0.0, 0.0), 0.45, 0.7)
    plain = trimmed()
    record = {"contrast": table().as_record(), "residual": residual.as_record()}
    return Networks(plain.parameters, {**plain.metadata, **record})


def test_a_distribution_is_the_mean_field_and_what_the_contrast_leaves_of_the_amplitude():
    known, r = networks(), np.random.default_rng(1)
    x = r.random((2, 40, 2)) * BOX
    field = (0.7 + 0.1 * r.normal(size=(3, 2, 40))).astype(np.float32)
    found = uncorrected(field, 0.7)
    found.converged[:] = [True, False, True]
    whole = known.distribution(found, x, [BOX, BOX], 0.5, 0.9, fields=400, seed=3)
    np.testing.assert_allclose(whole.mean, field[[0, 2]].mean(axis=0), rtol=1e-6)
    expected = 0.02 * np.sqrt(1 - 0.5**2)  # A = .02 and r = .5 at T = .5, C_B = .9
    np.testing.assert_allclose(whole.deviation, expected)
    assert (whole.fields - whole.mean).std() == pytest.approx(expected, rel=0.05)
    low, high = whole.interval(0.95)
    np.testing.assert_allclose(high - low, 2 * 1.959964 * expected, rtol=1e-5)
    assert np.mean((whole.fields > low) & (whole.fields < high)) == pytest.approx(0.95, abs=0.015)
    assert whole.correlation_length == known.residual.correlation_length(0.5, 0.9)
    alone = known.distribution(uncorrected(field[:, :1], 0.7), x[:1], [BOX], 0.5, 0.9, 5, 3)
    longer = known.distribution(uncorrected(field, 0.7), x, [BOX, BOX], 0.5, 0.9, 5, 3)
    np.testing.assert_allclose(alone.fields[:, 0], longer.fields[:, 0], rtol=1e-6)
    assert np.abs(longer.fields[0] - longer.fields[1]).max() > expected
    with pytest.raises(ValueError, match="between 0 and 1, found 95"):
        whole.interval(95)
    with pytest.raises(ValueError, match=r"trained without training\.contrast"):
        trimmed().distribution(found, x, [BOX, BOX], 0.5, 0.9, 5, 3)
    with pytest.raises(ValueError, match="list of thermal configurations"):
        known.predict_distribution([x[0]], 0.5, 0.9)


def test_a_run_keeps_fields_that_are_drawn_the_same_each_time(tmp_path):
    case.write_run(tmp_path)
    known = networks()
    record = {**known.metadata, "t_min": 0.4}
    save_networks(tmp_path / "full.npz", Networks(known.parameters, record))
    files = sorted(tmp_path.glob("descriptors/T0.35/*.h5"))
    held = []
    for k, fields in enumerate((3, 3, 0)):
        settings = {"iterations": 6, "tolerance": 0.01, "fields": fields}
        out = tmp_path / f"unit/predictions/tmin0.40/T0.3{k}.h5"
        predictions(
            out, tmp_path / "full.npz", files, tmp_path / "map.parquet", 0.35, settings, False, seed=7
        )
        held.append(read_arrays(out))
    first, second, none = held
    assert first["drawn"].shape == (3, 3, 8, 40)
    np.testing.assert_array_equal(first["drawn"], second["drawn"])
    assert "drawn" not in none
    np.testing.assert_array_equal(first["propensity"], none["propensity"])
    usable = first["converged"][0] if first["converged"][0].any() else np.ones(3, bool)
    rest = first["drawn"][0] - first["propensity"][0][usable].mean(axis=0)
    assert rest.std() == pytest.approx(first["deviation"][0], rel=0.1)


def test_the_card_of_networks_says_how_their_contrast_is_carried():
    assert "by an amplitude law (`onset`, 1/T_on = 0.40 +- nan), with a residual" in model_card(
        networks(), "bright"
    )
    assert "| contrast | as the networks give it" in model_card(trimmed(), "plain")
