"""The cluster profile on a real Slurm: `make slurm`. Skips with a reason where Slurm cannot be started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from cluster import Absent, Cluster

from tglassmlp.storage import read_arrays

pytestmark = pytest.mark.slurm

REPOSITORY = Path(__file__).resolve().parent.parent.parent
QUICK = os.environ.get("SLURM") == "quick"
FOLDER = REPOSITORY / "results" / ("quick" if QUICK else "")
RECORD = Path(os.environ.get("SLURM_RECORD", FOLDER / "slurm.json"))
ON_SLURM = (
    "--profile", str(REPOSITORY / "workflow" / "profiles" / "slurm"), "--jobs", "4",
    # without accounting; a cluster of one machine answers at once
    "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "5",
)  # fmt: skip


@pytest.fixture
def cluster(tmp_path):
    try:
        with Cluster(tmp_path / "slurm", cores=int(os.environ.get("SLURM_CORES", "1"))) as found:
            yield found
    except Absent as reason:
        pytest.skip(f"no Slurm here: {reason}")


def run(folder: Path, config: dict, environment: dict[str, str], *arguments: str) -> str:
    """Say the command that users say, to its end; returns what it said."""
    folder.mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "config.yaml", folder / "config.yaml")
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, str(REPOSITORY / "scripts" / "run.py"), "run.yaml"]
    command += ["-s", str(REPOSITORY / "Snakefile"), *arguments]
    environment = environment | {"MPLBACKEND": "Agg", "XDG_CACHE_HOME": str(folder / ".cache")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


def save(name: str, cluster: Cluster, begun: float) -> dict[str, int]:
    """Add what Slurm ran to the record."""
    states = Counter(job["JobState"] for job in cluster.jobs())
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    record[name] = {
        "date": time.strftime("%Y-%m-%d"),
        "wall_seconds": round(time.time() - begun),
        "jobs": states,
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{name}: {record[name]}")
    return dict(states)


def content(path: Path) -> dict:
    found = json.loads(path.read_text())
    return {k: v for k, v in found.items() if k not in ("provenance", "sha256")}


def test_the_smoke_run_through_the_profile_gives_the_numbers_of_a_local_run(cluster, tmp_path):
    config = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text())
    begun = time.time()
    run(tmp_path / "cluster", config, cluster.environment, *ON_SLURM)
    states = save("smoke run", cluster, begun)
    assert set(states) == {"COMPLETED"}
    results = tmp_path / "cluster" / "results" / "smoke"
    assert (results / "figures" / "contact_sheet.png").is_file()
    numbers = "results/smoke/numbers.json"
    run(tmp_path / "local", config, dict(os.environ), "--cores", "2", "--quiet", "all", "--", numbers)
    assert content(results / "numbers.json") == content(tmp_path / "local" / numbers)


@pytest.mark.skipif(QUICK, reason="takes minutes")
def test_dynamics_killed_at_the_time_limit_go_on_and_end_with_the_same_trajectories(cluster, tmp_path):
    """One minute (Slurm's shortest limit) for a longer job: SIGTERM, SIGKILL, and another attempt."""
    config = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text())
    duration = float(os.environ.get("SLURM_DURATION", "20000"))
    config["temperatures"][0]["dynamics_time"] = duration
    config["dynamics"]["block_seconds"] = 5.0
    config["equilibration"]["on_failure"] = "warn"
    target = "results/smoke/unit/trajectories/T0.80/chunk0.h5"
    begun = time.time()
    limit = ("--retries", "20", "--set-resources", "run_isoconfigurational_dynamics:runtime=1")
    run(tmp_path / "cluster", config, cluster.environment, *ON_SLURM, *limit, "--", target)
    states = save("dynamics longer than their time limit", cluster, begun)
    assert states.get("TIMEOUT", 0) >= 1, states
    assert states["COMPLETED"] >= 3, states
    run(tmp_path / "local", config, dict(os.environ), "--cores", "1", "--quiet", "all", "--", target)
    found, expected = (read_arrays(tmp_path / where / target) for where in ("cluster", "local"))
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
