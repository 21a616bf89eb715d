"""Command line: ``python -m tglassmlp.dataset make | plan | card | verify``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tglassmlp.dataset", description="A data set that grows.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser(
        "make",
        help="make the files of a plan that are not there; may be run several times at once, one per core",
    )
    make.add_argument(
        "plan", type=Path, help="YAML file; its folder receives the files unless --folder is given"
    )
    make.add_argument("--folder", type=Path, help="where the files belong")
    make.add_argument("--state", type=Path, help="state folder; default: results/dataset-NAME (not in git)")
    make.add_argument("--until", metavar="HH:MM", help="end at this time of day")
    make.add_argument("--threads", type=int, default=1, help="threads of the dynamics (default 1)")
    make.add_argument("--limit", type=int, help="make at most this many files")
    make.add_argument(
        "--only",
        metavar="PATTERN",
        action="append",
        help="make only files whose names fit this pattern, e.g. 'T0.15_*'; may be given several times",
    )
    make.add_argument(
        "--allow-changes", action="store_true", help="work from a source tree with local changes"
    )
    make.add_argument("--interval", type=float, default=30.0, help="seconds between lines of progress")
    listing = commands.add_parser("plan", help="list the files of a plan, and which are there")
    listing.add_argument("plan", type=Path)
    listing.add_argument("--folder", type=Path)
    card = commands.add_parser("card", help="write the table of contents of README.md and add to SHA256SUMS")
    card.add_argument("folder", type=Path)
    card.add_argument("--check", action="store_true", help="only say whether both are up to date")
    verify = commands.add_parser("verify", help="read everything, with every checksum")
    verify.add_argument("folder", type=Path)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 if something failed, or 3 if it was stopped before the end."""
    chosen = _parser().parse_args(arguments)
    try:
        return {"make": _make, "plan": _plan, "card": _card, "verify": _verify}[chosen.command](chosen)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _make(chosen: argparse.Namespace) -> int:
    from tglassmlp.dataset.generate import make
    from tglassmlp.dataset.plan import read_plan
    from tglassmlp.dataset.stopping import stop_time

    plan = read_plan(chosen.plan)
    folder = chosen.folder or chosen.plan.parent
    state = chosen.state or Path("results") / f"dataset-{plan.dataset}"
    until = None if chosen.until is None else stop_time(chosen.until)
    summary = make(
        plan, folder, state, until=until, threads=chosen.threads, limit=chosen.limit,
        allow_changes=chosen.allow_changes, interval=chosen.interval, only=chosen.only,
    )  # fmt: skip
    print(f"{len(summary.made)} files made, {len(summary.missing)} of the plan missing", end="")
    print(f"; stopped: {summary.stopped}" if summary.stopped else "")
    for name in summary.failed:
        print(f"failed: {name} (see {state / 'failed' / f'{name}.json'})")
    return 1 if summary.failed else 3 if summary.stopped else 0


def _plan(chosen: argparse.Namespace) -> int:
    from tglassmlp.dataset.plan import read_plan, tasks
    from tglassmlp.dataset.plan_check import check_made

    folder, plan = chosen.folder or chosen.plan.parent, read_plan(chosen.plan)
    wrong = check_made(plan, folder)
    for number, task in enumerate(tasks(plan), start=1):
        name = str(task.name)
        there = "WRONG" if name in wrong else "made" if (folder / name).is_file() else "-"
        print(f"{number:4d} {there:5s} {name}")
    for text in wrong.values():
        print(f"error: {text}", file=sys.stderr)
    return 1 if wrong else 0


def _card(chosen: argparse.Namespace) -> int:
    from tglassmlp.dataset.card import out_of_date, update

    if chosen.check:
        found = out_of_date(chosen.folder)
        print("\n".join(found) if found else "up to date")
        return 1 if found else 0
    for line in update(chosen.folder):
        print(line)
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    from tglassmlp.dataset.library import load_dataset
    from tglassmlp.dataset.plan import PLAN

    dataset = load_dataset(chosen.folder)
    dataset.verify()
    if not dataset.files:
        print(f"{chosen.folder}: has a plan ({PLAN}) but no file yet, so that nothing is damaged")
        return 0
    print(f"{len(dataset.files)} files, nothing is damaged")
    return 0


if __name__ == "__main__":
    sys.exit(main())
