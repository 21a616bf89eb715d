"""What shows whether the structures of one temperature are in equilibrium; limits come later."""

import pandas as pd

from tglassmlp.equilibration.checks import measure_temperature
from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_configurations, read_table, write_json

with job(snakemake.log[0]):
    temperature = float(snakemake.wildcards.temperature)
    structures = [c for f in snakemake.input.structures for c in read_configurations(f)]
    records = pd.concat([read_table(f) for f in snakemake.input.records], ignore_index=True)
    found = measure_temperature(records, structures, temperature, Mixture(**snakemake.params.mixture))
    provenance = collect("equilibration_checks", temperature=temperature)
    write_json(snakemake.output[0], {**found, "provenance": provenance})
