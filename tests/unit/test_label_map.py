"""Where labels come from: the rule of Table 1, and the file of a label map."""

import numpy as np
import pandas as pd
import pytest

from tglassmlp.dynamics.label_map import LabelMap, c_b_by_temperature, map_labels
from tglassmlp.state_point import StatePoint
from tglassmlp.storage import read_table

GRID = [0.99, 0.94, 0.90, 0.85, 0.80, 0.75, 0.65, 0.50, 0.25, 0.15, 0.075]
#: Lowest C_B that the published curves reach at each temperature.
REACHED = {0.21: 0.80, 0.23: 0.75, 0.25: 0.50, 0.30: 0.25, 0.40: 0.075}


def published_map(temperatures, t_min):
    reached = {t: [c for c in GRID if c >= low] for t, low in REACHED.items()}
    table = map_labels(temperatures, GRID, reached, t_min).to_table()
    return {
        c: "".join(kind or "-" for kind in table[table.c_b == c].sort_values("temperature").kind)
        for c in GRID
    }


def test_first_half_of_the_published_table():
    found = published_map([0.15, 0.18, 0.21, 0.23, 0.25, 0.30, 0.40], 0.21)
    assert found == {
        **dict.fromkeys([0.99, 0.94, 0.90, 0.85, 0.80], "ttxxxxx"),
        0.75: "rttxxxx",
        0.65: "rtttxxx",
        0.50: "rtttxxx",
        0.25: "rrrrrxx",
        0.15: "------x",
        0.075: "------x",
    }
    assert sum(row.count("x") + row.count("t") for row in found.values()) == 57


def test_second_half_of_the_published_table():
    found = published_map([0.21, 0.23, 0.25, 0.30, 0.40], 0.25)
    assert found == {
        **dict.fromkeys([0.99, 0.94, 0.90, 0.85, 0.80, 0.75, 0.65, 0.50], "ttxxx"),
        0.25: "rrrxx",
        0.15: "----x",
        0.075: "----x",
    }


def test_map_refusals():
    with pytest.raises(ValueError, match=r"t_min = 0\.35 is not a temperature with dynamics"):
        map_labels([0.3, 0.4], [0.5], {0.4: [0.5]}, 0.35)
    with pytest.raises(ValueError, match="raise a dynamics_time"):
        map_labels([0.3, 0.4], [0.5], {0.4: []}, 0.4)


def test_rules_of_the_map_at_their_limits():
    reached = {1.0: [0.5, 0.4, 0.3], 1.1: [0.5, 0.4], 1.2: [0.5]}
    temperatures = [0.69, 0.70, 0.75, 1.0, 1.1, 1.2]
    table = map_labels(temperatures, [0.5, 0.4, 0.3], reached, 1.0).to_table()

    def row(t, c):
        return "".join(kind or "-" for kind in t[t.c_b == c].sort_values("temperature").kind)

    # three labelled temperatures let 0.7 times the lowest of them be extrapolated, but not less; two do not
    assert row(table, 0.5) == "rttxxx"
    assert row(table, 0.4) == "rrrxxr"
    assert row(table, 0.3) == "---x--"
    # columns fall in temperature, and below that in C_B
    assert table.temperature.tolist() == sorted(temperatures * 3, reverse=True)
    assert table.c_b.tolist() == [0.5, 0.4, 0.3] * 6
    # what lies above all labelled temperatures, or between them, is not extrapolated
    between = map_labels([0.9, 1.0, 1.05, 1.1, 1.2, 1.3], [0.5], reached, 1.0).to_table()
    assert row(between, 0.5) == "txrxxr"
    other = map_labels(temperatures, [0.5, 0.4], reached, 1.0, 0.75, 2, 1).to_table()
    assert row(other, 0.4) == "rrtxxr"
    # dynamics below t_min is not used
    assert row(map_labels(temperatures, [0.5], reached, 1.1).to_table(), 0.5) == "rrrrxx"


REACHED_BY_TOY = {0.4: [0.9, 0.5], 0.5: [0.9, 0.5], 0.45: [0.9], 0.3: [0.9]}


def toy():
    return map_labels([0.4, 0.5, 0.45, 0.3, 0.2], [0.9, 0.5, 0.1], REACHED_BY_TOY, 0.4)


def test_origins_are_named_and_in_order():
    found = toy()
    point = StatePoint.of
    assert found.measured == tuple(
        point(*p) for p in [(0.5, 0.9), (0.5, 0.5), (0.45, 0.9), (0.4, 0.9), (0.4, 0.5)]
    )
    assert found.extrapolated == (point(0.3, 0.9),)
    assert found.predicted == tuple(point(*p) for p in [(0.45, 0.5), (0.3, 0.5), (0.2, 0.9), (0.2, 0.5)])
    assert {p.c_b for p in found.left_out} == {0.1}
    assert set(found.known) == {*found.measured, *found.extrapolated, *found.predicted}
    assert list(found.known) == sorted(found.known, reverse=True)
    assert found.of_letters("xt") == found.of_origins(["extrapolated", "measured"])
    assert found.measured_at(0.1 + 0.4) == [0.5, 0.4]
    assert [found.letter_at(t, 0.5) for t in (0.5, 0.45, 0.9)] == ["x", "r", ""]
    assert c_b_by_temperature(found.measured) == {0.5: [0.9, 0.5], 0.45: [0.9], 0.4: [0.9, 0.5]}
    with pytest.raises(ValueError, match="unknown origin of labels 'guessed'"):
        found.of_origins(["measured", "guessed"])


def test_file_keeps_the_letters_of_the_table(tmp_path):
    toy().write(tmp_path / "map.parquet", {"stage": "labels"})
    table = read_table(tmp_path / "map.parquet")
    assert table.columns.tolist() == ["temperature", "c_b", "kind"]
    assert "".join(kind or "-" for kind in table.kind) == "xx-xr-xx-tr-rr-"
    assert (table.temperature.dtype, table.c_b.dtype) == (np.float64, np.float64)
    assert table.temperature.tolist() == np.repeat([0.5, 0.45, 0.4, 0.3, 0.2], 3).tolist()
    assert LabelMap.read(tmp_path / "map.parquet") == toy()


def test_letter_that_no_map_has():
    table = pd.DataFrame({"temperature": [0.4], "c_b": [0.5], "kind": ["q"]})
    with pytest.raises(ValueError, match="kind 'q' of a label map must be one of 'x', 't', 'r', ''"):
        LabelMap.from_table(table)
