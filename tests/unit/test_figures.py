import json
import os
import sys
from pathlib import Path

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from tglassmlp.claims.collection import Collection
from tglassmlp.claims.numbers import collect_numbers
from tglassmlp.claims.page import Picture, report
from tglassmlp.claims.publish import publish
from tglassmlp.claims.table_numbers import add_trends
from tglassmlp.claims.verdict import judge
from tglassmlp.configuration import Configuration
from tglassmlp.figures import captions, drawing, movie, registry
from tglassmlp.figures.contact_sheet import draw_contact_sheet
from tglassmlp.figures.loading import load_tables
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.published import system_key
from tglassmlp.storage import read_configurations, read_table, write_configurations
from tglassmlp.tables.fields import read_fields
from tglassmlp.tables.ovito import particle_properties
from tglassmlp.tables.selection import near_c_b

sys.path.insert(0, str(Path(__file__).parents[1]))
import synthetic_run

META = {
    "run": "made-up",
    "mixture": "KA2D",
    "composition": "140 : 75 : 85",
    "system": system_key(KA2D),
    "chance_overlap": 0.121,
    "n_particles": 300,
    "structures": 8,
    "train": 3,
    "validation": 1,
    "test": 4,
    "scale": "8 structures per temperature (4 for testing, 12 in all at T = 0.50)",
    "replicas": 8,
    "temperatures": [0.5, 0.45, 0.4, 0.35, 0.3],
    "labelled": [0.5, 0.45, 0.4],
    "t_min": ["0.40", "0.45"],
    "glass_transition": 0.3,
    "threshold": 0.5,
    "central_species": 1,
    "diameters": [1.0, 0.88, 0.94],
    "large_number": 2,
    "large_particles": 1200,
    "large_replicas": 8,
    "fit_q_max": 0.5,
    "network": {
        "state_features": list("abcdef"),
        "mlp1": [6, 6, 2],
        "bottleneck": 2,
        "mlp2": [7, 7, 4],
        "head": [10, 10],
        "bottleneck_activation": "elu",
    },
    "training": {
        "networks": 4,
        "phase1": [{"epochs": 10, "rate": 1e-3}, {"epochs": 30, "rate": 2e-4}],
        "phase2": [{"epochs": 20, "rate": 4e-5}],
    },
    "lengths": [0.0, 1.0, 2.0],
    "dpi": 60,
    "movie": {"frames": 4, "frames_per_second": 2},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    synthetic_run.build(root, n_particles=300, tiles=2, networks=2)
    return synthetic_run.all_tables(root)


def files_of(run, name):
    return {
        table: sorted(run.glob(registry.TABLES[table].replace("{t_min}", "*")))
        for table in registry.FIGURES[name].tables
    }


@pytest.mark.parametrize("name", list(registry.FIGURES))
def test_every_figure_is_drawn_with_its_data_and_caption(run, tmp_path, name):
    files = files_of(run, name)
    assert all(files.values()), "a table that the figure needs was not made"
    drawn = drawing.draw(name, load_tables(files), META)
    for ax in drawn.figure.axes:
        if ax.axison and ax.lines and ax.get_label() != "<colorbar>":
            assert ax.get_xlabel(), "an x axis has no name"
    images = [tmp_path / "f.png"]
    if name in ("fig03_snapshots", "fig13_relaxation"):
        images.append(tmp_path / "f.pdf")
    drawing.save(name, drawn, META, images, tmp_path / "f.parquet")
    for image, start in zip(images, (b"\x89PNG", b"%PDF"), strict=False):
        assert image.read_bytes().startswith(start)
    assert len(read_table(tmp_path / "f.parquet")) > 0
    assert (tmp_path / "f.csv").stat().st_size > 20
    caption = captions.caption(name, META)
    assert "Run made-up" in caption
    assert "{" not in caption


def test_figures_say_so_when_nothing_is_determined(run):
    tables = load_tables(files_of(run, "fig07_correlation_length"))
    tables["correlation_length"] = tables["correlation_length"].assign(determined=False, a=np.nan)
    for name in ("fig07_correlation_length", "fig14_geometry"):
        drawn = drawing.draw(name, tables, META)
        text = " ".join(t.get_text() for ax in drawn.figure.axes for t in ax.texts)
        assert "not determined" in text
    empty = {name: table.iloc[:0] for name, table in tables.items()}
    for name in ("fig07_correlation_length", "fig14_geometry"):
        text = " ".join(t.get_text() for ax in drawing.draw(name, empty, META).figure.axes for t in ax.texts)
        assert "no large systems" in text


def texts_of(figure):
    """Everything that is written in a figure."""
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text)]


def test_figures_of_another_label_speak_of_it(run):
    """Colours, ranges, axes and captions follow what the run has learnt; nothing is held to C_B."""
    other = META | {"label": "displacement", "system": system_key(KA2D, 1, "displacement")}
    assert other["system"] != META["system"]
    tables = load_tables(files_of(run, "fig03_snapshots"))
    arrays = dict(tables["snapshots"])
    active = arrays["methods_fields"] * -5.0 + 5.0  # displacements rise where bonds break
    drawn = drawing.draw("fig03_snapshots", {"snapshots": {**arrays, "methods_fields": active}}, other)
    plain = drawing.draw("fig03_snapshots", tables, META)
    for made, label in ((drawn, r"$\Delta_i$ ($\sigma_{11}$)"), (plain, "$C_i$")):
        assert any(f"propensity {label}" in text for text in texts_of(made.figure))
    assert drawn.data["propensity"].max() > 1.5, "no field is shifted to C_B"
    assert not any("(+" in text or "(-" in text for text in texts_of(drawn.figure))

    def redness(made):
        """Red less blue of the particles of the first panel."""
        colors = made.figure.axes[0].collections[0].get_facecolors()[arrays["methods_central"].astype(int)]
        return colors[:, 0] - colors[:, 2]

    assert np.corrcoef(redness(drawn), redness(plain))[0, 1] > 0.95, "active is red for both labels"
    for name in ("fig02_pearson", "fig03_snapshots", "fig05_evolution", "fig10_bottleneck_time"):
        assert "displacement propensity" in captions.caption(name, other)
        assert "bond-breaking" not in captions.caption(name, other)
    assert "shifted to C_B" not in captions.caption("fig03_snapshots", other)
    assert "far from C_B" not in captions.caption("fig05_evolution", other)
    assert "propensity\n$\\Delta_i$" in texts_of(drawing.draw("fig01_network", {}, other).figure)
    bottleneck = load_tables(files_of(run, "fig10_bottleneck_time"))
    text = " ".join(texts_of(drawing.draw("fig10_bottleneck_time", bottleneck, other).figure))
    assert r"\Delta_i" in text
    assert "C_i" not in text


def test_a_movie_begins_where_nothing_has_moved():
    times, fields = np.array([1.0, 10.0]), np.array([[0.5, 0.7], [1.0, 3.0]])
    first = next(movie.frames_in_time(times, fields, 5, start=0.0))
    assert first[0] == pytest.approx(0.1)
    np.testing.assert_array_equal(first[2], [0.0, 0.0])


BINARY = Mixture("KA65:35", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (650, 350), 28.8675)


def test_published_correlations_are_drawn_at_their_temperature_only(run):
    tables = load_tables(files_of(run, "fig02_pearson"))
    cold = tables["pearson"].assign(temperature=lambda t: t["temperature"].replace(0.40, 0.30))
    for table, expected in ((tables["pearson"], [0, 0, 0]), (cold, [0, 0, 4])):
        drawn = drawing.draw("fig02_pearson", {"pearson": table}, META)
        published = [
            sum("published" in label for label in ax.get_legend_handles_labels()[1])
            for ax in drawn.figure.axes
            if ax.axison
        ]
        assert published == expected


def test_a_phase_2_is_marked_where_there_is_one(run):
    tables = load_tables(files_of(run, "training_history"))
    table = tables["training_history"]
    for phases, expected in (((1, 2), True), ((1,), False)):
        made = table.assign(phase=np.where(table["epoch"] > table["epoch"].median(), phases[-1], 1))
        drawn = drawing.draw("training_history", {"training_history": made}, META)
        assert any("phase 2" in t.get_text() for ax in drawn.figure.axes for t in ax.texts) == expected


def test_unknown_figure_is_refused():
    with pytest.raises(ValueError, match="fig01_network"):
        drawing.draw("fig99", {}, META)


def test_better_predictors_come_out_better_in_the_table(run):
    table = read_table(run / "tables/pearson.parquet")
    at = table[np.abs(table["c_b"] - 0.5) < 1e-9].groupby("method")["value"].mean()
    assert at["ceiling"] > at["tglassmlp"] > at["glassmlp_transferred"] > at["perimeter"] > 0
    fields = read_fields(run / "unit/labels/T0.45.h5")[0]
    assert fields.method == "md"
    assert fields.at(0.5).shape[0] == 1
    assert fields.at(0.123) is None
    md = table[(table["method"] == "tglassmlp") & (table["temperature"] == 0.45)]
    assert (md["time_from"] == "dynamics").all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pearson", "value"),
        ("susceptibility", "value"),
        ("chord_length", "value"),
        ("attention_length", "value"),
        ("attention", "value"),
        ("correlation_length", "xi"),
    ],
)
def test_networks_off_their_c_b_are_left_out_of_every_table_and_counted(run, name, value):
    table = read_table(run / f"tables/{name}.parquet")
    here = table[
        (table["method"] == "tglassmlp") & (table["t_min"] == "0.40") & (table["temperature"] == 0.40)
    ]
    if "ensemble" in here:
        here = here[here["ensemble"] == here["ensemble"].iloc[0]]
    none, one, all_ = (here[np.abs(here["c_b"] - c) < 1e-9] for c in (0.99, 0.94, 0.85))
    assert len(none)
    assert none[value].isna().all()
    assert (none["n_networks"] == 0).all()
    assert (none["n_unconverged"] == 2).all()
    assert (one["n_networks"] + one["n_unconverged"] == 2).all()
    assert (one["n_unconverged"] == 1).all()
    assert (all_["n_unconverged"] == 0).all()


@pytest.mark.parametrize("name", ["correlation_length", "attention_length", "chord_length"])
def test_times_are_measured_ones_where_the_unit_systems_have_dynamics(run, name):
    table = read_table(run / f"tables/{name}.parquet")
    labels = {t: read_fields(run / f"unit/labels/T{t:.2f}.h5")[0] for t in (0.5, 0.45, 0.4)}
    here = table[table["method"] == "tglassmlp"]
    known = [any(np.isclose(labels[t].c_b, c)) if t in labels else False
             for t, c in zip(here["temperature"], here["c_b"], strict=True)]  # fmt: skip
    assert sum(known) > 20
    assert ((here["time_from"] == "dynamics") == known).all()


def test_bottlenecks_say_how_the_kept_networks_differ(run):
    tables = load_tables(files_of(run, "fig11_bottleneck_temperature"))
    every = tables["network_separation"]
    assert set(every["network"]) == {0, 1}
    for name in ("fig10_bottleneck_time", "fig11_bottleneck_temperature"):
        titles = " ".join(ax.get_title() for ax in drawing.draw(name, tables, META).figure.axes)
        assert titles.count(r"\pm") >= 3, titles
    at = every[(every["temperature"] == 0.45) & np.isclose(every["c_b"], 0.5)]["separation"]
    drawn = drawing.draw("fig11_bottleneck_temperature", tables, META).figure
    title = next(ax.get_title() for ax in drawn.axes if "0.45" in ax.get_title())
    assert f"({at.mean():.2f} $\\pm$ {at.std(ddof=1):.2f})" in title


def test_bottleneck_of_a_network_off_its_c_b_is_left_out(run):
    points = read_table(run / "tables/bottleneck.parquet")
    assert points.groupby("temperature")["c_b"].nunique().to_dict() == {
        0.50: 7, 0.45: 7, 0.40: 5, 0.35: 7, 0.30: 7,
    }  # fmt: skip
    separation = read_table(run / "tables/bottleneck_separation.parquet")
    assert (~separation["converged"]).sum() == 2
    assert separation.loc[~separation["converged"], "separation"].isna().all()


def test_chords_of_dynamics_without_noise_and_of_predictions_with_it(run):
    table = read_table(run / "tables/chord_length.parquet")
    md = table[(table["method"] == "md") & np.isfinite(table["value_without_noise"])]
    assert set(md["ensemble"]) == {"unit", "large"}
    assert (md["value_without_noise"] > md["value"]).mean() > 0.9
    model = table[(table["method"] == "tglassmlp") & np.isfinite(table["value_with_noise"])]
    assert set(model["ensemble"]) == {"unit", "large"}
    # of the large systems only one has dynamics; near C_B = 1 the noise is as large as the signal
    strong = model[(model["ensemble"] == "unit") & (model["c_b"] > 0.9)]
    assert len(strong) > 4
    assert (strong["value_with_noise"] < 0.97 * strong["value"]).all()
    # one large system, but its parts give an error
    assert np.isfinite(table.loc[(table["method"] == "md") & (table["ensemble"] == "large"), "error"]).all()


def test_numbers_are_quoted_with_error_count_and_origin(run):
    names = (
        "pearson",
        "susceptibility",
        "correlation_length",
        "chord_length",
        "attention_length",
        "comparison",
    )
    numbers = collect_numbers(
        {n: run / f"tables/{n}.parquet" for n in (*names, "bottleneck_separation", "trends", "agreement")},
        run / "relaxation/relaxation.json",
        sorted(run.glob("label_map/*.parquet")),
        sorted(run.glob("networks/full/*.npz")),
        [run / "networks/full/tmin0.40.parquet", run / "networks/full/tmin0.45.parquet"],
        0.30,
    )
    json.dumps(numbers, allow_nan=False)
    assert numbers["parameters/tmin0.40"]["value"] == 33
    assert numbers["kept_networks/tmin0.40"] == {
        "value": 2,
        "error": None,
        "n": 3,
        "unit": "1",
        "from": "selection table",
    }
    quoted = numbers["pearson/tglassmlp/tmin0.40/T0.45/cb0.50"]
    assert 0 < quoted["error"] < 0.2 < quoted["value"] < 1
    assert quoted["n"] == 4
    paired = numbers["comparison/tglassmlp/tmin0.45/ridge_transferred/tmin0.45/T0.40"]
    assert paired["value"] > 3 * paired["error"] > 0
    assert paired["note"].startswith("paired over 8 structures")
    slopes = [n for name, n in numbers.items() if name.startswith("activation_energy/")]
    assert len(slopes) == 2
    for slope in slopes:
        assert slope["value"] == pytest.approx(2.1, abs=0.3)
    assert numbers["extrapolation/energy"]["value"] == pytest.approx(2.1, abs=0.3)
    curvature = numbers["extrapolation/curvature"]
    assert abs(curvature["value"]) < 4 * curvature["error"]
    fitted, error = (numbers["glass_transition/tau"][k] for k in ("value", "error"))
    assert numbers["glass_transition/decades"]["error"] == pytest.approx(
        error / fitted / np.log(10), rel=1e-4
    )
    hot = numbers["tau/T0.50"]["value"]
    assert numbers["glass_transition/decades"]["value"] == pytest.approx(np.log10(fitted / hot), rel=1e-4)
    growth = numbers["trend/chi4/tglassmlp/tmin0.40/all"]
    assert growth["error"] == pytest.approx(np.hypot(growth["error_structures"], growth["spread"]), rel=1e-4)
    assert growth["temperatures"] == [0.5, 0.45, 0.4, 0.35, 0.3]
    assert numbers["trend/chi4/md/all"]["temperatures"] == [0.5, 0.45, 0.4]
    attention = numbers["trend/attention_length/tglassmlp/tmin0.40/all"]
    assert attention["value"] > 3 * attention["error"], "made to grow on cooling"
    ratio = numbers["agreement/chi4_log_ratio/tmin0.40/all"]
    assert abs(ratio["value"]) < 3 * ratio["error"]
    page = report(numbers, "made-up", "Small.", ["0.40", "0.45"], KA2D, 1)
    assert "~ T^-p with p = " in page
    assert "nan" not in page
    assert numbers["glass_transition/tau"]["unit"] == "LJ times"
    assert numbers["pearson/best_single_descriptor/T0.45"]["note"] == "energy"


def test_the_trends_of_two_lengths_are_compared_network_by_network():
    """Two networks whose exponents differ, but whose two lengths go together."""
    rows = [
        (quantity, "tglassmlp", "0.40", "all", network, base + shift, structures, spread, "0.5 0.4 0.3")
        for quantity, base, structures in (("xi4", 1.0, 0.3), ("chord_length", 0.5, 0.4))
        for network, shift, spread in ((-1, 0.0, 0.7), (0, -0.5, np.nan), (1, 0.5, np.nan))
    ]
    columns = ["quantity", "method", "t_min", "range", "network", "exponent", "error_structures", "spread"]
    table = pd.DataFrame(rows, columns=[*columns, "temperatures"])
    found = Collection()
    add_trends(found, table.assign(error=table["error_structures"], n_networks=2, n_c_b=3))
    numbers = found.numbers
    difference = numbers["trend/xi4_less_chord_length/tglassmlp/tmin0.40/all"]
    assert difference["value"] == pytest.approx(0.5)
    assert difference["spread"] == pytest.approx(0.0, abs=1e-9), "the networks agree on the difference"
    assert difference["error"] == pytest.approx(0.5), "large and unit systems are independent"


def test_verdicts_follow_from_number_and_error():
    assert judge(0.3, 0.1) == "agrees"
    assert judge(0.1, 0.1) == "undecided"
    assert judge(0.1, 0.1, visible=0.3) == "undecided"
    assert judge(0.1, 0.1, visible=0.15) == "cannot be shown at this scale"
    assert judge(0.3, float("nan")) == "undecided"
    assert judge(-0.3, 0.1) == "disagrees"
    assert judge(1.3, 0.1, 1.0) == "agrees"
    assert judge(float("nan"), 0.1) == "cannot be shown at this scale"

    def number(value, error):
        return {"value": value, "error": error, "n": 4}

    numbers = {
        # three state points at one temperature and one at another: the error is theirs by weight
        "comparison/tglassmlp/tmin0.40/glassmlp_transferred/T0.50": number(0.3, 0.02) | {"n": 3},
        "comparison/tglassmlp/tmin0.40/glassmlp_transferred/T0.45": number(0.1, 0.04) | {"n": 1},
        "comparison/tglassmlp/tmin0.45/tglassmlp/tmin0.40/T0.45": number(-0.2, 0.01),
        "comparison/tglassmlp/tmin0.45/tglassmlp/tmin0.40/T0.40": number(-0.01, 0.01),
        "comparison/tglassmlp/tmin0.45/ridge_transferred/tmin0.45/T0.40": number(0.01, 0.004),
        "trend/xi4/tglassmlp/tmin0.40/all": trend(None, None, None),
        "trend/chi4/tglassmlp/tmin0.40/all": trend(np.log(0.5) / np.log(5 / 3), 0.1, 0.05),
    }
    page = report(numbers, "made-up", "Small.", ["0.40", "0.45"], KA2D, 1)
    rows = {tuple(r.split(" | ")[:2]): r for r in page.splitlines() if r.startswith("| ")}
    transferred = next(r for k, r in rows.items() if "transferred" in k[1])
    assert "0.25 ± 0.018 (structures) over 4 state points | agrees" in transferred
    below = next(r for k, r in rows.items() if "down to T = 0.45 only" in k[1])
    assert "-0.01 ± 0.01 (structures) over 4 state points | agrees" in below, (
        "only what lies below T_min counts"
    )
    ridge = next(r for k, r in rows.items() if "the same below T = 0.45" in k[1])
    assert "0.01 ± 0.004 (structures) over 4 state points | agrees" in ridge
    assert next(r for k, r in rows.items() if k[0].endswith("7")).endswith("cannot be shown at this scale |")
    assert next(r for k, r in rows.items() if k[0].endswith("6")).endswith("disagrees |")
    # halved by cooling from 0.50 to 0.30; ln(5/3) times the error of the exponent is that of ln(growth)
    assert "by 0.5 ± 0.029 from T = 0.50 to 0.30" in next(r for k, r in rows.items() if k[0].endswith("6"))


def test_leads_are_judged_with_the_error_over_training_sets():
    def lead(value, folds):
        return number(value, 0.01) | {"n": 2, "error_structures": 0.01, "folds": folds}

    prefix = "comparison/tglassmlp/tmin0.30/ridge"
    numbers = {f"{prefix}/T0.40": lead(0.05, []), f"{prefix}/T0.30": lead(0.05, [])}
    assert verdict_of(numbers, "ridge regression on the same data") == "agrees"
    # folds of two temperatures that move together do not average out ...
    numbers = {f"{prefix}/T{t}": lead(0.05, [0.02, 0.08, 0.05, 0.05]) for t in ("0.40", "0.30")}
    row = row_of(numbers, "ridge regression on the same data")
    assert "0.05 ± 0.0071 (structures) ± 0.06 (training sets)" in row
    assert row.endswith("cannot be shown at this scale |")
    # ... and those that move against each other do
    numbers[f"{prefix}/T0.40"]["folds"] = [0.08, 0.02, 0.05, 0.05]
    assert verdict_of(numbers, "ridge regression on the same data") == "agrees"


def test_a_selection_that_no_network_passes_is_a_failed_claim():
    def passed(value):
        return {"value": value, "error": None, "n": 16}

    own, other = "selection/deviation/tmin0.30", "selection/propensity/tmin0.30"
    words = "4 of 16, have a mean"
    assert verdict_of({own: passed(16)}, words) == "for comparison"
    assert verdict_of({own: passed(0)}, words) == "disagrees"
    assert verdict_of({own: passed(16), other: passed(3)}, words) == "agrees"
    assert verdict_of({own: passed(16), other: passed(0)}, words) == "disagrees"
    row = row_of({own: passed(16), other: passed(3), "kept_networks/tmin0.30": passed(16)}, words)
    assert "3 of 16 (output propensity); 16 of 16 (output deviation); 16 of 16 are used" in row
    assert row.count(" | ") == 3, "no bar in the text breaks the table"


def test_chi4_within_a_factor_of_two():
    name = "agreement/chi4_log_ratio/tmin0.30/all"
    for value, error, verdict in (
        (0.1, 0.1, "agrees"), (-1.2, 0.1, "disagrees"), (0.6, 0.2, "undecided"),
        (0.6, 0.5, "cannot be shown at this scale"),
    ):  # fmt: skip
        assert verdict_of({name: number(value, error)}, "chi_4 of dynamics is reproduced") == verdict


def row_of(numbers, words):
    page = report(numbers, "made-up", "Small.", ["0.30"], KA2D, 1)
    return next(r for r in page.splitlines() if words in r)


def verdict_of(numbers, words):
    return row_of(numbers, words).rsplit(" | ", 1)[1].removesuffix(" |")


def trend(exponent, structures, spread):
    error = None if exponent is None else float(np.hypot(structures, spread))
    parts = {"error_structures": structures, "spread": spread, "temperatures": [0.5, 0.3]}
    return {"value": exponent, "error": error, "n": 2, **parts}


def number(value, error, **more):
    return {"value": value, "error": error, "n": 4, **more}


def test_published_correlations_are_compared_at_their_times():
    # our curve is the published one plus 0.2 at the only published time it reaches, t = 1781.79
    known = {
        f"pearson/tglassmlp/tmin0.30/T0.30/cb{c}": number(p, 0.02, time=t)
        for c, t, p in (("0.90", 1000.0, 0.766), ("0.50", 10000.0, 0.966))
    }
    expected = 0.766 + 0.2 * np.log10(1.78179) - 0.666
    page = report(known, "made-up", "Small.", ["0.30"], KA2D, 1)
    row = next(r for r in page.splitlines() if "GlassBench" in r)
    assert f"difference {expected:.3g} ± 0.02 at t = 1781.79 | agrees" in row
    assert "0.90" not in row
    assert verdict_of({}, "GlassBench") == "cannot be shown at this scale"


def test_another_liquid_is_not_held_against_the_numbers_of_ka2d():
    known = {
        "pearson/tglassmlp/tmin0.30/T0.30/cb0.90": number(0.9, 0.02, time=1000.0),
        "pearson/tglassmlp/tmin0.30/T0.30/cb0.50": number(0.9, 0.02, time=30000.0),
        "parameters/tmin0.30": number(840, None),
        "kept_networks/tmin0.30": number(3, None) | {"n": 8},
        "trend/chi4/md/all": trend(3.0, 0.2, 0.0),
        "trend/xi4/tglassmlp/tmin0.30/all": trend(1.0, 0.02, 0.01),
        "trend/xi4/tglassmlp/tmin0.30/slowing": trend(1.0, 0.02, 0.01),
    }
    page = report(known, "made-up", "Small.", ["0.30"], BINARY, 1)
    assert page.splitlines()[0] == "# What the paper says, asked of KA65:35"
    assert "The paper and GlassBench are of KA2D with N = 1290" in page
    assert "this run is of KA65:35 with N = 1000" in page
    statements, numbers = page.split("Numbers of KA2D with N = 1290, not of KA65:35:")
    verdicts = {r.split(" | ")[1]: r.rsplit(" | ", 1)[1] for r in statements.splitlines() if r[:3] == "| F"}
    assert verdicts["chi_4 grows on cooling (dynamics) (effect: by 2)"] == "agrees |"
    assert verdicts["xi_4 grows on cooling (effect: by 1.5)"] == "agrees |"
    assert not [v for v in verdicts.values() if v == "not compared |"]
    foreign = [r for r in numbers.splitlines() if r.startswith(("| F", "| S"))]
    words = ("parameters", "GlassBench", "xi_4 grows little", "A saturates")
    for word in words:
        assert len([r for r in foreign if word in r]) == 1, word
        assert word not in statements.split("| --- |")[1], word
    assert all(r.endswith("| not compared |") for r in foreign)
    assert f"{len(foreign)} not compared" in statements
    # the same numbers of KA2D itself are judged
    page = report(known, "made-up", "Small.", ["0.30"], KA2D, 1)
    assert page.startswith("# What of the paper is reproduced")
    assert "not compared" not in page
    assert next(r for r in page.splitlines() if "parameters" in r).endswith("| disagrees |")
    assert "| disagrees |" not in next(r for r in page.splitlines() if "GlassBench" in r)
    # a tenth of KA2D, or another labelled species, is not what the numbers were measured on
    for mixture, central in ((KA2D.scaled(10), 1), (KA2D, 2)):
        assert "not compared" in report(known, "made-up", "Small.", ["0.30"], mixture, central)


def test_published_points_are_drawn_for_their_system_only(run):
    other = META | {
        "mixture": "KA65:35",
        "composition": "195 : 105",
        "system": system_key(BINARY),
        "labelled": [0.5, 0.3],
        "diameters": [1.0, 0.88],
        "chance_overlap": 0.185,
    }
    own = other | {"system": system_key(KA2D)}
    pearson = load_tables(files_of(run, "fig02_pearson"))
    pearson["pearson"] = pearson["pearson"].assign(
        temperature=pearson["pearson"]["temperature"].replace(0.40, 0.30)
    )
    energies = load_tables(files_of(run, "equilibration"))

    def published(name, tables, meta):
        drawn = drawing.draw(name, tables, meta)
        axes = drawn.figure.axes
        return [x for ax in axes for x in ax.get_legend_handles_labels()[1] if "published" in x]

    assert len(published("fig02_pearson", pearson, own)) == 4
    assert published("fig02_pearson", pearson, other) == []
    assert published("equilibration", energies, own) == ["published"]
    assert published("equilibration", energies, other) == []
    assert "at T = 0.30 only: GlassBench (2023) for KA2D with N = 1290" in captions.caption(
        "fig02_pearson", own
    )
    assert "published configurations" in captions.caption("equilibration", own)
    every = [captions.caption(name, other) for name in registry.FIGURES]
    assert not [text for text in every if "GlassBench" in text or "KA2D" in text or "published" in text]
    assert all("Run made-up, KA65:35: N = 300 (195 : 105)" in text for text in every)
    assert "independent configurations of KA65:35: 0.18" in captions.caption("equilibration", other)
    # KA2D without dynamics at 0.30: nothing is drawn, nothing is said
    assert "GlassBench" not in captions.caption("fig02_pearson", own | {"labelled": [0.5]})


def test_figures_name_their_liquid_and_count_its_species(run):
    other = META | {"mixture": "KA65:35", "system": system_key(BINARY), "diameters": [1.0, 0.88]}
    sketch = drawing.draw("fig01_network", {}, other).figure
    texts = [t.get_text() for t in sketch.axes[0].texts]
    assert any("of 2 species and all,\n3 lengths" in t for t in texts)
    assert any("KA65:35" in t.get_text() for t in sketch.texts), "the footer names the mixture"
    second = META | {"central_species": 2}
    assert "propensity of the particles of species 2" in captions.caption("fig02_pearson", second)
    alone = captions.caption("fig03_snapshots", META | {"diameters": [1.0]})
    assert "other species" not in alone
    assert "red active. A method" in alone


def test_slower_growth_at_low_temperature_is_told_from_steady_growth():
    def exponents(above, below, error):
        prefix = "trend/xi4/tglassmlp/tmin0.30"
        return {
            f"{prefix}/all": trend(above, error, 0.0),
            f"{prefix}/above": trend(above, error, 0.0),
            f"{prefix}/below": trend(below, error, 0.0),
            f"{prefix}/slowing": trend(above - below, error, 0.0),
        }

    assert verdict_of(exponents(3.0, 0.3, 0.1), "xi_4 grows little") == "agrees"
    assert verdict_of(exponents(1.0, 3.0, 0.1), "xi_4 grows little") == "disagrees"
    assert verdict_of(exponents(3.0, 3.0, 0.05), "xi_4 grows little") == "undecided"
    assert verdict_of(exponents(3.0, 0.3, 3.0), "xi_4 grows little") == "cannot be shown at this scale"
    assert verdict_of(exponents(3.0, 0.3, 0.1), "xi_4 grows on cooling") == "agrees"
    assert "p = 3 ± 0.1 (structures) ± 0 (networks) down to T = 0.23, 0.3" in row_of(
        exponents(3.0, 0.3, 0.1), "xi_4 grows little"
    )


def test_chords_are_judged_with_the_noise_of_the_same_replicas_if_it_is_known():
    prefix = "agreement/chord_difference"
    known = {
        f"{prefix}/tmin0.30/all": number(-2.0, 0.1),
        f"{prefix}_without_noise/tmin0.30/all": number(1.0, 0.2),
        f"{prefix}_with_noise/tmin0.30/all": number(0.02, 0.05),
    }
    assert verdict_of(known, "chords of dynamics") == "undecided"
    del known[f"{prefix}_with_noise/tmin0.30/all"]
    assert verdict_of(known, "chords of dynamics") == "agrees"
    del known[f"{prefix}_without_noise/tmin0.30/all"]
    assert verdict_of(known, "chords of dynamics") == "disagrees"


def test_page_of_claims_is_published_with_small_figures(tmp_path):
    from PIL import Image

    run = tmp_path / "run"
    (run / "figures").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (300, 2400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(run / "figures/fig01_network.png")
    pictures = [Picture("Figure 1", "figures/fig01_network.png", "A caption.")]
    (run / "reproduction.md").write_text(report({}, "made-up", "Small.", ["0.30"], KA2D, 1, pictures))
    size = publish(run, tmp_path / "docs/reproduction.md")
    text = (tmp_path / "docs/reproduction.md").read_text()
    assert "[Figure 1](reproduction/fig01_network.png)" in text
    assert "A caption." in text
    with Image.open(tmp_path / "docs/reproduction/fig01_network.png") as small:
        assert small.size == (1100, 138)
    assert size < 0.3 * (run / "figures/fig01_network.png").stat().st_size
    (run / "figures/fig01_network.png").unlink()
    with pytest.raises(FileNotFoundError, match="fig01"):
        publish(run, tmp_path / "docs/reproduction.md")


def test_temperatures_are_compared_at_a_common_c_b():
    rows = [(0.5, 0.5), (0.5, 0.75), (0.4, 0.75), (0.4, 0.9), (0.5, 0.9)]
    table = pd.DataFrame(rows, columns=["temperature", "c_b"])
    assert set(near_c_b(table, 0.5)["c_b"]) == {0.75}
    assert len(near_c_b(table, 0.5)) == 2
    assert len(near_c_b(table.iloc[:0], 0.5)) == 0


def test_movie_frames_are_smooth_in_log_time():
    times, fields = np.array([1.0, 100.0]), np.array([[0.8, 1.0], [0.0, 0.2]])
    found = list(movie.frames_in_time(times, fields, 4))
    np.testing.assert_allclose([f[0] for f in found], [0.1, 1.0, 10.0, 100.0])
    np.testing.assert_allclose(found[0][2], [1, 1])
    np.testing.assert_allclose(found[1][2], [0.8, 1.0])
    np.testing.assert_allclose(found[2][2], [0.4, 0.6])
    assert found[3][1] == pytest.approx(0.1)


def test_pixels_belong_to_the_particle_that_covers_them():
    where = movie.particle_map(np.array([[-4.9, 4.9], [2.0, -2.0]]), np.array([1.0, 2.0]), 10.0, 100)
    assert where[0, 0] == 0  # top left corner of the box
    assert where[99, 0] == 0  # the same disc, across the lower boundary
    assert where[70, 70] == 1
    assert where[50, 50] == -1


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_movie_is_written(run, tmp_path, suffix):
    snapshots = load_tables({"snapshots": [run / "tables/snapshots.h5"]})["snapshots"]
    assert movie.draw_movie(tmp_path / f"movie{suffix}", snapshots, META) == 4
    assert (tmp_path / f"movie{suffix}").stat().st_size > 5000
    with pytest.raises(ValueError, match="avi"):
        movie.draw_movie(tmp_path / "movie.avi", snapshots, META)


def test_contact_sheet_holds_all_figures(run, tmp_path):
    images = []
    for k in range(3):
        images.append(tmp_path / f"{k}.png")
        drawing.render("table2_schedule", {}, META, [images[-1]], tmp_path / "t.parquet")
    draw_contact_sheet(tmp_path / "sheet.png", images, "run made-up")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_particle_properties_survive_the_way_to_ovito(run, tmp_path):
    frames, properties = particle_properties(
        sorted(run.glob("unit/structures/T0.45/*.gsd")),
        run / "unit/predictions/tmin0.40/T0.45.h5",
        sorted(run.glob("unit/descriptors/T0.45/*.h5")),
        [run / "unit/labels/T0.45.h5"],
        [4, 5],
        descriptors=("energy/all/L2", "absent/all/L2"),
    )
    write_configurations(tmp_path / "o.gsd", frames, {}, properties)
    again = read_configurations(tmp_path / "o.gsd")
    assert isinstance(again[0], Configuration)
    import gsd.hoomd

    with gsd.hoomd.open(str(tmp_path / "o.gsd")) as file:
        log = file[1].log
    central = again[1].of_species(1)
    measured = read_fields(run / "unit/labels/T0.45.h5")[0]
    np.testing.assert_allclose(log["particles/measured_cb0_5"][central], measured.at(0.5)[0, 5], atol=1e-6)
    others = np.setdiff1d(np.arange(again[1].n_particles), central)
    assert np.isnan(log["particles/propensity_cb0_5"][others]).all()
    assert np.isfinite(log["particles/descriptor_energy_all_L2"][central]).all()
    assert "particles/descriptor_absent_all_L2" not in log
    # OVITO takes what follows a dot for a component and writes it in another way
    assert not any("." in name for name in log)


def test_fields_of_networks_off_their_c_b_are_not_exported(run):
    _, properties = particle_properties(
        sorted(run.glob("unit/structures/T0.40/*.gsd")),
        run / "unit/predictions/tmin0.40/T0.40.h5",
        sorted(run.glob("unit/descriptors/T0.40/*.h5")),
        [],
        [4],
    )
    assert "propensity_cb0_99" not in properties[0]
    fields = read_fields(run / "unit/predictions/tmin0.40/T0.40.h5")[0]
    central = np.isfinite(properties[0]["propensity_cb0_94"])
    np.testing.assert_allclose(properties[0]["propensity_cb0_94"][central], fields.at(0.94)[-1, 4], atol=1e-6)


@pytest.mark.parametrize(
    ("backend", "kept"),
    [
        ("module://matplotlib_inline_not_installed.backend_inline", False),
        ("module://json", True),
        ("TkAgg", True),
        ("", True),
    ],
)
def test_a_backend_that_is_not_installed_is_left_for_one_that_is(monkeypatch, backend, kept):
    from tglassmlp import figures

    monkeypatch.setenv("MPLBACKEND", backend)
    figures._mend_backend()
    assert os.environ["MPLBACKEND"] == (backend if kept else "Agg")


@pytest.mark.parametrize(
    ("name", "change", "tables", "message"),
    [
        ("a toy", {}, {}, "name of a new figure must be letters"),
        ("toy", {"function": "nowhere"}, {}, "function must be 'package.module:function'"),
        ("toy", {"tables": "pearson"}, {}, "tables must be a tuple of names"),
        ("toy", {}, {"pearson": "elsewhere.parquet"}, "table 'pearson' has the place"),
    ],
)
def test_figures_that_cannot_be_drawn_are_refused(name, change, tables, message):
    usual = {"function": ".toy:draw", "tables": ("pearson",), "title": "", "caption": "", "category": ""}
    spec = registry.FigureSpec(**{**usual, "label": "", **change})
    with pytest.raises(ValueError, match=message):
        registry.register(name, spec, tables)
    assert name not in registry.FIGURES
