"""The door for another model: a toy is added, trained by both steps, and predicts with and without JAX."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jax.numpy as jnp
import network_case as case
import numpy as np
import pytest
from flax import nnx

from tglassmlp.network import models, training_run
from tglassmlp.network.glassmlp import GLASSMLP
from tglassmlp.network.networks import Networks, load_networks
from tglassmlp.network.prediction_run import predictions
from tglassmlp.network.protocol import Columns, Ensemble, Reads
from tglassmlp.network.run_files import TrainingFiles
from tglassmlp.network.state_features import DEFAULT_STATE_FEATURES
from tglassmlp.network.tglassmlp import TGLASSMLP
from tglassmlp.storage import read_arrays


class LinearModule(nnx.Module):
    """Output of a particle: its descriptors and the state features, each with a weight, plus a constant."""

    def __init__(self, descriptors, features, generator, mean):
        self.matrix = nnx.Param(0.01 * generator.normal(size=(1, descriptors)).astype(np.float32))
        self.state = nnx.Param(np.zeros((1, features), np.float32))
        self.bias = nnx.Param(np.full((1, 1), mean, np.float32))

    def __call__(self, descriptors, state):
        return (self.matrix[...] @ descriptors + self.state[...] @ state[:, None] + self.bias[...])[0]


@dataclass(frozen=True)
class LinearArchitecture:
    """No widths: only what every model has."""

    state_features: tuple[str, ...] = DEFAULT_STATE_FEATURES
    output: str = "deviation"
    input_limit: float | None = 4.0

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class LinearReadout:
    """A linear model of the descriptors of the particle itself, with no attention and no bottleneck."""

    name: str = "linear_readout"
    title: str = "linear readout"
    reads: Reads = Reads(lengths=(0.0,))  # noqa: RUF009
    reads_state: bool = True
    state_matrices: tuple[str, ...] = ("state",)

    def architecture(self, settings: Mapping[str, Any]) -> LinearArchitecture:
        found = LinearArchitecture(**settings)
        return LinearArchitecture(tuple(found.state_features), found.output, found.input_limit)

    def module(self, n_descriptors, architecture, generator, mean_label) -> nnx.Module:
        return LinearModule(n_descriptors, len(architecture.state_features), generator, mean_label)

    def forward(self, ensemble: Ensemble) -> Columns:
        p = ensemble.parameters
        constant = p["state"] @ ensemble.state[..., None] + p["bias"]
        return lambda columns: (p["matrix"] @ columns + constant)[:, 0]


@pytest.fixture
def linear(monkeypatch):
    model = LinearReadout()
    monkeypatch.delitem(models.MODELS, model.name, raising=False)  # and it is gone after the test
    models.register(model)
    return model


def test_a_toy_model_is_trained_by_both_steps_and_predicts(linear, tmp_path):
    run = {**case.write_run(tmp_path), "model": linear.name, "network": {}}
    short = {"phase1": [{"epochs": 60, "rate": 1e-2}], "phase2": [{"epochs": 1, "rate": 1e-4}]}
    run["training"] |= {
        **short,
        "rate_decay": "cosine",
        "networks": 2,
        "equi_time_tolerance": 0.5,
        "full_tolerance": 0.5,
    }
    run["training"]["equi_time_blind"] = 0.5
    descriptors = sorted(tmp_path.glob("descriptors/T*/*.h5"))
    label_map = tmp_path / "map.parquet"
    files = TrainingFiles(
        descriptors, sorted(tmp_path.glob("labels/*.h5")), label_map, tmp_path / "scaling.json"
    )
    ensembles = [tmp_path / f"cb{c:.2f}.npz" for c in case.C_BS]
    for c_b, path in zip(case.C_BS, ensembles, strict=True):
        training_run.equi_time_networks(path, path.with_suffix(".parquet"), files, 0.4, c_b, run, minimum=2)
    first = load_networks(ensembles[0])
    seen, blind = first.parameters["state"][:, 0]
    of_temperature = np.array(["T" in name for name in DEFAULT_STATE_FEATURES])
    assert np.all(seen[of_temperature] != 0)
    assert np.all(blind[of_temperature] == 0), "the blind network is not told the temperature"
    training_run.extrapolated_labels(
        tmp_path / "extrapolated.h5", tmp_path / "extrapolated.parquet", ensembles, descriptors, label_map,
        0.4, run,
    )  # fmt: skip
    training_run.full_networks(
        tmp_path / "full.npz", tmp_path / "full.parquet", tmp_path / "history.parquet", files,
        tmp_path / "extrapolated.h5", 0.4, 0.35, run,
    )  # fmt: skip
    cold = [path for path in descriptors if "T0.35" in str(path)]
    settings = {"iterations": 6, "tolerance": 0.005}
    predictions(tmp_path / "T0.35.h5", tmp_path / "full.npz", cold, label_map, 0.35, settings, True)

    networks = load_networks(tmp_path / "full.npz")
    assert repr(networks).startswith("<Networks: 2 linear readout of ")
    assert networks.names, "some columns are read"
    assert all(name.endswith("/L0") for name in networks.names), "descriptors of the particle itself"
    assert set(networks.scaling.dropped) == set(case.NAMES) - set(networks.names)
    found = read_arrays(tmp_path / "T0.35.h5")
    assert set(found) == {"c_b", "c_b_input", "converged", "mean_prediction", "propensity"}
    assert found["converged"].all()
    np.testing.assert_allclose(found["mean_prediction"], np.repeat(found["c_b"][:, None], 2, 1), atol=0.005)
    values = np.concatenate([read_arrays(path)["values"] for path in cold])
    columns = [case.NAMES.index(name) for name in networks.names]
    weights = np.random.default_rng(5).normal(size=case.M)[columns]  # of the made-up truth
    ideal = values[4:][..., columns] @ weights
    k = found["c_b"].tolist().index(0.5)
    mean_field = found["propensity"][k, :, 4:].mean(axis=0)
    r = np.corrcoef(mean_field.ravel(), ideal.ravel())[0, 1]
    assert r > 0.7

    # the same with JAX: descriptors softened before, C_B added behind
    scaled = networks.scaling.apply(values, case.NAMES).astype(np.float32)
    plain = networks.predict_scaled(scaled, 0.35, 0.6)
    architecture = linear.architecture(networks.metadata["architecture"])
    for network in range(2):
        module = linear.module(len(networks.names), architecture, np.random.default_rng(0), 0.0)
        for name in ("matrix", "state", "bias"):
            getattr(module, name)[...] = jnp.asarray(networks.parameters[name][network])
        state = jnp.asarray(networks.state_features(0.35, 0.6))
        softened = 4.0 * np.tanh(scaled[0].T / 4.0)
        np.testing.assert_allclose(plain[network, 0], module(softened, state) + 0.6, rtol=1e-4, atol=1e-5)


def test_networks_say_what_their_model_offers(linear):
    record = {"kind": linear.name, "architecture": {}, "state_point": case.state_point().as_record()}
    record["scaling"] = {"names": ["a/L0"], "dropped": [], "mean": [0.0], "std": [1.0], "temperatures": [],
                         "n_structures": 0}  # fmt: skip
    parameters = {"matrix": np.ones((1, 1, 1), np.float32), "state": np.zeros((1, 1, 6), np.float32),
                  "bias": np.zeros((1, 1, 1), np.float32)}  # fmt: skip
    for name, offered in (
        (linear.name, set()),
        (GLASSMLP.name, {"bottleneck"}),
        (TGLASSMLP.name, {"attention", "bottleneck"}),
    ):
        networks = Networks(parameters, {**record, "kind": name})
        assert {d for d in ("attention", "bottleneck") if networks.offers(d)} == offered
    networks = Networks(parameters, record)
    with pytest.raises(ValueError, match="linear readout networks have no attention"):
        networks.attention(0.4, 0.5)
    with pytest.raises(ValueError, match="linear readout networks have no bottleneck"):
        networks.bottleneck(np.zeros((1, 2, 1), np.float32), 0.4, 0.5)


def test_models_are_found_by_name(linear):
    assert models.named(linear.name) is linear
    assert models.named(models.DEFAULT) is TGLASSMLP
    models.register(LinearReadout())  # the same once more
    with pytest.raises(ValueError, match="another model called 'linear_readout'"):
        models.register(LinearReadout(title="another"))
    with pytest.raises(ValueError, match="no model is called 'unknown'; there are tglassmlp, glassmlp"):
        models.named("unknown")


def test_a_model_that_finds_no_descriptor_to_read_is_refused():
    from tglassmlp.local_structure.standardise import Scaling

    scaling = Scaling(("density/all/L1",), (), (0.0,), (1.0,), (), 1)
    with pytest.raises(ValueError, match=r"no descriptor has one of the lengths \(0\.0,\)"):
        Reads(lengths=(0.0,)).columns(scaling)
    assert Reads().columns(scaling) is scaling


def test_models_that_lack_a_part_are_refused():
    class Nothing:
        name = "nothing"

    with pytest.raises(TypeError, match=r"lacks title, reads, .*forward"):
        models.register(Nothing())
    with pytest.raises(TypeError, match="must be an object, found the class LinearReadout"):
        models.register(LinearReadout)
    assert "nothing" not in models.MODELS
