"""Structures and propensities of a data set as files of a run (``structures.source: dataset``).

A run numbers the structures of a temperature from zero. At temperatures with dynamics those that have it come
first, so that every structure that is learnt from is measured; the others can only be predicted. A data set
holds propensities and no trajectories, so the run begins behind its dynamics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from tglassmlp import labels
from tglassmlp.dataset.ensemble import Ensemble
from tglassmlp.mixture import Mixture
from tglassmlp.state_point import canonical
from tglassmlp.storage import Array

__all__ = ["check_measured", "chosen_structures", "propensity_arrays", "records_of", "source_files"]

#: Labels whose propensities a data set holds.
_LABELS: Final = ("bond_breaking", "displacement")

#: What dynamics must have been measured with, and the key of the configuration that says it.
_SAME: Final = {
    "r_in": "propensity.r_in",
    "r_out": "propensity.r_out",
    "wave_number": "propensity.wave_number",
    "replicas": "dynamics.replicas",
}


def chosen_structures(
    ensemble: Ensemble, learnt: int, others: int, duration: float | None, mixture: Mixture
) -> list[int]:
    """Numbers, in the data set, of the structures of one temperature that a run takes.

    Parameters
    ----------
    ensemble
        Unit systems of the temperature.
    learnt, others
        How many structures the run divides into training, validation and test, and how many it only predicts.
    duration
        Length of the dynamics that the first ``learnt`` ones must have; None: no dynamics.
    mixture
        Mixture of the run.

    Returns
    -------
    list of int
        ``learnt + others`` numbers.

    Raises
    ------
    ValueError
        If the data set is of another mixture, or holds too few structures, or too few with such dynamics.
    """
    where = f"T = {canonical(ensemble.temperature)}"
    if ensemble.mixture != mixture:
        raise ValueError(
            f"{where}: the data set is of {ensemble.mixture.name} with {sum(ensemble.mixture.composition)} "
            f"particles, the run of {mixture.name} with {sum(mixture.composition)} (system)"
        )
    numbers = ensemble.numbers
    if duration is not None:
        long = ensemble.durations
        measured = [k for k in numbers if long.get(k, 0.0) >= duration * (1 - 1e-9)]
        if len(measured) < learnt:
            raise ValueError(
                f"{where}: the data set holds {len(measured)} structures with dynamics to t = {duration:g} "
                f"({len(long)} with any), the run asks for {learnt} (structures.number, extra_structures, "
                "dynamics_time)"
            )
        numbers = measured + [k for k in numbers if k not in set(measured)]
    if len(numbers) < learnt + others:
        raise ValueError(
            f"{where}: the data set holds {len(numbers)} structures, the run asks for {learnt + others} "
            "(structures.number, extra_structures, predicted_structures)"
        )
    return numbers[: learnt + others]


def source_files(ensemble: Ensemble, numbers: Sequence[int], dynamics: bool) -> list[str]:
    """Paths of the files that hold some structures or, with ``dynamics``, their dynamics."""
    if dynamics:
        found = [f.path for k in numbers for f, _ in ensemble.dynamics_files[k]]
    else:
        found = [f.path for f in ensemble.files if set(f.structures) & set(numbers)]
    return [str(path) for path in dict.fromkeys(found)]


def records_of(ensemble: Ensemble, numbers: Sequence[int], first: int) -> pd.DataFrame:
    """Equilibration records of some structures, which a run numbers from ``first`` on."""
    tables = [
        ensemble.evidence(number).assign(structure=first + place) for place, number in enumerate(numbers)
    ]
    return pd.concat(tables, ignore_index=True)


def check_measured(
    ensemble: Ensemble, numbers: Sequence[int], duration: float, settings: Mapping[str, Any]
) -> None:
    """Refuse dynamics that were not measured as a run asks; arguments as :func:`propensity_arrays`.

    Only the records and the time steps of the files are read, so that a run can ask before any job.

    Raises
    ------
    ValueError
        If the data set was made with other settings, does not hold the label, or has no frame at
        ``duration``, to one per cent.
    """
    where = f"T = {canonical(ensemble.temperature)}"
    label = labels.recorded(settings)
    if label.name not in _LABELS:
        raise ValueError(
            f"{where}: a data set holds the labels {' and '.join(_LABELS)}, the run asks for {label.name} "
            "(propensity.label)"
        )
    seen: set[tuple[Any, ...]] = set()  # structures of one file share its record and its frames
    for number in numbers:
        parts = [f for f, _ in ensemble.dynamics_files[number]]
        files = tuple(f.path for f in parts)
        if files in seen:
            continue
        seen.add(files)
        for f in parts:
            for key, name in _SAME.items():
                if not np.isclose(float(f.record[key]), float(settings[key]), rtol=1e-9):
                    raise ValueError(
                        f"{f.path}: its dynamics were measured with {key} = {f.record[key]:g}, the run asks "
                        f"for {settings[key]:g} ({name})"
                    )
        times = np.concatenate([f.array("steps") * float(f.record["time_step"]) for f in parts])
        if np.abs(times - duration).min() > 0.01 * duration:
            near = [f"{t:g}" for t in (*times[times < duration][-1:], *times[times > duration][:1])]
            raise ValueError(
                f"{where}: no frame of structure {number} of the data set is at the dynamics_time of the "
                f"run, {duration:g}; ask for that of a frame, the next ones are {' and '.join(near)}"
            )


def propensity_arrays(
    ensemble: Ensemble, numbers: Sequence[int], duration: float, settings: Mapping[str, Any]
) -> dict[str, Array]:
    """Propensities of some structures, as :func:`tglassmlp.dynamics.stages.propensity_arrays` of a run.

    Parameters
    ----------
    ensemble, numbers
        The structures.
    duration
        Length of the dynamics; later frames are left out.
    settings
        ``r_in``, ``r_out``, ``wave_number`` and ``replicas`` of the run, and perhaps ``label``.

    Raises
    ------
    ValueError
        As :func:`check_measured`.
    """
    check_measured(ensemble, numbers, duration, settings)
    found = ensemble.stacked(numbers, until=duration)
    label = labels.recorded(settings)
    axes, halves = ("structure", "frame", "particle"), ("structure", "half", "frame", "particle")
    curves = ("structure", "species", "frame")
    arrays = {
        "times": Array(found["times"], ("frame",), "tau_LJ"),
        "species": Array(found["species"], ("structure", "particle")),
        "propensity": Array(found["propensity"], axes),
        "half": Array(found["half"], halves),
        "scattering": Array(found["scattering"], curves),
        "displacement2": Array(found["displacement2"], curves, "sigma_11^2"),
    }
    if not label.is_clock:
        arrays["label"] = Array(found["displacement"], axes, label.unit)
        arrays["label_half"] = Array(found["displacement_half"], halves, label.unit)
    return arrays
