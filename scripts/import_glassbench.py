"""Published structures of one temperature with inherent structures and trajectories, as files of a run."""

from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.readers.glassbench import read_glassbench, select_structures
from tglassmlp.readers.glassbench.in_a_run import equilibration_tables, trajectory_arrays
from tglassmlp.simulation.minimisation import minimise
from tglassmlp.storage import write_arrays, write_configurations, write_json, write_table

with job(snakemake.log[0]):
    p, out, name = snakemake.params, snakemake.output, snakemake.wildcards.temperature
    mixture, temperature = Mixture(**p.mixture), float(name)
    data = read_glassbench(p.path, name, mixture=mixture)
    found = select_structures(data, *p.split)
    numbers = [f"{x.part} {x.number}" for x in found]
    record = collect("structures", source="GlassBench, doi 10.5281/zenodo.10118191", published=numbers)
    limits = p.force_tolerance, snakemake.resources.maximum_steps
    inherent = [x.inherent or minimise(x.initial, mixture, *limits)[0] for x in found]
    starts = [x.initial for x in found]
    energies, checks, verdict = equilibration_tables(starts, inherent, temperature, mixture)
    for k in range(0, len(found), p.chunk):
        chunk, part = k // p.chunk, slice(k, k + p.chunk)
        write_configurations(out.structures[chunk], starts[part], record, mixture=mixture)
        write_configurations(out.inherent[chunk], inherent[part], record, mixture=mixture)
        arrays = trajectory_arrays(found[part])
        about = {
            "temperature": temperature,
            "engine": "published",
            "structures": list(range(k, k + len(found[part]))),
        }
        write_arrays(out.trajectories[chunk], arrays, record, about)
        write_table(out.records[chunk], energies[part], record)
    write_table(out.table, checks, record)
    write_json(out.verdict, {**verdict, "provenance": record})
    print(f"T = {name}: {len(found)} published structures, {len(found[0].times)} times")
