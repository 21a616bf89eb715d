# From trajectories to what is learnt: propensities, relaxation times, labels at fixed C_B, the label map.
include: "functions/propensities.smk"


rule measure_propensities:
    input:
        structures=f"{RUN}/{{ensemble}}/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        trajectories=lambda wildcards: trajectory_file(**wildcards),
    output:
        f"{RUN}/{{ensemble}}/propensities/T{{temperature}}/chunk{{chunk}}.h5",
    log:
        f"{RUN}/logs/measure_propensities/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_propensities/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: round(800 + 3 * trajectory_megabytes(wildcards)),
        runtime=lambda wildcards: round(10 + trajectory_megabytes(wildcards) / 500),
    params:
        settings=chosen("propensity", "r_in", "r_out", "wave_number"),
        mixture=mixture_record(),
        stage_version=version("propensities"),
    script:
        "../../scripts/measure_propensities.py"


rule measure_relaxation:
    input:
        every_chunk(
            f"{RUN}/unit/propensities/T{{temperature}}/chunk{{chunk}}.h5", LABELLED
        ),
    output:
        curves=f"{RUN}/relaxation/curves.parquet",
        relaxation=f"{RUN}/relaxation/relaxation.json",
    log:
        f"{RUN}/logs/measure_relaxation/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_relaxation/all.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings=chosen(
            "propensity",
            "central_species",
            "relaxation_threshold",
            "extrapolation",
            "extrapolation_temperatures",
        ),
        labelled=LABELLED,
        temperatures=TEMPERATURES,
        stage_version=version("relaxation"),
    script:
        "../../scripts/measure_relaxation.py"


rule label_structures:
    input:
        lambda wildcards: expand(
            f"{RUN}/{wildcards.ensemble}/propensities/T{wildcards.temperature}/chunk{{chunk}}.h5",
            chunk=dynamics_chunks(wildcards.ensemble, wildcards.temperature),
        ),
    output:
        f"{RUN}/{{ensemble}}/labels/T{{temperature}}.h5",
    log:
        f"{RUN}/logs/label_structures/{{ensemble}}_T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/label_structures/{{ensemble}}_T{{temperature}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        c_b=[float(c) for c in C_BS],
        central_species=CONFIG.propensity.central_species,
        stage_version=version("labels"),
    script:
        "../../scripts/label_structures.py"


rule map_labels:
    input:
        expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
    output:
        f"{RUN}/label_map/tmin{{t_min}}.parquet",
    log:
        f"{RUN}/logs/map_labels/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/map_labels/tmin{{t_min}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        settings=section("labels"),
        temperatures=TEMPERATURES,
        c_b=C_BS,
        stage_version=version("labels"),
    script:
        "../../scripts/map_labels.py"
