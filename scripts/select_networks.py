"""Networks of step 2 that are consistent at the lowest temperature, and their contrast."""

from tglassmlp.network.training_run import selected_networks
from tglassmlp.progress import job

with job(snakemake.log[0]):
    selected_networks(
        snakemake.output.networks,
        snakemake.output.table,
        snakemake.input.networks,
        snakemake.input.descriptors,
        snakemake.input.label_map,
        glass_transition=float(snakemake.params.glass_transition),
        run={"structures": dict(snakemake.params.structures)},
        tolerance=snakemake.params.tolerance,
        labels=snakemake.input.labels,
        contrast=snakemake.params.contrast,
    )
