"""Where kernels run: on a graphics card, or emulated on the processor, with the same results bit for bit.

A :class:`Device` holds arrays, builds kernels from their source, and launches them. A kernel takes one
structure of parameters, which :func:`pack` fills from numbers and arrays.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEVICE_VARIABLE", "STATIC_SHARED", "Device", "Kernels", "device", "pack", "too_large"]

#: Environment variable that names the device: ``gpu`` (default) or ``emulated``.
DEVICE_VARIABLE: Final = "TGLASSMLP_CUDA_DEVICE"

#: Bytes of shared memory of a block that ``phases.h`` takes for the sums of a block.
STATIC_SHARED: Final = 1024


class Kernels(Protocol):
    """The kernels of one source, compiled for one device."""

    def launch(
        self, kernel: str, parameters: NDArray[np.void], blocks: int, threads: int, shared: int = 0
    ) -> None:
        """Start a kernel; it may still run when this returns.

        Parameters
        ----------
        kernel
            Name of the kernel in the source.
        parameters
            Its parameters, made by :func:`pack`.
        blocks, threads
            Blocks of the launch and threads of a block.
        shared
            Bytes of shared memory of a block.
        """
        ...

    def resident_blocks(self, kernel: str, threads: int, shared: int = 0) -> int:
        """Blocks of a kernel that the device holds at the same time."""
        ...

    def resources(self, kernel: str) -> dict[str, int]:
        """Return registers and bytes of local memory (what is spilled) of a thread, if that is known."""
        ...


class Device(Protocol):
    """A card, or its emulation. Arrays are NumPy arrays under emulation, and CuPy arrays on a card."""

    #: Name in messages, as "NVIDIA H100 80GB HBM3".
    title: str
    #: Whether a processor stands in for the card.
    emulated: bool
    #: Most bytes of shared memory that a launch may ask for, besides :data:`STATIC_SHARED`.
    shared_limit: int

    def kernels(self, source: str, defines: Mapping[str, int]) -> Kernels:
        """Compile a source of this package (or of an absolute path) with preprocessor definitions."""
        ...

    def array(self, values: NDArray[Any]) -> Any:
        """Copy an array to the device, C-contiguous."""
        ...

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Make an array of zeros on the device."""
        ...

    def get(self, array: Any) -> NDArray[Any]:
        """Copy an array back, after all launches so far are done."""
        ...

    def synchronize(self) -> None:
        """Wait until all launches so far are done."""
        ...

    def free_memory(self) -> int:
        """Bytes that arrays may still take."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what records say of the device: name, versions, size."""
        ...


def device(threads: int = 1) -> Device:
    """Return the device that the environment asks for: a card, unless its emulation is asked for by name.

    Parameters
    ----------
    threads
        Threads of the processor that the emulation uses; results do not depend on it.

    Raises
    ------
    ValueError
        If :data:`DEVICE_VARIABLE` is neither ``gpu`` nor ``emulated``.
    ImportError
        If CuPy is not installed.
    RuntimeError
        If CuPy finds no card or no driver, or g++ is missing for the emulation.
    """
    wanted = os.environ.get(DEVICE_VARIABLE, "") or "gpu"
    modules = {
        "gpu": "tglassmlp.simulation.cuda.card",
        "emulated": "tglassmlp.simulation.cuda.emulated",
    }
    if wanted not in modules:
        raise ValueError(
            f"environment variable {DEVICE_VARIABLE}: found {wanted!r}, allowed: {', '.join(modules)}"
        )
    found: Device = importlib.import_module(modules[wanted]).open_device(threads)
    return found


def pack(kind: np.dtype[np.void], values: Mapping[str, Any]) -> NDArray[np.void]:
    """Fill a structure of parameters: arrays of a device become addresses.

    Parameters
    ----------
    kind
        Structured type with the layout of the C++ structure (``align=True``; addresses are ``uint64``).
    values
        A number or an array for every field.

    Raises
    ------
    ValueError
        If fields are missing or unknown.
    """
    names = kind.names or ()
    if set(values) != set(names):
        wrong = sorted(set(values) ^ set(names))
        raise ValueError(f"kernel parameters: fields {', '.join(wrong)} are missing or unknown")
    packed = np.zeros(1, dtype=kind)
    for name in names:
        packed[name] = _plain(values[name])
    return packed


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("arrays that kernels work on must be C-contiguous")
        return value.ctypes.data
    return value.data.ptr if hasattr(value, "data") and hasattr(value.data, "ptr") else value


def too_large(on: Device, what: str, n_particles: int, needed: int, most: int) -> ValueError:
    """Make the error for a system that shared memory of a block does not hold.

    Parameters
    ----------
    on
        The device.
    what, n_particles
        What a block moves, and its number of particles.
    needed
        Bytes of shared memory that it needs.
    most
        About the largest number of particles that fits.
    """
    return ValueError(
        f"a {what} of {n_particles} particles needs {needed} bytes of shared memory, and a block of "
        f"threads has {on.shared_limit} on this device ({on.title}): at most about "
        f"{most} particles fit; move larger systems by engine 'native'"
    )
