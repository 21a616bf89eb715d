"""Exponents of power laws of temperature, from all C_B together and every network on its own."""

import numpy as np
import pytest

from tglassmlp.division import Reported
from tglassmlp.observables.bootstrap import groups
from tglassmlp.observables.length_exponents import length_exponents
from tglassmlp.observables.structure_factor import fit_structure_factor
from tglassmlp.observables.trends import (
    Series,
    estimate,
    exponents,
    kinked,
    mean_of,
)
from tglassmlp.storage import Array, write_arrays
from tglassmlp.tables.agreement import agreement_table
from tglassmlp.tables.unit_systems import UnitSystems

T = np.array([0.5, 0.45, 0.4, 0.35, 0.3])
PLAIN = -np.log(T)[:, None]


def test_exponents_of_exact_power_laws_with_gaps():
    value = np.array([1.0, 3.0, 0.2]) * T[:, None] ** -2.5
    value = np.stack([value, 7 * value ** (1 / 2.5)], axis=2)
    value[3:, 2] = np.nan  # the last C_B is reached at the three highest temperatures only
    value[0, 1, 0] = np.nan
    assert exponents(value, PLAIN)[0] == pytest.approx([2.5, 1.0])
    cold = np.array([0.4, 0.3, 0.23, 0.18, 0.15])
    x = np.log(0.23 / cold)
    broken = np.exp(2.0 * np.minimum(x, 0) + 0.5 * np.maximum(x, 0))[:, None, None]
    assert exponents(broken, kinked(cold))[:, 0] == pytest.approx([2.0, 0.5])
    assert kinked(T) is None, "no temperature below the kink"
    assert kinked(np.array([0.3, 0.2])) is None, "two temperatures fix one exponent"
    alone = np.full((5, 2, 1), np.nan)
    alone[0, 0] = alone[1, 1] = 1.0
    assert np.isnan(exponents(alone, PLAIN)).all(), "one temperature for each C_B tells nothing"


def test_negative_values_count_and_no_maximum_is_picked():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(5, 4, 2000)) * np.array([0.2, 0.25, 0.3, 0.4, 0.5])[:, None, None]
    value = T[:, None, None] ** -2.0 * (1 + noise)
    assert (value < 0).any()
    found = exponents(value, PLAIN)[0]
    found = found[np.isfinite(found)]
    assert found.size > 1900
    bias = found.mean() - 2.0
    assert abs(bias) < 0.2, "of first order in the variance; the jackknife of `estimate` takes it off"
    # what the largest of the four values says instead: noise that grows on cooling looks like growth
    largest = np.array([np.polyfit(PLAIN[:, 0], np.log(v), 1)[0] for v in value.max(axis=1).T])
    assert largest.mean() - 2.0 > 2 * abs(bias)


def test_the_error_over_structures_of_an_exponent_covers_the_truth():
    """chi_4 ~ T^-2 of 8 structures at each temperature, their means correlated between four C_B."""
    rng = np.random.default_rng(2)
    size = T[:, None] ** -1.0 * np.linspace(0.5, 1.0, 4)
    inside, values, errors = 0, [], []
    for _ in range(80):
        m = size[:, None] * (0.8 * rng.normal(size=(5, 8, 1)) + 0.6 * rng.normal(size=(5, 8, 4)))
        without = [np.array([np.delete(x, k, 0).var(axis=0, ddof=1) for k in range(8)])[..., None] for x in m]
        found = estimate(Series(T, np.arange(4), m.var(axis=1, ddof=1)[..., None], without), PLAIN, [1.0])
        inside += abs(found.value - 2) < 1.96 * found.structures
        values.append(found.value)
        errors.append(found.structures)
    assert abs(np.mean(values) - 2) < 3.5 * np.std(values) / np.sqrt(80)
    assert inside >= 0.88 * 80
    assert np.mean(errors) < 2 * np.std(values)


def test_networks_share_structures_but_their_spread_is_that_of_exponents():
    # two networks whose values differ by a factor have the same exponent: no spread
    value = np.stack([T**-1.5, 3 * T**-1.5], axis=1)[:, None]
    found = estimate(Series(T, np.zeros(1), value), PLAIN, [1.0])
    assert (found.value, found.spread) == (pytest.approx(1.5), pytest.approx(0, abs=1e-9))
    assert np.isnan(found.structures)
    value[:, :, 1] = T[:, None] ** -2.5
    found = estimate(Series(T, np.zeros(1), value), PLAIN, [1.0])
    assert (found.value, found.error) == (pytest.approx(2.0), pytest.approx(np.sqrt(0.5)))


def test_groups_of_a_jackknife_are_equal_and_complete():
    assert [len(g) for g in groups(8)] == [1] * 8
    assert sorted(len(g) for g in groups(150)) == [7] * 10 + [8] * 10
    assert sorted(np.concatenate(groups(23))) == list(range(23))
    assert groups(1) == []


@pytest.mark.parametrize("cubic", [False, True])
def test_lengths_grow_by_what_is_put_in_where_single_fits_are_not_determined(cubic):
    rng = np.random.default_rng(3)
    q = 2 * np.pi / 100 * np.sqrt(np.unique([a * a + b * b for a in range(8) for b in range(8)])[1:])
    q = q[q < 0.5]
    modes = np.full(q.size, 10.0)
    t = np.array([0.5, 0.4, 0.3])
    length = 2.5 * np.array([0.8, 1.0]) * (t[:, None] / 0.4) ** -1.5
    inverse = 1 + (q * length[..., None]) ** (3 if cubic else 2) + (0.3 * (2 * q) ** 2 if cubic else 0)
    columns = -np.log(t)[:, None]
    exact = length_exponents(q, 3 / inverse, modes, columns, 100.0, cubic)
    assert exact == pytest.approx([1.5], abs=0.05)
    found, refused = [], 0
    for _ in range(10 if cubic else 40):
        s4 = 3 * rng.gamma(modes, 1 / modes, size=inverse.shape) / inverse
        found.append(length_exponents(q, s4, modes, columns, 100.0, cubic)[0])
        fits = [fit_structure_factor(q, s, modes, 0.5, cubic, 50.0) for s in s4.reshape(-1, q.size)]
        refused += sum(not f.determined or (cubic and not np.isfinite(f.a)) for f in fits)
    assert refused > 0, "single fits would have to leave some out"
    found = np.array(found)
    assert np.isfinite(found).mean() > 0.8
    known = found[np.isfinite(found)]
    assert abs(np.mean(known) - 1.5) < 3.5 * known.std(ddof=1) / np.sqrt(known.size) + (0.5 if cubic else 0)


def test_networks_are_compared_with_dynamics_on_the_same_structures(tmp_path):
    """A network that predicts 0.7 times the fluctuations of dynamics has exactly 0.49 times its chi_4."""
    rng = np.random.default_rng(4)
    truth = 0.5 + 0.1 * rng.normal(size=(1, 8, 200)) + 0.05 * rng.normal(size=(1, 8, 1))
    stored = {
        "labels": {"propensity": truth, "half": np.stack([truth, truth], 2), "time": np.ones(1)},
        "predictions/tmin0.40": {
            "propensity": 0.5 + 0.7 * (truth[:, None] - 0.5),
            "converged": np.ones((1, 1), bool),
        },
    }
    for place, content in stored.items():
        arrays = {name: Array(v, tuple("abcd"[: v.ndim])) for name, v in content.items()}
        write_arrays(tmp_path / place / "T0.40.h5", {"c_b": Array(np.array([0.5]), ("a",)), **arrays}, {}, {})
    positions = {"positions": Array(rng.random((8, 200, 2)) * 20, tuple("abc"))}
    chunk = tmp_path / "descriptors/T0.40/chunk0.h5"
    write_arrays(chunk, positions, {}, {"box_length": 20.0})
    unit = UnitSystems(
        [tmp_path / "labels/T0.40.h5"],
        [tmp_path / "predictions/tmin0.40/T0.40.h5"],
        [chunk],
        Reported(range(8)),
    )
    found = agreement_table(unit).set_index(["quantity", "temperature"])
    ratio = found.loc[("chi4_log_ratio", 0.40)]
    assert ratio["value"] == pytest.approx(2 * np.log(0.7))
    assert ratio["error_structures"] == pytest.approx(0, abs=1e-6), "what structures share drops out"
    for way in ("", "_with_noise", "_without_noise"):  # the same sites are active, and there is no noise
        chords = found.loc[(f"chord_difference{way}", 0.40)]
        assert chords["value"] == pytest.approx(0, abs=0.02)


def test_the_mean_over_temperatures_weighs_them_equally():
    values = np.array([1.0, 3.0])[:, None, None]
    without = [np.array([0.0, 2.0])[:, None, None], np.array([3.0, 3.0])[:, None, None]]
    found = mean_of(Series(np.array([0.5, 0.4]), np.zeros(1), values, without))
    assert found.value == pytest.approx(2.0)
    # half of the error of the first, which a jackknife of two values makes 1, for one degree of freedom
    assert found.structures == pytest.approx(0.5 * 6.48, rel=0.01)
    # a second network that lacks a temperature does not shift the mean, nor one with structures that decide
    # whether there is a value at all make a number
    gap = np.concatenate([values, np.array([9.0, np.nan])[:, None, None]], axis=2)
    two = [np.concatenate([w, w + 100], axis=2) for w in without]
    assert mean_of(Series(np.array([0.5, 0.4]), np.zeros(1), gap, two)).value == pytest.approx(2.0)
    without[1] = np.array([3.0, np.nan])[:, None, None]
    assert np.isnan(mean_of(Series(np.array([0.5, 0.4]), np.zeros(1), values, without)).value)
