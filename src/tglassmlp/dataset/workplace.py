"""Where the files of a plan are made: data set, state folder, and what every file's record says alike."""

from __future__ import annotations

import contextlib
import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from tglassmlp.dataset.names import FileName
from tglassmlp.dataset.plan import Plan, Task
from tglassmlp.mixture import Mixture
from tglassmlp.provenance import collect
from tglassmlp.simulation import checkpoint

__all__ = ["Workplace"]


@dataclass(frozen=True)
class Workplace:
    """Where one process makes files of a plan.

    Parameters
    ----------
    plan
        What to make.
    folder
        Where the files belong.
    state
        State folder, see :mod:`tglassmlp.dataset.generate`.
    threads
        Groups of replicas that move at the same time.
    interval
        Seconds between lines of progress.
    stream
        Where they go.
    """

    plan: Plan
    folder: Path
    state: Path
    threads: int
    interval: float
    stream: TextIO

    @property
    def mixture(self) -> Mixture:
        """Mixture of the unit system."""
        return self.plan.mixture()

    def target(self, name: FileName) -> Path:
        """Place of a file."""
        return self.folder / str(name)

    def note(self, name: FileName | str) -> Path:
        """Note of what a check found against a file; the task is left out until it is removed."""
        return self.state / "failed" / f"{name}.json"

    def lock(self, name: FileName) -> Path:
        """Lock of a task."""
        return self.state / "locks" / f"{name}.lock"

    def restart(self, name: FileName, number: int) -> Path:
        """Restart file of one structure, while the file is on its way."""
        return self.state / str(name) / f"structure{number}.npz"

    def last(self, name: FileName, number: int) -> Path:
        """Last positions of the replicas of one structure, from which dynamics can be made longer."""
        return self.state / "last" / str(name) / f"structure{number}.npz"

    def say(self, text: str) -> None:
        """Print a line with the time of day."""
        print(f"{datetime.datetime.now():%m-%d %H:%M:%S} {text}", file=self.stream, flush=True)

    def refuse(self, task: Task, error: Exception) -> None:
        """Note what a check found against a file."""
        path = self.note(task.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"file": str(task.name), "reason": str(error)}, indent=1) + "\n")
        self.say(f"[{task.name}] FAILED: {error} (noted in {path})")

    def record(self, task: Task, **more: Any) -> dict[str, Any]:
        """Describe what files of both kinds have in common."""
        mixture = asdict(self.mixture)
        stage = "structures" if task.name.kind == "structures" else "dynamics"
        provenance = collect(stage, dataset=self.plan.dataset, seed=self.plan.seed)
        return {
            "dataset": self.plan.dataset,
            "kind": task.name.kind,
            "ensemble": task.name.ensemble,
            "temperature": task.name.temperature,
            "first_structure": task.name.first,
            "structures": list(task.structures),
            "mixture": json.loads(json.dumps(mixture)),
            "licence": "CC-BY-4.0",
            "provenance": provenance,
            **more,
        }

    def tidy(self, name: FileName, states: list[Path], frames: int = 0) -> None:
        """Remove the restart files of a file that has been written."""
        for state in states:
            checkpoint.remove(state)
            for k in range(frames):
                checkpoint.remove(state.with_name(f"{state.stem}.frame{k}.npz"))
        with contextlib.suppress(OSError):
            (self.state / str(name)).rmdir()
