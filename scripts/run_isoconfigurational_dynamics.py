"""Trajectories of all replicas of the structures of one chunk."""

from tglassmlp.equilibration.verdict import accept
from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.simulation import run
from tglassmlp.simulation.dynamics import DynamicsSettings, log_spaced_steps
from tglassmlp.simulation.protocols import DynamicsRequest
from tglassmlp.storage import write_arrays

with job(snakemake.log[0]) as status:
    accept(snakemake.input.equilibration)
    wildcards, params = snakemake.wildcards, snakemake.params
    plan, temperature = params.plan, float(wildcards.temperature)
    settings = DynamicsSettings.from_mapping(
        {**params.settings, "block_seconds": snakemake.resources.block_seconds}
    )
    steps = log_spaced_steps(plan["duration"], settings.time_step, params.settings["frame_ratio"])
    stage = {"unit": "isoconfigurational_dynamics", "large": "large_dynamics"}[wildcards.ensemble]
    structures, numbers, seeds = run.planned_structures(
        snakemake.input.structures, plan, temperature, params.seed, stage
    )
    request = DynamicsRequest(
        structures, seeds, temperature, steps, plan["replicas"], Mixture(**params.mixture), settings,
        numbers=numbers,
    )  # fmt: skip
    arrays, attributes = run.run_chunk(
        request, engine=params.engine, state=params.state, status_file=status, threads=snakemake.threads,
        label=f"dynamics {wildcards.ensemble} T={wildcards.temperature} chunk {wildcards.chunk}",
    )  # fmt: skip
    record = collect(settings.stage, seed=params.seed, settings=dict(params.settings), plan=dict(plan))
    write_arrays(snakemake.output[0], arrays, record, attributes)
    run.forget_structures(params.state)
