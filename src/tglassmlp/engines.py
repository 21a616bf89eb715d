"""The engines that move particles: what each one is called and what it can do.

An engine is declared here before any of its code is imported, so that the configuration, the rules and the
cost model can ask what it offers without compiling a kernel or finding a library. Nobody else compares names
of engines. Declare one with :func:`register`; :mod:`tglassmlp.simulation.protocols` says what its objects do
and loads them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tglassmlp.limits import check_name

__all__ = [
    "METHODS",
    "Capabilities",
    "Engine",
    "check_object",
    "engine",
    "names",
    "register",
    "structure_engine",
    "system_engine",
    "unregister",
    "usual",
]

#: What an engine may offer, and the method that its object has for this.
METHODS: Final[dict[str, str]] = {"dynamics": "trajectories", "swap": "chains", "minimiser": "minima"}


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do, as far as others plan with it.

    Parameters
    ----------
    rates
        Particle-steps per second of one core or one device, for each kind of device (``cpu``, ``gpu``) that
        the engine runs on; the first one is used unless ``device_variable`` asks for another.
    same_bits_for_any_grouping
        Whether a replica's path is the same to the last bit whatever systems are moved beside it, on however
        many threads, and wherever the work was interrupted.
    precisions
        Choices of ``DynamicsSettings.precision`` that the engine honours; an engine with one computes in it,
        whatever is asked for.
    swap_rates
        Displacements per second of its swap Monte Carlo on a device, where that is not as fast as a core
        of the native engine.
    filling, swap_filling
        Replicas, and structures, that a device must move at the same time to reach these rates; with
        fewer it is slower in proportion.
    replicas_per_thread
        Replicas of one structure that the engine moves on one thread; None: it does not share them out among
        threads.
    largest_system
        Most particles of a system that the engine's dynamics takes; None: any number.
    largest_swap_batch
        Most chains of swap Monte Carlo that the engine moves together; None: as many as its memory holds.
    largest_swap_system
        Most particles of a structure that the engine's swap Monte Carlo takes; None: any number.
    exchanges
        Kinds of exchanges that the engine's swap Monte Carlo offers.
    environment
        Name of the conda environment file in ``envs/`` in which the engine runs.
    device_variable
        Environment variable that names the device, if there is a choice.
    """

    rates: Mapping[str, float]
    same_bits_for_any_grouping: bool
    precisions: tuple[str, ...] = ("double",)
    swap_rates: Mapping[str, float] = field(default_factory=dict)
    filling: Mapping[str, int] = field(default_factory=dict)
    swap_filling: Mapping[str, int] = field(default_factory=dict)
    replicas_per_thread: int | None = None
    largest_system: int | None = None
    largest_swap_batch: int | None = None
    largest_swap_system: int | None = None
    exchanges: tuple[str, ...] = ("informed", "plain")
    environment: str = "workflow"
    device_variable: str | None = None

    def __post_init__(self) -> None:
        if not self.rates or not all(rate > 0 for rate in self.rates.values()):
            raise ValueError(f"an engine needs a device and a positive rate on it, found {dict(self.rates)}")
        if not self.precisions or isinstance(self.precisions, str):
            raise ValueError(
                "an engine needs a precision that it computes in, as in ('double',), found "
                f"{self.precisions!r}"
            )
        for name in ("replicas_per_thread", "largest_system", "largest_swap_batch", "largest_swap_system"):
            count = getattr(self, name)
            if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                raise ValueError(f"{name} must be a whole number of at least 1 or None, found {count!r}")

    @property
    def device(self) -> str:
        """Device that is asked for in this environment, the first by default."""
        wanted = os.environ.get(self.device_variable, "") if self.device_variable else ""
        return wanted if wanted in self.rates else next(iter(self.rates))

    def precision(self, wanted: str) -> str:
        """Precision in which the engine computes when ``wanted`` is asked for."""
        return wanted if wanted in self.precisions else self.precisions[0]


@dataclass(frozen=True)
class Engine:
    """One engine: its name, what it can do, and where its objects are.

    Parameters
    ----------
    name
        Name in configurations and calls.
    title
        Name in sentences.
    capabilities
        What it can do.
    dynamics, swap, minimiser
        The objects that do these, see :mod:`tglassmlp.simulation.protocols`, or ``"package.module:NAME"`` of
        one, which is loaded when it is first asked for; None if the engine does not offer it.
    advice
        What to do where a library that the engine needs is missing.
    """

    name: str
    title: str
    capabilities: Capabilities
    dynamics: Any = None
    swap: Any = None
    minimiser: Any = None
    advice: str = field(default="", repr=False)


_ENGINES: dict[str, Engine] = {}


def register(declared: Engine) -> None:
    """Add an engine.

    Raises
    ------
    TypeError
        If one of its objects has not the method that it is for, or is a class and no object of it.
    ValueError
        If its name is taken or is none, or a place is not ``"package.module:NAME"``.
    """
    if not isinstance(declared, Engine):
        raise TypeError(f"an engine is declared as an Engine, found {type(declared).__name__}")
    check_name("engine", declared.name)
    for job in METHODS:
        offered = getattr(declared, job)
        if isinstance(offered, str):
            module, _, attribute = offered.partition(":")
            if not (module and attribute):
                raise ValueError(
                    f"engine {declared.name!r}: {job} must be an object or 'package.module:NAME', found "
                    f"{offered!r}"
                )
        elif offered is not None:
            check_object(declared.name, job, offered)
    if declared.name in _ENGINES:
        raise ValueError(f"there is an engine {declared.name!r} already: {_ENGINES[declared.name]}")
    _ENGINES[declared.name] = declared


def check_object(name: str, job: str, offered: Any) -> None:
    """Refuse what has not the method for a job of an engine.

    Raises
    ------
    TypeError
        Naming engine, job and method.
    """
    method = METHODS[job]
    if isinstance(offered, type):
        raise TypeError(f"engine {name!r}: {job} must be an object, found the class {offered.__name__}")
    if not callable(getattr(offered, method, None)):
        raise TypeError(
            f"engine {name!r}: {job} must have a method {method!r}, found none in {type(offered).__name__}"
        )


def unregister(name: str) -> None:
    """Take an engine away again, for tests and notebooks."""
    del _ENGINES[engine(name).name]


def usual() -> str:
    """Name of the engine that needs nothing else and does everything: the first one."""
    return names()[0]


def names() -> tuple[str, ...]:
    """Names of all engines."""
    return tuple(_ENGINES)


def engine(name: str) -> Engine:
    """Return what is declared of an engine.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    """
    if name not in _ENGINES:
        raise ValueError(f"unknown engine {name!r}, allowed: {', '.join(_ENGINES)}")
    return _ENGINES[name]


def system_engine(name: str, n_particles: int) -> str:
    """Name the engine that moves systems of ``n_particles`` in a run whose engine is ``name``.

    The run's engine if it takes such a system, else the first one that does.

    Raises
    ------
    ValueError
        For an unknown engine, or if no engine takes such a system.
    """
    for one in (engine(name), *(engine(other) for other in names())):
        most = one.capabilities.largest_system
        if one.dynamics is not None and (most is None or n_particles <= most):
            return one.name
    raise ValueError(f"no engine offers dynamics of {n_particles} particles")


def structure_engine(name: str, method: str, n_particles: int, exchanges: str = "informed") -> str:
    """Name the engine that makes structures of ``n_particles`` in a run whose engine is ``name``.

    Parameters
    ----------
    name
        The run's engine.
    method
        ``"hybrid"``: the engine of the dynamics of such a system. ``"swap_mc"``: the run's engine if it
        offers swap Monte Carlo of such a system, else the first one that does.
    n_particles
        Particles of one structure.
    exchanges
        Kind of exchanges, ``"informed"`` or ``"plain"``.

    Raises
    ------
    ValueError
        For an unknown engine, or if no engine offers this.
    """
    if method == "hybrid":
        return system_engine(name, n_particles)
    offering = [engine(name), *(engine(other) for other in names())]
    for one in offering:
        can = one.capabilities
        fits = can.largest_swap_system is None or n_particles <= can.largest_swap_system
        if one.swap is not None and fits and exchanges in can.exchanges:
            return one.name
    raise ValueError(
        f"no engine offers swap Monte Carlo of {n_particles} particles with {exchanges} exchanges"
    )


# Rates are those of the demo on a busy machine: a liquid that flows, 16 replicas at a time.
register(
    Engine(
        "native",
        "the native engine",
        Capabilities(
            rates={"cpu": 5e7},
            same_bits_for_any_grouping=True,
            precisions=("mixed", "double"),
            replicas_per_thread=16,
            largest_swap_batch=1,
        ),
        dynamics="tglassmlp.simulation.native.engine:ENGINE",
        swap="tglassmlp.simulation.swap.sampler:SAMPLER",
        minimiser="tglassmlp.simulation.minimisation:MINIMISER",
    )
)
# One CPU core, and one GPU that is kept busy (1e5 particles and more).
register(
    Engine(
        "hoomd",
        "HOOMD-blue",
        Capabilities(
            rates={"cpu": 1.3e6, "gpu": 1e8},
            same_bits_for_any_grouping=False,
            environment="hoomd",
            device_variable="TGLASSMLP_HOOMD_DEVICE",
        ),
        dynamics="tglassmlp.simulation.hoomd.dynamics:ENGINE",
        advice=(
            "HOOMD-blue comes from conda-forge only: `conda env create -f envs/hoomd.yaml`, then run in that "
            "environment; or use engine 'native', which needs nothing else."
        ),
    )
)
# Not measured: no card has been at hand. The rates of a card are cautious guesses from the arithmetic of the
# kernels, and it is full when its multiprocessors hold as many blocks as they have room for
# (docs/engines.md). Those of the emulation are of one core.
register(
    Engine(
        "cuda",
        "the CUDA engine",
        Capabilities(
            rates={"gpu": 1.5e9, "emulated": 4e6},
            swap_rates={"gpu": 1e8, "emulated": 3e5},
            filling={"gpu": 528},
            swap_filling={"gpu": 1452},
            same_bits_for_any_grouping=True,
            precisions=("mixed",),
            largest_system=7500,
            largest_swap_system=15_000,
            exchanges=("informed",),
            environment="cuda",
            device_variable="TGLASSMLP_CUDA_DEVICE",
        ),
        dynamics="tglassmlp.simulation.cuda.dynamics:ENGINE",
        swap="tglassmlp.simulation.cuda.swap:SAMPLER",
        advice=(
            "The CUDA engine needs a card of NVIDIA and CuPy (`pip install 'tglassmlp[cuda]'`); engine "
            "'native' needs nothing else."
        ),
    )
)
