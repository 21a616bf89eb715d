"""Start a run where an earlier one was killed: one run at a time, leftovers ended, stale locks removed.

Snakemake locks its folder; a killed one leaves the lock behind, and the jobs it had started. Here the
lock that decides is one of the system (``flock`` on ``.snakemake/tglassmlp/<run>.lock``), which ends with
its process, however it ends. Whoever gets it may end what an earlier run of the same name left working on
this machine, and remove the files of Snakemake's lock.

File systems without ``flock`` (Lustre mounted without it, some NFS) get a file instead that only one process
can create, ``<run>.owner`` beside the lock, with the machine and process that it belongs to. It outlives its
process: on the same machine one that has ended is recognised, on another machine the user has to tell.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tglassmlp.paths import run_folder

__all__ = ["Busy", "alive", "claim", "end_leftovers", "ensure_cache", "remove_stale_locks"]

#: Environment variable that every process of a run inherits.
MARK = "TGLASSMLP_LAUNCHED"

#: What ``flock`` says on file systems that have none.
NO_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)


class Busy(RuntimeError):
    """Another process works on this run; the message says which and what to do."""


def claim(run: str, folder: str | os.PathLike[str] = ".", say: Callable[[str], None] = print) -> int:
    """Make this process the only one that works on ``results/<run>`` in ``folder``.

    The caller keeps the claim until it ends, also through ``exec``.

    Returns
    -------
    int
        File descriptor of the lock, open in programs that this process becomes, closed in those it starts.

    Raises
    ------
    Busy
        If another process has the claim, or Snakemake's lock was made by one that cannot be judged from here.
    OSError
        If the lock file cannot be written or locked.
    """
    base = Path(folder).resolve()
    path = base / ".snakemake" / "tglassmlp" / f"{run}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    mark = f"{base}:{run}"
    before = _record(descriptor)
    try:
        have = _locked(descriptor)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            os.close(descriptor)
            raise OSError(
                error.errno, f"cannot be locked: {os.strerror(error.errno or 0)}", str(path)
            ) from None
        have = True
        try:
            _own(path.with_suffix(".owner"), run, say)
        except (Busy, OSError):
            os.close(descriptor)
            raise
    if not have:
        same = before.get("host") == socket.gethostname()
        if not same or alive(before):
            os.close(descriptor)
            raise Busy(_at_work(run, before))
        # killed, but something it started holds on to the lock
        end_leftovers(mark, say)
        if not _locked(descriptor):
            os.close(descriptor)
            raise Busy(f"results/{run}: processes of a killed run still hold {path}; end them and repeat")
    end_leftovers(mark, say)
    remove_stale_locks(run, base, before, say)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(_myself()).encode(), 0)
    os.set_inheritable(descriptor, True)
    os.environ[MARK] = mark
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _own(path: Path, run: str, say: Callable[[str], None]) -> None:
    """Create ``path`` for this process alone, where there is no ``flock``.

    Raises
    ------
    Busy
        If it belongs to a process that runs, or to one of another machine.
    OSError
        If it cannot be written.
    """
    say(f"this file system has no flock: {path} takes the place of the lock")
    mine = json.dumps(_myself()).encode()
    if _created(path, mine):
        return
    _refuse_owner(path, run)
    # its process has ended; only one of those that found this may put its own record there
    taking = path.with_suffix(".taking")
    if not _created(taking, mine):
        raise Busy(
            f"results/{run}: another process is about to take {path} over. Repeat the command; "
            f"if this is said again, remove {taking}."
        )
    try:
        _refuse_owner(path, run)  # again, since it may be another's by now
        os.replace(taking, path)
    except (Busy, OSError):
        taking.unlink(missing_ok=True)
        raise


def _created(path: Path, content: bytes) -> bool:
    """Write a file that did not exist; False if it did."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return True


def _refuse_owner(path: Path, run: str) -> None:
    """Raise ``Busy`` unless the process that ``path`` belongs to was one of this machine and has ended."""
    owner = _parsed(_bytes(path))
    if owner.get("host") != socket.gethostname():
        raise Busy(
            f"{_at_work(run, owner)} This file system has no flock, and whether that process still runs "
            f"cannot be told from here: if it does not, remove {path} and repeat the command."
        )
    if alive(owner):
        raise Busy(_at_work(run, owner))


def _myself() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "birth": _birth(os.getpid()),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _at_work(run: str, record: Mapping[str, Any]) -> str:
    return (
        f"results/{run}: another run is at work (process {record.get('pid', 'unknown')} on "
        f"{record.get('host', 'an unknown machine')}, since {record.get('since', 'unknown')}). "
        "Wait for it (make status shows how far it is) or end it, then repeat the command."
    )


def _bytes(path: Path) -> bytes:
    """Content of a file that others may be writing or removing; waits a moment where it is still empty."""
    content = b""
    for _ in range(20):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return b""
        if content:
            break
        time.sleep(0.1)
    return content


def _record(descriptor: int) -> dict[str, Any]:
    return _parsed(os.pread(descriptor, 4096, 0))


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _birth(pid: int) -> int | None:
    """Start of a process in clock ticks since boot, None where the system does not tell or it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rsplit(")", 1)[1].split()[19])


def alive(record: Mapping[str, Any]) -> bool:
    """Whether the process of a record from this machine still runs, and is not a later one of its number."""
    try:
        pid = int(record["pid"])
        os.kill(pid, 0)
    except (KeyError, TypeError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return record.get("birth") is None or record["birth"] == _birth(pid)


def end_leftovers(mark: str, say: Callable[[str], None] = print, patience: float = 30.0) -> int:
    """End the processes on this machine that carry ``mark``: jobs whose Snakemake was killed.

    They get SIGTERM, on which long jobs save themselves, and after ``patience`` seconds SIGKILL.

    Returns
    -------
    int
        How many there were.
    """
    found = _marked(mark)
    if not found:
        return 0
    say(f"ending {len(found)} processes that a killed run left at work: {', '.join(map(str, found))}")
    _signal(found, signal.SIGTERM)
    end = time.monotonic() + patience
    while (left := _marked(mark)) and time.monotonic() < end:
        time.sleep(0.2)
    _signal(left, signal.SIGKILL)
    while _marked(mark) and time.monotonic() < end + 10:
        time.sleep(0.1)
    return len(found)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _marked(mark: str) -> list[int]:
    """Other processes whose environment holds the mark of a run; none where the system does not tell."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        pid = int(place.name)
        if pid == os.getpid():
            continue
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                state = (place / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if state != "Z":
                    found.append(pid)
        except OSError:
            continue
    return sorted(found)


def remove_stale_locks(
    run: str, folder: Path, before: Mapping[str, Any], say: Callable[[str], None] = print
) -> int:
    """Remove Snakemake's locks on files of ``results/<run>``; the caller has the claim on that run.

    Parameters
    ----------
    before
        Record of the process that had the claim before.

    Raises
    ------
    Busy
        If the lock was not made by a process of this machine that had the claim, or a Snakemake without
        claim works in this folder.
    """
    stale = [p for p in sorted((folder / ".snakemake" / "locks").glob("*.lock")) if _concerns(p, run)]
    if not stale:
        return 0
    unlock = "if no run is at work there, say: snakemake --unlock, and repeat the command"
    if before and before.get("host") != socket.gethostname():
        raise Busy(
            f"{stale[0]}: results/{run} is locked by a run that was started on {before.get('host')} "
            f"(process {before.get('pid')}, {before.get('since')}); {unlock}"
        )
    others = _snakemakes(folder)
    if others:
        raise Busy(
            f"{stale[0]}: results/{run} is locked by another run in this folder (process "
            f"{', '.join(map(str, others))}). Wait for it or end it, then repeat the command."
        )
    for path in stale:
        path.unlink(missing_ok=True)
    say(f"a run of results/{run} was killed and left its lock: removed, going on from what it had finished")
    return len(stale)


def _concerns(lock: Path, run: str) -> bool:
    """Whether one of Snakemake's lock files names a file of the run."""
    try:
        names = lock.read_text(errors="replace").split("\n")
    except OSError:
        return False
    return any(name.startswith(f"{run_folder(run)}/") for name in names)


def _snakemakes(folder: Path) -> list[int]:
    """Snakemake processes of this machine that work in ``folder``, without this one and its parents."""
    own, pid = set(), os.getpid()
    while pid > 1 and pid not in own:
        own.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        if int(place.name) in own:
            continue
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            if (
                any(Path(os.fsdecode(w)).name == "snakemake" for w in words[:3])
                and (place / "cwd").resolve() == folder
            ):
                found.append(int(place.name))
        except OSError:
            continue
    return sorted(found)


def ensure_cache(folder: str | os.PathLike[str] = ".", say: Callable[[str], None] = print) -> None:
    """See to it that Snakemake finds a cache folder that it can write, and so do all jobs.

    Snakemake keeps copies of scripts in ``~/.cache/snakemake``, or below ``XDG_CACHE_HOME`` if that is set,
    and does not start without. Where this cannot be written, ``XDG_CACHE_HOME`` becomes ``.snakemake/cache``
    of the folder that the run is made in, which takes matplotlib's list of fonts as well.
    """
    usual = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")
    place = Path(usual) / "snakemake" / "source-cache"
    try:
        if not place.is_absolute():  # there is no home at all
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), usual)
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        other = Path(folder).resolve() / ".snakemake" / "cache"
        say(f"{usual} cannot be written: caches go to {other} (XDG_CACHE_HOME names another place)")
        os.environ["XDG_CACHE_HOME"] = str(other)
        os.environ.setdefault("MPLCONFIGDIR", str(other / "matplotlib"))


def snakemake(arguments: list[str]) -> None:
    """Become Snakemake, in this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", *arguments])
