"""Write the table of faults in docs/reliability.md from the campaigns' own records (results/*.json)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

DOCUMENT = Path("docs/reliability.md")
BAD = ("FAILED", "WRONG", "UNNOTICED")


def faults(record: dict) -> str:
    """One row a fault: times tried, what came of it, seconds lost."""
    rows: dict[str, list[dict]] = {}
    for series in record.values():
        for attempt in series["tries"]:
            rows.setdefault(attempt["fault"], []).append(attempt)
    lines = ["| fault | tried | outcome | seconds lost, largest (mean) |", "| --- | --- | --- | --- |"]
    for fault, tries in rows.items():
        outcomes: dict[str, int] = {}
        for attempt in tries:
            outcome = attempt["outcome"].split("\n")[0][:80]
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        text = "; ".join(f"{n} x {o}" if len(outcomes) > 1 else o for o, n in outcomes.items())
        lost = [attempt["lost_seconds"] for attempt in tries]
        spent = f"{max(lost):.0f} ({sum(lost) / len(lost):.0f})" if any(lost) else "0"
        lines.append(f"| {fault} | {len(tries)} | {text} | {spent} |")
    every = [attempt for tries in rows.values() for attempt in tries]
    wrong = sum(any(word in attempt["outcome"] for word in BAD) for attempt in every)
    lines += ["", f"Together {len(every)} tries, {wrong} wrong or without explanation."]
    return "\n".join(lines)


def fuzz(record: dict) -> str:
    """One row a reader: inputs, refused, read."""
    lines = ["| what reads | inputs | of which |", "| --- | --- | --- |"]
    for name, outcomes in record.items():
        text = ", ".join(f"{n} {o}" for o, n in sorted(outcomes.items(), key=lambda x: -x[1]))
        lines.append(f"| {name} | {sum(outcomes.values())} | {text} |")
    return "\n".join(lines)


def slurm(record: dict) -> str:
    """One row a run: jobs by their end, wall time."""
    lines = ["| run | jobs of Slurm | wall time (s) |", "| --- | --- | --- |"]
    for name, run in record.items():
        jobs = ", ".join(f"{n} {state.lower()}" for state, n in run["jobs"].items())
        lines.append(f"| {name} | {jobs} | {run['wall_seconds']} |")
    return "\n".join(lines)


def main() -> int:
    text = DOCUMENT.read_text()
    for name, table in (("faults", faults), ("fuzz", fuzz), ("slurm", slurm)):
        path = Path("results") / f"{name}.json"
        if not path.is_file():
            continue
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            print(f"{DOCUMENT}: {start} and {end} must stand there once", file=sys.stderr)
            return 1
        before, after = text.split(start)[0], text.split(end)[1]
        text = f"{before}{start}\n\n{table(json.loads(path.read_text()))}\n\n{end}{after}"
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
