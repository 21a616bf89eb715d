"""Structures that go on from those of the next higher temperature: what is done, and what decides it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration
from tglassmlp.equilibration.overlap import overlap
from tglassmlp.equilibration.schedule import attempts, start_of, structure_plan
from tglassmlp.equilibration.settings import EquilibrationSettings
from tglassmlp.equilibration.structures import equilibrate_structures
from tglassmlp.simulation import checkpoint

SMALL = KA2D.scaled(30)  # 43 particles
SETTINGS = EquilibrationSettings(record_points=5, block_seconds=0.0)
HIGH, LOW, SWEEPS = 1.0, 0.8, 24


def same(a, b):
    return np.array_equal(a.positions, b.positions) and np.array_equal(a.species, b.species)


@pytest.fixture(scope="module")
def above():
    """Two structures of the rung above."""
    made = equilibrate_structures(HIGH, [0, 2], SWEEPS, 5, SETTINGS, SMALL)
    return dict(zip((0, 2), (c for c, _ in made), strict=True))


def rung(numbers, above, states=None, seed=5):
    return equilibrate_structures(LOW, numbers, SWEEPS, seed, SETTINGS, SMALL, states, above=above)


def test_every_other_structure_is_heated_and_the_rest_comes_from_above():
    assert [start_of(k, True) for k in range(4)] == ["ladder", "heated"] * 2
    assert [start_of(k, False) for k in range(4)] == ["quenched", "heated"] * 2


def test_a_rung_is_half_of_the_way_of_an_independent_start():
    plans = {start: structure_plan(LOW, 4000, start, SETTINGS) for start in ("ladder", "heated", "quenched")}
    plan = plans["ladder"]
    assert {step.temperature for step in plan} == {LOW}
    assert sum(step.sweeps for step in plan) * 43 == attempts(4000, 43, "ladder") == 4000 * 43
    assert plan[0].mark, "overlaps are taken with the structure of the temperature above"
    assert sum(step.sweeps for step in plan if step.tune) == 300
    done = np.cumsum([step.sweeps for step in plan])
    assert all(step.measured == (end > 2000) for step, end in zip(plan, done, strict=True))
    # what is measured is measured as everywhere
    measured = {start: [s for s in steps if s.measured] for start, steps in plans.items()}
    later = [replace(s, record=s.record and s.record + 4000) for s in measured["ladder"]]
    assert measured["ladder"] == measured["heated"]
    assert measured["quenched"] == later


def test_a_rung_begins_where_the_one_above_ended(above):
    (made, record), (heated, _) = rung([0, 1], above)
    assert list(record.start.unique()) == ["ladder"]
    assert record.sweep.min() > 0, "there is no melt and no ageing"
    assert record.overlap.iloc[-1] == pytest.approx(overlap(above[0], made))
    assert not same(made, above[0])
    (alone, _), *_ = rung([1], None)
    assert same(alone, heated), "heated structures start by themselves"
    (independent, record), *_ = rung([0], {})
    assert list(record.start.unique()) == ["quenched"], "and so do those without a rung above"
    assert not same(made, independent)


def test_bits_depend_on_number_seed_and_the_structure_above_only(above):
    together = [c for c, _ in rung([0, 1, 2], above)]
    apart = [c for k in (2, 1, 0) for c, _ in rung([k], {k: above[k]} if k in above else {})]
    for one, other in zip(together, apart[::-1], strict=True):
        assert same(one, other)
    assert not same(together[0], rung([0], {0: above[2]})[0][0])
    assert not same(together[0], rung([0], above, seed=6)[0][0])


def test_a_rung_resumes_and_refuses_what_began_elsewhere(above, tmp_path, monkeypatch):
    state = tmp_path / "structure0.npz"
    whole = rung([0], above)[0]
    saves, save = [], checkpoint.save

    def killed(path, arrays, record, key):
        save(path, arrays, record, key)
        saves.append(path)
        if len(saves) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            rung([0], above, [state])
    kept = state.read_bytes()
    with pytest.raises(ValueError, match="other settings"):
        rung([0], {0: above[2]}, [state])
    assert state.read_bytes() == kept, "a checkpoint that is refused stays"
    c, record = rung([0], above, [state])[0]
    assert same(c, whole[0])
    assert record.equals(whole[1])


def test_a_structure_of_another_system_is_no_rung(above):
    c = above[0]
    larger = Configuration(c.positions, c.species, c.box_length * 1.01)
    other = Configuration(c.positions, np.roll(np.where(c.species == 1, 2, c.species), 1), c.box_length)
    for wrong in (larger, other):
        with pytest.raises(
            ValueError, match=r"structure 0 cannot go on from one of .* needed are \[20, 11, 12\]"
        ):
            rung([0], {0: wrong})
