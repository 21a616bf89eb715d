"""Every method trained without one fold of the structures learnt from, for errors over training sets."""

import shutil

from tglassmlp.folds import FoldFiles, train_fold
from tglassmlp.progress import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    files = FoldFiles(
        given.descriptors,
        given.labels,
        dict(zip(params.t_mins, given.label_maps, strict=True)),
        dict(zip(params.t_mins, given.scalings, strict=True)),
    )
    fold = int(snakemake.wildcards.fold)
    train_fold(
        snakemake.output[0], files, dict(params.run), fold, params.folds, params.settings, params.state
    )
    shutil.rmtree(params.state, ignore_errors=True)
