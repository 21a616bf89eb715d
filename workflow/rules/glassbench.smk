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
            structures=for_every_chunk(paths.STRUCTURES),
            records=for_every_chunk(paths.STRUCTURES_RECORD),
            inherent=for_every_chunk(paths.INHERENT),
            trajectories=for_every_chunk(paths.TRAJECTORIES),
            verdict=file_of(paths.EQUILIBRATION, proof=paths.PROOFS[0]),
            table=file_of(paths.EQUILIBRATION_VERDICT, proof=paths.PROOFS[0]),
        log:
            log_of("import_glassbench", "temperature"),
        benchmark:
            benchmark_of("import_glassbench", "temperature")
        wildcard_constraints:
            temperature=one_of(PUBLISHED),
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
        structures=per_chunk(paths.STRUCTURES),
        inherent=per_chunk(paths.INHERENT),
        trajectories=lambda wildcards: [
            trajectory_file("unit", wildcards.temperature, chunk)
            for chunk in chunks("unit", wildcards.temperature)
        ],
    output:
        files=directory(file_of(paths.GLASSBENCH_TRAJECTORIES)),
        times=file_of(paths.GLASSBENCH_TIMES),
    log:
        log_of("export_glassbench", "temperature"),
    benchmark:
        benchmark_of("export_glassbench", "temperature")
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
