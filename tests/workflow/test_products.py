"""Rules and paths.py say the same: every output of every rule is a product, and nothing else names one."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tglassmlp import paths

RUN = "results/smoke"
#: A value of each wildcard.
VALUES = {
    "temperature": "0.80", "t_min": "0.60", "cb": "0.90", "chunk": "1", "fold": "0", "structure": "1",
    "seed": "0", "ensemble": "large", "proof": "equilibration_of_all",
    "figure": "fig01_network", "table": "pearson", "variant": "standard", "format": "png",
}  # fmt: skip


@pytest.fixture(scope="module")
def rules(repository, tmp_path_factory):
    run = subprocess.run(
        [sys.executable, str(repository / "tests" / "workflow" / "plans.py"), str(repository), "--files"],
        cwd=tmp_path_factory.mktemp("plans"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return json.loads(run.stdout)


def test_every_output_of_every_rule_is_a_product(rules):
    met = set()
    for name, rule in rules.items():
        for output in rule["output"]:
            values = {wildcard: VALUES[wildcard] for wildcard in re.findall(r"\{(\w+)\}", output)}
            file = output.format(**values)
            product, meant = paths.meaning(file)
            assert meant.items() >= values.items(), (name, output)
            assert paths.PRODUCTS[product].path(RUN, **meant) == file, (name, output)
            met.add(product)
    # no product is without a rule; the report is written by a script
    assert met == set(paths.PRODUCTS) - {"REPORT"}


def test_logs_and_tables_of_every_rule_are_named_after_it(rules):
    for name, rule in rules.items():
        for kind, pattern in (("log", paths.log), ("benchmark", paths.benchmark)):
            for file in rule[kind]:
                assert file == pattern(RUN, name, *re.findall(r"\{(\w+)\}", file))


def test_rules_put_no_path_together(repository):
    places = {
        file.name
        for file in (repository / "workflow" / "rules").rglob("*.smk")
        if "{RUN}/" in file.read_text()
    }
    # what is said on the terminal at the end of a run
    assert places == {"common.smk"}
