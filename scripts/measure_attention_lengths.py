"""Attention over coarse-graining lengths and its mean length."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.attention_length import attention_tables

with job(snakemake.log[0]):
    mean = snakemake.params.per_length == "mean"
    given = snakemake.input
    tables = attention_tables(given.predictions, given.relaxation, mean, given.labels)
    made = collect("observables", per_length=snakemake.params.per_length)
    for path, table in zip((snakemake.output.distributions, snakemake.output.lengths), tables, strict=True):
        write_table(path, table.assign(ensemble="unit"), made)
