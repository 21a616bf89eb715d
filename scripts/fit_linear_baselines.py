"""Ridge regression and the best single descriptors at every C_B."""

from tglassmlp.network.baselines import linear_baselines
from tglassmlp.network.run_files import TrainingFiles
from tglassmlp.progress import job

with job(snakemake.log[0]):
    given = snakemake.input
    linear_baselines(
        snakemake.output[0],
        TrainingFiles(given.descriptors, given.labels, given.label_map, given.scaling),
        run=dict(snakemake.params.run),
        penalty=snakemake.params.penalty,
    )
