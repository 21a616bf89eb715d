"""A run small enough to be disturbed many times, its commands, and what is compared at the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent.parent
NAME = "faults"
#: FAULTS=quick: a run up to its dynamics, and a few tries.
QUICK = os.environ.get("FAULTS") == "quick"
NUMBERS = "relaxation/relaxation.json" if QUICK else "numbers.json"
TARGET = f"results/{NAME}/{NUMBERS}"


def configuration() -> dict[str, Any]:
    """Every stage up to the numbers: two temperatures, four structures of 129 particles."""
    config = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text())
    config["run"] = NAME
    config["temperatures"] = [
        {"value": 0.80, "dynamics_time": 60.0, "sweeps": 400},
        {"value": 0.60, "dynamics_time": 120.0, "sweeps": 800},
    ]
    config["glass_transition"] = 0.60
    config["structures"] |= {"number": 4, "test_fraction": 0.25, "chunk": 4}
    config["dynamics"] |= {"block_seconds": 1.0}
    config["training"] |= {"phase1": [{"epochs": 8, "rate": 0.005}], "phase2": [{"epochs": 2, "rate": 5e-4}]}
    config["training"] |= {"folds": 0}
    longer = {"temperatures": [0.60], "structures": 2, "factor": 2.0}
    config["equilibration"] |= {"on_failure": "warn", "extended_check": longer}
    return config


class Run:
    """A folder with its own copy of the configuration; commands act on the repository's Snakefile."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.extra = environment or {}
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "config.yaml", folder / "config.yaml")
        (folder / "run.yaml").write_text(yaml.safe_dump(configuration()))

    @property
    def results(self) -> Path:
        return self.folder / "results" / NAME

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TGLASSMLP_")}
        cache = REPOSITORY / ".pytest_cache" / "faults"
        return (
            inherited
            | {"MPLBACKEND": "Agg", "XDG_CACHE_HOME": str(cache), "JAX_PLATFORMS": "cpu"}
            | self.extra
        )

    def command(self, cores: int = 1) -> list[str]:
        """Return what a user says again and again."""
        command = [sys.executable, str(REPOSITORY / "scripts" / "run.py"), "run.yaml"]
        command += ["-s", str(REPOSITORY / "Snakefile"), "--cores", str(cores), "--rerun-incomplete"]
        return [*command, "--quiet", "rules", "reason", "host", "--", TARGET]

    def start(self, *arguments: str, cores: int = 1, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start the command that a user repeats; what it says goes to ``said.txt``."""
        command = [*self.command(cores), *arguments]
        with open(self.folder / "said.txt", "w") as said:
            return subprocess.Popen(
                [*prefix, *command],
                cwd=self.folder,
                env=self.environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                # a campaign in the background ignores Ctrl-C, and so would all that it starts
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
            )

    def said(self) -> str:
        return (self.folder / "said.txt").read_text(errors="replace")

    def go(self, *arguments: str, **options: Any) -> int:
        """Run the command to its end."""
        return self.start(*arguments, **options).wait(timeout=3000)

    def numbers(self) -> Any:
        return numbers(self.results / NUMBERS)

    def jobs(self) -> list[tuple[int, str]]:
        """Scripts at work now: process and rule."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
                here = (place / "cwd").resolve() == self.folder.resolve()
            except OSError:
                continue
            scripts = [w for w in words if b"/.snakemake/scripts/tmp" in w]
            if (
                here
                and scripts
                and not any(Path(os.fsdecode(w)).name.encode() == b"snakemake" for w in words[:3])
            ):
                found.append((int(place.name), os.fsdecode(scripts[0]).rsplit(".", 2)[-2]))
        return found

    def finished(self) -> int:
        """Benchmark tables written: jobs that ended well."""
        return sum(1 for _ in (self.results / "benchmarks").rglob("*.tsv"))


def numbers(path: Path) -> Any:
    """Everything in a file of numbers but who made it and its checksum."""
    content = json.loads(path.read_text())
    return {k: v for k, v in content.items() if k not in ("provenance", "sha256")}


def kill_group(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Signal a command and everything in its session."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
    if number == signal.SIGKILL:
        process.wait()


def copy(run: Run, folder: Path) -> Run:
    """Copy a run with its times."""
    shutil.copytree(run.folder, folder, symlinks=True)
    return Run(folder, run.extra)


#: Rules whose files :func:`begun` keeps.
EARLY = (
    "equilibrate_structures",
    "measure_equilibration",
    "check_equilibration",
    "equilibrate_large_systems",
    "check_large_systems",
    "find_inherent_structures",
    "compute_descriptors",
)


def begun(run: Run, folder: Path) -> Run:
    """Copy of a finished run as it was before its dynamics."""
    other = copy(run, folder)
    for place in other.results.iterdir():
        if place.name not in ("unit", "large", "benchmarks", "logs"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    for place in [*other.results.glob("unit/*"), *other.results.glob("large/*")]:
        if place.name not in ("structures", "inherent", "descriptors"):
            shutil.rmtree(place)
    for place in [*other.results.glob("benchmarks/*"), *other.results.glob("logs/*")]:
        if place.name not in EARLY:
            shutil.rmtree(place)
    return other


def wait_for(condition: Any, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False
