"""Every number that a reader of a run would quote, with its error, count, unit and origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from tglassmlp.claims.collection import Collection
from tglassmlp.claims.run_numbers import (
    add_kept_networks,
    add_label_map,
    add_networks,
    add_relaxation,
    add_selection,
)
from tglassmlp.claims.table_numbers import ADDED
from tglassmlp.dynamics.relaxation_times import Relaxation
from tglassmlp.storage import read_json, read_table

__all__ = ["collect_numbers"]

File = str | PathLike[str]


def collect_numbers(
    tables: Mapping[str, File],
    relaxation: File,
    label_maps: Sequence[File],
    networks: Sequence[File],
    selections: Sequence[File],
    glass_transition: float,
    threshold: float = 0.5,
    glass_transition_ratio: float = 1e12,
    output: str = "deviation",
    other_output: Sequence[File] = (),
) -> dict[str, dict[str, Any]]:
    """Gather the numbers of a run.

    Parameters
    ----------
    tables
        Names in :data:`tglassmlp.claims.table_numbers.ADDED` -> Parquet files.
    relaxation
        ``relaxation.json``.
    label_maps
        One per t_min.
    networks
        Full networks (NPZ), one per t_min, the main one first.
    selections
        Selection tables of the full networks, one per t_min.
    glass_transition
        The run's glass transition temperature.
    threshold
        C_B of the relaxation time; scales are quoted at the C_B of the grid nearest to it.
    glass_transition_ratio
        Relaxation time, in LJ times, by which the extrapolation defines a glass transition of its own.
    output
        The run's ``network.output``.
    other_output
        Tables of :func:`tglassmlp.network.training_run.other_output`, one per t_min that has one.

    Returns
    -------
    dict
        Name -> ``value, error, n, unit, from`` (and ``note``); names are paths like
        ``pearson/tglassmlp/tmin0.40/T0.45/cb0.50``.
    """
    numbers = Collection()
    for name, path in tables.items():
        ADDED[name](numbers, read_table(path), threshold)
    times = Relaxation.from_json(read_json(relaxation))
    add_relaxation(numbers, times, glass_transition, glass_transition_ratio)
    for path in label_maps:
        add_label_map(numbers, path)
    for path in networks:
        add_networks(numbers, path)
    for path in selections:
        add_kept_networks(numbers, path)
    for path in [*selections, *other_output]:
        add_selection(numbers, path, output)
    return dict(sorted(numbers.numbers.items()))
