# Inputs, parameters and resources of the stage (descriptors).
from tglassmlp.dynamics.label_map import LETTERS


def particles_per_chunk(wildcards):
    """Particles in one chunk of structures."""
    unit = sum(CONFIG.mixture().composition)
    if wildcards.ensemble == "unit":
        return unit * CONFIG.structures.chunk
    return unit * CONFIG.large_systems.tiles**2 * CONFIG.large_systems.chunk


def scaling_letters():
    """Letters in the label map of the state points whose structures decide the scaling."""
    origins = ["measured"]
    if CONFIG.training.scaling_temperatures == "all":
        origins.append("extrapolated")
    return [LETTERS[origin] for origin in origins]
