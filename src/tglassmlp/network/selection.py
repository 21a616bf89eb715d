"""Which networks to trust: those whose mean prediction is the C_B they were asked for, at low temperature.

A network is told C_B and predicts particles; that the mean over particles is that C_B again is a test of
consistency nobody trained it for at temperatures without labels (arXiv:2310.20252, section II E). Of a label
whose mean is not C_B (:mod:`tglassmlp.labels`) nothing says what it should be, and every network is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.network.networks import Networks

__all__ = ["SelectionError", "extrapolate", "select_full"]


class SelectionError(ValueError):
    """No network passed the test of its mean prediction."""


def extrapolate(
    networks: Networks,
    descriptors: Mapping[float, NDArray[np.float32]],
    c_b: float,
    tolerance: float,
) -> tuple[dict[float, NDArray[np.float32]], pd.DataFrame]:
    """Labels at temperatures without dynamics, by the networks of step 1 of one C_B.

    Parameters
    ----------
    networks
        Trained on all temperatures that have labels at ``c_b``.
    descriptors
        Temperature to extrapolate to -> standardised descriptors ``[S, P, M]`` of its training structures.
    c_b, tolerance
        A network is kept at a temperature if its mean prediction there is closer to ``c_b`` than this.

    Returns
    -------
    labels
        Temperature -> propensities ``[S, P]``, the mean over the networks kept there.
    table
        Rows (c_b, temperature, network, mean_prediction, kept).

    Raises
    ------
    SelectionError
        If no network is kept at some temperature, with the means found.
    """
    labels, rows = {}, []
    numbers = networks.metadata.get("numbers", list(range(networks.n_networks)))
    for temperature, values in descriptors.items():
        predicted = networks.predict_scaled(values, temperature, c_b, checked=False)
        means = predicted.mean(axis=(1, 2), dtype=np.float64)
        kept = np.abs(means - c_b) < (tolerance if networks.label.is_clock else np.inf)
        rows += [(c_b, temperature, n, m, bool(k)) for n, m, k in zip(numbers, means, kept, strict=True)]
        if not kept.any():
            raise SelectionError(
                f"step 1: none of {networks.n_networks} networks trained at C_B = {c_b:g} is consistent at "
                f"T = {temperature:g}: their mean predictions are {_list(means)}, kept are those within "
                f"{tolerance:g} of {c_b:g}. {_advice('training.equi_time_tolerance', 'labels.lowest_ratio')}"
            )
        labels[temperature] = predicted[kept].mean(axis=0)
    return labels, pd.DataFrame(rows, columns=["c_b", "temperature", "network", "mean_prediction", "kept"])


def select_full(
    networks: Networks,
    descriptors: NDArray[np.float32],
    temperature: float,
    c_b: Sequence[float],
    tolerance: float,
) -> tuple[list[int], pd.DataFrame]:
    """Networks of step 2 that are consistent at the glass transition (the lowest temperature predicted).

    A network is kept if the largest deviation over all ``c_b`` predicted there is below ``tolerance``.

    Parameters
    ----------
    networks
        The full networks.
    descriptors
        Standardised descriptors ``[S, P, M]`` of training structures of that temperature.
    temperature, c_b
        State points of the test; the input is not mean-corrected.
    tolerance
        Largest accepted |mean prediction - C_B|.

    Returns
    -------
    kept
        Positions of the networks kept.
    table
        Rows (c_b, temperature, network, mean_prediction, deviation, kept).

    Raises
    ------
    SelectionError
        If none is kept, with the largest deviation of each.
    """
    means = np.array(
        [
            networks.predict_scaled(descriptors, temperature, c, checked=False).mean(
                axis=(1, 2), dtype=np.float64
            )
            for c in c_b
        ]
    )
    deviation = np.abs(means - np.asarray(c_b)[:, None])
    if not networks.label.is_clock:  # C_B is not what the mean should be
        deviation = np.zeros_like(means)
    worst = deviation.max(axis=0)
    kept = np.flatnonzero(worst < tolerance)
    if not kept.size:
        at = [f"{c_b[k]:g}" for k in deviation.argmax(axis=0)]
        raise SelectionError(
            f"step 2: none of {networks.n_networks} full networks is consistent at T = {temperature:g}: "
            f"their largest |mean prediction - C_B| are {_list(worst)} (at C_B = {', '.join(at)}), "
            f"kept are those below {tolerance:g}. {_advice('training.full_tolerance', 'glass_transition')}"
        )
    table = pd.DataFrame(
        {
            "c_b": np.repeat(np.asarray(c_b, dtype=float), networks.n_networks),
            "temperature": float(temperature),
            "network": np.tile(np.arange(networks.n_networks), len(c_b)),
            "mean_prediction": means.ravel(),
            "deviation": deviation.ravel() if networks.label.is_clock else np.nan,
            "kept": np.tile(worst < tolerance, len(c_b)),
        }
    )
    return kept.tolist(), table


def _list(values: NDArray) -> str:
    return ", ".join(f"{v:.3f}" for v in values)


def _advice(tolerance: str, reach: str) -> str:
    return (
        f"Train more networks or structures (training.networks, structures.number), ask for less ({reach} "
        "nearer to the measured temperatures), set network.output to 'deviation', or, as the last choice, "
        f"raise {tolerance}."
    )
