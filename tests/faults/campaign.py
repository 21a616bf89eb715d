"""Disturb a run in every way that a shared machine knows, repeat the command, and keep a record.

Each series is one run that is disturbed again and again until it is finished; then its numbers must be those
of the undisturbed run. A try is good if the run, after the same command, ends with the same numbers, or has
stopped with a message that names the file and what to do, and doing so leads there. What counts as lost: how
long the jobs had worked that were at work when the fault struck, and every finished job that was done again.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from small_run import NAME, QUICK, REPOSITORY, Run, kill_group, wait_for

ADVICE = "repeat the command"


@dataclass
class Try:
    """One fault and what came of it."""

    fault: str
    outcome: str
    lost_seconds: float = 0.0
    detail: str = ""


@dataclass
class Series:
    """Tries on one run."""

    run: Run
    chance: random.Random
    reference: Any
    tries: list[Try] = field(default_factory=list)
    begun: float = field(default_factory=time.time)

    # ------------------------------------------------------------------------------- what is done and lost

    def done(self) -> dict[Path, int]:
        """Benchmark tables of the jobs that ended well, and when they were written."""
        tables = (self.run.results / "benchmarks").rglob("*.tsv")
        return {path: path.stat().st_mtime_ns for path in tables}

    def redone(self, before: dict[Path, int], after: dict[Path, int] | None = None) -> float:
        """Seconds of the jobs that were finished before and were done again until ``after`` (until now)."""
        now = self.done() if after is None else after
        again = [p for p, t in before.items() if p in now and now[p] != t]
        return sum(float(p.read_text().splitlines()[1].split("\t")[0]) for p in again)

    def at_work(self) -> float:
        """Age of the oldest job at work, in seconds."""
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        ages = [0.0]
        for pid, _ in self.run.jobs():
            words = _text(Path(f"/proc/{pid}/stat")).rsplit(")", 1)[-1].split()
            if len(words) > 19:
                ages.append(uptime - int(words[19]) / os.sysconf("SC_CLK_TCK"))
        return max(ages)

    def note(self, fault: str, outcome: str, lost: float = 0.0, detail: str = "") -> None:
        self.tries.append(Try(fault, outcome.replace("\0", ""), round(lost, 1), detail))
        print(
            f"[{time.time() - self.begun:6.0f} s] {fault}: {outcome}, {lost:.1f} s lost {detail}", flush=True
        )

    # -------------------------------------------------------------------------------------------- progress

    def until(self, process: subprocess.Popen[str], jobs: int) -> bool:
        """Let a started command finish some more jobs; True if it is still at work then."""
        start = self.run.finished()
        wait_for(lambda: process.poll() is not None or self.run.finished() >= start + jobs, 1200)
        return process.poll() is None

    def same_numbers(self) -> str:
        """Finish the run and say how its numbers compare with those of the undisturbed one."""
        code = self.run.go()
        if code:
            return f"FAILED: {self.run.said()[-1500:]}"
        return "same numbers" if self.run.numbers() == self.reference else "SILENTLY WRONG"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


# ---------------------------------------------------------------------------------------------------- kills


def kills(series: Series) -> None:
    """Kill -9, SIGTERM and SIGINT of Snakemake, its jobs, or both, at random moments."""
    run, chance = series.run, series.chance
    ways: list[tuple[str, Callable[[subprocess.Popen[str]], bool]]] = [
        ("kill -9 of Snakemake and its jobs", lambda p: _group(p, signal.SIGKILL)),
        ("kill -9 of Snakemake alone", lambda p: _main(p, signal.SIGKILL)),
        ("kill -9 of one job", lambda p: _job(run, signal.SIGKILL)),
        ("SIGTERM to Snakemake and its jobs", lambda p: _group(p, signal.SIGTERM)),
        ("SIGTERM to one job", lambda p: _job(run, signal.SIGTERM)),
        ("Ctrl-C", lambda p: _group(p, signal.SIGINT)),
    ]
    pending: list[tuple[str, float, dict[Path, int]]] = []
    while not QUICK or len(pending) < 2:
        fault, strike = ways[len(pending) % len(ways)]
        process = run.start()
        if not series.until(process, 1):
            break
        time.sleep(chance.uniform(0, 4))
        before, age = series.done(), series.at_work()
        if process.poll() is not None or not strike(process):
            kill_group(process, signal.SIGKILL)
            continue
        if not wait_for(lambda p=process: p.poll() is not None, 300):
            kill_group(process, signal.SIGKILL)
            fault += ", not heard: killed after five minutes"
        pending.append((fault, age, before))
    outcome = series.same_numbers()
    # a job is done again because of the last fault before
    states = [before for *_, before in pending] + [series.done()]
    for (fault, age, before), after in zip(pending, states[1:], strict=True):
        series.note(fault, outcome, age + series.redone(before, after))


def _group(process: subprocess.Popen[str], number: int) -> bool:
    kill_group(process, number)
    return True


def _main(process: subprocess.Popen[str], number: int) -> bool:
    os.kill(process.pid, number)
    process.wait()
    return True


def _job(run: Run, number: int) -> bool:
    jobs = run.jobs()
    if not jobs:
        return False
    os.kill(jobs[-1][0], number)
    return True


# ----------------------------------------------------------------------------------------------------- disk


def mounted(folder: Path, megabytes: int) -> bool:
    """Mount a small file system in memory; False where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def full_disk(series: Series) -> None:
    """Fill the results' disk at some moments of the run, and free it again."""
    run, ballast = series.run, series.run.results / ".state" / "ballast"
    pending: list[tuple[float, str]] = []
    process = run.start()
    while len(pending) < 6 and series.until(process, series.chance.choice((2, 4, 6))):
        ballast.parent.mkdir(parents=True, exist_ok=True)
        age = series.at_work()
        _fill(ballast)
        end = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < end:
            _fill(ballast)  # what a failed job gives back must not help the next one
            time.sleep(0.5)
        said = run.said()
        ballast.unlink(missing_ok=True)
        if process.poll() is None:
            kill_group(process, signal.SIGTERM)
            process.wait()
            said += "\nFAILED: did not stop on a full disk"
        pending.append((age, _explained(said, ("the disk is full", "No space left", "disk is full"))))
        process = run.start()
    process.wait()
    outcome = series.same_numbers()
    for age, message in pending:
        series.note("full disk", f"{message}, then {outcome}", age)


def _fill(path: Path) -> None:
    try:
        with open(path, "ab", buffering=0) as handle:
            for size in (1 << 20, 1 << 12):
                while handle.write(bytes(size)) == size:
                    pass
    except OSError:
        return


def _explained(said: str, words: tuple[str, ...]) -> str:
    return "stopped with a message" if any(w in said for w in words) else f"FAILED: {said[-1500:]}"


def read_only(series: Series) -> None:
    """Make the results read-only before and during the run."""
    run = series.run
    pending: list[tuple[float, str]] = []
    results = run.folder / "results"
    results.mkdir(exist_ok=True)
    for moment in ("before", "during", "during", "before"):
        process = None
        if moment == "during":
            process = run.start()
            if not series.until(process, 3):
                break
        age = series.at_work() if process else 0.0
        for words in (["--bind", str(results), str(results)], ["-o", "remount,bind,ro", str(results)]):
            subprocess.run(["mount", *words], check=True)
        process = process or run.start()
        wait_for(lambda p=process: p.poll() is not None, 240)
        kill_group(process, signal.SIGTERM)
        process.wait()
        pending.append((age, _explained(run.said(), ("mounted read-only", "Read-only file system"))))
        unmount(results)
    outcome = series.same_numbers()
    for age, message in pending:
        series.note("read-only results folder", f"{message}, then {outcome}", age)


# --------------------------------------------------------------------------------------------------- damage

KINDS = (".gsd", ".h5", ".npz", ".parquet", ".json")


def truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def flipped(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def zeroed(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(max(1, len(content) - 512))
    return content[:start] + bytes(min(512, len(content) - start)) + content[start + 512 :]


def data_files(run: Run) -> list[Path]:
    hidden = {".state", "logs", "benchmarks"}
    found = [
        p for p in run.results.rglob("*") if p.suffix in KINDS and p.is_file() and not p.name.startswith(".")
    ]
    return [p for p in found if not hidden & set(p.relative_to(run.results).parts)]


def damage(series: Series) -> None:
    """Damage finished intermediate files that later jobs read, their times unchanged."""
    run, chance = series.run, series.chance
    ways = {
        "truncated": truncated,
        "bit flipped": flipped,
        "block of zeros": zeroed,
        "another file's content": None,
    }
    waiting: list[tuple[str, Path, bytes, bytes]] = []
    pending: list[tuple[str, str, float]] = []
    turn = 0
    while True:
        process = run.start()
        working = series.until(process, 2)
        if working:
            kill_group(process, signal.SIGKILL)
        elif process.returncode == 0:
            break
        said = run.said()
        for entry in [w for w in waiting if not _still_bad(w)]:
            waiting.remove(entry)
            pending.append((entry[0], "made again", 0.0))
        named = [
            w for w in waiting if f"results/{NAME}/{w[1].relative_to(run.results)}" in said and ADVICE in said
        ]
        if not working and process.returncode and not named:
            pending.append(("damaged file", f"FAILED: {said[-1500:]}", 0.0))
            break
        for entry in named:
            # do what the message says
            waiting.remove(entry)
            entry[1].unlink()
            pending.append((entry[0], "stopped with a message", 0.0))
        # the newest file, which most likely is still to be read, and sometimes any other one
        spoilt = {w[1] for w in waiting}
        known = sorted(set(data_files(run)) - spoilt, key=lambda p: p.stat().st_mtime_ns)
        for path in {known[-1], chance.choice(known)} if len(waiting) < 3 else {known[-1]}:
            name, spoil = list(ways.items())[turn % len(ways)]
            content, others = path.read_bytes(), [p for p in known if p.suffix == path.suffix and p != path]
            if spoil is None and not others:
                name, spoil = "truncated", truncated
            bad = chance.choice(sorted(others)).read_bytes() if spoil is None else spoil(content, chance)
            times = path.stat()
            path.write_bytes(bad)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            waiting.append((f"{path.suffix[1:]} file: {name}", path, content, bad))
            turn += 1
    # what nobody read again is found by reading everything, and made again
    report = verify(run)
    for fault, path, content, bad in waiting:
        if not _still_bad((fault, path, content, bad)):
            pending.append((fault, "made again", 0.0))
        elif str(path.relative_to(run.folder)) in report:
            path.unlink()
            pending.append((fault, "found by make verify", 0.0))
        else:
            pending.append(
                (fault, "harmless: reads as before" if _reads(path, content) else "UNNOTICED", 0.0)
            )
    outcome = series.same_numbers()
    for fault, message, lost in pending:
        series.note(fault, f"{message}, then {outcome}", lost)


def _still_bad(entry: tuple[str, Path, bytes, bytes]) -> bool:
    """Whether a file still holds what was put there."""
    return entry[1].is_file() and entry[1].read_bytes() == entry[3]


def finished(series: Series) -> None:
    """Damage every file of a finished run in turn: reading it must fail, naming it, or give what it held."""
    from tglassmlp.verify import READERS

    run, chance = series.run, series.chance
    ways = {"truncated": truncated, "bit flipped": flipped, "block of zeros": zeroed}
    for path in sorted(data_files(run)):
        content = path.read_bytes()
        for name, spoil in ways.items():
            for _ in range(4):
                path.write_bytes(spoil(content, chance))
                try:
                    READERS[path.suffix](path)
                except ValueError as error:
                    outcome = "refused by name" if path.name in str(error) else f"FAILED: {error}"
                else:
                    outcome = "harmless: reads as before" if _reads(path, content) else "UNNOTICED"
                series.note(f"{path.suffix[1:]} file of a finished run: {name}", outcome)
        path.write_bytes(content)
    said = verify(run)
    if "0 damaged" not in said or series.same_numbers() != "same numbers":
        series.note("finished run restored", f"FAILED: {said}")


def verify(run: Run) -> str:
    """What `make verify` says about a run."""
    import sys

    command = [sys.executable, str(REPOSITORY / "scripts" / "verify.py"), "run.yaml"]
    done = subprocess.run(
        command, cwd=run.folder, env=run.environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _reads(path: Path, content: bytes) -> bool:
    """Whether a damaged file reads exactly as the whole one (a bit of padding)."""
    from tglassmlp.verify import READERS

    whole = path.with_name(f"whole{path.suffix}")
    whole.write_bytes(content)
    try:
        return _shown(READERS[path.suffix](path)) == _shown(READERS[path.suffix](whole))
    finally:
        whole.unlink()


def _shown(read: Any) -> Any:
    """Content of a file, configurations and arrays with every digit."""
    from tglassmlp import Configuration

    if isinstance(read, list) and read and isinstance(read[0], Configuration):
        return [(c.positions.tolist(), c.species.tolist(), c.box_length) for c in read]
    if isinstance(read, tuple) and isinstance(read[0], dict):
        return {k: v.tolist() for k, v in read[0].items()}, read[1]
    return repr(read)


# --------------------------------------------------------------------------------------------------- others


def others(series: Series) -> None:
    """Two runs at once, other clocks, machines and threads, deleted files, foreign locks, wrong sidecars."""
    run, chance = series.run, series.chance
    pending: list[tuple[str, str, float]] = []

    def progress(jobs: int, **options: Any) -> bool:
        process = run.start(**options)
        working = series.until(process, jobs)
        kill_group(process, signal.SIGKILL)
        return working

    def refused() -> bool:
        """Whether the command stops by itself before it has finished another job or two."""
        process = run.start()
        if series.until(process, 2):
            kill_group(process, signal.SIGKILL)
            return False
        return process.returncode != 0

    # wrong restart files: those of another temperature, cut, from other settings
    for way in ("of another job", "truncated", "bit flipped"):
        state = _interrupted_dynamics(series)
        if state is None:
            break
        content = state.read_bytes()
        if way == "of another job":
            foreign = sorted((run.results / "networks").rglob("*.npz")) + sorted(
                p for p in (run.results / ".state").rglob("*.npz") if p != state
            )
            bad = (foreign[0].read_bytes() if foreign else None) or _other_settings(content, run)
        else:
            bad = truncated(content, chance) if way == "truncated" else flipped(content, chance)
        state.write_bytes(bad)
        if not refused():
            pending.append((f"restart file {way}", "not needed", 0.0))
            continue
        message = _explained(run.said(), (str(state.relative_to(run.folder)),))
        pending.append((f"restart file {way}", message, 0.0))
        state.unlink()

    for _ in range(3):
        first = run.start()
        if not series.until(first, 1):
            break
        said = subprocess.run(
            run.command(), cwd=run.folder, env=run.environment, capture_output=True, text=True, check=False
        )
        good = said.returncode != 0 and "another run is at work" in said.stderr
        pending.append(
            (
                "two runs at once",
                "the second stopped with a message" if good else f"FAILED: {said.stderr}",
                0.0,
            )
        )
        kill_group(first, signal.SIGKILL)

    for change in ("back to 2001", "ahead to 2037"):
        if not progress(1):
            break
        for path in chance.sample(data_files(run), 3):
            stamp = 1e9 if "2001" in change else 2.1e9
            os.utime(path, (stamp, stamp))
        pending.append((f"clock of the file server {change} for three files", "went on", 0.0))

    if shutil.which("unshare") and os.geteuid() == 0:
        progress(1, prefix=("unshare", "--uts", "sh", "-c", 'hostname node17 && exec "$@"', "sh"))
        record = run.folder / ".snakemake" / "tglassmlp" / f"{NAME}.lock"
        foreign = json.loads(record.read_text() or "{}").get("host") == "node17"
        stopped = refused()
        said = run.said()
        message = "went on"
        if foreign and stopped:
            message = _explained(said, ("node17",))
            command = [
                "--unlock",
                "-s",
                str(REPOSITORY / "Snakefile"),
                "--configfile",
                "run.yaml",
                "--cores",
                "1",
            ]
            import sys

            subprocess.run(
                [sys.executable, "-m", "snakemake", *command], cwd=run.folder, env=run.environment,
                capture_output=True, check=True,
            )  # fmt: skip
        pending.append(("killed on another node, repeated here", message, 0.0))

    run.extra = {**run.extra, "NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    progress(1, cores=2)
    pending.append(("other number of cores and threads", "went on", 0.0))

    for _ in range(3):
        before = series.done()
        path = chance.choice(sorted(data_files(run)))
        path.unlink()
        run.go()
        pending.append((f"{path.suffix[1:]} file deleted", "made again", series.redone(before)))

    outcome = series.same_numbers()
    for fault, message, lost in pending:
        series.note(fault, f"{message}, then {outcome}", lost)


def _interrupted_dynamics(series: Series) -> Path | None:
    """Restart file of a job that was killed while it had one."""
    run = series.run
    process = run.start()
    found: list[Path] = []

    def there() -> bool:
        found[:] = [p for p in (run.results / ".state").rglob("*.npz") if not p.name.startswith(".")]
        return bool(found) or process.poll() is not None

    wait_for(there, 1200)
    kill_group(process, signal.SIGKILL)
    found[:] = [p for p in found if p.is_file()]
    return found[0] if found else None


def _other_settings(content: bytes, run: Run) -> bytes:
    """Return the same restart file with the fingerprint of other settings."""
    from tglassmlp.storage import read_npz, write_npz

    path = run.folder / "other.npz"
    path.write_bytes(content)
    arrays, metadata = read_npz(path)
    write_npz(path, arrays, {**metadata, "fingerprint": "0" * 16})
    try:
        return path.read_bytes()
    finally:
        path.unlink()


# --------------------------------------------------------------------------------------------------- record


def save(path: Path, name: str, series: Series) -> None:
    """Put the tries of one series into the campaign's record, in place of an earlier one's."""
    record = json.loads(path.read_text()) if path.is_file() else {}
    record[name] = {
        "date": time.strftime("%Y-%m-%d"),
        "wall_seconds": round(time.time() - series.begun),
        "jobs": series.run.finished(),
        "tries": [vars(t) for t in series.tries],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
