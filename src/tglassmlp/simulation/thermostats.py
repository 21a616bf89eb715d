r"""Global thermostats: by what factor the velocities of a replica are multiplied, and the noise this takes.

Each thermostat stands once, as arithmetic that serves single numbers in compiled code and arrays of replicas
alike, so that the engines that use them follow the same paths. Neither moves the centre of mass. Both act
every few steps and are exact for any such interval. Only sums, products, quotients and square roots of IEEE
754 are used where a replica's numbers enter: libraries round the exponential function in different ways, so
that the one of the kinetic energy's memory is computed once (:func:`kept`), and the friction has one of its
own (:func:`exponential`), which a kernel for a graphics card repeats bit for bit.

``bussi``
    Stochastic velocity rescaling: the kinetic energy follows its own Langevin equation (Bussi, Donadio,
    Parrinello, J. Chem. Phys. 126, 014101 (2007), Eq. (A7)).
``nose_hoover``
    One friction variable, split symmetrically: half a step of the friction, the velocities, another half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from tglassmlp.box import DIMENSIONS
from tglassmlp.simulation.replica_run import ReplicaNoise

__all__ = [
    "HOTTEST",
    "KICKS",
    "KINDS",
    "applications",
    "bussi",
    "deviates",
    "explosion",
    "exponential",
    "kept",
    "maxwell",
    "nose_hoover",
]

#: Number of each thermostat in compiled code.
KINDS: Final[dict[str, int]] = {"none": 0, "bussi": 1, "nose_hoover": 2}

#: Share of the force's kick in the velocities that the thermostat reads, if they are kept half a step behind
KICKS: Final[dict[str, float]] = {"half_step": 0.0, "full_step": 0.5}

#: The integration has failed if the kinetic energy reaches this many times its target.
HOTTEST: Final = 10.0


#: Natural logarithm of 2 in two parts; multiples of the first one by whole numbers up to 2^20 are exact.
LOG_2: Final = (0.6931471803691238, 1.9082149292705877e-10)
#: Coefficients 1/13!, ..., 1/1!, 1/0! of the exponential series.
_SERIES: Final = tuple(1.0 / math.factorial(k) for k in range(13, -1, -1))


@register_jitable
def exponential(x: Any) -> Any:
    """e^x to two units in the last place, the same bits wherever sums and products are those of IEEE 754.

    Beyond 700 and -700 it stays what it is there.
    """
    inside = np.minimum(np.maximum(x, -700.0), 700.0)
    whole = np.rint(inside * 1.4426950408889634)
    rest = (inside - whole * LOG_2[0]) - whole * LOG_2[1]
    value = _SERIES[0] + 0.0 * rest
    for coefficient in _SERIES[1:]:
        value = value * rest + coefficient
    return np.ldexp(value, np.int64(whole))


def kept(elapsed: float, rate: float) -> float:
    """Share of itself that the kinetic energy keeps in a time ``elapsed``, ``rate`` one over its memory."""
    return math.exp(-elapsed * rate)


def bussi(kinetic: Any, target: float, freedom: float, keep: float, normal: Any, gamma: Any) -> Any:
    """Factor of the velocities by stochastic velocity rescaling.

    Parameters
    ----------
    kinetic, target
        Kinetic energy and its mean at the temperature of the thermostat.
    freedom
        Degrees of freedom N_f.
    keep
        What the kinetic energy keeps of itself since the thermostat last acted (:func:`kept`).
    normal, gamma
        A normal deviate, and a gamma deviate of shape (N_f - 1) / 2.
    """
    share = (1.0 - keep) * target / (freedom * kinetic)
    square = keep + share * (2.0 * gamma + normal * normal) + 2.0 * normal * np.sqrt(keep * share)
    turned = normal + np.sqrt(keep / share) < 0.0
    return (1.0 - 2.0 * turned) * np.sqrt(square)


def nose_hoover(kinetic: Any, target: float, elapsed: float, rate: float, friction: Any) -> tuple[Any, Any]:
    """Factor of the velocities by one Nose-Hoover friction variable, and the new friction."""
    drive = 0.5 * elapsed * rate * rate
    friction = friction + drive * (kinetic / target - 1.0)
    factor = exponential(-friction * elapsed)
    friction = friction + drive * (kinetic * factor * factor / target - 1.0)
    return factor, friction


def applications(first: int, n_steps: int, every: int) -> int:
    """How often a thermostat that acts every so many steps does so in ``n_steps`` from step ``first``."""
    return -(-(first + n_steps) // every) + (-first // every)


def deviates(
    noise: Sequence[ReplicaNoise], count: int, freedom: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the normal and gamma deviates of ``count`` applications of :func:`bussi`: ``[replica, count]``."""
    normal = np.stack([n.normal.standard_normal(count) for n in noise])
    gamma = np.stack([n.gamma.standard_gamma(0.5 * (freedom - 1.0), count) for n in noise])
    return normal, gamma


def maxwell(noise: Sequence[ReplicaNoise], temperature: float, n_particles: int) -> NDArray[np.float64]:
    """Draw Maxwell velocities of zero total momentum, ``[replica, N, d]``."""
    drawn = np.stack([n.velocities.standard_normal((n_particles, DIMENSIONS)) for n in noise])
    velocities = math.sqrt(temperature) * drawn
    mean: NDArray[np.float64] = velocities.mean(axis=1, keepdims=True)
    return velocities - mean


def explosion(temperature: float, step: int) -> RuntimeError:
    """Make the error of an integration that has failed near a step."""
    return RuntimeError(
        f"the kinetic temperature of a replica left (0, {HOTTEST:g}) x {temperature} near step {step}: the "
        "integration has failed (time step too large, or a start far from equilibrium)"
    )
