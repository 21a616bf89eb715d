"""The plan of a data set: what it shall hold, in which order, cut into files.

A plan is a YAML file. Its ``goals`` are worked through from top to bottom; each says how many structures a
temperature shall have by then and how long their dynamics shall be. What an earlier goal has brought about is
not repeated: a later goal at the same temperature adds structures, or makes dynamics longer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, ValidationError

from tglassmlp.config import (
    ConfigError,
    DynamicsSettings,
    EquilibrationSettings,
    PropensitySettings,
    SystemSettings,
    read_yaml,
)
from tglassmlp.dataset.names import FileName
from tglassmlp.mixture import Mixture
from tglassmlp.settings import Settings
from tglassmlp.state_point import canonical

__all__ = ["PLAN", "Goal", "Plan", "Task", "read_plan", "tasks"]

#: File of the folder that says what the data set shall hold.
PLAN: Final = "plan.yaml"

Count = Annotated[int, Field(ge=1)]


class Goal(Settings):
    """What a temperature shall have when this goal is reached."""

    temperature: float = Field(gt=0, le=100, description="temperature, one of ``sweeps``")
    structures: Count = Field(description="number of structures")
    dynamics_time: Annotated[float, Field(gt=0)] | None = Field(
        None, description="length of their dynamics (tau_LJ); null: none"
    )
    per_file: Count | None = Field(None, description="structures per file; by default the plan's")


class Plan(Settings):
    """A data set to be made."""

    dataset: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="name of the data set")
    seed: int = Field(ge=0, description="root of every random number")
    system: SystemSettings = Field(SystemSettings(), description="mixture")
    per_file: Count = Field(4, description="structures per file")
    equilibration: EquilibrationSettings = Field(EquilibrationSettings(), description="swap Monte Carlo")
    dynamics: DynamicsSettings = Field(DynamicsSettings(), description="isoconfigurational dynamics")
    propensity: PropensitySettings = Field(PropensitySettings(), description="bond-breaking propensity")
    sweeps: dict[float, Count] = Field(description="swap Monte Carlo sweeps of each temperature")
    goals: tuple[Goal, ...] = Field(min_length=1, description="what is to be made, in this order")

    def mixture(self) -> Mixture:
        """Mixture of the unit system."""
        return self.system.build()


@dataclass(frozen=True)
class Task:
    """One file to be made.

    Parameters
    ----------
    name
        Its name.
    structures
        Numbers of its structures.
    sweeps
        Swap Monte Carlo sweeps (structures).
    begin, end
        Time steps at which the dynamics begin and end (dynamics).
    needs
        Names of the files that it is made from.
    """

    name: FileName
    structures: tuple[int, ...]
    sweeps: int = 0
    begin: int = 0
    end: int = 0
    needs: tuple[FileName, ...] = ()

    @property
    def temperature(self) -> float:
        """Temperature of the structures."""
        return float(self.name.temperature)


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Read and check a plan.

    Raises
    ------
    ConfigError
        One line per problem: key, what was found, what is allowed.
    """
    try:
        plan = Plan.model_validate(read_yaml(path))
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, e['loc']))}: found {e['input']!r}; {e['msg']}"
            for e in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join([f"{path}: this plan cannot be carried out:", *lines])) from None
    melt, highest = plan.equilibration.start_temperature, max(plan.sweeps, default=0.0)
    if melt <= highest:
        raise ConfigError(
            f"{path}: equilibration.start_temperature: found {melt:g}; allowed: more than the highest "
            f"temperature ({highest:g})"
        )
    list(tasks(plan))
    return plan


def tasks(plan: Plan) -> Iterator[Task]:
    """Files of a plan, in the order in which they are to be made.

    Raises
    ------
    ConfigError
        If a temperature has no sweeps, dynamics would become shorter, or a goal ends within a file of an
        earlier one.
    """
    sweeps = {canonical(t): n for t, n in plan.sweeps.items()}
    groups: dict[str, list[tuple[int, ...]]] = {}
    ends: dict[tuple[str, int], list[int]] = {}
    for number, goal in enumerate(plan.goals):
        temperature, where = canonical(goal.temperature), f"goals.{number}"
        if temperature not in sweeps:
            raise ConfigError(
                f"{where}.temperature: {temperature} has no entry in sweeps, found {sorted(sweeps)}"
            )
        own, size = groups.setdefault(temperature, []), goal.per_file or plan.per_file
        have = sum(map(len, own))
        for first in range(have, goal.structures, size):
            own.append(tuple(range(first, min(goal.structures, first + size))))
            yield Task(
                FileName(temperature, "unit", "structures", first), own[-1], sweeps=sweeps[temperature]
            )
            if goal.dynamics_time is not None:
                yield from _dynamics(plan, where, temperature, own[-1], goal.dynamics_time, ends)
        if goal.dynamics_time is None:
            continue
        for group in own:
            if group[0] >= have or group[0] >= goal.structures:
                continue
            if group[-1] >= goal.structures:
                raise ConfigError(
                    f"{where}.structures: {goal.structures} cuts the file of structures {group[0]} to "
                    f"{group[-1]}; allowed: {group[0]} or {group[-1] + 1}"
                )
            yield from _dynamics(plan, where, temperature, group, goal.dynamics_time, ends)


def _dynamics(
    plan: Plan,
    where: str,
    temperature: str,
    group: tuple[int, ...],
    duration: float,
    ends: dict[tuple[str, int], list[int]],
) -> Iterator[Task]:
    """Dynamics of one group of structures to ``duration``, unless an earlier goal has brought it there."""
    step = plan.dynamics.time_step
    end = round(duration / step)
    if end < 1 or abs(end * step - duration) > 1e-6 * duration:
        raise ConfigError(f"{where}.dynamics_time: found {duration}; allowed are multiples of {step}")
    before = ends.setdefault((temperature, group[0]), [])
    begin = before[-1] if before else 0
    if end <= begin:
        if end < begin:
            raise ConfigError(
                f"{where}.dynamics_time: {duration:g} is shorter than the {begin * step:g} of an earlier goal"
            )
        return
    earlier = [FileName(temperature, "unit", "dynamics", group[0], b) for b in [0, *before[:-1]] if before]
    structures = FileName(temperature, "unit", "structures", group[0])
    before.append(end)
    yield Task(
        FileName(temperature, "unit", "dynamics", group[0], begin),
        group,
        begin=begin,
        end=end,
        needs=(structures, *earlier),
    )
