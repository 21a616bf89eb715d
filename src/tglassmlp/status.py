"""What a run is doing: finished files, working, stopped and failed jobs per rule.

Reads what lies in the run's folder (logs and ``.state/progress``) and the plan that Snakemake prints; it
starts and changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tglassmlp import paths
from tglassmlp.launch import alive
from tglassmlp.progress import duration

__all__ = ["RuleStatus", "describe", "planned_files", "survey"]

#: A job on another machine counts as working as long as it said something this recently (seconds).
SILENCE = 900.0


@dataclass
class RuleStatus:
    """State of one rule's files and jobs."""

    files: int = 0
    done: int = 0
    working: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def planned_files(
    arguments: Sequence[str] = (),
    folder: str | os.PathLike[str] = ".",
    snakefile: str | os.PathLike[str] = "Snakefile",
) -> list[tuple[str, str, bool]]:
    """Ask Snakemake for the run's files: ``(rule, file, done)``.

    Parameters
    ----------
    arguments
        What tells Snakemake the configuration: ``--configfile``, ``--config`` and their like.
    folder
        Where the command is said; configuration files are relative to it.
    snakefile
        The workflow, relative to ``folder``.

    Raises
    ------
    RuntimeError
        If Snakemake cannot plan the run; the message is Snakemake's.
    """
    # --nolock: a running workflow holds the folder's lock, and planning changes nothing
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(snakefile),
        "--cores",
        "1",
        "--nolock",
        "--summary",
    ]
    run = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    starts = [k for k, line in enumerate(lines) if line[0] == "output_file"]
    if run.returncode or not starts:
        raise RuntimeError(f"the run cannot be planned:\n{run.stderr.strip()}")
    files = [
        (line[2], line[0], line[4] == "ok" and line[5] == "no update")
        for line in lines[starts[0] + 1 :]
        if len(line) == 6
    ]
    order = {rule: k for k, rule in enumerate(_rules_in_order(Path(folder) / snakefile))}
    return sorted(files, key=lambda file: order.get(file[0], len(order)))


def _rules_in_order(snakefile: Path) -> list[str]:
    """Names of the rules as the Snakefile includes them, which is the order of the method."""
    rules: list[str] = []
    for name in re.findall(r'^include: "(.+)"', snakefile.read_text(), flags=re.MULTILINE):
        text = (snakefile.parent / name).read_text()
        rules += re.findall(r"^rule (\w+):", text, flags=re.MULTILINE)
    return rules


def survey(run: Path, files: Iterable[tuple[str, str, bool]]) -> dict[str, RuleStatus]:
    """Count files and find the jobs at work, stopped or failed, by rule.

    Parameters
    ----------
    run
        Folder of the run, ``results/<run>``.
    files
        What :func:`planned_files` returns.
    """
    rules: dict[str, RuleStatus] = {}
    for rule, _, done in files:
        entry = rules.setdefault(rule, RuleStatus())
        entry.files += 1
        entry.done += done
    for marker in paths.jobs_at_work(run):
        rule, name = paths.job_of(marker)
        entry = rules.setdefault(rule, RuleStatus())
        record = _record(marker)
        progress = _record(marker.with_suffix(".json"))
        if _working(record, progress):
            entry.working.append(_sentence(name, record, progress))
        else:
            entry.stopped.append(name)
    for log in paths.logs(run):
        if _ends_with_error(log):
            rule, name = paths.job_of(log)
            rules.setdefault(rule, RuleStatus()).failed.append(f"{name}: {_last_line(log)} ({log})")
    return rules


def _record(path: Path) -> dict:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):  # being written or removed just now
        return {}
    return content if isinstance(content, dict) else {}


def _working(record: Mapping, progress: Mapping) -> bool:
    if record.get("host") == socket.gethostname():
        return alive(record)
    newest = max(float(record.get("start", 0.0)), float(progress.get("time", 0.0)))
    return time.time() - newest < SILENCE


def _sentence(name: str, record: Mapping, progress: Mapping) -> str:
    if "share" in progress:
        left = progress.get("seconds_left")
        ahead = "" if left is None else f", {duration(float(left))} left"
        return f"{name}: {100 * float(progress['share']):.0f} %{ahead}"
    return f"{name}: {duration(time.time() - float(record.get('start', time.time())))} so far"


def _tail(log: Path) -> list[str]:
    try:
        with open(log, "rb") as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - 20_000))
            return handle.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _ends_with_error(log: Path) -> bool:
    """Whether the log closes with a traceback: the job's last attempt failed."""
    lines = _tail(log)
    starts = [k for k, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    return (
        bool(starts)
        and re.match(r"[\w.]+(Error|Exception|Interrupt|Exit)?\b.*", lines[-1] or " ") is not None
    )


def _last_line(log: Path) -> str:
    lines = [line for line in _tail(log) if re.match(r"\w[\w.]*(Error|Exception|Interrupt|Exit)\b", line)]
    return lines[-1] if lines else "see its log"


def describe(run: Path, rules: Mapping[str, RuleStatus]) -> str:
    """Table of a survey and one line on where the run stands."""
    width = max([len(r) for r in rules] + [4])
    lines = [f"{'rule':<{width}}  files done", "-" * (width + 12)]
    for rule, entry in rules.items():
        mark = ""
        for word, jobs in (("working", entry.working), ("stopped", entry.stopped), ("failed", entry.failed)):
            if jobs:
                mark += f"   {len(jobs)} {word}"
        lines.append(f"{rule:<{width}}  {f'{entry.done}/{entry.files}':>10}{mark}")
    for word in ("working", "stopped", "failed"):
        for rule, entry in rules.items():
            lines += [f"{word}: {rule} {job}" for job in getattr(entry, word)]
    done, files = sum(e.done for e in rules.values()), sum(e.files for e in rules.values())
    working = sum(len(e.working) for e in rules.values())
    if files and done == files:
        closing = f"{run}: finished, {files} files."
    elif working:
        closing = f"{run}: {working} at work, {done} of {files} files done."
    else:
        closing = f"{run}: not running, {done} of {files} files done; the same command goes on from here."
    return "\n".join([*lines, closing])
