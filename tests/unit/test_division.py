"""Structures divided into training, validation and test, and into chunks: nothing lost, nothing twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tglassmlp.division import Reported, chunk_ranges, split


def test_split_takes_test_from_the_end_and_validation_from_the_end_of_the_rest():
    parts = split(8, 0.5, 0.25)
    assert (parts.train, parts.validation, parts.test) == ([0, 1, 2], [3], [4, 5, 6, 7])


def test_structures_beyond_the_common_number_are_for_training():
    parts = split(8, 0.5, 0.25)
    more = parts.with_extra(10)
    assert (more.train, more.validation, more.test) == ([0, 1, 2, 8, 9], [3], [4, 5, 6, 7])
    assert parts.with_extra(8) == parts
    with pytest.raises(ValueError, match="8 structures are divided, found 7"):
        parts.with_extra(7)


@given(st.integers(2, 400), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_split_loses_and_repeats_nothing(number, test_fraction, validation_fraction):
    try:
        parts = split(number, test_fraction, validation_fraction)
    except ValueError:
        # only very uneven shares or very few structures leave a part empty
        share = min(test_fraction, 1 - test_fraction, 1 - validation_fraction)
        assert number * share < 2 or number * (1 - test_fraction) * (1 - validation_fraction) < 2
        return
    assert parts.train + parts.validation + parts.test == list(range(number))
    assert parts.train
    assert parts.validation
    assert parts.test


@given(st.integers(1, 100), st.integers(1, 30))
def test_chunks_cover_every_structure_once(number, chunk):
    ranges = chunk_ranges(number, chunk)
    assert [k for r in ranges for k in r] == list(range(number))
    assert all(len(r) == chunk for r in ranges[:-1])


def test_reported_structures_of_a_temperature_are_those_of_the_test_and_the_predicted_ones():
    reported = Reported([5, 6], {"0.15": [8, 3]})
    assert reported.at(0.15) == [5, 6, 8, 9, 10]
    assert reported.at("0.30") == [5, 6]
    assert Reported([5, 6]).at(0.15) == [5, 6]
