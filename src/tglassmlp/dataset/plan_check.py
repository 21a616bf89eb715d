"""Whether the files that are there are those that a plan asks for, by their records."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tglassmlp.config import plain
from tglassmlp.dataset.files import DatasetFile
from tglassmlp.dataset.names import file_name
from tglassmlp.dataset.plan import Plan, Task, tasks

__all__ = ["check_made"]


def check_made(plan: Plan, folder: str | os.PathLike[str]) -> dict[str, str]:
    """Hold the files that are there against a plan, by their records: seed, settings, structures, mixture.

    Parameters
    ----------
    plan
        The plan.
    folder
        Folder of the files.

    Returns
    -------
    dict
        Name of a file -> what is wrong with it; files that are as the plan asks are left out, and so are
        those that are not there.
    """
    planned = {str(t.name): t for t in tasks(plan)}
    wrong = {}
    for path in sorted(Path(folder).glob("*.npz")):
        if file_name(path.name) is None:
            continue
        try:
            found = DatasetFile(path).record
        except (ValueError, OSError) as error:
            wrong[path.name] = str(error)
            continue
        expected = _common(plan) | (_asked(plan, planned[path.name]) if path.name in planned else {})
        differ = _differences(json.loads(json.dumps(expected)), found)
        if differ:
            wrong[path.name] = f"{path}: {'; '.join(differ)}"
    return wrong


def _common(plan: Plan) -> dict[str, Any]:
    """Return what the records of all files of a plan say alike."""
    return {
        "dataset": plan.dataset,
        "mixture": asdict(plan.mixture()),
        "provenance": {"seed": plan.seed},
    }


def _asked(plan: Plan, task: Task) -> dict[str, Any]:
    """Return the settings that the record of a file says it was made with."""
    found: dict[str, Any] = {"structures": list(task.structures)}
    if task.name.kind == "structures":
        chosen = plain(task.equilibration or plan.equilibration)
        left_out: tuple[str, ...] = ("checks", "on_failure", "extended_check", "start")
        found |= {"sweeps": task.sweeps}
        if task.name.ensemble == "large":
            found |= {"tiles": plan.tiles}
    else:
        chosen = plain(plan.dynamics)
        left_out = ("block_seconds", "replicas")
        found |= {
            "replicas": plan.dynamics.replicas,
            "time_step": plan.dynamics.time_step,
            "begin": task.begin,
            "end": task.end,
            "r_in": plan.propensity.r_in,
            "r_out": plan.propensity.r_out,
            "wave_number": plan.propensity.wave_number,
        }
    return found | {"settings": {k: v for k, v in chosen.items() if k not in left_out}}


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any], where: str = "") -> list[str]:
    """List values that a record has and the plan asks for differently; keys that it lacks are newer."""
    listed = []
    for key, value in expected.items():
        if key not in found:
            continue
        if isinstance(value, Mapping) and isinstance(found[key], Mapping) and key != "exchange_weights":
            listed += _differences(value, found[key], f"{where}{key}.")
        elif found[key] != value:
            listed.append(f"{where}{key} is {found[key]}, the plan asks for {value}")
    return listed
