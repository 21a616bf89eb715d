"""Ranges of numbers that several groups of settings share."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

__all__ = [
    "MOST_ATTEMPTS",
    "MOST_FRAMES",
    "MOST_PARTICLES",
    "MOST_STEPS",
    "SMALLEST_WEIGHT",
    "Acceptance",
    "Count",
    "Limit",
    "Networks",
    "Positive",
    "Replicas",
    "Scale",
    "Seed",
    "Share",
    "Temperature",
    "Tolerance",
    "Weight",
    "Width",
]

#: Most steps of one trajectory and most attempts of one Monte Carlo run: both are counted in 64 bits, and
#: steps have to be whole numbers in double precision too.
MOST_STEPS: Final = 10**15
MOST_ATTEMPTS: Final = 2**62
#: Most particles of one system, and most frames of one trajectory.
MOST_PARTICLES: Final = 10**8
MOST_FRAMES: Final = 2000
#: Smallest relative weight of an exchange that is made at all.
SMALLEST_WEIGHT: Final = 1e-3

Temperature = Annotated[float, Field(gt=0, le=100)]
#: Roots of random numbers.
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[float, Field(gt=0, le=1e15)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=10**12)]
#: Lengths and energies of pairs, in units of those of the largest species.
Scale = Annotated[float, Field(ge=1e-3, le=1e3)]
Width = Annotated[int, Field(ge=1, le=4096)]
Networks = Annotated[int, Field(ge=1, le=10_000)]
Replicas = Annotated[int, Field(ge=2, le=100_000)]
Tolerance = Annotated[float, Field(ge=1e-4, lt=1)]
Limit = Annotated[float, Field(gt=0, le=1e6)]
#: Acceptance of displacements that tuning aims at.
Acceptance = Annotated[float, Field(ge=0.3, le=0.5)]
#: Relative weights.
Weight = Annotated[float, Field(ge=0, le=1)]
