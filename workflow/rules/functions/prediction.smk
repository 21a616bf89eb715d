# Inputs, parameters and resources of prediction (prediction).
from tglassmlp import cost

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
    """Memory of the predictions of one temperature."""
    return cost.prediction_megabytes(CONFIG, wildcards.ensemble)
