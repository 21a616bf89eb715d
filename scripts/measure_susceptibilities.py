"""Dynamic susceptibility chi_4 of molecular dynamics and of every network."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.susceptibility import susceptibility_table

with job(snakemake.log[0]):
    given, test = snakemake.input, snakemake.params.test
    table = susceptibility_table(given.labels, given.predictions, given.baselines, given.relaxation, test)
    write_table(snakemake.output[0], table, collect("observables", test=list(test)))
