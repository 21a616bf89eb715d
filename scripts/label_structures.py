"""Labels of the central particles at fixed values of C_B, all structures of one temperature."""

from tglassmlp.dynamics.stages import label_arrays, labels_from, names_for
from tglassmlp.labels import recorded
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_chunks, write_arrays

with job(snakemake.log[0]):
    params = snakemake.params
    label, temperature = recorded(dict(params)), float(snakemake.wildcards.temperature)
    found = read_chunks(snakemake.input, names_for(label), ["times"])
    labels = labels_from(found, params.c_b, params.central_species, label)
    attributes = {"temperature": temperature, "central_species": params.central_species}
    if not label.is_clock:
        attributes["label"] = label.name
    made = collect("labels", c_b=list(params.c_b))
    write_arrays(snakemake.output[0], label_arrays(labels, label), made, attributes)
    print(f"T = {temperature:g}: C_B reached: {', '.join(f'{c:g}' for c in labels.c_b) or 'none'}")
