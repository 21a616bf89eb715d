"""Times of the frames of a trajectory, evenly spaced in the logarithm of time, in integration steps."""

from __future__ import annotations

import math

__all__ = ["extension_steps", "frame_steps"]


def frame_steps(total_steps: int, ratio: float) -> list[int]:
    """List the steps at which frames are kept: 0 and the whole parts of ``total^(k/n)``, k = 0..n, once each.

    ``n`` is the largest number of intervals whose ratio is at least ``ratio``. With 1.601 this gives the
    published 41 frames (0, 1, 2, 4, 6, 10, 16, 26, 43, 69, ...) for 1.5e8 steps.

    Raises
    ------
    ValueError
        If there is no step or the ratio is not above 1.
    """
    if total_steps < 1 or not ratio > 1:
        raise ValueError(f"total_steps >= 1 and ratio > 1 are needed, found {total_steps} and {ratio}")
    intervals = max(1, math.floor(math.log(total_steps) / math.log(ratio) + 1e-9)) if total_steps > 1 else 1
    # the small offset keeps exact powers (2e6^(30/30)) from falling below their whole number
    steps = {math.floor(total_steps ** (k / intervals) * (1 + 1e-12)) for k in range(intervals + 1)}
    return sorted({0, *steps, total_steps})


def extension_steps(done: int, last: int, ratio: float) -> list[int]:
    """List the steps of the frames after ``done``, evenly spaced in the logarithm of time, up to ``last``.

    The ratio of successive times is as near to ``ratio`` as the ends allow.

    Raises
    ------
    ValueError
        Unless 0 < done < last and the ratio is above 1.
    """
    if not 0 < done < last or not ratio > 1:
        raise ValueError(f"0 < done < last and ratio > 1 are needed, found {done}, {last} and {ratio}")
    intervals = max(1, round(math.log(last / done) / math.log(ratio)))
    found = (round(done * (last / done) ** (k / intervals)) for k in range(1, intervals + 1))
    return sorted({max(done + 1, step) for step in found})
