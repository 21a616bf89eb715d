"""Random numbers of compiled Monte Carlo kernels: xoshiro256++, its four words kept in registers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tglassmlp.compilation import njit

__all__ = ["draw", "unit"]


@njit(error_model="numpy")
def draw(s0: Any, s1: Any, s2: Any, s3: Any) -> tuple[Any, Any, Any, Any, Any]:
    """One step of xoshiro256++ (Blackman and Vigna, ACM TOMS 47, 36 (2021)): value and new state."""
    mix = s0 + s3
    value = ((mix << np.uint64(23)) | (mix >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return value, s0, s1, s2, s3


@njit(error_model="numpy", inline="always")
def unit(value: Any) -> Any:
    """Random word to a number in [0, 1) with 53 bits."""
    return np.float64(value >> np.uint64(11)) * 1.1102230246251565e-16
