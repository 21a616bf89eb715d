"""Propensity: the mean over isoconfigurational replicas of what happens to each particle of a structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Propensity"]


@dataclass(frozen=True)
class Propensity:
    """Propensity of one structure.

    Parameters
    ----------
    mean
        ``[F, N]`` mean over the replicas.
    half
        ``[2, F, N]`` means over the even and the odd replicas; both are the mean when there is one replica.
    """

    mean: NDArray[np.float64]
    half: NDArray[np.float64]
