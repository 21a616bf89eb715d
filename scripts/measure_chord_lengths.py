"""Chord length of mobile regions, of molecular dynamics and of every network."""

from tglassmlp.observables.tables import chord_length_table
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    settings = {
        "structures": list(params.test),
        "spacing": params.spacing,
        "mobile_share": params.mobile_share,
        "n_resamples": params.resamples,
        "seed": params.seed,
    }
    table = chord_length_table(
        given.labels, given.predictions, given.descriptors, given.relaxation, **settings
    )
    write_table(snakemake.output[0], table.assign(ensemble="unit"), collect("observables", **settings))
