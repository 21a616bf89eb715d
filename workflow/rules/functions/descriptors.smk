# Inputs, parameters and resources of the stage (descriptors).
def particles_per_chunk(wildcards):
    """Particles in one chunk of structures."""
    unit = sum(CONFIG.mixture().composition)
    if wildcards.ensemble == "unit":
        return unit * CONFIG.structures.chunk
    return unit * CONFIG.large_systems.tiles**2 * CONFIG.large_systems.chunk
