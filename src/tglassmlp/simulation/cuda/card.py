"""Kernels on a graphics card of NVIDIA: compiled at run time and launched through CuPy."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.compilation import kernel_folder, temporary_folder
from tglassmlp.simulation.cuda.device import STATIC_SHARED
from tglassmlp.simulation.cuda.sources import source_text

__all__ = ["ADVICE", "HELD", "OPTIONS", "Card", "CardKernels", "choose_card", "open_device"]

#: Options of the compiler: contraction off, division and square root exact, small numbers kept.
OPTIONS: Final = ("-std=c++17", "-fmad=false", "-prec-div=true", "-prec-sqrt=true", "-ftz=false")

#: What to do where there is no CuPy or no card.
ADVICE: Final = (
    "Install CuPy with `pip install 'tglassmlp[cuda]'`; it needs a card of NVIDIA and its driver. Without a "
    "card, engine 'native' does this work on the processor."
)


def _cupy() -> Any:
    # CuPy keeps what it compiles in the home folder, which may be out of reach on a compute node
    folder = kernel_folder(open_device)
    if folder is not None:
        os.environ.setdefault("CUPY_CACHE_DIR", str(Path(folder) / "cupy"))
    import cupy

    return cupy


class CardKernels:
    """The kernels of one source, compiled for the card."""

    def __init__(self, source: str, defines: Mapping[str, int]) -> None:
        self._cupy = _cupy()
        options = (*OPTIONS, *(f"-D{name}={value}" for name, value in sorted(defines.items())))
        self._module = self._cupy.RawModule(code=source_text(source), options=options)

    def _kernel(self, name: str, shared: int) -> Any:
        kernel = self._module.get_function(name)
        if shared > 48 * 1024:  # beyond this a kernel must ask
            kernel.max_dynamic_shared_size_bytes = shared
        return kernel

    def launch(
        self, kernel: str, parameters: NDArray[np.void], blocks: int, threads: int, shared: int = 0
    ) -> None:
        """Start a kernel; see :class:`~tglassmlp.simulation.cuda.device.Kernels`."""
        given = self._cupy.asarray(np.frombuffer(parameters.tobytes(), dtype=np.uint8))
        self._kernel(kernel, shared)((blocks,), (threads,), (given,), shared_mem=shared)

    def resident_blocks(self, kernel: str, threads: int, shared: int = 0) -> int:
        """Blocks of a kernel that all multiprocessors hold at the same time."""
        function = self._kernel(kernel, shared).kernel
        each = self._cupy.cuda.driver.occupancyMaxActiveBlocksPerMultiprocessor(function.ptr, threads, shared)
        return int(each) * int(self._cupy.cuda.Device().attributes["MultiProcessorCount"])

    def resources(self, kernel: str) -> dict[str, int]:
        """Return the registers of a thread, and the bytes of its local memory: what is spilled."""
        found = self._module.get_function(kernel)
        return {"registers": int(found.num_regs), "local_bytes": int(found.local_size_bytes)}


class Card:
    """One of the cards that CUDA shows to this process; from then on CuPy works on it.

    Parameters
    ----------
    number
        Number of the card (:func:`choose_card`).
    """

    emulated: Final = False

    def __init__(self, number: int = 0) -> None:
        self._cupy, self._number = _cupy(), number
        self._cupy.cuda.Device(number).use()
        properties = self._cupy.cuda.runtime.getDeviceProperties(number)
        name = properties["name"]
        self.title = name.decode() if isinstance(name, bytes) else str(name)
        most = int(self._cupy.cuda.Device(number).attributes["MaxSharedMemoryPerBlockOptin"])
        self.shared_limit = most - STATIC_SHARED

    def kernels(self, source: str, defines: Mapping[str, int]) -> CardKernels:
        """Compile a source; see :class:`~tglassmlp.simulation.cuda.device.Device`."""
        return _compiled(source, tuple(sorted(defines.items())))

    def array(self, values: NDArray[Any]) -> Any:
        """Copy an array to the card."""
        return self._cupy.asarray(np.ascontiguousarray(values))

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Make an array of zeros on the card."""
        return self._cupy.zeros(shape, dtype=dtype)

    def get(self, array: Any) -> NDArray[Any]:
        """Copy an array back."""
        found: NDArray[Any] = self._cupy.asnumpy(array)
        return found

    def synchronize(self) -> None:
        """Wait until all launches so far are done."""
        self._cupy.cuda.Device().synchronize()

    def free_memory(self) -> int:
        """Bytes that arrays may still take."""
        pool = self._cupy.get_default_memory_pool()
        return int(self._cupy.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())

    def facts(self) -> dict[str, Any]:
        """Return name and size of the card, and the versions of driver, run time and CuPy."""
        runtime, attributes = self._cupy.cuda.runtime, self._cupy.cuda.Device(self._number).attributes
        major, minor = attributes["ComputeCapabilityMajor"], attributes["ComputeCapabilityMinor"]
        return {
            "name": self.title,
            "compute_capability": f"{major}.{minor}",
            "multiprocessors": int(attributes["MultiProcessorCount"]),
            "clock_hertz": 1000.0 * int(attributes["ClockRate"]),
            "shared_bytes_of_a_block": self.shared_limit,
            "memory_bytes": int(runtime.memGetInfo()[1]),
            "driver_version": int(runtime.driverGetVersion()),
            "runtime_version": int(runtime.runtimeGetVersion()),
            "cupy_version": str(self._cupy.__version__),
        }


@cache
def _compiled(source: str, defines: tuple[tuple[str, int], ...]) -> CardKernels:
    return CardKernels(source, dict(defines))


#: Locks (descriptors) of the cards that this process works on, held until it ends.
HELD: Final[list[int]] = []


def choose_card(cupy: Any, count: int) -> int:
    """Choose one of ``count`` cards: the first that no other process of the user has chosen.

    If all are taken it is the one with most free memory. A choice lasts as long as the process. Processes
    that Slurm gives one card each see no other one; ``CUDA_VISIBLE_DEVICES`` does the same by hand.
    """
    if count == 1:
        return 0
    folder = temporary_folder()
    for number in range(count if folder is not None else 0):
        name = str(cupy.cuda.Device(number).pci_bus_id).replace(":", "-")
        lock = os.open(Path(str(folder)) / f"card-{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        HELD.append(lock)
        return number

    def free(number: int) -> int:
        with cupy.cuda.Device(number):
            return int(cupy.cuda.runtime.memGetInfo()[0])

    return max(range(count), key=free)


@cache
def _own_card(count: int) -> Card:
    """Return the card of this process."""
    return Card(choose_card(_cupy(), count))


def open_device(threads: int = 1) -> Card:
    """Return the card of this process, the same one every time; threads of the processor are not used.

    Raises
    ------
    ImportError
        If CuPy is not installed.
    RuntimeError
        If there is no card or no driver.
    """
    try:
        cupy = _cupy()
    except ImportError as error:
        raise ImportError(
            f"engine 'cuda' needs CuPy, which cannot be imported ({error}). {ADVICE}"
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(f"engine 'cuda' finds no graphics card ({error}). {ADVICE}") from error
    if count == 0:
        raise RuntimeError(f"engine 'cuda' finds no graphics card. {ADVICE}")
    return _own_card(count)
