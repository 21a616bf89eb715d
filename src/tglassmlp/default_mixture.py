"""Which mixture a function means that was called without one.

The public functions take KA2D unless ``mixture=`` names another. A liquid of two species would then silently
get the energies of a ternary one, so the species present are held against it first.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tglassmlp.mixture import KA2D, Mixture

__all__ = ["SMALLEST_LIQUID", "MixtureWarning", "check_default_mixture", "takes_mixture"]

#: Fewer particles are taken for an example made by hand, in which any composition is meant. The box must hold
#: two interaction ranges, so that no liquid is smaller.
SMALLEST_LIQUID: Final = 30

#: Share of a species by which a liquid may differ from KA2D before a warning says so.
LARGEST_DIFFERENCE: Final = 0.25

P = ParamSpec("P")
R = TypeVar("R")


class MixtureWarning(UserWarning):
    """The species of a configuration are hardly those of the mixture that a function assumes."""


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


def takes_mixture(refuse: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make the mixture of a public function a choice that is seen.

    A mixture may be given by name, or in any place after the required arguments. Without one, KA2D is taken
    if the species of the configuration (the first argument, or the argument ``species``) can be its.

    Parameters
    ----------
    refuse
        As for :func:`check_default_mixture`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        place = list(signature.parameters).index("mixture")
        if signature.parameters["mixture"].kind is inspect.Parameter.KEYWORD_ONLY:
            place = len(signature.parameters)  # no place of its own

        @functools.wraps(function)
        def wrapper(*args: Any, **keywords: Any) -> Any:
            plain = [a for k, a in enumerate(args) if k == place or not isinstance(a, Mixture)]
            moved = [a for k, a in enumerate(args) if k != place and isinstance(a, Mixture)]
            if moved and ("mixture" in keywords or len(moved) > 1 or len(args) > place):
                raise TypeError(f"{function.__name__}: more than one mixture was given")
            if moved:
                keywords["mixture"] = moved[0]
            if keywords.get("mixture", KA2D) is None:
                del keywords["mixture"]
            bound = signature.bind(*plain, **keywords)
            given = bound.arguments.get("mixture")
            if given is None:
                first = next(iter(bound.arguments.values()), None)
                species = bound.arguments.get("species", getattr(first, "species", None))
                if species is not None:
                    check_default_mixture(species, function.__name__, refuse)
            elif not isinstance(given, Mixture):
                raise TypeError(
                    f"{function.__name__}: mixture must be a tglassmlp.Mixture, found {type(given).__name__}"
                )
            return function(*bound.args, **bound.kwargs)

        return wrapper

    return decorate
