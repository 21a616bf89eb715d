"""Step 1: networks of one C_B, trained on all temperatures that have measured labels there."""

from tglassmlp.network.run_files import TrainingFiles
from tglassmlp.network.settings import Execution
from tglassmlp.network.training_run import equi_time_networks
from tglassmlp.progress import job

with job(snakemake.log[0]) as status:
    given, params = snakemake.input, snakemake.params
    equi_time_networks(
        snakemake.output.networks,
        snakemake.output.history,
        TrainingFiles(given.descriptors, given.labels, given.label_map, given.scaling),
        t_min=float(snakemake.wildcards.t_min),
        c_b=float(snakemake.wildcards.cb),
        run=dict(params.run),
        minimum=params.minimum,
        execution=Execution(
            checkpoint=params.state, status_file=status, memory=1e6 * snakemake.resources.data_mb
        ),
    )
