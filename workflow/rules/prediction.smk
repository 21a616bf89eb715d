# What the trained networks and the baselines say about every structure, unit systems and large ones.
include: "functions/prediction.smk"


rule predict_propensities:
    input:
        descriptors=per_chunk(paths.DESCRIPTORS, predicted=True),
        networks=file_of(paths.FULL_NETWORKS),
        label_map=file_of(paths.LABEL_MAP),
    output:
        file_of(paths.PREDICTIONS),
    log:
        log_of("predict_propensities", "ensemble", "t_min", "temperature"),
    benchmark:
        benchmark_of("predict_propensities", "ensemble", "t_min", "temperature")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=prediction_megabytes,
        runtime=60,
    params:
        settings=section("prediction"),
        test=lambda wildcards: test_structures(wildcards.ensemble),
        seed=CONFIG.seed,
        stage_version=version("prediction"),
    script:
        "../../scripts/predict_propensities.py"


rule predict_baselines:
    input:
        descriptors=per_chunk(paths.DESCRIPTORS),
        linear=files_of(paths.LINEAR_BASELINES, t_min=T_MINS),
        transferred=file_of(
            paths.BASELINE_NETWORKS, temperature=TRANSFERRED_TEMPERATURE
        ),
        own=lambda wildcards: (
            [file_of(paths.BASELINE_NETWORKS, temperature=wildcards.temperature)]
            if wildcards.temperature in LABELLED
            else []
        ),
    output:
        file_of(paths.BASELINE_PREDICTIONS),
    log:
        log_of("predict_baselines", "ensemble", "temperature"),
    benchmark:
        benchmark_of("predict_baselines", "ensemble", "temperature")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=prediction_megabytes,
        runtime=30,
    params:
        c_b=C_BS,
        transferred_from=None if TRANSFERRED is None else TRANSFERRED.c_b,
        stage_version=version("baselines"),
    script:
        "../../scripts/predict_baselines.py"
