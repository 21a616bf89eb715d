"""One variant of the network or its training, trained once, beside ridge regression on the same data."""

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.studies.training import Files, run_variant

with job(snakemake.log[0]):
    params = snakemake.params
    variant = next(v for v in params.variants if v.slug == snakemake.wildcards.variant)
    files = Files(snakemake.input.descriptors, snakemake.input.labels, snakemake.input.scaling)
    table = run_variant(
        variant, files, dict(params.run), dict(params.labels), float(params.t_min),
        float(params.glass_transition), int(snakemake.wildcards.seed),
    )  # fmt: skip
    write_table(snakemake.output[0], table, collect("training", variant=variant.slug))
