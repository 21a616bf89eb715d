# Structures and propensities of a data set in the place of our own; a data set holds no trajectories.
include: "functions/dataset.smk"


if HELD:

    # These files have rules of their own when they are generated; at these temperatures these come first.
    ruleorder: import_dataset_structures > equilibrate_structures
    ruleorder: import_dataset_propensities > measure_propensities

    rule import_dataset_structures:
        input:
            held_files(dynamics=False),
        output:
            structures=file_of(paths.STRUCTURES, ensemble="unit"),
            record=file_of(paths.STRUCTURES_RECORD, ensemble="unit"),
        log:
            log_of("import_dataset_structures", "temperature", "chunk"),
        benchmark:
            benchmark_of("import_dataset_structures", "temperature", "chunk")
        wildcard_constraints:
            temperature=one_of(HELD),
        conda:
            "../../envs/workflow.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            path=CONFIG.structures.dataset.path,
            numbers=held_numbers,
            structures=chunk_structures,
            stage_version=version("structures"),
        script:
            "../../scripts/import_dataset_structures.py"

    rule import_dataset_propensities:
        input:
            held_files(dynamics=True),
        output:
            file_of(paths.PROPENSITIES, ensemble="unit"),
        log:
            log_of("import_dataset_propensities", "temperature", "chunk"),
        benchmark:
            benchmark_of("import_dataset_propensities", "temperature", "chunk")
        wildcard_constraints:
            temperature=one_of(HELD),
        conda:
            "../../envs/workflow.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            path=CONFIG.structures.dataset.path,
            numbers=held_numbers,
            duration=lambda wildcards: temperature_entry(wildcards.temperature)[
                "dynamics_time"
            ],
            settings=held_settings(),
            stage_version=version("propensities"),
        script:
            "../../scripts/import_dataset_propensities.py"
