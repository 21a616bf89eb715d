"""Dynamics of engine `cuda`, emulated: paths of the native engine to the last bit, however they are cut."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, isoconfigurational_dynamics, swap_monte_carlo
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.mixture import Mixture
from tglassmlp.simulation import thermostats
from tglassmlp.simulation.cuda import dynamics, replicas
from tglassmlp.simulation.cuda.device import DEVICE_VARIABLE, pack
from tglassmlp.simulation.cuda.dynamics import CudaDynamics
from tglassmlp.simulation.cuda.emulated import EmulatedDevice
from tglassmlp.simulation.dynamics import DynamicsSettings, Trajectory, log_spaced_steps
from tglassmlp.simulation.hybrid import HybridSampler
from tglassmlp.simulation.protocols import PLAIN, Conduct, DynamicsRequest, SwapRequest, dynamics_engine
from tglassmlp.simulation.run import run_structures

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation of a card needs g++")

DEVICE = EmulatedDevice()
UNIT, SMALL = KA2D.scaled(10), KA2D.scaled(30)  # 129 and 43 particles
STEPS = np.array([0, 1, 7, 60, 400])
RECORDED = ("displacements", "kinetic_temperature", "potential_energy", "conserved_drift")
#: CAMPAIGN=quick: a hundredth of the steps.
QUICK = os.environ.get("CAMPAIGN") == "quick"


class Backwards(EmulatedDevice):
    """Threads of a block one after the other from the last to the first."""

    def kernels(self, source, defines):
        return super().kernels(source, {**defines, "TG_BACKWARDS": 1})


class Interrupted(Exception):
    """Stands for a kill."""


def melt(mixture: Mixture, seed: int = 1, temperature: float = 0.7, sweeps: int = 100) -> Configuration:
    """Liquid that has melted from a lattice."""
    start = lattice_start(mixture, np.random.SeedSequence(seed))
    return swap_monte_carlo(start, temperature, sweeps, seed=seed, mixture=mixture)[0]


@pytest.fixture(scope="module")
def small() -> Configuration:
    return melt(SMALL)


def request_of(structures, mixture=UNIT, steps=STEPS, count=3, temperature=0.6, positions=None, **settings):
    seeds = [np.random.SeedSequence(5 + k) for k in range(len(structures))]
    return DynamicsRequest(
        structures, seeds, temperature, steps, count, mixture, DynamicsSettings(**settings), positions,
        range(len(structures)),
    )  # fmt: skip


def native(request: DynamicsRequest) -> list[Trajectory]:
    return dynamics_engine("native").trajectories(request)


def emulated(request: DynamicsRequest, on=DEVICE, **conduct) -> list[Trajectory]:
    return CudaDynamics(on).trajectories(request, Conduct(**conduct))


def short_launches(monkeypatch) -> None:
    """Make launches of ten steps."""
    monkeypatch.setattr(dynamics, "CALL_SECONDS", 1e-9)
    monkeypatch.setattr(dynamics, "FIRST_WORK", 1.0)


def assert_same(found: list[Trajectory], expected: list[Trajectory]) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        for name in RECORDED:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.fixture(scope="module")
def request_and_paths(liquid):
    """Two structures of 129 particles, and their native trajectories."""
    wanted = request_of([liquid, melt(UNIT, seed=4)])
    return wanted, native(wanted)


# ------------------------------------------------------------------------------------------- same bits


@pytest.mark.parametrize(
    ("thermostat", "velocities", "interval"),
    [("bussi", "half_step", 10), ("nose_hoover", "half_step", 10), ("bussi", "full_step", 3),
     ("nose_hoover", "full_step", 1), ("none", "half_step", 10)],
)  # fmt: skip
@pytest.mark.parametrize("size", [129, 43])
def test_paths_are_those_of_the_native_engine_to_the_last_bit(
    liquid, small, thermostat, velocities, interval, size
):
    """10^4 steps with both thermostats: hundreds of lists, particles that cross the box."""
    c, mixture = (liquid, UNIT) if size == 129 else (small, SMALL)
    last = 10_000 if thermostat != "none" and velocities == "half_step" else 1500
    wanted = request_of(
        [c], mixture, [0, 1, 2, 17, 300, 301, last], 2, thermostat=thermostat,
        thermostat_velocities=velocities, thermostat_interval=interval,
    )  # fmt: skip
    (found,) = emulated(wanted)
    assert_same([found], native(wanted))
    assert found.statistics["steps_per_list"] < 30
    if last == 10_000:
        outside = np.abs(c.positions + found.displacements[:, -1]) > mixture.box_length / 2
        assert outside.any(axis=(1, 2)).all()


def test_other_time_steps_starts_and_mixtures(small):
    """A mixture of two species in another box, replicas that start from places of their own."""
    mixture = Mixture("two", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (50, 27), 8.3)
    c = melt(mixture, temperature=1.0)
    rng = np.random.default_rng(2)
    starts = c.positions + rng.normal(0, 0.002, (3, c.n_particles, 2)) + 8.3 * np.array([3, -2])
    wanted = request_of([c], mixture, [3, 250], 3, 1.3, [starts], time_step=0.004, skin=0.2)
    assert_same(emulated(wanted), native(wanted))


def test_double_precision_is_not_offered(liquid):
    """The engine says so, and moves particles as in mixed precision."""
    wanted = request_of([liquid], count=1)
    assert_same(emulated(replace(wanted, settings=DynamicsSettings(precision="double"))), native(wanted))


def test_neither_order_of_threads_nor_company_nor_launches_matter(request_and_paths, small, monkeypatch):
    wanted, expected = request_and_paths
    assert_same(emulated(wanted, Backwards(threads=2)), expected)
    short_launches(monkeypatch)
    assert_same(emulated(wanted), expected)
    # alone, and with a structure of another size
    pair = request_of([small, small], SMALL, count=2)
    alone = emulated(pair.alone(1))
    assert_same(emulated(pair)[1:], alone)
    assert_same(native(pair)[1:], alone)


def test_structures_that_do_not_fit_together_move_one_after_the_other(request_and_paths):
    class Narrow(EmulatedDevice):
        def free_memory(self):
            return 300_000

    wanted, expected = request_and_paths
    assert_same(emulated(wanted, Narrow()), expected)


def test_a_list_without_room_grows_and_changes_nothing(liquid, monkeypatch):
    """At the first step, or in the middle of a launch, each replica at a step of its own."""
    words: list[int] = []

    class Watched(EmulatedDevice):
        def zeros(self, shape, dtype):
            if dtype == np.uint64:
                words.append(shape[1])
            return super().zeros(shape, dtype)

    def grown(wanted, most):
        """Run with so many words for a particle, and return the number of lists that were too short."""
        words.clear()
        monkeypatch.setattr(replicas, "list_words", lambda _: most)
        assert_same(emulated(wanted, Watched()), native(wanted))
        assert words == sorted(set(words))
        return len(words) - 1

    assert grown(request_of([liquid]), 1) > 1
    # the list of the start has room for three more neighbours at most, for none with some margin or other
    for skin in (0.2, 0.25, 0.3, 0.35, 0.4):
        start = request_of([liquid], steps=[0, 1], skin=skin)
        enough = next(words for words in range(4, 20) if grown(start, words) == 0)
        if grown(replace(start, steps=[0, 5, 600]), enough):
            return
    pytest.fail("no list became too short on the way")


def test_structures_of_the_hybrid_method_are_those_of_the_native_engine(small):
    """Blocks of dynamics on the device between exchanges: the same structures, as the paths are."""

    class Mixed:
        """The native engine in the precision of the other one, whatever is asked for."""

        def trajectories(self, request, conduct=PLAIN):
            settings = replace(request.settings, precision="mixed")
            return dynamics_engine("native").trajectories(replace(request, settings=settings), conduct)

    seeds = [np.random.SeedSequence(k) for k in range(3)]
    made = []
    for chosen in (CudaDynamics(DEVICE), Mixed()):
        wanted = SwapRequest([small] * 3, seeds, 0.8, SMALL, {"hybrid_steps": 10})
        chains = HybridSampler(chosen).chains(wanted)
        chains.run(40)
        chains.check_energies()
        made.append(chains.configurations())
    for found, expected in zip(*made, strict=True):
        np.testing.assert_array_equal(found.positions, expected.positions)
        np.testing.assert_array_equal(found.species, expected.species)
        assert np.abs(found.positions - small.positions).max() > 0.1


# -------------------------------------------------------------------------------------------- restarts


def test_interrupted_runs_go_on_to_the_same_bits(request_and_paths, tmp_path, monkeypatch):
    wanted, expected = request_and_paths
    wanted = replace(wanted, settings=DynamicsSettings(block_seconds=1e-6))
    short_launches(monkeypatch)
    files = [tmp_path / f"structure{k}.npz" for k in range(2)]
    stops = []
    for reports in (1, 5, 9, 30, None):
        seen = []

        def stop(report, seen=seen, reports=reports):
            seen.append(report)
            if reports is not None and len(seen) > reports:
                raise Interrupted

        try:
            found = emulated(wanted, checkpoints=files, progress=stop)
        except Interrupted:
            stops.append(reports)
            if reports == 9:  # killed between writing the files of the two structures
                older = files[1].read_bytes()
            elif reports == 30:
                files[1].write_bytes(older)
    assert stops == [1, 5, 9, 30]
    assert_same(found, expected)
    assert seen[0].resumed
    assert seen[0].amount > seen[1].amount > 0
    assert not list(tmp_path.iterdir())


def test_finished_structures_stay_until_they_are_forgotten(liquid, tmp_path):
    wanted = request_of([liquid], steps=[0, 20], count=1)
    first = emulated(wanted, checkpoints=[tmp_path / "structure0.npz"], keep_checkpoints=True)
    told = []
    again = emulated(
        wanted, checkpoints=[tmp_path / "structure0.npz"], keep_checkpoints=True, progress=told.append
    )
    assert_same(again, first)
    assert [r.resumed for r in told] == [True]
    other = replace(wanted, temperature=0.61)
    with pytest.raises(ValueError, match=r"T = 0\.61, structure 0: .*made with other settings"):
        emulated(other, checkpoints=[tmp_path / "structure0.npz"])


# --------------------------------------------------------------------------------------------- numbers


def test_the_exponential_function_is_that_of_the_thermostat():
    """To two units in the last place of the library's, and the same bits in the kernel."""
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(-3, 3, 3000), rng.uniform(-690, 690, 1000), [0.0, -1e-300, 1e4, -1e4]])
    expected = thermostats.exponential(x)
    exact = np.array([math.exp(v) for v in x[:-2]])
    assert np.abs((expected[:-2] - exact) / np.spacing(exact)).max() <= 2.0
    assert expected[-2:].tolist() == [thermostats.exponential(700.0), thermostats.exponential(-700.0)]
    found, given = DEVICE.zeros(x.shape, np.float64), DEVICE.array(x)
    values = dict.fromkeys(replicas.PARAMETERS.names, 0)
    packed = pack(replicas.PARAMETERS, {**values, "applications": len(x), "normal": given, "energies": found})
    DEVICE.kernels("dynamics.cu", {}).launch("dynamics_exponential", packed, 1, 32)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("n", "threads"), [(1, 32), (43, 64), (129, 160), (258, 160), (1290, 224)])
def test_few_threads_idle(n, threads):
    assert replicas.block_threads(n) == threads


def test_statistics_count_what_moves(liquid):
    (found,) = emulated(request_of([liquid], steps=[0, 200], count=2))
    s = found.statistics
    assert s["particle_steps_per_second"] == pytest.approx(129 * 2 * 200 / s["seconds"])
    assert 1 <= s["steps_per_list"] <= 200
    # pairs within about 2.3 at a density of 1.2
    assert 7 < s["pairs_per_particle"] < 16


# ---------------------------------------------------------------------------------------------- errors


def test_an_explosion_ends_the_run_and_names_its_structure(small, monkeypatch):
    monkeypatch.setattr(thermostats, "HOTTEST", 0.5)
    with pytest.raises(
        RuntimeError, match=r"T = 0\.6, structures \[0, 1\]: the kinetic temperature .* step 0"
    ):
        emulated(request_of([small, small], SMALL, steps=[0, 10], count=2))


def test_systems_that_do_not_fit_are_refused(liquid):
    class Little(EmulatedDevice):
        shared_limit = 4000

    with pytest.raises(
        ValueError, match=r"structure 0: .* 129 particles needs \d+ bytes .* has 4000 .* by engine 'native'"
    ):
        emulated(request_of([liquid]), Little())

    class Full(EmulatedDevice):
        def free_memory(self):
            return 1000

    with pytest.raises(MemoryError, match=r"3 replicas of 129 particles need .* GB on the device \(emulated"):
        emulated(request_of([liquid]), Full())
    assert 7500 < replicas.largest_system(EmulatedDevice.shared_limit) < 8000
    n = replicas.largest_system(EmulatedDevice.shared_limit)
    # a dense system of this size: box of length (n / 1.19)^(1/2), cells of 2.85
    cells = int((n / 1.19) ** 0.5 / 2.85)
    assert replicas.shared_bytes(n, cells, 256) <= EmulatedDevice.shared_limit


def test_overlapping_particles_are_refused_by_name(liquid):
    places = liquid.positions.copy()
    places[5] = places[6] + [0.05, 0.0]
    wanted = request_of([liquid, liquid.with_positions(places)])
    with pytest.raises(ValueError, match=r"T = 0\.6, structure 1: particles 5 and 6 overlap"):
        emulated(wanted)


def test_the_engine_is_chosen_by_its_name(liquid, monkeypatch, tmp_path):
    monkeypatch.setenv(DEVICE_VARIABLE, "emulated")
    call = {"temperature": 0.6, "times": [0.0, 0.2], "replicas": 2, "seed": 3, "mixture": UNIT}
    found = isoconfigurational_dynamics(liquid, engine="cuda", **call)
    np.testing.assert_array_equal(found, isoconfigurational_dynamics(liquid, **call))
    (again,) = run_structures(request_of([liquid], steps=[0, 20]), engine="cuda", state=tmp_path, threads=2)
    assert again.displacements.shape == (3, 2, 129, 2)
    monkeypatch.delenv(DEVICE_VARIABLE)
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    with pytest.raises(ImportError, match=r"engine 'cuda' needs CuPy.*pip install 'tglassmlp\[cuda\]'"):
        isoconfigurational_dynamics(liquid, engine="cuda", **call)


# -------------------------------------------------------------------------------------------- campaign


@pytest.mark.campaign
@pytest.mark.parametrize("thermostat", ["bussi", "nose_hoover"])
@pytest.mark.parametrize("composition", [(600, 330, 360), (476, 262, 285), (120, 66, 72)])
def test_many_steps_of_other_sizes(composition, thermostat, tmp_path):
    """Equal bits over 10^4 steps (frames on the way), with a restart, at the density of KA2D."""
    n = sum(composition)
    mixture = replace(KA2D, composition=composition, box_length=KA2D.box_length * math.sqrt(n / 1290))
    steps = log_spaced_steps(1.0 if QUICK else 100.0, 0.01)
    wanted = request_of([melt(mixture)], mixture, steps, 2, 0.5, thermostat=thermostat)
    expected = native(wanted)
    file = tmp_path / "structure0.npz"
    half = len(steps) // 2
    reports = []

    def stop(report):
        reports.append(report)
        if len(reports) == half:
            raise Interrupted

    often = replace(wanted, settings=replace(wanted.settings, block_seconds=1e-6))
    with pytest.raises(Interrupted):
        emulated(often, checkpoints=[file], progress=stop)
    assert_same(emulated(often, checkpoints=[file]), expected)
    print(f"\n{n} particles, {thermostat}: {steps[-1]} steps, equal in {len(steps)} frames")
