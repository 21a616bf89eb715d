"""Labels of low temperatures at the C_B their dynamics do not reach, by the consistent networks of step 1."""

from tglassmlp.network.training_run import extrapolated_labels
from tglassmlp.progress import job

with job(snakemake.log[0]):
    extrapolated_labels(
        snakemake.output.labels,
        snakemake.output.table,
        snakemake.input.networks,
        snakemake.input.descriptors,
        snakemake.input.label_map,
        t_min=float(snakemake.wildcards.t_min),
        run=dict(snakemake.params.run),
        tolerance=snakemake.params.tolerance,
    )
