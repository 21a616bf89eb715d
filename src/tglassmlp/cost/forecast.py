"""Which C_B the dynamics of a run will reach, before it is run, from relaxation times that are known.

The relaxation times and the master curve of KA2D are those measured with this package (T >= 0.25), read off
published trajectories (T = 0.23), or what the dynamics of the paper reaches (T = 0.21: C_B = 0.80 at 7e6).
Between and below them they are interpolated and extrapolated in 1/T. They plan a run, its label map and its
cost; no number of a run uses them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from tglassmlp.config import Config
from tglassmlp.dynamics.extrapolation import fit_extrapolation
from tglassmlp.dynamics.label_map import LabelMap, map_labels
from tglassmlp.dynamics.master_curve import MasterCurve
from tglassmlp.dynamics.relaxation_times import Relaxation, RelaxationTime
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.species import identity

__all__ = ["known_relaxation", "planned_label_map", "planned_table", "reached"]

#: Relaxation time of KA2D, C_B(tau) = 0.5 for r_in = 1.4 and r_out = 1.8, and its relative error.
KA2D_TIMES: Final = {
    "0.50": (438.0, 0.007),
    "0.45": (779.0, 0.013),
    "0.40": (1700.0, 0.009),
    "0.35": (5411.0, 0.015),
    "0.30": (34100.0, 0.041),
    "0.25": (1.0e6, 0.15),
    "0.23": (4.5e6, 0.15),
    "0.21": (3.2e7, 0.3),
}

#: Nodes (t / tau, C_B) of the master curve of KA2D.
KA2D_CURVE: Final = (
    (0.002, 0.985),
    (0.02, 0.945),
    (0.22, 0.80),
    (0.31, 0.75),
    (0.525, 0.65),
    (1.0, 0.50),
    (3.5, 0.25),
    (6.2, 0.15),
    (11.0, 0.075),
)


@lru_cache(maxsize=1)
def known_relaxation() -> Relaxation:
    """Relaxation of KA2D at all temperatures, as far as it is known."""
    times = {name: RelaxationTime(tau, tau * error, "threshold") for name, (tau, error) in KA2D_TIMES.items()}
    ratio, c_b = np.array(KA2D_CURVE).T
    fit = fit_extrapolation(
        [float(t) for t in times],
        [e.tau for e in times.values()],
        [e.tau_error for e in times.values()],
    )
    return Relaxation(0.5, times, MasterCurve(tuple(np.log(ratio)), tuple(c_b)), fit)


def reached(config: Config) -> dict[float, list[float]] | None:
    """C_B of the grid that the dynamics of each temperature is expected to reach.

    Returns
    -------
    dict or None
        Temperature with dynamics -> values of C_B; None for a mixture whose relaxation is not known.
    """
    if not _is_known(config.mixture()):
        return None
    known = known_relaxation()
    found = {}
    for entry in config.temperatures:
        duration = entry.extended_time or entry.dynamics_time
        if duration is not None:
            times = known.time_of(entry.value, np.array(config.c_b))
            found[entry.value] = [c for c, t in zip(config.c_b, times, strict=True) if t <= duration]
    return found


def planned_label_map(config: Config, t_min: float) -> LabelMap | None:
    """Label map (Table 1) that the run is expected to get; None for a mixture that is not known.

    Raises
    ------
    ValueError
        If the dynamics of no temperature is expected to reach any C_B.
    """
    expected = reached(config)
    if expected is None:
        return None
    rules = config.labels
    return map_labels(
        [t.value for t in config.temperatures], config.c_b, expected, t_min, rules.lowest_ratio,
        rules.minimum_labelled, rules.minimum_predicted,
    )  # fmt: skip


def planned_table(config: Config, t_min: float) -> list[str]:
    """Lines of the planned label map, temperatures as columns from low to high."""
    planned = planned_label_map(config, t_min)
    if planned is None:
        return []
    temperatures = sorted({float(t.value) for t in config.temperatures})
    lines = ["C_B    " + " ".join(f"{t:>6.3g}" for t in temperatures)]
    for c_b in config.c_b:
        letters = [planned.letter_at(t, c_b) or "." for t in temperatures]
        lines.append(f"{c_b:<6.3g} " + " ".join(f"{letter:>6}" for letter in letters))
    return lines


def _is_known(mixture: Mixture) -> bool:
    """Whether a mixture is KA2D at its density; the size of the unit system does not matter."""
    return identity(mixture) == identity(KA2D) and bool(np.isclose(mixture.density, KA2D.density, rtol=1e-3))
