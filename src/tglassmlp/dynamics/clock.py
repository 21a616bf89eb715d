r"""The clock of the method: the mean bond-breaking correlation :math:`C_B(t)` of one temperature.

:math:`C_B` falls from 1 to 0 at every temperature, so that it tells how far the relaxation of a liquid has
come, whatever its time scale. Time enters the learning problem as :math:`C_B`; what is learnt at a value of
it is a label (:mod:`tglassmlp.dynamics.labels`) and need not be a correlation of bonds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Clock", "Crossing", "crossing_time"]


@dataclass(frozen=True)
class Crossing:
    """Where a decaying curve first falls below a level: ``index`` (real frame index) and ``time``."""

    index: float
    time: float


def crossing_time(times: ArrayLike, curve: ArrayLike, level: float) -> Crossing | None:
    """First passage of a curve below ``level``, linear in the frame index and so in log time.

    Parameters
    ----------
    times
        ``[F]`` rising times of the frames; the first may be 0, and is then joined to the second
        linearly in time.
    curve
        ``[F]`` values.
    level
        The value to pass.

    Returns
    -------
    Crossing or None
        None if the curve never falls below ``level``.

    Raises
    ------
    ValueError
        If the shapes differ, the times do not rise, or the curve starts below ``level``.
    """
    t, c = np.asarray(times, dtype=float), np.asarray(curve, dtype=float)
    if t.ndim != 1 or t.shape != c.shape or t.size < 2:
        raise ValueError(
            f"times and curve must have one shape [F] with F >= 2, found {t.shape} and {c.shape}"
        )
    if t[0] < 0 or np.any(np.diff(t) <= 0):
        raise ValueError("times must rise and must not be negative")
    below = np.flatnonzero(c < level)
    if below.size == 0:
        return None
    f = int(below[0])
    if f == 0:
        raise ValueError(f"the curve starts at {c[0]:g}, already below {level:g}")
    part = float((c[f - 1] - level) / (c[f - 1] - c[f]))
    index = f - 1 + part
    if t[f - 1] == 0:
        return Crossing(index, float(part * t[f]))
    return Crossing(index, float(np.exp((1 - part) * np.log(t[f - 1]) + part * np.log(t[f]))))


@dataclass(frozen=True)
class Clock:
    """Mean bond-breaking correlation of one temperature against time.

    Parameters
    ----------
    times
        ``[F]`` rising times of the frames.
    c_b
        ``[F]`` mean over structures and central particles.
    """

    times: NDArray[np.float64]
    c_b: NDArray[np.float64]

    @classmethod
    def of(cls, propensity: ArrayLike, times: ArrayLike) -> Clock:
        """Clock of bond-breaking propensities ``[structure, frame, central particle]``.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        c, t = np.asarray(propensity, dtype=float), np.asarray(times, dtype=float)
        if c.ndim != 3 or t.shape != (c.shape[1],):
            raise ValueError(
                "a clock needs propensities [structure, frame, particle] and times [frame], "
                f"found {c.shape} and {t.shape}"
            )
        return cls(t, c.mean(axis=(0, 2)))

    def readings(self, targets: Sequence[float]) -> list[tuple[float, Crossing]]:
        """Where the clock passes values of C_B: the targets that it reaches, each with its crossing.

        Raises
        ------
        ValueError
            If a target lies outside (0, 1), or as :func:`crossing_time`.
        """
        if any(not 0 < c_b < 1 for c_b in targets):
            raise ValueError(f"targets of C_B must lie between 0 and 1, found {list(targets)}")
        crossings = ((c_b, crossing_time(self.times, self.c_b, c_b)) for c_b in targets)
        return [(c_b, crossing) for c_b, crossing in crossings if crossing is not None]
