"""The paper's claims beside the run's numbers, with a verdict by arithmetic."""

from tglassmlp.observables.reproduction import report
from tglassmlp.progress import job
from tglassmlp.storage import atomic_path, read_json

with job(snakemake.log[0]):
    params = snakemake.params
    text = report(read_json(snakemake.input[0])["numbers"], params.run, params.scale, list(params.t_mins))
    with atomic_path(snakemake.output[0]) as temporary:
        temporary.write_text(text)
