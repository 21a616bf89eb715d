"""The plan of a data set: what it shall hold, in which order, cut into files.

A plan is a YAML file. Its ``goals`` are worked through from top to bottom; each says how many structures a
temperature shall have by then and how long their dynamics shall be. What an earlier goal has brought about is
not repeated: a later goal at the same temperature adds structures, or makes dynamics longer. A goal may
equilibrate the structures that it adds with more or fewer sweeps, or with another scheme, than the plan's.

Large systems are made of unit systems of their temperature, number k of unit structure k, so an earlier goal
must ask for as many unit structures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from tglassmlp.config import (
    ConfigError,
    DynamicsSettings,
    EquilibrationSettings,
    PropensitySettings,
    SystemSettings,
    read_yaml,
)
from tglassmlp.config.layers import laid_over
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
    ensemble: Literal["unit", "large"] = Field("unit", description="unit systems or large ones")
    structures: Count = Field(description="number of structures")
    sweeps: Count | None = Field(
        None,
        description="swap Monte Carlo sweeps of the structures that this goal adds; by default those of the "
        "temperature",
    )
    equilibration: dict[str, Any] = Field(
        {}, description="keys of the plan's ``equilibration`` that differ for the structures that it adds"
    )
    dynamics_time: Annotated[float, Field(gt=0)] | None = Field(
        None, description="length of their dynamics (tau_LJ); null: none"
    )
    per_file: Count | None = Field(None, description="structures per file; by default the plan's")


class Plan(Settings):
    """A data set to be made."""

    dataset: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="name of the data set")
    seed: int = Field(ge=0, description="seed from which all random numbers derive")
    system: SystemSettings = Field(SystemSettings(), description="mixture")
    per_file: Count = Field(4, description="structures per file")
    tiles: Annotated[int, Field(ge=2, le=64)] = Field(
        2, description="unit systems per side of a large system"
    )
    equilibration: EquilibrationSettings = Field(EquilibrationSettings(), description="swap Monte Carlo")
    dynamics: DynamicsSettings = Field(DynamicsSettings(), description="isoconfigurational dynamics")
    propensity: PropensitySettings = Field(PropensitySettings(), description="bond-breaking propensity")
    sweeps: dict[float, Count] = Field(description="swap Monte Carlo sweeps of each temperature")
    goals: tuple[Goal, ...] = Field(min_length=1, description="what is to be made, in this order")

    def mixture(self) -> Mixture:
        """Mixture of the unit system."""
        return self.system.build()

    def equilibration_of(self, goal: Goal) -> EquilibrationSettings:
        """Swap Monte Carlo of the structures that a goal adds.

        Raises
        ------
        pydantic.ValidationError
            If the goal's own keys are unknown or out of range.
        """
        own = self.equilibration.model_dump(mode="json")
        return EquilibrationSettings.model_validate(laid_over(own, goal.equilibration, EquilibrationSettings))


@dataclass(frozen=True)
class Task:
    """One file to be made.

    Parameters
    ----------
    name
        Its name.
    structures
        Numbers of its structures.
    sweeps, equilibration
        Swap Monte Carlo sweeps and settings (structures).
    begin, end
        Time steps at which the dynamics begin and end (dynamics).
    needs
        Names of the files that it is made from.
    """

    name: FileName
    structures: tuple[int, ...]
    sweeps: int = 0
    equilibration: EquilibrationSettings | None = None
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
    highest = max(plan.sweeps, default=0.0)
    for number, goal in enumerate(plan.goals):
        try:
            made_with = plan.equilibration_of(goal)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            key = ".".join(["goals", str(number), "equilibration", *map(str, problem["loc"])])
            raise ConfigError(f"{path}: {key}: found {problem['input']!r}; {problem['msg']}") from None
        if (melt := made_with.start_temperature) <= highest:
            raise ConfigError(
                f"{path}: equilibration.start_temperature: found {melt:g}; allowed: more than the highest "
                f"temperature ({highest:g})"
            )
        if made_with.start != "independent":
            raise ConfigError(
                f"{path}: equilibration.start: found {made_with.start!r}; allowed: 'independent', since "
                "structures of a data set start by themselves"
            )
    list(tasks(plan))
    return plan


def tasks(plan: Plan) -> Iterator[Task]:
    """Files of a plan, in the order in which they are to be made.

    Raises
    ------
    ConfigError
        If a temperature has no sweeps, dynamics would become shorter, a goal ends within a file of an
        earlier one, or large systems lack the unit structures that they are made of.
    """
    sweeps = {canonical(t): n for t, n in plan.sweeps.items()}
    groups: dict[tuple[str, str], list[tuple[int, ...]]] = {}
    ends: dict[tuple[str, int], list[int]] = {}
    for number, goal in enumerate(plan.goals):
        temperature, where = canonical(goal.temperature), f"goals.{number}"
        if temperature not in sweeps:
            raise ConfigError(
                f"{where}.temperature: {temperature} has no entry in sweeps, found {sorted(sweeps)}"
            )
        if goal.ensemble == "large" and goal.dynamics_time is not None:
            raise ConfigError(f"{where}.dynamics_time: found {goal.dynamics_time}; large systems have none")
        own, size = groups.setdefault((temperature, goal.ensemble), []), goal.per_file or plan.per_file
        have = sum(map(len, own))
        made_with = plan.equilibration_of(goal)
        for first in range(have, goal.structures, size):
            own.append(tuple(range(first, min(goal.structures, first + size))))
            needs: tuple[FileName, ...] = ()
            if goal.ensemble == "large":
                needs = _units(where, temperature, own[-1], groups.get((temperature, "unit"), []))
            yield Task(
                FileName(temperature, goal.ensemble, "structures", first),
                own[-1],
                sweeps=goal.sweeps or sweeps[temperature],
                equilibration=made_with,
                needs=needs,
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


def _units(
    where: str, temperature: str, systems: tuple[int, ...], units: list[tuple[int, ...]]
) -> tuple[FileName, ...]:
    """Files of the unit structures that large systems are made of, number k of number k."""
    there = sum(map(len, units))
    if systems[-1] >= there:
        raise ConfigError(
            f"{where}.structures: large systems are made of the unit structures of their numbers, of which "
            f"earlier goals ask for {there} at T = {temperature}; allowed: {there}, or more of them before"
        )
    return tuple(
        FileName(temperature, "unit", "structures", group[0]) for group in units if set(group) & set(systems)
    )


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
