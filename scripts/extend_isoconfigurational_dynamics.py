"""The trajectories of one chunk made longer: each replica goes on from its last frame with new velocities."""

from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.simulation import run
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.protocols import DynamicsRequest
from tglassmlp.storage import read_arrays, write_arrays

with job(snakemake.log[0]) as status:
    wildcards, params = snakemake.wildcards, snakemake.params
    plan, temperature = params.plan, float(wildcards.temperature)
    settings = DynamicsSettings.from_mapping(
        {**params.settings, "block_seconds": snakemake.resources.block_seconds}
    )
    structures, numbers, seeds = run.planned_structures(
        snakemake.input.structures, plan, temperature, params.seed, "extended_dynamics"
    )
    request = DynamicsRequest(
        structures, seeds, temperature, [], 0, Mixture(**params.mixture), settings, numbers=numbers
    )
    arrays, attributes = run.extend_chunk(
        read_arrays(snakemake.input.trajectories), request, plan["until"],
        ratio=params.settings["frame_ratio"], engine=params.engine, state=params.state,
        label=f"longer dynamics T={wildcards.temperature} chunk {wildcards.chunk}",
        status_file=status, threads=snakemake.threads,
    )  # fmt: skip
    record = collect(settings.stage, seed=params.seed, settings=dict(params.settings), plan=dict(plan))
    write_arrays(snakemake.output[0], arrays, record, attributes)
    run.forget_structures(params.state)
