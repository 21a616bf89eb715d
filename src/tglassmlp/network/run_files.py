"""What the stages of the learning read of a run: its record, its files, and which structures are learnt from.

Settings come as plain records (``run``) with the keys ``seed``, ``temperatures``, ``c_b``, ``network``,
``training``, ``structures``, ``descriptors`` (lengths, cutoff, central_species, mixture): the same sections
as in the run's config. A key ``model`` names another model than tGlassMLP.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import provenance, storage
from tglassmlp.division import Split, split
from tglassmlp.local_structure.standardise import Scaling
from tglassmlp.network import models
from tglassmlp.network.dataset import Structures
from tglassmlp.network.protocol import Model
from tglassmlp.network.state_features import StateFeatures
from tglassmlp.state_point import where

__all__ = [
    "Path",
    "Record",
    "TrainingFiles",
    "direct",
    "divided",
    "labels_at",
    "learnt_numbers",
    "metadata",
    "model_of",
    "scaling_of",
    "state_features_of",
]

Path = str | os.PathLike[str]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class TrainingFiles:
    """Files of a run that a training reads.

    Parameters
    ----------
    descriptors, labels
        Of all temperatures, whose paths name them (:mod:`tglassmlp.paths`).
    label_map, scaling
        Of the training's T_min.
    """

    descriptors: Sequence[Path]
    labels: Sequence[Path]
    label_map: Path
    scaling: Path


def divided(run: Record, total: int | None = None) -> Split:
    """Training, validation and test structures of a run, or of a temperature with ``total`` structures.

    Structures beyond those that every temperature has are for training. ``structures.training`` (only
    studies set it) keeps the first so many training structures, and none of those beyond.
    ``structures.fold`` (only :mod:`tglassmlp.folds` sets it), ``[k, K]``, leaves out the k-th of K folds.
    """
    s = run["structures"]
    found = split(s["number"], s["test_fraction"], s["validation_fraction"])
    if s.get("training") is not None:
        return replace(found, train=found.train[: s["training"]])
    found = found if total is None else found.with_extra(total)
    return found if s.get("fold") is None else found.without_fold(*s["fold"])


def learnt_numbers(run: Record, structures: Structures) -> list[int]:
    """Training and validation structures of a temperature, in the order of their extrapolated labels."""
    parts = divided(run, len(structures))
    return [*parts.train, *parts.validation]


def direct(run: Record) -> bool:
    """Whether the full networks learn from measured labels alone."""
    return bool(run["training"].get("procedure", "two_step") == "direct")


def model_of(run: Record) -> Model:
    """Model that a run trains."""
    return models.named(run.get("model", models.DEFAULT))


def scaling_of(path: Path) -> Scaling:
    """Read a scaling file."""
    return Scaling.from_json(storage.read_json(path))


def state_features_of(run: Record, model: Model) -> StateFeatures:
    """Features of a state point, scaled to the temperatures and C_B of a run."""
    return StateFeatures.from_ranges(
        model.architecture(run["network"]).state_features, run["temperatures"], run["c_b"]
    )


def labels_at(
    path: Path, c_b: Sequence[float], group: str = "", name: str = "propensity"
) -> NDArray[np.float64]:
    """Labels of the wanted C_B, ``[len(c_b), S, P]``, or with ``name="half"`` those of half the replicas.

    Raises
    ------
    ValueError
        If the file has no labels at one of them.
    """
    arrays = storage.read_arrays(path, [f"{group}c_b", f"{group}{name}"])
    held = arrays[f"{group}c_b"]
    rows = []
    for c in c_b:
        match = np.flatnonzero(where(held, c))
        if not len(match):
            raise ValueError(f"{path}: no labels at C_B = {c:g}, the file holds {held.tolist()}")
        rows.append(int(match[0]))
    return arrays[f"{group}{name}"][rows]


def metadata(run: Record, scaling: Scaling, model: Model, extra: Record) -> dict[str, Any]:
    """Record of a networks file."""
    return {
        "kind": model.name,
        "architecture": model.architecture(run["network"]).as_record(),
        "scaling": scaling.to_json(),
        "state_point": state_features_of(run, model).as_record(),
        "descriptors": dict(run["descriptors"]),
        "fingerprint": provenance.fingerprint(dict(run)),
        **({"label": run["label"]} if "label" in run else {}),
        **extra,
    }
