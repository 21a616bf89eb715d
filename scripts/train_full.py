"""Step 2: networks of all state points, measured and extrapolated."""

from tglassmlp.network.steps import trained_full_networks
from tglassmlp.progress import job

with job(snakemake.log[0]) as status:
    trained_full_networks(
        snakemake.output.networks,
        snakemake.output.history,
        snakemake.input.descriptors,
        snakemake.input.labels,
        snakemake.input.extrapolated,
        snakemake.input.label_map,
        snakemake.input.scaling,
        t_min=float(snakemake.wildcards.t_min),
        run=dict(snakemake.params.run),
        checkpoint=snakemake.params.state,
        status_file=status,
        memory=1e6 * snakemake.resources.data_mb,
    )
