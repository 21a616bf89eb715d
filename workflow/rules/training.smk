# The two-step training of tGlassMLP, and the networks it is compared with.
include: "functions/training.smk"


rule train_equi_time:
    input:
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", LABELLED
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
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(LABELLED)),
        data_mb=data_megabytes(),
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
            f"{RUN}/networks/equi_time/tmin{{{{t_min}}}}/cb{{cb}}.npz",
            cb=[] if CONFIG.training.procedure == "direct" else C_BS,
        ),
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", TEMPERATURES
        ),
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
    output:
        labels=f"{RUN}/extrapolated/tmin{{t_min}}.h5",
        table=f"{RUN}/extrapolated/tmin{{t_min}}.parquet",
    log:
        f"{RUN}/logs/extrapolate_labels/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/extrapolate_labels/tmin{{t_min}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        runtime=30,
    params:
        run=training_record(),
        tolerance=CONFIG.training.equi_time_tolerance,
        stage_version=version("training"),
    script:
        "../../scripts/extrapolate_labels.py"


rule train_full:
    input:
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", TEMPERATURES
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        extrapolated=f"{RUN}/extrapolated/tmin{{t_min}}.h5",
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
        scaling=f"{RUN}/scaling/tmin{{t_min}}.json",
    output:
        networks=f"{RUN}/networks/trained/tmin{{t_min}}.npz",
        history=f"{RUN}/networks/full/tmin{{t_min}}.history.parquet",
    log:
        f"{RUN}/logs/train_full/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_full/tmin{{t_min}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        data_mb=data_megabytes(),
        runtime=training_minutes(len(TEMPERATURES) * len(C_BS)),
    params:
        run=training_record(),
        state=f"{RUN}/.state/train_full/tmin{{t_min}}.npz",
        stage_version=version("training"),
    script:
        "../../scripts/train_full.py"


# Apart from the training: another tolerance chooses again among the same networks.
rule select_networks:
    input:
        networks=f"{RUN}/networks/trained/tmin{{t_min}}.npz",
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", TEMPERATURES
        ),
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
    output:
        networks=f"{RUN}/networks/full/tmin{{t_min}}.npz",
        table=f"{RUN}/networks/full/tmin{{t_min}}.parquet",
    log:
        f"{RUN}/logs/select_networks/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/select_networks/tmin{{t_min}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(1),
        runtime=20,
    params:
        structures=division_record(),
        glass_transition=GLASS_TRANSITION,
        tolerance=CONFIG.training.full_tolerance,
        stage_version=version("training"),
    script:
        "../../scripts/select_networks.py"


rule train_other_output:
    input:
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", TEMPERATURES
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        extrapolated=f"{RUN}/extrapolated/tmin{{t_min}}.h5",
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
        scaling=f"{RUN}/scaling/tmin{{t_min}}.json",
    output:
        f"{RUN}/networks/other_output/tmin{{t_min}}.parquet",
    log:
        f"{RUN}/logs/train_other_output/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_other_output/tmin{{t_min}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        data_mb=data_megabytes(),
        runtime=training_minutes(len(TEMPERATURES) * len(C_BS)),
    params:
        run=training_record(),
        glass_transition=GLASS_TRANSITION,
        state=f"{RUN}/.state/train_other_output/tmin{{t_min}}.npz",
        stage_version=version("training"),
    script:
        "../../scripts/train_other_output.py"


rule train_baselines:
    input:
        descriptors=per_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5"
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
    conda:
        "../../envs/workflow.yaml"
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
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", LABELLED
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
        scaling=f"{RUN}/scaling/tmin{MAIN_T_MIN}.json",
    output:
        f"{RUN}/baselines/linear/tmin{{t_min}}.npz",
    log:
        f"{RUN}/logs/fit_linear_baselines/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/fit_linear_baselines/tmin{{t_min}}.tsv"
    conda:
        "../../envs/workflow.yaml"
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


rule train_fold:
    input:
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", TEMPERATURES
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        label_maps=expand(f"{RUN}/label_map/tmin{{t_min}}.parquet", t_min=T_MINS),
        scalings=expand(f"{RUN}/scaling/tmin{{t_min}}.json", t_min=T_MINS),
    output:
        f"{RUN}/folds/fold{{fold}}.parquet",
    log:
        f"{RUN}/logs/train_fold/fold{{fold}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_fold/fold{{fold}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        runtime=fold_minutes(),
    params:
        run=training_record(),
        t_mins=T_MINS,
        folds=CONFIG.training.folds,
        settings=fold_settings(),
        state=f"{RUN}/.state/train_fold/fold{{fold}}",
        stage_version=version("training"),
    script:
        "../../scripts/train_fold.py"
