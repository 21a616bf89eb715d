"""How kernels are compiled: once for all processes where a folder can keep them, else once in each.

Numba keeps what it compiles beside the source, or in the user's cache folder (``NUMBA_CACHE_DIR`` names
another one), and refuses to define a function for which neither can be written. Both can be out of reach: a
shared installation, a container image, a compute node without home. Then kernels are kept in the machine's
folder of temporary files, and where that cannot be written either, they are compiled anew in every process.
"""

from __future__ import annotations

import os
import pickle
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache

__all__ = ["announced", "kernel_folder", "njit", "temporary_folder"]

#: Called before a kernel is compiled because no folder keeps it yet.
_LISTENERS: list[Callable[[], None]] = []


@contextmanager
def announced(say: Callable[[], None]) -> Iterator[None]:
    """Call ``say`` once before the first kernel is compiled that no folder keeps yet.

    A command that would otherwise be silent for the time of the compilation can so explain why it is.
    """
    waiting = [say]

    def once() -> None:
        while waiting:
            waiting.pop()()

    _LISTENERS.append(once)
    try:
        yield
    finally:
        _LISTENERS.remove(once)


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make the decorator of a kernel: ``numba.njit`` with ``options``, kept on disk if any folder allows it.

    Warns
    -----
    RuntimeWarning
        Once in a process, if no folder keeps what is compiled.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        compiled = numba.njit(**options)(function)
        if hasattr(compiled, "enable_caching"):  # not under NUMBA_DISABLE_JIT
            cache = _cache_of(function)
            if cache is not None:
                compiled._cache = cache
        return compiled

    return decorate


def kernel_folder(function: Callable[..., Any]) -> Path | None:
    """Folder in which kernels that another compiler makes are kept, by the same rules as Numba's.

    Parameters
    ----------
    function
        Function whose module the kernels belong to.

    Returns
    -------
    Path or None
        An existing folder that can be written and belongs to the user, or None if there is none.
    """
    cache = _cache_of(function)
    if cache is None:
        return None
    folder = Path(cache.cache_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


#: Kept kernels whose arguments are of a class that has moved since, as after an update of the package.
MOVED = (ImportError, AttributeError)

#: Kept kernels that cannot be read or written: no permission, replaced just now, cut short, or moved.
UNUSABLE = (OSError, EOFError, pickle.UnpicklingError, *MOVED)


class _Cache(FunctionCache):
    """Numba's cache of one function, whose files may become unusable without harm: it is compiled again."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            kept = super().load_overload(sig, target_context)
        except UNUSABLE:
            kept = None
        if kept is None:
            for say in tuple(_LISTENERS):
                say()
        return kept

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            try:
                super().save_overload(sig, data)
            except MOVED:  # what is kept speaks of a module that is gone: it is of no use any more
                self.flush()
                super().save_overload(sig, data)
        except UNUSABLE:  # full or read-only by now
            self.disable()


def _cache_of(function: Callable[..., Any]) -> _Cache | None:
    try:
        return _Cache(function)
    except RuntimeError:  # no folder that Numba knows can be written
        pass
    folder = temporary_folder()
    settings: Any = numba.config
    chosen = settings.CACHE_DIR
    try:
        if folder is not None:
            settings.CACHE_DIR = str(folder)
            return _Cache(function)
    except RuntimeError:
        pass
    finally:
        settings.CACHE_DIR = chosen
    warnings.warn(
        "no folder can be written that would keep compiled kernels, so that every process compiles them anew "
        "(some ten seconds); the environment variable NUMBA_CACHE_DIR names a folder for them",
        RuntimeWarning,
        stacklevel=1,  # one place, hence said once
    )
    return None


def temporary_folder() -> Path | None:
    """Return a folder for temporary files of this user alone, as what lies there is executed, or None."""
    try:
        folder = Path(tempfile.gettempdir()) / f"tglassmlp-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if private else None
