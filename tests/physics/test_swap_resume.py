"""A swap Monte Carlo run that is killed goes on and ends with the same bits."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tglassmlp import KA2D, read_configurations
from tglassmlp.simulation.equilibration import EquilibrationSettings, equilibrate_structure
from tglassmlp.storage import read_table

PROGRAM = """
import sys
from pathlib import Path
from tglassmlp import KA2D, write_configurations
from tglassmlp.simulation.equilibration import EquilibrationSettings, equilibrate_structure
from tglassmlp.storage import write_table

state, out = map(Path, sys.argv[1:])
settings = EquilibrationSettings(record_points=10, block_seconds=0.05)
c, record = equilibrate_structure(0.5, 1, 2000, 9, settings, KA2D.scaled(10), state)
write_configurations(out / "c.gsd", [c])
write_table(out / "record.parquet", record, {})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_killed_run_ends_with_the_same_numbers(tmp_path):
    state, program = tmp_path / "state" / "s.npz", [sys.executable, "-c", PROGRAM]
    rng = np.random.default_rng(4)
    kills = 0
    for _ in range(3):
        known = os.stat(state).st_mtime_ns if state.exists() else None
        process = subprocess.Popen([*program, state, tmp_path], stderr=subprocess.PIPE)
        # wait for a checkpoint of this process, then for a random moment between or in the next ones
        while process.poll() is None:
            if state.exists() and os.stat(state).st_mtime_ns != known:
                break
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills == 3
    subprocess.run([*program, state, tmp_path], check=True)
    settings = EquilibrationSettings(record_points=10, block_seconds=1e9)
    c, record = equilibrate_structure(0.5, 1, 2000, 9, settings, KA2D.scaled(10))
    resumed = read_configurations(tmp_path / "c.gsd")[0]
    np.testing.assert_array_equal(resumed.positions, c.positions)
    np.testing.assert_array_equal(resumed.species, c.species)
    found = read_table(tmp_path / "record.parquet")
    for name in record.columns:
        np.testing.assert_array_equal(found[name].to_numpy(), record[name].to_numpy(), err_msg=name)
