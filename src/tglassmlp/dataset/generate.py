"""Making a data set: file after file of a plan, by as many processes as there are cores.

Every file is made whole or not at all, and none is made twice. What is on its way lies in a *state folder*
outside the data set:

``<file name>/``
    restart files of the structures or replicas of one file, removed when it is written;
``last/<file name>/``
    the last positions of all replicas, from which dynamics can be made longer; too large to ship, and kept;
``locks/``
    one file per task, locked (``flock``) by the process that works on it; a lock ends with its process;
``failed/``
    what a check found against a file; the task is left out until that note is removed;
``stop``
    created by the user (``touch``): every process at work ends within seconds.

A process that was killed in any way goes on from its last checkpoint, to the same bytes. Random numbers are
keyed by the plan's seed, temperature, structure and, for dynamics made longer, the step at which they begin.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.config import plain
from tglassmlp.configuration import Configuration
from tglassmlp.dataset import content
from tglassmlp.dataset.files import DatasetFile, FileName, file_name, write_file
from tglassmlp.dataset.plan import Plan, Task, tasks
from tglassmlp.equilibration.checks import check_temperature
from tglassmlp.equilibration.schedule import attempts
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.structures import equilibrate_structures
from tglassmlp.equilibration.verdict import NotEquilibratedError, refuse_failed_checks
from tglassmlp.frames import extension_steps
from tglassmlp.progress import Progress, Report, duration
from tglassmlp.provenance import collect, git_commit
from tglassmlp.randomness import seed_sequence, temperature_key
from tglassmlp.simulation import checkpoint
from tglassmlp.simulation.dynamics import DynamicsSettings, log_spaced_steps
from tglassmlp.simulation.protocols import Conduct
from tglassmlp.simulation.run import trajectory

__all__ = ["Summary", "WrongDynamicsError", "check_made", "make", "stop_time"]

#: Engine of the trajectories.
ENGINE: Final = "native"

#: Largest relative deviation of the mean kinetic temperature of a file's dynamics.
KINETIC_TOLERANCE: Final = 0.02

#: Largest deviation of the potential energy per particle, late frames, from that of the equilibration, in T.
ENERGY_TOLERANCE: Final = 0.1

#: Frames from this time on count as late.
LATE: Final = 10.0


class Stopped(Exception):
    """The time is up, or a stop was asked for."""


class WrongDynamicsError(ValueError):
    """Temperature or energy of dynamics are not those of the equilibrated structures."""


@dataclass(frozen=True)
class Summary:
    """What a call of :func:`make` has done.

    Parameters
    ----------
    made, failed, missing
        Names of files written, of files whose check failed, and of files of the plan that are not there yet.
    stopped
        Why the call ended before the plan did; None if it went through.
    """

    made: tuple[str, ...]
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    stopped: str | None


def stop_time(text: str, now: datetime.datetime | None = None) -> datetime.datetime:
    """Next moment at which the clock shows ``HH:MM``.

    Raises
    ------
    ValueError
        If the text is not a time.
    """
    now = now or datetime.datetime.now()
    try:
        at = datetime.datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise ValueError(f"a time HH:MM is expected, found {text!r}") from None
    moment = datetime.datetime.combine(now.date(), at)
    return moment if moment > now else moment + datetime.timedelta(days=1)


class _Watch:
    """Says when to end: at a time, when the stop file appears, or upon a signal."""

    def __init__(self, until: datetime.datetime | None, stop_file: Path) -> None:
        # time stamps of files lag behind the clock by up to a tick of the system
        self.until, self.stop_file, self.begun = until, stop_file, time.time() - 0.05
        self.signalled: str | None = None

    def reason(self) -> str | None:
        if self.signalled is not None:
            return self.signalled
        if self.until is not None and datetime.datetime.now() >= self.until:
            return f"it is {self.until:%H:%M}"
        with contextlib.suppress(FileNotFoundError):
            if self.stop_file.stat().st_mtime >= self.begun:
                return f"{self.stop_file} is there"
        return None

    def check(self) -> None:
        reason = self.reason()
        if reason is not None:
            raise Stopped(reason)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as a wish to end."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may listen
            return

        def heard(number: int, _: Any) -> None:
            self.signalled = f"signal {signal.Signals(number).name}"

        before = {s: signal.signal(s, heard) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Told(Progress):
    """Progress that ends the work when it is time."""

    def __init__(self, watch: _Watch, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.watch = watch

    def advance(self, amount: float, note: str = "") -> None:
        super().advance(amount, note)
        self.watch.check()


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Whether this process got the lock; it keeps it within the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def make(
    plan: Plan,
    folder: str | os.PathLike[str],
    state: str | os.PathLike[str],
    *,
    until: datetime.datetime | None = None,
    threads: int = 1,
    limit: int | None = None,
    allow_changes: bool = False,
    interval: float = 30.0,
    stream: TextIO | None = None,
) -> Summary:
    """Make the files of a plan that are not there, one after the other.

    Several processes may do so at the same time; each takes what no other works on.

    Parameters
    ----------
    plan
        What to make.
    folder
        Where the files belong, e.g. ``datasets/ka2d``.
    state
        State folder, see the top of this module. It must be on this machine, and the same for all processes.
    until
        When to end.
    threads
        Groups of replicas that move at the same time; the bytes of the files do not depend on it.
    limit
        Make at most this many files.
    allow_changes
        Work from a source tree with changes that are not committed (tests); the record then says so.
    interval
        Seconds between lines of progress.
    stream
        Where they go; standard error by default.

    Raises
    ------
    ValueError
        If the source tree has changes that are not committed, a file that is there is damaged or was made
        with another seed or other settings than the plan's, or a checkpoint does not fit the plan.
    """
    commit = git_commit()
    if not allow_changes and (commit.endswith("+") or commit == "unknown"):
        raise ValueError(
            f"the source tree is at commit {commit}: the files of a data set are made from a commit without "
            "local changes (--allow-changes for trials)"
        )
    worker = _Worker(plan, Path(folder), Path(state), threads, interval, stream or sys.stderr)
    watch = _Watch(until, worker.state / "stop")
    order, stopped = list(tasks(plan)), None
    wrong = check_made(plan, folder)
    if wrong:
        raise ValueError(
            f"{len(wrong)} files of {folder} are not what the plan asks for, so that nothing is made: "
            + "; ".join(list(wrong.values())[:3])
            + ("; ..." if len(wrong) > 3 else "")
        )
    made: list[str] = []
    with watch.listening():
        try:
            # each time from the top: what another process has finished may have made an early task possible
            while limit is None or len(made) < limit:
                done = worker.next(order, watch)
                if done is None:
                    break
                if done:
                    made.append(done)
        except Stopped as reason:
            stopped = str(reason)
    missing = tuple(str(t.name) for t in order if not worker.target(t.name).exists())
    failed = tuple(name for name in missing if worker.note(name).exists())
    return Summary(tuple(made), failed, missing, stopped)


def check_made(plan: Plan, folder: str | os.PathLike[str]) -> dict[str, str]:
    """Hold the files that are there against a plan, by their records: seed, settings, structures, mixture.

    Parameters
    ----------
    plan
        The plan.
    folder
        Folder of the files.

    Returns
    -------
    dict
        Name of a file -> what is wrong with it; files that are as the plan asks are left out, and so are
        those that are not there.
    """
    planned = {str(t.name): t for t in tasks(plan)}
    wrong = {}
    for path in sorted(Path(folder).glob("*.npz")):
        if file_name(path.name) is None:
            continue
        try:
            found = DatasetFile(path).record
        except (ValueError, OSError) as error:
            wrong[path.name] = str(error)
            continue
        expected = _common(plan) | (_asked(plan, planned[path.name]) if path.name in planned else {})
        differ = _differences(json.loads(json.dumps(expected)), found)
        if differ:
            wrong[path.name] = f"{path}: {'; '.join(differ)}"
    return wrong


def _common(plan: Plan) -> dict[str, Any]:
    """Return what the records of all files of a plan say alike."""
    return {
        "dataset": plan.dataset,
        "mixture": asdict(plan.mixture()),
        "provenance": {"seed": plan.seed},
    }


def _asked(plan: Plan, task: Task) -> dict[str, Any]:
    """Return the settings that the record of a file says it was made with."""
    found: dict[str, Any] = {"structures": list(task.structures)}
    if task.name.kind == "structures":
        chosen = plain(plan.equilibration)
        left_out: tuple[str, ...] = ("checks", "on_failure", "extended_check")
        found |= {"sweeps": task.sweeps}
    else:
        chosen = plain(plan.dynamics)
        left_out = ("block_seconds", "replicas")
        found |= {
            "replicas": plan.dynamics.replicas,
            "time_step": plan.dynamics.time_step,
            "begin": task.begin,
            "end": task.end,
            "r_in": plan.propensity.r_in,
            "r_out": plan.propensity.r_out,
            "wave_number": plan.propensity.wave_number,
        }
    return found | {"settings": {k: v for k, v in chosen.items() if k not in left_out}}


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any], where: str = "") -> list[str]:
    """List values that a record has and the plan asks for differently; keys that it lacks are newer."""
    listed = []
    for key, value in expected.items():
        if key not in found:
            continue
        if isinstance(value, Mapping) and isinstance(found[key], Mapping) and key != "exchange_weights":
            listed += _differences(value, found[key], f"{where}{key}.")
        elif found[key] != value:
            listed.append(f"{where}{key} is {found[key]}, the plan asks for {value}")
    return listed


class _Worker:
    """One process that makes files of a plan."""

    def __init__(
        self, plan: Plan, folder: Path, state: Path, threads: int, interval: float, stream: TextIO
    ) -> None:
        self.plan, self.folder, self.state = plan, folder, state
        self.threads, self.interval, self.stream = threads, interval, stream
        self.mixture = plan.mixture()

    def target(self, name: FileName) -> Path:
        return self.folder / str(name)

    def note(self, name: FileName | str) -> Path:
        return self.state / "failed" / f"{name}.json"

    def say(self, text: str) -> None:
        print(f"{datetime.datetime.now():%m-%d %H:%M:%S} {text}", file=self.stream, flush=True)

    def next(self, order: list[Task], watch: _Watch) -> str | None:
        """Make the first file that can be made: its name, "" if a check failed, None if there is none."""
        for number, task in enumerate(order, start=1):
            if self.target(task.name).exists() or self.note(task.name).exists():
                continue
            if not all(self.target(name).exists() for name in task.needs):
                continue
            watch.check()
            with _claimed(self.state / "locks" / f"{task.name}.lock") as mine:
                if not mine or self.target(task.name).exists() or self.note(task.name).exists():
                    continue
                label = f"{number}/{len(order)} {task.name}"
                self.say(f"[{label}] begins")
                began = time.monotonic()
                try:
                    run = self.equilibrate if task.name.kind == "structures" else self.run_dynamics
                    run(task, label, watch)
                except (NotEquilibratedError, WrongDynamicsError) as error:
                    self._refuse(task, error)
                    return ""
                size = self.target(task.name).stat().st_size
                self.say(f"[{label}] written, {size / 1000:.1f} kB, {duration(time.monotonic() - began)}")
                return str(task.name)
        return None

    def _refuse(self, task: Task, error: Exception) -> None:
        path = self.note(task.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"file": str(task.name), "reason": str(error)}, indent=1) + "\n")
        self.say(f"[{task.name}] FAILED: {error} (noted in {path})")

    def _record(self, task: Task, **more: Any) -> dict[str, Any]:
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

    # ------------------------------------------------------------------------------------- structures

    def equilibrate(self, task: Task, label: str, watch: _Watch) -> None:
        """Make a file of structures."""
        chosen = plain(self.plan.equilibration)
        limits = CheckLimits(**chosen.pop("checks"))
        on_failure = chosen.pop("on_failure")
        chosen.pop("extended_check")
        settings = EquilibrationSettings(**chosen, block_seconds=self.plan.dynamics.block_seconds)
        n = sum(self.mixture.composition)
        total = len(task.structures) * attempts(task.sweeps, n)
        progress = _Told(watch, label, total, "moves", interval=self.interval, stream=self.stream)
        states = [self.state / str(task.name) / f"structure{k}.npz" for k in task.structures]
        made = equilibrate_structures(
            task.temperature,
            task.structures,
            task.sweeps,
            self.plan.seed,
            settings,
            self.mixture,
            states,
            progress,
        )
        structures = [content.stored_form(c) for c, _ in made]
        records = [r for _, r in made]
        table, verdict = check_temperature(
            pd.concat(records, ignore_index=True), structures, task.temperature, limits, self.mixture
        )
        refuse_failed_checks(verdict["failed"], task.temperature, on_failure)
        record = self._record(
            task,
            method="swap Monte Carlo",
            sweeps=task.sweeps,
            settings=chosen,
            starts=[str(r.start.iloc[0]) for r in records],
            box_length=structures[0].box_length,
            position_bits=content.POSITION_BITS,
            evidence_columns=list(content.EVIDENCE),
            structure_sha256=[content.structure_hash(c) for c in structures],
            checks=[
                {
                    "check": r["check"],
                    "structure": int(r["structure"]),
                    "value": _number(r["value"]),
                    "allowed": float(r["allowed"]),
                    "passed": bool(r["passed"]),
                }
                for r in table.to_dict("records")
            ],
        )
        write_file(self.target(task.name), content.structure_arrays(structures, records), record)
        self._tidy(task.name, states)

    # --------------------------------------------------------------------------------------- dynamics

    def run_dynamics(self, task: Task, label: str, watch: _Watch) -> None:
        """Make a file of dynamics."""
        chosen = plain(self.plan.dynamics)
        settings = DynamicsSettings.from_mapping(chosen)
        replicas = self.plan.dynamics.replicas
        source = DatasetFile(self.target(task.needs[0]))
        places = {number: k for k, number in enumerate(source.structures)}
        structures = [content.read_configuration(source, places[k]) for k in task.structures]
        if task.begin:
            steps = np.array(extension_steps(task.begin, task.end, chosen["frame_ratio"]), dtype=np.int64)
            stage, keys = "extended_dynamics", [task.begin]
        else:
            steps = log_spaced_steps(task.end * settings.time_step, settings.time_step, chosen["frame_ratio"])
            stage, keys = "isoconfigurational_dynamics", []
        work = structures[0].n_particles * replicas * (task.end - task.begin)
        progress = _Told(
            watch, label, work * len(structures), "particle-steps", interval=self.interval, stream=self.stream
        )
        measured, states, ends = [], [], []

        def tell(number: int) -> Callable[[Report], None]:
            return lambda report: progress.take(
                report._replace(note=f"structure {number} {report.note}".rstrip())
            )

        for number, c in zip(task.structures, structures, strict=True):
            states.append(self.state / str(task.name) / f"structure{number}.npz")
            earlier = self._last(task, number, c) if task.begin else None
            run = trajectory(
                c,
                task.temperature,
                steps - task.begin,
                replicas,
                seed_sequence(self.plan.seed, stage, temperature_key(task.temperature), number, *keys),
                mixture=self.mixture,
                settings=settings,
                positions=None if earlier is None else c.positions + earlier,
                engine=ENGINE,
                conduct=Conduct([states[-1]], True, tell(number), self.threads),
            )
            if earlier is not None:
                moved = run.displacements + earlier[:, None].astype(np.float64)
                run = replace(run, displacements=moved.astype(np.float32))
            p = self.plan.propensity
            measured.append(content.measure(c, run, p.r_in, p.r_out, p.wave_number, self.mixture))
            ends.append(run.displacements[:, -1])
        times = steps * settings.time_step
        self._check_dynamics(task, source, places, measured, times)
        self._keep_last(task, structures, ends)
        record = self._record(
            task,
            engine=ENGINE,
            replicas=replicas,
            time_step=settings.time_step,
            begin=task.begin,
            end=task.end,
            r_in=self.plan.propensity.r_in,
            r_out=self.plan.propensity.r_out,
            wave_number=self.plan.propensity.wave_number,
            smallest_displacement=content.SMALLEST_DISPLACEMENT,
            displacement_step=content.DISPLACEMENT_STEP,
            settings={k: v for k, v in chosen.items() if k not in ("block_seconds", "replicas")},
            structure_sha256=[content.structure_hash(c) for c in structures],
        )
        write_file(self.target(task.name), content.dynamics_arrays(steps, measured), record)
        self._tidy(task.name, states, frames=len(steps))

    def _check_dynamics(
        self,
        task: Task,
        source: DatasetFile,
        places: dict[int, int],
        measured: list[content.Measured],
        times: NDArray[np.floating],
    ) -> None:
        """Compare temperature and energy of late frames with the thermostat's and the equilibration's."""
        late = times >= LATE
        if late.sum() < 3:
            return
        kinetic = float(np.mean([m.kinetic_temperature[late] for m in measured]))
        if abs(kinetic / task.temperature - 1.0) > KINETIC_TOLERANCE:
            raise WrongDynamicsError(
                f"the mean kinetic temperature is {kinetic:.4f}, allowed is {task.temperature:g} to within "
                f"{KINETIC_TOLERANCE:.0%}"
            )
        energy = float(np.mean([m.potential_energy[late] for m in measured]))
        tables = [content.read_evidence(source, places[k]) for k in task.structures]
        expected = float(np.mean([t.energy[t.measured].mean() for t in tables]))
        # of small systems (tests), the energy fluctuates more
        allowed = ENERGY_TOLERANCE * task.temperature * max(1.0, np.sqrt(1290 / measured[0].neighbours.size))
        if abs(energy - expected) > allowed:
            raise WrongDynamicsError(
                f"the mean potential energy per particle is {energy:.4f}, that of the equilibrated "
                f"structures {expected:.4f}, allowed is a difference of {allowed:.3g}"
            )

    def _last_file(self, name: FileName, number: int) -> Path:
        return self.state / "last" / str(name) / f"structure{number}.npz"

    def _keep_last(
        self, task: Task, structures: list[Configuration], ends: list[NDArray[np.float32]]
    ) -> None:
        for number, c, end in zip(task.structures, structures, ends, strict=True):
            checkpoint.save(
                self._last_file(task.name, number),
                {"displacement": end},
                {"step": task.end},
                content.structure_hash(c),
            )

    def _last(self, task: Task, number: int, c: Configuration) -> NDArray[np.float64]:
        """Displacements ``[R, N, 2]`` at which earlier dynamics ended."""
        path = self._last_file(task.needs[-1], number)
        found = checkpoint.load(path, content.structure_hash(c))
        if found is None:
            raise ValueError(
                f"{path}: the last positions of the replicas are not there, so {task.needs[-1]} cannot be "
                "made longer; they lie in the state folder of the machine that made it"
            )
        arrays, record = found
        if record["step"] != task.begin:
            raise ValueError(
                f"{path}: holds positions at step {record['step']}, needed are those at {task.begin}"
            )
        return arrays["displacement"].astype(np.float64)

    def _tidy(self, name: FileName, states: list[Path], frames: int = 0) -> None:
        """Remove the restart files of a file that has been written."""
        for state in states:
            checkpoint.remove(state)
            for k in range(frames):
                checkpoint.remove(state.with_name(f"{state.stem}.frame{k}.npz"))
        with contextlib.suppress(OSError):
            (self.state / str(name)).rmdir()


def _number(value: Any) -> float | None:
    """Plain number, None for NaN (a check that too few structures make impossible)."""
    return float(value) if np.isfinite(value) else None
