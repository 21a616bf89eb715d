"""Tables of the attention over coarse-graining lengths and of the attention length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.methods import NETWORK
from tglassmlp.observables.attention_length import attention_distribution, attention_length
from tglassmlp.observables.bootstrap import over_networks
from tglassmlp.paths import File, t_min_of, temperature_of
from tglassmlp.storage import read_arrays, read_attributes
from tglassmlp.tables.fields import Fields
from tglassmlp.tables.state_points import StatePoints

__all__ = ["attention_tables", "read_attention"]


def read_attention(path: File, mean: bool) -> tuple[Fields, NDArray[np.float64], NDArray[np.float64]]:
    """Read the attention of a prediction file.

    Parameters
    ----------
    path
        With ``attention`` ``[k, network, M]`` and attribute ``names``.
    mean
        See :func:`tglassmlp.observables.attention_length.attention_distribution`.

    Returns
    -------
    weights
        As fields, whose values are the weights.
    lengths
        ``[K]``.
    distribution
        ``[k, network, K]``.
    """
    arrays = read_arrays(path, ["c_b", "attention", "converged"])
    names = [str(n) for n in read_attributes(path)["names"]]
    converged = np.asarray(arrays["converged"], dtype=bool)
    weights = Fields(
        NETWORK.name,
        t_min_of(path),
        temperature_of(path),
        arrays["c_b"],
        arrays["attention"],
        converged=converged,
    )
    return weights, *attention_distribution(arrays["attention"], names, mean)


def attention_tables(
    predictions: Sequence[File], relaxation: File, mean: bool = True, labels: Sequence[File] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """P(L) and the attention length <L> of every state point and network ensemble.

    Parameters
    ----------
    predictions
        Files with ``attention`` ``[k, network, M]`` and attribute ``names``.
    relaxation
        ``relaxation.json``.
    mean
        See :func:`tglassmlp.observables.attention_length.attention_distribution`.
    labels
        Label files: measured times, where there are any.

    Returns
    -------
    distributions
        ``length, value, error (spread over networks), n_networks`` per state point and length.
    lengths
        ``value, spread, error, n_networks`` per state point.
    """
    states = StatePoints(relaxation=relaxation, timed=labels)
    curves: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    for path in predictions:
        weights, lengths, distribution = read_attention(path, mean)
        average = attention_length(lengths, distribution)
        for at in states.of(weights):
            usable = at.usable
            row = at.columns()
            left_out = {"n_unconverged": at.n_unconverged}
            rows.append(
                row | over_networks(list(average[at.index][usable]), [np.nan] * usable.size) | left_out
            )
            unknown = np.full(lengths.size, np.nan)
            here = distribution[at.index][usable]
            curves.append(
                pd.DataFrame(
                    {
                        **row,
                        "length": lengths,
                        "value": here.mean(axis=0) if usable.size else unknown,
                        "error": here.std(axis=0, ddof=1) if usable.size > 1 else unknown,
                        "n_networks": usable.size,
                        **left_out,
                    }
                )
            )
    if not rows:
        raise ValueError(f"no state point is predicted in {', '.join(map(str, predictions))}")
    return pd.concat(curves, ignore_index=True), pd.DataFrame(rows)
