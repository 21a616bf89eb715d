"""Step 2: networks of all state points, measured and extrapolated."""

from tglassmlp.network.run_files import TrainingFiles
from tglassmlp.network.settings import Execution
from tglassmlp.network.training_run import trained_full_networks
from tglassmlp.progress import job

with job(snakemake.log[0]) as status:
    given, params = snakemake.input, snakemake.params
    trained_full_networks(
        snakemake.output.networks,
        snakemake.output.history,
        TrainingFiles(given.descriptors, given.labels, given.label_map, given.scaling),
        given.extrapolated,
        t_min=float(snakemake.wildcards.t_min),
        run=dict(params.run),
        execution=Execution(
            checkpoint=params.state, status_file=status, memory=1e6 * snakemake.resources.data_mb
        ),
    )
