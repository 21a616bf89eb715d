"""Run a configuration twice from scratch in two folders and compare their numbers, digit by digit.

python scripts/reproduce.py [CONFIG] [--folder FOLDER] [--cores N] [--numbers FILE]: the second run has
another number of cores and another division of the structures into jobs, which must change nothing. Repeat
the command after an interruption; both runs go on. The folders stay for inspection: --fresh starts again.
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

from tglassmlp.config import ConfigError, load_run, plain
from tglassmlp.storage import read_json

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="config.yaml", help="the run's configuration")
    parser.add_argument("--folder", default="results/reproduce", help="where both runs go")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores of the first run")
    parser.add_argument("--numbers", default="numbers.json", help="file of the run that is compared")
    parser.add_argument("--fresh", action="store_true", help="remove the folder first")
    given = parser.parse_args()
    try:
        config = plain(load_run([given.config], repository=REPOSITORY))
    except ConfigError as error:
        print(f"{given.config}: {error}", file=sys.stderr)
        return 1
    base = Path(given.folder) / config["run"]
    if given.fresh:
        shutil.rmtree(base, ignore_errors=True)
    other = {**config, "structures": {**config["structures"]}, "large_systems": {**config["large_systems"]}}
    for section in ("structures", "large_systems"):
        other[section]["chunk"] = max(1, config[section]["chunk"] // 2)
    cases = (("first", config, given.cores), ("second", other, max(1, given.cores - 1)))
    found = []
    for name, content, cores in cases:
        begun = time.time()
        code = run(base / name, content, cores, given.numbers)
        if code:
            print(f"{base / name}: stopped (see above); repeat the command to go on", file=sys.stderr)
            return code
        numbers = read_json(base / name / "results" / config["run"] / given.numbers)
        found.append(dict(leaves({k: v for k, v in numbers.items() if k != "provenance"})))
        chunk = content["structures"]["chunk"]
        print(f"{name} run: {cores} cores, {chunk} structures a job, {time.time() - begun:.0f} s")
    different = sorted(k for k in found[0].keys() | found[1].keys() if found[0].get(k) != found[1].get(k))
    for key in different[:20]:
        print(f"{key}: {found[0].get(key)} and {found[1].get(key)}")
    print(f"{config['run']}: {len(found[0])} entries of {given.numbers}, {len(different)} of them different")
    return 1 if different or not found[0] else 0


def run(folder: Path, config: dict[str, Any], cores: int, numbers: str) -> int:
    """One run up to its numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "config.yaml", folder / "config.yaml")
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    # published data are given relative to where the command is said
    if (Path.cwd() / "data").is_dir() and not (folder / "data").exists():
        (folder / "data").symlink_to(Path.cwd() / "data")
    command = [sys.executable, str(REPOSITORY / "scripts" / "run.py"), "run.yaml"]
    command += ["-s", str(REPOSITORY / "Snakefile"), "--cores", str(cores), "--rerun-incomplete"]
    command += ["--quiet", "all", "--", f"results/{config['run']}/{numbers}"]
    return subprocess.run(command, cwd=folder, check=False).returncode


def leaves(content: Any, path: str = "") -> list[tuple[str, str]]:
    """Every value of nested JSON with its place."""
    if isinstance(content, dict):
        return [leaf for key, value in content.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))]
    if isinstance(content, list):
        return [leaf for k, value in enumerate(content) for leaf in leaves(value, f"{path}[{k}]")]
    return [(path, json.dumps(content))]


if __name__ == "__main__":
    sys.exit(main())
