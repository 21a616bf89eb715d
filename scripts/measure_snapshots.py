"""Configurations and fields that the snapshots and the movie show."""

from tglassmlp.methods import DYNAMICS, METHODS, NETWORK
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_arrays
from tglassmlp.tables.snapshots import snapshots

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    fields = {DYNAMICS.title: given.labels[0]} if len(given.labels) else {}
    for t_min, path in zip(params.t_mins, given.predictions, strict=True):
        fields[rf"{NETWORK.title}, $T_{{\min}} = {t_min}$"] = path
    transferred = METHODS["glassmlp_transferred"]
    fields[f"{transferred.title}@{transferred.name}"] = given.baselines[0]
    methods = {**params.snapshot, "structure_files": list(given.structures), "field_files": fields}
    evolution = {
        "structure_files": [given.cold_structures],
        "field_files": {NETWORK.title: given.cold_predictions},
        "structure": 0,
        "ensemble": "large",
        "temperature": float(params.glass_transition),
    }
    arrays, attributes = snapshots(methods, evolution, given.relaxation, params.central_species)
    write_arrays(snakemake.output[0], arrays, collect("observables"), attributes)
