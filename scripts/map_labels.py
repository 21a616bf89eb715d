"""Label map of one t_min: which state points are measured, extrapolated, or left to the full network."""

from tglassmlp.dynamics.label_map import map_labels
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_arrays, read_attributes

with job(snakemake.log[0]):
    settings = dict(snakemake.params.settings)
    reached = {read_attributes(f)["temperature"]: read_arrays(f, ["c_b"])["c_b"] for f in snakemake.input}
    temperatures = [float(t) for t in snakemake.params.temperatures]
    c_b = [float(c) for c in snakemake.params.c_b]
    found = map_labels(temperatures, c_b, reached, float(snakemake.wildcards.t_min), **settings)
    found.write(snakemake.output[0], collect("labels", settings=settings))
    letters = found.to_table().pivot(index="c_b", columns="temperature", values="kind")
    print(letters.sort_index(ascending=False))
