"""Dynamic structure factors of the large systems and the correlation lengths fitted to them."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.structure_factor import structure_factor_tables

with job(snakemake.log[0]):
    given = snakemake.input
    settings = {"fit_q_max": snakemake.params.fit_q_max, "tiles": snakemake.params.tiles}
    factors, lengths = structure_factor_tables(
        given.labels,
        given.predictions,
        given.descriptors,
        given.relaxation,
        **settings,
        timed=given.unit_labels,
    )  # fmt: skip
    made = collect("observables", **settings)
    write_table(snakemake.output.factors, factors, made)
    write_table(snakemake.output.lengths, lengths, made)
    determined = lengths.groupby("form")["determined"].agg(["sum", "size"])
    print("correlation lengths determined at", determined.to_dict("index"))
