# Equilibrium structures by swap Monte Carlo, the proof that they are equilibrated, inherent structures, large systems.
include: "functions/structures.smk"


rule equilibrate_structures:
    output:
        structures=f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        record=f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.parquet",
    log:
        f"{RUN}/logs/equilibrate_structures/T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/equilibrate_structures/T{{temperature}}_chunk{{chunk}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=equilibration_minutes,
    params:
        settings=equilibration_settings(),
        mixture=mixture_record(),
        sweeps=lambda wildcards: temperature_entry(wildcards.temperature)["sweeps"],
        structures=chunk_structures,
        seed=CONFIG.seed,
        state=f"{RUN}/.state/equilibrate_structures/T{{temperature}}_chunk{{chunk}}",
        stage_version=version("structures"),
    script:
        "../../scripts/equilibrate_structures.py"


rule measure_equilibration:
    input:
        structures=per_chunk(
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.gsd"
        ),
        records=per_chunk(
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.parquet"
        ),
    output:
        f"{RUN}/unit/structures/T{{temperature}}/equilibration.json",
    log:
        f"{RUN}/logs/measure_equilibration/T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_equilibration/T{{temperature}}.tsv"
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
        f"{RUN}/unit/structures/T{{temperature}}/equilibration.json",
    output:
        f"{RUN}/unit/structures/T{{temperature}}/equilibration.parquet",
    log:
        f"{RUN}/logs/check_equilibration/T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/check_equilibration/T{{temperature}}.tsv"
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
        report=f"{RUN}/.state/check_equilibration/T{{temperature}}.json",
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_equilibration.py"


rule check_heat_capacity:
    input:
        expand(
            f"{RUN}/unit/structures/T{{temperature}}/equilibration.json",
            temperature=TEMPERATURES,
        ),
    output:
        heat_capacity=f"{RUN}/unit/structures/heat_capacity.parquet",
        reweighting=f"{RUN}/unit/structures/reweighting.parquet",
    log:
        f"{RUN}/logs/check_heat_capacity/all.log",
    benchmark:
        f"{RUN}/benchmarks/check_heat_capacity/all.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        checks=section("equilibration")["checks"],
        on_failure=CONFIG.equilibration.on_failure,
        report=f"{RUN}/.state/check_heat_capacity/all.json",
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_heat_capacity.py"


# The strongest proof costs most: some structures go on for many times their sweeps.
rule extend_equilibration:
    input:
        structures=lambda wildcards: extended_source(wildcards)[0],
        equilibration=f"{RUN}/unit/structures/T{{temperature}}/equilibration.json",
    output:
        structures=f"{RUN}/unit/extended_check/T{{temperature}}/structure{{structure}}.gsd",
        record=f"{RUN}/unit/extended_check/T{{temperature}}/structure{{structure}}.parquet",
    log:
        f"{RUN}/logs/extend_equilibration/T{{temperature}}_structure{{structure}}.log",
    benchmark:
        f"{RUN}/benchmarks/extend_equilibration/T{{temperature}}_structure{{structure}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=extended_minutes,
    params:
        settings=equilibration_settings(),
        mixture=mixture_record(),
        sweeps=extended_sweeps,
        place=lambda wildcards: extended_source(wildcards)[1],
        seed=CONFIG.seed,
        state=f"{RUN}/.state/extend_equilibration/T{{temperature}}_structure{{structure}}.npz",
        stage_version=version("structures"),
    script:
        "../../scripts/extend_equilibration.py"


rule measure_extended_check:
    input:
        extended=extended_files(
            f"{RUN}/unit/extended_check/T{{temperature}}/structure{{structure}}.gsd"
        ),
        extended_records=extended_files(
            f"{RUN}/unit/extended_check/T{{temperature}}/structure{{structure}}.parquet"
        ),
        inherent=per_chunk(f"{RUN}/unit/inherent/T{{temperature}}/chunk{{chunk}}.gsd"),
        records=per_chunk(
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.parquet"
        ),
    output:
        f"{RUN}/unit/extended_check/T{{temperature}}/checks.json",
    log:
        f"{RUN}/logs/measure_extended_check/T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_extended_check/T{{temperature}}.tsv"
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
        expand(
            f"{RUN}/unit/extended_check/T{{temperature}}/checks.json",
            temperature=EXTENDED_TEMPERATURES,
        ),
    output:
        f"{RUN}/tables/extended_check.parquet",
    log:
        f"{RUN}/logs/check_extended/all.log",
    benchmark:
        f"{RUN}/benchmarks/check_extended/all.tsv"
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
        report=f"{RUN}/.state/check_extended/all.json",
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_extended.py"


rule equilibrate_large_systems:
    input:
        structures=per_chunk(
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.gsd"
        ),
        equilibration=f"{RUN}/unit/structures/T{{temperature}}/equilibration.json",
    output:
        structures=f"{RUN}/large/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        record=f"{RUN}/large/structures/T{{temperature}}/chunk{{chunk}}.parquet",
        checks=f"{RUN}/large/structures/T{{temperature}}/chunk{{chunk}}.equilibration.json",
    log:
        f"{RUN}/logs/equilibrate_large_systems/T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/equilibrate_large_systems/T{{temperature}}_chunk{{chunk}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: round(
            1000 + 2e-3 * large_particles() * len(chunk_systems(wildcards))
        ),
        runtime=large_minutes,
    params:
        settings=equilibration_settings(),
        mixture=mixture_record(),
        sweeps=large_sweeps,
        systems=chunk_systems,
        tiles=CONFIG.large_systems.tiles,
        seed=CONFIG.seed,
        state=f"{RUN}/.state/equilibrate_large_systems/T{{temperature}}_chunk{{chunk}}",
        stage_version=version("structures"),
    script:
        "../../scripts/equilibrate_large_systems.py"


rule check_large_systems:
    input:
        f"{RUN}/large/structures/T{{temperature}}/chunk{{chunk}}.equilibration.json",
    output:
        f"{RUN}/large/structures/T{{temperature}}/chunk{{chunk}}.checks.parquet",
    log:
        f"{RUN}/logs/check_large_systems/T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/check_large_systems/T{{temperature}}_chunk{{chunk}}.tsv"
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
        report=f"{RUN}/.state/check_large_systems/T{{temperature}}_chunk{{chunk}}.json",
        stage_version=version("equilibration_checks"),
    script:
        "../../scripts/check_large_systems.py"


rule find_inherent_structures:
    input:
        structures=f"{RUN}/{{ensemble}}/structures/T{{temperature}}/chunk{{chunk}}.gsd",
        equilibration=measured_equilibration,
    output:
        f"{RUN}/{{ensemble}}/inherent/T{{temperature}}/chunk{{chunk}}.gsd",
    log:
        f"{RUN}/logs/find_inherent_structures/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.log",
    benchmark:
        f"{RUN}/benchmarks/find_inherent_structures/{{ensemble}}_T{{temperature}}_chunk{{chunk}}.tsv"
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
        state=f"{RUN}/.state/find_inherent_structures/{{ensemble}}_T{{temperature}}_chunk{{chunk}}",
        stage_version=version("inherent"),
    script:
        "../../scripts/find_inherent_structures.py"
