# Observables: from labels and predictions to small tables, quoted numbers and files for OVITO.
include: "functions/analysis.smk"


rule measure_pearson:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", LABELLED),
        baselines=baselines("unit", LABELLED),
        folds=fold_files(),
        relaxation=RELAXATION,
    output:
        pearson=file_of(paths.TABLE, table="pearson"),
        comparison=file_of(paths.TABLE, table="comparison"),
    log:
        log_of("measure_pearson"),
    benchmark:
        benchmark_of("measure_pearson")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(800 + 4 * field_megabytes("unit")),
        runtime=30,
    params:
        test=TEST_STRUCTURES,
        resamples=CONFIG.observables.bootstrap,
        seed=CONFIG.seed,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_pearson.py"


rule measure_susceptibilities:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", TEMPERATURES),
        baselines=baselines("unit", LABELLED),
        relaxation=RELAXATION,
    output:
        file_of(paths.TABLE, table="susceptibility"),
    log:
        log_of("measure_susceptibilities"),
    benchmark:
        benchmark_of("measure_susceptibilities")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(800 + 4 * field_megabytes("unit")),
        runtime=30,
    params:
        test=TEST_STRUCTURES,
        predicted=PREDICTED_STRUCTURES,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_susceptibilities.py"


rule measure_contrast:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", LABELLED),
        descriptors=thermal_positions("unit"),
        relaxation=RELAXATION,
    output:
        file_of(paths.TABLE, table="contrast"),
    log:
        log_of("measure_contrast"),
    benchmark:
        benchmark_of("measure_contrast")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(800 + 6 * field_megabytes("unit")),
        runtime=30,
    params:
        test=TEST_STRUCTURES,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_contrast.py"


rule measure_structure_factors:
    input:
        labels=LARGE_LABELS,
        unit_labels=UNIT_LABELS,
        predictions=predictions("large", TEMPERATURES),
        descriptors=thermal_positions("large"),
        relaxation=RELAXATION,
    output:
        factors=file_of(paths.TABLE, table="structure_factor"),
        lengths=file_of(paths.TABLE, table="correlation_length"),
    log:
        log_of("measure_structure_factors"),
    benchmark:
        benchmark_of("measure_structure_factors")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(1500 + 4 * field_megabytes("large")),
        runtime=round(
            20 + field_megabytes("large") * len(TEMPERATURES) * len(T_MINS) / 500
        ),
    params:
        fit_q_max=CONFIG.observables.fit_q_max,
        tiles=CONFIG.large_systems.tiles,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_structure_factors.py"


rule measure_chord_lengths:
    input:
        unit_labels=UNIT_LABELS,
        unit_predictions=predictions("unit", TEMPERATURES),
        unit_descriptors=thermal_positions("unit"),
        large_labels=LARGE_LABELS,
        large_predictions=predictions("large", TEMPERATURES),
        large_descriptors=thermal_positions("large"),
        relaxation=RELAXATION,
    output:
        file_of(paths.TABLE, table="chord_length"),
    log:
        log_of("measure_chord_lengths"),
    benchmark:
        benchmark_of("measure_chord_lengths")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(800 + 4 * max(field_megabytes("unit"), field_megabytes("large"))),
        runtime=120,
    params:
        test=TEST_STRUCTURES,
        predicted=PREDICTED_STRUCTURES,
        spacing=CONFIG.observables.lattice_spacing,
        mobile_share=CONFIG.observables.mobile_share,
        resamples=CONFIG.observables.bootstrap,
        replica_noise=CONFIG.observables.replica_noise,
        tiles=CONFIG.large_systems.tiles,
        seed=CONFIG.seed,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_chord_lengths.py"


rule measure_attention_lengths:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", TEMPERATURES),
        relaxation=RELAXATION,
    output:
        distributions=file_of(paths.TABLE, table="attention"),
        lengths=file_of(paths.TABLE, table="attention_length"),
    log:
        log_of("measure_attention_lengths"),
    benchmark:
        benchmark_of("measure_attention_lengths")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        per_length=CONFIG.observables.attention_per_length,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_attention_lengths.py"


rule measure_bottleneck:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", TEMPERATURES, [MAIN_T_MIN]),
        relaxation=RELAXATION,
    output:
        points=file_of(paths.TABLE, table="bottleneck"),
        separations=file_of(paths.TABLE, table="bottleneck_separation"),
    log:
        log_of("measure_bottleneck"),
    benchmark:
        benchmark_of("measure_bottleneck")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(800 + 4 * field_megabytes("unit")),
        runtime=15,
    params:
        test=TEST_STRUCTURES,
        particles=1500,
        seed=CONFIG.seed,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_bottleneck.py"


rule measure_snapshots:
    input:
        structures=every_chunk(
            paths.STRUCTURES,
            [SNAPSHOT["temperature"]],
            SNAPSHOT["ensemble"],
        ),
        labels=(
            [
                file_of(
                    paths.LABELS,
                    ensemble=SNAPSHOT["ensemble"],
                    temperature=SNAPSHOT["temperature"],
                )
            ]
            if SNAPSHOT["measured"]
            else []
        ),
        predictions=predictions(SNAPSHOT["ensemble"], [SNAPSHOT["temperature"]]),
        baselines=baselines(SNAPSHOT["ensemble"], [SNAPSHOT["temperature"]]),
        cold_structures=file_of(
            paths.STRUCTURES, ensemble="large", temperature=GLASS_TRANSITION, chunk="0"
        ),
        cold_predictions=file_of(
            paths.PREDICTIONS,
            ensemble="large",
            t_min=MAIN_T_MIN,
            temperature=GLASS_TRANSITION,
        ),
        relaxation=RELAXATION,
    output:
        file_of(paths.SNAPSHOTS),
    log:
        log_of("measure_snapshots"),
    benchmark:
        benchmark_of("measure_snapshots")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(1500 + 4 * field_megabytes("large")),
        runtime=15,
    params:
        snapshot=SNAPSHOT,
        t_mins=T_MINS,
        glass_transition=GLASS_TRANSITION,
        central_species=CONFIG.propensity.central_species,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_snapshots.py"


rule summarise_equilibration:
    input:
        every_chunk(
            paths.STRUCTURES_RECORD,
            TEMPERATURES,
            predicted=True,
        ),
        every_chunk(
            paths.STRUCTURES_RECORD,
            TEMPERATURES,
            "large",
        ),
    output:
        file_of(paths.TABLE, table="equilibration"),
    log:
        log_of("summarise_equilibration"),
    benchmark:
        benchmark_of("summarise_equilibration")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        stage_version=version("observables"),
    script:
        "../../scripts/summarise_equilibration.py"


rule summarise_energies:
    input:
        records=every_chunk(paths.STRUCTURES_RECORD, TEMPERATURES, predicted=True),
        measured=STRONGEST_PROOFS,
    output:
        file_of(paths.TABLE, table="energies"),
    log:
        log_of("summarise_energies"),
    benchmark:
        benchmark_of("summarise_energies")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        stage_version=version("observables"),
    script:
        "../../scripts/summarise_energies.py"


rule measure_pair_structure:
    input:
        unit=every_chunk(paths.STRUCTURES, TEMPERATURES, predicted=True),
        large=every_chunk(paths.STRUCTURES, TEMPERATURES, "large"),
    output:
        distances=file_of(paths.TABLE, table="radial_distribution"),
        wave_numbers=file_of(paths.TABLE, table="partial_structure_factor"),
    log:
        log_of("measure_pair_structure"),
    benchmark:
        benchmark_of("measure_pair_structure")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        n_species=CONFIG.mixture().n_species,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_pair_structure.py"


rule measure_trends:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", TEMPERATURES),
        descriptors=thermal_positions("unit"),
        labelled_descriptors=every_chunk(paths.DESCRIPTORS, LABELLED),
        networks=file_of(paths.FULL_NETWORKS, t_min=MAIN_T_MIN),
        large_predictions=predictions("large", TEMPERATURES, [MAIN_T_MIN]),
        large_descriptors=thermal_positions("large"),
    output:
        trends=file_of(paths.TABLE, table="trends"),
        agreement=file_of(paths.TABLE, table="agreement"),
        separations=file_of(paths.TABLE, table="network_separation"),
    log:
        log_of("measure_trends"),
    benchmark:
        benchmark_of("measure_trends")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(1500 + 4 * max(field_megabytes("unit"), field_megabytes("large"))),
        runtime=180,
    params:
        t_min=MAIN_T_MIN,
        test=TEST_STRUCTURES,
        predicted=PREDICTED_STRUCTURES,
        spacing=CONFIG.observables.lattice_spacing,
        mobile_share=CONFIG.observables.mobile_share,
        replica_noise=CONFIG.observables.replica_noise,
        per_length=CONFIG.observables.attention_per_length,
        fit_q_max=CONFIG.observables.fit_q_max,
        tiles=CONFIG.large_systems.tiles,
        seed=CONFIG.seed,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_trends.py"


rule collect_numbers:
    input:
        **QUOTED,
        relaxation=RELAXATION,
        label_maps=files_of(paths.LABEL_MAP, t_min=T_MINS),
        networks=files_of(paths.FULL_NETWORKS, t_min=T_MINS),
        selections=files_of(paths.FULL_SELECTION, t_min=T_MINS),
        other_output=file_of(paths.OTHER_OUTPUT, t_min=MAIN_T_MIN),
    output:
        numbers=file_of(paths.NUMBERS),
        scales=file_of(paths.TABLE, table="length_scales"),
    log:
        log_of("collect_numbers"),
    benchmark:
        benchmark_of("collect_numbers")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        run=CONFIG.run,
        glass_transition=CONFIG.glass_transition,
        glass_transition_ratio=CONFIG.propensity.glass_transition_ratio,
        threshold=CONFIG.propensity.relaxation_threshold,
        output=CONFIG.network.output,
        mixture=mixture_record(),
        stage_version=version("observables"),
    script:
        "../../scripts/collect_numbers.py"


rule write_reproduction:
    input:
        file_of(paths.NUMBERS),
    output:
        file_of(paths.REPRODUCTION),
    log:
        log_of("write_reproduction"),
    benchmark:
        benchmark_of("write_reproduction")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        run=CONFIG.run,
        scale=run_scale(),
        t_mins=T_MINS,
        central_species=CONFIG.propensity.central_species,
        label=CONFIG.propensity.label,
        pictures=pictures(),
        stage_version=version("observables"),
    script:
        "../../scripts/write_reproduction.py"


rule export_ovito:
    input:
        structures=per_chunk(paths.STRUCTURES),
        predictions=file_of(paths.PREDICTIONS, ensemble="unit", t_min=MAIN_T_MIN),
        descriptors=per_chunk(paths.DESCRIPTORS),
        labels=lambda wildcards: (
            [file_of(paths.LABELS, ensemble="unit", temperature=wildcards.temperature)]
            if wildcards.temperature in LABELLED
            else []
        ),
    output:
        file_of(paths.OVITO),
    log:
        log_of("export_ovito", "temperature"),
    benchmark:
        benchmark_of("export_ovito", "temperature")
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(1500 + 4 * field_megabytes("unit")),
        runtime=15,
    params:
        test=TEST_STRUCTURES,
        central_species=CONFIG.propensity.central_species,
        stage_version=version("observables"),
    script:
        "../../scripts/export_ovito.py"
