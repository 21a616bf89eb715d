"""Where and how HOOMD-blue runs: device, planes per simulation, end of the job."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import hoomd

__all__ = ["Machine"]

#: Oldest version of HOOMD-blue with the calls used here.
OLDEST_VERSION: Final = 4
# builds that do not say whether they have the md package are tried
_MD_BUILT: Final = getattr(hoomd.version, "md_built", True)
if int(hoomd.version.version.split(".")[0]) < OLDEST_VERSION or not _MD_BUILT:
    raise ImportError(
        f"engine 'hoomd' needs HOOMD-blue {OLDEST_VERSION} or later with its md package, found "
        f"{hoomd.version.version} ({'with' if _MD_BUILT else 'without'} md); "
        "conda-forge has it: conda env create -f envs/hoomd.yaml"
    )
import hoomd.md  # noqa: E402 - absent in builds without it

#: Device memory a particle needs (coordinates, forces, neighbour and cell lists), generously, in bytes.
BYTES_PER_PARTICLE: Final = 4000
#: Particles in one simulation when the device's memory is not known.
DEFAULT_PARTICLES: Final = 2_000_000

_STARTED: Final = time.time()


@dataclass(frozen=True)
class Machine:
    """Where and how HOOMD-blue runs; the physics does not depend on it.

    Parameters
    ----------
    device
        ``cpu``, ``gpu``, or ``auto``: a GPU if HOOMD-blue finds one.
    planes
        Planes per simulation; by default as many as half of the free device memory holds.
    potential
        ``exact`` or ``table`` (relative error of forces about 2e-6, about 1.5 times as fast on a CPU).
    buffer
        Margin of the neighbour list; only speed depends on it.
    end
        Time (seconds since 1970) at which the job will be killed, or None.

    Raises
    ------
    ValueError
        For a value out of range.
    """

    device: Literal["auto", "cpu", "gpu"] = "auto"
    planes: int | None = None
    potential: Literal["exact", "table"] = "exact"
    buffer: float = 0.4
    end: float | None = None

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu", "gpu"):
            raise ValueError(f"device must be auto, cpu or gpu, found {self.device!r}")
        if self.planes is not None and (int(self.planes) != self.planes or self.planes < 1):
            raise ValueError(f"planes must be a whole number of at least 1, found {self.planes}")
        if self.potential not in ("exact", "table"):
            raise ValueError(f"potential must be exact or table, found {self.potential!r}")
        if not (math.isfinite(self.buffer) and self.buffer > 0):
            raise ValueError(f"buffer must be a positive number, found {self.buffer}")

    @classmethod
    def from_environment(cls) -> Machine:
        """Read ``TGLASSMLP_HOOMD_DEVICE``, ``_PLANES``, ``_POTENTIAL`` and the end of the job.

        The end comes from ``TGLASSMLP_WALL_SECONDS`` (counted from the start of the process) or from
        ``SLURM_JOB_END_TIME``, which Slurm sets from the rule's ``runtime``.
        """
        planes = os.environ.get("TGLASSMLP_HOOMD_PLANES")
        wall, slurm = os.environ.get("TGLASSMLP_WALL_SECONDS"), os.environ.get("SLURM_JOB_END_TIME")
        end = _STARTED + float(wall) if wall else float(slurm) if slurm else None
        device: Any = os.environ.get("TGLASSMLP_HOOMD_DEVICE", "auto")
        potential: Any = os.environ.get("TGLASSMLP_HOOMD_POTENTIAL", "exact")
        return cls(device, int(planes) if planes else None, potential, end=end)

    def resolved(self) -> Machine:
        """Return the same with ``auto`` replaced by what is there.

        Raises
        ------
        RuntimeError
            If a GPU is asked for and HOOMD-blue finds none.
        """
        available = hoomd.device.GPU.is_available()
        if self.device == "auto":
            return replace(self, device="gpu" if available else "cpu")
        if self.device == "gpu" and not available:
            raise RuntimeError(
                "a GPU was asked for, but HOOMD-blue finds none "
                f"({'; '.join(hoomd.device.GPU.get_unavailable_device_reasons()) or 'no device'}; "
                f"this build is {'for' if getattr(hoomd.version, 'gpu_enabled', True) else 'without'} GPUs)"
            )
        return self

    def planes_per_simulation(self, n_particles: int, replicas: int) -> int:
        """Planes of ``n_particles`` particles that go into one simulation.

        On a CPU the replicas of one structure: more in one simulation are not faster there.
        """
        if self.planes is not None:
            return self.planes
        if self.device == "cpu":
            return replicas
        memory = _free_device_memory()
        most = DEFAULT_PARTICLES if memory is None else int(0.5 * memory / BYTES_PER_PARTICLE)
        return max(1, most // n_particles)


def _free_device_memory() -> int | None:
    """Free memory of the GPU in bytes, or None if nothing here can tell."""
    if shutil.which("nvidia-smi") is None:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    try:
        found = subprocess.run(
            ["nvidia-smi", f"--id={visible}", "--query-gpu=memory.free", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return int(found.stdout.split()[0]) * 2**20
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
