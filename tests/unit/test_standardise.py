"""Scaling of descriptors: moments, dropped columns, names."""

import json

import numpy as np
import pytest

from tglassmlp.local_structure.standardise import Scaling, fit_scaling

NAMES = ["a", "constant", "b", "zero", "big"]


@pytest.fixture
def blocks():
    rng = np.random.default_rng(0)

    def block(structures):
        x = rng.normal(size=(structures, 30, 5)) * [1, 0, 3, 0, 1e-3] + [0, 4.2, -7, 0, 1e6]
        return x

    return [block(3), block(1), block(5)]


def test_zero_mean_and_unit_variance(blocks):
    scaling = fit_scaling(blocks, NAMES, [0.3, 0.4])
    assert scaling.names == ("a", "b", "big")[: len(scaling.names)]
    together = np.concatenate(blocks)
    standard = scaling.apply(together, NAMES)
    np.testing.assert_allclose(standard.mean(axis=(0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(standard.std(axis=(0, 1)), 1, rtol=1e-6)
    assert scaling.n_structures == 9


def test_constant_columns_are_dropped_by_name(blocks):
    scaling = fit_scaling([b[..., :4] for b in blocks], NAMES[:4])
    assert scaling.names == ("a", "b")
    assert scaling.dropped == ("constant", "zero")


def test_does_not_depend_on_blocks(blocks):
    one = fit_scaling([np.concatenate(blocks)], NAMES)
    many = fit_scaling([x[None] for b in blocks for x in b], NAMES)
    np.testing.assert_allclose(one.mean, many.mean, rtol=1e-12)
    np.testing.assert_allclose(one.std, many.std, rtol=1e-6)


def test_other_names_are_refused(blocks):
    scaling = fit_scaling(blocks, NAMES)
    x = np.zeros((2, 5))
    with pytest.raises(ValueError, match=r"1 columns \(b\) missing and 1 columns \(c\) unknown"):
        scaling.apply(x, ["a", "constant", "c", "zero", "big"])
    with pytest.raises(ValueError, match="two columns of these descriptors have the name 'zero'"):
        scaling.apply(np.zeros((2, 6)), [*NAMES, "zero"])
    with pytest.raises(ValueError, match="5 columns were given with 4 names"):
        scaling.apply(x, NAMES[:4])


def test_columns_are_picked_by_name(blocks):
    scaling = fit_scaling(blocks, NAMES)
    order = [4, 2, 0, 1]
    others = np.column_stack([blocks[1][0][:, order], np.full(30, np.pi)])
    found = scaling.apply(others, [*(NAMES[k] for k in order), "of another network"])
    np.testing.assert_array_equal(found, scaling.apply(blocks[1][0], NAMES))


def test_record_round_trip(blocks):
    scaling = fit_scaling(blocks, NAMES, [0.3])
    assert Scaling.from_json(json.loads(json.dumps(scaling.to_json()))) == scaling
    with pytest.raises(ValueError, match="'std' is missing"):
        Scaling.from_json({k: v for k, v in scaling.to_json().items() if k != "std"})


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([], "no training structure"),
        ([np.zeros((2, 3, 4))], r"shape \[..., particle, 5\]"),
        ([np.full((1, 3, 5), np.nan)], "'a' holds a value not finite"),
        ([np.ones((1, 3, 5))], "all descriptors are constant"),
    ],
)
def test_refusals(blocks, message):
    with pytest.raises(ValueError, match=message):
        fit_scaling(blocks, NAMES)
