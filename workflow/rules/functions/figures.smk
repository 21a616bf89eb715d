# Inputs, parameters and resources of the figures (figures).
import importlib.util

from tglassmlp.figures import captions, registry
from tglassmlp.figures.metadata import describe

FIGURES = list(registry.FIGURES)
FORMATS = list(CONFIG.figures.formats)
META = describe(run_config.plain(CONFIG), CONFIG.mixture())
# imageio-ffmpeg brings its own encoder; without it the movie is a GIF
MOVIE_FORMAT = "mp4" if importlib.util.find_spec("imageio_ffmpeg") else "gif"


def table_files(name):
    """Files of one table, of every T_min where there are several."""
    product = paths.Product(registry.TABLES[name])
    return files_of(
        product, **({"t_min": T_MINS} if "t_min" in product.wildcards else {})
    )


def figure_tables(wildcards):
    """Tables that one figure is drawn from, by name."""
    return {
        name: table_files(name) for name in registry.FIGURES[wildcards.figure].tables
    }


def figure_caption(wildcards):
    """Caption of one figure for the report."""
    return captions.caption(wildcards.figure, META)


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
        *files_of(paths.FIGURE, figure=FIGURES, format=FORMATS),
        *files_of(paths.FIGURE_CSV, figure=FIGURES),
        file_of(paths.MOVIE, format=MOVIE_FORMAT),
        file_of(paths.CONTACT_SHEET),
        file_of(paths.NUMBERS),
        file_of(paths.REPRODUCTION),
    ]
