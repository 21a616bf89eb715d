"""Labels at fixed C_B: what networks learn, of all structures of one temperature.

The clock says at which frame C_B is reached (:mod:`tglassmlp.dynamics.clock`). That frame is a real number;
every particle's label is interpolated linearly in the frame index (in log time) at that same number. Where
the label is the quantity of the clock, the mean of the labels is C_B itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.dynamics.clock import Clock
from tglassmlp.dynamics.correlations import of_species
from tglassmlp.labels import BOND_BREAKING, Label

__all__ = ["Labels", "label_structures"]


@dataclass(frozen=True)
class Labels:
    """Labels of the central particles at the targets C_B that one temperature's clock reaches.

    Parameters
    ----------
    c_b
        ``[k]`` targets reached, in the order asked for.
    frame_index
        ``[k]`` real frame index.
    time
        ``[k]`` time.
    propensity
        ``[k, structure, central particle]``.
    half
        ``[k, structure, 2, central particle]`` the same from the even and the odd replicas.
    """

    c_b: NDArray[np.float64]
    frame_index: NDArray[np.float64]
    time: NDArray[np.float64]
    propensity: NDArray[np.float64]
    half: NDArray[np.float64]


def label_structures(
    propensity: ArrayLike,
    half: ArrayLike,
    times: ArrayLike,
    species: ArrayLike,
    targets: Sequence[float],
    central_species: int = 1,
    label: Label = BOND_BREAKING,
    clock: Clock | None = None,
) -> Labels:
    """Labels of all structures of one temperature.

    Parameters
    ----------
    propensity
        ``[structure, frame, particle]``, all species: the label's quantity.
    half
        ``[structure, 2, frame, particle]``.
    times
        ``[frame]``.
    species
        ``[structure, particle]``.
    targets
        Values of C_B in (0, 1).
    central_species
        Species whose particles get labels, in ascending particle index.
    label
        What the propensities are of.
    clock
        Of this temperature, with the same frames; may be None where the label is the quantity of the clock.

    Raises
    ------
    ValueError
        If a shape or a value does not fit, a target lies outside (0, 1), no particle is of the central
        species, or a label other than that of the clock comes without a clock.
    """
    c = np.asarray(propensity, dtype=float)
    h = np.asarray(half, dtype=float)
    if c.ndim != 3 or h.shape != (c.shape[0], 2, *c.shape[1:]):
        raise ValueError(
            "propensity must have shape [structure, frame, particle] and half "
            f"[structure, 2, frame, particle], found {c.shape} and {h.shape}"
        )
    if np.shape(times) != (c.shape[1],):
        raise ValueError(f"times must have shape [{c.shape[1]}], found {np.shape(times)}")
    c, h = of_species(c, species, central_species), of_species(h, species, central_species)
    label.check(c)
    if clock is None:
        if not label.is_clock:
            raise ValueError(f"label {label.name}: a clock is needed to say when C_B is reached")
        clock = Clock.of(c, times)
    elif not np.array_equal(clock.times, np.asarray(times, dtype=float)):
        raise ValueError("the clock has other frames than the label")
    reached = clock.readings(targets)
    index = np.array([found.index for _, found in reached])
    low = np.minimum(index.astype(int), c.shape[1] - 2)
    part = index - low
    return Labels(
        np.array([t for t, _ in reached], dtype=float),
        index,
        np.array([found.time for _, found in reached], dtype=float),
        np.moveaxis((1 - part[:, None]) * c[:, low] + part[:, None] * c[:, low + 1], 1, 0),
        np.moveaxis((1 - part[:, None]) * h[:, :, low] + part[:, None] * h[:, :, low + 1], 2, 0),
    )
