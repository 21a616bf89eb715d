"""Radial distributions of the unit systems, and partial structure factors of these and the large systems."""

import pandas as pd

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.pair_structure import partial_structure_factor_table, radial_distribution_table

with job(snakemake.log[0]):
    given, out, n_species = snakemake.input, snakemake.output, snakemake.params.n_species
    made = collect("observables", n_species=n_species)
    write_table(out.distances, radial_distribution_table(given.unit, n_species), made)
    parts = [partial_structure_factor_table(given[name], n_species, name) for name in ("unit", "large")]
    write_table(out.wave_numbers, pd.concat(parts, ignore_index=True), made)
