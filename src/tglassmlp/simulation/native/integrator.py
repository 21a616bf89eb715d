r"""Leapfrog steps of all lanes with a thermostat, and their energies.

Everything that is summed or integrated is a whole number (fixed point):

==============  ======================  =====================================================
quantity        unit                    why
==============  ======================  =====================================================
position        L / 2^bits              wraps around by itself: the minimum image costs nothing
velocity        2^-k                    the sum over particles is exactly zero, always
force x dt      unit of velocity        sums do not depend on the order of the pairs
==============  ======================  =====================================================

Pair terms are evaluated in floating point (float32 with 32-bit integers, float64 with 64-bit ones) and
rounded once. Results therefore do not depend, to the last bit, on how replicas are grouped into lanes, on
when or in which order the pair list was built, on threads, or on where a run was interrupted.

The thermostat reads and rescales the velocities at the half step. For a harmonic mode of frequency w and a
time step h, leapfrog samples positions of temperature T exactly if T is the temperature of those velocities;
the velocities of the full step are colder by the factor 1 - (w h)^2 / 4, so a thermostat that holds them at
T makes the positions too hot by that much, which is one part in two hundred here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import DIMENSIONS
from tglassmlp.compilation import njit
from tglassmlp.simulation import thermostats
from tglassmlp.simulation.inlined import energy_of_square
from tglassmlp.simulation.native.forces import kick_drift, pair_forces, whole_step
from tglassmlp.simulation.native.pair_list import follow_images, renew_list
from tglassmlp.simulation.native.slots import bring_together
from tglassmlp.simulation.native.vector import difference

__all__ = ["Bath", "EnergyTables", "ThermostatRule", "advance", "kinetic_energies", "measure"]

#: Without the default error model: its exceptions on division cost seconds of compilation.
_compiled = njit(nogil=True, error_model="numpy")
#: Steps between two attempts to bring slots together; they diffuse by far less than their distance.
_EXCHANGE_INTERVAL: Final = 500

HOTTEST: Final = thermostats.HOTTEST
_BUSSI: Final = thermostats.KINDS["bussi"]
_NOSE_HOOVER: Final = thermostats.KINDS["nose_hoover"]
_bussi = _compiled(thermostats.bussi)
_nose_hoover = _compiled(thermostats.nose_hoover)


class ThermostatRule(NamedTuple):
    """Which thermostat acts (:data:`~tglassmlp.simulation.thermostats.KINDS`), on what and how often.

    ``kick`` is the share of the force's kick in the velocities that it reads and rescales: 0 for those of
    the half step before, 0.5 for those of the full step. ``target`` is the mean kinetic energy, ``freedom``
    the degrees of freedom, ``interval`` the steps between two actions, ``rate`` one over the relaxation time,
    ``keep`` what the kinetic energy keeps of itself between two actions.
    """

    kind: int
    kick: float
    target: float
    freedom: float
    interval: int
    rate: float
    keep: float


class Bath(NamedTuple):
    """What the thermostat keeps and draws.

    Friction ``xi`` and energy given to the system ``work``, ``[lane]``, both changed in place; deviates
    ``normal`` and ``gamma`` of one call, ``[application, lane]``.
    """

    xi: NDArray[np.float64]
    work: NDArray[np.float64]
    normal: NDArray[np.float64]
    gamma: NDArray[np.float64]


class EnergyTables(NamedTuple):
    """Constants of the potential energy: 1/sigma^2 in position units, epsilon, squared cut-off, smoothing."""

    inverse: NDArray[np.float64]
    epsilon: NDArray[np.float64]
    cutoff: float
    smoothing: tuple[float, float, float]


@_compiled
def kinetic_energies(vel, frc, unit, kick):
    """Kinetic energy of every lane: velocities are half a step behind, ``frc`` is due.

    ``kick`` is the share of ``frc`` that is added first: 0.5 gives the kinetic energy at the full step, 0 the
    one at the half step before. Summed as whole numbers of 2^-32, so that the sum does not depend on the
    order of the slots.
    """
    n, _, width = vel.shape
    total = np.zeros(width, dtype=np.int64)
    scale = unit * 65536.0
    for i in range(n):
        for c in range(DIMENSIONS):
            for k in range(width):
                v = (vel[i, c, k] + kick * frc[i, c, k]) * scale
                total[k] += np.int64(v * v)
    return 0.5 * total / 2.0**32


@_compiled
def _rescale(vel, frc, factor, order, kick):
    """Multiply the thermostat's velocities by ``factor[lane]`` and take the rounding out of the momentum.

    Those are ``vel + kick * frc``: at the full step for ``kick`` 0.5, at the half step before for 0.
    ``order[particle, lane]`` is the slot of a particle: the first few particles give the rest back.
    """
    n, _, width = vel.shape
    total = np.zeros((DIMENSIONS, width), dtype=np.int64)
    for i in range(n):
        for c in range(DIMENSIONS):
            for k in range(width):
                v = np.int64(np.rint(factor[k] * vel[i, c, k] + kick * (factor[k] - 1.0) * frc[i, c, k]))
                vel[i, c, k] = v
                total[c, k] += v
    for c in range(DIMENSIONS):
        for k in range(width):
            rest = total[c, k]
            sign = 1 if rest > 0 else -1
            p = 0
            while rest != 0:
                vel[order[p % n, k], c, k] -= sign
                rest -= sign
                p += 1


@_compiled
def _potential_energies(system, pairs, tables):
    """Potential energy of every lane, in float64 whatever the precision of the forces."""
    pos, species, start, neighbour = system.pos, system.species, pairs.start, pairs.neighbour
    inverse, epsilon, cutoff, smoothing = tables
    n, _, width = pos.shape
    total = np.zeros(width, dtype=np.int64)
    c0, c2, c4 = smoothing
    for i in range(n):
        for p in range(start[i], start[i + 1]):
            j = neighbour[p]
            scale = inverse[species[i], species[j]]
            strength = 4.0 * epsilon[species[i], species[j]] * 2.0**32
            for k in range(width):
                dx = difference(pos[i, 0, k], pos[j, 0, k])
                dy = difference(pos[i, 1, k], pos[j, 1, k])
                u = (dx * dx + dy * dy) * scale
                if u < cutoff:
                    cube = 1.0 / (u * u * u)
                    total[k] += np.int64(np.rint(strength * energy_of_square(cube, u, c0, c2, c4)))
    return total / 2.0**32


@_compiled
def _thermalise(rule, time_step, kinetic, xi, normal, gamma):
    """Factor for the velocities of one lane, and the new friction variable."""
    elapsed = rule.interval * time_step
    if rule.kind == _BUSSI:
        return _bussi(kinetic, rule.target, rule.freedom, rule.keep, normal, gamma), xi
    if rule.kind == _NOSE_HOOVER:
        return _nose_hoover(kinetic, rule.target, elapsed, rule.rate, xi)
    return 1.0, xi


@_compiled
def advance(system, pairs, rule, motion, thermostat, bath, first_step, n_steps, valid, last_exchange):
    """Move all lanes by ``n_steps`` time steps.

    On entry and return ``pos`` belongs to the step, ``vel`` to half a step before it, ``frc`` is zero.

    Parameters
    ----------
    system, pairs, rule, motion, thermostat, bath
        :class:`~.slots.Lanes`, :class:`~.pair_list.PairList`, :class:`~.pair_list.ListRule`,
        :class:`~.forces.Motion`, :class:`ThermostatRule`, :class:`Bath`.
    first_step, n_steps
        Present step and number of steps.
    valid
        Whether the short list still holds.
    last_exchange
        Step of the last call of :func:`~.slots.bring_together`.

    Returns
    -------
    tuple
        ``pairs``, ``valid``, number of lists built, pairs summed over steps, whether all temperatures stayed
        within bounds, ``last_exchange``.
    """
    lanes, pos, vel, frc = system.lanes, system.pos, system.vel, system.frc
    ref, image, order = system.ref, system.image, system.order
    kick, target, xi, work = thermostat.kick, thermostat.target, bath.xi, bath.work
    wide_start, skin = pairs.wide_start, rule.skin
    width = pos.shape[2]
    # typical distance between neighbours, in units of the box
    spacing = 1.0 / np.sqrt(pos.shape[0])
    rebuilt, listed, used = 0, 0, 0
    factor = np.ones(width)
    ok = True
    for step in range(first_step, first_step + n_steps):
        if not valid:
            if follow_images(lanes, pos, ref, image, pairs.wide_ref, rule.wide_limit):
                wide_start[-1] = 0
            if wide_start[-1] == 0 and abs(step - last_exchange) >= _EXCHANGE_INTERVAL:
                bring_together(system, spacing)
                last_exchange = step
            pairs = renew_list(system, pairs, rule)
            rebuilt += 1
            valid = True
        listed += pairs.start[-1]
        if thermostat.kind != 0 and step % thermostat.interval == 0:
            pair_forces(system, frc, pairs, motion, rule.ahead)
            kinetic = kinetic_energies(vel, frc, motion.unit, kick)
            before = kinetic if kick == 0.5 else kinetic_energies(vel, frc, motion.unit, 0.5)
            for k in range(width):
                if not (kinetic[k] < HOTTEST * target and kinetic[k] > 0.0):
                    ok = False
                factor[k], xi[k] = _thermalise(
                    thermostat, motion.time_step, kinetic[k], xi[k], bath.normal[used, k], bath.gamma[used, k]
                )
                if kick == 0.5:
                    work[k] += kinetic[k] * (factor[k] ** 2 - 1.0)
            used += 1
            if not ok:
                break
            _rescale(vel, frc, factor, order, kick)
            if kick != 0.5:
                # the energy is that of the full step, whichever velocities were rescaled
                work += kinetic_energies(vel, frc, motion.unit, 0.5) - before
            moved = kick_drift(system, motion, skin * skin)
        else:
            moved = whole_step(system, pairs, motion, skin * skin, rule.ahead)
        valid = not moved
    return pairs, valid, rebuilt, listed, ok, last_exchange


@_compiled
def measure(system, pairs, motion, tables):
    """Kinetic and potential energy of every lane at a full step, without moving anything.

    The first row of the kinetic energies belongs to the full step, the second to the half step before. The
    list must hold. Returns ``(kinetic, potential, forces)``.
    """
    frc = np.zeros_like(system.pos)
    pair_forces(system, frc, pairs, motion, 0)
    kinetic = np.empty((2, system.pos.shape[2]))
    kinetic[0] = kinetic_energies(system.vel, frc, motion.unit, 0.5)
    kinetic[1] = kinetic_energies(system.vel, frc, motion.unit, 0.0)
    return kinetic, _potential_energies(system, pairs, tables), frc
