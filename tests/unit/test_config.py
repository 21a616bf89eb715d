"""The run configuration: what is accepted, what is refused and how, and the helpers built on it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tglassmlp import config as run_config
from tglassmlp.config import Config, ConfigError, load, plain
from tglassmlp.config.layers import laid_over
from tglassmlp.settings.group import models_in
from tglassmlp.state_point import canonical

FILES = (
    "config.yaml",
    "config/smoke.yaml",
    "config/laptop.yaml",
    "config/figures.yaml",
    "config/paper.yaml",
    "config/glassbench.yaml",
)


@pytest.fixture(scope="module")
def demo(repository):
    """The default configuration with the numbers these tests speak of."""
    return {
        **yaml.safe_load((repository / "config.yaml").read_text()),
        "temperatures": [
            {"value": 0.50, "dynamics_time": 450.0, "sweeps": 1500},
            {"value": 0.45, "dynamics_time": 350.0, "sweeps": 2000},
            {"value": 0.40, "dynamics_time": 250.0, "sweeps": 3000},
            {"value": 0.35, "dynamics_time": None, "sweeps": 5000},
            {"value": 0.30, "dynamics_time": None, "sweeps": 10000},
        ],
        "glass_transition": 0.30,
        "structures": {"number": 8, "test_fraction": 0.5, "validation_fraction": 0.25, "chunk": 4},
        "c_b": [0.94, 0.90, 0.80, 0.50],
        "large_systems": {
            "tiles": 3,
            "number": 2,
            "chunk": 1,
            "sweeps_factor": 1.0,
            "dynamics": {"temperature": 0.45, "time": 200.0, "replicas": 4, "systems": 1},
        },
        "training": {"t_min": [0.40, 0.45], "phase1": [{"epochs": 5, "rate": 1e-3}]},
    }


def changed(content, path, value):
    """A copy of a config with one key (``a.b.0.c``) set, or removed if the value is ``...``."""
    result = copy.deepcopy(content)
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    place = result
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return result


def keys(value, prefix=""):
    """Paths of all keys of a mapping; lists count as one key."""
    if not isinstance(value, dict):
        return {prefix}
    return {prefix} | {p for k, v in value.items() for p in keys(v, f"{prefix}.{k}" if prefix else k)}


# ------------------------------------------------------------------------------------- the shipped files


def test_no_shipped_config_is_left_out(repository):
    assert {f"config/{p.name}" for p in (repository / "config").iterdir()} == set(FILES) - {"config.yaml"}


@pytest.mark.parametrize("name", FILES)
def test_shipped_configs_are_valid_and_named_after_their_file(repository, name):
    config = load(repository / name)
    assert config.run == ("demo" if name == "config.yaml" else name[7:-5])


@pytest.mark.parametrize("name", FILES)
def test_shipped_configs_name_every_key(repository, name):
    """Snakemake lays --configfile over config.yaml: a key left out would keep the demo's value."""
    content = yaml.safe_load((repository / name).read_text())
    everything = keys(plain(load(content)))
    assert keys(content) == everything


def test_every_key_of_the_default_config_has_a_comment(repository):
    lines = (repository / "config.yaml").read_text().splitlines()
    bare = []
    for number, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith(("#", "- ")):
            continue
        above = lines[number - 1].strip() if number else ""
        if "  #" not in line and not above.startswith("#"):
            bare.append(text)
    assert bare == []


def test_layers_over_the_demo_as_snakemake_does(repository):
    layered = load([repository / "config.yaml", repository / "config" / "paper.yaml"])
    assert layered == load(repository / "config" / "paper.yaml")


def settings_over(repository, tmp_path, text, *assignments):
    """The repository's config.yaml, a file and words of the command line, laid over each other."""
    path = tmp_path / "own run.yaml"
    path.write_text(text)
    return run_config.load_run([path], assignments, repository=repository, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("run: own", "own"),
        ('run: "own"  # quoted', "own"),
        ("'run' : 'own.1'", "own.1"),
        ("seed: 5\nrun: own", "own"),
        ("  run: own\n  seed: 5", "own"),
        ("---\nrun:\n  own\n...\n", "own"),
        ("{seed: 5, run: own}", "own"),
        ('{"seed": 5, "run": "own"}', "own"),
        ("\ufeffrun: own\r\nseed: 5\r\n", "own"),
        ("name: &n own\nrun: *n", None),
        ("seed: 5", "demo"),
    ],
)
def test_the_runs_name_is_what_yaml_says(repository, tmp_path, text, name):
    if name is None:
        with pytest.raises(ConfigError, match="name: found an unknown key"):
            settings_over(repository, tmp_path, text)
    else:
        assert settings_over(repository, tmp_path, text).run == name


def test_settings_are_merged_key_by_key(repository, tmp_path):
    demo = plain(load(repository / "config.yaml"))
    text = "equilibration: {checks: {peak: 3.0}}\nlarge_systems: {dynamics: {time: 100.0}}"
    found = plain(settings_over(repository, tmp_path, text, "structures={number: 12}", "seed=3"))
    assert found == {
        **demo,
        "seed": 3,
        "structures": {**demo["structures"], "number": 12},
        "equilibration": {
            **demo["equilibration"],
            "checks": {**demo["equilibration"]["checks"], "peak": 3.0},
        },
        "large_systems": {
            **demo["large_systems"],
            "dynamics": {**demo["large_systems"]["dynamics"], "time": 100.0},
        },
    }


def test_lists_are_replaced_whole(repository, tmp_path):
    found = settings_over(repository, tmp_path, "c_b: [0.9, 0.5]")
    assert found.c_b == (0.9, 0.5)


@pytest.mark.parametrize("weights", [{"1-3": 0.5}, {"1-2": 0.5}, {}, None])
def test_a_mapping_with_free_keys_is_replaced_whole(repository, tmp_path, weights):
    assert load(repository / "config.yaml").equilibration.exchange_weights == {"1-2": 0.0}
    section = json.dumps({"exchange_weights": weights})
    over = settings_over(repository, tmp_path, f"equilibration: {section}")
    said = settings_over(repository, tmp_path, "seed: 1", f"equilibration={section}")
    assert over.equilibration.exchange_weights == said.equilibration.exchange_weights == weights


def test_every_mapping_with_free_keys_is_replaced_whole():
    """Any field of the kind, also one that is added later."""
    found = []

    def visit(model):
        for name, field in model.model_fields.items():
            inner = list(models_in(field.annotation))
            base = laid_over({name: {"a": 1}}, {name: {"b": 2}}, model)
            if "dict[" in str(field.annotation):
                found.append(name)
                assert base == {name: {"b": 2}}
            for section in inner:
                visit(section)

    visit(Config)
    assert "exchange_weights" in found


def test_a_mixture_is_replaced_whole(repository, tmp_path):
    mixture = {
        "sigma": [[1.0, 0.8], [0.8, 0.88]],
        "epsilon": [[1.0, 1.5], [1.5, 0.5]],
        "composition": [650, 350],
        "box_length": 29.0,
    }
    small = {"name": "A", **mixture, "radii": [0.5, 0.4]}
    (tmp_path / "config.yaml").write_text(json.dumps({"system": {"mixture": small}}))
    text = json.dumps(
        {"system": {"mixture": {"name": "B", **mixture}}, "equilibration": {"exchange_weights": {}}}
    )
    mixed = settings_over(repository, tmp_path, text, "descriptors={cutoff: 12.0}")
    assert mixed.system.mixture.name == "B"
    assert mixed.system.mixture.radii == ()


def test_sources_are_laid_over_each_other_in_their_order(repository, tmp_path):
    (tmp_path / "config.yaml").write_text("{run: folder, seed: 1, glass_transition: 0.35}")
    (tmp_path / "a.yaml").write_text("{run: a, seed: 2}")
    (tmp_path / "b.yaml").write_text("{run: b}")
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    found = run_config.load_run(files, ["run=said"], repository=repository, folder=tmp_path)
    assert (found.run, found.seed, found.glass_transition) == ("said", 2, 0.35)
    assert run_config.load_run(files, repository=repository, folder=tmp_path).run == "b"
    assert run_config.load_run(repository=repository, folder=tmp_path).run == "folder"
    assert run_config.load_run(repository=repository, folder=tmp_path / "absent").run == "demo"
    whole = [repository / "config" / "smoke.yaml"]
    alone = run_config.load_run(whole, repository=repository, folder=tmp_path, complete=True)
    assert alone == load(whole[0])
    with pytest.raises(ConfigError, match="structures: found nothing"):
        run_config.load_run(files, repository=repository, folder=tmp_path, complete=True)


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        (["run"], "--config run: found no key=value"),
        (["seed=1", "seed=2"], "--config seed=2: key 'seed' appears twice"),
        (["structures={number: 8, number: 9}"], "key 'number' appears twice"),
        (["c_b=[0.9"], r"--config c_b=\[0.9: not readable YAML"),
        (["run=7"], "run: found 7; allowed: text"),
        (["seed="], "seed: found null"),
    ],
)
def test_wrong_words_of_the_command_line_are_refused(repository, tmp_path, assignments, said):
    with pytest.raises(ConfigError, match=said):
        run_config.load_run([], assignments, repository=repository, folder=tmp_path)


def test_every_field_is_described():
    def visit(model):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            for inner in models_in(field.annotation):
                visit(inner)

    visit(Config)


def test_schema_file_is_the_generated_one(repository):
    kept = (repository / "workflow" / "schemas" / "config.schema.json").read_text()
    assert kept == run_config.schema_text(), "make schema brings the file up to date"


def test_schema_accepts_the_shipped_files_and_refuses_a_wrong_one(repository, demo):
    validator = pytest.importorskip("jsonschema").Draft202012Validator(run_config.schema())
    for name in FILES:
        validator.validate(yaml.safe_load((repository / name).read_text()))
    assert not validator.is_valid(changed(demo, "engine", "magic"))
    assert not validator.is_valid({**demo, "sead": 1})


def test_the_paper_run_has_the_papers_numbers(repository):
    paper = load(repository / "config" / "paper.yaml")
    assert [canonical(t.value) for t in paper.temperatures if t.dynamics_time] == [
        "0.40",
        "0.30",
        "0.25",
        "0.23",
        "0.21",
    ]
    assert [canonical(t.value) for t in paper.temperatures if not t.dynamics_time] == ["0.18", "0.15"]
    assert paper.c_b == (0.99, 0.94, 0.90, 0.85, 0.80, 0.75, 0.65, 0.50, 0.25, 0.15, 0.075)
    assert paper.mixture().composition == (600, 330, 360)
    assert sum(paper.mixture().composition) * paper.large_systems.tiles**2 == 82560
    assert (paper.training.networks, paper.training.t_min) == (16, (0.21, 0.25))
    assert sum(p.epochs for p in paper.training.phase1) == 85
    assert sum(p.epochs for p in paper.training.phase2) == 50
    assert len(paper.structure_split().test) == 150


# --------------------------------------------------------------------------------------- what is refused

#: key changed, its value, key path in the message, what the message says was found, what it says is allowed
WRONG = [
    ("sead", 1, "sead", "an unknown key", "did you mean 'seed'?"),
    ("dynamics.replica", 4, "dynamics.replica", "an unknown key", "did you mean 'replicas'?"),
    ("seed", ..., "seed", "nothing", "required"),
    ("seed", -1, "seed", "-1", "at least 0"),
    ("seed", True, "seed", "true", "a number or name"),
    ("run", "../elsewhere", "run", "../elsewhere", "letters, digits"),
    ("run", "a..b", "run", "a..b", "without '..'"),
    ("engine", "gromacs", "engine", '"gromacs"', "'native', 'hoomd' or 'cuda'"),
    ("system.mixture", "KA3D", "system.mixture", '"KA3D"', "KA2D"),
    ("system.divisor", 7, "system.divisor", "7", "cannot be divided by 7"),
    ("temperatures.0.value", -0.5, "temperatures[0].value", "-0.5", "greater than 0"),
    ("temperatures.0.value", "hot", "temperatures[0].value", '"hot"', "a number"),
    ("temperatures.0.value", 0.4500001, "temperatures[0].value", "0.4500001", "six decimals"),
    ("temperatures.1.value", 0.50, "temperatures[1].value", "0.5", "less than the one before it (0.5)"),
    ("temperatures.0.sweeps", 0, "temperatures[0].sweeps", "0", "at least 1"),
    ("temperatures.0.dynamics_time", 0.05, "temperatures[0].dynamics_time", "0.05", "at least 10 time steps"),
    ("temperatures.0.dynamics_time", 100.005, "temperatures[0].dynamics_time", "100.005", "a multiple of"),
    ("temperatures.0.extended_time", 400.0, "temperatures[0].extended_time", "400", "more than dynamics"),
    ("temperatures.0.extended_time", 500.005, "temperatures[0].extended_time", "500.005", "a multiple of"),
    ("temperatures.3.extended_time", 500.0, "temperatures[3].extended_time", "500", "null where"),
    ("temperatures", [{"value": 0.5, "sweeps": 10}], "temperatures", "1 entries", "at least 2"),
    ("temperatures", 0.5, "temperatures", "0.5", "a list"),
    ("c_b", [0.5], "c_b", "1 entries", "at least 2"),
    ("glass_transition", 0.2, "glass_transition", "0.2", "one of the temperatures (0.50, 0.45"),
    ("structures.test_fraction", 1.0, "structures.test_fraction", "1.0", "less than 1"),
    ("structures.test_fraction", 0.01, "structures.test_fraction", "0.01 of 8", "the test set is empty"),
    ("structures.test_fraction", 0.95, "structures.validation_fraction", "0.25 of 8", "training set"),
    ("structures.number", 1, "structures.number", "1", "at least 2"),
    ("structures.chunk", 9, "structures.chunk", "9", "at most structures.number (8)"),
    ("temperatures.0.extra_structures", -1, "temperatures[0].extra_structures", "-1", "at least 0"),
    ("temperatures.0.predicted_structures", -1, "temperatures[0].predicted_structures", "-1", "at least 0"),
    ("temperatures.4.predicted_structures", 6, "temperatures[4].predicted_structures", "6", "a multiple of"),
    ("structures.chunk", 2.5, "structures.chunk", "2.5", "a whole number"),
    ("equilibration.swap_fraction", 1.5, "equilibration.swap_fraction", "1.5", "at most 0.95"),
    ("equilibration.method", "md", "equilibration.method", '"md"', "'swap_mc' or 'hybrid'"),
    ("equilibration.hybrid_steps", 0, "equilibration.hybrid_steps", "0", "at least 1"),
    ("equilibration.hybrid_time_step", 0.1, "equilibration.hybrid_time_step", "0.1", "at most 0.02"),
    ("equilibration.exchanges", "blind", "equilibration.exchanges", '"blind"', "informed"),
    ("equilibration.exchanges_per_sweep", 0, "equilibration.exchanges_per_sweep", "0", "at least 0.001"),
    ("equilibration.exchange_interval", 0, "equilibration.exchange_interval", "0", "1"),
    ("equilibration.target_acceptance", 0.9, "equilibration.target_acceptance", "0.9", "at most 0.5"),
    ("minimisation", 3, "minimisation", "3", "a group of keys"),
    ("dynamics.replicas", 1, "dynamics.replicas", "1", "at least 2"),
    ("dynamics.time_step", 0.1, "dynamics.time_step", "0.1", "at most 0.02"),
    ("dynamics.time_step", float("nan"), "dynamics.time_step", "nan", "a"),
    ("dynamics.thermostat", "langevin", "dynamics.thermostat", '"langevin"', "'bussi' or 'nose_hoover'"),
    ("propensity.r_out", 1.2, "propensity.r_out", "1.2", "more than propensity.r_in (1.4)"),
    ("propensity.central_species", 4, "propensity.central_species", "4", "1 to 3"),
    ("c_b.0", 1.2, "c_b[0]", "1.2", "less than 1"),
    ("c_b.1", 0.97, "c_b[1]", "0.97", "less than the one before it (0.94)"),
    ("descriptors.lengths", [0.0, 2.0, 1.0], "descriptors.lengths[2]", "1", "more than the one before"),
    ("descriptors.lengths", [-1.0, 2.0], "descriptors.lengths[0]", "-1.0", "at least 0"),
    ("network.state_features", ["T", "pressure"], "network.state_features[1]", '"pressure"', "'1/T'"),
    ("training.t_min", [0.35], "training.t_min[0]", "0.35", "with a dynamics_time (0.5, 0.45, 0.4)"),
    ("training.t_min", [0.50], "training.t_min[0]", "0.5", "at least two measured temperatures"),
    ("training.t_min", [], "training.t_min", "an empty list", "at least one"),
    ("training.phase1.0.rate", 0, "training.phase1[0].rate", "0", "greater than 0"),
    ("training.phase1.0.epocs", 3, "training.phase1[0].epocs", "an unknown key", "did you mean 'epochs'?"),
    ("large_systems.dynamics.temperature", 0.6, "large_systems.dynamics.temperature", "0.6", "one of the"),
    ("large_systems.dynamics.systems", 5, "large_systems.dynamics.systems", "5", "at most"),
    ("large_systems", {"tiles": 1, "number": 90}, "large_systems.number", "90", "each is a unit system"),
    ("large_systems.tiles", 0, "large_systems.tiles", "0", "at least 1"),
    ("figures.snapshot", {"temperature": 0.4, "c_b": 0.51}, "figures.snapshot.c_b", "0.51", "one of c_b"),
    ("figures.formats", ["pdf"], "figures.formats", '["pdf"]', "png first"),
    # what would be noticed after hours or days
    ("temperatures.0.sweeps", 10**24, "temperatures[0].sweeps", "1000000000000000000000000", "at most 1e+12"),
    ("temperatures.0.sweeps", 1, "temperatures[0].sweeps", "1", "at least 10"),
    ("temperatures.0.dynamics_time", 1e300, "temperatures[0].dynamics_time", "1e+300", "at most 1e+15"),
    ("temperatures.0.dynamics_time", 1e14, "temperatures[0].dynamics_time", "1e+14", "1e+15 time steps"),
    ("large_systems.dynamics.time", 1e14, "large_systems.dynamics.time", "1e+14", "to 1e+15 of them"),
    ("large_systems.tiles", 900, "large_systems.tiles", "900", "at most 1e+08 particles"),
    ("minimisation.force_tolerance", 1e-13, "minimisation.force_tolerance", "1e-13", "at least 1e-10"),
    ("observables.lattice_spacing", 50.0, "observables.lattice_spacing", "50", "unit system (8.224)"),
    ("observables.lattice_spacing", 8.3, "observables.lattice_spacing", "8.3", "at most a quarter"),
    ("observables.fit_q_max", 0.06, "observables.fit_q_max", "0.06", "a large system (0.06367)"),
    ("training.correlation_radii", [2.0, 40.0], "training.correlation_radii", "40.0", "unit system (16.45)"),
    ("training.correlation_radii", [2.0, 16.5], "training.correlation_radii", "16.5", "unit system (16.45)"),
    ("training.correlation_width", 0.02, "training.correlation_width", "0.02", "0.0573 to 16.45: a ring"),
    ("training.correlation_width", 17.0, "training.correlation_width", "17", "fits in half the box"),
    ("training.weight_decay", 1000.0, "training.weight_decay", "1000", "training.phase1[0] (1000)"),
    ("labels.minimum_predicted", 4, "labels.minimum_predicted", "4", "measured temperatures (3)"),
    ("descriptors.cutoff", 1.3, "descriptors.cutoff", "1.3", "the distance of neighbours (1.4)"),
    ("dynamics.thermostat_time", 0.005, "dynamics.thermostat_time", "0.005", "at least 0.01 for bussi"),
    ("dynamics.time_step", 1e-9, "dynamics.time_step", "1e-09", "at least 1e-05"),
    ("dynamics.frame_ratio", 1.005, "dynamics.frame_ratio", "1.005", "at most 2000 frames"),
    ("propensity.r_in", 0.5, "propensity.r_in", "0.5", "at least 1"),
    # what would take the proof of equilibrium its force
    ("equilibration.start_temperature", 0.5, "equilibration.start_temperature", "0.5", "temperature (0.5)"),
    ("equilibration.start_temperature", 0.3, "equilibration.start_temperature", "0.3", "than the highest"),
    ("equilibration.heated_ratio", 0.999, "equilibration.heated_ratio", "0.999", "at most 0.98"),
    ("equilibration.exchange_weights", {"1-2": 1e-9}, "equilibration.exchange_weights.1-2", "1e-09", "0, or"),
    ("equilibration.swap_fraction", 1e-9, "equilibration.swap_fraction", "1e-09", "at least 0.001"),
    ("equilibration.extended_check.factor", 0.5, "equilibration.extended_check.factor", "0.5", "at least 2"),
    ("equilibration.extended_check.temperatures", [0.3, 0.3], "equilibration.extended_check.temperatures",
     "[0.3, 0.3]", "different temperatures"),
    # truth values in place of numbers, however deep
    ("descriptors.lengths", [False, 1.0], "descriptors.lengths[0]", "false", "not true/false"),
    ("network.head", [True, 10], "network.head[0]", "true", "not true/false"),
    ("c_b", [0.9, 0.8, True], "c_b[2]", "true", "not true/false"),
    ("equilibration.exchange_weights", {"1-2": True}, "equilibration.exchange_weights.1-2", "true", "not t"),
    ("training.contrast", True, "training.contrast", "true", "'none', 'power' or 'onset'"),
    ("training.phase1", [True], "training.phase1[0]", "true", "a group of keys"),
]  # fmt: skip


def test_structures_come_from_an_engine_of_their_own_if_it_offers_them(demo):
    chosen = changed(demo, "structures.engine", "native")
    assert load(changed(chosen, "engine", "cuda")).structure_engine() == "native"
    assert load(changed(demo, "engine", "cuda")).structure_engine() == "cuda"
    with pytest.raises(
        ConfigError, match=r'structures\.engine: found "hoomd"; .*Monte Carlo \(native, cuda\)'
    ):
        load(changed(demo, "structures.engine", "hoomd"))
    plain = changed(changed(demo, "structures.engine", "cuda"), "equilibration.exchanges", "plain")
    with pytest.raises(
        ConfigError, match=r"exchanges: found plain; allowed: informed where structures\.engine"
    ):
        load(plain)
    hybrid = changed(changed(demo, "structures.engine", "hoomd"), "equilibration.method", "hybrid")
    assert load(hybrid).structure_engine() == "hoomd"


def test_hybrid_structures_take_informed_exchanges(demo):
    hybrid = changed(demo, "equilibration.method", "hybrid")
    assert load(hybrid).equilibration.hybrid_steps == 25
    with pytest.raises(
        ConfigError, match=r'equilibration.exchanges: found "?plain"?; allowed: "informed" where'
    ):
        load(changed(hybrid, "equilibration.exchanges", "plain"))


@pytest.mark.parametrize(
    ("key", "value", "path", "found", "allowed"), WRONG, ids=[w[2] + "=" + str(w[1])[:20] for w in WRONG]
)
def test_wrong_configs_are_refused_with_key_value_and_range(demo, key, value, path, found, allowed):
    with pytest.raises(ConfigError) as caught:
        load(changed(demo, key, value))
    lines = [line.strip() for line in str(caught.value).splitlines()[1:]]
    mine = [line for line in lines if line.startswith(f"{path}: found ")]
    assert mine, f"no line about {path} in\n{caught.value}"
    said_found, said_allowed = mine[0].removeprefix(f"{path}: found ").split("; allowed: ", 1)
    assert found in said_found
    assert allowed in said_allowed


def inline():
    return {
        "name": "mine",
        "sigma": [[1.0, 0.8], [0.8, 0.88]],
        "epsilon": [[1.0, 1.5], [1.5, 0.5]],
        "composition": [65, 35],
        "box_length": 9.2,
    }


def test_a_box_shorter_than_twice_the_interaction_is_refused(demo):
    small = {**inline(), "box_length": 4.0}
    with pytest.raises(ConfigError, match=r"system\.mixture\.box_length: found a box of 4; allowed: .*twice"):
        load(changed(demo, "system.mixture", small))


def with_species(demo, number, per_species=300):
    """The demo with a mixture of so many equal species."""
    rows = [[1.0] * number for _ in range(number)]
    box = (number * per_species / 1.1) ** 0.5
    mixture = {"name": "equal", "sigma": rows, "epsilon": rows, "composition": [per_species] * number}
    content = changed(demo, "system.mixture", {**mixture, "box_length": box})
    content = changed(content, "descriptors.cutoff", 0.49 * box)
    content = changed(content, "training.correlation_radii", [1.0, 0.45 * box])
    return changed(content, "equilibration.exchange_weights", None)


@pytest.mark.parametrize(("number", "found"), [(1, "1 species"), (5, "5 species")])
def test_a_mixture_that_cannot_be_simulated_is_refused(demo, number, found):
    said = rf"system\.mixture\.composition: found {found}; allowed: 2 to 4 species"
    with pytest.raises(ConfigError, match=said):
        load(with_species(demo, number))


@pytest.mark.parametrize("number", [2, 4])
def test_as_many_species_as_the_engine_takes_are_accepted(demo, number):
    from tglassmlp.simulation.energies import pair_tables

    mixture = load(with_species(demo, number)).mixture()
    assert (pair_tables(mixture).epsilon4 > 0).sum() == number**2


def test_densities_and_species_that_cannot_be_learnt_from_are_refused(demo):
    gas = changed(with_species(demo, 2), "system.mixture.box_length", 100.0)
    with pytest.raises(ConfigError, match=r"mixture\.composition: found discs .* on 0\.0471 of the area"):
        load(gas)
    few = changed(with_species(demo, 2), "system.mixture.composition", [5, 595])
    with pytest.raises(ConfigError, match=r"central_species: found a species of 5 particles; .*at least 10"):
        load(few)


def test_truth_values_are_no_numbers_in_a_mixture(demo):
    content = changed(with_species(demo, 2), "system.mixture.sigma", [[1.0, True], [True, 1.0]])
    with pytest.raises(ConfigError, match=r"system\.mixture\.sigma\[0\]\[1\]: found true; .*not true/false"):
        load(content)


def test_a_thermostat_with_inertia_needs_more_steps_than_one_without(demo):
    short = changed(demo, "dynamics.thermostat_time", 0.05)
    assert load(short).dynamics.thermostat_time == 0.05
    with pytest.raises(ConfigError, match=r"thermostat_time: found 0\.05; allowed: at least 0\.1 for nose_h"):
        load(changed(short, "dynamics.thermostat", "nose_hoover"))


def numbers(value, path=""):
    """Paths of all numbers, in lists too."""
    if isinstance(value, (dict, list)):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        return [p for k, v in inside for p in numbers(v, f"{path}.{k}" if path else str(k))]
    return [] if isinstance(value, bool) or not isinstance(value, (int, float)) else [path]


#: Numbers that may be as small as one likes: weights and rates that then do nothing, limits that can be
#: changed without making anything again, shares that are rounded, and how often something is written or kept.
MAY_VANISH = (
    "structures.validation_fraction", "equilibration.exchange_weights.1-2", "equilibration.checks.",
    "dynamics.block_seconds", "labels.lowest_ratio", "training.phase", "training.weight_decay",
    "training.variance_weight", "training.correlation_weight", "training.equi_time_blind",
    "training.memory_gb", "observables.mobile_share",
)  # fmt: skip


@pytest.mark.parametrize("value", [1e300, -1e300, 1e25, 1e-300])
def test_every_number_has_limits(demo, value):
    """One that fails only after all dynamics, or is too large to be counted, is refused before any job."""
    content = plain(load(demo))
    optional = {"temperatures.0.extended_time": 900.0,
                "training.fold_networks": 2, "network.input_limit": 3.0,
                "baselines.ridge_alpha": 1.0, "equilibration.extended_check.temperatures": [0.3],
                "figures.snapshot": {"temperature": 0.4, "c_b": 0.5}}  # fmt: skip
    for key, chosen in optional.items():
        content = changed(content, key, chosen)
    load(content)
    accepted = []
    for path in numbers(content):
        try:
            load(changed(content, path, value))
        except ConfigError:
            continue
        accepted.append(path)
    beyond = () if value != 1e-300 else MAY_VANISH
    limits = [path for path in accepted if not path.startswith(beyond)] if beyond else accepted
    expected = ["propensity.glass_transition_ratio"] if value == 1e25 else []
    assert limits == expected


def test_a_network_cannot_be_transferred_from_where_there_is_no_dynamics(demo):
    content = changed(demo, "baselines.transferred_from", {"temperature": 0.3, "c_b": 0.5})
    with pytest.raises(
        ConfigError, match=r"transferred_from\.temperature: found 0\.3; .*with a dynamics_time"
    ):
        load(content)


def test_several_problems_are_all_named(demo):
    content = changed(changed(demo, "engine", "x"), "c_b.0", 2.0)
    with pytest.raises(ConfigError, match=r"2 problems"):
        load(content)


def test_mixture_written_out(demo):
    two = changed(changed(demo, "descriptors.cutoff", 4.0), "system.mixture", inline())
    with pytest.raises(ConfigError, match=r"equilibration\.exchange_weights: .*leave species \[2\]"):
        load(two)
    small = changed(two, "equilibration.exchange_weights", None)
    with pytest.raises(
        ConfigError, match=r"correlation_radii: found \[2.0, 5.0, 8.0\]; .*unit system \(4.6\)"
    ):
        load(small)
    small = changed(small, "training.correlation_radii", [1.0, 2.0, 4.0])
    config = load(small)
    assert config.mixture().composition == (65, 35)
    assert config.mixture().radii == (0.5, 0.44)
    content = changed(small, "system.mixture", {**inline(), "sigma": [[1.0, 0.8], [0.7, 0.88]]})
    with pytest.raises(ConfigError, match=r"system\.mixture: .*symmetric"):
        load(content)


def test_a_config_cannot_be_changed(repository):
    config = load(repository / "config.yaml")
    with pytest.raises(ValueError, match="frozen"):
        config.dynamics.replicas = 3


# ----------------------------------------------------------------------------------------- reading files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 1\nseed: 2\n", "key 'seed' appears twice"),
        ("- 1\n- 2\n", "expected a mapping"),
        ("a: [1, 2\n", "not readable YAML"),
        ("!!python/object/apply:os.system ['true']\n", "not readable YAML"),
        ("", "expected a mapping"),
    ],
)
def test_unusable_files_are_refused_by_name(tmp_path, text, said):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load(path)
    assert "wrong.yaml" in str(caught.value)


def test_keys_can_be_merged_from_others(tmp_path, repository):
    """YAML's ``<<``: keys that are written out stand above it, and must still not appear twice."""
    path = tmp_path / "merged.yaml"
    path.write_text(
        "dynamics: &base {replicas: 4, thermostat_time: 2.0}\n"
        "large_systems:\n"
        "  dynamics: {<<: {replicas: 6, systems: 1}, temperature: 0.4, time: 50.0, replicas: 3}\n"
        "temperatures:\n"
        "  - &hot {value: 0.5, dynamics_time: 450.0, sweeps: 1500}\n"
        "  - &warm {<<: *hot, value: 0.4}\n"
        "  - {<<: [*warm, *hot], value: 0.3, dynamics_time: null}\n"
        "glass_transition: 0.3\n"
        "training: {t_min: [0.4]}\n"
    )
    found = run_config.load_run([path], repository=repository, folder=tmp_path)
    assert [(t.value, t.dynamics_time, t.sweeps) for t in found.temperatures] == [
        (0.5, 450.0, 1500), (0.4, 450.0, 1500), (0.3, None, 1500)
    ]  # fmt: skip
    assert (found.large_systems.dynamics.replicas, found.large_systems.dynamics.systems) == (3, 1)
    path.write_text("a: &a {x: 1}\nb: {<<: *a, y: 1, y: 2}\n")
    with pytest.raises(ConfigError, match="key 'y' appears twice"):
        load(path)
    path.write_text("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n")
    with pytest.raises(ConfigError, match="key '<<' appears twice"):
        load(path)


@pytest.mark.parametrize(
    "text", ["c_b: &a [*a]", "c_b: &a [0.9, [*a]]", "dynamics: &a {replicas: *a}", "dynamics: &a {<<: *a}"]
)
def test_an_alias_inside_itself_is_refused(tmp_path, repository, text):
    path = tmp_path / "circle.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"circle\.yaml: not readable YAML: an alias .* inside what it rep"):
        load(path)
    with pytest.raises(ConfigError, match=r"not readable YAML: an alias"):
        run_config.load_run([], ["c_b=&a [*a]"], repository=repository, folder=tmp_path)
    path.write_text("temperatures: [&t {value: 0.5}, *t]\nc_b: [*s]\n")
    with pytest.raises(ConfigError, match=r"undefined alias"):
        load(path)


def test_a_mapping_that_holds_itself_is_refused(demo):
    content = copy.deepcopy(demo)
    content["c_b"].append(content["c_b"])
    with pytest.raises(ConfigError, match="holds itself"):
        load(content)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such config file"):
        load(tmp_path / "absent.yaml")


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_value_anywhere_is_accepted_or_refused_with_a_message(demo, data):
    """Whatever stands at whatever key, the answer is a config or a ConfigError, never another error."""
    path = data.draw(st.sampled_from(sorted(keys(demo) - {""})))
    content = changed(demo, path, data.draw(json_like))
    try:
        config = load(content)
    except ConfigError as refusal:
        said = str(refusal)
    else:
        said = "found; allowed: "
        assert load(plain(config)) == config
    assert "found" in said
    assert "allowed: " in said


# ----------------------------------------------------------------------------------------------- helpers


@pytest.mark.parametrize(
    ("x", "name"),
    [(0.3, "0.30"), (0.231, "0.231"), (0.075, "0.075"), (1, "1.00"), ("0.5", "0.50"), (0.123456, "0.123456")],
)
def test_canonical_names(x, name):
    assert canonical(x) == name
    assert canonical(float(name)) == name


@pytest.mark.parametrize("x", [0.1234567, float("inf"), float("nan")])
def test_numbers_without_a_name_are_refused(x):
    with pytest.raises(ValueError, match=r"found"):
        canonical(x)


def test_published_temperatures_have_no_structures_of_our_own(demo):
    mixed = changed(demo, "structures.source", "glassbench")
    mixed["structures"]["glassbench"] = {"path": "data", "temperatures": [0.45]}
    mixed["temperatures"][0]["extra_structures"] = 2
    assert load(mixed).structures_at("0.50") == load(mixed).structures_at("0.45") + 2
    mixed["temperatures"][1]["extra_structures"] = 2
    with pytest.raises(
        ConfigError, match=r'temperatures\[1\].extra_structures: found "?2"?; allowed: 0 for published'
    ):
        load(mixed)
    mixed["temperatures"][1] |= {"extra_structures": 0, "predicted_structures": 4}
    with pytest.raises(ConfigError, match=r"temperatures\[1\].predicted_structures: found .*0 for published"):
        load(mixed)
    mixed["temperatures"][1] |= {"predicted_structures": 0, "extended_time": 900.0}
    with pytest.raises(
        ConfigError, match=r'temperatures\[1\].extended_time: found "?900"?; allowed: null for published'
    ):
        load(mixed)


def test_predicted_structures_fill_chunks_of_their_own(demo):
    """However many there are, the chunks of the others and full ones of theirs hold the same structures."""
    more = changed(demo, "temperatures.0.extra_structures", 1)
    more["temperatures"][0]["predicted_structures"] = 4
    four = load(more)
    more["temperatures"][0]["predicted_structures"] = 8
    eight = load(more)
    learnt = [range(0, 4), range(4, 8), range(8, 9)]
    assert four.structures_at("0.50") == eight.structures_at("0.50") == 9
    assert four.structure_chunks("0.50") == eight.structure_chunks("0.50") == learnt
    assert four.structure_chunks("0.50", predicted=True) == [*learnt, range(9, 13)]
    assert eight.structure_chunks("0.50", predicted=True) == [*learnt, range(9, 13), range(13, 17)]
    assert eight.predicted_at("0.50") == range(9, 17)
    assert not eight.predicted_at("0.45")
    assert eight.structure_chunks("0.45", predicted=True) == [range(0, 4), range(4, 8)]


def test_a_ladder_leads_from_each_temperature_to_the_next_that_is_made(demo):
    """Structure k goes on from structure k, wherever it lies; imported temperatures are no rungs."""
    ladder = changed(demo, "equilibration.start", "ladder")
    for entry in ladder["temperatures"][:2]:
        entry["extra_structures"] = 2
    c = load(ladder)
    assert [c.rung_above(f"{t.value:.2f}") for t in c.temperatures] == [None, "0.50", "0.45", "0.40", "0.35"]
    assert (c.structure_place("0.45", 6), c.structure_place("0.45", 9)) == ((1, 2), (2, 1))
    with pytest.raises(ValueError, match=r"no structure 8 at T = 0\.40"):
        c.structure_place("0.40", 8)
    assert load(demo).rung_above("0.45") is None
    ladder["structures"] |= {"source": "glassbench", "glassbench": {"path": "x", "temperatures": [0.40]}}
    assert load(ladder).rung_above("0.35") == "0.45"
    assert load(ladder).rung_above("0.40") is None
    held = {"source": "dataset", "glassbench": None, "dataset": {"temperatures": [0.40]}}
    c = load(changed(ladder, "structures", ladder["structures"] | held))
    assert (c.rung_above("0.35"), c.rung_above("0.40")) == ("0.40", None), "a data set is proved as we are"
    ladder["temperatures"][3]["predicted_structures"] = 4
    with pytest.raises(ConfigError) as error:
        load(ladder)
    assert "temperatures[3].predicted_structures: found 12 structures in all; allowed: at most the 10" in str(
        error.value
    )


def test_fingerprint_tells_sections_apart(repository):
    demo, paper = load(repository / "config.yaml"), load(repository / "config" / "paper.yaml")
    assert run_config.fingerprint(demo.dynamics, 0.4) == run_config.fingerprint(plain(demo.dynamics), 0.4)
    assert run_config.fingerprint(demo.dynamics) != run_config.fingerprint(paper.dynamics)


def test_state_features_are_those_the_network_knows():
    from tglassmlp.network.state_features import STATE_FEATURES

    assert tuple(STATE_FEATURES) == run_config.STATE_FEATURES


def test_schema_is_printed_by_the_module(repository):
    run = subprocess.run(
        [sys.executable, "-m", "tglassmlp.config"], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout)["properties"]["seed"]["description"]
