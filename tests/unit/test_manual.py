"""The manual: every page can be reached, and its reference names every key, target, public name and array."""

from __future__ import annotations

import importlib
import json
import re

import pytest

import tglassmlp as tg
from tglassmlp.config.schema import schema


@pytest.fixture(scope="module")
def extensions(repository):
    """Extensions of the manual by name."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(repository / "docs" / "extensions")
    names = ("configuration_reference", "makefile_reference", "outside_links", "mathml")
    yield {name: importlib.import_module(name) for name in names}
    patch.undo()


def listed(page):
    """Pages in the toctrees of a page, as paths."""
    blocks = re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    names = [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]
    return [(page.parent / f"{name}.md").resolve() for name in names]


def test_every_page_can_be_reached_from_the_first(repository):
    docs = repository / "docs"
    reached, waiting = set(), [(docs / "index.md").resolve()]
    while waiting:
        page = waiting.pop()
        assert page.is_file(), f"{page} is in a table of contents, but not there"
        if page not in reached:
            reached.add(page)
            waiting += listed(page)
    there = {page.resolve() for page in docs.rglob("*.md")}
    lost = sorted(page.relative_to(docs).as_posix() for page in there - reached)
    assert lost == [], "add these pages to a toctree (docs/howto/index.md, docs/explanation/index.md, ...)"


def test_links_of_the_manual_lead_somewhere(repository, extensions):
    outside = extensions["outside_links"]
    for home in outside.PAGES:
        assert home == "CONTRIBUTING.md" or (repository / home).is_file()
    for page in sorted((repository / "docs").rglob("*.md")):
        name = page.relative_to(repository / "docs").as_posix()
        assert outside.rewritten(page.read_text(), name, f"docs/{name}")[1] == [], name


@pytest.mark.parametrize(
    ("link", "page", "home", "expected"),
    [
        ("../README.md", "files.md", "docs/files.md", "/index.md"),
        ("../config.yaml", "files.md", "docs/files.md", "../config.yaml"),
        ("../files.md", "howto/a.md", "docs/howto/a.md", "/files.md"),
        ("docs/hpc.md", "explanation/architecture.md", "ARCHITECTURE.md", "/hpc.md"),
        ("config.yaml", "explanation/architecture.md", "ARCHITECTURE.md", "../../config.yaml"),
    ],
)
def test_links_that_leave_the_manual(extensions, link, page, home, expected):
    text, missing = extensions["outside_links"].rewritten(f"a [b]({link}#c) d", page, home)
    assert (text, missing) == (f"a [b]({expected}#c) d", [])


def test_a_link_to_nothing_is_found(extensions):
    assert extensions["outside_links"].rewritten("[b](gone.md)", "a.md", "docs/a.md")[1] == ["docs/gone.md"]


def paths_in(content, part, place=""):
    """Paths of all keys of a schema, found by a walk of its own."""
    if "$ref" in part:
        yield from paths_in(content, content["$defs"][part["$ref"].rsplit("/", 1)[-1]], place)
    for name, inner in part.get("properties", {}).items():
        yield f"{place}{name}"
        yield from paths_in(content, inner, f"{place}{name}.")
    for option in part.get("anyOf", []):
        yield from paths_in(content, option, place)
    if isinstance(part.get("items"), dict):
        yield from paths_in(content, part["items"], f"{place.removesuffix('.')}[]." if place else place)


def test_the_reference_has_every_configuration_key(repository, extensions):
    reference = extensions["configuration_reference"]
    found = reference.keys()
    content = schema()
    assert {key.path for key in found} == set(paths_in(content, content))
    assert len(found) > 150
    for key in found:
        assert key.meaning, f"{key.path} has no description"
        assert key.allowed, key.path
        assert key.default is None or json.loads(key.default) is not ...
    page = (repository / "docs" / "reference" / "configuration.md").read_text()
    written = re.findall(r"^```\{config-keys\} ?(\w*)$", page, flags=re.MULTILINE)
    assert written == ["", *reference.sections(found)]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "integer", "minimum": 2, "maximum": 100000}, "a whole number from 2 to 100000"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "a number above 0, below 1"),
        ({"type": "number"}, "a number"),
        ({"enum": ["a", "b"], "type": "string"}, "`a` or `b`"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "`true` or `false` or `null`"),
        (
            {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/A"}},
            "a list with at least 2 entries, each text",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            "names with values, each a whole number",
        ),
    ],
)
def test_what_is_allowed_is_said_in_words(extensions, part, expected):
    assert extensions["configuration_reference"].phrase(part, {"A": {"type": "string"}}) == expected


def test_a_key_shows_its_range_its_default_and_the_values_of_the_paper(repository, extensions):
    reference = extensions["configuration_reference"]
    every_key = reference.keys()
    key = next(key for key in every_key if key.path == "dynamics.replicas")
    text = "\n".join(reference.entry(key, [("demo", {"dynamics": {"replicas": 16}})]))
    assert ":type: a whole number from 2 to 100000" in text
    assert ":default: `20`" in text
    assert "demo: `16`." in text
    assert "demo" not in "\n".join(reference.entry(key, [("demo", {"dynamics": {"replicas": 20}})]))


def test_the_reference_has_every_make_target(repository, extensions):
    reference = extensions["makefile_reference"]
    makefile = (repository / "Makefile").read_text()
    found = reference.targets(makefile)
    phony = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", makefile, flags=re.MULTILINE).group(1)
    assert {target.name for target in found} == set(phony.replace("\\", " ").split())
    described = {variable.name for variable in reference.variables(makefile)}
    assert {name for target in found for name in target.variables} <= described
    assert {"CONFIG", "SNAKEMAKE_FLAGS", "CORES"} <= set(next(t for t in found if t.name == "run").variables)
    page = (repository / "docs" / "reference" / "make.md").read_text()
    assert "```{make-targets}" in page
    assert "```{make-variables}" in page


def test_a_target_without_a_description_is_not_shown(extensions):
    made = extensions["makefile_reference"].targets(
        "#: More.\na: b  ## first\n\t@echo $(X) $(if $(Y),1)\nc:\n\ttrue\n"
    )
    assert [(t.name, t.summary, t.details, t.variables) for t in made] == [
        ("a", "first", "More.", ("X", "Y"))
    ]


def test_the_reference_has_every_public_name(repository):
    page = (repository / "docs" / "reference" / "api.md").read_text()
    named = set(re.findall(r"^\.\. auto\w+:: (\w+)$", page, flags=re.MULTILINE))
    assert named == set(tg.__all__) - {"__version__"}


def test_formulas_become_mathml(extensions):
    text = extensions["mathml"].rendered(r"\chi_4 = N_1 \,\mathrm{Var}\,\bar{C}", block=True)
    assert text.startswith("<math")
    assert 'display="block"' in text
    assert "<msub>" in text


def blocks(page, language="python"):
    """Fenced blocks of a page, those at its left margin."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_a_descriptor_is_added_as_the_guide_says(repository, monkeypatch):
    from tglassmlp.local_structure import quantities

    monkeypatch.setattr(quantities, "REGISTERED", dict(quantities.REGISTERED))
    names: dict = {}
    for block in blocks(repository / "docs" / "howto" / "add.md"):
        exec(block, names)
    assert names["names"][-1] == "nearest_neighbour/all/L2"
    own = names["values"][:, names["names"].index("nearest_neighbour/all/L0")]
    assert 0.6 < own.min() < own.max() < 1.3


def test_the_liquid_of_the_guide_can_be_run(repository, tmp_path):
    from tglassmlp import config

    *parts, whole = blocks(repository / "docs" / "howto" / "your-own-liquid.md", "yaml")
    (tmp_path / "binary.yaml").write_text(whole)
    found = config.load_run([tmp_path / "binary.yaml"], repository=repository)
    assert found.mixture().n_species == 2
    assert found.mixture().density == pytest.approx(1.2, abs=1e-4)
    assert parts[0].split("mixture:")[1].split("#")[0].strip() in whole


def test_hosted_ci_and_hooks_call_the_commands_of_the_repository(repository):
    import yaml

    hosted = yaml.safe_load((repository / ".github" / "workflows" / "ci.yml").read_text())
    assert [s["run"] for s in hosted["jobs"]["check"]["steps"] if "run" in s] == [".ci/run"]
    hooks = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = re.search(
        r"^lint:.*\n((?:\t.*\n)+)", (repository / "Makefile").read_text(), flags=re.MULTILINE
    ).group(1)
    for hook in hooks:
        program = hook["entry"].split("/bin/")[1].split()[0]
        assert program == "python" or f"/{program}" in lint, hook["id"]
    text = (repository / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"`make (\w+)", text)) <= {
        name for name in re.findall(r"^(\w+):", (repository / "Makefile").read_text(), flags=re.MULTILINE)
    }
