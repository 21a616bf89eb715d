r"""Inherent structures: the minimum of the potential energy reached from a configuration.

Limited-memory BFGS (Nocedal and Wright, *Numerical Optimization*, algorithm 7.4) with two safeguards that
keep it in the basin it starts in and make it safe far from the minimum: no particle moves further than
``largest_step`` in one iteration, and a step that raises the energy is shortened. Far from the minimum the
step is therefore a short one down the gradient; near it the steps are quasi-Newton ones.
"""

from __future__ import annotations

from typing import Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.simulation import kernels

__all__ = ["inherent_structure", "minimise"]

#: Pairs of steps and gradient changes that the minimiser remembers.
MEMORY: Final = 12

#: Thickness added to the neighbour list.
SKIN: Final = 0.4

_CONVERGED, _EXHAUSTED, _STUCK, _NOT_FINITE = 0, 1, 2, 3


@nb.njit(cache=True, error_model="numpy")
def _refresh(z, reference, types, length, radius, skin, rows, counts):
    """Rebuild the list if a particle is further than half a skin from where it was made."""
    n = types.size
    limit = 0.25 * skin * skin
    for i in range(n):
        dx = z[0, i] - reference[0, i]
        dy = z[1, i] - reference[1, i]
        if not dx * dx + dy * dy <= limit:
            reference[...] = z
            return kernels.neighbour_rows(z[0], z[1], types, length, radius + skin, rows.shape[1])
    return rows, counts


@nb.njit(cache=True, error_model="numpy", fastmath=kernels.FAST_MATH)
def _dot(a: NDArray, b: NDArray) -> float:
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@nb.njit(cache=True, error_model="numpy")
def _largest(vector: NDArray, n: int) -> float:
    """Largest length of the two-dimensional vectors stored as ``[2 n]``; NaN is kept."""
    largest = 0.0
    for i in range(n):
        square = vector[i] * vector[i] + vector[n + i] * vector[n + i]
        if not square <= largest:
            largest = square
    return np.sqrt(largest)


@nb.njit(cache=True, error_model="numpy")
def _minimise(z, types, length, radius, skin, tables, memory, force_tolerance, maximum_steps, largest_step):
    """Minimise in place; ``z`` is ``[2, N]``. Returns status, evaluations, energy, largest force."""
    n = types.size
    inverse_sigma2, epsilon4, constants = tables
    reference = z.copy()
    rows, counts = kernels.neighbour_rows(z[0], z[1], types, length, radius + skin, 64)
    energies = np.empty(n)
    f = np.empty((2, n))
    energy = kernels.energy_and_forces(
        z[0], z[1], types, rows, counts, length, inverse_sigma2, epsilon4, constants, energies, f[0], f[1]
    )
    flat, force = z.reshape(2 * n), f.reshape(2 * n)
    old, old_force = flat.copy(), force.copy()
    step = np.empty(2 * n)
    steps = np.empty((memory, 2 * n))
    changes = np.empty((memory, 2 * n))
    rho = np.empty(memory)
    alpha = np.empty(memory)
    kept = 0
    newest = -1
    evaluations = 1
    largest = _largest(force, n)
    failures = 0
    while True:
        if not np.isfinite(energy) or not np.isfinite(largest):
            return _NOT_FINITE, evaluations, energy, largest
        if largest <= force_tolerance:
            return _CONVERGED, evaluations, energy, largest
        if evaluations >= maximum_steps:
            return _EXHAUSTED, evaluations, energy, largest
        # two-loop recursion; ``step`` becomes the quasi-Newton step along the force
        step[:] = force
        for m in range(kept):
            k = (newest - m) % memory
            alpha[k] = rho[k] * _dot(steps[k], step)
            step -= alpha[k] * changes[k]
        if kept:
            k = newest % memory
            step *= 1.0 / (rho[k] * _dot(changes[k], changes[k]))
        else:
            step *= 1e-3
        for m in range(kept - 1, -1, -1):
            k = (newest - m) % memory
            step += (alpha[k] - rho[k] * _dot(changes[k], step)) * steps[k]
        slope = -_dot(step, force)
        if not slope < 0.0:
            kept = 0
            step[:] = 1e-3 * force
            slope = -_dot(step, force)
        longest = _largest(step, n)
        scale = min(1.0, largest_step / longest) if longest > 0.0 else 1.0
        old[:] = flat
        old_force[:] = force
        old_energy = energy
        # rounding of the energy sum, below which its change says nothing
        noise = 1e-14 * n * max(1.0, abs(energy) / n)
        accepted = False
        for _ in range(20):
            flat[:] = old + scale * step
            rows, counts = _refresh(z, reference, types, length, radius, skin, rows, counts)
            energy = kernels.energy_and_forces(
                z[0],
                z[1],
                types,
                rows,
                counts,
                length,
                inverse_sigma2,
                epsilon4,
                constants,
                energies,
                f[0],
                f[1],
            )
            evaluations += 1
            if energy <= old_energy + 1e-4 * scale * slope + noise:
                accepted = True
                break
            # minimum of the parabola through both energies and the slope, kept within bounds
            curve = energy - old_energy - scale * slope
            ratio = -0.5 * scale * slope / curve if curve > 0.0 else 0.1
            scale *= min(0.5, max(0.1, ratio))
        if not accepted:
            flat[:] = old
            force[:] = old_force
            energy = old_energy
            failures += 1
            if failures > 3:
                return _STUCK, evaluations, energy, largest
            kept = 0
            continue
        failures = 0
        slot = (newest + 1) % memory
        steps[slot] = flat - old
        changes[slot] = old_force - force
        product = _dot(steps[slot], changes[slot])
        if product > 1e-12 * np.sqrt(_dot(steps[slot], steps[slot]) * _dot(changes[slot], changes[slot])):
            newest = slot
            rho[slot] = 1.0 / product
            kept = min(kept + 1, memory)
        largest = _largest(force, n)


def minimise(
    c: Configuration,
    mixture: Mixture = KA2D,
    force_tolerance: float = 1e-6,
    maximum_steps: int = 100_000,
    largest_step: float = 0.1,
) -> tuple[Configuration, dict[str, float]]:
    """As :func:`inherent_structure`, with a record of how it went.

    Returns
    -------
    Configuration
        The inherent structure.
    dict
        ``evaluations`` of the forces, ``energy`` per particle, ``largest_force``.
    """
    if not np.isfinite(force_tolerance) or force_tolerance <= 0:
        raise ValueError(f"force_tolerance must be a positive number, found {force_tolerance}")
    if maximum_steps < 1:
        raise ValueError(f"maximum_steps must be at least 1, found {maximum_steps}")
    if not 0 < largest_step <= 0.5:
        raise ValueError(f"largest_step must lie in (0, 0.5], found {largest_step}")
    c.check_mixture(mixture.n_species, mixture.largest_cutoff)
    z = np.ascontiguousarray(c.positions.T)
    status, evaluations, energy, largest = _minimise(
        z,
        c.species.astype(np.int64) - 1,
        c.box_length,
        mixture.largest_cutoff,
        SKIN,
        tuple(kernels.pair_tables(mixture)),
        MEMORY,
        float(force_tolerance),
        int(maximum_steps),
        float(largest_step),
    )
    if status == _NOT_FINITE:
        raise ValueError(
            "the energy is not finite: two particles sit on top of each other; move them apart first"
        )
    if status != _CONVERGED:
        why = "the steps allowed are used up" if status == _EXHAUSTED else "no step lowers the energy further"
        raise ValueError(
            f"the minimisation stopped at a largest force of {largest:.3g} after {evaluations} force "
            f"evaluations ({why}), wanted {force_tolerance:g}; raise minimisation.maximum_steps "
            f"(now {maximum_steps}) or minimisation.force_tolerance"
        )
    record = {
        "evaluations": float(evaluations),
        "energy": float(energy) / c.n_particles,
        "largest_force": float(largest),
    }
    return c.with_positions(z.T), record


def inherent_structure(
    c: Configuration,
    force_tolerance: float = 1e-6,
    mixture: Mixture = KA2D,
    maximum_steps: int = 100_000,
    largest_step: float = 0.1,
) -> Configuration:
    """Inherent structure: the potential-energy minimum below a configuration.

    Parameters
    ----------
    c
        Start configuration, e.g. a thermal one; its unwrapped positions are continued.
    force_tolerance
        Largest force on any particle at the end.
    mixture
        Species and pair potential.
    maximum_steps
        Force evaluations allowed.
    largest_step
        Furthest that a particle may move in one iteration.

    Returns
    -------
    Configuration
        Same particles and species, every force at most ``force_tolerance``.

    Raises
    ------
    ValueError
        If a parameter is out of range, species or box do not fit the mixture, two particles sit on top of
        each other, or the tolerance is not reached.

    Examples
    --------
    >>> from tglassmlp.configuration import Configuration
    >>> pair = inherent_structure(Configuration([[0.0, 0.0], [1.0, 0.0]], [1, 1], 10.0))
    >>> print(f"{pair.positions[1, 0] - pair.positions[0, 0]:.3f}")
    1.123
    """
    return minimise(c, mixture, force_tolerance, maximum_steps, largest_step)[0]
