"""Inherent structures of many configurations at once, by the FIRE minimiser of HOOMD-blue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import hoomd
import numpy as np

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.settings import check
from tglassmlp.simulation.hoomd.machine import Machine
from tglassmlp.simulation.hoomd.planes import stacked
from tglassmlp.simulation.minimisation_settings import MinimisationSettings

__all__ = ["MINIMISER", "HoomdMinimiser", "inherent_structures"]


@takes_mixture(assume=False)
def inherent_structures(
    configurations: Sequence[Configuration],
    *,
    force_tolerance: float = 1e-6,
    maximum_steps: int = 200_000,
    mixture: Mixture = KA2D,
    machine: Machine | None = None,
) -> list[Configuration]:
    """Inherent structures of several configurations at once, by the FIRE minimiser of HOOMD-blue.

    FIRE steers its step and damping by the power of all planes together, so that the path to a minimum (not
    the minimum's quality) depends on the planes beside it.

    Parameters
    ----------
    configurations
        Configurations with equal boxes and numbers of particles.
    force_tolerance
        Largest force on any particle of the result.
    maximum_steps
        Steps after which the search is given up.
    mixture, machine
        Pair potential; device and form of the potential.

    Returns
    -------
    list of Configuration
        Positions unwrapped, continuing those given.

    Raises
    ------
    ValueError
        If the tolerance or the number of steps is out of range.
    RuntimeError
        If a configuration has not reached the tolerance.
    """
    check(MinimisationSettings, force_tolerance=force_tolerance, maximum_steps=maximum_steps)
    machine = (machine or Machine.from_environment()).resolved()
    tiny = 1e-3 * force_tolerance
    fire = hoomd.md.minimize.FIRE(dt=0.02, force_tol=tiny, angmom_tol=1.0, energy_tol=1e-300)
    stack = stacked(configurations, mixture, machine, fire, shift=True)
    start = np.stack([c.wrapped() for c in configurations])
    done, largest = 0, np.full(len(configurations), np.inf)
    while done < maximum_steps:
        stack.simulation.run(min(500, maximum_steps - done))
        done += 500
        largest = np.sqrt((stack.force_arrays()[0] ** 2).sum(axis=-1)).max(axis=1)
        if np.all(largest < force_tolerance):
            position, _, image = stack.get()
            moved = position - start + image * configurations[0].box_length
            return [
                replace(c, positions=c.positions + moved[p], mixture=c.mixture or mixture)
                for p, c in enumerate(configurations)
            ]
    worst = int(np.argmax(largest))
    raise RuntimeError(
        f"configuration {worst}: largest force {largest[worst]:.3g} after {done} steps, "
        f"asked for {force_tolerance:g}"
    )


class HoomdMinimiser:
    """The minimiser of a batch on the device that the environment names."""

    def minima(
        self,
        configurations: Sequence[Configuration],
        *,
        mixture: Mixture,
        force_tolerance: float = 1e-6,
        maximum_steps: int = 200_000,
    ) -> list[Configuration]:
        """Bring every configuration to the minimum below it; see :func:`inherent_structures`."""
        return inherent_structures(
            configurations, force_tolerance=force_tolerance, maximum_steps=maximum_steps, mixture=mixture
        )


MINIMISER: Final = HoomdMinimiser()
