r"""Fluctuations of density and composition at the smallest wave vectors.

With the species densities :math:`\rho_a(q) = \sum_{i \in a} e^{i q \cdot r_i}`, the density is
:math:`\rho(q) = \sum_a \rho_a(q)` and the composition of species a, whose share of the particles is
:math:`x_a`, is :math:`c_a(q) = \rho_a(q) - x_a \rho(q)`. In equilibrium and at wavelengths far above the
correlation length each is a complex Gaussian number, so its power :math:`|c_a(q)|^2` is exponentially
distributed, the sum over n independent wave vectors is Gamma distributed, and the ratio of two mean powers
with the same expectation follows the F distribution with (2n, 2m) degrees of freedom.

A large system that was laid out of equal tiles has zero power at every wave vector that is not one of the
tile, and the slowest of them to recover are the smallest. A mixture that separates has too much power there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtr, fdtrc, ndtr

from tglassmlp.configuration import Configuration
from tglassmlp.equilibration.significance import deviations

__all__ = [
    "largest_deviation",
    "measure_composition",
    "measure_small_q",
    "power",
    "ratio_deviations",
    "shell",
]

#: Squares n_x^2 + n_y^2 of the smallest wave vectors 2 pi (n_x, n_y)/L.
SMALLEST: Final = (1, 2)

#: Squares of the wave vectors beyond them.
NEXT: Final = (4, 5, 8)

#: A correlation length of the composition that is no sign of separation, as a share of the unit box.
CORRELATION_SHARE: Final = 0.1


def shell(squares: Sequence[int]) -> NDArray[np.int64]:
    """Wave vectors ``[K, 2]`` (n_x, n_y) whose square is one of ``squares``, one of each opposite pair."""
    reach = int(np.sqrt(max(squares)))
    every = [(x, y) for x in range(reach + 1) for y in range(-reach, reach + 1) if x > 0 or y > 0]
    return np.array([v for v in every if v[0] ** 2 + v[1] ** 2 in squares], dtype=np.int64)


def power(c: Configuration, n_species: int, vectors: NDArray[np.int64]) -> NDArray[np.float64]:
    r"""Power of density and composition per particle, :math:`|\rho(q)|^2/N` and :math:`|c_a(q)|^2/N`.

    Parameters
    ----------
    c
        Configuration of N particles in a box of side L.
    n_species
        Number of species.
    vectors
        ``[K, 2]`` whole numbers (n_x, n_y) of q = 2 pi (n_x, n_y)/L.

    Returns
    -------
    ndarray
        ``[1 + n_species, K]``, density first.
    """
    waves = np.exp(2j * np.pi / c.box_length * (c.positions @ np.asarray(vectors, dtype=float).T))
    species = np.array([waves[c.of_species(a + 1)].sum(axis=0) for a in range(n_species)])
    shares = np.array([len(c.of_species(a + 1)) for a in range(n_species)]) / c.n_particles
    density = species.sum(axis=0)
    return np.abs(np.vstack([density, species - shares[:, None] * density])) ** 2 / c.n_particles


def ratio_deviations(
    ones: NDArray[np.float64], others: NDArray[np.float64], least: float = 1.0, most: float = 1.0
) -> tuple[float, float]:
    r"""How improbable the ratio of two mean powers is, if the expected ratio lies between two values.

    The ratio of the means of n and m exponentially distributed numbers, over its expectation, is F
    distributed with (2n, 2m) degrees of freedom.

    Parameters
    ----------
    ones, others
        Powers of independent modes, n and m of them.
    least, most
        Range of the expected ratio.

    Returns
    -------
    ratio, deviation
        Ratio of the means and standard deviations by which it is outside: negative below ``least``, positive
        above ``most``, zero in between (up to the middle of the distribution). NaN without modes on a side.
    """
    a, b = np.ravel(ones), np.ravel(others)
    if not a.size or not b.size or not b.mean() > 0.0:
        return float("nan"), float("nan")
    ratio, freedom = float(a.mean() / b.mean()), (2 * a.size, 2 * b.size)
    low = min(1.0, 2.0 * float(fdtr(*freedom, ratio / least)))
    high = min(1.0, 2.0 * float(fdtrc(*freedom, ratio / most)))
    return ratio, deviations(high) if high < low else -deviations(low)


def largest_deviation(tests: Sequence[tuple[float, float]]) -> tuple[int, float, float]:
    """Pick the largest deviation of several tests and correct its probability for their number (Bonferroni).

    Parameters
    ----------
    tests
        Ratio and deviation of each, of :func:`ratio_deviations`.

    Returns
    -------
    place, ratio, deviation
        Which of the tests it is, its ratio, and its deviation with sign after the correction.
    """
    known = [k for k, (_, z) in enumerate(tests) if np.isfinite(z)]
    if not known:
        return -1, float("nan"), float("nan")
    place = max(known, key=lambda k: abs(tests[k][1]))
    ratio, z = tests[place]
    corrected = deviations(2.0 * float(ndtr(-abs(z))) * len(known))
    return place, ratio, float(np.copysign(corrected, z))


def _expected(squares: Sequence[int], tiles: int) -> float:
    """Mean Ornstein-Zernike power of a shell of a box of ``tiles`` unit boxes, 1 at q = 0."""
    n2 = (shell(squares) ** 2).sum(axis=1) / tiles**2
    return float(np.mean(1.0 / (1.0 + n2 * (2.0 * np.pi * CORRELATION_SHARE) ** 2)))


def _advice(ratio: float, deviation: float, of: str, low: str, high: str) -> str:
    return f"the power is {ratio:.2g} of that {of}; " + (low if deviation < 0.0 else high)


def measure_composition(configurations: Sequence[Configuration], n_species: int) -> tuple[float, str]:
    r"""Measure whether the composition of unit systems fluctuates too much at the smallest wave vectors.

    Power at :data:`SMALLEST` against that at :data:`NEXT`, for each species, as far as it exceeds the ratio
    of an Ornstein-Zernike form :math:`1/(1 + (q \xi)^2)` whose correlation length is
    :data:`CORRELATION_SHARE` of the box; corrected for the number of species.

    Returns
    -------
    deviation, advice
        Standard deviations, not negative: too little power at the smallest wave vectors separates nothing.
        NaN where there is one species.
    """
    if n_species < 2:
        return float("nan"), ""
    small, following = (
        np.array([power(c, n_species, shell(squares))[1:] for c in configurations])
        for squares in (SMALLEST, NEXT)
    )
    most = _expected(SMALLEST, 1) / _expected(NEXT, 1)
    tests = [ratio_deviations(small[:, a], following[:, a], 1e-6, most) for a in range(n_species)]
    place, ratio, z = largest_deviation(tests)
    apart = "the species separate here: use a higher temperature or another mixture"
    text = _advice(ratio, 1.0, f"at the next shells for species {place + 1}", "", apart)
    return (max(0.0, z) if np.isfinite(z) else z), text


def measure_small_q(
    systems: Sequence[Configuration], units: Sequence[Configuration], n_species: int
) -> list[tuple[str, float, str]]:
    """Measure whether large systems have the power of equilibrium at their smallest wave vectors.

    Power of density and composition at :data:`SMALLEST`, pooled over the systems, against that of unit
    systems of the same temperature at theirs, which began with full power (:func:`ratio_deviations`). The
    wave vectors of a large system are smaller, so its composition may have the power of q = 0 of an
    Ornstein-Zernike form with a correlation length of :data:`CORRELATION_SHARE` of the unit box.

    Parameters
    ----------
    systems
        Large systems of one size and temperature.
    units
        Unit systems of that temperature, of one size.
    n_species
        Number of species.

    Returns
    -------
    list of (check, deviation, advice)
        ``small_q_density`` and, corrected for the number of species, ``small_q_composition``: standard
        deviations without sign, and one sentence.
    """
    vectors = shell(SMALLEST)
    tiles = round(systems[0].box_length / units[0].box_length)
    large = np.array([power(c, n_species, vectors) for c in systems])
    unit = np.array([power(c, n_species, vectors) for c in units])
    most = _expected(SMALLEST, tiles) / _expected(SMALLEST, 1)
    low = "the tiles are not forgotten: raise large_systems.sweeps_factor or the temperature's sweeps"
    ratio, z = ratio_deviations(large[:, 0], unit[:, 0])
    thick = "the density is not that of one liquid: use a higher temperature or another mixture"
    checks = [("small_q_density", abs(z), _advice(ratio, z, "of unit systems", low, thick))]
    if n_species > 1:
        place, ratio, z = largest_deviation(
            [ratio_deviations(large[:, a], unit[:, a], 1.0, most) for a in range(1, n_species + 1)]
        )
        apart = "the species separate: use a higher temperature or another mixture"
        of = f"of unit systems for species {place + 1}"
        checks.append(("small_q_composition", abs(z), _advice(ratio, z, of, low, apart)))
    return checks
