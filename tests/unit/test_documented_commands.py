"""What is documented is run, and nothing outside the package leans on its private names."""

from __future__ import annotations

import ast
import importlib
import re

import pytest
from documented_commands import BY_CI, ELSEWHERE, documents, everything, keys, quoted, targets

#: Private names that tests use all the same.
PRIVATE = {
    ("tests/unit/test_facade.py", "_HOMES"): "the table of public names itself",
    ("tests/unit/test_figures.py", "_mend_backend"): "the backend that a process was started with",
    ("tests/unit/test_launch.py", "_own"): "two runs that want one lock at the same moment",
    ("tests/unit/test_launch.py", "_myself"): "two runs that want one lock at the same moment",
    ("tests/unit/test_swap_monte_carlo.py", "_tally"): "running energies and sums, made wrong on purpose",
    ("tests/unit/test_swap_monte_carlo.py", "_neighbours"): "entries of the neighbour list",
    ("tests/workflow/plans.py", "_workflow"): "Snakemake's: it tells what it compares in no other way",
    ("tests/workflow/plans.py", "_prepare_dag"): "Snakemake's, as above",
    ("tests/workflow/plans.py", "_build_dag"): "Snakemake's, as above",
    ("tests/workflow/plans.py", "_restart_times"): "Snakemake's, as above",
    ("tests/workflow/plans.py", "_params"): "Snakemake's, as above",
    ("tests/workflow/plans.py", "_dependencies"): "Snakemake's, as above",
}


#: Packages whose mutants `make mutation` draws.
MUTATED = ["simulation", "dynamics", "local_structure", "network", "observables", "tables", "claims"]


def test_every_module_that_is_mutated_names_its_tests(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "scripts")
    mutation = importlib.import_module("mutation")
    assert f"MUTATION ?= {' '.join(MUTATED)}\n" in (repository / "Makefile").read_text()
    for file in mutation.modules(MUTATED, []):
        assert mutation.tests_of(file, repository), file


def run() -> set[str]:
    return {key for command in everything() for key in keys(command.line)}


def test_every_make_target_is_run(repository):
    known = targets((repository / "Makefile").read_text())
    assert {"run", "bench", "commands", "clean"} <= known
    assert {f"make {name}" for name in known} - run() - set(BY_CI) == set()
    ci = (repository / ".ci" / "run").read_text()
    for line in BY_CI:
        assert re.search(rf"^{line}\b", ci, flags=re.MULTILINE), f"{line} is not in .ci/run"


def test_every_command_of_the_documents_is_run(repository):
    found = {}
    for path in documents(repository):
        for line in quoted(path.read_text()):
            for key in keys(line):
                found[key] = f"{path.name}: {line}"
    assert {"make run", "make demo", "snakemake studies", "python -m benchmarks"} <= set(found)
    unknown = {key: where for key, where in found.items() if key not in run() | set(BY_CI) | set(ELSEWHERE)}
    assert unknown == {}, "add it to tests/documented_commands.py in its quick form, or quote another"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("make run CONFIG=config/laptop.yaml  # hours", {"make run"}),
        ("rm report.html; make report", {"make report"}),
        ("BENCH=quick python -m benchmarks threads", {"python -m benchmarks"}),
        (".venv/bin/snakemake --cores 2 -- studies", {"snakemake studies"}),
        ("snakemake --cores 2 results/demo/ovito/T0.40.gsd", {"snakemake ovito"}),
        ("tglassmlp predict liquid.gsd --temperature 0.4 --c-b 0.5", {"tglassmlp predict"}),
        ("python benchmarks/compare_engines.py six.gsd", {"python benchmarks/compare_engines.py"}),
    ],
)
def test_a_command_is_recognised(line, expected):
    assert keys(line) == expected
    assert quoted(f"Say `{line}` or\n\n    {line}\n") == {line} or line.startswith((".venv", "rm"))


def test_prose_is_no_command():
    assert quoted("To make structures, python needs time.\nmake demo\n") == set()


def private(path):
    """Private names, other than of `self` and `cls`, and private imports of the package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if node.attr.startswith("_repr_"):
                continue  # what notebooks ask for
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            yield from [] if own else [(node.attr, node.lineno)]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tglassmlp"):
            for alias in node.names:
                if alias.name.startswith("_"):
                    yield alias.name, node.lineno


def test_tests_and_benchmarks_use_public_names(repository):
    used, wrong = set(), []
    for folder in ("tests", "benchmarks", "scripts"):
        for path in sorted((repository / folder).rglob("*.py")):
            name = path.relative_to(repository).as_posix()
            for attribute, line in private(path):
                used.add((name, attribute))
                if (name, attribute) not in PRIVATE:
                    wrong.append(f"{name}:{line}: {attribute}")
    assert wrong == [], "a door is missing in the package, or a public one can be used"
    assert set(PRIVATE) <= used, "no longer needed"
