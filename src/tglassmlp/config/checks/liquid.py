"""Contradictions of what is simulated: system, temperatures, structures, dynamics, large systems."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Final

from tglassmlp import engines
from tglassmlp.config.checks.names import too_long_for_names
from tglassmlp.config.run import Config
from tglassmlp.config.sections.system import FileSettings
from tglassmlp.division import split
from tglassmlp.limits import MAX_SPECIES, OutOfRange, check_cutoff, check_radii
from tglassmlp.mixture import exchange_matrix
from tglassmlp.settings.messages import Problem, shown
from tglassmlp.settings.ranges import MOST_ATTEMPTS, MOST_FRAMES, MOST_STEPS, SMALLEST_WEIGHT
from tglassmlp.state_point import canonical


def system_problems(c: Config) -> Iterable[Problem]:
    """Find mixtures that cannot be simulated, and ranges that the box of a unit system cannot hold."""
    try:
        mixture = c.mixture()
    except ValueError as error:
        key = "system.divisor" if "divided" in str(error) else "system.mixture"
        found = str(c.system.divisor) if key.endswith("divisor") else "a mixture that is not valid"
        yield Problem(key, found, str(error))
        return
    if not 2 <= mixture.n_species <= MAX_SPECIES:
        yield Problem(
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
                yield Problem(
                    f"equilibration.exchange_weights.{pair}",
                    f"{weight:g}",
                    f"0, or {SMALLEST_WEIGHT:g} to 1: rarer exchanges do not mix the species in any run",
                )
    except ValueError as error:
        yield Problem("equilibration.exchange_weights", str(c.equilibration.exchange_weights), str(error))
    reach = 2.0 * max(mixture.largest_cutoff, c.propensity.r_out * float(mixture.sigma_matrix.max()))
    if mixture.box_length < reach:
        key = "system.divisor" if c.system.divisor > 1 else "system.mixture.box_length"
        yield Problem(
            key,
            f"a box of {mixture.box_length:.4g}",
            f"a box of at least twice the longest range ({reach:g}), so that the minimum image is defined",
        )
    try:
        check_cutoff(c.descriptors.cutoff, mixture.box_length)
    except OutOfRange as error:
        yield Problem(
            "descriptors.cutoff", error.found, error.allowed.replace("box", "box of one unit system")
        )
    if c.propensity.central_species > mixture.n_species:
        yield Problem(
            "propensity.central_species", str(c.propensity.central_species), f"1 to {mixture.n_species}"
        )
    try:
        check_radii(c.propensity.r_in, c.propensity.r_out)
    except OutOfRange as error:
        yield Problem(
            f"propensity.{error.name}", error.found, error.allowed.replace("r_in", "propensity.r_in")
        )


def equilibration_problems(c: Config) -> Iterable[Problem]:
    """Find what takes the proof of equilibrium its force, and more sweeps than can be counted."""
    e = c.equilibration
    highest = max((t.value for t in c.temperatures), default=0.0)
    if e.start_temperature <= highest:
        yield Problem(
            "equilibration.start_temperature",
            f"{e.start_temperature:g}",
            f"more than the highest temperature ({highest:g}), so that starts come from a hotter liquid",
        )
    if e.method == "hybrid":
        if e.exchanges != "informed":
            yield Problem(
                "equilibration.exchanges", e.exchanges, '"informed" where equilibration.method is "hybrid"'
            )
        name = c.structure_engine()
        if engines.engine(name).dynamics is None:
            yield Problem("equilibration.method", "hybrid", f"swap_mc: engine {name!r} offers no dynamics")
    elif c.structures.engine is not None:
        name = c.structures.engine
        chosen = engines.engine(name)
        offering = [n for n in engines.names() if engines.engine(n).swap is not None]
        if chosen.swap is None:
            yield Problem(
                "structures.engine", f'"{name}"', f"one that offers swap Monte Carlo ({', '.join(offering)})"
            )
        elif e.exchanges not in chosen.capabilities.exchanges:
            yield Problem(
                "equilibration.exchanges",
                e.exchanges,
                f"{' or '.join(chosen.capabilities.exchanges)} where structures.engine is {name!r}",
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
    if large.tiles == 1 and large.number > c.structures.number:
        yield Problem(
            "large_systems.number",
            str(large.number),
            f"at most structures.number ({c.structures.number}) where large_systems.tiles is 1: each is a "
            "unit system",
        )
    for k, t in enumerate(c.temperatures):
        if t.sweeps * longest > MOST_ATTEMPTS:
            yield Problem(
                f"temperatures[{k}].sweeps",
                f"{t.sweeps:g}",
                f"at most {MOST_ATTEMPTS / longest:.3g}: the attempts of a run are counted in 64 bits",
            )


def temperature_problems(c: Config) -> Iterable[Problem]:
    """Find temperatures that do not fall, or of which too few are measured."""
    values = [t.value for t in c.temperatures]
    if len(values) < 2:
        yield Problem("temperatures", f"{len(values)} entries", "at least 2 entries")
        return
    bad = list(too_long_for_names(values, "temperatures[{}].value"))
    if bad:
        yield from bad
        return
    for k in range(1, len(values)):
        if values[k] >= values[k - 1]:
            yield Problem(
                f"temperatures[{k}].value",
                f"{values[k]:g}",
                f"less than the one before it ({values[k - 1]:g})",
            )
    known = ", ".join(map(canonical, values))
    if c.glass_transition not in values:
        yield Problem("glass_transition", f"{c.glass_transition:g}", f"one of the temperatures ({known})")
    labelled = [t for t in c.temperatures if t.dynamics_time is not None]
    if len(labelled) < 2:
        yield Problem(
            "temperatures",
            f"{len(labelled)} with a dynamics_time",
            "at least 2 (nothing can be learnt from fewer)",
        )


def dynamics_time_problems(c: Config) -> Iterable[Problem]:
    """Find times that are no multiples of the time step, or too many frames."""
    step = c.dynamics.time_step
    shortest = step if c.dynamics.thermostat == "bussi" else 10 * step
    if c.dynamics.thermostat_time < shortest:
        yield Problem(
            "dynamics.thermostat_time",
            f"{c.dynamics.thermostat_time:g}",
            f"at least {shortest:g} for {c.dynamics.thermostat} with dynamics.time_step {step:g}",
        )
    times = [x for t in c.temperatures for x in (t.dynamics_time, t.extended_time) if x is not None]
    frames = math.log(max([*times, step]) / step) / math.log(c.dynamics.frame_ratio)
    if frames > MOST_FRAMES:
        yield Problem(
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
                yield Problem(
                    f"{where}.{key}",
                    f"{time:g}",
                    f"at most {MOST_STEPS:.0e} time steps ({MOST_STEPS * step:g})",
                )
            elif time / step < 10:
                yield Problem(f"{where}.{key}", f"{time:g}", f"at least 10 time steps ({10 * step:g})")
            elif abs(time / step - round(time / step)) > 1e-6 * time / step:
                yield Problem(f"{where}.{key}", f"{time:g}", f"a multiple of dynamics.time_step ({step:g})")
        if t.extended_time is None:
            continue
        where, found = f"{where}.extended_time", f"{t.extended_time:g}"
        if t.dynamics_time is None:
            yield Problem(where, found, "null where dynamics_time is null")
        elif t.extended_time < t.dynamics_time + step:
            yield Problem(where, found, f"more than dynamics_time ({t.dynamics_time:g})")


#: Keys of a temperature that given structures leave no room for, and the value that they must have.
_ALONE: Final = [("extra_structures", 0), ("predicted_structures", 0), ("extended_time", None)]


def _source_problems(c: Config) -> Iterable[Problem]:
    source = c.structures.source
    if source == "generate":
        return
    data = c.structures.data()
    what = {"glassbench": "published data", "files": "files", "dataset": "a data set"}[source]
    if data is None:
        asked = {
            "glassbench": "path and temperatures of the published data",
            "files": "temperatures and paths of the files",
            "dataset": "the temperatures that are taken from the data set",
        }[source]
        yield Problem(f"structures.{source}", "null", asked)
        return
    labelled = [t.value for t in c.temperatures if t.dynamics_time is not None]
    known = labelled if source == "glassbench" else [t.value for t in c.temperatures]
    kind = "with a dynamics_time" if source == "glassbench" else "of the run"
    if len(set(data.temperatures)) < len(data.temperatures):
        yield Problem(
            f"structures.{source}.temperatures", shown(list(data.temperatures)), "different temperatures"
        )
    for k, value in enumerate(data.temperatures):
        if value not in known:
            yield Problem(
                f"structures.{source}.temperatures[{k}]",
                f"{value:g}",
                f"a temperature {kind} ({', '.join(f'{t:g}' for t in known)})",
            )
    alone = [("extended_time", None)] if source == "dataset" else _ALONE
    for k, t in enumerate(c.temperatures):
        for key, allowed in alone:
            found = getattr(t, key)
            if found and t.value in data.temperatures:
                yield Problem(f"temperatures[{k}].{key}", f"{found:g}", f"{json.dumps(allowed)} for {what}")
    if c.structures.files is not None and source == "files":
        yield from _pattern_problems(c.structures.files, labelled)
    elif source == "dataset":
        return  # the data set says which mixture it is of
    elif c.system.mixture != "KA2D" or c.system.divisor != 1:
        yield Problem("structures.source", "glassbench", "generate, unless the system is KA2D with divisor 1")


def _pattern_problems(data: FileSettings, labelled: list[float]) -> Iterable[Problem]:
    """Find paths of files that lack a place, or that some temperature needs."""
    measured = [t for t in data.temperatures if t in labelled]
    for key, needed in (("structures", {"structure"}), ("trajectories", {"structure", "replica"})):
        pattern = getattr(data, key)
        if pattern is None:
            continue
        if len(data.temperatures) > 1:
            needed = needed | {"temperature"}
        allowed = needed | {"temperature"}
        places = set(re.findall(r"\{(\w*)\}", pattern))
        if not needed <= places <= allowed:
            wanted = ", ".join(f"{{{name}}}" for name in sorted(needed))
            yield Problem(
                f"structures.files.{key}", pattern, f"a path that holds {wanted} and no other braces"
            )
    if measured and data.trajectories is None:
        yield Problem(
            "structures.files.trajectories", "null", f"a path: T = {measured[0]:g} has a dynamics_time"
        )
    if data.structures is None and len(measured) < len(data.temperatures):
        other = next(t for t in data.temperatures if t not in labelled)
        yield Problem(
            "structures.files.structures",
            "null",
            f"a path: T = {other:g} has no dynamics_time, and no trajectory",
        )


def structure_problems(c: Config) -> Iterable[Problem]:
    """Find structures that cannot be divided, and published data that do not fit."""
    yield from _source_problems(c)
    s = c.structures
    try:
        split(s.number, s.test_fraction, s.validation_fraction)
    except ValueError as error:
        key = "test_fraction" if "test set" in str(error) else "validation_fraction"
        yield Problem(
            f"structures.{key}",
            f"{getattr(s, key):g} of {s.number} structures",
            f"at least one structure each for training, validation and test ({error})",
        )
    if s.chunk > s.number:
        yield Problem("structures.chunk", str(s.chunk), f"at most structures.number ({s.number})")
    for k, t in enumerate(c.temperatures):
        if t.predicted_structures % s.chunk:
            yield Problem(
                f"temperatures[{k}].predicted_structures",
                str(t.predicted_structures),
                f"a multiple of structures.chunk ({s.chunk}), so that files stay when more are asked for",
            )


def ladder_problems(c: Config) -> Iterable[Problem]:
    """Find rungs of a ladder with more structures than there are above them to go on from."""
    for k, t in enumerate(c.temperatures):
        try:
            name = canonical(t.value)
            above = c.rung_above(name)
        except ValueError:
            return  # said elsewhere
        if above is None:
            continue
        here, there = (c.structures_at(x) + len(c.predicted_at(x)) for x in (name, above))
        if here > there:
            key = "predicted_structures" if t.predicted_structures else "extra_structures"
            yield Problem(
                f"temperatures[{k}].{key}",
                f"{here} structures in all",
                f"at most the {there} at T = {above}: equilibration.start is ladder, and each goes on from "
                "the one of its number there",
            )


def extended_check_problems(c: Config) -> Iterable[Problem]:
    """Find structures of the extended check that the run does not have."""
    check = c.equilibration.extended_check
    if check is None:
        return
    known = [t.value for t in c.temperatures]
    if len(set(check.temperatures or ())) < len(check.temperatures or ()):
        yield Problem(
            "equilibration.extended_check.temperatures",
            shown(list(check.temperatures or ())),
            "different temperatures",
        )
    for k, temperature in enumerate(check.temperatures or ()):
        if temperature not in known:
            yield Problem(
                f"equilibration.extended_check.temperatures[{k}]",
                f"{temperature:g}",
                f"a temperature of the run ({', '.join(f'{t:g}' for t in known)})",
            )
    if check.structures > c.structures.number:
        yield Problem(
            "equilibration.extended_check.structures",
            str(check.structures),
            f"at most structures.number ({c.structures.number})",
        )


def large_problems(c: Config) -> Iterable[Problem]:
    """Find large systems that are asked for and do not exist."""
    large = c.large_systems
    if large.chunk > large.number:
        yield Problem(
            "large_systems.chunk", str(large.chunk), f"at most large_systems.number ({large.number})"
        )
    if large.dynamics is None:
        return
    values = [t.value for t in c.temperatures]
    if large.dynamics.temperature not in values:
        yield Problem(
            "large_systems.dynamics.temperature",
            f"{large.dynamics.temperature:g}",
            f"one of the temperatures ({', '.join(f'{v:g}' for v in values)})",
        )
    if large.dynamics.systems > large.number:
        yield Problem(
            "large_systems.dynamics.systems",
            str(large.dynamics.systems),
            f"at most large_systems.number ({large.number})",
        )
    steps = large.dynamics.time / c.dynamics.time_step
    if not 10 <= steps <= MOST_STEPS or abs(steps - round(steps)) > 1e-6 * steps:
        yield Problem(
            "large_systems.dynamics.time",
            f"{large.dynamics.time:g}",
            f"a multiple of dynamics.time_step ({c.dynamics.time_step:g}), ten to {MOST_STEPS:.0e} of them",
        )
