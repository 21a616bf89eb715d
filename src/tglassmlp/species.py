"""Which particles are which: names of types in a file, held against the species of a mixture.

A file of another program lists its types in any order and under any name. What its names mean is taken for
known in two cases only: names that are whole numbers (``"1"``, ``"2"``) are the species themselves, and the
letters ``A``, ``B``, ... name the species in their order. In both cases the shares of the types must be those
of the mixture. Everything else is refused, with the shares found and expected, until the caller says which
type is which species.
"""

from __future__ import annotations

import itertools
import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tglassmlp.mixture import Mixture
from tglassmlp.provenance import fingerprint

__all__ = [
    "check_composition",
    "from_parameters",
    "from_record",
    "identity",
    "record",
    "same_mixture",
    "species_of_types",
]

#: Largest deviation of a share that is still put down to rounding, beside less than one particle.
TOLERANCE = 0.003

_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def identity(mixture: Mixture) -> str:
    """Fingerprint of what makes a mixture physically: diameters, energies, cut-off and shares.

    Names, the size of the unit system, its density and the radii of the tessellation do not enter: a tenth
    of KA2D is KA2D.

    Examples
    --------
    >>> from tglassmlp import KA2D
    >>> identity(KA2D) == identity(KA2D.scaled(10))
    True
    """
    divisor = math.gcd(*mixture.composition)
    return fingerprint(
        {
            "sigma": np.asarray(mixture.sigma, dtype=float).tolist(),
            "epsilon": np.asarray(mixture.epsilon, dtype=float).tolist(),
            "cutoff": float(mixture.cutoff),
            "composition": [int(n) // divisor for n in mixture.composition],
        }
    )


def record(mixture: Mixture) -> dict[str, Any]:
    """JSON-like record of a mixture for a file: its name, fingerprint and all its parameters."""
    return {"name": mixture.name, "fingerprint": identity(mixture), "parameters": asdict(mixture)}


def from_record(found: Mapping[str, Any]) -> Mixture:
    """Return the mixture of a :func:`record` read back from JSON.

    Raises
    ------
    ValueError
        If the record is not one, or its parameters do not have its fingerprint.
    """
    try:
        mixture = from_parameters(dict(found["parameters"]))
        good = identity(mixture) == found["fingerprint"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the record of its mixture cannot be read ({error})") from error
    if not good:
        raise ValueError("the record of its mixture does not have its own fingerprint")
    return mixture


def from_parameters(found: Mapping[str, Any]) -> Mixture:
    """Return the mixture of parameters that were read back from JSON, where tuples are lists."""
    return Mixture(**{name: _tuples(value) for name, value in found.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def same_mixture(found: Mixture, expected: Mixture) -> None:
    """Refuse a mixture with other parameters than those expected.

    Raises
    ------
    ValueError
        Naming the parameters that differ.
    """
    if identity(found) == identity(expected):
        return
    different = [
        f"{label} {getattr(found, label)} instead of {getattr(expected, label)}"
        for label in ("sigma", "epsilon", "cutoff")
        if getattr(found, label) != getattr(expected, label)
    ]
    if _shares(found) != _shares(expected):
        different.append(f"shares of species {_percent(found)} instead of {_percent(expected)}")
    raise ValueError(
        f"it holds the mixture {found.name!r}, which is not the {expected.name!r} expected: "
        f"{'; '.join(different)}. To read it as what it is, pass mixture=read_mixture(path)"
    )


def _shares(mixture: Mixture) -> list[float]:
    return [n / sum(mixture.composition) for n in mixture.composition]


def _percent(mixture: Mixture) -> str:
    return ", ".join(f"{k}: {share:.1%}" for k, share in enumerate(_shares(mixture), start=1))


def _fits(counts: Sequence[int], mixture: Mixture) -> bool:
    """Whether numbers of particles of species 1, 2, ... are those of a mixture, in this order.

    Each number may differ from its share by rounding; no other order of the same numbers may fit better.
    """
    if len(counts) != mixture.n_species:
        return False
    expected = np.array(_shares(mixture)) * sum(counts)
    off = np.abs(np.asarray(counts, dtype=float) - expected)
    if np.any(off >= max(1.0, TOLERANCE * sum(counts))):
        return False
    if mixture.n_species > 6:  # too many orders to compare
        return True
    best = min(float(np.sum((np.array(p) - expected) ** 2)) for p in itertools.permutations(counts))
    return float(np.sum(off**2)) <= best + 1e-9


def check_composition(species: NDArray, mixture: Mixture) -> None:
    """Refuse particles whose shares of species are not those of a mixture.

    Parameters
    ----------
    species
        ``[N]`` integers from 1.
    mixture
        The mixture they are taken for. Numbers of particles may differ from its shares by rounding.

    Raises
    ------
    ValueError
        With the shares found and expected.
    """
    counts = np.bincount(species, minlength=mixture.n_species + 1)[1:]
    if not _fits(counts.tolist(), mixture):
        total = counts.sum()
        found = ", ".join(f"{k}: {n / total:.1%}" for k, n in enumerate(counts, start=1))
        raise ValueError(
            f"its species have the shares {found} ({total} particles); {mixture.name} has {_percent(mixture)}"
        )


def species_of_types(
    types: Sequence[str],
    typeid: NDArray,
    mixture: Mixture | None,
    species: Mapping[str, int] | None = None,
    note: str = "",
) -> NDArray[np.int64]:
    """Return the species of particles from the names of their types.

    Parameters
    ----------
    types
        Names of the file's types.
    typeid
        ``[N]``, the type of each particle, counted from 0.
    mixture
        What the species belong to. None: shares are not compared, and only whole numbers are understood.
    species
        What each name means, e.g. ``{"A": 1, "B": 3, "C": 2}``; None: as the module's text says.
    note
        A remark for the message of refusal.

    Returns
    -------
    ndarray
        ``[N]`` integers from 1.

    Raises
    ------
    ValueError
        If a particle has a type that the file does not list, a name is not understood or not mapped, a
        species is not one of the mixture, or the shares are not those of the mixture.
    """
    names, ids = [str(t) for t in types], np.asarray(typeid).astype(np.int64)
    outside = np.flatnonzero((ids < 0) | (ids >= len(names)))
    if outside.size:
        raise ValueError(
            f"particle {outside[0]} has type id {ids[outside[0]]}, but the file lists {len(names)} types "
            f"({', '.join(names)}), whose ids are 0 to {len(names) - 1}"
        )
    counts = dict.fromkeys(names, 0)
    for k, n in enumerate(np.bincount(ids, minlength=len(names)).tolist()):
        counts[names[k]] += n
    counts = {name: n for name, n in counts.items() if n}
    if species is not None:
        meaning = _given(species, names, counts, mixture)
    elif all(_WHOLE_NUMBER.fullmatch(name) for name in counts):
        meaning = {name: int(name) for name in counts}
        if mixture is not None and (
            max(meaning.values()) > mixture.n_species or not _match(meaning, counts, mixture)
        ):
            raise ValueError(_refusal("are numbers, but not the species", counts, mixture, note))
    elif mixture is None:
        raise ValueError(_refusal("do not say which species they are", counts, None, note))
    else:
        letters = string.ascii_uppercase[: mixture.n_species]
        meaning = {name: k for k, name in enumerate(letters, start=1)}
        if set(counts) != set(letters) or not _match(meaning, counts, mixture):
            raise ValueError(_refusal("cannot be told to be the species", counts, mixture, note))
    numbers = np.array([meaning.get(name, 0) for name in names], dtype=np.int64)
    found: NDArray[np.int64] = numbers[ids]
    if species is not None and mixture is not None:
        try:
            check_composition(found, mixture)
        except ValueError as error:
            raise ValueError(
                f"with species={dict(species)} {error}. Correct the mapping, or name the mixture with "
                "mixture=; mixture=None compares nothing"
            ) from None
    return found


def _match(meaning: Mapping[str, int], counts: Mapping[str, int], mixture: Mixture) -> bool:
    ordered = [0] * mixture.n_species
    for name, n in counts.items():
        ordered[meaning[name] - 1] += n
    return _fits(ordered, mixture)


def _given(
    species: Mapping[str, int], names: Sequence[str], counts: Mapping[str, int], mixture: Mixture | None
) -> dict[str, int]:
    """Check a mapping from the caller."""
    meaning = {}
    for name, number in species.items():
        whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        top = None if mixture is None else mixture.n_species
        if not whole or number < 1 or (top is not None and number > top):
            allowed = "a whole number from 1" if top is None else f"a whole number from 1 to {top}"
            raise ValueError(f"species={dict(species)}: {name!r} must be {allowed}, found {number!r}")
        meaning[str(name)] = int(number)
    unknown = [name for name in meaning if name not in names]
    if unknown:
        raise ValueError(f"species={dict(species)} names {unknown}, the file's types are {list(names)}")
    missing = [name for name in counts if name not in meaning]
    if missing:
        raise ValueError(f"species={dict(species)} leaves out {missing}, which the file holds particles of")
    return meaning


def _refusal(verdict: str, counts: Mapping[str, int], mixture: Mixture | None, note: str) -> str:
    total = sum(counts.values())
    found = ", ".join(f"{name!r}: {n / total:.1%}" for name, n in counts.items())
    text = f"its types {found} ({total} particles) {verdict}"
    if mixture is not None:
        text += f" of {mixture.name}, which has {_percent(mixture)}"
    if note:
        text += f". {note}"
    suggestion = _suggestion(counts, mixture)
    inside = ", ".join(f'"{name}": {k}' for name, k in suggestion.items())
    if mixture is None or (len(counts) == mixture.n_species and _match(suggestion, counts, mixture)):
        return f"{text}. Say which type is which species, e.g. species={{{inside}}}"
    return (
        f"{text}. If it is that mixture, say which type is which species (species={{{inside}}}, with your "
        "own numbers); if it is another, name it (mixture=); mixture=None compares no shares"
    )


def _suggestion(counts: Mapping[str, int], mixture: Mixture | None) -> dict[str, int]:
    """Meaning of the types by their shares where these fit, otherwise in their order."""
    names = sorted(counts)
    plain = {name: k for k, name in enumerate(names, start=1)}
    if mixture is None or len(names) != mixture.n_species or len(names) > 6:
        return plain
    for order in itertools.permutations(range(1, len(names) + 1)):
        meaning = dict(zip(names, order, strict=True))
        if _match(meaning, counts, mixture):
            return meaning
    return plain
