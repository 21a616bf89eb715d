"""Every way to start a run, or to ask about it, means the same run by the same words.

All of it happens in a path with a space and a quote.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

#: A figure that needs nothing, so that planning it is quick.
FIGURE = "results/{}/figures/fig01_network.png"

#: Names only what differs from config.yaml, the run's name last, quoted and indented.
PARTIAL = '  seed: 5\n  figures: {dpi: 60, formats: [png]}\n  "run" :  "named"   # of the paper\n'


@dataclass
class Place:
    """A clone with a space and a quote in its path, a folder elsewhere, and configurations in both."""

    clone: Path
    elsewhere: Path

    def say(self, folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        cache = str(self.elsewhere.parent / "cache")
        # below `make test` another make would speak of its folders
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**kept, "XDG_CACHE_HOME": cache, **environment},
        )

    def locks(self, folder: Path) -> set[str]:
        return {path.stem for path in (folder / ".snakemake" / "tglassmlp").glob("*.lock")}


@pytest.fixture
def place(repository, tmp_path):
    clone, elsewhere = tmp_path / "user's glass" / "clone", tmp_path / "elsewhere"
    for part in ("Makefile", "Snakefile", "config.yaml", "requirements.lock", "pyproject.toml"):
        clone.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / part, clone / part)
    for part in ("workflow", "scripts", "envs"):
        shutil.copytree(repository / part, clone / part, ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere.mkdir()
    # an environment whose Python lies in that path: a link keeps it, with the packages of the one at work
    shutil.copytree(Path(sys.prefix) / "bin", clone / ".venv" / "bin", symlinks=True)
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", clone / ".venv" / "pyvenv.cfg")
    (clone / ".venv" / "lib").symlink_to(Path(sys.prefix) / "lib")
    (clone / ".venv" / ".installed").touch()
    for folder in (clone, elsewhere):
        (folder / "my part.yaml").write_text(PARTIAL)
        (folder / "twice.yaml").write_text(PARTIAL + "  seed: 6\n")
    return Place(clone, elsewhere)


Start = Callable[[Place, str, list[str], list[str]], subprocess.CompletedProcess[str]]


def python(place: Place) -> str:
    return str(place.clone / ".venv" / "bin" / "python")


def through_make(place, file, words, targets):
    """With a home that cannot be written, so that the run's own folder takes Snakemake's cache."""
    flags = shlex.join(["-n", *words, "--", *targets])
    command = ["make", "run", f"CONFIG={file}", "CORES=1", f"SNAKEMAKE_FLAGS={flags}"]
    return place.say(place.clone, *command, XDG_CACHE_HOME="", HOME=str(place.clone / "Makefile"))


def plain(place, file, words, targets):
    snakemake = [python(place), "-m", "snakemake", "-n", "--cores", "1", "--configfile", file, *words]
    return place.say(place.clone, *snakemake, "--", *targets)


def from_elsewhere(place, file, words, targets):
    """Not only planned: a job has to start in that path, with the backend of a notebook."""
    snakemake = [python(place), "-m", "snakemake", "-s", str(place.clone / "Snakefile"), "--cores", "1"]
    command = [*snakemake, "--configfile", file, *words, "--", *targets]
    return place.say(place.elsewhere, *command, MPLBACKEND="module://matplotlib_inline.not_installed")


def script_from_elsewhere(place, file, words, targets):
    script = [python(place), str(place.clone / "scripts" / "run.py"), file, "-n", "--cores", "1", *words]
    return place.say(place.elsewhere, *script, "--", *targets)


WAYS: Mapping[str, Start] = {
    "make": through_make,
    "snakemake": plain,
    "snakemake -s": from_elsewhere,
    "scripts": script_from_elsewhere,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "words", "run"),
    [
        ("make", ["--config", "run=other", "prediction={iterations: 3}"], "other"),
        ("snakemake", [], "named"),
        ("snakemake -s", ["--config", "run=other"], "other"),
        ("scripts", [], "named"),
    ],
)
def test_every_way_to_start_means_the_same_run(place, way, words, run):
    started = WAYS[way](place, "my part.yaml", words, [FIGURE.format(run)])
    said = started.stdout + started.stderr
    assert started.returncode == 0, said
    assert "draw_figure" in said  # Snakemake refuses to plan the figure of a run of another name
    folder = place.clone if way in ("make", "snakemake") else place.elsewhere
    assert place.locks(folder) == ({run} if way in ("make", "scripts") else set())
    assert (folder / FIGURE.format(run)).exists() == (way == "snakemake -s")
    if way == "make":
        assert started.stdout.splitlines()[-1] == f"results/{run} has no finished run to report"
        assert (place.clone / ".snakemake" / "cache" / "snakemake").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["make", "snakemake"])
def test_no_way_to_start_takes_a_key_twice(place, way):
    started = WAYS[way](place, "twice.yaml", [], [FIGURE.format("named")])
    assert started.returncode != 0
    assert "key 'seed' appears twice" in started.stdout + started.stderr


@pytest.mark.slow
def test_asking_about_a_run_means_the_same_run(place):
    """Report, status and verification with a partial configuration and words on the command line."""
    run = place.clone / "results" / "other"
    (run / "tables").mkdir(parents=True)
    (run / "tables" / "a.parquet").write_text("damaged")
    flags = "SNAKEMAKE_FLAGS=--config run=other"
    verified = place.say(place.clone, "make", "verify", "CONFIG=my part.yaml", flags)
    assert verified.returncode != 0
    assert "results/other: 1 files read, 1 damaged" in verified.stdout
    assert "no finished run" in place.say(place.clone, "make", "report", "CONFIG=my part.yaml").stdout
    status = place.say(place.clone, "make", "status", "CONFIG=my part.yaml", flags)
    assert status.returncode == 0, status.stderr
    assert status.stdout.splitlines()[-1].startswith("results/other: ")


@pytest.mark.slow
def test_a_folder_with_its_own_configuration_means_the_same_run_everywhere(place):
    """Without CONFIG make names no file, so that the folder's own settings stay above the repository's."""
    own = place.elsewhere / "own"
    own.mkdir()
    (own / "config.yaml").write_text("seed: 77\nrun: own\n")
    words = ["--directory", str(own)]
    flags = f"SNAKEMAKE_FLAGS={shlex.join(words)}"
    status = place.say(place.clone, "make", "status", flags)
    assert status.returncode == 0, status.stderr
    assert "results/own: " in status.stdout.splitlines()[-1]
    snakemake = [python(place), "-m", "snakemake", "-n", "--cores", "1", *words]
    planned = place.say(place.clone, *snakemake, "--", FIGURE.format("own"))
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "draw_figure" in planned.stdout + planned.stderr


@pytest.mark.slow
def test_the_same_numbers_are_asked_of_the_run_that_is_meant(place):
    """`make reproduce` with words for Snakemake; only planned, so that it ends without numbers."""
    flags = "SNAKEMAKE_FLAGS=-n --config run=other seed=9"
    tried = place.say(place.clone, "make", "reproduce", "CONFIG=my part.yaml", "CORES=2", flags)
    made = "results/reproduce/other/first"
    assert tried.returncode != 0
    assert f"{made}/results/other/numbers.json was not made" in tried.stderr, tried.stdout + tried.stderr
    found = yaml.safe_load((place.clone / made / "run.yaml").read_text())
    assert (found["run"], found["seed"], found["figures"]["dpi"]) == ("other", 9, 60)
    assert place.locks(place.clone / made) == {"other"}
    assert not (place.clone / "results" / "reproduce" / "named").exists()


@pytest.mark.slow
def test_a_path_with_braces_is_refused_with_the_reason(place):
    braces = place.clone.rename(place.clone.parent / "{clone}")
    snakemake = [str(braces / ".venv" / "bin" / "python"), "-m", "snakemake", "-n", "--cores", "1"]
    started = place.say(braces, *snakemake)
    assert started.returncode != 0
    assert "takes the braces in this path for wildcards" in started.stdout + started.stderr


@pytest.mark.slow
def test_another_workflow_can_take_this_one_as_a_module(repository, place):
    """Its configuration is then what that workflow hands on."""
    (place.elsewhere / "Snakefile").write_text(
        f"configfile: {str(repository / 'config' / 'smoke.yaml')!r}\n"
        f"module glass:\n    snakefile: {str(repository / 'Snakefile')!r}\n    config: config\n"
        "use rule * from glass\n"
    )
    snakemake = [python(place), "-m", "snakemake", "-n", "--cores", "1", "--config", "run=other"]
    started = place.say(place.elsewhere, *snakemake, "--", FIGURE.format("other"))
    assert started.returncode == 0, started.stdout + started.stderr
