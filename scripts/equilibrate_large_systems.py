"""Large systems of one chunk: tiled unit structures, re-equilibrated until the tiles are independent."""

from pathlib import Path

import pandas as pd

from tglassmlp.equilibration.checks import measure_large_systems
from tglassmlp.equilibration.schedule import attempts
from tglassmlp.equilibration.settings import settings_and_engine
from tglassmlp.equilibration.structures import equilibrate_large_systems
from tglassmlp.equilibration.verdict import accept
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress, job
from tglassmlp.provenance import collect
from tglassmlp.simulation import checkpoint
from tglassmlp.storage import read_configurations, write_configurations, write_json, write_table

with job(snakemake.log[0]) as status:
    accept(snakemake.input.equilibration)
    p, out, w = snakemake.params, snakemake.output, snakemake.wildcards
    temperature = float(w.temperature)
    (settings, engine), mixture = settings_and_engine(p.settings), Mixture(**p.mixture)
    units = [c for f in snakemake.input.structures for c in read_configurations(f)]
    label = f"large systems T={temperature:g} chunk {w.chunk}"
    total = len(p.systems) * attempts(p.sweeps, units[0].n_particles * p.tiles**2, "tiled")
    progress = Progress(label, total, "moves", status)
    states = [Path(p.state) / f"system{k}.npz" for k in p.systems]
    arguments = (units, temperature, p.systems, p.sweeps, p.tiles, p.seed, settings, mixture)
    made = equilibrate_large_systems(*arguments, states, progress, engine)
    progress.finish()
    systems, records = [c for c, _ in made], pd.concat([r for _, r in made], ignore_index=True)
    about = {"seed": p.seed, "temperature": temperature, "sweeps": p.sweeps, "tiles": p.tiles}
    provenance = collect("structures", engine=engine, **about)
    write_configurations(out.structures, systems, provenance, mixture=mixture)
    write_table(out.record, records, provenance)
    checks = measure_large_systems(records, systems, temperature, units)
    write_json(out.checks, {**checks, "provenance": provenance})
    for state in states:
        checkpoint.remove(state)
