r"""Equilibrium structures by swap Monte Carlo, and the proof that they are equilibrated.

Every structure is a chain of its own, from a lattice with random species melted at a high temperature:

* a *quenched* structure goes straight to T and spends 3/2 ``sweeps`` there;
* a *heated* one first spends ``sweeps`` at ``heated_ratio`` T, then 1/2 ``sweeps`` at T. Its inherent
  energy at the end of the ageing is recorded (at sweeps up to 0), since it comes from below only if that lies
  below;
* both then make 1/2 ``sweeps`` at T during which everything is measured. The last configuration is the
  structure.

Either kind costs 2 ``sweeps`` and the melt. The displacement is tuned at the beginning of each
temperature, never while measuring. Because every other structure comes from the other side, the
structures themselves carry the test that both sides agree. A large system starts from unit structures of
its own temperature laid side by side, and must forget that its tiles were equal.

The overlap of two configurations is the share of particles that have a particle of their own species in
the other configuration within :data:`OVERLAP_DISTANCE` of their position, the drift of the centre of mass
removed; for independent configurations it is :func:`random_overlap`, about 0.12 for KA2D. Limits are on the
normalised overlap (:mod:`tglassmlp.simulation.overlap`), which is 0 by chance in any mixture.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import stdtr

from tglassmlp.box import wrap
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint, stage_version
from tglassmlp.randomness import seed_sequence, temperature_key, words
from tglassmlp.simulation import checkpoint
from tglassmlp.simulation.fluctuations import deviations, measure_composition, measure_small_q
from tglassmlp.simulation.minimisation import minimise
from tglassmlp.simulation.overlap import OVERLAP_DISTANCE, chance_overlap, normalised_overlap
from tglassmlp.simulation.swap_monte_carlo import (
    EXCHANGE_INTERVAL,
    EXCHANGES_PER_SWEEP,
    TUNING_INTERVAL,
    Chain,
)
from tglassmlp.storage import read_json

__all__ = [
    "COLUMNS",
    "CheckLimits",
    "EquilibrationSettings",
    "NotEquilibratedError",
    "accept",
    "bond_orientational_order",
    "check_heat_capacity",
    "check_large_systems",
    "check_temperature",
    "demand",
    "equilibrate_large_system",
    "equilibrate_large_systems",
    "equilibrate_structure",
    "forget",
    "judge",
    "lattice_start",
    "measure_large_systems",
    "measure_temperature",
    "overlap",
    "radial_distributions",
    "random_overlap",
    "tile_overlap",
]

#: Sweeps at the high temperature that melt the lattice.
MELT_SWEEPS: Final = 200

#: Most sweeps at the beginning of a temperature in which the displacement is tuned.
TUNING_SWEEPS: Final = 300

#: Points of the record at which the inherent energy is computed as well.
INHERENT_POINTS: Final = 5

#: Energies that are averaged into one point of the record.
SAMPLES: Final = 20

#: Columns of the equilibration record, one row per structure and point.
COLUMNS: Final = (
    "structure",
    "start",
    "sweep",
    "measured",
    "energy",
    "energy_variance",
    "inherent_energy",
    "displacement_acceptance",
    "swap_acceptance",
    "overlap",
    "autocorrelation",
)


class NotEquilibratedError(ValueError):
    """A structure or temperature failed an equilibration check."""


@dataclass(frozen=True)
class EquilibrationSettings:
    """How structures are equilibrated.

    Attributes
    ----------
    exchanges, exchanges_per_sweep, exchange_interval
        Scheme of the exchanges of species, ``"informed"`` or ``"plain"``, and the share of the former; see
        :class:`tglassmlp.simulation.swap_monte_carlo.Chain`.
    swap_fraction
        Share of attempts that exchange the species of two particles, if exchanges are plain.
    exchange_weights
        Relative weights of exchanges between species, ``{"1-2": 0.0}``; 1 for pairs not named (all, if None).
    target_acceptance
        Acceptance of displacements that the tuning aims at.
    record_points
        Points of the equilibration record of one structure.
    start_temperature
        Temperature of the melt.
    heated_ratio
        A heated structure is aged first at this multiple of T.
    block_seconds
        Seconds between checkpoints.
    """

    exchanges: str = "informed"
    exchanges_per_sweep: float = EXCHANGES_PER_SWEEP
    exchange_interval: int = EXCHANGE_INTERVAL
    swap_fraction: float = 0.2
    exchange_weights: Mapping[str, float] | None = None
    target_acceptance: float = 0.4
    record_points: int = 20
    start_temperature: float = 2.0
    heated_ratio: float = 0.85
    block_seconds: float = 60.0


# ------------------------------------------------------------------------------------- start and overlap


def lattice_start(mixture: Mixture, seed: np.random.SeedSequence) -> Configuration:
    """Square lattice with randomly placed species and vacancies: a start that only has to be melted."""
    generator = np.random.default_rng(seed)
    species = generator.permutation(mixture.species())
    side = int(np.ceil(np.sqrt(species.size)))
    sites = np.sort(generator.choice(side * side, species.size, replace=False))
    positions = np.column_stack(np.divmod(sites, side)) * (mixture.box_length / side)
    return Configuration(positions, species, mixture.box_length)


def random_overlap(c: Configuration) -> float:
    """Overlap expected of two independent configurations with the composition and density of ``c``."""
    return chance_overlap(np.bincount(c.species)[1:], c.box_length)


def overlap(a: Configuration, b: Configuration) -> float:
    """Overlap of two states of the same system (definition at the top of this module).

    Particles are matched by number only to remove the drift of the centre of mass; exchanges of species
    between numbers count as what they are, a change of the place of species.
    """
    drift = (b.positions - a.positions).mean(axis=0)
    return _same_place(a.positions, a.species, b.positions - drift, b.species, a.box_length)


def _same_place(pa: NDArray, sa: NDArray, pb: NDArray, sb: NDArray, length: float) -> float:
    matched = 0
    for s in np.unique(sa):
        there = wrap(pb[sb == s], length, 0.0)
        if there.size:
            distance, _ = cKDTree(there, boxsize=length).query(
                wrap(pa[sa == s], length, 0.0), distance_upper_bound=OVERLAP_DISTANCE
            )
            matched += int(np.isfinite(distance).sum())
    return matched / sa.size


def tile_overlap(c: Configuration, tiles: int) -> float:
    """Mean overlap of neighbouring tiles of a ``tiles`` x ``tiles`` system, laid on top of each other."""
    side = c.box_length / tiles
    place = wrap(c.positions, c.box_length, 0.0)
    cell = np.minimum((place / side).astype(int), tiles - 1)
    members = {
        (i, j): np.flatnonzero((cell[:, 0] == i) & (cell[:, 1] == j))
        for i in range(tiles)
        for j in range(tiles)
    }
    found = []
    for (i, j), here in members.items():
        for other in {((i + 1) % tiles, j), (i, (j + 1) % tiles)} - {(i, j)}:
            there = members[other]
            if here.size and there.size:
                found.append(_same_place(place[here], c.species[here], place[there], c.species[there], side))
    return float(np.mean(found)) if found else 1.0


# ----------------------------------------------------------------------------------------- the long runs


@dataclass(frozen=True)
class _Step:
    """A few sweeps and what to do after them."""

    temperature: float
    sweeps: int
    tune: bool
    sample: bool = False  # note the energy
    record: int | None = None  # make a row of the record for this many sweeps at T
    measured: bool = False  # that row belongs to the measured part
    inherent: bool = False  # with the inherent energy
    mark: bool = False  # before this step: overlaps are taken with this state from here on


def _stage(temperature: float, sweeps: int, tuned: int) -> Iterator[_Step]:
    """Sweeps without a record, cut into small steps."""
    done = 0
    while done < sweeps:
        tune = done < tuned
        step = min(TUNING_INTERVAL if tune else max(1, sweeps // 50), sweeps - done)
        done += step
        yield _Step(temperature, step, tune)


def _aged(steps: list[_Step]) -> list[_Step]:
    """Record the inherent energy in the last quarter of the ageing, at 0 and at negative sweeps before it.

    The chain is not touched: steps stay as they are, and what is minimised is a copy.
    """
    ends = np.cumsum([s.sweeps for s in steps])
    wanted = ends[-1] * (1.0 - 0.25 * np.arange(INHERENT_POINTS) / (INHERENT_POINTS - 1))
    chosen = np.unique(np.abs(ends[:, None] - wanted).argmin(axis=0))
    return [
        replace(s, record=int(end - ends[-1]), inherent=True) if k in chosen else s
        for k, (s, end) in enumerate(zip(steps, ends, strict=True))
    ]


def _recorded_stage(
    temperature: float,
    approach: int,
    measured: int,
    marked: int,
    tuned: int,
    points: int,
    inherent_points: int,
) -> Iterator[_Step]:
    """Sweeps at the final temperature: log-spaced points during the approach, then equally spaced ones."""
    late = max(2, points // 2)
    ends = {round(approach + measured * (k + 1) / late) for k in range(late)}
    if approach:
        early = np.geomspace(min(10, approach), approach, max(2, points - late))
        ends |= {round(float(x)) for x in early}
    records = sorted(ends)
    chosen = {records[round(x)] for x in np.linspace(0, len(records) - 1, inherent_points)}
    samples: set[int] = set()
    for begin, end in zip([0, *records[:-1]], records, strict=True):
        samples |= set(np.unique(np.round(np.linspace(begin, end, SAMPLES + 1)).astype(int))[1:].tolist())
    stops = sorted((samples | {marked} | set(range(TUNING_INTERVAL, tuned + 1, TUNING_INTERVAL))) - {0})
    done = 0
    for stop in stops:
        yield _Step(
            temperature,
            stop - done,
            tune=stop <= tuned,
            sample=stop in samples,
            record=stop if stop in ends else None,
            measured=stop > approach,
            inherent=stop in chosen,
            mark=done == marked,
        )
        done = stop


def _plan(
    temperature: float, sweeps: int, start: str, settings: EquilibrationSettings, inherent_points: int
) -> list[_Step]:
    measured = max(1, sweeps // 2)
    tuned = min(TUNING_SWEEPS, sweeps // 4) // TUNING_INTERVAL * TUNING_INTERVAL
    steps: list[_Step] = []
    if start != "tiled":
        steps += _stage(settings.start_temperature, MELT_SWEEPS, MELT_SWEEPS)
    if start == "heated":
        steps += _aged(list(_stage(settings.heated_ratio * temperature, sweeps, tuned)))
    approach = sweeps - measured + (sweeps if start == "quenched" else 0)
    points = settings.record_points
    # overlaps are taken with the state ``sweeps`` sweeps before the end
    marked = approach + measured - sweeps
    steps += _recorded_stage(temperature, approach, measured, marked, tuned, points, inherent_points)
    return steps


def _run_plan(
    begin: Configuration,
    plan: Sequence[_Step],
    seed: np.random.SeedSequence,
    settings: EquilibrationSettings,
    mixture: Mixture,
    tiles: int,
    state: Path | None,
    key: str,
    progress: Progress | None,
) -> tuple[Configuration, list[dict[str, Any]]]:
    """Walk through a plan, from its checkpoint if there is one; rows of the record and the last state."""
    chain = Chain(
        begin,
        plan[0].temperature,
        seed,
        mixture,
        settings.swap_fraction,
        exchange_weights=settings.exchange_weights,
        exchanges=settings.exchanges,
        exchanges_per_sweep=settings.exchanges_per_sweep,
        exchange_interval=settings.exchange_interval,
    )
    samples: list[float] = []
    rows: list[dict[str, Any]] = []
    first, taken, since = 0, 0, chain.counters
    reference: Configuration | None = None
    saved = None if state is None else checkpoint.load(state, key)
    if saved is not None:
        arrays, record = saved
        chain.restore({k.removeprefix("chain/"): v for k, v in arrays.items() if k.startswith("chain/")})
        samples, since = arrays["samples"].tolist(), arrays["since"]
        rows, first, taken = record["rows"], record["step"], record["taken"]
        if "reference/positions" in arrays:
            reference = Configuration(
                arrays["reference/positions"], arrays["reference/species"], begin.box_length
            )
        if progress is not None:
            progress.resume(progress.done + sum(s.sweeps for s in plan[:first]) * begin.n_particles)
    written = time.monotonic()
    for k in range(first, len(plan)):
        step = plan[k]
        chain.temperature = step.temperature
        if step.mark:
            reference = chain.configuration()
        if step.tune:
            chain.tune(step.sweeps, settings.target_acceptance)
        else:
            chain.run(step.sweeps)
        if step.sample:
            samples.append(chain.energy)
        if step.record is not None:
            chain.check_energy()
            c = chain.configuration()
            tried, moved, swap_tried, swapped, _ = (chain.counters - since).tolist()
            since = chain.counters
            recent = np.array(samples[taken:])
            taken = len(samples)
            inherent = minimise(c, mixture, force_tolerance=1e-3)[1]["energy"] if step.inherent else None
            if tiles > 1:
                shared: float | None = tile_overlap(c, tiles)
            else:
                shared = None if reference is None else overlap(reference, c)
            rows.append(
                {
                    "sweep": step.record,
                    "measured": step.measured,
                    "energy": float(recent.mean()) if recent.size else chain.energy,
                    "energy_variance": float(recent.var()) if recent.size else None,
                    "inherent_energy": inherent,
                    "displacement_acceptance": moved / tried if tried else None,
                    "swap_acceptance": swapped / swap_tried if swap_tried else None,
                    "overlap": shared,
                    "autocorrelation": None,
                }
            )
        if progress is not None:
            progress.advance(step.sweeps * chain.n_particles, f"T={step.temperature:g} E={chain.energy:.4f}")
        due = time.monotonic() - written > settings.block_seconds or k + 1 == len(plan)
        if state is not None and due:
            arrays = {f"chain/{name}": values for name, values in chain.state().items()}
            arrays |= {"samples": np.array(samples), "since": since}
            if reference is not None:
                arrays |= {
                    "reference/positions": reference.positions,
                    "reference/species": reference.species,
                }
            checkpoint.save(state, arrays, {"rows": rows, "step": k + 1, "taken": taken}, key)
            written = time.monotonic()
    if rows:
        late = [s.sweeps for s in plan if s.measured and s.sample]
        rows[-1]["autocorrelation"] = autocorrelation_time(np.array(samples[-len(late) :])) * float(
            np.mean(late)
        )
    return chain.configuration(), rows


def autocorrelation_time(series: NDArray[np.float64], window: float = 6.0) -> float:
    r"""Integrated autocorrelation time of a series, in units of its spacing.

    :math:`\tau = 1/2 + \sum_{k=1}^{W} \rho(k)` with the smallest W that is at least ``window`` times tau
    (A. Sokal's automatic window); 1/2 for uncorrelated numbers.
    """
    x = np.asarray(series, dtype=float) - np.mean(series)
    n = x.size
    power = float(np.dot(x, x))
    if n < 4 or power == 0.0:
        return 0.5
    tau = 0.5
    for k in range(1, n // 2):
        tau += float(np.dot(x[:-k], x[k:])) / power
        if k >= window * tau:
            break
    return max(tau, 0.5)


def _table(structure: int, start: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([{"structure": structure, "start": start, **r} for r in rows], columns=list(COLUMNS))
    numbers = [c for c in COLUMNS if c not in ("structure", "start", "sweep", "measured")]
    return table.astype(dict.fromkeys(numbers, "float64"))


def _check_request(temperature: float, sweeps: int) -> None:
    if not np.isfinite(temperature) or temperature <= 0:
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    if int(sweeps) != sweeps or sweeps < 1:
        raise ValueError(f"sweeps must be a whole number of at least 1, found {sweeps}")


def equilibrate_structure(
    temperature: float,
    structure: int,
    sweeps: int,
    root_seed: int,
    settings: EquilibrationSettings | None = None,
    mixture: Mixture = KA2D,
    state: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Configuration, pd.DataFrame]:
    """Make one equilibrium structure of the unit system.

    Parameters
    ----------
    temperature
        Temperature T > 0.
    structure
        Its number; even ones are quenched, odd ones heated. Together with the temperature and
        ``root_seed`` it decides every random number.
    sweeps
        Sweeps S at least 1; the structure costs 2 S and the melt (module text).
    root_seed
        The run's seed.
    settings
        Scheme; defaults if None.
    mixture
        Unit system.
    state
        Checkpoint file, resumed if there. It is kept at the end, so that a job of many structures need not
        repeat the finished ones; remove it when the structure is stored.
    progress
        Counts attempts.

    Returns
    -------
    Configuration
        The structure.
    DataFrame
        Its equilibration record, columns :data:`COLUMNS`.

    Raises
    ------
    ValueError
        For a request out of range, or a checkpoint that is damaged or foreign.
    """
    _check_request(temperature, sweeps)
    settings = settings or EquilibrationSettings()
    start = "quenched" if structure % 2 == 0 else "heated"
    sequence = seed_sequence(root_seed, "equilibrate_structures", temperature_key(temperature), structure)
    lattice, chain = sequence.spawn(2)
    plan = _plan(temperature, sweeps, start, settings, INHERENT_POINTS)
    key = _key(temperature, sweeps, settings, mixture, words(sequence, 2).tolist(), 1)
    begin = lattice_start(mixture, lattice)
    c, rows = _run_plan(begin, plan, chain, settings, mixture, 1, state, key, progress)
    return c, _table(structure, start, rows)


def equilibrate_large_system(
    unit: Configuration,
    temperature: float,
    number: int,
    sweeps: int,
    tiles: int,
    root_seed: int,
    settings: EquilibrationSettings | None = None,
    mixture: Mixture = KA2D,
    state: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Configuration, pd.DataFrame]:
    """Lay an equilibrium structure ``tiles`` x ``tiles`` times side by side and re-equilibrate it.

    Parameters
    ----------
    unit
        Equilibrium structure of the unit system at the same temperature.
    temperature, sweeps, root_seed, settings, mixture, state, progress
        As :func:`equilibrate_structure`; ``sweeps`` are made in all, the second half is measured.
    number
        Number of the large system.
    tiles
        Unit systems per side, at least 2.

    Returns
    -------
    Configuration
        The large system.
    DataFrame
        Its record; ``overlap`` is that of neighbouring tiles (:func:`tile_overlap`).
    """
    _check_request(temperature, sweeps)
    if tiles < 2:
        raise ValueError(f"tiles must be at least 2, found {tiles}")
    settings = settings or EquilibrationSettings()
    sequence = seed_sequence(root_seed, "equilibrate_large_systems", temperature_key(temperature), number)
    plan = _plan(temperature, sweeps, "tiled", settings, 0)
    source = [*words(sequence, 2).tolist(), fingerprint(unit.positions.tolist())]
    key = _key(temperature, sweeps, settings, mixture, source, tiles)
    c, rows = _run_plan(unit.tiled(tiles), plan, sequence, settings, mixture, tiles, state, key, progress)
    return c, _table(number, "tiled", rows)


def equilibrate_large_systems(
    units: Sequence[Configuration],
    temperature: float,
    numbers: Sequence[int],
    sweeps: int,
    tiles: int,
    root_seed: int,
    settings: EquilibrationSettings | None = None,
    mixture: Mixture = KA2D,
    state: str | Path | None = None,
    *,
    label: str = "",
    status_file: Path | None = None,
) -> tuple[list[Configuration], pd.DataFrame]:
    """Make several large systems with progress lines; number k is made of unit structure k, and so on again.

    Parameters
    ----------
    units
        Equilibrium structures of the unit system at this temperature.
    temperature, sweeps, tiles, root_seed, settings, mixture
        As :func:`equilibrate_large_system`.
    numbers
        Numbers of the large systems.
    state
        Folder of their checkpoints, or None. Finished systems stay in it until :func:`forget`.
    label, status_file
        As for :class:`tglassmlp.progress.Progress`.

    Returns
    -------
    list of Configuration
        The systems.
    DataFrame
        Their records, one after the other.
    """
    total = len(numbers) * attempts(sweeps, units[0].n_particles * tiles**2, "tiled")
    progress, found = Progress(label, total, "moves", status_file), []
    for k in numbers:
        file = None if state is None else Path(state) / f"system{k}.npz"
        found.append(
            equilibrate_large_system(
                units[k % len(units)],
                temperature,
                k,
                sweeps,
                tiles,
                root_seed,
                settings,
                mixture,
                file,
                progress,
            )
        )
    progress.finish()
    return [c for c, _ in found], pd.concat([record for _, record in found], ignore_index=True)


def forget(state: str | Path) -> None:
    """Remove the checkpoints of large systems, once they are stored."""
    for file in Path(state).glob("system*.npz"):
        checkpoint.remove(file)


def _key(
    temperature: float,
    sweeps: int,
    settings: EquilibrationSettings,
    mixture: Mixture,
    source: list[Any],
    tiles: int,
) -> str:
    decisive = {k: v for k, v in asdict(settings).items() if k != "block_seconds"}
    record = [temperature, sweeps, decisive, asdict(mixture), source, tiles, stage_version("structures")]
    return fingerprint(record)


def attempts(sweeps: int, n_particles: int, start: str = "quenched") -> int:
    """Count the attempts that one structure takes, for progress and run-time estimates."""
    return n_particles * (sweeps if start == "tiled" else 2 * sweeps + MELT_SWEEPS)


# --------------------------------------------------------------------------------------------- the checks


def radial_distributions(
    configurations: Sequence[Configuration], n_species: int, spacing: float = 0.1
) -> tuple[NDArray, dict[tuple[int, int], NDArray]]:
    """Radial distribution functions g_ab(r), averaged over configurations of one box.

    Returns
    -------
    r
        ``[B]`` bin centres, up to 5 or half the box.
    g
        ``(a, b)`` with a <= b to ``[B]``; pairs without particles are left out.
    """
    import freud

    length = configurations[0].box_length
    reach = min(5.0, 0.49 * length)
    box = freud.box.Box.square(length)
    found = {}
    for a in range(1, n_species + 1):
        for b in range(a, n_species + 1):
            rdf = freud.density.RDF(bins=max(4, round(reach / spacing)), r_max=reach)
            some = False
            for c in configurations:
                points, query = _flat(c, c.of_species(a)), _flat(c, c.of_species(b))
                if min(len(points), len(query)) < 1 + (a == b):
                    continue
                rdf.compute(
                    (box, points),
                    query_points=query,
                    neighbors={"r_max": reach, "exclude_ii": a == b},
                    reset=not some,
                )
                some = True
            if some:
                centres, found[a, b] = np.array(rdf.bin_centers), np.array(rdf.rdf)
    return centres, found


def bond_orientational_order(c: Configuration) -> dict[int, float]:
    r"""Global order :math:`|\frac{1}{N} \sum_i \psi_{k,i}|` of the k nearest neighbours, k = 4 and 6."""
    import freud

    box = freud.box.Box.square(c.box_length)
    result = {}
    for k in (4, 6):
        hexatic = freud.order.Hexatic(k=k)
        hexatic.compute((box, _flat(c, np.arange(c.n_particles))), neighbors={"num_neighbors": k})
        result[k] = float(abs(np.mean(hexatic.particle_order)))
    return result


def _flat(c: Configuration, which: NDArray) -> NDArray[np.float32]:
    return np.column_stack([c.wrapped()[which], np.zeros(len(which))]).astype(np.float32)


def _sigmas(statistic: float, freedom: float) -> float:
    """Student's t as the number of standard deviations of a normal law that is as improbable."""
    return deviations(2.0 * float(stdtr(freedom, -abs(statistic))))


@dataclass(frozen=True)
class CheckLimits:
    """Limits of the equilibration checks; see :func:`check_temperature`. Overlaps are normalised."""

    trend: float = 4.0
    start_difference: float = 4.0
    overlap: float = 0.2
    tile_overlap: float = 0.1
    peak: float = 4.0
    heat_capacity: float = 0.15
    heated_below: float = 2.0
    composition: float = 4.0
    small_q_density: float = 4.0
    small_q_composition: float = 4.0
    reweighting: float = 0.05
    extended: float = 4.0


@takes_mixture(assume=False)
def measure_temperature(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    mixture: Mixture = KA2D,
) -> dict[str, Any]:
    """Measure what shows whether the structures of one temperature are in equilibrium; no limit enters.

    All tests are between structures, which are independent, so no autocorrelation enters. With t values of
    n structures turned into normal standard deviations, an equilibrated set fails the default limits of 4
    with a probability below 1e-3 per temperature, for any n.

    Checks
        *trend*: the mean over structures of the slope of energy against ln(sweep), measured part;
        *start_difference*: mean energies of quenched and heated structures (Welch);
        *outlier*: each structure's mean energy against the others', corrected for their number;
        *overlap*: mean overlap of the structures with their state ``sweeps`` sweeps earlier, which for a
        heated one is the state that came from the lower temperature; normalised, so that chance gives 0;
        *heated_below*: standard deviations by which the mean inherent energy of the heated structures lies
        below that of the measured part of all structures in the last quarter of their ageing (Welch); a set
        whose heated starts did not lie below has one start only;
        *peak*: highest value of any g_ab(r), averaged over structures, at r > 1.5 sigma_ab;
        *bond_order*: largest global 4- or 6-fold bond-orientational order of any structure;
        *composition*: standard deviations by which the composition fluctuates too much at the smallest wave
        vectors (:func:`tglassmlp.simulation.fluctuations.measure_composition`).

    Parameters
    ----------
    records
        Equilibration records of all structures, columns :data:`COLUMNS`.
    configurations
        The structures, in the order of their numbers.
    temperature
        Their temperature.
    mixture
        Unit system.

    Returns
    -------
    dict
        ``checks``, for :func:`judge`: one entry per check with ``check``, ``structure`` (-1: all together),
        ``value`` (None where too few structures make a check impossible), ``limit`` (the attribute of
        :class:`CheckLimits` that it is held against, or None), ``floor`` (allowed in any case, or None),
        ``at_least`` (the limit is the smallest value that passes, not the largest) and ``advice``. Beside it
        mean energies, heat capacity and autocorrelation time.
    """
    late = records[records.measured]
    numbers = np.sort(late.structure.unique())
    if len(numbers) != len(configurations):
        raise ValueError(f"{len(configurations)} structures, but records of {len(numbers)}")
    groups = [late[late.structure == k] for k in numbers]
    means = np.array([g.energy.mean() for g in groups])
    slopes = np.array([_slope(np.log(g.sweep.to_numpy(float)), g.energy.to_numpy()) for g in groups])
    quenched = np.array([g.start.iloc[0] == "quenched" for g in groups])
    checks: list[dict[str, Any]] = []

    def note(
        check: str,
        value: float,
        limit: str | None,
        advice: str,
        structure: int = -1,
        floor: float | None = None,
        at_least: bool = False,
    ) -> None:
        checks.append(_measured(check, value, limit, advice, structure, floor, at_least))

    longer = "raise the temperature's sweeps"
    note("trend", _one_sample(slopes), "trend", longer)
    note("start_difference", _two_samples(means[quenched], means[~quenched]), "start_difference", longer)
    for k, value in zip(numbers, _outliers(means, quenched), strict=True):
        note("outlier", value, "start_difference", f"{longer}, or look at this structure", int(k))
    final = float(np.mean([g.overlap.iloc[-1] for g in groups]))
    chance = float(np.mean([random_overlap(c) for c in configurations]))
    normalised = float(normalised_overlap(final, chance))
    note("overlap", normalised, "overlap", f"{longer}; {_scale(final, chance)}")
    aged = records[~records.measured & (records.start == "heated") & (records.sweep <= 0)]
    note(
        "heated_below",
        _below(
            aged.groupby("structure").inherent_energy.mean(), late.groupby("structure").inherent_energy.mean()
        ),
        "heated_below",
        "a heated start that did not lie below proves nothing: lower equilibration.heated_ratio, or raise "
        "the temperature's sweeps, which are those of the ageing too",
        at_least=True,
    )
    radius, g = radial_distributions(configurations, mixture.n_species)
    peaks = {}
    for (a, b), values in g.items():
        beyond = radius > 1.5 * mixture.sigma_matrix[a - 1, b - 1]
        peaks[a, b] = float(values[beyond].max()) if beyond.any() else float("nan")
    pair = max(peaks, key=lambda p: -np.inf if np.isnan(peaks[p]) else peaks[p])
    crystal = "the mixture crystallises here: use a higher temperature or another mixture"
    note("peak", peaks[pair], "peak", f"g_{pair[0]}{pair[1]}(r) has it; {crystal}")
    order = [max(bond_orientational_order(c).values()) for c in configurations]
    # global order of N independent bonds is about 1/sqrt(N); correlated patches make it a few times that
    allowed = max(0.25, 8.0 / np.sqrt(configurations[0].n_particles))
    note("bond_order", float(np.max(order)), None, crystal, int(numbers[int(np.argmax(order))]), allowed)
    excess, where = measure_composition(configurations, mixture.n_species)
    note("composition", excess, "composition", where)
    capacity, capacity_error = _heat_capacity(groups, configurations[0].n_particles, temperature)
    return {
        "temperature": temperature,
        "checks": checks,
        "structures": len(numbers),
        "energy": float(means.mean()),
        "energy_error": float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else None,
        "inherent_energy": _finite_mean(late.inherent_energy),
        "heat_capacity": capacity,
        "heat_capacity_error": capacity_error,
        "autocorrelation_sweeps": _finite_mean(late.autocorrelation),
        "overlap": final,
        "random_overlap": chance,
        "normalised_overlap": normalised,
        "displacement_acceptance": _finite_mean(late.displacement_acceptance),
        "swap_acceptance": _finite_mean(late.swap_acceptance),
    }


def _measured(
    check: str,
    value: float,
    limit: str | None,
    advice: str,
    structure: int = -1,
    floor: float | None = None,
    at_least: bool = False,
) -> dict[str, Any]:
    """One entry of the measured checks, as plain numbers that JSON can hold."""
    return {
        "check": check,
        "structure": structure,
        "value": float(value) if np.isfinite(value) else None,
        "limit": limit,
        "floor": None if floor is None else float(floor),
        "at_least": at_least,
        "advice": advice,
    }


#: Columns of the table of verdicts.
VERDICT_COLUMNS: Final = ("temperature", "check", "structure", "value", "allowed", "passed", "advice")


def judge(
    measured: Mapping[str, Any], limits: CheckLimits | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Hold measured checks against limits.

    What was measured and what is allowed are apart, so that a change of a limit asks for a new verdict and
    not for new data.

    Parameters
    ----------
    measured
        Of :func:`measure_temperature` or :func:`measure_large_systems`.
    limits
        Limits; defaults if None.

    Returns
    -------
    DataFrame
        One row per check, columns :data:`VERDICT_COLUMNS`; ``value`` is NaN where too few structures make a
        check impossible, and such a check is passed.
    dict
        The verdict: ``passed``, ``failed`` (sentences), and everything of ``measured`` but its checks.
    """
    limits = limits or CheckLimits()
    rows, failed = [], []
    for entry in measured["checks"]:
        bounds = [] if entry["floor"] is None else [entry["floor"]]
        if entry["limit"] is not None:
            bounds.append(getattr(limits, entry["limit"]))
        value, allowed = np.nan if entry["value"] is None else entry["value"], max(bounds)
        at_least = entry.get("at_least", False)
        rows.append(
            {
                "temperature": measured["temperature"],
                "check": entry["check"],
                "structure": entry["structure"],
                "value": value,
                "allowed": allowed,
                "passed": not (value < allowed if at_least else value > allowed),
                "advice": entry["advice"],
            }
        )
        if not rows[-1]["passed"]:
            failed.append(_sentence(rows[-1], "needed at least" if at_least else "allowed"))
    table = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))
    verdict = {
        "passed": all(row["passed"] for row in rows),
        "failed": failed,
        **{k: v for k, v in measured.items() if k not in ("checks", "provenance", "sha256")},
    }
    return table, verdict


def accept(files: Sequence[str | os.PathLike[str]] | str | os.PathLike[str]) -> None:
    """Refuse to make data of structures whose measured checks fail the limits of the run.

    The first line of each job that makes expensive data of structures. Its inputs are the measured values.
    The limits come past Snakemake, in the environment variable ``TGLASSMLP_EQUILIBRATION`` that the workflow
    sets (``checks`` and ``on_failure`` as JSON; defaults where it is not set): they decide whether the job
    may start and not what it makes, so another limit does not make finished data again. Those are judged
    again by the rules ``check_equilibration`` and ``check_large_systems``.

    Parameters
    ----------
    files
        Files of measured checks.

    Raises
    ------
    NotEquilibratedError
        If a check fails, unless ``on_failure`` is ``"warn"``.
    """
    given = json.loads(os.environ.get("TGLASSMLP_EQUILIBRATION", "{}"))
    for file in [files] if isinstance(files, str | os.PathLike) else files:
        _, verdict = judge(read_json(file), CheckLimits(**given.get("checks", {})))
        demand(verdict["failed"], verdict["temperature"], given.get("on_failure", "error"))


@takes_mixture(assume=False)
def check_temperature(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    limits: CheckLimits | None = None,
    mixture: Mixture = KA2D,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Check that the structures of one temperature are in equilibrium: measure, then judge.

    Parameters
    ----------
    records, configurations, temperature, mixture
        As :func:`measure_temperature`, which describes the checks.
    limits
        Limits; defaults if None.

    Returns
    -------
    DataFrame, dict
        Of :func:`judge`.
    """
    return judge(measure_temperature(records, configurations, temperature, mixture), limits)


def _heat_capacity(groups: Sequence[pd.DataFrame], n: int, temperature: float) -> tuple[float, float | None]:
    """Heat capacity per particle from energy fluctuations, N Var(E/N) / T^2, and its jackknife error.

    The variance is that within the stretches of the records, between them, and between structures.
    """

    def found(chosen: Sequence[pd.DataFrame]) -> float:
        within = np.mean([g.energy_variance.mean() + g.energy.var(ddof=0) for g in chosen])
        means = np.array([g.energy.mean() for g in chosen])
        between = means.var(ddof=1) if len(chosen) > 1 else 0.0
        return float(n * (within + between) / temperature**2)

    count = len(groups)
    if count < 3:
        return found(groups), None
    others = np.array([found([g for m, g in enumerate(groups) if m != k]) for k in range(count)])
    return found(groups), float(np.sqrt((count - 1) * others.var(ddof=0)))


def check_heat_capacity(
    verdicts: Sequence[Mapping[str, Any]], limits: CheckLimits | None = None
) -> tuple[pd.DataFrame, list[str]]:
    r"""Compare the slope of the mean energy with its fluctuations, between neighbouring temperatures.

    In equilibrium :math:`dE/dT = N \mathrm{Var}(E/N) / T^2 = C(T)`. The slope of the chord between two
    temperatures is C somewhere between them, so it should lie between the two values of C. A
    supercooled liquid that fell out of equilibrium at the lower temperature has too small a slope.

    Parameters
    ----------
    verdicts
        What :func:`measure_temperature` found, in any order. Those without energies and errors of both (one
        structure, published data) are left out.
    limits
        Limits; defaults if None.

    Returns
    -------
    DataFrame
        One row per pair of neighbouring temperatures: ``temperature, upper_temperature, slope, slope_error,
        heat_capacity, heat_capacity_error`` (means of the two ends), ``value, allowed, passed, advice``.
        ``value`` is the distance of the slope from the range of C, as a share of C; allowed is
        ``limits.heat_capacity`` or, if that is more, 4 standard errors of ``value``.
    list of str
        One sentence for each pair that failed, for :func:`demand`.
    """
    limits = limits or CheckLimits()
    needed = ("energy", "energy_error", "heat_capacity", "heat_capacity_error")
    known = sorted(
        (v for v in verdicts if all(v.get(name) is not None for name in needed)),
        key=lambda v: float(v["temperature"]),
    )
    rows = []
    for low, high in itertools.pairwise(known):
        step = high["temperature"] - low["temperature"]
        slope = (high["energy"] - low["energy"]) / step
        slope_error = float(np.hypot(high["energy_error"], low["energy_error"]) / step)
        ends = [(v["heat_capacity"], v["heat_capacity_error"]) for v in (low, high)]
        (least, least_error), (most, most_error) = min(ends), max(ends)
        distance = max(least - slope, slope - most, 0.0)
        error = np.hypot(slope_error, least_error if slope < least else most_error)
        mean = 0.5 * (least + most)
        value, allowed = distance / mean, max(limits.heat_capacity, 4.0 * error / mean)
        rows.append(
            {
                "temperature": low["temperature"],
                "upper_temperature": high["temperature"],
                "slope": slope,
                "slope_error": slope_error,
                "heat_capacity": mean,
                "heat_capacity_error": 0.5 * float(np.hypot(least_error, most_error)),
                "value": value,
                "allowed": allowed,
                "passed": bool(value <= allowed),
                "advice": f"raise the sweeps of T={low['temperature']:g} and of T={high['temperature']:g}",
            }
        )
    columns = ["temperature", "upper_temperature", "slope", "slope_error", "heat_capacity"]
    columns += ["heat_capacity_error", "value", "allowed", "passed", "advice"]
    failed = [
        f"dE/dT up to T={r['upper_temperature']:g} is {r['slope']:.3g} +- {r['slope_error']:.2g}, "
        f"fluctuations give {r['heat_capacity']:.3g} +- {r['heat_capacity_error']:.2g}: apart by "
        f"{r['value']:.2g}, allowed {r['allowed']:.2g} ({r['advice']})"
        for r in rows
        if not r["passed"]
    ]
    return pd.DataFrame(rows, columns=columns), failed


def measure_large_systems(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    units: Sequence[Configuration] = (),
) -> dict[str, Any]:
    """Measure whether large systems have forgotten that their tiles were equal.

    Parameters
    ----------
    records
        Records of the systems.
    configurations
        The systems, in the order of their numbers.
    temperature
        Their temperature.
    units
        Unit systems of that temperature. Without them the fluctuations at the smallest wave vectors
        (:func:`tglassmlp.simulation.fluctuations.measure_small_q`) have no plateau to be held against, and
        are left out.

    Returns
    -------
    dict
        ``checks`` as of :func:`measure_temperature`, one per system: the normalised overlap of neighbouring
        tiles at the end. Beside it the mean energy and overlaps, as they are, by chance, and normalised.
    """
    checks, overlaps, chances = [], [], []
    for c, (number, g) in zip(configurations, records.groupby("structure"), strict=True):
        overlaps.append(float(g.overlap.iloc[-1]))
        chances.append(random_overlap(c))
        value = float(normalised_overlap(overlaps[-1], chances[-1]))
        advice = "raise large_systems.sweeps_factor or the temperature's sweeps; "
        advice += _scale(overlaps[-1], chances[-1])
        checks.append(_measured("tile_overlap", value, "tile_overlap", advice, int(str(number)), None))
    systems = [entry["structure"] for entry in checks]
    if units:
        n_species = max(int(c.species.max()) for c in units)
        for check, value, sentence in measure_small_q(configurations, units, n_species):
            checks.append(_measured(check, value, check, sentence))
    return {
        "temperature": temperature,
        "checks": checks,
        "systems": systems,
        "energy": float(records[records.measured].energy.mean()),
        "overlap": float(np.mean(overlaps)),
        "random_overlap": float(np.mean(chances)),
        "normalised_overlap": float(np.mean([e["value"] for e in checks if e["check"] == "tile_overlap"])),
    }


def _scale(overlap: float, chance: float) -> str:
    """Say what a normalised overlap is made of."""
    return f"normalised: overlap {overlap:.3f}, by chance {chance:.3f} in this mixture"


def check_large_systems(
    records: pd.DataFrame,
    configurations: Sequence[Configuration],
    temperature: float,
    limits: CheckLimits | None = None,
    units: Sequence[Configuration] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Check that large systems have forgotten that their tiles were equal: measure, then :func:`judge`."""
    return judge(measure_large_systems(records, configurations, temperature, units), limits)


def demand(failed: Sequence[str], temperature: float, on_failure: str = "error") -> None:
    """Raise if an equilibration check failed, or only say so with ``on_failure="warn"``.

    Raises
    ------
    NotEquilibratedError
        Naming each check, structure, value, what is allowed and what to change.
    """
    if on_failure not in ("error", "warn"):
        raise ValueError(f"equilibration.on_failure must be error or warn, found {on_failure!r}")
    if failed:
        message = f"T={temperature:g} is not equilibrated: " + "; ".join(failed)
        if on_failure == "error":
            raise NotEquilibratedError(message)
        print(f"warning: {message}")


def _sentence(row: dict[Any, Any], bound: str) -> str:
    where = f" of structure {row['structure']}" if row["structure"] >= 0 else ""
    return f"{row['check']}{where} is {row['value']:.3g}, {bound} {row['allowed']:.3g} ({row['advice']})"


def _finite_mean(values: pd.Series) -> float | None:
    finite = values.to_numpy(float)
    finite = finite[np.isfinite(finite)]
    return float(finite.mean()) if finite.size else None


def _slope(x: NDArray, y: NDArray) -> float:
    return float(np.polyfit(x, y, 1)[0]) if x.size > 1 else 0.0


def _one_sample(values: NDArray) -> float:
    """Return the standard deviations by which the mean differs from zero; NaN for fewer than two values."""
    n = values.size
    if n < 2 or np.ptp(values) == 0.0:
        return float("nan")
    return _sigmas(values.mean() / (values.std(ddof=1) / np.sqrt(n)), n - 1)


def _two_samples(a: NDArray, b: NDArray) -> float:
    """Return the standard deviations by which two means differ (Welch); NaN without two values a side."""
    if min(a.size, b.size) < 2:
        return float("nan")
    va, vb = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    if va + vb == 0.0:
        return float("nan")
    freedom = (va + vb) ** 2 / (va**2 / (a.size - 1) + vb**2 / (b.size - 1))
    return _sigmas((a.mean() - b.mean()) / np.sqrt(va + vb), freedom)


def _below(lower: pd.Series, upper: pd.Series) -> float:
    """Return the standard deviations by which one mean lies below another; NaN without two values a side."""
    a, b = (x[np.isfinite(x)] for x in (lower.to_numpy(float), upper.to_numpy(float)))
    if min(a.size, b.size) < 2:
        return float("nan")
    return float(np.copysign(_two_samples(b, a), b.mean() - a.mean()))


def _outliers(values: NDArray, group: NDArray) -> NDArray[np.float64]:
    """Deviation of each value from the mean of the others of its group, in standard deviations.

    The probability is multiplied by the number of values, so that the limit holds for the largest.
    """
    result = np.full(values.size, np.nan)
    for k, value in enumerate(values):
        others = np.delete(values, k)[np.delete(group == group[k], k)]
        if others.size < 3 or np.ptp(others) == 0.0:
            continue
        t = (value - others.mean()) / (others.std(ddof=1) * np.sqrt(1.0 + 1.0 / others.size))
        probability = min(1.0, 2.0 * float(stdtr(others.size - 1, -abs(t))) * values.size)
        result[k] = deviations(probability)
    return result
