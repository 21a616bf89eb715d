"""The fault campaign: `make faults`, one test a series. Hours of kills and damage on one small run.

With FAULTS=quick the run ends with its dynamics, and one kill and a few damaged files are tried.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import campaign
import pytest
from small_run import QUICK, REPOSITORY, Run, begun, copy

pytestmark = pytest.mark.faults

FOLDER = REPOSITORY / "results" / ("quick" if QUICK else "")
RECORD = Path(os.environ.get("FAULTS_RECORD", FOLDER / "faults.json"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Numbers of the undisturbed run; FAULTS_REFERENCE names a folder where it is kept between calls."""
    kept = os.environ.get("FAULTS_REFERENCE")
    run = Run(Path(kept) if kept else tmp_path_factory.mktemp("reference"))
    assert run.go() == 0, run.said()
    return run


@pytest.fixture
def mount(tmp_path):
    """A folder that is a small disk of its own."""
    folder = tmp_path / "disk"
    if not campaign.mounted(folder, 192):
        pytest.skip("a disk of its own needs the right to mount one")
    yield folder
    campaign.unmount(folder)


def judged(name, run, reference, play):
    series = campaign.Series(run, random.Random(f"{name} {SEED}"), reference.numbers())
    play(series)
    campaign.save(RECORD, name, series)
    bad = [t for t in series.tries if any(w in t.outcome for w in ("FAILED", "WRONG", "UNNOTICED"))]
    assert not bad, "\n".join(f"{t.fault}: {t.outcome}" for t in bad)
    assert series.tries


def test_kills(reference, tmp_path):
    judged("kills", begun(reference, tmp_path / "run"), reference, campaign.kills)


long = pytest.mark.skipif(QUICK, reason="takes a quarter of an hour")


@long
def test_damaged_files(reference, tmp_path):
    judged("damage", begun(reference, tmp_path / "run"), reference, campaign.damage)


@long
def test_full_disk(reference, mount):
    judged("full disk", begun(reference, mount / "run"), reference, campaign.full_disk)


@long
def test_read_only_results(reference, mount):
    judged("read-only", begun(reference, mount / "run"), reference, campaign.read_only)


@long
def test_two_runs_clocks_nodes_deletions(reference, tmp_path):
    judged("others", begun(reference, tmp_path / "run"), reference, campaign.others)


def test_every_bit_flip_of_a_finished_run_is_found(reference, tmp_path):
    """Files of a finished run, each damaged in turn: reading names it, or gives what it held."""
    run = copy(reference, tmp_path / "run")
    judged("finished", run, reference, campaign.finished)
    shutil.rmtree(run.folder)
