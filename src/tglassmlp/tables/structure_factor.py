"""Tables of the dynamic structure factor of large systems and of the correlation lengths fitted to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.methods import DRAWN, DYNAMICS, NETWORK
from tglassmlp.observables.bootstrap import over_networks
from tglassmlp.observables.structure_factor import (
    FORMS,
    Fit,
    Shells,
    fit_structure_factor,
    structure_factor_fft,
    tile_memory,
)
from tglassmlp.paths import File
from tglassmlp.tables.state_points import STATE_COLUMNS, StatePoints, thermal_positions

__all__ = ["fit_columns", "structure_factor_tables"]

_SYSTEMS = ["n_systems", "n_networks", "n_unconverged", "box_length", "tile_memory"]
#: Columns of tables that may be empty (a run without large systems).
STRUCTURE_FACTOR_COLUMNS = [*STATE_COLUMNS, *_SYSTEMS, "q", "s4", "error", "spread", "modes"]
CORRELATION_COLUMNS = [
    *STATE_COLUMNS, *_SYSTEMS, "form", "determined", "reason", "n_determined", "n_points", "goodness",
    "xi", "xi_error", "chi", "chi_error", "a", "a_error",
]  # fmt: skip


def structure_factor_tables(
    labels: Sequence[File],
    predictions: Sequence[File],
    descriptors: Sequence[File],
    relaxation: File,
    fit_q_max: float = 0.5,
    table_q_max: float = 2.0,
    minimum_systems: int = 1,
    methods: Sequence[str] = (DYNAMICS.name, NETWORK.name, DRAWN.name),
    tiles: int = 1,
    timed: Sequence[File] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """S_4(q) (10) of large systems and its fits (11) and (12).

    Large systems are made of equal tiles. What the tiles have not yet forgotten of each other repeats with
    their period and would stand out tiles^2 times too high at its wave vectors: those are left out, and the
    share of the variance that it is, is given (``tile_memory``).

    Parameters
    ----------
    labels, predictions
        Files of the large ensemble.
    descriptors
        Descriptor files of the large ensemble in the order of chunks (for the thermal positions).
    relaxation
        ``relaxation.json``.
    fit_q_max
        Fitted range q < fit_q_max.
    table_q_max
        Largest wave number in the table.
    minimum_systems
        State points with fewer systems are left out.
    methods
        Methods to analyse.
    tiles
        Unit systems per side of the large systems.
    timed
        Label files of the unit systems: times where the large ones have no dynamics.

    Returns
    -------
    structure_factors
        One row per method, state point and shell: ``q, s4, error, spread, modes, n_systems, n_networks``.
    correlation_lengths
        One row per method, state point and ``form``: ``xi, chi, a`` with errors (fit and spread over
        networks combined), ``goodness``, ``n_points``, ``determined``, ``reason``.
    """
    states = StatePoints(labels, predictions, relaxation=relaxation, timed=timed, drawn=True)
    where = thermal_positions(descriptors)
    curves: list[pd.DataFrame] = []
    fits: list[dict[str, Any]] = []
    for fields in states.fields():
        if fields.method not in methods or fields.temperature not in where:
            continue
        positions, box = where[fields.temperature]
        systems = min(fields.values.shape[2], positions.shape[0])
        if systems < minimum_systems:
            continue
        shells = Shells(box, table_q_max)
        values = np.asarray(fields.values[:, :, :systems], dtype=np.float64)
        values = values - values.mean(axis=(2, 3), keepdims=True)
        k, networks = values.shape[:2]
        power = np.stack(
            [
                structure_factor_fft(values[:, :, s].reshape(k * networks, -1), positions[s], shells)
                for s in range(systems)
            ]
        )
        power = power.mean(axis=0).reshape(k, networks, -1)
        q, s4, modes = shells.gather(power, shells.on_tiles(tiles))
        for at in states.of(fields):
            usable = at.usable
            row = at.columns() | {
                "n_systems": systems,
                "n_networks": usable.size,
                "n_unconverged": at.n_unconverged,
                "box_length": box,
                "tile_memory": (
                    tile_memory(power[at.index][usable].mean(axis=0), shells, tiles)
                    if usable.size and tiles > 1
                    else float("nan")
                ),
            }
            if not usable.size:
                reason = "the mean correction of no network has converged"
                fits += [row | fit_columns([Fit(form, False, reason)]) for form in FORMS]
                continue
            mean = s4[at.index][usable].mean(axis=0)
            spread = s4[at.index][usable].std(axis=0, ddof=1) if usable.size > 1 else np.full(q.size, np.nan)
            curves.append(
                pd.DataFrame(
                    {
                        **row,
                        "q": q,
                        "s4": mean,
                        "error": np.hypot(mean / np.sqrt(modes * systems), np.nan_to_num(spread)),
                        "spread": spread,
                        "modes": modes * systems,
                    }
                )
            )
            for cubic in (False, True):
                each = [
                    fit_structure_factor(q, one, modes * systems, fit_q_max, cubic, box / 2)
                    for one in s4[at.index][usable]
                ]
                fits.append(row | fit_columns(each))
    if not fits:
        return pd.DataFrame(columns=STRUCTURE_FACTOR_COLUMNS), pd.DataFrame(columns=CORRELATION_COLUMNS)
    joined = (
        pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=STRUCTURE_FACTOR_COLUMNS)
    )
    return joined, pd.DataFrame(fits)


def fit_columns(fits: Sequence[Fit]) -> dict[str, Any]:
    """Columns of one state point from the fits of its networks: their mean; determined if most of them are.

    Parameters
    ----------
    fits
        One fit of each network, all of one form.
    """
    good = [f for f in fits if f.determined]
    enough = 2 * len(good) > len(fits)
    row: dict[str, Any] = {
        "form": fits[0].form,
        "determined": enough,
        "reason": "" if enough else next(f.reason for f in fits if not f.determined),
        "n_determined": len(good),
        "n_points": fits[0].n_points,
        "goodness": float(np.nanmean([f.goodness for f in good])) if good else float("nan"),
    }
    for name in ("xi", "chi", "a"):
        values = [getattr(f, name) for f in good] if enough else []
        errors = [getattr(f, f"{name}_error") for f in good] if enough else []
        if name == "a" and 2 * int(np.isfinite(values).sum()) <= len(fits):
            values, errors = [], []
            if enough and row["form"] == "cubic":
                row["reason"] = next((f.reason for f in good if f.reason), "A is not determined")
        found = over_networks(values or [np.nan], errors or [np.nan])
        row[name], row[f"{name}_error"] = found["value"], found["error"]
    return row
