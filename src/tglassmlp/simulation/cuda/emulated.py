"""Kernels on the processor: the CUDA C++ source compiled by g++, one block after the other.

The emulation is written to compute the same numbers as a card, bit for bit, and is slow: it serves tests, and
runs of a few particles on a machine without a card.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from llvmlite import binding
from numpy.typing import NDArray

from tglassmlp.compilation import kernel_folder
from tglassmlp.simulation.cuda.device import STATIC_SHARED
from tglassmlp.simulation.cuda.sources import source_text

__all__ = ["EmulatedDevice", "EmulatedKernels", "build", "open_device"]

#: Contraction off; the instructions of this processor, so that fused() is one of them.
FLAGS: Final = (
    "-std=c++17",
    "-O2",
    "-march=native",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fPIC",
    "-shared",
    "-x",
    "c++",
)


def _compiler() -> str:
    """Path of g++.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    found = shutil.which(os.environ.get("CXX", "") or "g++")
    if found is None:
        raise RuntimeError(
            "the emulation of a graphics card compiles its kernels with g++, which is not on PATH: "
            "install it (package g++ of Debian, gcc-c++ of Fedora), or name a compiler in CXX"
        )
    return found


@cache
def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout


@cache
def _process_folder() -> Path:
    """Folder of this process, where no other keeps what is compiled."""
    return Path(tempfile.mkdtemp(prefix="tglassmlp-kernels-"))


def build(source: str, defines: Mapping[str, int]) -> Path:
    """Compile a source to a shared library, unless the folder of compiled kernels has it already.

    Raises
    ------
    RuntimeError
        If g++ is missing or refuses the source.
    """
    compiler = _compiler()
    text = source_text(source)
    flags = [*FLAGS, *(f"-D{name}={value}" for name, value in sorted(defines.items()))]
    content = "\n".join((text, *flags, _version(compiler), binding.get_host_cpu_name()))
    name = f"{Path(source).stem}-{hashlib.sha256(content.encode()).hexdigest()[:20]}.so"
    folder = kernel_folder(build) or _process_folder()
    library = folder / name
    if library.exists():
        return library
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made = Path(place) / name
        done = subprocess.run(
            [compiler, *flags, "-o", str(made), "-"], input=text, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"{compiler} cannot compile {source}:\n{done.stderr.strip()}")
        os.replace(made, library)
    return library


class EmulatedKernels:
    """The kernels of one source, compiled by g++."""

    def __init__(self, library: Path, threads: int) -> None:
        self._library = ctypes.CDLL(str(library))
        self._threads = threads

    def launch(
        self, kernel: str, parameters: NDArray[np.void], blocks: int, threads: int, shared: int = 0
    ) -> None:
        """Run all blocks of a kernel; see :class:`~tglassmlp.simulation.cuda.device.Kernels`."""
        expected = int(getattr(self._library, f"{kernel}_parameter_bytes")())
        if parameters.nbytes != expected:
            raise ValueError(
                f"kernel {kernel} takes {expected} bytes of parameters, found {parameters.nbytes}"
            )
        call = getattr(self._library, kernel)
        call.restype = None
        call.argtypes = [ctypes.c_void_p, *[ctypes.c_int] * 4, ctypes.c_longlong]
        parts = min(self._threads, blocks)
        edges = [blocks * k // parts for k in range(parts + 1)]
        address = parameters.ctypes.data
        with ThreadPoolExecutor(max_workers=parts) as pool:  # a call of ctypes lets other threads run
            calls = [
                pool.submit(call, address, first, last, blocks, threads, shared)
                for first, last in itertools.pairwise(edges)
            ]
            for done in calls:
                done.result()

    def resident_blocks(self, kernel: str, threads: int, shared: int = 0) -> int:
        """Blocks that run at the same time: one per thread of the processor."""
        return self._threads

    def resources(self, kernel: str) -> dict[str, int]:
        """Return nothing: g++ decides about registers."""
        return {}


class EmulatedDevice:
    """The processor in place of a card."""

    title: Final = "emulated on the processor"
    emulated: Final = True
    #: That of an NVIDIA H100, so that what runs here runs there.
    shared_limit: Final = 227 * 1024 - STATIC_SHARED

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def kernels(self, source: str, defines: Mapping[str, int]) -> EmulatedKernels:
        """Compile a source; see :class:`~tglassmlp.simulation.cuda.device.Device`."""
        return EmulatedKernels(build(source, defines), self.threads)

    def array(self, values: NDArray[Any]) -> NDArray[Any]:
        """Copy an array."""
        return np.array(values, order="C", copy=True)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Make an array of zeros."""
        return np.zeros(shape, dtype=dtype)

    def get(self, array: NDArray[Any]) -> NDArray[Any]:
        """Copy an array."""
        return array.copy()

    def synchronize(self) -> None:
        """Nothing is under way when a launch has returned."""

    def free_memory(self) -> int:
        """Bytes that arrays may still take: half of what the machine has free."""
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2

    def facts(self) -> dict[str, Any]:
        """Return what stands for the card: the compiler and the processor."""
        return {
            "name": self.title,
            "compiler": _version(_compiler()).splitlines()[0],
            "processor": binding.get_host_cpu_name(),
            "threads": self.threads,
        }


def open_device(threads: int = 1) -> EmulatedDevice:
    """Return the emulation, which uses some threads of the processor.

    Raises
    ------
    RuntimeError
        If g++ is missing.
    """
    _compiler()
    return EmulatedDevice(threads)
