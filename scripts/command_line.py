"""What a command means by its words: the configuration of its run, as Snakemake takes it from the same words.

Scripts behind make targets take a configuration file and any arguments of Snakemake after it. Those that
change the run (--configfile, --config, --replace-workflow-config, --directory, --snakefile, or a profile with
such settings) are read by Snakemake's own parser, so that scripts speak of the run that Snakemake makes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tglassmlp.config import Config, load_run
from tglassmlp.paths import run_folder

REPOSITORY = Path(__file__).resolve().parent.parent

#: Profiles that Snakemake takes without being told to.
IMPLICIT_PROFILES = (Path("default"), Path("profiles/default"), REPOSITORY / "profiles" / "default")


@dataclass(frozen=True)
class Command:
    """One command: its run, and how Snakemake is told of it."""

    config: Config
    #: Where the run's `results` are.
    folder: Path
    snakefile: Path
    #: Arguments of Snakemake that say which run is meant.
    meaning: list[str] = field(default_factory=list)
    #: Everything else that was given for Snakemake, and the targets after `--`.
    arguments: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)

    @property
    def results(self) -> Path:
        """Folder of the run, relative to where the command was said."""
        return self.folder / run_folder(self.config.run)

    def snakemake(self) -> list[str]:
        """Arguments with which Snakemake makes this run."""
        # what comes last holds: --configfile and --snakefile say what all files and words together mean
        return [*self.arguments, *self.meaning, *self.targets]


def add_words(parser: argparse.ArgumentParser) -> None:
    """Let a script take a configuration and, after it, arguments of Snakemake."""
    parser.add_argument(
        "config", nargs="?", help="a configuration laid over config.yaml; none, or an empty word: none"
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of Snakemake")


def understood(file: str | None, arguments: Sequence[str] = ()) -> Command:
    """Return what the words after a script's own options mean.

    Without a file (none, or an empty word) only those hold that Snakemake takes by itself: the repository's
    ``config.yaml``, and the one of the run's own folder over it.

    Raises
    ------
    tglassmlp.config.ConfigError
        If the configuration cannot be run.
    SystemExit
        If the arguments are none of Snakemake's; its parser has said so.
    """
    words = list(arguments)
    cut = words.index("--") if "--" in words else len(words)
    files = [file] if file else []
    assignments: list[str] = []
    complete, folder, snakefile = False, Path("."), REPOSITORY / "Snakefile"
    if words or "SNAKEMAKE_PROFILE" in os.environ or any(map(Path.exists, IMPLICIT_PROFILES)):
        given = _parsed(words)
        files += map(str, given.configfile)
        assignments += given.config or []
        complete = given.replace_workflow_config
        folder = Path(given.directory or ".")
        snakefile = Path(given.snakefile or snakefile)
    config = load_run(files, assignments, repository=snakefile.parent, folder=folder, complete=complete)
    meaning = [] if Path("Snakefile").resolve() == snakefile else ["--snakefile", str(snakefile)]
    meaning += ["--directory", str(folder)] if folder != Path(".") else []
    meaning += ["--configfile", *files] if files else []
    meaning += ["--config", *assignments] if assignments else []
    meaning += ["--replace-workflow-config"] if complete else []
    return Command(config, folder, snakefile, meaning, words[:cut], words[cut:])


def _parsed(words: list[str]) -> argparse.Namespace:
    # only here: the import takes a second
    from snakemake.cli import parse_args

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # it tells of profiles, as Snakemake itself will
            return parse_args(words)[1]
    except BaseException:
        print(said.getvalue(), end="", file=sys.stderr)
        raise
