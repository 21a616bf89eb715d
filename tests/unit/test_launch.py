"""One run at a time, leftovers of a killed one ended, stale locks removed, and reading a whole run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from tglassmlp import config, launch, storage
from tglassmlp.provenance import collect
from tglassmlp.storage import Array
from tglassmlp.verify import damaged

HOLD = (
    "import sys, time; from tglassmlp.launch import claim; "
    "claim('a', sys.argv[1]); print('mine', flush=True); time.sleep(600)"
)


@pytest.fixture(autouse=True)
def unmarked(monkeypatch):
    """The mark that a claim leaves in this process's environment must not reach other tests."""
    monkeypatch.setenv(launch.MARK, "")


@pytest.fixture
def holder(tmp_path):
    """Another process that has the claim on run `a` in this folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "mine\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def release(descriptor):
    os.close(descriptor)


def lock(folder, name, *files):
    path = folder / ".snakemake" / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{f}\n" for f in files))
    return path


def test_a_second_run_is_told_who_is_at_work_until_that_one_is_killed(tmp_path, holder):
    with pytest.raises(launch.Busy, match=f"another run is at work \\(process {holder.pid} on"):
        launch.claim("a", tmp_path)
    release(launch.claim("b", tmp_path))
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    release(launch.claim("a", tmp_path))


def test_the_lock_of_a_killed_run_is_removed_and_that_of_another_stays(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    mine = lock(tmp_path, "0.output.lock", "results/a/numbers.json")
    other = lock(tmp_path, "1.output.lock", "results/ab/numbers.json")
    said = []
    release(launch.claim("a", tmp_path, said.append))
    assert not mine.exists()
    assert other.exists()
    assert "was killed and left its lock" in said[0]


def test_the_lock_of_another_machine_is_left_with_advice(tmp_path):
    mine = lock(tmp_path, "0.output.lock", "results/a/numbers.json")
    record = tmp_path / ".snakemake" / "tglassmlp" / "a.lock"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"pid": 7, "host": "node17", "since": "yesterday"}))
    with pytest.raises(launch.Busy, match=r"started on node17.*snakemake --unlock"):
        launch.claim("a", tmp_path)
    assert mine.exists()


def test_what_a_killed_run_left_at_work_is_ended_and_nothing_else(tmp_path):
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    environment = {**os.environ, launch.MARK: f"{tmp_path.resolve()}:a"}
    left = subprocess.Popen(sleep, env=environment)
    other = subprocess.Popen(sleep, env={**environment, launch.MARK: f"{tmp_path.resolve()}:b"})
    try:
        end = time.monotonic() + 20
        while not launch.end_leftovers(f"{tmp_path.resolve()}:a", lambda _: None) and time.monotonic() < end:
            time.sleep(0.05)  # until the new process has its environment
        assert left.wait(20) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_reading_a_run_names_every_damaged_or_misplaced_file(repository, tmp_path, monkeypatch):
    settings = config.load([repository / "config.yaml", repository / "config" / "smoke.yaml"])
    run = tmp_path / "smoke"
    monkeypatch.setenv("TGLASSMLP_RUN_FOLDER", str(run))
    identity = config.fingerprint(settings.seed, settings.system)
    monkeypatch.setenv("TGLASSMLP_RUN_IDENTITY", identity)
    origin = collect("labels")
    for name in ("T0.40", "T0.50", "T0.60"):
        storage.write_arrays(run / "labels" / f"{name}.h5", {"c_b": Array(np.arange(3.0), ("k",))}, origin)
    storage.write_table(run / "tables" / "a.parquet", pd.DataFrame({"x": [1.0, 2.0]}), origin)
    assert [text for _, text in damaged(run, settings)] == [None] * 4
    (run / "labels" / "T0.50.h5").write_bytes((run / "labels" / "T0.40.h5").read_bytes())
    content = bytearray((run / "labels" / "T0.60.h5").read_bytes())
    content[len(content) // 2] ^= 1
    (run / "labels" / "T0.60.h5").write_bytes(content[: len(content) - 9])
    (run / "tables" / "a.csv").write_text("x\n1.0\n2.5\n")
    found = {path.name: text for path, text in damaged(run, settings)}
    assert found["T0.40.h5"] is None
    assert "holds what belongs to labels/T0.40.h5" in found["T0.50.h5"]
    assert "T0.60.h5" in found["T0.60.h5"]
    assert "a.csv: differs from a.parquet" in found["a.parquet"]
