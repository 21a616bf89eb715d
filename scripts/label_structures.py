"""Propensities of the central particles at fixed values of C_B, all structures of one temperature."""

from tglassmlp.dynamics.labels import label_structures
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import Array, read_chunks, write_arrays

with job(snakemake.log[0]):
    found = read_chunks(snakemake.input, ["propensity", "half", "species"], ["times"])
    labels = label_structures(
        **found, targets=snakemake.params.c_b, central_species=snakemake.params.central_species
    )
    axes = ("c_b", "structure", "particle")
    arrays = {
        "c_b": Array(labels.c_b, ("c_b",)),
        "frame_index": Array(labels.frame_index, ("c_b",)),
        "time": Array(labels.time, ("c_b",), "tau_LJ"),
        "propensity": Array(labels.propensity, axes),
        "half": Array(labels.half, ("c_b", "structure", "half", "particle")),
    }
    temperature = float(snakemake.wildcards.temperature)
    attributes = {"temperature": temperature, "central_species": snakemake.params.central_species}
    write_arrays(snakemake.output[0], arrays, collect("labels", c_b=list(snakemake.params.c_b)), attributes)
    print(f"T = {temperature:g}: C_B reached: {', '.join(f'{c:g}' for c in labels.c_b) or 'none'}")
