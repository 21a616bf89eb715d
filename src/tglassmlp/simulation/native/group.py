"""Some replicas of one structure as the lanes of one set of arrays: moved, measured, kept together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import DIMENSIONS, wrap
from tglassmlp.simulation import thermostats
from tglassmlp.simulation.native.fixed_point import PRECISIONS, FixedPointModel, half_step_before
from tglassmlp.simulation.native.forces import Motion
from tglassmlp.simulation.native.integrator import Bath, EnergyTables, ThermostatRule, advance, measure
from tglassmlp.simulation.native.pair_list import ListRule, PairList, follow_images, renew_list
from tglassmlp.simulation.native.slots import Lanes, aligned, anchors, assignment, spatial_order
from tglassmlp.simulation.replica_run import ReplicaNoise

__all__ = ["LaneGroup"]

#: By how much the margin of the wide list exceeds the skin.
_WIDE_MARGIN: Final = 1.8
#: Steps between two optimal assignments of particles to slots.
_MATCHING_INTERVAL: Final = 20000
#: Slots of one species that one assignment deals with, about.
_MATCHED_TOGETHER: Final = 500
#: Steps between two sortings of the slots.
_SORT_INTERVAL: Final = 50000
#: Slots are sorted along stripes of the box of this width.
_STRIPE: Final = 2.5
#: Positions and forces of one group that stay in the second-level cache of a core, in bytes.
_CACHED: Final = 1_000_000


class LaneGroup:
    """Some replicas of one structure as the lanes of one set of arrays."""

    def __init__(self, model: FixedPointModel, replicas: Sequence[int], width: int) -> None:
        self.model, self.replicas, self.width = model, list(replicas), width
        integer = PRECISIONS[model.settings.precision][0]
        n = model.configuration.n_particles
        box = model.configuration.box_length
        shape = (n, DIMENSIONS, width)
        fraction = model.start / 2.0 ** (8 * model.start.itemsize) + 0.5
        first = spatial_order(fraction, _STRIPE / box)
        slot = np.empty(n, dtype=np.int32)
        slot[first] = np.arange(n, dtype=np.int32)
        pos, vel, frc, ref = (aligned(shape, integer) for _ in range(4))
        #: The replicas, on which compiled code works in place.
        self.system = Lanes(
            (0,) * width,
            pos,
            vel,
            frc,
            ref,
            image=aligned(shape, np.int32),
            order=np.repeat(slot[:, None], width, axis=1),
            holder=np.repeat(first.astype(np.int32)[:, None], width, axis=1),
            species=np.ascontiguousarray(model.configuration.species[first] - 1, dtype=np.int32),
        )
        #: Their pair list; ``valid`` says whether it still holds.
        self.pairs = PairList(
            aligned(shape, integer),
            wide_start=np.zeros(n + 1, dtype=np.int64),
            wide=np.zeros(32 * n, dtype=np.int32),
            start=np.zeros(n + 1, dtype=np.int64),
            neighbour=np.zeros(32 * n, dtype=np.int32),
        )
        self.valid = False
        self.xi, self.work = np.zeros(width), np.zeros(width)
        self.last_exchange = self.last_matching = self.last_sort = 0
        self.matchings = 0
        self.density = 0.0  # pairs per particle after the last assignment
        self.lists = self.listed = self.steps = 0
        self.rule = self._list_rule()
        q, unit, dt = model.position_unit, model.velocity_unit, model.settings.time_step
        self.motion = Motion(model.table, model.mixture.n_species, unit, unit * dt / q, dt)
        self.tables = EnergyTables(
            (q / model.mixture.sigma_matrix) ** 2,
            model.mixture.epsilon_matrix,
            model.mixture.cutoff**2,
            model.mixture.smoothing,
        )

    def _list_rule(self) -> ListRule:
        m = self.model
        box, cutoffs = m.configuration.box_length, m.mixture.cutoff * m.mixture.sigma_matrix
        margin = min(m.skin + _WIDE_MARGIN, 0.5 * box - m.mixture.largest_cutoff)
        # neighbours of a slot lie up to two stripes on
        ahead = round(2.2 * _STRIPE / box * m.configuration.n_particles)
        return ListRule(
            limits=(((cutoffs + m.skin) / m.position_unit) ** 2).astype(m.table.dtype).ravel(),
            reach=(cutoffs + margin) / box,
            wide_limit=(0.5 * (margin - m.skin) / m.position_unit) ** 2,
            skin=0.5 * m.skin / m.position_unit,
            ahead=ahead if self.system.pos.nbytes + self.system.frc.nbytes > _CACHED else 0,
        )

    # -- exchange with arrays [replica, particle, 2] ------------------------------------------------

    def set(self, pos: NDArray, vel: NDArray, image: NDArray, xi: NDArray, work: NDArray) -> None:
        """Fill lanes from ``[replica, particle, 2]``; spare lanes repeat the first replica."""
        system = self.system
        for k in range(self.width):
            r = k if k < len(self.replicas) else 0
            at = system.order[:, k]
            system.pos[at, :, k], system.vel[at, :, k], system.image[at, :, k] = pos[r], vel[r], image[r]
            self.xi[k], self.work[k] = xi[r], work[r]
        system.ref[:] = system.pos
        self.pairs.wide_start[-1] = 0
        self.valid = False

    def get(self, which: NDArray) -> NDArray:
        """Read one of the lane arrays as ``[replica, particle, 2]``."""
        return np.stack([which[self.system.order[:, k], :, k] for k in range(len(self.replicas))])

    def _follow_images(self) -> None:
        """Count crossings of the box, and see whether the wide list still holds."""
        s, pairs = self.system, self.pairs
        if follow_images(s.lanes, s.pos, s.ref, s.image, pairs.wide_ref, self.rule.wide_limit):
            pairs.wide_start[-1] = 0

    def state(self) -> dict[str, NDArray]:
        """Positions, velocities, images ``[replica, particle, 2]`` and the thermostat's variables."""
        self._follow_images()
        self.valid = False
        count = len(self.replicas)
        return {
            "position": self.get(self.system.pos),
            "velocity": self.get(self.system.vel),
            "image": self.get(self.system.image),
            "friction": self.xi[:count].copy(),
            "work": self.work[:count].copy(),
        }

    def bring_together(self) -> None:
        """Exchange slots between particles of a species so that each slot's lanes lie as close as possible.

        The optimal assignment to the slots' mean positions, lane by lane and in large systems part by part
        of the box, where the compiled pairwise exchanges have got stuck. Only speed depends on it.
        """
        self.state()  # images follow, and the reference positions are the present ones
        self.matchings += 1
        system = self.system
        moving = (system.pos, system.vel, system.image, system.ref)
        for k in range(len(self.replicas)):
            anchor, _ = anchors(system.pos, 0.5 ** (8 * system.pos.itemsize))
            fraction = system.pos[:, :, k] / 2.0 ** (8 * system.pos.itemsize)
            for slots in self._tiles(anchor):
                target = slots[assignment(wrap(fraction[slots], 1.0, 0.0), anchor[slots])]
                for array in moving:
                    array[target, :, k] = array[slots, :, k]
                system.holder[target, k] = system.holder[slots, k]
                system.order[system.holder[slots, k], k] = slots
        self.pairs.wide_start[-1] = 0
        for k in range(len(self.replicas), self.width):
            for array in moving:
                array[:, :, k] = array[:, :, 0]
            system.holder[:, k], system.order[:, k] = system.holder[:, 0], system.order[:, 0]
        self.valid = False

    def _tiles(self, anchor: NDArray[np.float64]) -> list[NDArray[np.intp]]:
        """Slots of one species in one part of the box each, some hundreds: assignments are not linear.

        The parts are shifted from call to call, so that no border stays.
        """
        shift = (0.618034 * self.matchings) % 1.0
        found = []
        for kind in range(self.model.mixture.n_species):
            slots = np.flatnonzero(self.system.species == kind)
            side = max(1, round(math.sqrt(len(slots) / _MATCHED_TOGETHER)))
            tile = np.minimum(((anchor[slots] + shift) % 1.0 * side).astype(np.int64), side - 1)
            number = tile[:, 0] * side + tile[:, 1]
            found += [slots[number == k] for k in np.unique(number)]
        return found

    def sort(self) -> None:
        """Renumber the slots along the box, so that neighbours stay near in memory."""
        self.state()  # images follow, and the reference positions are the present ones
        system = self.system
        anchor, _ = anchors(system.pos, 0.5 ** (8 * system.pos.itemsize))
        first = spatial_order(anchor, _STRIPE / self.model.configuration.box_length)
        for array in (system.pos, system.vel, system.image, system.ref, system.species, system.holder):
            array[:] = array[first]
        for k in range(self.width):
            system.order[system.holder[:, k], k] = np.arange(len(first))
        self.pairs.wide_start[-1] = 0
        self.valid = False

    # -- dynamics -----------------------------------------------------------------------------------

    def launch(self, positions: NDArray, velocities: NDArray[np.float64]) -> None:
        """Start from positions in fixed point and full-step velocities, both ``[replica, particle, 2]``."""
        m, count = self.model, len(self.replicas)
        integer = self.system.pos.dtype
        zeros = np.zeros((count, m.configuration.n_particles, DIMENSIONS))
        self.set(positions, zeros, zeros, np.zeros(count), np.zeros(count))
        if np.any(positions != m.start):
            self.bring_together()
        begin = half_step_before(velocities, self.get(self.measure()[2]), m.velocity_unit)
        self.set(positions, begin.astype(integer), zeros, np.zeros(count), np.zeros(count))

    def measure(self) -> tuple[NDArray, NDArray, NDArray]:
        """Measure energies and forces without moving anything.

        Returns
        -------
        tuple
            Kinetic energies ``[2, lane]`` at the full step and at the half step before, potential energy
            ``[lane]``, forces ``[slot, 2, lane]`` (times step, in velocity units).
        """
        if not self.valid:
            self._follow_images()
            self.pairs = renew_list(self.system, self.pairs, self.rule)
            self.valid = True
        kinetic, potential, force = measure(self.system, self.pairs, self.motion, self.tables)
        return kinetic, potential, force

    def advance(self, first: int, n_steps: int, noise: Sequence[ReplicaNoise]) -> None:
        """Run ``n_steps`` from step ``first``.

        Raises
        ------
        RuntimeError
            If the temperature of a replica explodes.
        """
        m, s = self.model, self.model.settings
        count = thermostats.applications(first, n_steps, s.thermostat_interval)
        normal, gamma = np.zeros((2, count, self.width))
        if s.thermostat == "bussi":
            drawn = thermostats.deviates([noise[r] for r in self.replicas], count, m.freedom)
            for lanes, numbers in zip((normal, gamma), drawn, strict=True):
                lanes[:, : len(self.replicas)] = numbers.T
                lanes[:, len(self.replicas) :] = lanes[:, :1]
        rate = 1.0 / s.thermostat_time
        rule = ThermostatRule(
            thermostats.KINDS[s.thermostat],
            thermostats.KICKS[s.thermostat_velocities],
            m.target,
            m.freedom,
            s.thermostat_interval,
            rate,
            thermostats.kept(s.thermostat_interval * s.time_step, rate),
        )
        self.pairs, self.valid, lists, listed, fine, self.last_exchange = advance(
            self.system, self.pairs, self.rule, self.motion, rule, Bath(self.xi, self.work, normal, gamma),
            first, n_steps, self.valid, self.last_exchange,
        )  # fmt: skip
        density = self.pairs.start[-1] / m.configuration.n_particles
        self.density = self.density or density
        if first + n_steps - self.last_matching >= _MATCHING_INTERVAL and density > 1.12 * self.density:
            self.bring_together()
            self.last_matching, self.density = first + n_steps, 0.0
        if first + n_steps - self.last_sort >= _SORT_INTERVAL:
            self.sort()
            self.last_sort = first + n_steps
        self.lists += lists
        self.listed += listed
        self.steps += n_steps
        if not fine:
            raise thermostats.explosion(m.temperature, first)
