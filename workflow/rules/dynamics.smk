# Isoconfigurational molecular dynamics: replicas of each structure, unit systems and large ones.
include: "functions/dynamics.smk"


rule run_isoconfigurational_dynamics:
    input:
        structures=f"{RUN}/{{ensemble}}/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        equilibration=equilibration_verdict,
    output:
        f"{RUN}/{{ensemble}}/trajectories/T{{temperature}}/chunk{{chunk}}.h5",
    log:
        f"{RUN}/logs/run_isoconfigurational_dynamics/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/run_isoconfigurational_dynamics/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.tsv"
    conda:
        f"../../envs/{'hoomd' if CONFIG.engine == 'hoomd' else 'workflow'}.yaml"
    threads: dynamics_threads
    resources:
        mem_mb=dynamics_megabytes,
        runtime=dynamics_minutes,
        block_seconds=max(1, round(CONFIG.dynamics.block_seconds)),
    params:
        # what does not change the numbers is no parameter, or changing it would run everything again
        settings={
            k: v
            for k, v in section("dynamics").items()
            if k not in ("replicas", "block_seconds")
        },
        mixture=mixture_record(),
        engine=CONFIG.engine,
        seed=CONFIG.seed,
        plan=dynamics_plan,
        state=f"{RUN}/.state/run_isoconfigurational_dynamics/{{ensemble}}_T{{temperature}}_chunk{{chunk}}",
        stage_version=version("dynamics"),
    script:
        "../../scripts/run_isoconfigurational_dynamics.py"
