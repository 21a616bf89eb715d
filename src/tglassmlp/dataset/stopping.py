"""When to end: at a time of day, when a file appears, or upon a signal; and the lock of a piece of work."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tglassmlp.progress import Progress

__all__ = ["Stopped", "ToldProgress", "Watch", "claimed", "stop_time"]


class Stopped(Exception):
    """The time is up, or a stop was asked for."""


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


class Watch:
    """Says when to end: at a time, when the stop file appears, or upon a signal."""

    def __init__(self, until: datetime.datetime | None, stop_file: Path) -> None:
        # time stamps of files lag behind the clock by up to a tick of the system
        self.until, self.stop_file, self.begun = until, stop_file, time.time() - 0.05
        self.signalled: str | None = None

    def reason(self) -> str | None:
        """Why to end, None if there is no reason."""
        if self.signalled is not None:
            return self.signalled
        if self.until is not None and datetime.datetime.now() >= self.until:
            return f"it is {self.until:%H:%M}"
        with contextlib.suppress(FileNotFoundError):
            if self.stop_file.stat().st_mtime >= self.begun:
                return f"{self.stop_file} is there"
        return None

    def check(self) -> None:
        """Raise :class:`Stopped` if there is a reason to end."""
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


class ToldProgress(Progress):
    """Progress that ends the work when it is time."""

    def __init__(self, watch: Watch, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.watch = watch

    def advance(self, amount: float, note: str = "") -> None:
        """Add finished work; raises :class:`Stopped` when it is time."""
        super().advance(amount, note)
        self.watch.check()


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether this process got the lock; it keeps it within the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
