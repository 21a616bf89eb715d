"""Every number a reader would quote, and all length scales side by side."""

from tglassmlp.claims.numbers import collect_numbers
from tglassmlp.claims.table_numbers import ADDED
from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.species import record
from tglassmlp.storage import read_table, write_json, write_table
from tglassmlp.tables.length_scales import length_scale_table

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    tables = {name: given[name] for name in ADDED}
    numbers = collect_numbers(
        tables, given.relaxation, given.label_maps, given.networks, given.selections,
        params.glass_transition, params.threshold, params.glass_transition_ratio, params.output,
        [given.other_output],
    )  # fmt: skip
    made = collect("observables", run=params.run)
    named = {"run": params.run, "mixture": record(Mixture(**params.mixture))}
    write_json(snakemake.output.numbers, {**named, "numbers": numbers, "provenance": made})
    lengths = [read_table(given[f"{name}_length"]) for name in ("correlation", "chord", "attention")]
    write_table(snakemake.output.scales, length_scale_table(*lengths, threshold=params.threshold), made)
