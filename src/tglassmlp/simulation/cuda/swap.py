"""Swap Monte Carlo on a graphics card: thousands of structures at once, one block of threads for each.

The scheme is that of the native sampler with informed exchanges
(:mod:`tglassmlp.simulation.swap.chain`): sweeps of N displacements, and after every few of them a block of
exchanges of one species pair that are drawn by what they cost. What differs is how numbers are represented.
Coordinates are whole numbers in units of L / 2^32, the energy of a pair is computed in single precision and
rounded to 2^-20, and sums of energies are sums of whole numbers. The running energy therefore equals the
recomputed one exactly, a structure's path does not depend on the structures beside it, and a card and the
emulation on the processor follow the same path. The energies differ from those of double precision by about
1e-6 per particle, and the distribution that is sampled is the Boltzmann distribution of these energies.

Random numbers are functions of a key and the number of the attempt (Philox 4x32-10), so a resumed chain needs
its counters only. The kernels, and why each kind of attempt keeps detailed balance, are in ``swap.cu``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import bring_near
from tglassmlp.configuration import Configuration
from tglassmlp.limits import MAX_SPECIES, check_whole
from tglassmlp.mixture import Mixture, exchange_matrix
from tglassmlp.randomness import words
from tglassmlp.simulation import energies
from tglassmlp.simulation.checkpoint import check_saved
from tglassmlp.simulation.cuda.device import Device, device, pack, too_large
from tglassmlp.simulation.protocols import SwapRequest
from tglassmlp.simulation.swap.scheme import (
    EXCHANGE_INTERVAL,
    EXCHANGES_PER_SWEEP,
    TUNING_INTERVAL,
    pair_shares,
    steering_factor,
)

__all__ = [
    "PARAMETERS",
    "SAMPLER",
    "CudaChains",
    "CudaSampler",
    "attempts_per_second",
    "largest_system",
    "shared_bytes",
]

#: Threads that move one structure: one warp.
THREADS: Final = 32

#: Unit of energies in the kernels.
ENERGY_UNIT: Final = 2.0**-20

#: Largest allowed difference per particle from the energy in double precision, in units of epsilon_11.
ENERGY_TOLERANCE: Final = 2e-5

#: Most particles that the 16-bit numbers of the kernels can name.
MOST_PARTICLES: Final = 65535

#: Side of the square of displacements to begin with, and its largest value as a share of the box.
DISPLACEMENT: Final = 0.12
LARGEST_DISPLACEMENT: Final = 0.49

#: Columns of ``counters`` in the kernels.
_COUNTERS: Final = 8
_TRIED, _ACCEPTED, _PHASE, _ENERGY, _FULL_CELLS = 0, 1, 5, 6, 7

#: Parameters of the kernels, as ``SwapParameters`` of ``swap.cu``.
PARAMETERS: Final = np.dtype(
    [
        *(
            (name, np.int64)
            for name in ("particles", "cells", "slot_bits", "sweeps", "interval", "tries", "traced")
        ),
        ("temperature", np.float64),
        *(
            (name, np.uint64)
            for name in (
                "positions",
                "images",
                "types",
                "keys",
                "sides",
                "counters",
                "pair_counts",
                "costs",
                "weights",
                "tables",
                "shares",
                "trace",
            )
        ),
    ],
    align=True,
)


def cells_per_side(box_length: float, cutoff: float) -> int:
    """Count cells at least as wide as the cut-off; one where three do not fit, as neighbours repeat."""
    fitting = int(box_length // cutoff)
    return fitting if fitting >= 3 else 1


def slot_bits(n_particles: int, cells: int, fullest: int = 0) -> int:
    """Logarithm to base 2 of the particles that a cell has room for.

    Parameters
    ----------
    n_particles, cells
        Number of particles; cells per side.
    fullest
        Particles of the fullest cell of the start.
    """
    mean = n_particles / cells**2
    wanted = n_particles if cells == 1 else max(1.5 * mean + 3.0, fullest + 2.0)
    return int(np.ceil(np.log2(wanted)))


def shared_bytes(n_particles: int, cells: int, bits: int) -> int:
    """Shared memory that one structure takes."""
    tables = 4 * (2 * MAX_SPECIES**2 + 4)
    return 8 * n_particles + 16 * THREADS + tables + 4 * cells**2 + 2 * (cells**2 << bits) + n_particles


def largest_system(shared_limit: int) -> int:
    """About the largest number of particles of a structure that shared memory of a block can hold."""
    # cells of a dense system take room for about twice as many particles as there are
    return min(MOST_PARTICLES, shared_limit // 14)


class CudaChains:
    """Chains in equal boxes that move together; see :class:`tglassmlp.simulation.protocols.SwapChains`.

    Parameters
    ----------
    request
        Structures, temperature, mixture; options ``exchanges`` (``"informed"`` only), ``exchange_weights``,
        ``exchanges_per_sweep``, ``exchange_interval`` of :class:`tglassmlp.simulation.swap.chain.Chain`, and
        ``displacement``. ``swap_fraction`` has no meaning for informed exchanges.
    on
        Device.

    Raises
    ------
    ValueError
        If an option is not offered or out of range, the structures differ in size or box, a structure does
        not fit the mixture or the shared memory of a block, or particles overlap.
    """

    def __init__(self, request: SwapRequest, on: Device) -> None:
        self.device = on
        self.temperature = float(request.temperature)
        mixture, first = request.mixture, request.configurations[0]
        if not np.isfinite(self.temperature) or self.temperature <= 0:
            raise ValueError(f"temperature must be a positive number, found {request.temperature}")
        scheme = _scheme(request.options)
        self.exchange_interval = int(scheme["exchange_interval"])
        for c in request.configurations:
            c.check_mixture(mixture.n_species, mixture.largest_cutoff)
            energies.check_overlaps(c, mixture)
            if (c.n_particles, c.box_length) != (first.n_particles, first.box_length):
                raise ValueError(
                    "structures that engine 'cuda' moves together must have equal boxes and numbers of "
                    f"particles, found {c.n_particles} in {c.box_length:g} and {first.n_particles} in "
                    f"{first.box_length:g}"
                )
            if np.unique(c.species).size < 2:
                raise ValueError("informed exchanges need at least two species, found one")
        self.mixture, self.box_length, self.n_particles = mixture, first.box_length, first.n_particles
        self.start = list(request.configurations)
        n, count = self.n_particles, len(self.start)
        #: Exchanges tried in one block.
        self.exchanges_per_block = max(1, round(scheme["exchanges_per_sweep"] * n * self.exchange_interval))
        near, self._shift = bring_near(np.stack([c.positions for c in self.start]), self.box_length)
        whole = np.rint(near * (2.0**32 / self.box_length)).astype(np.int64)
        places = (whole & 0xFFFFFFFF).astype(np.uint32)
        self._cells = cells_per_side(self.box_length, mixture.largest_cutoff)
        self._bits = slot_bits(n, self._cells, _fullest(places, self._cells))
        self._shared = shared_bytes(n, self._cells, self._bits)
        if n > MOST_PARTICLES or self._shared > on.shared_limit:
            raise too_large(on, "structure", n, self._shared, largest_system(on.shared_limit))
        self._kernels = on.kernels("swap.cu", {})
        species = np.stack([c.species for c in self.start])
        keys = np.stack([words(s, 1).view(np.uint32) for s in request.seeds])
        #: State of the chains on the device, by name.
        self.arrays: dict[str, Any] = {
            "positions": on.array(places),
            "images": on.array((whole >> 32).astype(np.int32)),
            "types": on.array(species.astype(np.int32) - 1),
            "sides": on.zeros((count,), np.uint32),
            "counters": on.zeros((count, _COUNTERS), np.int64),
            "pair_counts": on.zeros((count, 2, MAX_SPECIES, MAX_SPECIES), np.int64),
        }
        self._working: dict[str, Any] = {
            "keys": on.array(keys),
            "costs": on.zeros((count, n), np.int64),
            "weights": on.zeros((count, n), np.float64),
            "tables": on.array(_tables(mixture, self.box_length)),
            "shares": on.array(_shares(species[0], mixture, scheme["exchange_weights"])),
            "trace": on.zeros((count, self.exchanges_per_block, 4), np.float64),
        }
        if any(np.any(np.sort(s) != np.sort(species[0])) for s in species):
            raise ValueError("structures that engine 'cuda' moves together must have equal compositions")
        self.displacements = np.full(count, scheme["displacement"])
        self._launch("swap_energies", 0)

    # -- what is moved ------------------------------------------------------------------------------

    def _launch(self, kernel: str, sweeps: int, tries: int | None = None, traced: bool = False) -> None:
        values = {
            "particles": self.n_particles,
            "cells": self._cells,
            "slot_bits": self._bits,
            "sweeps": sweeps,
            "interval": self.exchange_interval,
            "tries": self.exchanges_per_block if tries is None else tries,
            "traced": int(traced),
            "temperature": self.temperature,
        }
        packed = pack(PARAMETERS, {**values, **self.arrays, **self._working})
        self._kernels.launch(kernel, packed, len(self.start), THREADS, self._shared)

    @property
    def displacements(self) -> NDArray[np.float64]:
        """Side of the square of displacements of every chain."""
        return self.device.get(self.arrays["sides"]) * (self.box_length / 2.0**32)

    @displacements.setter
    def displacements(self, values: NDArray[np.float64]) -> None:
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError(f"displacements must be positive numbers, found {values}")
        shares = np.minimum(values / self.box_length, LARGEST_DISPLACEMENT)
        self.arrays["sides"] = self.device.array(np.rint(shares * 2.0**32).astype(np.uint32))

    @property
    def counters(self) -> NDArray[np.int64]:
        """Displacements tried and accepted, exchanges tried and accepted, of every chain: ``[chain, 4]``."""
        return self.device.get(self.arrays["counters"])[:, :4]

    @property
    def pair_counts(self) -> NDArray[np.int64]:
        """Exchanges tried and accepted of species a < b: ``[chain, 2, S, S]``."""
        s = self.mixture.n_species
        return self.device.get(self.arrays["pair_counts"])[:, :, :s, :s]

    @property
    def energies(self) -> NDArray[np.float64]:
        """Running potential energy per particle of every chain."""
        whole = self.device.get(self.arrays["counters"])[:, _ENERGY]
        return whole * (ENERGY_UNIT / self.n_particles)

    def run(self, sweeps: int) -> None:
        """Move every chain by some sweeps of N displacements, and the blocks of exchanges that are due.

        How a run is cut into calls changes nothing.
        """
        if sweeps > 0:
            self._launch("swap_sweeps", int(sweeps))

    def exchange(self, tries: int) -> NDArray[np.float64]:
        """Make one block of exchanges now, between two blocks that are due.

        Returns
        -------
        ndarray
            ``[chain, tries, 4]``: the two particles, the ratio that decides (at least 1: always accepted),
            and 1 if the exchange was accepted, else 0.
        """
        counters, interval = self.device.get(self.arrays["counters"]), self.exchange_interval
        phases = counters[:, _PHASE].copy()
        counters[:, _PHASE] = interval
        self.arrays["counters"] = self.device.array(counters)
        self._working["trace"] = self.device.zeros((len(self.start), tries, 4), np.float64)
        self._launch("swap_sweeps", 0, tries, traced=True)
        counters = self.device.get(self.arrays["counters"])
        counters[:, _PHASE] = phases
        self.arrays["counters"] = self.device.array(counters)
        return self.device.get(self._working["trace"])

    def tune(self, sweeps: int, target: float) -> None:
        """Move every chain, steering its own acceptance of displacements to ``target``.

        Detailed balance does not hold while this goes on.
        """
        done = 0
        while done < sweeps:
            step = min(TUNING_INTERVAL, sweeps - done)
            before = self.counters
            self.run(step)
            tried, accepted = (self.counters - before)[:, [_TRIED, _ACCEPTED]].T
            self.displacements = self.displacements * steering_factor(accepted, tried, target)
            done += step

    def configurations(self) -> list[Configuration]:
        """Present configuration of every chain, particles in the order of the start."""
        found = {name: self.device.get(self.arrays[name]) for name in ("positions", "images", "types")}
        whole = (found["images"].astype(np.int64) << 32) + found["positions"].astype(np.int64)
        positions = whole * (self.box_length / 2.0**32) + self._shift
        return [
            Configuration(p, (t + 1).astype(np.int32), self.box_length, self.mixture)
            for p, t in zip(positions, found["types"], strict=True)
        ]

    def check_energies(self) -> NDArray[np.float64]:
        """Difference per particle between the running energy and that in double precision.

        Raises
        ------
        ValueError
            If it exceeds :data:`ENERGY_TOLERANCE` times the size of the energy (at least 1), if the running
            energy is not exactly the one that the kernels compute anew, or a cell has been full.
        """
        running = self.device.get(self.arrays["counters"])
        kept = self.arrays["counters"]
        self.arrays["counters"] = self.device.array(running)
        self._launch("swap_energies", 0)
        anew = self.device.get(self.arrays["counters"])[:, _ENERGY]
        self.arrays["counters"] = kept
        wrong = np.flatnonzero(anew != running[:, _ENERGY])
        if wrong.size:
            k = int(wrong[0])
            raise ValueError(
                f"chain {k}: the running energy is {running[k, _ENERGY]} units of 2^-20, recomputed it is "
                f"{anew[k]}; both must be equal"
            )
        if running[:, _FULL_CELLS].any():
            k = int(np.argmax(running[:, _FULL_CELLS]))
            raise ValueError(
                f"chain {k}: {running[k, _FULL_CELLS]} moves into a cell with {1 << self._bits} particles "
                "were refused; the system is denser in places than a liquid can be"
            )
        exact = np.array([energies.total_energy(c, self.mixture) for c in self.configurations()])
        exact /= self.n_particles
        drift: NDArray[np.float64] = np.abs(exact - self.energies)
        allowed = ENERGY_TOLERANCE * np.maximum(1.0, np.abs(exact))
        if not np.all(drift <= allowed):
            k = int(np.argmax(drift / allowed))
            raise ValueError(
                f"chain {k}: the running energy is {self.energies[k]:.12g} per particle, in double "
                f"precision it is {exact[k]:.12g}: difference {drift[k]:.3g}, allowed {allowed[k]:.3g}"
            )
        return drift

    def states(self) -> list[dict[str, NDArray]]:
        """Everything needed to go on bit for bit, of every chain."""
        found = {name: self.device.get(array) for name, array in self.arrays.items()}
        return [
            {name: np.atleast_1d(values[k]).copy() for name, values in found.items()}
            for k in range(len(self.start))
        ]

    def restore(self, states: Sequence[Mapping[str, NDArray]]) -> None:
        """Take over saved :meth:`states`.

        Raises
        ------
        ValueError
            If they are those of other chains.
        """
        if len(states) != len(self.start):
            raise ValueError(f"{len(states)} saved states for {len(self.start)} chains")
        own = self.states()[0]
        for name, array in self.arrays.items():
            values = np.stack([check_saved(state, name, own[name]) for state in states])
            self.arrays[name] = self.device.array(values.reshape(array.shape))


def _scheme(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with their defaults.

    Raises
    ------
    ValueError
        Naming an option that is not offered or out of range.
    """
    defaults = {
        "exchanges": "informed",
        "exchange_weights": None,
        "exchanges_per_sweep": EXCHANGES_PER_SWEEP,
        "exchange_interval": EXCHANGE_INTERVAL,
        "displacement": DISPLACEMENT,
        "swap_fraction": None,
    }
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        raise ValueError(f"unknown options of swap Monte Carlo: {', '.join(unknown)}; allowed: "
                         f"{', '.join(defaults)}")  # fmt: skip
    scheme = {**defaults, **options}
    if scheme["exchanges"] != "informed":
        raise ValueError(
            f"engine 'cuda' offers informed exchanges, found exchanges {scheme['exchanges']!r}; "
            "plain ones are those of engine 'native'"
        )
    check_whole("exchange_interval", scheme["exchange_interval"])
    for name in ("exchanges_per_sweep", "displacement"):
        if not (np.isfinite(scheme[name]) and scheme[name] > 0):
            raise ValueError(f"{name} must be a positive number, found {scheme[name]}")
    return scheme


def _fullest(places: NDArray[np.uint32], cells: int) -> int:
    """Particles of the fullest cell of any structure; places are ``[structure, N, 2]``."""
    at = (places.astype(np.uint64) * np.uint64(cells) >> np.uint64(32)).astype(np.int64)
    return max(int(np.bincount(a[:, 0] * cells + a[:, 1]).max()) for a in at)


def _tables(mixture: Mixture, box_length: float) -> NDArray[np.float32]:
    """Constants of the pair potential as ``swap.cu`` reads them."""
    tables = energies.pair_tables(mixture)
    unit = box_length / 2.0**32
    parts = (tables.inverse_sigma2 * unit**2, tables.epsilon4, tables.constants)
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)


def _shares(
    species: NDArray[np.int32], mixture: Mixture, weights: Mapping[str, float] | None
) -> NDArray[np.float64]:
    """Shares of the species pairs (:func:`pair_shares`), as ``swap.cu`` reads them."""
    s = mixture.n_species
    shares = np.zeros((MAX_SPECIES, MAX_SPECIES))
    shares[:s, :s] = pair_shares(species, exchange_matrix(weights or {}, s, np.unique(species)))
    return shares


class CudaSampler:
    """Swap Monte Carlo of engine ``cuda``.

    Parameters
    ----------
    on
        Device; that of the environment if None (:func:`tglassmlp.simulation.cuda.device.device`).
    """

    def __init__(self, on: Device | None = None) -> None:
        self.device = on

    def chains(self, request: SwapRequest) -> CudaChains:
        """Start the chains of a request."""
        return CudaChains(request, self.device or device())


#: The sampler on the device that the environment names.
SAMPLER: Final = CudaSampler()


def attempts_per_second(
    configurations: Sequence[Configuration],
    temperature: float,
    mixture: Mixture,
    *,
    sweeps: int = 40,
    seed: int = 1,
    on: Device | None = None,
) -> dict[str, float]:
    """Measure displacements per second of many structures at once, after a launch that is not counted.

    Parameters
    ----------
    configurations
        Structures, all moved together.
    temperature, mixture
        Temperature and pair potential.
    sweeps
        Sweeps of the measured launch; a multiple of the exchange interval includes all exchanges.
    seed
        Seed of the chains.
    on
        Device; that of the environment if None.

    Returns
    -------
    dict
        ``attempts_per_second`` (displacements; the time includes the exchanges), ``structures``,
        ``seconds``, ``acceptance`` and ``exchange_acceptance``, ``shared_bytes`` of a block and
        ``resident_blocks`` of the device.
    """
    place = on or device()
    seeds = list(np.random.SeedSequence(seed).spawn(len(configurations)))
    chains = CudaChains(SwapRequest(configurations, seeds, temperature, mixture, {}), place)
    chains.run(chains.exchange_interval)
    place.synchronize()
    before = chains.counters.sum(axis=0)
    begin = time.perf_counter()
    chains.run(sweeps)
    place.synchronize()
    seconds = time.perf_counter() - begin
    tried, moved, exchanges, exchanged = (chains.counters.sum(axis=0) - before).tolist()
    chains.check_energies()
    return {
        "attempts_per_second": tried / seconds,
        "structures": float(len(configurations)),
        "seconds": seconds,
        "acceptance": moved / max(tried, 1),
        "exchange_acceptance": exchanged / max(exchanges, 1),
        "shared_bytes": float(chains._shared),
        "resident_blocks": float(chains._kernels.resident_blocks("swap_sweeps", THREADS, chains._shared)),
    }
