"""Ridge regression and the best single descriptors at every C_B."""

from tglassmlp.network.baselines import linear_baselines
from tglassmlp.progress import job

with job(snakemake.log[0]):
    linear_baselines(
        snakemake.output[0],
        snakemake.input.descriptors,
        snakemake.input.labels,
        snakemake.input.label_map,
        snakemake.input.scaling,
        run=dict(snakemake.params.run),
        penalty=snakemake.params.penalty,
    )
