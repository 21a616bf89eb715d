"""Informed exchanges beside plain ones: processor time to the same overlap; displacements beside older ones.

Both schemes start from the same equilibrated structures, in turn. The overlap of a structure with its start
knows species, so that it falls by exchanges too; it is normalised to 1 for no change and 0 for chance. Where
plain exchanges would take too long, both are compared at the overlap that they reached in a limited time:
nothing is extrapolated.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from benchmarks.scale import MIXTURE, sized

from tglassmlp import KA2D, Configuration, load_dataset
from tglassmlp.equilibration.overlap import normalised_overlap, overlap, random_overlap
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.mixture import Mixture
from tglassmlp.simulation.swap.chain import Chain

STRUCTURES, LEVEL, WEIGHTS = sized(3, 1), sized(0.5, 0.9), {"1-2": 0.0}
#: Temperature, sweeps that equilibrate by informed exchanges, sweeps between two looks at the overlap.
TEMPERATURES = sized(((0.30, 4_000, 20), (0.25, 15_000, 50), (0.20, 50_000, 200)), ((0.50, 40, 2),))
#: Structures of the data set at the glass transition: temperature, how many, sweeps between two looks.
GLASS = (0.15, sized(2, 1), sized(500, 2))
#: Most processor seconds of plain exchanges on one structure.
LONGEST = sized(30.0, 0.2)
#: Sweeps and repeats of a rate of displacements.
MANY, REPEATS = sized(200, 4), sized(5, 1)

#: Processor seconds, sweeps and smallest overlap so far.
Decay = list[tuple[float, int, float]]


def structure(temperature: float, sweeps: int, seed: int) -> Configuration:
    """Equilibrated structure."""
    chain = Chain(
        lattice_start(MIXTURE, np.random.SeedSequence(seed)), 2.0, seed, MIXTURE, exchange_weights=WEIGHTS,
        exchanges="informed",
    )  # fmt: skip
    chain.tune(min(200, sweeps), 0.4)
    chain.temperature = temperature
    chain.tune(min(300, sweeps), 0.4)
    chain.run(sweeps)
    return chain.configuration()


def tuned(start: Configuration, temperature: float, mixture: Mixture) -> float:
    """Side of displacements at a temperature."""
    chain = Chain(start, temperature, 1, mixture, exchange_weights=WEIGHTS, exchanges="informed")
    chain.tune(sized(300, 4), 0.4)
    return chain.displacement


def decay(
    start: Configuration, temperature: float, step: int, seed: int, scheme: str, side: float, mixture: Mixture
) -> Decay:
    """Fall of the overlap with the start, down to the level or for the longest time."""
    chain = Chain(
        start, temperature, seed, mixture, displacement=side, exchange_weights=WEIGHTS, exchanges=scheme
    )
    spent, found, chance = 0.0, [(0.0, 0, 1.0)], random_overlap(start)
    while found[-1][2] > LEVEL and spent < LONGEST:
        begin = time.process_time()
        chain.run(step)
        spent += time.process_time() - begin
        left = float(normalised_overlap(overlap(start, chain.configuration()), chance))
        found.append((spent, found[-1][1] + step, min(left, found[-1][2])))
    return found


def reached(fall: Decay, level: float) -> tuple[float, int]:
    """Processor seconds and sweeps at which the overlap first was at most this."""
    return next((seconds, sweeps) for seconds, sweeps, left in fall if left <= level)


def compared(starts: list[Configuration], temperature: float, step: int, mixture: Mixture) -> dict[str, Any]:
    """Both schemes at the deepest overlap that both have reached, structure by structure."""
    times: dict[str, list[tuple[float, int]]] = {"informed": [], "plain": []}
    levels = []
    for seed, start in enumerate(starts):
        side = tuned(start, temperature, mixture)
        falls = {
            scheme: decay(start, temperature, step, 100 + seed, scheme, side, mixture) for scheme in times
        }
        levels.append(max(LEVEL, *(fall[-1][2] for fall in falls.values())))
        for scheme, fall in falls.items():
            times[scheme].append(reached(fall, levels[-1]))
    informed, plain = (np.mean(times[scheme], axis=0) for scheme in ("informed", "plain"))
    where = f"{LEVEL:g}" if max(levels) <= LEVEL else f"{np.mean(levels):.2f} (all that plain ones did)"
    return {
        "name": f"informed exchanges, time to overlap {where}, N = {sum(mixture.composition)}, "
        f"T = {temperature:g}",
        "value": informed[0],
        "unit": "s",
        "cores": 1,
        "peer": f"plain exchanges, s; {plain[1] / informed[1]:.1f} times fewer sweeps",
        "peer_value": plain[0],
        "ratio": plain[0] / informed[0],
    }


def displacements(start: Configuration, temperature: float, mixture: Mixture) -> dict[str, Any]:
    """Displacements decided in single precision, and those before them, which the plain scheme still makes.

    Both schemes with the fewest exchanges that they allow.
    """
    side = tuned(start, temperature, mixture)
    new = Chain(
        start, temperature, 1, mixture, displacement=side, exchange_weights=WEIGHTS, exchanges="informed",
        exchanges_per_sweep=1e-3, exchange_interval=1000,
    )  # fmt: skip
    old = Chain(start, temperature, 1, mixture, swap_fraction=1e-3, displacement=side, exchanges="plain")
    rates: dict[str, list[float]] = {"new": [], "old": []}
    for turn in range(REPEATS + 1):
        for name, chain in (("new", new), ("old", old)):
            begin = time.process_time()
            chain.run(MANY)
            if turn:  # the first compiles
                rates[name].append(MANY * start.n_particles / (time.process_time() - begin) / 1e6)
    value, peer = (float(np.median(rates[name])) for name in ("new", "old"))
    return {
        "name": f"displacements decided in single precision, N = {start.n_particles}, T = {temperature:g}",
        "value": value,
        "unit": "M displacements/s",
        "cores": 1,
        "peer": "in double precision, M displacements/s",
        "peer_value": peer,
        "ratio": value / peer,
    }


def rows() -> Iterator[dict[str, Any]]:
    """Measure."""
    for temperature, sweeps, step in TEMPERATURES:
        starts = [structure(temperature, sweeps, seed) for seed in range(STRUCTURES)]
        if temperature == TEMPERATURES[-1][0]:
            yield displacements(starts[0], temperature, MIXTURE)
        yield compared(starts, temperature, step, MIXTURE)
    temperature, count, step = GLASS
    held = load_dataset().at(temperature)
    starts = held.configurations(held.numbers[:count])
    yield displacements(starts[0], temperature, KA2D)
    yield compared(starts, temperature, step, KA2D)
