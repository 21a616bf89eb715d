"""Learning glassy dynamics: from swap Monte Carlo structures to the dynamics at the glass transition.

The names below are the stable Python interface; each is imported when it is first used, so that
``import tglassmlp`` stays fast and needs neither Numba nor JAX.

Examples
--------
>>> import tglassmlp as tg
>>> sorted(set(tg.KA2D.species().tolist()))
[1, 2, 3]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tglassmlp.moved import install as _find_moved_modules

if TYPE_CHECKING:
    from tglassmlp.configuration import Configuration
    from tglassmlp.dataset.library import load_dataset
    from tglassmlp.default_mixture import MixtureWarning
    from tglassmlp.dynamics.bond_breaking import bond_breaking
    from tglassmlp.figures.plots import plot_pearson, plot_propensity, plot_relaxation
    from tglassmlp.figures.restyle import redraw, restyle
    from tglassmlp.local_structure.describe import descriptors
    from tglassmlp.local_structure.described import CoarseGraining, Descriptors
    from tglassmlp.local_structure.local import radical_perimeters
    from tglassmlp.mixture import KA2D, Mixture
    from tglassmlp.network.learning import Examples, train_networks
    from tglassmlp.network.networks import load_networks, save_networks
    from tglassmlp.network.prediction import PredictionWarning
    from tglassmlp.readers.configurations import read_configurations, write_configurations
    from tglassmlp.simulation.energies import potential_energies
    from tglassmlp.simulation.minimisation import inherent_structure
    from tglassmlp.simulation.run import isoconfigurational_dynamics
    from tglassmlp.simulation.swap.sampler import swap_monte_carlo
    from tglassmlp.storage import read_mixture

__version__ = "0.1.0"

__all__ = [
    "KA2D",
    "CoarseGraining",
    "Configuration",
    "Descriptors",
    "Examples",
    "Mixture",
    "MixtureWarning",
    "PredictionWarning",
    "__version__",
    "bond_breaking",
    "descriptors",
    "inherent_structure",
    "isoconfigurational_dynamics",
    "load_dataset",
    "load_networks",
    "plot_pearson",
    "plot_propensity",
    "plot_relaxation",
    "potential_energies",
    "radical_perimeters",
    "read_configurations",
    "read_mixture",
    "redraw",
    "restyle",
    "save_networks",
    "swap_monte_carlo",
    "train_networks",
    "write_configurations",
]

#: Where each public name lives.
_HOMES = {
    "KA2D": "mixture",
    "Mixture": "mixture",
    "Configuration": "configuration",
    "read_configurations": "readers.configurations",
    "read_mixture": "storage",
    "write_configurations": "readers.configurations",
    "potential_energies": "simulation.energies",
    "inherent_structure": "simulation.minimisation",
    "swap_monte_carlo": "simulation.swap.sampler",
    "isoconfigurational_dynamics": "simulation.run",
    "bond_breaking": "dynamics.bond_breaking",
    "radical_perimeters": "local_structure.local",
    "load_networks": "network.networks",
    "save_networks": "network.networks",
    "Examples": "network.learning",
    "train_networks": "network.learning",
    "load_dataset": "dataset.library",
    "plot_pearson": "figures.plots",
    "plot_propensity": "figures.plots",
    "plot_relaxation": "figures.plots",
    "redraw": "figures.restyle",
    "restyle": "figures.restyle",
    "PredictionWarning": "network.prediction",
    "MixtureWarning": "default_mixture",
    "descriptors": "local_structure.describe",
    "Descriptors": "local_structure.described",
    "CoarseGraining": "local_structure.described",
}

_find_moved_modules()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"tglassmlp.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'tglassmlp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
