"""True displacements from published positions, and what motion a time and a temperature allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import minimum_image
from tglassmlp.configuration import Configuration
from tglassmlp.readers.glassbench.files import TrajectoryFile

__all__ = ["check_motion", "true_displacements"]


#: Components of displacements, folded into the box, up to which the shortest one is taken for the true one.
_KNOWN: Final = 3 / 8


def true_displacements(files: Sequence[TrajectoryFile], initial: Configuration) -> NDArray[np.float64]:
    """Return true displacements ``[R, F, N, 2]`` of one structure.

    :func:`tglassmlp.readers.glassbench.read_glassbench` says how they are told from positions in the box.
    """
    box = initial.box_length
    later = np.stack([f.arrays["positions"] for f in files], axis=1).astype(np.float64)
    apart = later - initial.positions
    short = minimum_image(apart, box)
    image = np.round((apart - short) / box)
    largest = np.abs(short).max(axis=(0, 2, 3))
    far = largest > _KNOWN * box
    shifted = ~far & image.any(axis=(0, 2, 3))
    # positions are rounded to six digits, by 5e-5 where they have two before the point
    allowed = box * (1.0 + 2e-4)
    for k in np.flatnonzero(far).tolist():
        extent = later[:, k].max(axis=(0, 1)) - later[:, k].min(axis=(0, 1))
        drifts = np.abs(apart[:, k].mean(axis=0)).max()
        if np.any(extent <= allowed):
            reason = "all positions lie within one box, so they are wrapped"
        elif shifted.any():
            earlier = files[int(np.flatnonzero(shifted)[0])].path
            reason = f"the positions of {earlier} do not continue the initial ones, so they are wrapped"
        elif far.all() and drifts > 0.5 * box:
            reason = "the mean displacement of a particle over its replicas is beyond half a box"
        elif (alike := _likeness(apart[:, k])) > 0.5:
            raise ValueError(
                f"{files[k].path}: all replicas have moved alike (correlation {alike:.2f}) and by more than "
                f"{_KNOWN} box lengths: these are not positions of the structure they are named after"
            )
        else:
            continue
        raise ValueError(
            f"{files[k].path}: displacements cannot be known: {reason}, and folded into the box particles "
            f"have moved by up to {largest[k] / box:.2f} box lengths along an axis, {_KNOWN} at most was "
            "expected. Unwrapped positions are needed at this time"
        )
    return np.where(far[None, :, None, None], apart, short)


def _likeness(displacements: NDArray[np.float64]) -> float:
    """Correlation of the displacements ``[R, N, 2]`` of different replicas, 0 for a single one.

    In a cage it is at most 1/2 (the common start of independent vibrations), and vanishes with time.
    """
    replicas = len(displacements)
    total = float((displacements**2).sum())
    if replicas < 2 or total == 0.0:
        return 0.0
    return (float((displacements.sum(axis=0) ** 2).sum()) - total) / ((replicas - 1) * total)


def check_motion(
    files: Sequence[TrajectoryFile],
    displacements: NDArray[np.float64],
    times: NDArray[np.float64],
    temperature: float,
) -> None:
    """Hold the mean squared displacement against the times and the temperature that names give.

    In equilibrium it cannot exceed that of free flight, 2 T t^2 in two dimensions with unit mass, since the
    velocity is never more correlated with itself than at once, and it does not fall to less than half as
    time goes on. A factor of four is left for few replicas.
    """
    moved = (displacements**2).sum(axis=-1).mean(axis=(0, 2))
    for k, (value, time) in enumerate(zip(moved, times, strict=True)):
        free = 2.0 * temperature * time**2
        if value > 4.0 * free:
            raise ValueError(
                f"{files[k].path}: mean squared displacement {value:.3g} at time {time:g}, free flight at "
                f"T = {temperature:g} gives {free:.3g}: the time code, the list of times or the temperature "
                "is wrong"
            )
        if value < 0.5 * moved[:k].max(initial=0.0):
            raise ValueError(
                f"{files[k].path}: mean squared displacement {value:.3g} at time {time:g}, it was "
                f"{moved[:k].max():.3g} at an earlier one: time codes are mixed up"
            )
