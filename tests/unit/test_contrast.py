"""The contrast of predictions: amplitudes without noise, their law in T, and fields rescaled to it."""

import json
from dataclasses import dataclass

import network_case as case
import numpy as np
import pandas as pd
import pytest
from test_network_prediction import trimmed

from tglassmlp.network.calibration import calibrated
from tglassmlp.network.contrast import (
    Amplitude,
    Contrast,
    NoLaw,
    fit_law,
    fit_with_error,
    rescaled,
    signal_variance,
)
from tglassmlp.network.networks import Networks, load_networks, save_networks
from tglassmlp.network.prediction import Prediction, uncorrected
from tglassmlp.storage import Array, write_arrays, write_table


def test_the_covariance_of_halves_has_no_noise_of_replicas():
    assert signal_variance([[[0.0, 2.0], [4.0, 6.0]], [[1.0, 1.0], [3.0, 3.0]]]) == pytest.approx(2.0)
    r = np.random.default_rng(1)
    signal = 0.3 * r.normal(size=(20, 5000))
    halves = signal + 0.5 * r.normal(size=(2, *signal.shape))
    assert signal_variance(halves) == pytest.approx(0.09, abs=0.004)  # the mean of both has .215


def amplitudes(shape, points, prefactor):
    t, c = np.array(points).T
    return Amplitude(t, c, np.array([prefactor[x] for x in c]) * shape(t))


POINTS = [(t, c) for t in (0.5, 0.45, 0.4) for c in (0.9, 0.5)] + [(0.4, 0.3)]
PREFACTOR = {0.9: 0.02, 0.5: 0.05, 0.3: 0.04}


@pytest.mark.parametrize(
    ("name", "parameter", "shape"),
    [
        ("power", 1.3, lambda t: t**-1.3),
        ("onset", 1 / 1.1, lambda t: 1 / t - 1 / 1.1),
        ("onset", 0.0, lambda t: 1 / t),  # the onset at infinity is an end of the search
    ],
)
def test_a_law_is_recovered_and_holds_below_what_was_measured(name, parameter, shape):
    law = fit_law(name, amplitudes(shape, POINTS, PREFACTOR))
    assert law.parameter == pytest.approx(parameter, abs=1e-5)
    for c, a in PREFACTOR.items():  # 0.3 was measured at one temperature only
        assert law(0.2, c) == pytest.approx(a * shape(0.2), rel=1e-4)
    assert law(0.2, 0.7) == pytest.approx(0.035 * shape(0.2), rel=1e-4)  # between 0.9 and 0.5


def test_beyond_its_onset_there_is_no_contrast():
    law = fit_law("onset", amplitudes(lambda t: 1 / t - 1.0, POINTS, PREFACTOR))
    assert law(0.98, 0.5) > 0
    assert law(1.01, 0.5) == 0.0


def test_a_law_needs_two_temperatures_at_one_c_b():
    one = amplitudes(lambda t: 1 / t, [(0.5, 0.9), (0.4, 0.5)], PREFACTOR)
    with pytest.raises(NoLaw, match=r"two temperatures.*T = 0.5, C_B = 0.9; T = 0.4, C_B = 0.5"):
        fit_law("onset", one)
    with pytest.raises(ValueError, match="unknown law of the contrast 'cubic'"):
        fit_law("cubic", one)


def test_errors_of_a_law_are_those_of_a_jackknife():
    whole = amplitudes(lambda t: t**-1.0, POINTS, PREFACTOR)
    each = [Amplitude(whole.temperature, whole.c_b, whole.value * (1 + d)) for d in (-0.1, 0.0, 0.1)]
    one = Amplitude(whole.temperature[:1], whole.c_b[:1], whole.value[:1])  # too little for a law
    _, of_parameter, amplitude, error = fit_with_error("power", [*each, one], whole, [(0.2, 0.9)])
    assert amplitude == pytest.approx([0.1])
    assert of_parameter == pytest.approx(0.0, abs=1e-6)
    assert error == pytest.approx([0.1 * 0.1 * np.sqrt(2 * 2 / 3)])  # (K-1)/K sum of squares, K = 3
    assert np.isnan(fit_with_error("power", [one], whole, [(0.2, 0.9)])[3])


def table(**changes):
    given = {
        "law": "onset", "parameter": 0.4, "parameter_error": np.nan,
        "temperatures": np.array([0.5, 0.25]), "c_b": np.array([0.9, 0.5]),
        "amplitude": np.array([[0.02, 0.04], [0.08, 0.16]]), "amplitude_error": np.full((2, 2), 0.004),
        "share": np.array([0.5, 1.0]), "share_error": np.array([0.05, np.nan]),
        "predicted": np.array([[0.01, 0.04], [0.01, np.nan]]),
    }  # fmt: skip
    return Contrast(**{**given, **changes})


def test_factors_between_and_beyond_the_state_points_of_a_run():
    found = table()
    np.testing.assert_allclose(found.factors, [[1.0, 1.0], [4.0, np.nan]])
    assert found.factor(0.5, 0.9) == pytest.approx(1.0)
    assert found.factor(1 / 3, 0.9) == pytest.approx(2.0)  # half way in 1/T: the geometric mean
    assert found.factor(0.1, 0.99) == pytest.approx(4.0)
    assert found.factor(0.25, 0.5) == pytest.approx(4.0)  # not asked for: as at the nearest C_B there
    assert found.signal(0.25, 0.7) == pytest.approx(np.sqrt(0.08 * 0.16))
    assert found.correlation(0.7) == pytest.approx(0.75)
    assert found.error(0.5, 0.9) == pytest.approx(np.hypot(0.2, 0.1))
    assert found.error(0.5, 0.5) == pytest.approx(0.1)  # one temperature tells no error of r


def test_a_record_comes_back_from_json():
    found = table()
    again = Contrast.from_record(json.loads(json.dumps(found.as_record(), allow_nan=False)))
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_deviations_are_rescaled_about_the_mean_of_each_network():
    x = np.random.default_rng(0).random((3, 4, 50)).astype(np.float32)
    found = rescaled(x, 2.5)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), x.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found.std(axis=(1, 2)), 2.5 * x.std(axis=(1, 2)), rtol=1e-4)
    apart = found.mean(axis=2) - found.mean(axis=(1, 2))[:, None]  # structures keep what sets them apart
    np.testing.assert_allclose(apart, 2.5 * (x.mean(axis=2) - x.mean(axis=(1, 2))[:, None]), atol=1e-5)


@dataclass
class Pale:
    """Networks that see a part of what decides the propensities, and understate it."""

    scaling: object
    label: object
    metadata: dict
    parameters: dict

    def predict_corrected(self, x, temperature, c_b, checked):
        field = c_b + 0.01 * x[..., 0].astype(np.float32)
        return uncorrected(np.stack([field, field]), c_b)

    def __len__(self):
        return 2


SEEN = 0.8  # share of the amplitude that the descriptors tell


def amplitude(t, c_b):
    return 0.3 * c_b * (1 - c_b) * (1 / t - 0.8)


@pytest.fixture
def pale(tmp_path):
    """Files of 12 structures at five temperatures, and networks for them; propensities of the coldest."""
    from tglassmlp.labels import BOND_BREAKING
    from tglassmlp.local_structure.standardise import Scaling

    r = np.random.default_rng(4)
    names = ["density/type1/L0", "density/all/L1"]
    scaling = Scaling(tuple(names), (), (0.0, 0.0), (1.0, 1.0), (), 1)
    truth = {}
    for t in (0.5, 0.45, 0.4, 0.3, 0.2):
        x = r.normal(size=(12, 300, 2))
        hidden = SEEN * x[..., 0] + np.sqrt(1 - SEEN**2) * r.normal(size=x.shape[:2])
        y = np.stack([c + amplitude(t, c) * hidden for c in case.C_BS])
        truth[t] = x, y
        axes = ("structure", "particle", "column")
        arrays = {"values": Array(x, axes), "names": Array(np.array(names), ("column",))}
        arrays["positions"] = Array(r.random((12, 300, 2)), ("structure", "particle", "dimension"))
        write_arrays(tmp_path / f"descriptors/T{t:.2f}/chunk0.h5", arrays, {}, {"box_length": case.BOX})
        if t >= 0.4:
            half = y[:, :, None] + 0.05 * r.normal(size=(3, 12, 2, 300))
            arrays = {"c_b": Array(np.array(case.C_BS), ("c",)), "half": Array(half, tuple("cshp"))}
            write_arrays(tmp_path / f"labels/T{t:.2f}.h5", arrays, {}, {"temperature": t})
    kinds = {t: "x" if t >= 0.4 else "t" for t in truth}
    rows = [(t, c, kinds[t]) for t in truth for c in case.C_BS]
    write_table(tmp_path / "map.parquet", pd.DataFrame(rows, columns=["temperature", "c_b", "kind"]), {})
    return Pale(scaling, BOND_BREAKING, {"t_min": 0.4}, {}), truth, tmp_path


def test_pale_predictions_are_rescaled_to_slope_one_where_nothing_was_measured(pale, capsys):
    networks, truth, root = pale
    files = sorted(root.glob("descriptors/*/*.h5")), sorted(root.glob("labels/*.h5")), root / "map.parquet"
    run = {"structures": {"number": 12, "test_fraction": 0.25, "validation_fraction": 0.33}}
    found = calibrated(networks, *files, run, "onset").contrast
    assert found.parameter == pytest.approx(0.8, abs=3 * found.parameter_error)
    assert 0.005 < found.parameter_error < 0.3
    np.testing.assert_allclose(found.share, SEEN, atol=0.05)
    assert "law onset, 1/T_on = " in capsys.readouterr().out
    for c, y in zip(case.C_BS, truth[0.2][1], strict=True):
        p = rescaled(
            networks.predict_corrected(truth[0.2][0], 0.2, c, False).propensity, found.factor(0.2, c)
        )
        slope = np.cov(p[0].ravel(), y.ravel())[0, 1] / p[0].var()
        assert slope == pytest.approx(1.0, abs=3 * found.error(0.2, c) + 0.02)
        assert found.error(0.2, c) < 0.1
        assert found.signal(0.2, c) == pytest.approx(amplitude(0.2, c), rel=0.12)
    assert calibrated(networks, *files, run, "none") is networks


def test_networks_without_a_law_stay_as_they_are_and_say_why(pale, capsys):
    networks, _, root = pale
    table = pd.DataFrame([(0.4, 0.7, "x"), (0.2, 0.7, "t")], columns=["temperature", "c_b", "kind"])
    write_table(root / "one.parquet", table, {})
    files = sorted(root.glob("descriptors/*/*.h5")), sorted(root.glob("labels/*.h5")), root / "one.parquet"
    run = {"structures": {"number": 12, "test_fraction": 0.25, "validation_fraction": 0.33}}
    found = calibrated(networks, *files, run, "power")
    assert found.contrast is None
    assert "two temperatures" in found.metadata["no_contrast"]
    assert "keep the contrast" in capsys.readouterr().out


def test_networks_with_a_contrast_predict_with_it_and_others_as_before(tmp_path):
    networks = trimmed()
    x = np.random.default_rng(2).normal(size=(2, 30, len(networks.names))).astype(np.float32)
    plain = networks.predict_corrected(x, 0.3, 0.7, checked=False)
    assert networks.contrast is None
    bright = Networks(networks.parameters, {**networks.metadata, "contrast": table().as_record()})
    save_networks(tmp_path / "n.npz", bright)
    again = load_networks(tmp_path / "n.npz")
    factor = again.contrast.factor(0.3, 0.7)
    assert factor == pytest.approx(table().factor(0.3, 0.7)) != 1.0
    found = again.predict_corrected(x, 0.3, 0.7, checked=False)
    np.testing.assert_array_equal(found.propensity, rescaled(plain.propensity, factor))
    np.testing.assert_array_equal(found.mean, plain.mean)
    raw = networks.predict_scaled(x, 0.3, 0.7, checked=False)
    np.testing.assert_array_equal(again.predict_scaled(x, 0.3, 0.7, checked=False), raw)
    assert isinstance(found, Prediction)


def test_shipped_networks_with_a_contrast_are_those_without_it_and_a_law():
    bright, plain = load_networks("ka2d"), load_networks("laptop")
    for name, values in plain.parameters.items():
        np.testing.assert_array_equal(bright.parameters[name], values)
    assert bright.contrast.law == "onset"
    assert bright.contrast.factor(0.35, 0.7) == pytest.approx(1.0, abs=0.1)  # where dynamics was learnt
    assert bright.contrast.factor(0.18, 0.7) > 2.0  # and far below
    assert bright.residual.correlated_share(0.35, 0.7) > 0.5
    assert plain.contrast is None
