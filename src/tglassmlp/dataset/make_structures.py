"""Making one file of structures, unit systems or large ones: swap Monte Carlo, checks, record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.config import plain
from tglassmlp.configuration import Configuration
from tglassmlp.dataset import structure_content
from tglassmlp.dataset.files import DatasetFile, write_file
from tglassmlp.dataset.plan import Task
from tglassmlp.dataset.stopping import ToldProgress, Watch
from tglassmlp.dataset.workplace import Workplace
from tglassmlp.equilibration.checks import check_large_systems, check_temperature
from tglassmlp.equilibration.schedule import attempts
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.structures import equilibrate_large_systems, equilibrate_structures
from tglassmlp.equilibration.verdict import refuse_failed_checks

__all__ = ["make_structures"]


def make_structures(place: Workplace, task: Task, label: str, watch: Watch) -> None:
    """Make a file of structures.

    Raises
    ------
    NotEquilibratedError
        If a check fails, and the plan's ``on_failure`` says so.
    """
    chosen = plain(task.equilibration or place.plan.equilibration)
    limits = CheckLimits(**chosen.pop("checks"))
    on_failure = chosen.pop("on_failure")
    for key in ("extended_check", "start"):  # structures of a data set start by themselves, see the plan
        chosen.pop(key)
    settings = EquilibrationSettings(**chosen, block_seconds=place.plan.dynamics.block_seconds)
    n, tiles, units = sum(place.mixture.composition), place.plan.tiles, _units(place, task)
    work = attempts(task.sweeps, tiles**2 * n, "tiled") if units else attempts(task.sweeps, n)
    total = len(task.structures) * work
    progress = ToldProgress(watch, label, total, "moves", interval=place.interval, stream=place.stream)
    states = [place.restart(task.name, k) for k in task.structures]
    common: tuple[Any, ...] = (place.plan.seed, settings, place.mixture, states, progress)
    more: dict[str, Any] = {}
    if units:
        more = {"tiles": tiles}
        parts = [units[k] for k in task.structures]
        made = equilibrate_large_systems(
            parts, task.temperature, task.structures, task.sweeps, tiles, *common
        )
    else:
        made = equilibrate_structures(task.temperature, task.structures, task.sweeps, *common)
    structures = [structure_content.stored_form(c) for c, _ in made]
    records = [r for _, r in made]
    evidence = pd.concat(records, ignore_index=True)
    if units:
        table, verdict = check_large_systems(
            evidence, structures, task.temperature, limits, list(units.values())
        )
    else:
        table, verdict = check_temperature(evidence, structures, task.temperature, limits, place.mixture)
    refuse_failed_checks(verdict["failed"], task.temperature, on_failure)
    record = place.record(
        task,
        method="swap Monte Carlo",
        sweeps=task.sweeps,
        settings=chosen,
        starts=[str(r.start.iloc[0]) for r in records],
        box_length=structures[0].box_length,
        position_bits=structure_content.POSITION_BITS,
        evidence_columns=list(structure_content.EVIDENCE),
        structure_sha256=[structure_content.structure_hash(c) for c in structures],
        checks=[
            {
                "check": r["check"],
                "structure": int(r["structure"]),
                "value": _number(r["value"]),
                "allowed": float(r["allowed"]),
                "passed": bool(r["passed"]),
            }
            for r in table.to_dict("records")
        ],
        **more,
    )
    write_file(place.target(task.name), structure_content.structure_arrays(structures, records), record)
    place.tidy(task.name, states)


def _units(place: Workplace, task: Task) -> dict[int, Configuration]:
    """Return the unit structures that large systems are made of by number; none for unit systems."""
    files = [DatasetFile(place.target(name)) for name in task.needs]
    return {
        number: structure_content.read_configuration(file, k)
        for file in files
        for k, number in enumerate(file.structures)
    }


def _number(value: Any) -> float | None:
    """Plain number, None for NaN (a check that too few structures make impossible)."""
    return float(value) if np.isfinite(value) else None
