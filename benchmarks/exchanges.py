"""Informed exchanges beside plain ones: processor time to the same overlap, attempts per second.

Both schemes start from the same equilibrated structures, in turn. The overlap of a structure with its start
knows species, so that it falls by exchanges too; it is normalised to 1 for no change and 0 for chance.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from benchmarks.scale import MIXTURE, sized

from tglassmlp import Configuration
from tglassmlp.equilibration.overlap import normalised_overlap, overlap, random_overlap
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.simulation.swap.chain import Chain

STRUCTURES, LEVEL, WEIGHTS = sized(3, 1), sized(0.5, 0.9), {"1-2": 0.0}
#: Temperature, sweeps that equilibrate by informed exchanges, sweeps between two looks at the overlap.
TEMPERATURES = sized(((0.30, 4_000, 20), (0.25, 15_000, 50), (0.20, 50_000, 200)), ((0.50, 40, 2),))


def structure(temperature: float, sweeps: int, seed: int) -> tuple[Configuration, float]:
    """Equilibrated structure and tuned displacement."""
    chain = Chain(
        lattice_start(MIXTURE, np.random.SeedSequence(seed)), 2.0, seed, MIXTURE, exchange_weights=WEIGHTS,
        exchanges="informed",
    )  # fmt: skip
    chain.tune(min(200, sweeps), 0.4)
    chain.temperature = temperature
    chain.tune(min(300, sweeps), 0.4)
    chain.run(sweeps)
    return chain.configuration(), chain.displacement


def decay(
    start: Configuration, temperature: float, step: int, seed: int, scheme: str, side: float
) -> tuple[float, int]:
    """Processor seconds and sweeps until the overlap with the start has fallen to the level."""
    chain = Chain(
        start, temperature, seed, MIXTURE, displacement=side, exchange_weights=WEIGHTS, exchanges=scheme
    )
    spent, sweeps, chance = 0.0, 0, random_overlap(start)
    while normalised_overlap(overlap(start, chain.configuration()), chance) > LEVEL:
        begin = time.process_time()
        chain.run(step)
        spent += time.process_time() - begin
        sweeps += step
    return spent, sweeps


def rows() -> Iterator[dict[str, Any]]:
    """Measure."""
    for temperature, sweeps, step in TEMPERATURES:
        found: dict[str, list[tuple[float, int]]] = {"informed": [], "plain": []}
        for seed in range(STRUCTURES):
            start, side = structure(temperature, sweeps, seed)
            for scheme, done in found.items():
                done.append(decay(start, temperature, step, 100 + seed, scheme, side))
        informed, plain = (np.mean(found[scheme], axis=0) for scheme in ("informed", "plain"))
        n = sum(MIXTURE.composition)
        yield {
            "name": f"informed exchanges, time to overlap {LEVEL:g}, N = {n}, T = {temperature:g}",
            "value": informed[0],
            "unit": "s",
            "cores": 1,
            "peer": f"plain exchanges, s; {plain[1] / informed[1]:.1f} times fewer sweeps",
            "peer_value": plain[0],
            "ratio": plain[0] / informed[0],
        }
