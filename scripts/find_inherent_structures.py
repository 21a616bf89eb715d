"""Inherent structures of one chunk."""

from pathlib import Path

import numpy as np

from tglassmlp.equilibration.verdict import accept
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress, job
from tglassmlp.provenance import collect
from tglassmlp.simulation import checkpoint
from tglassmlp.simulation.minimisation import minimise
from tglassmlp.storage import read_configurations, write_configurations

with job(snakemake.log[0]) as status:
    accept(snakemake.input.equilibration)
    w, settings = snakemake.wildcards, {"force_tolerance": snakemake.params.force_tolerance}
    limit = snakemake.resources.maximum_steps  # a limit: more of them change no minimum that was reached
    mixture = Mixture(**snakemake.params.mixture)
    thermal = read_configurations(snakemake.input.structures)
    label = f"inherent structures {w.ensemble} T={w.temperature} chunk {w.chunk}"
    progress, found = Progress(label, len(thermal), "structures", status), []
    states = [Path(snakemake.params.state) / f"structure{k}.npz" for k in range(len(thermal))]
    for c, state in zip(thermal, states, strict=True):
        found.append(minimise(c, mixture, **settings, maximum_steps=limit, state=state, progress=progress))
    provenance = collect("inherent", settings=settings, records=[record for _, record in found])
    write_configurations(snakemake.output[0], [c for c, _ in found], provenance, mixture=mixture)
    print(f"mean inherent energy {np.mean([record['energy'] for _, record in found]):.5f} per particle")
    for state in states:
        checkpoint.remove(state)
    progress.finish()
