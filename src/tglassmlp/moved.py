"""Old names of modules that have moved: scripts written for them go on working, and are told the new name.

An old module may have become several rooms; a name is looked for in each of them in turn. Nothing in the
package uses this. The table is the only thing to edit when a module moves.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

__all__ = ["MOVED", "install"]

#: Old module -> where its names are now, both below the package.
MOVED: Final[dict[str, tuple[str, ...]]] = {
    "glassbench": ("readers.glassbench", "readers.configurations"),
    "dataset.content": ("dataset.structure_content", "dataset.dynamics_content"),
    "dynamics.forecast": ("cost.forecast",),
    "dynamics.relaxation": ("dynamics.clock", "dynamics.master_curve", "dynamics.relaxation_times"),
    "network.model": ("network.flax_modules", "network.architecture"),
    "network.shipped": ("network.library", "network.publish"),
    "network.state_point": ("network.state_features",),
    "network.steps": ("network.training_run", "network.run_files"),
    "network.training": ("network.optimise", "network.settings", "network.data_stream"),
    "observables.export": ("tables.ovito",),
    "observables.numbers": ("claims.numbers", "claims.run_numbers", "claims.table_numbers"),
    "observables.reproduction": ("claims.page", "claims.publish", "claims.verdict"),
    "simulation.engine": ("simulation.protocols", "simulation.dynamics"),
    "simulation.equilibration": (
        "equilibration.settings",
        "equilibration.structures",
        "equilibration.start",
        "equilibration.overlap",
        "equilibration.order",
        "equilibration.checks",
        "equilibration.verdict",
        "equilibration.heat_capacity",
    ),
    "simulation.extended_check": ("equilibration.extended_check",),
    "simulation.fluctuations": ("equilibration.fluctuations",),
    "simulation.hoomd_engine": ("simulation.hoomd.dynamics",),
    "simulation.hoomd_planes": ("simulation.hoomd.planes",),
    "simulation.kernels": ("simulation.energies", "simulation.neighbour_lists"),
    "simulation.molecular_dynamics": ("simulation.dynamics", "simulation.run", "simulation.native.engine"),
    "simulation.overlap": ("equilibration.overlap",),
    "simulation.reweighting": ("equilibration.reweighting",),
    "simulation.stepper": ("simulation.native.stepper",),
    "simulation.swap_monte_carlo": ("simulation.swap.sampler", "simulation.swap.chain"),
}

_PACKAGE: Final = "tglassmlp"


class _Signpost(ModuleType):
    """A module that has moved: it hands over what is asked for, from where it is now."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        rooms = MOVED[self.__name__.removeprefix(f"{_PACKAGE}.")]
        # first where it is public, then where it is only used; no more rooms are loaded than needed
        for public in (True, False):
            for room in rooms:
                module = importlib.import_module(f"{_PACKAGE}.{room}")
                if name in module.__all__ if public else hasattr(module, name):
                    warnings.warn(
                        f"{self.__name__} has moved: {name} is in {module.__name__} now",
                        DeprecationWarning,
                        stacklevel=2,
                    )
                    return getattr(module, name)
        looked = ", ".join(f"{_PACKAGE}.{room}" for room in rooms)
        raise AttributeError(f"{self.__name__} has moved, and {name!r} is not in {looked}")


class _Finder(MetaPathFinder, Loader):
    """Finds modules that have moved where there is none of that name; asked after all other finders."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        old = fullname.removeprefix(f"{_PACKAGE}.")
        return ModuleSpec(fullname, self) if fullname != old and old in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Signpost(spec.name, f"Moved: see {', '.join(MOVED[spec.name.removeprefix(f'{_PACKAGE}.')])}.")

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


_FINDER: Final = _Finder()


def install() -> None:
    """Let moved modules be found by their old names."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
