"""What every group of settings is: typed keys with ranges and descriptions, frozen, nothing unknown in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from tglassmlp import provenance

__all__ = [
    "Settings",
    "TruthValue",
    "fingerprint",
    "models_in",
    "plain",
    "refuse_truth_values",
]


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Go through the groups of settings inside the type of a key."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


class TruthValue(ValueError):
    """True or false where a number is asked for, with its place below the key."""

    def __init__(self, where: tuple[int | str, ...], value: bool, names: Sequence[str] = ()) -> None:
        self.where, self.value = where, value
        *some, last = [repr(name) for name in names] or [""]
        allowed = " or ".join(filter(None, [", ".join(some), last]))
        super().__init__(allowed or "a number or name, not true/false")


def refuse_truth_values(value: Any, annotation: Any) -> None:
    """Refuse true and false wherever a value of this type holds numbers or names, however deep.

    Without this they are read as 1 and 0. Groups of keys see to their own keys.

    Raises
    ------
    ValueError
        For the first one found.
    """
    if annotation is bool:
        return
    deep = next(models_in(annotation), None) is None
    # places still to be looked at; a list that holds itself is looked at once
    places: list[tuple[tuple[int | str, ...], Any]] = [((), value)]
    seen: set[int] = set()
    while places:
        where, found = places.pop(0)
        if isinstance(found, bool):
            raise TruthValue(where, found, get_args(annotation) if get_origin(annotation) is Literal else ())
        if not deep or not isinstance(found, (list, tuple, Mapping)) or id(found) in seen:
            continue
        seen.add(id(found))
        inside = found.items() if isinstance(found, Mapping) else enumerate(found)
        places += [((*where, key if isinstance(key, int) else str(key)), item) for key, item in inside]


class Settings(BaseModel):
    """Base of all groups of settings: frozen, unknown keys refused, NaN and infinity refused."""

    #: Whether it takes the place of what it is laid over, instead of being merged with it key by key.
    laid_over_whole: ClassVar[bool] = False

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        refuse_truth_values(value, cls.model_fields[str(info.field_name)].annotation)
        return value


def plain(group: BaseModel) -> dict[str, Any]:
    """Return a group as plain numbers, strings, lists and dictionaries (for rule ``params`` and JSON)."""
    return group.model_dump(mode="json")


def fingerprint(*sections: BaseModel | Mapping[str, Any] | Sequence[Any] | float | str) -> str:
    """Short hash of sections or plain values, for checkpoints and provenance."""
    return provenance.fingerprint([plain(s) if isinstance(s, BaseModel) else s for s in sections])
