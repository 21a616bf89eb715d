# Pictures: every figure from small tables only, the movie, and one page with all of them.
include: "functions/figures.smk"


rule draw_figure:
    input:
        unpack(figure_tables),
    output:
        *[f"{RUN}/figures/{{figure}}.{x}" for x in FORMATS[1:]],
        png=report(
            f"{RUN}/figures/{{figure}}.{FORMATS[0]}",
            caption="../report/figure.rst",
            category=figure_category,
            labels=figure_labels,
        ),
        data=f"{RUN}/figures/data/{{figure}}.parquet",
        csv=f"{RUN}/figures/data/{{figure}}.csv",
    log:
        f"{RUN}/logs/draw_figure/{{figure}}.log",
    benchmark:
        f"{RUN}/benchmarks/draw_figure/{{figure}}.tsv"
    wildcard_constraints:
        figure="|".join(FIGURES),
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        meta=META,
        caption=figure_caption,
        stage_version=version("figures"),
    script:
        "../../scripts/draw_figure.py"


rule draw_movie:
    input:
        f"{RUN}/tables/snapshots.h5",
    output:
        report(
            f"{RUN}/figures/{MOVIE}",
            caption="../report/movie.rst",
            category="3 Prediction",
            labels={
                "figure": "Relaxation at the glass transition, the movie",
                "in the paper": "Movie",
            },
        ),
    log:
        f"{RUN}/logs/draw_movie/all.log",
    benchmark:
        f"{RUN}/benchmarks/draw_movie/all.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        meta=META,
        stage_version=version("figures"),
    script:
        "../../scripts/draw_movie.py"


rule draw_contact_sheet:
    input:
        expand(f"{RUN}/figures/{{figure}}.{FORMATS[0]}", figure=FIGURES),
    output:
        report(
            f"{RUN}/figures/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="0 Overview",
            labels={"figure": "All figures", "in the paper": "none"},
        ),
    log:
        f"{RUN}/logs/draw_contact_sheet/all.log",
    benchmark:
        f"{RUN}/benchmarks/draw_contact_sheet/all.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        title=f"run {CONFIG.run}, {CONFIG.mixture().name}",
        stage_version=version("figures"),
    script:
        "../../scripts/draw_contact_sheet.py"
