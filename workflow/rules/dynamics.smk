# Isoconfigurational molecular dynamics: replicas of each structure, unit systems and large ones.
include: "functions/dynamics.smk"


rule run_isoconfigurational_dynamics:
    input:
        structures=f"{RUN}/{{ensemble}}/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        equilibration=measured_equilibration,
    output:
        f"{RUN}/{{ensemble}}/trajectories/T{{temperature}}/chunk{{chunk}}.h5",
    log:
        f"{RUN}/logs/run_isoconfigurational_dynamics/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/run_isoconfigurational_dynamics/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.tsv"
    conda:
        f"../../envs/{ENGINE.environment}.yaml"
    threads: threads_of(dynamics_plan)
    resources:
        mem_mb=megabytes_of(dynamics_plan),
        runtime=minutes_of(dynamics_plan),
        block_seconds=max(1, round(CONFIG.dynamics.block_seconds)),
    params:
        settings=integration_settings(),
        mixture=mixture_record(),
        engine=CONFIG.engine,
        seed=CONFIG.seed,
        plan=dynamics_plan,
        state=f"{RUN}/.state/run_isoconfigurational_dynamics/{{ensemble}}_T{{temperature}}_chunk{{chunk}}",
        stage_version=version("dynamics"),
    script:
        "../../scripts/run_isoconfigurational_dynamics.py"


rule extend_isoconfigurational_dynamics:
    input:
        structures=f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        trajectories=f"{RUN}/unit/trajectories/T{{temperature}}/chunk{{chunk}}.h5",
    output:
        f"{RUN}/unit/extended/T{{temperature}}/chunk{{chunk}}.h5",
    log:
        f"{RUN}/logs/extend_isoconfigurational_dynamics/T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/extend_isoconfigurational_dynamics/T{{temperature}}_chunk{{chunk}}.tsv"
    conda:
        f"../../envs/{ENGINE.environment}.yaml"
    threads: threads_of(extension_plan)
    resources:
        mem_mb=megabytes_of(extension_plan),
        runtime=minutes_of(extension_plan),
        block_seconds=max(1, round(CONFIG.dynamics.block_seconds)),
    params:
        settings=integration_settings(),
        mixture=mixture_record(),
        engine=CONFIG.engine,
        seed=CONFIG.seed,
        plan=extension_plan,
        state=f"{RUN}/.state/extend_isoconfigurational_dynamics/T{{temperature}}_chunk{{chunk}}",
        stage_version=version("dynamics"),
    script:
        "../../scripts/extend_isoconfigurational_dynamics.py"
