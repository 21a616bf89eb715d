"""Label map: where the label of each state point comes from (Table 1 of arXiv:2310.20252).

A state point is *measured* by dynamics, *extrapolated* by the networks of step 1, or *predicted* by the full
network only. The file of a label map writes these as the letters x, t and r of the paper's Table 1; only this
module knows them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from tglassmlp.state_point import StatePoint, is_same, key
from tglassmlp.storage import read_table, write_table

__all__ = ["LETTERS", "LabelMap", "c_b_by_temperature", "map_labels"]

#: Letter of each origin of a label in the file of a label map.
LETTERS: Final[dict[str, str]] = {"measured": "x", "extrapolated": "t", "predicted": "r", "left_out": ""}
_COLUMNS: Final = ["temperature", "c_b", "kind"]


@dataclass(frozen=True)
class LabelMap:
    """Where the labels of a run come from, for one T_min. State points fall in temperature, then in C_B.

    Parameters
    ----------
    measured
        Dynamics reaches C_B at a temperature that may be used.
    extrapolated
        Step 1 extrapolates the label from temperatures above.
    predicted
        Left to the full network.
    left_out
        No network knows enough of this C_B.
    """

    measured: tuple[StatePoint, ...]
    extrapolated: tuple[StatePoint, ...] = ()
    predicted: tuple[StatePoint, ...] = ()
    left_out: tuple[StatePoint, ...] = ()

    def __post_init__(self) -> None:
        for origin in LETTERS:
            object.__setattr__(self, origin, tuple(sorted(getattr(self, origin), reverse=True)))

    @property
    def known(self) -> tuple[StatePoint, ...]:
        """State points that networks are asked about: measured, extrapolated and predicted ones."""
        return self.of_origins(("measured", "extrapolated", "predicted"))

    def of_origins(self, origins: Collection[str]) -> tuple[StatePoint, ...]:
        """State points whose labels come from any of these.

        Raises
        ------
        ValueError
            If an origin is not in :data:`LETTERS`.
        """
        unknown = [name for name in origins if name not in LETTERS]
        if unknown:
            raise ValueError(f"unknown origin of labels {unknown[0]!r}, known: {', '.join(LETTERS)}")
        return tuple(sorted((point for name in origins for point in getattr(self, name)), reverse=True))

    def of_letters(self, letters: Collection[str]) -> tuple[StatePoint, ...]:
        """State points whose letter in the file is one of these."""
        return self.of_origins([name for name, letter in LETTERS.items() if letter in set(letters)])

    def measured_at(self, c_b: float) -> list[float]:
        """Temperatures with a measured label at this C_B, falling."""
        return [point.temperature for point in self.measured if is_same(point.c_b, c_b)]

    def letter_at(self, temperature: float, c_b: float) -> str:
        """Letter of a state point in the file; nothing for one that is left out or not in the map."""
        point = StatePoint.of(temperature, c_b)
        return next((letter for name, letter in LETTERS.items() if point in getattr(self, name)), "")

    def to_table(self) -> pd.DataFrame:
        """Columns ``temperature`` (falling), ``c_b`` (falling) and ``kind``, a letter or nothing."""
        rows = [
            (point.temperature, point.c_b, letter)
            for name, letter in LETTERS.items()
            for point in getattr(self, name)
        ]
        rows.sort(key=lambda row: row[:2], reverse=True)
        return pd.DataFrame(rows, columns=_COLUMNS)

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> LabelMap:
        """Rebuild what :meth:`to_table` gave.

        Raises
        ------
        ValueError
            If a kind is not a letter of a label map.
        """
        found: dict[str, list[StatePoint]] = {letter: [] for letter in LETTERS.values()}
        for t, c_b, kind in table[_COLUMNS].itertuples(index=False):
            if kind not in found:
                raise ValueError(f"kind {kind!r} of a label map must be one of {', '.join(map(repr, found))}")
            found[kind].append(StatePoint.of(t, c_b))
        return cls(**{name: tuple(found[letter]) for name, letter in LETTERS.items()})

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> LabelMap:
        """Read the file of a label map."""
        return cls.from_table(read_table(path, _COLUMNS))

    def write(self, path: str | os.PathLike[str], provenance: Mapping[str, Any]) -> None:
        """Write the file of this label map."""
        write_table(path, self.to_table(), dict(provenance))


def c_b_by_temperature(points: Iterable[StatePoint]) -> dict[float, list[float]]:
    """Temperature -> values of C_B, in the order of the state points."""
    found: dict[float, list[float]] = {}
    for point in points:
        found.setdefault(point.temperature, []).append(point.c_b)
    return found


def map_labels(
    temperatures: Sequence[float],
    c_bs: Sequence[float],
    reached: Mapping[float, Sequence[float]],
    t_min: float,
    lowest_ratio: float = 0.7,
    minimum_labelled: int = 3,
    minimum_predicted: int = 2,
) -> LabelMap:
    """Decide which state points are measured, extrapolated in step 1, or left to the full network.

    A state point is measured when its temperature is at least ``t_min``, has dynamics, and its curve
    reaches C_B. It is extrapolated when at least ``minimum_labelled`` temperatures are measured at that C_B
    and it lies below all of them, by a factor of not less than ``lowest_ratio``. It is predicted when at
    least ``minimum_predicted`` are measured, and left out otherwise. The defaults reproduce Table 1 of
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

    Raises
    ------
    ValueError
        If ``t_min`` is not one of the temperatures with dynamics, or nothing at all is measured.
    """
    if not any(is_same(t, t_min) for t in reached):
        raise ValueError(
            f"t_min = {t_min:g} is not a temperature with dynamics; "
            f"these are {sorted(float(t) for t in reached)}"
        )
    labelled = {
        StatePoint.of(t, c_b) for t, found in reached.items() for c_b in found if key(t) >= key(t_min)
    }
    points: dict[str, list[StatePoint]] = {name: [] for name in LETTERS}
    for c_b in c_bs:
        every = [StatePoint.of(t, c_b) for t in temperatures]
        measured = [point.temperature for point in every if point in labelled]
        for point in every:
            if point in labelled:
                origin = "measured"
            elif (
                len(measured) >= minimum_labelled
                and point.temperature < min(measured)
                and point.temperature / min(measured) >= lowest_ratio - 1e-9
            ):
                origin = "extrapolated"
            elif len(measured) >= minimum_predicted:
                origin = "predicted"
            else:
                origin = "left_out"
            points[origin].append(point)
    if not points["measured"]:
        raise ValueError(
            f"no temperature of at least t_min = {t_min:g} reaches any of the targets {list(c_bs)}: "
            "raise a dynamics_time"
        )
    return LabelMap(**{name: tuple(found) for name, found in points.items()})
