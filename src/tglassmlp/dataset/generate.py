"""Making a data set: file after file of a plan, by as many processes as there are cores.

Every file is made whole or not at all, and none is made twice. What is on its way lies in a *state folder*
outside the data set:

``<file name>/``
    restart files of the structures or replicas of one file, removed when it is written;
``last/<file name>/``
    the last positions of all replicas, from which dynamics can be made longer; too large to ship, and kept;
``locks/``
    one file per task, locked (``flock``) by the process that works on it; a lock ends with its process;
``failed/``
    what a check found against a file; the task is left out until that note is removed;
``stop``
    created by the user (``touch``): every process at work ends within seconds.

A process that was killed in any way goes on from its last checkpoint, to the same bytes. Random numbers are
keyed by the plan's seed, temperature, structure and, for dynamics made longer, the step at which they begin.
"""

from __future__ import annotations

import datetime
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TextIO

from tglassmlp.dataset.make_dynamics import WrongDynamicsError, make_dynamics
from tglassmlp.dataset.make_structures import make_structures
from tglassmlp.dataset.plan import Plan, Task, tasks
from tglassmlp.dataset.plan_check import check_made
from tglassmlp.dataset.stopping import Stopped, Watch, claimed
from tglassmlp.dataset.workplace import Workplace
from tglassmlp.equilibration.verdict import NotEquilibratedError
from tglassmlp.progress import duration
from tglassmlp.provenance import git_commit
from tglassmlp.storage import remove_unfinished

__all__ = ["Summary", "make", "next_file"]


@dataclass(frozen=True)
class Summary:
    """What a call of :func:`make` has done.

    Parameters
    ----------
    made, failed, missing
        Names of files written, of files whose check failed, and of files of the plan that are not there yet.
    stopped
        Why the call ended before the plan did; None if it went through.
    """

    made: tuple[str, ...]
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    stopped: str | None


def make(
    plan: Plan,
    folder: str | os.PathLike[str],
    state: str | os.PathLike[str],
    *,
    until: datetime.datetime | None = None,
    threads: int = 1,
    limit: int | None = None,
    allow_changes: bool = False,
    interval: float = 30.0,
    stream: TextIO | None = None,
    only: Sequence[str] | None = None,
) -> Summary:
    """Make the files of a plan that are not there, one after the other.

    Several processes may do so at the same time; each takes what no other works on.

    Parameters
    ----------
    plan
        What to make.
    folder
        Where the files belong, e.g. ``datasets/ka2d``.
    state
        State folder, see the top of this module. It must be on this machine, and the same for all processes.
    until
        When to end.
    threads
        Groups of replicas that move at the same time; the bytes of the files do not depend on it.
    limit
        Make at most this many files.
    allow_changes
        Work from a source tree with changes that are not committed (tests); the record then says so.
    interval
        Seconds between lines of progress.
    stream
        Where they go; standard error by default.
    only
        Make only files whose names fit one of these shell patterns, e.g. ``T0.15_*``; all by default.

    Raises
    ------
    ValueError
        If no file of the plan fits ``only``, the source tree has changes that are not committed, a file that
        is there is damaged or was made with another seed or other settings than the plan's, or a checkpoint
        does not fit the plan.
    """
    commit = git_commit()
    if not allow_changes and (commit.endswith("+") or commit == "unknown"):
        raise ValueError(
            f"the source tree is at commit {commit}: the files of a data set are made from a commit without "
            "local changes (--allow-changes for trials)"
        )
    place = Workplace(plan, Path(folder), Path(state), threads, interval, stream or sys.stderr)
    watch = Watch(until, place.state / "stop")
    order, stopped = [t for t in tasks(plan) if _chosen(t, only)], None
    if not order:
        raise ValueError(f"no file of the plan fits {', '.join(only or ())}; see `plan` for their names")
    wrong = check_made(plan, folder)
    if wrong:
        raise ValueError(
            f"{len(wrong)} files of {folder} are not what the plan asks for, so that nothing is made: "
            + "; ".join(list(wrong.values())[:3])
            + ("; ..." if len(wrong) > 3 else "")
        )
    made: list[str] = []
    with watch.listening():
        try:
            # each time from the top: what another process has finished may have made an early task possible
            while limit is None or len(made) < limit:
                done = next_file(place, order, watch)
                if done is None:
                    break
                if done:
                    made.append(done)
        except Stopped as reason:
            stopped = str(reason)
    missing = tuple(str(t.name) for t in order if not place.target(t.name).exists())
    failed = tuple(name for name in missing if place.note(name).exists())
    return Summary(tuple(made), failed, missing, stopped)


def next_file(place: Workplace, order: list[Task], watch: Watch) -> str | None:
    """Make the first file that can be made: its name, "" if a check failed, None if there is none."""
    for number, task in enumerate(order, start=1):
        if place.target(task.name).exists():
            _clear(place, task)
            continue
        if place.note(task.name).exists():
            continue
        if not all(place.target(name).exists() for name in task.needs):
            continue
        watch.check()
        with claimed(place.lock(task.name)) as mine:
            if not mine or place.target(task.name).exists() or place.note(task.name).exists():
                continue
            label = f"{number}/{len(order)} {task.name}"
            place.say(f"[{label}] begins")
            began = time.monotonic()
            try:
                run = make_structures if task.name.kind == "structures" else make_dynamics
                run(place, task, label, watch)
            except (NotEquilibratedError, WrongDynamicsError) as error:
                place.refuse(task, error)
                return ""
            size = place.target(task.name).stat().st_size
            place.say(f"[{label}] written, {size / 1000:.1f} kB, {duration(time.monotonic() - began)}")
            return str(task.name)
    return None


def _chosen(task: Task, only: Sequence[str] | None) -> bool:
    """Whether the name of a task's file fits one of the patterns, or there is none."""
    return only is None or any(fnmatchcase(str(task.name), pattern) for pattern in only)


def _clear(place: Workplace, task: Task) -> None:
    """Remove what processes left that were killed while they wrote a file, or before they tidied up."""
    parts, work = list(place.folder.glob(f".{task.name}.*")), place.state / str(task.name)
    if parts or work.is_dir():
        with claimed(place.lock(task.name)) as mine:
            if mine:
                remove_unfinished(place.target(task.name))
                shutil.rmtree(work, ignore_errors=True)
