"""Build the source distribution and the wheel, and try each in an environment of its own.

python scripts/dist.py [--quick]: both are written to dist/. Each is installed into a new virtual environment
with its dependencies, and predicts a configuration there, away from the source tree; the two predictions must
be the same. With --quick each is installed without dependencies, which are those of this environment, and
lists its networks only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
BUILD = """
import sys
from setuptools import build_meta
getattr(build_meta, sys.argv[2])(sys.argv[1])
"""
NETWORKS = """
import tglassmlp as tg
from tglassmlp.command.parser import main
print(tg.__file__)
main(["networks"])
"""
CONFIGURATION = """
import sys, tglassmlp as tg
tg.write_configurations(sys.argv[1], [tg.load_dataset().at(0.40).configuration(0)])
"""


def said(*command: str | Path, cwd: Path = REPOSITORY, **environment: str) -> str:
    """What a command prints; one that fails ends the script with what it said."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_TARGET"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**kept, **environment},
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder: Path) -> list[Path]:
    """Build both distributions from a copy of what is under version control."""
    shutil.rmtree(folder, ignore_errors=True)
    tree = folder / "tree"
    listed = said("git", "ls-files", "-z", "src", "pyproject.toml", "README.md", "LICENSE")
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, tree / name)
    for kind in ("build_sdist", "build_wheel"):
        said(sys.executable, "-c", BUILD, folder, kind, cwd=tree)
    shutil.rmtree(tree)
    return [next(folder.glob(pattern)) for pattern in ("*.tar.gz", "*.whl")]


def contents(file: Path) -> set[str]:
    """Files of the package in a distribution, relative to the package."""
    if file.suffix == ".whl":
        names = zipfile.ZipFile(file).namelist()
        return {name for name in names if name.startswith("tglassmlp/")}
    with tarfile.open(file) as archive:
        inside = [member.name.split("/", 2)[1:] for member in archive if member.isfile()]
    return {parts[1] for parts in inside if parts[0] == "src" and parts[1].startswith("tglassmlp/")}


def tried_quickly(file: Path, folder: Path) -> str:
    """Install without dependencies into a folder and list the networks from there."""
    target = folder / f"{file.name}.installed"
    said(
        sys.executable, *PIP, "install", "--no-deps", "--no-build-isolation", "--no-compile",
        "--target", target, file,
    )  # fmt: skip
    answer = said(sys.executable, "-c", NETWORKS, cwd=folder, PYTHONPATH=str(target))
    where, _, networks = answer.partition("\n")
    if not Path(where).is_relative_to(target):
        sys.exit(f"{file.name}: not the installed package answered, but {where}")
    return networks


def tried(file: Path, folder: Path) -> str:
    """Install into an empty environment and predict a configuration there: the table of propensities."""
    home = folder / f"{file.name}.environment"
    said(sys.executable, "-m", "venv", home)
    python = home / "bin" / "python"
    said(python, *PIP, "install", "--constraint", REPOSITORY / "requirements.lock", file)
    out = folder / f"{file.name}.predicted"
    said(
        home / "bin" / "tglassmlp", "predict", folder / "configuration.gsd", "--temperature", "0.40",
        "--c-b", "0.5", "--out", out, cwd=folder,
    )  # fmt: skip
    (table,) = out.glob("*.csv")
    return table.read_text()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="install without dependencies, predict nothing")
    given = parser.parse_args()
    folder = REPOSITORY / "dist"
    made = build(folder)
    first, second = map(contents, made)
    if first != second:
        sys.exit(f"source distribution and wheel differ: {sorted(first ^ second)}")
    answers = []
    if not given.quick:
        said(sys.executable, "-c", CONFIGURATION, folder / "configuration.gsd")
    for file in made:
        answers.append((tried_quickly if given.quick else tried)(file, folder))
        print(
            f"{file.relative_to(REPOSITORY)}: {file.stat().st_size / 1e6:.2f} MB, {len(first)} files, tried",
            flush=True,
        )
    if answers[0] != answers[1]:
        sys.exit("the two installations answer differently")
    for path in folder.iterdir():
        if path not in made:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
