"""Sizes of the benchmarks: those of the tables, or toys that only show that everything runs (BENCH=quick)."""

from __future__ import annotations

import os
from typing import TypeVar

from tglassmlp import KA2D

T = TypeVar("T")

QUICK = os.environ.get("BENCH") == "quick"


def sized(full: T, quick: T) -> T:
    """Return the size of a benchmark."""
    return quick if QUICK else full


#: 1290 particles; 129 of a toy.
MIXTURE = KA2D.scaled(10) if QUICK else KA2D
