"""Chains of any sampler are led through a schedule, noted down, and saved on their way.

Structures that are at the same step of the same plan go together, as many at once as the engine declares
that it moves. A structure's numbers do not depend on which others go beside it if the engine promises so;
those of the native engine do not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp import engines
from tglassmlp.configuration import Configuration
from tglassmlp.equilibration.overlap import overlap, tile_overlap
from tglassmlp.equilibration.record import autocorrelation_time
from tglassmlp.equilibration.schedule import Step
from tglassmlp.equilibration.settings import EquilibrationSettings, decisive
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.simulation import checkpoint
from tglassmlp.simulation.hybrid import HybridSampler
from tglassmlp.simulation.minimisation import minimise
from tglassmlp.simulation.protocols import SwapChains, SwapRequest, SwapSampler, dynamics_engine, swap_sampler

__all__ = [
    "Task",
    "check_request",
    "checkpoint_key",
    "run_plan",
]


@dataclass(frozen=True)
class Task:
    """One chain that is to be led through a plan.

    Attributes
    ----------
    plan
        Steps of :mod:`tglassmlp.equilibration.schedule`; tasks that are to go together share one list.
    begin
        Where the chain starts.
    seed
        Its seed.
    state
        Checkpoint file, resumed if there and kept at the end, or None.
    key
        What decides the chain's numbers (:func:`checkpoint_key`); checkpoints with another one are refused.
    """

    plan: Sequence[Step]
    begin: Configuration
    seed: np.random.SeedSequence
    state: Path | None = None
    key: str = ""

    @property
    def n_particles(self) -> int:
        """Number of particles."""
        return self.begin.n_particles


@dataclass
class _Walk:
    """How far a task is, and what was noted on the way."""

    task: Task
    step: int = 0  # steps done
    samples: list[float] = field(default_factory=list)  # energies
    taken: int = 0  # samples that rows were made of
    rows: list[dict[str, Any]] = field(default_factory=list)
    # those of the chain when the last row was made; none yet at the beginning
    counters: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    reference: Configuration | None = None  # state that overlaps are taken with
    chain: dict[str, NDArray] | None = None  # saved state of the chain

    @classmethod
    def of(cls, task: Task) -> _Walk:
        """Begin, or go on from the checkpoint if there is one."""
        saved = None if task.state is None else checkpoint.load(task.state, task.key)
        if saved is None:
            return cls(task)
        arrays, record = saved
        walk = cls(
            task, record["step"], arrays["samples"].tolist(), record["taken"], record["rows"], arrays["since"]
        )
        walk.chain = {k.removeprefix("chain/"): v for k, v in arrays.items() if k.startswith("chain/")}
        if "reference/positions" in arrays:
            parts = (arrays["reference/positions"], arrays["reference/species"])
            walk.reference = Configuration(*parts, task.begin.box_length)
        return walk

    def save(self, chain: Mapping[str, NDArray]) -> None:
        """Write the checkpoint with the state of the chain, if there is to be one."""
        if self.task.state is None:
            return
        arrays = {f"chain/{name}": values for name, values in chain.items()}
        arrays |= {"samples": np.array(self.samples), "since": self.counters}
        if self.reference is not None:
            arrays |= {
                "reference/positions": self.reference.positions,
                "reference/species": self.reference.species,
            }
        record = {"rows": self.rows, "step": self.step, "taken": self.taken}
        checkpoint.save(self.task.state, arrays, record, self.task.key)

    def note(
        self,
        step: Step,
        c: Configuration,
        energy: float,
        counters: NDArray[np.int64],
        tiles: int,
        mixture: Mixture,
    ) -> None:
        """Make a row of the record."""
        tried, moved, exchanges_tried, exchanged = (counters - self.counters)[:4].tolist()
        self.counters = counters
        recent = np.array(self.samples[self.taken :])
        self.taken = len(self.samples)
        shared: float | None = None
        if tiles > 1:
            shared = tile_overlap(c, tiles)
        elif self.reference is not None:
            shared = overlap(self.reference, c)
        inherent = minimise(c, mixture, force_tolerance=1e-3)[1]["energy"] if step.inherent else None
        self.rows.append(
            {
                "sweep": step.record,
                "measured": step.measured,
                "energy": float(recent.mean()) if recent.size else energy,
                "energy_variance": float(recent.var()) if recent.size else None,
                "inherent_energy": inherent,
                "displacement_acceptance": moved / tried if tried else None,
                "swap_acceptance": exchanged / exchanges_tried if exchanges_tried else None,
                "overlap": shared,
                "autocorrelation": None,
            }
        )

    def finish(self) -> None:
        """Note the autocorrelation time of the measured energies, in sweeps, in the last row."""
        if self.rows:
            late = [s.sweeps for s in self.task.plan if s.measured and s.sample]
            time_in_samples = autocorrelation_time(np.array(self.samples[-len(late) :]))
            self.rows[-1]["autocorrelation"] = time_in_samples * float(np.mean(late))


def run_plan(
    tasks: Sequence[Task],
    settings: EquilibrationSettings,
    mixture: Mixture,
    *,
    tiles: int = 1,
    progress: Progress | None = None,
    engine: str = "native",
) -> list[tuple[Configuration, list[dict[str, Any]]]]:
    """Lead chains through their plans, each from its checkpoint if there is one.

    Parameters
    ----------
    tasks
        The chains, in equal boxes where they share a plan.
    settings, mixture
        Scheme and pair potential.
    tiles
        Tiles per side whose overlap is noted instead of that with an earlier state, if more than 1.
    progress
        Counts attempts.
    engine
        Engine that moves the chains, or whose dynamics the hybrid method takes (:mod:`tglassmlp.engines`).

    Returns
    -------
    list of (Configuration, list of dict)
        Last state and rows of the record of each task.
    """
    walks = [_Walk.of(task) for task in tasks]
    if progress is not None:
        for walk in walks:
            if walk.step:
                made = sum(s.sweeps for s in walk.task.plan[: walk.step])
                progress.resume(progress.done + made * walk.task.n_particles)
    last: dict[int, Configuration] = {}
    can = engines.engine(engine).capabilities
    most = can.largest_swap_batch
    if settings.method == "hybrid":
        # engines that promise the same bits for any grouping gain nothing from many structures at once
        most = 1 if can.same_bits_for_any_grouping and can.replicas_per_thread is not None else None
    for batch in _batches(walks, most):
        together = [walks[k] for k in batch]
        for k, c in zip(batch, _lead(together, settings, mixture, tiles, progress, engine), strict=True):
            last[k] = c
    return [(last[k], walk.rows) for k, walk in enumerate(walks)]


def _batches(walks: Sequence[_Walk], largest: int | None) -> Iterator[list[int]]:
    """Places of the walks that go together: at the same step of one plan, and not more than ``largest``."""
    groups: dict[tuple[int, int], list[int]] = {}
    for k, walk in enumerate(walks):
        groups.setdefault((id(walk.task.plan), walk.step), []).append(k)
    for group in groups.values():
        size = len(group) if largest is None else largest
        yield from (group[k : k + size] for k in range(0, len(group), size))


def _lead(
    walks: Sequence[_Walk],
    settings: EquilibrationSettings,
    mixture: Mixture,
    tiles: int,
    progress: Progress | None,
    engine: str,
) -> list[Configuration]:
    """Lead chains that are at the same step of one plan to its end."""
    tasks, plan, first = [walk.task for walk in walks], walks[0].task.plan, walks[0].step
    chains = _chains(tasks, plan[0].temperature, settings, mixture, engine)
    _check_chains(chains, len(tasks), engine)
    saved = [walk.chain for walk in walks if walk.chain is not None]
    if saved:
        chains.restore(saved)
    for walk, counters in zip(walks, chains.counters, strict=True):
        walk.chain = None
        walk.counters = walk.counters if walk.counters.size else counters
    written = time.monotonic()
    for k in range(first, len(plan)):
        step = plan[k]
        chains.temperature = step.temperature
        if step.mark:
            for walk, c in zip(walks, chains.configurations(), strict=True):
                walk.reference = c
        if step.tune:
            chains.tune(step.sweeps, settings.target_acceptance)
        else:
            chains.run(step.sweeps)
        if step.sample:
            for walk, energy in zip(walks, chains.energies.tolist(), strict=True):
                walk.samples.append(energy)
        if step.record is not None:
            chains.check_energies()
            _check_chains(chains, len(tasks), engine)
            states = zip(chains.configurations(), chains.energies.tolist(), chains.counters, strict=True)
            for walk, (c, energy, counters) in zip(walks, states, strict=True):
                walk.note(step, c, energy, counters, tiles, mixture)
        if progress is not None:
            made = step.sweeps * sum(task.n_particles for task in tasks)
            progress.advance(made, f"T={step.temperature:g} E={chains.energies.mean():.4f}")
        for walk in walks:
            walk.step = k + 1
        due = time.monotonic() - written > settings.block_seconds or k + 1 == len(plan)
        if due and any(task.state is not None for task in tasks):
            for walk, state in zip(walks, chains.states(), strict=True):
                walk.save(state)
            written = time.monotonic()
    for walk in walks:
        walk.finish()
    return chains.configurations()


def _check_chains(chains: SwapChains, wanted: int, engine: str) -> None:
    """Refuse chains of a sampler that do not count, or have no energies, as many as were asked for.

    Raises
    ------
    RuntimeError
        Naming the engine, what was found and what is wanted.
    """
    for name, least in (("energies", ()), ("counters", (4,))):
        found = np.asarray(getattr(chains, name, None))
        fits = found.ndim == 1 + len(least) and len(found) == wanted and found.shape[1:] >= least
        if not fits or found.dtype.kind not in "iuf" or not np.isfinite(found).all():
            shown = f"type {type(chains).__name__} without them" if found.ndim == 0 else f"{found.tolist()}"
            shape = "[chain]" if not least else "[chain, 4]"
            raise RuntimeError(
                f"engine {engine!r}: {name} of {wanted} chains must be finite numbers {shape}, found {shown}"
            )


def _chains(
    tasks: Sequence[Task],
    temperature: float,
    settings: EquilibrationSettings,
    mixture: Mixture,
    engine: str,
) -> SwapChains:
    """Chains of an engine, at the beginning of their tasks."""
    options = {
        "swap_fraction": settings.swap_fraction,
        "exchange_weights": settings.exchange_weights,
        "exchanges": settings.exchanges,
        "exchanges_per_sweep": settings.exchanges_per_sweep,
        "exchange_interval": settings.exchange_interval,
    }
    begins, seeds = [task.begin for task in tasks], [task.seed for task in tasks]
    if settings.method == "hybrid":
        options |= {"hybrid_steps": settings.hybrid_steps, "hybrid_time_step": settings.hybrid_time_step}
        sampler: SwapSampler = HybridSampler(dynamics_engine(engine))
    else:
        sampler = swap_sampler(engine)
    return sampler.chains(SwapRequest(begins, seeds, temperature, mixture, options))


def check_request(temperature: float, sweeps: int) -> None:
    """Refuse a temperature or a number of sweeps out of range.

    Raises
    ------
    ValueError
        Saying what was found and what is allowed.
    """
    if not np.isfinite(temperature) or temperature <= 0:
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    if int(sweeps) != sweeps or sweeps < 1:
        raise ValueError(f"sweeps must be a whole number of at least 1, found {sweeps}")


def checkpoint_key(
    temperature: float,
    sweeps: int,
    settings: EquilibrationSettings,
    mixture: Mixture,
    source: list[Any],
    tiles: int = 1,
    engine: str = "native",
) -> str:
    """Fingerprint of everything that decides the numbers of a chain; ``source`` is seed and start."""
    chosen = decisive(asdict(settings))
    if engine != engines.usual():
        chosen["engine"] = engine
    record = [temperature, sweeps, chosen, asdict(mixture), source, tiles, stage_version("structures")]
    return fingerprint(record)
