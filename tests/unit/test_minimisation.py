"""Inherent structures."""

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, inherent_structure
from tglassmlp.progress import Progress
from tglassmlp.simulation import minimisation as module
from tglassmlp.simulation.descent import SKIN, Search
from tglassmlp.simulation.energies import forces, total_energy
from tglassmlp.simulation.minimisation import minimise


def test_two_particles_go_to_the_minimum_of_their_pair():
    r = np.linspace(0.8, 1.2, 400_001)
    best = r[np.argmin(KA2D.pair_energy(r, np.array(1), np.array(2)))]
    c = inherent_structure(Configuration([[0, 0], [0.3, 0.6]], [1, 2], 10.0), force_tolerance=1e-9)
    assert np.linalg.norm(c.positions[1] - c.positions[0]) == pytest.approx(best, abs=2e-6)
    np.testing.assert_allclose(c.positions.mean(axis=0), [0.15, 0.3], atol=1e-12)


def test_liquid_reaches_a_minimum_and_is_stable_there(liquid):
    c, record = minimise(liquid)
    assert np.linalg.norm(forces(c), axis=1).max() <= 1e-6
    assert record["energy"] == pytest.approx(total_energy(c) / c.n_particles, abs=1e-10)
    assert total_energy(c) < total_energy(liquid)
    # a minimum, not a saddle: any small disturbance raises the energy
    rng = np.random.default_rng(5)
    for _ in range(20):
        moved = c.with_positions(c.positions + rng.normal(0, 1e-3, c.positions.shape))
        assert total_energy(moved) > total_energy(c)
    again, second = minimise(c)
    assert second["evaluations"] == 1
    np.testing.assert_array_equal(again.positions, c.positions)
    np.testing.assert_array_equal(c.species, liquid.species)


def test_unwrapped_positions_are_continued(liquid):
    turns = np.random.default_rng(0).integers(-4, 5, liquid.positions.shape) * liquid.box_length
    plain = inherent_structure(liquid)
    shifted = inherent_structure(liquid.with_positions(liquid.positions + turns))
    np.testing.assert_allclose(shifted.positions - turns, plain.positions, atol=1e-4)
    assert np.abs(plain.positions - liquid.positions).max() < 1.0


def test_result_does_not_depend_on_the_step_limit(liquid):
    a, b = minimise(liquid, largest_step=0.1)[1], minimise(liquid, largest_step=0.02)[1]
    assert a["energy"] == pytest.approx(b["energy"], abs=1e-8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"force_tolerance": 0.0}, "force_tolerance"),
        ({"force_tolerance": np.nan}, "force_tolerance"),
        ({"force_tolerance": 1e-13}, "must be at least 1e-10, which rounding .*, found 1e-13"),
        ({"maximum_steps": 0}, "maximum_steps"),
        ({"maximum_steps": 3}, r"largest force of .*used up.*minimisation\.maximum_steps"),
        ({"largest_step": 0.0}, "largest_step"),
    ],
)
def test_bad_requests_are_refused(liquid, settings, message):
    with pytest.raises(ValueError, match=message):
        minimise(liquid, **settings)


def test_particles_on_top_of_each_other_are_refused():
    with pytest.raises(ValueError, match="on top of each other"):
        inherent_structure(Configuration([[0, 0], [0, 0]], [1, 1], 10.0))


class Interrupting(Progress):
    """Progress that raises at its n-th report."""

    def __init__(self, calls):
        super().__init__("", 1)
        self.calls, self.shares = calls, []

    def advance(self, amount, note=""):
        self.calls -= 1
        super().advance(amount, note)
        self.shares.append(self.done)
        if self.calls < 0:
            raise KeyboardInterrupt


def test_interrupted_search_ends_with_the_same_bits(liquid, tmp_path, monkeypatch):
    whole, record = minimise(liquid, force_tolerance=0.03)
    # one evaluation a call or little more, and a checkpoint after each
    monkeypatch.setattr(module, "CALL_SECONDS", 1e-9)
    options = {"force_tolerance": 0.03, "state": tmp_path / "search.npz", "block_seconds": 0.0}
    for calls in (0, 1, 17, 5):
        with pytest.raises(KeyboardInterrupt):
            minimise(liquid, **options, progress=Interrupting(calls))
    progress = Interrupting(10**9)
    found, again = minimise(liquid, **options, progress=progress)
    np.testing.assert_array_equal(found.positions, whole.positions)
    assert again == record
    assert np.all(np.diff(progress.shares) >= 0)
    assert 0 < progress.shares[0] < 1
    assert progress.shares[-1] == pytest.approx(1.0)
    kept = options["state"].read_bytes()
    with pytest.raises(ValueError, match="other settings"):
        minimise(liquid, **{**options, "force_tolerance": 0.02})
    assert options["state"].read_bytes() == kept


def test_search_that_used_up_its_steps_can_be_continued(liquid, tmp_path):
    state = tmp_path / "search.npz"
    with pytest.raises(ValueError, match="used up"):
        minimise(liquid, maximum_steps=40, state=state)
    found, record = minimise(liquid, state=state)
    whole, expected = minimise(liquid)
    assert record == expected
    np.testing.assert_array_equal(found.positions, whole.positions)


def test_list_is_renewed_in_time(liquid):
    """The energy on the way is that of the positions.

    Of the four particles two pairs burst, and 1 and 2, too far apart for the first list, approach each other:
    after 0.3 each, less than the list's thickness of 0.4 but more than half of it, they are within reach.
    """
    burst = Configuration([[0, 0], [0.42, 0], [3.42, 0], [3.84, 0]], [1, 1, 1, 1], 20.0)
    for c, evaluations in ((burst, 12), (liquid, 60)):
        search = Search(c, KA2D, 1e-9, 0.1)
        between = False
        for _ in range(evaluations):
            search.run(search.evaluations + 1)
            now = c.with_positions(search.arrays.z.T)
            assert search.energy * c.n_particles == pytest.approx(total_energy(now), rel=1e-12, abs=1e-12)
            travelled = np.linalg.norm(now.positions - c.positions, axis=1).max()
            between |= 0.5 * SKIN < travelled < SKIN
        assert between


def test_search_ends_when_the_largest_force_is_below_the_tolerance(liquid):
    largest = np.linalg.norm(forces(liquid), axis=1).max()
    same, record = minimise(liquid, force_tolerance=1.000001 * largest)
    assert record == {
        "evaluations": 1.0,
        "energy": pytest.approx(total_energy(liquid) / 129),
        "largest_force": pytest.approx(largest),
    }
    np.testing.assert_array_equal(same.positions, liquid.positions)
    moved, record = minimise(liquid, force_tolerance=0.999999 * largest)
    assert record["evaluations"] > 1
    assert record["largest_force"] == pytest.approx(np.linalg.norm(forces(moved), axis=1).max())
    # the largest force is the length of a vector, not one of its components
    pair = Configuration([[0, 0], [0.7, 0.7]], [1, 1], 10.0)
    force = np.linalg.norm(forces(pair)[0])
    assert minimise(pair, force_tolerance=1.01 * force)[1]["evaluations"] == 1
    assert minimise(pair, force_tolerance=0.99 * force)[1]["evaluations"] > 1


def test_no_particle_moves_further_than_the_largest_step(liquid):
    """From one evaluation to the next; the first steps from two close particles reach it."""
    close = Configuration([[0, 0], [0.5, 0.3]], [1, 1], 10.0)
    for c, reached in ((close, True), (liquid, False)):
        search = Search(c, KA2D, 1e-6, 0.05)
        longest = 0.0
        for until in range(1, 12):
            before = search.arrays.z.copy()
            search.run(until)
            longest = max(longest, np.linalg.norm(search.arrays.z - before, axis=0).max())
        assert 1e-4 < longest <= 0.05 + 1e-12
        assert not reached or longest > 0.04


def test_search_is_a_quasi_newton_one(liquid):
    """It takes 232 evaluations here; a wrong recursion takes more, a steepest descent many thousand."""
    _, record = minimise(liquid)
    assert record["evaluations"] < 290
    energies = []
    search = Search(liquid, KA2D, 1e-6, 0.1)
    while search.status == 3:
        search.run(search.evaluations + 1)
        energies.append(search.energy)
    assert np.all(np.diff(energies) <= 1e-12)


def test_harmonic_pair_is_reached_in_a_few_steps():
    """Near its minimum a pair has one stiff direction, which two gradients tell."""
    best = minimise(Configuration([[0, 0], [1.1, 0]], [1, 1], 10.0), force_tolerance=1e-10)[0]
    c = best.with_positions(best.positions + np.array([[0, 0], [1e-3, 0]]))
    _, record = minimise(c, force_tolerance=1e-8)
    assert record["evaluations"] <= 7
