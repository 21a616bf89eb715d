# What the networks see: descriptors of inherent structures, and one scaling for all temperatures.
include: "functions/descriptors.smk"


rule compute_descriptors:
    input:
        structures=file_of(paths.STRUCTURES),
        inherent=file_of(paths.INHERENT),
        own=OWN_QUANTITIES,
    output:
        file_of(paths.DESCRIPTORS),
    log:
        log_of("compute_descriptors", "ensemble", "temperature", "chunk"),
    benchmark:
        benchmark_of("compute_descriptors", "ensemble", "temperature", "chunk")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: round(800 + 0.012 * particles_per_chunk(wildcards)),
        runtime=lambda wildcards: round(5 + 1e-5 * particles_per_chunk(wildcards)),
    params:
        settings=section("descriptors"),
        mixture=mixture_record(),
        central_species=CONFIG.propensity.central_species,
        stage_version=version("descriptors"),
    script:
        "../../scripts/compute_descriptors.py"


rule fit_scaling:
    input:
        label_map=file_of(paths.LABEL_MAP),
        descriptors=every_chunk(paths.DESCRIPTORS, TEMPERATURES),
    output:
        file_of(paths.SCALING),
    log:
        log_of("fit_scaling", "t_min"),
    benchmark:
        benchmark_of("fit_scaling", "t_min")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        kinds=scaling_letters(),
        structures=division_record(),
        stage_version=version("scaling"),
    script:
        "../../scripts/fit_scaling.py"
