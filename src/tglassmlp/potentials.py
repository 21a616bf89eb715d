r"""The pair potential: smoothed Lennard-Jones, its derivatives and its constants, once for everybody.

In units of the pair's own diameter and energy, :math:`V_{ab}(r) = 4 \epsilon_{ab} \, g`,

.. math::

    g = x^{-12} - x^{-6} + C_0 + C_2 x^2 + C_4 x^4 \quad \text{for} \quad x = r / \sigma_{ab} < x_c

and zero beyond; the constants make the potential and its first two derivatives vanish at :math:`x_c`.

One formula, and several ways to round it
-----------------------------------------
Everything that evaluates the potential takes its arithmetic from here. On paper one function would do. Two
ways to compute the same number that differ by a rounding are two trajectories after a few thousand steps,
however, and each program below is held to the paths of its earlier runs to the last bit. So the forms stand
side by side:

:func:`energy`, :func:`force`
    of the distance, with powers of x; any array. Slow and simple: the reference for tests, the tables that
    HOOMD-blue reads, benchmarks.
:func:`energy_of_square`, :func:`slope_of_square`
    of :math:`s = x^2` and :math:`s^{-3}`, without square root or power. Pair loops in double precision, swap
    Monte Carlo, energies of the native engine. How :math:`s^{-3}` is made is the caller's affair: some share
    one division among two distances.
:func:`fused_energy_of_square`
    the same with fused multiply-add, in single precision: displacements of swap Monte Carlo.
:func:`fused_force_of_square`
    with fused multiply-add and a common factor taken out: the native engine.

The functions are plain Python that serves numbers, arrays, and the vectors of LLVM that kernels are written
in; :mod:`tglassmlp.simulation.inlined` compiles those that Numba kernels take inlined. This module needs
no other, not even NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

__all__ = [
    "energy",
    "energy_of_square",
    "force",
    "fused_energy_of_square",
    "fused_force_constants",
    "fused_force_of_square",
    "lennard_jones_force",
    "mie_polynomial",
    "slope_of_square",
    "smoothing_constants",
]


def smoothing_constants(cutoff: float) -> tuple[float, float, float]:
    """Constants ``(C0, C2, C4)`` that make V, V' and V'' vanish at ``cutoff`` (in units of sigma)."""
    x = cutoff
    c4 = 6.0 * x**-10 - 21.0 * x**-16
    c2 = 6.0 * x**-14 - 3.0 * x**-8 - 2.0 * c4 * x**2
    c0 = x**-6 - x**-12 - c2 * x**2 - c4 * x**4
    return c0, c2, c4


# ------------------------------------------------------------------------------------- of the distance


def energy(x: Any, epsilon: Any, smoothing: tuple[float, float, float]) -> Any:
    """V at the distance ``x`` in units of sigma, within the cut-off."""
    c0, c2, c4 = smoothing
    return 4.0 * epsilon * (x**-12 - x**-6 + c0 + c2 * x**2 + c4 * x**4)


def force(x: Any, sigma: Any, epsilon: Any, smoothing: tuple[float, float, float]) -> Any:
    """-dV/dr at the distance ``x`` in units of sigma, within the cut-off; positive where it repels."""
    _, c2, c4 = smoothing
    return 4.0 * epsilon / sigma * (12 * x**-13 - 6 * x**-7 - 2 * c2 * x - 4 * c4 * x**3)


def lennard_jones_force(r: Any, sigma: Any, epsilon: Any) -> Any:
    """-dV/dr of the Lennard-Jones term alone, which is what matters where particles overlap."""
    x = sigma / r
    return 48.0 * epsilon / r * (x**12 - 0.5 * x**6)


# --------------------------------------------------------------------------- of the squared distance


def energy_of_square(cube: Any, s: Any, c0: Any, c2: Any, c4: Any) -> Any:
    """V / (4 epsilon) from ``s`` = (r / sigma)^2 and ``cube`` = 1 / s^3, within the cut-off."""
    return cube * (cube - 1.0) + c0 + s * (c2 + c4 * s)


def slope_of_square(inverse: Any, cube: Any, s: Any, c2: Any, c4: Any) -> Any:
    """Slope of V / (4 epsilon) in ``s`` = (r / sigma)^2, with ``inverse`` = 1 / s and ``cube`` = 1 / s^3."""
    return 3.0 * inverse * cube * (1.0 - 2.0 * cube) + c2 + 2.0 * c4 * s


# ------------------------------------------------------------------------- with fused multiply-add


def fused_energy_of_square(
    cube: Any, cube_less_one: Any, s: Any, c0: Any, c2: Any, c4: Any, multiply_add: Callable[..., Any]
) -> Any:
    """Return :func:`energy_of_square` with ``multiply_add(a, b, c)`` = a b + c, rounded once.

    Takes 1 / s^3 - 1 beside ``cube`` = 1 / s^3, for values without arithmetic operators.
    """
    return multiply_add(cube, cube_less_one, multiply_add(s, multiply_add(c4, s, c2), c0))


def fused_force_constants(smoothing: tuple[float, float, float]) -> tuple[float, float]:
    """Slope and offset of the smoothing in :func:`fused_force_of_square`: -2 C4 / 3 and -C2 / 3."""
    _, c2, c4 = smoothing
    return -2.0 * c4 / 3.0, -c2 / 3.0


def fused_force_of_square(
    inverse: Any, s: Any, slope: Any, offset: Any, two: Any, minus_one: Any, multiply_add: Callable[..., Any]
) -> Any:
    """Force over separation, in units of 24 epsilon / sigma^2, within the cut-off.

    F = 24 eps / sigma^2 [2 s^-7 - s^-4 - C2 / 3 - 2 C4 s / 3] r, with ``s`` = (r / sigma)^2, ``inverse`` =
    1 / s, and ``slope`` and ``offset`` of :func:`fused_force_constants`. Multiplies with the operator, and
    with ``multiply_add(a, b, c)`` = a b + c, rounded once.
    """
    square = inverse * inverse
    cube = square * inverse
    return multiply_add(square * square, multiply_add(cube, two, minus_one), multiply_add(s, slope, offset))


# ------------------------------------------------------------------------- as a sum of known potentials


def mie_polynomial(
    sigma: float, epsilon: float, smoothing: tuple[float, float, float]
) -> tuple[float, float]:
    """Diameter and energy with which a Mie potential of exponents -2 and -4 is 4 epsilon (C2 x^2 + C4 x^4).

    The Mie potential is n / (n - m) (n / m)^(m / (n - m)) epsilon' [(sigma' / r)^n - (sigma' / r)^m]. It
    exists where C2 < 0 < C4: sigma'^2 = -C2 / C4 sigma^2, epsilon' = C2^2 / C4 epsilon.
    """
    _, c2, c4 = smoothing
    return sigma * math.sqrt(-c2 / c4), epsilon * c2 * c2 / c4
