"""The label that a configuration asks for: a declared one is allowed, another is refused with a list."""

import pytest
import yaml

from tglassmlp import labels
from tglassmlp.config import ConfigError, load


@pytest.fixture
def smoke(repository):
    return yaml.safe_load((repository / "config" / "smoke.yaml").read_text())


def chosen(config, label, output="propensity"):
    config["propensity"]["label"] = label
    config["network"]["output"] = output
    return load(config).propensity.label


def test_label_that_nobody_declares(smoke):
    assert chosen(smoke, "bond_breaking", "deviation") == "bond_breaking"
    with pytest.raises(ConfigError, match=r'propensity\.label: found "magic"; allowed: one of bond_breaking'):
        chosen(smoke, "magic")


def test_declared_label_is_allowed_but_not_as_a_deviation_from_c_b(smoke):
    labels.register(labels.Label("toy", "toy", 0.0, 5.0, "rises", "nowhere:nothing"))
    try:
        assert chosen(smoke, "toy") == "toy"
        with pytest.raises(ConfigError, match=r"network\.output: found deviation; allowed: propensity"):
            chosen(smoke, "toy", "deviation")
    finally:
        labels.unregister("toy")
