"""Documents that state facts of the code: they are compared with it."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import pytest

from tglassmlp import config as run_config
from tglassmlp.config import Config, load, plain
from tglassmlp.settings.group import models_in


def default_of(path: str):
    """Default of a configuration key, as plain numbers and lists."""
    model = Config
    *parents, last = path.split(".")
    for part in parents:
        model = next(models_in(model.model_fields[part].annotation))
    value = model.model_fields[last].get_default(call_default_factory=True)
    return run_config.plain(value) if hasattr(value, "model_dump") else value


def deviations(repository):
    text = (repository / "docs" / "deviations.md").read_text()
    return re.findall(r"^\| `([\w.]+)` \| `(.+?)` \| (\w+) \| (.+) \|$", text, flags=re.MULTILINE)


def test_every_deviation_is_a_key_with_the_stated_default(repository):
    rows = deviations(repository)
    assert len(rows) > 25
    paper = plain(load(repository / "config" / "paper.yaml"))
    for key, stated, standing, why in rows:
        assert standing in ("likely", "assumed", "ours"), key
        assert why, key
        try:
            value = json.loads(stated)
        except json.JSONDecodeError:
            value = stated
        default = default_of(key)
        if isinstance(default, tuple):
            default = [plain(x) if hasattr(x, "model_dump") else x for x in default]
        assert value == default, f"docs/deviations.md states {value} for {key}, the default is {default}"
        place = paper
        for part in key.split("."):
            place = place[part]
        assert value == place, f"config/paper.yaml has {place} for {key}, docs/deviations.md states {value}"


def same_defaults(settings, section):
    """Names of a dataclass whose defaults differ from the configuration's."""
    model = dict(section.model_fields)
    different = []
    for item in fields(settings):
        if item.name not in model:
            continue
        default = model[item.name].get_default(call_default_factory=True)
        if hasattr(default, "model_dump"):
            continue
        if item.default != default:
            different.append((item.name, item.default, default))
    return different


@pytest.mark.parametrize(
    ("module", "name", "section"),
    [
        ("tglassmlp.equilibration.settings", "CheckLimits", run_config.EquilibrationChecks),
        ("tglassmlp.equilibration.settings", "EquilibrationSettings", run_config.EquilibrationSettings),
        ("tglassmlp.network.architecture", "Architecture", run_config.NetworkSettings),
    ],
)
def test_the_package_has_the_same_defaults_as_the_configuration(module, name, section):
    import importlib

    assert same_defaults(getattr(importlib.import_module(module), name), section) == []


def test_citation_names_the_paper(repository):
    import yaml

    content = yaml.safe_load((repository / "CITATION.cff").read_text())
    assert content["preferred-citation"]["identifiers"][0]["value"] == "arXiv:2310.20252"
    import tglassmlp

    assert content["version"] == tglassmlp.__version__


def test_the_lock_has_exact_versions_and_no_addresses(repository):
    lines = (repository / "requirements.lock").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9._-]+==[A-Za-z0-9.!+_-]+", line) for line in packages)
    assert not any("://" in line for line in lines)
    assert "jax==0.10.1" in packages


def test_every_make_target_of_the_readme_exists(repository):
    makefile = (repository / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z]+)", (repository / "README.md").read_text()))
    assert named
    assert named <= targets


def test_every_file_named_in_the_architecture_exists(repository):
    """ARCHITECTURE.md speaks of paths that are there."""
    text = (repository / "ARCHITECTURE.md").read_text()
    paths = {p for p in re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:md|yaml|lock))`", text) if "<" not in p}
    named = {p for p in paths if not p.startswith("results/")}
    assert len(named) > 10
    roots = (repository, repository / "src" / "tglassmlp")
    missing = sorted(p for p in named if not any((root / p).exists() for root in roots))
    assert missing == []


def floors(repository):
    """The table of floors: folder name (or none) to the modules it names, from the ground up."""
    text = (repository / "ARCHITECTURE.md").read_text()
    table = text[text.index("| floor |") : text.index("## One configuration on its way")]
    rows = [line.strip("|").split("|") for line in table.splitlines()[2:] if line.startswith("|")]
    return [
        (floor.strip(" `/") if "`" in floor else "", re.findall(r"`(\w+)`", modules))
        for floor, modules in rows
    ]


def test_the_architecture_names_every_module(repository):
    """Every module of the table exists, and every module of the package is in the table."""
    package = repository / "src" / "tglassmlp"
    named = {package / folder / f"{m}.py" for folder, modules in floors(repository) for m in modules}
    assert sorted(p for p in named if not p.exists()) == []
    there = {p for p in package.rglob("*.py") if not p.stem.startswith("__") and p.parent.name != "figures"}
    assert sorted(there - named) == []


def test_references_name_what_is_there(repository):
    """Full names in texts, rules, tests and scripts; in docstrings of the package bare ones too."""
    source = repository / "src"
    text = {}
    for path in source.rglob("*.py"):
        parts = path.relative_to(source).with_suffix("").parts
        text[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()

    def is_there(reference):
        parts = reference.split(".")
        while parts and ".".join(parts) not in text:
            parts.pop()
        name = reference.removeprefix(".".join(parts)).strip(".").split(".")[0]
        return bool(parts) and (not name or re.search(rf"\b{name}\b", text[".".join(parts)]) is not None)

    places = [
        p for f in ("src", "docs", "tests", "scripts", "workflow") for p in (repository / f).rglob("*.*")
    ]
    places += [repository / name for name in ("README.md", "ARCHITECTURE.md", "Snakefile", "config.yaml")]
    missing = []
    for place in places:
        # compare.py also reads commits whose modules had other names
        if place.suffix not in (".py", ".md", ".smk", ".yaml", ".toml", "") or place.name == "compare.py":
            continue
        said = place.read_text()
        named = set(re.findall(r"(?<![\w./-])(tglassmlp(?:\.[A-Za-z_]\w*)+)", said))
        if source in place.parents:
            bare = re.findall(r":(?:func|class|data|exc):`([A-Za-z_]\w*)`", said)
            missing += [
                (place.name, name)
                for name in bare
                if len(re.findall(rf"\b{name}\b", said)) == bare.count(name)
            ]
        missing += [(place.name, name) for name in sorted(named) if not is_there(name)]
    assert missing == []


def test_the_example_of_the_readme_runs(repository, tmp_path, monkeypatch):
    text = (repository / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert names["values"].shape == (129, len(names["names"]))
    propensity = names["propensity"]
    assert propensity.shape == (129,)
    assert 0.0 <= propensity.min() < propensity.max() <= 1.0
    assert (tmp_path / "liquid.gsd").exists()
