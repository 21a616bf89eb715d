"""The state point as the networks see it: a few smooth functions of temperature and C_B, each O(1).

Centre and scale of every function come from the range of temperatures and of C_B of the run (its config),
not from data: every state point the run trains on or predicts lies in [-1, 1], including the lowest
temperature, so going down in temperature never leaves the range the networks' activations are made for.
The paper's list of six functions is lost; see ``docs/deviations.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DEFAULT_STATE_FEATURES", "STATE_FEATURES", "StateFeatures"]

#: Functions of (T, C_B) by name.
STATE_FEATURES: Final[dict[str, Callable[[NDArray, NDArray], NDArray]]] = {
    "T": lambda t, c: t + 0.0 * c,
    "T^2": lambda t, c: t**2 + 0.0 * c,
    "1/T": lambda t, c: 1.0 / t + 0.0 * c,
    "log(T)": lambda t, c: np.log(t) + 0.0 * c,
    "c_b": lambda t, c: c + 0.0 * t,
    "c_b^2": lambda t, c: c**2 + 0.0 * t,
    "sqrt(c_b)": lambda t, c: np.sqrt(c) + 0.0 * t,
    "log(c_b)": lambda t, c: np.log(c) + 0.0 * t,
    "log(1-c_b)": lambda t, c: np.log1p(-c) + 0.0 * t,
    "c_b(1-c_b)": lambda t, c: c * (1.0 - c) + 0.0 * t,
    "T*c_b": lambda t, c: t * c,
    "c_b/T": lambda t, c: c / t,
}

#: Three functions of each would be symmetric, but C_B changes the task most, so it gets four.
DEFAULT_STATE_FEATURES: Final = ("T", "1/T", "c_b", "c_b^2", "log(c_b)", "log(1-c_b)")


@dataclass(frozen=True)
class StateFeatures:
    """Features of a state point and the constants that make them O(1).

    Parameters
    ----------
    names
        Names in :data:`STATE_FEATURES`.
    centre, scale
        Each function f enters as ``(f - centre) / scale``.
    temperature_range, c_b_range
        Ranges the constants were made from.
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    temperature_range: tuple[float, float]
    c_b_range: tuple[float, float]

    @classmethod
    def from_ranges(
        cls, names: Sequence[str], temperatures: Sequence[float], c_b: Sequence[float]
    ) -> StateFeatures:
        """Constants from the temperatures and C_B values of a run.

        Raises
        ------
        ValueError
            For an unknown name, a temperature that is not positive or a C_B outside (0, 1).
        """
        unknown = [n for n in names if n not in STATE_FEATURES]
        if unknown or not names:
            raise ValueError(f"unknown state features {unknown}, known: {', '.join(STATE_FEATURES)}")
        t_low, t_high = float(min(temperatures)), float(max(temperatures))
        c_low, c_high = float(min(c_b)), float(max(c_b))
        if t_low <= 0 or not 0 < c_low <= c_high < 1:
            raise ValueError(
                f"temperatures must be positive and C_B in (0, 1), found {t_low} and {c_low}..{c_high}"
            )
        t, c = (
            g.ravel() for g in np.meshgrid(np.linspace(t_low, t_high, 33), np.linspace(c_low, c_high, 33))
        )
        centre, scale = [], []
        for name in names:
            f = STATE_FEATURES[name](t, c)
            half = 0.5 * float(f.max() - f.min())
            centre.append(0.5 * float(f.max() + f.min()))
            scale.append(half if half > 1e-9 else 1.0)
        return cls(tuple(names), tuple(centre), tuple(scale), (t_low, t_high), (c_low, c_high))

    @property
    def c_b_limits(self) -> tuple[float, float]:
        """Range that C_B is clipped to before it enters: half way from the run's range to 0 and to 1."""
        return 0.5 * self.c_b_range[0], 0.5 * (1.0 + self.c_b_range[1])

    def __call__(self, temperature: ArrayLike, c_b: ArrayLike) -> NDArray[np.float32]:
        """Features ``[..., F]`` float32 of temperatures and C_B values that broadcast."""
        low, high = self.c_b_limits
        t = np.asarray(temperature, dtype=np.float64)
        c = np.clip(np.asarray(c_b, dtype=np.float64), low, high)
        if np.any(t <= 0):
            raise ValueError(f"temperatures must be positive, found {np.min(t)}")
        columns = [
            (STATE_FEATURES[n](t, c) - a) / b
            for n, a, b in zip(self.names, self.centre, self.scale, strict=True)
        ]
        return np.stack(columns, axis=-1).astype(np.float32)

    def as_record(self) -> dict[str, Any]:
        """Plain record for the networks file."""
        return {
            "names": list(self.names),
            "centre": list(self.centre),
            "scale": list(self.scale),
            "temperature_range": list(self.temperature_range),
            "c_b_range": list(self.c_b_range),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> StateFeatures:
        """Back from :meth:`as_record`."""
        return cls(
            tuple(record["names"]),
            tuple(record["centre"]),
            tuple(record["scale"]),
            (record["temperature_range"][0], record["temperature_range"][1]),
            (record["c_b_range"][0], record["c_b_range"][1]),
        )
