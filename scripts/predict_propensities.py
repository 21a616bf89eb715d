"""Mean-corrected predictions of the full networks for all structures of one temperature."""

from tglassmlp.network.prediction_run import predictions
from tglassmlp.progress import job

with job(snakemake.log[0]):
    predictions(
        snakemake.output[0],
        snakemake.input.networks,
        snakemake.input.descriptors,
        snakemake.input.label_map,
        temperature=float(snakemake.wildcards.temperature),
        prediction=dict(snakemake.params.settings),
        with_bottleneck=snakemake.wildcards.ensemble == "unit",
        test=snakemake.params.test,
        seed=snakemake.params.seed,
    )
