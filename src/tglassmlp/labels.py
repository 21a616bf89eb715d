"""The labels that networks can learn: what each one is called, its range, and which way it goes with time.

A label is a quantity of every particle that follows from the displacements of its replicas. It is declared
here before any code of it is loaded, so that configuration, networks, tables and figures can ask for its name
and range. Declare one with :func:`register`. The clock is another thing (:mod:`tglassmlp.dynamics.clock`): a
state point is a temperature and a value of C_B, the mean bond-breaking correlation, whatever is learnt there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tglassmlp.limits import check_name

__all__ = ["BOND_BREAKING", "DISPLACEMENT", "Label", "label", "names", "recorded", "register", "unregister"]


@dataclass(frozen=True)
class Label:
    """A quantity of particles that networks learn.

    Parameters
    ----------
    name
        Name in configurations and files.
    title
        Name in sentences.
    lowest, highest
        Range of its values; infinite where there is no bound.
    direction
        Whether it falls or rises with time: an active particle has a small or a large value.
    measure
        Function ``(structure, displacements, settings, mixture)`` that gives a
        :class:`tglassmlp.dynamics.propensity.Propensity`, or ``"package.module:function"``, which is loaded
        when it is first asked for. Displacements are ``[replica, frame, particle, 2]``, settings those of
        section ``propensity`` of the configuration.
    unit
        Unit of its values.
    is_clock
        Whether its mean over the central particles is C_B, so that predictions can be held to that mean.
    symbol
        How figures write it, in TeX without dollar signs.

    Raises
    ------
    ValueError
        If the range is empty, or name, direction or measure are none.
    """

    name: str
    title: str
    lowest: float
    highest: float
    direction: Literal["falls", "rises"]
    measure: Callable[..., Any] | str
    unit: str = "1"
    is_clock: bool = False
    symbol: str = "C_i"

    def __post_init__(self) -> None:
        check_name("label", self.name)
        if not self.lowest < self.highest:
            raise ValueError(f"label {self.name}: range {self.lowest:g} to {self.highest:g} is empty")
        if self.direction not in ("falls", "rises"):
            raise ValueError(
                f"label {self.name}: direction must be 'falls' or 'rises', found {self.direction!r}"
            )
        module, _, function = self.measure.partition(":") if isinstance(self.measure, str) else ("", "", "")
        if not callable(self.measure) and not (module and function):
            raise ValueError(
                f"label {self.name}: measure must be a function or 'package.module:function', found "
                f"{self.measure!r}"
            )

    def is_active(self, values: ArrayLike, threshold: float) -> NDArray[np.bool_]:
        """Whether values (any shape) lie on the active side of a threshold."""
        found = np.asarray(values)
        return np.asarray(found < threshold if self.direction == "falls" else found > threshold)

    def check(self, values: ArrayLike) -> None:
        """Refuse values that this label cannot have.

        Raises
        ------
        ValueError
            If one lies outside the range, or is not finite.
        """
        found = np.asarray(values, dtype=float)
        if not np.isfinite(found).all():
            raise ValueError(f"{self.title}: values must be finite")
        if (found < self.lowest).any() or (found > self.highest).any():
            raise ValueError(
                f"{self.title}: values must lie between {self.lowest:g} and {self.highest:g}, "
                f"found {found.min():g} to {found.max():g}"
            )

    def measured(self, *arguments: Any) -> Any:
        """Propensity of one structure; arguments as ``measure`` takes them.

        Raises
        ------
        ValueError
            Unless it holds ``mean`` ``[frame, particle]`` and ``half`` ``[2, frame, particle]``.
        """
        if callable(self.measure):
            found = self.measure(*arguments)
        else:
            module, function = self.measure.split(":")
            found = getattr(importlib.import_module(module), function)(*arguments)
        _, frames, particles = np.shape(arguments[1])[:3]
        for part, shape in (("half", (2, frames, particles)), ("mean", (frames, particles))):
            if not hasattr(found, part):
                raise ValueError(
                    f"label {self.name}: its function must return a Propensity, found {type(found).__name__}"
                )
            if np.shape(getattr(found, part)) != shape:
                raise ValueError(
                    f"label {self.name}: its function must return {part} of shape {shape}, found "
                    f"{np.shape(getattr(found, part))}"
                )
        return found


_LABELS: dict[str, Label] = {}


def register(declared: Label) -> Label:
    """Add a label.

    Raises
    ------
    TypeError
        If it is no :class:`Label`.
    ValueError
        If its name is taken.
    """
    if not isinstance(declared, Label):
        raise TypeError(f"a label is declared as a Label, found {type(declared).__name__}")
    if declared.name in _LABELS:
        raise ValueError(f"there is a label {declared.name!r} already: {_LABELS[declared.name]}")
    _LABELS[declared.name] = declared
    return declared


def unregister(name: str) -> None:
    """Take a label away again, for tests and notebooks."""
    del _LABELS[label(name).name]


def names() -> tuple[str, ...]:
    """Names of all labels."""
    return tuple(_LABELS)


def label(name: str) -> Label:
    """Return what is declared of a label.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    """
    if name not in _LABELS:
        raise ValueError(f"unknown label {name!r}, allowed: {', '.join(_LABELS)}")
    return _LABELS[name]


def recorded(record: Mapping[str, Any]) -> Label:
    """Find the label that settings or attributes of a file name as ``label``; bond breaking if they do not.

    Raises
    ------
    ValueError
        As :func:`label`.
    """
    return label(str(record.get("label", BOND_BREAKING.name)))


#: The share of its initial neighbours that a particle keeps; its mean is the clock.
BOND_BREAKING: Final = register(
    Label(
        "bond_breaking",
        "bond-breaking propensity",
        lowest=0.0,
        highest=1.0,
        direction="falls",
        measure="tglassmlp.dynamics.bond_breaking:label",
        is_clock=True,
    )
)

#: The mean distance of a particle from where it started. Nothing says what its mean over the particles is at
#: a C_B without dynamics, so that predictions keep the mean that the networks give them.
DISPLACEMENT: Final = register(
    Label(
        "displacement",
        "displacement propensity",
        lowest=0.0,
        highest=float("inf"),
        direction="rises",
        measure="tglassmlp.dynamics.displacement:label",
        unit="sigma_11",
        symbol=r"\Delta_i",
    )
)
