# Inputs, parameters and resources of the stage (structures).

from tglassmlp.config import chunk_ranges

# Moves per second of one core, on the cautious side.
MONTE_CARLO_RATE = 3e6


def equilibration_settings():
    """What decides the numbers of the equilibration, without its checks."""
    return {
        k: v
        for k, v in section("equilibration").items()
        if k not in ("checks", "on_failure")
    }


def chunk_structures(wildcards):
    """Numbers of the structures of one chunk."""
    return list(
        chunk_ranges(CONFIG.structures.number, CONFIG.structures.chunk)[
            int(wildcards.chunk)
        ]
    )


def chunk_systems(wildcards):
    """Numbers of the large systems of one chunk."""
    return list(
        chunk_ranges(CONFIG.large_systems.number, CONFIG.large_systems.chunk)[
            int(wildcards.chunk)
        ]
    )


def large_sweeps(wildcards):
    """Sweeps that re-equilibrate a large system."""
    sweeps = temperature_entry(wildcards.temperature)["sweeps"]
    return max(1, round(sweeps * CONFIG.large_systems.sweeps_factor))


def large_particles():
    """Particles of one large system."""
    return sum(CONFIG.mixture().composition) * CONFIG.large_systems.tiles**2


def equilibration_minutes(wildcards):
    """Estimated run time of one chunk, twice its sweeps for every structure."""
    attempts = (
        2
        * temperature_entry(wildcards.temperature)["sweeps"]
        * sum(CONFIG.mixture().composition)
    )
    return round(
        10 + len(chunk_structures(wildcards)) * attempts / MONTE_CARLO_RATE / 60
    )


def large_minutes(wildcards):
    """Estimated run time of one chunk of large systems."""
    attempts = large_sweeps(wildcards) * large_particles()
    return round(10 + len(chunk_systems(wildcards)) * attempts / MONTE_CARLO_RATE / 60)
