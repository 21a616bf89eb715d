"""Simulations killed with kill -9 at random moments go on and end with the bits of an unbroken run.

``make campaign`` kills each kind ten times and prints the table of docs/reliability.md; with CAMPAIGN=quick
once, and small.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import killed_runs
import numpy as np
import pytest

from tglassmlp.storage import read_npz

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")


def newest(state: Path) -> int | None:
    """Time of the restart file, None before there is one."""
    files = [f for f in (state / "run.npz", state / "structure0.npz") if f.exists()]
    return files[0].stat().st_mtime_ns if files else None


def halves(state: Path) -> set[Path]:
    """Files of which a part was written, under a temporary name; every other file must be whole."""
    found = {f for f in state.rglob("*") if f.name.startswith(".")}
    for file in set(state.rglob("*.npz")) - found:
        assert zipfile.is_zipfile(file), f"{file} is damaged"
    return found


def killed(kind: str, size: str, kills: int, folder: Path, seed: int) -> tuple[dict, dict]:
    """Kill a run ``kills`` times, let it end; its arrays and what happened."""
    state, result = folder / "state", folder / "result.npz"
    state.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    happened = {"kills": 0, "before": 0, "within": 0}
    program = [sys.executable, killed_runs.__file__, kind, size, str(state)]
    while True:
        # checkpoints all the time, so that many kills meet one being written, or now and then
        last = happened["kills"] == kills
        seconds = 1e6 if last else rng.choice([1e-6, 0.1])
        with open(folder / "errors", "wb") as errors:
            process = subprocess.Popen([*program, str(seconds), str(result)], stderr=errors)
        if last:
            assert process.wait() == 0, (folder / "errors").read_text()
            return read_npz(result)[0], happened
        known, began, left = newest(state), time.monotonic(), halves(state)
        # every third time at any moment from the start on; otherwise after a checkpoint of this process
        patience = rng.uniform(0.2, 2.0) if happened["kills"] % 3 == 2 else 300.0
        while process.poll() is None and newest(state) == known and time.monotonic() - began < patience:
            time.sleep(0.001)
        if newest(state) != known:
            time.sleep(rng.uniform(0.0, 0.15))
        assert process.poll() is None, f"ended before it was killed: {(folder / 'errors').read_text()}"
        happened["before"] += newest(state) == known
        process.send_signal(signal.SIGKILL)
        process.wait()
        happened["kills"] += 1
        happened["within"] += bool(halves(state) - left)


def compare(kind: str, size: str, found: dict) -> str:
    whole = killed_runs.KINDS[kind](size, None, 1e6)
    assert found.keys() == whole.keys()
    content = hashlib.sha256()
    for name, values in whole.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
        content.update(np.ascontiguousarray(found[name]).tobytes())
    return content.hexdigest()[:12]


def possible(wanted) -> list[str]:
    """Kinds of runs that this machine can do: the emulation of a card needs g++."""
    return [k for k in killed_runs.KINDS if wanted(k) and ("emulated" not in k or shutil.which("g++"))]


@pytest.mark.parametrize("kind", possible(lambda k: "unit" in k))
def test_killed_run_ends_with_the_same_bits(kind, tmp_path):
    found, happened = killed(kind, "small", 1, tmp_path, seed=1)
    assert happened["kills"] == 1
    assert happened["before"] == 0
    compare(kind, "small", found)


@pytest.fixture(scope="module")
def table():
    """Rows of the record, printed at the end."""
    rows: list[str] = []
    yield rows
    head = (
        "| run | particles | kills | before its first checkpoint | while writing a file | equal to the "
        "unbroken run | SHA-256 of both |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    print("\n\n" + "\n".join([head, *rows]))


#: CAMPAIGN=quick: what `make test` does not kill, once and small.
QUICK = os.environ.get("CAMPAIGN") == "quick"


@pytest.mark.campaign
@pytest.mark.parametrize("kind", possible(lambda k: "unit" not in k or not QUICK))
def test_run_killed_ten_times_ends_with_the_same_bits(kind, tmp_path, table):
    size, kills = ("small", 1) if QUICK else ("unit", 10)
    found, happened = killed(kind, size, kills, tmp_path, seed=len(table))
    content = compare(kind, size, found)
    n = sum(killed_runs.mixture(size).composition) * (killed_runs.TILES**2 if "large" in kind else 1)
    table.append(
        f"| {kind} | {n} | {happened['kills']} | {happened['before']} | {happened['within']} "
        f"| all {len(found)} | `{content}` |"
    )
    assert happened["kills"] == kills
