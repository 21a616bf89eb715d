# What the trained networks and the baselines say about every structure, unit systems and large ones.
include: "functions/prediction.smk"


rule predict_propensities:
    input:
        descriptors=per_chunk(
            f"{RUN}/{{ensemble}}/descriptors/T{{temperature}}/chunk{{chunk}}.h5"
        ),
        networks=f"{RUN}/networks/full/tmin{{t_min}}.npz",
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
    output:
        f"{RUN}/{{ensemble}}/predictions/tmin{{t_min}}/T{{temperature}}.h5",
    log:
        f"{RUN}/logs/predict_propensities/{{ensemble}}_tmin{{t_min}}_T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/predict_propensities/{{ensemble}}_tmin{{t_min}}_T{{temperature}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=prediction_megabytes,
        runtime=60,
    params:
        settings=section("prediction"),
        test=lambda wildcards: test_structures(wildcards.ensemble),
        stage_version=version("prediction"),
    script:
        "../../scripts/predict_propensities.py"


rule predict_baselines:
    input:
        descriptors=per_chunk(
            f"{RUN}/{{ensemble}}/descriptors/T{{temperature}}/chunk{{chunk}}.h5"
        ),
        linear=expand(f"{RUN}/baselines/linear/tmin{{t_min}}.npz", t_min=T_MINS),
        transferred=f"{RUN}/baselines/T{TRANSFERRED_TEMPERATURE}.npz",
        own=lambda wildcards: (
            [f"{RUN}/baselines/T{wildcards.temperature}.npz"]
            if wildcards.temperature in LABELLED
            else []
        ),
    output:
        f"{RUN}/{{ensemble}}/baseline_predictions/T{{temperature}}.h5",
    log:
        f"{RUN}/logs/predict_baselines/{{ensemble}}_T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/predict_baselines/{{ensemble}}_T{{temperature}}.tsv"
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
