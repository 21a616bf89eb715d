"""State points as exact keys: temperatures and values of C_B are compared by their decimal names.

A temperature is 0.30 in a configuration, 0.3 in a table and 0.30000000000000004 after a sum. All three mean
the same state point, whose name in paths is ``0.30``. Names have at most six decimals, so a value is the same
as another one exactly when both round to the same whole number of millionths.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "StatePoint",
    "canonical",
    "decimal_text",
    "find",
    "is_same",
    "key",
    "keys",
    "places",
    "union",
    "where",
]

#: Values are told apart in units of this fraction.
_UNITS: Final = 1_000_000


def canonical(x: float | str) -> str:
    """Name of a number in paths: at least two decimals, at most six (``0.30``, ``0.231``, ``0.075``).

    Raises
    ------
    ValueError
        If more than six decimals would be needed, or the number is not finite.

    Examples
    --------
    >>> canonical(0.1 + 0.2)
    '0.30'
    """
    value = float(x)
    if not math.isfinite(value):
        raise ValueError(f"a finite number is needed to name a file, found {x}")
    text = f"{value:.6f}"
    if not math.isclose(float(text), value, rel_tol=1e-12, abs_tol=0.0):
        raise ValueError(f"at most six decimals are possible in names, found {value!r}")
    whole, decimals = text.split(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def decimal_text(x: float) -> str:
    """Temperature or C_B as figures and pages show it: with at least two decimals (0.30, 0.231).

    Examples
    --------
    >>> decimal_text(0.1 + 0.2), decimal_text(0.231)
    ('0.30', '0.231')
    """
    short = f"{x:.2f}"
    return short if is_same(short, x) else f"{x:g}"


def key(x: float | str) -> int:
    """Whole number of millionths that stands for a temperature or a value of C_B.

    Raises
    ------
    ValueError
        If the number is not finite.

    Examples
    --------
    >>> key("0.30") == key(0.1 + 0.2)
    True
    """
    value = float(x)
    if not math.isfinite(value):
        raise ValueError(f"a state point needs a finite number, found {x}")
    return round(value * _UNITS)


def is_same(a: float | str, b: float | str) -> bool:
    """Whether two numbers name the same temperature, or the same value of C_B.

    Examples
    --------
    >>> is_same(0.1 + 0.2, "0.30"), is_same(0.30, 0.301)
    (True, False)
    """
    return key(a) == key(b)


def keys(values: ArrayLike) -> NDArray[np.int64]:
    """:func:`key` of every one of an array of finite numbers, ``[k]``.

    Examples
    --------
    >>> keys([0.5, 0.1 + 0.2]).tolist()
    [500000, 300000]
    """
    return np.rint(np.asarray(values).astype(float) * _UNITS).astype(np.int64)


def where(values: ArrayLike, target: float | str) -> NDArray[np.bool_]:
    """Which of an array of temperatures, or of values of C_B, are the target; NaN never is.

    Parameters
    ----------
    values
        ``[k]`` numbers, or text that names them.
    target
        The value looked for.

    Returns
    -------
    numpy.ndarray
        ``[k]``, of bool.

    Examples
    --------
    >>> where([0.5, 0.1 + 0.2, float("nan")], 0.3).tolist()
    [False, True, False]
    """
    numbers = np.asarray(values).astype(float)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.rint(numbers * _UNITS) == key(target))


def find(values: Iterable[Any], target: float | str) -> int | None:
    """Position of the target among some temperatures or values of C_B; None where it is not among them.

    Examples
    --------
    >>> find(["0.45", "0.40"], 0.4)
    1
    """
    return next((k for k, value in enumerate(values) if is_same(value, target)), None)


def places(values: Iterable[Any], targets: Iterable[Any]) -> list[int]:
    """Position of every target among some temperatures or values of C_B that hold them all.

    Raises
    ------
    ValueError
        If one is not among them.

    Examples
    --------
    >>> places(["0.45", "0.40"], [0.4, 0.45])
    [1, 0]
    """
    at = {key(value): k for k, value in enumerate(values)}
    missing = [target for target in targets if key(target) not in at]
    if missing:
        raise ValueError(f"{missing[0]} is not among the given values")
    return [at[key(target)] for target in targets]


def union(groups: Iterable[Iterable[Any]]) -> NDArray[np.float64]:
    """All temperatures, or values of C_B, of several groups, each once, falling.

    Examples
    --------
    >>> union([["0.30", 0.5], [0.1 + 0.2, 0.7]]).tolist()
    [0.7, 0.5, 0.3]
    """
    keys = {key(value) for group in groups for value in group}
    return np.array(sorted(keys, reverse=True)) / _UNITS


@dataclass(frozen=True, order=True)
class StatePoint:
    """A temperature and a value of the mean correlation C_B, compared exactly.

    Parameters
    ----------
    temperature
        In units of epsilon_11 / k_B.
    c_b
        Mean bond-breaking correlation at which a structure is looked at, the clock of the method.

    Examples
    --------
    >>> StatePoint.of(0.1 + 0.2, 0.5) == StatePoint.of("0.30", "0.50")
    True
    >>> str(StatePoint.of(0.23, 0.8))
    'T0.23 C_B 0.80'
    """

    temperature: float
    c_b: float

    @classmethod
    def of(cls, temperature: float | str, c_b: float | str) -> StatePoint:
        """Make the state point of two numbers, or of their names."""
        return cls(key(temperature) / _UNITS, key(c_b) / _UNITS)

    def __str__(self) -> str:
        return f"T{canonical(self.temperature)} C_B {canonical(self.c_b)}"
