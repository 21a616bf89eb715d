"""Trends with temperature, from all C_B together, and how far networks agree with dynamics."""

from tglassmlp.division import Reported
from tglassmlp.network.prediction_run import bottlenecks_of
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import write_table
from tglassmlp.tables.agreement import agreement_table
from tglassmlp.tables.separations import network_separations, separation_table
from tglassmlp.tables.trends import trend_table
from tglassmlp.tables.unit_systems import UnitSystems

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    reported = Reported(params.test, params.predicted)
    unit = UnitSystems(given.labels, given.predictions, given.descriptors, reported)
    lattice = {"spacing": params.spacing, "mobile_share": params.mobile_share}
    structures = {"test": list(params.test), "predicted": dict(params.predicted)}
    made = collect("observables", **structures, seed=params.seed, **lattice)
    bottlenecks = bottlenecks_of(given.networks, given.labelled_descriptors, params.test)
    separated = network_separations(unit, bottlenecks, params.t_min)
    write_table(snakemake.output.separations, separation_table(separated, params.t_min), made)
    trends = trend_table(
        unit, given.large_predictions, given.large_descriptors, separated, params.t_min,
        per_length_mean=params.per_length == "mean", fit_q_max=params.fit_q_max, tiles=params.tiles,
        seed=params.seed, **lattice,
    )  # fmt: skip
    write_table(snakemake.output.trends, trends, made)
    noise = params.replica_noise == "estimated"
    write_table(snakemake.output.agreement, agreement_table(unit, replica_noise=noise, **lattice), made)
