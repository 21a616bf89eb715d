"""Dynamic susceptibility chi_4 of molecular dynamics and of every network."""

from tglassmlp.division import Reported
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.susceptibility import susceptibility_table

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    reported = Reported(params.test, params.predicted)
    table = susceptibility_table(given.labels, given.predictions, given.baselines, given.relaxation, reported)
    made = collect("observables", test=list(params.test), predicted=dict(params.predicted))
    write_table(snakemake.output[0], table, made)
