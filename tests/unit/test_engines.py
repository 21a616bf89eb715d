"""Engines: what they declare, and that one more of them needs nothing but its own lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tglassmlp import KA2D, config, engines, isoconfigurational_dynamics
from tglassmlp.cost import dynamics_rate, dynamics_threads
from tglassmlp.simulation.dynamics import DynamicsSettings, Trajectory
from tglassmlp.simulation.protocols import PLAIN, DynamicsRequest, dynamics_engine, minimiser, swap_sampler
from tglassmlp.simulation.replica_run import ReplicaNoise, checked_request, replica_seed
from tglassmlp.simulation.run import run_chunk, trajectory
from tglassmlp.simulation.thermostats import maxwell

MIXTURE = KA2D.scaled(10)


class FreeFlight:
    """Particles that do not see each other."""

    def trajectories(self, request, conduct=PLAIN):
        return [self._one(request.alone(k)) for k in range(len(request))]

    def _one(self, request):
        c = request.configurations[0]
        frames, replicas = checked_request(request.steps, request.replicas)
        noise = [ReplicaNoise(replica_seed(request.seeds[0], r)) for r in range(replicas)]
        velocity = maxwell(noise, request.temperature, c.n_particles)
        times = frames * request.settings.time_step
        moved = (times[None, :, None, None] * velocity[:, None]).astype(np.float32)
        kinetic = np.repeat(0.5 * (velocity**2).sum(axis=(1, 2))[:, None], len(frames), axis=1)
        nothing = np.zeros_like(kinetic)
        return Trajectory(moved, times, frames, kinetic / (c.n_particles - 1), nothing, nothing)


@pytest.fixture
def free_flight():
    can = engines.Capabilities(
        rates={"cpu": 1e9, "gpu": 1e12}, same_bits_for_any_grouping=True, device_variable="FREE_FLIGHT_DEVICE"
    )
    engines.register(engines.Engine("free_flight", "free flight", can, dynamics=FreeFlight()))
    yield engines.engine("free_flight")
    engines.unregister("free_flight")


def test_an_engine_is_added_by_declaring_it(free_flight, liquid):
    start = np.random.SeedSequence(5)
    found = isoconfigurational_dynamics(
        liquid, 0.6, [0.0, 1.0, 2.5], 3, seed=5, mixture=MIXTURE, engine="free_flight"
    )
    velocity = maxwell([ReplicaNoise(replica_seed(start, r)) for r in range(3)], 0.6, liquid.n_particles)
    np.testing.assert_allclose(found[:, 0], np.broadcast_to(liquid.positions, velocity.shape))
    np.testing.assert_allclose(found[:, 2] - found[:, 0], 2.5 * velocity, atol=1e-5)


def test_an_added_engine_serves_jobs_cost_and_configuration(free_flight, liquid, repository, monkeypatch):
    settings = DynamicsSettings(precision="mixed")
    seeds = [np.random.SeedSequence(k) for k in range(2)]
    request = DynamicsRequest([liquid] * 2, seeds, 0.6, [0, 10], 3, MIXTURE, settings, numbers=[4, 7])
    arrays, attributes = run_chunk(request, label="free flight", engine="free_flight")
    assert arrays["displacements"].values.shape == (2, 3, 2, liquid.n_particles, 2)
    assert (attributes["engine"], attributes["precision"]) == ("free_flight", "double")
    assert attributes["structures"] == [4, 7]
    demo = config.load(repository / "config.yaml")
    chosen = type(demo).model_validate({**demo.model_dump(mode="json"), "engine": "free_flight"})
    assert dynamics_rate(chosen) == 1e9
    monkeypatch.setenv("FREE_FLIGHT_DEVICE", "gpu")
    assert dynamics_rate(chosen) == 1e12
    assert dynamics_threads(chosen, {"duration": 1e9, "replicas": 20, "structures": 8, "copies": 1}) == 1


def test_names_of_engines_are_taken_once_and_known(free_flight):
    assert engines.names() == ("native", "hoomd", "cuda", "free_flight")
    with pytest.raises(ValueError, match="there is an engine 'free_flight' already"):
        engines.register(free_flight)
    engines.unregister("free_flight")
    with pytest.raises(ValueError, match=r"unknown engine 'free_flight', allowed: native, hoomd, cuda$"):
        dynamics_engine("free_flight")
    engines.register(free_flight)


def test_systems_too_large_for_an_engine_go_to_the_first_that_takes_them(repository):
    assert [engines.system_engine("cuda", n) for n in (1290, 7500, 7501)] == ["cuda", "cuda", "native"]
    assert [engines.system_engine(name, 82560) for name in ("native", "hoomd")] == ["native", "hoomd"]
    assert [engines.structure_engine("cuda", m, 82560) for m in ("hybrid", "swap_mc")] == ["native"] * 2
    demo = config.load(repository / "config.yaml").model_copy(update={"engine": "cuda"})
    large = demo.large_systems.tiles**2
    assert dynamics_rate(demo) == engines.engine("cuda").capabilities.rates["gpu"]
    assert dynamics_rate(demo, copies=large) == engines.engine("native").capabilities.rates["cpu"]


def test_what_an_engine_does_not_offer_is_refused_with_those_that_do(free_flight):
    with pytest.raises(ValueError, match=r"'free_flight' does not offer minimisation, allowed: native$"):
        minimiser("free_flight")
    with pytest.raises(ValueError, match="'free_flight' does not offer swap Monte Carlo, allowed: native"):
        swap_sampler("free_flight")


def test_impossible_capabilities_are_refused():
    with pytest.raises(ValueError, match="positive rate"):
        engines.Capabilities(rates={}, same_bits_for_any_grouping=True)
    with pytest.raises(ValueError, match="precision"):
        engines.Capabilities(rates={"cpu": 1.0}, same_bits_for_any_grouping=True, precisions=())


def test_batches_are_minimised_as_alone(liquid):
    other = liquid.with_positions(liquid.positions + 0.3)
    together = minimiser("native").minima([liquid, other], mixture=MIXTURE, force_tolerance=1e-3)
    alone = minimiser("native").minima([other], mixture=MIXTURE, force_tolerance=1e-3)
    np.testing.assert_array_equal(together[1].positions, alone[0].positions)


@pytest.mark.parametrize("part", ["seeds", "numbers", "positions"])
def test_requests_that_do_not_fit_together_are_refused(liquid, part):
    given = {"seeds": [np.random.SeedSequence(1)], "numbers": [0], "positions": [liquid.positions[None]]}
    with pytest.raises(ValueError, match="as many numbers and seeds as structures"):
        DynamicsRequest(
            [liquid],
            **{**given, part: given[part] * 2},
            temperature=0.6,
            steps=[0],
            replicas=1,
            mixture=MIXTURE,
        )


class Faulty(FreeFlight):
    """Free flight that returns something else than was asked for."""

    def __init__(self, change):
        self.change = change

    def trajectories(self, request, conduct=PLAIN):
        return self.change(super().trajectories(request, conduct))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: [replace(t[0], displacements=t[0].displacements[:2])], r"shape \(2, 3, .* wanted \(3, 3"),
        (
            lambda t: [replace(t[0], displacements=t[0].displacements[:, :, :1])],
            "returned displacements of shape",
        ),
        (lambda t: [replace(t[0], kinetic_temperature=np.zeros(3))], "returned kinetic_temperature of shape"),
        (lambda t: [replace(t[0], displacements=np.nan * t[0].displacements)], "not finite"),
        (lambda t: [replace(t[0], steps=t[0].steps + 1)], "other steps for structure 0"),
        (lambda t: t * 2, "returned 2 trajectories of 1 structures"),
        (lambda t: None, "returned NoneType, wanted a list of Trajectory"),
    ],
)
def test_what_an_engine_returns_is_held_against_what_was_asked_for(liquid, change, message):
    with pytest.raises(RuntimeError, match=message):
        trajectory(
            liquid, 0.6, [0, 5, 10], 3, np.random.SeedSequence(1), mixture=MIXTURE, engine=Faulty(change)
        )


@pytest.mark.parametrize(
    ("parts", "kind", "message"),
    [
        (
            {"dynamics": object()},
            TypeError,
            "dynamics must have a method 'trajectories', found none in object",
        ),
        ({"dynamics": FreeFlight}, TypeError, "dynamics must be an object, found the class FreeFlight"),
        ({"swap": FreeFlight()}, TypeError, "swap must have a method 'chains'"),
        ({"minimiser": "tglassmlp.box"}, ValueError, "minimiser must be an object or 'package.module:NAME'"),
        ({"name": "free flight"}, ValueError, "name of a new engine must be letters, .* found 'free flight'"),
    ],
)
def test_engines_that_cannot_work_are_not_taken(parts, kind, message):
    can = engines.Capabilities(rates={"cpu": 1.0}, same_bits_for_any_grouping=True)
    with pytest.raises(kind, match=message):
        engines.register(engines.Engine(**{"name": "toy", "title": "a toy", "capabilities": can, **parts}))
    assert engines.names() == ("native", "hoomd", "cuda")


def test_places_of_engines_that_hold_nothing_are_named():
    can = engines.Capabilities(rates={"cpu": 1.0}, same_bits_for_any_grouping=True)
    engines.register(engines.Engine("toy", "a toy", can, dynamics="tglassmlp.box:NOTHING"))
    try:
        with pytest.raises(ImportError, match=r"'toy': 'tglassmlp.box:NOTHING' is the place of its dynamics"):
            dynamics_engine("toy")
    finally:
        engines.unregister("toy")


@pytest.mark.parametrize("name", ["replicas_per_thread", "largest_swap_batch"])
@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_batches_of_no_system_are_refused(name, count):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1 or None"):
        engines.Capabilities(rates={"cpu": 1.0}, same_bits_for_any_grouping=True, **{name: count})
