"""Structures and trajectories of one temperature in the GlassBench layout."""

from pathlib import Path

from tglassmlp.mixture import KA2D
from tglassmlp.progress import job
from tglassmlp.readers.glassbench import Isoconfigurational, write_glassbench
from tglassmlp.storage import read_arrays, read_configurations

with job(snakemake.log[0]):
    given, name = snakemake.input, snakemake.wildcards.temperature

    def members():
        number = 0
        for files in zip(given.structures, given.inherent, given.trajectories, strict=True):
            found = read_arrays(files[2], ["displacements", "times"])
            # the layout is named after KA2D and says nothing of its liquid
            pairs = zip(*(read_configurations(f, mixture=KA2D) for f in files[:2]), strict=True)
            for (initial, inherent), moved in zip(pairs, found["displacements"], strict=True):
                part = "test" if number in snakemake.params.test else "train"
                yield Isoconfigurational(number, part, initial, inherent, found["times"], moved)
                number += 1

    folder = Path(snakemake.output.times).parent.parent
    written = write_glassbench(folder, name, members())
    print(f"T = {name}: {len(written)} files in {folder}")
