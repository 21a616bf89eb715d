"""Propensities, scattering functions and displacements of the structures of one chunk."""

from tglassmlp.dynamics.stages import propensity_arrays
from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_arrays, read_configurations, write_arrays

with job(snakemake.log[0]):
    settings, mixture = dict(snakemake.params.settings), Mixture(**snakemake.params.mixture)
    structures = read_configurations(snakemake.input.structures)
    found = read_arrays(snakemake.input.trajectories, ["displacements", "times"])
    arrays = propensity_arrays(structures, found["displacements"], found["times"], settings, mixture)
    attributes = {"temperature": float(snakemake.wildcards.temperature)}
    write_arrays(snakemake.output[0], arrays, collect("propensities", settings=settings), attributes)
