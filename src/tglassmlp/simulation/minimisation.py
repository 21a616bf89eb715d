"""Inherent structures: the minimum of the potential energy reached from a configuration."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.limits import SMALLEST_TOLERANCE, OutOfRange
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.settings import check
from tglassmlp.simulation.descent import CONVERGED, NOT_FINITE, UNDER_WAY, Search
from tglassmlp.simulation.minimisation_settings import MinimisationSettings
from tglassmlp.simulation.replica_run import content_hash

__all__ = ["MINIMISER", "NativeMinimiser", "inherent_structure", "minimise"]

#: A call of the compiled loop lasts about this many seconds, so that progress and checkpoints get their turn.
CALL_SECONDS: Final = 0.5


@takes_mixture(assume=False)
def minimise(
    c: Configuration,
    mixture: Mixture = KA2D,
    force_tolerance: float = 1e-6,
    maximum_steps: int = 100_000,
    largest_step: float = 0.1,
    *,
    state: str | Path | None = None,
    block_seconds: float = 60.0,
    progress: Progress | None = None,
) -> tuple[Configuration, dict[str, float]]:
    """As :func:`inherent_structure`, with a record of how it went, and resumed after an interruption.

    Parameters
    ----------
    c, mixture, force_tolerance, maximum_steps, largest_step
        As for :func:`inherent_structure`.
    state
        Checkpoint file, resumed if there, to the same bits. It is kept at the end, also if the steps allowed
        are used up: repeat the call with more of them to go on. Remove it when the result is stored.
    block_seconds
        Seconds between checkpoints.
    progress
        Counts configurations; the share of one is the way of its largest force to the tolerance, on a
        logarithmic scale.

    Returns
    -------
    Configuration
        The inherent structure.
    dict
        ``evaluations`` of the forces, ``energy`` per particle, ``largest_force``.
    """
    if not np.isfinite(force_tolerance) or force_tolerance < SMALLEST_TOLERANCE:
        allowed = f"at least {SMALLEST_TOLERANCE:g}, which rounding of the forces permits"
        raise OutOfRange("force_tolerance", f"{force_tolerance:g}", allowed)
    if maximum_steps < 1:
        raise ValueError(f"maximum_steps must be at least 1, found {maximum_steps}")
    if not 0 < largest_step <= 0.5:
        raise ValueError(f"largest_step must lie in (0, 0.5], found {largest_step}")
    c.check_mixture(mixture.n_species, mixture.largest_cutoff)
    search = Search(c, mixture, force_tolerance, largest_step)
    file = None if state is None else Path(state)
    decisive = [content_hash(c), c.box_length, asdict(mixture), search.force_tolerance, search.largest_step]
    key = fingerprint([*decisive, stage_version("inherent")])
    shared = 0.0

    def told() -> None:
        nonlocal shared
        if progress is not None:
            # the largest force may grow again, what is done may not
            more, shared = max(0.0, search.share - shared), max(search.share, shared)
            progress.advance(more, f"E={search.energy:.4f}, largest force {search.largest_force:.1e}")

    if file is not None and search.resume(file, key) and progress is not None:
        shared = search.share
        progress.resume(progress.done + shared)
    written = time.monotonic()
    budget = 20
    while search.status == UNDER_WAY and search.evaluations < maximum_steps:
        began = time.monotonic()
        search.run(min(int(maximum_steps), search.evaluations + budget))
        taken = time.monotonic() - began
        budget = max(1, int(budget * min(4.0, CALL_SECONDS / max(taken, 1e-3))))
        told()
        if file is not None and time.monotonic() - written > block_seconds:
            search.save(file, key)
            written = time.monotonic()
    if file is not None and search.status != NOT_FINITE:
        search.save(file, key)
    if search.status == NOT_FINITE:
        raise ValueError(
            "the energy is not finite: two particles sit on top of each other; move them apart first"
        )
    if search.status != CONVERGED:
        used_up = search.status == UNDER_WAY
        why = "the steps allowed are used up" if used_up else "no step lowers the energy further"
        advice = f"minimisation.maximum_steps (now {maximum_steps}) or " if used_up else ""
        raise ValueError(
            f"the minimisation stopped at a largest force of {search.largest_force:.3g} after "
            f"{search.evaluations} force evaluations ({why}), wanted {force_tolerance:g}; raise "
            f"{advice}minimisation.force_tolerance"
        )
    record = {
        "evaluations": float(search.evaluations),
        "energy": search.energy,
        "largest_force": search.largest_force,
    }
    found = c.with_positions(search.arrays.z.T + search.shift)
    return found if c.mixture is not None else found.with_mixture(mixture), record


@takes_mixture()
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
        Largest force on any particle at the end, 1e-10 to 0.01; rounding errors set the lower limit.
    mixture
        Species and pair potential. By default KA2D, if the species of the configuration allow it.
    maximum_steps
        Largest number of force evaluations.
    largest_step
        Largest distance that a particle may move in one iteration.

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
    1.124
    """
    check(MinimisationSettings, force_tolerance=force_tolerance, maximum_steps=maximum_steps)
    return minimise(c, mixture, force_tolerance, maximum_steps, largest_step)[0]


class NativeMinimiser:
    """The native engine's minimiser of a batch, one configuration after the other."""

    def minima(
        self,
        configurations: Sequence[Configuration],
        *,
        mixture: Mixture,
        force_tolerance: float = 1e-6,
        maximum_steps: int = 100_000,
    ) -> list[Configuration]:
        """Bring every configuration to the minimum below it; see :func:`inherent_structure`."""
        return [inherent_structure(c, force_tolerance, mixture, maximum_steps) for c in configurations]


MINIMISER: Final = NativeMinimiser()
