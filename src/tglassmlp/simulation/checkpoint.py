"""Checkpoints of long runs: written whole or not at all, and only used by the settings that made them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tglassmlp.storage import read_npz, remove_unfinished, write_npz

__all__ = ["check_saved", "load", "remove", "save"]


def save(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray], record: Mapping[str, Any], fingerprint: str
) -> None:
    """Write the state of a run, replacing an older checkpoint in one step.

    Parameters
    ----------
    path
        Target, ``.npz``; its folder is made if needed.
    arrays
        Numerical state (positions, velocities, generator words ...), stored exactly.
    record
        JSON-like rest of the state (step, block, tuned step sizes ...), without NaN.
    fingerprint
        :func:`tglassmlp.provenance.fingerprint` of everything that decides the run's numbers.
    """
    write_npz(path, arrays, {"fingerprint": fingerprint, "record": dict(record)})


def load(path: str | os.PathLike[str], fingerprint: str) -> tuple[dict[str, NDArray], dict[str, Any]] | None:
    """Read a checkpoint written by :func:`save`.

    Returns
    -------
    tuple or None
        ``(arrays, record)``, or None if there is no such file.

    Raises
    ------
    ValueError
        If the file is damaged, or was made with other settings. The file is left where it is.
    """
    if not Path(path).exists():
        return None
    try:
        arrays, metadata = read_npz(path)
        found, record = metadata["fingerprint"], metadata["record"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: no checkpoint of this package, or a damaged one, and cannot be resumed ({error}); "
            "it was kept: move it away to start this run again from its beginning"
        ) from error
    if found != fingerprint:
        raise ValueError(
            f"{path}: the checkpoint was made with other settings (fingerprint {found}, this run has "
            f"{fingerprint}); it was kept: restore those settings to resume it, or move it away to "
            "start again"
        )
    return arrays, record


def remove(path: str | os.PathLike[str]) -> None:
    """Delete a checkpoint, if there is one, and what killed processes left half-written of it."""
    file = Path(path)
    file.unlink(missing_ok=True)
    remove_unfinished(file)


def check_saved(state: Mapping[str, NDArray[Any]], name: str, like: NDArray[Any]) -> NDArray[Any]:
    """Return the saved array ``name``, which must have the shape and type of ``like``.

    Raises
    ------
    ValueError
        If it has another shape or type, as one that other chains saved.
    """
    values = state[name]
    if values.shape != like.shape or values.dtype != like.dtype:
        raise ValueError(
            f"saved {name} has shape {values.shape} and type {values.dtype}, "
            f"expected {like.shape} and {like.dtype}"
        )
    return values
