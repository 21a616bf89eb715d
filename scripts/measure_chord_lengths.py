"""Chord length of mobile regions, of molecular dynamics and of every network, in unit and large systems."""

import pandas as pd

from tglassmlp.division import Reported
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.chord_length import chord_length_table

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    settings = {
        "spacing": params.spacing,
        "mobile_share": params.mobile_share,
        "n_resamples": params.resamples,
        "seed": params.seed,
        "replica_noise": params.replica_noise == "estimated",
    }
    reported = Reported(params.test, params.predicted)
    choices = {"unit": {"reported": reported}, "large": {"blocks": params.tiles}}
    tables = []
    for ensemble, choice in choices.items():
        files = [given[f"{ensemble}_{kind}"] for kind in ("labels", "predictions", "descriptors")]
        timed = given.unit_labels
        table = chord_length_table(*files, given.relaxation, **choice, **settings, timed=timed)
        tables.append(table.assign(ensemble=ensemble))
    structures = {"test": list(params.test), "predicted": dict(params.predicted)}
    made = collect("observables", **settings, **structures, tiles=params.tiles)
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True), made)
