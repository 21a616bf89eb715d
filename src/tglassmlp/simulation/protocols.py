"""What engines do: dynamics, swap sampling and minimisation of batches of systems, and how to get at them.

Each job has a protocol. A call hands over *many* systems at once, so that an engine can fill a device with
them or share them out among threads; an engine that takes one at a time loops. What an engine offers, and how
well, is declared in :mod:`tglassmlp.engines` and known before its code is loaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp import engines
from tglassmlp.box import DIMENSIONS
from tglassmlp.configuration import Configuration
from tglassmlp.default_mixture import check_carried_mixture
from tglassmlp.mixture import Mixture
from tglassmlp.progress import Report
from tglassmlp.simulation.dynamics import DEFAULT_SETTINGS, DynamicsSettings, Trajectory

__all__ = [
    "Conduct",
    "Dynamics",
    "DynamicsRequest",
    "Minimiser",
    "SwapChains",
    "SwapRequest",
    "SwapSampler",
    "dynamics_engine",
    "minimiser",
    "swap_sampler",
    "trajectories",
]


# ------------------------------------------------------------------------------------------- dynamics


@dataclass(frozen=True)
class DynamicsRequest:
    """Trajectories that are wanted: replicas of several structures of one temperature.

    Parameters
    ----------
    configurations
        The structures: positions that replicas start from, species, box.
    seeds
        Seed of each structure; replica r uses it with r added to the spawn key.
    temperature
        Temperature of the Maxwell velocities and of the thermostat.
    steps
        ``[frame]`` whole, strictly increasing numbers of time steps, from 0 on, at which frames are kept.
    replicas
        Number of replicas of each structure.
    mixture, settings
        Pair potential; integration.
    positions
        ``[replica, N, 2]`` of each structure, where its replicas start and their displacements count from;
        None: all start from the structure.
    numbers
        Numbers of the structures within their temperature, which messages and notes name; None: not named.

    Raises
    ------
    ValueError
        Unless there are as many seeds (and numbers, and starts) as structures, and at least one, or if a
        structure carries a mixture of another pair potential.
    """

    configurations: Sequence[Configuration]
    seeds: Sequence[np.random.SeedSequence]
    temperature: float
    steps: Sequence[int] | NDArray[np.int64]
    replicas: int
    mixture: Mixture
    settings: DynamicsSettings = DEFAULT_SETTINGS
    positions: Sequence[ArrayLike] | None = None
    numbers: Sequence[int] | None = None

    def __post_init__(self) -> None:
        count = len(self.configurations)
        parts = {"numbers": self.numbers, "seeds": self.seeds, "starts": self.positions}
        given = {name: len(part) for name, part in parts.items() if part is not None}
        if count < 1 or any(n != count for n in given.values()):
            found = ", ".join([f"{count} structures", *(f"{n} {name}" for name, n in given.items())])
            raise ValueError(f"as many numbers and seeds as structures are needed, found {found}")
        check_carried_mixture(self.configurations, self.mixture, "dynamics")

    def __len__(self) -> int:
        return len(self.configurations)

    def alone(self, index: int) -> DynamicsRequest:
        """Return the request of one of the structures."""
        return self.part([index])

    def part(self, indices: Sequence[int]) -> DynamicsRequest:
        """Return the request of some of the structures."""
        return replace(
            self,
            configurations=[self.configurations[k] for k in indices],
            seeds=[self.seeds[k] for k in indices],
            positions=None if self.positions is None else [self.positions[k] for k in indices],
            numbers=None if self.numbers is None else [self.numbers[k] for k in indices],
        )

    @property
    def named(self) -> str:
        """The structures as messages name them; empty if they have no numbers."""
        if self.numbers is None:
            return ""
        one = len(self.numbers) == 1
        return f"structure {self.numbers[0]}" if one else f"structures {list(self.numbers)}"


@dataclass(frozen=True)
class Conduct:
    """How work is carried out. No number of a result depends on it.

    Parameters
    ----------
    checkpoints
        Restart file (``.npz``) of each structure, or None. An engine that moves several structures in one
        simulation may keep them in one file, beside these and named like them.
    keep_checkpoints
        Leave the restart files when the work is complete.
    progress
        Called with a :class:`~tglassmlp.progress.Report` now and then; the amount counts particle-steps.
    threads
        Structures, or groups of replicas, that are moved at the same time.
    """

    checkpoints: Sequence[Path] | None = None
    keep_checkpoints: bool = False
    progress: Callable[[Report], None] | None = None
    threads: int = 1

    def alone(self, index: int) -> Conduct:
        """Return the conduct of the work on one of the structures."""
        files = self.checkpoints
        return replace(self, checkpoints=None if files is None else [files[index]])

    def tell(self, report: Report) -> None:
        """Report to whoever listens."""
        if self.progress is not None:
            self.progress(report)


#: Work without restart files, reports or threads.
PLAIN: Final = Conduct()


class Dynamics(Protocol):
    """Newtonian replicas of structures, with a thermostat."""

    def trajectories(self, request: DynamicsRequest, conduct: Conduct = PLAIN) -> list[Trajectory]:
        """Run all replicas and return their frames, one trajectory for each structure.

        Raises
        ------
        ValueError
            For unusable input, or a damaged or foreign checkpoint.
        RuntimeError
            If the integration fails.
        """
        ...


def trajectories(chosen: Dynamics, request: DynamicsRequest, conduct: Conduct = PLAIN) -> list[Trajectory]:
    """Run a request by an engine, and hold what comes back against it.

    Raises
    ------
    RuntimeError
        If the engine returns something else than was asked for: fewer structures, replicas, frames or
        particles, other steps, or displacements that are not finite.
    """
    if not callable(getattr(chosen, "trajectories", None)):
        raise TypeError(f"engine must be the name of an engine or the engine itself, found {chosen!r}")
    found = chosen.trajectories(request, conduct)
    fault = f"the dynamics of {type(chosen).__module__}.{type(chosen).__qualname__} returned "
    if not isinstance(found, Sequence) or not all(isinstance(t, Trajectory) for t in found):
        raise RuntimeError(f"{fault}{type(found).__name__}, wanted a list of Trajectory")
    if len(found) != len(request):
        raise RuntimeError(f"{fault}{len(found)} trajectories of {len(request)} structures")
    steps = np.asarray(request.steps)
    for k, (c, t) in enumerate(zip(request.configurations, found, strict=True)):
        frames = (int(request.replicas), steps.size)
        wanted = {"displacements": (*frames, c.n_particles, DIMENSIONS), "times": steps.shape}
        wanted |= dict.fromkeys(("kinetic_temperature", "potential_energy", "conserved_drift"), frames)
        for name, shape in wanted.items():
            if np.shape(getattr(t, name)) != shape:
                raise RuntimeError(
                    f"{fault}{name} of shape {np.shape(getattr(t, name))} for structure {k}, wanted {shape}"
                )
        if not np.array_equal(t.steps, steps):
            raise RuntimeError(f"{fault}other steps for structure {k} than those of the request")
        if not all(np.isfinite(replica).all() for replica in t.displacements):
            raise RuntimeError(f"{fault}displacements of structure {k} that are not finite")
    return found


# -------------------------------------------------------------------------------------- swap sampling


@dataclass(frozen=True)
class SwapRequest:
    """Chains of swap Monte Carlo that are wanted, of several structures of one temperature.

    Parameters
    ----------
    configurations
        Where the chains start.
    seeds
        Seed of each chain.
    temperature
        Temperature of the Boltzmann distribution.
    mixture
        Pair potential.
    options
        Choices of the sampler, as it names them.
    """

    configurations: Sequence[Configuration]
    seeds: Sequence[np.random.SeedSequence]
    temperature: float
    mixture: Mixture
    options: Mapping[str, Any]


class SwapChains(Protocol):
    """Chains that a sampler moves together."""

    #: Temperature of all of them, which may be changed between two calls of :meth:`run`.
    temperature: float

    @property
    def energies(self) -> NDArray[np.float64]:
        """Potential energy per particle of every chain."""
        ...

    @property
    def counters(self) -> NDArray[np.int64]:
        """Displacements tried and accepted, exchanges tried and accepted, of every chain: ``[chain, 4]``.

        What a sampler counts besides may follow.
        """
        ...

    def run(self, sweeps: int) -> None:
        """Move every chain by some sweeps of N attempts each."""
        ...

    def tune(self, sweeps: int, target: float) -> None:
        """Move every chain, steering its own acceptance of displacements to ``target``.

        Detailed balance does not hold while this goes on.
        """
        ...

    def configurations(self) -> list[Configuration]:
        """Present configuration of every chain, particles in the order of the start."""
        ...

    def check_energies(self) -> NDArray[np.float64]:
        """Mismatch per particle between the running and a recomputed energy, of every chain.

        Raises
        ------
        ValueError
            If one of them is too large.
        """
        ...

    def states(self) -> list[dict[str, NDArray]]:
        """Everything needed to go on with each chain, as arrays for its checkpoint."""
        ...

    def restore(self, states: Sequence[Mapping[str, NDArray]]) -> None:
        """Take over saved :meth:`states`, one for each chain.

        Raises
        ------
        ValueError
            If they are not those of such chains.
        """
        ...


class SwapSampler(Protocol):
    """Swap Monte Carlo of many structures at once."""

    def chains(self, request: SwapRequest) -> SwapChains:
        """Start the chains of a request."""
        ...


# --------------------------------------------------------------------------------------- minimisation


class Minimiser(Protocol):
    """Inherent structures of many configurations at once."""

    def minima(
        self,
        configurations: Sequence[Configuration],
        *,
        mixture: Mixture,
        force_tolerance: float = 1e-6,
        maximum_steps: int = 100_000,
    ) -> list[Configuration]:
        """Bring every configuration to the minimum below it, positions unwrapped.

        Raises
        ------
        ValueError, RuntimeError
            If a parameter is out of range or the tolerance is not reached.
        """
        ...


# -------------------------------------------------------------------------------------------- loading


def dynamics_engine(name: str) -> Dynamics:
    """Return the dynamics of an engine.

    Raises
    ------
    ValueError
        For an unknown engine, or one that does not offer this; the message lists those that do.
    ImportError
        If it needs a library that is not installed; the message says how to get it.
    """
    found: Dynamics = _offered(name, "dynamics", "dynamics")
    return found


def swap_sampler(name: str) -> SwapSampler:
    """Return the swap Monte Carlo of an engine; raises as :func:`dynamics_engine`."""
    found: SwapSampler = _offered(name, "swap", "swap Monte Carlo")
    return found


def minimiser(name: str) -> Minimiser:
    """Return the minimiser of an engine; raises as :func:`dynamics_engine`."""
    found: Minimiser = _offered(name, "minimiser", "minimisation")
    return found


def _offered(name: str, job: str, title: str) -> Any:
    """Load what an engine has for a job."""
    declared = engines.engine(name)
    place = getattr(declared, job)
    if place is None:
        offering = [other for other in engines.names() if getattr(engines.engine(other), job) is not None]
        raise ValueError(f"engine {name!r} does not offer {title}, allowed: {', '.join(offering)}")
    if not isinstance(place, str):
        return place
    module, _, attribute = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except AttributeError as error:
        raise ImportError(f"engine {name!r}: {place!r} is the place of its {title}, but {error}") from error
    except ModuleNotFoundError as error:
        raise ImportError(
            f"engine {name!r} is not available here (no module {error.name!r}). {declared.advice}".rstrip()
        ) from error
    engines.check_object(name, job, found)
    return found
