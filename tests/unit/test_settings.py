"""Settings of functions: values out of range are refused where they are made, as in the configuration."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from tglassmlp import config, engines
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.limits import OutOfRange
from tglassmlp.network.architecture import Architecture
from tglassmlp.network.settings import TrainingSettings
from tglassmlp.settings import Settings, check, check_value, key_of, refuse_out_of_range
from tglassmlp.settings.ranges import Seed, Temperature
from tglassmlp.simulation.dynamics import DynamicsSettings


@dataclass(frozen=True)
class Toy:
    """Settings of a function that does not exist."""

    length: Annotated[float, Field(gt=0, le=2, description="a length")]
    count: Annotated[int, Field(ge=1, description="a number of things")] = 3
    kind: Annotated[Literal["a", "b"], Field(description="a kind")] = "a"
    weights: Annotated[Mapping[str, float] | None, Field(description="weights")] = None

    def __post_init__(self) -> None:
        refuse_out_of_range(self)


class ToySection(Settings):
    """A section with one key more, in another order."""

    kind: Literal["a"] = key_of(Toy, "kind")
    other: int = Field(1, description="of another use")
    length: float = key_of(Toy, "length")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"length": 2.5}, "length must be a number at most 2, found 2.5"),
        ({"length": 0}, "length must be a number greater than 0, found 0"),
        ({"length": float("nan")}, "length must be a finite number, found nan"),
        ({"length": "long"}, 'length must be a number, found "long"'),
        ({"length": True}, "length must be a number or name, not true/false, found true"),
        ({"length": 1.0, "count": 1.5}, "count must be a whole number, found 1.5"),
        ({"length": 1.0, "kind": "c"}, "kind must be 'a' or 'b', found \"c\""),
        ({"length": 1.0, "weights": {"x": False}}, r"weights.x must|weights must be"),
    ],
)
def test_values_out_of_range_are_refused_by_name(values, said):
    with pytest.raises(OutOfRange, match=said):
        Toy(**values)
    with pytest.raises(OutOfRange, match=said):
        check(Toy, **values)


def test_settings_keep_their_types():
    found = Toy(length=np.int64(1), count=np.int32(2), weights={"x": 1})
    assert found == Toy(1.0, 2, "a", {"x": 1.0})
    assert (type(found.length), type(found.count)) == (float, int)
    assert replace(found, length=2).length == 2.0
    with pytest.raises(OutOfRange, match="length must be a number at most 2, found 3"):
        replace(found, length=3)
    with pytest.raises(TypeError, match="length"):
        Toy()


def test_a_section_takes_keys_from_the_settings_of_functions():
    assert ToySection(length=1.0).model_dump() == {"kind": "a", "other": 1, "length": 1.0}
    schema = ToySection.model_json_schema()["properties"]
    assert list(schema) == ["kind", "other", "length"]
    assert schema["length"] == {
        "description": "a length", "exclusiveMinimum": 0, "maximum": 2, "title": "Length", "type": "number"
    }  # fmt: skip
    assert schema["kind"]["const"] == "a"
    for wrong in ({"length": 3.0}, {}, {"length": 1.0, "kind": "b"}):
        with pytest.raises(ValidationError):
            ToySection(**wrong)


def test_single_values_have_the_ranges_of_the_configuration():
    check_value("temperature", np.float64(0.3), Temperature)
    check_value("seed", 2**63 - 1, Seed)
    with pytest.raises(OutOfRange, match="temperature must be a number at most 100, found 101"):
        check_value("temperature", 101, Temperature)
    with pytest.raises(OutOfRange, match=r"seed must be a whole number, found 0\.5"):
        check_value("seed", 0.5, Seed)


#: Settings of functions and the sections that hold the same keys.
PAIRS = [
    (DynamicsSettings, config.DynamicsSettings),
    (EquilibrationSettings, config.EquilibrationSettings),
    (CheckLimits, config.EquilibrationChecks),
    (Architecture, config.NetworkSettings),
    (TrainingSettings, config.TrainingSettings),
]
#: Choices that the functions offer and the configuration does not.
MORE = {("thermostat", "none"), ("bottleneck_activation", "tanh")}
#: Keys that the configuration writes in another way or checks together with others.
OTHERWISE = ("phase1", "phase2", "t_min", "state_features", "mlp1", "mlp2", "head")

KEYS = [
    (settings, section, field.name)
    for settings, section in PAIRS
    for field in fields(settings)
    if field.name in section.model_fields and field.name not in OTHERWISE
]


def test_the_pairs_share_their_keys():
    assert {name for settings, _, name in KEYS if settings is CheckLimits} == set(
        config.EquilibrationChecks.model_fields
    )
    assert len(KEYS) >= 44


def required(section):
    """What a section cannot do without."""
    return {"t_min": [0.3]} if section is config.TrainingSettings else {}


@pytest.mark.parametrize(("settings", "section", "name"), KEYS)
@given(
    value=st.one_of(
        st.floats(-10, 200),
        st.floats(),
        st.integers(-3, 2000),
        st.sampled_from(["none", "tanh", "bussi", "plain", "double", None, True, {"1-2": 0.5}, [1.0, 2.0]]),
    )
)
@example(value="none")
@example(value="tanh")
@example(value=1e6)
def test_functions_refuse_what_the_configuration_refuses(settings, section, name, value):
    def refused(call, kind):
        try:
            call()
        except kind:
            return True
        return False

    if (name, value) in [pair for pair in MORE if pair[1] is value or pair[1] == value]:
        assert not refused(lambda: settings(**{name: value}), OutOfRange)
        assert refused(lambda: section(**{**required(section), name: value}), ValidationError)
        return
    assert refused(lambda: settings(**{name: value}), OutOfRange) == refused(
        lambda: section(**{**required(section), name: value}), ValidationError
    )
    assert section.model_fields[name].description


def test_another_engine_is_one_declaration(repository):
    """An engine that is declared can be asked for in a configuration, and stands in its schema."""
    with pytest.raises(
        config.ConfigError, match=r"engine: found .toy.; allowed: 'native', 'hoomd' or 'cuda'"
    ):
        config.load_run([], ["engine=toy"], repository=repository)
    engines.register(engines.Engine("toy", "a toy", engines.Capabilities({"cpu": 1.0}, True)))
    try:
        assert config.load_run([], ["engine=toy"], repository=repository).engine == "toy"
        assert config.schema()["properties"]["engine"]["enum"] == ["native", "hoomd", "cuda", "toy"]
        with pytest.raises(config.ConfigError, match="allowed: 'native', 'hoomd', 'cuda' or 'toy'"):
            config.load_run([], ["engine=other"], repository=repository)
    finally:
        engines.unregister("toy")
    assert config.schema()["properties"]["engine"]["enum"] == ["native", "hoomd", "cuda"]


def test_the_configuration_needs_no_compiler():
    """It takes keys from settings of all rooms, whose modules must stay light."""
    heavy = "('numba', 'jax', 'flax', 'pandas', 'scipy', 'gsd', 'h5py')"
    code = f"import sys, tglassmlp.config; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
