"""Step 2 with the other output of the network, for what the selection by mean predictions says of it."""

from tglassmlp.network.run_files import TrainingFiles
from tglassmlp.network.settings import Execution
from tglassmlp.network.training_run import other_output
from tglassmlp.progress import job

with job(snakemake.log[0]) as status:
    given, params = snakemake.input, snakemake.params
    other_output(
        snakemake.output[0],
        TrainingFiles(given.descriptors, given.labels, given.label_map, given.scaling),
        given.extrapolated,
        t_min=float(snakemake.wildcards.t_min),
        glass_transition=float(params.glass_transition),
        run=dict(params.run),
        execution=Execution(
            checkpoint=params.state, status_file=status, memory=1e6 * snakemake.resources.data_mb
        ),
    )
