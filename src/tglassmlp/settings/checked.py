"""Settings of functions: frozen dataclasses whose fields have ranges, refused where they are made.

A class of settings says of every field what is allowed and what it means::

    @dataclass(frozen=True)
    class RunSettings:
        time_step: Annotated[float, Field(gt=0, le=0.02, description="integration step")] = 0.01

        def __post_init__(self) -> None:
            refuse_out_of_range(self)

A section of the run configuration that holds the same key takes its range, default and description from
there, with :func:`key_of`: they are written once.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError, create_model

from tglassmlp.limits import OutOfRange
from tglassmlp.settings.group import Settings
from tglassmlp.settings.messages import described

__all__ = ["check", "check_value", "group_of", "key_of", "refuse_out_of_range"]


@functools.cache
def group_of(settings: type) -> type[Settings]:
    """Return the group of keys, with their ranges, that a dataclass of settings stands for."""
    hints = get_type_hints(settings, include_extras=True)
    keys: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        default: Any = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        keys[field.name] = (hints[field.name], ... if default is dataclasses.MISSING else default)
    return create_model(settings.__name__, __base__=Settings, **keys)


def key_of(settings: type, name: str) -> Any:
    """Return range, default and description of a field of settings, for the same key of a section.

    Examples
    --------
    >>> from tglassmlp.simulation.dynamics import DynamicsSettings
    >>> key_of(DynamicsSettings, "time_step").description
    'integration step (LJ times)'
    """
    return copy.copy(group_of(settings).model_fields[name])


def refuse_out_of_range(settings: Any) -> None:
    """Check the values of a dataclass of settings that is being made, and keep them in their types.

    Raises
    ------
    OutOfRange
        For the first value that is not allowed, with its name, what was found and what is allowed.
    """
    kind: Any = type(settings)
    group = group_of(kind)
    values = {name: getattr(settings, name) for name in group.model_fields}
    checked = _checked(group, values, {})
    for name in group.model_fields:
        object.__setattr__(settings, name, getattr(checked, name))


def check(group: type[BaseModel] | type, names: Mapping[str, str] | None = None, **values: Any) -> None:
    """Refuse values that the configuration would refuse, for functions that are called without one.

    Parameters
    ----------
    group
        Group of keys or dataclass of settings, e.g. :class:`tglassmlp.config.PropensitySettings`.
    names
        What a key is called in the message, where that is not its own name.
    values
        Value of each key to check; the other keys of the group need none.

    Raises
    ------
    OutOfRange
        For the first value that is not allowed, with its name, what was found and what is allowed.
    """
    _checked(group if issubclass(group, BaseModel) else group_of(group), values, names or {})


def check_value(name: str, value: Any, allowed: Any) -> None:
    """Refuse a value outside a range of :mod:`tglassmlp.settings.ranges`.

    Raises
    ------
    OutOfRange
        With its name, what was found and what is allowed.
    """
    _checked(_single(allowed), {"value": value}, {"value": name})
    if isinstance(value, str | bytes):  # "0.5" is read as a number there, as in a file
        raise OutOfRange(name, repr(value), "a number, not text")


@functools.cache
def _single(allowed: Any) -> type[Settings]:
    """Group of one value."""
    return create_model("Value", __base__=Settings, value=(allowed, ...))


def _checked(group: type[BaseModel], values: Mapping[str, Any], names: Mapping[str, str]) -> BaseModel | None:
    """Return the values as a group, None where other keys of the group are missing."""
    plain_values = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in values.items()}
    try:
        return group.model_validate(plain_values)
    except ValidationError as error:
        for said in error.errors(include_url=False):
            key = said["loc"][0] if said["loc"] else None
            if key in values and said["type"] != "extra_forbidden":
                refused = described(said, group)
                raise OutOfRange(names.get(str(key), str(key)), refused.found, refused.allowed) from None
    return None
