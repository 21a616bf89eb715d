"""Mean energies of neighbouring temperatures against their fluctuations; a failed check stops the run."""

from tglassmlp.equilibration.heat_capacity import check_heat_capacity
from tglassmlp.equilibration.reweighting import check_reweighting
from tglassmlp.equilibration.settings import CheckLimits
from tglassmlp.equilibration.verdict import refuse_failed_checks
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_json, write_json, write_table

with job(snakemake.log[0]):
    p = snakemake.params
    verdicts, limits = [read_json(f) for f in snakemake.input], CheckLimits(**p.checks)
    found = [check_heat_capacity(verdicts, limits), check_reweighting(verdicts, limits)]
    for table, _ in found:
        print(table.drop(columns="advice").to_string(index=False))
    failed = [sentence for _, sentences in found for sentence in sentences]
    provenance = collect("equilibration_checks", checks=dict(p.checks))
    # Snakemake deletes the outputs of a failed job; this copy stays
    write_json(p.report, {"passed": not failed, "failed": failed, "provenance": provenance})
    if failed:
        lowest = min(float(table.temperature[~table.passed].min()) for table, s in found if s)
        refuse_failed_checks(failed, lowest, p.on_failure)
    write_table(snakemake.output.heat_capacity, found[0][0], provenance)
    write_table(snakemake.output.reweighting, found[1][0], provenance)
