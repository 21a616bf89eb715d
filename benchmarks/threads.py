"""What a second core gives, in a way that a busy machine disturbs little.

Runs on one and on two threads alternate; of each the fastest of several counts, since other work can only
slow a run down. Each row states the load of the machine while it was measured and the share of the two
cores that the fastest run got: below 0.95 the machine was not free, and the ratio is a lower bound.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from benchmarks.molecular_dynamics import COLD, equilibrated
from benchmarks.scale import MIXTURE, sized

from tglassmlp.simulation.native.stepper import ReplicaStepper, advance_together

REPEATS = sized(7, 1)
SECONDS = sized(1.5, 0.01)


def measured(name: str, work: float, run: Callable[[int], Any]) -> dict[str, Any]:
    """Row of the ratio of the fastest runs; ``work`` is the million particle-steps of one run."""
    times: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    loads = []
    for _ in range(REPEATS):
        for threads in (1, 2):
            began, spent = time.perf_counter(), time.process_time()
            run(threads)
            wall, busy = time.perf_counter() - began, time.process_time() - spent
            times[threads].append((wall, busy / wall / threads))
        loads.append(os.getloadavg()[0])
    (one, free_one), (two, free_two) = min(times[1]), min(times[2])
    note = f"load {np.median(loads):.1f}, cores got {free_one:.2f} and {free_two:.2f}"
    return {
        "name": f"{name} ({note})",
        "value": work / two,
        "unit": "M particle-steps/s",
        "cores": 2,
        "peer": "one core",
        "peer_value": work / one,
        "ratio": one / two,
    }


def groups(structures: int, replicas: int, tiles: int) -> tuple[float, Callable[[int], None]]:
    """Lane groups that are moved on by a number of threads, and the work of one call."""
    c = equilibrated(COLD, 1000)
    c = c.tiled(tiles) if tiles > 1 else c
    runs = [ReplicaStepper(c, COLD, replicas, seed, threads=2 // structures) for seed in range(structures)]
    assert sum(len(run.groups) for run in runs) == 2
    steps = max(10, round(SECONDS * 1e8 / (structures * replicas * c.n_particles) / 10) * 10)

    def advance(threads: int) -> None:
        advance_together(runs, steps, threads)

    advance(2)
    return structures * replicas * c.n_particles * steps / 1e6, advance


def rows() -> Iterator[dict[str, Any]]:
    yield measured("two structures of 16 replicas", *groups(2, 16, 1))
    tiles = sized(8, 2)
    yield measured(
        f"one system of {sum(MIXTURE.composition) * tiles**2} particles, two groups of 8 replicas",
        *groups(1, 16, tiles),
    )
