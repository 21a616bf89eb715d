"""Kernels as phases between barriers: what a block does under g++, and who compiles it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tglassmlp.simulation.cuda import card, emulated
from tglassmlp.simulation.cuda.device import DEVICE_VARIABLE, device, pack
from tglassmlp.simulation.cuda.sources import source_text

needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")

#: Differences of neighbours on a ring through shared memory, their sum of squares, and whether one is large.
RING = """
#include "phases.h"
struct Ring { const i32* given; i32* difference; i64* total; double* rounded; int n; i32 large; };
TG_KERNEL(ring, Ring, 128, 1) {
    i32* here = (i32*)block.shared;
    const i32* given = p.given + (i64)block.index * p.n;
    PerThread<i32> own(block);
    phase(block, [&](int t) { for (int i = t; i < p.n; i += block.threads) here[i] = given[i]; });
    const bool large = any(block, [&](int t) {
        own[t] = 0;
        bool found = false;
        for (int i = t; i < p.n; i += block.threads) {
            const i32 d = here[(i + 1) % p.n] - here[i];
            p.difference[(i64)block.index * p.n + i] = d;
            own[t] += d * d;
            found |= d > p.large;
        }
        return found;
    });
    i64 total[2];
    sums<2>(block, total, [&](int t, i64* part) { part[0] += own[t]; part[1] += t; });
    phase(block, [&](int t) {
        if (t != 0) return;
        p.total[3 * block.index] = total[0];
        p.total[3 * block.index + 1] = total[1];
        p.total[3 * block.index + 2] = large;
        p.rounded[block.index] = fused(1.0 + 0x1p-30, 1.0 - 0x1p-30, -1.0) + reciprocal(3.0f)
            + nearest_i32(2.5f) + nearest_i32(-3.5f) + nearest_i64(1e300) * 0.0 + high_product(1u << 31, 6);
    });
}
"""
LAYOUT = np.dtype(
    [(n, "u8") for n in ("given", "difference", "total", "rounded")] + [("n", "i4"), ("large", "i4")],
    align=True,
)


@pytest.fixture(scope="module")
def ring(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("kernels") / "ring.cu"
    path.write_text(RING)
    return str(path)


def run(kernels, given, threads):
    blocks, n = given.shape
    there = {
        "given": given,
        "difference": np.zeros_like(given),
        "total": np.zeros((blocks, 3), dtype=np.int64),
        "rounded": np.zeros(blocks),
    }
    kernels.launch("ring", pack(LAYOUT, {**there, "n": n, "large": 90}), blocks, threads, 4 * n)
    return there


@needs_gxx
@pytest.mark.parametrize("defines", [{}, {"TG_BACKWARDS": 1}])
def test_phases_of_a_block_are_loops_over_its_threads(ring, defines):
    kernels = emulated.EmulatedDevice(threads=2).kernels(ring, defines)
    given = np.random.default_rng(1).integers(-50, 50, size=(5, 77), dtype=np.int32)
    found = run(kernels, given, 32)
    difference = np.roll(given, -1, axis=1) - given
    np.testing.assert_array_equal(found["difference"], difference)
    np.testing.assert_array_equal(found["total"][:, 0], (difference.astype(np.int64) ** 2).sum(axis=1))
    np.testing.assert_array_equal(found["total"][:, 1], 31 * 16)
    np.testing.assert_array_equal(found["total"][:, 2], (difference > 90).any(axis=1))
    # rounded once: 1 - 2^-60 - 1; ties to even: 2 - 4; floor(2^31 * 6 / 2^32) = 3
    np.testing.assert_array_equal(
        found["rounded"], -(2.0**-60) + float(np.float32(1) / np.float32(3)) - 2 + 3
    )


@needs_gxx
def test_a_compiled_kernel_is_kept_and_another_source_is_another_kernel(ring, tmp_path):
    first = emulated.build(ring, {})
    assert emulated.build(ring, {}) == first
    assert emulated.build(ring, {"TG_BACKWARDS": 1}) != first
    changed = tmp_path / "ring.cu"
    changed.write_text(Path(ring).read_text() + "\n// another\n")
    assert emulated.build(str(changed), {}) != first


@needs_gxx
def test_parameters_of_another_size_and_sources_with_faults_are_refused(ring, tmp_path):
    kernels = emulated.EmulatedDevice().kernels(ring, {})
    with pytest.raises(ValueError, match=r"ring takes 40 bytes of parameters, found 8"):
        kernels.launch("ring", np.zeros(1, dtype=[("x", "u8")]), 1, 32)
    with pytest.raises(ValueError, match=r"fields large, narrow are missing or unknown"):
        pack(LAYOUT, {**dict.fromkeys(set(LAYOUT.names) - {"large"}, 0), "narrow": 1})
    wrong = tmp_path / "wrong.cu"
    wrong.write_text('#include "phases.h"\nint f() { return there_is_none; }\n')
    with pytest.raises(RuntimeError, match=r"cannot compile .*wrong\.cu:[\s\S]*there_is_none"):
        emulated.build(str(wrong), {})
    wrong.write_text('#include "absent.h"\n')
    with pytest.raises(FileNotFoundError, match=r"included file 'absent\.h'"):
        source_text(str(wrong))


def test_the_emulation_is_never_chosen_silently(monkeypatch):
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    with pytest.raises(ValueError, match=r"TGLASSMLP_CUDA_DEVICE: found 'cpu', allowed: gpu, emulated"):
        device()
    monkeypatch.setenv(DEVICE_VARIABLE, "emulated")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match=r"compiles its kernels with g\+\+"):
        device()
    monkeypatch.delenv(DEVICE_VARIABLE)
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    with pytest.raises(ImportError, match=r"engine 'cuda' needs CuPy.*pip install 'tglassmlp\[cuda\]'"):
        device()


class Cards:
    """Some cards as CuPy shows them; ``free`` is their free memory."""

    def __init__(self, *free):
        self.current = 0
        outer = self

        class Device:
            def __init__(self, number):
                self.number, self.pci_bus_id = number, f"0000:{number:02x}:00.0"

            def __enter__(self):
                outer.current = self.number

            def __exit__(self, *_):
                outer.current = 0

        self.cuda = SimpleNamespace(
            Device=Device, runtime=SimpleNamespace(memGetInfo=lambda: (free[outer.current], 99))
        )


def test_processes_choose_different_cards(tmp_path, monkeypatch):
    monkeypatch.setattr(card, "temporary_folder", lambda: tmp_path)
    monkeypatch.setattr(card, "HELD", [])
    cards = Cards(5, 9, 7)
    # each call stands for a process: a lock holds against every other opening of its file
    assert [card.choose_card(cards, 3) for _ in range(4)] == [0, 1, 2, 1]
    os.close(card.HELD.pop(0))
    assert card.choose_card(cards, 3) == 0
    assert card.choose_card(cards, 1) == 0
    monkeypatch.setattr(card, "temporary_folder", lambda: None)
    assert card.choose_card(cards, 3) == 1
    for lock in card.HELD:
        os.close(lock)


@pytest.mark.parametrize(("count", "says"), [(0, r"\. "), (None, r" \(no driver here\)\. ")])
def test_a_machine_without_card_or_driver_is_told_so(monkeypatch, count, says):
    class NoDriver(RuntimeError):
        pass

    def counted():
        if count is None:
            raise NoDriver("no driver here")
        return count

    runtime = SimpleNamespace(getDeviceCount=counted, CUDARuntimeError=NoDriver)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    monkeypatch.setenv("CUPY_CACHE_DIR", "")
    monkeypatch.delenv(DEVICE_VARIABLE, raising=False)
    with pytest.raises(RuntimeError, match=f"engine 'cuda' finds no graphics card{says}.*Install CuPy"):
        device()


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nvcc_compiles_the_same_source(ring, tmp_path, architecture):
    path = tmp_path / "whole.cu"
    path.write_text(source_text(ring))
    command = [
        "nvcc",
        "-std=c++17",
        "-fmad=false",
        f"-arch={architecture}",
        "-cubin",
        "-o",
        str(tmp_path / "k"),
    ]
    done = subprocess.run([*command, "-Xptxas=-v", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "0 bytes spill stores" in done.stderr
