"""Quoted numbers and records, in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tglassmlp.storage.atomic import atomic_path
from tglassmlp.storage.reading import CHECKSUMMED, advice, check_is_file, sha256_of, unreadable
from tglassmlp.storage.run_at_work import check_belongs, stamped

__all__ = ["plain_number", "read_json", "write_json"]


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON-like content, NaN refused, numpy numbers turned into plain ones.

    A mapping gets one more key, ``sha256``: of its content as JSON with sorted keys and no spaces.
    """
    text = json.dumps(content, indent=2, allow_nan=False, default=plain_number)
    if isinstance(content, Mapping):
        plain = json.loads(text)
        if "provenance" in plain:
            plain["provenance"] = stamped(path, plain["provenance"])
        text = json.dumps({**plain, "sha256": _json_sha256(plain)}, indent=2)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")


def _json_sha256(content: Mapping[str, Any]) -> str:
    return sha256_of(json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False))


def plain_number(value: Any) -> Any:
    """Return numpy's numbers and arrays as plain ones; a TypeError for anything else."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file, without the checksum that :func:`write_json` added to it.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`tglassmlp.storage.read_arrays`.
    """
    check_is_file(path)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(unreadable(path, "a JSON text", ["a JSON text"], error)) from error
    if not isinstance(content, dict):
        return content
    provenance, checksum = content.get("provenance"), content.pop("sha256", None)
    promised = isinstance(provenance, dict) and provenance.get("format") == CHECKSUMMED
    try:
        good = not promised if checksum is None else checksum == _json_sha256(content)
    except ValueError:  # a number that is no number
        good = False
    if not good:
        raise ValueError(
            f"{path}: its content differs from its checksum (damaged, or changed by hand); {advice(path)}"
        )
    check_belongs(path, provenance)
    return content
