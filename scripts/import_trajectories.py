"""Trajectories of the replicas of one chunk of structures, from files of another program."""

from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.readers.trajectories import read_replicas, trajectory_arrays
from tglassmlp.storage import read_configurations, write_arrays

with job(snakemake.log[0]):
    p, name = snakemake.params, snakemake.wildcards.temperature
    mixture, files = Mixture(**p.mixture), list(snakemake.input.trajectories)
    starts = read_configurations(snakemake.input.structures)
    groups = [files[k * p.replicas : (k + 1) * p.replicas] for k in range(len(starts))]
    members = [
        read_replicas(group, start, mixture, p.species, p.time_step, p.duration)
        for group, start in zip(groups, starts, strict=True)
    ]
    about = {"temperature": float(name), "engine": "files", "structures": list(p.structures)}
    record = collect("dynamics", source="files of another program", files=files)
    arrays = trajectory_arrays(members, lambda k: groups[k][0])
    write_arrays(snakemake.output[0], arrays, record, about)
    print(f"T = {name}: {len(starts)} structures, {p.replicas} replicas, to t = {members[0][0][-1]:g}")
