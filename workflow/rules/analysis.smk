# Observables: from labels and predictions to small tables, quoted numbers and files for OVITO.
UNIT_LABELS = expand(f"{RUN}/unit/labels/T{{temperature}}.h5", temperature=LABELLED)
LARGE_DYNAMICS = CONFIG.large_systems.dynamics
LARGE_LABELS = (
    [f"{RUN}/large/labels/T{canonical(LARGE_DYNAMICS.temperature)}.h5"]
    if LARGE_DYNAMICS
    else []
)
TEST_STRUCTURES = list(CONFIG.structure_split().test)
RELAXATION = f"{RUN}/relaxation/relaxation.json"


def predictions(ensemble, temperatures, t_mins=T_MINS):
    """Predictions of all networks at some temperatures."""
    return expand(
        f"{RUN}/{ensemble}/predictions/tmin{{t_min}}/T{{temperature}}.h5",
        t_min=t_mins,
        temperature=temperatures,
    )


def baselines(ensemble, temperatures):
    """Predictions of the baselines at some temperatures."""
    return expand(
        f"{RUN}/{ensemble}/baseline_predictions/T{{temperature}}.h5",
        temperature=temperatures,
    )


def thermal_positions(ensemble):
    """Descriptor files of all temperatures, chunks in order; they hold the thermal positions."""
    return expand(
        f"{RUN}/{ensemble}/descriptors/T{{temperature}}/chunk{{chunk}}.h5",
        temperature=TEMPERATURES,
        chunk=chunks(ensemble),
    )


def field_megabytes(ensemble):
    """Size of one file of predictions in memory."""
    large = CONFIG.large_systems
    n = sum(CONFIG.mixture().composition) * (
        large.number * large.tiles**2
        if ensemble == "large"
        else CONFIG.structures.number
    )
    return n * len(C_BS) * CONFIG.training.networks * 8 / 1e6


rule measure_pearson:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", LABELLED),
        baselines=baselines("unit", LABELLED),
        relaxation=RELAXATION,
    output:
        f"{RUN}/tables/pearson.parquet",
    log:
        f"{RUN}/logs/measure_pearson/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_pearson/all.tsv"
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
    threads: 1
    resources:
        mem_mb=round(1500 + 4 * field_megabytes("large")),
        runtime=round(
            20 + field_megabytes("large") * len(TEMPERATURES) * len(T_MINS) / 500
        ),
    params:
        fit_q_max=CONFIG.observables.fit_q_max,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_structure_factors.py"


rule measure_chord_lengths:
    input:
        labels=UNIT_LABELS,
        predictions=predictions("unit", TEMPERATURES),
        descriptors=thermal_positions("unit"),
        relaxation=RELAXATION,
    output:
        f"{RUN}/tables/chord_length.parquet",
    log:
        f"{RUN}/logs/measure_chord_lengths/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_chord_lengths/all.tsv"
    threads: 1
    resources:
        mem_mb=round(800 + 4 * field_megabytes("unit")),
        runtime=120,
    params:
        test=TEST_STRUCTURES,
        spacing=CONFIG.observables.lattice_spacing,
        mobile_share=CONFIG.observables.mobile_share,
        resamples=CONFIG.observables.bootstrap,
        seed=CONFIG.seed,
        stage_version=version("observables"),
    script:
        "../../scripts/measure_chord_lengths.py"


rule measure_attention_lengths:
    input:
        predictions=predictions("unit", TEMPERATURES),
        relaxation=RELAXATION,
    output:
        distributions=f"{RUN}/tables/attention.parquet",
        lengths=f"{RUN}/tables/attention_length.parquet",
    log:
        f"{RUN}/logs/measure_attention_lengths/all.log",
    benchmark:
        f"{RUN}/benchmarks/measure_attention_lengths/all.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
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


def snapshot_choice():
    """State point of the snapshots and the system shown: one with dynamics if there is any."""
    wanted = CONFIG.figures.snapshot
    temperature = canonical(
        wanted.temperature
        if wanted
        else LARGE_DYNAMICS.temperature if LARGE_DYNAMICS else min(map(float, LABELLED))
    )
    large = bool(LARGE_DYNAMICS) and temperature == canonical(
        LARGE_DYNAMICS.temperature
    )
    unit = not large and temperature in LABELLED
    threshold = CONFIG.propensity.relaxation_threshold
    c_b = sorted(
        CONFIG.c_b, key=lambda c: abs(c - (wanted.c_b if wanted else threshold))
    )
    return {
        "temperature": temperature,
        "ensemble": "unit" if unit else "large",
        "structure": TEST_STRUCTURES[0] if unit else 0,
        "c_b": c_b,
        "measured": large or unit,
    }


SNAPSHOT = snapshot_choice()


rule measure_snapshots:
    input:
        structures=expand(
            f"{RUN}/{SNAPSHOT['ensemble']}/structures/T{SNAPSHOT['temperature']}/chunk{{chunk}}.gsd",
            chunk=chunks(SNAPSHOT["ensemble"]),
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
        expand(
            f"{RUN}/unit/structures/T{{temperature}}/chunk{{chunk}}.parquet",
            temperature=TEMPERATURES,
            chunk=CHUNKS,
        ),
    output:
        f"{RUN}/tables/equilibration.parquet",
    log:
        f"{RUN}/logs/summarise_equilibration/all.log",
    benchmark:
        f"{RUN}/benchmarks/summarise_equilibration/all.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        stage_version=version("observables"),
    script:
        "../../scripts/summarise_equilibration.py"


rule collect_numbers:
    input:
        pearson=f"{RUN}/tables/pearson.parquet",
        susceptibility=f"{RUN}/tables/susceptibility.parquet",
        correlation_length=f"{RUN}/tables/correlation_length.parquet",
        chord_length=f"{RUN}/tables/chord_length.parquet",
        attention_length=f"{RUN}/tables/attention_length.parquet",
        bottleneck_separation=f"{RUN}/tables/bottleneck_separation.parquet",
        relaxation=RELAXATION,
        label_maps=expand(f"{RUN}/label_map/tmin{{t_min}}.parquet", t_min=T_MINS),
        networks=expand(f"{RUN}/networks/full/tmin{{t_min}}.npz", t_min=T_MINS),
        selections=expand(f"{RUN}/networks/full/tmin{{t_min}}.parquet", t_min=T_MINS),
    output:
        numbers=f"{RUN}/numbers.json",
        scales=f"{RUN}/tables/length_scales.parquet",
    log:
        f"{RUN}/logs/collect_numbers/all.log",
    benchmark:
        f"{RUN}/benchmarks/collect_numbers/all.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        run=CONFIG.run,
        glass_transition=CONFIG.glass_transition,
        threshold=CONFIG.propensity.relaxation_threshold,
        stage_version=version("observables"),
    script:
        "../../scripts/collect_numbers.py"


rule export_ovito:
    input:
        structures=expand(
            f"{RUN}/unit/structures/T{{{{temperature}}}}/chunk{{chunk}}.gsd",
            chunk=CHUNKS,
        ),
        predictions=f"{RUN}/unit/predictions/tmin{MAIN_T_MIN}/T{{temperature}}.h5",
        descriptors=expand(
            f"{RUN}/unit/descriptors/T{{{{temperature}}}}/chunk{{chunk}}.h5",
            chunk=CHUNKS,
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
