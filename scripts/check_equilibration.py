"""Verdict on the equilibration of all structures of one temperature; a failed check stops the run."""

import pandas as pd

from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.simulation.equilibration import CheckLimits, check_temperature, demand
from tglassmlp.storage import read_configurations, read_table, write_json, write_table

with job(snakemake.log[0]):
    p, temperature = snakemake.params, float(snakemake.wildcards.temperature)
    structures = [c for f in snakemake.input.structures for c in read_configurations(f)]
    records = pd.concat([read_table(f) for f in snakemake.input.records], ignore_index=True)
    limits, mixture = CheckLimits(**p.checks), Mixture(**p.mixture)
    table, verdict = check_temperature(records, structures, temperature, limits, mixture)
    print(table.drop(columns="advice").to_string(index=False))
    provenance = collect("structures", temperature=temperature, checks=dict(p.checks))
    # Snakemake deletes the outputs of a failed job; this copy stays
    write_json(p.report, {**verdict, "provenance": provenance})
    demand(verdict["failed"], temperature, p.on_failure)
    write_table(snakemake.output.table, table, provenance)
    write_json(snakemake.output.verdict, {**verdict, "provenance": provenance})
