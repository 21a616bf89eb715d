"""The longest job of a site: jobs ask for no more, and are tried again as often as that takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tglassmlp.cost import longest_job, retries, within_limit
from tglassmlp.cost.time_limits import VARIABLE

#: Rules whose jobs go on from a checkpoint.
LONG = {
    "equilibrate_structures", "equilibrate_large_systems", "extend_equilibration",
    "run_isoconfigurational_dynamics", "extend_isoconfigurational_dynamics",
    "train_equi_time", "train_full", "train_other_output", "train_baselines", "train_fold", "run_study",
}  # fmt: skip


def test_without_a_limit_nothing_changes(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert longest_job() is None
    assert within_limit(29000) == 29000
    assert retries([29000]) == 0  # the profile's number holds


def test_jobs_are_cut_and_tried_again(monkeypatch):
    monkeypatch.setenv(VARIABLE, "1440")
    assert [within_limit(m) for m in (10, 1440, 1441, 29000)] == [10, 1440, 1440, 1440]
    assert retries([10, 1440]) == 0
    assert retries([10, 1441]) == 1 + 3  # two attempts need one repetition, and three are left for accidents
    assert retries([2 * 1440, 10]) == 1 + 3
    assert retries([29000]) == 20 + 3
    assert retries([]) == 0


@pytest.mark.parametrize("text", ["1d", "4", "-60", "12.5", "1 440", "٦٠"])
def test_other_limits_are_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ValueError, match=r"whole number of minutes, at least 5 \(a day is 1440\)"):
        longest_job()


def test_every_rule_with_checkpoints_knows_the_limit(repository, tmp_path):
    """In the smoke run every job needs ten minutes at least, and five are allowed."""
    run = subprocess.run(
        [sys.executable, str(repository / "tests" / "workflow" / "plans.py"), str(repository), "--files"],
        cwd=tmp_path,
        env={**os.environ, VARIABLE: "5"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    found = {name for name, rule in json.loads(run.stdout).items() if rule["retries"]}
    assert found == LONG
    source = "\n".join(p.read_text() for p in (repository / "workflow" / "rules").glob("*.smk"))
    assert source.count("retries:") == len(LONG)
    assert source.count("within_limit(") == len(LONG) + 3  # its definition
