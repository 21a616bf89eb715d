# ruff: noqa: NPY002 (compiled code has only the legacy generator as plain functions)
"""Attempts per second of swap Monte Carlo, beside a straightforward Numba kernel, for two system sizes.

All numbers are per second of processor time on one core, medians of repeats after a warm-up.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

import numba as nb
import numpy as np
from benchmarks.scale import MIXTURE, sized

from tglassmlp import KA2D, Configuration
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.simulation.energies import energy_and_forces, prepared
from tglassmlp.simulation.minimisation import minimise
from tglassmlp.simulation.neighbour_lists import neighbour_rows
from tglassmlp.simulation.swap.chain import Chain

TEMPERATURE, SWAP_FRACTION, REPEATS = 0.231, 0.2, sized(5, 1)
C0, C2, C4 = KA2D.smoothing


@nb.njit
def plain_energy(i, xi, yi, ti, x, y, types, near, count, length, sigma, epsilon):
    """Energy of one particle as one would write it down."""
    total = 0.0
    for k in range(count[i]):
        j = near[i, k]
        dx = x[j] - xi
        dy = y[j] - yi
        dx -= length * np.rint(dx / length)
        dy -= length * np.rint(dy / length)
        s = sigma[ti, types[j]]
        r2 = (dx * dx + dy * dy) / (s * s)
        if r2 < 6.25:
            i6 = 1.0 / (r2 * r2 * r2)
            total += 4.0 * epsilon[ti, types[j]] * (i6 * i6 - i6 + C0 + C2 * r2 + C4 * r2 * r2)
    return total


@nb.njit
def plain_sweeps(sweeps, x, y, types, length, side, temperature, swap_fraction, sigma, epsilon, seed):
    """Swap Monte Carlo with a Verlet list rebuilt by testing all pairs."""
    np.random.seed(seed)
    n = x.size
    skin = 0.5
    near = np.empty((n, 80), np.int64)
    count = np.zeros(n, np.int64)
    x0 = x + 1e9
    y0 = y.copy()
    for _ in range(sweeps * n):
        if np.random.random() >= swap_fraction:
            i = np.random.randint(n)
            xn = x[i] + side * (np.random.random() - 0.5)
            yn = y[i] + side * (np.random.random() - 0.5)
            if (xn - x0[i]) ** 2 + (yn - y0[i]) ** 2 > 0.25 * skin * skin:
                count[:] = 0
                for a in range(n):
                    for b in range(a):
                        dx = x[b] - x[a]
                        dy = y[b] - y[a]
                        dx -= length * np.rint(dx / length)
                        dy -= length * np.rint(dy / length)
                        if dx * dx + dy * dy < (2.5 + skin) ** 2:
                            near[a, count[a]] = b
                            near[b, count[b]] = a
                            count[a] += 1
                            count[b] += 1
                x0[:] = x
                y0[:] = y
            t = types[i]
            old = plain_energy(i, x[i], y[i], t, x, y, types, near, count, length, sigma, epsilon)
            new = plain_energy(i, xn, yn, t, x, y, types, near, count, length, sigma, epsilon)
            if np.random.random() < np.exp(-(new - old) / temperature):
                x[i] = xn
                y[i] = yn
        else:
            i = np.random.randint(n)
            j = np.random.randint(n)
            while types[i] == types[j]:
                j = np.random.randint(n)
            old = plain_energy(i, x[i], y[i], types[i], x, y, types, near, count, length, sigma, epsilon)
            old += plain_energy(j, x[j], y[j], types[j], x, y, types, near, count, length, sigma, epsilon)
            types[i], types[j] = types[j], types[i]
            new = plain_energy(i, x[i], y[i], types[i], x, y, types, near, count, length, sigma, epsilon)
            new += plain_energy(j, x[j], y[j], types[j], x, y, types, near, count, length, sigma, epsilon)
            # the energy of the pair itself is in both sums twice and cancels: it does not change
            if np.random.random() >= np.exp(-(new - old) / temperature):
                types[i], types[j] = types[j], types[i]


def rate(work: float, action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median of work per second of processor time, after one run to warm up."""
    action()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        action()
        found.append(work / (time.process_time() - begin))
    return float(np.median(found))


def equilibrated() -> Configuration:
    """Structure at T = 0.231, from a melted lattice, in about ten seconds."""
    chain = Chain(lattice_start(MIXTURE, np.random.SeedSequence(1)), 2.0, 1, MIXTURE)
    chain.tune(200, 0.4)
    chain.temperature = 0.85 * TEMPERATURE
    chain.tune(200, 0.4)
    chain.run(sized(15_000, 20))
    chain.temperature = TEMPERATURE
    chain.run(sized(5_000, 20))
    return chain.configuration()


def rows() -> Iterator[dict[str, Any]]:
    """Measure."""
    unit = equilibrated()
    n = unit.n_particles
    chain = Chain(unit, TEMPERATURE, 1, KA2D, SWAP_FRACTION)
    chain.tune(200, 0.4)
    many, some = sized((200, 40), (4, 2))
    small = rate(many * n, lambda: chain.run(many)) / 1e6

    x, y = unit.positions.T.copy()
    types = unit.species.astype(np.int64) - 1
    sigma, epsilon = KA2D.sigma_matrix.copy(), KA2D.epsilon_matrix.copy()

    def plain(sweeps: int) -> None:
        side = chain.displacement
        plain_sweeps(
            sweeps, x, y, types, unit.box_length, side, TEMPERATURE, SWAP_FRACTION, sigma, epsilon, 1
        )

    peer = rate(some * n, lambda: plain(some)) / 1e6
    yield {
        "name": f"swap Monte Carlo, N = {n}, T = {TEMPERATURE}",
        "value": small,
        "unit": "M attempts/s",
        "cores": 1,
        "peer": "plain Numba kernel, M attempts/s",
        "peer_value": peer,
        "ratio": small / peer,
    }
    informed = Chain(
        unit, TEMPERATURE, 1, KA2D, displacement=chain.displacement, exchange_weights={"1-2": 0.0},
        exchanges="informed",
    )  # fmt: skip
    both = rate(many * n, lambda: informed.run(many)) / 1e6
    yield {
        "name": f"swap Monte Carlo, informed exchanges, N = {n}, T = {TEMPERATURE}",
        "value": both,
        "unit": "M displacements/s",
        "cores": 1,
        "peer": "plain exchanges, M attempts/s",
        "peer_value": small,
        "ratio": both / small,
    }
    tries = informed.exchanges_per_block

    def exchange() -> None:
        for _ in range(many // 4):
            informed.exchange(tries)

    yield {
        "name": f"informed exchanges, {tries} to a block, table included, N = {n}, T = {TEMPERATURE}",
        "value": rate(many // 4 * tries, exchange) / 1e6,
        "unit": "M exchanges/s",
        "cores": 1,
    }
    large = Chain(unit.tiled(sized(8, 2)), TEMPERATURE, 1, KA2D, SWAP_FRACTION, chain.displacement)
    big = rate(8 * large.n_particles, lambda: large.run(8)) / 1e6
    yield {
        "name": f"swap Monte Carlo, N = {large.n_particles}, T = {TEMPERATURE}",
        "value": big,
        "unit": "M attempts/s",
        "cores": 1,
        "peer": f"N = {n}, M attempts/s",
        "peer_value": small,
        "ratio": big / small,
    }
    p = prepared(unit, KA2D, 0.5)
    out = np.empty((3, n))
    pairs = float(p.counts.sum())

    def evaluate() -> None:
        for _ in range(100):
            energy_and_forces(p, *out)

    def build() -> None:
        for _ in range(30):
            neighbour_rows(p.x, p.y, p.types, unit.box_length, 3.0, p.rows.shape[1])

    yield {
        "name": "energies and forces in double precision, neighbour entries",
        "value": rate(100 * pairs, evaluate) / 1e6,
        "unit": "M entries/s",
        "cores": 1,
    }
    yield {
        "name": "neighbour list, built from nothing",
        "value": rate(30 * n, build) / 1e6,
        "unit": "M particles/s",
        "cores": 1,
    }
    yield {
        "name": f"inherent structure, N = {n}, largest force 1e-6",
        "value": 1.0 / rate(1, lambda: minimise(unit, MIXTURE)),
        "unit": "s",
        "cores": 1,
    }
    yield {
        "name": "peak memory of this process so far",
        "value": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "unit": "MiB",
        "cores": 1,
    }
