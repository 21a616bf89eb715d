r"""Hybrid Monte Carlo: blocks of any engine's molecular dynamics alternate with blocks of exchanges.

The collective moves of the particles are left to dynamics, those of the species to exchanges (L. Berthier et
al., J. Stat. Mech. 064004 (2019)). Here both keep the Boltzmann distribution exactly:

* A block of dynamics begins with velocities drawn from the Maxwell distribution and integrates at constant
  energy. The integrator is reversible and keeps volumes of phase space, so accepting its end with probability
  :math:`\min(1, e^{-\Delta H / T})`, :math:`\Delta H` the change of the total energy, keeps detailed balance
  at any time step (S. Duane et al., Phys. Lett. B 195, 216 (1987)). Thermostatted dynamics without that rule,
  as in the work cited above, carries the error of its time step into the energies.
* Between blocks species are exchanged at standing positions (:mod:`tglassmlp.simulation.swap.informed`).

A sweep is ``hybrid_steps`` time steps, so that schedules mean the same for either method; dynamics between
two blocks of exchanges, or two calls, are one block. While the chain is tuned the time step steers itself on
a ladder of factors :math:`2^{-1/2}`: the root mean square of :math:`\Delta H` grows as
:math:`\sqrt{N} h^2`, so large systems need shorter steps than small ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.limits import check_whole
from tglassmlp.simulation import energies
from tglassmlp.simulation.checkpoint import check_saved
from tglassmlp.simulation.dynamics import DynamicsSettings
from tglassmlp.simulation.protocols import Dynamics, DynamicsRequest, SwapRequest, trajectories
from tglassmlp.simulation.swap.chain import Chain
from tglassmlp.simulation.swap.scheme import EXCHANGE_INTERVAL, EXCHANGES_PER_SWEEP, HYBRID_STEPS

__all__ = ["HybridChains", "HybridSampler", "Walker"]

#: Rungs of the ladder of time steps, each shorter by the square root of 2, and the one that chains begin on.
RUNGS: Final = 13
FIRST_RUNG: Final = 4

#: The time step is tuned to a mean acceptance of blocks between these, judged by so many blocks.
ACCEPTANCE: Final = (0.6, 0.9)
JUDGED_BLOCKS: Final = 4

#: Blocks refused one after the other, after which a chain is given up.
MOST_REFUSED: Final = 100

#: Largest allowed difference per particle between the engine's potential energy and that of our own kernels.
ENERGY_TOLERANCE: Final = 1e-5

#: What random numbers of a block are for, last in their key; 0 is for the engine.
_DECISION, _EXCHANGES = 1, 2


@dataclass
class Walker:
    """One chain: where it is, and what was counted on the way."""

    configuration: Configuration
    seed: np.random.SeedSequence
    rung: int = FIRST_RUNG
    #: Blocks of dynamics, blocks of exchanges, sweeps since the last one, blocks refused in a row.
    progress: NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, np.int64))
    counters: NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, np.int64))
    #: Blocks since the time step was last changed, and the sum of their acceptance probabilities.
    judged: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    mismatch: float = 0.0

    def key(self, number: int, purpose: int) -> np.random.SeedSequence:
        """Seed of what a block draws."""
        return np.random.SeedSequence(
            self.seed.entropy, spawn_key=(*self.seed.spawn_key, int(number), purpose)
        )


class HybridChains:
    """Chains of hybrid Monte Carlo; see :class:`tglassmlp.simulation.protocols.SwapChains`.

    Parameters
    ----------
    request
        Structures, seeds, temperature, mixture; options ``exchange_weights``, ``exchanges_per_sweep``,
        ``exchange_interval`` and ``exchanges`` (informed) as for
        :class:`tglassmlp.simulation.swap.chain.Chain`, ``hybrid_steps`` (time steps of a sweep) and
        ``hybrid_time_step`` (the longest time step).
    dynamics
        Engine that integrates.

    Raises
    ------
    ValueError
        For an unknown option or one out of range, or a structure that does not fit the mixture.
    """

    def __init__(self, request: SwapRequest, dynamics: Dynamics) -> None:
        self.dynamics, self.mixture = dynamics, request.mixture
        self.temperature = float(request.temperature)
        options: dict[str, Any] = {
            "exchanges": "informed",
            "exchange_weights": None,
            "exchanges_per_sweep": EXCHANGES_PER_SWEEP,
            "exchange_interval": EXCHANGE_INTERVAL,
            "hybrid_steps": HYBRID_STEPS,
            "hybrid_time_step": DynamicsSettings().time_step,
            "swap_fraction": None,
        }
        unknown = sorted(set(request.options) - set(options))
        if unknown:
            raise ValueError(
                f"unknown options of hybrid Monte Carlo: {', '.join(unknown)}; allowed: {', '.join(options)}"
            )
        options |= request.options
        if options["exchanges"] != "informed":
            raise ValueError(f"hybrid exchanges are informed, found exchanges {options['exchanges']!r}")
        for name in ("exchange_interval", "hybrid_steps"):
            check_whole(name, options[name])
        self.exchange_interval, self.steps = int(options["exchange_interval"]), int(options["hybrid_steps"])
        self.weights: Mapping[str, float] | None = options["exchange_weights"]
        self.exchanges_per_sweep = float(options["exchanges_per_sweep"])
        self.settings = [
            DynamicsSettings(
                time_step=options["hybrid_time_step"] * 2.0 ** (-0.5 * rung),
                thermostat="none",
                precision="double",
            )
            for rung in range(RUNGS)
        ]
        #: The chains.
        self.walkers = [Walker(c, s) for c, s in zip(request.configurations, request.seeds, strict=True)]
        for walker in self.walkers:
            # refuses what does not fit, as it will be exchanged
            self._chain(walker, walker.configuration)

    def _chain(self, walker: Walker, c: Configuration) -> Chain:
        """Chain that exchanges the species of a configuration."""
        return Chain(
            c,
            self.temperature,
            walker.key(int(walker.progress[1]), _EXCHANGES),
            self.mixture,
            exchange_weights=self.weights,
            exchanges="informed",
            exchanges_per_sweep=self.exchanges_per_sweep,
            exchange_interval=self.exchange_interval,
        )

    # -- moving -------------------------------------------------------------------------------------

    @property
    def time_steps(self) -> NDArray[np.float64]:
        """Present time step of every chain."""
        return np.array([self.settings[w.rung].time_step for w in self.walkers])

    def run(self, sweeps: int) -> None:
        """Move every chain by some sweeps; a call begins a new block of dynamics."""
        self._run(sweeps, tuned=False)

    def tune(self, sweeps: int, target: float) -> None:
        """Move every chain, steering its own time step to an acceptance of blocks within :data:`ACCEPTANCE`.

        ``target``, the acceptance of single displacements, has no meaning here. Detailed balance does not
        hold while this goes on.
        """
        self._run(sweeps, tuned=True)

    def _run(self, sweeps: int, *, tuned: bool) -> None:
        while sweeps > 0:
            # all chains are led through the same sweeps
            turn = min(sweeps, self.exchange_interval - int(self.walkers[0].progress[2]))
            for rung in sorted({w.rung for w in self.walkers}):
                self._integrate([w for w in self.walkers if w.rung == rung], turn, tuned=tuned)
            sweeps -= turn
            for walker in self.walkers:
                walker.progress[2] += turn
                if walker.progress[2] == self.exchange_interval:
                    self._exchange(walker)
                    walker.progress[2] = 0

    def _integrate(self, walkers: Sequence[Walker], sweeps: int, *, tuned: bool) -> None:
        """Make one block of dynamics of chains that share a time step, and accept or refuse it."""
        request = DynamicsRequest(
            [w.configuration for w in walkers],
            [w.key(int(w.progress[0]), 0) for w in walkers],
            self.temperature,
            np.array([sweeps * self.steps]),
            1,
            self.mixture,
            self.settings[walkers[0].rung],
        )
        try:
            found = trajectories(self.dynamics, request)
        except (ValueError, RuntimeError):
            # forces too large for the time step, as in a melt: the step is shortened while that is allowed
            if not tuned or (len(walkers) == 1 and walkers[0].rung == RUNGS - 1):
                raise
            if len(walkers) > 1:
                for walker in walkers:
                    self._integrate([walker], sweeps, tuned=True)
                return
            walkers[0].progress[0] += 1
            walkers[0].counters[0] += 1
            walkers[0].rung += 1
            walkers[0].judged[:] = 0.0
            return
        for walker, moved in zip(walkers, found, strict=True):
            n = walker.configuration.n_particles
            end = walker.configuration.with_positions(
                walker.configuration.positions + moved.displacements[0, -1]
            )
            # the potential energy at the end is our own, whatever an engine sums up where particles overlap
            own = energies.total_energy(end, self.mixture) / n
            mismatch = own - float(moved.potential_energy[0, -1])
            change = (float(moved.conserved_drift[0, -1]) + mismatch) * n / self.temperature
            chance = 1.0 if change <= 0.0 else math.exp(-change) if math.isfinite(change) else 0.0
            decision = np.random.default_rng(walker.key(int(walker.progress[0]), _DECISION)).random()
            walker.progress[0] += 1
            walker.counters[0] += 1
            if decision < chance:
                walker.configuration, walker.mismatch = end, abs(mismatch)
                walker.counters[1] += 1
                walker.progress[3] = 0
            else:
                walker.progress[3] += 1
            if tuned:
                self._judge(walker, chance)
            elif walker.progress[3] >= MOST_REFUSED:
                raise RuntimeError(
                    f"T = {self.temperature:g}: {MOST_REFUSED} blocks of dynamics one after the other were "
                    f"refused (the last one with a change of the total energy of {change:.3g} T) at a time "
                    f"step of {self.settings[walker.rung].time_step:.3g}; choose a shorter "
                    "equilibration.hybrid_time_step, or fewer hybrid_steps"
                )

    def _judge(self, walker: Walker, chance: float) -> None:
        """Change the time step of a chain if its acceptance says so."""
        walker.judged += (1.0, chance)
        if walker.judged[0] < JUDGED_BLOCKS:
            return
        mean = walker.judged[1] / walker.judged[0]
        rung = walker.rung + (mean < ACCEPTANCE[0]) - (mean > ACCEPTANCE[1])
        walker.rung = min(max(rung, 0), RUNGS - 1)
        walker.judged[:] = 0.0

    def _exchange(self, walker: Walker) -> None:
        """Make one block of exchanges."""
        chain = self._chain(walker, walker.configuration)
        chain.exchange(chain.exchanges_per_block)
        walker.configuration = Configuration(
            walker.configuration.positions,
            chain.configuration().species,
            walker.configuration.box_length,
            self.mixture,
        )
        walker.counters[2:] += chain.counters[2:4]
        walker.progress[1] += 1

    # -- looking ------------------------------------------------------------------------------------

    @property
    def energies(self) -> NDArray[np.float64]:
        """Potential energy per particle of every chain."""
        return np.array(
            [
                energies.total_energy(w.configuration, self.mixture) / w.configuration.n_particles
                for w in self.walkers
            ]
        )

    @property
    def counters(self) -> NDArray[np.int64]:
        """Blocks of dynamics made and accepted, exchanges tried and accepted: ``[chain, 4]``."""
        return np.array([w.counters for w in self.walkers])

    def configurations(self) -> list[Configuration]:
        """Present configuration of every chain, particles in the order of the start."""
        return [replace(w.configuration, mixture=self.mixture) for w in self.walkers]

    def check_energies(self) -> NDArray[np.float64]:
        """Difference per particle between the engine's potential energy and our own, of the last moved block.

        Raises
        ------
        ValueError
            If it exceeds :data:`ENERGY_TOLERANCE` times the size of the energy (at least 1).
        """
        found = np.array([w.mismatch for w in self.walkers])
        allowed = ENERGY_TOLERANCE * np.maximum(1.0, np.abs(self.energies))
        if not np.all(found <= allowed):
            k = int(np.argmax(found / allowed))
            raise ValueError(
                f"chain {k}: the potential energy that the engine reports differs by {found[k]:.3g} per "
                f"particle from the one computed anew, allowed {allowed[k]:.3g}"
            )
        return found

    # -- checkpoints --------------------------------------------------------------------------------

    def states(self) -> list[dict[str, NDArray]]:
        """Everything needed to go on, of every chain."""
        return [
            {
                "positions": w.configuration.positions.copy(),
                "species": w.configuration.species.copy(),
                "rung": np.array([w.rung], np.int64),
                "progress": w.progress.copy(),
                "counters": w.counters.copy(),
                "judged": w.judged.copy(),
                "mismatch": np.array([w.mismatch]),
            }
            for w in self.walkers
        ]

    def restore(self, states: Sequence[Mapping[str, NDArray]]) -> None:
        """Take over saved :meth:`states`.

        Raises
        ------
        ValueError
            If they are those of other chains.
        """
        for walker, own, state in zip(self.walkers, self.states(), states, strict=True):
            for name, values in own.items():
                check_saved(state, name, values)
            walker.configuration = Configuration(
                state["positions"], state["species"], walker.configuration.box_length, self.mixture
            )
            walker.rung, walker.mismatch = int(state["rung"][0]), float(state["mismatch"][0])
            walker.progress, walker.counters, walker.judged = (
                state[name].copy() for name in ("progress", "counters", "judged")
            )


class HybridSampler:
    """Hybrid Monte Carlo with the dynamics of an engine.

    Parameters
    ----------
    dynamics
        The engine's dynamics (:func:`tglassmlp.simulation.protocols.dynamics_engine`).
    """

    def __init__(self, dynamics: Dynamics) -> None:
        self.dynamics: Any = dynamics

    def chains(self, request: SwapRequest) -> HybridChains:
        """Start the chains of a request."""
        return HybridChains(request, self.dynamics)
