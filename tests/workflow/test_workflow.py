"""Whole runs: every plan, refusal before any job, and the smoke run with what comes after it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tglassmlp import KA2D, config, cost, read_configurations, read_mixture

CONFIGS = {
    "config.yaml": (50, 500),
    "config/smoke.yaml": (30, 120),
    "config/laptop.yaml": (50, 1000),
    "config/figures.yaml": (50, 300),
    "config/paper.yaml": (100, 1000),
}


def snakemake(repository: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the repository's Snakefile with products in another folder."""
    if not (folder / "config.yaml").exists():
        shutil.copy(repository / "config.yaml", folder / "config.yaml")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(repository / "Snakefile"),
        "--directory",
        str(folder),
    ]
    return subprocess.run(
        [*command, "--cores", "2", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MPLBACKEND": "Agg", "XDG_CACHE_HOME": str(folder / ".cache")},
    )


def planned(output: str) -> dict[str, int]:
    """Jobs per rule that a dry run announces."""
    table = re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE)
    return {rule: int(number) for rule, number in table}


def assert_estimated(repository: Path, jobs: dict[str, int], name: str) -> None:
    """The estimate counts the jobs that Snakemake plans, rule by rule and together; `all` does nothing."""
    costs = {
        c.rule: c.jobs for c in cost.estimate(config.load([repository / "config.yaml", repository / name]))
    }
    assert sum(costs.values()) == sum(jobs.values()) - jobs["all"]
    costs.pop("tables and numbers")
    costs.pop("figures and movie")
    assert costs == {rule: jobs.get(rule, 0) for rule in costs}  # 0: no job of a rule is needed


def dry_runs(repository: Path, folder: Path, *wanted: dict) -> list[dict[str, int]]:
    """Jobs per rule of several dry runs in one process, which spares starting Snakemake for each."""
    done = subprocess.run(
        [sys.executable, str(repository / "tests" / "workflow" / "plans.py"), str(repository), "--jobs"],
        input=json.dumps(wanted),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / ".cache")},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


WRONG = [
    ({"engine": "gromacs"}, "engine: found \"gromacs\"; allowed: 'native', 'hoomd' or 'cuda'"),
    ({"c_b": [1.2, 0.5]}, "c_b[0]: found 1.2; allowed: a number less than 1"),
    ({"structures": {"test_fraction": 0.01}}, "the test set is empty"),
]


@pytest.fixture(scope="module")
def first_plans(repository, tmp_path_factory):
    """Dry runs of every configuration and of wrong settings in an empty folder: jobs, or why not."""
    folder = tmp_path_factory.mktemp("plans")
    wanted = [{"configfiles": [str(repository / name)]} for name in CONFIGS]
    wanted += [{"configfiles": [], "config": words} for words, _ in WRONG]
    found = dry_runs(repository, folder, *wanted)
    assert not (folder / "results").exists(), "a dry run makes nothing"
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_can_be_planned(repository, first_plans, name):
    jobs = first_plans[list(CONFIGS).index(name)]
    low, high = CONFIGS[name]
    assert low <= sum(jobs.values()) <= high
    assert jobs["draw_figure"] >= 14
    assert_estimated(repository, jobs, name)


@pytest.mark.parametrize(("number", "said"), [(k, said) for k, (_, said) in enumerate(WRONG)])
def test_wrong_settings_are_refused_before_any_job(first_plans, number, said):
    assert said in first_plans[len(CONFIGS) + number]["refused"]


def test_a_wrong_word_of_the_command_line_is_refused_before_any_job(repository, tmp_path):
    run = snakemake(repository, tmp_path, "--config", "sead=3")
    assert run.returncode != 0
    assert "did you mean 'seed'?" in run.stdout + run.stderr
    assert not (tmp_path / "results").exists()


def test_rule_script_log_and_benchmark_share_one_name(repository):
    found = 0
    for path in sorted((repository / "workflow" / "rules").glob("*.smk")):
        for name, body in re.findall(
            r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), flags=re.M | re.S
        ):
            if "output:" not in body:
                continue  # a name for other rules' files
            found += 1
            assert f'"../../scripts/{name}.py"' in body, name
            for product in ("log", "benchmark"):
                assert re.search(rf'\b{product}_of\(\s*"{name}"', body), (name, product)
            script = repository / "scripts" / f"{name}.py"
            lines = [line for line in script.read_text().splitlines() if line.strip()]
            assert len(lines) <= 40, f"{script} is long: science belongs into the package"
    assert found > 20


def test_the_package_does_not_import_the_workflow(repository):
    for path in (repository / "src").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) snakemake", path.read_text(), flags=re.MULTILINE), path


# --------------------------------------------------------------------------------------------- the smoke run


@pytest.fixture(scope="module")
def smoke(repository, tmp_path_factory):
    """A finished smoke run, in its own folder; a copy stays in KEEP_SMOKE for `make commands`."""
    folder = tmp_path_factory.mktemp("smoke")
    run = snakemake(repository, folder, "--configfile", str(repository / "config" / "smoke.yaml"))
    assert run.returncode == 0, (run.stdout + run.stderr)[-6000:]
    if kept := os.environ.get("KEEP_SMOKE"):
        for name in ("results", ".snakemake"):
            shutil.copytree(folder / name, Path(kept) / name, symlinks=True)
    return folder


def smoke_again(repository, folder, *arguments):
    return snakemake(
        repository, folder, "--configfile", str(repository / "config" / "smoke.yaml"), *arguments
    )


@pytest.mark.slow
def test_smoke_run_makes_every_figure_with_its_data(smoke):
    from tglassmlp.figures import registry

    figures = smoke / "results" / "smoke" / "figures"
    for name in registry.FIGURES:
        assert (figures / f"{name}.png").stat().st_size > 1000, name
    tables = list((figures / "data").glob("*.csv"))
    assert len(tables) >= 10
    assert all((table.stat().st_size > 10) for table in tables)


@pytest.mark.slow
def test_smoke_run_leaves_numbers_with_provenance_and_no_state(smoke):
    run = smoke / "results" / "smoke"
    numbers = json.loads((run / "numbers.json").read_text())
    assert numbers
    reports = re.compile("check_")  # verdicts are kept, also those of failed jobs
    left = [p for p in (run / ".state").rglob("*") if p.is_file() and not reports.match(p.parts[-2])]
    assert left == []


@pytest.mark.slow
def test_every_configuration_of_a_run_names_its_mixture(smoke):
    found = sorted((smoke / "results" / "smoke").rglob("*.gsd"))
    assert {path.relative_to(smoke).parts[2] for path in found} >= {"unit", "large"}
    for path in found:
        assert read_mixture(path) == KA2D.scaled(10), path
        assert read_configurations(path), path


#: A file, the jobs that make it and what depends on it again, and some of those that must not run.
DELETED = {
    "tables/pearson.parquet": (
        {"measure_pearson": 1, "collect_numbers": 1},
        {"equilibrate_structures", "train_full", "measure_chord_lengths"},
    ),
    "unit/descriptors/T0.50/chunk0.h5": (
        {"compute_descriptors": 1, "fit_scaling": 1, "train_full": 1},
        {"equilibrate_structures", "run_isoconfigurational_dynamics", "measure_relaxation"},
    ),
    "unit/trajectories/T0.80/chunk0.h5": (
        {"run_isoconfigurational_dynamics": 1, "measure_propensities": 1, "measure_relaxation": 1},
        {"equilibrate_structures", "compute_descriptors", "find_inherent_structures"},
    ),
    "unit/extended/T0.60/chunk0.h5": (
        {"extend_isoconfigurational_dynamics": 1, "measure_propensities": 1, "measure_relaxation": 1},
        {"equilibrate_structures", "run_isoconfigurational_dynamics"},
    ),
}


@pytest.fixture(scope="module")
def plans_again(repository, smoke, tmp_path_factory):
    """Jobs of dry runs of the finished run: as it is, with a file missing, and with more to predict."""
    again = {"configfiles": [str(repository / "config" / "smoke.yaml")]}
    missing = [{**again, "missing": str(smoke / "results" / "smoke" / file)} for file in DELETED]
    temperatures = yaml.safe_load((repository / "config" / "smoke.yaml").read_text())["temperatures"]
    temperatures[0]["predicted_structures"] += 6
    changed = tmp_path_factory.mktemp("predicted") / "more.yaml"
    changed.write_text(yaml.safe_dump({"temperatures": temperatures}))
    more = {"configfiles": [*again["configfiles"], str(changed)]}
    found = dry_runs(repository, smoke, again, more, *missing)
    return dict(zip([None, "predicted", *DELETED], found, strict=True))


@pytest.mark.slow
def test_a_finished_run_has_nothing_to_do(plans_again):
    assert plans_again[None] == {}


@pytest.mark.slow
@pytest.mark.parametrize("file", DELETED)
def test_a_deleted_file_is_made_again_with_only_what_depends_on_it(plans_again, file):
    remade, kept = DELETED[file]
    jobs = plans_again[file]
    assert {rule: jobs.get(rule) for rule in remade} == remade
    assert not kept & set(jobs)


@pytest.mark.slow
def test_more_predicted_structures_add_files_and_make_none_again(plans_again):
    jobs = plans_again["predicted"]
    added = ("equilibrate_structures", "find_inherent_structures", "compute_descriptors")
    assert {rule: jobs.get(rule) for rule in added} == dict.fromkeys(added, 1)
    assert (jobs["measure_equilibration"], jobs["predict_propensities"]) == (1, 1)
    others = ("dynamics", "large", "train", "extrapolate", "extend", "label", "relaxation")
    assert not [rule for rule in jobs if any(word in rule for word in others)]


@pytest.mark.slow
def test_a_limit_that_fails_stops_the_run_and_touches_no_data(repository, smoke, tmp_path):
    run = tmp_path / "copy"  # with its time stamps and with what Snakemake remembers
    shutil.copytree(smoke, run, symlinks=True)
    limits = run / "limits.yaml"
    limits.write_text("equilibration: {checks: {peak: 0.5}}\n")
    files = [p for p in (run / "results" / "smoke").rglob("*") if p.is_file() and p.suffix != ".log"]
    made = {p: p.stat().st_mtime_ns for p in files}
    stopped = smoke_again(repository, run, str(limits))
    assert stopped.returncode != 0
    assert "is not equilibrated: peak is" in stopped.stdout + stopped.stderr
    assert "rule run_isoconfigurational_dynamics" not in stopped.stdout + stopped.stderr
    limits.write_text("equilibration: {checks: {peak: 0.5}, on_failure: warn}\n")
    warned = smoke_again(repository, run, str(limits))
    assert warned.returncode == 0, warned.stderr
    names = {"check_equilibration", "check_large_systems", "check_heat_capacity", "check_extended"}
    assert {"check_equilibration"} <= set(planned(warned.stdout + warned.stderr)) <= names | {"all", "total"}
    verdicts = re.compile(
        r"(structures/(T0.\d\d/(equilibration\w*|chunk\d.checks)|heat_capacity|reweighting)|tables/extended_check)"
        r"\.(parquet|csv)$|/check_"
    )
    for path, time in made.items():
        if not verdicts.search(path.as_posix()):
            assert path.stat().st_mtime_ns == time, path
    planned_again = smoke_again(repository, run, str(limits), "-n")
    assert "Nothing to be done" in planned_again.stdout + planned_again.stderr


@pytest.mark.slow
def test_status_tells_that_the_run_is_finished(repository, smoke, monkeypatch):
    from tglassmlp.status import describe, survey

    run = smoke_again(repository, smoke, "--summary")
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    files = [
        (line[2], line[0], line[4] == "ok") for line in lines if len(line) == 6 and line[0] != "output_file"
    ]
    folder = smoke / "results" / "smoke"
    rules = survey(folder, files)
    assert not [job for entry in rules.values() for job in entry.failed + entry.working + entry.stopped]
    assert describe(folder, rules).splitlines()[-1].startswith(f"{folder}: finished")


@pytest.mark.slow
def test_smoke_run_can_be_reported(repository, smoke):
    report = smoke / "report.html"
    run = smoke_again(repository, smoke, "--report", str(report))
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    assert report.stat().st_size > 100_000


@pytest.mark.slow
def test_every_array_of_every_file_is_described(repository, smoke):
    from data_format import differences

    assert differences(smoke / "results" / "smoke", repository / "docs" / "data-format.md") == []
