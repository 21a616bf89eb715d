"""The iterator over state points: fields of every method, with dynamics beside them where there is any.

Every table goes through the run's files in the same order, labels, predictions, baselines, with one file in
memory at a time and the state points of a file in the order in which it holds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import state_point
from tglassmlp.paths import File, temperature_of
from tglassmlp.state_point import StatePoint
from tglassmlp.storage import read_arrays, read_attributes
from tglassmlp.tables.fields import Fields, read_fields, structures_held
from tglassmlp.tables.times import Times

__all__ = ["STATE_COLUMNS", "AtStatePoint", "Dynamics", "StatePoints", "thermal_positions"]

#: Columns of every row of a state point, see :meth:`AtStatePoint.columns`.
STATE_COLUMNS = ["method", "t_min", "temperature", "c_b", "time", "time_error", "time_from", "tau"]


class Dynamics:
    """Measured propensities of every temperature that has any, read when they are asked for and kept.

    Parameters
    ----------
    labels
        Label files.
    """

    def __init__(self, labels: Sequence[File]) -> None:
        self._files = {state_point.key(temperature_of(path)): path for path in labels}
        self._fields: dict[int, Fields] = {}
        self._halves: tuple[int | None, NDArray] = (None, np.empty(0))

    def fields(self, temperature: float) -> Fields | None:
        """Fields of molecular dynamics at a temperature, None where it has no dynamics."""
        key = state_point.key(temperature)
        if key in self._files and key not in self._fields:
            self._fields[key] = read_fields(self._files[key])[0]
        return self._fields.get(key)

    def halves(self, temperature: float) -> NDArray:
        """Propensities of the two halves of the replicas, ``[k, structures, 2, particles]``."""
        key = state_point.key(temperature)
        if self._halves[0] != key:  # one temperature at a time stays in memory
            self._halves = key, read_arrays(self._files[key], ["half"])["half"]
        return self._halves[1]


@dataclass(frozen=True)
class AtStatePoint:
    """Fields of one method at one state point.

    Parameters
    ----------
    fields
        All fields of the method at this temperature.
    index
        Place of the state point among them.
    dynamics, times
        Of the run; no times where only fields are compared.
    """

    fields: Fields
    index: int
    dynamics: Dynamics
    times: Times | None

    @property
    def point(self) -> StatePoint:
        """The state point."""
        return StatePoint.of(self.fields.temperature, self.c_b)

    @property
    def temperature(self) -> float:
        """Temperature."""
        return self.fields.temperature

    @property
    def c_b(self) -> float:
        """C_B as the file has it."""
        return float(self.fields.c_b[self.index])

    @property
    def usable(self) -> NDArray[np.intp]:
        """Networks whose mean is C_B; the others are not at this state point."""
        return self.fields.usable(self.index)

    @property
    def n_unconverged(self) -> int:
        """Number of the others."""
        return self.fields.unconverged(self.index)

    @property
    def values(self) -> NDArray:
        """Fields ``[networks, structures, particles]`` of the usable networks."""
        return self.fields.values[self.index][self.usable]

    def chosen(self, structures: Sequence[int]) -> NDArray[np.float64]:
        """Fields ``[networks, structures, particles]`` of those of the wanted structures that there are."""
        return _chosen(self.values, structures)

    def measured(self, structures: Sequence[int] | None = None) -> NDArray | None:
        """Propensities of molecular dynamics ``[structures, particles]``; None where there are none."""
        dynamics = self.dynamics.fields(self.temperature)
        found = None if dynamics is None else dynamics.at(self.c_b)
        if found is None:
            return None
        return found[0] if structures is None else _chosen(found, structures)[0]

    def with_dynamics(self, structures: Sequence[int]) -> list[int]:
        """Those of the wanted structures that have dynamics at this state point."""
        measured = self.measured()
        return [] if measured is None else structures_held(structures, measured.shape[0])

    def halves(self, structures: Sequence[int]) -> NDArray:
        """Propensities of the two halves of the replicas, ``[2, structures, particles]``.

        Parameters
        ----------
        structures
            Structures with dynamics, see :meth:`with_dynamics`.
        """
        dynamics = self.dynamics.fields(self.temperature)
        k = None if dynamics is None else dynamics.index(self.c_b)
        if k is None:
            raise ValueError(f"no dynamics at {self.point}")
        return np.moveaxis(self.dynamics.halves(self.temperature)[k][list(structures)], 1, 0)

    def columns(self) -> dict[str, Any]:
        """Columns of every row: :data:`STATE_COLUMNS`."""
        if self.times is None:
            raise ValueError("state points have times only if the run's relaxation is given")
        return {
            "method": self.fields.method,
            "t_min": self.fields.t_min,
            "temperature": self.temperature,
            "c_b": self.c_b,
            **self.times.columns(self.temperature, self.c_b),
        }


class StatePoints:
    """All state points of a run's files, method by method and temperature by temperature.

    Parameters
    ----------
    labels, predictions, baselines
        Files of one ensemble; each may be none.
    relaxation
        ``relaxation.json``, for times.
    timed
        Further label files whose times count: those of the unit systems, where large ones have no dynamics.
    drawn
        Fields with a residual too (:func:`tglassmlp.tables.fields.read_fields`), in :meth:`fields` and when
        it is iterated over.

    Examples
    --------
    A new table is a loop over state points::

        rows = []
        for at in StatePoints(labels, predictions, relaxation=relaxation):
            each = [my_observable(field) for field in at.chosen(test)]
            rows.append(at.columns() | over_networks(each, [nan] * len(each)))
        return pd.DataFrame(rows)
    """

    def __init__(
        self,
        labels: Sequence[File] = (),
        predictions: Sequence[File] = (),
        baselines: Sequence[File] = (),
        relaxation: File | None = None,
        timed: Sequence[File] = (),
        drawn: bool = False,
    ) -> None:
        self._drawn = drawn
        self._labels, self._modelled = list(labels), [*predictions, *baselines]
        self.dynamics = Dynamics(labels)
        self.times = None if relaxation is None else Times(relaxation, [*timed, *labels])

    def fields(self) -> Iterator[Fields]:
        """Fields of every method and temperature, so that only one file is in memory."""
        for path in [*self._labels, *self._modelled]:
            yield from read_fields(path, self._drawn)

    def of(self, fields: Fields) -> Iterator[AtStatePoint]:
        """State points of one method and temperature."""
        for k in range(len(fields.c_b)):
            yield AtStatePoint(fields, k, self.dynamics, self.times)

    def __iter__(self) -> Iterator[AtStatePoint]:
        for fields in self.fields():
            yield from self.of(fields)

    def measured(self) -> Iterator[AtStatePoint]:
        """State points of molecular dynamics."""
        for path in self._labels:
            fields = self.dynamics.fields(temperature_of(path))
            assert fields is not None
            yield from self.of(fields)

    def beside_dynamics(self) -> Iterator[AtStatePoint]:
        """Predicted state points that have dynamics; networks that miss C_B are left out of their values."""
        for path in self._modelled:
            if self.dynamics.fields(temperature_of(path)) is None:
                continue
            for fields in read_fields(path):
                for at in self.of(fields):
                    if at.measured() is not None and np.isfinite(at.values).all():
                        yield at


def _chosen(values: NDArray, structures: Sequence[int]) -> NDArray[np.float64]:
    """Wanted structures that the file holds, as float64, ``[networks, structures, particles]``."""
    return np.asarray(values[:, structures_held(structures, values.shape[1])], dtype=np.float64)


def thermal_positions(descriptors: Sequence[File]) -> dict[float, tuple[NDArray, float]]:
    """Thermal positions ``[structures, particles, 2]`` and box length of each temperature, chunks joined.

    Parameters
    ----------
    descriptors
        Descriptor files ``.../T<temperature>/chunk<k>.h5`` in the order of chunks.
    """
    parts: dict[float, list[NDArray]] = {}
    box: dict[float, float] = {}
    for path in descriptors:
        temperature = temperature_of(path)
        parts.setdefault(temperature, []).append(read_arrays(path, ["positions"])["positions"])
        box[temperature] = float(read_attributes(path)["box_length"])
    return {t: (np.concatenate(p), box[t]) for t, p in parts.items()}
