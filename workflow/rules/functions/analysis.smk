# Inputs, parameters and resources of the stage (analysis).
from tglassmlp import cost
from tglassmlp.claims.table_numbers import ADDED

UNIT_LABELS = files_of(paths.LABELS, ensemble="unit", temperature=LABELLED)
LARGE_DYNAMICS = CONFIG.large_systems.dynamics
LARGE_LABELS = (
    [
        file_of(
            paths.LABELS,
            ensemble="large",
            temperature=canonical(LARGE_DYNAMICS.temperature),
        )
    ]
    if LARGE_DYNAMICS
    else []
)
TEST_STRUCTURES = list(CONFIG.structure_split().test)
# First number and count of the structures that networks only predict, by temperature
PREDICTED_STRUCTURES = {
    t: [numbers.start, len(numbers)]
    for t in TEMPERATURES
    if (numbers := CONFIG.predicted_at(t))
}
RELAXATION = file_of(paths.RELAXATION)
# Tables that numbers are quoted from, by their names
QUOTED = {name: file_of(paths.TABLE, table=name) for name in ADDED}


def predictions(ensemble, temperatures, t_mins=T_MINS):
    """Predictions of all networks at some temperatures."""
    return files_of(
        paths.PREDICTIONS,
        ensemble=ensemble,
        t_min=t_mins,
        temperature=temperatures,
    )


def baselines(ensemble, temperatures):
    """Predictions of the baselines at some temperatures."""
    return files_of(
        paths.BASELINE_PREDICTIONS,
        ensemble=ensemble,
        temperature=temperatures,
    )


def thermal_positions(ensemble):
    """Descriptor files of all temperatures, chunks in order; they hold the thermal positions."""
    return every_chunk(paths.DESCRIPTORS, TEMPERATURES, ensemble, predicted=True)


def field_megabytes(ensemble):
    """Size of one file of predictions in memory."""
    n = cost.particles(CONFIG, ensemble) * cost.systems(CONFIG, ensemble)
    return n * len(C_BS) * CONFIG.training.networks * 8 / 1e6


def snapshot_choice():
    """State point of the snapshots and the system shown: one with dynamics if there is any."""
    wanted = CONFIG.figures.snapshot
    temperature = canonical(
        wanted.temperature
        if wanted
        else LARGE_DYNAMICS.temperature if LARGE_DYNAMICS else min(map(float, LABELLED))
    )
    large = bool(LARGE_DYNAMICS) and temperature == canonical(
        LARGE_DYNAMICS.temperature
    )
    unit = not large and temperature in LABELLED
    threshold = CONFIG.propensity.relaxation_threshold
    c_b = sorted(
        CONFIG.c_b, key=lambda c: abs(c - (wanted.c_b if wanted else threshold))
    )
    return {
        "temperature": temperature,
        "ensemble": "unit" if unit else "large",
        "structure": TEST_STRUCTURES[0] if unit else 0,
        "c_b": c_b,
        "measured": large or unit,
    }


SNAPSHOT = snapshot_choice()


def run_scale():
    """One sentence on the size of the run."""
    from tglassmlp.figures.metadata import scale

    temperatures = ", ".join(TEMPERATURES)
    large = CONFIG.large_systems
    return (
        f"{CONFIG.mixture().name}, N = {sum(CONFIG.mixture().composition)} "
        f"({' : '.join(map(str, CONFIG.mixture().composition))}), T = {temperatures} (dynamics at {', '.join(LABELLED)}), "
        f"{scale(run_config.plain(CONFIG))}, "
        f"{CONFIG.dynamics.replicas} replicas, {CONFIG.training.networks} networks, "
        f"{large.number} large systems of {large.tiles**2} unit systems."
    )


def pictures():
    """Label, file and caption of every figure, as the page of claims shows them."""
    from tglassmlp.figures import captions, registry
    from tglassmlp.figures.metadata import describe

    meta = describe(run_config.plain(CONFIG), CONFIG.mixture())
    return [
        [spec.label, f"figures/{name}.png", captions.caption(name, meta)]
        for name, spec in registry.FIGURES.items()
    ]
