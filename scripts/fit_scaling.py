"""One scaling of descriptors for all temperatures, from training structures only."""

from tglassmlp.division import split
from tglassmlp.dynamics.label_map import LabelMap
from tglassmlp.local_structure.standardise import fit_scaling
from tglassmlp.paths import by_temperature
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_chunks, write_json

with job(snakemake.log[0]):
    s, kinds = dict(snakemake.params.structures), list(snakemake.params.kinds)
    train = split(s["number"], s["test_fraction"], s["validation_fraction"]).train
    points = LabelMap.read(snakemake.input.label_map).of_letters(kinds)
    temperatures = sorted({point.temperature for point in points})
    files = by_temperature(snakemake.input.descriptors)
    blocks = []
    for temperature in temperatures:
        found = read_chunks(files[temperature], ["values"], ["names"])
        blocks.append(found["values"][train])
    scaling = fit_scaling(blocks, found["names"].tolist(), temperatures)
    write_json(snakemake.output[0], {**scaling.to_json(), "provenance": collect("scaling", kinds=kinds)})
    print(
        f"{len(scaling.names)} descriptors kept, {len(scaling.dropped)} constant ones dropped: "
        f"{', '.join(scaling.dropped)}"
    )
