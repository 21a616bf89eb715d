"""The models there are, by the name that networks files hold."""

from __future__ import annotations

from typing import Final

from tglassmlp.network.glassmlp import GLASSMLP
from tglassmlp.network.protocol import Model
from tglassmlp.network.tglassmlp import TGLASSMLP

__all__ = ["DEFAULT", "MODELS", "named", "register"]

#: Models by name.
MODELS: Final[dict[str, Model]] = {model.name: model for model in (TGLASSMLP, GLASSMLP)}

#: What a run trains where it says nothing else; tables hold its predictions under this name.
DEFAULT: Final = TGLASSMLP.name


def register(model: Model) -> None:
    """Add a model.

    Raises
    ------
    ValueError
        If there is another one of its name.
    """
    if MODELS.get(model.name, model) != model:
        raise ValueError(f"there is another model called {model.name!r}: {MODELS[model.name]!r}")
    MODELS[model.name] = model


def named(name: str) -> Model:
    """Model of a name.

    Raises
    ------
    ValueError
        If there is none; the message lists the names there are.
    """
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(MODELS)}")
    return MODELS[name]
