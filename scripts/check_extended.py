"""Verdict on the structures that went on for many times their sweeps; a failed check stops the run."""

import pandas as pd

from tglassmlp.equilibration.settings import CheckLimits
from tglassmlp.equilibration.verdict import judge, refuse_failed_checks
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_json, write_json, write_table

with job(snakemake.log[0]):
    p = snakemake.params
    judged = [judge(read_json(f), CheckLimits(**p.checks)) for f in snakemake.input]
    table = pd.concat([t for t, _ in judged], ignore_index=True)
    print(table.to_string(index=False))
    provenance = collect("equilibration_checks", checks=dict(p.checks))
    # Snakemake deletes the outputs of a failed job; this copy stays
    write_json(p.report, {"verdicts": [v for _, v in judged], "provenance": provenance})
    for _, verdict in judged:
        refuse_failed_checks(verdict["failed"], verdict["temperature"], p.on_failure)
    write_table(snakemake.output[0], table, provenance)
