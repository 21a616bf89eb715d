# Inputs, parameters and resources of training (training).
from tglassmlp import cost
from tglassmlp.network.training_device import wanted_device

# Values of C_B that step 1 has networks of
EQUI_TIME_C_BS = [] if CONFIG.training.procedure == "direct" else C_BS


def extra_structures():
    """Structures beyond the common number by temperature, nothing where there are none."""
    found = {canonical(t.value): t.extra_structures for t in CONFIG.temperatures}
    found = {name: number for name, number in found.items() if number}
    return {"extra_structures": found} if found else {}


def training_record():
    """What decides a training, as plain numbers and names (the same record goes into the networks' files).

    Without the tolerances, which choose among networks that are trained, and the contrast, which is
    calibrated afterwards.
    """
    training = {
        name: value
        for name, value in section("training").items()
        if name
        not in (
            "t_min",
            "memory_gb",
            "equi_time_tolerance",
            "full_tolerance",
            "contrast",
            "folds",
            "fold_networks",
        )
    }
    return {
        "seed": CONFIG.seed,
        "temperatures": [float(t) for t in TEMPERATURES],
        **extra_structures(),
        "c_b": [float(c) for c in C_BS],
        **label_chosen(),
        "network": section("network"),
        "training": training,
        "structures": division_record(),
        "descriptors": {
            **section("descriptors"),
            "central_species": CONFIG.propensity.central_species,
            "mixture": mixture_record(),
        },
    }


def fold_files():
    """Tables of the trainings that leave out one fold of the structures learnt from."""
    return files_of(paths.FOLD, fold=range(CONFIG.training.folds))


def fold_settings():
    """What decides the trainings of a fold beside the run's record."""
    source = CONFIG.baselines.transferred_from
    fold_networks = CONFIG.training.fold_networks
    return {
        "networks": fold_networks or CONFIG.training.networks,
        "baseline_networks": min(
            fold_networks or CONFIG.baselines.networks, CONFIG.baselines.networks
        ),
        "minimum_labelled": CONFIG.labels.minimum_labelled,
        "glass_transition": float(GLASS_TRANSITION),
        "penalty": CONFIG.baselines.ridge_alpha,
        "prediction": {
            name: value
            for name, value in section("prediction").items()
            if name != "fields"
        },
        "transferred_from": (
            [float(T_MINS[-1]), None]
            if source is None
            else [source.temperature, source.c_b]
        ),
    }


def fold_minutes():
    """Time limit of the trainings of one fold, one after the other."""
    return round(10 + 10 * cost.fold_seconds(CONFIG) / 60)


def training_minutes(state_points, networks=None):
    """Generous time limit of a training: ten times the estimate."""
    seconds = cost.training_seconds(
        CONFIG, state_points, networks or CONFIG.training.networks
    )
    return round(10 + 10 * seconds / 60)


def training_megabytes(temperatures):
    """Descriptors and correlation kernels of the structures learnt from, or the part that is in memory."""
    particles = CONFIG.mixture().composition[CONFIG.propensity.central_species - 1]
    structures = max(map(CONFIG.structures_at, TEMPERATURES)) * temperatures
    columns = 16 * len(CONFIG.descriptors.lengths)
    kernels = (
        2 * len(CONFIG.training.correlation_radii) * particles**2 * structures / 1e6
    )
    descriptors = 4 * columns * particles * structures / 1e6
    if descriptors + kernels > data_megabytes():
        return round(1500 + 3 * data_megabytes())
    return round(1500 + 4 * descriptors + 2 * kernels)


def data_megabytes():
    """Descriptors and kernels beyond this stay on disk."""
    return round(1000 * CONFIG.training.memory_gb)


def training_gpus():
    """Graphics cards of a job that trains."""
    return int(wanted_device() == "gpu")
