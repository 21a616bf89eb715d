r"""Chains of swap Monte Carlo at constant N, V, T: what can be advanced, looked at, saved and resumed.

A sweep is N attempts (:mod:`tglassmlp.simulation.swap.moves`). The side of the square of displacements is
tuned only in a first, separate part of a run. Scheme: L. Berthier et al., J. Stat. Mech. 064004 (2019),
without its blocks of molecular dynamics.

Positions are never wrapped, and a particle keeps its number; an exchange changes ``species`` of two
numbers.

Systems wider than two :data:`~tglassmlp.simulation.swap.blocks.BLOCK` are swept block by block. The blocks
are laid down independently of the state, moves out of a block are rejected, and exchanges are tried within
the block (a share of them within the whole system): while a block is visited, its particles and their number
stay the same, so every visit keeps detailed balance, and so does the sequence of visits keep the Boltzmann
distribution.

With informed exchanges (:mod:`tglassmlp.simulation.swap.informed`) all attempts are displacements, and
every few sweeps a block of exchanges follows, of pairs of the whole system that are drawn by what they cost.
Either kind of block keeps the Boltzmann distribution, so their fixed sequence does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.box import bring_near
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import takes_mixture
from tglassmlp.mixture import KA2D, Mixture, exchange_matrix
from tglassmlp.randomness import words
from tglassmlp.simulation import energies
from tglassmlp.simulation.checkpoint import check_saved
from tglassmlp.simulation.neighbour_lists import LANES, neighbour_rows, row_width
from tglassmlp.simulation.swap.blocks import BLOCK
from tglassmlp.simulation.swap.groups import (
    DISPLACEMENT,
    DISPLACEMENTS_ACCEPTED,
    DISPLACEMENTS_TRIED,
    ENERGY,
    EXCHANGES_ACCEPTED,
    EXCHANGES_TRIED,
    NeighbourList,
    Proposal,
    SinglePrecision,
    System,
    Tally,
)
from tglassmlp.simulation.swap.informed import exchange_block
from tglassmlp.simulation.swap.lists import sort_and_list
from tglassmlp.simulation.swap.scheme import (
    EXCHANGE_INTERVAL,
    EXCHANGES_PER_SWEEP,
    TUNING_INTERVAL,
    pair_shares,
    steering_factor,
)
from tglassmlp.simulation.swap.single_precision import MARGIN, single_tables
from tglassmlp.simulation.swap.sweep import sweep

__all__ = ["Chain"]

#: Largest allowed mismatch between the running and the recomputed energy, per particle.
ENERGY_TOLERANCE: Final = 1e-8

#: What the neighbour list adds to the cut-off. Displacements in single precision make longer rows cheaper.
SKIN: Final = {"informed": 0.6, "plain": 0.5}

#: Largest allowed mismatch of changes that were summed in single precision, per accepted displacement.
SUM_TOLERANCE: Final = 1e-7


class Chain:
    """A swap Monte Carlo run that can be advanced, looked at, saved and resumed.

    Parameters
    ----------
    c
        Start configuration, without overlaps.
    temperature
        Temperature T > 0 in units of epsilon_11.
    seed
        ``numpy.random.SeedSequence`` or whole number.
    mixture
        Species and pair potential.
    swap_fraction
        Share of attempts that are exchanges, in [0, 1).
    displacement
        Side of the square that displacements are drawn from.
    skin
        Thickness added to the neighbour list, by default :data:`SKIN` of the scheme. It changes the speed,
        and the numbers only through rounding.
    exchange_weights
        Relative weight in [0, 1] of exchanges between two species, ``{"1-2": 0.0}``; 1 for those not named.
        It changes the speed of equilibration, not equilibrium.
    exchanges
        ``"plain"``: a share ``swap_fraction`` of the attempts of a sweep are exchanges of pairs drawn
        blindly. ``"informed"``: the attempts of a sweep are displacements, and blocks of exchanges of pairs
        that are drawn by what they cost (:mod:`tglassmlp.simulation.swap.informed`) come between sweeps;
        ``swap_fraction`` has no meaning then.
    exchanges_per_sweep
        Informed exchanges tried per sweep, as a share of the number of particles.
    exchange_interval
        Sweeps between two blocks of informed exchanges.
    margin
        Errors of single precision are taken to be smaller than the first number, and than the second as a
        share of the sums; decisions that are closer are made in double precision, all of them with an
        infinite first number. It changes the speed only.

    Raises
    ------
    ValueError
        If a parameter is out of range, species or box do not fit the mixture, or particles overlap.
    """

    @takes_mixture(assume=False)
    def __init__(
        self,
        c: Configuration,
        temperature: float,
        seed: np.random.SeedSequence | int,
        mixture: Mixture = KA2D,
        swap_fraction: float = 0.2,
        displacement: float = 0.12,
        skin: float | None = None,
        exchange_weights: Mapping[str, float] | None = None,
        exchanges: str = "plain",
        exchanges_per_sweep: float = EXCHANGES_PER_SWEEP,
        exchange_interval: int = EXCHANGE_INTERVAL,
        margin: tuple[float, float] = MARGIN,
    ) -> None:
        if not np.isfinite(temperature) or temperature <= 0:
            raise ValueError(f"temperature must be a positive number, found {temperature}")
        if not 0.0 <= swap_fraction < 1.0:
            raise ValueError(f"swap_fraction must lie in [0, 1), found {swap_fraction}")
        if exchanges not in SKIN:
            raise ValueError(f"exchanges must be informed or plain, found {exchanges!r}")
        skin = SKIN[exchanges] if skin is None else skin
        if not np.isfinite(skin) or skin <= 0:
            raise ValueError(f"skin must be a positive number, found {skin}")
        if not (np.isfinite(exchanges_per_sweep) and exchanges_per_sweep > 0):
            raise ValueError(f"exchanges_per_sweep must be a positive number, found {exchanges_per_sweep}")
        if int(exchange_interval) != exchange_interval or exchange_interval < 1:
            raise ValueError(
                f"exchange_interval must be a whole number of at least 1, found {exchange_interval}"
            )
        if exchanges == "informed" and np.unique(c.species).size < 2:
            raise ValueError("informed exchanges need at least two species, found one; use plain ones")
        c.check_mixture(mixture.n_species, mixture.largest_cutoff)
        if exchanges == "plain" and swap_fraction > 0 and np.unique(c.species).size < 2:
            raise ValueError("exchanges need at least two species, found one; set swap_fraction to 0")
        exchanged = exchanges == "informed" or swap_fraction > 0
        weights = exchange_matrix(
            exchange_weights or {}, mixture.n_species, np.unique(c.species) if exchanged else None
        )
        energies.check_overlaps(c, mixture)
        self.mixture, self.box_length = mixture, c.box_length
        self.exchanges = exchanges
        self.exchange_interval = int(exchange_interval)
        #: Exchanges tried in one block of informed exchanges.
        self.exchanges_per_block = max(1, round(exchanges_per_sweep * c.n_particles * self.exchange_interval))
        self._shares = pair_shares(c.species, weights)
        self._proposal = Proposal(
            float(temperature), float(swap_fraction) if exchanges == "plain" else 0.0, weights
        )
        self._tables = energies.pair_tables(mixture)
        self._single = SinglePrecision(single_tables(self._tables, c.box_length), *map(float, margin))
        species = mixture.n_species
        self._tally = Tally(
            np.zeros(2), np.zeros(5, np.int64), np.zeros((2, species, species), np.int64), np.zeros(3)
        )
        self._phase = np.zeros(1, np.int64)
        self._settled = True
        near, self._shift = bring_near(c.positions, c.box_length)
        x, y = near.T.copy()
        self._system = System(
            x, y, c.species.astype(np.int64) - 1, np.arange(c.n_particles), float(c.box_length)
        )
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
        self._generator = words(sequence)
        reach = mixture.largest_cutoff
        width = (row_width(c, reach + skin) + LANES - 1) // LANES * LANES
        self._neighbours = NeighbourList(
            np.zeros((c.n_particles, width), np.uint32),
            np.zeros(c.n_particles, np.int64),
            np.empty((2, c.n_particles)),
            reach,
            float(skin),
        )
        self.displacement = displacement
        self._take_rows(sort_and_list(self._system, self._neighbours, np.arange(0)))
        self._tally.running[ENERGY] = self.recomputed_energy()

    def _take_rows(self, rows: NDArray[np.uint32]) -> None:
        """Take over the rows that a kernel returns, which made new ones if the old were too narrow."""
        if rows is not self._neighbours.rows:
            self._neighbours = self._neighbours._replace(rows=rows)

    @property
    def temperature(self) -> float:
        """Temperature T, which may be changed between two runs."""
        return self._proposal.temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._proposal = self._proposal._replace(temperature=float(value))

    @property
    def swap_fraction(self) -> float:
        """Share of attempts that are plain exchanges."""
        return self._proposal.swap_fraction

    @property
    def skin(self) -> float:
        """What the neighbour list adds to the largest cut-off."""
        return self._neighbours.skin

    @property
    def n_particles(self) -> int:
        """Number of particles N."""
        return self._system.x.size

    @property
    def displacement(self) -> float:
        """Side of the square that displacements are drawn from."""
        return float(self._tally.running[DISPLACEMENT])

    @displacement.setter
    def displacement(self, value: float) -> None:
        if not np.isfinite(value) or value <= 0:
            raise ValueError(f"displacement must be a positive number, found {value}")
        # a trial position must lie within half a skin of where the list was made
        self._tally.running[DISPLACEMENT] = min(float(value), 0.7 * self.skin)

    @property
    def energy(self) -> float:
        """Running potential energy per particle."""
        self._settle()
        return float(self._tally.running[ENERGY]) / self.n_particles

    @property
    def counters(self) -> NDArray[np.int64]:
        """Displacements tried and accepted, exchanges tried and accepted, list rebuilds, so far: ``[5]``."""
        return self._tally.counters.copy()

    def pair_acceptance(self, since: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Share of exchanges accepted, for each pair of species of which any was tried: ``{"1-3": 0.9}``.

        Parameters
        ----------
        since
            Earlier :attr:`pair_counts` to count from; from the beginning if None.
        """
        tried, accepted = self._tally.pair_counts if since is None else self._tally.pair_counts - since
        return {f"{a + 1}-{b + 1}": float(accepted[a, b] / tried[a, b]) for a, b in np.argwhere(tried > 0)}

    @property
    def pair_counts(self) -> NDArray[np.int64]:
        """Exchanges tried and accepted of species a < b, so far: ``[2, S, S]``."""
        return self._tally.pair_counts.copy()

    def recomputed_energy(self) -> float:
        """Potential energy of the system, computed anew with a new neighbour list."""
        return energies.total_energy(self.sorted_configuration(), self.mixture)

    def sorted_configuration(self) -> Configuration:
        """Present configuration, particles in the order of the chain's own arrays (by cell of the list)."""
        s = self._system
        return Configuration(np.column_stack([s.x, s.y]), s.types + 1, self.box_length)

    def configuration(self) -> Configuration:
        """Present configuration, particles in the order of the start configuration."""
        positions = np.empty((self.n_particles, 2))
        species = np.empty(self.n_particles, np.int32)
        s = self._system
        positions[s.names, 0], positions[s.names, 1] = s.x, s.y
        species[s.names] = s.types + 1
        return Configuration(positions + self._shift, species, self.box_length, self.mixture)

    def run(self, sweeps: int) -> None:
        """Make ``sweeps`` sweeps of N attempts each.

        How a run is cut into calls changes nothing in a system of one block; in a larger one visits to
        blocks are cut short at the end of a call.
        """
        if self.exchanges == "plain":
            self._sweep(sweeps)
            return
        while sweeps > 0:
            turn = min(sweeps, self.exchange_interval - int(self._phase[0]))
            self._settled = False
            self._sweep(turn)
            sweeps -= turn
            self._phase[0] += turn
            if self._phase[0] == self.exchange_interval:
                self.exchange(self.exchanges_per_block)
                self._phase[0] = 0

    def _sweep(self, sweeps: int) -> None:
        """Make sweeps: of displacements only with informed exchanges, else of displacements and exchanges."""
        self._take_rows(
            sweep(
                sweeps,
                max(1, int(self.box_length // BLOCK)),
                self.exchanges == "informed",
                self._system,
                self._neighbours,
                self._tables,
                self._single,
                self._proposal,
                self._generator,
                self._tally,
            )
        )

    def _settle(self) -> None:
        """Compute the energy from the neighbour list, if displacements were summed in single precision.

        Raises
        ------
        ValueError
            If it differs by more than :data:`SUM_TOLERANCE` per displacement from what they add up to.
        """
        if self._settled:
            return
        s, near, out = self._system, self._neighbours, np.empty((3, self.n_particles))
        listed = energies.ListedSystem(s.x, s.y, s.types, near.rows, near.counts, s.length, self._tables)
        exact = energies.energy_and_forces(listed, *out)
        before, moved = float(self._tally.running[ENERGY]), float(self._tally.sums[1])
        expected = before + float(self._tally.sums[0])
        allowed = SUM_TOLERANCE * (moved + 1e4 + 10.0 * (abs(before) + abs(exact)))
        if not abs(exact - expected) <= allowed:
            raise ValueError(
                f"{moved:.0f} displacements change the energy to {expected:.10g}, recomputed it is "
                f"{exact:.10g}: difference {exact - expected:.3g}, allowed {allowed:.3g}"
            )
        self._tally.running[ENERGY] = exact
        self._tally.sums[:] = 0.0
        self._settled = True

    def exchange(self, tries: int, trace: NDArray[np.float64] | None = None) -> None:
        """Make one block of informed exchanges, all of one species pair, between displacements.

        Parameters
        ----------
        tries
            Exchanges that are tried.
        trace
            ``[tries, 4]``, filled with one row for each: the two particles (as in
            :meth:`sorted_configuration`), the ratio that decides, and 1 if it was accepted, else 0. A ratio
            of at least 1 is always accepted.
        """
        change, accepted = exchange_block(
            tries,
            self._shares,
            self._system,
            self._neighbours,
            self._tables,
            self.temperature,
            self._generator,
            self._tally,
            np.empty((0, 4)) if trace is None else trace,
        )
        # computed anew when it is asked for, so that its bits do not depend on when that was before
        self._settled = False
        self._tally.sums[0] += change
        self._tally.counters[EXCHANGES_TRIED] += tries
        self._tally.counters[EXCHANGES_ACCEPTED] += accepted

    def tune(self, sweeps: int, target: float) -> None:
        """Make ``sweeps`` sweeps, steering the acceptance of displacements to ``target``.

        Detailed balance does not hold while this goes on.
        """
        done = 0
        while done < sweeps:
            step = min(TUNING_INTERVAL, sweeps - done)
            before = self.counters
            self.run(step)
            tried, accepted = (self.counters - before)[[DISPLACEMENTS_TRIED, DISPLACEMENTS_ACCEPTED]]
            self.displacement *= float(steering_factor(accepted, tried, target))
            done += step

    def check_energy(self) -> float:
        """Mismatch per particle between the running and the recomputed energy.

        Raises
        ------
        ValueError
            If it exceeds :data:`ENERGY_TOLERANCE`, or an energy is not finite.
        """
        self._settle()
        exact = self.recomputed_energy()
        drift = abs(exact - float(self._tally.running[ENERGY])) / self.n_particles
        if not drift <= ENERGY_TOLERANCE * max(1.0, abs(exact) / self.n_particles):
            raise ValueError(
                f"the running energy is {self.energy:.12g} per particle, recomputed it is "
                f"{exact / self.n_particles:.12g}: difference {drift:.3g}, allowed {ENERGY_TOLERANCE:g}"
            )
        return drift

    def _arrays(self) -> dict[str, NDArray]:
        """Arrays that are the chain's state, by their names in checkpoints."""
        return {
            "x": self._system.x,
            "y": self._system.y,
            "types": self._system.types,
            "names": self._system.names,
            "reference": self._neighbours.reference,
            "generator": self._generator,
            "running": self._tally.running,
            "counters": self._tally.counters,
            "pair_counts": self._tally.pair_counts,
            "phase": self._phase,
        }

    def state(self) -> dict[str, NDArray]:
        """Everything needed to go on bit for bit, as arrays for a checkpoint."""
        self._settle()
        return {name: values.copy() for name, values in self._arrays().items()}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """Take over a saved :meth:`state`; the list is rebuilt from where it was made."""
        self._tally.sums[:] = 0.0
        self._settled = True
        for name, target in self._arrays().items():
            target[...] = check_saved(state, name, target)
        # entries of a row stay in their places while species change, so the list that was made at the
        # reference positions, with the present species, is the one that was in use
        near = self._neighbours
        rows, counts = neighbour_rows(
            *near.reference, self._system.types, self.box_length, near.reach + near.skin, near.rows.shape[1]
        )
        self._neighbours = near._replace(rows=rows, counts=counts)
