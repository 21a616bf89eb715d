"""Figures of a finished run in other colours, letters and sizes."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text

import tglassmlp as tg
from tglassmlp.figures import drawing
from tglassmlp.figures.loading import load_tables
from tglassmlp.figures.particles import PROPENSITY, color_map
from tglassmlp.labels import BOND_BREAKING, label
from tglassmlp.paths import FIGURE_DATA

sys.path.insert(0, str(Path(__file__).parents[1]))
import synthetic_run
from test_figures import META, files_of

NAMES = ("fig02_pearson", "fig03_snapshots")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    synthetic_run.build(root, n_particles=300, tiles=2, networks=2)
    run = synthetic_run.all_tables(root)
    for name in NAMES:
        drawn = drawing.draw(name, load_tables(files_of(run, name)), META)
        drawing.save(name, drawn, META, [run / f"{name}.png"], FIGURE_DATA.path(run, figure=name))
    return run


def maps(figure):
    """Colour maps of all colour bars, and colours of all particles."""
    bars = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    return [bar.collections[-1].cmap.name if bar.collections else "" for bar in bars], [
        np.asarray(c.get_facecolor()) for ax in figure.axes for c in ax.collections if ax not in bars
    ]


def sizes(figure):
    figure.canvas.draw()
    return {t.get_text(): t.get_fontsize() for t in figure.findobj(Text) if t.get_text()}


def test_a_figure_is_drawn_again_as_it_was(run):
    figure = tg.redraw(run, "fig03_snapshots")
    before = drawing.draw("fig03_snapshots", load_tables(files_of(run, "fig03_snapshots")), META).figure
    for mine, other in zip(maps(figure)[1], maps(before)[1], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert sizes(figure) == sizes(before)


def test_particles_and_their_colour_bar_change_together(run):
    plain, other = tg.redraw(run, "fig03_snapshots"), tg.redraw(run, "fig03_snapshots", colors="cividis")
    assert any(np.any(a != b) for a, b in zip(maps(plain)[1], maps(other)[1], strict=True))
    assert maps(plain)[0] == ["propensity"]
    assert maps(other)[0] == ["cividis"]
    assert color_map(BOND_BREAKING) is PROPENSITY, "the change ends with the call"


def test_large_letters_another_size_and_no_footer(run):
    plain, large = tg.redraw(run, "fig02_pearson"), tg.redraw(run, "fig02_pearson", fonts=1.5, size=(9, 5))
    assert large.get_size_inches().tolist() == [9, 5]
    small, big = sizes(plain), sizes(large)
    shared = set(small) & set(big)
    assert len(shared) > 8
    for text in shared:
        assert big[text] == pytest.approx(1.5 * small[text]), text
    assert any("run made-up" in text for text in small)
    assert not any("run made-up" in text for text in sizes(tg.redraw(run, "fig02_pearson", footer=False)))


def test_curves_of_a_method_change_their_look(run):
    def colors(figure):
        return {mpl.colors.to_hex(line.get_color()) for ax in figure.axes for line in ax.lines}

    changed = tg.redraw(run, "fig02_pearson", methods={"tglassmlp": {"color": "#123456"}})
    assert "#123456" in colors(changed)
    assert "#123456" not in colors(tg.redraw(run, "fig02_pearson"))


def test_plots_of_the_interface_are_restyled_too(liquid):
    propensity = np.linspace(0, 1, liquid.n_particles)
    with tg.restyle(colors="viridis"):
        figure = tg.plot_propensity(liquid, propensity).figure
        assert color_map(label("displacement")).name == "viridis_r"
    assert maps(figure)[0] == ["viridis"]
    with pytest.raises(RuntimeError), tg.restyle(colors="viridis", settings={"font.size": 30}):
        raise RuntimeError
    assert color_map(BOND_BREAKING) is PROPENSITY, "an error ends the change as well"


def test_what_cannot_be_drawn_is_refused(run, tmp_path):
    for keywords, message in [
        ({"colors": "no such map"}, "no colour map 'no such map'"),
        ({"methods": {"tglasmlp": {}}}, "no method 'tglasmlp'; the methods are tglassmlp"),
        ({"methods": {"md": {"colour": "red"}}}, "color, marker and line, found colour"),
        ({"settings": {"font.sise": 1}}, "no setting 'font.sise'"),
        ({"fonts": 0}, "positive factor, found 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            tg.redraw(run, "fig02_pearson", **keywords)
    with pytest.raises(ValueError, match="no figure 'fig99'; the figures are fig01_network"):
        tg.redraw(run, "fig99")
    with pytest.raises(FileNotFoundError, match="has no figure fig02_pearson"):
        tg.redraw(tmp_path, "fig02_pearson")
