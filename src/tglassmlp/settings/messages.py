"""Sentences instead of pydantic's complaints: which key, what was found, what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from tglassmlp.settings.group import TruthValue, models_in

__all__ = [
    "Problem",
    "described",
    "shown",
]


@dataclass(frozen=True)
class Problem:
    """A value that is refused: the path of its key, what was found, and what is allowed."""

    path: str
    found: str
    allowed: str


#: Groups that stand beside names in the type of a key: pydantic puts their name into the path.
_UNION_MEMBERS: Final = ("MixtureSettings",)


def shown(value: Any) -> str:
    """Return a value as JSON of at most 60 characters."""
    text = json.dumps(value, default=repr) if not isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _key_path(location: Sequence[int | str]) -> str:
    """Turn pydantic's location into a key path; names of union members are left out."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part not in _UNION_MEMBERS and not part.startswith("literal["):
            text += f".{part}" if text else part
    return text


def _model_at(location: Sequence[int | str], root: type[BaseModel]) -> type[BaseModel] | None:
    """Model that holds the last key of ``location`` below ``root``."""
    model: Any = root
    for part in location[:-1]:
        if isinstance(part, int) or part in _UNION_MEMBERS:
            continue
        field = model.model_fields.get(part)
        if field is None:
            return None
        model = next(models_in(field.annotation), None)
        if model is None:
            return None
    return model


#: What pydantic expects, in our words.
_SHAPES: Final = {
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "model_type": "a group of keys",
    "dict_type": "a group of keys",
    "invalid_key": "names as keys, with quotation marks if they look like numbers",
}


def described(error: Any, root: type[BaseModel]) -> Problem:
    """One of pydantic's errors about values for ``root``, in our words."""
    location, kind, context = error["loc"], error["type"], error.get("ctx", {})
    path, found = _key_path(location) or "(the whole file)", shown(error["input"])
    field = None
    owner = _model_at(location, root)
    if owner is not None and location and isinstance(location[-1], str):
        field = owner.model_fields.get(location[-1])
    if kind == "missing":
        meaning = f" ({field.description})" if field is not None else ""
        return Problem(path, "nothing", f"this key is required{meaning}")
    if kind == "extra_forbidden":
        known = list(owner.model_fields) if owner is not None else []
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return Problem(path, "an unknown key", f"{hint}keys here are {', '.join(known)}")
    if kind == "literal_error":
        return Problem(path, found, context["expected"])
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        limit = next(iter(context.values()))
        words = {
            "greater_than": "greater than",
            "greater_than_equal": "at least",
            "less_than": "less than",
            "less_than_equal": "at most",
        }
        return Problem(path, found, f"a number {words[kind]} {limit:g}")
    if kind == "string_pattern_mismatch":
        return Problem(
            path,
            found,
            "letters, digits, '.', '_' and '-', starting with a letter or digit (it names a folder)",
        )
    if kind == "value_error":
        cause = context["error"]
        if isinstance(cause, TruthValue):
            return Problem(_key_path((*location, *cause.where)), shown(cause.value), str(cause))
        return Problem(path, found, str(cause))
    return Problem(path, found, _SHAPES.get(kind, error["msg"]))
