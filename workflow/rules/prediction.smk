# What the trained networks and the baselines say about every structure, unit systems and large ones.
from tglassmlp.config import split

TRANSFERRED = CONFIG.baselines.transferred_from
# Default source of the transferred network: the lowest measured temperature of the model with the higher T_min.
TRANSFERRED_TEMPERATURE = (
    canonical(TRANSFERRED.temperature) if TRANSFERRED is not None else T_MINS[-1]
)


def test_structures(ensemble):
    """Numbers of the structures kept for the reported numbers; all of the large ones."""
    s = CONFIG.structures
    if ensemble == "large":
        return list(range(CONFIG.large_systems.number))
    return split(s.number, s.test_fraction, s.validation_fraction).test


def prediction_megabytes(wildcards):
    """Descriptors and predictions of all structures of one temperature."""
    unit = CONFIG.mixture().composition[CONFIG.propensity.central_species - 1]
    large = CONFIG.large_systems
    particles = unit * (
        CONFIG.structures.number
        if wildcards.ensemble == "unit"
        else large.number * large.tiles**2
    )
    numbers = (
        16 * len(CONFIG.descriptors.lengths) * 4 + len(C_BS) * CONFIG.training.networks
    )
    return round(1000 + 12 * particles * numbers / 1e6)


rule predict_propensities:
    input:
        descriptors=per_chunk(
            f"{RUN}/{{ensemble}}/descriptors/T{{temperature}}/chunk{{chunk}}.h5"
        ),
        networks=f"{RUN}/networks/full/tmin{{t_min}}.npz",
        label_map=f"{RUN}/label_map/tmin{{t_min}}.parquet",
    output:
        f"{RUN}/{{ensemble}}/predictions/tmin{{t_min}}/T{{temperature}}.h5",
    log:
        f"{RUN}/logs/predict_propensities/{{ensemble}}_tmin{{t_min}}_T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/predict_propensities/{{ensemble}}_tmin{{t_min}}_T{{temperature}}.tsv"
    threads: 1
    resources:
        mem_mb=prediction_megabytes,
        runtime=60,
    params:
        settings=section("prediction"),
        test=lambda wildcards: test_structures(wildcards.ensemble),
        stage_version=version("prediction"),
    script:
        "../../scripts/predict_propensities.py"


rule predict_baselines:
    input:
        descriptors=per_chunk(
            f"{RUN}/{{ensemble}}/descriptors/T{{temperature}}/chunk{{chunk}}.h5"
        ),
        linear=f"{RUN}/baselines/linear.npz",
        transferred=f"{RUN}/baselines/T{TRANSFERRED_TEMPERATURE}.npz",
        own=lambda wildcards: (
            [f"{RUN}/baselines/T{wildcards.temperature}.npz"]
            if wildcards.temperature in LABELLED
            else []
        ),
    output:
        f"{RUN}/{{ensemble}}/baseline_predictions/T{{temperature}}.h5",
    log:
        f"{RUN}/logs/predict_baselines/{{ensemble}}_T{{temperature}}.log",
    benchmark:
        f"{RUN}/benchmarks/predict_baselines/{{ensemble}}_T{{temperature}}.tsv"
    threads: 1
    resources:
        mem_mb=prediction_megabytes,
        runtime=30,
    params:
        c_b=C_BS,
        transferred_from=None if TRANSFERRED is None else TRANSFERRED.c_b,
        stage_version=version("baselines"),
    script:
        "../../scripts/predict_baselines.py"
