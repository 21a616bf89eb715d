"""An estimate as text: the table of rules, the rates it rests on, and the label map to be expected."""

from __future__ import annotations

import math
from dataclasses import fields

from tglassmlp import engines
from tglassmlp.config import Config
from tglassmlp.cost.estimate import Cost
from tglassmlp.cost.forecast import planned_table
from tglassmlp.cost.jobs import dynamics_rate, engine_on_device
from tglassmlp.cost.plans import plans
from tglassmlp.cost.rates import Rates

__all__ = ["describe"]


def describe(c: Config, costs: list[Cost], rates: Rates, measured: list[str]) -> str:
    """Table of an estimate, with sums and the rates it rests on."""
    width = max(len(x.rule) for x in costs)
    head = f"{'rule':<{width}} {'jobs':>6} {'CPU h':>10} {'GPU h':>8} {'memory MB':>10} {'disk GB':>9}"
    lines = [f"run {c.run}, engine {c.engine}", head, "-" * len(head)]
    for x in costs:
        lines.append(
            f"{x.rule:<{width}} {x.jobs:>6} {x.cpu_hours:>10.2f} {x.gpu_hours:>8.2f} {x.memory:>10.0f} "
            f"{x.disk / 1e3:>9.2f}"
        )
    lines.append("-" * len(head))
    total = [sum(getattr(x, f.name) for x in costs) for f in fields(Cost) if f.name not in ("rule", "memory")]
    largest = max(x.memory for x in costs)
    lines.append(
        f"{'together (memory: largest)':<{width}} {total[0]:>6.0f} {total[1]:>10.2f} {total[2]:>8.2f} "
        f"{largest:>10.0f} {total[3] / 1e3:>9.2f}"
    )
    values = {f.name: (getattr(rates, f.name), f.name) for f in fields(Rates)}
    values["dynamics"] = dynamics_rate(c, rates), engine_on_device(c)
    del values["swap"]
    origin = ", ".join(
        f"{name} {rate:.2g}{' (measured here)' if source in measured else ''}"
        for name, (rate, source) in values.items()
    )
    lines.append(f"work per second of one core or GPU: {origin}")
    longest = max((x.cpu_hours + x.gpu_hours) / x.jobs for x in costs if x.jobs)
    engine = engines.engine(c.engine)
    if variable := engine.capabilities.device_variable:
        device = "one GPU per job" if total[2] else f"CPUs; {variable}=gpu counts GPUs"
        lines.append(f"{engine.title} on {device}")
    if total[2] and engine_on_device(c) not in measured:
        lines.append("rates of a GPU are assumptions: none has been measured here")
    needed = engine.capabilities.filling.get(engine.capabilities.device)
    systems = [plan["structures"] * plan["replicas"] for _, plan in plans(c) if plan["copies"] == 1]
    if needed is not None and systems and max(systems) < needed:
        lines.append(
            f"a job moves {max(systems)} replicas, and a GPU is full with {needed}: with structures.chunk "
            f"{-(-needed // c.dynamics.replicas)} it would take less time"
        )
    if math.isfinite(longest):
        lines.append(f"longest job of one core: about {longest:.1f} h")
    for t_min in c.training.t_min:
        try:
            table = planned_table(c, t_min)
        except ValueError as error:
            table = [str(error)]
        if table:
            lines += [
                "",
                f"label map expected for T_min = {t_min:g}, from the relaxation times that are known",
            ]
            lines += ["(x dynamics, t extrapolated in step 1, r full network only; columns: T):", *table]
    return "\n".join(lines)
