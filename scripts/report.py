"""Write the HTML report of a finished run: python scripts/report.py [CONFIG] [arguments of Snakemake].

It is written again only if a figure or number is newer. The last line says where everything is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from command_line import Command, add_words, understood

from tglassmlp import paths
from tglassmlp.config import ConfigError
from tglassmlp.launch import ensure_cache


def say(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_words(parser)
    given = parser.parse_args()
    try:
        command = understood(given.config, given.arguments)
    except ConfigError as error:
        say(f"{given.config or 'config.yaml'}: {error}")
        return 1
    run = command.results
    if not Path(paths.NUMBERS.path(run)).exists():
        print(f"{run} has no finished run to report")
        return 0
    if outdated(command):
        print(f"writing {run}/report.html ...", flush=True)
        ensure_cache(command.folder, say)
        if not write(command):
            return 1
    print(f"Figures: {run}/figures/   numbers: {run}/numbers.json   report: {run}/report.html")
    return 0


def outdated(command: Command) -> bool:
    """Whether a figure or number is newer than the report, or there is none."""
    report = Path(paths.REPORT.path(command.results))
    if not report.exists():
        return True
    sources = [Path(paths.NUMBERS.path(command.results)), *(command.results / "figures").rglob("*")]
    return any(path.stat().st_mtime > report.stat().st_mtime for path in sources)


def write(command: Command) -> bool:
    """Have Snakemake write the report; say what it said if it could not."""
    report, log = Path(paths.REPORT.path(command.results)), command.results / "logs" / "report.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    call = [sys.executable, "-m", "snakemake", "--cores", "1", "--report", str(report.resolve())]
    with open(log, "w") as said:
        code = subprocess.run(
            [*call, *command.meaning], stdout=said, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        say(log.read_text())
        report.unlink(missing_ok=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
