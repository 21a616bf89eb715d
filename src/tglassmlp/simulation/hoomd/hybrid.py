"""Hybrid swap Monte Carlo and molecular dynamics: HOOMD-blue moves, chains of another engine exchange."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import hoomd
import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation import thermostats
from tglassmlp.simulation.dynamics import DEFAULT_SETTINGS, DynamicsSettings
from tglassmlp.simulation.hoomd.machine import Machine
from tglassmlp.simulation.hoomd.planes import stacked
from tglassmlp.simulation.hoomd.thermostat import Thermostat
from tglassmlp.simulation.protocols import SwapRequest, swap_sampler
from tglassmlp.simulation.replica_run import ReplicaNoise

__all__ = ["hybrid_swap"]

#: Engine whose swap Monte Carlo exchanges the species.
SAMPLER: Final = "native"
#: Share of exchanges when no displacement may be tried: the largest number below 1.
SWAPS_ONLY: Final = float(np.nextafter(1.0, 0.0))


@takes_mixture(assume=False)
def hybrid_swap(
    configurations: Sequence[Configuration],
    temperature: float,
    blocks: int,
    seeds: Sequence[np.random.SeedSequence],
    *,
    md_steps: int = 100,
    swap_sweeps: int = 1,
    mixture: Mixture = KA2D,
    settings: DynamicsSettings = DEFAULT_SETTINGS,
    machine: Machine | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[list[Configuration], dict[str, NDArray[np.float64]]]:
    """Hybrid swap Monte Carlo and molecular dynamics of several configurations at once.

    Blocks of molecular dynamics alternate with blocks of attempts to exchange the species of two particles
    (:mod:`tglassmlp.simulation.swap`, one chain per configuration).
    Scheme: L. Berthier et al., J. Stat. Mech. 064004 (2019). Exchanges happen between two calls of
    HOOMD-blue, not inside one: forces and neighbour lists are made for the species of their particles and
    have to be renewed.

    Parameters
    ----------
    configurations
        Configurations with equal boxes and numbers of particles.
    temperature
        Temperature of thermostat and exchanges.
    blocks
        Number of blocks of dynamics, each followed by a block of exchanges.
    seeds
        One seed per configuration.
    md_steps
        Time steps per block.
    swap_sweeps
        Attempted exchanges per block and particle.
    mixture, settings, machine
        Pair potential; integration; device.
    progress
        Called with the particle-steps done since the last call and a note.

    Returns
    -------
    tuple
        Final configurations (unwrapped, particles in their order, species changed) and a record: ``energy``
        ``[block, configuration]`` per particle after the exchanges, ``swap_acceptance`` likewise.

    Raises
    ------
    ValueError
        For unusable input.
    RuntimeError
        If the integration fails or a particle leaves its plane.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    for name, value in (("blocks", blocks), ("md_steps", md_steps), ("swap_sweeps", swap_sweeps)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, found {value}")
    machine = (machine or Machine.from_environment()).resolved()
    integrator = hoomd.md.Integrator(dt=settings.time_step)
    stack = stacked(configurations, mixture, machine, integrator, shift=False)
    noise = [ReplicaNoise(seed) for seed in seeds]
    count, n, box = stack.planes, stack.n_particles, stack.box_length
    start = np.stack([c.wrapped() for c in configurations])
    thermostat = Thermostat(stack, temperature, settings, noise)
    stack.set(start, thermostats.maxwell(noise, temperature, n), np.zeros(start.shape, dtype=np.int32))
    energy, acceptance = np.zeros((2, blocks, count))
    sampler, options = swap_sampler(SAMPLER), {"swap_fraction": SWAPS_ONLY}
    for block in range(blocks):
        thermostat.run(md_steps)
        position, velocity, image = stack.get()
        # key 3: 0 to 2 are the velocities and the thermostat's numbers
        keys = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 3, block)) for seed in seeds]
        present = [Configuration(position[p], stack.species[p], box) for p in range(count)]
        chains = sampler.chains(SwapRequest(present, keys, temperature, mixture, options))
        chains.run(swap_sweeps)
        stack.species[:] = [c.species for c in chains.configurations()]
        energy[block] = chains.energies
        acceptance[block] = chains.counters[:, 3] / np.maximum(1, chains.counters[:, 2])
        stack.set(position, velocity, image)
        if progress is not None:
            progress(float(count * n * md_steps), f"block {block + 1}, energy {energy[block].mean():.3f}")
    moved = position - start + image * box
    final = [
        Configuration(c.positions + moved[p], stack.species[p], box, c.mixture or mixture)
        for p, c in enumerate(configurations)
    ]
    return final, {"energy": energy, "swap_acceptance": acceptance}
