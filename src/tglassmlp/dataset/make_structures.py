"""Making one file of structures: swap Monte Carlo, checks of equilibration, record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.config import plain
from tglassmlp.dataset import structure_content
from tglassmlp.dataset.files import write_file
from tglassmlp.dataset.plan import Task
from tglassmlp.dataset.stopping import ToldProgress, Watch
from tglassmlp.dataset.workplace import Workplace
from tglassmlp.equilibration.checks import check_temperature
from tglassmlp.equilibration.schedule import attempts
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.structures import equilibrate_structures
from tglassmlp.equilibration.verdict import refuse_failed_checks

__all__ = ["make_structures"]


def make_structures(place: Workplace, task: Task, label: str, watch: Watch) -> None:
    """Make a file of structures.

    Raises
    ------
    NotEquilibratedError
        If a check fails, and the plan's ``on_failure`` says so.
    """
    chosen = plain(place.plan.equilibration)
    limits = CheckLimits(**chosen.pop("checks"))
    on_failure = chosen.pop("on_failure")
    chosen.pop("extended_check")
    settings = EquilibrationSettings(**chosen, block_seconds=place.plan.dynamics.block_seconds)
    n = sum(place.mixture.composition)
    total = len(task.structures) * attempts(task.sweeps, n)
    progress = ToldProgress(watch, label, total, "moves", interval=place.interval, stream=place.stream)
    states = [place.restart(task.name, k) for k in task.structures]
    made = equilibrate_structures(
        task.temperature,
        task.structures,
        task.sweeps,
        place.plan.seed,
        settings,
        place.mixture,
        states,
        progress,
    )
    structures = [structure_content.stored_form(c) for c, _ in made]
    records = [r for _, r in made]
    table, verdict = check_temperature(
        pd.concat(records, ignore_index=True), structures, task.temperature, limits, place.mixture
    )
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
    )
    write_file(place.target(task.name), structure_content.structure_arrays(structures, records), record)
    place.tidy(task.name, states)


def _number(value: Any) -> float | None:
    """Plain number, None for NaN (a check that too few structures make impossible)."""
    return float(value) if np.isfinite(value) else None
