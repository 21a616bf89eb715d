"""Hybrid Monte Carlo: the distribution of swap Monte Carlo at any time step, and structures made by it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D, Configuration, engines
from tglassmlp.equilibration.record import COLUMNS
from tglassmlp.equilibration.settings import EquilibrationSettings, decisive
from tglassmlp.equilibration.start import lattice_start
from tglassmlp.equilibration.structures import equilibrate_structure, equilibrate_structures
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Progress
from tglassmlp.simulation.hybrid import HybridChains, HybridSampler
from tglassmlp.simulation.protocols import SwapRequest, dynamics_engine
from tglassmlp.simulation.swap.chain import Chain

SMALL = KA2D.scaled(30)  # 43 particles

#: CAMPAIGN=quick: few chains that are hardly moved, and no verdict on their fluctuations.
QUICK = os.environ.get("CAMPAIGN") == "quick"


def chains(
    structures: list[Configuration], temperature: float, seed: int = 1, mixture: Mixture = SMALL, **options
) -> HybridChains:
    """Chains on the dynamics of the native engine, whose seeds count up from ``seed``."""
    seeds = [np.random.SeedSequence(seed + k) for k in range(len(structures))]
    sampler = HybridSampler(dynamics_engine("native"))
    return sampler.chains(SwapRequest(structures, seeds, temperature, mixture, options))


def liquids(count: int, temperature: float, mixture: Mixture, sweeps: int) -> list[Configuration]:
    """Made by swap Monte Carlo of the native engine."""
    found = []
    for k in range(count):
        chain = Chain(
            lattice_start(mixture, np.random.SeedSequence(k)), 2.0, k, mixture, exchanges="informed"
        )
        chain.tune(100, 0.4)
        chain.temperature = temperature
        chain.tune(200, 0.4)
        chain.run(sweeps)
        found.append(chain.configuration())
    return found


def compare(
    mixture: Mixture, temperature: float, count: int, samples: int, **options
) -> tuple[np.ndarray, np.ndarray, np.ndarray, HybridChains]:
    """Mean and variance of the energy of the system by either method, their errors, and the hybrid chains."""
    n = sum(mixture.composition)
    starts = liquids(count, temperature, mixture, 1000)
    hybrid = chains(starts, temperature, mixture=mixture, **options)
    # from a liquid, the longest time step; chains are not tuned, as they are measured from here on
    for walker in hybrid.walkers:
        walker.rung = 0
    native = [Chain(c, temperature, 70 + k, mixture, exchanges="informed") for k, c in enumerate(starts)]
    found = np.empty((2, samples, count))
    for chain in native:
        chain.displacement = 0.15
    for k in range(samples):
        hybrid.run(hybrid.exchange_interval)
        found[0, k] = hybrid.energies * n
        for c, chain in enumerate(native):
            chain.run(8)
            found[1, k, c] = chain.energy * n
    hybrid.check_energies()
    each = np.stack([found.mean(axis=1), found.var(axis=1)], axis=1)  # [method, quantity, chain]
    error = np.sqrt(each.var(axis=2, ddof=1).sum(axis=0) / count)
    return each[0].mean(axis=1), each[1].mean(axis=1), error, hybrid


def test_energies_are_those_of_swap_monte_carlo_at_any_time_step():
    """43 particles at T = 0.40; without the rule of acceptance, a step of 0.02 shifts the energy by 0.7."""
    found, expected, error, hybrid = compare(
        SMALL, 0.40, 8, 60, hybrid_steps=12, hybrid_time_step=0.02, exchange_interval=2
    )
    assert np.all(np.abs(found - expected) < 4.5 * error)
    tried, moved, exchanges, exchanged = hybrid.counters.sum(axis=0)
    assert tried == 8 * 60
    assert 0.5 < moved / tried < 0.99  # so the rule had something to do
    assert 0.1 < exchanged / exchanges < 0.95


@pytest.mark.campaign
def test_energies_at_the_size_of_a_structure():
    """129 particles at T = 0.40, to some thousandths of the energy per particle."""
    mixture = KA2D.scaled(10)
    found, expected, error, _ = compare(mixture, 0.40, *((4, 12) if QUICK else (12, 600)))
    print(f"hybrid {found}, swap Monte Carlo {expected}, error of the difference {error}")
    if QUICK:
        assert abs(found[0] - expected[0]) / 129 < 0.1
        return
    assert error[0] / 129 < 0.004
    assert np.all(np.abs(found - expected) < 4.0 * error)


def test_time_step_falls_until_blocks_are_accepted():
    """A long step of a large system is refused; tuning shortens it, and a short one is lengthened."""
    big = KA2D.scaled(2)
    made = chains([lattice_start(big, np.random.SeedSequence(3))], 2.0, mixture=big, hybrid_steps=3,
                  hybrid_time_step=0.02)  # fmt: skip
    made.walkers[0].rung = 0
    made.tune(80, 0.4)
    assert 0.02 / 8 <= made.time_steps[0] < 0.02
    calm = chains(liquids(1, 0.6, SMALL, 50), 0.6, hybrid_steps=3)
    assert calm.time_steps[0] == pytest.approx(0.0025)
    calm.tune(80, 0.4)
    assert calm.time_steps[0] == pytest.approx(0.01)


def test_chains_resume_and_stay_alone(tmp_path: Path):
    starts = liquids(2, 0.6, SMALL, 20)
    whole = chains(starts, 0.6, hybrid_steps=6)
    whole.tune(18, 0.4)
    whole.run(7)
    later = chains(starts, 0.6, hybrid_steps=6)
    later.restore(whole.states())
    alone = chains(starts[1:], 0.6, seed=2, hybrid_steps=6)
    alone.tune(18, 0.4)
    alone.run(7)
    for made in (whole, later, alone):
        made.run(6)
    for made, k in ((later, 1), (alone, 0)):
        a, b = whole.states()[1], made.states()[k]
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    for before, after in zip(starts, whole.configurations(), strict=True):
        np.testing.assert_array_equal(np.sort(before.species), np.sort(after.species))
        assert np.any(before.species != after.species)
    with pytest.raises(ValueError, match="saved positions has shape"):
        chains(
            [lattice_start(KA2D.scaled(10), np.random.SeedSequence(1))], 2.0, mixture=KA2D.scaled(10)
        ).restore(whole.states()[:1])


def test_structures_are_equilibrated_by_it(tmp_path: Path):
    """Through schedule, record and checkpoints; a killed run goes on to the same numbers."""
    settings = EquilibrationSettings(method="hybrid", hybrid_steps=4, record_points=5, block_seconds=0.0)
    arguments = (0.8, [0, 1], 24, 5, settings, SMALL)
    made = equilibrate_structures(*arguments)
    for c, record in made:
        assert c.n_particles == 43
        assert list(record.columns) == list(COLUMNS)
        assert record.energy.between(-3.0, 0.5).all()
        assert record.swap_acceptance.dropna().between(0.0, 1.0).all()

    class Killing(Progress):
        """Ends the run after some steps."""

        steps = 0

        def advance(self, amount, note=""):
            self.steps += 1
            if self.steps == 60:
                raise KeyboardInterrupt

    state = tmp_path / "structure1.npz"
    with pytest.raises(KeyboardInterrupt):
        equilibrate_structure(0.8, 1, 24, 5, settings, SMALL, state, Killing("killed", 1.0, "moves"))
    assert state.exists()
    c, record = equilibrate_structure(0.8, 1, 24, 5, settings, SMALL, state)
    np.testing.assert_array_equal(c.positions, made[1][0].positions)
    pd.testing.assert_frame_equal(record, made[1][1])
    with pytest.raises(ValueError, match="other settings"):
        equilibrate_structure(0.8, 1, 24, 5, EquilibrationSettings(record_points=5), SMALL, state)


def test_settings_that_do_not_matter_do_not_count():
    usual = decisive(
        {"method": "swap_mc", "hybrid_steps": 3, "hybrid_time_step": 0.01, "exchanges": "informed"}
    )
    assert usual == {"exchanges": "informed"}
    hybrid = {"method": "hybrid", "hybrid_steps": 3, "hybrid_time_step": 0.01}
    assert decisive({**hybrid, "block_seconds": 1.0}) == hybrid


def test_structures_come_from_an_engine_that_offers_them():
    can = engines.Capabilities(
        rates={"gpu": 1.0}, same_bits_for_any_grouping=True, largest_swap_system=500, exchanges=("informed",)
    )
    engines.register(engines.Engine("small", "small systems", can, dynamics=dynamics_engine("native"),
                                    swap=HybridSampler(dynamics_engine("native"))))  # fmt: skip
    try:
        chosen = [
            engines.structure_engine(name, method, n)
            for name, method, n in (
                ("native", "swap_mc", 1290), ("hoomd", "swap_mc", 1290), ("hoomd", "hybrid", 1290),
                ("small", "swap_mc", 500), ("small", "swap_mc", 501), ("small", "hybrid", 501),
            )
        ]  # fmt: skip
        plain = engines.structure_engine("small", "swap_mc", 500, "plain")
        with pytest.raises(ValueError, match="no engine offers swap Monte Carlo of 9 particles with wild"):
            engines.structure_engine("small", "swap_mc", 9, "wild")
    finally:
        engines.unregister("small")
    assert plain == "native"
    assert chosen == ["native", "native", "hoomd", "small", "native", "small"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exchanges": "plain"}, "hybrid exchanges are informed, found exchanges 'plain'"),
        ({"skin": 0.3}, "unknown options of hybrid Monte Carlo: skin"),
        ({"hybrid_steps": 0}, "hybrid_steps"),
        ({"hybrid_time_step": 0.05}, "time_step"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        chains(liquids(1, 2.0, SMALL, 1), 0.6, **options)


def test_refusals_without_end_are_an_error():
    made = chains(liquids(1, 0.6, SMALL, 1), 0.6, hybrid_steps=1, exchange_interval=1)
    made.walkers[0].progress[3] = 99
    made.dynamics = Heating(made.dynamics)
    with pytest.raises(RuntimeError, match=r"T = 0.6: 100 blocks of dynamics .*hybrid_time_step"):
        made.run(1)


class Heating:
    """Dynamics that seem to have gained energy."""

    def __init__(self, dynamics):
        self.dynamics = dynamics

    def trajectories(self, request, conduct):
        found = self.dynamics.trajectories(request, conduct)
        for t in found:
            t.conserved_drift[:] = 1.0
        return found
