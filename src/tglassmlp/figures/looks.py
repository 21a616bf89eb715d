"""How methods are drawn: names from :mod:`tglassmlp.methods`, colours, markers and lines from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final

from tglassmlp.methods import CEILING, DYNAMICS, METHODS, NETWORK

__all__ = ["HIGHER_T_MIN", "LOOKS", "Look", "changed", "look", "network_label", "network_look"]


@dataclass(frozen=True)
class Look:
    """How one method is drawn."""

    color: str
    marker: str
    line: Any


#: Okabe-Ito colours, told apart by every common kind of colour vision.
LOOKS: Final[dict[str, Look]] = {
    NETWORK.name: Look("#0072B2", "o", "-"),
    DYNAMICS.name: Look("#000000", "s", "none"),
    "glassmlp": Look("#D55E00", "s", "none"),
    "glassmlp_transferred": Look("#CC79A7", "v", ":"),
    "ridge": Look("#009E73", "^", "-."),
    "density": Look("#999999", "x", "-"),
    "energy": Look("#777777", "+", "-"),
    "perimeter": Look("#B8A000", "1", "-"),
    CEILING.name: Look("#333333", "", (0, (1, 1))),
}

#: The network that has seen only higher temperatures than the main one.
HIGHER_T_MIN: Final = Look("#56B4E9", "D", "--")

#: Methods without a look of their own.
_OTHERS: Final = Look("#AAAAAA", "d", "-")


#: Looks that differ from those above at the moment.
_CHANGED: Final[ContextVar[Mapping[str, Look]]] = ContextVar("looks", default={})  # noqa: B039


@contextmanager
def changed(methods: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Draw some methods with another ``color``, ``marker`` or ``line``.

    ``higher_t_min`` names the network that has seen only higher temperatures.

    Raises
    ------
    ValueError
        For an unknown method or property.
    """
    known = {**LOOKS, "higher_t_min": HIGHER_T_MIN, **_CHANGED.get()}
    for name, properties in methods.items():
        if name not in known:
            raise ValueError(f"there is no method {name!r}; the methods are {', '.join(known)}")
        wrong = set(properties) - {"color", "marker", "line"}
        if wrong:
            raise ValueError(f"{name}: a method has color, marker and line, found {', '.join(sorted(wrong))}")
    new = {name: replace(known[name], **properties) for name, properties in methods.items()}
    token = _CHANGED.set({**_CHANGED.get(), **new})
    try:
        yield
    finally:
        _CHANGED.reset(token)


def look(method: str) -> tuple[str, dict[str, Any]]:
    """Label of a method, and its colour, marker and line as matplotlib takes them."""
    chosen = _CHANGED.get().get(method) or LOOKS.get(method, _OTHERS)
    label = METHODS[method].title if method in METHODS else method
    return label, {"color": chosen.color, "marker": chosen.marker, "linestyle": chosen.line}


def network_look(t_min: str, main: str) -> dict[str, Any]:
    """Colour, marker and line of the network of one T_min; ``main`` is that of the main network."""
    looks = {**LOOKS, "higher_t_min": HIGHER_T_MIN, **_CHANGED.get()}
    chosen = looks[NETWORK.name if t_min == main else "higher_t_min"]
    return {"color": chosen.color, "marker": chosen.marker, "linestyle": chosen.line}


def network_label(t_min: str) -> str:
    """Name the network of one T_min in legends."""
    return rf"{NETWORK.title}, $T_{{\min}}={t_min}$"
