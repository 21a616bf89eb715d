"""Trajectories of all replicas of the structures of one chunk, or what makes finished ones longer."""

from tglassmlp.mixture import Mixture
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.randomness import seed_sequence, temperature_key
from tglassmlp.simulation import molecular_dynamics as md
from tglassmlp.storage import read_arrays, read_configurations, write_arrays

with job(snakemake.log[0]) as status:
    wildcards, params = snakemake.wildcards, snakemake.params
    plan, temperature, ratio = params.plan, float(wildcards.temperature), params.settings["frame_ratio"]
    settings = md.DynamicsSettings.from_mapping(
        {**params.settings, "block_seconds": snakemake.resources.block_seconds}
    )
    structures = read_configurations(snakemake.input.structures)[: plan["structures"]]
    numbers = [plan["first_structure"] + k for k in range(len(structures))]
    earlier = snakemake.input.get("trajectories")
    kind = "extended" if earlier else wildcards.ensemble
    stages = {
        "unit": "isoconfigurational_dynamics",
        "large": "large_dynamics",
        "extended": "extended_dynamics",
    }
    seeds = [seed_sequence(params.seed, stages[kind], temperature_key(temperature), n) for n in numbers]
    system = structures, numbers, temperature
    options = {
        "mixture": Mixture(**params.mixture), "settings": settings, "engine": params.engine,
        "state": params.state, "status_file": status, "threads": snakemake.threads,
        "label": f"dynamics {kind} T={wildcards.temperature} chunk {wildcards.chunk}",
    }  # fmt: skip
    if earlier is None:
        steps = md.log_spaced_steps(plan["duration"], settings.time_step, ratio)
        arrays, attributes = md.run_chunk(*system, steps, plan["replicas"], seeds, **options)
    else:
        arrays, attributes = md.extend_chunk(
            read_arrays(earlier), *system, params.until, seeds, ratio=ratio, **options
        )
    record = collect("dynamics", seed=params.seed, settings=dict(params.settings), plan=dict(plan))
    write_arrays(snakemake.output[0], arrays, record, attributes)
    md.forget_structures(params.state)
