"""Keyed random streams."""

from __future__ import annotations

import numpy as np
import pytest

from tglassmlp import state_point
from tglassmlp.randomness import STAGES, seed_sequence, words


def first(*key) -> int:
    return int(words(seed_sequence(*key))[0])


def test_same_key_same_numbers():
    assert first(1, "isoconfigurational_dynamics", 300000, 4, 2) == first(
        1, "isoconfigurational_dynamics", 300000, 4, 2
    )


def test_any_part_of_the_key_changes_the_numbers():
    base = (1, "isoconfigurational_dynamics", 300000, 4, 2)
    others = [
        (2, *base[1:]),
        (1, "bootstrap", *base[2:]),
        (*base[:2], 310000, 4, 2),
        (*base[:3], 5, 2),
        (*base[:4], 3),
    ]
    assert len({first(*key) for key in [base, *others]}) == len(others) + 1


def test_numbers_never_change_between_versions():
    """A stored run can be continued by a later version only as long as these stay as they are."""
    expected = np.random.SeedSequence(entropy=7, spawn_key=(2, 500000, 0, 1)).generate_state(
        4, dtype=np.uint64
    )
    np.testing.assert_array_equal(
        words(seed_sequence(7, "isoconfigurational_dynamics", 500000, 0, 1)), expected
    )


def test_stage_numbers_are_unique():
    assert len(set(STAGES.values())) == len(STAGES)


def test_temperature_key_is_exact_for_close_values():
    assert state_point.key(0.231) == 231000
    assert state_point.key(0.1 + 0.2) == state_point.key(0.3)
    assert state_point.key(0.231) != state_point.key(0.23)


def test_unknown_stage_and_bad_keys_are_refused():
    with pytest.raises(ValueError, match="unknown random stage 'magic'"):
        seed_sequence(1, "magic")
    with pytest.raises(ValueError, match="whole numbers of at least 0"):
        seed_sequence(1, "bootstrap", -1)
    with pytest.raises(ValueError, match="whole numbers of at least 0"):
        seed_sequence(1, "bootstrap", 0.5)
