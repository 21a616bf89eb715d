# Inputs, parameters and resources of the stage (dynamics).


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
        replicas, number, copies = CONFIG.dynamics.replicas, CONFIG.structures.number, 1
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


def dynamics_work(wildcards):
    """Particle-steps of one job."""
    plan = dynamics_plan(wildcards)
    particles = sum(CONFIG.mixture().composition) * plan["copies"]
    steps = plan["duration"] / CONFIG.dynamics.time_step
    return particles * plan["replicas"] * plan["structures"] * steps


def dynamics_threads(wildcards):
    """Threads that bring one job down to about four hours, as far as its pieces can be shared out."""
    plan = dynamics_plan(wildcards)
    pieces = plan["structures"] if plan["copies"] == 1 else -(-plan["replicas"] // 16)
    return max(1, min(pieces, round(dynamics_work(wildcards) / (50e6 * 4 * 3600))))


def equilibration_verdict(wildcards):
    """Structures of a temperature are used once its equilibration is proved (large systems prove theirs)."""
    if wildcards.ensemble == "large":
        return []
    return [f"{RUN}/unit/structures/T{wildcards.temperature}/equilibration.json"]


def dynamics_minutes(wildcards, threads):
    """Estimated run time at 50 million particle-steps per second and core, with half as much again."""
    return max(10, round(1.5 * dynamics_work(wildcards) / (50e6 * threads) / 60))


def dynamics_megabytes(wildcards):
    """Frames of all structures twice (in memory and being written), lanes, and the interpreter."""
    plan = dynamics_plan(wildcards)
    particles = sum(CONFIG.mixture().composition) * plan["copies"]
    steps = round(plan["duration"] / CONFIG.dynamics.time_step)
    frames = len(run_config.frame_steps(steps, CONFIG.dynamics.frame_ratio))
    replicas = plan["replicas"]
    return round(
        600 + particles * replicas * (plan["structures"] * frames * 3 * 8 + 200) / 1e6
    )
