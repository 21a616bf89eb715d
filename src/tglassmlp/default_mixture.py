"""Which mixture a function means that was called without one.

A configuration may carry its mixture: functions then use it, and refuse a ``mixture=`` of another pair
potential. For configurations that carry none, the public functions take KA2D unless ``mixture=`` names
another. A liquid of two species would then silently get the energies of a ternary one, so the species present
are held against it first.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tglassmlp.configuration import Configuration, check_is_configuration
from tglassmlp.mixture import KA2D, Mixture

__all__ = [
    "SMALLEST_LIQUID",
    "MixtureWarning",
    "carried_mixture",
    "check_carried_mixture",
    "check_default_mixture",
    "takes_mixture",
]

#: Fewer particles are taken for an example made by hand, in which any composition is meant. The box must hold
#: two interaction ranges, so that no liquid is smaller.
SMALLEST_LIQUID: Final = 30

#: Share of a species by which a liquid may differ from KA2D before a warning says so.
LARGEST_DIFFERENCE: Final = 0.25

#: What an argument that is one configuration is annotated with.
_ONE: Final = ("Configuration", Configuration)

P = ParamSpec("P")
R = TypeVar("R")


class MixtureWarning(UserWarning):
    """The species of a configuration are unlikely to be those of the mixture that a function assumes."""


def check_default_mixture(species: ArrayLike, call: str, refuse: bool = True) -> None:
    """Hold the species of a configuration against KA2D, the mixture of a function called without one.

    Fewer than :data:`SMALLEST_LIQUID` particles pass. So do particles of species 1 alone, whose potential is
    the plain one of reduced units.

    Parameters
    ----------
    species
        ``[N]``, 1 for the first.
    call
        Name of the function, for the message.
    refuse
        Whether a missing species is an error, or a warning as other differences are.

    Raises
    ------
    ValueError
        If species are missing: the configuration is of another liquid.
    """
    numbers = np.asarray(species)
    usable = numbers.ndim == 1 and numbers.dtype.kind in "iuf" and bool(np.all(np.isfinite(numbers)))
    if not usable or numbers.size < SMALLEST_LIQUID or numbers.min() < 1 or numbers.max() > KA2D.n_species:
        return  # what is wrong with such numbers is said elsewhere
    counts = np.bincount(numbers.astype(np.int64), minlength=KA2D.n_species + 1)[1:]
    shares = counts / counts.sum()
    if shares[0] == 1.0:
        return
    missing = bool(np.any(counts == 0))
    if not missing and np.abs(shares - KA2D.shares).max() <= LARGEST_DIFFERENCE:
        return
    text = (
        f"{call} was called without a mixture and would take KA2D, but this configuration has shares of "
        "species "
        f"{_listed(shares)} instead of {_listed(KA2D.shares)}; name its mixture, {call}(..., mixture=...), "
        "or mixture=tglassmlp.KA2D if that is meant"
    )
    if missing and refuse:
        raise ValueError(text)
    warnings.warn(text, MixtureWarning, stacklevel=3)


def _listed(shares: ArrayLike) -> str:
    return ", ".join(f"{x:.3f}" for x in np.asarray(shares))


def carried_mixture(configurations: Iterable[Any], call: str) -> Mixture | None:
    """Return the mixture that configurations carry, None if one of them carries none.

    Raises
    ------
    ValueError
        If two of them carry mixtures of different pair potentials.
    """
    found = [c.mixture for c in configurations if isinstance(c, Configuration)]
    known = [m for m in found if m is not None]
    for other in known[1:]:
        if not other.same_potential(known[0]):
            raise ValueError(
                f"{call}: the configurations are of different mixtures, {known[0].name} and {other.name} "
                f"({other.potential_against(known[0])})"
            )
    return known[0] if known and len(known) == len(found) else None


def check_carried_mixture(configurations: Iterable[Any], given: Mixture, call: str) -> None:
    """Refuse a mixture whose pair potential is not that of the mixtures that configurations carry.

    Raises
    ------
    ValueError
        Naming both.
    """
    for c in configurations:
        own = c.mixture if isinstance(c, Configuration) else None
        if own is not None and not given.same_potential(own):
            raise ValueError(
                f"{call}: the configuration is of the mixture {own.name}, but mixture={given.name} was "
                f"given, which has another pair potential ({given.potential_against(own)}); leave mixture "
                "out to use the configuration's own, or say configuration.with_mixture(...) if it is not"
            )


def _configurations(arguments: Iterable[Any]) -> Iterator[Configuration]:
    """Go through configurations among arguments and in their lists."""
    for value in arguments:
        if isinstance(value, Configuration):
            yield value
        elif isinstance(value, list | tuple):
            yield from (c for c in value if isinstance(c, Configuration))


def takes_mixture(refuse: bool = True, assume: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make the mixture of a public function a choice that is seen.

    A mixture may be given by name, or in any place after the required arguments. It must have the pair
    potential of the mixture that configurations among the arguments carry. Without one, their own is used. If
    they carry none, KA2D is taken if the species of the configuration (the first argument, or the argument
    ``species``) can be its.

    Parameters
    ----------
    refuse
        As for :func:`check_default_mixture`.
    assume
        Whether species are held against KA2D; functions below the public interface do not ask.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature, name = inspect.signature(function), function.__qualname__.removesuffix(".__init__")
        place = list(signature.parameters).index("mixture")
        if signature.parameters["mixture"].kind is inspect.Parameter.KEYWORD_ONLY:
            place = len(signature.parameters)  # no place of its own
        # the argument that is one configuration, if there is such a one
        one = next((p.name for p in signature.parameters.values() if p.annotation in _ONE), "")

        @functools.wraps(function)
        def wrapper(*args: Any, **keywords: Any) -> Any:
            plain = [a for k, a in enumerate(args) if k == place or not isinstance(a, Mixture)]
            moved = [a for k, a in enumerate(args) if k != place and isinstance(a, Mixture)]
            if moved and ("mixture" in keywords or len(moved) > 1 or len(args) > place):
                raise TypeError(f"{name}: more than one mixture was given")
            if moved:
                keywords["mixture"] = moved[0]
            if keywords.get("mixture", KA2D) is None:
                del keywords["mixture"]
            bound = signature.bind(*plain, **keywords)
            if assume and one:
                check_is_configuration(bound.arguments[one], name)
            given = bound.arguments.get("mixture")
            found = list(_configurations(bound.arguments.values()))
            own = None if given is not None else carried_mixture(found, name)
            if own is not None:
                bound.arguments["mixture"] = own
            elif given is None:
                check_carried_mixture(found, KA2D, name)  # some carry none
                if not assume:
                    return function(*bound.args, **bound.kwargs)
                first = next(iter(bound.arguments.values()), None)
                species = bound.arguments.get("species", getattr(first, "species", None))
                if species is not None:
                    check_default_mixture(species, name, refuse)
            elif not isinstance(given, Mixture):
                raise TypeError(f"{name}: mixture must be a tglassmlp.Mixture, found {type(given).__name__}")
            else:
                check_carried_mixture(found, given, name)
            return function(*bound.args, **bound.kwargs)

        return wrapper

    return decorate
