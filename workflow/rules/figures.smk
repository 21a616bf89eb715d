# Pictures: every figure from small tables only, the movie, and one page with all of them.
import importlib.util

from tglassmlp.figures import registry
from tglassmlp.figures.metadata import describe

FIGURES = list(registry.FIGURES)
FORMATS = list(CONFIG.figures.formats)
META = describe(run_config.plain(CONFIG), CONFIG.mixture())
# imageio-ffmpeg brings its own encoder; without it the movie is a GIF
MOVIE = "movie.mp4" if importlib.util.find_spec("imageio_ffmpeg") else "movie.gif"


def figure_tables(wildcards):
    """Tables that one figure is drawn from, by name."""
    return {
        name: expand(f"{RUN}/{registry.TABLES[name]}", t_min=T_MINS, allow_missing=True)
        for name in registry.FIGURES[wildcards.figure].tables
    }


def figure_caption(wildcards):
    """Caption of one figure for the report."""
    return registry.caption(wildcards.figure, META)


def figure_category(wildcards):
    """Chapter of the report that a figure belongs to."""
    return registry.FIGURES[wildcards.figure].category


def figure_labels(wildcards):
    """What the report lists a figure as."""
    spec = registry.FIGURES[wildcards.figure]
    return {"figure": spec.title, "in the paper": spec.label or "none"}


def figure_files():
    """Everything to look at when a run is finished."""
    return [
        *expand(f"{RUN}/figures/{{figure}}.{{format}}", figure=FIGURES, format=FORMATS),
        *expand(f"{RUN}/figures/data/{{figure}}.csv", figure=FIGURES),
        f"{RUN}/figures/{MOVIE}",
        f"{RUN}/figures/contact_sheet.png",
        f"{RUN}/numbers.json",
    ]


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
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        title=f"run {CONFIG.run}",
        stage_version=version("figures"),
    script:
        "../../scripts/draw_contact_sheet.py"
