"""Books of a run of replicas: what is recorded, on numbers written by hand."""

import numpy as np
import pytest

from tglassmlp.simulation.replica_run import ReplicaNoise, ReplicaRun, checked_request, replica_seed


@pytest.fixture
def run():
    """Three particles, two replicas, frames at steps 0 and 5 of 0.2 each."""
    noise = [ReplicaNoise(replica_seed(7, r)) for r in range(2)]
    run = ReplicaRun(np.array([0, 5]), 3, 0.2, noise, "abc", None)
    run.reference[:] = [3.0, -9.0]
    run.record_frame(np.zeros((2, 3, 2)), np.array([[6.0, 8.0], [-3.0, -15.0], [3.0, -9.0]]))
    run.step, run.seconds = 5, 2.0
    run.record_frame(np.arange(12.0).reshape(2, 3, 2), np.array([[2.0, 4.0], [-6.0, -12.0], [3.3, -8.4]]))
    return run


def test_frames_become_a_trajectory(run):
    assert run.finished
    found = run.trajectory()
    # 2 K / (2 N - 2) with N = 3, energies per particle, drift from the reference
    np.testing.assert_allclose(found.kinetic_temperature, [[3.0, 1.0], [4.0, 2.0]])
    np.testing.assert_allclose(found.potential_energy, [[-1.0, -2.0], [-5.0, -4.0]])
    np.testing.assert_allclose(found.conserved_drift, [[0.0, 0.1], [0.0, 0.2]], atol=1e-12)
    np.testing.assert_allclose(found.times, [0.0, 1.0])
    assert found.steps.tolist() == [0, 5]
    assert found.displacements.shape == (2, 2, 3, 2)
    np.testing.assert_array_equal(found.displacements[1, 1], [[6, 7], [8, 9], [10, 11]])
    assert found.statistics["particle_steps_per_second"] == pytest.approx(3 * 2 * 5 / 2.0)
    second = run.trajectory([1])
    np.testing.assert_array_equal(second.displacements[0], found.displacements[1])
    np.testing.assert_array_equal(second.potential_energy[0], found.potential_energy[1])


def test_note_tells_the_newest_frame(run):
    # mean kinetic energy 3 of 4 degrees of freedom, mean potential energy -9 of 3 particles
    assert run.note() == "step 5, T 1.500, energy -3.000"
    run.done = 0
    assert run.note() == ""


def test_energies_that_are_not_finite_are_refused(run):
    run.done = 1
    with pytest.raises(RuntimeError, match="not finite at step 5"):
        run.record_frame(np.zeros((2, 3, 2)), np.array([[np.nan, 1], [1, 1], [1, 1]]))


def test_resumed_run_has_the_frames_and_goes_on_with_the_numbers(run, tmp_path):
    run.checkpoint = tmp_path / "run.npz"
    run.done = 0
    for _ in range(2):
        run.record_frame(np.full((2, 3, 2), 1.5), np.ones((3, 2)))
    run.noise[1].normal.standard_normal(3)
    run.write(run.snapshot({"position": np.arange(4)}))
    other = ReplicaRun(
        run.frames, 3, 0.2, [ReplicaNoise(replica_seed(7, r)) for r in range(2)], "abc", run.checkpoint
    )
    arrays = other.resume()
    np.testing.assert_array_equal(arrays["position"], np.arange(4))
    assert (other.step, other.done, other.seconds) == (5, 2, 2.0)
    for name in ("reference", "displacements", "energies"):
        np.testing.assert_array_equal(getattr(other, name), getattr(run, name))
    for a, b in zip(run.noise, other.noise, strict=True):
        assert a.normal.standard_normal() == b.normal.standard_normal()
        assert a.gamma.standard_gamma(2.0) == b.gamma.standard_gamma(2.0)
    run.clean()
    assert list(tmp_path.iterdir()) == []


def test_every_random_number_of_every_replica_has_a_seed_of_its_own():
    drawn = [
        generator.standard_normal()
        for seed in (1, 2)
        for r in range(3)
        for generator in (lambda n: (n.velocities, n.normal, n.gamma))(ReplicaNoise(replica_seed(seed, r)))
    ]
    assert len(set(drawn)) == 18
    parent = np.random.SeedSequence(5, spawn_key=(3,))
    assert replica_seed(parent, 4).spawn_key == (3, 4)
    assert replica_seed(parent, 4).entropy == 5


def test_requests():
    frames, replicas = checked_request([0, 3], 1)
    assert (frames.tolist(), replicas) == ([0, 3], 1)
    for steps, number in (([3, 3], 1), ([-1, 2], 1), ([0.5], 1), ([0], 0), ([], 1)):
        with pytest.raises(ValueError, match=r"steps must|replicas must"):
            checked_request(steps, number)
