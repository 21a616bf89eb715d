"""Contrast of predictions beside dynamics: slopes, variances, chi_4, S_4 and coverage, with their errors."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.contrast import contrast_table

with job(snakemake.log[0]):
    given, test = snakemake.input, snakemake.params.test
    table = contrast_table(given.labels, given.predictions, given.descriptors, given.relaxation, test)
    write_table(snakemake.output[0], table, collect("observables", test=list(test)))
