"""What networks may be asked: structures like those they learnt from, at state points they were made for."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tglassmlp.configuration import Configuration
from tglassmlp.local_structure.describe import periodic_descriptors
from tglassmlp.local_structure.described import Descriptors
from tglassmlp.local_structure.quantities import PAPER
from tglassmlp.mixture import MIXTURES, Mixture
from tglassmlp.network.state_features import StateFeatures
from tglassmlp.settings import check_value
from tglassmlp.settings.ranges import Positive, Share
from tglassmlp.simulation.minimisation import inherent_structure
from tglassmlp.species import from_parameters

__all__ = ["Domain", "beyond", "check_state_point", "mixture_of"]

#: A structure may differ by this much from the mixture of the networks: in the share of any species (or by
#: one particle, if that is more), and in the number density, relatively. Measured with the networks
#: ``laptop`` at T = 0.30, C_B = 0.5: a density higher by one per cent shifts the means of descriptors by up
#: to 2.4 standard deviations and propensities by 0.011 on average; two per cent by 4.8 and 0.021.
SHARE_TOLERANCE: Final = 0.01
DENSITY_TOLERANCE: Final = 0.01

#: Largest force on a particle of a structure that may be an inherent one. Published inherent structures reach
#: 0.6, thermal ones 50 to 75.
LARGEST_FORCE: Final = 2.0


@dataclass(frozen=True)
class Domain:
    """What an ensemble learnt from and was made for.

    Parameters
    ----------
    mixture
        Mixture of the structures.
    lengths, cutoff, central_species
        How their descriptors were made, and of which particles.
    quantities
        Quantities that their descriptors are averages of.
    """

    mixture: Mixture
    lengths: tuple[float, ...]
    cutoff: float
    central_species: int
    quantities: tuple[str, ...] = PAPER

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Domain:
        """Domain from the ``descriptors`` record of a networks file."""
        return cls(
            mixture_of(record["mixture"]),
            tuple(float(x) for x in record["lengths"]),
            float(record["cutoff"]),
            record["central_species"],
            tuple(record.get("quantities", PAPER)),
        )

    def central(self, given: Configuration | Descriptors) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Check one structure; raw descriptors ``[N_1, M]`` of its central particles, and their names."""
        if isinstance(given, Configuration):
            self._check_mixture(given.mixture)
            counts = np.bincount(given.species, minlength=self.mixture.n_species + 1)[1:]
            self._check_structure(counts, given.box_length)
            found = self._descriptors(given)
        elif isinstance(given, Descriptors):
            self._check_structure(np.array(given.settings.counts), given.settings.box_length)
            found = given
        elif isinstance(given, tuple) and len(given) == 2:
            raise ValueError(
                "values and names alone do not say with which cut-off and for which mixture descriptors were "
                "made; pass what tglassmlp.descriptors returned in one piece, or a tglassmlp.Descriptors "
                "with its settings"
            )
        else:
            raise ValueError(
                "a Configuration or what tglassmlp.descriptors returned is needed, found "
                f"{type(given).__name__}; lists of structures are for predict_ensemble"
            )
        self._check_settings(found)
        values = found.values[found.species == self.central_species]
        if not len(values):
            raise ValueError("these descriptors hold no row of the networks' central species")
        if not np.all(np.isfinite(values)):
            raise ValueError("descriptors hold values that are not finite")
        return values, tuple(found.names)

    def _check_mixture(self, carried: Mixture | None) -> None:
        """Refuse a configuration that carries a mixture of another pair potential."""
        own = self.mixture
        if carried is not None and not carried.same_potential(own):
            raise ValueError(
                f"this configuration is of the mixture {carried.name}, these networks learnt {own.name}, "
                f"whose pair potential is another one ({carried.potential_against(own)})"
            )

    def _check_structure(self, counts: NDArray, box_length: float) -> None:
        """Refuse a structure whose composition, density or box is not that of the networks."""
        mixture, n = self.mixture, int(counts.sum())
        shares, density = counts / n, n / box_length**2
        fits = len(counts) == mixture.n_species
        fits = fits and np.abs(shares - mixture.shares).max() <= max(SHARE_TOLERANCE, 1.0 / n)
        if not (fits and abs(density / mixture.density - 1.0) <= DENSITY_TOLERANCE):
            raise ValueError(
                f"these networks learnt {mixture.name} (shares of species {_shares(mixture.shares)}, number "
                f"density {mixture.density:.4f}); this structure has shares {_shares(shares)} and number "
                f"density {density:.4f}, and may differ by {SHARE_TOLERANCE:g} in a share and by "
                f"{DENSITY_TOLERANCE:.0%} in the density"
            )
        if box_length < self.cutoff:
            raise ValueError(
                f"the box ({box_length:g}) is shorter than the range of the networks' descriptors "
                f"({self.cutoff:g}), so that particles would count their own images; at least "
                f"{self.cutoff:g} is needed, and twice as much for structures as the networks learnt from "
                "(Configuration.tiled repeats a system)"
            )

    def _check_settings(self, given: Descriptors) -> None:
        """Refuse descriptors that were made in another way than those the networks learnt from."""
        made = given.settings
        if made.lengths != self.lengths:
            raise ValueError(
                f"these descriptors have the lengths {', '.join(f'{x:g}' for x in made.lengths)}, the "
                f"networks learnt from {', '.join(f'{x:g}' for x in self.lengths)}"
            )
        if not np.isclose(made.cutoff, self.cutoff, rtol=1e-9, atol=0.0):
            raise ValueError(
                f"these descriptors have a cut-off of {made.cutoff:g}, the networks learnt from "
                f"{self.cutoff:g}; make them with cutoff={self.cutoff:g}"
            )
        if not made.mixture.same_particles(self.mixture):
            raise ValueError(
                f"these descriptors are of mixture {made.mixture.name}, whose potential or cell radii are "
                f"not those of {self.mixture.name}, which the networks learnt"
            )
        if made.largest_force > LARGEST_FORCE:
            raise ValueError(
                "these descriptors are not of an inherent structure: the largest force was "
                f"{made.largest_force:.3g}, at most {LARGEST_FORCE:g} is allowed; make them from "
                "tglassmlp.inherent_structure(configuration)"
            )

    def _descriptors(self, configuration: Configuration) -> Descriptors:
        """Inherent structure and descriptors of a thermal configuration, as in the training."""
        inherent = inherent_structure(configuration, mixture=self.mixture)
        return periodic_descriptors(
            inherent, self.lengths, mixture=self.mixture, cutoff=self.cutoff,
            central_species=self.central_species, quantities=self.quantities,
        )  # fmt: skip

    def notes(self, given: Configuration | Descriptors) -> list[str]:
        """Say in what a structure that is accepted is unlike those learnt from."""
        if not isinstance(given, Configuration) or given.box_length >= 2.0 * self.cutoff:
            return []
        return [
            f"the box ({given.box_length:g}) is shorter than twice the range of the networks' "
            f"descriptors ({2.0 * self.cutoff:g}): the sums run over periodic images"
        ]


def beyond(state: StateFeatures, temperature: float, c_b: float) -> list[str]:
    """Say in what a state point lies outside those the networks were made for."""
    told = []
    low, high = state.temperature_range
    if not 0.95 * low <= temperature <= 1.05 * high:
        told.append(f"T = {temperature:g} lies outside {low:g} to {high:g}, for which the networks were made")
    c_low, c_high = state.c_b_range
    if c_b < 0.9 * c_low or 1.0 - c_b < 0.5 * (1.0 - c_high):
        told.append(f"C_B = {c_b:g} lies outside {c_low:g} to {c_high:g}, for which the networks were made")
    return told


def check_state_point(temperature: float, c_b: float) -> None:
    """Refuse what no configuration of a run could hold as a state point."""
    for what, value in (("temperature", temperature), ("C_B", c_b)):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(f"{what} must be one number, found {value!r} ({type(value).__name__})")
    if not 0 < temperature <= 100:
        raise ValueError(f"the temperature must be positive and at most 100, found {temperature}")
    if not 0 < c_b < 1:
        raise ValueError(f"C_B must lie between 0 and 1, found {c_b}")
    check_value("temperature", temperature, Positive)
    check_value("c_b", c_b, Share)


def _shares(values: NDArray) -> str:
    return ", ".join(f"{x:.3f}" for x in values)


def mixture_of(record: str | Mapping[str, Any]) -> Mixture:
    """Mixture by name, or from the record of an unnamed one."""
    if isinstance(record, str):
        if record not in MIXTURES:
            raise ValueError(f"unknown mixture {record!r}, known: {', '.join(MIXTURES)}")
        return MIXTURES[record]
    return from_parameters(record)
