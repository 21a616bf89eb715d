"""Predictions of GlassMLP (own and transferred), ridge regression and single descriptors, one temperature."""

from tglassmlp.network.baselines import baseline_predictions
from tglassmlp.progress import job

with job(snakemake.log[0]):
    own = list(snakemake.input.own)  # empty without dynamics at this temperature
    baseline_predictions(
        snakemake.output[0],
        snakemake.input.descriptors,
        snakemake.input.linear,
        snakemake.input.transferred,
        own[0] if own else None,
        temperature=float(snakemake.wildcards.temperature),
        c_b=[float(c) for c in snakemake.params.c_b],
        transferred_from=snakemake.params.transferred_from,
    )
