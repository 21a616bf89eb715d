r"""Isoconfigurational molecular dynamics: many replicas of one structure, at constant N, V, T.

All replicas start from the same positions with independent Maxwell velocities of zero total momentum, and
move by leapfrog (velocity Verlet seen at half steps). A global thermostat acts every few steps: stochastic
velocity rescaling (Bussi, Donadio, Parrinello 2007) or Nose-Hoover; neither moves the centre of mass.

The thermostat reads and rescales the velocities at the half step. For a harmonic mode of frequency w and a
time step h, leapfrog samples positions of temperature T exactly if T is the temperature of those velocities;
the velocities of the full step are colder by the factor 1 - (w h)^2 / 4, so a thermostat that holds them at
T makes the positions too hot by that much, which is one part in two hundred here.
The compiled kernels, and why the result does not depend on how work is divided, are in
:mod:`tglassmlp.simulation.lanes`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from tglassmlp import config
from tglassmlp.box import bring_near, minimum_image, wrap
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.frames import extension_steps, frame_steps
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.potentials import fused_force_constants, lennard_jones_force
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.randomness import seed_sequence, temperature_key
from tglassmlp.simulation import lanes
from tglassmlp.simulation.engine import Trajectory, get_engine
from tglassmlp.simulation.replica_run import (
    ReplicaNoise,
    ReplicaRun,
    checked_request,
    content_hash,
    replica_seed,
    replica_starts,
)
from tglassmlp.storage import Array, read_configurations

__all__ = [
    "ENGINE",
    "DynamicsSettings",
    "NativeEngine",
    "extend_chunk",
    "forget_structures",
    "isoconfigurational_dynamics",
    "log_spaced_steps",
    "planned_structures",
    "run_chunk",
    "run_structures",
]

_THERMOSTATS: Final[dict[str, int]] = {"none": 0, "bussi": 1, "nose_hoover": 2}
#: Share of the force's kick in the velocities that the thermostat reads; they are kept half a step behind.
_KICKS: Final[dict[str, float]] = {"half_step": 0.0, "full_step": 0.5}
#: Integer type, float type and lane widths (widest first) of each precision.
_PRECISIONS: Final[dict[str, tuple[type, type, tuple[int, ...]]]] = {
    "mixed": (np.int32, np.float32, (16, 8)),
    "double": (np.int64, np.float64, (8,)),
}
#: A call of the compiled loop lasts about this long, so that progress and interrupts get their turn.
CALL_SECONDS: float = 1.0
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


@dataclass(frozen=True)
class DynamicsSettings:
    """How the equations of motion are integrated.

    Parameters
    ----------
    time_step
        Time step, 0.01 in the published data.
    thermostat
        ``bussi``: stochastic velocity rescaling with relaxation time ``thermostat_time``;
        ``nose_hoover``: one friction variable of that period scale; ``none``: constant energy.
    thermostat_time
        Relaxation time of the thermostat.
    thermostat_interval
        Time steps between two actions of the thermostat; the propagators are exact for any interval.
    thermostat_velocities
        Velocities that the thermostat reads and rescales. ``half_step``: those half a step before the
        positions, which gives the positions the right temperature at any stable time step; ``full_step``:
        those at the time of the positions, which makes the positions too hot by (w h)^2 / 4 for a mode of
        frequency w and a time step h.
    precision
        ``mixed``: pair terms in float32, coordinates and sums in 32-bit fixed point (relative force error
        about 1e-6); ``double``: float64 and 64-bit fixed point.
    skin
        Margin of the Verlet list; only speed depends on it.
    block_seconds
        Seconds between two checkpoints.

    Raises
    ------
    ValueError
        For a value out of range, naming it and what is allowed.
    """

    time_step: float = 0.01
    thermostat: Literal["bussi", "nose_hoover", "none"] = "bussi"
    thermostat_time: float = 1.0
    thermostat_interval: int = 10
    thermostat_velocities: Literal["half_step", "full_step"] = "half_step"
    precision: Literal["mixed", "double"] = "mixed"
    skin: float = 0.35
    block_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in ("time_step", "thermostat_time", "skin", "block_seconds"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, found {value}")
        if self.time_step > 0.05:
            raise ValueError(
                f"time_step must be at most 0.05 for a stable integration, found {self.time_step}"
            )
        if self.thermostat not in _THERMOSTATS:
            raise ValueError(
                f"thermostat must be one of {', '.join(_THERMOSTATS)}, found {self.thermostat!r}"
            )
        if self.thermostat_velocities not in _KICKS:
            raise ValueError(
                f"thermostat_velocities must be one of {', '.join(_KICKS)}, "
                f"found {self.thermostat_velocities!r}"
            )
        if self.precision not in _PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(_PRECISIONS)}, found {self.precision!r}")
        if int(self.thermostat_interval) != self.thermostat_interval or self.thermostat_interval < 1:
            raise ValueError(
                f"thermostat_interval must be a whole number of at least 1, found {self.thermostat_interval}"
            )

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> DynamicsSettings:
        """Build from a config section; keys of other uses (replicas, frame_ratio) are left aside."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in mapping.items() if k in known})


# --------------------------------------------------------------------------------------------------
# Times
# --------------------------------------------------------------------------------------------------


def log_spaced_steps(duration: float, time_step: float, ratio: float = 1.601) -> NDArray[np.int64]:
    """List the steps of the frames, evenly spaced in the logarithm of time from 0 to ``duration``.

    With S = duration / time_step and n = floor(ln S / ln ratio), the steps are 0 and the distinct values of
    floor(S^(k/n)), k = 0..n. Both published sets of frames (S = 1.5e8 and S = 2e6) are reproduced.

    Parameters
    ----------
    duration
        Time of the last frame; a multiple of the time step.
    time_step
        Time step of the dynamics.
    ratio
        Smallest ratio of successive times.

    Returns
    -------
    ndarray
        ``[frame]`` int64, strictly increasing from 0.

    Raises
    ------
    ValueError
        If the duration is shorter than one step or the ratio is not above 1.
    """
    if not (math.isfinite(duration) and math.isfinite(time_step) and time_step > 0):
        raise ValueError(f"duration and time_step must be positive, found {duration} and {time_step}")
    if not ratio > 1.0:
        raise ValueError(f"the ratio of frame times must be larger than 1, found {ratio}")
    last = _whole_steps([duration], time_step)[0]
    if last < 1:
        raise ValueError(f"the dynamics must last at least one time step ({time_step}), found {duration}")
    return np.array(frame_steps(int(last), ratio), dtype=np.int64)


def _whole_steps(times: ArrayLike, time_step: float) -> NDArray[np.int64]:
    """Turn times into whole numbers of steps; a time may be off by a millionth of a step or of itself."""
    exact = np.asarray(times, dtype=np.float64) / time_step
    if not np.all(np.isfinite(exact)):
        raise ValueError(f"times must be finite, found {np.asarray(times).tolist()}")
    steps = np.rint(exact)
    bad = np.flatnonzero(np.abs(exact - steps) > 1e-6 * np.maximum(1.0, np.abs(exact)))
    if bad.size:
        raise ValueError(
            f"times must be multiples of the time step {time_step}, found {np.asarray(times).ravel()[bad[0]]}"
        )
    return steps.astype(np.int64)


# --------------------------------------------------------------------------------------------------
# Fixed-point units and the state of one group of lanes
# --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Model:
    """Everything a group needs to know that does not change: particles, units, tables."""

    configuration: Configuration
    mixture: Mixture
    settings: DynamicsSettings
    temperature: float
    position_unit: float
    velocity_unit: float
    skin: float
    start: NDArray[Any]
    table: NDArray[Any]

    @property
    def freedom(self) -> float:
        return 2.0 * self.configuration.n_particles - 2.0

    @property
    def target(self) -> float:
        return 0.5 * self.freedom * self.temperature

    @property
    def largest_force(self) -> float:
        """Largest force that fixed point can hold."""
        bits = np.dtype(_PRECISIONS[self.settings.precision][0]).itemsize * 8
        return 2.0 ** (bits - 1) * self.velocity_unit / self.settings.time_step


def _model(
    configuration: Configuration, temperature: float, mixture: Mixture, settings: DynamicsSettings
) -> _Model:
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    configuration.check_mixture(mixture.n_species, mixture.largest_cutoff + 0.05)
    if configuration.n_particles < 2:
        raise ValueError("dynamics at zero total momentum needs at least 2 particles, found 1")
    integer, floating, _ = _PRECISIONS[settings.precision]
    bits = 8 * np.dtype(integer).itemsize
    box = configuration.box_length
    q = box / 2.0**bits
    # the largest speed is 20 thermal ones, rounded up to a power of two
    range_bits = max(1, math.ceil(math.log2(20.0 * math.sqrt(temperature))))
    unit = 2.0 ** (range_bits + 1 - bits)
    dt = settings.time_step
    s = mixture.n_species
    table = np.zeros(3 + 2 * s * s)
    table[:3] = mixture.cutoff**2, *fused_force_constants(mixture.smoothing)
    sigma2 = mixture.sigma_matrix**2
    table[3::2] = (q * q / sigma2).ravel()
    table[4::2] = (24.0 * mixture.epsilon_matrix / sigma2 * (q * dt / unit)).ravel()
    skin = min(settings.skin, 0.5 * box - mixture.largest_cutoff - 1e-6 * box)
    model = _Model(
        configuration,
        mixture,
        settings,
        float(temperature),
        q,
        unit,
        skin,
        _fixed_point(configuration, integer),
        table.astype(floating),
    )
    _refuse_overlaps(model, configuration)
    return model


def _fixed_point(c: Configuration, integer: type) -> NDArray[Any]:
    """Positions ``[N, 2]`` in units of the box over the range of the integer type."""
    bits = 8 * np.dtype(integer).itemsize
    near, _ = bring_near(c.positions, c.box_length)
    # 2^bits itself does not fit: the upper edge of the box is its lower edge
    whole = np.rint(wrap(near / c.box_length, 1.0) * 2.0**bits)
    whole[whole >= 2.0 ** (bits - 1)] = -(2.0 ** (bits - 1))
    return whole.astype(integer)


def _refuse_overlaps(model: _Model, c: Configuration) -> None:
    """Raise ValueError if two particles are so close that their force does not fit."""
    m = model.mixture
    near, _ = bring_near(c.positions, c.box_length)
    tree = cKDTree(wrap(near, c.box_length, 0.0), boxsize=c.box_length)
    pairs = tree.query_pairs(0.9 * float(m.sigma_matrix.max()), output_type="ndarray")
    if len(pairs) == 0:
        return
    separation = minimum_image(near[pairs[:, 0]] - near[pairs[:, 1]], c.box_length)
    r = np.sqrt((separation**2).sum(axis=1))
    a, b = c.species[pairs[:, 0]] - 1, c.species[pairs[:, 1]] - 1
    with np.errstate(divide="ignore", over="ignore"):
        force = lennard_jones_force(r, m.sigma_matrix[a, b], m.epsilon_matrix[a, b])
    limit = 0.25 * model.largest_force
    worst = int(np.argmax(force))
    if not force[worst] < limit:
        raise ValueError(
            f"particles {pairs[worst, 0]} and {pairs[worst, 1]} overlap: distance {r[worst]:.4g}, force "
            f"{force[worst]:.4g}, allowed are forces below {limit:.4g}; relax the configuration first"
        )


def _spatial_order(fraction: NDArray[np.float64], spacing: float) -> NDArray[np.intp]:
    """Order of particles along stripes of the box, back and forth, so that neighbours are near in memory."""
    n_stripes = max(1, int(1.0 / spacing))
    stripe = np.minimum((fraction[:, 0] * n_stripes).astype(np.int64), n_stripes - 1)
    along = np.where(stripe % 2 == 0, fraction[:, 1], -fraction[:, 1])
    return np.lexsort((along, stripe))


def _assignment(points: NDArray[np.float64], anchors: NDArray[np.float64]) -> NDArray[np.intp]:
    """Anchor of each point, one each, with the smallest sum of squared distances in the periodic unit box.

    Only the nearest anchors of a point, and the one it has now (of the same index), are candidates.
    """
    n = len(points)
    nearest = min(n, 16)
    distance, index = cKDTree(anchors, boxsize=1.0).query(points, k=nearest)
    distance, index = distance.reshape(n, nearest), index.reshape(n, nearest)
    own = minimum_image(points - anchors, 1.0)
    rows = np.concatenate([np.repeat(np.arange(n), nearest), np.arange(n)])
    columns = np.concatenate([index.ravel(), np.arange(n)])
    # whole numbers: with rounding errors the search for the best matching may go round in circles for ever;
    # they must not vanish, and a pair listed twice must not be added up
    unit = (1e-3 * max(float(distance.max()), 1e-9)) ** 2
    weights = np.rint(np.concatenate([distance.ravel() ** 2, (own**2).sum(axis=1)]) / unit) + 1.0
    _, unique = np.unique(rows * n + columns, return_index=True)
    graph = csr_array((weights[unique], (rows[unique], columns[unique])), shape=(n, n))
    found, chosen = min_weight_full_bipartite_matching(graph)
    target = np.empty(n, dtype=np.intp)
    target[found] = chosen
    return target


class _Group:
    """Some replicas of one structure as the lanes of one set of arrays."""

    def __init__(self, model: _Model, replicas: Sequence[int], width: int) -> None:
        self.model, self.replicas, self.width = model, list(replicas), width
        integer = _PRECISIONS[model.settings.precision][0]
        n = model.configuration.n_particles
        shape = (n, 2, width)
        self.pos, self.vel, self.frc, self.ref = (lanes.aligned(shape, integer) for _ in range(4))
        self.image = lanes.aligned(shape, np.int32)
        fraction = model.start / 2.0 ** (8 * model.start.itemsize) + 0.5
        first = _spatial_order(fraction, _STRIPE / model.configuration.box_length)
        slot = np.empty(n, dtype=np.int32)
        slot[first] = np.arange(n, dtype=np.int32)
        #: Slot of every particle in every lane.
        self.order = np.repeat(slot[:, None], width, axis=1)
        #: Particle in every slot of every lane.
        self.holder = np.repeat(first.astype(np.int32)[:, None], width, axis=1)
        self.last_exchange = self.last_matching = self.last_sort = 0
        self.matchings = 0
        self.density = 0.0  # pairs per particle after the last assignment
        self.species = np.ascontiguousarray(model.configuration.species[first] - 1, dtype=np.int32)
        self.start = np.zeros(n + 1, dtype=np.int64)
        self.neighbour = np.zeros(32 * n, dtype=np.int32)
        self.wide_start, self.wide = self.start.copy(), self.neighbour.copy()
        self.wide_ref = lanes.aligned(shape, integer)
        # neighbours of a slot lie up to two stripes on
        reach = round(2.2 * _STRIPE / model.configuration.box_length * n)
        self.ahead = reach if self.pos.nbytes + self.frc.nbytes > _CACHED else 0
        self.valid = False
        self.xi, self.work = np.zeros(width), np.zeros(width)
        self.token = (0,) * width
        box, cutoffs = model.configuration.box_length, model.mixture.cutoff * model.mixture.sigma_matrix
        self.limits = (((cutoffs + model.skin) / model.position_unit) ** 2).astype(model.table.dtype).ravel()
        margin = min(model.skin + _WIDE_MARGIN, 0.5 * box - model.mixture.largest_cutoff)
        self.wide_reach = (cutoffs + margin) / box
        self.wide_limit = (0.5 * (margin - model.skin) / model.position_unit) ** 2
        self.lists = self.pairs = self.steps = 0

    # -- exchange with arrays [replica, particle, 2] ------------------------------------------------

    def set(self, pos: NDArray, vel: NDArray, image: NDArray, xi: NDArray, work: NDArray) -> None:
        """Fill lanes from ``[replica, particle, 2]``; spare lanes repeat the first replica."""
        for k in range(self.width):
            r = k if k < len(self.replicas) else 0
            at = self.order[:, k]
            self.pos[at, :, k], self.vel[at, :, k], self.image[at, :, k] = pos[r], vel[r], image[r]
            self.xi[k], self.work[k] = xi[r], work[r]
        self.ref[:] = self.pos
        self.wide_start[-1] = 0
        self.valid = False

    def get(self, which: NDArray) -> NDArray:
        """Read one of the lane arrays as ``[replica, particle, 2]``."""
        return np.stack([which[self.order[:, k], :, k] for k in range(len(self.replicas))])

    def _follow_images(self) -> None:
        """Count crossings of the box, and see whether the wide list still holds."""
        if lanes.follow_images(
            self.token, self.pos, self.ref, self.image, self.wide_ref, self.wide_limit
        ):  # fmt: skip
            self.wide_start[-1] = 0

    def state(self) -> dict[str, NDArray]:
        """Positions, velocities, images ``[replica, particle, 2]`` and the thermostat's variables."""
        self._follow_images()
        self.valid = False
        count = len(self.replicas)
        return {
            "position": self.get(self.pos),
            "velocity": self.get(self.vel),
            "image": self.get(self.image),
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
        for k in range(len(self.replicas)):
            anchor, _ = lanes.anchors(self.pos, 0.5 ** (8 * self.pos.itemsize))
            fraction = self.pos[:, :, k] / 2.0 ** (8 * self.pos.itemsize)
            for slots in self._tiles(anchor):
                target = slots[_assignment(wrap(fraction[slots], 1.0, 0.0), anchor[slots])]
                for array in (self.pos, self.vel, self.image, self.ref):
                    array[target, :, k] = array[slots, :, k]
                self.holder[target, k] = self.holder[slots, k]
                self.order[self.holder[slots, k], k] = slots
        self.wide_start[-1] = 0
        for k in range(len(self.replicas), self.width):
            for array in (self.pos, self.vel, self.image, self.ref):
                array[:, :, k] = array[:, :, 0]
            self.holder[:, k], self.order[:, k] = self.holder[:, 0], self.order[:, 0]
        self.valid = False

    def _tiles(self, anchor: NDArray[np.float64]) -> list[NDArray[np.intp]]:
        """Slots of one species in one part of the box each, some hundreds: assignments are not linear.

        The parts are shifted from call to call, so that no border stays.
        """
        shift = (0.618034 * self.matchings) % 1.0
        found = []
        for kind in range(self.model.mixture.n_species):
            slots = np.flatnonzero(self.species == kind)
            side = max(1, round(math.sqrt(len(slots) / _MATCHED_TOGETHER)))
            tile = np.minimum(((anchor[slots] + shift) % 1.0 * side).astype(np.int64), side - 1)
            number = tile[:, 0] * side + tile[:, 1]
            found += [slots[number == k] for k in np.unique(number)]
        return found

    def sort(self) -> None:
        """Renumber the slots along the box, so that neighbours stay near in memory."""
        self.state()  # images follow, and the reference positions are the present ones
        anchor, _ = lanes.anchors(self.pos, 0.5 ** (8 * self.pos.itemsize))
        first = _spatial_order(anchor, _STRIPE / self.model.configuration.box_length)
        for array in (self.pos, self.vel, self.image, self.ref, self.species, self.holder):
            array[:] = array[first]
        for k in range(self.width):
            self.order[self.holder[:, k], k] = np.arange(len(first))
        self.wide_start[-1] = 0
        self.valid = False

    # -- dynamics -----------------------------------------------------------------------------------

    def launch(self, positions: NDArray, velocities: NDArray[np.float64]) -> None:
        """Start from positions in fixed point and full-step velocities, both ``[replica, particle, 2]``."""
        m, count = self.model, len(self.replicas)
        integer = self.pos.dtype
        zeros = np.zeros((count, m.configuration.n_particles, 2))
        self.set(positions, zeros, zeros, np.zeros(count), np.zeros(count))
        if np.any(positions != m.start):
            self.bring_together()
        force = self.get(self.measure()[2])
        half_step_before = np.rint(velocities / m.velocity_unit - 0.5 * force).astype(np.int64)
        rest = half_step_before.sum(axis=1)
        n = half_step_before.shape[1]
        for r in range(count):
            for c in range(2):
                whole, part = divmod(int(rest[r, c]), n)
                half_step_before[r, :, c] -= whole
                half_step_before[r, :part, c] -= 1
        self.set(positions, half_step_before.astype(integer), zeros, np.zeros(count), np.zeros(count))

    def measure(self) -> tuple[NDArray, NDArray, NDArray]:
        """Measure energies and forces without moving anything.

        Returns
        -------
        tuple
            Kinetic energies ``[2, lane]`` at the full step and at the half step before, potential energy
            ``[lane]``, forces ``[slot, 2, lane]`` (times step, in velocity units).
        """
        m = self.model
        if not self.valid:
            self._follow_images()
            self.wide, self.neighbour = lanes.renew_list(
                self.token, self.pos, self.species, self.limits, self.wide_reach, self.wide_ref,
                self.wide_start, self.wide, self.start, self.neighbour, self.ahead,
            )  # fmt: skip
            self.valid = True
        kinetic, potential, force = lanes.measure(
            self.token, self.pos, self.vel, self.start, self.neighbour, self.species, m.table,
            m.velocity_unit, (m.position_unit / m.mixture.sigma_matrix) ** 2, m.mixture.epsilon_matrix,
            m.mixture.cutoff**2, m.mixture.smoothing,
        )  # fmt: skip
        return kinetic, potential, force

    def advance(self, first: int, n_steps: int, noise: Sequence[ReplicaNoise]) -> None:
        """Run ``n_steps`` from step ``first``.

        Raises
        ------
        RuntimeError
            If the temperature of a replica explodes.
        """
        m, s = self.model, self.model.settings
        every = s.thermostat_interval
        applications = -(-(first + n_steps) // every) + (-first // every)
        normal, gamma = np.zeros((2, applications, self.width))
        if s.thermostat == "bussi":
            for k, r in enumerate(self.replicas):
                normal[:, k] = noise[r].normal.standard_normal(applications)
                gamma[:, k] = noise[r].gamma.standard_gamma(0.5 * (m.freedom - 1.0), applications)
            normal[:, len(self.replicas) :] = normal[:, :1]
            gamma[:, len(self.replicas) :] = gamma[:, :1]
        dt, q, unit = s.time_step, m.position_unit, m.velocity_unit
        self.wide, self.neighbour, self.valid, lists, pairs, fine, self.last_exchange = lanes.advance(
            self.token, self.pos, self.vel, self.frc, self.ref, self.image, self.order, self.holder,
            self.species, self.wide_ref, self.wide_start, self.wide, self.start, self.neighbour, self.limits,
            self.wide_reach, self.wide_limit, m.table, (unit, unit * dt / q, dt), 0.5 * m.skin / q,
            first, n_steps, _THERMOSTATS[s.thermostat], _KICKS[s.thermostat_velocities], m.target, m.freedom,
            every, 1.0 / s.thermostat_time, self.xi, self.work, normal, gamma, self.valid,
            1.0 / math.sqrt(m.configuration.n_particles), self.last_exchange, self.ahead,
        )  # fmt: skip
        density = self.start[-1] / m.configuration.n_particles
        self.density = self.density or density
        if first + n_steps - self.last_matching >= _MATCHING_INTERVAL and density > 1.12 * self.density:
            self.bring_together()
            self.last_matching, self.density = first + n_steps, 0.0
        if first + n_steps - self.last_sort >= _SORT_INTERVAL:
            self.sort()
            self.last_sort = first + n_steps
        self.lists += lists
        self.pairs += pairs
        self.steps += n_steps
        if not fine:
            raise RuntimeError(
                f"the kinetic temperature of a replica left (0, 10) x {m.temperature} near step {first}: "
                "the integration has failed (time step too large, or a start far from equilibrium)"
            )


def _split(replicas: int, widths: tuple[int, ...], threads: int = 1) -> list[tuple[list[int], int]]:
    """Divide replicas into groups and give each its lane width: wide ones first.

    If that leaves threads without work, narrower groups are made instead.
    """
    groups, first = [], 0
    while first < replicas:
        left = replicas - first
        fitting = [w for w in widths if w >= left]
        width = min(fitting) if fitting else widths[0]
        members = list(range(first, min(replicas, first + width)))
        groups.append((members, width))
        first += width
    return groups if len(groups) >= threads or len(widths) == 1 else _split(replicas, widths[1:], threads)


# --------------------------------------------------------------------------------------------------
# The run
# --------------------------------------------------------------------------------------------------


class NativeEngine:
    """The embedded engine: replicas as SIMD lanes on the CPU."""

    name = "native"

    @takes_mixture(assume=False)
    def trajectory(
        self,
        configuration: Configuration,
        temperature: float,
        steps: Sequence[int] | NDArray[np.int64],
        replicas: int,
        seed: np.random.SeedSequence,
        *,
        mixture: Mixture = KA2D,
        settings: DynamicsSettings = DynamicsSettings(),
        checkpoint: Path | None = None,
        progress: Callable[[float, str], None] | None = None,
        threads: int = 1,
        keep_checkpoint: bool = False,
        positions: ArrayLike | None = None,
    ) -> Trajectory:
        """Run all replicas of one structure and return their frames.

        Parameters
        ----------
        configuration
            Initial positions (all replicas), species, box.
        temperature
            Temperature of the Maxwell velocities and of the thermostat.
        steps
            ``[frame]`` whole, strictly increasing numbers of time steps, from 0 on.
        replicas
            Number of replicas.
        seed
            Seed of the structure; replica r uses it with r added to the spawn key.
        mixture
            Pair potential.
        settings
            Integration settings.
        checkpoint
            Path (``.npz``) of the restart file, or None; frames are kept beside it.
        progress
            Called with the particle-steps done since the last call and a note; the first call of a resumed
            run has a note starting with "resumed".
        threads
            Groups of lanes that may run at the same time. Results do not depend on it.
        keep_checkpoint
            Leave the restart files when the run is complete.
        positions
            ``[replica, N, 2]`` positions each replica starts from, and its displacements count from; None:
            all start from those of ``configuration``.

        Raises
        ------
        ValueError
            For unusable input (temperature, replicas, steps, box, species, overlapping particles), or a
            damaged or foreign checkpoint.
        RuntimeError
            If the temperature explodes.
        """
        frames, replicas = checked_request(steps, replicas)
        model = _model(configuration, temperature, mixture, settings)
        starts = replica_starts(configuration, replicas, positions)
        if positions is not None:
            for start in starts:
                _refuse_overlaps(model, start)
        run = _Run(model, frames, starts, seed, checkpoint, threads)
        return run.complete(progress, threads, keep_checkpoint)


ENGINE: Final = NativeEngine()


class _Run(ReplicaRun):
    """Replicas of one structure on their way through the frames."""

    def __init__(
        self,
        model: _Model,
        frames: NDArray[np.int64],
        starts: Sequence[Configuration],
        seed: np.random.SeedSequence,
        checkpoint: Path | None,
        threads: int = 1,
    ) -> None:
        self.model = model
        self.replicas = replicas = len(starts)
        integer = _PRECISIONS[model.settings.precision][0]
        self.start = np.stack([_fixed_point(c, integer) for c in starts])
        parts = _split(replicas, _PRECISIONS[model.settings.precision][2], threads)
        self.groups = [_Group(model, members, width) for members, width in parts]
        settings = asdict(model.settings)
        for name in ("skin", "block_seconds"):
            del settings[name]
        identity = {
            "structure": content_hash(model.configuration),
            "box_length": model.configuration.box_length,
            "temperature": model.temperature,
            "frames": frames.tolist(),
            "replicas": replicas,
            "seed": [str(seed.entropy), list(map(int, seed.spawn_key))],
            "mixture": asdict(model.mixture),
            "settings": settings,
            "engine": "native",
            "stage_version": stage_version("dynamics"),
        }
        if any(c is not model.configuration for c in starts):
            identity["starts"] = [content_hash(c) for c in starts]
        super().__init__(
            frames,
            model.configuration.n_particles,
            model.settings.time_step,
            [ReplicaNoise(replica_seed(seed, r)) for r in range(replicas)],
            fingerprint(identity),
            None if checkpoint is None else Path(checkpoint),
        )

    def _save(self) -> None:
        if self.checkpoint is not None:
            parts = [g.state() for g in self.groups]
            self.write(self.snapshot({name: np.concatenate([p[name] for p in parts]) for name in parts[0]}))

    def _resume(self) -> bool:
        arrays = self.resume()
        if arrays is None:
            return False
        for g in self.groups:
            g.set(*(arrays[k][g.replicas] for k in ("position", "velocity", "image", "friction", "work")))
        return True

    # -- running ------------------------------------------------------------------------------------

    def _launch(self) -> None:
        m = self.model
        shape = (m.configuration.n_particles, 2)
        for g in self.groups:
            velocities = np.stack(
                [
                    math.sqrt(m.temperature) * self.noise[r].velocities.standard_normal(shape)
                    for r in g.replicas
                ]
            )
            g.launch(self.start[g.replicas], velocities - velocities.mean(axis=1, keepdims=True))
            kinetic, potential, _ = g.measure()
            self.reference[g.replicas] = (kinetic[0] + potential)[: len(g.replicas)]

    def _record(self) -> None:
        """Store the frame at the present step."""
        m = self.model
        box, q = m.configuration.box_length, m.position_unit
        thermal = int(m.settings.thermostat_velocities == "half_step")
        displacements, energies = np.empty(self.displacements.shape[1:]), np.empty((3, self.replicas))
        for g in self.groups:
            r, count = g.replicas, len(g.replicas)
            kinetic, potential, _ = g.measure()
            state = g.state()
            within = state["position"].astype(np.float64) - self.start[r].astype(np.float64)
            displacements[r] = state["image"] * box + within * q
            energies[:, r] = np.stack([kinetic[thermal], potential, kinetic[0] + potential - g.work])[
                :, :count
            ]
        self.record_frame(displacements, energies)

    def complete(
        self, progress: Callable[[float, str], None] | None, threads: int, keep_checkpoint: bool
    ) -> Trajectory:
        work = self.n_particles * self.replicas
        if self._resume():
            if progress is not None:
                progress(float(work * self.step), "resumed")
        else:
            self._launch()
        saved = time.monotonic()
        n_steps = max(10, int(2e6 / work))
        with ThreadPoolExecutor(max_workers=max(1, min(threads, len(self.groups)))) as pool:
            while not self.finished:
                stop = int(min(self.frames[self.done], self.step + n_steps))
                if stop > self.step:
                    began = time.monotonic()
                    calls = [
                        pool.submit(g.advance, self.step, stop - self.step, self.noise) for g in self.groups
                    ]
                    for call in calls:
                        call.result()
                    taken, moved = time.monotonic() - began, stop - self.step
                    self.seconds += taken
                    self.step = stop
                    if moved == n_steps:
                        n_steps = max(10, int(n_steps * min(4.0, CALL_SECONDS / max(taken, 1e-3))))
                    if progress is not None:
                        progress(float(work * moved), self.note())
                if self.step == self.frames[self.done]:
                    self._record()
                if time.monotonic() - saved >= self.model.settings.block_seconds:
                    self._save()
                    saved = time.monotonic()
        if keep_checkpoint:
            self._save()
        else:
            self.clean()
        return self._trajectory()

    def _trajectory(self) -> Trajectory:
        moved = sum(g.steps for g in self.groups)
        return self.trajectory(
            statistics={
                "pairs_per_particle": sum(g.pairs for g in self.groups) / max(1, moved * self.n_particles),
                "steps_per_list": moved / max(1, sum(g.lists for g in self.groups)),
            }
        )


def check_settings(settings: object, call: str) -> None:
    """Refuse settings of another class than :class:`DynamicsSettings`.

    Raises
    ------
    TypeError
        Naming the class found and the one needed.
    """
    if isinstance(settings, DynamicsSettings):
        return
    found = f"{type(settings).__module__}.{type(settings).__qualname__}"
    more = ", e.g. DynamicsSettings(time_step=0.01)"
    if isinstance(settings, config.DynamicsSettings | Mapping):
        more = "; DynamicsSettings.from_mapping makes one of a configuration's section"
    raise TypeError(
        f"{call}: settings must be a {DynamicsSettings.__module__}.DynamicsSettings, found {found}{more}"
    )


@takes_mixture()
def isoconfigurational_dynamics(
    configuration: Configuration,
    temperature: float,
    times: ArrayLike,
    replicas: int,
    seed: int | np.random.SeedSequence,
    *,
    mixture: Mixture = KA2D,
    settings: DynamicsSettings = DynamicsSettings(),
    engine: str = "native",
    checkpoint: str | Path | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> NDArray[np.float64]:
    """Run replicas of one structure with independent velocities and return their positions.

    Parameters
    ----------
    configuration
        Initial positions ``[N, 2]``, species and box.
    temperature
        Temperature (reduced units).
    times
        ``[n_times]`` strictly increasing times, multiples of ``settings.time_step``.
    replicas
        Number of replicas R.
    seed
        A whole number or a seed sequence; replica r does not depend on how many others there are.
    mixture
        Pair potential. Without one it is KA2D, if the species of the configuration can be its.
    settings
        Time step, thermostat, precision: a :class:`DynamicsSettings` of this module.
    engine
        ``"native"`` or ``"hoomd"``.
    checkpoint
        Restart file; an interrupted call that is repeated goes on from there, to the same numbers.
    progress
        Called now and then with the particle-steps done since the last call, and a note.

    Returns
    -------
    ndarray
        ``[R, n_times, N, 2]`` unwrapped positions.

    Raises
    ------
    TypeError
        If ``settings`` is of another class.
    ValueError
        For unusable input, with what was found and what is allowed.
    RuntimeError
        If the integration fails.

    Examples
    --------
    >>> import numpy as np
    >>> import tglassmlp as tg
    >>> side = 1.1 * np.arange(12)
    >>> lattice = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    >>> c = tg.Configuration(lattice, np.tile([1, 2, 1, 3], 36), 13.2)
    >>> tg.isoconfigurational_dynamics(c, 0.5, [0.0, 0.1, 0.2], replicas=4, seed=1).shape
    (4, 3, 144, 2)
    """
    at = np.asarray(times, dtype=np.float64)
    if at.ndim != 1 or at.size == 0 or not np.all(np.isfinite(at)):
        raise ValueError(f"times must be a list of finite numbers, found {np.asarray(times).tolist()}")
    if at[0] < 0 or np.any(np.diff(at) <= 0):
        raise ValueError(f"times must increase strictly from 0 or later, found {at.tolist()}")
    if not temperature > 0:
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    check_settings(settings, "isoconfigurational_dynamics")
    config.check(config.TemperatureSettings, {"value": "temperature"}, value=temperature)
    config.check(
        config.DynamicsSettings, time_step=settings.time_step, thermostat_time=settings.thermostat_time
    )
    if not isinstance(seed, np.random.SeedSequence):
        config.check(config.Config, seed=seed)
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
    found = get_engine(engine).trajectory(
        configuration,
        temperature,
        _whole_steps(at, settings.time_step),
        replicas,
        sequence,
        mixture=mixture,
        settings=settings,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        progress=progress,
    )
    return configuration.positions + found.displacements.astype(np.float64)


@takes_mixture(assume=False)
def run_structures(
    configurations: Sequence[Configuration],
    numbers: Sequence[int],
    temperature: float,
    steps: Sequence[int] | NDArray[np.int64],
    replicas: int,
    seeds: Sequence[np.random.SeedSequence],
    *,
    mixture: Mixture = KA2D,
    settings: DynamicsSettings = DynamicsSettings(),
    engine: str = "native",
    state: str | Path | None = None,
    progress: Callable[[float, str], None] | None = None,
    threads: int = 1,
    positions: Sequence[ArrayLike] | None = None,
) -> list[Trajectory]:
    """Run the replicas of several structures of one temperature.

    Parameters
    ----------
    configurations
        The structures.
    numbers
        Their numbers within the temperature, used to name restart files and in messages.
    temperature, steps, replicas, mixture, settings, engine, progress
        As for :meth:`NativeEngine.trajectory`.
    seeds
        Seed of each structure.
    state
        Folder of restart files, or None. Finished structures stay in it until :func:`forget_structures`,
        so that a killed job loses at most one block.
    threads
        Structures, or groups of replicas, that run at the same time. Results do not depend on it.
    positions
        ``[replica, N, 2]`` of each structure, where its replicas start if not all from the structure.

    Returns
    -------
    list of Trajectory
        In the order of ``configurations``.
    """
    if not len(configurations) == len(numbers) == len(seeds):
        raise ValueError(
            f"as many numbers and seeds as structures are needed, found {len(configurations)} structures, "
            f"{len(numbers)} numbers, {len(seeds)} seeds"
        )
    chosen = get_engine(engine)
    # an engine that can runs all structures in one simulation
    together = getattr(chosen, "run_structures", None)
    if together is not None:
        found: list[Trajectory] = together(
            configurations, numbers, temperature, steps, replicas, seeds,
            mixture=mixture, settings=settings, state=state, progress=progress, threads=threads,
            positions=positions,
        )  # fmt: skip
        return found
    lock = threading.Lock()

    def told(amount: float, note: str) -> None:
        if progress is not None:
            with lock:
                progress(amount, note)

    def one(index: int) -> Trajectory:
        number = numbers[index]
        try:
            return chosen.trajectory(
                configurations[index],
                temperature,
                steps,
                replicas,
                seeds[index],
                mixture=mixture,
                settings=settings,
                checkpoint=None if state is None else Path(state) / f"structure{number}.npz",
                progress=lambda amount, note: told(amount, f"structure {number} {note}".rstrip()),
                threads=max(1, threads // max(1, len(configurations))),
                keep_checkpoint=state is not None,
                positions=None if positions is None else positions[index],
            )
        except (ValueError, RuntimeError) as error:
            raise type(error)(f"T = {temperature:g}, structure {number}: {error}") from error

    with ThreadPoolExecutor(max_workers=max(1, min(threads, len(configurations)))) as pool:
        return [call.result() for call in [pool.submit(one, k) for k in range(len(configurations))]]


def forget_structures(state: str | Path) -> None:
    """Remove the restart files of :func:`run_structures`, once its results are safe."""
    folder = Path(state)
    if folder.is_dir():
        for pattern in ("structure*.npz", ".structure*.npz.*"):  # the latter half-written by killed processes
            for file in folder.glob(pattern):
                file.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def planned_structures(
    path: str | Path, plan: Mapping[str, int], temperature: float, seed: int, stage: str
) -> tuple[list[Configuration], list[int], list[np.random.SeedSequence]]:
    """Read the structures of one job, with their numbers within the temperature and their seeds.

    Parameters
    ----------
    path
        File of the chunk's structures.
    plan
        ``first_structure``, the number of the file's first one, and ``structures``, how many are wanted.
    temperature
        Their temperature.
    seed, stage
        The run's seed and the name of the work in :data:`tglassmlp.randomness.STAGES`.
    """
    structures = read_configurations(path)[: plan["structures"]]
    numbers = [plan["first_structure"] + k for k in range(len(structures))]
    return structures, numbers, [seed_sequence(seed, stage, temperature_key(temperature), n) for n in numbers]


def run_chunk(
    configurations: Sequence[Configuration],
    numbers: Sequence[int],
    temperature: float,
    steps: NDArray[np.int64],
    replicas: int,
    seeds: Sequence[np.random.SeedSequence],
    *,
    label: str,
    status_file: Path | None = None,
    settings: DynamicsSettings = DynamicsSettings(),
    engine: str = "native",
    **options: Any,
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Run several structures with progress lines and arrange the result for storage.

    Parameters
    ----------
    configurations, numbers, temperature, steps, replicas, seeds, settings, engine, options
        As for :func:`run_structures`.
    label, status_file
        As for :class:`tglassmlp.progress.Progress`.

    Returns
    -------
    tuple
        Arrays (``displacements`` ``[structure, replica, frame, particle, 2]`` float32, ``times``, ``steps``,
        ``kinetic_temperature``, ``potential_energy``, ``conserved_drift`` ``[structure, replica, frame]``)
        and their attributes.
    """
    total = sum(c.n_particles for c in configurations) * replicas * int(steps[-1])
    progress = Progress(label, total, "particle-steps", status_file)

    def told(amount: float, note: str) -> None:
        if note.endswith("resumed"):
            progress.resume(progress.done + amount)
        else:
            progress.advance(amount, note)

    runs = run_structures(
        configurations, numbers, temperature, steps, replicas, seeds,
        settings=settings, engine=engine, progress=told, **options,
    )  # fmt: skip
    rate = sum(r.statistics.get("particle_steps_per_second", 0.0) for r in runs) / len(runs)
    progress.finish(f"{rate / 1e6:.1f} M particle-steps/s")

    def stacked(name: str) -> NDArray:
        return np.stack([getattr(r, name) for r in runs])

    axes = ("structure", "replica", "frame")
    arrays = {
        "displacements": Array(
            stacked("displacements"),
            (*axes, "particle", "dimension"),
            "sigma_11",
            "unwrapped position minus initial position",
        ),
        "times": Array(runs[0].times, ("frame",), "tau_LJ"),
        "steps": Array(runs[0].steps, ("frame",)),
        "kinetic_temperature": Array(stacked("kinetic_temperature"), axes, "epsilon_11"),
        "potential_energy": Array(stacked("potential_energy"), axes, "epsilon_11", "per particle"),
        "conserved_drift": Array(
            stacked("conserved_drift"),
            axes,
            "epsilon_11",
            "energy minus work of the thermostat, per particle",
        ),
    }
    attributes = {
        "temperature": float(temperature),
        "engine": engine,
        "time_step": settings.time_step,
        "thermostat": settings.thermostat,
        "thermostat_velocities": settings.thermostat_velocities,
        "precision": settings.precision if engine == "native" else "double",
        "structures": list(map(int, numbers)),
    }
    return arrays, attributes


def extend_chunk(
    earlier: Mapping[str, NDArray],
    configurations: Sequence[Configuration],
    numbers: Sequence[int],
    temperature: float,
    duration: float,
    seeds: Sequence[np.random.SeedSequence],
    *,
    ratio: float = 1.601,
    settings: DynamicsSettings = DynamicsSettings(),
    **options: Any,
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Make finished trajectories longer: replicas go on from their last frame with new Maxwell velocities.

    Drawing velocities anew leaves the ensemble as it is and is forgotten within a few times the thermostat's
    relaxation time, so the propensities go on as those of an uninterrupted run would.

    Parameters
    ----------
    earlier
        Arrays of :func:`run_chunk`, as read from its file.
    configurations, numbers, temperature, seeds, settings, options
        As for :func:`run_chunk`; the seeds must not be those of the earlier run.
    duration
        Time of the last frame, counted from the structures; a multiple of the time step.
    ratio
        Smallest ratio of successive times.

    Returns
    -------
    tuple
        Arrays and attributes as of :func:`run_chunk`, with the frames of both runs. The drift of the
        conserved quantity is that of both runs added, without the step of the energy between them.

    Raises
    ------
    ValueError
        If the duration does not exceed the earlier one, is no multiple of the time step, or the arrays do
        not belong to the configurations.
    """
    done, last = int(earlier["steps"][-1]), int(_whole_steps([duration], settings.time_step)[0])
    moved = earlier["displacements"][:, :, -1].astype(np.float64)
    if len(moved) != len(configurations):
        raise ValueError(
            f"the earlier run has {len(moved)} structures, found {len(configurations)} to go on with"
        )
    steps = np.array(extension_steps(done, last, ratio), dtype=np.int64)
    found, attributes = run_chunk(
        configurations, numbers, temperature, steps - done, moved.shape[1], seeds, settings=settings,
        positions=[c.positions + m for c, m in zip(configurations, moved, strict=True)], **options,
    )  # fmt: skip
    ends = {
        "displacements": moved[:, :, None],
        "times": earlier["times"][-1],
        "steps": done,
        "conserved_drift": earlier["conserved_drift"][..., -1:],
    }
    arrays = {}
    for name, array in found.items():
        values = (array.values + ends.get(name, 0)).astype(array.values.dtype)
        whole = np.concatenate([earlier[name], values], axis=array.axes.index("frame"))
        arrays[name] = replace(array, values=whole)
    return arrays, {**attributes, "velocities_drawn_anew_at": float(earlier["times"][-1])}
