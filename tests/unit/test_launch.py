"""One run at a time, leftovers of a killed one ended, stale locks removed, and reading a whole run."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
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


def say_nothing(text):
    """Take no notice of what is said."""


@pytest.fixture(params=["ENOSYS", "EOPNOTSUPP", "ENOLCK"])
def no_flock(request, monkeypatch):
    """A file system without flock."""

    def refuse(descriptor, operation):
        number = getattr(errno, request.param)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(launch.fcntl, "flock", refuse)


def owner_file(folder):
    return folder / ".snakemake" / "tglassmlp" / "a.owner"


def test_without_flock_a_file_takes_its_place_and_is_named(tmp_path, no_flock):
    said = []
    release(launch.claim("a", tmp_path, said.append))
    assert "no flock" in said[0]
    assert str(owner_file(tmp_path)) in said[0]
    assert json.loads(owner_file(tmp_path).read_text())["pid"] == os.getpid()
    with pytest.raises(launch.Busy, match=f"another run is at work \\(process {os.getpid()} on"):
        launch.claim("a", tmp_path, say_nothing)
    release(launch.claim("b", tmp_path, say_nothing))


def test_without_flock_the_place_of_an_ended_process_is_taken(tmp_path, no_flock):
    release(launch.claim("a", tmp_path, say_nothing))
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True)
    # also one whose number another process has by now
    for change in ({"pid": int(ended.stdout)}, {"birth": 1}):
        record = json.loads(owner_file(tmp_path).read_text())
        owner_file(tmp_path).write_text(json.dumps({**record, **change}))
        release(launch.claim("a", tmp_path, say_nothing))
        assert json.loads(owner_file(tmp_path).read_text())["pid"] == os.getpid()
    assert {path.name for path in owner_file(tmp_path).parent.iterdir()} == {"a.lock", "a.owner"}


@pytest.mark.parametrize("content", [json.dumps({"pid": 7, "host": "node17", "since": "yesterday"}), "", "{"])
def test_without_flock_the_file_of_another_machine_is_left_with_advice(tmp_path, no_flock, content):
    release(launch.claim("a", tmp_path, say_nothing))
    owner_file(tmp_path).write_text(content)
    with pytest.raises(launch.Busy, match=r"another run is at work.*if it does not, remove .*a\.owner"):
        launch.claim("a", tmp_path, say_nothing)
    assert owner_file(tmp_path).read_text() == content


def test_without_flock_one_of_many_that_find_an_ended_owner_gets_its_place(tmp_path, no_flock):
    place = owner_file(tmp_path)
    place.parent.mkdir(parents=True)
    won = []

    def start(number):
        try:
            launch._own(place, "a", say_nothing)
            won.append(number)
        except launch.Busy:
            pass

    for _ in range(20):
        won.clear()
        place.write_text(json.dumps({**launch._myself(), "birth": 1}))
        threads = [threading.Thread(target=start, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert list(place.parent.iterdir()) == [place]


def test_without_flock_a_takeover_that_was_killed_is_named(tmp_path, no_flock):
    release(launch.claim("a", tmp_path, say_nothing))
    record = json.loads(owner_file(tmp_path).read_text())
    owner_file(tmp_path).write_text(json.dumps({**record, "birth": 1}))
    taking = owner_file(tmp_path).with_suffix(".taking")
    taking.write_text("")
    with pytest.raises(launch.Busy, match=r"remove .*a\.taking"):
        launch.claim("a", tmp_path, say_nothing)
    taking.unlink()
    release(launch.claim("a", tmp_path, say_nothing))


def test_a_lock_that_fails_otherwise_is_named(tmp_path, monkeypatch):
    def fail(descriptor, operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(launch.fcntl, "flock", fail)
    with pytest.raises(OSError, match=r"cannot be locked: .*a\.lock"):
        launch.claim("a", tmp_path)


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_a_cache_that_cannot_be_written_is_replaced_and_one_that_can_is_kept(tmp_path, monkeypatch, variable):
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "")  # restored at the end
        monkeypatch.delenv(name)
    said = []
    monkeypatch.setenv(variable, str(tmp_path / "good"))
    before = dict(os.environ)
    launch.ensure_cache(tmp_path, said.append)
    assert (dict(os.environ), said) == (before, [])
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    launch.ensure_cache(tmp_path, said.append)
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / ".snakemake" / "cache")
    assert "XDG_CACHE_HOME" in said[0]


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


def test_a_run_that_does_not_exist_is_not_verified(tmp_path, repository):
    (tmp_path / "run.yaml").write_text((repository / "config" / "smoke.yaml").read_text())
    command = [sys.executable, str(repository / "scripts" / "verify.py"), "run.yaml"]
    words = ["--config", "run=nope"]
    found = subprocess.run([*command, *words], capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 1
    assert "results/nope: there is no such run, so that nothing was read" in found.stderr
    assert "files read" not in found.stdout
    (tmp_path / "results" / "nope" / "logs").mkdir(parents=True)
    found = subprocess.run([*command, *words], capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 1
    assert "results/nope: holds no data file of a run" in found.stderr
