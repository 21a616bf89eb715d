"""Propensities, scattering functions and displacements of the structures of one chunk."""

import numpy as np

from tglassmlp.dynamics.bond_breaking import isoconfigurational_propensity
from tglassmlp.dynamics.correlations import scattering_and_displacement
from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import Array, read_arrays, read_configurations, write_arrays

with job(snakemake.log[0]):
    settings, mixture = dict(snakemake.params.settings), Mixture(**snakemake.params.mixture)
    structures = read_configurations(snakemake.input.structures)
    found = read_arrays(snakemake.input.trajectories, ["displacements", "times"])
    pairs = list(
        zip(structures, found["displacements"], strict=False)
    )  # of large systems, some have dynamics
    radii = settings["r_in"], settings["r_out"], mixture
    shares = [isoconfigurational_propensity(c, d, *radii) for c, d in pairs]
    plain = [scattering_and_displacement(c, d, mixture.n_species, settings["wave_number"]) for c, d in pairs]
    axes, curves = ("structure", "frame", "particle"), ("structure", "species", "frame")
    arrays = {"times": Array(found["times"], ("frame",), "tau_LJ")}
    arrays["species"] = Array(np.stack([c.species for c, _ in pairs]), ("structure", "particle"))
    arrays |= {
        "propensity": Array(np.stack([s.mean for s in shares]), axes),
        "half": Array(np.stack([s.half for s in shares]), ("structure", "half", "frame", "particle")),
        "scattering": Array(np.stack([p["scattering"] for p in plain]), curves),
        "displacement2": Array(np.stack([p["displacement2"] for p in plain]), curves, "sigma_11^2"),
    }
    attributes = {"temperature": float(snakemake.wildcards.temperature)}
    write_arrays(snakemake.output[0], arrays, collect("propensities", settings=settings), attributes)
