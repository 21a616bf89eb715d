"""What has to show that structures are in equilibrium: each proof with a case that must fail it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D, state_point
from tglassmlp.equilibration.checks import check_temperature
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.equilibration.runner import Task, run_plan
from tglassmlp.equilibration.schedule import INHERENT_POINTS, structure_plan
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.equilibration.structures import equilibrate_structure
from tglassmlp.randomness import seed_sequence

SMALL = KA2D.scaled(10)
QUICK = EquilibrationSettings(record_points=8)

# ------------------------------------------------------------------- the heated stage comes from below


def test_heated_stage_has_its_inherent_energy():
    _, record = equilibrate_structure(0.8, 1, 40, 7, QUICK, SMALL)
    aged = record[record.sweep <= 0]
    assert aged.sweep.tolist() == [-10, -8, -5, -3, 0]
    assert not aged.measured.any()
    assert (aged.inherent_energy < aged.energy).all()
    assert aged.energy_variance.isna().all()
    # the points within the stage at T are as many as before
    assert np.isfinite(record.inherent_energy).sum() == 5 + INHERENT_POINTS
    _, record = equilibrate_structure(0.8, 0, 40, 7, QUICK, SMALL)
    assert record.sweep.min() > 0
    plan = structure_plan(0.8, 4000, "heated", QUICK)
    chosen = [s.record for s in plan if s.record is not None and s.record <= 0]
    assert chosen == pytest.approx([-1000, -750, -500, -250, 0], abs=60)


def test_recording_it_changes_no_bit_of_the_structure():
    made, _ = equilibrate_structure(0.8, 1, 40, 7, QUICK, SMALL)
    lattice, chain = seed_sequence(7, "equilibrate_structures", state_point.key(0.8), 1).spawn(2)
    plan = structure_plan(0.8, 40, "heated", QUICK)
    aged = [s.record is not None and s.record <= 0 for s in plan]
    assert sum(aged) == 5
    bare = [replace(s, record=None, inherent=False) if a else s for s, a in zip(plan, aged, strict=True)]
    begin = lattice_start(SMALL, lattice)
    ((c, _),) = run_plan([Task(bare, begin, chain)], QUICK, SMALL)
    np.testing.assert_array_equal(made.positions, c.positions)
    np.testing.assert_array_equal(made.species, c.species)


def records(n=8, below=0.05, seed=0):
    """Records of n structures with inherent energies -2.8 +- 0.01; heated ones begin ``below`` that."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        common = dict.fromkeys(COLUMNS, np.nan) | {"structure": k, "start": ("quenched", "heated")[k % 2]}
        level = rng.normal(-2.5, 0.01)
        if k % 2:
            inherent = -2.8 - below + rng.normal(0, 0.01)
            rows.append(common | {"sweep": 0, "measured": False, "energy": -2.6, "inherent_energy": inherent})
        for m in range(4):
            row = {"sweep": 100 + 10 * m, "measured": True, "energy": level + rng.normal(0, 0.003)}
            row |= {"energy_variance": 1e-5, "inherent_energy": -2.8 + rng.normal(0, 0.01), "overlap": 0.1}
            rows.append(common | row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def heated_below(table, structures, **limits):
    n = table.structure.nunique()
    found, verdict = check_temperature(table, [structures] * n, 0.5, CheckLimits(**limits), SMALL)
    row = found[found.check == "heated_below"].iloc[0]
    return row.value, row.passed, [s for s in verdict["failed"] if "heated_below" in s]


def test_heated_starts_that_come_from_below_pass(liquid):
    value, passed, sentences = heated_below(records(below=0.05), liquid)
    assert value > 2.5
    assert passed
    assert sentences == []
    assert not heated_below(records(below=0.05), liquid, heated_below=30.0)[1]


@pytest.mark.parametrize("below", [0.0, -0.05])
def test_heated_starts_that_do_not_come_from_below_prove_nothing(liquid, below):
    value, passed, (sentence,) = heated_below(records(below=below), liquid)
    assert value < 2.0
    assert (value < -2.0) == (below < 0)
    assert not passed
    assert "needed at least 2 (a heated start that did not lie below proves nothing" in sentence
    assert "lower equilibration.heated_ratio" in sentence


def test_too_few_heated_starts_are_no_verdict(liquid):
    value, passed, _ = heated_below(records(2), liquid)
    assert np.isnan(value)
    assert passed
    # records of an older version have no such row
    old = records(8)
    assert np.isnan(heated_below(old[old.sweep > 0], liquid)[0])
