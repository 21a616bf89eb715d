"""Reading a run's numbers by name, and saying them with their errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tglassmlp.observables.bootstrap import jackknife_error
from tglassmlp.published import PAPER
from tglassmlp.state_point import key

__all__ = [
    "Numbers",
    "growth_of",
    "number_of",
    "paired",
    "shown",
    "slowing_of",
    "states",
    "trend",
    "with_parts",
]

#: Name -> entry, see :func:`tglassmlp.claims.numbers.collect_numbers`.
Numbers = Mapping[str, Mapping[str, Any]]


def number_of(numbers: Numbers, name: str) -> tuple[float, float]:
    """Value and error of one number; NaN where there is none."""
    entry = numbers.get(name)
    if entry is None or entry["value"] is None:
        return float("nan"), float("nan")
    return float(entry["value"]), float("nan") if entry["error"] is None else float(entry["error"])


def shown(value: float, error: float = float("nan")) -> str:
    """Say a value with its error, or that it is not determined."""
    if not np.isfinite(value):
        return "not determined"
    return f"{value:.3g}" + (f" ± {error:.2g}" if np.isfinite(error) else "")


def states(numbers: Numbers, prefix: str) -> list[tuple[str, str, str]]:
    """(name, temperature, rest) of all numbers below a prefix, from high to low temperature."""
    found = []
    for name in numbers:
        if name.startswith(prefix + "/T"):
            temperature, _, rest = name[len(prefix) + 2 :].partition("/")
            found.append((name, temperature, rest))
    return sorted(found, key=lambda x: (-float(x[1]), x[2]))


def paired(numbers: Numbers, prefix: str, below: float = np.inf) -> tuple[float, float, float, int]:
    """Mean over state points of paired differences, error over structures, over training sets, and number.

    Temperatures share no structures: errors over structures are independent. They share the networks, hence
    the jackknife over folds is that of the mean over temperatures. ``below`` leaves out this T and all above.
    """
    found, folds = [], []
    limit = np.inf if np.isinf(below) else key(below)
    for name, temperature, _ in states(numbers, prefix):
        if key(temperature) < limit:
            value, error = number_of(numbers, name)
            structures = numbers[name].get("error_structures")
            found.append((value, error if structures is None else float(structures), int(numbers[name]["n"])))
            folds.append([float("nan") if x is None else float(x) for x in numbers[name].get("folds", [])])
    if not found:
        return float("nan"), float("nan"), float("nan"), 0
    value, error, count = np.array(found).T
    weight = count / count.sum()
    training = float("nan")
    if len({len(f) for f in folds}) == 1 and folds[0]:
        training = jackknife_error(weight @ np.array(folds))
    return float(weight @ value), float(np.sqrt(((error * weight) ** 2).sum())), training, int(count.sum())


def with_parts(structures: float, other: float, name: str) -> str:
    """Both parts of an error, as the page shows them."""
    known = [f"{x:.2g} ({n})" for x, n in ((structures, "structures"), (other, name)) if np.isfinite(x)]
    return "".join(f" ± {k}" for k in known)


def trend(numbers: Numbers, quantity: str, of: str, range_: str) -> tuple[float, float, str]:
    """Exponent p of value ~ T^-p, its error, and both as text."""
    entry = numbers.get(f"trend/{quantity}/{of}/{range_}")
    value, error = number_of(numbers, f"trend/{quantity}/{of}/{range_}")
    if entry is None or not np.isfinite(value):
        return float("nan"), float("nan"), "not determined"
    structures, spread = (
        float("nan") if entry.get(k) is None else float(entry[k]) for k in ("error_structures", "spread")
    )
    return value, error, f"{value:.3g}{with_parts(structures, spread, 'networks')}"


def growth_of(numbers: Numbers, quantity: str, of: str) -> tuple[float, float, str]:
    """Logarithm of the growth from the highest to the lowest temperature, its error, and a text.

    The growth is that of the power law of T fitted to all temperatures and C_B together.
    """
    exponent, error, text = trend(numbers, quantity, of, "all")
    if not np.isfinite(exponent):
        return exponent, error, "not determined"
    entry = numbers[f"trend/{quantity}/{of}/all"]
    temperatures = [float(t) for t in entry["temperatures"]]
    hot, cold = max(temperatures), min(temperatures)
    span = float(np.log(hot / cold))
    factor = float(np.exp(exponent * span))
    return (
        exponent * span,
        error * span,
        f"~ T^-p with p = {text}: by {shown(factor, factor * error * span)} from T = {hot:.2f} to "
        f"{cold:.2f} ({len(temperatures)} temperatures, all C_B together)",
    )


def slowing_of(numbers: Numbers, quantity: str, of: str) -> tuple[float, float, str]:
    """Difference of the exponents above and below the temperature at which the paper's growth slows down."""
    difference, error, text = trend(numbers, quantity, of, "slowing")
    if not np.isfinite(difference):
        return difference, error, "too few temperatures above or below"
    above, below = (trend(numbers, quantity, of, r)[2] for r in ("above", "below"))
    return (
        difference,
        error,
        (f"~ T^-p with p = {above} down to T = {PAPER.slowing}, {below} below; difference {text}"),
    )
