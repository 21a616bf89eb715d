"""Seconds, threads and memory of one job, which its rule asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tglassmlp import engines
from tglassmlp.config import Config
from tglassmlp.cost.rates import USUAL_RATES, Rates
from tglassmlp.division import chunk_ranges
from tglassmlp.equilibration.schedule import attempts, start_of
from tglassmlp.frames import frame_steps
from tglassmlp.state_point import canonical

__all__ = [
    "attempts_rate",
    "central",
    "chunk_sizes",
    "dynamics_engine",
    "dynamics_gpus",
    "dynamics_megabytes",
    "dynamics_rate",
    "dynamics_seconds",
    "dynamics_threads",
    "dynamics_work",
    "engine_on_device",
    "equilibration_seconds",
    "extended_seconds",
    "fold_seconds",
    "frames",
    "large_seconds",
    "particles",
    "prediction_megabytes",
    "structure_engine",
    "structure_gpus",
    "systems",
    "training_seconds",
    "trajectory_megabytes",
]


def particles(c: Config, ensemble: str = "unit") -> int:
    """Particles of one system."""
    return sum(c.mixture().composition) * (1 if ensemble == "unit" else c.large_systems.tiles**2)


def central(c: Config, ensemble: str = "unit") -> int:
    """Labelled particles of one system."""
    own = c.mixture().composition[c.propensity.central_species - 1]
    return own * (1 if ensemble == "unit" else c.large_systems.tiles**2)


def systems(c: Config, ensemble: str) -> int:
    """Structures of the temperature that has most, with those that networks only predict."""
    if ensemble == "large":
        return c.large_systems.number
    return c.structures.number + max(t.extra_structures + t.predicted_structures for t in c.temperatures)


def chunk_sizes(c: Config, ensemble: str, temperature: float, predicted: bool = False) -> list[int]:
    """Structures of each chunk of a temperature, with those that networks only predict if asked for."""
    if ensemble == "large":
        return [len(chunk) for chunk in chunk_ranges(c.large_systems.number, c.large_systems.chunk)]
    return [len(chunk) for chunk in c.structure_chunks(canonical(temperature), predicted)]


def structure_engine(c: Config, copies: int = 1) -> engines.Engine:
    """Engine that makes structures of so many copies of the unit system."""
    e = c.equilibration
    return engines.engine(
        engines.structure_engine(c.structure_engine(), e.method, particles(c) * copies, e.exchanges)
    )


def attempts_rate(
    c: Config, rates: Rates = USUAL_RATES, copies: int = 1, structures: int | None = None
) -> float:
    """Rate of what makes the structures, in attempts; a sweep of the hybrid method counts as N of them.

    ``copies``: unit systems that a structure is tiled from. ``structures``: how many of them move at the same
    time; None: as many as fill the device.
    """
    can = structure_engine(c, copies).capabilities
    if c.equilibration.method == "swap_mc":
        usual = can.swap_rates.get(can.device, rates.monte_carlo)
        full = rates.swap.get(_on_device(structure_engine(c, copies)), usual)
        return full * _filled(can.swap_filling.get(can.device), structures)
    # an engine that fills its lanes with replicas of one structure moves one replica in them here
    lanes = can.replicas_per_thread or 1
    full = rates.dynamics.get(_on_device(structure_engine(c, copies)), can.rates[can.device])
    return full * _filled(can.filling.get(can.device), structures) / (lanes * c.equilibration.hybrid_steps)


def _filled(needed: int | None, systems: int | None) -> float:
    """Share of its rate that a device reaches which needs so many systems at once."""
    return 1.0 if needed is None or systems is None else min(1.0, systems / needed)


def equilibration_seconds(
    c: Config, temperature: str, structures: Sequence[int], rates: Rates = USUAL_RATES
) -> float:
    """Time of one chunk of unit systems, by the name of its temperature and the numbers of its structures."""
    sweeps, rung = c.temperature(temperature).sweeps, c.rung_above(temperature) is not None
    work = sum(attempts(sweeps, particles(c), start_of(k, rung)) for k in structures)
    return work / attempts_rate(c, rates, structures=len(structures))


def extended_seconds(c: Config, sweeps: int, rates: Rates = USUAL_RATES) -> float:
    """Time of one structure of the extended check."""
    check = c.equilibration.extended_check
    factor = 0.0 if check is None else check.factor
    return sweeps * factor * particles(c) / attempts_rate(c, rates, structures=1)


def large_seconds(c: Config, sweeps: int, structures: int, rates: Rates = USUAL_RATES) -> float:
    """Time of one chunk of large systems."""
    sweeps = max(1, round(sweeps * c.large_systems.sweeps_factor))
    rate = attempts_rate(c, rates, c.large_systems.tiles**2, structures)
    return structures * attempts(sweeps, particles(c, "large"), "tiled") / rate


def dynamics_engine(c: Config, copies: int = 1) -> engines.Engine:
    """Engine of the dynamics of systems of so many copies of the unit system."""
    return engines.engine(engines.system_engine(c.engine, particles(c) * copies))


def dynamics_rate(
    c: Config, rates: Rates = USUAL_RATES, copies: int = 1, systems: int | None = None
) -> float:
    """Particle-steps per second of the engine of such systems on the device that is asked for.

    ``systems``: replicas that move at the same time; None: as many as fill the device.
    """
    can = dynamics_engine(c, copies).capabilities
    full = rates.dynamics.get(engine_on_device(c, copies), can.rates[can.device])
    return full * _filled(can.filling.get(can.device), systems)


def engine_on_device(c: Config, copies: int = 1) -> str:
    """Name the engine of such systems and the device that is asked for, as in :attr:`Rates.dynamics`."""
    return _on_device(dynamics_engine(c, copies))


def _on_device(engine: engines.Engine) -> str:
    return f"{engine.name} on {engine.capabilities.device}"


def dynamics_gpus(c: Config, plan: Mapping[str, Any]) -> int:
    """Graphics cards of one job."""
    return int(dynamics_engine(c, plan["copies"]).capabilities.device == "gpu")


def structure_gpus(c: Config, copies: int = 1) -> int:
    """Graphics cards of a job that makes structures of so many copies of the unit system."""
    return int(structure_engine(c, copies).capabilities.device == "gpu")


def dynamics_work(c: Config, plan: Mapping[str, Any]) -> float:
    """Particle-steps of one job, from its plan: duration, replicas, structures, copies of the unit system."""
    steps = plan["duration"] / c.dynamics.time_step
    return particles(c) * plan["copies"] * plan["replicas"] * plan["structures"] * steps


def dynamics_threads(c: Config, plan: Mapping[str, Any]) -> int:
    """Threads that bring one job down to about four hours, as far as its pieces can be shared out."""
    together = dynamics_engine(c, plan["copies"]).capabilities.replicas_per_thread
    if together is None:
        return 1
    pieces = plan["structures"] if plan["copies"] == 1 else -(-plan["replicas"] // together)
    rate = dynamics_rate(c, copies=plan["copies"])
    return max(1, min(pieces, round(dynamics_work(c, plan) / (rate * 4 * 3600))))


def dynamics_seconds(c: Config, plan: Mapping[str, Any], rates: Rates = USUAL_RATES) -> float:
    """Core (or GPU) seconds of one job."""
    systems = plan["structures"] * plan["replicas"]
    return dynamics_work(c, plan) / dynamics_rate(c, rates, plan["copies"], systems)


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


def training_seconds(c: Config, state_points: int, networks: int, rates: Rates = USUAL_RATES) -> float:
    """Time of one training: what it compiles, and every structure seen by every network in every epoch."""
    epochs = sum(phase.epochs for phase in (*c.training.phase1, *c.training.phase2))
    extra = sum(t.extra_structures for t in c.temperatures) / len(c.temperatures)
    train = len(c.structure_split().train) + extra
    seen = epochs * train * state_points * networks * central(c) / 1000
    return 3.0 + seen / rates.training


def fold_seconds(c: Config, rates: Rates = USUAL_RATES) -> float:
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
