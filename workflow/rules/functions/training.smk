# Inputs, parameters and resources of training (training).
from tglassmlp import cost


def training_record():
    """What decides a training, as plain numbers and names (the same record goes into the networks' files)."""
    training = {
        name: value for name, value in section("training").items() if name != "t_min"
    }
    return {
        "seed": CONFIG.seed,
        "temperatures": [float(t) for t in TEMPERATURES],
        "c_b": [float(c) for c in C_BS],
        "network": section("network"),
        "training": training,
        "structures": {k: v for k, v in section("structures").items() if k != "chunk"},
        "descriptors": {
            **section("descriptors"),
            "central_species": CONFIG.propensity.central_species,
            "mixture": mixture_record(),
        },
    }


def training_minutes(state_points, networks=None):
    """Generous time limit of a training: ten times the estimate."""
    seconds = cost.training_seconds(
        CONFIG, state_points, networks or CONFIG.training.networks
    )
    return round(10 + 10 * seconds / 60)


def training_megabytes(temperatures):
    """Descriptors and correlation kernels (at most 3 GB of them are stored) of the structures learnt from."""
    particles = CONFIG.mixture().composition[CONFIG.propensity.central_species - 1]
    structures = CONFIG.structures.number * temperatures
    columns = 16 * len(CONFIG.descriptors.lengths)
    kernels = (
        2 * len(CONFIG.training.correlation_radii) * particles**2 * structures / 1e6
    )
    return round(
        1500 + 16 * columns * particles * structures / 1e6 + 2 * min(kernels, 3000)
    )
