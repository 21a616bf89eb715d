"""Published structures in the place of our own: their trajectories, record and checks as a run keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.readers.glassbench.structures import Isoconfigurational
from tglassmlp.simulation.energies import potential_energies
from tglassmlp.storage import Array

__all__ = ["equilibration_tables", "trajectory_arrays"]


def trajectory_arrays(members: Sequence[Isoconfigurational]) -> dict[str, Array]:
    """Trajectories of structures with equal times, with frame 0 (no displacement) put before them.

    Raises
    ------
    ValueError
        If times or numbers of replicas differ.
    """
    first = members[0]
    for item in members[1:]:
        same = item.displacements.shape == first.displacements.shape
        if not same or not np.array_equal(item.times, first.times):
            raise ValueError(
                f"structure {item.number} has other times or replicas than structure {first.number}"
            )
    moved = np.stack([item.displacements for item in members])
    displacements = np.concatenate([np.zeros_like(moved[:, :, :1]), moved], axis=2)
    return {
        "displacements": Array(
            displacements, ("structure", "replica", "frame", "particle", "dimension"), "sigma_11", "published"
        ),
        "times": Array(np.concatenate([[0.0], first.times]), ("frame",), "tau_LJ"),
    }


@takes_mixture(assume=False)
def equilibration_tables(
    structures: Sequence[Configuration],
    inherent: Sequence[Configuration],
    temperature: float,
    mixture: Mixture = KA2D,
    origin: tuple[str, str, str] = (
        "published",
        "GlassBench, doi 10.5281/zenodo.10118191",
        "equilibrated by the authors of the data",
    ),
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Equilibration record, table of checks and mean energies of structures that somebody else made.

    Their equilibration is the authors' claim, not checked here: the record holds their energies only.
    ``origin`` is the name of the start in the record, where the structures are from, and whose claim it is.
    """
    energy = [float(potential_energies(c, mixture).mean()) for c in structures]
    lower = [float(potential_energies(c, mixture).mean()) for c in inherent]
    record = pd.DataFrame(index=range(len(energy)), columns=list(COLUMNS), dtype=float)
    record = record.assign(structure=range(len(energy)), start=origin[0], sweep=1, measured=True)
    record = record.assign(energy=energy, inherent_energy=lower)
    table = pd.DataFrame(
        {
            "temperature": temperature,
            "check": [origin[0]],
            "structure": [-1],
            "value": [0.0],
            "allowed": [0.0],
            "passed": [True],
            "advice": [origin[2]],
        }
    )
    verdict = {
        "temperature": temperature,
        "checks": [],
        "structures": len(energy),
        "energy": float(np.mean(energy)),
        "inherent_energy": float(np.mean(lower)),
        "source": origin[1],
    }
    return record, table, verdict
