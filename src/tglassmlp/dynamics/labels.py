r"""Labels: what networks learn about each particle, and its values at fixed C_B.

A :class:`Label` says what is learnt: a quantity of every particle, computed from the displacements of
replicas, with its range and whether it falls or rises while a liquid relaxes. Today that is the bond-breaking
propensity. The clock is another thing (:mod:`tglassmlp.dynamics.clock`): it stays the mean bond-breaking
correlation, and says at which frame C_B is reached. That frame is a real number; every particle's label is
interpolated linearly in the frame index (in log time) at that same number. Where the label is the quantity of
the clock, the mean of the labels is C_B itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.dynamics.bond_breaking import isoconfigurational_propensity
from tglassmlp.dynamics.clock import Clock
from tglassmlp.dynamics.correlations import of_species
from tglassmlp.dynamics.propensity import Propensity
from tglassmlp.mixture import Mixture

__all__ = ["BOND_BREAKING", "Label", "Labels", "add_label", "get_label", "label_structures"]

Measure = Callable[[Configuration, NDArray[np.floating], Mapping[str, Any], Mixture], Propensity]


@dataclass(frozen=True)
class Label:
    """A quantity of particles that networks learn.

    Parameters
    ----------
    name
        As files and settings name it.
    lowest, highest
        Range of its values; infinite where there is no bound.
    direction
        Whether it falls or rises with time: an active particle has a small or a large value.
    measure
        Function of a structure, displacements of its replicas ``[R, F, N, 2]``, settings and mixture.
    unit
        Unit of its values.
    is_clock
        Whether its mean over the central particles is C_B, so that predictions can be held to that mean.
    """

    name: str
    lowest: float
    highest: float
    direction: Literal["falls", "rises"]
    measure: Measure
    unit: str = "1"
    is_clock: bool = False

    def activity(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values (any shape) with a sign that makes them rise with activity."""
        found = np.asarray(values, dtype=float)
        return -found if self.direction == "falls" else found

    def check(self, values: ArrayLike) -> None:
        """Refuse values that this label cannot have.

        Raises
        ------
        ValueError
            If one lies outside the range, or is not finite.
        """
        found = np.asarray(values, dtype=float)
        if not np.isfinite(found).all() or (found < self.lowest).any() or (found > self.highest).any():
            raise ValueError(
                f"label {self.name}: values must lie between {self.lowest:g} and {self.highest:g}, "
                f"found {np.nanmin(found):g} to {np.nanmax(found):g}"
                + ("" if np.isfinite(found).all() else " and some that are not finite")
            )


def _bond_breaking(
    initial: Configuration, displacements: NDArray[np.floating], settings: Mapping[str, Any], mixture: Mixture
) -> Propensity:
    return isoconfigurational_propensity(
        initial, displacements, settings["r_in"], settings["r_out"], mixture=mixture
    )


#: The share of its initial neighbours that a particle keeps.
BOND_BREAKING: Final = Label("bond_breaking", 0.0, 1.0, "falls", _bond_breaking, is_clock=True)

_LABELS: dict[str, Label] = {}


def add_label(label: Label) -> Label:
    """Make a label known by its name.

    Raises
    ------
    ValueError
        If another label has this name.
    """
    if _LABELS.setdefault(label.name, label) is not label:
        raise ValueError(f"there is a label {label.name!r} already")
    return label


def get_label(name: str) -> Label:
    """Find a label by its name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in _LABELS:
        raise ValueError(f"unknown label {name!r}, known: {', '.join(sorted(_LABELS))}")
    return _LABELS[name]


add_label(BOND_BREAKING)


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
