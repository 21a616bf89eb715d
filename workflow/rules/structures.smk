# Equilibrium structures by swap Monte Carlo, the proof that they are equilibrated, inherent structures, large systems.
include: "functions/structures.smk"


rule equilibrate_structures:
    input:
        above=structures_above,
        equilibration=proofs_above,
    output:
        structures=file_of(paths.STRUCTURES, ensemble="unit"),
        record=file_of(paths.STRUCTURES_RECORD, ensemble="unit"),
    log:
        log_of("equilibrate_structures", "temperature", "chunk"),
    benchmark:
        benchmark_of("equilibrate_structures", "temperature", "chunk")
    retries: retries_of(needed_by_equilibration, TEMPERATURES)
    conda:
        structure_environment("unit")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=within_limit(needed_by_equilibration),
        gpu=structure_gpus("unit"),
    params:
        **ladder(),
        settings=equilibration_settings("unit"),
        mixture=mixture_record(),
        sweeps=lambda wildcards: temperature_entry(wildcards.temperature)["sweeps"],
        structures=chunk_structures,
        seed=CONFIG.seed,
        state=state_of("equilibrate_structures", "temperature", "chunk"),
        stage_version=version("structures"),
    script:
        "../../scripts/equilibrate_structures.py"


rule measure_equilibration:
    input:
        structures=proven(paths.STRUCTURES),
        records=proven(paths.STRUCTURES_RECORD),
    output:
        file_of(paths.EQUILIBRATION),
    log:
        log_of("measure_equilibration", "temperature", "proof"),
    benchmark:
        benchmark_of("measure_equilibration", "temperature", "proof")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        mixture=mixture_record(),
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/measure_equilibration.py"


# Limits gate and do not feed: rules that make data of structures depend on what was measured, and their jobs hold
# it against the limits when they start (`accept`). So another limit asks for new verdicts and for no new data.
rule check_equilibration:
    input:
        file_of(paths.EQUILIBRATION),
    output:
        file_of(paths.EQUILIBRATION_VERDICT),
    log:
        log_of("check_equilibration", "temperature", "proof"),
    benchmark:
        benchmark_of("check_equilibration", "temperature", "proof")
    priority: 50
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        checks=section("equilibration")["checks"],
        on_failure=CONFIG.equilibration.on_failure,
        report=state_of("check_equilibration", "temperature", "proof", suffix=".json"),
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_equilibration.py"


rule check_heat_capacity:
    input:
        STRONGEST_PROOFS,
    output:
        heat_capacity=file_of(paths.HEAT_CAPACITY),
        reweighting=file_of(paths.REWEIGHTING),
    log:
        log_of("check_heat_capacity"),
    benchmark:
        benchmark_of("check_heat_capacity")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        checks=section("equilibration")["checks"],
        on_failure=CONFIG.equilibration.on_failure,
        report=state_of("check_heat_capacity", suffix=".json"),
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_heat_capacity.py"


# The strongest proof costs most: some structures go on for many times their sweeps.
rule extend_equilibration:
    input:
        structures=lambda wildcards: extended_source(wildcards)[0],
        equilibration=file_of(paths.EQUILIBRATION, proof=paths.PROOFS[0]),
    output:
        structures=file_of(paths.EXTENDED_STRUCTURE),
        record=file_of(paths.EXTENDED_STRUCTURE_RECORD),
    log:
        log_of("extend_equilibration", "temperature", "structure"),
    benchmark:
        benchmark_of("extend_equilibration", "temperature", "structure")
    retries: retries_of(needed_by_extension, EXTENDED_TEMPERATURES)
    conda:
        structure_environment("unit")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=within_limit(needed_by_extension),
        gpu=structure_gpus("unit"),
    params:
        settings=equilibration_settings("unit"),
        mixture=mixture_record(),
        sweeps=extended_sweeps,
        place=lambda wildcards: extended_source(wildcards)[1],
        seed=CONFIG.seed,
        state=state_of(
            "extend_equilibration", "temperature", "structure", suffix=".npz"
        ),
        stage_version=version("structures"),
    script:
        "../../scripts/extend_equilibration.py"


rule measure_extended_check:
    input:
        extended=extended_files(paths.EXTENDED_STRUCTURE),
        extended_records=extended_files(paths.EXTENDED_STRUCTURE_RECORD),
        inherent=per_chunk(paths.INHERENT),
        records=per_chunk(paths.STRUCTURES_RECORD),
        own=OWN_QUANTITIES,
    output:
        file_of(paths.EXTENDED_CHECK),
    log:
        log_of("measure_extended_check", "temperature"),
    benchmark:
        benchmark_of("measure_extended_check", "temperature")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        maximum_steps=CONFIG.minimisation.maximum_steps,
    params:
        settings=section("descriptors"),
        force_tolerance=CONFIG.minimisation.force_tolerance,
        mixture=mixture_record(),
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/measure_extended_check.py"


rule check_extended:
    input:
        files_of(
            paths.EXTENDED_CHECK,
            temperature=EXTENDED_TEMPERATURES,
        ),
    output:
        file_of(paths.TABLE, table="extended_check"),
    log:
        log_of("check_extended"),
    benchmark:
        benchmark_of("check_extended")
    priority: 50
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        checks=section("equilibration")["checks"],
        on_failure=CONFIG.equilibration.on_failure,
        report=state_of("check_extended", suffix=".json"),
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_extended.py"


rule equilibrate_large_systems:
    input:
        structures=per_chunk(paths.STRUCTURES),
        equilibration=file_of(paths.EQUILIBRATION, proof=paths.PROOFS[0]),
    output:
        structures=file_of(paths.STRUCTURES, ensemble="large"),
        record=file_of(paths.STRUCTURES_RECORD, ensemble="large"),
        checks=file_of(paths.LARGE_EQUILIBRATION),
    log:
        log_of("equilibrate_large_systems", "temperature", "chunk"),
    benchmark:
        benchmark_of("equilibrate_large_systems", "temperature", "chunk")
    retries: retries_of(needed_by_large_systems, TEMPERATURES)
    conda:
        structure_environment("large")
    threads: 1
    resources:
        mem_mb=lambda wildcards: round(
            1000 + 2e-3 * large_particles() * len(chunk_systems(wildcards))
        ),
        runtime=within_limit(needed_by_large_systems),
        gpu=structure_gpus("large"),
    params:
        settings=equilibration_settings("large"),
        mixture=mixture_record(),
        sweeps=large_sweeps,
        systems=chunk_systems,
        tiles=CONFIG.large_systems.tiles,
        seed=CONFIG.seed,
        state=state_of("equilibrate_large_systems", "temperature", "chunk"),
        stage_version=version("structures"),
    script:
        "../../scripts/equilibrate_large_systems.py"


rule check_large_systems:
    input:
        file_of(paths.LARGE_EQUILIBRATION),
    output:
        file_of(paths.LARGE_EQUILIBRATION_VERDICT),
    log:
        log_of("check_large_systems", "temperature", "chunk"),
    benchmark:
        benchmark_of("check_large_systems", "temperature", "chunk")
    priority: 50
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        checks=section("equilibration")["checks"],
        on_failure=CONFIG.equilibration.on_failure,
        report=state_of("check_large_systems", "temperature", "chunk", suffix=".json"),
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_large_systems.py"


rule find_inherent_structures:
    input:
        structures=file_of(paths.STRUCTURES),
        equilibration=measured_equilibration,
    output:
        file_of(paths.INHERENT),
    log:
        log_of("find_inherent_structures", "ensemble", "temperature", "chunk"),
    benchmark:
        benchmark_of("find_inherent_structures", "ensemble", "temperature", "chunk")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=lambda wildcards: 10 if wildcards.ensemble == "unit" else 30,
        maximum_steps=CONFIG.minimisation.maximum_steps,
    params:
        force_tolerance=CONFIG.minimisation.force_tolerance,
        mixture=mixture_record(),
        state=state_of("find_inherent_structures", "ensemble", "temperature", "chunk"),
        stage_version=version("inherent"),
    script:
        "../../scripts/find_inherent_structures.py"
