"""Large systems of one chunk: tiled unit structures, re-equilibrated until the tiles are independent."""

from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.simulation import equilibration
from tglassmlp.storage import read_configurations, write_configurations, write_json, write_table

with job(snakemake.log[0]) as status:
    equilibration.accept(snakemake.input.equilibration)
    p, out, w = snakemake.params, snakemake.output, snakemake.wildcards
    mixture = Mixture(**p.mixture)
    settings, temperature = equilibration.EquilibrationSettings(**p.settings), float(w.temperature)
    units = [c for f in snakemake.input.structures for c in read_configurations(f)]
    systems, records = equilibration.equilibrate_large_systems(
        units, temperature, p.systems, p.sweeps, p.tiles, p.seed, settings, mixture, p.state,
        label=f"large systems T={temperature:g} chunk {w.chunk}", status_file=status,
    )  # fmt: skip
    provenance = collect("structures", seed=p.seed, temperature=temperature, sweeps=p.sweeps, tiles=p.tiles)
    write_configurations(out.structures, systems, provenance, mixture=mixture)
    write_table(out.record, records, provenance)
    found = equilibration.measure_large_systems(records, systems, temperature, units)
    write_json(out.checks, {**found, "provenance": provenance})
    equilibration.forget(p.state)
