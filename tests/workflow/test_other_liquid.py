"""A binary 65:35 mixture from its configuration to figures, claims and captions that speak of it."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tglassmlp import KA2D, Configuration, config, storage
from tglassmlp.figures import registry
from tglassmlp.published import system_key
from tglassmlp.species import identity
from tglassmlp.storage import read_attributes, read_configurations, read_json, read_mixture, read_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(repository):
    """The demo's keys, the sizes of the smoke run, and the liquid."""
    return [repository / name for name in ("config.yaml", "config/smoke.yaml", "tests/workflow/binary.yaml")]


@pytest.fixture(scope="module")
def settings(files):
    return config.load(files)


@pytest.fixture(scope="module")
def workflow(repository, files, tmp_path_factory):
    """Run Snakemake on the binary liquid in a folder of its own."""
    folder = tmp_path_factory.mktemp("binary")
    shutil.copy(files[0], folder / "config.yaml")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(repository / "Snakefile"),
        "--directory",
        str(folder),
    ]
    command += ["--cores", "2", "--configfile", *map(str, files[1:])]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "MPLBACKEND": "Agg", "XDG_CACHE_HOME": str(folder / ".cache")}
        return subprocess.run(
            [*command, *arguments],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return folder, run


@pytest.fixture(scope="module")
def finished(workflow):
    """Folder of the finished run, and what the command said last."""
    folder, run = workflow
    done = run()
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return folder / "results" / "binary", done.stdout + done.stderr


def test_files_of_the_run_carry_the_mixture(finished, settings):
    folder, said = finished
    own = {"name": "KA65-35", "fingerprint": identity(settings.mixture())}
    assert "binary (KA65-35): finished" in said
    assert read_mixture(folder / "unit/structures/T1.20/chunk0.gsd") == settings.mixture()
    assert set(read_configurations(folder / "unit/inherent/T1.20/chunk0.gsd")[0].species) == {1, 2}
    for file in (
        "unit/labels/T1.20.h5",
        "unit/trajectories/T1.20/chunk0.h5",
        "large/predictions/tmin1.20/T1.20.h5",
    ):
        assert read_attributes(folder / file)["provenance"]["mixture"] == own, file
    numbers = read_json(folder / "numbers.json")
    assert numbers["provenance"]["mixture"] == own
    assert {k: numbers["mixture"][k] for k in own} == own
    assert numbers["mixture"]["parameters"]["composition"] == [91, 49]


def test_figures_are_those_of_two_species_without_published_points(finished, settings):
    from tglassmlp.figures.metadata import describe

    folder, _ = finished
    for name in registry.FIGURES:
        assert (folder / "figures" / f"{name}.png").stat().st_size > 1000, name
    assert b"KA65-35" in (folder / "figures/fig01_network.png").read_bytes()
    meta = describe(config.plain(settings), settings.mixture())
    sketch = registry.draw("fig01_network", {}, meta).figure
    texts = [t.get_text() for t in [*sketch.axes[0].texts, *sketch.texts]]
    assert any("of 2 species and all" in t for t in texts)
    assert not any("3 " in t and "type" in t for t in texts)
    assert any("KA65-35" in t.get_text() for t in sketch.texts), "the footer names the liquid"
    tables = {table: [folder / registry.TABLES[table]] for table in registry.FIGURES["fig02_pearson"].tables}
    loaded = registry.load_tables(tables)
    # the coldest panel moved to the temperature that GlassBench has of KA2D
    pearson = loaded["pearson"]
    coldest = pearson["temperature"].min()
    loaded = {"pearson": pearson.assign(temperature=pearson["temperature"].replace(coldest, 0.30))}

    def published(meta):
        axes = registry.draw("fig02_pearson", loaded, meta).figure.axes
        assert any("0.30" in ax.get_title() for ax in axes)
        return [x for ax in axes for x in ax.get_legend_handles_labels()[1] if "published" in x]

    assert published(meta) == []
    assert len(published(meta | {"system": system_key(KA2D)})) == 4, "they are drawn for KA2D"


def test_claims_and_captions_speak_of_the_liquid(finished):
    folder, _ = finished
    page = (folder / "reproduction.md").read_text()
    assert page.startswith("# What the paper says, asked of KA65-35")
    assert "this run is of KA65-35 with N = 140" in page
    assert "KA65-35, N = 140 (91 : 49)" in page
    assert "3 types" not in page
    assert "type-1" not in page
    statements, rest = page.split("Numbers of KA2D with N = 1290, not of KA65-35:")
    numbers, captions = rest.split("\n![", 1)
    rows = [r for r in numbers.splitlines() if re.match(r"\| (\[?Figure|Section)", r)]
    assert len(rows) >= 6
    assert all(r.endswith("| not compared |") for r in rows)
    judged = [r for r in statements.splitlines() if re.match(r"\| (\[?Figure|not in)", r)]
    assert len(judged) >= 15
    assert not [r for r in judged if "not compared" in r or "GlassBench" in r]
    # captions follow the tables: nothing of KA2D is left in them
    assert captions.count("Run binary, KA65-35: N = 140 (91 : 49)") == len(registry.FIGURES)
    assert not re.search("KA2D|GlassBench|published|1290|ternary", captions)
    assert "propensities of particles of species 1" in captions


def test_chance_is_that_of_the_liquid(finished):
    folder, _ = finished
    chance = 1.2 * np.pi * 0.3**2 * (0.65**2 + 0.35**2)
    assert chance == pytest.approx(0.185, abs=5e-4)
    for t in ("1.60", "1.20", "1.00"):
        measured = json.loads((folder / f"unit/structures/T{t}/equilibration.json").read_text())
        assert measured["random_overlap"] == pytest.approx(chance, rel=1e-4)
        expected = (measured["overlap"] - chance) / (1 - chance)
        (check,) = [c for c in measured["checks"] if c["check"] == "overlap"]
        assert check["value"] == pytest.approx(expected, abs=1e-4)
        verdict = read_table(folder / f"unit/structures/T{t}/equilibration.parquet").set_index("check")
        assert verdict.loc["overlap", "allowed"] == 0.2
        assert verdict.loc["overlap", "passed"]
    assert "independent configurations of KA65-35: 0.18" in (folder / "reproduction.md").read_text()


def test_report_names_the_liquid(finished, workflow):
    folder, run = workflow
    report = folder / "report.html"
    done = run("--report", str(report))
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    text = html.unescape(report.read_text())
    assert "KA65-35" in text
    assert "nearest particle of species 1 (mixture KA65-35)" in text


def test_a_structure_of_ka2d_in_the_run_is_refused(finished, settings, monkeypatch):
    folder, _ = finished
    for name in ("TGLASSMLP_RUN_FOLDER", "TGLASSMLP_RUN_IDENTITY", "TGLASSMLP_RUN_MIXTURE"):
        monkeypatch.setenv(name, "")
    other = KA2D.scaled(30)
    rng = np.random.default_rng(0)
    c = Configuration(rng.uniform(0, other.box_length, (43, 2)), other.species(), other.box_length)
    path = folder / "foreign.gsd"
    storage.write_configurations(path, [c], {}, mixture=other)
    storage.work_for(folder, config.fingerprint(settings.seed, settings.system), settings.mixture())
    storage.read_table(folder / "tables/pearson.parquet")
    with pytest.raises(ValueError, match=r"is of the mixture KA2D .*this run simulates KA65-35"):
        read_configurations(path)
    path.unlink()
