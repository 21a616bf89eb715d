# Published data in, our data out: GlassBench files take the place of generated ones, or are written from them.
include: "functions/glassbench.smk"


if PUBLISHED:

    # These files have a rule each when they are generated; for the published temperatures this one comes first.
    ruleorder: import_glassbench > equilibrate_structures
    ruleorder: import_glassbench > measure_equilibration
    ruleorder: import_glassbench > check_equilibration
    ruleorder: import_glassbench > find_inherent_structures
    ruleorder: import_glassbench > run_isoconfigurational_dynamics

    rule import_glassbench:
        input:
            published_file,
        output:
            structures=for_chunks(
                f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.gsd"
            ),
            records=for_chunks(
                f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.parquet"
            ),
            inherent=for_chunks(
                f"{RUN}/unit/inherent/T{{temperature}}/chunk{{chunk}}.gsd"
            ),
            trajectories=for_chunks(
                f"{RUN}/unit/trajectories/T{{temperature}}/chunk{{chunk}}.h5"
            ),
            verdict=f"{RUN}/unit/structures/T{{temperature}}/equilibration.json",
            table=f"{RUN}/unit/structures/T{{temperature}}/equilibration.parquet",
        log:
            f"{RUN}/logs/import_glassbench/T{{temperature}}.log",
        benchmark:
            f"{RUN}/benchmarks/import_glassbench/T{{temperature}}.tsv"
        wildcard_constraints:
            temperature="|".join(t.replace(".", r"\.") for t in PUBLISHED),
        conda:
            "../../envs/workflow.yaml"
        threads: 1
        resources:
            mem_mb=4000,
            runtime=60,
            maximum_steps=CONFIG.minimisation.maximum_steps,
        params:
            path=CONFIG.structures.glassbench.path,
            split=split_sizes(),
            chunk=CONFIG.structures.chunk,
            force_tolerance=CONFIG.minimisation.force_tolerance,
            mixture=mixture_record(),
            stage_version=version("structures"),
        script:
            "../../scripts/import_glassbench.py"


# Not part of a run: ask for results/<run>/glassbench/KA2D_results/times_<temperature>.dat
rule export_glassbench:
    input:
        structures=per_chunk(
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.gsd"
        ),
        inherent=per_chunk(f"{RUN}/unit/inherent/T{{temperature}}/chunk{{chunk}}.gsd"),
        trajectories=lambda wildcards: [
            trajectory_file("unit", wildcards.temperature, chunk)
            for chunk in chunks("unit", wildcards.temperature)
        ],
    output:
        files=directory(f"{RUN}/glassbench/KA2D_trajectories/T{{temperature}}"),
        times=f"{RUN}/glassbench/KA2D_results/times_{{temperature}}.dat",
    log:
        f"{RUN}/logs/export_glassbench/T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/export_glassbench/T{{temperature}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        test=CONFIG.structure_split().test,
        stage_version=version("structures"),
    script:
        "../../scripts/export_glassbench.py"
