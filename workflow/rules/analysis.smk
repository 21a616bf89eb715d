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
        pearson=f"{RUN}/tables/pearson.parquet",
        comparison=f"{RUN}/tables/comparison.parquet",
    log:
        f"{RUN}/logs/measure_pearson/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_pearson/all.tsv"
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
        f"{RUN}/tables/susceptibility.parquet",
    log:
        f"{RUN}/logs/measure_susceptibilities/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_susceptibilities/all.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(800 + 4 * field_megabytes("unit")),
        runtime=30,
    params:
        test=TEST_STRUCTURES,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_susceptibilities.py"


rule measure_structure_factors:
    input:
        labels=LARGE_LABELS,
        unit_labels=UNIT_LABELS,
        predictions=predictions("large", TEMPERATURES),
        descriptors=thermal_positions("large"),
        relaxation=RELAXATION,
    output:
        factors=f"{RUN}/tables/structure_factor.parquet",
        lengths=f"{RUN}/tables/correlation_length.parquet",
    log:
        f"{RUN}/logs/measure_structure_factors/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_structure_factors/all.tsv"
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
        f"{RUN}/tables/chord_length.parquet",
    log:
        f"{RUN}/logs/measure_chord_lengths/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_chord_lengths/all.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(800 + 4 * max(field_megabytes("unit"), field_megabytes("large"))),
        runtime=120,
    params:
        test=TEST_STRUCTURES,
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
        distributions=f"{RUN}/tables/attention.parquet",
        lengths=f"{RUN}/tables/attention_length.parquet",
    log:
        f"{RUN}/logs/measure_attention_lengths/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_attention_lengths/all.tsv"
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
        points=f"{RUN}/tables/bottleneck.parquet",
        separations=f"{RUN}/tables/bottleneck_separation.parquet",
    log:
        f"{RUN}/logs/measure_bottleneck/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_bottleneck/all.tsv"
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
            f"{RUN}/{SNAPSHOT['ensemble']}/structures/T{{temperature}}/chunk{{chunk}}.gsd",
            [SNAPSHOT["temperature"]],
            SNAPSHOT["ensemble"],
        ),
        labels=(
            [f"{RUN}/{SNAPSHOT['ensemble']}/labels/T{SNAPSHOT['temperature']}.h5"]
            if SNAPSHOT["measured"]
            else []
        ),
        predictions=predictions(SNAPSHOT["ensemble"], [SNAPSHOT["temperature"]]),
        baselines=baselines(SNAPSHOT["ensemble"], [SNAPSHOT["temperature"]]),
        cold_structures=f"{RUN}/large/structures/T{GLASS_TRANSITION}/chunk0.gsd",
        cold_predictions=f"{RUN}/large/predictions/tmin{MAIN_T_MIN}/T{GLASS_TRANSITION}.h5",
        relaxation=RELAXATION,
    output:
        f"{RUN}/tables/snapshots.h5",
    log:
        f"{RUN}/logs/measure_snapshots/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_snapshots/all.tsv"
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
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.parquet",
            TEMPERATURES,
        ),
        every_chunk(
            f"{RUN}/large/structures/T{{temperature}}/chunk{{chunk}}.parquet",
            TEMPERATURES,
            "large",
        ),
    output:
        f"{RUN}/tables/equilibration.parquet",
    log:
        f"{RUN}/logs/summarise_equilibration/all.log",
    benchmark:
        f"{RUN}/benchmarks/summarise_equilibration/all.tsv"
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


rule measure_trends:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", TEMPERATURES),
        descriptors=thermal_positions("unit"),
        labelled_descriptors=every_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5", LABELLED
        ),
        networks=f"{RUN}/networks/full/tmin{MAIN_T_MIN}.npz",
        large_predictions=predictions("large", TEMPERATURES, [MAIN_T_MIN]),
        large_descriptors=thermal_positions("large"),
    output:
        trends=f"{RUN}/tables/trends.parquet",
        agreement=f"{RUN}/tables/agreement.parquet",
        separations=f"{RUN}/tables/network_separation.parquet",
    log:
        f"{RUN}/logs/measure_trends/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_trends/all.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=round(1500 + 4 * max(field_megabytes("unit"), field_megabytes("large"))),
        runtime=180,
    params:
        t_min=MAIN_T_MIN,
        test=TEST_STRUCTURES,
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
        pearson=f"{RUN}/tables/pearson.parquet",
        comparison=f"{RUN}/tables/comparison.parquet",
        susceptibility=f"{RUN}/tables/susceptibility.parquet",
        correlation_length=f"{RUN}/tables/correlation_length.parquet",
        chord_length=f"{RUN}/tables/chord_length.parquet",
        attention_length=f"{RUN}/tables/attention_length.parquet",
        bottleneck_separation=f"{RUN}/tables/bottleneck_separation.parquet",
        relaxation=RELAXATION,
        label_maps=expand(f"{RUN}/label_map/tmin{{t_min}}.parquet", t_min=T_MINS),
        networks=expand(f"{RUN}/networks/full/tmin{{t_min}}.npz", t_min=T_MINS),
        selections=expand(f"{RUN}/networks/full/tmin{{t_min}}.parquet", t_min=T_MINS),
        other_output=f"{RUN}/networks/other_output/tmin{MAIN_T_MIN}.parquet",
        trends=f"{RUN}/tables/trends.parquet",
        agreement=f"{RUN}/tables/agreement.parquet",
    output:
        numbers=f"{RUN}/numbers.json",
        scales=f"{RUN}/tables/length_scales.parquet",
    log:
        f"{RUN}/logs/collect_numbers/all.log",
    benchmark:
        f"{RUN}/benchmarks/collect_numbers/all.tsv"
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
        f"{RUN}/numbers.json",
    output:
        f"{RUN}/reproduction.md",
    log:
        f"{RUN}/logs/write_reproduction/all.log",
    benchmark:
        f"{RUN}/benchmarks/write_reproduction/all.tsv"
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
        pictures=pictures(),
        stage_version=version("observables"),
    script:
        "../../scripts/write_reproduction.py"


rule export_ovito:
    input:
        structures=per_chunk(
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.gsd"
        ),
        predictions=f"{RUN}/unit/predictions/tmin{MAIN_T_MIN}/T{{temperature}}.h5",
        descriptors=per_chunk(
            f"{RUN}/unit/descriptors/T{{temperature}}/chunk{{chunk}}.h5"
        ),
        labels=lambda wildcards: (
            [f"{RUN}/unit/labels/T{wildcards.temperature}.h5"]
            if wildcards.temperature in LABELLED
            else []
        ),
    output:
        f"{RUN}/ovito/T{{temperature}}.gsd",
    log:
        f"{RUN}/logs/export_ovito/T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/export_ovito/T{{temperature}}.tsv"
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
