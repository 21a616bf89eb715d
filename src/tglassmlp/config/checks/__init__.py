"""What contradicts between the keys of a configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tglassmlp.config.checks.learning import (
    grid_problems,
    label_problems,
    range_problems,
    training_problems,
)
from tglassmlp.config.checks.liquid import (
    dynamics_time_problems,
    equilibration_problems,
    extended_check_problems,
    ladder_problems,
    large_problems,
    structure_problems,
    system_problems,
    temperature_problems,
)
from tglassmlp.config.run import Config
from tglassmlp.settings.messages import Problem, shown

__all__ = ["contradictions"]


def contradictions(c: Config) -> Iterable[Problem]:
    """Find what contradicts between keys; what is wrong with a key alone was said before."""
    if c.run in (".", "..") or re.search(r"\.\.", c.run):
        yield Problem("run", shown(c.run), "a folder name without '..'")
    yield from system_problems(c)
    yield from temperature_problems(c)
    yield from dynamics_time_problems(c)
    yield from structure_problems(c)
    yield from ladder_problems(c)
    yield from grid_problems(c)
    yield from label_problems(c)
    yield from training_problems(c)
    yield from large_problems(c)
    yield from extended_check_problems(c)
    yield from equilibration_problems(c)
    yield from range_problems(c)
