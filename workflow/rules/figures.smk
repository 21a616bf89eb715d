# Pictures: every figure from small tables only, the movie, and one page with all of them.
include: "functions/figures.smk"


rule draw_figure:
    input:
        unpack(figure_tables),
    output:
        *[file_of(paths.FIGURE, format=x) for x in FORMATS[1:]],
        png=report(
            file_of(paths.FIGURE, format=FORMATS[0]),
            caption="../report/figure.rst",
            category=figure_category,
            labels=figure_labels,
        ),
        data=file_of(paths.FIGURE_DATA),
        csv=file_of(paths.FIGURE_CSV),
    log:
        log_of("draw_figure", "figure"),
    benchmark:
        benchmark_of("draw_figure", "figure")
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
        file_of(paths.SNAPSHOTS),
    output:
        report(
            file_of(paths.MOVIE, format=MOVIE_FORMAT),
            caption="../report/movie.rst",
            category="3 Prediction",
            labels={
                "figure": "Relaxation at the glass transition, the movie",
                "in the paper": "Movie",
            },
        ),
    log:
        log_of("draw_movie"),
    benchmark:
        benchmark_of("draw_movie")
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
        files_of(paths.FIGURE, format=FORMATS[0], figure=FIGURES),
    output:
        report(
            file_of(paths.CONTACT_SHEET),
            caption="../report/contact_sheet.rst",
            category="0 Overview",
            labels={"figure": "All figures", "in the paper": "none"},
        ),
    log:
        log_of("draw_contact_sheet"),
    benchmark:
        benchmark_of("draw_contact_sheet")
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
