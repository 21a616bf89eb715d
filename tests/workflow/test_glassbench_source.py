"""Runs that learn from published data: what is planned, and what is said when the data are not there."""

from __future__ import annotations

import pytest
from test_workflow import planned, snakemake


@pytest.fixture
def published(tmp_path):
    """Folders of two published temperatures; a plan does not look inside."""
    for name in ("T0.30", "T0.23"):
        (tmp_path / "data" / "glassbench" / "KA2D_trajectories" / name / "train").mkdir(parents=True)
    return tmp_path


def test_published_temperatures_are_imported_and_the_others_generated(repository, published):
    run = snakemake(
        repository, published, "-n", "--configfile", str(repository / "config" / "glassbench.yaml")
    )
    assert run.returncode == 0, run.stderr
    jobs = planned(run.stdout + run.stderr)
    assert jobs["import_glassbench"] == 2
    assert "run_isoconfigurational_dynamics" not in jobs
    # three temperatures of 25 chunks each are our own
    assert jobs["equilibrate_structures"] == 75
    assert jobs["check_equilibration"] == 3


def test_absent_data_are_named_before_any_job(repository, tmp_path):
    run = snakemake(
        repository, tmp_path, "-n", "--configfile", str(repository / "config" / "glassbench.yaml")
    )
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert "structures.glassbench.path: no such GlassBench data: data/glassbench" in said
