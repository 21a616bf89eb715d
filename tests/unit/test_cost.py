"""What a run costs: the estimate follows the configuration, and rates come from where they were measured."""

from __future__ import annotations

import pytest

from tglassmlp import config, engines, storage
from tglassmlp.cost import Rates, describe, estimate, measured_rates
from tglassmlp.frames import frame_steps


@pytest.fixture
def demo(repository):
    return config.load(repository / "config.yaml")


def row(costs, rule):
    return next(c for c in costs if c.rule == rule)


def test_dynamics_cost_what_their_particle_steps_take(demo):
    """8 structures x 16 replicas x 1290 particles x steps of three temperatures, and the large system."""
    steps = 100 * sum(t.dynamics_time for t in demo.temperatures if t.dynamics_time)
    large = demo.large_systems
    work = 8 * 16 * 1290 * steps + large.dynamics.replicas * 9 * 1290 * 100 * large.dynamics.time
    rates = Rates(dynamics={"native on cpu": 1e7}, start=0.0)
    dynamics = row(estimate(demo, rates), "run_isoconfigurational_dynamics")
    assert dynamics.cpu_hours * 3600 == pytest.approx(work / 1e7)
    assert dynamics.gpu_hours == 0


def test_longer_trajectories_cost_what_is_added(demo):
    entry = demo.temperatures[2]
    longer = [*demo.temperatures]
    longer[2] = entry.model_copy(update={"extended_time": entry.dynamics_time + 40.0})
    rates = Rates(dynamics={"native on cpu": 1e7}, start=0.0)
    costs = estimate(demo.model_copy(update={"temperatures": longer}), rates)
    added = row(costs, "extend_isoconfigurational_dynamics")
    assert added.jobs == 2
    assert added.cpu_hours * 3600 == pytest.approx(8 * 16 * 1290 * 4000 / 1e7)
    shorter = estimate(demo, rates)
    assert not [c for c in shorter if c.rule == added.rule]
    rule = "run_isoconfigurational_dynamics"
    assert row(costs, rule) == row(shorter, rule)
    assert row(costs, rule).cpu_hours > 0


def test_structures_that_are_only_predicted_cost_their_making_and_no_dynamics(demo):
    last = demo.temperatures[-1].model_copy(update={"predicted_structures": 8})
    more = demo.model_copy(update={"temperatures": (*demo.temperatures[:-1], last)})
    rates = Rates(monte_carlo=1e6, start=0.0)
    before, after = (estimate(c, rates) for c in (demo, more))
    made = [row(costs, "equilibrate_structures") for costs in (before, after)]
    work = 8 * 1290 * (2 * last.sweeps + 200)
    assert (made[1].cpu_hours - made[0].cpu_hours) * 3600 == pytest.approx(work / 1e6)
    jobs = {b.rule: a.jobs - b.jobs for a, b in zip(after, before, strict=True) if a.jobs != b.jobs}
    assert jobs == {
        "equilibrate_structures": 2,
        "measure_equilibration": 1,
        "check_equilibration": 1,
        "find_inherent_structures": 2,
        "compute_descriptors": 2,
    }
    for rule in ("run_isoconfigurational_dynamics", "train_full", "predict_baselines", "label_structures"):
        assert row(after, rule).cpu_hours == row(before, rule).cpu_hours


def test_structures_of_a_ladder_cost_half_but_for_heated_ones_and_the_highest_rung(demo):
    ladder = demo.equilibration.model_copy(update={"start": "ladder"})
    rates = Rates(monte_carlo=1e6, start=0.0)
    made = [
        row(estimate(c, rates), "equilibrate_structures")
        for c in (demo, demo.model_copy(update={"equilibration": ladder}))
    ]
    saved = sum(4 * 1290 * (t.sweeps + 200) for t in demo.temperatures[1:])
    assert (made[0].cpu_hours - made[1].cpu_hours) * 3600 == pytest.approx(saved / 1e6)
    assert made[0].jobs == made[1].jobs


def test_hoomd_is_counted_at_its_own_rate_and_on_its_device(demo, monkeypatch):
    hoomd = demo.model_copy(update={"engine": "hoomd"})
    native = row(estimate(demo, Rates(start=0.0)), "run_isoconfigurational_dynamics").cpu_hours
    monkeypatch.delenv("TGLASSMLP_HOOMD_DEVICE", raising=False)
    on_cpu = row(estimate(hoomd, Rates(start=0.0)), "run_isoconfigurational_dynamics")
    assert on_cpu.cpu_hours / native == pytest.approx(5e7 / 1.3e6)
    monkeypatch.setenv("TGLASSMLP_HOOMD_DEVICE", "gpu")
    on_gpu = row(estimate(hoomd, Rates(start=0.0)), "run_isoconfigurational_dynamics")
    assert on_gpu.gpu_hours / native == pytest.approx(5e7 / 1e8)
    assert on_gpu.cpu_hours == 0


def test_hybrid_structures_are_counted_at_the_rate_of_the_dynamics(demo, monkeypatch):
    hybrid = demo.equilibration.model_copy(update={"method": "hybrid", "hybrid_steps": 20})
    usual = row(estimate(demo, Rates(start=0.0)), "equilibrate_structures").cpu_hours
    native = demo.model_copy(update={"equilibration": hybrid})
    found = row(estimate(native, Rates(start=0.0)), "equilibrate_structures")
    # 20 steps of one replica, where sixteen would fill the lanes
    assert found.cpu_hours / usual == pytest.approx(5e6 * 20 / (5e7 / 16))
    monkeypatch.setenv("TGLASSMLP_HOOMD_DEVICE", "gpu")
    on_gpu = native.model_copy(update={"engine": "hoomd"})
    found = row(estimate(on_gpu, Rates(start=0.0)), "equilibrate_structures")
    assert found.gpu_hours / usual == pytest.approx(5e6 * 20 / 1e8)
    assert found.cpu_hours == 0


def test_a_card_is_counted_by_how_full_it_is(demo, repository, monkeypatch):
    """Half a device of replicas takes twice the time; what is too large for the engine stays on cores."""
    monkeypatch.delenv("TGLASSMLP_CUDA_DEVICE", raising=False)
    can, rule = engines.engine("cuda").capabilities, "run_isoconfigurational_dynamics"
    cuda = demo.model_copy(update={"engine": "cuda"})
    rates = Rates(dynamics={"cuda on gpu": 1e9}, start=0.0)
    steps = 100 * sum(t.dynamics_time for t in demo.temperatures if t.dynamics_time)
    found = row(estimate(cuda, rates), rule)
    share = 4 * 16 / can.filling["gpu"]
    assert found.gpu_hours * 3600 == pytest.approx(8 * 16 * 1290 * steps / (1e9 * share))
    large = row(estimate(demo, Rates(start=0.0)), rule).cpu_hours * 5e7 * 3600 - 8 * 16 * 1290 * steps
    assert found.cpu_hours * 5e7 * 3600 == pytest.approx(large)
    unit = row(estimate(cuda, rates), "equilibrate_structures")
    usual = row(estimate(demo, Rates(start=0.0)), "equilibrate_structures")
    assert unit.gpu_hours / usual.cpu_hours == pytest.approx(5e6 / (1e8 * 4 / can.swap_filling["gpu"]))
    # large systems and structures of another engine are made as ever
    tiled = {"large_systems": demo.large_systems.model_copy(update={"tiles": 4})}
    larger = [c.model_copy(update=tiled) for c in (demo, cuda)]
    large = [row(estimate(c, Rates(start=0.0)), "equilibrate_large_systems") for c in larger]
    assert large[0] == large[1]
    own = demo.structures.model_copy(update={"engine": "native"})
    apart = row(estimate(cuda.model_copy(update={"structures": own}), Rates(start=0.0)), usual.rule)
    assert apart == usual
    said = describe(cuda, estimate(cuda), Rates(), [])
    assert "rates of a GPU are assumptions" in said
    assert "a job moves 64 replicas, and a GPU is full with 528: with structures.chunk 33" in said
    assert "assumptions" not in describe(cuda, estimate(cuda), rates, ["cuda on gpu"])


def test_disk_of_trajectories_is_their_arrays(demo):
    counts = [len(frame_steps(round(t.dynamics_time / 0.01), 1.601)) for t in demo.temperatures[:3]]
    unit = 8 * 16 * 1290 * 2 * 4 * sum(counts)
    large = demo.large_systems.dynamics
    unit += large.replicas * 9 * 1290 * 2 * 4 * len(frame_steps(round(large.time / 0.01), 1.601))
    assert row(estimate(demo), "run_isoconfigurational_dynamics").disk == pytest.approx(unit / 1e6)


def test_measured_rates_replace_the_defaults(tmp_path):
    path = tmp_path / "benchmarks.json"
    assert measured_rates(path) == (Rates(), [])
    rows = [
        {"name": "dynamics, 16 replicas, T = 0.4, after 1 tau", "value": 70.0, "unit": "M particle-steps/s"}
    ]
    storage.write_json(path, {"rows": rows})
    rates, names = measured_rates(path)
    assert (rates.dynamics, names) == ({"native on cpu": 7e7}, ["native on cpu"])
    storage.write_json(tmp_path / "gpu_check.json", {"rates": {"dynamics": 6e9, "swap": 2e9}})
    rates, names = measured_rates(path)
    assert names == ["cuda on gpu", "native on cpu"]
    assert rates.dynamics == {"native on cpu": 7e7, "cuda on gpu": 6e9}
    assert rates.swap == {"cuda on gpu": 2e9}
    path.unlink()
    storage.write_json(tmp_path / "gpu_check.json", {"rates": {}})
    assert measured_rates(path) == (Rates(), [])
    assert rates.monte_carlo == Rates().monte_carlo


def test_the_table_adds_up(demo):
    costs = estimate(demo)
    text = describe(demo, costs, Rates(), ["native on cpu"])
    together = next(line for line in text.splitlines() if line.startswith("together"))
    assert f" {sum(c.jobs for c in costs)} " in f"{together} "
    assert "dynamics 5e+07 (measured here)" in text
