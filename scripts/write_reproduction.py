"""The paper's claims beside the run's numbers, with a verdict by arithmetic."""

from tglassmlp.claims.page import Picture, report
from tglassmlp.labels import label
from tglassmlp.progress import job
from tglassmlp.species import from_record
from tglassmlp.storage import atomic_path, read_json

with job(snakemake.log[0]):
    params = snakemake.params
    found = read_json(snakemake.input[0])
    mixture = from_record(found["mixture"])
    pictures = [Picture(*entry) for entry in params.pictures]
    central = params.central_species
    learnt = label(params.label)
    text = report(
        found["numbers"], params.run, params.scale, list(params.t_mins), mixture, central, pictures, learnt
    )
    with atomic_path(snakemake.output[0]) as temporary:
        temporary.write_text(text)
