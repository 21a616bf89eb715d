# Temperatures whose structures and propensities come from a data set, and which of its structures the run takes.
from tglassmlp.dataset import in_a_run

HELD = (
    [canonical(t) for t in CONFIG.structures.dataset.temperatures]
    if CONFIG.structures.source == "dataset"
    else []
)


def held_settings():
    """What the propensities of the data set must have been measured with."""
    return {
        **chosen("propensity", "r_in", "r_out", "wave_number"),
        **label_chosen(),
        "replicas": CONFIG.dynamics.replicas,
    }


def held_structures():
    """Unit systems of every temperature of the data set, and the numbers there of the structures of the run.

    Found while the rules are read: an input function that fails would only make Snakemake generate the files.
    """
    from tglassmlp.dataset.library import load_dataset

    try:
        dataset = load_dataset(CONFIG.structures.dataset.path)
        found = {}
        for t in HELD:
            ensemble = dataset.at(float(t))
            duration = temperature_entry(t)["dynamics_time"]
            numbers = in_a_run.chosen_structures(
                ensemble,
                CONFIG.structures_at(t),
                len(CONFIG.predicted_at(t)),
                duration,
                CONFIG.mixture(),
            )
            found[t] = ensemble, numbers
            if duration is not None:
                learnt = numbers[: CONFIG.structures_at(t)]
                in_a_run.check_measured(ensemble, learnt, duration, held_settings())
        return found
    except (FileNotFoundError, ValueError) as error:
        raise WorkflowError(f"structures.dataset: {error}") from None


HELD_STRUCTURES = held_structures() if HELD else {}


def held_numbers(wildcards):
    """Numbers, in the data set, of the structures of one chunk."""
    numbers = HELD_STRUCTURES[wildcards.temperature][1]
    return [numbers[k] for k in chunk_structures(wildcards)]


def held_files(dynamics):
    """Input function: files of the data set that hold the structures of a chunk, or their dynamics."""
    return lambda wildcards: in_a_run.source_files(
        HELD_STRUCTURES[wildcards.temperature][0], held_numbers(wildcards), dynamics
    )
