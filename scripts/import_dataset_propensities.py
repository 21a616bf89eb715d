"""Propensities of the structures of one chunk, from a data set."""

from tglassmlp.dataset.in_a_run import propensity_arrays
from tglassmlp.dataset.library import load_dataset
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_arrays

with job(snakemake.log[0]):
    p, name = snakemake.params, snakemake.wildcards.temperature
    ensemble = load_dataset(p.path).at(float(name))
    arrays = propensity_arrays(ensemble, p.numbers, p.duration, p.settings)
    record = collect(
        "propensities", settings=dict(p.settings), source="data set", files=list(snakemake.input)
    )
    write_arrays(snakemake.output[0], arrays, record, {"temperature": float(name)})
    print(f"T = {name}: structures {list(p.numbers)} of the data set, to t = {arrays['times'].values[-1]:g}")
