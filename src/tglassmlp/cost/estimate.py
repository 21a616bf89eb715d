"""Cost of a whole run, rule by rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tglassmlp.config import Config, TemperatureSettings
from tglassmlp.cost.jobs import (
    central,
    chunk_sizes,
    dynamics_gpus,
    dynamics_megabytes,
    dynamics_seconds,
    equilibration_seconds,
    extended_seconds,
    fold_seconds,
    large_seconds,
    particles,
    prediction_megabytes,
    structure_gpus,
    systems,
    training_seconds,
    trajectory_megabytes,
)
from tglassmlp.cost.plans import extensions, plans, unit_plans
from tglassmlp.cost.rates import USUAL_RATES, Rates
from tglassmlp.state_point import canonical

__all__ = ["Cost", "estimate"]


@dataclass(frozen=True)
class Cost:
    """All jobs of one rule: their number, hours, the memory of the largest (MB), and their files (MB)."""

    rule: str
    jobs: int
    cpu_hours: float = 0.0
    gpu_hours: float = 0.0
    memory: float = 500.0
    disk: float = 0.0


def estimate(c: Config, rates: Rates = USUAL_RATES) -> list[Cost]:
    """Cost of every rule of a run, in the order of the method; figures and tables are added up."""
    n_t, n_c, models = len(c.temperatures), len(c.c_b), len(c.training.t_min)
    labelled = [t for t in c.temperatures if t.dynamics_time is not None]
    given = set(c.structures.given())
    # structures of a data set take the place of generated ones and are proven in the same way
    held = given if c.structures.source == "dataset" else set()
    generated = [t for t in c.temperatures if t.value not in given]
    own = [t for t in c.temperatures if t.value not in given - held]
    number, large = c.structures.number, chunk_sizes(c, "large", c.temperatures[0].value)

    def unit(t: TemperatureSettings) -> list[int]:
        return chunk_sizes(c, "unit", t.value, predicted=True)

    def structures(chosen: Iterable[TemperatureSettings], predicted: bool = False) -> int:
        return sum(sum(chunk_sizes(c, "unit", t.value, predicted)) for t in chosen)

    every = {"unit": structures(c.temperatures, True), "large": n_t * c.large_systems.number}
    total = {e: particles(c, e) * every[e] for e in every}  # particles at all temperatures together
    centre = {e: central(c, e) * every[e] for e in every}
    written = particles(c) * structures(own, True)
    gsd = 44e-6

    def cost(
        rule: str,
        seconds: Iterable[float],
        memory: float = 1000,
        disk: float = 0.0,
        gpus: int | Iterable[int] = 0,
    ) -> Cost:
        """``gpus``: cards of every job, or of each."""
        times = list(seconds)
        cards = [gpus] * len(times) if isinstance(gpus, int) else list(gpus)
        on_cards = sum(t for t, g in zip(times, cards, strict=True) if g) / 3600
        on_cores = sum(t for t, g in zip(times, cards, strict=True) if not g) / 3600
        started = len(times) * rates.start / 3600
        return Cost(rule, len(times), started + on_cores, on_cards, memory, disk)

    found = []
    if held:
        chunks = [size for t in c.temperatures if t.value in held for size in unit(t)]
        found.append(cost("import_dataset_structures", [1.0] * len(chunks), 500, 0.0))
        long = [t for t in labelled if t.value in held]
        chunks = [size for t in long for size in chunk_sizes(c, "unit", t.value)]
        found.append(cost("import_dataset_propensities", [1.0] * len(chunks), 500, 0.0))
    elif given:
        size = len(given) * (particles(c) * number * gsd * 2 + 1)
        rule = "import_glassbench" if c.structures.source == "glassbench" else "import_structures"
        found.append(cost(rule, [600.0] * len(given), 4000, size))
    names = [canonical(t.value) for t in generated]
    jobs_of = [(name, numbers) for name in names for numbers in c.structure_chunks(name, predicted=True)]
    times = [equilibration_seconds(c, name, numbers, rates) for name, numbers in jobs_of]
    on_card = structure_gpus(c)
    found.append(cost("equilibrate_structures", times, 1000, written * gsd, on_card))
    proofs = sum(2 if t.predicted_structures else 1 for t in own)
    found.append(cost("measure_equilibration", [1.0] * proofs))
    found.append(cost("check_equilibration", [0.1] * proofs))
    if (check := c.equilibration.extended_check) is not None:
        chosen = [t for t in c.temperatures if t.value in c.extended_temperatures()]
        times = [extended_seconds(c, t.sweeps, rates) for t in chosen for _ in range(check.structures)]
        size = particles(c) * len(times) * gsd
        found.append(cost("extend_equilibration", times, 1000, size, on_card))
        work = 3 * len(c.descriptors.lengths) * particles(c) / rates.descriptors
        times = [work * (check.structures + number + t.extra_structures) for t in chosen]
        found.append(cost("measure_extended_check", times, 2000))
        found.append(cost("check_extended", [0.1]))
    times = [large_seconds(c, t.sweeps, size, rates) for t in c.temperatures for size in large]
    memory = 1000 + 2e-3 * particles(c, "large") * max(large)
    on_card = structure_gpus(c, c.large_systems.tiles**2)
    found.append(cost("equilibrate_large_systems", times, memory, total["large"] * gsd, on_card))
    found.append(cost("check_large_systems", [0.1] * len(times)))
    sizes = [(e, t, s) for e, all_t in (("unit", own), ("large", c.temperatures)) for t in all_t for s in
             (unit(t) if e == "unit" else large)]  # fmt: skip
    times = [particles(c, e) * s / rates.minimisation for e, _, s in sizes]
    disk = (written + total["large"]) * gsd
    found.append(cost("find_inherent_structures", times, 2000, disk))
    lengths = len(c.descriptors.lengths)
    sizes = [
        (e, t, s)
        for e in ("unit", "large")
        for t in c.temperatures
        for s in (unit(t) if e == "unit" else large)
    ]
    times = [particles(c, e) * s * lengths / rates.descriptors for e, _, s in sizes]
    columns = 16 * lengths
    disk = (centre["unit"] + centre["large"]) * (columns + 2) * 8e-6
    memory = 800 + 0.012 * max(particles(c, e) * s for e, _, s in sizes)
    found.append(cost("compute_descriptors", times, memory, disk))

    jobs = plans(c)
    times = [dynamics_seconds(c, plan, rates) for _, plan in jobs]
    memory = max((dynamics_megabytes(c, plan) for _, plan in jobs), default=0)
    disk = sum(trajectory_megabytes(c, plan) for _, plan in jobs)
    cards = [dynamics_gpus(c, plan) for _, plan in jobs]
    found.append(cost("run_isoconfigurational_dynamics", times, memory, disk, cards))
    if longer := extensions(c):
        times = [dynamics_seconds(c, plan, rates) for plan in longer]
        disk = sum(trajectory_megabytes(c, plan) for plan in longer)
        cards = [dynamics_gpus(c, plan) for plan in longer]
        found.append(cost("extend_isoconfigurational_dynamics", times, memory, disk, cards))
    imported = unit_plans(c, lambda t: t.dynamics_time if t.value in given - held else None)
    measured = [*(plan for _, plan in jobs), *imported]
    times = [trajectory_megabytes(c, plan) * 1e6 / 8 / rates.propensities for plan in measured]
    memory = 800 + 3 * max((trajectory_megabytes(c, plan) for plan in measured), default=0.0)
    disk = sum(3 * trajectory_megabytes(c, plan) / plan["replicas"] for plan in measured)
    found.append(cost("measure_propensities", times, memory, disk))
    n_labels = len(labelled) + (c.large_systems.dynamics is not None)
    disk = 3 * n_c * central(c) * structures(labelled) * 8e-6
    found.append(cost("label_structures", [1.0] * n_labels, 4000, disk))
    found.append(cost("measure_relaxation", [1.0], 2000))
    found.append(cost("map_labels", [0.5] * models))
    found.append(cost("fit_scaling", [1.0] * models, 2000))

    networks = c.training.networks
    temperatures = [sum(t.value >= t_min for t in labelled) for t_min in c.training.t_min]
    times = [training_seconds(c, n, networks, rates) for n in temperatures for _ in range(n_c)]
    found.append(cost("train_equi_time", times, 2500))
    disk = models * n_c * centre["unit"] * 4e-6
    found.append(cost("extrapolate_labels", [2.0] * models, 2500, disk))
    found.append(cost("train_full", [training_seconds(c, n_t * n_c, networks, rates)] * models, 4500))
    found.append(cost("select_networks", [2.0] * models, 2500))
    found.append(cost("train_other_output", [training_seconds(c, n_t * n_c, networks, rates)], 4500))
    sources = {canonical(t.value) for t in labelled}
    found.append(
        cost("train_baselines", [training_seconds(c, n_c, c.baselines.networks, rates)] * len(sources), 2500)
    )
    found.append(cost("fit_linear_baselines", [2.0] * models, 2500))
    if c.training.folds:
        found.append(cost("train_fold", [fold_seconds(c, rates)] * c.training.folds, 4500))
    per = {e: centre[e] * n_c * networks for e in centre}
    times = [per[e] / n_t / rates.prediction for e in per for _ in range(n_t * models)]
    disk = models * ((per["unit"] + per["large"]) * 4e-6 + centre["unit"] * n_c * 2 * 4e-6)
    found.append(cost("predict_propensities", times, prediction_megabytes(c, "large"), disk))
    baseline = len(labelled) + (c.large_systems.dynamics is not None)
    disk = baseline * central(c) * systems(c, "unit") * n_c * (2 * c.baselines.networks + 4) * 4e-6
    found.append(cost("predict_baselines", [1.0] * baseline, prediction_megabytes(c, "unit"), disk))
    found.append(
        cost("tables and numbers", [4.0] * 13 + [20.0, 60.0], 1500 + 4 * per["large"] / n_t * 8e-6, 20)
    )
    found.append(cost("figures and movie", [2.0] * 23 + [12.0], 1500, 10))
    return found
