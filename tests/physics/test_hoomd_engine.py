"""HOOMD-blue against the native engine: same forces, same paths, exact planes, bit-for-bit restarts."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tglassmlp as tg
from tglassmlp.mixture import KA2D
from tglassmlp.simulation import energies
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.hybrid import HybridSampler
from tglassmlp.simulation.protocols import Conduct, DynamicsRequest, SwapRequest, dynamics_engine
from tglassmlp.simulation.run import forget_structures, run_structures, trajectory

needs_hoomd = pytest.mark.skipif(
    importlib.util.find_spec("hoomd") is None,
    reason="HOOMD-blue is not installed (conda-forge only: conda env create -f envs/hoomd.yaml)",
)
STEPS = np.array([0, 1, 2, 4, 10, 26, 43, 69, 110])
SEED = np.random.SeedSequence(5)
SETTINGS = DynamicsSettings(precision="double", block_seconds=1e-9)


@pytest.fixture(scope="module")
def structures() -> list[tg.Configuration]:
    """Two small liquids at T = 0.6, 129 particles each."""
    mixture = KA2D.scaled(10)
    found = []
    for k in range(2):
        side = (np.arange(12) + 0.5) * mixture.box_length / 12
        lattice = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)[:129]
        species = np.random.default_rng(k).permutation(mixture.species())
        start = tg.Configuration(lattice, species, mixture.box_length)
        hot, _ = tg.swap_monte_carlo(start, 2.0, 100, seed=k, mixture=mixture)
        found.append(tg.swap_monte_carlo(hot, 0.6, 200, seed=k + 10, mixture=mixture)[0])
    return found


@pytest.fixture
def hoomd_engine():
    """Return what the subpackage offers; HOOMD-blue is imported only here."""
    from tglassmlp.simulation.hoomd import dynamics, machine, planes

    return SimpleNamespace(
        **{name: getattr(module, name) for module in (dynamics, machine, planes) for name in module.__all__},
        BLOCK_WORK=dynamics.BLOCK_WORK,
    )


def request(structures, replicas, seeds, steps=STEPS, **options) -> DynamicsRequest:
    """Replicas of several structures at T = 0.6."""
    return DynamicsRequest(structures, seeds, 0.6, steps, replicas, KA2D, SETTINGS, **options)


def rms(a: np.ndarray) -> float:
    return float(np.sqrt(np.mean(a**2)))


def test_absent_hoomd_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("tglassmlp.simulation.hoomd")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hoomd", None)
    with pytest.raises(ImportError, match=r"'hoomd'.*conda-forge.*envs/hoomd.yaml"):
        dynamics_engine("hoomd")


@needs_hoomd
def test_registry_finds_it(hoomd_engine) -> None:
    assert dynamics_engine("hoomd") is hoomd_engine.ENGINE


@needs_hoomd
@pytest.mark.parametrize(("potential", "tolerance"), [("exact", 1e-12), ("table", 5e-6)])
def test_forces_and_energies_are_those_of_the_native_kernel(structures, potential, tolerance) -> None:
    from tglassmlp.simulation.hoomd.machine import Machine
    from tglassmlp.simulation.hoomd.planes import forces_and_energies

    f, e = forces_and_energies(structures, machine=Machine("cpu", potential=potential))
    for k, c in enumerate(structures):
        reference = energies.forces(c)
        assert rms(f[k, :, :2] - reference) < tolerance * rms(reference)
        assert np.abs(e[k] - tg.potential_energies(c)).max() < max(1e-12, 10 * tolerance)
    assert np.all(f[..., 2] == 0.0)


@needs_hoomd
def test_other_forces_are_refused(structures, hoomd_engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run does not begin where HOOMD-blue means another potential."""
    from tglassmlp.simulation.hoomd import planes

    monkeypatch.setattr(planes, "_COMPARED", set())
    wrong = lambda sigma, epsilon, smoothing: (sigma, 1.01 * epsilon)  # noqa: E731
    monkeypatch.setattr(planes.potentials, "mie_polynomial", wrong)
    with pytest.raises(RuntimeError, match=r"forces of HOOMD-blue .* docs/engines.md"):
        trajectory(structures[0], 0.6, STEPS, 1, SEED, settings=SETTINGS,
                   engine=hoomd_engine.HoomdEngine(hoomd_engine.Machine("cpu")))  # fmt: skip


@needs_hoomd
@pytest.mark.parametrize("thermostat", ["bussi", "nose_hoover", "none"])
def test_paths_are_those_of_the_native_engine(structures, hoomd_engine, thermostat) -> None:
    settings = replace(SETTINGS, thermostat=thermostat)
    native, found = (
        trajectory(structures[0], 0.6, STEPS, 3, SEED, settings=settings, engine=engine)
        for engine in ("native", "hoomd")
    )
    assert native.displacements.shape == found.displacements.shape == (3, len(STEPS), 129, 2)
    assert rms(native.displacements[:, -1]) > 0.1
    assert np.abs(native.displacements - found.displacements).max() < 1e-6
    np.testing.assert_allclose(found.kinetic_temperature, native.kinetic_temperature, rtol=1e-6)
    np.testing.assert_allclose(found.potential_energy, native.potential_energy, rtol=1e-6)
    np.testing.assert_allclose(found.conserved_drift, native.conserved_drift, atol=1e-6)
    np.testing.assert_array_equal(found.times, native.times)


@needs_hoomd
def test_replicas_with_starts_of_their_own_follow_the_native_engine(structures, hoomd_engine) -> None:
    """All replicas of two structures in one simulation, each from where an earlier run has brought it."""
    engine = hoomd_engine.HoomdEngine(hoomd_engine.Machine("cpu", planes=6))
    seeds = [np.random.SeedSequence(k) for k in range(2)]
    starts = [
        c.positions + trajectory(c, 0.6, [4000], 3, SEED, settings=SETTINGS).displacements[:, 0]
        for c in structures
    ]
    native = [
        trajectory(c, 0.6, STEPS, 3, seed, settings=SETTINGS, positions=start)
        for c, seed, start in zip(structures, seeds, starts, strict=True)
    ]
    found = engine.trajectories(request(structures, 3, seeds, positions=starts))
    for a, b in zip(native, found, strict=True):
        assert np.abs(a.displacements - b.displacements).max() < 1e-6
        np.testing.assert_allclose(b.potential_energy, a.potential_energy, rtol=1e-6)


@needs_hoomd
def test_stacked_planes_do_not_meet(structures, hoomd_engine) -> None:
    together, alone = hoomd_engine.Machine("cpu"), hoomd_engine.Machine("cpu", planes=1)
    seeds = [np.random.SeedSequence(k) for k in range(2)]
    runs = [
        hoomd_engine.HoomdEngine(m).trajectories(request(structures, 2, seeds))
        for m in (replace(together, planes=4), alone)
    ]
    for a, b in zip(*runs, strict=True):
        assert a.statistics["planes"] == 4
        assert b.statistics["planes"] == 1
        assert np.abs(a.displacements - b.displacements).max() < 1e-6
    assert rms(runs[0][0].displacements[0, -1] - runs[0][0].displacements[1, -1]) > 0.1


@needs_hoomd
def test_workflow_runs_all_structures_at_once(structures, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TGLASSMLP_HOOMD_DEVICE", "cpu")
    monkeypatch.setenv("TGLASSMLP_HOOMD_PLANES", "4")
    seeds = [np.random.SeedSequence(k) for k in range(2)]
    state = tmp_path / "state"
    wanted = request(structures, 2, seeds, STEPS[:5], numbers=[3, 4])
    options = {"engine": "hoomd", "state": state}
    runs = run_structures(wanted, **options)
    assert [r.statistics["planes"] for r in runs] == [4, 4]
    notes: list[str] = []
    again = run_structures(wanted, progress=lambda report: notes.append(report.note), **options)
    assert notes == ["resumed"]
    np.testing.assert_array_equal(runs[1].displacements, again[1].displacements)
    with pytest.raises(ValueError, match=r"T = 0.6, structures \[3, 4\].*other settings"):
        run_structures(replace(wanted, seeds=seeds[::-1]), **options)
    forget_structures(state)
    assert not state.exists()


@needs_hoomd
def test_particle_out_of_its_plane_is_an_error(structures, hoomd_engine) -> None:
    import hoomd

    stack = hoomd_engine.stacked(
        structures, KA2D, hoomd_engine.Machine("cpu"), hoomd.md.Integrator(dt=0.01), shift=False
    )
    stack.simulation.run(5)
    stack.get()
    with stack.simulation.state.cpu_local_snapshot as local:
        local.particles.position[140, 2] += 1e-15
    with pytest.raises(RuntimeError, match=r"left their planes.*plane 1"):
        stack.get()


@needs_hoomd
def test_terminated_run_resumes_to_the_same_bits(
    structures, hoomd_engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hoomd_engine.BLOCK_WORK, "cpu", 20.0 * 129 * 3)
    engine = hoomd_engine.HoomdEngine(hoomd_engine.Machine("cpu"))
    file = tmp_path / "run.npz"

    def run(temperature=0.6, **conduct):
        return trajectory(
            structures[0], temperature, STEPS, 3, SEED, settings=SETTINGS, engine=engine,
            conduct=Conduct(**conduct),
        )  # fmt: skip

    whole = run()
    calls = []

    def terminate(report) -> None:
        calls.append(report)
        if len(calls) == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(hoomd_engine.Interrupted, match=r"SIGTERM.*same command"):
        run(checkpoints=[file], progress=terminate)
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(ValueError, match="other settings"):
        run(0.7, checkpoints=[file])
    calls.clear()
    resumed = run(checkpoints=[file], progress=calls.append)
    assert calls[0].resumed
    np.testing.assert_array_equal(resumed.displacements, whole.displacements)
    np.testing.assert_array_equal(resumed.conserved_drift, whole.conserved_drift)
    assert list(tmp_path.iterdir()) == []


@needs_hoomd
def test_end_of_the_job_stops_the_run(structures, hoomd_engine, tmp_path: Path) -> None:
    machine = hoomd_engine.Machine("cpu", end=time.time() + 1.0)
    with pytest.raises(hoomd_engine.Interrupted, match="time is nearly over"):
        trajectory(
            structures[0], 0.6, STEPS, 2, SEED, settings=SETTINGS,
            engine=hoomd_engine.HoomdEngine(machine), conduct=Conduct([tmp_path / "run.npz"]),
        )  # fmt: skip


@needs_hoomd
def test_hybrid_chains_are_those_of_the_native_engine(structures, hoomd_engine) -> None:
    """Blocks of dynamics follow the same path, so the same blocks and exchanges are accepted."""
    seeds = [np.random.SeedSequence(k) for k in range(2)]
    options = {"hybrid_steps": 5, "exchanges_per_sweep": 0.1}
    request = SwapRequest(structures, seeds, 0.6, KA2D, options)
    native, found = (
        HybridSampler(engine).chains(request)
        for engine in (dynamics_engine("native"), hoomd_engine.HoomdEngine(hoomd_engine.Machine("cpu")))
    )
    for chains in (native, found):
        chains.run(12)
        chains.check_energies()
    np.testing.assert_array_equal(found.counters, native.counters)
    for a, b in zip(native.configurations(), found.configurations(), strict=True):
        np.testing.assert_array_equal(a.species, b.species)
        assert np.abs(a.positions - b.positions).max() < 1e-6


@needs_hoomd
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device": "tpu"}, "device must be auto, cpu or gpu, found 'tpu'"),
        ({"planes": 0}, "planes must be a whole number of at least 1, found 0"),
        ({"potential": "soft"}, "potential must be exact or table, found 'soft'"),
        ({"buffer": -1.0}, "buffer must be a positive number"),
    ],
)
def test_wrong_machines_are_refused(hoomd_engine, change, message) -> None:
    with pytest.raises(ValueError, match=message):
        hoomd_engine.Machine(**change)


@needs_hoomd
def test_machine_reads_the_environment(hoomd_engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TGLASSMLP_HOOMD_DEVICE", "cpu")
    monkeypatch.setenv("TGLASSMLP_HOOMD_PLANES", "12")
    monkeypatch.setenv("SLURM_JOB_END_TIME", "2000000000")
    machine = hoomd_engine.Machine.from_environment()
    assert (machine.device, machine.planes, machine.end) == ("cpu", 12, 2e9)
    assert machine.planes_per_simulation(1290, 20) == 12
    assert hoomd_engine.Machine("cpu").planes_per_simulation(1290, 20) == 20
