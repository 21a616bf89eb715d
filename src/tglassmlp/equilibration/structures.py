"""Equilibrium structures of the unit system, and large systems made of them.

The functions take what a user chooses, one argument for each choice; what belongs together inside is grouped
(:class:`tglassmlp.equilibration.runner.Task`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tglassmlp import state_point
from tglassmlp.configuration import Configuration
from tglassmlp.equilibration.overlap import random_overlap
from tglassmlp.equilibration.record import record_table
from tglassmlp.equilibration.runner import Task, check_request, checkpoint_key, run_plan
from tglassmlp.equilibration.schedule import start_of, structure_plan
from tglassmlp.equilibration.settings import EquilibrationSettings
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint
from tglassmlp.randomness import seed_sequence, words
from tglassmlp.simulation.energies import potential_energies

__all__ = [
    "equilibrate_large_system",
    "equilibrate_large_systems",
    "equilibrate_structure",
    "equilibrate_structures",
]


def equilibrate_structure(
    temperature: float,
    structure: int,
    sweeps: int,
    root_seed: int,
    settings: EquilibrationSettings | None = None,
    mixture: Mixture = KA2D,
    state: Path | None = None,
    progress: Progress | None = None,
    engine: str = "native",
) -> tuple[Configuration, pd.DataFrame]:
    """Make one equilibrium structure of the unit system; see :func:`equilibrate_structures`.

    Parameters
    ----------
    structure
        Its number.
    state
        Its checkpoint file, or None.
    temperature, sweeps, root_seed, settings, mixture, progress, engine
        As :func:`equilibrate_structures`.

    Returns
    -------
    Configuration
        The structure.
    DataFrame
        Its equilibration record, columns :data:`tglassmlp.equilibration.record.COLUMNS`.
    """
    states = None if state is None else [state]
    return equilibrate_structures(
        temperature, [structure], sweeps, root_seed, settings, mixture, states, progress, engine
    )[0]


def equilibrate_structures(
    temperature: float,
    structures: Sequence[int],
    sweeps: int,
    root_seed: int,
    settings: EquilibrationSettings | None = None,
    mixture: Mixture = KA2D,
    states: Sequence[Path] | None = None,
    progress: Progress | None = None,
    engine: str = "native",
    above: Mapping[int, Configuration] | None = None,
) -> list[tuple[Configuration, pd.DataFrame]]:
    """Make equilibrium structures of the unit system, as many at once as the engine moves together.

    Parameters
    ----------
    temperature
        Temperature T > 0.
    structures
        Their numbers; even ones are quenched, odd ones heated. Together with the temperature and
        ``root_seed`` a number decides every random number of its structure.
    sweeps
        Sweeps S at least 1; a structure costs 2 S and the melt, or S if it goes on from another
        (:mod:`tglassmlp.equilibration.schedule`).
    root_seed
        The run's seed.
    settings
        Scheme; defaults if None.
    mixture
        Unit system.
    states
        Checkpoint file of each structure, resumed if there. They are kept at the end, so that a job of many
        structures need not repeat the finished ones; remove them when the structures are stored.
    progress
        Counts attempts.
    engine
        Engine whose swap Monte Carlo moves them (:mod:`tglassmlp.engines`).
    above
        Number -> equilibrated structure of the next higher temperature that the structure of this number goes
        on from. Those without one, and all heated ones, start by themselves.

    Returns
    -------
    list of (Configuration, DataFrame)
        Each structure and its equilibration record, columns
        :data:`tglassmlp.equilibration.record.COLUMNS`.

    Raises
    ------
    ValueError
        For a request out of range, a structure to go on from that is not one of this mixture, or a checkpoint
        that is damaged or foreign.
    """
    check_request(temperature, sweeps)
    settings, above = settings or EquilibrationSettings(), above or {}
    starts = [start_of(k, k in above) for k in structures]
    plans = {start: structure_plan(temperature, sweeps, start, settings) for start in set(starts)}
    files: Sequence[Path | None] = [None] * len(structures) if states is None else states
    tasks = []
    for k, start, state in zip(structures, starts, files, strict=True):
        sequence = seed_sequence(root_seed, "equilibrate_structures", state_point.key(temperature), k)
        lattice, chain = sequence.spawn(2)
        source = words(sequence, 2).tolist()
        if start == "ladder":
            begin = _rung(above[k], k, mixture)
            source.append(fingerprint([begin.positions.tolist(), begin.species.tolist()]))
        else:
            begin = lattice_start(mixture, lattice)
        key = checkpoint_key(temperature, sweeps, settings, mixture, source, engine=engine)
        tasks.append(Task(plans[start], begin, chain, state, key))
    made = run_plan(tasks, settings, mixture, progress=progress, engine=engine)
    return [
        (c, record_table(k, start, rows))
        for k, start, (c, rows) in zip(structures, starts, made, strict=True)
    ]


def _rung(structure: Configuration, number: int, mixture: Mixture) -> Configuration:
    """Structure of a higher temperature to go on from; refused if it is none of this mixture's."""
    found = np.bincount(structure.species, minlength=mixture.n_species + 1)[1:].tolist()
    wanted = [int(n) for n in mixture.composition]
    if found != wanted or not np.isclose(structure.box_length, mixture.box_length, rtol=1e-9):
        raise ValueError(
            f"structure {number} cannot go on from one of {found} particles in a box of "
            f"{structure.box_length:g}: needed are {wanted} in {mixture.box_length:g} ({mixture.name})"
        )
    return structure


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
    engine: str = "native",
) -> tuple[Configuration, pd.DataFrame]:
    """Make one large system; see :func:`equilibrate_large_systems`.

    Parameters
    ----------
    unit
        Equilibrium structure of the unit system that it is made of.
    number
        Its number.
    state
        Its checkpoint file, or None.
    temperature, sweeps, tiles, root_seed, settings, mixture, progress, engine
        As :func:`equilibrate_large_systems`.

    Returns
    -------
    Configuration
        The large system.
    DataFrame
        Its record.
    """
    states = None if state is None else [state]
    return equilibrate_large_systems(
        [unit], temperature, [number], sweeps, tiles, root_seed, settings, mixture, states, progress, engine
    )[0]


def equilibrate_large_systems(
    units: Sequence[Configuration],
    temperature: float,
    numbers: Sequence[int],
    sweeps: int,
    tiles: int,
    root_seed: int,
    settings: EquilibrationSettings | None = None,
    mixture: Mixture = KA2D,
    states: Sequence[Path] | None = None,
    progress: Progress | None = None,
    engine: str = "native",
) -> list[tuple[Configuration, pd.DataFrame]]:
    """Lay equilibrium structures ``tiles`` x ``tiles`` times side by side and re-equilibrate them.

    Parameters
    ----------
    units
        Equilibrium structures of the unit system at the same temperature. Number k is made of unit structure
        k, and so on again from the first.
    temperature, root_seed, settings, mixture, states, progress, engine
        As :func:`equilibrate_structures`.
    numbers
        Numbers of the large systems.
    sweeps
        Sweeps in all; the second half is measured.
    tiles
        Unit systems per side. With 1 the unit systems are returned as they are: in equilibrium already, and
        with no tiles to forget; their record has one row.

    Returns
    -------
    list of (Configuration, DataFrame)
        Each large system and its record, whose ``overlap`` is that of neighbouring tiles
        (:func:`tglassmlp.equilibration.overlap.tile_overlap`).

    Raises
    ------
    ValueError
        As :func:`equilibrate_structures`.
    """
    check_request(temperature, sweeps)
    if tiles < 1:
        raise ValueError(f"tiles must be at least 1, found {tiles}")
    if tiles == 1:
        return [(c, _as_it_is(k, c, mixture)) for k, c in ((k, units[k % len(units)]) for k in numbers)]
    settings = settings or EquilibrationSettings()
    plan = structure_plan(temperature, sweeps, "tiled", settings)
    files: Sequence[Path | None] = [None] * len(numbers) if states is None else states
    tasks = []
    for k, state in zip(numbers, files, strict=True):
        unit = units[k % len(units)]
        sequence = seed_sequence(root_seed, "equilibrate_large_systems", state_point.key(temperature), k)
        source = [*words(sequence, 2).tolist(), fingerprint(unit.positions.tolist())]
        key = checkpoint_key(temperature, sweeps, settings, mixture, source, tiles, engine)
        tasks.append(Task(plan, unit.tiled(tiles), sequence, state, key))
    made = run_plan(tasks, settings, mixture, tiles=tiles, progress=progress, engine=engine)
    return [(c, record_table(k, "tiled", rows)) for k, (c, rows) in zip(numbers, made, strict=True)]


def _as_it_is(number: int, c: Configuration, mixture: Mixture) -> pd.DataFrame:
    """Record of a unit system that stands in for a large one."""
    energy = float(potential_energies(c, mixture).mean())
    return record_table(
        number, "tiled", [{"sweep": 1, "measured": True, "energy": energy, "overlap": random_overlap(c)}]
    )
