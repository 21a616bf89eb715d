"""Pearson correlation of every method with molecular dynamics on the test structures."""

from tglassmlp.observables.tables import pearson_table
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    table = pearson_table(
        given.labels,
        given.predictions,
        given.baselines,
        given.relaxation,
        params.test,
        params.resamples,
        params.seed,
    )
    made = collect("observables", test=list(params.test), resamples=params.resamples, seed=params.seed)
    write_table(snakemake.output[0], table, made)
