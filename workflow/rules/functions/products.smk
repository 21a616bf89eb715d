# Everything a finished run holds. Asking for all of it, not for the figures alone, is what makes Snakemake bring
# back a deleted intermediate file, and what depends on it, although newer files behind it exist.
TABLES = (
    "pearson",
    "comparison",
    "susceptibility",
    "structure_factor",
    "correlation_length",
    "chord_length",
    "attention",
    "attention_length",
    "bottleneck",
    "bottleneck_separation",
    "equilibration",
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
    here = f"{RUN}/{ensemble}"
    return [
        *[
            f"{here}/{kind}/T{t}/chunk{c}.{suffix}"
            for t in TEMPERATURES
            for c in chunks(ensemble, t)
            for kind, suffix in (
                ("structures", "gsd"),
                ("structures", "parquet"),
                ("inherent", "gsd"),
                ("descriptors", "h5"),
            )
        ],
        *[
            file
            for t in temperatures
            for c in dynamics_chunks(ensemble, t)
            for file in (
                trajectory_file(ensemble, t, c),
                f"{here}/propensities/T{t}/chunk{c}.h5",
            )
        ],
        *expand(f"{here}/labels/T{{temperature}}.h5", temperature=temperatures),
    ]


def network_files():
    """Networks of both steps and the baselines, with their selection and history."""
    full = f"{RUN}/networks/full/tmin{{t_min}}"
    step1 = f"{RUN}/networks/equi_time/tmin{{t_min}}/cb{{cb}}"
    return [
        *expand(f"{RUN}/label_map/tmin{{t_min}}.parquet", t_min=T_MINS),
        *expand(f"{RUN}/scaling/tmin{{t_min}}.json", t_min=T_MINS),
        *expand(
            [f"{step1}.npz", f"{step1}.history.parquet"],
            t_min=T_MINS,
            cb=[] if CONFIG.training.procedure == "direct" else C_BS,
        ),
        *expand(f"{RUN}/extrapolated/tmin{{t_min}}.h5", t_min=T_MINS),
        *expand(f"{RUN}/extrapolated/tmin{{t_min}}.parquet", t_min=T_MINS),
        *expand(
            [
                f"{RUN}/networks/trained/tmin{{t_min}}.npz",
                f"{full}.npz",
                f"{full}.parquet",
                f"{full}.history.parquet",
            ],
            t_min=T_MINS,
        ),
        *expand(f"{RUN}/baselines/T{{temperature}}.npz", temperature=LABELLED),
        *expand(f"{RUN}/baselines/linear/tmin{{t_min}}.npz", t_min=T_MINS),
        *fold_files(),
        f"{RUN}/networks/other_output/tmin{MAIN_T_MIN}.parquet",
    ]


def data_files():
    """All data of a finished run: what the figures are made from."""
    return [
        *expand(
            f"{RUN}/unit/structures/T{{temperature}}/equilibration.json",
            temperature=TEMPERATURES,
        ),
        *expand(
            f"{RUN}/unit/structures/T{{temperature}}/equilibration.parquet",
            temperature=TEMPERATURES,
        ),
        *every_chunk(
            f"{RUN}/large/structures/T{{temperature}}/chunk{{chunk}}.checks.parquet",
            TEMPERATURES,
            "large",
        ),
        f"{RUN}/unit/structures/heat_capacity.parquet",
        f"{RUN}/unit/structures/reweighting.parquet",
        *([f"{RUN}/tables/extended_check.parquet"] if EXTENDED_TEMPERATURES else []),
        *simulation_files("unit"),
        *simulation_files("large"),
        f"{RUN}/relaxation/curves.parquet",
        f"{RUN}/relaxation/relaxation.json",
        *network_files(),
        *predictions("unit", TEMPERATURES),
        *predictions("large", TEMPERATURES),
        *expand(f"{RUN}/tables/{{table}}.parquet", table=TABLES),
        f"{RUN}/tables/snapshots.h5",
    ]
