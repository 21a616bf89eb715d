# Variants that are studied, and the record they change (studies).
from tglassmlp.division import split
from tglassmlp.studies.variants import variants


def study_t_min():
    """Temperature below which studies test the transfer: the last T_min of the run."""
    return CONFIG.training.t_min[-1]


def study_record():
    """The run's record with the number of networks of a study, and what is chosen and fitted after a training."""
    record, training = training_record(), CONFIG.training
    afterwards = {
        name: getattr(training, name)
        for name in ("equi_time_tolerance", "full_tolerance", "contrast")
    }
    networks = {"networks": CONFIG.studies.networks}
    training = {**record["training"], **afterwards, **networks}
    return {**record, "training": training}


def study_variants():
    """All variants of the run."""
    structures = CONFIG.structures
    division = split(
        structures.number, structures.test_fraction, structures.validation_fraction
    )
    return variants(
        study_record(),
        [float(t) for t in LABELLED],
        study_t_min(),
        CONFIG.descriptors.lengths,
        len(division.train),
    )
