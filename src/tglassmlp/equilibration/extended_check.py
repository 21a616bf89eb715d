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

from tglassmlp import state_point
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.equilibration.record import record_table
from tglassmlp.equilibration.runner import Task, check_request, checkpoint_key, run_plan
from tglassmlp.equilibration.schedule import extended_plan
from tglassmlp.equilibration.settings import EquilibrationSettings
from tglassmlp.equilibration.significance import largest_difference
from tglassmlp.equilibration.verdict import measured_check
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.progress import Progress
from tglassmlp.provenance import fingerprint
from tglassmlp.randomness import seed_sequence, words

__all__ = ["extend_structure", "measure_extended_check"]


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
    engine: str = "native",
) -> tuple[Configuration, pd.DataFrame]:
    """Go on with an equilibrated structure.

    Parameters
    ----------
    structure
        The structure, of the unit system.
    temperature, root_seed, settings, mixture, state, progress, engine
        As for :func:`tglassmlp.equilibration.structures.equilibrate_structure`.
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
        Its record, columns :data:`tglassmlp.equilibration.record.COLUMNS`, start ``extended``;
        ``overlap`` is that with the structure at the beginning.
    """
    check_request(temperature, sweeps)
    settings = settings or EquilibrationSettings()
    sequence = seed_sequence(root_seed, "extend_equilibration", state_point.key(temperature), number)
    source = [*words(sequence, 2).tolist(), fingerprint(structure.positions.tolist())]
    key = checkpoint_key(temperature, sweeps, settings, mixture, source, engine=engine)
    task = Task(extended_plan(temperature, sweeps, settings), structure, sequence, state, key)
    ((c, rows),) = run_plan([task], settings, mixture, progress=progress, engine=engine)
    return c, record_table(number, "extended", rows)


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
        ``checks`` as of :func:`tglassmlp.equilibration.checks.measure_temperature`, held against
        ``CheckLimits.extended``: *extended_energy*, mean inherent energies of both, and
        *extended_descriptors*, both by :func:`tglassmlp.equilibration.significance.largest_difference`: with
        a few structures Welch's test, which pools no variance, would have 3 degrees of freedom and next to no
        power. Beside it the inherent energies.
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
            measured_check("extended_energy", value, "extended", energy),
            measured_check("extended_descriptors", deviation, "extended", most),
        ],
        "structures": int(extended.structure.nunique()),
        "inherent_energy": float(late.mean()),
        "original_inherent_energy": float(before.mean()),
    }
