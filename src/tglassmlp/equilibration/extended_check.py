"""Some structures go on for many times their sweeps, and must stay what they were.

Whatever relaxes so slowly that a run of ``sweeps`` sweeps does not see it, a longer one sees: if inherent
energies or mean descriptors go on changing, the structures were not in equilibrium. The check is as strong as
its factor is large, and blind to what is slower still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint
from tglassmlp.randomness import seed_sequence, temperature_key, words
from tglassmlp.simulation import equilibration
from tglassmlp.simulation.equilibration import EquilibrationSettings, _measured
from tglassmlp.simulation.fluctuations import deviations
from tglassmlp.simulation.swap_monte_carlo import TUNING_INTERVAL

__all__ = ["extend_structure", "largest_difference", "measure_extended_check"]


@takes_mixture(assume=False)
def extend_structure(
    structure: Configuration,
    temperature: float,
    number: int,
    sweeps: int,
    root_seed: int,
    settings: EquilibrationSettings | None = None,
    mixture: Mixture = KA2D,
    state: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Configuration, pd.DataFrame]:
    """Go on with an equilibrated structure.

    Parameters
    ----------
    structure
        The structure, of the unit system.
    temperature, root_seed, settings, mixture, state, progress
        As for :func:`tglassmlp.simulation.equilibration.equilibrate_structure`.
    number
        Its number; with the temperature and ``root_seed`` it decides the random numbers, which are not those
        that made the structure.
    sweeps
        Sweeps in all, at least 2. The displacement is tuned anew at their beginning; the last ``sweeps`` // 2
        are measured.

    Returns
    -------
    Configuration
        The structure at the end.
    DataFrame
        Its record, columns :data:`tglassmlp.simulation.equilibration.COLUMNS`, start ``extended``;
        ``overlap`` is that with the structure at the beginning.
    """
    equilibration._check_request(temperature, sweeps)
    settings = settings or EquilibrationSettings()
    sequence = seed_sequence(root_seed, "extend_equilibration", temperature_key(temperature), number)
    measured = max(1, sweeps // 2)
    tuned = min(equilibration.TUNING_SWEEPS, sweeps // 4) // TUNING_INTERVAL * TUNING_INTERVAL
    plan = list(
        equilibration._recorded_stage(
            temperature,
            sweeps - measured,
            measured,
            0,
            tuned,
            settings.record_points,
            2 * equilibration.INHERENT_POINTS,
        )
    )
    source = [*words(sequence, 2).tolist(), fingerprint(structure.positions.tolist())]
    key = equilibration._key(temperature, sweeps, settings, mixture, source, 1)
    c, rows = equilibration._run_plan(structure, plan, sequence, settings, mixture, 1, state, key, progress)
    return c, equilibration._table(number, "extended", rows)


def largest_difference(ones: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[int, float, float]:
    """Largest difference of the means of many quantities, and how improbable it is among so many.

    Both sets are samples of one ensemble if all is well, so their variances are pooled (Student's t). The
    probability of the largest t is multiplied by the number of quantities (Bonferroni), whose correlation
    makes that cautious.

    Parameters
    ----------
    ones, others
        ``[n, M]`` and ``[m, M]``: M quantities of n and m independent structures.

    Returns
    -------
    place, difference, deviation
        Which quantity it is, the difference of its means in standard deviations between structures, and the
        deviation in standard deviations of a normal law. ``(-1, NaN, NaN)`` with fewer than two structures
        on a side, or if nothing fluctuates.
    """
    n, m = len(ones), len(others)
    if min(n, m) < 2:
        return -1, float("nan"), float("nan")
    freedom = n + m - 2
    pooled = np.sqrt(((n - 1) * ones.var(axis=0, ddof=1) + (m - 1) * others.var(axis=0, ddof=1)) / freedom)
    scale = np.maximum(np.abs(ones).max(axis=0), np.abs(others).max(axis=0))
    fluctuates = np.isfinite(pooled) & (pooled > 1e-12 * scale)
    if not fluctuates.any():
        return -1, float("nan"), float("nan")
    difference = np.zeros(ones.shape[1])
    difference[fluctuates] = (ones.mean(axis=0) - others.mean(axis=0))[fluctuates] / pooled[fluctuates]
    place = int(np.argmax(np.abs(difference)))
    t = float(difference[place]) / np.sqrt(1.0 / n + 1.0 / m)
    probability = 2.0 * float(stdtr(freedom, -abs(t))) * int(fluctuates.sum())
    return place, float(difference[place]), deviations(probability)


def measure_extended_check(
    temperature: float,
    extended: pd.DataFrame,
    records: pd.DataFrame,
    means: NDArray[np.float64],
    original_means: NDArray[np.float64],
    names: Sequence[str],
) -> Mapping[str, Any]:
    """Measure whether structures that went on for many times their sweeps are what they were.

    Parameters
    ----------
    temperature
        Their temperature.
    extended
        Records of :func:`extend_structure`, of n structures.
    records
        Records of all m structures of this temperature.
    means, original_means
        ``[n, M]`` and ``[m, M]``: mean of each raw descriptor over the particles of each structure.
    names
        The M descriptors.

    Returns
    -------
    dict
        ``checks`` as of :func:`tglassmlp.simulation.equilibration.measure_temperature`, held against
        ``CheckLimits.extended``: *extended_energy*, mean inherent energies of both, and
        *extended_descriptors*, both by :func:`largest_difference`: with a few structures Welch's test, which
        pools no variance, would have 3 degrees of freedom and next to no power. Beside it the
        inherent energies.
    """
    late, before = (
        table[table.measured].groupby("structure").inherent_energy.mean().dropna().to_numpy(float)
        for table in (extended, records)
    )
    longer = "raise the temperature's sweeps"
    energy = f"inherent energies were {before.mean():.5g} and are {late.mean():.5g}; {longer}"
    place, difference, deviation = largest_difference(means, original_means)
    where = names[place] if place >= 0 else "none"
    most = (
        f"{where} has the largest difference, {difference:.2g} standard deviations of a structure; {longer}"
    )
    _, _, value = largest_difference(late[:, None], before[:, None])
    return {
        "temperature": temperature,
        "checks": [
            _measured("extended_energy", value, "extended", energy),
            _measured("extended_descriptors", deviation, "extended", most),
        ],
        "structures": int(extended.structure.nunique()),
        "inherent_energy": float(late.mean()),
        "original_inherent_energy": float(before.mean()),
    }
