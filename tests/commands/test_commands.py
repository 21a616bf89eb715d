"""`make commands`: every make target and documented command in its quick form, in a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from documented_commands import ALONE, LAST, ON_THE_RUN, Command

pytestmark = pytest.mark.commands


def clone(repository: Path, folder: Path) -> Path:
    """Copy of everything under version control or about to be, with the environment of this tree."""
    for name in sources(repository):
        source = repository / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    commit = "git -c user.name=tests -c user.email=tests@localhost commit -q --no-verify -m clone"
    for command in ("git init -q", "git add -A", commit):
        subprocess.run(command.split(), cwd=folder, check=True)
    (folder / ".venv").symlink_to(repository / ".venv")
    # an update of the environment would be one of the tree that is tested
    made = (repository / ".venv" / ".installed").stat().st_mtime
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(folder / name, (made - 1, made - 1))
    return folder


def sources(repository: Path) -> list[str]:
    """Files of the tree that are under version control or about to be."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, f"{repository} is no clone: {listed.stderr}"
    return [name for name in listed.stdout.split("\0") if name]


def say(command: Command, folder: Path) -> tuple[int, str, float]:
    """Exit status, output and seconds of a command."""
    foreign = ("TGLASSMLP_", "PYTEST_", "MAKE", "MFLAGS")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    kept["PATH"] = f"{folder / '.venv' / 'bin'}{os.pathsep}{kept['PATH']}"
    began = time.monotonic()
    try:
        done = subprocess.run(
            ["bash", "-c", command.line],
            cwd=folder,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=command.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return 124, f"{late.stdout!r}\nnot done after {command.seconds} s", time.monotonic() - began
    return done.returncode, done.stdout, time.monotonic() - began


@pytest.fixture(scope="module")
def said(repository, tmp_path_factory):
    """Results to come: on the run one after the other, the others beside them, cleaning up at the end."""
    folder = clone(repository, tmp_path_factory.mktemp("clone") / "tglassmlp")
    # CI has made this run for the tests: `make run` goes on with it
    kept = Path(os.environ.get("KEEP_SMOKE", "absent"))
    if (kept / "results" / "smoke" / "numbers.json").is_file():
        for name in ("results", ".snakemake"):
            shutil.copytree(kept / name, folder / name, symlinks=True, dirs_exist_ok=True)
    before = contents(folder)
    results: dict[Command, Future] = {c: Future() for c in (*ON_THE_RUN, *ALONE, *LAST)}
    left = deque(ALONE)

    def take(*first: Command) -> None:
        """Say some commands one after the other, then those that nobody else has said."""
        waiting = deque(first)
        while waiting or left:
            command = waiting.popleft() if waiting else left.popleft()
            try:
                results[command].set_result(say(command, folder))
            except BaseException as error:  # nobody would wait for it otherwise, and the test for ever
                results[command].set_exception(error)

    # side by side, since most of them use one core
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(take, *ON_THE_RUN), pool.submit(take)]

        def last() -> None:
            wait(both)
            take(*LAST)

        with ThreadPoolExecutor(1) as end:
            end.submit(last)
            yield folder, before, results


def contents(folder: Path) -> dict[str, bytes]:
    """Sources of a clone, which `make format` and `make schema` leave as they are."""
    patterns = ("src/**/*.py", "scripts/*.py", "workflow/**/*.smk", "workflow/schemas/*", "tests/**/*.py")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for x in patterns for p in folder.glob(x)}


@pytest.mark.parametrize("command", [*ON_THE_RUN, *ALONE, *LAST], ids=lambda c: c.line)
def test_command(command, said):
    code, output, seconds = said[2][command].result()
    print(f"\n{seconds:.0f} s", flush=True)
    if re.search(command.absent, output):
        pytest.skip(re.search(rf".*(?:{command.absent}).*", output).group().strip())
    assert code == 0, f"exit status {code}\n{output[-6000:]}"
    assert re.search(command.says, output), output[-6000:]


def test_nothing_was_rewritten(said):
    folder, before, results = said
    for result in results.values():
        result.result()
    assert contents(folder) == before
    assert not (folder / ".venv").exists(), "make clean"
    assert (folder / "results" / "smoke" / "numbers.json").is_file(), "make clean leaves results"
