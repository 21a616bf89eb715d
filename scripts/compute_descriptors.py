"""Raw descriptors of the central particles of one chunk of inherent structures."""

import numpy as np

from tglassmlp.local_structure import quantities
from tglassmlp.local_structure.describe import descriptors
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress, job
from tglassmlp.provenance import collect
from tglassmlp.storage import Array, read_configurations, write_arrays

with job(snakemake.log[0]) as status:
    settings, central = dict(snakemake.params.settings), snakemake.params.central_species
    quantities.load(settings.pop("own"))
    thermal = read_configurations(snakemake.input.structures)
    inherent = read_configurations(snakemake.input.inherent)
    mixture = Mixture(**snakemake.params.mixture)
    label = f"descriptors T={snakemake.wildcards.temperature} chunk {snakemake.wildcards.chunk}"
    progress, values = Progress(label, len(inherent), "structures", status), []
    for minimum in inherent:
        found, names = descriptors(minimum, **settings, mixture=mixture, central_species=central)
        values.append(found)
        progress.advance(1)
    positions = np.stack([c.wrapped()[c.of_species(central)] for c in thermal])
    values_axes, axes = ("structure", "particle", "column"), ("structure", "particle", "dimension")
    arrays = {"values": Array(np.stack(values), values_axes), "names": Array(np.array(names), ("column",))}
    arrays["positions"] = Array(positions, axes, "sigma_11", "thermal, wrapped")
    attributes = {"temperature": float(snakemake.wildcards.temperature), "box_length": thermal[0].box_length}
    attributes |= {"species": central, "lengths": list(settings["lengths"])}
    write_arrays(snakemake.output[0], arrays, collect("descriptors", settings=settings), attributes)
    progress.finish()
