"""Labels: the propensities at fixed values of the mean correlation C_B, and which state points have them.

Time enters the learning problem as C_B, which falls from 1 to 0 at every temperature. The frame at which a
temperature's mean curve passes a target C_B is a real number; every particle's propensity is interpolated
linearly in the frame index (in log time) at that same number, so that the labels' mean is the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tglassmlp.dynamics.correlations import of_species
from tglassmlp.dynamics.relaxation import crossing_time

__all__ = ["Labels", "label_map", "label_structures"]


@dataclass(frozen=True)
class Labels:
    """Propensities of the central particles at the targets C_B that one temperature's curve reaches.

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
) -> Labels:
    """Labels of all structures of one temperature.

    Parameters
    ----------
    propensity
        ``[structure, frame, particle]``, all species.
    half
        ``[structure, 2, frame, particle]``.
    times
        ``[frame]``.
    species
        ``[structure, particle]``.
    targets
        Values of C_B in (0, 1).
    central_species
        Species whose mean is C_B and whose particles get labels, in ascending particle index.

    Raises
    ------
    ValueError
        If a shape does not fit, a target lies outside (0, 1), or no particle is of the central species.
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
    if any(not 0 < t < 1 for t in targets):
        raise ValueError(f"targets of C_B must lie between 0 and 1, found {list(targets)}")
    c, h = of_species(c, species, central_species), of_species(h, species, central_species)
    curve = c.mean(axis=(0, 2))
    reached = [(t, found) for t in targets if (found := crossing_time(times, curve, t)) is not None]
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


def label_map(
    temperatures: Sequence[float],
    c_bs: Sequence[float],
    reached: Mapping[float, Sequence[float]],
    t_min: float,
    lowest_ratio: float = 0.7,
    minimum_labelled: int = 3,
    minimum_predicted: int = 2,
) -> pd.DataFrame:
    """Which state points are labelled (x), extrapolated in step 1 (t), or left to the full network (r).

    A state point is ``x`` when its temperature is at least ``t_min``, has dynamics, and its curve
    reaches C_B. It is ``t`` when at least ``minimum_labelled`` temperatures are ``x`` at that C_B and
    it lies below all of them, by a factor of not less than ``lowest_ratio``. It is ``r`` when at least
    ``minimum_predicted`` are ``x``. Otherwise the kind is empty. The defaults reproduce Table 1 of
    arXiv:2310.20252.

    Parameters
    ----------
    temperatures, c_bs
        The run's temperatures and targets.
    reached
        Temperature -> targets its dynamics reach; temperatures without dynamics may be absent.
    t_min
        Lowest temperature whose dynamics may be used.
    lowest_ratio, minimum_labelled, minimum_predicted
        The rule's constants.

    Returns
    -------
    pandas.DataFrame
        Columns ``temperature`` (falling), ``c_b`` (in the order given) and ``kind``.

    Raises
    ------
    ValueError
        If ``t_min`` is not one of the temperatures with dynamics, or there is no ``x`` at all.
    """

    def same(a: float, b: float) -> bool:
        return abs(float(a) - float(b)) < 1e-9

    if not any(same(t, t_min) for t in reached):
        raise ValueError(
            f"t_min = {t_min:g} is not a temperature with dynamics; "
            f"these are {sorted(float(t) for t in reached)}"
        )
    falling = sorted((float(t) for t in temperatures), reverse=True)
    rows = []
    for c_b in c_bs:
        marked = [
            t
            for t in falling
            if t >= t_min - 1e-9
            and any(same(t, other) and any(same(c_b, c) for c in found) for other, found in reached.items())
        ]
        for t in falling:
            if any(same(t, x) for x in marked):
                kind = "x"
            elif (
                len(marked) >= minimum_labelled
                and t < min(marked) - 1e-9
                and t / min(marked) >= lowest_ratio - 1e-9
            ):
                kind = "t"
            elif len(marked) >= minimum_predicted:
                kind = "r"
            else:
                kind = ""
            rows.append({"temperature": t, "c_b": float(c_b), "kind": kind})
    table = pd.DataFrame(rows, columns=["temperature", "c_b", "kind"])
    if not (table.kind == "x").any():
        raise ValueError(
            f"no temperature of at least t_min = {t_min:g} reaches any of the targets {list(c_bs)}: "
            "raise a dynamics_time"
        )
    return table.sort_values(["temperature", "c_b"], ascending=False, kind="stable").reset_index(drop=True)
