# Isoconfigurational molecular dynamics: replicas of each structure, unit systems and large ones.
include: "functions/dynamics.smk"


rule run_isoconfigurational_dynamics:
    input:
        structures=file_of(paths.STRUCTURES),
        equilibration=measured_equilibration,
    output:
        file_of(paths.TRAJECTORIES),
    log:
        log_of("run_isoconfigurational_dynamics", "ensemble", "temperature", "chunk"),
    benchmark:
        benchmark_of(
            "run_isoconfigurational_dynamics", "ensemble", "temperature", "chunk"
        )
    retries: dynamics_retries()
    conda:
        f"../../envs/{ENGINE.environment}.yaml"
    threads: threads_of(dynamics_plan)
    resources:
        mem_mb=megabytes_of(dynamics_plan),
        runtime=within_limit(needed_by(dynamics_plan)),
        gpu=gpus_of(dynamics_plan),
        block_seconds=max(1, round(CONFIG.dynamics.block_seconds)),
    params:
        settings=integration_settings(),
        mixture=mixture_record(),
        engine=lambda wildcards: dynamics_engine(wildcards.ensemble),
        seed=CONFIG.seed,
        plan=dynamics_plan,
        state=state_of(
            "run_isoconfigurational_dynamics", "ensemble", "temperature", "chunk"
        ),
        stage_version=version(dynamics_stage()),
    script:
        "../../scripts/run_isoconfigurational_dynamics.py"


rule extend_isoconfigurational_dynamics:
    input:
        structures=file_of(paths.STRUCTURES, ensemble="unit"),
        trajectories=file_of(paths.TRAJECTORIES, ensemble="unit"),
    output:
        file_of(paths.EXTENDED_TRAJECTORIES),
    log:
        log_of("extend_isoconfigurational_dynamics", "temperature", "chunk"),
    benchmark:
        benchmark_of("extend_isoconfigurational_dynamics", "temperature", "chunk")
    retries: retries_of(needed_by(extension_plan), PROLONGED)
    conda:
        f"../../envs/{ENGINE.environment}.yaml"
    threads: threads_of(extension_plan)
    resources:
        mem_mb=megabytes_of(extension_plan),
        runtime=within_limit(needed_by(extension_plan)),
        gpu=gpus_of(extension_plan),
        block_seconds=max(1, round(CONFIG.dynamics.block_seconds)),
    params:
        settings=integration_settings(),
        mixture=mixture_record(),
        engine=dynamics_engine(),
        seed=CONFIG.seed,
        plan=extension_plan,
        state=state_of("extend_isoconfigurational_dynamics", "temperature", "chunk"),
        stage_version=version(dynamics_stage()),
    script:
        "../../scripts/extend_isoconfigurational_dynamics.py"
