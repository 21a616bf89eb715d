"""Run a configuration twice from scratch in two folders and compare their numbers, digit by digit.

python scripts/reproduce.py [--folder FOLDER] [--cores N] [--numbers FILE | --quick] [CONFIG] [arguments of
Snakemake]: the second run has another number of cores and another division of the structures into jobs,
which must change nothing. Arguments of Snakemake mean the same run as everywhere else; those that say how
it is made (--profile, --jobs, ...) hold for both runs. Repeat the command after an interruption; both runs
go on. The folders stay for inspection: --fresh starts again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from command_line import Command, add_words, understood

from tglassmlp import paths
from tglassmlp.config import ConfigError, plain
from tglassmlp.storage import read_json

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="where both runs go (results/reproduce)")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores of the first run")
    parser.add_argument("--numbers", default="numbers.json", help="file of the run that is compared")
    parser.add_argument(
        "--quick", action="store_true", help="compare the equilibration of the first temperature only"
    )
    parser.add_argument("--fresh", action="store_true", help="remove the folder first")
    add_words(parser)
    given = parser.parse_args()
    try:
        command = understood(given.config, given.arguments)
    except ConfigError as error:
        print(f"{given.config or 'config.yaml'}: {error}", file=sys.stderr)
        return 1
    config = plain(command.config)
    if given.quick:
        # a path below the run's folder, whatever that is
        first = paths.EQUILIBRATION.path(
            "", proof=paths.PROOFS[0], temperature=config["temperatures"][0]["value"]
        )
        given.numbers = first.lstrip("/")
    base = Path(given.folder or command.folder / "results" / "reproduce") / config["run"]
    if given.fresh:
        shutil.rmtree(base, ignore_errors=True)
    other = {**config, "structures": {**config["structures"]}, "large_systems": {**config["large_systems"]}}
    for section in ("structures", "large_systems"):
        other[section]["chunk"] = max(1, config[section]["chunk"] // 2)
    cases = (("first", config, given.cores), ("second", other, max(1, given.cores - 1)))
    found = []
    for name, content, cores in cases:
        begun = time.time()
        code = run(base / name, content, cores, given.numbers, command)
        if code:
            print(f"{base / name}: stopped (see above); repeat the command to go on", file=sys.stderr)
            return code
        file = base / name / "results" / config["run"] / given.numbers
        if not file.exists():
            print(f"{file} was not made (see above), so there is nothing to compare", file=sys.stderr)
            return 1
        numbers = read_json(file)
        found.append(dict(leaves({k: v for k, v in numbers.items() if k != "provenance"})))
        chunk = content["structures"]["chunk"]
        print(f"{name} run: {cores} cores, {chunk} structures a job, {time.time() - begun:.0f} s")
    different = sorted(k for k in found[0].keys() | found[1].keys() if found[0].get(k) != found[1].get(k))
    for key in different[:20]:
        print(f"{key}: {found[0].get(key)} and {found[1].get(key)}")
    print(f"{config['run']}: {len(found[0])} entries of {given.numbers}, {len(different)} of them different")
    return 1 if different or not found[0] else 0


def run(folder: Path, config: dict[str, Any], cores: int, numbers: str, command: Command) -> int:
    """One run up to its numbers, in a folder of its own, with the words that the command was given."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "config.yaml", folder / "config.yaml")
    written = folder / "run.yaml"
    written.write_text(yaml.safe_dump(config))
    # published data are given relative to the run's folder
    data = (command.folder / "data").resolve()
    if data.is_dir() and not (folder / "data").exists():
        (folder / "data").symlink_to(data)
    # the last of the same option holds: the file written here says all that the words said of the run
    words = [*command.arguments, "--snakefile", str(command.snakefile), "--directory", str(folder)]
    words += ["--configfile", str(written), "--config", f"run={config['run']}"]
    words += ["--cores", str(cores), "--rerun-incomplete", "--quiet", "all"]
    script = [sys.executable, str(REPOSITORY / "scripts" / "run.py"), str(written)]
    return subprocess.run(
        [*script, *words, "--", f"results/{config['run']}/{numbers}"], check=False
    ).returncode


def leaves(content: Any, path: str = "") -> list[tuple[str, str]]:
    """Every value of nested JSON with its place."""
    if isinstance(content, dict):
        return [leaf for key, value in content.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))]
    if isinstance(content, list):
        return [leaf for k, value in enumerate(content) for leaf in leaves(value, f"{path}[{k}]")]
    return [(path, json.dumps(content))]


if __name__ == "__main__":
    sys.exit(main())
