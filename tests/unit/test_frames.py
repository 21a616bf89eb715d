"""Times of frames: the published ones, rising from zero to the last step."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tglassmlp.frames import frame_steps


def test_frames_are_the_published_ones():
    steps = frame_steps(150_000_000, 1.601)
    assert steps[:16] == [0, 1, 2, 4, 6, 10, 16, 26, 43, 69, 110, 177, 283, 454, 727, 1164]
    assert len(steps) == 41
    assert steps[-1] == 150_000_000


@pytest.mark.parametrize(("temperature", "total"), [("0.23", 150_000_000), ("0.30", 2_000_000)])
def test_frames_contain_the_times_of_glassbench(glassbench, temperature, total):
    lines = (glassbench / "KA2D_results" / f"times_{temperature}.dat").read_text().split()
    ours = {step * 0.01 for step in frame_steps(total, 1.601)}
    for line in lines:
        assert min(abs(float(line) - t) / float(line) for t in ours) < 1e-4, line


@given(st.integers(1, 10**9), st.floats(1.01, 10.0))
def test_frames_rise_from_zero_to_the_last_step(total, ratio):
    steps = frame_steps(total, ratio)
    assert steps[0] == 0
    assert steps[-1] == total
    assert all(b > a for a, b in itertools.pairwise(steps))
