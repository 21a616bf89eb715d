"""Tables of the structure of pairs: radial distributions and partial structure factors of a run's species."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.equilibration.order import radial_distributions
from tglassmlp.observables.pair_structure import partial_structure_factors, wave_number_bins
from tglassmlp.observables.structure_factor import Shells
from tglassmlp.paths import File, by_temperature
from tglassmlp.storage import read_configurations

__all__ = ["partial_structure_factor_table", "radial_distribution_table"]

#: Width of the bins of distances (sigma_11).
SPACING: Final = 0.05

#: Largest wave number of unit systems, and of large ones, which are there for the smallest (1 / sigma_11).
LARGEST: Final = {"unit": 15.0, "large": 3.0}

#: Shells are bins of their own up to this wave number, and are put into bins of one width beyond.
SINGLE_SHELLS: Final = {"unit": 0.8, "large": 0.4}
BIN_WIDTH: Final = 0.1

Pairs = Mapping[tuple[int, int], NDArray[np.float64]]


def radial_distribution_table(structures: Sequence[File], n_species: int) -> pd.DataFrame:
    """g_ab(r) of every temperature, mean over structures.

    Parameters
    ----------
    structures
        Files of unit systems, ``.../T<temperature>/chunk<k>.gsd``.
    n_species
        Number of species.

    Returns
    -------
    DataFrame
        ``temperature, first, second`` (species, first <= second)``, r, g, error`` (standard error over
        structures, NaN of one) and ``n_structures``.
    """

    def of(c: Configuration) -> tuple[NDArray, Pairs]:
        return radial_distributions([c], n_species, SPACING)

    parts = [
        _means(t, [c for file in files for c in read_configurations(file)], of, "r", "g")
        for t, files in by_temperature(structures).items()
    ]
    return pd.concat(parts, ignore_index=True)


def partial_structure_factor_table(
    structures: Sequence[File], n_species: int, ensemble: str = "unit"
) -> pd.DataFrame:
    """S_ab(q) of every temperature, mean over structures.

    Parameters
    ----------
    structures, n_species
        As :func:`radial_distribution_table`; unit systems or large ones.
    ensemble
        ``"unit"`` or ``"large"``: decides how far q goes.

    Returns
    -------
    DataFrame
        ``ensemble, temperature, first, second, q, s, error`` (standard error over structures; of a single
        one that of Gaussian amplitudes, sqrt((s_aa s_bb + s_ab^2) / (2 modes))), ``modes`` (of one
        structure) and ``n_structures``.
    """
    parts = []
    for t, files in by_temperature(structures).items():
        configurations = [c for file in files for c in read_configurations(file)]
        shells = Shells(configurations[0].box_length, LARGEST[ensemble])
        q, member, modes = wave_number_bins(shells, SINGLE_SHELLS[ensemble], BIN_WIDTH)

        def of(
            c: Configuration,
            shells: Shells = shells,
            q: NDArray = q,
            member: NDArray = member,
            modes: NDArray = modes,
        ) -> tuple[NDArray, Pairs]:
            found = partial_structure_factors(c.positions, c.species, n_species, shells)
            return q, {pair: np.bincount(member, power) / modes for pair, power in found.items()}

        table = _means(t, configurations, of, "q", "s").assign(ensemble=ensemble)
        pairs = table.groupby(["first", "second"]).ngroups
        table["modes"] = np.tile(modes, pairs)
        if len(configurations) == 1:
            table["error"] = _gaussian_error(table)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _means(
    temperature: float,
    configurations: Sequence[Configuration],
    of: Callable[[Configuration], tuple[NDArray, Pairs]],
    x: str,
    y: str,
) -> pd.DataFrame:
    """Mean and standard error over configurations of what a function gives for each pair of species."""
    where, each = np.empty(0), []
    for c in configurations:
        where, found = of(c)
        each.append(found)
    n = len(each)
    parts = []
    for first, second in each[0]:
        values = np.array([found[first, second] for found in each])
        error = values.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(where.size, np.nan)
        columns: dict[str, Any] = {"temperature": temperature, "first": first, "second": second}
        columns |= {x: where, y: values.mean(axis=0), "error": error, "n_structures": n}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _gaussian_error(table: pd.DataFrame) -> NDArray[np.float64]:
    """Error of the mean over modes whose amplitudes are complex Gaussian numbers."""
    own = {a: rows["s"].to_numpy(float) for (a, b), rows in table.groupby(["first", "second"]) if a == b}
    parts = [
        np.sqrt((own[a] * own[b] + rows["s"].to_numpy(float) ** 2) / (2.0 * rows["modes"].to_numpy(float)))
        for (a, b), rows in table.groupby(["first", "second"], sort=False)
    ]
    return np.concatenate(parts)
