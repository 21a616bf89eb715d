"""Verdict on the large systems of one chunk; a failed check stops the run."""

from tglassmlp.equilibration.settings import CheckLimits
from tglassmlp.equilibration.verdict import judge, refuse_failed_checks
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_json, write_json, write_table

with job(snakemake.log[0]):
    p, temperature = snakemake.params, float(snakemake.wildcards.temperature)
    table, verdict = judge(read_json(snakemake.input[0]), CheckLimits(**p.checks))
    print(table.drop(columns="advice").to_string(index=False))
    provenance = collect("equilibration_checks", temperature=temperature, checks=dict(p.checks))
    # Snakemake deletes the outputs of a failed job; this copy stays
    write_json(p.report, {**verdict, "provenance": provenance})
    refuse_failed_checks(verdict["failed"], temperature, p.on_failure)
    write_table(snakemake.output[0], table, provenance)
