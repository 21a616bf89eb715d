"""Runs of swap Monte Carlo: one from a configuration to a later one, and many side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.limits import check_whole
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.settings import check_value
from tglassmlp.settings.ranges import Acceptance, Seed, Temperature
from tglassmlp.simulation.protocols import SwapRequest
from tglassmlp.simulation.swap.chain import Chain
from tglassmlp.simulation.swap.scheme import EXCHANGE_INTERVAL, EXCHANGES_PER_SWEEP

__all__ = ["SAMPLER", "Chains", "NativeSampler", "SwapStatistics", "swap_monte_carlo"]


@dataclass(frozen=True)
class SwapStatistics:
    """What a swap Monte Carlo run measured.

    Attributes
    ----------
    sweeps
        ``[K]`` sweeps after which energies were noted (tuning sweeps count).
    energies
        ``[K]`` potential energy per particle.
    displacement_acceptance, swap_acceptance
        Shares of accepted attempts after tuning; NaN if none were made.
    displacement
        Side of the square that displacements were drawn from.
    energy_drift
        Largest mismatch per particle between running and recomputed energy.
    moves_per_second
        Attempts per second of this process; informed exchanges are not counted.
    pair_acceptance
        Share of accepted exchanges after tuning of each pair of species, ``{"1-3": 0.9}``.
    """

    sweeps: NDArray[np.int64]
    energies: NDArray[np.float64]
    displacement_acceptance: float
    swap_acceptance: float
    displacement: float
    energy_drift: float
    moves_per_second: float
    pair_acceptance: Mapping[str, float]

    def __repr__(self) -> str:
        return (
            f"<SwapStatistics of {int(self.sweeps[-1])} sweeps: energy {self.energies[-1]:.4f} per particle, "
            f"acceptance of displacements {self.displacement_acceptance:.3f}, "
            f"of exchanges {self.swap_acceptance:.2g}>"
        )


@takes_mixture()
def swap_monte_carlo(
    c: Configuration,
    temperature: float,
    sweeps: int,
    seed: np.random.SeedSequence | int,
    *,
    mixture: Mixture = KA2D,
    swap_fraction: float = 0.2,
    target_acceptance: float = 0.4,
    tuning_sweeps: int | None = None,
    displacement: float = 0.12,
    records: int = 20,
    exchange_weights: Mapping[str, float] | None = None,
    exchanges: str = "plain",
    exchanges_per_sweep: float = EXCHANGES_PER_SWEEP,
    exchange_interval: int = EXCHANGE_INTERVAL,
) -> tuple[Configuration, SwapStatistics]:
    """Run swap Monte Carlo from a configuration.

    Parameters
    ----------
    c
        Start configuration, without overlaps.
    temperature
        Temperature T > 0.
    sweeps
        Total number of sweeps, at least 1; a sweep consists of N attempted moves.
    seed
        Seed sequence or whole number; the same seed gives the same numbers.
    mixture
        Species and pair potential. By default KA2D, if the species of the configuration allow it.
    swap_fraction
        Fraction of attempted moves that exchange the species of two particles, in [0, 1).
    target_acceptance
        Target acceptance of displacements, 0.3 to 0.5.
    tuning_sweeps
        Sweeps at the beginning in which the displacement is tuned; a quarter of all, at most 500, by default.
    displacement
        Initial side of the square from which displacements are drawn.
    records
        Number of equally spaced points at which the energy is recorded.
    exchange_weights
        Relative weights of exchanges between species, see
        :class:`~tglassmlp.simulation.swap.chain.Chain`.
    exchanges, exchanges_per_sweep, exchange_interval
        Scheme of the exchanges, see :class:`~tglassmlp.simulation.swap.chain.Chain`: ``"informed"``
        equilibrates several times faster than ``"plain"`` at low temperature.

    Returns
    -------
    Configuration
        The last configuration; positions are unwrapped and continue those of ``c``.
    SwapStatistics
        Energies, acceptances and speed.

    Raises
    ------
    ValueError
        For a parameter that a run's configuration would refuse (temperature, target acceptance, seed), fewer
        than one sweep, overlapping particles, or species or box that do not fit.

    Examples
    --------
    >>> import tglassmlp as tg  # doctest: +SKIP
    >>> later, statistics = tg.swap_monte_carlo(c, 0.5, 100, seed=1)  # doctest: +SKIP
    """
    check_whole("sweeps", sweeps)
    if isinstance(temperature, Real) and not temperature > 0:
        raise ValueError(f"temperature must be a positive number, found {temperature}")
    check_value("temperature", temperature, Temperature)
    check_value("target_acceptance", target_acceptance, Acceptance)
    if not isinstance(seed, np.random.SeedSequence):
        check_value("seed", seed, Seed)
    if not (np.isfinite(displacement) and 0 < displacement <= 0.5 * c.box_length):
        raise ValueError(
            f"displacement must be positive and at most half the box ({0.5 * c.box_length:g}), found "
            f"{displacement}"
        )
    check_whole("records", records)
    sweeps, records = int(sweeps), int(records)
    tuning = min(sweeps // 4, 500) if tuning_sweeps is None else int(tuning_sweeps)
    if not 0 <= tuning <= sweeps or (tuning_sweeps is not None and tuning != tuning_sweeps):
        raise ValueError(f"tuning_sweeps must lie in 0..{sweeps} and be whole, found {tuning_sweeps}")
    chain = Chain(
        c,
        temperature,
        seed,
        mixture,
        swap_fraction,
        displacement,
        exchange_weights=exchange_weights,
        exchanges=exchanges,
        exchanges_per_sweep=exchanges_per_sweep,
        exchange_interval=exchange_interval,
    )
    begin = time.perf_counter()
    chain.tune(tuning, target_acceptance)
    before, pairs_before = chain.counters, chain.pair_counts
    points = np.unique(np.round(np.linspace(tuning, sweeps, min(records, sweeps) + 1)).astype(np.int64))[
        -records:
    ]
    energies, drift, done = [], 0.0, tuning
    for point in points:
        chain.run(int(point) - done)
        done = int(point)
        drift = max(drift, chain.check_energy())
        energies.append(chain.energy)
    elapsed = time.perf_counter() - begin
    tried, moved, swap_tried, swapped, _ = chain.counters - before
    return chain.configuration(), SwapStatistics(
        points,
        np.array(energies),
        moved / tried if tried else float("nan"),
        swapped / swap_tried if swap_tried else float("nan"),
        chain.displacement,
        drift,
        sweeps * chain.n_particles / elapsed,
        chain.pair_acceptance(pairs_before),
    )


class Chains:
    """Chains that go one after the other; see :class:`tglassmlp.simulation.protocols.SwapChains`.

    Parameters
    ----------
    chains
        The chains, which :attr:`members` lists.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        self.members = list(chains)

    @property
    def temperature(self) -> float:
        """Temperature of all chains."""
        return self.members[0].temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        for chain in self.members:
            chain.temperature = value

    @property
    def energies(self) -> NDArray[np.float64]:
        """Potential energy per particle of every chain."""
        return np.array([chain.energy for chain in self.members])

    @property
    def counters(self) -> NDArray[np.int64]:
        """Displacements tried and accepted, exchanges tried and accepted, list rebuilds: ``[chain, 5]``."""
        return np.array([chain.counters for chain in self.members])

    def run(self, sweeps: int) -> None:
        """Move every chain by some sweeps."""
        for chain in self.members:
            chain.run(sweeps)

    def tune(self, sweeps: int, target: float) -> None:
        """Move every chain, steering its own acceptance of displacements to ``target``."""
        for chain in self.members:
            chain.tune(sweeps, target)

    def configurations(self) -> list[Configuration]:
        """Present configuration of every chain, particles in the order of the start."""
        return [chain.configuration() for chain in self.members]

    def check_energies(self) -> NDArray[np.float64]:
        """Mismatch per particle between the running and the recomputed energy of every chain."""
        return np.array([chain.check_energy() for chain in self.members])

    def states(self) -> list[dict[str, NDArray]]:
        """Everything needed to go on bit for bit, of every chain."""
        return [chain.state() for chain in self.members]

    def restore(self, states: Sequence[Mapping[str, NDArray]]) -> None:
        """Take over saved :meth:`states`."""
        for chain, state in zip(self.members, states, strict=True):
            chain.restore(state)


class NativeSampler:
    """Swap Monte Carlo of the native engine; options are the keyword parameters of ``Chain``."""

    def chains(self, request: SwapRequest) -> Chains:
        """Start the chains of a request."""
        return Chains(
            [
                Chain(c, request.temperature, seed, request.mixture, **request.options)
                for c, seed in zip(request.configurations, request.seeds, strict=True)
            ]
        )


SAMPLER: Final = NativeSampler()
