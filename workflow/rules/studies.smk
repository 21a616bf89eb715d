# What each choice of the network and of its training is worth: snakemake studies
include: "functions/studies.smk"


rule run_study:
    input:
        descriptors=every_chunk(paths.DESCRIPTORS, TEMPERATURES),
        labels=files_of(paths.LABELS, ensemble="unit", temperature=LABELLED),
        scaling=file_of(paths.SCALING, t_min=MAIN_T_MIN),
    output:
        file_of(paths.STUDY),
    log:
        log_of("run_study", "variant", "seed"),
    benchmark:
        benchmark_of("run_study", "variant", "seed")
    retries: cost.retries([training_minutes(2 * len(TEMPERATURES) * len(C_BS))])
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        runtime=within_limit(training_minutes(2 * len(TEMPERATURES) * len(C_BS))),
    params:
        run=study_record(),
        labels=section("labels"),
        variants=study_variants(),
        t_min=study_t_min(),
        glass_transition=GLASS_TRANSITION,
        stage_version=version("training"),
    script:
        "../../scripts/run_study.py"


rule collect_studies:
    input:
        files_of(
            paths.STUDY,
            variant=[v.slug for v in study_variants()],
            seed=range(CONFIG.studies.seeds),
        ),
    output:
        file_of(paths.TABLE, table="studies"),
    log:
        log_of("collect_studies"),
    benchmark:
        benchmark_of("collect_studies")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        bootstrap=CONFIG.observables.bootstrap,
        stage_version=version("training"),
    script:
        "../../scripts/collect_studies.py"


rule studies:
    input:
        file_of(paths.TABLE, table="studies"),
