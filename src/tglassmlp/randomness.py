"""Keyed random streams: the same work gets the same numbers, whatever the chunks, threads or job order.

A stream is named by what it is for (stage, temperature, structure, replica), never by when or where the
work is done. Temperatures enter by value (in millionths), not by their place in the config list, so that
adding a temperature to a run changes nothing else.
"""

from __future__ import annotations

from typing import Final

import numpy as np

__all__ = ["STAGES", "seed_sequence", "words"]

#: Number of each stage inside the spawn key. Never renumber: results would change.
STAGES: Final[dict[str, int]] = {
    "equilibrate_structures": 1,
    "isoconfigurational_dynamics": 2,
    "equilibrate_large_systems": 3,
    "large_dynamics": 4,
    "equi_time_training": 5,
    "full_training": 6,
    "baseline_training": 7,
    "bootstrap": 8,
    "studies": 9,
    "extended_dynamics": 10,
    "extend_equilibration": 11,
    "residual_fields": 20,
}


def seed_sequence(root_seed: int, stage: str, *keys: int) -> np.random.SeedSequence:
    """Seed sequence of one piece of work.

    Parameters
    ----------
    root_seed
        The run's ``seed``.
    stage
        A name in :data:`STAGES`.
    keys
        Whole numbers that name the work, e.g. temperature key, structure, replica.

    Raises
    ------
    ValueError
        For an unknown stage or a negative key.
    """
    if stage not in STAGES:
        raise ValueError(f"unknown random stage {stage!r}, known: {', '.join(STAGES)}")
    if any(int(k) != k or k < 0 for k in keys):
        raise ValueError(f"random keys must be whole numbers of at least 0, found {keys}")
    return np.random.SeedSequence(entropy=int(root_seed), spawn_key=(STAGES[stage], *map(int, keys)))


def words(sequence: np.random.SeedSequence, n: int = 4) -> np.ndarray:
    """``n`` 64-bit words to start a compiled generator with, ``[n]`` uint64."""
    return sequence.generate_state(n, dtype=np.uint64)
