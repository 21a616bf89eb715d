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


def simulation_files(ensemble):
    """Structures to propensities of one ensemble; dynamics where there is any."""
    temperatures = LABELLED
    if ensemble == "large":
        large = CONFIG.large_systems.dynamics
        temperatures = [canonical(large.temperature)] if large else []
    of_structures = (
        paths.STRUCTURES,
        paths.STRUCTURES_RECORD,
        paths.INHERENT,
        paths.DESCRIPTORS,
    )
    of_dynamics = [
        {"ensemble": ensemble, "temperature": t, "chunk": chunk}
        for t in temperatures
        for chunk in dynamics_chunks(ensemble, t)
    ]
    return [
        *[
            file
            for product in of_structures
            for file in every_chunk(product, TEMPERATURES, ensemble, predicted=True)
        ],
        *[
            trajectory_file(**one)
            for one in of_dynamics
            if ensemble == "large" or one["temperature"] not in HELD
        ],
        *[file_of(paths.PROPENSITIES, **one) for one in of_dynamics],
        *files_of(paths.LABELS, ensemble=ensemble, temperature=temperatures),
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


def data_files():
    """All data of a finished run: what the figures are made from."""
    return [
        *[
            file_of(product, temperature=t, proof=proof)
            for product in (paths.EQUILIBRATION, paths.EQUILIBRATION_VERDICT)
            for t in TEMPERATURES
            for proof in proofs(t)
        ],
        *every_chunk(paths.LARGE_EQUILIBRATION_VERDICT, TEMPERATURES, "large"),
        file_of(paths.HEAT_CAPACITY),
        file_of(paths.REWEIGHTING),
        *(
            [file_of(paths.TABLE, table="extended_check")]
            if EXTENDED_TEMPERATURES
            else []
        ),
        *simulation_files("unit"),
        *simulation_files("large"),
        file_of(paths.RELAXATION_CURVES),
        file_of(paths.RELAXATION),
        *network_files(),
        *predictions("unit", TEMPERATURES),
        *predictions("large", TEMPERATURES),
        *files_of(paths.TABLE, table=TABLES),
        file_of(paths.SNAPSHOTS),
    ]
