# The two-step training of tGlassMLP, and the networks it is compared with.
include: "functions/training.smk"


rule train_equi_time:
    input:
        descriptors=every_chunk(paths.DESCRIPTORS, LABELLED),
        labels=files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
        label_map=file_of(paths.LABEL_MAP),
        scaling=file_of(paths.SCALING),
    output:
        networks=file_of(paths.EQUI_TIME_NETWORKS),
        history=file_of(paths.EQUI_TIME_HISTORY),
    log:
        log_of("train_equi_time", "t_min", "cb"),
    benchmark:
        benchmark_of("train_equi_time", "t_min", "cb")
    retries: cost.retries([training_minutes(len(LABELLED))])
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(LABELLED)),
        data_mb=data_megabytes(),
        runtime=within_limit(training_minutes(len(LABELLED))),
        gpu=training_gpus(),
    params:
        run=training_record(),
        minimum=CONFIG.labels.minimum_labelled,
        state=state_of("train_equi_time", "t_min", "cb", suffix=".npz"),
        stage_version=version("training"),
    script:
        "../../scripts/train_equi_time.py"


rule extrapolate_labels:
    input:
        networks=[file_of(paths.EQUI_TIME_NETWORKS, cb=c_b) for c_b in EQUI_TIME_C_BS],
        descriptors=every_chunk(paths.DESCRIPTORS, TEMPERATURES),
        label_map=file_of(paths.LABEL_MAP),
    output:
        labels=file_of(paths.EXTRAPOLATED_LABELS),
        table=file_of(paths.EXTRAPOLATED_TABLE),
    log:
        log_of("extrapolate_labels", "t_min"),
    benchmark:
        benchmark_of("extrapolate_labels", "t_min")
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
        descriptors=every_chunk(paths.DESCRIPTORS, TEMPERATURES),
        labels=files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
        extrapolated=file_of(paths.EXTRAPOLATED_LABELS),
        label_map=file_of(paths.LABEL_MAP),
        scaling=file_of(paths.SCALING),
    output:
        networks=file_of(paths.TRAINED_NETWORKS),
        history=file_of(paths.FULL_HISTORY),
    log:
        log_of("train_full", "t_min"),
    benchmark:
        benchmark_of("train_full", "t_min")
    retries: cost.retries([training_minutes(len(TEMPERATURES) * len(C_BS))])
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        data_mb=data_megabytes(),
        runtime=within_limit(training_minutes(len(TEMPERATURES) * len(C_BS))),
        gpu=training_gpus(),
    params:
        run=training_record(),
        state=state_of("train_full", "t_min", suffix=".npz"),
        stage_version=version("training"),
    script:
        "../../scripts/train_full.py"


# Apart from the training: another tolerance chooses again among the same networks, and another law
# of the contrast is fitted to them.
rule select_networks:
    input:
        networks=file_of(paths.TRAINED_NETWORKS),
        descriptors=every_chunk(paths.DESCRIPTORS, TEMPERATURES),
        labels=files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
        label_map=file_of(paths.LABEL_MAP),
    output:
        networks=file_of(paths.FULL_NETWORKS),
        table=file_of(paths.FULL_SELECTION),
    log:
        log_of("select_networks", "t_min"),
    benchmark:
        benchmark_of("select_networks", "t_min")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(2),
        runtime=20,
    params:
        structures=division_record(),
        glass_transition=GLASS_TRANSITION,
        tolerance=CONFIG.training.full_tolerance,
        contrast=CONFIG.training.contrast,
        stage_version=version("training"),
    script:
        "../../scripts/select_networks.py"


rule train_other_output:
    input:
        descriptors=every_chunk(paths.DESCRIPTORS, TEMPERATURES),
        labels=files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
        extrapolated=file_of(paths.EXTRAPOLATED_LABELS),
        label_map=file_of(paths.LABEL_MAP),
        scaling=file_of(paths.SCALING),
    output:
        file_of(paths.OTHER_OUTPUT),
    log:
        log_of("train_other_output", "t_min"),
    benchmark:
        benchmark_of("train_other_output", "t_min")
    retries: cost.retries([training_minutes(len(TEMPERATURES) * len(C_BS))])
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        data_mb=data_megabytes(),
        runtime=within_limit(training_minutes(len(TEMPERATURES) * len(C_BS))),
        gpu=training_gpus(),
    params:
        run=training_record(),
        glass_transition=GLASS_TRANSITION,
        state=state_of("train_other_output", "t_min", suffix=".npz"),
        stage_version=version("training"),
    script:
        "../../scripts/train_other_output.py"


rule train_baselines:
    input:
        descriptors=per_chunk(paths.DESCRIPTORS),
        labels=file_of(paths.LABELS, ensemble="unit"),
        scaling=file_of(paths.SCALING, t_min=MAIN_T_MIN),
    output:
        networks=file_of(paths.BASELINE_NETWORKS),
        history=file_of(paths.BASELINE_HISTORY),
    log:
        log_of("train_baselines", "temperature"),
    benchmark:
        benchmark_of("train_baselines", "temperature")
    retries: cost.retries([training_minutes(len(C_BS), CONFIG.baselines.networks)])
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(1),
        runtime=within_limit(training_minutes(len(C_BS), CONFIG.baselines.networks)),
        gpu=training_gpus(),
    params:
        run=training_record(),
        networks=CONFIG.baselines.networks,
        state=state_of("train_baselines", "temperature"),
        stage_version=version("baselines"),
    script:
        "../../scripts/train_baselines.py"


rule fit_linear_baselines:
    input:
        descriptors=every_chunk(paths.DESCRIPTORS, LABELLED),
        labels=files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
        label_map=file_of(paths.LABEL_MAP),
        scaling=file_of(paths.SCALING, t_min=MAIN_T_MIN),
    output:
        file_of(paths.LINEAR_BASELINES),
    log:
        log_of("fit_linear_baselines", "t_min"),
    benchmark:
        benchmark_of("fit_linear_baselines", "t_min")
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
        descriptors=every_chunk(paths.DESCRIPTORS, TEMPERATURES),
        labels=files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
        label_maps=files_of(paths.LABEL_MAP, t_min=T_MINS),
        scalings=files_of(paths.SCALING, t_min=T_MINS),
    output:
        file_of(paths.FOLD),
    log:
        log_of("train_fold", "fold"),
    benchmark:
        benchmark_of("train_fold", "fold")
    retries: cost.retries([fold_minutes()])
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        runtime=within_limit(fold_minutes()),
        gpu=training_gpus(),
    params:
        run=training_record(),
        t_mins=T_MINS,
        folds=CONFIG.training.folds,
        settings=fold_settings(),
        state=state_of("train_fold", "fold"),
        stage_version=version("training"),
    script:
        "../../scripts/train_fold.py"
