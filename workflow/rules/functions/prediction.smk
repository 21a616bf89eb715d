# Inputs, parameters and resources of prediction (prediction).

TRANSFERRED = CONFIG.baselines.transferred_from
# Default source of the transferred network: the lowest measured temperature of the model with the higher T_min.
TRANSFERRED_TEMPERATURE = (
    canonical(TRANSFERRED.temperature) if TRANSFERRED is not None else T_MINS[-1]
)


def test_structures(ensemble):
    """Numbers of the structures kept for the reported numbers; all of the large ones."""
    if ensemble == "large":
        return list(range(CONFIG.large_systems.number))
    return CONFIG.structure_split().test


def prediction_megabytes(wildcards):
    """Descriptors and predictions of all structures of one temperature."""
    unit = CONFIG.mixture().composition[CONFIG.propensity.central_species - 1]
    large = CONFIG.large_systems
    particles = unit * (
        CONFIG.structures.number
        if wildcards.ensemble == "unit"
        else large.number * large.tiles**2
    )
    numbers = (
        16 * len(CONFIG.descriptors.lengths) * 4 + len(C_BS) * CONFIG.training.networks
    )
    return round(1000 + 12 * particles * numbers / 1e6)
