# Structures and trajectories of another program in the place of our own.
include: "functions/files.smk"


if GIVEN:

    # These files have rules of their own when they are generated; at these temperatures these come first.
    ruleorder: import_structures > equilibrate_structures
    ruleorder: import_structures > measure_equilibration
    ruleorder: import_structures > check_equilibration
    ruleorder: import_structures > find_inherent_structures
    ruleorder: import_trajectories > run_isoconfigurational_dynamics

    rule import_structures:
        input:
            given_structures,
        output:
            structures=for_every_chunk(paths.STRUCTURES),
            records=for_every_chunk(paths.STRUCTURES_RECORD),
            inherent=for_every_chunk(paths.INHERENT),
            verdict=file_of(paths.EQUILIBRATION, proof=paths.PROOFS[0]),
            table=file_of(paths.EQUILIBRATION_VERDICT, proof=paths.PROOFS[0]),
        log:
            log_of("import_structures", "temperature"),
        benchmark:
            benchmark_of("import_structures", "temperature")
        wildcard_constraints:
            temperature=one_of(GIVEN),
        conda:
            "../../envs/workflow.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=60,
            maximum_steps=CONFIG.minimisation.maximum_steps,
        params:
            species=CONFIG.structures.files.species,
            chunk=CONFIG.structures.chunk,
            force_tolerance=CONFIG.minimisation.force_tolerance,
            mixture=mixture_record(),
            stage_version=version("structures"),
        script:
            "../../scripts/import_structures.py"

    rule import_trajectories:
        input:
            structures=file_of(paths.STRUCTURES, ensemble="unit"),
            trajectories=given_trajectories,
        output:
            file_of(paths.TRAJECTORIES, ensemble="unit"),
        log:
            log_of("import_trajectories", "temperature", "chunk"),
        benchmark:
            benchmark_of("import_trajectories", "temperature", "chunk")
        wildcard_constraints:
            temperature=one_of(GIVEN),
        conda:
            "../../envs/workflow.yaml"
        threads: 1
        resources:
            mem_mb=4000,
            runtime=60,
        params:
            species=CONFIG.structures.files.species,
            time_step=CONFIG.structures.files.time_step,
            duration=lambda wildcards: temperature_entry(wildcards.temperature)[
                "dynamics_time"
            ],
            replicas=CONFIG.dynamics.replicas,
            structures=chunk_structures,
            mixture=mixture_record(),
            stage_version=version("dynamics"),
        script:
            "../../scripts/import_trajectories.py"
