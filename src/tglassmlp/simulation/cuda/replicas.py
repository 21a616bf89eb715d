"""Replicas on a device: their arrays, and the kernels of ``dynamics.cu`` that move and measure them.

All replicas of a :class:`ReplicaBatch` have the same number of particles, box, temperature and settings. A
replica's path depends neither on the others nor on how its steps are divided among launches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tglassmlp.box import DIMENSIONS, bring_near, wrap
from tglassmlp.limits import MAX_SPECIES
from tglassmlp.simulation import thermostats
from tglassmlp.simulation.cuda.device import Device, pack, too_large
from tglassmlp.simulation.cuda.swap import cells_per_side
from tglassmlp.simulation.native.fixed_point import FixedPointModel

__all__ = [
    "PARAMETERS",
    "STATE",
    "ReplicaBatch",
    "block_threads",
    "bytes_per_replica",
    "largest_system",
    "list_words",
    "shared_bytes",
]

#: Fewest and most threads of a block, unless there are fewer particles.
FEWEST_THREADS: Final = 128
MOST_THREADS: Final = 256

#: Most particles that the words of the list can name, and most words of a particle that can be counted.
MOST_PARTICLES: Final = 1 << 14
MOST_WORDS: Final = 255

#: Why a replica stopped (``status`` of the kernels).
_LIST_FULL, _EXPLODED = 1, 2

_NUMBERS: Final = ("particles", "cells", "most_words", "until", "first", "applications", "kind", "interval")
_REALS: Final = ("kick", "target", "freedom", "elapsed", "rate", "keep", "hottest", "unit")
_ARRAYS: Final = (
    "active", "structure", "species", "number", "positions", "velocities", "images", "forces", "list",
    "steps", "status", "counters", "friction", "work", "energies", "normal", "gamma", "table", "energy_table",
)  # fmt: skip

#: Parameters of the kernels, as ``DynamicsParameters`` of ``dynamics.cu``.
PARAMETERS: Final = np.dtype(
    [
        *((name, np.int64) for name in _NUMBERS),
        *((name, np.float64) for name in _REALS),
        *((name, np.uint64) for name in _ARRAYS),
    ],
    align=True,
)

#: What a replica needs to go on.
STATE: Final = ("position", "velocity", "image", "friction", "work")
#: Those of every particle, and the arrays of the kernels that hold them.
_PLACES: Final = {"position": "positions", "velocity": "velocities", "image": "images"}


def block_threads(n_particles: int) -> int:
    """Threads of a block, so that as few as possible of them idle when particles are shared out."""
    if n_particles <= FEWEST_THREADS:
        return 32 * max(1, math.ceil(n_particles / 32))
    choices = range(FEWEST_THREADS, MOST_THREADS + 1, 32)
    return min(choices, key=lambda t: (math.ceil(n_particles / t) * t, -t))


def shared_bytes(n_particles: int, cells: int, threads: int) -> int:
    """Shared memory that one replica takes."""
    tables = 3 * 4 * MAX_SPECIES**2
    return 28 * n_particles + tables + 4 * (2 * cells**2 + 1 + threads)


def largest_system(shared_limit: int) -> int:
    """About the largest number of particles of a replica that shared memory of a block can hold."""
    # less than one cell for every five particles of a dense system
    return min(MOST_PARTICLES, (shared_limit - 4096) // 30)


def bytes_per_replica(n_particles: int, words: int) -> int:
    """Memory of the device that one replica takes."""
    return n_particles * (4 * 4 * DIMENSIONS + 8 * words) + 256


def list_words(model: FixedPointModel) -> int:
    """Words of the list that a particle gets: four neighbours each, a quarter more than at the start."""
    c, m = model.configuration, model.mixture
    reach = m.cutoff * m.sigma_matrix + model.skin
    near, _ = bring_near(c.positions, c.box_length)
    places = wrap(near, c.box_length, 0.0)
    found = np.zeros(c.n_particles, dtype=np.int64)
    for a in range(m.n_species):
        for b in range(m.n_species):
            own, other = places[c.species == a + 1], places[c.species == b + 1]
            if len(own) and len(other):
                tree = cKDTree(other, boxsize=c.box_length)
                found[c.species == a + 1] += tree.query_ball_point(own, reach[a, b], return_length=True)
    return math.ceil((1.25 * int(found.max()) + 4) / 4)


class ReplicaBatch:
    """Replicas of some structures, all moved by one launch.

    Parameters
    ----------
    models
        The structures, of equal size, box, temperature and settings.
    replicas
        Replicas of each of them; replica r of structure s is number ``s * replicas + r``.
    on
        Device.

    Raises
    ------
    ValueError
        If a replica does not fit the shared memory of a block.
    MemoryError
        If the arrays do not fit the memory of the device.
    """

    def __init__(self, models: Sequence[FixedPointModel], replicas: int, on: Device) -> None:
        model = models[0]
        n = model.configuration.n_particles
        self.device, self.model, self.n_particles = on, model, n
        self.replicas, self.count = replicas, replicas * len(models)
        self._threads = block_threads(n)
        self._cells = cells_per_side(
            model.configuration.box_length, model.mixture.largest_cutoff + model.skin
        )
        self._shared = shared_bytes(n, self._cells, self._threads)
        if n > MOST_PARTICLES or self._shared > on.shared_limit:
            raise too_large(on, "replica", n, self._shared, largest_system(on.shared_limit))
        self._words = max(list_words(m) for m in models)
        needed = self.count * bytes_per_replica(n, self._words)
        if needed > on.free_memory():
            raise MemoryError(
                f"{self.count} replicas of {n} particles need {needed / 1e9:.3g} GB on the device "
                f"({on.title}), which has {on.free_memory() / 1e9:.3g} GB left"
            )
        self._kernels = on.kernels("dynamics.cu", {})
        species = np.stack([m.configuration.species - 1 for m in models]).astype(np.uint8)
        #: ``[structure, N]`` particle of each place: threads side by side have lists of equal length.
        self._order = np.argsort(species, axis=1, kind="stable")
        shape = (self.count, n, DIMENSIONS)
        self._arrays: dict[str, Any] = {
            "structure": on.array(np.repeat(np.arange(len(models), dtype=np.int32), replicas)),
            "species": on.array(np.take_along_axis(species, self._order, axis=1)),
            "number": on.array(self._order.astype(np.int32)),
            **{name: on.zeros(shape, np.int32) for name in ("positions", "velocities", "images", "forces")},
            "list": on.zeros((self.count, self._words, n), np.uint64),
            "steps": on.zeros((self.count,), np.int64),
            "status": on.zeros((self.count,), np.int32),
            "counters": on.zeros((self.count, 2), np.int64),
            "friction": on.zeros((self.count,), np.float64),
            "work": on.zeros((self.count,), np.float64),
            "energies": on.zeros((self.count, 3), np.float64),
            "table": on.array(_table(model)),
            "energy_table": on.array(_energy_table(model)),
        }
        settings = model.settings
        elapsed, rate = settings.thermostat_interval * settings.time_step, 1.0 / settings.thermostat_time
        self._values: dict[str, Any] = {
            "particles": n,
            "cells": self._cells,
            "kind": thermostats.KINDS[settings.thermostat],
            "interval": settings.thermostat_interval,
            "kick": thermostats.KICKS[settings.thermostat_velocities],
            "target": model.target,
            "freedom": model.freedom,
            "elapsed": elapsed,
            "rate": rate,
            "keep": thermostats.kept(elapsed, rate),
            "hottest": thermostats.HOTTEST * model.target,
            "unit": model.velocity_unit,
        }

    # -- exchange with arrays [replica, particle, 2] --------------------------------------------------

    def _to_device(self, values: NDArray[Any], dtype: type) -> Any:
        """Copy ``[replica, N, 2]``, particles in the order of the structures, to the device."""
        order = np.repeat(self._order, self.replicas, axis=0)[..., None]
        return self.device.array(np.take_along_axis(values, order, axis=1).astype(dtype))

    def _from_device(self, name: str) -> NDArray[Any]:
        found = self.device.get(self._arrays[name])
        order = np.repeat(self._order, self.replicas, axis=0)[..., None]
        values = np.empty_like(found)
        np.put_along_axis(values, order, found, axis=1)
        return values

    def set(self, state: dict[str, NDArray[Any]], steps: NDArray[np.int64]) -> None:
        """Fill all replicas: arrays of :data:`STATE`, the first three ``[replica, N, 2]``, and steps."""
        for name, array in _PLACES.items():
            self._arrays[array] = self._to_device(state[name], np.int32)
        for name in ("friction", "work"):
            self._arrays[name] = self.device.array(state[name].astype(np.float64))
        self._arrays["steps"] = self.device.array(steps.astype(np.int64))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of :data:`STATE` of all replicas."""
        found = {name: self._from_device(array) for name, array in _PLACES.items()}
        return found | {name: self.device.get(self._arrays[name]) for name in ("friction", "work")}

    # -- motion ---------------------------------------------------------------------------------------

    def _launch(self, kernel: str, active: NDArray[np.int32], **values: Any) -> None:
        on = self.device
        arrays = {**self._arrays, "active": on.array(active), "most_words": self._words}
        blank = {"until": 0, "first": 0, "applications": 0, "normal": 0, "gamma": 0}
        packed = pack(PARAMETERS, {**blank, **self._values, **arrays, **values})
        self._kernels.launch(kernel, packed, len(active), self._threads, self._shared)
        on.synchronize()  # arrays that only this launch has are needed until it ends

    def advance(
        self,
        active: NDArray[np.int32],
        first: int,
        n_steps: int,
        normal: NDArray[np.float64],
        gamma: NDArray[np.float64],
    ) -> None:
        """Move some replicas, all of them at step ``first``, by ``n_steps``.

        Parameters
        ----------
        active
            ``[block]`` numbers of the replicas.
        first, n_steps
            Present step and number of steps.
        normal, gamma
            ``[block, application]`` random numbers of the thermostat, without applications if it draws none.

        Raises
        ------
        RuntimeError
            If the temperature of a replica explodes.
        """
        on = self.device
        drawn = {
            "first": first,
            "applications": normal.shape[1],
            "normal": on.array(normal),
            "gamma": on.array(gamma),
        }
        blocks = np.arange(len(active))
        while True:
            self._launch("dynamics_advance", active, until=first + n_steps, **drawn)
            status = on.get(self._arrays["status"])[active]
            if np.any(status == _EXPLODED):
                step = int(on.get(self._arrays["steps"])[active][status == _EXPLODED].min())
                raise thermostats.explosion(self.model.temperature, step)
            short = status == _LIST_FULL
            if not short.any():
                return
            # these have stopped where their list had no room; the others have arrived
            active, blocks = active[short], blocks[short]
            self._longer_list()
            drawn |= {"normal": on.array(normal[blocks]), "gamma": on.array(gamma[blocks])}

    def _longer_list(self) -> None:
        if self._words == MOST_WORDS:
            raise RuntimeError(
                f"a particle has more than {4 * MOST_WORDS} neighbours: the integration has failed"
            )
        self._words = min(MOST_WORDS, self._words + self._words // 2 + 1)
        self._arrays["list"] = None  # its memory may be needed for the new one
        self._arrays["list"] = self.device.zeros((self.count, self._words, self.n_particles), np.uint64)

    def measure(self, active: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Measure energies of some replicas, and the forces on their particles (:meth:`forces`).

        Returns
        -------
        tuple
            Kinetic energies ``[2, block]`` at the full step and at the half step before; potential energies
            ``[block]``.
        """
        self._launch("dynamics_measure", active)
        energies = self.device.get(self._arrays["energies"])[active]
        return np.ascontiguousarray(energies[:, :2].T), energies[:, 2].copy()

    def forces(self) -> NDArray[np.int32]:
        """Return the forces ``[replica, N, 2]`` (times step, in velocity units) that were measured last."""
        return self._from_device("forces")

    def counters(self) -> NDArray[np.int64]:
        """Return the lists made and entries of the list summed over steps: ``[replica, 2]``."""
        return self.device.get(self._arrays["counters"])

    def resident(self) -> int:
        """Replicas that the device moves at the same time."""
        return self._kernels.resident_blocks("dynamics_advance", self._threads, self._shared)


def _table(model: FixedPointModel) -> NDArray[np.float32]:
    """Constants of the force in single precision, as ``dynamics.cu`` reads them."""
    m, s, q = model.mixture, model.mixture.n_species, model.position_unit
    table = np.zeros(5 + 3 * MAX_SPECIES**2, dtype=np.float32)
    table[:3] = model.table[:3]
    table[3] = model.velocity_unit * model.settings.time_step / q
    table[4] = (0.5 * model.skin / q) ** 2
    pairs = table[5 : 5 + 2 * MAX_SPECIES**2].reshape(MAX_SPECIES, MAX_SPECIES, 2)
    pairs[:s, :s] = model.table[3:].reshape(s, s, 2)
    limits = table[5 + 2 * MAX_SPECIES**2 :].reshape(MAX_SPECIES, MAX_SPECIES)
    limits[:s, :s] = ((m.cutoff * m.sigma_matrix + model.skin) / q) ** 2
    return table


def _energy_table(model: FixedPointModel) -> NDArray[np.float64]:
    """Constants of the energy in double precision, as ``dynamics.cu`` reads them."""
    m, s = model.mixture, model.mixture.n_species
    table = np.zeros(4 + 2 * MAX_SPECIES**2)
    table[:4] = m.cutoff**2, *m.smoothing
    inverse, strength = table[4:].reshape(2, MAX_SPECIES, MAX_SPECIES)
    inverse[:s, :s] = (model.position_unit / m.sigma_matrix) ** 2
    strength[:s, :s] = 4.0 * m.epsilon_matrix * 2.0**32
    return table
