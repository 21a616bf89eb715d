"""Large systems of one chunk: tiled unit structures, re-equilibrated until the tiles are independent."""

from pathlib import Path

import pandas as pd

from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress, job
from tglassmlp.provenance import collect
from tglassmlp.simulation import checkpoint, equilibration
from tglassmlp.storage import read_configurations, write_configurations, write_table

with job(snakemake.log[0]) as status:
    p, temperature = snakemake.params, float(snakemake.wildcards.temperature)
    settings, mixture = equilibration.EquilibrationSettings(**p.settings), Mixture(**p.mixture)
    units = [c for f in snakemake.input.structures for c in read_configurations(f)]
    label = f"large systems T={temperature:g} chunk {snakemake.wildcards.chunk}"
    total = len(p.systems) * equilibration.attempts(p.sweeps, units[0].n_particles * p.tiles**2, "tiled")
    progress, found, states = Progress(label, total, "moves", status), [], []
    for k in p.systems:
        states.append(Path(p.state) / f"system{k}.npz")
        what = (units[k % len(units)], temperature, k, p.sweeps, p.tiles, p.seed, settings, mixture)
        found.append(equilibration.equilibrate_large_system(*what, states[-1], progress))
    systems, records = [c for c, _ in found], pd.concat([r for _, r in found], ignore_index=True)
    limits = equilibration.CheckLimits(**p.checks)
    for state in states:
        checkpoint.remove(state)
    equilibration.demand(
        equilibration.check_large_systems(records, systems, limits), temperature, p.on_failure
    )
    provenance = collect("structures", seed=p.seed, temperature=temperature, sweeps=p.sweeps, tiles=p.tiles)
    write_configurations(snakemake.output.structures, systems, provenance)
    write_table(snakemake.output.record, records, provenance)
    progress.finish()
