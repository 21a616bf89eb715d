"""Published numbers belong to one system; overlaps are compared above chance."""

from dataclasses import replace

import numpy as np
import pytest

from tglassmlp import KA2D
from tglassmlp.equilibration.overlap import chance_overlap, normalised_overlap
from tglassmlp.mixture import Mixture
from tglassmlp.published import PAPER, published_for, system_key


def test_the_same_numbers_under_another_name_are_the_same_system():
    for same in (replace(KA2D, name="mine"), replace(KA2D, radii=(0.5, 0.5, 0.5)), KA2D.scaled(1)):
        assert published_for(system_key(same)) is PAPER


@pytest.mark.parametrize(
    "other",
    [
        KA2D.scaled(10),
        replace(KA2D, box_length=33.0),  # the name stays, the density does not
        replace(KA2D, cutoff=2.6),
        replace(KA2D, composition=(601, 330, 359)),
        replace(KA2D, epsilon=((1.0, 1.5, 0.75), (1.5, 0.5, 1.5), (0.75, 1.5, 0.8))),
    ],
)
def test_nothing_is_published_of_another_system(other):
    assert published_for(system_key(other)) is None


def test_nothing_is_published_of_other_species():
    assert published_for(system_key(KA2D, 2)) is None


def test_numbers_are_found_at_their_temperatures():
    assert PAPER.correlations_at(0.3)["GlassMLP"][-1] == 0.767
    assert PAPER.correlations_at(0.31) is None
    assert PAPER.energies_at(0.23) == (-2.680, -2.672)
    assert PAPER.energies_at(0.231) == ()


def test_chance_depends_on_the_mixture():
    # density 1.2, shares 0.65 and 0.35: 1.2 pi 0.3^2 (0.65^2 + 0.35^2)
    binary = Mixture(
        "b", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (650, 350), (1000 / 1.2) ** 0.5
    )
    assert chance_overlap(binary.composition, binary.box_length) == pytest.approx(
        1.2 * np.pi * 0.09 * (0.65**2 + 0.35**2)
    )
    assert chance_overlap((330,), 10.0) == pytest.approx(3.3 * np.pi * 0.09)


def test_normalised_overlap_is_one_for_the_same_and_zero_by_chance():
    np.testing.assert_allclose(normalised_overlap([1.0, 0.185, 0.12], 0.185), [1.0, 0.0, -0.065 / 0.815])
    # what the limits on raw overlaps were for KA2D
    assert normalised_overlap(0.45, 0.12) == pytest.approx(0.375)
