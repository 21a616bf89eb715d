"""The native engine: isoconfigurational dynamics on the CPU, replicas as SIMD lanes.

All replicas start from the same positions with independent Maxwell velocities of zero total momentum, and
move by leapfrog (velocity Verlet seen at half steps). Why the result does not depend on how work is divided
is said in :mod:`tglassmlp.simulation.native.integrator`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.progress import Report
from tglassmlp.simulation.dynamics import Trajectory
from tglassmlp.simulation.native.fixed_point import (
    PRECISIONS,
    FixedPointModel,
    fixed_point,
    fixed_point_model,
    recorded,
    refuse_overlaps,
    run_fingerprint,
)
from tglassmlp.simulation.native.group import LaneGroup
from tglassmlp.simulation.protocols import PLAIN, Conduct, DynamicsRequest
from tglassmlp.simulation.replica_run import (
    ReplicaNoise,
    ReplicaRun,
    checked_request,
    replica_seed,
    replica_starts,
)
from tglassmlp.simulation.thermostats import maxwell

__all__ = ["ENGINE", "NativeEngine", "NativeRun"]

#: A call of the compiled loop lasts about this long, so that progress and interrupts get their turn.
CALL_SECONDS: float = 1.0


class NativeEngine:
    """Replicas of many structures, each structure's on its own lanes, structures shared out among threads."""

    def trajectories(self, request: DynamicsRequest, conduct: Conduct = PLAIN) -> list[Trajectory]:
        """Run all replicas and return their frames; see :class:`tglassmlp.simulation.protocols.Dynamics`."""
        lock = threading.Lock()
        count = len(request)

        def tell(report: Report, name: str) -> None:
            with lock:
                conduct.tell(report._replace(note=f"{name} {report.note}".strip()))

        def one(index: int) -> Trajectory:
            own = request.alone(index)
            part = replace(
                conduct.alone(index),
                threads=max(1, conduct.threads // count),
                progress=lambda report: tell(report, own.named),
            )
            try:
                return _run_of(own, part).complete(part)
            except (ValueError, RuntimeError) as error:
                if not own.named:
                    raise
                raise type(error)(f"T = {request.temperature:g}, {own.named}: {error}") from error

        with ThreadPoolExecutor(max_workers=max(1, min(conduct.threads, count))) as pool:
            return [call.result() for call in [pool.submit(one, k) for k in range(count)]]


ENGINE: Final = NativeEngine()


def _run_of(request: DynamicsRequest, conduct: Conduct) -> NativeRun:
    """Run of the only structure of a request."""
    configuration = request.configurations[0]
    frames, replicas = checked_request(request.steps, request.replicas)
    model = fixed_point_model(configuration, request.temperature, request.mixture, request.settings)
    positions = None if request.positions is None else request.positions[0]
    starts = replica_starts(configuration, replicas, positions)
    if positions is not None:
        for start in starts:
            refuse_overlaps(model, start)
    file = None if conduct.checkpoints is None else conduct.checkpoints[0]
    return NativeRun(model, frames, starts, request.seeds[0], file, conduct.threads)


def _split(replicas: int, widths: tuple[int, ...], threads: int = 1) -> list[tuple[list[int], int]]:
    """Divide replicas into groups and give each its lane width: wide ones first.

    If that leaves threads without work, narrower groups are made instead.
    """
    groups, first = [], 0
    while first < replicas:
        left = replicas - first
        fitting = [w for w in widths if w >= left]
        width = min(fitting) if fitting else widths[0]
        members = list(range(first, min(replicas, first + width)))
        groups.append((members, width))
        first += width
    return groups if len(groups) >= threads or len(widths) == 1 else _split(replicas, widths[1:], threads)


class NativeRun(ReplicaRun):
    """Replicas of one structure on their way through the frames."""

    def __init__(
        self,
        model: FixedPointModel,
        frames: NDArray[np.int64],
        starts: Sequence[Configuration],
        seed: np.random.SeedSequence,
        checkpoint: Path | None,
        threads: int = 1,
    ) -> None:
        self.model = model
        self.replicas = replicas = len(starts)
        integer = PRECISIONS[model.settings.precision][0]
        self.start = np.stack([fixed_point(c, integer) for c in starts])
        parts = _split(replicas, PRECISIONS[model.settings.precision][2], threads)
        self.groups = [LaneGroup(model, members, width) for members, width in parts]
        super().__init__(
            frames,
            model.configuration.n_particles,
            model.settings.time_step,
            [ReplicaNoise(replica_seed(seed, r)) for r in range(replicas)],
            run_fingerprint(model, frames, starts, seed, "native"),
            None if checkpoint is None else Path(checkpoint),
        )

    def _save(self) -> None:
        if self.checkpoint is not None:
            parts = [g.state() for g in self.groups]
            self.write(self.snapshot({name: np.concatenate([p[name] for p in parts]) for name in parts[0]}))

    def _resume(self) -> bool:
        arrays = self.resume()
        if arrays is None:
            return False
        for g in self.groups:
            g.set(*(arrays[k][g.replicas] for k in ("position", "velocity", "image", "friction", "work")))
        return True

    # -- running ------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start all replicas with Maxwell velocities, each its own."""
        m = self.model
        for g in self.groups:
            own = [self.noise[r] for r in g.replicas]
            g.launch(self.start[g.replicas], maxwell(own, m.temperature, m.configuration.n_particles))
            kinetic, potential, _ = g.measure()
            self.reference[g.replicas] = (kinetic[0] + potential)[: len(g.replicas)]

    def _record(self) -> None:
        """Store the frame at the present step."""
        displacements, energies = np.empty(self.displacements.shape[1:]), np.empty((3, self.replicas))
        for g in self.groups:
            r, count = g.replicas, len(g.replicas)
            kinetic, potential, _ = g.measure()
            state = g.state()
            displacements[r], energies[:, r] = recorded(
                self.model, self.start[r], state["position"], state["image"], kinetic[:, :count],
                potential[:count], state["work"],
            )  # fmt: skip
        self.record_frame(displacements, energies)

    def complete(self, conduct: Conduct) -> Trajectory:
        """Run to the last frame, from the checkpoint if there is one."""
        work = self.n_particles * self.replicas
        if self._resume():
            conduct.tell(Report(float(work * self.step), "resumed", resumed=True))
        else:
            self.launch()
        saved = time.monotonic()
        n_steps = max(10, int(2e6 / work))
        with ThreadPoolExecutor(max_workers=max(1, min(conduct.threads, len(self.groups)))) as pool:
            while not self.finished:
                stop = int(min(self.frames[self.done], self.step + n_steps))
                if stop > self.step:
                    began = time.monotonic()
                    calls = [
                        pool.submit(g.advance, self.step, stop - self.step, self.noise) for g in self.groups
                    ]
                    for call in calls:
                        call.result()
                    taken, moved = time.monotonic() - began, stop - self.step
                    self.seconds += taken
                    self.step = stop
                    if moved == n_steps:
                        n_steps = max(10, int(n_steps * min(4.0, CALL_SECONDS / max(taken, 1e-3))))
                    conduct.tell(Report(float(work * moved), self.note()))
                if self.step == self.frames[self.done]:
                    self._record()
                if time.monotonic() - saved >= self.model.settings.block_seconds:
                    self._save()
                    saved = time.monotonic()
        if conduct.keep_checkpoints:
            self._save()
        else:
            self.clean()
        return self.trajectory(statistics=self.list_statistics())

    def list_statistics(self) -> dict[str, float]:
        """Pairs of the neighbour list per particle and the steps that a list lasts, on average."""
        moved = sum(g.steps for g in self.groups)
        return {
            "pairs_per_particle": sum(g.listed for g in self.groups) / max(1, moved * self.n_particles),
            "steps_per_list": moved / max(1, sum(g.lists for g in self.groups)),
        }
