"""Who made a file, and what long work says while it runs."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from tglassmlp import progress
from tglassmlp.progress import Progress, duration, job
from tglassmlp.provenance import STAGE_VERSIONS, collect, fingerprint, stage_version


def test_record_names_package_stage_and_libraries():
    record = collect("dynamics", seed=3, engine="native")
    assert record["package"] == "tglassmlp"
    assert record["stage_version"] == stage_version("dynamics") == STAGE_VERSIONS["dynamics"]
    assert record["seed"] == 3
    assert {"python", "numpy", "numba"} <= set(record["libraries"])
    json.dumps(record)


def test_unknown_stage_is_an_error():
    with pytest.raises(KeyError):
        collect("magic")


def test_fingerprint_sees_content_not_order():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint([1, 2]) != fingerprint([2, 1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint({"a": float("nan")})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (42.4, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (59.6, "1 min 00 s")],
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text


class Clock:
    """Replaces the clock, so that nothing has to wait."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def time(self):
        return 1e9 + self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_progress_tells_share_rate_and_time_left(clock, tmp_path):
    out, status = io.StringIO(), tmp_path / "state" / "p.json"
    work = Progress(
        "dynamics T=0.40", total=400.0, unit="steps", status_file=status, interval=10.0, stream=out
    )
    clock.now = 5.0
    work.advance(50.0)
    assert out.getvalue() == "", "nothing before the interval has passed"
    clock.now = 10.0
    work.advance(50.0, "C_B = 0.81")
    assert out.getvalue() == "[dynamics T=0.40]  25.0 %, 10 steps/s, C_B = 0.81, 30 s left\n"
    record = json.loads(status.read_text())
    assert record["share"] == 0.25
    assert record["seconds_left"] == pytest.approx(30.0)
    clock.now = 40.0
    work.advance(300.0)
    work.finish()
    assert out.getvalue().splitlines()[-1] == "[dynamics T=0.40] done in 40 s"
    assert not status.exists()


def test_compilation_before_the_first_piece_does_not_enter_the_rate(clock):
    out = io.StringIO()
    work = Progress("x", total=100.0, unit="steps", interval=30.0, stream=out)
    clock.now = 25.0  # 24 s of compilation, then 10 units a second
    work.advance(10.0)
    clock.now = 30.0
    work.advance(50.0)
    assert "60.0 %, 10 steps/s, 4 s left" in out.getvalue()


def test_resumed_work_does_not_enter_the_rate(clock):
    out = io.StringIO()
    work = Progress("x", total=100.0, unit="steps", interval=1.0, stream=out)
    work.resume(60.0)
    clock.now = 5.0
    work.advance(10.0)
    assert out.getvalue() == "[x]  70.0 %\n", "no rate before a second piece is done"
    clock.now = 10.0
    work.advance(10.0)
    assert "80.0 %, 2 steps/s, 10 s left" in out.getvalue()


def test_job_writes_to_log_and_terminal(tmp_path, capsys):
    log = tmp_path / "logs" / "rule" / "T0.40_chunk0.log"
    with job(log) as status:
        print("to standard output")
        print("to standard error", file=sys.stderr)
        assert status == tmp_path / ".state" / "progress" / "rule" / "T0.40_chunk0.json"
        assert json.loads(status.with_suffix(".job").read_text())["pid"] == os.getpid()
    assert not status.with_suffix(".job").exists()
    assert log.read_text().splitlines() == ["to standard output", "to standard error"]
    assert "to standard output" in capsys.readouterr().err


def test_job_leaves_the_traceback_in_its_log(tmp_path):
    log = tmp_path / "logs" / "rule" / "a.log"
    with pytest.raises(ValueError, match="energy drift"), job(log):
        raise ValueError("energy drift of 3 %")
    assert "ValueError: energy drift of 3 %" in log.read_text()
    assert sys.stdout is not None
