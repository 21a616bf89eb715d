"""Networks at work: file, prediction, mean correction, selection, and the stages from files to files."""

import dataclasses
import json
import subprocess
import sys
import warnings

import jax.numpy as jnp
import network_case as case
import numpy as np
import pytest
from flax import nnx

from tglassmlp import KA2D, CoarseGraining, Configuration, Descriptors, Mixture, PredictionWarning, storage
from tglassmlp.network import baselines, library, linear, publish, selection, training_run
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.domain import check_state_point
from tglassmlp.network.flax_modules import GlassMLP, TGlassMLP
from tglassmlp.network.layout import Layout
from tglassmlp.network.networks import Networks, load_networks, save_networks
from tglassmlp.network.prediction_run import predictions
from tglassmlp.network.run_files import TrainingFiles, divided
from tglassmlp.network.settings import Execution
from tglassmlp.storage import read_arrays, read_attributes, read_json, read_npz, read_table


def ensemble(n=3, architecture=None, kind=TGlassMLP, seed=0):
    """Untrained networks with a scaling, as :class:`Networks` and as JAX models."""
    a = architecture or Architecture()
    models = [kind(case.M, a, np.random.default_rng([seed, k]), 0.5) for k in range(n)]
    shape = Layout.of(models[0])
    parameters = shape.named(np.stack([shape.ravel(m) for m in models]))
    r = np.random.default_rng(7)
    record = {
        "kind": "tglassmlp" if kind is TGlassMLP else "glassmlp",
        "architecture": a.as_record(),
        "scaling": {
            "names": case.NAMES[1:], "dropped": case.NAMES[:1], "mean": r.normal(size=case.M - 1).tolist(),
            "std": (1 + r.random(case.M - 1)).tolist(), "temperatures": [], "n_structures": 1,
        },
        "state_point": case.state_point().as_record(),
        "descriptors": {"lengths": [0.0, 1.0], "cutoff": 4.0, "central_species": 1, "mixture": "KA2D"},
    }  # fmt: skip
    return Networks(parameters, record), models


def scaled(structures=2, particles=30, m=case.M - 1, seed=1):
    return np.random.default_rng(seed).normal(size=(structures, particles, m)).astype(np.float32)


def trimmed(architecture=None, kind=TGlassMLP, seed=0):
    """The same with M - 1 descriptors, as the scaling's names."""
    networks, _ = ensemble(architecture=architecture, kind=kind, seed=seed)
    cut = {
        "attention_matrix": np.s_[:, 1:],
        "bottleneck/matrix": np.s_[:, :, 1:],
        "attention_bias": np.s_[:, 1:],
    }
    return Networks(
        {k: v[cut[k]] if k in cut else v for k, v in networks.parameters.items()}, networks.metadata
    )


def made(values, names=case.NAMES, species=None, **settings):
    """Descriptors as from a structure of the mixture that the networks learnt; settings may be changed."""
    usual = {
        "lengths": (0.0, 1.0), "cutoff": 4.0, "mixture": KA2D, "box_length": KA2D.box_length,
        "counts": KA2D.composition, "largest_force": 1e-7,
    }  # fmt: skip
    of = np.ones(len(values), int) if species is None else species
    return Descriptors(values, names, CoarseGraining(**{**usual, **settings}), of)


def said(call):
    """Texts of the warnings that a call gives."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        call()
    assert all(w.category is PredictionWarning for w in record)
    assert all(w.filename == __file__ for w in record), "a warning must point at the caller"
    return [str(w.message) for w in record]


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        (Architecture(), TGlassMLP),
        (Architecture(attention_bias=True, attention_scale=False, bottleneck_activation="tanh"), TGlassMLP),
        (Architecture(mlp1=(2,), mlp2=(3,), head=(4,), bottleneck=3), TGlassMLP),
        (Architecture(attention=False), TGlassMLP),
        (Architecture(input_limit=1.5), TGlassMLP),
        (Architecture(), GlassMLP),
    ],
)
def test_numpy_prediction_is_the_jax_model(architecture, kind):
    networks, models = ensemble(architecture=architecture, kind=kind)
    names = [f"d/{k}/L0" for k in range(case.M)]
    networks.metadata["scaling"].update(names=names, dropped=[], mean=[0.0] * case.M, std=[1.0] * case.M)
    x, (t, c) = scaled(m=case.M), (0.35, 0.6)
    state = jnp.asarray(case.state_point()(t, c))
    found = networks.predict_scaled(x, t, c)
    if architecture.input_limit is not None:  # outliers are softened before they reach the model
        seen = architecture.input_limit * np.tanh(x / architecture.input_limit)
        assert np.abs(seen - x).max() > 0.5
    else:
        seen = x
    for k, model in enumerate(models):
        for s in range(2):
            np.testing.assert_allclose(
                found[k, s], model(jnp.asarray(seen[s].T), state), rtol=1e-4, atol=2e-5
            )
        if kind is TGlassMLP:
            np.testing.assert_allclose(networks.attention(t, c)[k], model.attention(state), rtol=1e-4)
            units = networks.bottleneck(x, t, c)[k, 1]
            np.testing.assert_allclose(
                units, model.encode(jnp.asarray(seen[1].T), state).T, rtol=1e-4, atol=2e-5
            )


def test_deviation_output_adds_the_c_b_told():
    plain = trimmed().predict_scaled(scaled(), 0.35, 0.6)
    shifted = trimmed(Architecture(output="deviation")).predict_scaled(scaled(), 0.35, 0.6)
    np.testing.assert_allclose(shifted, plain + 0.6, rtol=1e-5)


def test_saved_networks_predict_in_another_process_without_jax(tmp_path):
    networks = trimmed()
    file = tmp_path / "networks.npz"
    save_networks(file, networks, {"by": "test"})
    values = np.random.default_rng(2).normal(size=(11, case.M))
    values[:, 0] = 1.0
    np.save(tmp_path / "values.npy", values)
    (tmp_path / "names.json").write_text(json.dumps(case.NAMES))
    script = """
import json, sys, numpy as np
from tglassmlp import KA2D, CoarseGraining, Descriptors
from tglassmlp.network.networks import load_networks
folder = sys.argv[1]
networks = load_networks(folder + "/networks.npz")
made = CoarseGraining((0.0, 1.0), 4.0, KA2D, KA2D.box_length, KA2D.composition, 0.0)
given = Descriptors(np.load(folder + "/values.npy"), json.load(open(folder + "/names.json")), made, [1] * 11)
np.save(folder + "/found.npy", networks.predict(given, 0.35, 0.6, correct_mean=False))
assert "jax" not in sys.modules and "flax" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PredictionWarning)  # these networks were never trained
        expected = networks.predict(made(values), 0.35, 0.6, correct_mean=False)
    assert expected.shape == (3, 11)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)


def test_rows_of_other_species_are_left_out():
    networks, x = constructed(slope=[1.0] * 3, offset=[0.0] * 3), np.random.default_rng(2)
    values = x.normal(size=(6, case.M))
    found = networks.predict(made(values, species=[1, 2, 1, 1, 3, 2]), 0.35, 0.6)
    assert found.shape == (3, 3)
    own = networks.predict(made(values[[0, 2, 3]]), 0.35, 0.6)
    np.testing.assert_allclose(found, own, rtol=1e-6)
    with pytest.raises(ValueError, match="no row of the networks' central species"):
        networks.predict(made(values, species=[2] * 6), 0.35, 0.6)


@pytest.mark.parametrize("change", ["missing", "foreign", "nan"])
def test_foreign_descriptors_are_refused(change):
    values, names = np.ones((4, case.M)), list(case.NAMES)
    if change == "missing":
        values, names = values[:, :-1], names[:-1]
    elif change == "foreign":
        names[-1] = "energy/type1/L7.5"
    else:
        values[2, 5] = np.nan
    messages = {"nan": "not finite"}
    with pytest.raises(ValueError, match=messages.get(change, "not the ones the scaling was fitted to")):
        trimmed().predict(made(values, names), 0.35, 0.6)


@pytest.mark.filterwarnings("ignore::tglassmlp.network.prediction.PredictionWarning")
def test_networks_pick_their_columns_by_name():
    values = np.random.default_rng(5).normal(size=(4, case.M))
    order = np.random.default_rng(6).permutation(case.M)
    networks = trimmed()

    def predicted(columns, names):
        return networks.predict(made(columns, names), 0.35, 0.6, correct_mean=False)

    expected = predicted(values, list(case.NAMES))
    found = predicted(values[:, order], [case.NAMES[k] for k in order])
    np.testing.assert_array_equal(found, expected)
    misnamed = predicted(values[:, order], list(case.NAMES))
    assert np.abs(misnamed - expected).max() > 1e-3, "the order of the columns matters to these networks"


BINARY = Mixture("AB", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (65, 35), 9.13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cutoff": 5.0}, "cut-off of 5, the networks learnt from 4; make them with cutoff=4"),
        ({"cutoff": 4.0 + 1e-6}, "cut-off"),
        ({"lengths": (0.0, 1.0 + 1e-7)}, "lengths"),
        ({"lengths": (0.0,)}, "lengths 0, the networks learnt from 0, 1"),
        ({"mixture": BINARY}, "mixture AB, whose potential or cell radii"),
        ({"mixture": dataclasses.replace(KA2D, radii=(0.5, 0.44, 0.48))}, "potential or cell radii"),
        ({"largest_force": 50.0}, "not of an inherent structure: the largest force was 50"),
        ({"counts": (600, 360, 330)}, "shares 0.465, 0.279, 0.256"),
        ({"counts": (839, 451)}, "shares 0.650, 0.350"),
        ({"counts": (620, 310, 360)}, "shares 0.481"),
        ({"box_length": 32.5}, "number density 1.2213, and may differ by .* 1% in the density"),
        ({"counts": (6, 3, 4), "box_length": 3.3024}, r"box \(3.3024\) is shorter than the range"),
    ],
)
def test_descriptors_made_in_another_way_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        constructed([1.0] * 3, [0.0] * 3).predict(made(np.ones((4, case.M)), **change), 0.35, 0.6)


def test_settings_that_hardly_differ_are_accepted():
    networks = constructed([1.0] * 3, [0.0] * 3)
    near = {"counts": (594, 336, 360), "box_length": KA2D.box_length * 1.004, "largest_force": 0.6}
    near["mixture"] = dataclasses.replace(KA2D.scaled(10), name="ours")
    assert networks.predict(made(np.ones((4, case.M)), **near), 0.35, 0.6).shape == (3, 4)


def test_values_and_names_without_settings_are_refused():
    with pytest.raises(ValueError, match="do not say with which cut-off"):
        trimmed().predict((np.ones((4, case.M)), case.NAMES), 0.35, 0.6)
    with pytest.raises(ValueError, match="lists of structures are for predict_ensemble"):
        trimmed().predict([made(np.ones((4, case.M)))], 0.35, 0.6)


@pytest.mark.parametrize(
    ("temperature", "c_b"),
    [
        (0.0, 0.5),
        (-0.3, 0.5),
        (np.nan, 0.5),
        (np.inf, 0.5),
        (300.0, 0.5),
        (0.3, 0.0),
        (0.3, 1.0),
        (0.3, np.nan),
    ],
)
@pytest.mark.parametrize("correct_mean", [True, False])
def test_impossible_state_points_are_refused(temperature, c_b, correct_mean):
    with pytest.raises(ValueError, match=r"temperature must|C_B must"):
        constructed([1.0] * 3, [0.0] * 3).predict(made(np.ones((4, case.M))), temperature, c_b, correct_mean)


def test_a_prediction_that_misses_its_mean_says_so():
    given = made(np.ones((4, case.M)))
    stuck = constructed(slope=[1.0, 0.0, 0.0], offset=[0.0, 0.45, 0.72])
    with pytest.warns(PredictionWarning, match="2 of 3 networks is not the C_B asked for: 0.450 to 0.720"):
        stuck.predict(given, 0.35, 0.6)
    with pytest.warns(PredictionWarning, match="2 of 3 networks"):
        found = stuck.predict_ensemble([given, given], 0.35, 0.6)
    assert found.converged.tolist() == [True, False, False]
    shifted = constructed(slope=[1.0] * 3, offset=[0.06, 0.04, 0.0])
    with pytest.warns(PredictionWarning, match="1 of 3 networks is not .*0.660 instead of 0.6 after 0 mean"):
        shifted.predict(given, 0.35, 0.6, correct_mean=False)
    assert shifted.predict(given, 0.35, 0.6).mean(axis=1) == pytest.approx([0.6] * 3, abs=1e-3)


@pytest.mark.parametrize(
    ("temperature", "c_b", "message"),
    [
        (1.0, 0.6, "T = 1 lies outside 0.3 to 0.5"),
        (0.25, 0.6, "T = 0.25 lies outside"),
        (0.35, 0.96, "C_B = 0.96 lies outside 0.1 to 0.9"),
        (0.35, 0.05, "C_B = 0.05 lies outside"),
    ],
)
def test_a_state_point_far_from_those_learnt_is_reported(temperature, c_b, message):
    networks, given = constructed([1.0] * 3, [0.0] * 3), made(np.ones((4, case.M)))
    assert any(message in text for text in said(lambda: networks.predict(given, temperature, c_b)))
    assert not said(lambda: networks.predict(given, 0.3, 0.1))
    assert not said(lambda: networks.predict(given, 0.5, 0.9))


def test_propensities_outside_their_range_are_reported():
    networks = constructed([1.0] * 3, [0.0] * 3)
    steep = {k: np.array(v) for k, v in networks.parameters.items()}
    steep["bottleneck/matrix"][:, :, 0] = 2.5
    steep["mlp3/layers/0/matrix"][:, 0, 0] = 1.0  # the output is C_B + 0.4 * 2.5 times the first descriptor
    architecture = {**networks.metadata["architecture"], "bottleneck_activation": "linear"}
    wild = Networks(steep, {**networks.metadata, "architecture": architecture})
    record, values = networks.metadata["scaling"], np.zeros((41, case.M))
    values[:, 1] = record["mean"][0] + record["std"][0] * np.linspace(-1, 1, 41)
    (text,) = said(lambda: wild.predict(made(values), 0.35, 0.5))
    assert text == "39% of the propensities lie outside [0, 1], from -0.50 to 1.50"


def test_an_ensemble_keeps_the_means_of_its_structures():
    """Two structures lie 0.1 apart: corrected singly they agree, together they differ as before."""
    networks = constructed([1.0] * 3, [0.0, 0.1, -0.05])
    shifted = {k: np.array(v) for k, v in networks.parameters.items()}
    shifted["bottleneck/matrix"][:, :, 0] = 1.0
    scale = np.array(networks.metadata["scaling"]["std"])[0]
    centre = np.array(networks.metadata["scaling"]["mean"])[0]
    shifted["mlp3/layers/0/matrix"][:, 0, 0] = 1.0
    networks = Networks(shifted, networks.metadata)
    structures = []
    for level in (0.0, 0.25):  # descriptor 1, standardised: the output grows by 0.4 of it
        values = np.zeros((5, case.M))
        values[:, 1] = centre + scale * level
        structures.append(made(values))
    single = [networks.predict(s, 0.35, 0.6).mean(axis=1) for s in structures]
    np.testing.assert_allclose(single, 0.6, atol=0.005)
    found = networks.predict_ensemble(structures, 0.35, 0.6)
    assert found.propensity.shape == (3, 2, 5)
    assert found.converged.all()
    np.testing.assert_allclose(found.mean, 0.6, atol=0.005)
    np.testing.assert_allclose(np.diff(found.structure_means, axis=1)[:, 0], 0.1, atol=2e-3)
    assert len(repr(found).splitlines()) == 1


def test_ensembles_that_are_none_are_refused():
    networks, one = constructed([1.0] * 3, [0.0] * 3), made(np.ones((4, case.M)))
    with pytest.raises(ValueError, match="same number of central particles, found no structure"):
        networks.predict_ensemble([], 0.35, 0.6)
    with pytest.raises(ValueError, match="same number of central particles, found 3, 4"):
        networks.predict_ensemble([one, made(np.ones((3, case.M)))], 0.35, 0.6)
    with pytest.raises(ValueError, match="needs a list of structures"):
        networks.predict_ensemble(one, 0.35, 0.6)
    with pytest.raises(ValueError, match="tolerance must be a number at least 1e-06"):
        networks.predict_ensemble([one], 0.35, 0.6, tolerance=0.0)
    with pytest.raises(ValueError, match="at least 0"):
        networks.predict_ensemble([one], 0.35, 0.6, iterations=-1)


def test_networks_print_as_one_line():
    networks = trimmed()
    networks.metadata.update(measured=[[0.5, [0.9]], [0.4, [0.9]]])
    assert repr(networks) == (
        "<Networks: 3 tGlassMLP of 23 descriptors; learnt from dynamics at T = 0.5, 0.4; "
        "meant for T = 0.3 to 0.5, C_B = 0.5 to 0.9; mixture KA2D>"
    )
    table = networks._repr_html_()
    assert table.startswith("<table>")
    assert "KA2D" in table
    assert len(table) < 500
    empty = Networks({}, {**networks.metadata, "note": "too few temperatures"})
    assert repr(empty) == "<Networks: no tGlassMLP (too few temperatures)>"


def test_impossible_questions_are_refused():
    networks, x = trimmed(), scaled()
    with pytest.raises(ValueError, match="positive"):
        networks.predict_scaled(x, 0.0, 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        networks.predict_corrected(x, 0.3, 1.2)
    with pytest.raises(ValueError, match="shape"):
        networks.predict_scaled(x[..., :3], 0.3, 0.5)
    with pytest.raises(ValueError, match="no network"):
        Networks({}, networks.metadata).predict_scaled(x, 0.3, 0.5)
    with pytest.raises(ValueError, match="no attention"):
        trimmed(kind=GlassMLP).attention(0.3, 0.5)


def test_networks_are_chosen_by_positions_or_a_mask():
    networks = trimmed()
    networks.metadata["numbers"] = [4, 6, 9]
    for chosen, numbers in (
        ([0, 2], [4, 9]),
        ((2, 0), [9, 4]),
        (np.array([1]), [6]),
        (range(2), [4, 6]),
        ([], []),
        (np.array([True, False, True]), [4, 9]),
        ([False, True, True], [6, 9]),
        ([False] * 3, []),
    ):
        some = networks.of(chosen)
        assert some.metadata["numbers"] == numbers
        assert some.n_networks == len(numbers)
        for name, values in some.parameters.items():
            whole = networks.parameters[name]
            np.testing.assert_array_equal(
                values, whole[[networks.metadata["numbers"].index(k) for k in numbers]]
            )


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([True, False], r"a mask of networks must have shape \[3\], found \(2,\)"),
        (np.ones(4, bool), r"shape \[3\], found \(4,\)"),
        ([True, 2], "whole numbers, or a mask"),
        ([0.0, 1.0], "whole numbers, or a mask"),
        (["0"], "whole numbers, or a mask"),
        ([3], "no network at position 3, positions are 0 to 2"),
        ([-1], "no network at position -1"),
        (1, "list of positions or a mask"),
        ([[0, 1]], "list of positions or a mask"),
    ],
)
def test_what_chooses_no_networks_is_refused(positions, message):
    with pytest.raises(ValueError, match=message):
        trimmed().of(positions)


def asked(networks):
    """What networks are asked at a state point, beside ``predict``."""
    x = scaled(m=len(networks.names))
    return {
        "predict_scaled": lambda t, c: networks.predict_scaled(x, t, c),
        "predict_corrected": lambda t, c: networks.predict_corrected(x, t, c),
        "bottleneck": lambda t, c: networks.bottleneck(x, t, c),
        "attention": lambda t, c: networks.attention(t, c),
    }


@pytest.mark.parametrize("name", ["predict_scaled", "predict_corrected", "bottleneck", "attention"])
def test_every_question_has_the_guards_of_predict(name):
    ask = asked(constructed([1.0] * 3, [0.0] * 3))[name]
    for temperature, c_b in ((0.0, 0.5), (-1.0, 0.5), (101.0, 0.5), (np.nan, 0.5)):
        with pytest.raises(ValueError, match="temperature must"):
            ask(temperature, c_b)
    for c_b in (0.0, 1.0, 1.2, -0.1, np.nan):
        with pytest.raises(ValueError, match="C_B must"):
            ask(0.35, c_b)
    assert any("T = 1 lies outside 0.3 to 0.5" in text for text in said(lambda: ask(1.0, 0.6)))
    assert any("C_B = 0.96 lies outside 0.1 to 0.9" in text for text in said(lambda: ask(0.35, 0.96)))
    with pytest.warns(PredictionWarning) as seen:
        ask(1.0, 0.6)
    assert {w.filename for w in seen} == {__file__}  # it points to who has asked
    assert not said(lambda: ask(0.3, 0.1))
    assert not said(lambda: ask(0.5, 0.9))


@pytest.mark.parametrize("name", ["predict_scaled", "bottleneck", "attention"])
def test_each_network_may_be_told_its_own_c_b(name):
    networks = constructed([1.0] * 3, [0.0] * 3)
    ask = asked(networks)[name]
    each = np.array([0.2, 0.5, 0.8])
    found = ask(0.35, each)
    for k, c in enumerate(each):
        np.testing.assert_array_equal(found[k], ask(0.35, c)[k])
    with pytest.raises(ValueError, match="one for each of the 3 networks, found an array of shape"):
        ask(0.35, each[:2])
    with pytest.raises(ValueError, match=r"C_B must lie between 0 and 1, found 1\.5"):
        ask(0.35, np.array([0.2, 0.5, 1.5]))
    assert len(said(lambda: ask(0.35, np.array([0.04, 0.5, 0.96])))) == 2
    with pytest.raises(ValueError, match="no network"):
        asked(Networks({}, networks.metadata))[name](0.35, 0.5)


def test_a_configuration_of_another_mixture_is_refused():
    hot = dataclasses.replace(
        KA2D, name="hot", epsilon=tuple(tuple(3.0 * e for e in row) for row in KA2D.epsilon)
    )
    r = np.random.default_rng(0)
    c = Configuration(r.uniform(0, KA2D.box_length, (1290, 2)), KA2D.species(), KA2D.box_length, hot)
    networks = trimmed()
    for ask in (networks.predict, lambda c, *state: networks.predict_ensemble([c], *state)):
        with pytest.raises(ValueError, match=r"is of the mixture hot, these networks learnt KA2D.*epsilon"):
            ask(c, 0.35, 0.6)


def test_damaged_files_are_refused(tmp_path):
    file = tmp_path / "n.npz"
    save_networks(file, trimmed())
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(ValueError, match="truncated or damaged"):
        load_networks(file)
    with pytest.raises(FileNotFoundError):
        load_networks(tmp_path / "none.npz")


def constructed(slope, offset):
    """Networks whose mean prediction is slope * c + offset, whatever the structure."""
    networks = trimmed(Architecture(state_features=("c_b",), mlp1=(1,), mlp2=(1,), head=(1,), bottleneck=1))
    sp = case.StateFeatures.from_ranges(("c_b",), [0.5, 0.3], [0.9, 0.1])
    p = {k: np.zeros_like(v) for k, v in networks.parameters.items()}
    p["mlp2/layers/0/matrix"] = np.ones((3, 1, 1), np.float32)  # code = (c - 0.5) / 0.4
    p["mlp3/layers/0/matrix"] = np.tile(np.array([0.0, 1.0], np.float32), (3, 1, 1))
    p["mlp3/layers/0/bias"] = np.full((3, 1, 1), 10, np.float32)  # stay on the linear side of ELU
    p["mlp3/layers/1/matrix"] = 0.4 * np.asarray(slope, np.float32).reshape(3, 1, 1)
    bias = np.asarray(offset) + 0.5 * np.asarray(slope) - 4 * np.asarray(slope)
    p["mlp3/layers/1/bias"] = bias.astype(np.float32).reshape(3, 1, 1)
    return Networks(p, {**networks.metadata, "state_point": sp.as_record()})


def test_mean_correction_converges_to_the_c_b_asked_for():
    networks = constructed(slope=[1.0, 0.8, 1.1], offset=[0.0, 0.05, -0.04])
    np.testing.assert_allclose(
        networks.predict_scaled(scaled(), 0.4, 0.6).mean(axis=(1, 2)), [0.6, 0.53, 0.62], atol=1e-5
    )
    found = networks.predict_corrected(scaled(), 0.4, 0.6, iterations=6, tolerance=1e-3)
    assert found.converged.all()
    np.testing.assert_allclose(found.mean, 0.6, atol=1e-3)
    np.testing.assert_allclose(found.c_b_input, [0.6, 0.55 / 0.8, 0.64 / 1.1], atol=2e-3)
    assert found.propensity.mean(axis=(1, 2)) == pytest.approx(found.mean, abs=1e-6)
    assert found.iterations <= 6


def test_a_network_that_cannot_be_corrected_says_so_and_keeps_its_best_input():
    networks = constructed(slope=[1.0, 3.5, 0.0], offset=[0.0, -1.4, 0.2])
    found = networks.predict_corrected(scaled(), 0.4, 0.6, iterations=6, tolerance=1e-3)
    assert found.converged.tolist() == [True, False, False]
    first = networks.predict_scaled(scaled(), 0.4, 0.6).mean(axis=(1, 2))
    assert np.all(np.abs(found.mean - 0.6) <= np.abs(first - 0.6) + 1e-6)
    none = networks.predict_corrected(scaled(), 0.4, 0.6, iterations=0)
    np.testing.assert_allclose(none.c_b_input, 0.6)


def test_selection_keeps_the_consistent_networks():
    networks = constructed(slope=[1.0, 0.9, 1.0], offset=[0.01, 0.0, -0.2])
    labels, table = selection.extrapolate(networks, {0.35: scaled()}, 0.5, 0.05)
    assert table["kept"].tolist() == [True, False, False]  # 0.45 is 0.05 away: not closer than the tolerance
    np.testing.assert_allclose(labels[0.35], networks.of([0]).predict_scaled(scaled(), 0.35, 0.5)[0])
    labels, table = selection.extrapolate(networks, {0.35: scaled()}, 0.5, 0.06)
    assert table["kept"].tolist() == [True, True, False]
    assert labels[0.35].mean() == pytest.approx((0.51 + 0.45) / 2, abs=1e-5)
    kept, rows = selection.select_full(networks, scaled(), 0.35, [0.9, 0.5], 0.06)
    assert kept == [0]  # the second is 0.09 off at C_B = 0.9
    assert rows[rows["network"] == 1]["deviation"].tolist() == pytest.approx([0.09, 0.05], abs=1e-5)


def test_no_network_kept_is_an_error_with_the_numbers():
    networks = constructed(slope=[1.0] * 3, offset=[0.21, 0.31, -0.2])
    with pytest.raises(selection.SelectionError, match=r"0\.710, 0\.810, 0\.300.*equi_time_tolerance"):
        selection.extrapolate(networks, {0.35: scaled()}, 0.5, 0.05)
    with pytest.raises(selection.SelectionError, match=r"0\.210, 0\.310, 0\.200.*full_tolerance"):
        selection.select_full(networks, scaled(), 0.35, [0.9, 0.5], 0.05)


def test_kept_networks_are_the_ones_loaded(tmp_path):
    networks = trimmed()
    record = {**networks.metadata, "kept": [2, 0]}
    save_networks(tmp_path / "n.npz", Networks(networks.parameters, record))
    found = load_networks(tmp_path / "n.npz")
    assert found.metadata["numbers"] == [2, 0]
    np.testing.assert_array_equal(
        found.parameters["bottleneck/bias"][0], networks.parameters["bottleneck/bias"][2]
    )
    assert load_networks(tmp_path / "n.npz", only_kept=False).n_networks == 3


def test_networks_of_the_package_are_found_by_name(tmp_path, monkeypatch):
    import pandas as pd

    networks, _ = ensemble()
    networks.metadata.update(t_min=0.4, kept=[1], measured=[[0.5, [0.9, 0.5]]], extrapolated=[[0.3, [0.9]]])
    networks.metadata["descriptors"].update(lengths=[0.0, 1.0], mixture="KA2D")
    save_networks(tmp_path / "run.npz", networks, {"commit": "abc", "seed": 7})
    rows = [("tglassmlp", 0.4, 0.5, 0.61), ("ridge", np.nan, 0.5, 0.6), ("tglassmlp", 0.5, 0.5, 0.1)]
    table = pd.DataFrame(rows, columns=["method", "t_min", "temperature", "value_mean_field"])
    storage.write_table(tmp_path / "pearson.parquet", table.assign(c_b=0.9, value=0.5, n_structures=3), {})
    monkeypatch.setattr(library, "FOLDER", tmp_path / "package")
    with pytest.raises(FileNotFoundError, match="'mine' come with the package; available: none"):
        load_networks("mine")
    target = publish.publish(tmp_path / "run.npz", "mine", tmp_path, library.FOLDER)
    found = load_networks("mine")
    assert library.names() == ["mine"]
    assert found.n_networks == 1
    kept = load_networks(tmp_path / "run.npz")
    np.testing.assert_array_equal(found.parameters["bottleneck/matrix"], kept.parameters["bottleneck/matrix"])
    card = target.with_suffix(".md").read_text()
    assert "T = 0.5 (C_B 0.9, 0.5)" in card
    assert "| 0.5 | yes | 0.610 | 0.600 |" in card  # of this t_min, not of the other one
    assert "seed 7" in card
    with pytest.raises(FileNotFoundError, match="available: mine"):
        load_networks("yours")
    with pytest.raises(ValueError, match="letters"):
        publish.publish(tmp_path / "run.npz", "../mine")


def test_ridge_is_the_solution_of_its_equation_and_chooses_by_validation():
    r = np.random.default_rng(0)
    x, b = r.normal(size=(60, 4)) + 3, np.array([0.5, -1.0, 0.0, 2.0])
    y = x @ b + 0.7 + 0.1 * r.normal(size=60)
    fit = linear.fit_ridge(x, y, [3.0])
    centred = x - x.mean(axis=0)
    residual = centred.T @ (y - fit.predict(x)) - 3.0 * fit.coefficients
    np.testing.assert_allclose(residual, 0, atol=1e-9)
    assert (y - fit.predict(x)).mean() == pytest.approx(0, abs=1e-12)
    held = r.normal(size=(50, 4)) + 3
    assert linear.fit_ridge(x, y, [1e6, 1.0], (held, held @ b)).penalty == 1.0
    with pytest.raises(ValueError, match="positive"):
        linear.fit_ridge(x, y, [0.0])


def test_best_single_descriptor_is_found_with_its_sign():
    r = np.random.default_rng(0)
    x = r.normal(size=(200, case.M))
    k = case.NAMES.index("energy/type2/L1")
    assert linear.best_descriptor(x, -x[:, k], case.NAMES, "energy") == (k, -1.0)
    with pytest.raises(ValueError, match="angle"):
        linear.best_descriptor(x, x[:, k], case.NAMES, "angle")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Both steps, predictions and baselines of a made-up run, from files to files."""
    root = tmp_path_factory.mktemp("run") / "R"
    run = case.write_run(root)
    temperatures, cold = ["0.50", "0.45", "0.40"], "0.35"
    files = {t: [root / f"descriptors/T{t}/chunk{c}.h5" for c in (0, 1)] for t in (*temperatures, cold)}
    everything = [f for fs in files.values() for f in fs]
    labels = [root / f"labels/T{t}.h5" for t in temperatures]
    maps, scaling = root / "map.parquet", root / "scaling.json"
    learnt, how = TrainingFiles(everything, labels, maps, scaling), Execution(checkpoint=root / "state.npz")
    for c in case.C_BS:
        training_run.equi_time_networks(
            root / f"equi/cb{c:.2f}.npz", root / f"equi/cb{c:.2f}.history.parquet", learnt, 0.4, c, run,
            minimum=2, execution=how,
        )  # fmt: skip
    training_run.extrapolated_labels(
        root / "extrapolated.h5", root / "extrapolated.parquet",
        [root / f"equi/cb{c:.2f}.npz" for c in case.C_BS], everything, maps, 0.4, run,
    )  # fmt: skip
    training_run.full_networks(
        root / "full.npz", root / "full.parquet", root / "full.history.parquet", learnt,
        root / "extrapolated.h5", 0.4, 0.35, run, how,
    )  # fmt: skip
    settings = {"iterations": 6, "tolerance": 0.005}
    predictions(
        root / f"predictions/T{cold}.h5", root / "full.npz", files[cold], maps, 0.35, settings, True, [4, 5]
    )
    baselines.glassmlp_networks(
        root / "baselines/T0.40.npz", root / "baselines/T0.40.history.parquet", files["0.40"], labels[2],
        scaling, 0.4, run, networks=2, execution=Execution(checkpoint=root / "state"),
    )  # fmt: skip
    baselines.linear_baselines(root / "linear.npz", learnt, run, 1.0)
    for t, own in (("0.40", root / "baselines/T0.40.npz"), (cold, None)):
        baselines.baseline_predictions(
            root / f"baseline_predictions/T{t}.h5", files[t], [root / "linear.npz"],
            root / "baselines/T0.40.npz", own, float(t), [0.99, *case.C_BS],
        )  # fmt: skip
    return root, run


def test_two_steps_learn_and_transfer(finished):
    root, _ = finished
    arrays = read_arrays(root / "predictions/T0.35.h5")
    kept = len(load_networks(root / "full.npz"))
    assert arrays["propensity"].shape == (3, kept, 8, 40)
    assert arrays["attention"].sum(axis=-1) == pytest.approx(np.ones((3, kept)), abs=1e-5)
    assert arrays["bottleneck"].shape == (3, 8, 40, 2)
    asked = np.repeat(arrays["c_b"][:, None], kept, axis=1)
    assert np.all(np.abs(arrays["mean_prediction"] - asked)[arrays["converged"]] <= 0.005)
    # the made-up truth at a temperature nobody trained on
    x = np.concatenate([read_arrays(root / f"descriptors/T0.35/chunk{c}.h5")["values"] for c in (0, 1)])
    truth = case.propensity((x - 7) / 3, 0.35, 0.5, np.random.default_rng(0), noise=0.0)
    mean_field = arrays["propensity"][-1].mean(axis=0)
    assert np.corrcoef(mean_field[4:].ravel(), truth[4:].ravel())[0, 1] > 0.8
    assert read_attributes(root / "predictions/T0.35.h5")["test"] == [4, 5]
    history = read_table(root / "full.history.parquet", ["loss", "pearson", "validation_pearson", "t_min"])
    assert history["epoch"].max() == 65
    assert not list(root.glob("state*"))  # checkpoints are gone once the results are safe


def test_extrapolated_labels_are_means_of_the_kept_networks(finished):
    root, _ = finished
    arrays = read_arrays(root / "extrapolated.h5", ["T0.35/c_b", "T0.35/propensity"])
    kept = read_attributes(root / "extrapolated.h5")["kept"]["T0.35/0.50"]
    k = int(np.flatnonzero(arrays["T0.35/c_b"] == 0.5)[0])
    networks = load_networks(root / "equi/cb0.50.npz")
    values = [read_arrays(root / f"descriptors/T0.35/chunk{c}.h5")["values"] for c in (0, 1)]
    x = networks.scaling.apply(np.concatenate(values)[:4], case.NAMES).astype(np.float32)  # the training half
    expected = networks.of(kept).predict_scaled(x, 0.35, 0.5).mean(axis=0)
    np.testing.assert_allclose(arrays["T0.35/propensity"][k], expected, rtol=1e-5)


def test_seeds_are_keyed_by_the_work(finished, tmp_path):
    root, run = finished
    everything = [root / f"descriptors/T{t}/chunk{c}.h5" for t in ("0.50", "0.45", "0.40") for c in (0, 1)]
    labels = [root / f"labels/T{t}.h5" for t in ("0.40", "0.45", "0.50")]  # another order of files
    files = TrainingFiles(everything, labels, root / "map.parquet", root / "scaling.json")
    training_run.equi_time_networks(
        tmp_path / "again.npz", tmp_path / "h.parquet", files, 0.4, 0.5, run, minimum=2
    )
    a, b = read_npz(root / "equi/cb0.50.npz")[0], read_npz(tmp_path / "again.npz")[0]
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_extra_structures_are_learnt_and_others_keep_their_part(tmp_path, monkeypatch):
    run = case.write_run(tmp_path, extra={0.5: 4, 0.35: 2})
    shown = {}

    def note(run, sets, key, *rest):
        shown[key[0]] = [{} if not s else _shown(s) for s in sets]
        raise KeyboardInterrupt

    def _shown(parts):
        return {float(p.temperature[0]): len(p.descriptors) for p in parts}

    monkeypatch.setattr(training_run, "train_networks", note)
    descriptors = sorted((tmp_path / "descriptors").glob("*/*.h5"))
    labels = sorted((tmp_path / "labels").glob("*.h5"))
    files = TrainingFiles(descriptors, labels, tmp_path / "map.parquet", tmp_path / "scaling.json")
    with pytest.raises(KeyboardInterrupt):
        training_run.equi_time_networks(tmp_path / "n.npz", tmp_path / "h.parquet", files, 0.4, 0.5, run, 2)
    assert shown["equi_time_training"] == [{0.5: 7, 0.45: 3, 0.4: 3}, {0.5: 1, 0.45: 1, 0.4: 1}]
    arrays = {
        "T0.35/c_b": storage.Array(np.array(case.C_BS), ("c_b",)),
        "T0.35/propensity": storage.Array(np.full((3, 6, 40), 0.5), ("c_b", "structure", "particle")),
    }
    storage.write_arrays(tmp_path / "x.h5", arrays, {}, {})
    with pytest.raises(KeyboardInterrupt):
        training_run.full_networks(
            tmp_path / "n.npz", tmp_path / "t.parquet", tmp_path / "h.parquet", files, tmp_path / "x.h5",
            0.4, 0.35, run,
        )  # fmt: skip
    learnt, validation = shown["full_training"]
    assert learnt == {0.5: 7, 0.45: 3, 0.4: 3, 0.35: 5}
    assert validation == {0.5: 1, 0.45: 1, 0.4: 1, 0.35: 1}
    limited = {**run, "structures": {**run["structures"], "training": 2}}
    assert divided(limited, 12).train == [0, 1], "a study of fewer structures takes none of the extra ones"


def test_both_steps_stream_what_memory_does_not_hold(finished, tmp_path, capsys):
    root, run = finished
    everything = [
        root / f"descriptors/T{t}/chunk{c}.h5" for t in ("0.50", "0.45", "0.40", "0.35") for c in (0, 1)
    ]
    labels = [root / f"labels/T{t}.h5" for t in ("0.50", "0.45", "0.40")]
    files = TrainingFiles(everything, labels, root / "map.parquet", root / "scaling.json")
    how = Execution(checkpoint=tmp_path / "state.npz", memory=50e3)
    training_run.equi_time_networks(
        tmp_path / "equi.npz", tmp_path / "h.parquet", files, 0.4, 0.5, run, minimum=2, execution=how
    )
    training_run.full_networks(
        tmp_path / "full.npz", tmp_path / "full.parquet", tmp_path / "h.parquet", files,
        root / "extrapolated.h5", 0.4, 0.35, run, how,
    )  # fmt: skip
    assert capsys.readouterr().out.count("streamed from disk") == 2
    for name, made in (("equi/cb0.50.npz", "equi.npz"), ("full.npz", "full.npz")):
        a, b = read_npz(root / name)[0], read_npz(tmp_path / made)[0]
        for key in a:
            np.testing.assert_allclose(a[key], b[key], rtol=1e-4, atol=1e-5)
    # nothing of it stays
    assert {p.stem for p in tmp_path.iterdir()} == {"equi", "full", "h"}


def test_networks_that_come_with_the_package_load_and_have_a_card():
    assert "demo" in library.names()
    for name in library.names():
        networks = load_networks(name)
        assert networks.n_networks >= 1
        assert networks.metadata["descriptors"]["mixture"]["name"] == "KA2D"
        card = (library.FOLDER / f"{name}.md").read_text()
        assert f'tg.load_networks("{name}")' in card
        assert f"{networks.n_networks} of " in card


def test_too_few_temperatures_make_an_empty_file_not_a_failure(finished, tmp_path):
    root, run = finished
    files = TrainingFiles([], [], root / "map.parquet", root / "scaling.json")
    training_run.equi_time_networks(
        tmp_path / "none.npz", tmp_path / "h.parquet", files, 0.4, 0.5, run, minimum=4
    )
    found = load_networks(tmp_path / "none.npz")
    assert len(found) == 0
    assert "3 measured temperatures" in found.metadata["note"]
    assert len(read_table(tmp_path / "h.parquet", ["loss", "t_min"])) == 0


def test_baselines_predict_where_they_were_trained(finished):
    root, _ = finished
    warm, cold = (read_arrays(root / f"baseline_predictions/T{t}.h5", finite=False) for t in ("0.40", "0.35"))
    assert warm["glassmlp"].shape == (4, 2, 8, 40)
    assert "glassmlp" not in cold
    for name in ("ridge", "density", "energy", "perimeter"):
        assert np.isnan(cold[name][0]).all()  # no labels at C_B = 0.99
        assert np.isfinite(cold[name][1:]).all()
    labels = read_arrays(root / "labels/T0.40.h5")["propensity"]
    for k, y in enumerate(labels):
        assert np.corrcoef(warm["ridge"][k + 1][4:].ravel(), y[4:].ravel())[0, 1] > 0.7
        assert np.corrcoef(warm["glassmlp"][k + 1].mean(axis=0)[4:].ravel(), y[4:].ravel())[0, 1] > 0.3
    moved = warm["glassmlp_transferred"]
    np.testing.assert_array_equal(moved[0], moved[3])
    np.testing.assert_array_equal(moved[3], warm["glassmlp"][3])  # taken from (0.40, 0.5)
    assert read_json(root / "scaling.json")["dropped"] == ["density/type1/L0"]


def test_unused_model_classes_have_the_same_head():
    # GlassMLP is tGlassMLP without attention and state: zero code and unit weights give the same numbers
    a = Architecture()
    t, g = TGlassMLP(5, a, np.random.default_rng(0)), GlassMLP(5, a, np.random.default_rng(1))
    for layer in t.mlp2.layers:
        layer.matrix[...] = jnp.zeros_like(layer.matrix[...])
    t.attention_matrix[...] = jnp.zeros((5, 2))
    g.bottleneck.matrix[...], g.bottleneck.bias[...] = t.bottleneck.matrix[...], t.bottleneck.bias[...]
    for k, layer in enumerate(g.mlp3.layers):
        source = t.mlp3.layers[k]
        layer.matrix[...] = source.matrix[...][:, :2] if k == 0 else source.matrix[...]
        layer.bias[...] = source.bias[...]
    x, s = jnp.asarray(np.random.default_rng(2).normal(size=(5, 7)), jnp.float32), jnp.ones(6)
    np.testing.assert_allclose(t(x, s), g(x, s), rtol=1e-5, atol=1e-6)
    assert isinstance(t, nnx.Module)


@pytest.mark.parametrize(
    ("temperature", "c_b", "message"),
    [
        ("0.4", 0.5, "temperature must be one number, found '0.4'"),
        (0.4, [0.5, 0.6], r"C_B must be one number, found \[0\.5, 0\.6\]"),
        (0.4, True, "C_B must be one number, found True"),
    ],
)
def test_a_state_point_is_two_numbers(temperature, c_b, message):
    with pytest.raises(TypeError, match=message):
        check_state_point(temperature, c_b)
    check_state_point(np.float32(0.4), np.float64(0.5))
