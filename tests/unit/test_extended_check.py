"""Structures that go on for many times their sweeps must stay what they were."""

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D, config
from tglassmlp.config import ConfigError
from tglassmlp.cost import Rates, estimate
from tglassmlp.equilibration.extended_check import extend_structure, measure_extended_check
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.significance import largest_difference
from tglassmlp.equilibration.verdict import judge

SMALL = KA2D.scaled(10)
QUICK = EquilibrationSettings(record_points=8, block_seconds=0.0)


def test_a_structure_goes_on(liquid):
    c, record = extend_structure(liquid, 0.8, 3, 80, 7, QUICK, SMALL)
    assert list(record.columns) == list(COLUMNS)
    assert set(record.start) == {"extended"}
    assert record.sweep.iloc[-1] == 80
    assert record.sweep[record.measured].min() > 40
    assert np.isfinite(record.inherent_energy[record.measured]).sum() >= 3
    # it is the overlap with the structure at the beginning
    assert record.overlap.iloc[0] > record.overlap.iloc[-1]
    np.testing.assert_array_equal(np.bincount(c.species), np.bincount(liquid.species))
    for number, seed in ((4, 7), (3, 8)):
        other = extend_structure(liquid, 0.8, number, 80, seed, QUICK, SMALL)[0]
        assert not np.array_equal(other.positions, c.positions)
    with pytest.raises(ValueError, match="sweeps must be"):
        extend_structure(liquid, 0.8, 3, 0, 7, QUICK, SMALL)


class Killed(Exception):
    """The job ends here."""


class Killer:
    """Progress that ends the job after some steps."""

    done = 0

    def __init__(self, steps):
        self.left = steps

    def resume(self, done):
        """Go on from there."""
        self.resumed = done

    def advance(self, *_):
        """Count steps."""
        self.left -= 1
        if self.left == 0:
            raise Killed


def test_it_is_resumed_to_the_same_bits(liquid, tmp_path):
    whole, record = extend_structure(liquid, 0.8, 3, 80, 7, QUICK, SMALL)
    state = tmp_path / "structure3.npz"
    with pytest.raises(Killed):
        extend_structure(liquid, 0.8, 3, 80, 7, QUICK, SMALL, state, Killer(40))
    assert state.is_file()
    last = Killer(10**6)
    c, again = extend_structure(liquid, 0.8, 3, 80, 7, QUICK, SMALL, state, last)
    assert last.resumed > 0
    np.testing.assert_array_equal(c.positions, whole.positions)
    pd.testing.assert_frame_equal(record, again)


def records(n, inherent, seed, spread=0.004):
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        level = rng.normal(inherent, spread)
        for _ in range(3):
            row = dict.fromkeys(COLUMNS, np.nan) | {"structure": k, "measured": True}
            rows.append(row | {"inherent_energy": level + rng.normal(0, spread / 3)})
        # what is not measured does not count
        rows.append(
            dict.fromkeys(COLUMNS, np.nan) | {"structure": k, "measured": False, "inherent_energy": 0.0}
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def verdict(energy=0.0, shift=0.0, seed=0, **limits):
    rng = np.random.default_rng(seed)
    means, originals = rng.normal(size=(4, 300)), rng.normal(size=(16, 300))
    means[:, 123] += shift
    names = [f"type 1 descriptor {k}" for k in range(300)]
    found = measure_extended_check(
        0.3, records(4, -2.9 + energy, seed), records(16, -2.9, seed + 50), means, originals, names
    )
    assert found["structures"] == 4
    assert found["original_inherent_energy"] == pytest.approx(-2.9, abs=0.005)
    return judge(found, CheckLimits(**limits))


def test_equilibrium_stays_what_it_was():
    for seed in range(20):
        table, found = verdict(seed=seed)
        assert table.check.tolist() == ["extended_energy", "extended_descriptors"]
        assert found["passed"], found["failed"]


def test_energies_that_go_on_falling_are_found():
    table, found = verdict(energy=-0.04)
    assert table.passed.tolist() == [False, True]
    assert "extended_energy is" in found["failed"][0]
    assert "raise the temperature's sweeps" in found["failed"][0]
    assert verdict(energy=-0.04, extended=30.0)[1]["passed"]


def test_a_descriptor_that_goes_on_changing_is_found():
    table, found = verdict(shift=6.0)
    assert table.passed.tolist() == [True, False]
    assert "type 1 descriptor 123 has the largest difference" in found["failed"][0]


def test_the_largest_of_many_differences_is_held_against_all():
    rng = np.random.default_rng(1)
    over = [largest_difference(rng.normal(size=(4, 300)), rng.normal(size=(16, 300)))[2] for _ in range(400)]
    # independent quantities: the largest exceeds two deviations in 4.6 % of the trials, known to 1 %
    assert np.mean(np.array(over) > 2.0) == pytest.approx(0.045, abs=0.035)
    # constant columns and single structures say nothing
    place, _, z = largest_difference(np.ones((3, 2)), np.ones((4, 2)))
    assert place == -1
    assert np.isnan(z)
    assert np.isnan(largest_difference(rng.normal(size=(1, 5)), rng.normal(size=(9, 5)))[2])
    mixed = np.column_stack([np.zeros(6), np.full(6, np.nan), rng.normal(size=6)])
    assert largest_difference(mixed[:3], mixed[3:])[0] == 2


# ------------------------------------------------------------------------------------------ configuration


def demo_with(repository, **check):
    content = config.plain(config.load(repository / "config.yaml"))
    content["equilibration"]["extended_check"] = check or None
    return config.load(content)


def test_the_lowest_temperature_is_checked_if_none_is_named(repository):
    assert demo_with(repository, structures=2).extended_temperatures() == [0.3]
    assert demo_with(repository, temperatures=[0.5, 0.35]).extended_temperatures() == [0.5, 0.35]
    assert demo_with(repository).extended_temperatures() == []
    with pytest.raises(ConfigError, match=r"extended_check.temperatures\[0\]: found 0.31"):
        demo_with(repository, temperatures=[0.31])
    with pytest.raises(ConfigError, match=r"at most structures.number \(8\)"):
        demo_with(repository, structures=9)


def test_it_costs_what_its_attempts_take(repository):
    rates = Rates(monte_carlo=1e6, start=0.0)
    chosen = demo_with(repository, structures=2, factor=10.0)
    costs = {c.rule: c for c in estimate(chosen, rates)}
    assert costs["extend_equilibration"].jobs == 2
    attempts = 2 * 10 * chosen.temperatures[-1].sweeps * 1290
    assert costs["extend_equilibration"].cpu_hours * 3600 == pytest.approx(attempts / 1e6)
    assert "extend_equilibration" not in {c.rule for c in estimate(demo_with(repository), rates)}
