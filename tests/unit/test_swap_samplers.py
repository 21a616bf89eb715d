"""Samplers that move many structures at once: one comes in by its own lines and equilibrates structures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D, engines
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.equilibration.settings import EquilibrationSettings
from tglassmlp.equilibration.structures import equilibrate_large_systems, equilibrate_structures
from tglassmlp.progress import Progress
from tglassmlp.simulation.protocols import SwapRequest, swap_sampler
from tglassmlp.simulation.swap.chain import Chain

SMALL = KA2D.scaled(30)
SETTINGS = EquilibrationSettings(record_points=5)


class Springs:
    """Particles on springs, all structures of a request in one array; a sweep draws all places anew."""

    def __init__(self, request, batches):
        batches.append(len(request.configurations))
        self.start = request.configurations
        self.temperature = request.temperature
        self.places = np.stack([c.positions for c in self.start])
        self.moved = np.zeros_like(self.places)
        self.drawn = np.zeros(len(self.start), np.int64)
        self.entropy = [tuple(s.generate_state(2).tolist()) for s in request.seeds]

    @property
    def energies(self):
        return 0.5 * (self.moved**2).sum(axis=(1, 2)) / self.moved.shape[1]

    @property
    def counters(self):
        tried = self.drawn * self.moved.shape[1]
        return np.stack([tried, tried // 2, 0 * tried, 0 * tried], axis=1)

    def run(self, sweeps):
        self.drawn += sweeps
        for k, words in enumerate(self.entropy):
            noise = np.random.default_rng([*words, int(self.drawn[k])]).normal(size=self.moved.shape[1:])
            self.moved[k] = 0.05 * np.sqrt(self.temperature) * noise

    def tune(self, sweeps, target):
        self.run(sweeps)

    def configurations(self):
        return [c.with_positions(p) for c, p in zip(self.start, self.places + self.moved, strict=True)]

    def check_energies(self):
        return np.zeros(len(self.start))

    def states(self):
        return [{"moved": m.copy(), "drawn": d.copy()} for m, d in zip(self.moved, self.drawn, strict=True)]

    def restore(self, states):
        for k, state in enumerate(states):
            self.moved[k], self.drawn[k] = state["moved"], state["drawn"]


class Sampler:
    def __init__(self):
        self.batches = []

    def chains(self, request):
        return Springs(request, self.batches)


@pytest.fixture
def springs(request):
    """An engine of that sampler, which moves as many structures at once as the test says."""
    sampler = Sampler()
    can = engines.Capabilities(
        rates={"gpu": 1e12}, same_bits_for_any_grouping=True, largest_swap_batch=request.param
    )
    engines.register(engines.Engine("springs", "particles on springs", can, swap=sampler))
    yield sampler
    engines.unregister("springs")


def made(numbers, states=None, progress=None):
    return equilibrate_structures(0.5, numbers, 40, 7, SETTINGS, SMALL, states, progress, engine="springs")


def same(one, other):
    for (a, record), (b, also) in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.positions, b.positions)
        pd.testing.assert_frame_equal(record, also)


@pytest.mark.parametrize(
    ("springs", "expected"), [(None, [3, 2]), (2, [2, 1, 2]), (1, [1] * 5)], indirect=["springs"]
)
def test_structures_go_together_as_the_engine_declares(springs, expected):
    """Those of one plan, quenched or heated, in their order; alone they are the same."""
    together = made([0, 1, 2, 3, 4])
    assert springs.batches == expected
    for k, (c, record) in enumerate(together):
        assert list(record.columns) == list(COLUMNS)
        assert set(record.structure) == {k}
        assert set(record.start) == {("quenched", "heated")[k % 2]}
        assert record.displacement_acceptance.iloc[-1] == pytest.approx(0.5, abs=0.05)
        np.testing.assert_array_equal(np.bincount(c.species)[1:], SMALL.composition)
    # N degrees of freedom in each of two directions, each with half of 0.05^2 T
    late = pd.concat([r for _, r in together]).query("measured")
    assert late.energy.mean() == pytest.approx(0.05**2 * 0.5, rel=0.1)
    same([together[3]], made([3]))


class Stopped(Exception):
    pass


class Until(Progress):
    """Progress that stops the work after a number of reports."""

    def __init__(self, reports):
        super().__init__("springs", 1.0)
        self.left, self.resumed = reports, 0.0

    def resume(self, done):
        super().resume(done)
        self.resumed = done

    def advance(self, amount, note=""):
        self.left -= 1
        if self.left < 0:
            raise Stopped


@pytest.mark.parametrize("springs", [None, 2], indirect=True)
def test_a_batch_goes_on_from_its_checkpoints(springs, tmp_path, monkeypatch):
    """Structures that are at different steps go on in batches of their own, to the same numbers."""
    monkeypatch.setattr("tglassmlp.equilibration.runner.time.monotonic", iter(range(0, 10**6, 100)).__next__)
    numbers = [0, 2, 4]
    whole = made(numbers)
    files = [tmp_path / f"structure{k}.npz" for k in numbers]
    with pytest.raises(Stopped):
        made(numbers[:1], files[:1], Until(45))
    with pytest.raises(Stopped):
        made(numbers[1:], files[1:], Until(30))
    springs.batches.clear()
    progress = Until(10**6)
    same(whole, made(numbers, files, progress))
    assert sorted(springs.batches) == [1, 2]
    assert progress.resumed > 0
    # once more: all are finished
    same(whole, made(numbers, files))


@pytest.mark.parametrize("springs", [None], indirect=True)
def test_large_systems_go_together(springs):
    unit, _ = made([0])[0]
    springs.batches.clear()
    systems = equilibrate_large_systems([unit], 0.5, [0, 1], 20, 2, 7, SETTINGS, SMALL, engine="springs")
    assert springs.batches == [2]
    assert [len(c.positions) for c, _ in systems] == [4 * unit.n_particles] * 2
    assert not np.array_equal(systems[0][0].positions, systems[1][0].positions)


def test_native_chains_of_a_request_are_those_one_by_one(liquid):
    mixture, other = KA2D.scaled(10), liquid.with_positions(liquid.positions + 0.3)
    seeds = [np.random.SeedSequence(k) for k in (1, 2)]
    options = {"exchanges": "informed", "exchange_interval": 3}
    chains = swap_sampler("native").chains(SwapRequest([liquid, other], seeds, 1.0, mixture, options))
    alone = [Chain(c, 1.0, s, mixture, **options) for c, s in zip((liquid, other), seeds, strict=True)]
    chains.temperature = 0.6
    chains.tune(10, 0.4)
    chains.run(5)
    for chain in alone:
        chain.temperature = 0.6
        chain.tune(10, 0.4)
        chain.run(5)
    assert chains.temperature == 0.6
    assert chains.energies.tolist() == [chain.energy for chain in alone]
    assert chains.counters.tolist() == [chain.counters.tolist() for chain in alone]
    assert chains.check_energies().max() < 1e-11
    for c, chain in zip(chains.configurations(), alone, strict=True):
        np.testing.assert_array_equal(c.positions, chain.configuration().positions)
    saved = chains.states()
    chains.run(4)
    later = chains.energies
    chains.restore(saved)
    chains.run(4)
    np.testing.assert_array_equal(chains.energies, later)


@pytest.mark.parametrize("springs", [None], indirect=True)
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("energies", np.full(2, np.nan), r"energies of 2 chains must be finite numbers \[chain\], found"),
        ("energies", np.zeros(1), r"energies of 2 chains"),
        ("counters", np.zeros((2, 3), int), r"counters of 2 chains must be finite numbers \[chain, 4\]"),
    ],
)
def test_chains_without_a_number_each_are_refused(springs, monkeypatch, name, value, message):
    monkeypatch.setattr(Springs, name, value)
    with pytest.raises(RuntimeError, match=message):
        made([0, 2])
