r"""What an equilibration does, step by step: what is annealed how long, and when something is noted.

Every structure is a chain of its own, from a lattice with random species melted at a high temperature:

* a *quenched* structure goes straight to T and spends 3/2 ``sweeps`` there;
* a *heated* one first spends ``sweeps`` at ``heated_ratio`` T, then 1/2 ``sweeps`` at T. Its inherent
  energy at the end of the ageing is recorded (at sweeps up to 0), since it comes from below only if that lies
  below;
* a structure of a *ladder* of temperatures goes on from an equilibrated one of the next higher temperature,
  and spends 1/2 ``sweeps`` at T: it costs half as much, and comes from above like a quenched one;
* all then make 1/2 ``sweeps`` at T during which everything is measured. The last configuration is the
  structure.

The first two kinds cost 2 ``sweeps`` and the melt. The displacement is tuned at the beginning of each
temperature, never while measuring. Because every other structure is heated and starts by itself, the
structures themselves carry the test that both sides agree. A large system starts from unit structures of
its own temperature laid side by side, and must forget that its tiles were equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tglassmlp.equilibration.settings import EquilibrationSettings
from tglassmlp.simulation.swap.scheme import TUNING_INTERVAL

__all__ = [
    "INHERENT_POINTS",
    "MELT_SWEEPS",
    "Step",
    "attempts",
    "extended_plan",
    "start_of",
    "structure_plan",
]

#: Sweeps at the high temperature that melt the lattice.
MELT_SWEEPS: Final = 200

#: Most sweeps at the beginning of a temperature in which the displacement is tuned.
TUNING_SWEEPS: Final = 300

#: Points of the record at which the inherent energy is computed as well.
INHERENT_POINTS: Final = 5

#: Energies that are averaged into one point of the record.
SAMPLES: Final = 20


@dataclass(frozen=True)
class Step:
    """A few sweeps and what to do after them."""

    temperature: float
    sweeps: int
    tune: bool
    sample: bool = False  # note the energy
    record: int | None = None  # make a row of the record for this many sweeps at T
    measured: bool = False  # that row belongs to the measured part
    inherent: bool = False  # with the inherent energy
    mark: bool = False  # before this step: overlaps are taken with this state from here on


def _stage(temperature: float, sweeps: int, tuned: int) -> Iterator[Step]:
    """Sweeps without a record, cut into small steps."""
    done = 0
    while done < sweeps:
        tune = done < tuned
        step = min(TUNING_INTERVAL if tune else max(1, sweeps // 50), sweeps - done)
        done += step
        yield Step(temperature, step, tune)


def _aged(steps: list[Step]) -> list[Step]:
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


def _recorded(
    temperature: float,
    approach: int,
    measured: int,
    marked: int,
    tuned: int,
    points: int,
    inherent_points: int,
) -> Iterator[Step]:
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
        yield Step(
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


def start_of(number: int, rung_above: bool) -> str:
    """Tell how the structure of a number starts: every other one is heated, the rest come from above.

    Parameters
    ----------
    number
        Its number.
    rung_above
        Whether it may go on from the structure of this number at the next higher temperature.
    """
    if number % 2:
        return "heated"
    return "ladder" if rung_above else "quenched"


def structure_plan(
    temperature: float, sweeps: int, start: str, settings: EquilibrationSettings
) -> list[Step]:
    """Lay out the steps of one structure (module text).

    Parameters
    ----------
    temperature, sweeps, settings
        T, sweeps S, scheme.
    start
        ``"quenched"``, ``"heated"``, ``"ladder"``, or ``"tiled"`` for a large system: S sweeps in all and no
        inherent energies.
    """
    measured = max(1, sweeps // 2)
    tuned = _tuned(sweeps)
    steps: list[Step] = []
    if start in ("quenched", "heated"):
        steps += _stage(settings.start_temperature, MELT_SWEEPS, MELT_SWEEPS)
    if start == "heated":
        steps += _aged(list(_stage(settings.heated_ratio * temperature, sweeps, tuned)))
    approach = sweeps - measured + (sweeps if start == "quenched" else 0)
    # overlaps are taken with the state ``sweeps`` sweeps before the end
    marked = approach + measured - sweeps
    inherent_points = 0 if start == "tiled" else INHERENT_POINTS
    points = settings.record_points
    steps += _recorded(temperature, approach, measured, marked, tuned, points, inherent_points)
    return steps


def extended_plan(temperature: float, sweeps: int, settings: EquilibrationSettings) -> list[Step]:
    """Lay out a structure that goes on for ``sweeps`` sweeps, the last half of which are measured."""
    measured = max(1, sweeps // 2)
    approach, tuned, points = sweeps - measured, _tuned(sweeps), settings.record_points
    return list(_recorded(temperature, approach, measured, 0, tuned, points, 2 * INHERENT_POINTS))


def _tuned(sweeps: int) -> int:
    """Sweeps at the beginning of ``sweeps`` sweeps at a temperature in which the displacement is tuned."""
    return min(TUNING_SWEEPS, sweeps // 4) // TUNING_INTERVAL * TUNING_INTERVAL


def attempts(sweeps: int, n_particles: int, start: str = "quenched") -> int:
    """Count the attempts that one structure takes, for progress and run-time estimates."""
    return n_particles * (sweeps if start in ("tiled", "ladder") else 2 * sweeps + MELT_SWEEPS)
