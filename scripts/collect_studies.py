"""Table of all studies: correlations, differences to ridge regression, errors over structures and seeds."""

import pandas as pd

from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_table, write_table
from tglassmlp.studies.summary import markdown, summary

with job(snakemake.log[0]):
    rows = pd.concat([read_table(path) for path in snakemake.input], ignore_index=True)
    table = summary(rows, snakemake.params.bootstrap)
    write_table(snakemake.output[0], table, collect("training"))
    print(markdown(table))
