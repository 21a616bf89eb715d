"""Verdicts: measured checks held against limits, and what is refused for want of equilibrium."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from tglassmlp.equilibration.settings import CheckLimits
from tglassmlp.storage import read_json

__all__ = [
    "VERDICT_COLUMNS",
    "NotEquilibratedError",
    "accept",
    "judge",
    "measured_check",
    "refuse_failed_checks",
]


class NotEquilibratedError(ValueError):
    """A structure or temperature failed an equilibration check."""


def measured_check(
    check: str,
    value: float,
    limit: str | None,
    advice: str,
    structure: int = -1,
    floor: float | None = None,
    at_least: bool = False,
) -> dict[str, Any]:
    """One entry of the measured checks, as plain numbers that JSON can hold."""
    return {
        "check": check,
        "structure": structure,
        "value": float(value) if np.isfinite(value) else None,
        "limit": limit,
        "floor": None if floor is None else float(floor),
        "at_least": at_least,
        "advice": advice,
    }


#: Columns of the table of verdicts.
VERDICT_COLUMNS: Final = ("temperature", "check", "structure", "value", "allowed", "passed", "advice")


def judge(
    measured: Mapping[str, Any], limits: CheckLimits | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Hold measured checks against limits.

    What was measured and what is allowed are apart, so that a change of a limit asks for a new verdict and
    not for new data.

    Parameters
    ----------
    measured
        Of :func:`tglassmlp.equilibration.checks.measure_temperature` or
        :func:`tglassmlp.equilibration.checks.measure_large_systems`.
    limits
        Limits; defaults if None.

    Returns
    -------
    DataFrame
        One row per check, columns :data:`VERDICT_COLUMNS`; ``value`` is NaN where too few structures make a
        check impossible, and such a check is passed.
    dict
        The verdict: ``passed``, ``failed`` (sentences), and everything of ``measured`` but its checks.
    """
    limits = limits or CheckLimits()
    rows, failed = [], []
    for entry in measured["checks"]:
        bounds = [] if entry["floor"] is None else [entry["floor"]]
        if entry["limit"] is not None:
            bounds.append(getattr(limits, entry["limit"]))
        value, allowed = np.nan if entry["value"] is None else entry["value"], max(bounds)
        at_least = entry.get("at_least", False)
        rows.append(
            {
                "temperature": measured["temperature"],
                "check": entry["check"],
                "structure": entry["structure"],
                "value": value,
                "allowed": allowed,
                "passed": not (value < allowed if at_least else value > allowed),
                "advice": entry["advice"],
            }
        )
        if not rows[-1]["passed"]:
            failed.append(_sentence(rows[-1], "needed at least" if at_least else "allowed"))
    table = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))
    verdict = {
        "passed": all(row["passed"] for row in rows),
        "failed": failed,
        **{k: v for k, v in measured.items() if k not in ("checks", "provenance", "sha256")},
    }
    return table, verdict


def accept(files: Sequence[str | os.PathLike[str]] | str | os.PathLike[str]) -> None:
    """Refuse to make data of structures whose measured checks fail the limits of the run.

    The first line of each job that makes expensive data of structures. Its inputs are the measured values.
    The limits come past Snakemake, in the environment variable ``TGLASSMLP_EQUILIBRATION`` that the workflow
    sets (``checks`` and ``on_failure`` as JSON; defaults where it is not set): they decide whether the job
    may start and not what it makes, so another limit does not make finished data again. Those are judged
    again by the rules ``check_equilibration`` and ``check_large_systems``.

    Parameters
    ----------
    files
        Files of measured checks.

    Raises
    ------
    NotEquilibratedError
        If a check fails, unless ``on_failure`` is ``"warn"``.
    """
    given = json.loads(os.environ.get("TGLASSMLP_EQUILIBRATION", "{}"))
    for file in [files] if isinstance(files, str | os.PathLike) else files:
        _, verdict = judge(read_json(file), CheckLimits(**given.get("checks", {})))
        refuse_failed_checks(verdict["failed"], verdict["temperature"], given.get("on_failure", "error"))


def refuse_failed_checks(failed: Sequence[str], temperature: float, on_failure: str = "error") -> None:
    """Raise if an equilibration check failed, or only say so with ``on_failure="warn"``.

    Raises
    ------
    NotEquilibratedError
        Naming each check, structure, value, what is allowed and what to change.
    """
    if on_failure not in ("error", "warn"):
        raise ValueError(f"equilibration.on_failure must be error or warn, found {on_failure!r}")
    if failed:
        message = f"T={temperature:g} is not equilibrated: " + "; ".join(failed)
        if on_failure == "error":
            raise NotEquilibratedError(message)
        print(f"warning: {message}")


def _sentence(row: dict[Any, Any], bound: str) -> str:
    where = f" of structure {row['structure']}" if row["structure"] >= 0 else ""
    return f"{row['check']}{where} is {row['value']:.3g}, {bound} {row['allowed']:.3g} ({row['advice']})"
