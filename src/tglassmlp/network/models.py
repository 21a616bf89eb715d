"""The models there are, by the name that networks files hold."""

from __future__ import annotations

from typing import Final

from tglassmlp.limits import check_name
from tglassmlp.network.glassmlp import GLASSMLP
from tglassmlp.network.protocol import Model
from tglassmlp.network.tglassmlp import TGLASSMLP

__all__ = ["DEFAULT", "MODELS", "named", "register"]

#: Models by name.
MODELS: Final[dict[str, Model]] = {model.name: model for model in (TGLASSMLP, GLASSMLP)}

#: What a run trains where it says nothing else; tables hold its predictions under this name.
DEFAULT: Final = TGLASSMLP.name

#: What every model has.
_PARTS: Final = (
    "name", "title", "reads", "reads_state", "state_matrices", "architecture", "module", "forward",
)  # fmt: skip


def register(model: Model) -> None:
    """Add a model.

    Raises
    ------
    TypeError
        If it lacks a part of :class:`~tglassmlp.network.protocol.Model`, or is a class and no object of it.
    ValueError
        If there is another one of its name, or its name is none.
    """
    if isinstance(model, type):
        raise TypeError(f"a model must be an object, found the class {model.__name__}")
    missing = [part for part in _PARTS if not hasattr(model, part)]
    if missing:
        raise TypeError(f"a model must have {', '.join(_PARTS)}; {model!r} lacks {', '.join(missing)}")
    check_name("model", model.name)
    if MODELS.get(model.name, model) != model:
        raise ValueError(f"there is another model called {model.name!r}: {MODELS[model.name]!r}")
    MODELS[model.name] = model


def named(name: str) -> Model:
    """Model of a name.

    Raises
    ------
    ValueError
        If there is none; the message lists the available names.
    """
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(MODELS)}")
    return MODELS[name]
