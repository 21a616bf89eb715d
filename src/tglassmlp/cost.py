"""What a run costs: seconds, memory and disk of every rule's jobs, from rates and the configuration alone.

The rules ask for time and memory by these functions, and `make estimate` adds them up before anything is
submitted. Times are those of one core (or one GPU) at the rates below; what a rule asks for is half as much
again or more, since a job that runs out of time has to be continued by another.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tglassmlp import engines
from tglassmlp.config import Config, TemperatureSettings
from tglassmlp.division import chunk_ranges
from tglassmlp.dynamics.forecast import planned_table
from tglassmlp.equilibration.schedule import attempts
from tglassmlp.frames import frame_steps
from tglassmlp.state_point import canonical
from tglassmlp.storage import read_json

__all__ = ["Cost", "Rates", "describe", "estimate", "measured_rates"]


@dataclass(frozen=True)
class Rates:
    """Work per second of one core (or GPU); the defaults are those of the demo on a busy machine."""

    #: Monte Carlo attempts.
    monte_carlo: float = 5e6
    #: Particle-steps of engines on devices, ``{"native on cpu": 7e7}``, where not as the engine declares.
    dynamics: Mapping[str, float] = field(default_factory=dict)
    #: Particles brought to their inherent structure.
    minimisation: float = 5e3
    #: Particles times coarse-graining lengths.
    descriptors: float = 1.2e5
    #: Particles times replicas times frames.
    propensities: float = 2e7
    #: Structures times networks that one pass of training takes, in units of 1000 central particles.
    training: float = 3e3
    #: Central particles times C_B times networks.
    prediction: float = 1e6
    #: Seconds that every job takes before and after its work (interpreter, imports, Snakemake).
    start: float = 3.0


#: Rows of results/benchmarks.json that give a rate: part of the name, field or engine and device, factor.
_MEASURED = (
    (r"^dynamics, 16 replicas, .* after 1 tau", "native on cpu", 1e6),
    (r"^swap Monte Carlo, informed exchanges, N = \d+, T = ", "monte_carlo", 1e6),
)


def measured_rates(path: str | os.PathLike[str] = "results/benchmarks.json") -> tuple[Rates, list[str]]:
    """Rates of this machine where `make bench` has measured them, the defaults elsewhere.

    Returns
    -------
    Rates, list of str
        The rates, and the names of those that were measured.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    rates = Rates()
    if not Path(path).is_file():
        return rates, []
    found: dict[str, float] = {}
    rows = read_json(path).get("rows", [])
    for pattern, name, factor in _MEASURED:
        for row in rows:
            value = row.get("value")
            if re.search(pattern, str(row.get("name"))) and name not in found and value and value > 0:
                found[name] = factor * float(value)
    names = sorted(found)
    own = {f.name for f in fields(Rates)}
    dynamics = {name: found.pop(name) for name in names if name not in own}
    return replace(rates, dynamics=dynamics, **found), names


@dataclass(frozen=True)
class Cost:
    """All jobs of one rule: their number, hours, the memory of the largest (MB), and their files (MB)."""

    rule: str
    jobs: int
    cpu_hours: float = 0.0
    gpu_hours: float = 0.0
    memory: float = 500.0
    disk: float = 0.0


# ------------------------------------------------------------------------------------------------ one job


def particles(c: Config, ensemble: str = "unit") -> int:
    """Particles of one system."""
    return sum(c.mixture().composition) * (1 if ensemble == "unit" else c.large_systems.tiles**2)


def central(c: Config, ensemble: str = "unit") -> int:
    """Labelled particles of one system."""
    own = c.mixture().composition[c.propensity.central_species - 1]
    return own * (1 if ensemble == "unit" else c.large_systems.tiles**2)


def systems(c: Config, ensemble: str) -> int:
    """Structures of the temperature that has most."""
    extra = max(t.extra_structures for t in c.temperatures)
    return c.structures.number + extra if ensemble == "unit" else c.large_systems.number


def chunk_sizes(c: Config, ensemble: str, extra: int = 0) -> list[int]:
    """Structures of each chunk of a temperature with ``extra`` structures."""
    if ensemble == "large":
        number, size = c.large_systems.number, c.large_systems.chunk
    else:
        number, size = c.structures.number + extra, c.structures.chunk
    return [len(chunk) for chunk in chunk_ranges(number, size)]


def equilibration_seconds(c: Config, sweeps: int, structures: int, rates: Rates = Rates()) -> float:
    """Time of one chunk of unit systems."""
    return structures * attempts(sweeps, particles(c)) / rates.monte_carlo


def extended_seconds(c: Config, sweeps: int, rates: Rates = Rates()) -> float:
    """Time of one structure of the extended check."""
    check = c.equilibration.extended_check
    factor = 0.0 if check is None else check.factor
    return sweeps * factor * particles(c) / rates.monte_carlo


def large_seconds(c: Config, sweeps: int, structures: int, rates: Rates = Rates()) -> float:
    """Time of one chunk of large systems."""
    sweeps = max(1, round(sweeps * c.large_systems.sweeps_factor))
    return structures * attempts(sweeps, particles(c, "large"), "tiled") / rates.monte_carlo


def dynamics_rate(c: Config, rates: Rates = Rates()) -> float:
    """Particle-steps per second of the run's engine on the device that is asked for."""
    can = engines.engine(c.engine).capabilities
    return rates.dynamics.get(engine_on_device(c), can.rates[can.device])


def engine_on_device(c: Config) -> str:
    """Name the run's engine and the device that is asked for, as in :attr:`Rates.dynamics`."""
    return f"{c.engine} on {engines.engine(c.engine).capabilities.device}"


def dynamics_work(c: Config, plan: Mapping[str, Any]) -> float:
    """Particle-steps of one job, from its plan: duration, replicas, structures, copies of the unit system."""
    steps = plan["duration"] / c.dynamics.time_step
    return particles(c) * plan["copies"] * plan["replicas"] * plan["structures"] * steps


def dynamics_threads(c: Config, plan: Mapping[str, Any]) -> int:
    """Threads that bring one job down to about four hours, as far as its pieces can be shared out."""
    together = engines.engine(c.engine).capabilities.replicas_per_thread
    if together is None:
        return 1
    pieces = plan["structures"] if plan["copies"] == 1 else -(-plan["replicas"] // together)
    return max(1, min(pieces, round(dynamics_work(c, plan) / (dynamics_rate(c) * 4 * 3600))))


def dynamics_seconds(c: Config, plan: Mapping[str, Any], rates: Rates = Rates()) -> float:
    """Core (or GPU) seconds of one job."""
    return dynamics_work(c, plan) / dynamics_rate(c, rates)


def frames(c: Config, duration: float) -> int:
    """Frames of a trajectory."""
    return len(frame_steps(round(duration / c.dynamics.time_step), c.dynamics.frame_ratio))


def dynamics_megabytes(c: Config, plan: Mapping[str, Any]) -> int:
    """Memory: frames of all structures twice (in memory and being written), lanes, and the interpreter."""
    n = particles(c) * plan["copies"] * plan["replicas"]
    return round(600 + n * (plan["structures"] * frames(c, plan["duration"]) * 3 * 8 + 200) / 1e6)


def trajectory_megabytes(c: Config, plan: Mapping[str, Any]) -> float:
    """One chunk of trajectories, in memory as on disk."""
    n = particles(c) * plan["copies"] * plan["replicas"] * plan["structures"]
    return n * frames(c, plan["duration"]) * 8 / 1e6


def prediction_megabytes(c: Config, ensemble: str) -> int:
    """Memory: descriptors and predictions of all structures of one temperature."""
    numbers = 16 * len(c.descriptors.lengths) * 4 + len(c.c_b) * c.training.networks
    return round(1000 + 12 * central(c, ensemble) * systems(c, ensemble) * numbers / 1e6)


def training_seconds(c: Config, state_points: int, networks: int, rates: Rates = Rates()) -> float:
    """Time of one training: what it compiles, and every structure seen by every network in every epoch."""
    epochs = sum(phase.epochs for phase in (*c.training.phase1, *c.training.phase2))
    extra = sum(t.extra_structures for t in c.temperatures) / len(c.temperatures)
    train = len(c.structure_split().train) + extra
    seen = epochs * train * state_points * networks * central(c) / 1000
    return 3.0 + seen / rates.training


def fold_seconds(c: Config, rates: Rates = Rates()) -> float:
    """Time of the trainings of one fold: both steps for every T_min, and GlassMLP at every measured T."""
    t = c.training
    labelled = [x.value for x in c.temperatures if x.dynamics_time is not None]
    n_t, n_c = len(c.temperatures), len(c.c_b)
    steps = [sum(x >= t_min for x in labelled) for t_min in t.t_min]
    networks = t.fold_networks or t.networks
    own = min(t.fold_networks or c.baselines.networks, c.baselines.networks)
    seconds = sum(n_c * training_seconds(c, n, networks, rates) for n in steps)
    seconds += len(t.t_min) * training_seconds(c, n_t * n_c, networks, rates)
    seconds += len(labelled) * n_c * training_seconds(c, 1, own, rates)
    return seconds * (1 - 1 / t.folds if t.folds else 1)


# ------------------------------------------------------------------------------------------------ all jobs


def _unit_plans(c: Config, duration: Callable[[TemperatureSettings], float | None]) -> list[dict[str, Any]]:
    """Plan of every job of the unit systems at the temperatures that have a duration."""
    return [
        {"duration": time, "replicas": c.dynamics.replicas, "structures": size, "copies": 1}
        for t in c.temperatures
        if (time := duration(t)) is not None
        for size in chunk_sizes(c, "unit", t.extra_structures)
    ]


def plans(c: Config) -> list[tuple[str, dict[str, Any]]]:
    """Ensemble and plan of every job of dynamics, as first made."""
    published = c.structures.glassbench.temperatures if c.structures.glassbench else ()
    unit = _unit_plans(c, lambda t: None if t.value in published else t.dynamics_time)
    found = [("unit", plan) for plan in unit]
    large = c.large_systems.dynamics
    if large is not None:
        for chunk in chunk_ranges(large.systems, c.large_systems.chunk):
            copies = c.large_systems.tiles**2
            size = len(chunk)
            plan = {"duration": large.time, "replicas": large.replicas, "structures": size, "copies": copies}
            found.append(("large", plan))
    return found


def extensions(c: Config) -> list[dict[str, Any]]:
    """Plan of every job that makes trajectories longer."""
    return _unit_plans(
        c, lambda t: t.extended_time - t.dynamics_time if t.dynamics_time and t.extended_time else None
    )


def estimate(c: Config, rates: Rates = Rates()) -> list[Cost]:
    """Cost of every rule of a run, in the order of the method; figures and tables are added up."""
    n_t, n_c, models = len(c.temperatures), len(c.c_b), len(c.training.t_min)
    labelled = [t for t in c.temperatures if t.dynamics_time is not None]
    published = set(c.structures.glassbench.temperatures) if c.structures.glassbench else set()
    own = [t for t in c.temperatures if t.value not in published]
    large = chunk_sizes(c, "large")
    number = c.structures.number

    def unit(t: TemperatureSettings) -> list[int]:
        return chunk_sizes(c, "unit", t.extra_structures)

    def structures(chosen: Iterable[TemperatureSettings]) -> int:
        return sum(number + t.extra_structures for t in chosen)

    gpu = engines.engine(c.engine).capabilities.device == "gpu"
    every = {"unit": structures(c.temperatures), "large": n_t * c.large_systems.number}
    total = {e: particles(c, e) * every[e] for e in every}  # particles at all temperatures together
    centre = {e: central(c, e) * every[e] for e in every}
    written = particles(c) * structures(own)
    gsd = 44e-6

    def cost(
        rule: str, seconds: Iterable[float], memory: float = 1000, disk: float = 0.0, gpu: bool = False
    ) -> Cost:
        times = list(seconds)
        hours = sum(times) / 3600
        started = len(times) * rates.start / 3600
        return Cost(rule, len(times), started + (0 if gpu else hours), hours if gpu else 0.0, memory, disk)

    found = []
    if published:
        size = len(published) * (particles(c) * number * gsd * 2 + 1)
        found.append(cost("import_glassbench", [600.0] * len(published), 4000, size))
    times = [equilibration_seconds(c, t.sweeps, size, rates) for t in own for size in unit(t)]
    found.append(cost("equilibrate_structures", times, 1000, written * gsd))
    found.append(cost("measure_equilibration", [1.0] * len(own)))
    found.append(cost("check_equilibration", [0.1] * len(own)))
    if (check := c.equilibration.extended_check) is not None:
        chosen = [t for t in c.temperatures if t.value in c.extended_temperatures()]
        times = [extended_seconds(c, t.sweeps, rates) for t in chosen for _ in range(check.structures)]
        size = particles(c) * len(times) * gsd
        found.append(cost("extend_equilibration", times, 1000, size))
        work = 3 * len(c.descriptors.lengths) * particles(c) / rates.descriptors
        times = [work * (check.structures + number + t.extra_structures) for t in chosen]
        found.append(cost("measure_extended_check", times, 2000))
        found.append(cost("check_extended", [0.1]))
    times = [large_seconds(c, t.sweeps, size, rates) for t in c.temperatures for size in large]
    memory = 1000 + 2e-3 * particles(c, "large") * max(large)
    found.append(cost("equilibrate_large_systems", times, memory, total["large"] * gsd))
    found.append(cost("check_large_systems", [0.1] * len(times)))
    sizes = [(e, t, s) for e, all_t in (("unit", own), ("large", c.temperatures)) for t in all_t for s in
             (unit(t) if e == "unit" else large)]  # fmt: skip
    times = [particles(c, e) * s / rates.minimisation for e, _, s in sizes]
    disk = (written + total["large"]) * gsd
    found.append(cost("find_inherent_structures", times, 2000, disk))
    lengths = len(c.descriptors.lengths)
    sizes = [
        (e, t, s)
        for e in ("unit", "large")
        for t in c.temperatures
        for s in (unit(t) if e == "unit" else large)
    ]
    times = [particles(c, e) * s * lengths / rates.descriptors for e, _, s in sizes]
    columns = 16 * lengths
    disk = (centre["unit"] + centre["large"]) * (columns + 2) * 8e-6
    memory = 800 + 0.012 * max(particles(c, e) * s for e, _, s in sizes)
    found.append(cost("compute_descriptors", times, memory, disk))

    jobs = plans(c)
    times = [dynamics_seconds(c, plan, rates) for _, plan in jobs]
    memory = max((dynamics_megabytes(c, plan) for _, plan in jobs), default=0)
    disk = sum(trajectory_megabytes(c, plan) for _, plan in jobs)
    found.append(cost("run_isoconfigurational_dynamics", times, memory, disk, gpu))
    if longer := extensions(c):
        times = [dynamics_seconds(c, plan, rates) for plan in longer]
        disk = sum(trajectory_megabytes(c, plan) for plan in longer)
        found.append(cost("extend_isoconfigurational_dynamics", times, memory, disk, gpu))
    imported = _unit_plans(c, lambda t: t.dynamics_time if t.value in published else None)
    measured = [*(plan for _, plan in jobs), *imported]
    times = [trajectory_megabytes(c, plan) * 1e6 / 8 / rates.propensities for plan in measured]
    memory = 800 + 3 * max(trajectory_megabytes(c, plan) for plan in measured)
    disk = sum(3 * trajectory_megabytes(c, plan) / plan["replicas"] for plan in measured)
    found.append(cost("measure_propensities", times, memory, disk))
    n_labels = len(labelled) + (c.large_systems.dynamics is not None)
    disk = 3 * n_c * central(c) * structures(labelled) * 8e-6
    found.append(cost("label_structures", [1.0] * n_labels, 4000, disk))
    found.append(cost("measure_relaxation", [1.0], 2000))
    found.append(cost("map_labels", [0.5] * models))
    found.append(cost("fit_scaling", [1.0] * models, 2000))

    networks = c.training.networks
    temperatures = [sum(t.value >= t_min for t in labelled) for t_min in c.training.t_min]
    times = [training_seconds(c, n, networks, rates) for n in temperatures for _ in range(n_c)]
    found.append(cost("train_equi_time", times, 2500))
    disk = models * n_c * centre["unit"] * 4e-6
    found.append(cost("extrapolate_labels", [2.0] * models, 2500, disk))
    found.append(cost("train_full", [training_seconds(c, n_t * n_c, networks, rates)] * models, 4500))
    found.append(cost("select_networks", [2.0] * models, 2500))
    found.append(cost("train_other_output", [training_seconds(c, n_t * n_c, networks, rates)], 4500))
    sources = {canonical(t.value) for t in labelled}
    found.append(
        cost("train_baselines", [training_seconds(c, n_c, c.baselines.networks, rates)] * len(sources), 2500)
    )
    found.append(cost("fit_linear_baselines", [2.0] * models, 2500))
    if c.training.folds:
        found.append(cost("train_fold", [fold_seconds(c, rates)] * c.training.folds, 4500))
    per = {e: centre[e] * n_c * networks for e in centre}
    times = [per[e] / n_t / rates.prediction for e in per for _ in range(n_t * models)]
    disk = models * ((per["unit"] + per["large"]) * 4e-6 + centre["unit"] * n_c * 2 * 4e-6)
    found.append(cost("predict_propensities", times, prediction_megabytes(c, "large"), disk))
    baseline = len(labelled) + (c.large_systems.dynamics is not None)
    disk = baseline * central(c) * systems(c, "unit") * n_c * (2 * c.baselines.networks + 4) * 4e-6
    found.append(cost("predict_baselines", [1.0] * baseline, prediction_megabytes(c, "unit"), disk))
    found.append(cost("tables and numbers", [4.0] * 11 + [20.0], 1500 + 4 * per["large"] / n_t * 8e-6, 20))
    found.append(cost("figures and movie", [2.0] * 19 + [12.0], 1500, 10))
    return found


def describe(c: Config, costs: list[Cost], rates: Rates, measured: list[str]) -> str:
    """Table of an estimate, with sums and the rates it rests on."""
    width = max(len(x.rule) for x in costs)
    head = f"{'rule':<{width}} {'jobs':>6} {'CPU h':>10} {'GPU h':>8} {'memory MB':>10} {'disk GB':>9}"
    lines = [f"run {c.run}, engine {c.engine}", head, "-" * len(head)]
    for x in costs:
        lines.append(
            f"{x.rule:<{width}} {x.jobs:>6} {x.cpu_hours:>10.2f} {x.gpu_hours:>8.2f} {x.memory:>10.0f} "
            f"{x.disk / 1e3:>9.2f}"
        )
    lines.append("-" * len(head))
    total = [sum(getattr(x, f.name) for x in costs) for f in fields(Cost) if f.name not in ("rule", "memory")]
    largest = max(x.memory for x in costs)
    lines.append(
        f"{'together (memory: largest)':<{width}} {total[0]:>6.0f} {total[1]:>10.2f} {total[2]:>8.2f} "
        f"{largest:>10.0f} {total[3] / 1e3:>9.2f}"
    )
    values = {f.name: (getattr(rates, f.name), f.name) for f in fields(Rates)}
    values["dynamics"] = dynamics_rate(c, rates), engine_on_device(c)
    origin = ", ".join(
        f"{name} {rate:.2g}{' (measured here)' if source in measured else ''}"
        for name, (rate, source) in values.items()
    )
    lines.append(f"work per second of one core or GPU: {origin}")
    longest = max((x.cpu_hours + x.gpu_hours) / x.jobs for x in costs if x.jobs)
    engine = engines.engine(c.engine)
    if variable := engine.capabilities.device_variable:
        device = "one GPU per job" if total[2] else f"CPUs; {variable}=gpu counts GPUs"
        lines.append(f"{engine.title} on {device}")
    if math.isfinite(longest):
        lines.append(f"longest job of one core: about {longest:.1f} h")
    for t_min in c.training.t_min:
        try:
            table = planned_table(c, t_min)
        except ValueError as error:
            table = [str(error)]
        if table:
            lines += [
                "",
                f"label map expected for T_min = {t_min:g}, from the relaxation times that are known",
            ]
            lines += ["(x dynamics, t extrapolated in step 1, r full network only; columns: T):", *table]
    return "\n".join(lines)
