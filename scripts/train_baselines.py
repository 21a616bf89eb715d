"""GlassMLP networks of every labelled state point of one temperature."""

from tglassmlp.network.baselines import glassmlp_networks
from tglassmlp.network.settings import Execution
from tglassmlp.progress import job

with job(snakemake.log[0]) as status:
    glassmlp_networks(
        snakemake.output.networks,
        snakemake.output.history,
        snakemake.input.descriptors,
        snakemake.input.labels,
        snakemake.input.scaling,
        temperature=float(snakemake.wildcards.temperature),
        run=dict(snakemake.params.run),
        networks=snakemake.params.networks,
        execution=Execution(checkpoint=snakemake.params.state, status_file=status),
    )
