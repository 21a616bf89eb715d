# Inputs, parameters and resources of the stage (propensities).

from tglassmlp.config import frame_steps


def chosen(name, *keys):
    """The named keys of one section: other keys do not make a rule run again."""
    return {key: section(name)[key] for key in keys}


def dynamics_chunks(ensemble, temperature):
    """Chunks of one temperature that have trajectories."""
    if ensemble == "unit":
        return chunks(ensemble, temperature)
    dynamics = CONFIG.large_systems.dynamics
    return chunk_names(
        0 if dynamics is None else dynamics.systems, CONFIG.large_systems.chunk
    )


def trajectory_megabytes(wildcards):
    """Size of one chunk of trajectories in memory."""
    unit = wildcards.ensemble == "unit"
    large = CONFIG.large_systems
    entry = temperature_entry(wildcards.temperature) if unit else None
    time = (
        entry["extended_time"] or entry["dynamics_time"]
        if unit
        else large.dynamics.time
    )
    replicas = CONFIG.dynamics.replicas if unit else large.dynamics.replicas
    frames = len(
        frame_steps(
            round((time or 1.0) / CONFIG.dynamics.time_step),
            CONFIG.dynamics.frame_ratio,
        )
    )
    particles = sum(CONFIG.mixture().composition) * (1 if unit else large.tiles**2)
    structures = CONFIG.structures.chunk if unit else large.chunk
    return structures * replicas * frames * particles * 8 / 1e6
