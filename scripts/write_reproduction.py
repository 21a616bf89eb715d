"""The paper's claims beside the run's numbers, with a verdict by arithmetic."""

from tglassmlp.observables.reproduction import Picture, report
from tglassmlp.progress import job
from tglassmlp.storage import atomic_path, read_json

with job(snakemake.log[0]):
    params = snakemake.params
    numbers = read_json(snakemake.input[0])["numbers"]
    pictures = [Picture(*entry) for entry in params.pictures]
    text = report(numbers, params.run, params.scale, list(params.t_mins), pictures)
    with atomic_path(snakemake.output[0]) as temporary:
        temporary.write_text(text)
