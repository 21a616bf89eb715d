"""Structures of one chunk with their equilibration records, from a data set."""

from tglassmlp.dataset.in_a_run import records_of
from tglassmlp.dataset.library import load_dataset
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_configurations, write_table

with job(snakemake.log[0]):
    p, name = snakemake.params, snakemake.wildcards.temperature
    ensemble = load_dataset(p.path).at(float(name))
    record = collect("structures", source="data set", numbers=list(p.numbers), files=list(snakemake.input))
    structures = ensemble.configurations(p.numbers)
    write_configurations(snakemake.output.structures, structures, record, mixture=ensemble.mixture)
    write_table(snakemake.output.record, records_of(ensemble, p.numbers, p.structures[0]), record)
    print(f"T = {name}: structures {list(p.numbers)} of the data set")
