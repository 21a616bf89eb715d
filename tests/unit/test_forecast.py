"""What a run is expected to reach, from relaxation times that are known, and the paper's Table 1."""

from __future__ import annotations

import numpy as np
import pytest

from tglassmlp.config import load, plain
from tglassmlp.cost import Rates, describe, estimate
from tglassmlp.cost.forecast import known_relaxation, planned_label_map, planned_table, reached

#: Table 1 of arXiv:2310.20252, T_min = 0.21: kinds at T = 0.15, 0.18, 0.21, 0.23, 0.25, 0.30, 0.40.
TABLE_1 = {
    0.99: "ttxxxxx",
    0.94: "ttxxxxx",
    0.90: "ttxxxxx",
    0.85: "ttxxxxx",
    0.80: "ttxxxxx",
    0.75: "rttxxxx",
    0.65: "rtttxxx",
    0.50: "rtttxxx",
    0.25: "rrrrrxx",
    0.15: "      x",
    0.075: "      x",
}
TEMPERATURES = [0.15, 0.18, 0.21, 0.23, 0.25, 0.30, 0.40]


@pytest.fixture
def paper(repository):
    return load(repository / "config" / "paper.yaml")


def test_the_times_of_the_paper_give_its_table(paper):
    found = planned_label_map(paper, 0.21)
    kinds = {(float(r.temperature), float(r.c_b)): r.kind for r in found.to_table().itertuples()}
    for c_b, row in TABLE_1.items():
        assert [kinds[t, c_b] or " " for t in TEMPERATURES] == list(row), f"C_B = {c_b:g}"
    assert len(found.measured) == 5 + 6 + 8 + 9 + 11
    assert len(found.known) == 65


def test_the_second_model_of_the_paper(paper):
    """T_min = 0.25: extrapolated to 0.23 and 0.21 down to C_B = 0.50, nothing from below 0.25."""
    found = planned_label_map(paper, 0.25)
    kinds = {(float(r.temperature), float(r.c_b)): r.kind for r in found.to_table().itertuples()}
    for c_b in (0.99, 0.94, 0.90, 0.85, 0.80, 0.75, 0.65, 0.50):
        assert [kinds[t, c_b] for t in TEMPERATURES[2:]] == list("ttxxx"), c_b
    assert [kinds[t, 0.25] for t in TEMPERATURES[2:]] == list("rrrxx")
    assert [kinds[t, 0.075] for t in TEMPERATURES[2:]] == ["", "", "", "", "x"]


def test_known_times_and_what_lies_between_and_below():
    known = known_relaxation()
    assert known.tau(0.40)[0] == 1700.0
    # needed for the paper's table: C_B = 0.25 at T = 0.30, 0.50 at 0.25, 0.80 at 0.21
    assert known.time_of(0.30, 0.25) == pytest.approx(1.2e5, rel=0.1)
    assert known.time_of(0.25, 0.50) == pytest.approx(1e6, rel=0.05)
    assert known.time_of(0.21, 0.80) == pytest.approx(7e6, rel=0.3)
    tau, error = known.tau(0.15)
    assert 1e10 < tau < 1e14
    assert error > tau, "nobody knows it within a factor of e"
    assert np.all(np.diff([known.tau(t)[0] for t in (0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.23, 0.21, 0.18)]) > 0)


def test_longer_dynamics_reaches_lower(paper):
    whole = reached(paper)
    assert whole[0.30][-1] == 0.25
    content = plain(paper)
    content["temperatures"][1]["dynamics_time"] = 20_000.0
    assert reached(load(content))[0.30][-1] == 0.65
    content["temperatures"][1]["extended_time"] = 150_000.0
    assert reached(load(content))[0.30] == whole[0.30]


def test_another_liquid_is_not_forecast(paper):
    content = plain(paper)
    content["system"]["mixture"] = {
        "name": "other", "sigma": [[1.0, 0.8], [0.8, 0.88]], "epsilon": [[1.0, 1.5], [1.5, 0.5]],
        "composition": [845, 455], "box_length": 32.914,
    }  # fmt: skip
    content["equilibration"]["exchange_weights"] = None
    other = load(content)
    assert reached(other) is None
    assert planned_table(other, 0.21) == []
    assert "label map" not in describe(other, estimate(other), Rates(), [])


def test_the_estimate_shows_the_table(paper):
    text = describe(paper, estimate(paper), Rates(), [])
    assert "label map expected for T_min = 0.21" in text
    assert "label map expected for T_min = 0.25" in text
    (row,) = [line for line in text.splitlines() if line.startswith("0.65 ")][:1]
    assert row.split()[1:] == list("rtttxxx")
