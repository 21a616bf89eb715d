"""The movie of relaxation at the glass transition."""

from tglassmlp.figures.loading import load_tables
from tglassmlp.figures.movie import draw_movie
from tglassmlp.progress import job

with job(snakemake.log[0]):
    snapshots = load_tables({"snapshots": [snakemake.input[0]]})["snapshots"]
    print(f"movie: {draw_movie(snakemake.output[0], snapshots, snakemake.params.meta)} frames")
