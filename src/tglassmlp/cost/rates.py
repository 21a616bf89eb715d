"""Work per second: of this machine where it has been measured, otherwise of the demo."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Final

from tglassmlp.storage import read_json

__all__ = ["USUAL_RATES", "Rates", "measured_rates"]


@dataclass(frozen=True)
class Rates:
    """Work per second of one core (or GPU); the defaults are those of the demo on a busy machine."""

    #: Monte Carlo attempts.
    monte_carlo: float = 5e6
    #: Particle-steps of engines on devices, ``{"native on cpu": 7e7}``, where not as the engine declares.
    dynamics: Mapping[str, float] = field(default_factory=dict)
    #: Displacements of swap Monte Carlo, likewise.
    swap: Mapping[str, float] = field(default_factory=dict)
    #: Particles brought to their inherent structure.
    minimisation: float = 5e3
    #: Particles times coarse-graining lengths.
    descriptors: float = 1.2e5
    #: Particles times replicas times frames.
    propensities: float = 2e7
    #: Structures times networks that one pass of training takes, in units of 1000 central particles.
    training: float = 3e3
    #: Central particles times C_B times networks.
    prediction: float = 1e6
    #: Seconds that every job takes before and after its work (interpreter, imports, Snakemake).
    start: float = 3.0


#: What is expected where nothing has been measured.
USUAL_RATES: Final = Rates()

#: Rows of results/benchmarks.json that give a rate: part of the name, field or engine and device, factor.
_MEASURED = (
    (r"^dynamics, 16 replicas, .* after 1 tau", "native on cpu", 1e6),
    (r"^swap Monte Carlo, informed exchanges, N = \d+, T = ", "monte_carlo", 1e6),
)

#: The CUDA engine on a card, as in :attr:`Rates.dynamics`.
_ON_CARD: Final = "cuda on gpu"


def measured_rates(path: str | os.PathLike[str] = "results/benchmarks.json") -> tuple[Rates, list[str]]:
    """Rates of this machine where `make bench` has measured them, the defaults elsewhere.

    Those of the CUDA engine on a card come from ``gpu_check.json`` beside that file
    (``python -m benchmarks.gpu_check``).

    Returns
    -------
    Rates, list of str
        The rates, and the names of those that were measured.

    Raises
    ------
    ValueError
        If a file is damaged.
    """
    rates, found = Rates(), dict[str, float]()
    rows = read_json(path).get("rows", []) if Path(path).is_file() else []
    for pattern, name, factor in _MEASURED:
        for row in rows:
            value = row.get("value")
            if re.search(pattern, str(row.get("name"))) and name not in found and value and value > 0:
                found[name] = factor * float(value)
    names = sorted(found)
    own = {f.name for f in fields(Rates)}
    dynamics = {name: found.pop(name) for name in names if name not in own}
    swap: dict[str, float] = {}
    card = Path(path).with_name("gpu_check.json")
    measured = read_json(card).get("rates", {}) if card.is_file() else {}
    for kind, rates_of_kind in (("dynamics", dynamics), ("swap", swap)):
        if kind in measured:
            rates_of_kind[_ON_CARD] = float(measured[kind])
            names = sorted({*names, _ON_CARD})
    return replace(rates, dynamics=dynamics, swap=swap, **found), names
