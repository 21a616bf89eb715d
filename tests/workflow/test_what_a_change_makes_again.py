"""What a change of each key makes again. Nothing expensive is, for a limit, a label or a style."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tglassmlp import config

#: Rules that a run of the paper's size spends its core hours in.
EXPENSIVE = {
    "equilibrate_structures",
    "equilibrate_large_systems",
    "find_inherent_structures",
    "run_isoconfigurational_dynamics",
    "extend_isoconfigurational_dynamics",
    "compute_descriptors",
    "train_equi_time",
    "train_full",
    "train_baselines",
}

#: Expensive rules that have nothing to do with structures which are only predicted.
LEARNT = EXPENSIVE - {"equilibrate_structures", "find_inherent_structures", "compute_descriptors"} | {
    "extrapolate_labels",
    "train_fold",
}

CHECKS = {"check_equilibration", "check_large_systems", "check_heat_capacity", "check_extended"}
LEARNING = {"train_equi_time", "train_baselines", "fit_linear_baselines", "train_fold"}
FIGURES = {"draw_figure", "draw_movie"}

#: A mixture of other diameters (the run is KA2D).
OTHER = {
    "name": "other",
    "sigma": [[1.0, 0.8, 0.9], [0.8, 0.88, 0.8], [0.9, 0.8, 0.95]],
    "epsilon": [[1.0, 1.5, 0.75], [1.5, 0.5, 1.5], [0.75, 1.5, 0.75]],
    "composition": [600, 330, 360],
    "box_length": 32.9,
}
POINT = {"temperature": 0.8, "c_b": 0.9}

#: Key, another value of it on the smoke run, and the rules where its consequences begin. What depends on
#: their files is made again as well. Captions and figures quote settings (`draw_figure`): that costs seconds.
TABLE: list[tuple[str, Any, set[str]]] = [
    # another run, or another liquid
    ("run", "other", {"equilibrate_structures", "draw_figure"}),
    ("seed", 8, {"equilibrate_structures"}),
    ("engine", "hoomd", {"run_isoconfigurational_dynamics"}),
    ("system.mixture", OTHER, {"equilibrate_structures", "draw_figure"}),
    ("system.divisor", 6, {"equilibrate_structures", "draw_figure"}),
    # temperatures; 0 and 1 are measured
    ("temperatures.0.value", 0.81, {"equilibrate_structures", "draw_figure"}),
    ("temperatures.2.sweeps", 1700, {"equilibrate_structures"}),
    ("temperatures.0.dynamics_time", 70.0, {"run_isoconfigurational_dynamics"}),
    ("temperatures.1.extended_time", 70.0, {"extend_isoconfigurational_dynamics"}),
    ("temperatures.0.extra_structures", 3, {"equilibrate_structures", "draw_figure"}),
    ("temperatures.0.predicted_structures", 12, {"equilibrate_structures", *FIGURES}),
    ("glass_transition", 0.6, {"select_networks", "train_fold", "train_other_output", "draw_figure"}),
    # structures; a file holds a chunk of them
    ("structures.number", 7, {"equilibrate_structures", "draw_figure"}),
    ("structures.test_fraction", 0.2, {"fit_scaling", "draw_figure"}),
    ("structures.validation_fraction", 0.5, {"fit_scaling", "draw_figure"}),
    ("structures.chunk", 3, {"equilibrate_structures"}),
    ("structures.engine", "cuda", {"equilibrate_structures"}),
    # how they are equilibrated ...
    ("equilibration.method", "hybrid", {"equilibrate_structures"}),
    # nothing of swap Monte Carlo depends on the keys of the other method
    ("equilibration.hybrid_steps", 20, set()),
    ("equilibration.hybrid_time_step", 0.005, set()),
    ("equilibration.exchanges", "plain", {"equilibrate_structures"}),
    ("equilibration.exchanges_per_sweep", 0.05, {"equilibrate_structures"}),
    ("equilibration.exchange_interval", 3, {"equilibrate_structures"}),
    ("equilibration.swap_fraction", 0.25, {"equilibrate_structures"}),
    ("equilibration.exchange_weights", {"1-2": 0.1}, {"equilibrate_structures"}),
    ("equilibration.target_acceptance", 0.45, {"equilibrate_structures"}),
    ("equilibration.record_points", 12, {"equilibrate_structures"}),
    ("equilibration.start_temperature", 2.1, {"equilibrate_structures"}),
    ("equilibration.heated_ratio", 0.9, {"equilibrate_structures"}),
    ("equilibration.start", "ladder", {"equilibrate_structures"}),
    # ... and what is allowed: limits gate, they do not feed
    ("equilibration.checks.trend", 3.9, CHECKS),
    ("equilibration.checks.start_difference", 3.9, CHECKS),
    ("equilibration.checks.overlap", 0.21, CHECKS),
    ("equilibration.checks.tile_overlap", 0.11, CHECKS),
    ("equilibration.checks.peak", 3.9, CHECKS),
    ("equilibration.checks.heat_capacity", 0.16, CHECKS),
    ("equilibration.checks.heated_below", 1.9, CHECKS),
    ("equilibration.checks.composition", 3.9, CHECKS),
    ("equilibration.checks.small_q_density", 3.9, CHECKS),
    ("equilibration.checks.small_q_composition", 3.9, CHECKS),
    ("equilibration.checks.reweighting", 0.06, CHECKS),
    ("equilibration.checks.extended", 3.9, CHECKS),
    ("equilibration.on_failure", "warn", CHECKS),
    # no data waits for structures that go on
    ("equilibration.extended_check.temperatures", [0.6], {"extend_equilibration"}),
    ("equilibration.extended_check.structures", 3, {"extend_equilibration"}),
    ("equilibration.extended_check.factor", 3.0, {"extend_equilibration"}),
    ("minimisation.force_tolerance", 1e-7, {"find_inherent_structures"}),
    ("minimisation.maximum_steps", 200_000, set()),
    ("dynamics.replicas", 5, {"run_isoconfigurational_dynamics", "draw_figure"}),
    ("dynamics.time_step", 0.005, {"run_isoconfigurational_dynamics"}),
    ("dynamics.frame_ratio", 1.5, {"run_isoconfigurational_dynamics"}),
    ("dynamics.thermostat", "nose_hoover", {"run_isoconfigurational_dynamics"}),
    ("dynamics.thermostat_velocities", "full_step", {"run_isoconfigurational_dynamics"}),
    ("dynamics.thermostat_time", 2.0, {"run_isoconfigurational_dynamics"}),
    ("dynamics.precision", "double", {"run_isoconfigurational_dynamics"}),
    ("dynamics.block_seconds", 6.0, set()),
    # what is learnt
    ("propensity.r_in", 1.35, {"measure_propensities"}),
    ("propensity.r_out", 1.85, {"measure_propensities"}),
    (
        "propensity.central_species",
        2,
        {"compute_descriptors", "label_structures", "measure_relaxation", "draw_figure"},
    ),
    ("propensity.relaxation_threshold", 0.6, {"measure_relaxation", "draw_figure"}),
    ("propensity.extrapolation", "line", {"measure_relaxation"}),
    ("propensity.extrapolation_temperatures", 3, {"measure_relaxation"}),
    ("propensity.glass_transition_ratio", 1e11, {"collect_numbers"}),
    ("propensity.wave_number", 6.0, {"measure_propensities"}),
    ("c_b", [0.9, 0.7], {"label_structures"}),
    ("descriptors.lengths", [0.0, 1.0], {"compute_descriptors", "measure_extended_check", "draw_figure"}),
    ("descriptors.cutoff", 5.1, {"compute_descriptors", "measure_extended_check"}),
    (
        "descriptors.quantities",
        ["density", "energy", "perimeter"],
        {"compute_descriptors", "measure_extended_check"},
    ),
    ("labels.lowest_ratio", 0.8, {"map_labels"}),
    ("labels.minimum_labelled", 1, {"map_labels"}),
    ("labels.minimum_predicted", 1, {"map_labels"}),
    # how it is learnt
    ("network.state_features", ["T", "c_b"], LEARNING | {"draw_figure"}),
    ("network.mlp1", [6, 2], LEARNING | {"draw_figure"}),
    ("network.bottleneck", 3, LEARNING | {"draw_figure"}),
    ("network.mlp2", [7, 4], LEARNING | {"draw_figure"}),
    ("network.head", [10], LEARNING | {"draw_figure"}),
    ("network.attention", False, LEARNING | {"draw_figure"}),
    ("network.attention_bias", True, LEARNING | {"draw_figure"}),
    ("network.attention_scale", False, LEARNING | {"draw_figure"}),
    ("network.bottleneck_activation", "linear", LEARNING | {"draw_figure"}),
    ("network.output", "propensity", LEARNING | {"draw_figure"}),
    ("network.input_limit", None, LEARNING | {"draw_figure"}),
    ("training.networks", 3, LEARNING | {"draw_figure"}),
    ("training.phase1.0.epochs", 21, LEARNING | {"draw_figure"}),
    ("training.phase1.0.rate", 0.006, LEARNING | {"draw_figure"}),
    ("training.phase2.0.epochs", 6, LEARNING | {"draw_figure"}),
    ("training.phase2.0.rate", 6e-4, LEARNING | {"draw_figure"}),
    (
        "training.procedure",
        "direct",
        {"extrapolate_labels", "train_baselines", "fit_linear_baselines", "train_fold", "draw_figure"},
    ),
    ("training.rate_decay", "none", LEARNING | {"draw_figure"}),
    ("training.minimum_steps", 10, LEARNING | {"draw_figure"}),
    ("training.error_scale", "none", LEARNING | {"draw_figure"}),
    ("training.weight_decay", 0.02, LEARNING | {"draw_figure"}),
    ("training.variance_weight", 0.9, LEARNING | {"draw_figure"}),
    ("training.correlation_weight", 0.4, LEARNING | {"draw_figure"}),
    ("training.correlation_radii", [2.0, 5.0], LEARNING | {"draw_figure"}),
    ("training.correlation_width", 1.1, LEARNING | {"draw_figure"}),
    ("training.equi_time_blind", 0.0, LEARNING | {"draw_figure"}),
    ("training.scaling_temperatures", "labelled", {"fit_scaling", "draw_figure"}),
    ("training.label_noise", "ignored", LEARNING | {"draw_figure"}),
    ("training.select_epoch", "validation", LEARNING | {"draw_figure"}),
    ("training.folds", 3, {"train_fold", *FIGURES}),
    ("training.fold_networks", 3, {"train_fold", *FIGURES}),
    # the mean of the networks kept in step 1 is what step 2 learns; step 1 is not trained again
    ("training.equi_time_tolerance", 0.25, {"extrapolate_labels", "draw_figure"}),
    ("training.full_tolerance", 0.25, {"select_networks", "draw_figure"}),
    # fitted to networks that are there: nothing is trained again
    ("training.contrast", "power", {"select_networks", "draw_figure"}),
    ("training.memory_gb", 3.0, FIGURES),
    ("baselines.networks", 3, {"train_baselines"}),
    ("baselines.transferred_from", POINT, {"predict_baselines", "train_fold"}),
    ("baselines.ridge_alpha", 1.0, {"fit_linear_baselines", "train_fold"}),
    # asked for with `snakemake studies` only
    ("studies.seeds", 2, set()),
    ("studies.networks", 3, set()),
    # what is read off
    ("prediction.iterations", 5, {"predict_propensities", "train_fold"}),
    ("prediction.tolerance", 0.01, {"predict_propensities", "train_fold"}),
    ("prediction.fields", 3, {"predict_propensities"}),
    ("large_systems.tiles", 3, {"equilibrate_large_systems", "draw_figure"}),
    ("large_systems.number", 2, {"equilibrate_large_systems", "draw_figure"}),
    ("large_systems.sweeps_factor", 2.5, {"equilibrate_large_systems"}),
    ("large_systems.dynamics.temperature", 0.8, {"run_isoconfigurational_dynamics", "predict_baselines"}),
    ("large_systems.dynamics.time", 31.0, {"run_isoconfigurational_dynamics"}),
    ("large_systems.dynamics.replicas", 3, {"run_isoconfigurational_dynamics", "draw_figure"}),
    ("large_systems.dynamics.systems", 1, set()),
    ("observables.fit_q_max", 1.4, {"measure_structure_factors", "measure_trends", *FIGURES}),
    ("observables.lattice_spacing", 1.4, {"measure_chord_lengths", "measure_trends"}),
    ("observables.mobile_share", 0.6, {"measure_chord_lengths", "measure_trends"}),
    ("observables.replica_noise", "ignored", {"measure_chord_lengths", "measure_trends"}),
    ("observables.attention_per_length", "sum", {"measure_attention_lengths", "measure_trends"}),
    ("observables.bootstrap", 60, {"measure_pearson", "measure_chord_lengths"}),
    # appearance
    ("figures.formats", ["png", "pdf"], {"draw_figure"}),
    ("figures.dpi", 90, FIGURES),
    ("figures.snapshot", POINT, {"measure_snapshots"}),
    ("figures.movie.frames", 7, FIGURES),
    ("figures.movie.frames_per_second", 7, FIGURES),
]

#: Keys whose other value has no meaning on the smoke run.
ELSEWHERE = {
    "structures.source": "published data take the place of files: tests/workflow/test_glassbench_source.py",
    "training.t_min": "there is one with two measured temperatures at or above it",
    "large_systems.chunk": "one large system cannot be divided",
    "structures.dataset": "null without a data set: tests/workflow/test_dataset_source.py",
    "structures.glassbench": "null without published data",
    "structures.files": "null without files of another program: tests/workflow/test_files_source.py",
    "descriptors.own": "null without quantities of one's own: tests/workflow/test_files_source.py",
    "propensity.label": "another one needs network.output: tests/workflow/test_other_liquid.py",
}

#: Limits, amounts of memory and time, and appearance.
HARMLESS = (
    "equilibration.checks",
    "equilibration.on_failure",
    "equilibration.extended_check",
    "minimisation.maximum_steps",
    "dynamics.block_seconds",
    "training.full_tolerance",
    "training.memory_gb",
    "studies",
    "prediction",
    "observables",
    "figures",
)


@pytest.fixture(scope="module")
def base(repository):
    return yaml.safe_load((repository / "config" / "smoke.yaml").read_text())


@pytest.fixture(scope="module")
def found(repository, base, tmp_path_factory):
    """Rules made again by each change of the table, all plans by one process."""
    changes = [{key: value} for key, value, _ in TABLE]
    run = subprocess.run(
        [sys.executable, str(repository / "tests" / "workflow" / "plans.py"), str(repository)],
        input=json.dumps(changes),
        cwd=tmp_path_factory.mktemp("plans"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return dict(zip((key for key, _, _ in TABLE), json.loads(run.stdout), strict=True))


def leaves(content: Any, path: str = "") -> set[str]:
    """Keys of a configuration down to values; entries of a list count as one, null sections as a value."""
    if isinstance(content, dict) and not path.endswith("exchange_weights"):
        return {leaf for key, value in content.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))}
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return {leaf for value in content for leaf in leaves(value, path)}
    return {path}


def plain_key(key: str) -> str:
    return ".".join(part for part in key.split(".") if not part.isdigit())


def test_every_key_is_in_the_table(base):
    known = {plain_key(key) for key, _, _ in TABLE} | set(ELSEWHERE)
    assert leaves(config.plain(config.load(base))) == known


@pytest.mark.parametrize(("key", "rules"), [(key, rules) for key, _, rules in TABLE])
def test_a_change_makes_again_what_the_table_says(found, key, rules):
    assert "refused" not in found[key], found[key]
    assert set(found[key]["first"]) == rules


@pytest.mark.parametrize("key", [key for key, _, _ in TABLE if plain_key(key).startswith(HARMLESS)])
def test_nothing_expensive_is_made_again_for_a_limit_a_label_or_a_style(found, key):
    assert not EXPENSIVE & set(found[key]["all"])


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("temperatures.1.extended_time", {"run_isoconfigurational_dynamics", "compute_descriptors"}),
        ("training.equi_time_tolerance", {"train_equi_time", "train_baselines"}),
        ("training.networks", {"compute_descriptors", "run_isoconfigurational_dynamics"}),
        ("propensity.relaxation_threshold", EXPENSIVE),
        ("descriptors.cutoff", {"run_isoconfigurational_dynamics", "find_inherent_structures"}),
        ("dynamics.time_step", {"equilibrate_structures", "compute_descriptors"}),
        ("large_systems.tiles", {"equilibrate_structures", "train_equi_time", "train_full"}),
        ("glass_transition", EXPENSIVE),
        ("temperatures.0.predicted_structures", LEARNT),
    ],
)
def test_what_does_not_depend_on_a_key_is_kept(found, key, kept):
    assert not kept & set(found[key]["all"])


def test_more_predicted_structures_leave_every_expensive_file_as_it_is(found):
    """Only files that did not exist are made by the expensive rules: one chunk of six structures."""
    files = {
        name.split("results/smoke/")[1] for name in found["temperatures.0.predicted_structures"]["files"]
    }
    expensive = {name for name in files if re.match(r"\w+/(structures|inherent|descriptors)/.*chunk", name)}
    assert expensive == {
        f"unit/{kind}/T0.80/chunk3.{suffix}"
        for kind, suffix in (("structures", "gsd"), ("inherent", "gsd"), ("descriptors", "h5"))
    }
