"""One figure from its tables."""

from tglassmlp.figures.drawing import render
from tglassmlp.progress import job

with job(snakemake.log[0]):
    files = {name: list(snakemake.input[name]) for name in snakemake.input.keys()}  # noqa: SIM118
    images = [path for path in snakemake.output if not path.endswith((".parquet", ".csv"))]
    render(snakemake.wildcards.figure, files, snakemake.params.meta, images, snakemake.output.data)
