"""Who made a file: package, commit, configuration, stage, seeds, engine and libraries."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

__all__ = ["STAGE_VERSIONS", "collect", "fingerprint", "git_commit", "stage_version"]

#: Version of each stage's numbers: raise one when its results may change, and Snakemake re-makes them.
STAGE_VERSIONS: Final[dict[str, int]] = {
    "structures": 4,
    "equilibration_checks": 2,
    "inherent": 2,
    "dynamics": 2,
    "nose_hoover_dynamics": 3,
    "propensities": 1,
    "relaxation": 3,
    "labels": 1,
    "descriptors": 1,
    "scaling": 1,
    "training": 3,
    "prediction": 2,
    "baselines": 2,
    "observables": 4,
    "figures": 3,
}

_LIBRARIES = (
    "numpy",
    "numba",
    "jax",
    "flax",
    "optax",
    "pyvoro2",
    "freud-analysis",
    "snakemake",
    "hoomd",
    "cupy-cuda12x",
    "cupy",
)


def stage_version(stage: str) -> int:
    """Version of one stage's numbers, for the ``params`` of its rules."""
    return STAGE_VERSIONS[stage]


def fingerprint(content: Any) -> str:
    """Short SHA-256 of any JSON-like content; equal content gives an equal fingerprint."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def git_commit() -> str:
    """Commit of the source tree this package runs from, with ``+`` for local changes; ``unknown`` outside."""
    folder = Path(__file__).resolve().parent
    try:
        run = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return run.stdout.strip() or "unknown"


@lru_cache(maxsize=1)
def _libraries() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def collect(stage: str, **details: Any) -> dict[str, Any]:
    """Provenance record of one file.

    Parameters
    ----------
    stage
        A name in :data:`STAGE_VERSIONS`.
    details
        Anything JSON-like worth keeping: seeds, engine, temperature, config hash.
    """
    try:
        version = importlib.metadata.version("tglassmlp")
    except importlib.metadata.PackageNotFoundError:
        version = "uninstalled"
    return {
        "package": "tglassmlp",
        "format": 2,  # of the files: since 2, GSD and JSON carry checksums
        "version": version,
        "commit": git_commit(),
        "stage": stage,
        "stage_version": stage_version(stage),
        "machine": platform.machine(),
        "libraries": _libraries(),
        **details,
    }
