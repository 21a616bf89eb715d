"""What a second core gives, in a way that a busy machine disturbs little.

Runs on one and on two threads alternate; of each the fastest of several counts, since other work can only
slow a run down. Each row states the load of the machine while it was measured and the share of the two
cores that the fastest run got: below 0.95 the machine was not free, and the ratio is a lower bound.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from benchmarks.molecular_dynamics import COLD, equilibrated

from tglassmlp.simulation import molecular_dynamics as md

REPEATS = 7
SECONDS = 1.5


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
    model = md._model(c, COLD, md.KA2D, md.DynamicsSettings())
    runs = [
        md._Run(model, np.array([0]), replicas, np.random.SeedSequence(k), None, 2 // structures)
        for k in range(structures)
    ]
    for run in runs:
        run._launch()
    parts = [(group, run.noise) for run in runs for group in run.groups]
    assert len(parts) == 2
    steps = max(10, round(SECONDS * 1e8 / (structures * replicas * c.n_particles) / 10) * 10)
    first = 0

    def advance(threads: int) -> None:
        nonlocal first
        with ThreadPoolExecutor(threads) as pool:
            for call in [pool.submit(group.advance, first, steps, noise) for group, noise in parts]:
                call.result()
        first += steps

    advance(2)
    return structures * replicas * c.n_particles * steps / 1e6, advance


def rows() -> Iterator[dict[str, Any]]:
    yield measured("two structures of 16 replicas", *groups(2, 16, 1))
    yield measured("one system of 82560 particles, two groups of 8 replicas", *groups(1, 16, 8))
