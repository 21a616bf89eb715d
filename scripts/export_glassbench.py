"""Structures and trajectories of one temperature in the GlassBench layout."""

from pathlib import Path

from tglassmlp.glassbench import Isoconfigurational, write_glassbench
from tglassmlp.progress import job
from tglassmlp.storage import read_arrays, read_configurations

with job(snakemake.log[0]):
    given, name = snakemake.input, snakemake.wildcards.temperature

    def members():
        number = 0
        for files in zip(given.structures, given.inherent, given.trajectories, strict=True):
            found = read_arrays(files[2], ["displacements", "times"])
            pairs = zip(read_configurations(files[0]), read_configurations(files[1]), strict=True)
            for (initial, inherent), moved in zip(pairs, found["displacements"], strict=True):
                part = "test" if number in snakemake.params.test else "train"
                yield Isoconfigurational(number, part, initial, inherent, found["times"], moved)
                number += 1

    folder = Path(snakemake.output.times).parent.parent
    written = write_glassbench(folder, name, members())
    print(f"T = {name}: {len(written)} files in {folder}")
