"""Trajectories of all replicas of the structures of one chunk."""

from tglassmlp.equilibration.verdict import accept
from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.simulation import molecular_dynamics as md
from tglassmlp.storage import write_arrays

with job(snakemake.log[0]) as status:
    accept(snakemake.input.equilibration)
    wildcards, params = snakemake.wildcards, snakemake.params
    plan, temperature = params.plan, float(wildcards.temperature)
    settings = md.DynamicsSettings.from_mapping(
        {**params.settings, "block_seconds": snakemake.resources.block_seconds}
    )
    steps = md.log_spaced_steps(plan["duration"], settings.time_step, params.settings["frame_ratio"])
    stage = {"unit": "isoconfigurational_dynamics", "large": "large_dynamics"}[wildcards.ensemble]
    structures, numbers, seeds = md.planned_structures(
        snakemake.input.structures, plan, temperature, params.seed, stage
    )
    arrays, attributes = md.run_chunk(
        structures, numbers, temperature, steps, plan["replicas"], seeds,
        mixture=Mixture(**params.mixture), settings=settings, engine=params.engine, state=params.state,
        label=f"dynamics {wildcards.ensemble} T={wildcards.temperature} chunk {wildcards.chunk}",
        status_file=status, threads=snakemake.threads,
    )  # fmt: skip
    record = collect("dynamics", seed=params.seed, settings=dict(params.settings), plan=dict(plan))
    write_arrays(snakemake.output[0], arrays, record, attributes)
    md.forget_structures(params.state)
