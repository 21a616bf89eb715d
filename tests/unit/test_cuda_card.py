"""The way to a card: what is asked of CuPy, and answered by g++ here, leads to the native numbers."""

from __future__ import annotations

import ctypes
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tglassmlp import KA2D
from tglassmlp.simulation.cuda import card, emulated
from tglassmlp.simulation.cuda.device import STATIC_SHARED, device
from tglassmlp.simulation.cuda.dynamics import CudaDynamics
from tglassmlp.simulation.cuda.sources import source_text
from tglassmlp.simulation.cuda.swap import attempts_per_second
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.protocols import DynamicsRequest, dynamics_engine

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation of a card needs g++")

MIXTURE = KA2D.scaled(10)
ATTRIBUTES = {
    "MaxSharedMemoryPerBlockOptin": 232448, "MultiProcessorCount": 132, "ClockRate": 1_980_000,
    "ComputeCapabilityMajor": 9, "ComputeCapabilityMinor": 0,
}  # fmt: skip


class Array:
    """Array of the card: only its address and copies of it are to be had."""

    def __init__(self, values):
        self.values = np.array(values, order="C", copy=True)
        self.shape = self.values.shape
        self.data = SimpleNamespace(ptr=self.values.ctypes.data)


class Function:
    """A kernel, launched as CuPy launches it."""

    def __init__(self, call):
        self.call, self.kernel = call, SimpleNamespace(ptr=7)
        self.num_regs, self.local_size_bytes = 64, 88
        self.max_dynamic_shared_size_bytes = 48 * 1024
        self.launches = 0

    def __call__(self, grid, block, arguments, *, shared_mem):
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        assert block[0] % 32 == 0
        (parameters,) = arguments
        address = ctypes.c_void_p(parameters.data.ptr)
        self.call(address, 0, grid[0], grid[0], block[0], ctypes.c_longlong(shared_mem))
        self.launches += 1


class CuPy:
    """As much of CuPy as the package uses."""

    __version__ = "14.2.0"

    def __init__(self, folder):
        self.folder, self.functions, self.options, self.used = folder, {}, [], []
        runtime = SimpleNamespace(
            CUDARuntimeError=RuntimeError,
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda number: {"name": b"Card of a test"},
            memGetInfo=lambda: (10**9, 8 * 10**10),
            driverGetVersion=lambda: 12090,
            runtimeGetVersion=lambda: 12080,
        )
        driver = SimpleNamespace(occupancyMaxActiveBlocksPerMultiprocessor=lambda f, threads, shared: 4)
        self.cuda = SimpleNamespace(Device=self._device, runtime=runtime, driver=driver)
        self.asarray, self.asnumpy = Array, lambda array: array.values.copy()
        self.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: 5)

    def _device(self, number=0):
        return SimpleNamespace(
            use=lambda: self.used.append(number), attributes=ATTRIBUTES, synchronize=lambda: None
        )

    def zeros(self, shape, dtype):
        return Array(np.zeros(shape, dtype))

    def RawModule(self, *, code, options):
        self.options.append(options)
        name = "dynamics.cu" if code == source_text("dynamics.cu") else "swap.cu"
        (self.folder / name).write_text(code)
        library = ctypes.CDLL(str(emulated.build(str(self.folder / name), {})))

        def function(kernel):
            return self.functions.setdefault(kernel, Function(getattr(library, kernel)))

        return SimpleNamespace(get_function=function)


@pytest.fixture(scope="module")
def cupy(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        found = CuPy(tmp_path_factory.mktemp("card"))
        patch.setitem(sys.modules, "cupy", found)
        patch.delenv("TGLASSMLP_CUDA_DEVICE", raising=False)
        patch.setenv("CUPY_CACHE_DIR", "kept")
        yield found


def test_dynamics_through_cupy_follow_the_native_engine(cupy, liquid):
    seeds = [np.random.SeedSequence(k) for k in range(2)]
    wanted = DynamicsRequest([liquid] * 2, seeds, 0.6, [0, 7, 200], 3, MIXTURE, DynamicsSettings())
    on = device()
    assert device() is on
    assert cupy.used == [0]
    for a, b in zip(
        CudaDynamics(on).trajectories(wanted), dynamics_engine("native").trajectories(wanted), strict=True
    ):
        np.testing.assert_array_equal(a.displacements, b.displacements)
        np.testing.assert_array_equal(a.potential_energy, b.potential_energy)
        assert a.statistics["resident_replicas"] == 4 * 132
    assert cupy.functions["dynamics_advance"].launches >= 2
    # contraction off, no fast mathematics
    assert set(card.OPTIONS) <= set(cupy.options[0])
    assert {"-fmad=false", "-prec-div=true", "-prec-sqrt=true", "-ftz=false"} <= set(card.OPTIONS)


def test_swap_monte_carlo_through_cupy(cupy, liquid):
    on = card.Card()
    found = attempts_per_second([liquid] * 2, 0.6, MIXTURE, sweeps=8, on=on)
    expected = attempts_per_second([liquid] * 2, 0.6, MIXTURE, sweeps=8, on=emulated.EmulatedDevice())
    assert found["acceptance"] == expected["acceptance"]
    assert found["resident_blocks"] == 4 * 132


def test_a_card_says_what_it_is(cupy):
    on = card.Card()
    assert (on.title, on.emulated) == ("Card of a test", False)
    assert on.shared_limit == 232448 - STATIC_SHARED
    assert on.free_memory() == 10**9 + 5
    facts = on.facts()
    assert facts["compute_capability"] == "9.0"
    assert facts["clock_hertz"] == pytest.approx(1.98e9)
    assert facts["memory_bytes"] == 8 * 10**10
    assert (facts["driver_version"], facts["runtime_version"]) == (12090, 12080)
    assert on.kernels("dynamics.cu", {}).resources("dynamics_advance") == {
        "registers": 64, "local_bytes": 88,
    }  # fmt: skip


def test_kernels_with_more_shared_memory_ask_for_it(cupy):
    kernels = card.Card().kernels("dynamics.cu", {})
    kernels.resident_blocks("dynamics_measure", 256, 60_000)
    assert cupy.functions["dynamics_measure"].max_dynamic_shared_size_bytes == 60_000
