"""Write files whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tglassmlp.storage.run_at_work import stay_inside

__all__ = ["atomic_path", "remove_unfinished"]


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside ``path``; on success flush it to disk and rename it to ``path``.

    If the block raises, the temporary file is removed and an older ``path`` stays as it was.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written to; the message names the file and what to do.
    ValueError
        If the path leads outside the run's folder through a symbolic link.
    """
    target = Path(path)
    try:
        with _temporary(target) as temporary:
            yield temporary
    except (OSError, RuntimeError) as error:
        reason = _obstacle(target, error)
        if reason is None:
            raise
        number, text = reason
        raise OSError(
            number,
            f"cannot be written: {text}, then repeat the command (nothing finished is lost)",
            str(target),
        ) from error


def remove_unfinished(path: str | os.PathLike[str]) -> None:
    """Remove temporary files of ``path`` that writers left behind when they were killed.

    Only for callers that know that nobody else writes the file now, for instance because they hold its lock.
    """
    target = Path(path)
    for file in list(target.parent.glob(f".{glob.escape(target.name)}.*")):
        file.unlink(missing_ok=True)


def _obstacle(target: Path, error: Exception) -> tuple[int, str] | None:
    """Error number and advice, if ``error`` (also HDF5's and GSD's, in their words) is about the disk."""
    number = error.errno if isinstance(error, OSError) else None
    words = str(error)
    if (
        number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        or "No space left" in words
        or "errno = 28" in words
    ):
        return number or errno.ENOSPC, "the disk is full or its quota used up; free some space"
    if number == errno.EROFS or "Read-only file system" in words:
        return errno.EROFS, "the folder is mounted read-only; make it writable"
    if number in (errno.EACCES, errno.EPERM):
        return number, f"no permission in {target.parent}; make that folder writable"
    return None


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    stay_inside(target)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)
