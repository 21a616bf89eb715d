"""Read every file of a run with all checks, and say which are damaged, misplaced or of another run."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tglassmlp import storage
from tglassmlp.config import Config, fingerprint
from tglassmlp.paths import is_data

__all__ = ["damaged", "files"]

READERS: dict[str, Callable[[Path], Any]] = {
    ".gsd": storage.read_configurations,
    ".h5": lambda path: _arrays(path),
    ".npz": storage.read_npz,
    ".parquet": lambda path: _table(path),
    ".json": storage.read_json,
}


def _arrays(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return storage.read_arrays(path, storage.array_names(path), finite=False), storage.read_attributes(path)


def _table(path: Path) -> str:
    table = storage.read_table(path)
    beside = path.with_suffix(".csv")
    text = io.StringIO(newline="")
    table.to_csv(text, index=False)
    if beside.is_file() and beside.read_bytes() != text.getvalue().encode():
        raise ValueError(f"{beside}: differs from {path.name}; {storage.ADVICE}")
    return text.getvalue()


def files(run: Path) -> list[Path]:
    """List the data files of a run, without its state, logs and benchmark tables."""
    return sorted(
        path
        for path in run.rglob("*")
        if path.suffix in READERS and path.is_file() and is_data(run, path) and not path.name.startswith(".")
    )


def damaged(run: Path, config: Config, largest: float = float("inf")) -> Iterator[tuple[Path, str | None]]:
    """Read the files of a run one after the other.

    Parameters
    ----------
    run
        Folder of the run.
    config
        Its configuration.
    largest
        Bytes beyond which files are passed over.

    Yields
    ------
    tuple
        A file and what is wrong with it, None where nothing is.
    """
    storage.work_for(run, fingerprint(config.seed, config.system), config.mixture())
    for path in files(run):
        if path.stat().st_size > largest:
            continue
        try:
            READERS[path.suffix](path)
        except (ValueError, OSError) as error:
            yield path, str(error)
        else:
            yield path, None
