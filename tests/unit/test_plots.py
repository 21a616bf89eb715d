"""Plots of arrays in axes of the caller."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import tglassmlp as tg
from tglassmlp import labels
from tglassmlp.correlation import pearson
from tglassmlp.figures.particles import PROPENSITY, color_limits


@pytest.fixture
def ax():
    return Figure().subplots()


def faces(ax):
    """Colours of the discs, in the order of the particles."""
    (discs,) = ax.collections
    return discs.get_facecolors()


def test_a_map_has_the_colour_of_every_propensity(lattice, ax):
    own = lattice.of_species(1)
    propensity = np.linspace(-0.1, 1.1, own.size)
    assert tg.plot_propensity(lattice, propensity, ax) is ax
    np.testing.assert_allclose(faces(ax)[own], PROPENSITY(np.clip(propensity, 0, 1)))
    # particles of other species are paler than every coloured one can be
    others = np.setdiff1d(np.arange(lattice.n_particles), own)
    assert faces(ax)[others, :3].min() >= 0.6
    (discs,) = ax.collections
    diameters = np.diagonal(tg.KA2D.sigma_matrix)[lattice.species - 1]
    np.testing.assert_allclose(discs.get_widths(), diameters)
    np.testing.assert_allclose(discs.get_offsets(), lattice.wrapped())
    (_, bar) = ax.figure.axes
    assert bar.get_ylim() == (0.0, 1.0)
    assert "bond-breaking propensity\n(low: active, high: arrested)" in bar.get_ylabel()
    assert ax.get_aspect() == 1.0


def test_networks_are_averaged_and_all_particles_may_have_a_value(lattice, ax):
    own = lattice.of_species(1)
    several = np.stack([np.full(own.size, 0.2), np.full(own.size, 0.6)])
    tg.plot_propensity(lattice, several, ax, colorbar=False)
    np.testing.assert_allclose(faces(ax)[own], np.broadcast_to(PROPENSITY(0.4), (own.size, 4)))
    assert ax.figure.axes == [ax]
    every = np.linspace(0, 1, lattice.n_particles)
    again = tg.plot_propensity(lattice, every, Figure().subplots())
    np.testing.assert_allclose(faces(again), PROPENSITY(every))
    every[0] = np.nan
    bare = tg.plot_propensity(lattice, every, Figure().subplots())
    np.testing.assert_allclose(faces(bare)[1:], PROPENSITY(every[1:]))
    assert faces(bare)[0, :3].min() >= 0.6


def test_a_label_that_rises_has_its_active_particles_red(lattice, ax):
    toy = labels.Label("toy", "toy", 0.0, np.inf, "rises", len, unit="sigma_11")
    values = np.linspace(0.0, 3.0, lattice.n_particles)
    tg.plot_propensity(lattice, values, ax, label=toy, limits=(0.0, 3.0))
    np.testing.assert_allclose(faces(ax), PROPENSITY.reversed()(values / 3.0))
    red, _, blue, _ = faces(ax)[-1]
    assert red > 2 * blue
    assert ax.figure.axes[1].get_ylabel() == "toy ($\\sigma_{11}$)\n(low: arrested, high: active)"
    # without an upper end of its range, the scale spans the central 98 % of the values
    free = tg.plot_propensity(lattice, values, Figure().subplots(), label=toy)
    np.testing.assert_allclose(faces(free)[64], PROPENSITY.reversed()(0.5), atol=0.01)
    low, high = np.quantile(values, [0.01, 0.99])
    np.testing.assert_allclose(
        faces(free), PROPENSITY.reversed()(np.clip((values - low) / (high - low), 0, 1))
    )


#: What protanopes and deuteranopes see of linear RGB: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE
#: Trans. Vis. Comput. Graph. 15, 1291 (2009), severity 1.
VISION = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip


def lab(rgb):
    """CIELAB of linear RGB (sRGB primaries, D65)."""
    xyz = np.clip(rgb, 0, 1) @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    )
    x = xyz / [0.9505, 1.0, 1.089]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


@pytest.mark.parametrize("vision", VISION)
def test_active_and_arrested_differ_for_every_colour_vision(vision):
    """A difference of 10 in CIELAB is seen at a glance; 2 is about the least that is seen at all."""
    srgb = PROPENSITY(np.linspace(0, 1, 11))[:, :3]
    linear = np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)
    seen = lab(linear @ np.array(VISION[vision]).T)
    distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    # each active shade and the arrested one as far from the middle
    assert np.diagonal(distance[:, ::-1])[:4].min() > 15
    assert np.diagonal(distance, 1).min() > 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": np.zeros(5)}, r"shape \[60\].*or \[129\].*found \(5,\)"),
        ({"propensity": np.full(129, np.nan)}, "no particle has a propensity, all of them are NaN"),
        ({"propensity": np.r_[np.zeros(59), np.nan]}, r"1 of 60 values are NaN or infinite, .*index \[59\]"),
        ({"propensity": np.r_[np.full(128, np.nan), np.inf]}, r"propensity must be finite; 1 of 1 values"),
        ({"species": 7}, r"no particle is of species 7, found \[1, 2, 3\]"),
        ({"limits": (1.0, 0.0)}, "two rising numbers"),
        ({"limits": (1.0,)}, "two rising numbers"),
        ({"label": "guess"}, "unknown label 'guess'"),
    ],
)
def test_maps_that_cannot_be_drawn(lattice, ax, change, message):
    with pytest.raises(ValueError, match=message):
        tg.plot_propensity(lattice, **{"propensity": np.zeros(60), "ax": ax, **change})


def test_the_colour_scale_of_figures_is_that_of_the_label():
    narrow = np.linspace(0.6, 0.7, 100)
    assert color_limits(narrow) == (0.0, 1.0)
    low, high = color_limits(narrow, labels.label("displacement"))
    assert 0.6 < low < 0.61
    assert 0.69 < high < 0.7


def test_arguments_of_another_type(lattice):
    with pytest.raises(TypeError, match=r"a tglassmlp\.Configuration is needed, found ndarray"):
        tg.plot_propensity(lattice.positions, np.zeros(60))
    with pytest.raises(TypeError, match="ax must be axes of matplotlib, found Figure"):
        tg.plot_propensity(lattice, np.zeros(60), Figure())


def test_settings_of_matplotlib_stay_and_new_axes_are_made(lattice):
    before = dict(mpl.rcParams)
    ax = tg.plot_propensity(lattice, np.zeros(60))
    assert ax.figure.number in plt.get_fignums()
    plt.close(ax.figure)
    assert dict(mpl.rcParams) == before


def test_relaxation_is_the_mean_of_the_central_species(ax):
    rng = np.random.default_rng(1)
    times = np.array([0.0, 1.0, 10.0, 100.0])
    species = np.array([rng.permutation([1, 1, 1, 2]) for _ in range(5)])
    curves = rng.uniform(0, 1, (5, 4, 4))
    tg.plot_relaxation(times, curves, ax, species=species, color="black", label="T = 0.4")
    own = np.array([[c[s == 1].mean() for c in f] for f, s in zip(curves, species, strict=True)])
    line = ax.lines[0]
    np.testing.assert_allclose(line.get_xdata(), times[1:])
    np.testing.assert_allclose(line.get_ydata(), own.mean(axis=0)[1:])
    (band,) = ax.collections
    error = own.std(axis=0, ddof=1)[1:] / np.sqrt(5)
    at_end = [y for x, y in band.get_paths()[0].vertices if x == 100.0]
    np.testing.assert_allclose([min(at_end), max(at_end)], own.mean(axis=0)[3] + error[2] * np.array([-1, 1]))
    assert to_rgba(line.get_color()) == (0, 0, 0, 1)
    assert ax.get_xscale() == "log"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["T = 0.4"]
    # one structure, and a mean, have no band
    for values in (curves[0], curves[0].mean(axis=1)):
        alone = tg.plot_relaxation(times, values, Figure().subplots(), threshold=None)
        np.testing.assert_allclose(alone.lines[0].get_ydata(), curves[0].mean(axis=1)[1:])
        assert (len(alone.lines), len(alone.collections)) == (1, 0)
    one = tg.plot_relaxation(times, curves[0], Figure().subplots(), species=species[0])
    np.testing.assert_allclose(one.lines[0].get_ydata(), own[0][1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], np.ones(3)), r"with the F = 2 frames of times, found \(3,\)"),
        (([0.0], np.ones(1)), "no frame lies after t = 0"),
        (([0.0, 1.0], 3.0), r"found \(\)"),
        (([0.0, 1.0], [1.0, np.nan]), r"propensity must be finite; 1 of 2 values .*index \[1\]"),
        (([0.0, np.inf], [1.0, 0.5]), "times must be finite"),
    ],
)
def test_relaxation_that_cannot_be_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        tg.plot_relaxation(*arguments, ax)
    with pytest.raises(ValueError, match="species need propensities of particles"):
        tg.plot_relaxation([0.0, 1.0], [1.0, 0.5], ax, species=[1, 1])
    with pytest.raises(ValueError, match=r"species must have shape \[3\] or \[1, 3\], .*found \[\]"):
        tg.plot_relaxation([0.0, 1.0], np.ones((2, 3)), ax, species=1)
    with pytest.raises(ValueError, match=r"no particle of species 4 \(central_species\), found \[1, 2\]"):
        tg.plot_relaxation([0.0, 1.0], np.ones((2, 3)), ax, species=[1, 2, 1], central_species=4)


def test_correlations_with_errors_and_ceiling(ax):
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(3, 6, 40))
    predicted = truth + rng.normal(size=(3, 2, 6, 40)).mean(axis=1) * np.array([0.1, 1, 3])[:, None, None]
    half = truth[:, :, None] + 0.5 * rng.normal(size=(3, 6, 2, 40))
    x = [100.0, 1.0, 10.0]  # need not be sorted
    tg.plot_pearson(x, predicted, truth, ax, half=half, label="network")
    container = ax.containers[0]
    expected = [pearson(p, t) for p, t in zip(predicted, truth, strict=True)]
    order = np.argsort(x)
    np.testing.assert_allclose(container[0].get_xdata(), np.sort(x))
    np.testing.assert_allclose(container[0].get_ydata(), np.array(expected)[order])
    assert expected[0] > expected[1] > expected[2]
    bars = np.array([np.ptp(segment[:, 1]) / 2 for segment in container[2][0].get_segments()])
    # in the order of time: medium, weakest and strongest correlation
    assert 0.2 > bars[1] > bars[0] > bars[2] > 0
    dotted = next(line for line in ax.lines if line.get_linestyle() == ":")
    # halves of variance 1 + 1/4: r = 0.8, ceiling sqrt(2 r / (1 + r)) = 0.943
    np.testing.assert_allclose(dotted.get_ydata(), np.sqrt(1.6 / 1.8), atol=0.03)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["ceiling", "network"]
    assert ax.get_ylim()[1] == 1.02
    # the mean over networks is drawn
    several = predicted[:, None] + np.array([-0.3, 0.3])[:, None, None]
    same = tg.plot_pearson(x, several, truth, Figure().subplots(), against="c_b")
    np.testing.assert_allclose(same.containers[0][0].get_ydata(), np.array(expected)[order])
    assert same.get_xlim() == (1.0, 0.0)
    one = tg.plot_pearson(x, predicted[:, 0], truth[:, 0], Figure().subplots())
    assert not one.containers[0].has_yerr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1.0]}, r"x the shape \[K\], found \(2, 3, 4\), \(2, 3, 4\) and \(1,\)"),
        ({"measured": np.zeros((2, 3, 5))}, r"one shape \[K, S, P\]"),
        ({"half": np.zeros((2, 2, 3, 4))}, r"half must have shape \(2, 3, 2, 4\)"),
        ({"measured": np.full((2, 3, 4), np.nan)}, "measured must be finite; 24 of 24 values"),
        ({"half": np.full((2, 3, 2, 4), np.inf)}, "half must be finite"),
        ({"against": "frame"}, "against must be 'time' or 'c_b', found 'frame'"),
    ],
)
def test_correlations_that_cannot_be_drawn(ax, change, message):
    usual = {"x": [1.0, 2.0], "predicted": np.zeros((2, 3, 4)), "measured": np.zeros((2, 3, 4)), "ax": ax}
    with pytest.raises(ValueError, match=message):
        tg.plot_pearson(**{**usual, **change})
