"""Step 2: networks of all state points, measured and extrapolated, and their selection at the lowest T."""

from tglassmlp.network.steps import full_networks
from tglassmlp.progress import job

with job(snakemake.log[0]) as status:
    full_networks(
        snakemake.output.networks,
        snakemake.output.table,
        snakemake.output.history,
        snakemake.input.descriptors,
        snakemake.input.labels,
        snakemake.input.extrapolated,
        snakemake.input.label_map,
        snakemake.input.scaling,
        t_min=float(snakemake.wildcards.t_min),
        glass_transition=float(snakemake.params.glass_transition),
        run=dict(snakemake.params.run),
        checkpoint=snakemake.params.state,
        status_file=status,
        memory=1e6 * snakemake.resources.data_mb,
    )
