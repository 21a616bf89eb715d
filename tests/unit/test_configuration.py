"""Configurations: checks on entry, wrapping, tiling."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tglassmlp import KA2D, Configuration
from tglassmlp.configuration import minimum_image, wrap


def three() -> Configuration:
    return Configuration([[0.0, 0.0], [4.9, 0.0], [-7.0, 12.0]], [1, 2, 1], 10.0)


def test_positions_cannot_be_changed_from_outside():
    source = np.zeros((2, 2))
    c = Configuration(source, [1, 1], 5.0)
    source[0] = 9.0
    assert np.all(c.positions == 0.0)
    with pytest.raises(ValueError, match="read-only"):
        c.positions[0, 0] = 1.0


def test_wrapped_positions_lie_in_the_box():
    np.testing.assert_allclose(three().wrapped(), [[0.0, 0.0], [4.9, 0.0], [3.0, 2.0]])


@given(st.floats(-1e4, 1e4), st.floats(0.5, 100.0))
def test_wrapping_moves_by_whole_boxes(x, length):
    inside = wrap(np.array([[x, 0.0]]), length)[0, 0]
    tolerance = 1e-9 * max(1.0, abs(x))
    assert -length / 2 - tolerance <= inside <= length / 2 + tolerance
    boxes = (x - inside) / length
    assert abs(boxes - round(boxes)) < 1e-6


def test_minimum_image_is_the_shortest():
    d = minimum_image(np.array([[9.0, -6.0]]), 10.0)
    np.testing.assert_allclose(d, [[-1.0, 4.0]])


def test_tiling_repeats_the_system():
    c = three().tiled(3)
    assert c.n_particles == 27
    assert c.box_length == 30.0
    assert np.bincount(c.species).tolist() == [0, 18, 9]
    # every tile has the same distances between its particles
    tiles = c.positions.reshape(9, 3, 2)
    np.testing.assert_allclose(
        tiles - tiles[:, :1], np.broadcast_to(tiles[0] - tiles[0, :1], tiles.shape), atol=1e-12
    )
    # and no two particles of the tiled system share a place
    d = minimum_image(c.positions[:, None] - c.positions[None], c.box_length)
    r = np.hypot(d[..., 0], d[..., 1]) + 99.0 * np.eye(27)
    assert r.min() > 1.0
    with pytest.raises(ValueError, match="tiles must be at least 1"):
        three().tiled(0)


@pytest.mark.parametrize(
    ("positions", "species", "box", "said"),
    [
        (np.zeros((3, 3)), [1, 1, 1], 5.0, r"shape \[N, 2\]"),
        (np.zeros((0, 2)), [], 5.0, "at least one particle"),
        ([[0.0, np.nan]], [1], 5.0, "particle 0"),
        ([[0.0, 0.0]], [1, 2], 5.0, r"species must have shape \[1\]"),
        ([[0.0, 0.0]], [0], 5.0, "counted from 1"),
        ([[0.0, 0.0]], [1.5], 5.0, "whole numbers"),
        ([[0.0, 0.0]], [1], 0.0, "box_length must be a positive number"),
        ([[0.0, 0.0]], [1], np.inf, "box_length must be a positive number"),
        ([[0.0, 0.0]], [1], "5", "box_length must be a positive number, found '5'"),
        ([[0.0, 0.0]], [1], None, "box_length must be a positive number, found None"),
        ([[0.0, 0.0]], [1], 5j, "box_length must be a positive number"),
        ([[0.0, 0.0]], np.array([2**32 + 1]), 5.0, r"species must be at most \d+, found 4294967297"),
        ([[0.0, 0.0]], [2**70], 5.0, "species must be at most"),
        ([[0.0, 0.0]], [np.inf], 5.0, "species must be at most"),
        ([[0.0, 0.0]], [np.nan], 5.0, "whole numbers"),
        ([[0.0, 0.0]], ["1"], 5.0, "species must be real numbers, found values like .*'1'"),
        ([[0.0, 0.0]], [None], 5.0, "species must be real numbers, found values like None"),
        ([[0.0, 0.0]], [True], 5.0, "species must be real numbers, found type bool"),
        ([[0.0, 1j]], [1], 5.0, "positions must be real numbers, found type complex128"),
        ([["0.0", "0.0"]], [1], 5.0, "positions must be real numbers"),
        ([[0.0, 0.0], [1.0]], [1, 1], 5.0, "rows of different lengths"),
        (np.ma.masked_array([[0.0, 1.0]], [[False, True]]), [1], 5.0, "found 1 masked values"),
        ([[0.0, 0.0]], np.ma.masked_array([1], [True]), 5.0, "species must all be given"),
    ],
)
def test_unusable_configurations_are_refused(positions, species, box, said):
    with pytest.raises(ValueError, match=said):
        Configuration(positions, species, box)


def test_mixture_check():
    three().check_mixture(2, reach=5.0)
    with pytest.raises(ValueError, match=r"species must lie in 1\.\.1"):
        three().check_mixture(1)
    with pytest.raises(ValueError, match="shorter than twice"):
        three().check_mixture(2, reach=5.1)


def test_configuration_prints_as_one_line():
    assert repr(three()) == "Configuration(3 particles: 2/1, box 10)"
    unit = Configuration(np.zeros((1290, 2)), KA2D.species(), KA2D.box_length)
    assert repr(unit) == "Configuration(1290 particles: 600/330/360, box 32.8962)"
    # a species that is not there keeps its place
    assert repr(Configuration(np.zeros((3, 2)), [1, 3, 3], 5.0)) == "Configuration(3 particles: 1/0/2, box 5)"


def test_configuration_has_a_short_html_form():
    html = three()._repr_html_()
    assert html.startswith("<table>")
    assert html.endswith("</table>")
    assert "<td>particles</td><td>3</td>" in html
    assert "<td>species 1</td><td>2</td>" in html
    assert "<td>box</td><td>10</td>" in html
    assert len(html) < 400


HOT = dataclasses.replace(
    KA2D, name="hot", epsilon=tuple(tuple(3.0 * e for e in row) for row in KA2D.epsilon)
)


def test_a_configuration_keeps_its_mixture():
    c = Configuration([[0.0, 0.0], [4.9, 0.0], [-7.0, 12.0]], [1, 2, 1], 10.0, HOT)
    assert three().mixture is None
    for same in (
        c,
        c.with_positions(c.positions + 1.0),
        c.tiled(2),
        pickle.loads(pickle.dumps(c)),
        copy.deepcopy(c),
        dataclasses.replace(c, box_length=11.0),
        three().with_mixture(HOT),
    ):
        assert same.mixture == HOT
    assert c.with_mixture(None).mixture is None
    assert repr(c) == "Configuration(3 particles: 2/1, box 10, hot)"
    assert "<td>hot</td>" in c._repr_html_()
    assert "\n" not in repr(c.with_mixture(dataclasses.replace(HOT, name="a\nb" * 99)))
    assert {c: 1}[c] == 1  # two configurations are equal if they are the same object, as before
    assert c != copy.deepcopy(c)


def test_a_configuration_of_an_older_version_has_no_mixture():
    state = {k: v for k, v in vars(three()).items() if k != "mixture"}
    old = Configuration.__new__(Configuration)
    old.__dict__.update(state)
    assert old.mixture is None
    assert old.tiled(2).mixture is None


def test_a_mixture_that_does_not_fit_is_refused():
    with pytest.raises(TypeError, match=r"mixture must be a tglassmlp.Mixture \(tglassmlp.KA2D\).*'KA2D'"):
        three().with_mixture("KA2D")
    with pytest.raises(ValueError, match="KA2D has the species 1 to 3, found a particle of species 4"):
        Configuration(np.zeros((2, 2)), [1, 4], 5.0, KA2D)


def test_potentials_are_compared_whatever_else_differs():
    assert HOT.potential_against(KA2D).startswith("epsilon ((3, 4.5, 2.25), ")
    assert not HOT.same_potential(KA2D)
    same = dataclasses.replace(KA2D, name="x", composition=(1, 1, 1), box_length=3.0, radii=(0.4, 0.4, 0.4))
    assert same.same_potential(KA2D)
    assert not same.same_particles(KA2D)
    assert not dataclasses.replace(KA2D, cutoff=2.4).same_potential(KA2D)


def test_numbers_in_lists_of_objects_are_numbers():
    c = Configuration(np.array([[0.0, 1]], dtype=object), np.array([2], dtype=object), 5.0)
    assert c.positions.dtype == np.float64
    assert c.species.tolist() == [2]
