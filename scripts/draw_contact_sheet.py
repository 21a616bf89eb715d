"""All figures of the run on one page."""

from tglassmlp.figures.contact_sheet import draw_contact_sheet
from tglassmlp.progress import job

with job(snakemake.log[0]):
    draw_contact_sheet(snakemake.output[0], list(snakemake.input), snakemake.params.title)
