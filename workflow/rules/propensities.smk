# From trajectories to what is learnt: propensities, relaxation times, labels at fixed C_B, the label map.
include: "functions/propensities.smk"


rule measure_propensities:
    input:
        structures=file_of(paths.STRUCTURES),
        trajectories=lambda wildcards: trajectory_file(**wildcards),
    output:
        file_of(paths.PROPENSITIES),
    log:
        log_of("measure_propensities", "ensemble", "temperature", "chunk"),
    benchmark:
        benchmark_of("measure_propensities", "ensemble", "temperature", "chunk")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: round(800 + 3 * trajectory_megabytes(wildcards)),
        runtime=lambda wildcards: round(10 + trajectory_megabytes(wildcards) / 500),
    params:
        settings={
            **chosen("propensity", "r_in", "r_out", "wave_number"),
            **label_chosen(),
        },
        mixture=mixture_record(),
        stage_version=version("propensities"),
    script:
        "../../scripts/measure_propensities.py"


rule measure_relaxation:
    input:
        every_chunk(paths.PROPENSITIES, LABELLED),
    output:
        curves=file_of(paths.RELAXATION_CURVES),
        relaxation=file_of(paths.RELAXATION),
    log:
        log_of("measure_relaxation"),
    benchmark:
        benchmark_of("measure_relaxation")
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
        lambda wildcards: files_of(
            paths.PROPENSITIES,
            ensemble=wildcards.ensemble,
            temperature=wildcards.temperature,
            chunk=dynamics_chunks(wildcards.ensemble, wildcards.temperature),
        ),
    output:
        file_of(paths.LABELS),
    log:
        log_of("label_structures", "ensemble", "temperature"),
    benchmark:
        benchmark_of("label_structures", "ensemble", "temperature")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        **label_chosen(),
        c_b=[float(c) for c in C_BS],
        central_species=CONFIG.propensity.central_species,
        stage_version=version("labels"),
    script:
        "../../scripts/label_structures.py"


rule map_labels:
    input:
        files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
    output:
        file_of(paths.LABEL_MAP),
    log:
        log_of("map_labels", "t_min"),
    benchmark:
        benchmark_of("map_labels", "t_min")
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
