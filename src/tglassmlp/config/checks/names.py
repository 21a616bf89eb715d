"""Numbers that name files: temperatures and C_B have at most six decimals."""

from __future__ import annotations

from collections.abc import Iterable

from tglassmlp.settings.messages import Problem
from tglassmlp.state_point import canonical

__all__ = ["too_long_for_names"]


def too_long_for_names(values: Iterable[float], path: str) -> Iterable[Problem]:
    """Find numbers with more decimals than names of files have."""
    for k, value in enumerate(values):
        try:
            canonical(value)
        except ValueError:
            yield Problem(path.format(k), repr(value), "a number with at most six decimals (it names files)")
