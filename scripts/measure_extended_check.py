"""What shows whether extended structures are what they were; limits come later."""

import pandas as pd

from tglassmlp.equilibration.extended_check import measure_extended_check
from tglassmlp.local_structure import quantities
from tglassmlp.local_structure.means import mean_descriptors
from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.simulation.minimisation import minimise
from tglassmlp.storage import read_configurations, read_table, write_json

with job(snakemake.log[0]):
    p, given = snakemake.params, snakemake.input
    mixture, temperature = Mixture(**p.mixture), float(snakemake.wildcards.temperature)
    extended = [
        minimise(c, mixture, p.force_tolerance, snakemake.resources.maximum_steps)[0]
        for f in given.extended
        for c in read_configurations(f)
    ]
    originals = [c for f in given.inherent for c in read_configurations(f)]
    settings = dict(p.settings)
    quantities.load(settings.pop("own"))
    after, names = mean_descriptors(extended, settings, mixture)
    before, _ = mean_descriptors(originals, settings, mixture)
    tables = [
        pd.concat([read_table(f) for f in files], ignore_index=True)
        for files in (given.extended_records, given.records)
    ]
    found = measure_extended_check(temperature, *tables, after, before, names)
    provenance = collect("equilibration_checks", temperature=temperature)
    write_json(snakemake.output[0], {**found, "provenance": provenance})
