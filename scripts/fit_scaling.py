"""One scaling of descriptors for all temperatures, from training structures only."""

from tglassmlp.descriptors.standardise import fit_scaling
from tglassmlp.division import split
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.state_point import canonical
from tglassmlp.storage import read_chunks, read_table, write_json

with job(snakemake.log[0]):
    s = dict(snakemake.params.structures)
    train = split(s["number"], s["test_fraction"], s["validation_fraction"]).train
    table = read_table(snakemake.input.label_map, ["temperature", "kind"])
    wanted = sorted(set(table.temperature[table.kind.isin(snakemake.params.kinds)]))
    blocks = []
    for temperature in wanted:
        files = [f for f in snakemake.input.descriptors if f"/T{canonical(temperature)}/" in f]
        found = read_chunks(files, ["values"], ["names"])
        blocks.append(found["values"][train])
    scaling = fit_scaling(blocks, found["names"].tolist(), wanted)
    provenance = collect("scaling", kinds=list(snakemake.params.kinds))
    write_json(snakemake.output[0], {**scaling.to_json(), "provenance": provenance})
    print(
        f"{len(scaling.names)} descriptors kept, {len(scaling.dropped)} constant ones dropped: "
        f"{', '.join(scaling.dropped)}"
    )
