# What each choice of the network and of its training is worth: snakemake studies
include: "functions/studies.smk"


rule run_study:
    input:
        descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", TEMPERATURES
        ),
        labels=expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED),
        scaling=f"{RUN}/scaling/tmin{MAIN_T_MIN}.json",
    output:
        f"{RUN}/studies/{{variant}}/seed{{seed}}.parquet",
    log:
        f"{RUN}/logs/run_study/{{variant}}_seed{{seed}}.log",
    benchmark:
        f"{RUN}/benchmarks/run_study/{{variant}}_seed{{seed}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=training_megabytes(len(TEMPERATURES)),
        runtime=training_minutes(2 * len(TEMPERATURES) * len(C_BS)),
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
        expand(
            f"{RUN}/studies/{{variant}}/seed{{seed}}.parquet",
            variant=[v.slug for v in study_variants()],
            seed=range(CONFIG.studies.seeds),
        ),
    output:
        f"{RUN}/tables/studies.parquet",
    log:
        f"{RUN}/logs/collect_studies/all.log",
    benchmark:
        f"{RUN}/benchmarks/collect_studies/all.tsv"
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
        f"{RUN}/tables/studies.parquet",
