"""Equilibrium structures of one chunk by swap Monte Carlo, with their equilibration records."""

from pathlib import Path

import pandas as pd

from tglassmlp.equilibration.schedule import attempts, start_of
from tglassmlp.equilibration.settings import settings_and_engine
from tglassmlp.equilibration.structures import equilibrate_structures
from tglassmlp.equilibration.verdict import accept
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress, job
from tglassmlp.provenance import collect
from tglassmlp.simulation import checkpoint
from tglassmlp.storage import read_configurations, write_configurations, write_table

with job(snakemake.log[0]) as status:
    p, temperature = snakemake.params, float(snakemake.wildcards.temperature)
    (settings, engine), mixture = settings_and_engine(p.settings), Mixture(**p.mixture)
    label = f"structures T={temperature:g} chunk {snakemake.wildcards.chunk}"
    accept(snakemake.input.equilibration)
    held = [read_configurations(file) for file in snakemake.input.above]
    above = {number: held[file][place] for number, file, place in getattr(p, "above", [])}
    n = sum(mixture.composition)
    total = sum(attempts(p.sweeps, n, start_of(k, k in above)) for k in p.structures)
    progress = Progress(label, total, "moves", status)
    states = [Path(p.state) / f"structure{k}.npz" for k in p.structures]
    arguments = (temperature, p.structures, p.sweeps, p.seed, settings, mixture, states, progress, engine)
    made = equilibrate_structures(*arguments, above=above)
    about = {"seed": p.seed, "temperature": temperature, "sweeps": p.sweeps, "settings": dict(p.settings)}
    provenance = collect("structures", engine=engine, structures=list(p.structures), **about)
    write_configurations(snakemake.output.structures, [c for c, _ in made], provenance, mixture=mixture)
    write_table(snakemake.output.record, pd.concat([r for _, r in made], ignore_index=True), provenance)
    for state in states:
        checkpoint.remove(state)
    progress.finish()
