"""State points are keys: what names one temperature or one C_B is the same, whatever its rounding."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from tglassmlp import state_point
from tglassmlp.state_point import (
    StatePoint,
    canonical,
    decimal_text,
    find,
    is_same,
    key,
    places,
    union,
    where,
)


def test_examples_are_true():
    assert doctest.testmod(state_point).failed == 0


@pytest.mark.parametrize("text", ["0.30", "0.231", "0.075", "2.00", "0.123456"])
def test_names_and_numbers_are_the_same_key(text):
    value = float(text)
    assert canonical(value) == text
    assert key(text) == key(value) == key(np.nextafter(value, 9.0)) == key(value + 1e-12)
    assert is_same(text, value * 3 / 3)
    assert not is_same(value, value + 1e-6)


def test_state_points_are_keys_of_mappings():
    found = {StatePoint.of(0.1 + 0.2, "0.50"): 1}
    assert found[StatePoint.of("0.30", 0.5)] == 1
    assert StatePoint.of(0.30, 0.51) not in found
    assert sorted([StatePoint.of(0.3, 0.5), StatePoint.of(0.23, 0.8)])[0].temperature == 0.23


def test_where_takes_text_and_missing_values():
    assert where(np.array(["0.30", "0.23"]), 0.3).tolist() == [True, False]
    assert where([np.nan, np.inf, 0.3], 0.1 + 0.2).tolist() == [False, False, True]
    assert find([0.3, 0.23], "0.15") is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "nan"])
def test_no_key_of_what_is_no_number(bad):
    with pytest.raises(ValueError, match="finite"):
        key(bad)
    with pytest.raises(ValueError, match="finite"):
        canonical(bad)


def test_no_name_of_seven_decimals():
    with pytest.raises(ValueError, match="at most six decimals"):
        canonical(0.1234567)


def test_text_has_two_decimals_or_as_many_as_are_needed():
    assert [decimal_text(x) for x in (0.1 + 0.2, 0.231, 0.5, 1.0)] == ["0.30", "0.231", "0.50", "1.00"]


def test_places_and_unions_go_by_the_key():
    assert places(["0.45", 0.1 + 0.2], [0.3, 0.45]) == [1, 0]
    with pytest.raises(ValueError, match=r"0\.35 is not among"):
        places([0.45, 0.3], [0.35])
    assert union([["0.30", 0.5], [0.1 + 0.2, 0.7], []]).tolist() == [0.7, 0.5, 0.3]
    assert union([]).size == 0
