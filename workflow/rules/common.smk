# What all files of rules need: the validated config, the lists wildcards run over, and their constraints.
import json
import os
from dataclasses import asdict

from snakemake.exceptions import WorkflowError

from tglassmlp import config as run_config
from tglassmlp.config import canonical
from tglassmlp.provenance import stage_version as version
from tglassmlp.storage import work_for

try:
    CONFIG = run_config.load(config)
except run_config.ConfigError as error:
    raise WorkflowError(str(error)) from None

RUN = f"results/{CONFIG.run}"
# Every job inherits these: files carry their place, this identity and the mixture, and readers refuse those of another run.
work_for(RUN, run_config.fingerprint(CONFIG.seed, CONFIG.system), CONFIG.mixture())
# The limits of the checks let a job start or refuse it, and are no part of what it makes (equilibration.accept).
os.environ["TGLASSMLP_EQUILIBRATION"] = json.dumps(
    {
        "checks": run_config.plain(CONFIG.equilibration.checks),
        "on_failure": CONFIG.equilibration.on_failure,
    }
)
TEMPERATURES = [canonical(t.value) for t in CONFIG.temperatures]
LABELLED = [
    canonical(t.value) for t in CONFIG.temperatures if t.dynamics_time is not None
]
GLASS_TRANSITION = canonical(CONFIG.glass_transition)
C_BS = [canonical(c) for c in CONFIG.c_b]
T_MINS = [canonical(t) for t in CONFIG.training.t_min]
MAIN_T_MIN = T_MINS[0]


def chunk_names(number, size):
    """Names of the chunks that hold `number` structures, `size` in each."""
    return [str(k) for k in range(-(-number // size))]


LARGE_CHUNKS = chunk_names(CONFIG.large_systems.number, CONFIG.large_systems.chunk)


wildcard_constraints:
    temperature=r"\d+\.\d{2,6}",
    t_min=r"\d+\.\d{2,6}",
    cb=r"0\.\d{2,6}",
    chunk=r"\d+",
    ensemble="unit|large",
    figure=r"[a-z0-9_]+",


def chunks(ensemble, temperature):
    """Chunks of one temperature of an ensemble: `unit` (one unit system) or `large` (tiled)."""
    if ensemble == "large":
        return LARGE_CHUNKS
    return chunk_names(CONFIG.structures_at(temperature), CONFIG.structures.chunk)


def every_chunk(pattern, temperatures, ensemble="unit"):
    """`pattern` with {temperature} and {chunk} for all chunks of some temperatures, in order."""
    return [
        pattern.format(temperature=temperature, chunk=chunk)
        for temperature in temperatures
        for chunk in chunks(ensemble, temperature)
    ]


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


def per_chunk(pattern):
    """Input function: `pattern` (with {chunk}, {ensemble}, {temperature}) for every chunk of its ensemble."""

    def files(wildcards):
        ensemble = getattr(wildcards, "ensemble", "unit")
        fixed = {**dict(wildcards), "ensemble": ensemble}
        return [
            pattern.format(**{**fixed, "chunk": chunk})
            for chunk in chunks(ensemble, wildcards.temperature)
        ]

    return files


def closing_line(success):
    """Last line on the terminal: where the figures are, or what to do next."""
    if success:
        return (
            f"\n{CONFIG.run} ({CONFIG.mixture().name}): finished. Figures: {RUN}/figures/ (start with {RUN}/figures/contact_sheet.png), "
            f"numbers: {RUN}/numbers.json"
        )
    return (
        f"\n{CONFIG.run}: stopped. Each job's log is in {RUN}/logs/<rule>/. Nothing finished is lost: "
        "the same command goes on from here."
    )
