# What the networks see: descriptors of inherent structures, and one scaling for all temperatures.
include: "functions/descriptors.smk"


rule compute_descriptors:
    input:
        structures=f"{RUN}/{{ensemble}}/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        inherent=f"{RUN}/{{ensemble}}/inherent/T{{temperature}}/chunk{{chunk}}.gsd",
    output:
        f"{RUN}/{{ensemble}}/descriptors/T{{temperature}}/chunk{{chunk}}.h5",
    log:
        f"{RUN}/logs/compute_descriptors/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/compute_descriptors/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.tsv"
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
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", TEMPERATURES
        ),
    output:
        f"{RUN}/scaling/tmin{{t_min}}.json",
    log:
        f"{RUN}/logs/fit_scaling/tmin{{t_min}}.log",
    benchmark:
        f"{RUN}/benchmarks/fit_scaling/tmin{{t_min}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        kinds=["x", "t"] if CONFIG.training.scaling_temperatures == "all" else ["x"],
        structures=division_record(),
        stage_version=version("scaling"),
    script:
        "../../scripts/fit_scaling.py"
