"""Ten minutes on a card: whether the CUDA engine does there what it does on a processor, and how fast.

    python -m benchmarks.gpu_check [PART ...] [--host] [--seconds 4] [--output FILE]

Parts, in this order (all by default):

``equality``
    trajectories of the card beside those of the native engine, bit for bit, with both thermostats;
``resume``
    a run that is stopped on its way and goes on, beside one that is not;
``dynamics``
    particle-steps per second of 1 to 16384 replicas, arrested and flowing;
``swap``
    displacements per second of swap Monte Carlo of 64 to 4096 structures;
``training``
    steps of networks per second, on the device that JAX takes;
``hoomd``
    particle-steps per second of HOOMD-blue, where it is installed.

The JSON file holds the card, versions and what was found; ``make estimate`` reads its rates. A part that
fails is noted and the others go on; the exit status is 1 then, or if bits differ. With ``--host`` everything
runs on the emulation by g++, small, which shows that the check itself works and measures nothing. With
BENCH=quick in the environment it is smaller still.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.scale import QUICK

from tglassmlp import KA2D, Configuration, Mixture, swap_monte_carlo
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.progress import Report
from tglassmlp.provenance import collect
from tglassmlp.simulation.cuda.device import Device, device
from tglassmlp.simulation.cuda.dynamics import CudaDynamics, particle_steps_per_second
from tglassmlp.simulation.cuda.emulated import EmulatedDevice
from tglassmlp.simulation.cuda.swap import attempts_per_second
from tglassmlp.simulation.dynamics import DynamicsSettings, Trajectory, log_spaced_steps
from tglassmlp.simulation.protocols import Conduct, DynamicsRequest, dynamics_engine
from tglassmlp.storage import write_json

#: Arrested: nobody leaves its cage while it is measured. Flowing: lists last for a few steps only.
ARRESTED, FLOWING = 0.23, 0.50
#: Instructions of PTX in the innermost loop for one entry of the list (nvcc 13.0, sm_90: 157 for four).
INSTRUCTIONS = 157 / 4
#: What a trajectory is compared by.
RECORDED = ("displacements", "kinetic_temperature", "potential_energy", "conserved_drift")


class Stopped(Exception):
    """Ends a run on its way, as a kill would."""


@dataclass
class Check:
    """What all parts need: the device, the sizes, and the structures by temperature."""

    device: Device
    host: bool
    seconds: float

    def sized(self, card: Any, host: Any) -> Any:
        """Return the size for a card, or for the emulation."""
        return host if self.host else card

    @property
    def mixture(self) -> Mixture:
        """1290 particles, 129 in the emulation."""
        return KA2D.scaled(10) if self.host else KA2D

    def structure(self, temperature: float) -> Configuration:
        """Liquid that was cooled for a while; only its density and its rattling count here."""
        m = self.mixture
        c = lattice_start(m, np.random.SeedSequence(1))
        for t, sweeps in ((1.0, 100), (0.5, 200), (temperature, 600 if temperature < 0.5 else 0)):
            if sweeps:
                c = swap_monte_carlo(c, t, sweeps // 10 if QUICK else sweeps, seed=1, mixture=m)[0]
        return c


def difference(found: Trajectory, expected: Trajectory) -> dict[str, Any]:
    """Whether two trajectories are equal to the last bit, and from which frame on they are not."""
    wrong = [n for n in RECORDED if not np.array_equal(getattr(found, n), getattr(expected, n))]
    result: dict[str, Any] = {"equal": not wrong, "steps": int(expected.steps[-1])}
    if wrong:
        frames = range(len(expected.steps))
        moved = [np.abs(found.displacements[:, k] - expected.displacements[:, k]).max() for k in frames]
        first = next((k for k in frames if moved[k] > 0), None)
        result |= {
            "differ": wrong,
            "first_step_that_differs": None if first is None else int(expected.steps[first]),
            "largest_difference_there": None if first is None else float(moved[first]),
        }
    return result


def request_of(check: Check, steps: Any, replicas: int, thermostat: str = "bussi") -> DynamicsRequest:
    """Replicas of a flowing structure."""
    return DynamicsRequest(
        [check.structure(FLOWING)], [np.random.SeedSequence(7)], FLOWING, steps, replicas, check.mixture,
        DynamicsSettings(thermostat=thermostat),
    )  # fmt: skip


def equality(check: Check) -> dict[str, Any]:
    """Beside the native engine, over ten thousand steps on a card."""
    steps = log_spaced_steps(check.sized(100.0, 1.0 if QUICK else 10.0), 0.01)
    found: dict[str, Any] = {}
    for thermostat in ("bussi", "nose_hoover"):
        wanted = request_of(check, steps, check.sized(8, 2), thermostat)
        (here,), (there,) = (
            CudaDynamics(check.device).trajectories(wanted),
            dynamics_engine("native").trajectories(wanted),
        )
        found[thermostat] = difference(here, there)
    return {**found, "equal": all(part["equal"] for part in found.values())}


def resume(check: Check) -> dict[str, Any]:
    """Stop a run after some launches and go on, on the card."""
    steps = log_spaced_steps(check.sized(20.0, 1.0), 0.01)
    wanted = request_of(check, steps, check.sized(64, 2))
    wanted = replace(wanted, settings=replace(wanted.settings, block_seconds=1e-6))
    engine, reports = CudaDynamics(check.device), 0

    def stop(_: Report) -> None:
        nonlocal reports
        reports += 1
        if reports == 6:
            raise Stopped

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "structure0.npz"]
        with contextlib.suppress(Stopped):
            engine.trajectories(wanted, Conduct(files, progress=stop))
        (found,) = engine.trajectories(wanted, Conduct(files))
    (whole,) = engine.trajectories(wanted)
    return {"reports_before_the_stop": reports, **difference(found, whole)}


def dynamics(check: Check) -> dict[str, Any]:
    """Rates against the number of replicas, and the share of what the card could issue."""
    facts = check.device.facts()
    table = []
    for title, temperature in (("arrested", ARRESTED), ("flowing", FLOWING)):
        c = check.structure(temperature)
        for replicas in check.sized((1, 16, 64, 132, 264, 528, 1056, 4096, 16384), (1, 4)):
            row: dict[str, Any] = {"state": title, "temperature": temperature}
            row |= particle_steps_per_second(
                c, temperature, replicas, check.mixture, seconds=check.seconds, on=check.device
            )
            if "clock_hertz" in facts:
                issued = row["particle_steps_per_second"] * row["entries_per_particle"] * INSTRUCTIONS
                row["share_of_instructions"] = issued / (
                    facts["multiprocessors"] * 128 * facts["clock_hertz"]
                )
            say(f"  {title}, {replicas} replicas: {row['particle_steps_per_second']:.3g} particle-steps/s")
            table.append(row)
    best = {s: max(r["particle_steps_per_second"] for r in table if r["state"] == s) for s in
            ("arrested", "flowing")}  # fmt: skip
    kernels = check.device.kernels("dynamics.cu", {})
    return {"rows": table, "best": best, "kernel": kernels.resources("dynamics_advance")}


def swap(check: Check) -> dict[str, Any]:
    """Displacements per second, exchanges included, against the number of structures."""
    c, table = check.structure(FLOWING), []
    for structures in check.sized((64, 1024, 4096), (1, 4)):
        sweeps = 8
        while True:
            row = attempts_per_second(
                [c] * structures, FLOWING, check.mixture, sweeps=sweeps, on=check.device
            )
            if row["seconds"] >= 0.5 * check.seconds or sweeps >= 4096:
                break
            sweeps = 4 * round(sweeps * min(8.0, check.seconds / max(row["seconds"], 1e-3)) / 4 + 1)
        say(f"  {structures} structures: {row['attempts_per_second']:.3g} displacements/s")
        table.append(row)
    kernels = check.device.kernels("swap.cu", {})
    best = max(r["attempts_per_second"] for r in table)
    return {"rows": table, "best": best, "kernel": kernels.resources("swap_sweeps")}


def training(check: Check) -> dict[str, Any]:
    """Steps of networks per second, an ensemble of 16 on random descriptors of the paper's size."""
    if importlib.util.find_spec("jax") is None:
        return {"absent": "JAX is not installed"}
    import jax
    from benchmarks.training import BATCHES, STATE, batches

    from tglassmlp.network.optimise import train
    from tglassmlp.network.settings import TrainingSettings

    networks, epochs = check.sized((16, 40), (2, 2))
    data, seeds = batches(np.random.default_rng(0)), [np.random.SeedSequence(k) for k in range(networks)]
    times = []
    for n in (1, 1, 1 + epochs):
        settings = TrainingSettings(phase1=((n, 1e-4),), phase2=())
        began = time.perf_counter()
        train(data, None, STATE, seeds, seeds[0], settings=settings)
        times.append(time.perf_counter() - began)
    rate = networks * BATCHES * epochs / max(times[2] - times[1], 1e-3)
    return {
        "device": str(jax.devices()[0]),
        "jax": jax.__version__,
        "networks": networks,
        "steps_per_second": rate,
    }


def hoomd(check: Check) -> dict[str, Any]:
    """HOOMD-blue on the same machine, replicas as planes."""
    if importlib.util.find_spec("hoomd") is None:
        return {"absent": "HOOMD-blue is not installed"}
    import hoomd as library
    from benchmarks.hoomd_replicas import measure, sample

    from tglassmlp.simulation.hoomd.machine import Machine

    machine = Machine.from_environment().resolved()
    rows = [measure(sample(), n, machine, check.seconds) for n in check.sized((64, 1024), (1,))]
    return {"version": library.version.version, "device": machine.device, "rows": rows}


#: Parts by name.
PARTS: dict[str, Callable[[Check], dict[str, Any]]] = {
    f.__name__: f for f in (equality, resume, dynamics, swap, training, hoomd)
}


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def record(check: Check, parts: list[str]) -> dict[str, Any]:
    """Run the parts, each on its own, and return all that is known."""
    found: dict[str, Any] = {
        "device": check.device.facts(),
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "parts": {},
    }
    for name in parts:
        say(f"{name} ...")
        began = time.monotonic()
        try:
            result = PARTS[name](check)
        except Exception as error:
            traceback.print_exc()
            result = {"failed": f"{type(error).__name__}: {error}"}
        found["parts"][name] = {**result, "took_seconds": round(time.monotonic() - began, 1)}
        short = {k: v for k, v in result.items() if k not in ("rows", "kernel")}
        say(f"  {short}")
    done = found["parts"]
    rates = {
        "dynamics": done.get("dynamics", {}).get("best", {}).get("flowing"),
        "swap": done.get("swap", {}).get("best"),
    }
    found["rates"] = {k: v for k, v in rates.items() if v is not None and not check.host}
    return found


def main() -> int:
    """Run the check and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help="parts; all by default"
    )
    parser.add_argument("--host", action="store_true", help="on the emulation by g++, small")
    parser.add_argument("--seconds", type=float, help="time of each launch that is measured")
    parser.add_argument("--output", type=Path, help="results/gpu_check.json, with --host gpu_check_host.json")
    given = parser.parse_args()
    try:
        place: Device = EmulatedDevice() if given.host else device()
    except (ImportError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    host = given.host or place.emulated
    folder = Path("results", "quick") if QUICK else Path("results")
    output = given.output or folder / ("gpu_check_host.json" if host else "gpu_check.json")
    seconds = given.seconds or (4.0 if not host else 0.02 if QUICK else 0.5)
    began = time.monotonic()
    found = record(Check(place, host, seconds), given.parts or list(PARTS))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_json(output, {**found, "provenance": collect("figures")})
    parts = found["parts"].values()
    good = not any("failed" in part or part.get("equal") is False for part in parts)
    say(f"{'all is well' if good else 'SOMETHING IS WRONG'} after {time.monotonic() - began:.0f} s: {output}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
