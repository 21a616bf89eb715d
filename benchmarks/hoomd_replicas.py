"""Speed of HOOMD-blue against the number of replicas stacked in one simulation, on a CPU or a GPU as found.

    python benchmarks/hoomd_replicas.py [--device gpu] [--planes 1 16 256] [--seconds 10] [--json table.json]

Every point is one simulation of that many planes of 1290 particles at T = 0.50 with the thermostat on; it is
warmed up (neighbour lists, kernel tuning), then timed. ``--native`` measures the native engine beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from tglassmlp import KA2D, Configuration, swap_monte_carlo
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.replica_run import ReplicaNoise
from tglassmlp.simulation.run import trajectory
from tglassmlp.simulation.thermostats import maxwell

TEMPERATURE = 0.50
CPU_PLANES = (1, 2, 4, 8, 16, 32)
GPU_PLANES = (1, 4, 16, 64, 256, 1024, 4096)


def sample() -> Configuration:
    """Return a liquid of 1290 particles, nearly in equilibrium at T = 0.50."""
    side = 36
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)[:1290]
    species = np.random.default_rng(0).permutation(KA2D.species())
    c = Configuration((grid + 0.5) * KA2D.box_length / side, species, KA2D.box_length)
    for temperature, sweeps in ((1.5, 100), (TEMPERATURE, 300)):
        c, _ = swap_monte_carlo(c, temperature, sweeps, seed=1)
    return c


def measure(c: Configuration, planes: int, machine: Any, seconds: float) -> dict[str, Any]:
    """Time one simulation of ``planes`` replicas."""
    import hoomd

    from tglassmlp.simulation.hoomd.planes import stacked
    from tglassmlp.simulation.hoomd.thermostat import Thermostat

    stack = stacked([c] * planes, KA2D, machine, hoomd.md.Integrator(dt=0.01), shift=False)
    noise = [ReplicaNoise(np.random.SeedSequence(k)) for k in range(planes)]
    thermostat = Thermostat(stack, TEMPERATURE, DynamicsSettings(), noise)
    start = np.stack([c.wrapped()] * planes)
    stack.set(start, maxwell(noise, TEMPERATURE, c.n_particles), np.zeros(start.shape, dtype=np.int32))
    steps, taken = 20, 0.0
    thermostat.run(200 if machine.device == "cpu" else 5000)
    while taken < 0.5 * seconds:
        began = time.perf_counter()
        processor = time.process_time()
        thermostat.run(steps)
        taken, used = time.perf_counter() - began, time.process_time() - processor
        last, steps = steps, max(steps + 1, int(steps * min(10.0, 0.8 * seconds / max(taken, 1e-6))))
    stack.get()  # refuses planes that have met
    # a CPU that is shared with others counts the time it was used
    clock = used if machine.device == "cpu" else taken
    return {
        "planes": planes,
        "steps_per_second": last / clock,
        "particle_steps_per_second": last * planes * c.n_particles / clock,
    }


def native(c: Configuration, replicas: int) -> float:
    """Particle-steps per second of the native engine on one core."""
    best = 0.0
    for steps in (200, 2000, 2000):
        began = time.process_time()
        trajectory(c, TEMPERATURE, np.array([steps]), replicas, np.random.SeedSequence(1))
        best = max(best, steps * replicas * c.n_particles / (time.process_time() - began))
    return best


def rows() -> list[dict[str, Any]]:
    """Rows of the common benchmark table; none where HOOMD-blue is absent."""
    if importlib.util.find_spec("hoomd") is None:
        return []
    from tglassmlp.simulation.hoomd.machine import Machine

    c, machine = sample(), Machine.from_environment().resolved()
    peer = native(c, 16)
    table = []
    for planes in (1, 16) if machine.device == "cpu" else (1, 64, 1024):
        rate = measure(c, planes, machine, 4.0)["particle_steps_per_second"]
        table.append(
            {
                "name": f"HOOMD-blue, {planes} stacked replicas of 1290 particles ({machine.device})",
                "value": rate,
                "unit": "particle-steps/s",
                "cores": 1,
                "peer": "native engine, 16 replicas, one core",
                "peer_value": peer,
                "ratio": rate / peer,
            }
        )
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
    parser.add_argument("--planes", type=int, nargs="+", default=None)
    parser.add_argument("--potential", choices=["exact", "table"], default="exact")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--native", action="store_true")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    if importlib.util.find_spec("hoomd") is None:
        raise SystemExit("skipped: HOOMD-blue is not installed, docs/engines.md says how to get it")
    from tglassmlp.simulation.hoomd.machine import Machine

    machine = Machine(arguments.device, potential=arguments.potential).resolved()
    c = sample()
    table = []
    print(f"{machine.device}, {machine.potential} potential")
    print(f"{'planes':>8} {'steps/s':>12} {'particle-steps/s':>18}")
    for planes in arguments.planes or (CPU_PLANES if machine.device == "cpu" else GPU_PLANES):
        table.append(measure(c, planes, machine, arguments.seconds))
        rate = table[-1]["particle_steps_per_second"]
        print(f"{planes:8d} {table[-1]['steps_per_second']:12.1f} {rate:18.3g}", flush=True)
    if arguments.native:
        print(f"native engine, 16 replicas, one core: {native(c, 16):.3g} particle-steps/s")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
