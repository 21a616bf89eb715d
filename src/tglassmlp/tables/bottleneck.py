"""Tables of the bottleneck: values of a sample of particles, and how they separate active from arrested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.methods import DYNAMICS
from tglassmlp.observables.bootstrap import generator
from tglassmlp.observables.bottleneck import principal_axes, sample, separation, separation_of_structures
from tglassmlp.paths import File
from tglassmlp.storage import read_arrays
from tglassmlp.tables.fields import read_fields, structures_held
from tglassmlp.tables.state_points import STATE_COLUMNS, StatePoints

__all__ = ["bottleneck_tables"]

#: Column ``source`` where propensities are those of the networks.
PREDICTED = "predicted"


def bottleneck_tables(
    labels: Sequence[File],
    predictions: Sequence[File],
    relaxation: File,
    test: Sequence[int],
    n_particles: int = 1500,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bottleneck values of a sample of test particles, with their propensity, and the groups' separation.

    Parameters
    ----------
    labels, predictions, relaxation, test
        As :func:`tglassmlp.tables.pearson.pearson_table`; predictions of one t_min.
    n_particles
        Size of the sample, the same particles at every C_B of a temperature.
    seed
        The run's seed.

    Returns
    -------
    points
        ``unit1``, ``unit2``, ... of every bottleneck unit, ``propensity, source`` (``md`` or ``predicted``),
        ``structure, particle``; without the state points at which the mean correction of the network shown
        (the first) has not converged. With more than two units also ``axis1, axis2``, their first two
        principal axes over all points of the table, and ``share1, share2``, their parts of the variance.
    separations
        Separation of the most active and most arrested fifth, from all test particles, where there are
        measured propensities (a network's own would always separate well); its error is that of the mean of
        single structures.
    """
    states = StatePoints(labels, relaxation=relaxation)
    points: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    units = ["unit1", "unit2"]
    for path in predictions:
        fields = read_fields(path)[0]
        values = read_arrays(path, ["bottleneck"])["bottleneck"]
        units = [f"unit{u + 1}" for u in range(values.shape[-1])]
        chosen = structures_held(test, values.shape[1])
        rng = generator(seed, "bottleneck", fields.temperature, 0.5)
        drawn = sample(len(chosen), values.shape[2], n_particles, rng)
        structure, particle = np.divmod(drawn, values.shape[2])
        for at in states.of(fields):
            md, usable = at.measured(), at.usable
            row = at.columns() | {"source": PREDICTED if md is None else DYNAMICS.name}
            field = md
            if field is None and usable.size:
                field = at.values.mean(axis=0)
            if field is None or 0 not in usable:  # the bottleneck is that of the first network
                rows.append(row | {"converged": False, "separation": np.nan, "error": np.nan, "n": 0})
                continue
            both = np.asarray(values[at.index][chosen], dtype=np.float64).reshape(-1, len(units))
            propensity = np.asarray(field[chosen], dtype=np.float64).ravel()
            apart, error = float("nan"), float("nan")
            if md is not None:
                apart = separation(both, propensity)
                error = separation_of_structures(values[at.index][chosen], field[chosen])[1]
            rows.append(row | {"converged": True, "separation": apart, "error": error, "n": propensity.size})
            points.append(
                pd.DataFrame(
                    {
                        **row,
                        **{name: both[drawn, u] for u, name in enumerate(units)},
                        "propensity": propensity[drawn],
                        "structure": np.array(chosen)[structure],
                        "particle": particle,
                    }
                )
            )
    if not rows:
        raise ValueError(f"no state point is predicted in {', '.join(map(str, predictions))}")
    columns = [*STATE_COLUMNS, "source", *units, "propensity", "structure", "particle"]
    every = pd.concat(points, ignore_index=True) if points else pd.DataFrame(columns=columns)
    if points and len(units) > 2:
        axes, shares = principal_axes(every[units].to_numpy(float))
        every = every.assign(axis1=axes[:, 0], axis2=axes[:, 1], share1=shares[0], share2=shares[1])
    return every, pd.DataFrame(rows)
