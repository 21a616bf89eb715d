# Inputs, parameters and resources of the stage (propensities).
from tglassmlp.labels import BOND_BREAKING


def chosen(name, *keys):
    """The named keys of one section: other keys do not make a rule run again."""
    return {key: section(name)[key] for key in keys}


def label_chosen():
    """What is learnt, for parameters of rules; not named if it is bond breaking, as files of before are."""
    label = CONFIG.propensity.label
    return {} if label == BOND_BREAKING.name else {"label": label}


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
    plan = dynamics_plan(wildcards)
    if wildcards.ensemble == "unit":
        longer = temperature_entry(wildcards.temperature)["extended_time"]
        plan["duration"] = longer or plan["duration"]
    return cost.trajectory_megabytes(CONFIG, plan)
