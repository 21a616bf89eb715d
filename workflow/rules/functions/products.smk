# Everything a finished run holds. Asking for all of it, not for the figures alone, is what makes Snakemake bring
# back a deleted intermediate file, and what depends on it, although newer files behind it exist.
TABLES = (
    "pearson",
    "comparison",
    "susceptibility",
    "contrast",
    "structure_factor",
    "correlation_length",
    "chord_length",
    "attention",
    "attention_length",
    "bottleneck",
    "bottleneck_separation",
    "equilibration",
    "energies",
    "radial_distribution",
    "partial_structure_factor",
    "length_scales",
    "trends",
    "agreement",
    "network_separation",
)


def ensembles():
    """Both ensembles with the temperatures whose structures are simulated."""
    return {"unit": LABELLED, "large": LARGE_LABELLED}


def of_structures(*products):
    """Files of some products for every chunk of all structures."""
    return [
        file
        for ensemble in ensembles()
        for product in products
        for file in every_chunk(product, TEMPERATURES, ensemble, predicted=True)
    ]


def structure_files():
    """Equilibrium structures, and the proof that they are in equilibrium."""
    return [
        *of_structures(paths.STRUCTURES, paths.STRUCTURES_RECORD),
        *[
            file_of(product, temperature=t, proof=proof)
            for product in (paths.EQUILIBRATION, paths.EQUILIBRATION_VERDICT)
            for t in TEMPERATURES
            for proof in proofs(t)
        ],
        *every_chunk(paths.LARGE_EQUILIBRATION_VERDICT, TEMPERATURES, "large"),
        file_of(paths.HEAT_CAPACITY),
        file_of(paths.REWEIGHTING),
    ]


def descriptor_files():
    """Inherent structures and descriptors."""
    return of_structures(paths.INHERENT, paths.DESCRIPTORS)


def dynamics_files():
    """Trajectories, propensities, labels and relaxation times."""
    each = [
        {"ensemble": ensemble, "temperature": t, "chunk": chunk}
        for ensemble, temperatures in ensembles().items()
        for t in temperatures
        for chunk in dynamics_chunks(ensemble, t)
    ]
    return [
        *[
            trajectory_file(**one)
            for one in each
            if one["ensemble"] == "large" or one["temperature"] not in HELD
        ],
        *[file_of(paths.PROPENSITIES, **one) for one in each],
        *[
            file
            for ensemble, temperatures in ensembles().items()
            for file in files_of(
                paths.LABELS, ensemble=ensemble, temperature=temperatures
            )
        ],
        file_of(paths.RELAXATION_CURVES),
        file_of(paths.RELAXATION),
    ]


def network_files():
    """Networks of both steps and the baselines, with their selection and history."""
    of_step_1 = (paths.EQUI_TIME_NETWORKS, paths.EQUI_TIME_HISTORY)
    of_t_min = (
        paths.LABEL_MAP,
        paths.SCALING,
        paths.EXTRAPOLATED_LABELS,
        paths.EXTRAPOLATED_TABLE,
        paths.TRAINED_NETWORKS,
        paths.FULL_NETWORKS,
        paths.FULL_SELECTION,
        paths.FULL_HISTORY,
        paths.LINEAR_BASELINES,
    )
    return [
        *[
            file
            for product in of_step_1
            for file in files_of(product, t_min=T_MINS, cb=EQUI_TIME_C_BS)
        ],
        *[file for product in of_t_min for file in files_of(product, t_min=T_MINS)],
        *files_of(paths.BASELINE_NETWORKS, temperature=LABELLED),
        *fold_files(),
        file_of(paths.OTHER_OUTPUT, t_min=MAIN_T_MIN),
    ]


def prediction_files():
    """Predictions of the networks for all structures."""
    return [*predictions("unit", TEMPERATURES), *predictions("large", TEMPERATURES)]


def table_products():
    """Tables of observables, and the configurations that are drawn."""
    return [
        *(
            [file_of(paths.TABLE, table="extended_check")]
            if EXTENDED_TEMPERATURES
            else []
        ),
        *files_of(paths.TABLE, table=TABLES),
        file_of(paths.SNAPSHOTS),
    ]


#: Parts of a run that can be asked for by name (`make run TARGET=dynamics`), each with its files.
PARTS = {
    "structures": structure_files,
    "dynamics": dynamics_files,
    "descriptors": descriptor_files,
    "networks": network_files,
    "predictions": prediction_files,
    "tables": table_products,
    "figures": figure_files,
}


def data_files():
    """All data of a finished run: what the figures are made from."""
    return [
        file for name, files in PARTS.items() if name != "figures" for file in files()
    ]


def part_files(name):
    """Input function: the files of one part."""
    return lambda wildcards: PARTS[name]()
