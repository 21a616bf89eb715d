"""A binary 65:35 mixture from its configuration to figures, claims and captions that speak of it.

The run learns displacement propensities instead of bond breaking: another liquid and another label at once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import jinja2
import matplotlib.text
import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, config, storage
from tglassmlp.figures import drawing, registry
from tglassmlp.figures.loading import load_tables
from tglassmlp.figures.metadata import describe
from tglassmlp.published import system_key
from tglassmlp.species import identity
from tglassmlp.storage import read_attributes, read_configurations, read_json, read_mixture, read_table

DRAWN = ("fig01_network", "fig02_pearson", "equilibration")


@pytest.fixture(scope="module")
def files(repository):
    """The demo's keys, the sizes of the smoke run, and the liquid."""
    return [repository / name for name in ("config.yaml", "config/smoke.yaml", "tests/workflow/binary.yaml")]


@pytest.fixture(scope="module")
def settings(files):
    return config.load(files)


@pytest.fixture(scope="module")
def meta(settings):
    """What the workflow tells every figure of the run."""
    return describe(config.plain(settings), settings.mixture())


@pytest.fixture(scope="module")
def finished(repository, files, tmp_path_factory):
    """Folder of the run, to its numbers and claims, and what the command said.

    Tables and numbers are made by the scripts of their rules in one process (`one_process.py`), the page of
    claims and some figures by Snakemake, the other figures from the tables by the tests: most of the time
    of a run of this size is starting Python.
    """
    folder = tmp_path_factory.mktemp("binary")
    shutil.copy(files[0], folder / "config.yaml")
    environment = {**os.environ, "MPLBACKEND": "Agg", "XDG_CACHE_HOME": str(folder / ".cache")}
    tables = ("radial_distribution", "partial_structure_factor")
    made = ["numbers.json", "tables/snapshots.h5", *(f"tables/{t}.parquet" for t in tables)]
    made += [f"unit/structures/T{t}/equilibration.parquet" for t in ("2.00", "1.60")]
    script = [sys.executable, str(repository / "tests" / "workflow" / "one_process.py"), str(repository)]
    asked = ["reproduction.md", *(f"figures/{d}.png" for d in DRAWN)]
    snakemake = [sys.executable, "-m", "snakemake", *(f"results/binary/{name}" for name in asked)]
    snakemake += ["-s", str(repository / "Snakefile"), "--cores", "2", "--configfile", *map(str, files[1:])]
    said = ""
    for command in ([*script, *map(str, files[1:]), "--", *(f"results/binary/{n}" for n in made)], snakemake):
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, env=environment
        )
        said += done.stdout + done.stderr
        assert done.returncode == 0, said[-6000:]
    return folder / "results" / "binary", said


def tables_of(folder, name):
    """Tables that one figure of the run is drawn from."""
    found = {}
    for table in registry.FIGURES[name].tables:
        found[table] = sorted(folder.glob(registry.TABLES[table].replace("{t_min}", "*")))
        assert found[table], f"{name} lacks {table}"
    return load_tables(found)


def texts_of(figure):
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text)]


@pytest.mark.slow
def test_files_of_the_run_carry_the_mixture(finished, settings):
    folder, said = finished
    own = {"name": "KA65-35", "fingerprint": identity(settings.mixture())}
    assert "binary (KA65-35): a part of the run was asked for" in said
    assert read_mixture(folder / "unit/structures/T1.60/chunk0.gsd") == settings.mixture()
    assert set(read_configurations(folder / "unit/inherent/T1.60/chunk0.gsd")[0].species) == {1, 2}
    for file in (
        "unit/labels/T1.60.h5",
        "unit/trajectories/T1.60/chunk0.h5",
        "large/predictions/tmin1.60/T1.60.h5",
    ):
        assert read_attributes(folder / file)["provenance"]["mixture"] == own, file
    numbers = read_json(folder / "numbers.json")
    assert numbers["provenance"]["mixture"] == own
    assert {k: numbers["mixture"][k] for k in own} == own
    assert numbers["mixture"]["parameters"]["composition"] == [91, 49]


@pytest.mark.slow
def test_rules_draw_figures_of_the_liquid(finished):
    folder, _ = finished
    for name in DRAWN:
        image = (folder / "figures" / f"{name}.png").read_bytes()
        assert b'"mixture": "KA65-35"' in image, name
        assert (folder / "figures/data" / f"{name}.csv").stat().st_size > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", list(registry.FIGURES))
def test_every_figure_speaks_of_the_liquid_and_of_no_other(finished, meta, name):
    folder, _ = finished
    texts = texts_of(drawing.draw(name, tables_of(folder, name), meta).figure)
    assert any("run binary · KA65-35 · N = 140" in text for text in texts), "the footer names the liquid"
    assert not [text for text in texts if re.search("KA2D|GlassBench|published|[34] types|type-1", text)]
    if name == "fig01_network":
        assert any("of 2 species and all" in text for text in texts)


@pytest.mark.slow
def test_points_of_glassbench_are_drawn_for_ka2d_only(finished, meta):
    folder, _ = finished
    pearson = tables_of(folder, "fig02_pearson")["pearson"]
    coldest = pearson["temperature"].min()
    # the coldest panel moved to the temperature that GlassBench has
    tables = {"pearson": pearson.assign(temperature=pearson["temperature"].replace(coldest, 0.30))}

    def published(meta):
        axes = drawing.draw("fig02_pearson", tables, meta).figure.axes
        assert any("0.30" in ax.get_title() for ax in axes)
        return [x for ax in axes for x in ax.get_legend_handles_labels()[1] if "published" in x]

    assert published(meta) == []
    assert len(published(meta | {"system": system_key(KA2D)})) == 4


@pytest.mark.slow
def test_claims_and_captions_speak_of_the_liquid(finished):
    folder, _ = finished
    page = (folder / "reproduction.md").read_text()
    assert page.startswith("# What the paper says, asked of KA65-35")
    assert "this run is of KA65-35 with N = 140" in page
    assert "KA65-35, N = 140 (91 : 49)" in page
    assert not re.search("[34] types|type-1|ternary", page)
    statements, rest = page.split("Numbers of KA2D with N = 1290, not of KA65-35:")
    numbers, captions = rest.split("\n![", 1)
    rows = [r for r in numbers.splitlines() if re.match(r"\| (\[?Figure|Section)", r)]
    assert len(rows) >= 5
    assert all(r.endswith("| not compared |") for r in rows)
    judged = [r for r in statements.splitlines() if re.match(r"\| (\[?Figure|not in)", r)]
    assert len(judged) >= 15
    assert not [r for r in judged if "not compared" in r or "GlassBench" in r]
    # captions follow the tables: nothing of KA2D is left in them
    assert captions.count("Run binary, KA65-35: N = 140 (91 : 49)") == len(registry.FIGURES)
    assert not re.search("KA2D|GlassBench|published|1290", captions)
    assert "displacement propensity of the particles of species 1" in captions
    assert "labelled with the displacement propensity of species 1" in page
    assert "independent configurations of KA65-35: 0.18" in captions


@pytest.mark.slow
def test_the_run_learns_displacements_at_the_times_of_bond_breaking(finished):
    folder, _ = finished
    place = folder / "unit/labels/T1.60.h5"
    labels = storage.read_arrays(place, ["c_b", "frame_index", "propensity", "half"])
    assert read_attributes(place)["label"] == "displacement"
    measured = storage.read_chunks(
        [folder / "unit/propensities/T1.60/chunk0.h5"], ["propensity", "label", "species"], ["times"]
    )
    own = measured["species"] == 1
    for k, c_b in enumerate(labels["c_b"]):
        index = labels["frame_index"][k]
        low, part = int(index), index - int(index)
        at = {name: (1 - part) * measured[name][:, low] + part * measured[name][:, low + 1]
              for name in ("propensity", "label")}  # fmt: skip
        assert at["propensity"][own].mean() == pytest.approx(c_b), "the clock is bond breaking"
        np.testing.assert_allclose(labels["propensity"][k].ravel(), at["label"][own], rtol=1e-12)
    np.testing.assert_allclose(labels["half"].mean(axis=2), labels["propensity"], rtol=1e-6)
    place = folder / "unit/predictions/tmin1.60/T1.60.h5"
    assert read_attributes(place)["label"] == "displacement"
    found = storage.read_arrays(place, ["c_b", "c_b_input", "mean_prediction", "converged"])
    np.testing.assert_array_equal(found["c_b_input"], np.repeat(found["c_b"][:, None], 2, axis=1))
    assert found["converged"].all(), "no network is held to C_B"
    assert not np.allclose(found["mean_prediction"], found["c_b"][:, None], atol=0.05)
    methods = set(read_table(folder / "tables/pearson.parquet")["method"])
    assert {"ceiling", "tglassmlp", "glassmlp", "ridge", "density"} <= methods
    assert not [
        name for name in read_json(folder / "numbers.json")["numbers"] if name.startswith("selection/")
    ]


@pytest.mark.slow
def test_structures_go_down_the_ladder(finished):
    """Even ones of T = 1.60 go on from those of 2.00, which their first overlap still shows."""
    folder, _ = finished
    for t, even in (("2.00", "quenched"), ("1.60", "ladder")):
        record = read_table(folder / f"unit/structures/T{t}/chunk0.parquet")
        assert list(record.groupby("structure").start.first()) == [even, "heated"] * 2
    begun = record[record.start == "ladder"].groupby("structure").first()
    assert (begun.sweep <= 10).all()
    assert (begun.overlap > 0.4).all(), "after ten sweeps a structure is still like the one above"


@pytest.mark.slow
def test_chance_is_that_of_the_liquid(finished):
    folder, _ = finished
    chance = 1.2 * np.pi * 0.3**2 * (0.65**2 + 0.35**2)
    assert chance == pytest.approx(0.185, abs=5e-4)
    for t in ("2.00", "1.60"):
        measured = json.loads((folder / f"unit/structures/T{t}/equilibration.json").read_text())
        assert measured["random_overlap"] == pytest.approx(chance, rel=1e-4)
        expected = (measured["overlap"] - chance) / (1 - chance)
        (check,) = [c for c in measured["checks"] if c["check"] == "overlap"]
        assert check["value"] == pytest.approx(expected, abs=1e-4)
        verdict = read_table(folder / f"unit/structures/T{t}/equilibration.parquet").set_index("check")
        assert verdict.loc["overlap", "allowed"] == 0.2
        assert verdict.loc["overlap", "passed"]


@pytest.mark.slow
def test_a_structure_of_ka2d_in_the_run_is_refused(finished, settings, tmp_path, monkeypatch):
    folder, _ = finished
    for name in ("TGLASSMLP_RUN_FOLDER", "TGLASSMLP_RUN_IDENTITY", "TGLASSMLP_RUN_MIXTURE"):
        monkeypatch.setenv(name, "")  # work_for writes into the environment; this brings it back
    other = KA2D.scaled(30)
    positions = np.random.default_rng(0).uniform(0, other.box_length, (43, 2))
    path = folder / "foreign.gsd"
    storage.write_configurations(
        path, [Configuration(positions, other.species(), other.box_length)], {}, mixture=other
    )
    storage.work_for(folder, config.fingerprint(settings.seed, settings.system), settings.mixture())
    storage.read_table(folder / "tables/pearson.parquet")
    with pytest.raises(ValueError, match=r"is of the mixture KA2D .*this run simulates KA65-35"):
        read_configurations(path)
    path.unlink()


@pytest.mark.parametrize("name", ["workflow", "movie", "contact_sheet"])
def test_the_report_names_the_liquid(repository, settings, meta, name):
    text = (repository / "workflow" / "report" / f"{name}.rst").read_text()
    for mixture, said in ((config.plain(settings)["system"]["mixture"], "KA65-35"), ("KA2D", "KA2D")):
        told = SimpleNamespace(
            config={"run": "binary", "system": {"mixture": mixture}},
            params=SimpleNamespace(meta=meta | {"mixture": said}, title=f"run binary, {said}"),
        )
        shown = jinja2.Template(text, undefined=jinja2.StrictUndefined).render(snakemake=told)
        assert said in shown
        assert "type-1" not in shown
        assert name != "movie" or "nearest particle of species 1" in shown
