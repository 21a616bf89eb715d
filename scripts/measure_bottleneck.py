"""Bottleneck values of a sample of test particles, and how they separate active from arrested ones."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.bottleneck import bottleneck_tables

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    points, separations = bottleneck_tables(
        given.labels, given.predictions, given.relaxation, params.test, params.particles, params.seed
    )
    made = collect("observables", test=list(params.test), particles=params.particles, seed=params.seed)
    write_table(snakemake.output.points, points, made)
    write_table(snakemake.output.separations, separations, made)
