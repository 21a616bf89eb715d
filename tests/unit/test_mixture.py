"""The pair mixture: constants of the smoothed potential, published reference energies, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, Mixture
from tglassmlp.configuration import minimum_image


def brute_force_energies(c: Configuration, mixture: Mixture) -> np.ndarray:
    """Half the sum of pair energies of every particle, by all pairs."""
    d = minimum_image(c.positions[:, None] - c.positions[None], c.box_length)
    r = np.hypot(d[..., 0], d[..., 1])
    np.fill_diagonal(r, np.inf)
    return 0.5 * mixture.pair_energy(r, c.species[:, None], c.species[None]).sum(axis=1)


def test_smoothing_constants_are_the_published_ones():
    np.testing.assert_allclose(KA2D.smoothing, (0.04049023795, -0.00970155098, 0.00062012616), atol=5e-12)


@pytest.mark.parametrize("cutoff", [1.8, 2.5, 4.0])
def test_potential_and_two_derivatives_vanish_at_the_cutoff(cutoff):
    mixture = replace(KA2D, cutoff=cutoff)
    for a in (1, 2, 3):
        for b in (1, 2, 3):
            edge = cutoff * mixture.sigma_matrix[a - 1, b - 1]
            h = 1e-3
            # a cubic contact: V(edge - h) falls with h^3
            near, far = mixture.pair_energy(np.array([edge - h, edge - 2 * h]), a, b)
            assert far / near == pytest.approx(8.0, rel=0.02)
            assert mixture.pair_energy(np.array([edge + h]), a, b) == 0.0


def test_density_and_species():
    assert KA2D.density == pytest.approx(1290 / 32.8962**2)
    assert np.bincount(KA2D.species()).tolist() == [0, 600, 330, 360]
    assert np.bincount(KA2D.species(copies=4)).tolist() == [0, 2400, 1320, 1440]


def test_scaled_keeps_the_density():
    small = KA2D.scaled(10)
    assert small.composition == (60, 33, 36)
    assert small.density == pytest.approx(KA2D.density)
    with pytest.raises(ValueError, match="cannot be divided by 7"):
        KA2D.scaled(7)


@pytest.mark.parametrize(
    ("folder", "name", "thermal", "inherent"),
    [
        ("T0.23/test", "N1290T0.23_202_tc05.npz", -2.676, -2.9045),
        ("T0.30/train", "N1290T0.30_3_tc01.npz", -2.607, None),
    ],
)
def test_energies_of_published_configurations(glassbench, folder, name, thermal, inherent):
    with np.load(glassbench / "KA2D_trajectories" / folder / name) as data:
        arrays = dict(data)
    assert float(arrays["box"]) == KA2D.box_length
    c = Configuration(arrays["initial_positions"], arrays["types"], arrays["box"])
    assert brute_force_energies(c, KA2D).mean() == pytest.approx(thermal, abs=0.0045)
    if inherent is not None:
        still = c.with_positions(arrays["initial_positions_inherent"])
        assert brute_force_energies(still, KA2D).mean() == pytest.approx(inherent, abs=0.003)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"composition": (600, 0, 360)}, "composition must hold positive integers"),
        ({"sigma": ((1.0, 0.8), (0.8, 0.88))}, "sigma has shape"),
        ({"epsilon": ((1.0, 1.5, 0.75), (1.4, 0.5, 1.5), (0.75, 1.5, 0.75))}, "epsilon must be symmetric"),
        (
            {"sigma": ((1.0, 0.8, -0.9), (0.8, 0.88, 0.8), (-0.9, 0.8, 0.94))},
            "sigma must be finite and positive",
        ),
        ({"box_length": float("nan")}, "box_length must be positive"),
        ({"cutoff": 1.0}, "cutoff must lie beyond the minimum"),
        ({"radii": (0.5, 0.4)}, "radii must hold 3"),
    ],
)
def test_unusable_mixtures_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(KA2D, **change)
