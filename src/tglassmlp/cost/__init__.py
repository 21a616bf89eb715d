"""What a run costs: seconds, memory and disk of every rule's jobs, from rates and the configuration alone.

The rules ask for time and memory by these functions, and `make estimate` adds them up before anything is
submitted. Times are those of one core (or one GPU); what a rule asks for is half as much again or more,
since a job that runs out of time has to be continued by another.

==============  ==========================================================================================
``rates``       work per second
``jobs``        seconds, threads and memory of one job
``plans``       jobs of dynamics that a configuration asks for
``estimate``    all rules of a run
``forecast``    C_B that the dynamics of a run will reach
``report``      an estimate as text
``time_limits`` the longest job that a site allows
==============  ==========================================================================================

A rule's cost is added in :func:`tglassmlp.cost.estimate.estimate`; what its job asks for is a function in
``jobs`` that both call.
"""

from tglassmlp.cost.estimate import Cost, estimate
from tglassmlp.cost.jobs import (
    dynamics_gpus,
    dynamics_megabytes,
    dynamics_rate,
    dynamics_seconds,
    dynamics_threads,
    equilibration_seconds,
    extended_seconds,
    fold_seconds,
    large_seconds,
    particles,
    prediction_megabytes,
    structure_gpus,
    systems,
    training_seconds,
    trajectory_megabytes,
)
from tglassmlp.cost.rates import Rates, measured_rates
from tglassmlp.cost.report import describe
from tglassmlp.cost.time_limits import longest_job, retries, within_limit

__all__ = [
    "Cost",
    "Rates",
    "describe",
    "dynamics_gpus",
    "dynamics_megabytes",
    "dynamics_rate",
    "dynamics_seconds",
    "dynamics_threads",
    "equilibration_seconds",
    "estimate",
    "extended_seconds",
    "fold_seconds",
    "large_seconds",
    "longest_job",
    "measured_rates",
    "particles",
    "prediction_megabytes",
    "retries",
    "structure_gpus",
    "systems",
    "training_seconds",
    "trajectory_megabytes",
    "within_limit",
]
