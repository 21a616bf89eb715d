"""The run configuration: one typed model, the only source of keys, defaults, ranges and their meaning.

A run is described by one YAML file (or the dictionary Snakemake made of it). :func:`load` checks it as a
whole and refuses it with one line per problem: the key's path, what was found, what is allowed. The JSON
schema in ``workflow/schemas`` is generated from these models (``python -m tglassmlp.config``).

However a run is started or asked about, :func:`load_run` reads its configuration. Several sources are laid
over each other by one rule: a mapping of settings is merged key by key, everything else is replaced whole,
that is numbers, names, lists, mappings with free keys (``equilibration.exchange_weights``) and a mixture.
"""

from __future__ import annotations

import difflib
import itertools
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from tglassmlp.division import Split, chunk_ranges, split
from tglassmlp.frames import extension_steps, frame_steps
from tglassmlp.limits import (
    DESCRIPTOR_CUTOFF,
    MAX_SPECIES,
    SMALLEST_TOLERANCE,
    OutOfRange,
    check_cutoff,
    check_lengths,
    check_radii,
    check_rings,
)
from tglassmlp.mixture import MIXTURES, Mixture, exchange_matrix
from tglassmlp.provenance import fingerprint as _fingerprint
from tglassmlp.state_point import canonical

__all__ = [
    "ENGINES",
    "STATE_FEATURES",
    "Config",
    "ConfigError",
    "Split",
    "check",
    "chunk_ranges",
    "extension_steps",
    "fingerprint",
    "frame_steps",
    "load",
    "load_run",
    "plain",
    "read_yaml",
    "refuse_truth_values",
    "schema",
    "split",
]

#: Engines that can make trajectories.
ENGINES: Final = ("native", "hoomd")

#: Functions of the state point (T, C_B) that may enter the attention network.
STATE_FEATURES: Final = (
    "T",
    "T^2",
    "1/T",
    "log(T)",
    "c_b",
    "c_b^2",
    "sqrt(c_b)",
    "log(c_b)",
    "log(1-c_b)",
    "c_b(1-c_b)",
    "T*c_b",
    "c_b/T",
)

#: Most steps of one trajectory and most attempts of one Monte Carlo run: both are counted in 64 bits, and
#: steps have to be whole numbers in double precision too.
MOST_STEPS: Final = 10**15
MOST_ATTEMPTS: Final = 2**62
#: Most particles of one system, and most frames of one trajectory.
MOST_PARTICLES: Final = 10**8
MOST_FRAMES: Final = 2000
#: Smallest relative weight of an exchange that is made at all.
SMALLEST_WEIGHT: Final = 1e-3

Positive = Annotated[float, Field(gt=0, le=1e15)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=10**12)]
#: Lengths and energies of pairs, in units of those of the largest species.
Scale = Annotated[float, Field(ge=1e-3, le=1e3)]
Width = Annotated[int, Field(ge=1, le=4096)]
Networks = Annotated[int, Field(ge=1, le=10_000)]
Replicas = Annotated[int, Field(ge=2, le=100_000)]
Tolerance = Annotated[float, Field(ge=1e-4, lt=1)]
Limit = Annotated[float, Field(gt=0, le=1e6)]


class ConfigError(ValueError):
    """A configuration that cannot be run; the message has one line per problem."""


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


class _TruthValue(ValueError):
    """True or false where a number is asked for, with its place below the key."""

    def __init__(self, where: tuple[int | str, ...], value: bool) -> None:
        self.where, self.value = where, value
        super().__init__("a number or name, not true/false")


def refuse_truth_values(value: Any, annotation: Any) -> None:
    """Refuse true and false wherever a value of this type holds numbers or names, however deep.

    Without this they are read as 1 and 0. Groups of keys see to their own keys.

    Raises
    ------
    ValueError
        For the first one found.
    """
    if annotation is bool:
        return
    deep = next(_models(annotation), None) is None
    # places still to be looked at; a list that holds itself is looked at once
    places: list[tuple[tuple[int | str, ...], Any]] = [((), value)]
    seen: set[int] = set()
    while places:
        where, found = places.pop(0)
        if isinstance(found, bool):
            raise _TruthValue(where, found)
        if not deep or not isinstance(found, (list, tuple, Mapping)) or id(found) in seen:
            continue
        seen.add(id(found))
        inside = found.items() if isinstance(found, Mapping) else enumerate(found)
        places += [((*where, key if isinstance(key, int) else str(key)), item) for key, item in inside]


class _Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused, NaN and infinity refused."""

    #: Whether it takes the place of what it is laid over, instead of being merged with it key by key.
    laid_over_whole: ClassVar[bool] = False

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        refuse_truth_values(value, cls.model_fields[str(info.field_name)].annotation)
        return value


class MixtureSettings(_Section):
    """A pair mixture of the smoothed Lennard-Jones family, written out in the config."""

    # one thing: what a mixture leaves out must not come from another one that it is laid over
    laid_over_whole: ClassVar[bool] = True

    name: str = Field(description="name used in files and figures", pattern=r"^[A-Za-z0-9_.-]{1,40}$")
    sigma: tuple[tuple[Scale, ...], ...] = Field(description="symmetric matrix of pair diameters")
    epsilon: tuple[tuple[Scale, ...], ...] = Field(description="symmetric matrix of pair energies")
    composition: tuple[Annotated[int, Field(ge=1, le=1_000_000)], ...] = Field(
        description="particles of each of the two to four species in the unit system"
    )
    box_length: Annotated[float, Field(gt=0, le=1e6)] = Field(
        description="side of the square box of one unit system"
    )
    cutoff: float = Field(
        2.5, gt=2.0 ** (1.0 / 6.0), le=100, description="cut-off of every pair in units of sigma_ab"
    )
    radii: tuple[Scale, ...] = Field((), description="radical Voronoi radii; empty: sigma_aa / 2")

    def build(self) -> Mixture:
        """Return the mixture; its own checks raise ValueError."""
        return Mixture(
            self.name, self.sigma, self.epsilon, self.composition, self.box_length, self.cutoff, self.radii
        )


class SystemSettings(_Section):
    """What is simulated."""

    mixture: Literal["KA2D"] | MixtureSettings = Field(
        "KA2D", description="named mixture, or one written out (sigma, epsilon, composition, box_length, ...)"
    )
    divisor: Count = Field(
        1, description="makes the unit system this many times smaller at the same density (tests only)"
    )


class TemperatureSettings(_Section):
    """One temperature."""

    value: float = Field(gt=0, le=100, description="temperature, reduced units, at most six decimals")
    dynamics_time: Positive | None = Field(
        None,
        description="length of each isoconfigurational run (LJ times); null: no dynamics, prediction only",
    )
    extended_time: Positive | None = Field(
        None,
        description="makes finished runs of dynamics_time this long, with velocities drawn anew at the joint",
    )
    sweeps: Annotated[int, Field(ge=10, le=10**12)] = Field(
        description="swap Monte Carlo sweeps (N attempts each) of one equilibration from each start"
    )
    extra_structures: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="structures beyond structures.number at this temperature, all to learn from",
    )


class GlassBenchSettings(_Section):
    """Published data that take the place of our own structures, inherent structures and trajectories."""

    path: Annotated[str, Field(min_length=1)] = Field(
        description="folder with KA2D_trajectories and KA2D_results (GlassBench, doi 10.5281/zenodo.10118191)"
    )
    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        description="temperatures taken from the data; the others are generated"
    )


class StructureSettings(_Section):
    """How many independent equilibrium structures, and their division."""

    source: Literal["generate", "glassbench"] = Field(
        "generate", description="our own structures (generate), or published ones (glassbench)"
    )
    glassbench: GlassBenchSettings | None = Field(None, description="which published data; null: none")
    number: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        description="independent structures per temperature"
    )
    test_fraction: Share = Field(
        0.5, description="share of the structures kept for the reported numbers only"
    )
    validation_fraction: Share = Field(
        0.2, description="share of the training structures that decides between networks and epochs"
    )
    chunk: Count = Field(description="structures per job; results do not depend on it")


class EquilibrationChecks(_Section):
    """Limits of the checks a structure has to pass before it enters the data set."""

    trend: Limit = Field(
        4.0,
        description="largest slope of energy against ln(sweeps) in standard errors, second half of the run",
    )
    start_difference: Limit = Field(
        4.0, description="largest difference of mean energy between the two starts, in standard errors"
    )
    overlap: Share = Field(
        0.2,
        description="largest overlap of structures with their state `sweeps` earlier, normalised: "
        "(overlap - chance) / (1 - chance)",
    )
    tile_overlap: Share = Field(
        0.1, description="largest overlap of neighbouring tiles of a large system, normalised in the same way"
    )
    peak: Limit = Field(
        4.0, description="largest value of any g_ab(r) beyond 1.5 sigma_ab (crystalline order)"
    )
    heat_capacity: Limit = Field(
        0.15,
        description="largest relative difference of dE/dT and the heat capacity from energy fluctuations; "
        "4 standard errors, if that is more",
    )
    heated_below: float = Field(
        2.0,
        ge=-1e6,
        le=1e6,
        description="smallest distance by which the inherent energy of aged heated starts lies below that of "
        "the structures, in standard errors",
    )
    composition: Limit = Field(
        4.0,
        description="largest excess of composition fluctuations at the smallest wave vectors, "
        "in standard deviations",
    )
    small_q_density: Limit = Field(
        4.0,
        description="largest deviation of the density fluctuations of large systems at their smallest wave "
        "vectors, in standard deviations",
    )
    small_q_composition: Limit = Field(
        4.0, description="the same for the composition, corrected for the number of species"
    )
    reweighting: Limit = Field(
        0.05,
        description="largest relative difference of the energies of neighbouring temperatures and what "
        "reweighting by their fluctuations gives; 4 standard errors, if that is more",
    )
    extended: Limit = Field(
        4.0,
        description="largest difference of inherent energies and descriptors after the extended check, "
        "in standard deviations",
    )


class ExtendedCheckSettings(_Section):
    """Structures that go on for many times their sweeps."""

    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="temperatures at which structures go on; null: the lowest"
    )
    structures: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        4, description="how many structures go on, the first of each temperature"
    )
    factor: Annotated[float, Field(ge=2, le=1e6)] = Field(
        10.0, description="for how many times the temperature's sweeps"
    )


class EquilibrationSettings(_Section):
    """Swap Monte Carlo."""

    exchanges: Literal["informed", "plain"] = Field(
        "informed",
        description="pairs exchange their species by what it costs (informed), or are drawn blindly (plain)",
    )
    exchanges_per_sweep: float = Field(
        0.04,
        ge=1e-3,
        le=10,
        description="informed exchanges tried per sweep, as a share of the number of particles",
    )
    exchange_interval: Annotated[int, Field(ge=1, le=1000)] = Field(
        4, description="sweeps between two blocks of informed exchanges"
    )
    swap_fraction: Annotated[float, Field(ge=1e-3, le=0.95)] = Field(
        0.2, description="share of attempts that are exchanges, if those are plain"
    )
    exchange_weights: dict[str, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="relative weights of exchanges between two species; 1 for pairs not named"
    )
    target_acceptance: float = Field(
        0.4, ge=0.3, le=0.5, description="acceptance of displacements, tuned during equilibration only"
    )
    record_points: Annotated[int, Field(ge=5, le=10_000)] = Field(
        20, description="log-spaced points at which energies and acceptances are recorded"
    )
    start_temperature: Annotated[float, Field(gt=0, le=1000)] = Field(
        2.0,
        description="temperature of the melt that all starts come from, above the run's highest temperature",
    )
    heated_ratio: Annotated[float, Field(ge=0.3, le=0.98)] = Field(
        0.85, description="the heated start is first aged at this multiple of the temperature"
    )
    checks: EquilibrationChecks = Field(
        EquilibrationChecks(), description="limits of the equilibration checks"
    )
    on_failure: Literal["error", "warn"] = Field(
        "error", description="a failed check stops the run (error) or is only reported (warn)"
    )
    extended_check: ExtendedCheckSettings | None = Field(
        None, description="structures that go on for many times their sweeps, as a check; null: none"
    )


class MinimisationSettings(_Section):
    """Inherent structures."""

    force_tolerance: float = Field(
        1e-6,
        ge=SMALLEST_TOLERANCE,
        le=1e-2,
        description="largest force at the minimum; rounding of the forces sets the lower limit",
    )
    maximum_steps: Count = Field(100_000, description="steps after which the minimisation is an error")


class DynamicsSettings(_Section):
    """Isoconfigurational molecular dynamics."""

    replicas: Replicas = Field(20, description="velocity draws per structure")
    time_step: float = Field(0.01, ge=1e-5, le=0.02, description="integration step (LJ times)")
    frame_ratio: float = Field(
        1.601, ge=1.001, le=10.0, description="smallest ratio of successive frame times; times are log-spaced"
    )
    thermostat: Literal["bussi", "nose_hoover"] = Field(
        "bussi", description="momentum-conserving thermostat: stochastic rescaling (bussi) or nose_hoover"
    )
    thermostat_time: Limit = Field(1.0, description="relaxation time of the thermostat (LJ times)")
    thermostat_velocities: Literal["half_step", "full_step"] = Field(
        "half_step",
        description="velocities the thermostat reads: half_step gives positions the right temperature, "
        "full_step makes them too hot by the square of the time step",
    )
    precision: Literal["mixed", "double"] = Field(
        "mixed",
        description="float32 pairs and 32-bit fixed-point motion (mixed), or float64 and 64-bit (double)",
    )
    block_seconds: Limit = Field(60.0, description="aimed seconds between checkpoints")


class PropensitySettings(_Section):
    """Bond-breaking propensity and relaxation time."""

    r_in: Annotated[float, Field(ge=1, le=100)] = Field(
        1.4, description="initial neighbours: r < r_in sigma_ab"
    )
    r_out: Annotated[float, Field(gt=1, le=100)] = Field(
        1.8, description="a bond is broken at r >= r_out sigma_ab"
    )
    central_species: Count = Field(1, description="species whose particles are labelled and predicted")
    relaxation_threshold: Annotated[float, Field(ge=0.01, le=0.99)] = Field(
        0.5, description="C_B at which the relaxation time tau is read"
    )
    extrapolation: Literal["between", "parabola", "line"] = Field(
        "between",
        description="ln tau against 1/T below the measured temperatures: parabola, straight line, or between "
        "parabola and its tangent",
    )
    extrapolation_temperatures: Annotated[int, Field(ge=2, le=1000)] = Field(
        4, description="how many of the lowest measured temperatures are extrapolated from"
    )
    glass_transition_ratio: float = Field(
        1e12,
        gt=1,
        le=1e30,
        description="T_g is reported as the temperature at which tau is this many LJ times",
    )
    wave_number: Annotated[float, Field(ge=0.1, le=100)] = Field(
        6.283, description="wave number of the scattering function: first peak of the structure factor"
    )


class DescriptorSettings(_Section):
    """Structural descriptors of the inherent structure."""

    lengths: tuple[Annotated[float, Field(ge=0, le=1000)], ...] = Field(
        (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0),
        description="coarse-graining lengths, increasing; 0 is the particle itself",
    )
    cutoff: Positive = Field(
        DESCRIPTOR_CUTOFF,
        description="range of the coarse-graining sums, at most half the box of one unit system",
    )


class LabelSettings(_Section):
    """Which state points are measured, extrapolated, or left to the full network (Table 1)."""

    lowest_ratio: float = Field(
        0.7, gt=0, le=1, description="step 1 extrapolates down to this multiple of the lowest measured T"
    )
    minimum_labelled: Count = Field(3, description="measured temperatures that extrapolation at a C_B needs")
    minimum_predicted: Count = Field(
        2, description="measured temperatures that a prediction without extrapolation at a C_B needs"
    )


class NetworkSettings(_Section):
    """Layers of tGlassMLP."""

    state_features: tuple[Literal[STATE_FEATURES], ...] = Field(  # type: ignore[valid-type]
        ("T", "1/T", "c_b", "c_b^2", "log(c_b)", "log(1-c_b)"),
        description="functions of the state point (T, C_B) that enter both state networks",
    )
    mlp1: tuple[Width, ...] = Field(
        (6, 6, 2), description="layers of the attention network; last: attention inputs"
    )
    bottleneck: Width = Field(2, description="bottleneck units")
    mlp2: tuple[Width, ...] = Field((7, 7, 4), description="layers of the network beside the bottleneck")
    head: tuple[Width, ...] = Field((10, 10), description="hidden layers of the head; one output follows")
    attention: bool = Field(True, description="weigh the descriptors by attention; without it all are equal")
    attention_bias: bool = Field(False, description="bias b_m of each descriptor's attention")
    attention_scale: bool = Field(
        True, description="multiply the attention weights by the number of descriptors"
    )
    bottleneck_activation: Literal["elu", "linear"] = Field("elu", description="activation of the bottleneck")
    output: Literal["propensity", "deviation"] = Field(
        "propensity", description="the head gives C_i (propensity) or C_i - C_B (deviation)"
    )
    input_limit: Annotated[float, Field(ge=0.1, le=1e6)] | None = Field(
        None, description="standardised descriptors x enter as l tanh(x/l) with this l; null: as they are"
    )


class PhaseSettings(_Section):
    """One stretch of training with one learning rate."""

    epochs: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        description="passes over all training structures"
    )
    rate: float = Field(gt=0, le=1, description="learning rate of Adam")


class TrainingSettings(_Section):
    """The two-step training."""

    t_min: tuple[Positive, ...] = Field(
        description="lowest measured temperature each model may see; the first is the main model"
    )
    networks: Networks = Field(16, description="networks trained with different seeds")
    folds: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0,
        description="folds of the structures learnt from, each left out of one more training of every "
        "method, for errors over training sets; 0: none",
    )
    fold_networks: Networks | None = Field(
        None, description="networks of each kind in those trainings; null: as many as elsewhere"
    )
    phase1: tuple[PhaseSettings, ...] = Field(
        (
            PhaseSettings(epochs=10, rate=1e-3),
            PhaseSettings(epochs=50, rate=5e-4),
            PhaseSettings(epochs=25, rate=2e-4),
        ),
        description="squared error: epochs and learning rates",
    )
    phase2: tuple[PhaseSettings, ...] = Field(
        (PhaseSettings(epochs=50, rate=4e-5),),
        description="error, variance and correlation loss: epochs and learning rates",
    )
    procedure: Literal["two_step", "direct"] = Field(
        "two_step",
        description="networks learn measured and extrapolated labels (two_step), or measured ones (direct)",
    )
    rate_decay: Literal["none", "cosine"] = Field(
        "none",
        description="each entry keeps its rate (none), or the rate falls to zero over its epochs (cosine)",
    )
    minimum_steps: Annotated[int, Field(ge=0, le=10**9)] = Field(
        0, description="epochs are multiplied until phase 1 has this many optimisation steps"
    )
    error_scale: Literal["none", "variance"] = Field(
        "none",
        description="squared error as it is (none), or over the largest label variance at the C_B",
    )
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = Field(
        0.0, description="share of the weights that each step takes off, times the learning rate (AdamW)"
    )
    variance_weight: Annotated[float, Field(ge=0, le=1e6)] = Field(
        1.0, description="weight of the variance term, phase 2"
    )
    correlation_weight: Annotated[float, Field(ge=0, le=1e6)] = Field(
        0.5, description="weight of the spatial-correlation term, phase 2"
    )
    correlation_radii: tuple[Positive, ...] = Field(
        (2.0, 5.0, 8.0),
        description="distances at which the correlation is compared, increasing, at most half the box of one "
        "unit system",
    )
    correlation_width: Positive = Field(1.0, description="width of the window around each distance")
    equi_time_blind: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="share of the networks of step 1 that are not told the temperature"
    )
    equi_time_tolerance: Tolerance = Field(
        0.05, description="step 1 keeps a network if its mean prediction is this close to C_B"
    )
    full_tolerance: Tolerance = Field(
        0.05,
        description="step 2 keeps a network if its mean prediction at the glass transition is this close",
    )
    scaling_temperatures: Literal["all", "labelled"] = Field(
        "all", description="temperatures whose training structures fix the scaling of descriptors"
    )
    label_noise: Literal["removed", "ignored"] = Field(
        "removed",
        description="phase 2 aims at the variance between halves of the replicas (removed) or of the labels",
    )
    select_epoch: Literal["last", "validation"] = Field(
        "last",
        description="networks after the last epoch, or after the best one of phase 2 on validation data",
    )
    memory_gb: Limit = Field(
        4.0,
        description="descriptors and correlation kernels beyond this stay on disk and are streamed (GB); "
        "the networks do not depend on it",
    )


class StatePoint(_Section):
    """A temperature and a mean propensity."""

    temperature: Positive = Field(description="temperature, one of the run's")
    c_b: Share = Field(description="mean propensity C_B, one of the run's")


class BaselineSettings(_Section):
    """What the network is compared with."""

    networks: Networks = Field(4, description="GlassMLP networks per state point")
    transferred_from: StatePoint | None = Field(
        None,
        description="state point whose GlassMLP is transferred; null: lowest measured T of the last t_min",
    )
    ridge_alpha: Annotated[float, Field(ge=1e-12, le=1e12)] | Literal["validation"] = Field(
        "validation",
        description="penalty of ridge regression, or the best one on the validation structures (validation)",
    )


class StudySettings(_Section):
    """Studies of the network and its training (``snakemake studies``); a run does not need them."""

    seeds: Networks = Field(2, description="trainings of each variant, with different random numbers")
    networks: Networks = Field(8, description="networks of each training")


class PredictionSettings(_Section):
    """Mean-corrected prediction."""

    iterations: Annotated[int, Field(ge=0, le=10_000)] = Field(
        6, description="most corrections of the input C_B"
    )
    tolerance: Annotated[float, Field(ge=1e-6, lt=1)] = Field(
        0.005, description="converged if the mean prediction is this close to C_B"
    )


class LargeDynamicsSettings(_Section):
    """Molecular dynamics of large systems, for comparison only."""

    temperature: Positive = Field(description="temperature, one of the run's")
    time: Positive = Field(description="length of the run (LJ times)")
    replicas: Replicas = Field(description="velocity draws per system")
    systems: Count = Field(description="how many of the large systems")


class LargeSystemSettings(_Section):
    """Tiled, re-equilibrated systems for snapshots and S_4(q)."""

    tiles: Annotated[int, Field(ge=2, le=1000)] = Field(
        description="unit systems per side (8: 64 unit systems)"
    )
    number: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="large systems per temperature")
    chunk: Count = Field(1, description="large systems per job; results do not depend on it")
    sweeps_factor: Annotated[float, Field(ge=0.1, le=1e6)] = Field(
        2.0, description="sweeps of re-equilibration as a multiple of the temperature's sweeps"
    )
    dynamics: LargeDynamicsSettings | None = Field(None, description="dynamics of large systems, or null")


class ObservableSettings(_Section):
    """Susceptibilities and lengths."""

    fit_q_max: Annotated[float, Field(gt=0, le=10)] = Field(
        0.5, description="largest wave number of the S_4 fits"
    )
    lattice_spacing: Annotated[float, Field(ge=0.1)] = Field(
        1.5, description="lattice on which chords are measured, at most a quarter of the box of a unit system"
    )
    mobile_share: Share = Field(0.5, description="a site is mobile if more than this share is active")
    replica_noise: Literal["estimated", "ignored"] = Field(
        "estimated",
        description="replicas' noise shortens chords of dynamics: estimated or ignored",
    )
    attention_per_length: Literal["mean", "sum"] = Field(
        "mean", description="P(L): mean or sum of the attention over the descriptors of one length"
    )
    bootstrap: Annotated[int, Field(ge=20, le=1_000_000)] = Field(
        500, description="resamplings of structures for error bars"
    )


class MovieSettings(_Section):
    """The movie of relaxation at the glass transition."""

    frames: Annotated[int, Field(ge=2, le=100_000)] = Field(
        60, description="frames of the movie, evenly spaced in log time"
    )
    frames_per_second: Annotated[int, Field(ge=1, le=1000)] = Field(15, description="frames shown per second")


class FigureSettings(_Section):
    """Appearance; changes nothing but pictures."""

    formats: tuple[Literal["png", "pdf", "svg"], ...] = Field(
        ("png", "pdf"), description="file formats, png first"
    )
    dpi: Annotated[int, Field(ge=50, le=1200)] = Field(200, description="dots per inch of png")
    snapshot: StatePoint | None = Field(
        None,
        description="state point of the snapshots; null: that of the large dynamics, else the main t_min",
    )
    movie: MovieSettings = Field(MovieSettings(), description="length and speed of the movie")


class Config(_Section):
    """Everything that defines a run's numbers and pictures."""

    run: str = Field(
        description="name of the run; products go to results/<run>",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(description="root of every random number")
    engine: Literal[ENGINES] = Field("native", description="engine of the trajectories")  # type: ignore[valid-type]
    system: SystemSettings = Field(SystemSettings(), description="what is simulated")
    temperatures: tuple[TemperatureSettings, ...] = Field(
        json_schema_extra={"minItems": 2},
        description="temperatures, from high to low; those with a dynamics_time are measured",
    )
    glass_transition: Positive = Field(description="temperature of the glass transition, one of the list")
    structures: StructureSettings = Field(description="independent structures and their division")
    equilibration: EquilibrationSettings = Field(EquilibrationSettings(), description="swap Monte Carlo")
    minimisation: MinimisationSettings = Field(MinimisationSettings(), description="inherent structures")
    dynamics: DynamicsSettings = Field(
        DynamicsSettings(), description="isoconfigurational molecular dynamics"
    )
    propensity: PropensitySettings = Field(PropensitySettings(), description="bond-breaking propensity")
    c_b: tuple[Share, ...] = Field(
        (0.99, 0.94, 0.90, 0.85, 0.80, 0.75, 0.65, 0.50, 0.25, 0.15, 0.075),
        json_schema_extra={"minItems": 2},
        description="grid of mean propensities C_B, strictly decreasing",
    )
    descriptors: DescriptorSettings = Field(DescriptorSettings(), description="structural descriptors")
    labels: LabelSettings = Field(LabelSettings(), description="the label map")
    network: NetworkSettings = Field(NetworkSettings(), description="layers of tGlassMLP")
    training: TrainingSettings = Field(description="the two-step training")
    baselines: BaselineSettings = Field(BaselineSettings(), description="what the network is compared with")
    studies: StudySettings = Field(StudySettings(), description="studies of the network and its training")
    prediction: PredictionSettings = Field(PredictionSettings(), description="mean-corrected prediction")
    large_systems: LargeSystemSettings = Field(description="tiled systems for snapshots and S_4(q)")
    observables: ObservableSettings = Field(ObservableSettings(), description="susceptibilities and lengths")
    figures: FigureSettings = Field(FigureSettings(), description="appearance of the figures")

    def mixture(self) -> Mixture:
        """Return the mixture of the unit system (named or inline, divided by ``system.divisor``)."""
        chosen = self.system.mixture
        base = MIXTURES[chosen] if isinstance(chosen, str) else chosen.build()
        return base if self.system.divisor == 1 else base.scaled(self.system.divisor)

    def temperature(self, name: str) -> TemperatureSettings:
        """Entry of a temperature by its canonical name.

        Raises
        ------
        ValueError
            If the run has no such temperature.
        """
        for entry in self.temperatures:
            if canonical(entry.value) == name:
                return entry
        known = ", ".join(canonical(t.value) for t in self.temperatures)
        raise ValueError(f"temperature {name} is not part of run {self.run!r}, which has {known}")

    def structures_at(self, name: str) -> int:
        """Return the number of structures of a temperature, by its canonical name."""
        return self.structures.number + self.temperature(name).extra_structures

    def extended_temperatures(self) -> list[float]:
        """Return the temperatures whose first structures go on (``equilibration.extended_check``)."""
        check = self.equilibration.extended_check
        if check is None:
            return []
        return list(check.temperatures or [min(t.value for t in self.temperatures)])

    def structure_split(self) -> Split:
        """Training, validation and test structures of every temperature."""
        return split(
            self.structures.number, self.structures.test_fraction, self.structures.validation_fraction
        )


# --------------------------------------------------------------------------------------------- helpers


def plain(section: BaseModel) -> dict[str, Any]:
    """Return a section as plain numbers, strings, lists and dictionaries (for rule ``params`` and JSON)."""
    return section.model_dump(mode="json")


def fingerprint(*sections: BaseModel | Mapping[str, Any] | Sequence[Any] | float | str) -> str:
    """Short hash of sections or plain values, for checkpoints and provenance."""
    return _fingerprint([plain(s) if isinstance(s, BaseModel) else s for s in sections])


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read one YAML mapping with the safe loader; repeated keys are refused.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, repeats a key or is not a mapping.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8-sig"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not readable YAML: {_one_line(error)}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {_shown(content)}")
    return content


def _one_line(error: Exception) -> str:
    """Return what the reader of YAML says, without its name for a text whose file is named already."""
    return " ".join(str(error).split()).replace('in "<unicode string>", ', "in ")


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe loader that refuses repeated keys instead of silently keeping the last, and what holds itself.

    Both are looked for in the text as it is written: merge keys (``<<: *other``) add keys afterwards, which
    those written out stand above.
    """

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            self._refuse_circles(node, set(), set())
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue  # no name; refused when it is made
            merge = key_node.tag == "tag:yaml.org,2002:merge"
            # keys are names: 1 and "1" are the same
            name = "<<" if merge else str(self.construct_object(key_node, deep=True))
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {name!r} appears twice", key_node.start_mark
                )
            seen.add(name)
        return node

    def _refuse_circles(self, node: yaml.Node, above: set[int], done: set[int]) -> None:
        """Refuse a list or mapping that an alias puts inside itself."""
        if id(node) in above:
            raise yaml.constructor.ConstructorError(
                None, None, "an alias (*name) stands inside what it repeats", node.start_mark
            )
        if isinstance(node, yaml.ScalarNode) or id(node) in done:
            return
        inner = node.value
        if isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        for part in inner:
            self._refuse_circles(part, above | {id(node)}, done)
        done.add(id(node))


def load(source: str | os.PathLike[str] | Mapping[str, Any] | Iterable[str | os.PathLike[str]]) -> Config:
    """Check a configuration and return it typed.

    Parameters
    ----------
    source
        A YAML file, a mapping, or several YAML files, of which later ones are laid over earlier ones:
        settings are merged key by key, lists, mappings with free keys and mixtures are replaced whole.

    Raises
    ------
    ConfigError
        One line per problem: key path, what was found, what is allowed.
    """
    if isinstance(source, Mapping):
        try:
            content = _plain_mapping(source)
        except RecursionError:
            raise ConfigError("a configuration holds itself, or is nested too deeply") from None
    elif isinstance(source, (str, os.PathLike)):
        content = read_yaml(source)
    else:
        content = _laid_over_each_other(read_yaml(path) for path in source)
    return _checked(content)


def load_run(
    files: Iterable[str | os.PathLike[str]] = (),
    assignments: Iterable[str] = (),
    *,
    repository: str | os.PathLike[str],
    folder: str | os.PathLike[str] = ".",
    complete: bool = False,
) -> Config:
    """Read the configuration of a run, in the same way however it is started or asked about.

    Parameters
    ----------
    files
        YAML files given on the command line, later ones laid over earlier ones. They may name only the keys
        that differ from ``config.yaml``.
    assignments
        Keys given on the command line as ``key=value``, the value in YAML; laid over everything else.
    repository
        Folder of the Snakefile, whose ``config.yaml`` is what all others are laid over.
    folder
        Where the run's ``results`` are; if it has a ``config.yaml`` of its own, that comes next.
    complete
        Leave out both ``config.yaml`` (Snakemake's ``--replace-workflow-config``).

    Raises
    ------
    ConfigError
        One line per problem: key path, what was found, what is allowed.
    """
    base = Path(repository) / "config.yaml"
    own = Path(folder) / "config.yaml"
    below: list[str | os.PathLike[str]] = []
    if not complete:
        below += [base] if base.is_file() else []
        below += [own] if own.is_file() and not (below and own.samefile(base)) else []
    layers = [read_yaml(path) for path in [*below, *files] or [base]]
    return _checked(_laid_over_each_other([*layers, _assigned(assignments)]))


def _assigned(assignments: Iterable[str]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--config {text}: found no key=value")
        if key.strip() in content:
            raise ConfigError(f"--config {text}: key {key.strip()!r} appears twice")
        try:
            content[key.strip()] = yaml.load(value, Loader=_UniqueKeyLoader)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ConfigError(f"--config {text}: not readable YAML: {_one_line(error)}") from None
    return content


def _checked(content: Any) -> Config:
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        raise _refusal([_described(e) for e in error.errors(include_url=False)]) from None
    problems = list(_contradictions(config))
    if problems:
        raise _refusal(problems)
    return config


def check(section: type[BaseModel], names: Mapping[str, str] | None = None, **values: Any) -> None:
    """Refuse values that the configuration would refuse, for functions that are called without one.

    Parameters
    ----------
    section
        Model that holds the keys, e.g. :class:`MinimisationSettings`.
    names
        What a key is called in the message, where that is not its own name.
    values
        Value of each key to check; the other keys of the section need none.

    Raises
    ------
    OutOfRange
        For the first value that is not allowed, with its name, what was found and what is allowed.
    """
    plain_values = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in values.items()}
    try:
        section.model_validate(plain_values)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            key = problem["loc"][0] if problem["loc"] else None
            if key in values and problem["type"] != "extra_forbidden":
                described = _described(problem, section)
                name = (names or {}).get(str(key), str(key))
                raise OutOfRange(name, described.found, described.allowed) from None


def _laid_over_each_other(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for layer in layers:
        content = _laid_over(content, layer, Config)
    return content


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """``over`` laid over ``base``; both are mappings of the settings of ``model``."""
    result = dict(base)
    for key, value in over.items():
        field = model.model_fields.get(str(key))
        section = None if field is None else next(_models(field.annotation), None)
        merged = section is not None and not getattr(section, "laid_over_whole", False)
        if merged and isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _laid_over(result[key], value, section)  # type: ignore[arg-type]
        else:
            result[key] = value
    return result


def _plain_mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain_mapping(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_mapping(v) for v in value]
    return value


# ---------------------------------------------------------------------------------- what is said on error


@dataclass(frozen=True)
class _Problem:
    path: str
    found: str
    allowed: str


def _refusal(problems: Sequence[_Problem]) -> ConfigError:
    unique = dict.fromkeys(f"  {p.path}: found {p.found}; allowed: {p.allowed}" for p in problems)
    count = "1 problem" if len(unique) == 1 else f"{len(unique)} problems"
    return ConfigError("\n".join([f"this configuration cannot be run ({count}):", *unique]))


def _shown(value: Any) -> str:
    text = json.dumps(value, default=repr) if not isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _path(location: Sequence[int | str]) -> str:
    """Turn pydantic's location into a key path; names of union members are left out."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "MixtureSettings" and not part.startswith("literal["):
            text += f".{part}" if text else part
    return text


def _model_at(location: Sequence[int | str], root: type[BaseModel]) -> type[BaseModel] | None:
    """Model that holds the last key of ``location`` below ``root``."""
    model: Any = root
    for part in location[:-1]:
        if isinstance(part, int) or part == "MixtureSettings":
            continue
        field = model.model_fields.get(part)
        if field is None:
            return None
        model = next(_models(field.annotation), None)
        if model is None:
            return None
    return model


_SHAPES: Final = {
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "model_type": "a group of keys",
    "dict_type": "a group of keys",
}


def _described(error: Any, root: type[BaseModel] | None = None) -> _Problem:
    location, kind, context = error["loc"], error["type"], error.get("ctx", {})
    path, found = _path(location) or "(the whole file)", _shown(error["input"])
    field = None
    owner = _model_at(location, root or Config)
    if owner is not None and location and isinstance(location[-1], str):
        field = owner.model_fields.get(location[-1])
    if kind == "missing":
        meaning = f" ({field.description})" if field is not None else ""
        return _Problem(path, "nothing", f"this key is required{meaning}")
    if kind == "extra_forbidden":
        known = list(owner.model_fields) if owner is not None else []
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return _Problem(path, "an unknown key", f"{hint}keys here are {', '.join(known)}")
    if kind == "literal_error":
        return _Problem(path, found, context["expected"])
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        limit = next(iter(context.values()))
        words = {
            "greater_than": "greater than",
            "greater_than_equal": "at least",
            "less_than": "less than",
            "less_than_equal": "at most",
        }
        return _Problem(path, found, f"a number {words[kind]} {limit:g}")
    if kind == "string_pattern_mismatch":
        return _Problem(
            path,
            found,
            "letters, digits, '.', '_' and '-', starting with a letter or digit (it names a folder)",
        )
    if kind == "value_error":
        cause = context["error"]
        if isinstance(cause, _TruthValue):
            return _Problem(_path((*location, *cause.where)), _shown(cause.value), str(cause))
        return _Problem(path, found, str(cause))
    return _Problem(path, found, _SHAPES.get(kind, error["msg"]))


# ------------------------------------------------------------------------------------ contradictions


def _contradictions(c: Config) -> Iterable[_Problem]:
    """Find what contradicts between keys."""
    if c.run in (".", "..") or re.search(r"\.\.", c.run):
        yield _Problem("run", _shown(c.run), "a folder name without '..'")
    yield from _system_problems(c)
    yield from _temperature_problems(c)
    yield from _dynamics_time_problems(c)
    yield from _structure_problems(c)
    yield from _grid_problems(c)
    yield from _training_problems(c)
    yield from _large_problems(c)
    yield from _extended_check_problems(c)
    yield from _equilibration_problems(c)
    yield from _range_problems(c)


def _system_problems(c: Config) -> Iterable[_Problem]:
    try:
        mixture = c.mixture()
    except ValueError as error:
        key = "system.divisor" if "divided" in str(error) else "system.mixture"
        found = str(c.system.divisor) if key.endswith("divisor") else "a mixture that is not valid"
        yield _Problem(key, found, str(error))
        return
    if not 2 <= mixture.n_species <= MAX_SPECIES:
        yield _Problem(
            "system.mixture.composition",
            "1 species" if mixture.n_species == 1 else f"{mixture.n_species} species",
            f"2 to {MAX_SPECIES} species: swap Monte Carlo exchanges unlike particles, and the engine's "
            f"tables hold {MAX_SPECIES}",
        )
        return
    try:
        exchange_matrix(c.equilibration.exchange_weights or {}, mixture.n_species)
        for pair, weight in (c.equilibration.exchange_weights or {}).items():
            if 0 < weight < SMALLEST_WEIGHT:
                yield _Problem(
                    f"equilibration.exchange_weights.{pair}",
                    f"{weight:g}",
                    f"0, or {SMALLEST_WEIGHT:g} to 1: rarer exchanges do not mix the species in any run",
                )
    except ValueError as error:
        yield _Problem("equilibration.exchange_weights", str(c.equilibration.exchange_weights), str(error))
    reach = 2.0 * max(mixture.largest_cutoff, c.propensity.r_out * float(mixture.sigma_matrix.max()))
    if mixture.box_length < reach:
        key = "system.divisor" if c.system.divisor > 1 else "system.mixture.box_length"
        yield _Problem(
            key,
            f"a box of {mixture.box_length:.4g}",
            f"a box of at least twice the longest range ({reach:g}), so that the minimum image is defined",
        )
    try:
        check_cutoff(c.descriptors.cutoff, mixture.box_length)
    except OutOfRange as error:
        yield _Problem(
            "descriptors.cutoff", error.found, error.allowed.replace("box", "box of one unit system")
        )
    if c.propensity.central_species > mixture.n_species:
        yield _Problem(
            "propensity.central_species", str(c.propensity.central_species), f"1 to {mixture.n_species}"
        )
    try:
        check_radii(c.propensity.r_in, c.propensity.r_out)
    except OutOfRange as error:
        yield _Problem(
            f"propensity.{error.name}", error.found, error.allowed.replace("r_in", "propensity.r_in")
        )


def _range_problems(c: Config) -> Iterable[_Problem]:
    """Find lengths that do not fit the box or the liquid: they would be noticed after all dynamics only."""
    try:
        mixture = c.mixture()
    except ValueError:
        return  # said elsewhere
    box, t = mixture.box_length, c.training
    diameters = np.diag(mixture.sigma_matrix)
    packing = 0.25 * math.pi * float(np.sum(np.asarray(mixture.composition) * diameters**2)) / box**2
    if not 0.1 <= packing <= 2:
        key = "composition" if isinstance(c.system.mixture, MixtureSettings) else "box_length"
        yield _Problem(
            f"system.mixture.{key}",
            f"discs of diameter sigma_aa on {packing:.3g} of the area",
            "0.1 to 2 (KA2D: 0.83): less is a gas, and more cannot be set up without overlaps",
        )
    large = sum(mixture.composition) * c.large_systems.tiles**2
    if large > MOST_PARTICLES:
        yield _Problem(
            "large_systems.tiles",
            str(c.large_systems.tiles),
            f"at most {MOST_PARTICLES:.0e} particles in a large system (these are {large:.3g})",
        )
    if c.propensity.central_species <= mixture.n_species:
        central = mixture.composition[c.propensity.central_species - 1]
        if central < 10:
            yield _Problem(
                "propensity.central_species",
                f"a species of {central} particles",
                "a species of at least 10 particles in the unit system, whose propensities can be correlated",
            )
        radii = t.correlation_radii
        if len(radii) >= 2 and all(b > a for a, b in itertools.pairwise(radii)):
            try:
                check_rings(radii, t.correlation_width, box, central)
            except OutOfRange as error:
                yield _Problem(
                    f"training.correlation_{error.name}",
                    error.found,
                    error.allowed.replace("box", "box of one unit system"),
                )
    nearest = c.propensity.r_in * float(mixture.sigma_matrix.max())
    if c.descriptors.cutoff < nearest:
        yield _Problem(
            "descriptors.cutoff",
            f"{c.descriptors.cutoff:g}",
            f"at least the distance of neighbours ({nearest:g}): sums over no particle are no descriptors",
        )
    if c.observables.lattice_spacing > 0.25 * box:
        yield _Problem(
            "observables.lattice_spacing",
            f"{c.observables.lattice_spacing:g}",
            f"at most a quarter of the box of one unit system ({0.25 * box:.4g})",
        )
    smallest = 2.0 * math.pi / (box * c.large_systems.tiles)
    if c.observables.fit_q_max <= smallest:
        yield _Problem(
            "observables.fit_q_max",
            f"{c.observables.fit_q_max:g}",
            f"more than the smallest wave number of a large system ({smallest:.4g})",
        )


def _equilibration_problems(c: Config) -> Iterable[_Problem]:
    """Find what takes the proof of equilibrium its force, and more sweeps than can be counted."""
    e = c.equilibration
    highest = max((t.value for t in c.temperatures), default=0.0)
    if e.start_temperature <= highest:
        yield _Problem(
            "equilibration.start_temperature",
            f"{e.start_temperature:g}",
            f"more than the highest temperature ({highest:g}), so that starts come from a hotter liquid",
        )
    try:
        particles = sum(c.mixture().composition)
    except ValueError:
        return  # said elsewhere
    check, large = e.extended_check, c.large_systems
    longest = max(
        particles * max(2.0, 0.0 if check is None else check.factor),
        particles * large.tiles**2 * max(1.0, large.sweeps_factor),
    )
    for k, t in enumerate(c.temperatures):
        if t.sweeps * longest > MOST_ATTEMPTS:
            yield _Problem(
                f"temperatures[{k}].sweeps",
                f"{t.sweeps:g}",
                f"at most {MOST_ATTEMPTS / longest:.3g}: the attempts of a run are counted in 64 bits",
            )


def _named(values: Iterable[float], path: str) -> Iterable[_Problem]:
    for k, value in enumerate(values):
        try:
            canonical(value)
        except ValueError:
            yield _Problem(path.format(k), repr(value), "a number with at most six decimals (it names files)")


def _temperature_problems(c: Config) -> Iterable[_Problem]:
    values = [t.value for t in c.temperatures]
    if len(values) < 2:
        yield _Problem("temperatures", f"{len(values)} entries", "at least 2 entries")
        return
    bad = list(_named(values, "temperatures[{}].value"))
    if bad:
        yield from bad
        return
    for k in range(1, len(values)):
        if values[k] >= values[k - 1]:
            yield _Problem(
                f"temperatures[{k}].value",
                f"{values[k]:g}",
                f"less than the one before it ({values[k - 1]:g})",
            )
    known = ", ".join(map(canonical, values))
    if c.glass_transition not in values:
        yield _Problem("glass_transition", f"{c.glass_transition:g}", f"one of the temperatures ({known})")
    labelled = [t for t in c.temperatures if t.dynamics_time is not None]
    if len(labelled) < 2:
        yield _Problem(
            "temperatures",
            f"{len(labelled)} with a dynamics_time",
            "at least 2 (nothing can be learnt from fewer)",
        )


def _dynamics_time_problems(c: Config) -> Iterable[_Problem]:
    step = c.dynamics.time_step
    shortest = step if c.dynamics.thermostat == "bussi" else 10 * step
    if c.dynamics.thermostat_time < shortest:
        yield _Problem(
            "dynamics.thermostat_time",
            f"{c.dynamics.thermostat_time:g}",
            f"at least {shortest:g} for {c.dynamics.thermostat} with dynamics.time_step {step:g}",
        )
    times = [x for t in c.temperatures for x in (t.dynamics_time, t.extended_time) if x is not None]
    frames = math.log(max([*times, step]) / step) / math.log(c.dynamics.frame_ratio)
    if frames > MOST_FRAMES:
        yield _Problem(
            "dynamics.frame_ratio",
            f"{c.dynamics.frame_ratio:g}",
            f"a ratio that makes at most {MOST_FRAMES} frames of the longest dynamics",
        )
    for k, t in enumerate(c.temperatures):
        where = f"temperatures[{k}]"
        for key in ("dynamics_time", "extended_time"):
            time = getattr(t, key)
            if time is None:
                continue
            if time / step > MOST_STEPS:
                yield _Problem(
                    f"{where}.{key}",
                    f"{time:g}",
                    f"at most {MOST_STEPS:.0e} time steps ({MOST_STEPS * step:g})",
                )
            elif time / step < 10:
                yield _Problem(f"{where}.{key}", f"{time:g}", f"at least 10 time steps ({10 * step:g})")
            elif abs(time / step - round(time / step)) > 1e-6 * time / step:
                yield _Problem(f"{where}.{key}", f"{time:g}", f"a multiple of dynamics.time_step ({step:g})")
        if t.extended_time is None:
            continue
        where, found = f"{where}.extended_time", f"{t.extended_time:g}"
        if t.dynamics_time is None:
            yield _Problem(where, found, "null where dynamics_time is null")
        elif t.extended_time < t.dynamics_time + step:
            yield _Problem(where, found, f"more than dynamics_time ({t.dynamics_time:g})")


def _source_problems(c: Config) -> Iterable[_Problem]:
    data = c.structures.glassbench
    if c.structures.source == "generate":
        return
    if data is None:
        yield _Problem("structures.glassbench", "null", "path and temperatures of the published data")
        return
    labelled = [t.value for t in c.temperatures if t.dynamics_time is not None]
    if len(set(data.temperatures)) < len(data.temperatures):
        yield _Problem(
            "structures.glassbench.temperatures", _shown(list(data.temperatures)), "different temperatures"
        )
    for k, value in enumerate(data.temperatures):
        if value not in labelled:
            yield _Problem(
                f"structures.glassbench.temperatures[{k}]",
                f"{value:g}",
                f"a temperature with a dynamics_time ({', '.join(f'{t:g}' for t in labelled)})",
            )
    for k, t in enumerate(c.temperatures):
        for key, allowed in (("extra_structures", 0), ("extended_time", None)):
            found = getattr(t, key)
            if found and t.value in data.temperatures:
                yield _Problem(
                    f"temperatures[{k}].{key}", f"{found:g}", f"{json.dumps(allowed)} for published data"
                )
    if c.system.mixture != "KA2D" or c.system.divisor != 1:
        yield _Problem(
            "structures.source", "glassbench", "generate, unless the system is KA2D with divisor 1"
        )


def _structure_problems(c: Config) -> Iterable[_Problem]:
    yield from _source_problems(c)
    s = c.structures
    try:
        split(s.number, s.test_fraction, s.validation_fraction)
    except ValueError as error:
        key = "test_fraction" if "test set" in str(error) else "validation_fraction"
        yield _Problem(
            f"structures.{key}",
            f"{getattr(s, key):g} of {s.number} structures",
            f"at least one structure each for training, validation and test ({error})",
        )
    if s.chunk > s.number:
        yield _Problem("structures.chunk", str(s.chunk), f"at most structures.number ({s.number})")


def _grid_problems(c: Config) -> Iterable[_Problem]:
    yield from _named(c.c_b, "c_b[{}]")
    if len(c.c_b) < 2:
        yield _Problem("c_b", f"{len(c.c_b)} entries", "at least 2 entries")
    for k in range(1, len(c.c_b)):
        if c.c_b[k] >= c.c_b[k - 1]:
            yield _Problem(f"c_b[{k}]", f"{c.c_b[k]:g}", f"less than the one before it ({c.c_b[k - 1]:g})")
    lengths = c.descriptors.lengths
    if not lengths:
        yield _Problem("descriptors.lengths", "an empty list", "at least one length")
    for k in range(1, len(lengths)):
        if lengths[k] <= lengths[k - 1]:
            yield _Problem(
                f"descriptors.lengths[{k}]",
                f"{lengths[k]:g}",
                f"more than the one before it ({lengths[k - 1]:g})",
            )
    if lengths and not any(b <= a for a, b in itertools.pairwise(lengths)):
        try:
            check_lengths(lengths, c.descriptors.cutoff)
        except ValueError as error:
            yield _Problem("descriptors.lengths", _shown(list(lengths)), str(error))
    if (
        not c.figures.formats
        or c.figures.formats[0] != "png"
        or len(set(c.figures.formats)) < len(c.figures.formats)
    ):
        yield _Problem("figures.formats", _shown(list(c.figures.formats)), "different formats, png first")
    for path, point in (
        ("figures.snapshot", c.figures.snapshot),
        ("baselines.transferred_from", c.baselines.transferred_from),
    ):
        if point is not None:
            yield from _state_point_problems(c, path, point)
    source = c.baselines.transferred_from
    labelled = [t.value for t in c.temperatures if t.dynamics_time is not None]
    if source is not None and source.temperature not in labelled:
        yield _Problem(
            "baselines.transferred_from.temperature",
            f"{source.temperature:g}",
            f"a temperature with a dynamics_time ({', '.join(f'{t:g}' for t in labelled)})",
        )


def _state_point_problems(c: Config, path: str, point: StatePoint) -> Iterable[_Problem]:
    values = [t.value for t in c.temperatures]
    if point.temperature not in values:
        yield _Problem(
            f"{path}.temperature",
            f"{point.temperature:g}",
            f"one of the temperatures ({', '.join(f'{v:g}' for v in values)})",
        )
    if point.c_b not in c.c_b:
        yield _Problem(f"{path}.c_b", f"{point.c_b:g}", f"one of c_b ({', '.join(f'{v:g}' for v in c.c_b)})")


def _training_problems(c: Config) -> Iterable[_Problem]:
    labelled = [t.value for t in c.temperatures if t.dynamics_time is not None]
    known = ", ".join(f"{t:g}" for t in labelled)
    t = c.training
    if not t.t_min:
        yield _Problem(
            "training.t_min", "an empty list", f"at least one of the measured temperatures ({known})"
        )
    if len(set(t.t_min)) < len(t.t_min):
        yield _Problem("training.t_min", _shown(list(t.t_min)), "different temperatures")
    for k, value in enumerate(t.t_min):
        if value not in labelled:
            yield _Problem(
                f"training.t_min[{k}]", f"{value:g}", f"a temperature with a dynamics_time ({known})"
            )
        elif sum(x >= value for x in labelled) < 2:
            yield _Problem(
                f"training.t_min[{k}]",
                f"{value:g}",
                f"at least two measured temperatures at or above it ({known})",
            )
    yield from _fold_problems(c)
    if c.labels.minimum_predicted > len(labelled):
        yield _Problem(
            "labels.minimum_predicted",
            str(c.labels.minimum_predicted),
            f"at most the number of measured temperatures ({len(labelled)}): nothing is predicted otherwise",
        )
    for phase in ("phase1", "phase2"):
        for k, entry in enumerate(getattr(t, phase)):
            if entry.rate * t.weight_decay >= 1:
                yield _Problem(
                    "training.weight_decay",
                    f"{t.weight_decay:g}",
                    f"less than 1/rate of training.{phase}[{k}] ({1 / entry.rate:g}): a step would take off "
                    "all of the weights",
                )
    if sum(p.epochs for p in (*t.phase1, *t.phase2)) < 1:
        yield _Problem("training.phase1", "no epoch", "at least one epoch in phase1 or phase2")
    radii = t.correlation_radii
    if len(radii) < 2 or any(b <= a for a, b in itertools.pairwise(radii)):
        yield _Problem("training.correlation_radii", _shown(list(radii)), "at least two increasing distances")
    if len(set(c.network.state_features)) < len(c.network.state_features) or not c.network.state_features:
        yield _Problem(
            "network.state_features",
            _shown(list(c.network.state_features)),
            "different features, at least one",
        )
    for key in ("mlp1", "mlp2", "head"):
        if not getattr(c.network, key):
            yield _Problem(f"network.{key}", "an empty list", "at least one layer")


def _fold_problems(c: Config) -> Iterable[_Problem]:
    folds, s = c.training.folds, c.structures
    if folds == 0:
        return
    try:
        parts = split(s.number, s.test_fraction, s.validation_fraction)
    except ValueError:
        return  # said elsewhere
    learnt = len(parts.train) + len(parts.validation)
    least = 3 if parts.validation else 2  # one left out, one to train on, one for validation
    if not 2 <= folds <= learnt or learnt - -(-learnt // folds) < least - 1:
        yield _Problem(
            "training.folds",
            str(folds),
            f"0, or 2 to {learnt} folds of the {learnt} structures learnt from, each of which leaves "
            f"{least - 1} or more",
        )


def _extended_check_problems(c: Config) -> Iterable[_Problem]:
    check = c.equilibration.extended_check
    if check is None:
        return
    known = [t.value for t in c.temperatures]
    if len(set(check.temperatures or ())) < len(check.temperatures or ()):
        yield _Problem(
            "equilibration.extended_check.temperatures",
            _shown(list(check.temperatures or ())),
            "different temperatures",
        )
    for k, temperature in enumerate(check.temperatures or ()):
        if temperature not in known:
            yield _Problem(
                f"equilibration.extended_check.temperatures[{k}]",
                f"{temperature:g}",
                f"a temperature of the run ({', '.join(f'{t:g}' for t in known)})",
            )
    if check.structures > c.structures.number:
        yield _Problem(
            "equilibration.extended_check.structures",
            str(check.structures),
            f"at most structures.number ({c.structures.number})",
        )


def _large_problems(c: Config) -> Iterable[_Problem]:
    large = c.large_systems
    if large.chunk > large.number:
        yield _Problem(
            "large_systems.chunk", str(large.chunk), f"at most large_systems.number ({large.number})"
        )
    if large.dynamics is None:
        return
    values = [t.value for t in c.temperatures]
    if large.dynamics.temperature not in values:
        yield _Problem(
            "large_systems.dynamics.temperature",
            f"{large.dynamics.temperature:g}",
            f"one of the temperatures ({', '.join(f'{v:g}' for v in values)})",
        )
    if large.dynamics.systems > large.number:
        yield _Problem(
            "large_systems.dynamics.systems",
            str(large.dynamics.systems),
            f"at most large_systems.number ({large.number})",
        )
    steps = large.dynamics.time / c.dynamics.time_step
    if not 10 <= steps <= MOST_STEPS or abs(steps - round(steps)) > 1e-6 * steps:
        yield _Problem(
            "large_systems.dynamics.time",
            f"{large.dynamics.time:g}",
            f"a multiple of dynamics.time_step ({c.dynamics.time_step:g}), ten to {MOST_STEPS:.0e} of them",
        )


# ------------------------------------------------------------------------------------------- schema


def schema() -> dict[str, Any]:
    """JSON schema of the configuration, for editors and for ``workflow/schemas/config.schema.json``."""
    content = Config.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tglassmlp run", **content}


def schema_text() -> str:
    """Text of the schema file, as it is kept in the repository."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
