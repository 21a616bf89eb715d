"""How every network separates active from arrested particles in its bottleneck."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.observables.bootstrap import groups
from tglassmlp.observables.bottleneck import separation
from tglassmlp.observables.trends import AtTemperature
from tglassmlp.paths import File
from tglassmlp.storage import read_arrays
from tglassmlp.tables.fields import read_fields, structures_held
from tglassmlp.tables.quantities import common_c_b
from tglassmlp.tables.unit_systems import UnitSystems

__all__ = ["network_separations", "separation_table", "separations"]

#: ``c_b_input [networks]`` -> bottleneck ``[networks, test structures, particles, units]``.
Bottlenecks = Callable[[NDArray], NDArray]

#: Groups of structures that the jackknife deletes.
SEPARATION_GROUPS = 8


def separations(
    label: File, prediction: File, bottlenecks: Bottlenecks, test: Sequence[int]
) -> AtTemperature:
    """Separation of active and arrested particles in the bottleneck of every network.

    Parameters
    ----------
    label, prediction
        Files of one temperature.
    bottlenecks
        ``c_b_input [networks]`` -> ``[networks, test structures, particles, units]``.
    test
        Numbers of the test structures.
    """
    md, fields = read_fields(label)[0], read_fields(prediction)[0]
    entered = read_arrays(prediction, ["c_b_input"])["c_b_input"]
    chosen = structures_held(test, md.values.shape[2])
    c_b, places, at = common_c_b(fields, md)
    every = np.arange(len(chosen))
    parts = [every, *(np.setdiff1d(every, g) for g in groups(every.size, SEPARATION_GROUPS))]
    apart = np.full((len(parts), len(c_b), fields.values.shape[1]), np.nan)
    for i, (k, j) in enumerate(zip(places, at, strict=True)):
        truth = np.asarray(md.values[j, 0][chosen], dtype=np.float64)
        units = np.asarray(bottlenecks(entered[k]), dtype=np.float64)
        for n in fields.usable(k):
            for g, kept in enumerate(parts):
                plane = units[n][kept].reshape(-1, units.shape[-1])
                apart[g, i, n] = separation(plane, truth[kept].ravel())
    return AtTemperature(apart[0], apart[1:], c_b)


def network_separations(
    unit: UnitSystems, bottlenecks: Mapping[float, Bottlenecks], t_min: str
) -> dict[float, AtTemperature]:
    """Separations in the bottlenecks of all networks of one T_min, at the temperatures with dynamics.

    ``bottlenecks``: temperature -> function of :func:`separations`.
    """
    return {
        t: separations(unit.labels[t], path, bottlenecks[t], unit.test)
        for t, path in unit.predictions[t_min].items()
        if t in unit.labels and t in bottlenecks
    }


def separation_table(separated: Mapping[float, AtTemperature], t_min: str) -> pd.DataFrame:
    """One row for each state point and network: ``temperature, c_b, network, separation``."""
    rows = [
        (t_min, t, float(c), n, float(at.value[k, n]))
        for t, at in separated.items()
        for k, c in enumerate(at.c_b)
        for n in range(at.value.shape[1])
    ]
    return pd.DataFrame(rows, columns=["t_min", "temperature", "c_b", "network", "separation"])
