"""Formulas of the ground floor, compiled: kernels take them inlined and round them by their own rules.

Each formula stands once in plain Python (:mod:`tglassmlp.box`, :mod:`tglassmlp.potentials`). With
``inline="always"`` Numba puts its lines into the kernel that calls it before anything is compiled, so that
the kernel's own permission to reorder sums (:data:`FAST_MATH`) holds for them, or its absence does.
"""

from __future__ import annotations

from typing import Final

from tglassmlp import box, potentials
from tglassmlp.compilation import njit

__all__ = ["FAST_MATH", "cell", "choose", "energy_of_square", "fold", "nearest", "slope_of_square"]

#: Sums may be reordered to fill vector registers; the result is still the same on every run.
FAST_MATH: Final = {"reassoc", "contract", "arcp", "nsz"}

fold = njit(error_model="numpy")(box.fold)
cell = njit(error_model="numpy")(box.cell)
nearest = njit(error_model="numpy", inline="always")(box.nearest)
energy_of_square = njit(error_model="numpy", inline="always")(potentials.energy_of_square)
slope_of_square = njit(error_model="numpy", inline="always")(potentials.slope_of_square)


@njit(error_model="numpy", inline="always")
def choose(kind: int, v0: float, v1: float, v2: float, v3: float, ghost: float) -> float:
    """Value of type ``kind`` without a memory gather; ``ghost`` for the ghost."""
    return v0 if kind == 0 else (v1 if kind == 1 else (v2 if kind == 2 else (v3 if kind == 3 else ghost)))
