"""Test structures with predicted and measured propensities and descriptors per particle, for OVITO."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import named_mixture, write_configurations
from tglassmlp.tables.ovito import particle_properties

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    frames, properties = particle_properties(
        given.structures,
        given.predictions,
        given.descriptors,
        given.labels,
        params.test,
        params.central_species,
    )
    mixture = named_mixture(given.structures[0])
    write_configurations(snakemake.output[0], frames, collect("observables"), properties, mixture)
