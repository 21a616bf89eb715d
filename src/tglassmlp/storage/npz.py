"""Network weights and restart files: plain arrays and one record, in NPZ."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp.storage.atomic import atomic_path
from tglassmlp.storage.json_files import plain_number
from tglassmlp.storage.reading import Foreign, check_is_file, unreadable
from tglassmlp.storage.run_at_work import check_belongs, place_in_run, stamped

__all__ = ["read_npz", "write_npz"]


def write_npz(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray], metadata: Mapping[str, Any]
) -> None:
    """Write plain arrays and one JSON record (``metadata``) to an NPZ file."""
    if "metadata" in arrays:
        raise ValueError("'metadata' is reserved for the record")
    content = {**metadata, "file": stamped(path, {})} if place_in_run(path) is not None else dict(metadata)
    record = np.array(json.dumps(content, allow_nan=False, default=plain_number))
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        # savez puts keywords straight into the archive; names with slashes are fine
        np.savez(handle, **{"metadata": record}, **{k: np.asarray(v) for k, v in arrays.items()})  # type: ignore[arg-type]


def read_npz(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read what :func:`write_npz` wrote: ``(arrays, metadata)``. The archive's CRC is verified.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`tglassmlp.storage.read_arrays`.
    """
    check_is_file(path)
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as archive:
            if "metadata" not in archive.files:
                raise Foreign(f"holds the arrays {archive.files}, no record of this package")
            arrays = {name: archive[name] for name in archive.files}
        metadata = json.loads(str(arrays.pop("metadata")))
        if not isinstance(metadata, dict):
            raise ValueError("its record is not a mapping")
    except PermissionError:
        raise
    except Exception as error:
        raise ValueError(unreadable(path, "an NPZ file of this package", ["an NPZ file"], error)) from error
    check_belongs(path, metadata.pop("file", None))
    return arrays, metadata
