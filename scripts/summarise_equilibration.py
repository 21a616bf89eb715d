"""Energy against sweeps of both starts, mean over structures."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.equilibration import equilibration_table

with job(snakemake.log[0]):
    write_table(snakemake.output[0], equilibration_table(snakemake.input), collect("observables"))
