"""Structures of one temperature and their inherent structures, from files of another program."""

from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.readers.glassbench.in_a_run import equilibration_tables
from tglassmlp.readers.trajectories import read_structure
from tglassmlp.simulation.minimisation import minimise
from tglassmlp.storage import write_configurations, write_json, write_table

with job(snakemake.log[0]):
    p, out, name = snakemake.params, snakemake.output, snakemake.wildcards.temperature
    mixture, files = Mixture(**p.mixture), list(snakemake.input)
    record = collect("structures", source="files of another program", files=files)
    starts = [read_structure(file, mixture, p.species) for file in files]
    limits = p.force_tolerance, snakemake.resources.maximum_steps
    inherent = [minimise(c, mixture, *limits)[0] for c in starts]
    energies, checks, verdict = equilibration_tables(
        starts, inherent, float(name), mixture,
        origin=("files", "files of another program", "equilibrated by whoever made the files"),
    )  # fmt: skip
    for chunk, structures in enumerate(out.structures):
        part = slice(chunk * p.chunk, (chunk + 1) * p.chunk)
        write_configurations(structures, starts[part], record, mixture=mixture)
        write_configurations(out.inherent[chunk], inherent[part], record, mixture=mixture)
        write_table(out.records[chunk], energies[part], record)
    write_table(out.table, checks, record)
    write_json(out.verdict, {**verdict, "provenance": record})
    print(
        f"T = {name}: {len(files)} structures, {verdict['inherent_energy']:.5f} inherent energy per particle"
    )
