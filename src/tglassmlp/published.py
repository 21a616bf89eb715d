"""Published numbers, kept with the system that they were measured on.

The rule stands here and nowhere else: **a published number is drawn or compared in a run of the very system
it was made for**, which :func:`system_key` tells by pair potential, composition, box and labelled species.
Neither a name nor a temperature makes another liquid comparable, and neither does the same liquid at another
density or in a smaller box. Figures and the page of claims ask :func:`published_for`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tglassmlp.labels import BOND_BREAKING
from tglassmlp.mixture import KA2D, Mixture
from tglassmlp.provenance import fingerprint
from tglassmlp.species import identity
from tglassmlp.state_point import is_same

__all__ = ["PAPER", "Published", "published_for", "system_key"]


def system_key(mixture: Mixture, central_species: int = 1, label: str = BOND_BREAKING.name) -> str:
    """Fingerprint of a system to which published numbers can belong.

    Parameters
    ----------
    mixture
        Pair potential and shares enter as :func:`tglassmlp.species.identity`, the unit system by its numbers
        of particles and its box. The name and the radii of the tessellation do not enter.
    central_species
        Species whose particles are labelled.
    label
        Name of the label; published numbers are of bond breaking.

    Examples
    --------
    >>> system_key(KA2D) == system_key(KA2D.scaled(10))
    False
    """
    return fingerprint(
        {
            "identity": identity(mixture),
            "composition": [int(n) for n in mixture.composition],
            "box_length": round(float(mixture.box_length), 4),
            "central_species": int(central_species),
            **({} if label == BOND_BREAKING.name else {"label": label}),
        }
    )


@dataclass(frozen=True)
class Published:
    """Numbers published of one system.

    Parameters
    ----------
    name
        What the system is called in a sentence.
    correlations
        Temperature -> ``time`` (LJ times) and name of a network -> Pearson correlations with measured
        bond-breaking propensities at these times.
    energies
        Temperature -> mean potential energies per particle of single thermal configurations.
    slowing
        Temperature below which heterogeneities hardly grow any more.
    parameters
        Range of the number of parameters of one network; fewer species have fewer descriptors.
    kept
        Networks kept in the selection, and trained.
    """

    name: str
    correlations: Mapping[float, Mapping[str, tuple[float, ...]]]
    energies: Mapping[float, tuple[float, ...]]
    slowing: float
    parameters: tuple[int, int]
    kept: tuple[int, int]

    def correlations_at(self, temperature: float) -> Mapping[str, tuple[float, ...]] | None:
        """Return the published correlations at one temperature, None if there are none."""
        return next((v for t, v in self.correlations.items() if is_same(t, temperature)), None)

    def energies_at(self, temperature: float) -> tuple[float, ...]:
        """Return the published energies at one temperature, possibly none."""
        return next((v for t, v in self.energies.items() if is_same(t, temperature)), ())


#: The system of the paper. Correlations: GlassBench (Jung et al., 2023, doi 10.5281/zenodo.10118191);
#: energies: configurations of that data set; the rest: Jung, Biroli, Berthier, Phys. Rev. B 109, 064205
#: (2024).
PAPER: Final = Published(
    name=f"{KA2D.name} with N = {sum(KA2D.composition)}",
    correlations={
        0.30: {
            "time": (1.25, 14.14, 158.74, 1781.79, 20000.0),
            "GlassMLP": (-0.009, 0.186, 0.413, 0.666, 0.767),
            "SE3 GNN": (0.512, 0.479, 0.577, 0.725, 0.797),
            "BOTAN": (0.556, 0.556, 0.620, 0.715, 0.788),
            "CAGE": (0.220, 0.360, 0.545, 0.681, 0.729),
        }
    },
    energies={0.23: (-2.680, -2.672), 0.30: (-2.607,)},
    slowing=0.23,
    parameters=(1000, 1200),
    kept=(4, 16),
)

_BY_SYSTEM: Final[Mapping[str, Published]] = {system_key(KA2D): PAPER}


def published_for(system: str) -> Published | None:
    """Numbers published of a system.

    Parameters
    ----------
    system
        Its :func:`system_key`.

    Returns
    -------
    Published or None
        None: nothing is published of it, and nothing may be compared.

    Examples
    --------
    >>> published_for(system_key(KA2D)).name
    'KA2D with N = 1290'
    >>> published_for(system_key(KA2D, central_species=2)) is None
    True
    """
    return _BY_SYSTEM.get(system)
