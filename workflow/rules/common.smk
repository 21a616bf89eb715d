# What all files of rules need: the validated config, the lists wildcards run over, and their constraints.
import json
import os
import shlex
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError

from tglassmlp import config as run_config
from tglassmlp import cost, paths
from tglassmlp.provenance import stage_version as version
from tglassmlp.state_point import canonical
from tglassmlp.storage import work_for

# Snakemake writes Python's path into shell commands as it is: without quotes it would end at a space
if os.path.exists(sys.executable):
    sys.executable = shlex.quote(sys.executable)
if set("{}") & set(str(workflow.basedir)):
    raise WorkflowError(
        f"{workflow.basedir}: Snakemake takes the braces in this path for wildcards; "
        "move or clone this folder to a path without them"
    )


def read_config():
    """The run's configuration: config.yaml, --configfile and --config, laid over each other by the package.

    Snakemake's own reading of them in `config` knows neither repeated keys nor mappings with free keys.
    """
    try:
        # a module of another workflow gets its `config` from there
        if workflow.modifier.skip_configfile:
            return run_config.load(config)
        settings = workflow.config_settings
        return run_config.load_run(
            settings.configfiles,
            settings.config_args or [],
            repository=workflow.basedir,
            complete=settings.replace_workflow_config,
        )
    except run_config.ConfigError as error:
        raise WorkflowError(str(error)) from None


CONFIG = read_config()
try:
    cost.longest_job()
except ValueError as error:
    raise WorkflowError(str(error)) from None
config.clear()
config.update(run_config.plain(CONFIG))  # for the report, which shows it

RUN = paths.run_folder(CONFIG.run)
# Every job inherits these: files carry their place, identity and mixture, and readers refuse those of another run.
work_for(RUN, run_config.fingerprint(CONFIG.seed, CONFIG.system), CONFIG.mixture())
# The limits of the checks let a job start or refuse it, and are no part of what it makes (equilibration.accept).
# The backend of a notebook that Snakemake was started from does not exist in jobs.
os.environ.update(
    MPLBACKEND="Agg",
    TGLASSMLP_EQUILIBRATION=json.dumps(
        {
            "checks": run_config.plain(CONFIG.equilibration.checks),
            "on_failure": CONFIG.equilibration.on_failure,
        }
    ),
)
TEMPERATURES = [canonical(t.value) for t in CONFIG.temperatures]
LABELLED = [
    canonical(t.value) for t in CONFIG.temperatures if t.dynamics_time is not None
]
GLASS_TRANSITION = canonical(CONFIG.glass_transition)
C_BS = [canonical(c) for c in CONFIG.c_b]
T_MINS = [canonical(t) for t in CONFIG.training.t_min]
MAIN_T_MIN = T_MINS[0]
#: Python file with the user's own quantities: descriptors are made again if it changes.
OWN_QUANTITIES = [] if CONFIG.descriptors.own is None else [CONFIG.descriptors.own]


def chunk_names(number, size):
    """Names of the chunks that hold `number` structures, `size` in each."""
    return [str(k) for k in range(-(-number // size))]


LARGE_CHUNKS = chunk_names(CONFIG.large_systems.number, CONFIG.large_systems.chunk)


wildcard_constraints:
    **paths.WILDCARDS,


def file_of(product, **known):
    """File of a product of this run; wildcards that are not known stay in braces."""
    return product.pattern(RUN, **known)


def files_of(product, **values):
    """Files of a product of this run, for all combinations of values; every wildcard has some."""
    return product.paths(RUN, **values)


def files_of_ensemble(product, ensemble, temperature, chunk):
    """Files of one temperature; of a product that has but one ensemble too."""
    known = {"ensemble": ensemble} if "ensemble" in product.wildcards else {}
    return files_of(product, **known, temperature=temperature, chunk=chunk)


def log_of(rule, *wildcards):
    """Log of a rule's jobs, which are told apart by these wildcards."""
    return paths.log(RUN, rule, *wildcards)


def benchmark_of(rule, *wildcards):
    """Time and memory of a rule's jobs, measured by Snakemake."""
    return paths.benchmark(RUN, rule, *wildcards)


def state_of(rule, *wildcards, suffix=""):
    """Where the jobs of a rule keep what they need to go on after a kill."""
    return paths.state(RUN, rule, *wildcards, suffix=suffix)


def chunks(ensemble, temperature, predicted=False):
    """Chunks of one temperature of an ensemble: `unit` (one unit system) or `large` (tiled).

    With those of the structures that networks only predict, if asked for.
    """
    if ensemble == "large":
        return LARGE_CHUNKS
    return [str(k) for k in range(len(CONFIG.structure_chunks(temperature, predicted)))]


def every_chunk(product, temperatures, ensemble="unit", predicted=False):
    """Files of a product for all chunks of some temperatures, in order."""
    return [
        file
        for temperature in temperatures
        for file in files_of_ensemble(
            product, ensemble, temperature, chunks(ensemble, temperature, predicted)
        )
    ]


def one_of(temperatures):
    """Constraint of a wildcard to some temperatures."""
    return "|".join(t.replace(".", r"\.") for t in temperatures)


def for_every_chunk(product):
    """Patterns of a product for every chunk of given structures, with the temperature as a wildcard."""
    names = chunk_names(CONFIG.structures.number, CONFIG.structures.chunk)
    return [file_of(product, ensemble="unit", chunk=chunk) for chunk in names]


def mixture_record():
    """The run's mixture as plain numbers and names, for `Mixture(**record)`."""
    return asdict(CONFIG.mixture())


def section(name):
    """One section of the config as plain numbers, strings and lists."""
    return run_config.plain(getattr(CONFIG, name))


def division_record():
    """What divides the structures into those learnt from, those that decide and those reported."""
    return {
        name: section("structures")[name]
        for name in ("number", "test_fraction", "validation_fraction")
    }


def temperature_entry(temperature):
    """The config's entry of one temperature as a plain dict."""
    return next(
        run_config.plain(t)
        for t in CONFIG.temperatures
        if canonical(t.value) == temperature
    )


def per_chunk(product, predicted=False):
    """Input function: files of a product for every chunk of a temperature, unit systems if no wildcard says."""

    def files(wildcards):
        ensemble = getattr(wildcards, "ensemble", "unit")
        return every_chunk(product, [wildcards.temperature], ensemble, predicted)

    return files


def within_limit(needed):
    """Run time that jobs ask for, which is what they need, cut to the longest job that the site allows.

    `needed` is a number of minutes or a function of the wildcards.
    """
    if callable(needed):
        return lambda wildcards: cost.within_limit(needed(wildcards))
    return cost.within_limit(needed)


def retries_of(needed, temperatures, ensemble="unit"):
    """Attempts of a rule whose jobs need minutes by temperature; 0 leaves the number to the profile."""
    return cost.retries(
        needed(
            SimpleNamespace(ensemble=ensemble, temperature=t, chunk="0", structure="0")
        )
        for t in temperatures
    )


def parts_made(targets):
    """What was asked for and is there: one line for each target, and one for each folder of its files."""
    lines = []
    for target in sorted(targets):
        files = PARTS[target]() if target in PARTS else [target]
        there = [str(file) for file in files if os.path.exists(file)]
        folders = Counter(Path(*Path(file).parts[:-1][:4]) for file in there)
        lines.append(f"{target}: {len(there)} of {len(files)} files are there")
        if target in PARTS:
            lines += [f"  {folder}: {n}" for folder, n in sorted(folders.items())]
    return lines


def closing_line(success):
    """Last line on the terminal: where the figures are, what part was made, or what to do next."""
    asked = set(map(str, workflow.dag_settings.targets or ())) - {"all"}
    if success and asked:
        return "\n".join(
            [
                f"\n{CONFIG.run} ({CONFIG.mixture().name}): a part of the run was asked for.",
                *parts_made(asked),
                "Without a target the same command makes the rest.",
            ]
        )
    if success:
        return (
            f"\n{CONFIG.run} ({CONFIG.mixture().name}): finished. Figures: {RUN}/figures/ (start with {RUN}/figures/contact_sheet.png), "
            f"numbers: {RUN}/numbers.json"
        )
    return (
        f"\n{CONFIG.run}: stopped. Each job's log is in {RUN}/logs/<rule>/. Nothing finished is lost: "
        "the same command goes on from here."
    )
