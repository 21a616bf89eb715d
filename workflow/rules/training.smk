# The two-step training of tGlassMLP, and the networks it is compared with.


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
    """Generous time limit of a training: a millisecond per step and network pass, ten-fold."""
    training = CONFIG.training
    epochs = sum(phase.epochs for phase in (*training.phase1, *training.phase2))
    steps = epochs * CONFIG.structures.number * state_points
    return round(10 + steps * (networks or training.networks) * 2e-3 / 60)


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


rule train_equi_time:
    input:
        descriptors=expand(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5",
            temperature=LABELLED,
            chunk=CHUNKS,
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
        scaling=f"{RUN}/scaling/tmin{{t_min}}.json",
    output:
        networks=f"{RUN}/networks/equi_time/tmin{{t_min}}/cb{{cb}}.npz",
        history=f"{RUN}/networks/equi_time/tmin{{t_min}}/cb{{cb}}.history.parquet",
    log:
        f"{RUN}/logs/train_equi_time/tmin{{t_min}}_cb{{cb}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_equi_time/tmin{{t_min}}_cb{{cb}}.tsv"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(LABELLED)),
        runtime=training_minutes(len(LABELLED)),
    params:
        run=training_record(),
        minimum=CONFIG.labels.minimum_labelled,
        state=f"{RUN}/.state/train_equi_time/tmin{{t_min}}_cb{{cb}}.npz",
        stage_version=version("training"),
    script:
        "../../scripts/train_equi_time.py"


rule extrapolate_labels:
    input:
        networks=expand(
            f"{RUN}/networks/equi_time/tmin{{{{t_min}}}}/cb{{cb}}.npz", cb=C_BS
        ),
        descriptors=expand(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5",
            temperature=TEMPERATURES,
            chunk=CHUNKS,
        ),
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
    output:
        labels=f"{RUN}/extrapolated/tmin{{t_min}}.h5",
        table=f"{RUN}/extrapolated/tmin{{t_min}}.parquet",
    log:
        f"{RUN}/logs/extrapolate_labels/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/extrapolate_labels/tmin{{t_min}}.tsv"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        runtime=30,
    params:
        run=training_record(),
        stage_version=version("training"),
    script:
        "../../scripts/extrapolate_labels.py"


rule train_full:
    input:
        descriptors=expand(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5",
            temperature=TEMPERATURES,
            chunk=CHUNKS,
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        extrapolated=f"{RUN}/extrapolated/tmin{{t_min}}.h5",
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
        scaling=f"{RUN}/scaling/tmin{{t_min}}.json",
    output:
        networks=f"{RUN}/networks/full/tmin{{t_min}}.npz",
        table=f"{RUN}/networks/full/tmin{{t_min}}.parquet",
        history=f"{RUN}/networks/full/tmin{{t_min}}.history.parquet",
    log:
        f"{RUN}/logs/train_full/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_full/tmin{{t_min}}.tsv"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        runtime=training_minutes(len(TEMPERATURES) * len(C_BS)),
    params:
        run=training_record(),
        glass_transition=GLASS_TRANSITION,
        state=f"{RUN}/.state/train_full/tmin{{t_min}}.npz",
        stage_version=version("training"),
    script:
        "../../scripts/train_full.py"


rule train_baselines:
    input:
        descriptors=lambda wildcards: expand(
            f"{RUN}/unit/descriptors/T{wildcards.temperature}/chunk{{chunk}}.h5",
            chunk=CHUNKS,
        ),
        labels=f"{RUN}/unit/labels/T{{temperature}}.h5",
        scaling=f"{RUN}/scaling/tmin{MAIN_T_MIN}.json",
    output:
        networks=f"{RUN}/baselines/T{{temperature}}.npz",
        history=f"{RUN}/baselines/T{{temperature}}.history.parquet",
    log:
        f"{RUN}/logs/train_baselines/T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_baselines/T{{temperature}}.tsv"
    threads: 1
    resources:
        mem_mb=training_megabytes(1),
        runtime=training_minutes(len(C_BS), CONFIG.baselines.networks),
    params:
        run=training_record(),
        networks=CONFIG.baselines.networks,
        state=f"{RUN}/.state/train_baselines/T{{temperature}}",
        stage_version=version("baselines"),
    script:
        "../../scripts/train_baselines.py"


rule fit_linear_baselines:
    input:
        descriptors=expand(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5",
            temperature=LABELLED,
            chunk=CHUNKS,
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        label_map=f"{RUN}/label_map/tmin{MAIN_T_MIN}.parquet",
        scaling=f"{RUN}/scaling/tmin{MAIN_T_MIN}.json",
    output:
        f"{RUN}/baselines/linear.npz",
    log:
        f"{RUN}/logs/fit_linear_baselines/all.log",
    benchmark:
        f"{RUN}/benchmarks/fit_linear_baselines/all.tsv"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(LABELLED)),
        runtime=20,
    params:
        run=training_record(),
        penalty=CONFIG.baselines.ridge_alpha,
        stage_version=version("baselines"),
    script:
        "../../scripts/fit_linear_baselines.py"
