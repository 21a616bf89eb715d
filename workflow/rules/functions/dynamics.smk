# Inputs, parameters and resources of the stage (dynamics).
from tglassmlp import cost, engines
from tglassmlp.simulation.dynamics import DynamicsSettings


def dynamics_engine(ensemble="unit"):
    """Name of the engine that moves the systems of an ensemble: the run's own if they are not too large for it."""
    return engines.system_engine(CONFIG.engine, cost.particles(CONFIG, ensemble))


#: What the engine of the unit systems can do.
ENGINE = engines.engine(dynamics_engine()).capabilities


def integration_settings():
    """What decides the numbers of a trajectory; another key would make a change of it run everything again."""
    other = ("replicas", "block_seconds")
    return {k: v for k, v in section("dynamics").items() if k not in other}


def dynamics_stage():
    """Stage of the trajectories in the provenance: that of their thermostat."""
    return DynamicsSettings.from_mapping(section("dynamics")).stage


def dynamics_plan(wildcards):
    """Length, replicas, structures and frames of one job's trajectories; of unit systems if no wildcard says."""
    ensemble = getattr(wildcards, "ensemble", "unit")
    size = CONFIG.structures.chunk if ensemble == "unit" else CONFIG.large_systems.chunk
    first = int(wildcards.chunk) * size
    if ensemble == "unit":
        duration = temperature_entry(wildcards.temperature)["dynamics_time"]
        replicas, copies = CONFIG.dynamics.replicas, 1
        number = CONFIG.structures_at(wildcards.temperature)
    else:
        large = CONFIG.large_systems.dynamics
        named = (
            large is not None and canonical(large.temperature) == wildcards.temperature
        )
        duration = large.time if named else None
        replicas, number = (large.replicas, large.systems) if named else (0, 0)
        copies = CONFIG.large_systems.tiles**2
    if duration is None:
        raise WorkflowError(
            f"the configuration asks for no {ensemble} dynamics at T = {wildcards.temperature}"
        )
    return {
        "duration": duration,
        "replicas": replicas,
        "first_structure": first,
        "structures": max(0, min(size, number - first)),
        "copies": copies,
    }


def extension_plan(wildcards):
    """What one job adds to finished trajectories of unit systems."""
    first = dynamics_plan(wildcards)
    until = temperature_entry(wildcards.temperature)["extended_time"]
    if until is None:
        raise WorkflowError(
            f"the configuration asks for no extended dynamics at T = {wildcards.temperature}"
        )
    return {**first, "duration": until - first["duration"], "until": until}


def trajectory_file(ensemble, temperature, chunk):
    """File with all frames of a chunk: as first made, or made longer."""
    longer = (
        ensemble == "unit"
        and temperature_entry(temperature)["extended_time"] is not None
    )
    if longer:
        return file_of(
            paths.EXTENDED_TRAJECTORIES, temperature=temperature, chunk=chunk
        )
    return file_of(
        paths.TRAJECTORIES, ensemble=ensemble, temperature=temperature, chunk=chunk
    )


def threads_of(plan):
    """Threads of one job of this plan."""
    return lambda wildcards: cost.dynamics_threads(CONFIG, plan(wildcards))


def needed_by(plan):
    """Minutes that one job needs: the estimate for its engine and half as much again."""

    def minutes(wildcards):
        planned = plan(wildcards)
        threads = cost.dynamics_threads(CONFIG, planned)
        seconds = cost.dynamics_seconds(CONFIG, planned)
        return max(10, round(1.5 * seconds / threads / 60))

    return minutes


#: Temperatures whose finished trajectories are made longer.
PROLONGED = [
    canonical(t.value) for t in CONFIG.temperatures if t.extended_time is not None
]
#: Temperature of the dynamics of large systems, if there is any.
LARGE_LABELLED = (
    [canonical(CONFIG.large_systems.dynamics.temperature)]
    if CONFIG.large_systems.dynamics
    else []
)


def dynamics_retries():
    """Attempts of the dynamics of unit and large systems."""
    needed = needed_by(dynamics_plan)
    return max(
        retries_of(needed, LABELLED), retries_of(needed, LARGE_LABELLED, "large")
    )


def megabytes_of(plan):
    """Memory of one job."""
    return lambda wildcards: cost.dynamics_megabytes(CONFIG, plan(wildcards))


def gpus_of(plan):
    """Graphics cards of one job of this plan."""
    return lambda wildcards: cost.dynamics_gpus(CONFIG, plan(wildcards))
