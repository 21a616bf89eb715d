"""Step 1: networks of one C_B, trained on all temperatures that have measured labels there."""

from tglassmlp.network.steps import equi_time_networks
from tglassmlp.progress import job

with job(snakemake.log[0]) as status:
    equi_time_networks(
        snakemake.output.networks,
        snakemake.output.history,
        snakemake.input.descriptors,
        snakemake.input.labels,
        snakemake.input.label_map,
        snakemake.input.scaling,
        t_min=float(snakemake.wildcards.t_min),
        c_b=float(snakemake.wildcards.cb),
        run=dict(snakemake.params.run),
        minimum=snakemake.params.minimum,
        checkpoint=snakemake.params.state,
        status_file=status,
        memory=1e6 * snakemake.resources.data_mb,
    )
