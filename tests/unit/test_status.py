"""The survey of a run's folder: finished, working, stopped and failed jobs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from tglassmlp.progress import job
from tglassmlp.status import describe, survey

FILES = [
    ("equilibrate_structures", "a.gsd", True),
    ("equilibrate_structures", "b.gsd", True),
    ("run_isoconfigurational_dynamics", "a.h5", True),
    ("run_isoconfigurational_dynamics", "b.h5", False),
]


def marker(run, rule, name, record, progress=None):
    folder = run / ".state" / "progress" / rule
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.job").write_text(json.dumps(record))
    if progress is not None:
        (folder / f"{name}.json").write_text(json.dumps(progress))


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_counts_files_by_rule(tmp_path):
    rules = survey(tmp_path, FILES)
    assert {r: (e.done, e.files) for r, e in rules.items()} == {
        "equilibrate_structures": (2, 2),
        "run_isoconfigurational_dynamics": (1, 2),
    }
    assert describe(tmp_path, rules).endswith(
        "not running, 3 of 4 files done; the same command goes on from here."
    )


def test_finished_run(tmp_path):
    text = describe(tmp_path, survey(tmp_path, [(r, f, True) for r, f, _ in FILES]))
    assert text.splitlines()[-1] == f"{tmp_path}: finished, 4 files."


def test_a_working_job_shows_its_share_and_time_left(tmp_path):
    record = {"pid": os.getpid(), "host": socket.gethostname(), "start": time.time()}
    progress = {"label": "x", "share": 0.25, "seconds_left": 185.0, "time": time.time()}
    marker(tmp_path, "run_isoconfigurational_dynamics", "unit_T0.40_chunk0", record, progress)
    rules = survey(tmp_path, FILES)
    assert rules["run_isoconfigurational_dynamics"].working == ["unit_T0.40_chunk0: 25 %, 3 min 05 s left"]
    assert "1 at work, 3 of 4 files done" in describe(tmp_path, rules)


def test_a_killed_job_is_stopped_not_working(tmp_path):
    marker(tmp_path, "r", "a", {"pid": dead_process(), "host": socket.gethostname(), "start": time.time()})
    rules = survey(tmp_path, FILES)
    assert rules["r"].stopped == ["a"]
    assert rules["r"].working == []


@pytest.mark.parametrize(("age", "state"), [(60.0, "working"), (7200.0, "stopped")])
def test_a_job_on_another_machine_counts_while_it_speaks(tmp_path, age, state):
    marker(tmp_path, "r", "a", {"pid": 1, "host": "elsewhere", "start": time.time() - age})
    entry = survey(tmp_path, FILES)["r"]
    assert len(getattr(entry, state)) == 1


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"pid": "x"}'])
def test_half_written_records_do_no_harm(tmp_path, content):
    folder = tmp_path / ".state" / "progress" / "r"
    folder.mkdir(parents=True)
    (folder / "a.job").write_text(content)
    assert survey(tmp_path, FILES)["r"].stopped == ["a"]


def test_failed_jobs_are_named_with_their_error(tmp_path):
    with pytest.raises(ValueError, match="drift"), job(tmp_path / "logs" / "r" / "T0.40_chunk1.log"):
        raise ValueError("energy drift of 3 %")
    with job(tmp_path / "logs" / "r" / "T0.40_chunk0.log"):
        print("all is well")
    failed = survey(tmp_path, FILES)["r"].failed
    assert len(failed) == 1
    assert failed[0].startswith("T0.40_chunk1: ValueError: energy drift of 3 %")


def test_a_repeated_job_that_succeeds_is_no_longer_failed(tmp_path):
    log = tmp_path / "logs" / "r" / "a.log"
    with pytest.raises(ValueError, match="once"), job(log):
        raise ValueError("once")
    with job(log):
        print("well now")
    assert "r" not in survey(tmp_path, FILES)
