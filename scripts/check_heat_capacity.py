"""Slope of the mean energy against its fluctuations over all temperatures; a failed check stops the run."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.simulation.equilibration import CheckLimits, check_heat_capacity, demand
from tglassmlp.storage import read_json, write_json, write_table

with job(snakemake.log[0]):
    p = snakemake.params
    table, failed = check_heat_capacity([read_json(f) for f in snakemake.input], CheckLimits(**p.checks))
    print(table.drop(columns="advice").to_string(index=False))
    provenance = collect("equilibration_checks", checks=dict(p.checks))
    # Snakemake deletes the outputs of a failed job; this copy stays
    write_json(p.report, {"passed": not failed, "failed": failed, "provenance": provenance})
    if failed:
        demand(failed, float(table.temperature[~table.passed].min()), p.on_failure)
    write_table(snakemake.output[0], table, provenance)
