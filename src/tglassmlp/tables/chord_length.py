"""Table of the mean chord length of mobile regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.division import Reported
from tglassmlp.methods import DYNAMICS
from tglassmlp.observables.bootstrap import generator, over_networks, resamples
from tglassmlp.observables.chord_length import (
    Lattice,
    chord_length_under_noise,
    resampled_chord_length,
    resampled_chord_length_without_noise,
)
from tglassmlp.paths import File
from tglassmlp.tables.fields import label_of, structures_held
from tglassmlp.tables.state_points import AtStatePoint, StatePoints, thermal_positions

__all__ = ["chord_length_table"]


def chord_length_table(
    labels: Sequence[File],
    predictions: Sequence[File],
    descriptors: Sequence[File],
    relaxation: File,
    reported: Reported | None = None,
    spacing: float = 1.5,
    mobile_share: float = 0.5,
    n_resamples: int = 500,
    seed: int = 0,
    replica_noise: bool = True,
    blocks: int = 1,
    timed: Sequence[File] = (),
) -> pd.DataFrame:
    """Mean chord length of mobile regions of molecular dynamics, networks and fields drawn with a residual.

    Column ``random`` is the value for the same share of mobile sites without any correlation between them.

    Dynamics has the noise of its replicas, which shortens chords, and predictions have none. Two columns make
    them comparable: ``value_without_noise`` (dynamics,
    :func:`~tglassmlp.observables.chord_length.chord_length_without_noise`) and ``value_with_noise``
    (predictions where there is dynamics,
    :func:`~tglassmlp.observables.chord_length.chord_length_under_noise`). Both are NaN with
    ``replica_noise=False``.

    Parameters
    ----------
    labels, predictions, descriptors, relaxation
        Files of one ensemble; descriptors in the order of chunks.
    reported
        Structures that enter; all of the file by default.
    spacing, mobile_share
        Of the lattice, see :mod:`tglassmlp.observables.chord_length`.
    n_resamples, seed
        Bootstrap over structures.
    replica_noise
        Fill the two columns.
    blocks
        For errors, large systems count as ``blocks`` x ``blocks`` independent parts each.
    timed
        Label files of the unit systems: times where these files have no dynamics.
    """
    states = StatePoints(labels, predictions, relaxation=relaxation, timed=timed, drawn=True)
    label = label_of([*labels, *predictions])
    lattices = {
        t: [Lattice(positions[s], box, spacing, label) for s in range(positions.shape[0])]
        for t, (positions, box) in thermal_positions(descriptors).items()
    }
    rows: list[dict[str, Any]] = []
    for fields in states.fields():
        if fields.temperature not in lattices:
            continue
        have = min(fields.values.shape[2], len(lattices[fields.temperature]))
        chosen = structures_held(range(have) if reported is None else reported.at(fields.temperature), have)
        if not chosen:
            continue
        sites = [lattices[fields.temperature][s] for s in chosen]
        for at in states.of(fields):
            rng = generator(seed, "chord_length", at.temperature, at.c_b)
            draws = resamples(len(chosen) * blocks**2, n_resamples, rng)
            halves = _halves(at, chosen) if replica_noise else None
            rows.append(
                at.columns()
                | _chords(at, chosen, sites, mobile_share, blocks, draws, halves)
                | {"n_structures": len(chosen), "lattice_spacing": sites[0].spacing}
            )
    return pd.DataFrame(rows)


def _chords(
    at: AtStatePoint,
    chosen: Sequence[int],
    sites: list[Lattice],
    mobile_share: float,
    blocks: int,
    draws: NDArray[np.intp],
    halves: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """Columns of one state point: chord length of every network, and both ways to allow for noise."""
    nan, step = float("nan"), sites[0].spacing
    values, errors, shares, noisy = [], [], [], []
    clean, clean_error = nan, nan
    for field in at.chosen(chosen):
        chords = resampled_chord_length(field, sites, mobile_share, draws, blocks)
        values.append(chords.value)
        errors.append(chords.error)
        shares.append(chords.share)
        if halves is None:
            continue
        if at.fields.method == DYNAMICS.name:
            clean, clean_error = resampled_chord_length_without_noise(chords, halves, sites, draws, blocks)
        else:
            noisy.append(chord_length_under_noise(field, halves, sites, mobile_share))
    share = float(np.mean(shares)) if shares else nan
    return over_networks(values, errors) | {
        "n_unconverged": at.n_unconverged,
        "value_without_noise": clean,
        "error_without_noise": clean_error,
        "value_with_noise": float(np.mean(noisy)) if noisy else nan,
        "random": step / (1 - share) if share < 1 else nan,
        "mobile_share": share,
    }


def _halves(at: AtStatePoint, structures: Sequence[int]) -> NDArray[np.float64] | None:
    """Propensities of the halves of the replicas at one state point, ``[2, structures, particles]``.

    Of large systems only the first may have dynamics; None if there is nothing.
    """
    measured = at.with_dynamics(structures)
    if not measured or measured != list(structures)[: len(measured)]:
        return None
    return np.asarray(at.halves(measured), dtype=np.float64)
