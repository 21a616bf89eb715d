"""Energies and heat capacities of all temperatures, and whether neighbouring ones fit together."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.energies import energy_table

with job(snakemake.log[0]):
    table = energy_table(snakemake.input.records, snakemake.input.measured)
    print(table.to_string(index=False))
    write_table(snakemake.output[0], table, collect("observables"))
