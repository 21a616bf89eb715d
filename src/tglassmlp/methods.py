"""Methods whose propensities a run compares: what they are called in tables, and what they are.

Tables, figures and claims ask here instead of knowing names. Of the network, name and title are those of its
model (:mod:`tglassmlp.network.models`). The module imports neither JAX nor matplotlib.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tglassmlp.network.models import DEFAULT, named

__all__ = ["CEILING", "DRAWN", "DYNAMICS", "METHODS", "NETWORK", "SINGLE_DESCRIPTORS", "Method", "Role"]

Role = Literal["dynamics", "ceiling", "network", "drawn", "baseline network", "regression", "descriptor"]


@dataclass(frozen=True)
class Method:
    """One method.

    Parameters
    ----------
    name
        Its name in column ``method`` of tables.
    title
        What figures and pages call it.
    role
        ``dynamics`` is what all others are held against, ``ceiling`` the highest correlation that its
        replicas permit. A ``network`` has seen many state points, a ``baseline network`` one; ``drawn`` are
        fields from the distribution that the network predicts, of which its field is the mean. The values of
        a ``regression`` or of a single ``descriptor`` are ranks of particles: their means and fluctuations
        are not those of a propensity.
    """

    name: str
    title: str
    role: Role


DYNAMICS: Final = Method("md", "MD", "dynamics")
CEILING: Final = Method("ceiling", "ceiling of the replicas", "ceiling")

#: The network that a run trains at many state points; the tables and figures are about its predictions.
NETWORK: Final = Method(named(DEFAULT).name, named(DEFAULT).title, "network")

#: Fields drawn from the distribution that the network predicts: its mean field, and a residual each.
DRAWN: Final = Method(f"{NETWORK.name}_drawn", f"{NETWORK.title} with residual", "drawn")

#: All methods by name.
METHODS: Final[dict[str, Method]] = {
    m.name: m
    for m in (
        NETWORK,
        DRAWN,
        DYNAMICS,
        Method("glassmlp", "GlassMLP per state point", "baseline network"),
        Method("glassmlp_transferred", "GlassMLP transferred", "baseline network"),
        Method("ridge", "ridge regression", "regression"),
        Method("ridge_transferred", "ridge regression transferred", "regression"),
        Method("density", "density", "descriptor"),
        Method("energy", "potential energy", "descriptor"),
        Method("perimeter", "Voronoi perimeter", "descriptor"),
        Method("variance", "variance of the energy", "descriptor"),
        CEILING,
    )
}

#: Baselines that are one descriptor each.
SINGLE_DESCRIPTORS: Final = tuple(m.name for m in METHODS.values() if m.role == "descriptor")
