"""Progress of long work: a readable line now and then, and a file that ``scripts/status.py`` reads."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from tglassmlp.paths import progress_of

__all__ = ["Progress", "Report", "duration", "job"]


class Report(NamedTuple):
    """What long work says of itself: the work done since its last report, and how it stands.

    ``resumed`` work was done by an earlier process, so that it does not enter the rate.
    """

    amount: float
    note: str = ""
    resumed: bool = False


def duration(seconds: float) -> str:
    """Readable length of time: ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    s = max(0, round(seconds))
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60:02d} s"
    return f"{s // 3600} h {s % 3600 // 60:02d} min"


class Progress:
    """Counts finished work and says so.

    Parameters
    ----------
    label
        What is being done, e.g. ``"isoconfigurational dynamics T=0.40 chunk 0"``.
    total
        Amount of work in all, in any unit.
    unit
        Name of that unit for the rate, e.g. ``"particle-steps"``.
    status_file
        Where the newest state is kept for other processes, or None.
    interval
        Seconds between lines.
    stream
        Where lines go; standard error by default.
    """

    def __init__(
        self,
        label: str,
        total: float,
        unit: str = "",
        status_file: str | os.PathLike[str] | None = None,
        interval: float = 10.0,
        stream: TextIO | None = None,
    ) -> None:
        self.label, self.total, self.unit, self.interval = label, float(total), unit, interval
        self.status_file = None if status_file is None else Path(status_file)
        self.stream = sys.stderr if stream is None else stream
        self.done = 0.0
        self._start = self._last = time.monotonic()
        self._resumed = 0.0
        self._first: tuple[float, float] | None = None

    def resume(self, done: float) -> None:
        """Count work that an earlier process did, without it entering the rate."""
        self.done = self._resumed = float(done)

    def advance(self, amount: float, note: str = "") -> None:
        """Add finished work; prints a line when the last one is ``interval`` seconds old."""
        self.done += amount
        now = time.monotonic()
        if self._first is None:
            self._first = now, self.done
        if now - self._last >= self.interval:
            self._last = now
            self._say(note, now)

    def take(self, report: Report) -> None:
        """Count what a report tells of."""
        if report.resumed:
            self.resume(self.done + report.amount)
        else:
            self.advance(report.amount, report.note)

    def finish(self, note: str = "") -> None:
        """Print the closing line and remove the status file."""
        elapsed = time.monotonic() - self._start
        if elapsed >= self.interval:
            print(f"[{self.label}] done in {duration(elapsed)} {note}".rstrip(), file=self.stream, flush=True)
        if self.status_file is not None:
            self.status_file.unlink(missing_ok=True)

    def _say(self, note: str, now: float) -> None:
        # what comes before the first piece (compilation, reading) does not enter the rate, and until a second
        # piece is done there is none
        since, before = self._first or (now, self.done)
        rate = (self.done - before) / (now - since) if now > since else 0.0
        share = self.done / self.total if self.total else 1.0
        left = (self.total - self.done) / rate if rate > 0 else float("inf")
        parts = [f"[{self.label}] {100 * share:5.1f} %"]
        if self.unit and rate > 0:
            parts.append(f"{rate / 1e6:.2f} M {self.unit}/s" if rate > 1e5 else f"{rate:.3g} {self.unit}/s")
        if note:
            parts.append(note)
        if left < float("inf"):
            parts.append(f"{duration(left)} left")
        print(", ".join(parts), file=self.stream, flush=True)
        if self.status_file is not None:
            self.status_file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.status_file.with_suffix(".tmp")
            temporary.write_text(
                json.dumps(
                    {
                        "label": self.label,
                        "share": share,
                        "seconds_left": left if left < 1e300 else None,
                        "time": time.time(),
                    }
                )
            )
            os.replace(temporary, self.status_file)


class _Tee(io.TextIOBase):
    """A text stream that writes to two others; closing it (as logging does at exit) leaves them open."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()

    def isatty(self) -> bool:
        return False


@contextmanager
def job(log: str | os.PathLike[str]) -> Iterator[Path]:
    """Run a workflow job: what it says goes to the terminal and to its log, errors with their traceback.

    Parameters
    ----------
    log
        The job's log file, ``results/<run>/logs/<rule>/<name>.log``.

    Yields
    ------
    Path
        Where the job's :class:`Progress` may keep its state for ``scripts/status.py``:
        ``results/<run>/.state/progress/<rule>/<name>.json``.
    """
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    status = progress_of(path)
    # says which process works on this job; left behind only by a process that was killed
    worker = status.with_suffix(".job")
    worker.parent.mkdir(parents=True, exist_ok=True)
    worker.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "start": time.time()}))
    terminal_out, terminal_err = sys.stdout, sys.stderr
    with open(path, "w") as handle:
        sys.stdout, sys.stderr = _Tee(terminal_err, handle), _Tee(terminal_err, handle)
        try:
            yield status
        except BaseException:
            handle.write(traceback.format_exc())
            raise
        finally:
            status.unlink(missing_ok=True)
            worker.unlink(missing_ok=True)
            sys.stdout, sys.stderr = terminal_out, terminal_err
