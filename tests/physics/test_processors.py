"""The compiled kernels give the same paths on processors with and without wide vector registers.

Dynamics are the same to the last bit by construction. Swap Monte Carlo sums energies in another order, which
matters only where a decision falls within rounding; the minimiser reaches the same minimum on another path.

Numba compiles for a named processor if it is told so; that of this machine runs the code of all older ones.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from tglassmlp import KA2D, swap_monte_carlo
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.simulation import run as runs
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.minimisation import minimise

#: CAMPAIGN=quick: one other processor, and the kernel that compiles fastest.
QUICK = os.environ.get("CAMPAIGN") == "quick"


def digests() -> list[str]:
    """Hashes of what every kernel made; dynamics with both precisions and widths."""
    m = KA2D.scaled(10)
    c = lattice_start(m, np.random.SeedSequence(1))
    if QUICK:
        return [digest(np.round(minimise(c, m)[1]["energy"], 9))]
    c, _ = swap_monte_carlo(c, 0.6, 150, seed=3, mixture=m)
    found = [c.positions, np.round(minimise(c, m)[1]["energy"], 9)]
    informed, _ = swap_monte_carlo(c, 0.5, 60, seed=4, mixture=m, exchanges="informed")
    found += [informed.positions, informed.species]
    for precision, replicas in (("mixed", 3), ("mixed", 16), ("double", 3)):
        run = runs.trajectory(
            c, 0.6, np.array([0, 50, 400]), replicas, np.random.SeedSequence(1), mixture=m,
            settings=DynamicsSettings(precision=precision),
        )  # fmt: skip
        found += [run.displacements, run.potential_energy]
    return [digest(a) for a in found]


def digest(array: np.ndarray) -> str:
    """Hash of the bytes of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


@pytest.mark.campaign
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of the x86-64 family")
@pytest.mark.parametrize("processor", ["generic"] if QUICK else ["generic", "haswell"])
def test_kernels_do_not_depend_on_the_processor(processor, tmp_path):
    told = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    there = subprocess.run(
        [sys.executable, __file__], env={**os.environ, **told}, capture_output=True, text=True, check=True
    )
    assert there.stdout.split() == digests()


if __name__ == "__main__":
    print(*digests())
