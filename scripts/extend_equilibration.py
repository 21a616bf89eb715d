"""One structure goes on for many times its sweeps, to show that nothing changes any more."""

from pathlib import Path

from tglassmlp.equilibration.extended_check import extend_structure
from tglassmlp.equilibration.settings import settings_and_engine
from tglassmlp.equilibration.verdict import accept
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress, job
from tglassmlp.provenance import collect
from tglassmlp.simulation import checkpoint
from tglassmlp.storage import read_configurations, write_configurations, write_table

with job(snakemake.log[0]) as status:
    accept(snakemake.input.equilibration)
    p, w = snakemake.params, snakemake.wildcards
    temperature, number, state = float(w.temperature), int(w.structure), Path(p.state)
    (settings, engine), mixture = settings_and_engine(p.settings), Mixture(**p.mixture)
    begin = read_configurations(snakemake.input.structures)[p.place]
    label = f"extended check T={temperature:g} structure {number}"
    progress = Progress(label, p.sweeps * begin.n_particles, "moves", status)
    arguments = (temperature, number, p.sweeps, p.seed, settings, mixture, state, progress, engine)
    c, record = extend_structure(begin, *arguments)
    about = {"seed": p.seed, "temperature": temperature, "sweeps": p.sweeps, "structure": number}
    provenance = collect("structures", engine=engine, **about)
    write_configurations(snakemake.output.structures, [c], provenance, mixture=mixture)
    write_table(snakemake.output.record, record, provenance)
    checkpoint.remove(state)
    progress.finish()
