"""Label map of one t_min: which state points are measured, extrapolated, or left to the full network."""

from tglassmlp.dynamics.labels import label_map
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_arrays, read_attributes, write_table

with job(snakemake.log[0]):
    settings = dict(snakemake.params.settings)
    reached = {read_attributes(f)["temperature"]: read_arrays(f, ["c_b"])["c_b"] for f in snakemake.input}
    temperatures = [float(t) for t in snakemake.params.temperatures]
    c_b = [float(c) for c in snakemake.params.c_b]
    table = label_map(temperatures, c_b, reached, float(snakemake.wildcards.t_min), **settings)
    write_table(snakemake.output[0], table, collect("labels", settings=settings))
    print(table.pivot(index="c_b", columns="temperature", values="kind").sort_index(ascending=False))
