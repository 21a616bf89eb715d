"""The native engine: input checks, independence of how the work is divided, restart."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tglassmlp import KA2D, Configuration, isoconfigurational_dynamics, state_point
from tglassmlp.frames import extension_steps
from tglassmlp.randomness import seed_sequence, words
from tglassmlp.simulation import run as runs
from tglassmlp.simulation.dynamics import DynamicsSettings, log_spaced_steps
from tglassmlp.simulation.native import pair_list
from tglassmlp.simulation.native.engine import ENGINE
from tglassmlp.simulation.native.slots import assignment
from tglassmlp.simulation.native.stepper import ReplicaStepper, advance_together
from tglassmlp.simulation.protocols import Conduct, DynamicsRequest, dynamics_engine
from tglassmlp.storage import write_configurations

MIXTURE = KA2D.scaled(10)
STEPS = np.array([0, 1, 7, 60, 400])


def run(c, replicas=3, seed=5, steps=STEPS, temperature=0.6, **options):
    settings = DynamicsSettings(**options.pop("settings", {}))
    sequence, positions = np.random.SeedSequence(seed), options.pop("positions", None)
    file = options.pop("checkpoint", None)
    conduct = Conduct(None if file is None else [file], **options)
    return runs.trajectory(
        c, temperature, steps, replicas, sequence, mixture=MIXTURE, settings=settings, positions=positions,
        conduct=conduct,
    )  # fmt: skip


def request(structures, steps=STEPS, replicas=2, numbers=None, **options):
    seeds = [np.random.SeedSequence(k) for k in range(len(structures))]
    return DynamicsRequest(
        structures, seeds, 0.6, steps, replicas, MIXTURE, numbers=numbers or range(len(structures)), **options
    )


@pytest.fixture(scope="module")
def reference(liquid):
    return run(liquid, replicas=3)


@pytest.fixture(scope="module")
def later(liquid):
    """Positions of three replicas after 60 time units: many neighbours have changed."""
    found = run(liquid, steps=np.array([0, 6000]), seed=8)
    return liquid.positions + found.displacements[:, -1].astype(float)


def test_frames_are_the_published_ones():
    long = log_spaced_steps(1.5e6, 0.01)
    assert long[:16].tolist() == [0, 1, 2, 4, 6, 10, 16, 26, 43, 69, 110, 177, 283, 454, 727, 1164]
    assert {12247, 128841, 1355403, 14258697, 150000000} <= set(long.tolist())
    assert {11, 125, 1414, 15874, 178179, 2000000} <= set(log_spaced_steps(2e4, 0.01).tolist())


@pytest.mark.parametrize("duration", [0.01, 0.02, 0.05, 1.0, 60.0, 123.45])
def test_frames_increase_to_the_last_step(duration):
    steps = log_spaced_steps(duration, 0.01)
    assert steps[0] == 0
    assert np.all(np.diff(steps) > 0)
    assert steps[-1] == round(duration / 0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.001, 0.01), "multiples"),
        ((0.0, 0.01), "at least one"),
        ((1.0, 0.01, 1.0), "larger than 1"),
        ((float("nan"), 0.01), "positive"),
    ],
)
def test_unusable_durations_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        log_spaced_steps(*arguments)


def test_facade_returns_unwrapped_positions(liquid):
    outside = liquid.with_positions(liquid.positions + np.array([3.0, -5.0]) * liquid.box_length)
    positions = isoconfigurational_dynamics(outside, 0.6, [0.0, 0.01, 4.0], 2, seed=5, mixture=MIXTURE)
    assert positions.shape == (2, 3, liquid.n_particles, 2)
    assert positions.dtype == np.float64
    np.testing.assert_allclose(positions[:, 0], np.broadcast_to(outside.positions, (2, 129, 2)), atol=1e-7)
    steps = run(outside, replicas=2, steps=np.array([0, 1, 400]))
    np.testing.assert_allclose(positions - outside.positions, steps.displacements, atol=1e-6)
    assert not np.array_equal(positions[0, 2], positions[1, 2])


def test_displacements_are_continuous_across_the_box(liquid):
    """A drifting run crosses the box; frame to frame no particle jumps."""
    found = run(liquid, replicas=2, steps=np.arange(0, 3001, 50), temperature=2.0)
    jumps = np.abs(np.diff(found.displacements, axis=1)).max()
    assert jumps < 3.0
    crossed = np.abs((liquid.wrapped() + found.displacements[:, -1]) / liquid.box_length) > 0.5
    assert crossed.any()


@pytest.mark.parametrize("replicas", [1, 2, 9, 18])
def test_replica_does_not_depend_on_the_others(liquid, reference, replicas):
    found = run(liquid, replicas=replicas)
    for r in range(min(replicas, 3)):
        np.testing.assert_array_equal(found.displacements[r], reference.displacements[r])
        np.testing.assert_array_equal(found.potential_energy[r], reference.potential_energy[r])
        np.testing.assert_array_equal(found.conserved_drift[r], reference.conserved_drift[r])


@pytest.mark.parametrize("settings", [{"skin": 0.1}, {"skin": 1.0}, {"block_seconds": 1e-3}])
def test_result_does_not_depend_on_what_only_changes_speed(liquid, reference, settings, tmp_path):
    found = run(liquid, settings=settings, checkpoint=tmp_path / "state.npz", threads=2)
    np.testing.assert_array_equal(found.displacements, reference.displacements)
    assert list(tmp_path.iterdir()) == []


def test_replicas_are_divided_among_threads(liquid):
    """Sixteen replicas are one group for one thread and two for two, to the same bits."""
    sizes = [
        [len(g.replicas) for g in ReplicaStepper(liquid, 0.6, n, mixture=MIXTURE, threads=t).groups]
        for n, t in ((16, 1), (16, 2), (20, 2), (20, 3), (5, 4))
    ]
    assert sizes == [[16], [8, 8], [16, 4], [8, 8, 4], [5]]
    one, two = (run(liquid, replicas=16, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.displacements, two.displacements)
    np.testing.assert_array_equal(one.conserved_drift, two.conserved_drift)


def test_exchanging_slots_changes_nothing(liquid, reference):
    """Particles of a species change slots inside lanes, pairwise and by assignment, in mid-run."""
    calm, shuffled = (ReplicaStepper(liquid, 0.6, 8, 5, mixture=MIXTURE) for _ in range(2))
    rng = np.random.default_rng(0)
    first = 0
    for n_steps in (50, 70, 31, 900):
        calm.groups[0].advance(first, n_steps, calm.noise)
        group = shuffled.groups[0]
        group.advance(first, n_steps, shuffled.noise)
        first += n_steps
        group.state()
        system = group.system
        for k in range(group.width):
            for kind in range(MIXTURE.n_species):
                slots = np.flatnonzero(system.species == kind)
                target = rng.permutation(slots)
                for array in (system.pos, system.vel, system.image, system.ref):
                    array[target, :, k] = array[slots, :, k]
                system.holder[target, k] = system.holder[slots, k]
                system.order[system.holder[target, k], k] = target
        group.pairs.wide_start[-1] = 0
        before = group.pairs.start[-1]
        group.measure()
        scattered = group.pairs.start[-1]
        group.bring_together()
        group.measure()
        assert group.pairs.start[-1] < scattered
        assert before == 0 or group.pairs.start[-1] < 3 * before
        group.sort()
    for a, b in zip(calm.groups[0].state().values(), shuffled.groups[0].state().values(), strict=True):
        np.testing.assert_array_equal(a, b)


def squared_distance(points, anchors):
    separation = points[:, None] - anchors[None]
    return ((separation - np.round(separation)) ** 2).sum(axis=-1)


def test_slots_are_assigned_with_the_smallest_sum_of_squared_distances():
    rng = np.random.default_rng(3)
    for n in (1, 2, 17, 120):
        anchors = rng.random((n, 2))
        points = (anchors + rng.normal(0.0, 0.03, (n, 2))) % 1.0
        cost = squared_distance(points, anchors)
        target = assignment(points, anchors)
        assert sorted(target) == list(range(n))
        best = cost[linear_sum_assignment(cost)].sum()
        assert cost[np.arange(n), target].sum() == pytest.approx(best, rel=1e-3)


def test_an_assignment_that_once_ran_for_ever_ends():
    """Particles of one species of one replica at T = 0.30 after 2.8 million steps, and their slots."""
    path = Path(__file__).with_name("assignment.npz")
    with np.load(path) as file:
        points, anchors = file["points"], file["anchors"]
    code = (
        "import sys, numpy as np; from tglassmlp.simulation.native.slots import assignment; "
        "f = np.load(sys.argv[1]); print(*assignment(f['points'], f['anchors']))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    cost = squared_distance(points, anchors)
    found = cost[np.arange(len(points)), np.array(run.stdout.split(), dtype=int)].sum()
    assert found == pytest.approx(cost[linear_sum_assignment(cost)].sum(), rel=1e-3)


@pytest.mark.parametrize("positions", ["of the structure", "of each replica"])
@pytest.mark.parametrize("thermostat", ["bussi", "nose_hoover"])
def test_killed_run_resumes_to_the_same_bits(liquid, later, tmp_path, thermostat, positions):
    settings = {"block_seconds": 1e-9, "thermostat": thermostat}
    starts = later if positions == "of each replica" else None
    whole = run(liquid, settings=settings, positions=starts)
    path = tmp_path / "state" / "structure0.npz"
    kills = 0

    class Killer:
        def __init__(self, calls):
            self.left = calls

        def __call__(self, report):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    for calls in (1, 2, 2, 3, 2):
        try:
            found = run(liquid, settings=settings, checkpoint=path, progress=Killer(calls), positions=starts)
            break
        except KeyboardInterrupt:
            kills += 1
    else:
        found = run(liquid, settings=settings, checkpoint=path, positions=starts)
    assert kills >= 2
    for name in ("displacements", "kinetic_temperature", "potential_energy", "conserved_drift"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert list(path.parent.iterdir()) == []


def test_foreign_and_damaged_checkpoints_are_refused_and_kept(liquid, later, tmp_path):
    path = tmp_path / "structure0.npz"
    run(liquid, checkpoint=path, keep_checkpoints=True)
    kept = path.read_bytes()
    with pytest.raises(ValueError, match="other settings"):
        run(liquid, checkpoint=path, temperature=0.7)
    with pytest.raises(ValueError, match="other settings"):
        run(liquid, checkpoint=path, seed=6)
    with pytest.raises(ValueError, match="other settings"):
        run(liquid, checkpoint=path, positions=later)
    assert path.read_bytes() == kept
    path.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(ValueError, match="truncated or damaged"):
        run(liquid, checkpoint=path)
    assert path.exists()
    path.write_bytes(kept)
    path.with_name("structure0.frame2.npz").unlink()
    with pytest.raises(ValueError, match="missing"):
        run(liquid, checkpoint=path)


def test_structures_do_not_depend_on_chunk_or_threads(liquid, tmp_path):
    other = liquid.with_positions(liquid.positions + 0.3)
    together = runs.run_structures(request([liquid, other]), state=tmp_path, threads=2)
    assert len(list(tmp_path.glob("structure*.npz"))) == 2 * (1 + len(STEPS))
    notes = []
    again = runs.run_structures(request([liquid, other]), state=tmp_path, progress=notes.append)
    assert [report.resumed for report in notes] == [True, True]
    assert [report.note for report in notes] == ["structure 0 resumed", "structure 1 resumed"]
    (tmp_path / ".structure0.npz.abc.npz").write_bytes(b"half")
    runs.forget_structures(tmp_path)
    assert not tmp_path.exists()
    alone = runs.run_structures(request([liquid, other]).alone(1))
    for found in (again[1], alone[0]):
        np.testing.assert_array_equal(found.displacements, together[1].displacements)


def test_replicas_start_where_they_are_told(liquid, later):
    """Each follows, bit for bit, the path of a structure that is its start."""
    together = run(liquid, positions=later)
    assert np.abs(later - liquid.positions).max() > 1.0
    for r in range(3):
        alone = run(liquid.with_positions(later[r]))
        np.testing.assert_array_equal(together.displacements[r], alone.displacements[r])
        np.testing.assert_array_equal(together.potential_energy[r], alone.potential_energy[r])
    everywhere = run(liquid, positions=np.broadcast_to(liquid.positions, later.shape))
    np.testing.assert_array_equal(everywhere.displacements, run(liquid).displacements)


@pytest.mark.parametrize(
    ("done", "last", "expected"),
    [(100, 150, [150]), (100, 256, [160, 256]), (7, 8, [8]), (2, 5, [3, 5]), (1, 2, [2])],
)
def test_frames_of_an_extension_go_on_with_the_ratio(done, last, expected):
    assert extension_steps(done, last, 1.601) == expected


def chunk(c):
    other = c.with_positions(c.positions + 0.3)
    return runs.run_chunk(request([c, other], replicas=3), label="x")


def test_extended_trajectories_hold_the_frames_of_both_runs(liquid, tmp_path):
    other = liquid.with_positions(liquid.positions + 0.3)
    earlier = {name: array.values for name, array in chunk(liquid)[0].items()}
    seeds = [np.random.SeedSequence([7, k]) for k in range(2)]
    wanted = replace(request([liquid, other]), seeds=seeds)
    again = [runs.extend_chunk(earlier, wanted, 10.24, label="x", state=state) for state in (None, tmp_path)]
    arrays, attributes = again[0]
    expected = {"temperature": 0.6, "engine": "native", "time_step": 0.01, "thermostat": "bussi"}
    expected |= {"precision": "mixed", "structures": [0, 1], "velocities_drawn_anew_at": 4.0}
    assert attributes.items() >= expected.items()
    assert arrays["steps"].values.tolist() == [*STEPS, 640, 1024]
    np.testing.assert_allclose(arrays["times"].values, 0.01 * arrays["steps"].values)
    for name, array in arrays.items():
        frame = array.axes.index("frame")
        old, new = np.split(array.values, [len(STEPS)], axis=frame)
        np.testing.assert_array_equal(old, earlier[name])
        assert new.shape[frame] == 2
        assert array.values.dtype == earlier[name].dtype
        np.testing.assert_array_equal(array.values, again[1][0][name].values)
    # the drift of both runs is added
    positions = [
        c.positions + earlier["displacements"][k, :, -1].astype(float) for k, c in enumerate([liquid, other])
    ]
    later_steps = replace(wanted, steps=np.array([240, 624]), replicas=3, positions=positions)
    alone = runs.run_chunk(later_steps, label="x")[0]
    drift = arrays["conserved_drift"].values
    np.testing.assert_allclose(
        drift[..., -2:], drift[..., -3:-2] + alone["conserved_drift"].values, rtol=0, atol=1e-12
    )
    assert np.abs(earlier["conserved_drift"][..., -1]).min() > 1e-7
    # the path goes on where it was, with other velocities
    short = runs.extend_chunk(earlier, wanted, 4.01, label="x")[0]["displacements"].values
    step = short[:, :, -1] - short[:, :, -2]
    assert 0.005 < step.std() / np.sqrt(0.6) < 0.02
    assert np.abs(step).max() < 0.1
    for k in range(2):
        path = liquid.positions + 0.3 * k + arrays["displacements"].values[k, 1, -1]
        energy = run(liquid.with_positions(path), replicas=1, steps=np.array([0])).potential_energy
        assert arrays["potential_energy"].values[k, 1, -1] == pytest.approx(energy[0, 0], abs=2e-5)


def test_unusable_extensions_are_refused(liquid):
    earlier = {name: array.values for name, array in chunk(liquid)[0].items()}

    def extend(structures, duration):
        runs.extend_chunk(earlier, request(structures), duration, label="x")

    with pytest.raises(ValueError, match=r"0 < done < last.*found 400, 400"):
        extend([liquid, liquid], 4.0)
    with pytest.raises(ValueError, match="multiples"):
        extend([liquid, liquid], 5.005)
    with pytest.raises(ValueError, match="has 2 structures, found 1"):
        extend([liquid], 5.0)


def overlapping(c):
    positions = c.positions.copy()
    positions[0] = positions[1] + 0.01
    return c.with_positions(positions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.0}, "temperature must be"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"replicas": 0}, "replicas must be"),
        ({"replicas": 1.5}, "replicas must be"),
        ({"steps": np.array([0, 5, 5])}, "increase"),
        ({"steps": np.array([-1, 5])}, "increase"),
        ({"steps": np.array([])}, "whole numbers"),
        ({"settings": {"time_step": -0.01}}, "time_step"),
        ({"settings": {"time_step": 0.5}}, "time_step"),
        ({"settings": {"thermostat": "langevin"}}, "bussi"),
        ({"settings": {"precision": "half"}}, "mixed"),
        ({"settings": {"thermostat_interval": 0}}, "thermostat_interval"),
    ],
)
def test_unusable_input_is_refused(liquid, change, message):
    with pytest.raises(ValueError, match=message):
        run(liquid, **change)


def test_unusable_configurations_are_refused(liquid):
    with pytest.raises(ValueError, match="overlap"):
        run(overlapping(liquid))
    together = np.stack([overlapping(liquid).positions if r == 1 else liquid.positions for r in range(3)])
    with pytest.raises(ValueError, match="overlap"):
        run(liquid, positions=together)
    with pytest.raises(ValueError, match=r"shape \[3, 129, 2\] .*found \[2, 129, 2\]"):
        run(liquid, positions=together[:2])
    with pytest.raises(ValueError, match="species"):
        run(Configuration(liquid.positions, np.full(129, 4), liquid.box_length))
    with pytest.raises(ValueError, match="shorter than twice"):
        run(Configuration(liquid.positions, liquid.species, 5.0))
    with pytest.raises(ValueError, match="at least 2"):
        run(Configuration([[0.0, 0.0]], [1], 10.0))


@pytest.mark.parametrize("times", [[0.0, 0.015], [0.2, 0.1], [-0.1], [float("nan")], []])
def test_unusable_times_are_refused(liquid, times):
    with pytest.raises(ValueError, match="times must"):
        isoconfigurational_dynamics(liquid, 0.6, times, 1, 1, mixture=MIXTURE)


def test_exploding_run_fails(liquid):
    """Velocities five times too large are 25 times the temperature: out of bounds at the next check."""
    stepper = ReplicaStepper(liquid, 0.6, 2, mixture=MIXTURE)
    stepper.advance(20)
    stepper.groups[0].system.vel[:] *= 5
    with pytest.raises(RuntimeError, match="kinetic temperature"):
        stepper.advance(20)


def test_steps_taken_by_hand_are_those_of_a_run(liquid, reference):
    """The same numbers as a run of frames, bit for bit, whatever the pieces and threads."""
    stepper = ReplicaStepper(liquid, 0.6, 3, 5, mixture=MIXTURE, threads=2)
    pieces = np.diff([0, 3, *STEPS[STEPS > 3]])
    for piece in pieces:
        stepper.advance(int(piece))
    assert stepper.step == STEPS[-1]
    assert stepper.time == pytest.approx(0.01 * STEPS[-1])
    last = reference.displacements[:, -1]
    np.testing.assert_array_equal(stepper.displacements().astype(np.float32), last)
    np.testing.assert_allclose(stepper.positions() - liquid.positions, last, atol=1e-5)
    energies = stepper.energies()
    np.testing.assert_array_equal(energies["potential"], reference.potential_energy[:, -1])
    np.testing.assert_allclose(energies["conserved"], reference.conserved_drift[:, -1], atol=1e-12)
    assert stepper.statistics()["steps_per_list"] > 1
    for n_steps in (0, -3, 1.5):
        with pytest.raises(ValueError, match="n_steps must be a whole number of at least 1"):
            stepper.advance(n_steps)


@pytest.mark.parametrize("velocities", ["half_step", "full_step"])
def test_kinetic_temperature_of_a_run_is_that_which_the_thermostat_sees(liquid, velocities):
    settings = {"thermostat_velocities": velocities}
    found = run(liquid, replicas=3, settings=settings).kinetic_temperature[:, -1]
    stepper = ReplicaStepper(liquid, 0.6, 3, 5, mixture=MIXTURE, settings=DynamicsSettings(**settings))
    stepper.advance(int(STEPS[-1]))
    kinetic = np.concatenate([g.measure()[0][:, : len(g.replicas)] for g in stepper.groups], axis=1)
    full, half = 2 * kinetic / 256
    np.testing.assert_allclose(2 * stepper.energies()["kinetic"] * 129 / 256, full, rtol=1e-12)
    np.testing.assert_allclose(half if velocities == "half_step" else full, found, rtol=1e-12)
    assert not np.allclose(half, full, rtol=1e-3)


def test_kinetic_energy_is_that_of_the_velocities(liquid):
    """At the time of the positions, up to the error of a velocity half a step away."""
    stepper = ReplicaStepper(liquid, 0.6, 4, mixture=MIXTURE)
    stepper.advance(40)
    kinetic = 0.5 * (stepper.velocities() ** 2).sum(axis=(1, 2)) / 129
    np.testing.assert_allclose(kinetic, stepper.energies()["kinetic"], rtol=5e-3)
    moved = stepper.positions()
    stepper.advance(1)
    np.testing.assert_allclose((stepper.positions() - moved) / 0.01, stepper.velocities(), atol=1.0)


def test_several_structures_move_together(liquid):
    other = liquid.with_positions(liquid.positions + 0.25 * liquid.box_length)
    apart = [ReplicaStepper(c, 0.6, 4, 7, mixture=MIXTURE) for c in (liquid, other)]
    together = [ReplicaStepper(c, 0.6, 4, 7, mixture=MIXTURE) for c in (liquid, other)]
    for stepper in apart:
        stepper.advance(300)
    advance_together(together, 300, threads=2)
    for a, b in zip(apart, together, strict=True):
        np.testing.assert_array_equal(a.displacements(), b.displacements())
        assert a.step == b.step == 300


def test_engines():
    assert dynamics_engine("native") is ENGINE
    with pytest.raises(ValueError, match="allowed: native, hoomd, cuda"):
        dynamics_engine("lammps")


def test_hoomd_says_how_to_get_it():
    try:
        import hoomd  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="conda"):
            dynamics_engine("hoomd")
    else:
        assert dynamics_engine("hoomd") is not None


@pytest.mark.parametrize(
    ("n", "reach", "apart"), [(40, 0.6, 0.0), (300, 0.2, 0.05), (2000, 0.06, 0.03), (2000, 0.06, 0.0)]
)
def test_list_holds_every_pair_near_in_any_lane_and_no_other(n, reach, apart):
    # also where cells go around the box, and with lanes that have drifted apart
    rng = np.random.default_rng(n)
    middle = rng.random((n, 2, 1))
    fraction = middle + apart * rng.standard_normal((n, 2, 8))
    pos = np.ascontiguousarray((fraction - np.floor(fraction)) * 2.0**32).astype(np.uint32).view(np.int32)
    species = rng.integers(0, 2, n).astype(np.int32)
    radii = np.array([[reach, 0.8 * reach], [0.8 * reach, 0.9 * reach]])
    start = np.zeros(n + 1, dtype=np.int64)
    neighbour = pair_list.build_list((0,) * 8, pos, species, radii, start, np.zeros(1, dtype=np.int32))
    found = np.zeros((n, n), dtype=bool)
    owner = np.repeat(np.arange(n), np.diff(start))
    found[owner, neighbour[: start[-1]]] = True
    assert found.sum() == start[-1]  # no pair twice
    place = pos.astype(float) / 2.0**32
    near = np.zeros((n, n), dtype=bool)
    for k in range(8):
        d = place[:, None, :, k] - place[None, :, :, k]
        near |= ((d - np.rint(d)) ** 2).sum(axis=-1) < radii[species[:, None], species[None, :]] ** 2
    np.testing.assert_array_equal(found, np.triu(near, 1))


@pytest.mark.parametrize("integer", [np.int32, np.int64])
def test_box_crossings_are_counted_and_far_particles_found(integer):
    bits = 8 * np.dtype(integer).itemsize
    rng = np.random.default_rng(0)
    path = np.cumsum(0.1 * rng.standard_normal((30, 50, 2, 8)), axis=0)  # in boxes
    fixed = [((p + 0.5) % 1.0 - 0.5) * 2.0**bits * (1 - 1e-9) for p in path]
    ref, image = fixed[0].astype(integer), np.zeros((50, 2, 8), dtype=np.int32)
    begin, mark = ref.copy(), ref.copy()
    for place in fixed[1:]:
        pos = place.astype(integer)
        moved = (pos - mark).astype(float)
        farthest = np.sqrt((moved**2).sum(axis=1).max())
        for limit, expected in ((1.01 * farthest, False), (0.99 * farthest, True)):
            far = pair_list.follow_images((0,) * 8, pos, ref, image, mark, limit**2)
            assert far == expected
        np.testing.assert_array_equal(ref, pos)
    unwrapped = image + pos.astype(float) / 2.0**bits
    np.testing.assert_allclose(unwrapped - begin.astype(float) / 2.0**bits, path[-1] - path[0], atol=1e-6)


def test_progress_counts_particle_steps(liquid):
    amounts = []
    run(liquid, replicas=3, progress=lambda report: amounts.append(report.amount))
    assert sum(amounts) == 129 * 3 * STEPS[-1]


def test_frames_are_those_asked_for(liquid, reference):
    """Leaving frames out, also the first, changes nothing in the others."""
    found = run(liquid, steps=STEPS[[2, 4]])
    for name in ("displacements", "kinetic_temperature", "potential_energy", "conserved_drift"):
        np.testing.assert_array_equal(getattr(found, name), getattr(reference, name)[:, [2, 4]])
    np.testing.assert_allclose(found.times, 0.01 * STEPS[[2, 4]])


def test_structures_of_a_job_have_their_numbers_and_seeds(liquid, tmp_path):
    moved = [liquid.with_positions(liquid.positions + k) for k in range(3)]
    write_configurations(tmp_path / "chunk.gsd", moved)
    plan = {"first_structure": 4, "structures": 2}
    stage = "isoconfigurational_dynamics"
    structures, numbers, seeds = runs.planned_structures(tmp_path / "chunk.gsd", plan, 0.3, 7, stage)
    assert numbers == [4, 5]
    assert len(structures) == 2
    for c, expected in zip(structures, moved, strict=False):
        np.testing.assert_array_equal(c.positions, expected.positions)
    for number, seed in zip(numbers, seeds, strict=True):
        expected = seed_sequence(7, stage, state_point.key(0.3), number)
        np.testing.assert_array_equal(words(seed), words(expected))
