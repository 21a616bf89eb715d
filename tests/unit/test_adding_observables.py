"""A toy observable and a toy block of descriptors, added through the doors that the package has for them."""

import sys
from pathlib import Path

import freud
import numpy as np
import pandas as pd
import pytest

import tglassmlp as tg
from tglassmlp.claims import table_numbers
from tglassmlp.claims.collection import Collection, name_of, rows_of
from tglassmlp.figures import captions, drawing, registry
from tglassmlp.figures.curves import curve
from tglassmlp.figures.style import Drawn, figure, footer
from tglassmlp.local_structure import blocks, quantities
from tglassmlp.local_structure.names import descriptor_lengths
from tglassmlp.local_structure.standardise import fit_scaling
from tglassmlp.methods import NETWORK
from tglassmlp.observables.attention_length import attention_distribution
from tglassmlp.observables.bootstrap import over_networks
from tglassmlp.storage import read_table, write_table
from tglassmlp.tables.selection import rows_at
from tglassmlp.tables.state_points import StatePoints

sys.path.insert(0, str(Path(__file__).parents[1]))
import synthetic_run
from test_figures import META


# The toy observable: the range of a field. Formula, table, figure and quoted number, as the package has them.
def spread_of_field(propensity):
    """Largest less smallest propensity of ``[structures, particles]``."""
    return float(propensity.max() - propensity.min())


def range_table(labels, predictions, relaxation, test):
    rows = []
    for at in StatePoints(labels, predictions, relaxation=relaxation):
        each = [spread_of_field(field) for field in at.chosen(test)]
        measured = at.measured(test)
        beside = float("nan") if measured is None else spread_of_field(measured)
        rows.append(at.columns() | over_networks(each, [np.nan] * len(each)) | {"measured": beside})
    return pd.DataFrame(rows)


def draw(tables, meta):
    fig, axes = figure()
    table = tables["range"]
    curve(axes[0, 0], rows_at(table, 0.45, method=NETWORK.name, t_min="0.40"), "time", "value")
    footer(fig, meta)
    return Drawn(fig, table)


def add_ranges(numbers, table, threshold):
    for row in rows_of(table):
        numbers.add(f"range/{name_of(row)}", row.value, "tables/range.parquet", row.error, row.n_networks)


@pytest.fixture(autouse=True)
def registries():
    """What is registered here is gone afterwards."""
    every = [
        registry.FIGURES, registry.TABLES, blocks.BLOCKS, table_numbers.ADDED, quantities.REGISTERED,
    ]  # fmt: skip
    before = [dict(r) for r in every]
    yield
    for one, content in zip(every, before, strict=True):
        one.clear()
        one.update(content)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    return synthetic_run.build(
        root, temperatures=("0.50", "0.45", "0.40"), n_particles=100, tiles=1, n_structures=4, n_large=1,
        networks=2,
    )  # fmt: skip


def test_a_new_observable_is_a_function_a_table_a_figure_and_a_quoted_number(run, tmp_path):
    labels, predictions = sorted(run.glob("unit/labels/*")), sorted(run.glob("unit/predictions/*/*"))
    table = range_table(labels, predictions, run / "relaxation/relaxation.json", [2, 3])
    assert list(table.columns[:8]) == [
        "method", "t_min", "temperature", "c_b", "time", "time_error", "time_from", "tau",
    ]  # fmt: skip
    assert set(table["method"]) == {"md", NETWORK.name}
    md = table[table["method"] == "md"]
    assert (md["value"] == md["measured"]).all(), "dynamics stands beside every state point that has it"
    none = rows_at(table, 0.40, 0.99, NETWORK.name, "0.40")
    assert np.isnan(none["value"].iloc[0]), "no network reaches C_B there"
    write_table(tmp_path / "tables/range.parquet", table, {"stage": "made up for a test"})

    spec = registry.FigureSpec(
        f"{__name__}:draw", ("range",), "Ranges", "Range of {network} in {mixture}.", "5 Checks", ""
    )
    with pytest.raises(ValueError, match="needs table 'range'"):
        registry.register("ranges", spec)
    registry.register("ranges", spec, {"range": "tables/range.parquet"})
    files = {"range": [tmp_path / registry.TABLES["range"]]}
    drawing.render("ranges", files, META, [tmp_path / "ranges.png"], tmp_path / "ranges.parquet")
    assert f"Range of {NETWORK.title} in KA2D." in captions.caption("ranges", META)
    assert (tmp_path / "ranges.png").read_bytes().startswith(b"\x89PNG")
    assert len(read_table(tmp_path / "ranges.parquet")) == len(table)
    with pytest.raises(ValueError, match="another figure called 'fig02_pearson'"):
        registry.register("fig02_pearson", spec)

    table_numbers.ADDED["range"] = add_ranges
    numbers = Collection()
    table_numbers.ADDED["range"](numbers, table, 0.5)
    quoted = numbers.numbers[f"range/{NETWORK.name}/tmin0.40/T0.45/cb0.50"]
    row = rows_at(table, 0.45, 0.5, NETWORK.name, "0.40").iloc[0]
    assert quoted["value"] == pytest.approx(row["value"], rel=1e-5)
    assert quoted["n"] == 2


# The toy block: how many particles lie nearer than each length.
def count_names(lengths, n_species):
    return [f"number/all/L{length:g}" for length in lengths]


def count_values(structure, lengths):
    x, box = structure.configuration.positions, structure.configuration.box_length
    away = x[:, None] - x[None]
    distance = np.hypot(*np.moveaxis(away - box * np.rint(away / box), -1, 0))
    rows = slice(None) if structure.rows is None else structure.rows
    return np.stack([(distance[rows] <= length).sum(axis=1) for length in lengths], axis=1).astype(float)


def test_a_new_block_of_descriptors_stands_behind_the_others():
    x = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    x += np.random.default_rng(0).uniform(-0.1, 0.1, x.shape)
    c = tg.Configuration(x, np.resize([1, 2, 3], 64), 8.0)
    plain, names = tg.descriptors(c, [0, 1, 2], central_species=1)
    blocks.register("number", blocks.Block(count_names, count_values))
    found = tg.descriptors(c, [0, 1, 2], central_species=1)
    assert found.names == [*names, "number/all/L0", "number/all/L1", "number/all/L2"]
    np.testing.assert_array_equal(found.values[:, :-3], plain)
    assert (found.values[:, -3] == 1).all(), "the particle itself"
    assert (np.diff(found.values[:, -3:], axis=1) >= 0).all()
    # what comes behind knows it by its name
    assert descriptor_lengths(found.names)[-3:].tolist() == [0, 1, 2]
    lengths, _ = attention_distribution(np.ones(len(found.names)), found.names)
    assert lengths.tolist() == [0, 1, 2]
    scaling = fit_scaling([found.values], found.names)
    assert "number/all/L2" in scaling.names
    assert "number/all/L0" in scaling.dropped, "the same for every particle"
    with pytest.raises(ValueError, match="name of another column"):
        blocks.register("again", blocks.Block(lambda lengths, n: ["density/all/L0"], count_values))
    with pytest.raises(ValueError, match="another block"):
        blocks.register("number", blocks.Block(count_names, lambda s, lengths: s.energies[:, None]))


@pytest.fixture
def liquid():
    x = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    x += np.random.default_rng(0).uniform(-0.2, 0.2, x.shape)
    return tg.Configuration(x, np.resize([1, 2, 3], 64), 8.0)


def by_hand(c, q, length, species=None):
    """Weighted mean of a quantity over neighbours of one species, from the formula."""
    away = c.positions[:, None] - c.positions[None]
    distance = np.hypot(*np.moveaxis(away - c.box_length * np.rint(away / c.box_length), -1, 0))
    weight = np.where(distance < 0.5 * c.box_length, np.exp(-distance / length), 0.0)
    weight = weight * (np.ones(c.n_particles) if species is None else c.species == species)
    return weight @ q / weight.sum(axis=1)


def test_a_quantity_of_ones_own_is_one_registration(liquid):
    @quantities.register("height")
    def height(c, mixture):
        return c.positions[:, 1]

    names = ("density", "energy", "perimeter", "height", "hexatic_order", "local_density")
    found = tg.descriptors(liquid, [0, 1.5], quantities=names)
    plain = tg.descriptors(liquid, [0, 1.5])
    assert list(dict.fromkeys(n.split("/")[0] for n in found.names)) == list(names)
    column = {n: found.values[:, k] for k, n in enumerate(found.names)}
    for k, name in enumerate(plain.names):
        if not name.startswith("variance"):
            np.testing.assert_array_equal(column[name], plain.values[:, k])
    np.testing.assert_allclose(column["height/all/L0"], liquid.positions[:, 1])
    np.testing.assert_allclose(column["height/type2/L1.5"], by_hand(liquid, liquid.positions[:, 1], 1.5, 2))
    order = quantities.values_of("hexatic_order", liquid, tg.KA2D)
    np.testing.assert_allclose(column["hexatic_order/all/L1.5"], by_hand(liquid, order, 1.5))
    density = quantities.values_of("local_density", liquid, tg.KA2D)
    np.testing.assert_allclose(column["local_density/type3/L1.5"], by_hand(liquid, density, 1.5, 3))
    # a network that knows the paper's columns picks them
    scaling = fit_scaling([plain.values], plain.names)
    every = tg.descriptors(liquid, [0, 1.5], quantities=("height", *quantities.PAPER))
    np.testing.assert_allclose(scaling.apply(*every), scaling.apply(*plain), atol=1e-12)
    for bad, message in (
        (("energy", "hight"), "there is no quantity 'hight'; known are density, .*height"),
        (("energy", "energy"), "quantities must be different names"),
    ):
        with pytest.raises(ValueError, match=message):
            tg.descriptors(liquid, [1], quantities=bad)
    with pytest.raises(ValueError, match="another quantity called 'energy'"):
        quantities.register("energy")(height)
    with pytest.raises(ValueError, match="another quantity called 'height'"):
        quantities.register("height")(by_hand)

    @quantities.register("height")
    def height(c, mixture):  # a cell of a notebook, executed again after a change
        return 2 * c.positions[:, 1]

    np.testing.assert_allclose(quantities.values_of("height", liquid, tg.KA2D), 2 * liquid.positions[:, 1])


def test_quantities_of_freud_have_the_values_of_a_crystal():
    a = np.array([[i + 0.5 * (j % 2), j * np.sqrt(0.75)] for j in range(8) for i in range(8)])
    square = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    c = tg.Configuration(square, np.ones(64, int), 8.0)
    np.testing.assert_allclose(quantities.values_of("voronoi_area", c, tg.KA2D), 1.0, rtol=1e-5)
    inside = tg.Configuration(a, np.ones(64, int), 40.0)
    middle = [27, 28, 35, 36]
    np.testing.assert_allclose(quantities.values_of("hexatic_order", inside, tg.KA2D)[middle], 1.0, atol=1e-4)
    np.testing.assert_allclose(quantities.values_of("voronoi_neighbours", inside, tg.KA2D)[middle], 6)
    np.testing.assert_allclose(
        quantities.values_of("voronoi_area", inside, tg.KA2D)[middle], np.sqrt(0.75), rtol=1e-4
    )


def test_a_run_loads_quantities_from_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from tglassmlp.local_structure import quantities\n\n"
        '@quantities.register("width")\ndef width(c, mixture):\n    return c.positions[:, 0]\n'
    )
    quantities.load(path)
    quantities.load(path)
    assert "width" in quantities.known()
    with pytest.raises(FileNotFoundError, match=r"descriptors\.own: no such file: .*other\.py"):
        quantities.load(tmp_path / "other.py")
    for function, message in (
        (lambda c, m: np.ones(3), r"'broken' must be one real number for each of 64 particles"),
        (lambda c, m: np.full(64, np.nan), r"'broken' of particle 0 is not finite"),
    ):
        quantities.REGISTERED["broken"] = function
        square = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
        with pytest.raises(ValueError, match=message):
            quantities.values_of("broken", tg.Configuration(square, np.ones(64, int), 8.0), tg.KA2D)


def test_systems_of_freud_both_ways(liquid):
    box, points = liquid.to_freud()
    assert (box.Lx, box.is2D, points.shape) == (8.0, True, (64, 3))
    back = tg.Configuration.from_freud((box, points), liquid.species, tg.KA2D)
    away = back.positions - liquid.positions
    assert np.abs(away - 8 * np.rint(away / 8)).max() < 1e-6
    assert back.mixture is tg.KA2D
    query = freud.locality.AABBQuery(box, points)
    np.testing.assert_array_equal(
        tg.Configuration.from_freud(query, liquid.species).positions, back.positions
    )
    raised = points + np.array([0, 0, 1], dtype=np.float32) * (np.arange(64)[:, None] == 5)
    for wrong, message in (
        ((freud.box.Box.cube(8), points), "two-dimensional, square, periodic box is needed"),
        ((freud.box.Box(8, 9, is2D=True), points), "square"),
        ((box, raised), "point 5 has 1, not 0"),
    ):
        with pytest.raises(ValueError, match=message):
            tg.Configuration.from_freud(wrong, liquid.species)
