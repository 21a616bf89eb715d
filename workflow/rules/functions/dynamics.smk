# Inputs, parameters and resources of the stage (dynamics).
from tglassmlp import cost


def dynamics_plan(wildcards):
    """Length, replicas, structures and frames of one job's trajectories."""
    size = (
        CONFIG.structures.chunk
        if wildcards.ensemble == "unit"
        else CONFIG.large_systems.chunk
    )
    first = int(wildcards.chunk) * size
    if wildcards.ensemble == "unit":
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
            f"the configuration asks for no {wildcards.ensemble} dynamics at T = {wildcards.temperature}"
        )
    return {
        "duration": duration,
        "replicas": replicas,
        "first_structure": first,
        "structures": max(0, min(size, number - first)),
        "copies": copies,
    }


def dynamics_threads(wildcards):
    """Threads of one job."""
    return cost.dynamics_threads(CONFIG, dynamics_plan(wildcards))


def equilibration_verdict(wildcards):
    """Structures of a temperature are used once its equilibration is proved (large systems prove theirs)."""
    if wildcards.ensemble == "large":
        return []
    return [f"{RUN}/unit/structures/T{wildcards.temperature}/equilibration.json"]


def dynamics_minutes(wildcards, threads):
    """Run time that one job asks for: the estimate for its engine and half as much again."""
    seconds = cost.dynamics_seconds(CONFIG, dynamics_plan(wildcards))
    return max(10, round(1.5 * seconds / threads / 60))


def dynamics_megabytes(wildcards):
    """Memory of one job."""
    return cost.dynamics_megabytes(CONFIG, dynamics_plan(wildcards))
