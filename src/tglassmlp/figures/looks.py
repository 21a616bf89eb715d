"""How methods are drawn: names from :mod:`tglassmlp.methods`, colours, markers and lines from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tglassmlp.methods import CEILING, DYNAMICS, METHODS, NETWORK

__all__ = ["HIGHER_T_MIN", "LOOKS", "Look", "look", "network_label", "network_look"]


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


def look(method: str) -> tuple[str, dict[str, Any]]:
    """Label of a method, and its colour, marker and line as matplotlib takes them."""
    chosen = LOOKS.get(method, _OTHERS)
    label = METHODS[method].title if method in METHODS else method
    return label, {"color": chosen.color, "marker": chosen.marker, "linestyle": chosen.line}


def network_look(t_min: str, main: str) -> dict[str, Any]:
    """Colour, marker and line of the network of one T_min; ``main`` is that of the main network."""
    chosen = LOOKS[NETWORK.name] if t_min == main else HIGHER_T_MIN
    return {"color": chosen.color, "marker": chosen.marker, "linestyle": chosen.line}


def network_label(t_min: str) -> str:
    """Name the network of one T_min in legends."""
    return rf"{NETWORK.title}, $T_{{\min}}={t_min}$"
