"""Pearson correlation of every method with dynamics on the test structures, and paired differences."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.comparison import comparison_table
from tglassmlp.tables.pearson import pearson_table

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    fields = given.labels, given.predictions, given.baselines
    settings = params.test, params.resamples, params.seed
    made = collect("observables", test=list(params.test), resamples=params.resamples, seed=params.seed)
    write_table(snakemake.output.pearson, pearson_table(*fields, given.relaxation, *settings), made)
    write_table(snakemake.output.comparison, comparison_table(*fields, *settings, given.folds), made)
